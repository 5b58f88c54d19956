// SPDX-License-Identifier: Apache-2.0
//! Verilator's run time and ours, compiled once for each compiler and optimisation.

use std::path::{Path, PathBuf};

use crate::compile::{self, Job};
use crate::error::BuildError;
use crate::fingerprint::Fingerprint;
use crate::options::Options;
use crate::store::{Store, write};
use crate::toolchain::Toolchain;

/// Our part: name and contents.
pub(crate) const FILES: [(&str, &str); 6] = [
    ("abi.h", include_str!("../cpp/runtime/abi.h")),
    ("hooks.h", include_str!("../cpp/runtime/hooks.h")),
    ("support.h", include_str!("../cpp/runtime/support.h")),
    ("support.cpp", include_str!("../cpp/runtime/support.cpp")),
    ("lz4.h", include_str!("../cpp/runtime/lz4.h")),
    ("zlib.h", include_str!("../cpp/runtime/zlib.h")),
];

/// Verilator's part. Every library links all of it, whatever its options.
const VERILATED: [&str; 4] = ["verilated", "verilated_fst_c", "verilated_cov", "verilated_threads"];

/// Whether the run time already has this file of Verilator's.
pub(crate) fn has(name: &str) -> bool {
    VERILATED.contains(&name)
}

/// The objects to link, in the run time's folder.
pub(crate) fn objects(folder: &Path) -> Vec<PathBuf> {
    VERILATED.iter().copied().chain(["support"]).map(|name| folder.join(format!("{name}.o"))).collect()
}

/// The folder with headers and objects, made if it is not there.
pub(crate) fn provide(store: &Store, toolchain: &Toolchain, options: &Options) -> Result<PathBuf, BuildError> {
    let mut print = Fingerprint::new("runtime");
    print.field("verilator", toolchain.verilator_id());
    print.field("compiler", toolchain.compiler_id());
    print.field("optimisation", options.optimisation.flag());
    for flag in compile::flags(toolchain) {
        print.field("flag", flag.as_encoded_bytes());
    }
    for (name, contents) in FILES {
        print.field(name, contents);
    }
    let name = format!("runtime-{}", print.finish());
    let (folder, _) = store.provide(
        &name,
        || (),
        |folder| {
            for (name, contents) in FILES {
                write(&folder.join(name), contents)?;
            }
            let object = |file: &Path, name: &str| {
                compile::object(toolchain, folder, options.optimisation, file, &folder.join(format!("{name}.o")))
            };
            let mut jobs: Vec<Job> =
                VERILATED.iter().map(|name| object(&toolchain.include().join(format!("{name}.cpp")), name)).collect();
            jobs.push(object(&folder.join("support.cpp"), "support"));
            jobs.insert(1, precompiled_header(toolchain, options, folder));
            compile::run(toolchain, &jobs, options.jobs(), folder, &|_| ())
        },
    )?;
    Ok(folder)
}

/// Verilator's headers take longer to read than most generated files to compile.
fn precompiled_header(toolchain: &Toolchain, options: &Options, folder: &Path) -> Job {
    let header = folder.join("hooks.h");
    let mut arguments = compile::flags(toolchain);
    arguments.push(options.optimisation.flag().into());
    arguments.extend(compile::includes(toolchain, folder));
    arguments.extend(["-x".into(), "c++-header".into(), header.clone().into()]);
    arguments.extend(["-o".into(), folder.join("hooks.h.gch").into()]);
    Job { file: header, arguments }
}
