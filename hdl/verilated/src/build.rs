// SPDX-License-Identifier: Apache-2.0
//! From a design to a loaded library, through the store of finished builds.

use std::path::{Path, PathBuf};

use crate::compile;
use crate::design::Design;
use crate::error::{BuildError, LintReport};
use crate::fingerprint::Fingerprint;
use crate::model::Library;
use crate::options::{Optimisation, Options};
use crate::phase::{Phase, Watch};
use crate::ports;
use crate::runtime;
use crate::shim;
use crate::sources::Sources;
use crate::store::{Store, read, write};
use crate::toolchain::Toolchain;
use crate::verilate::{self, PREFIX};

/// Name of the library in the folder of a build.
const LIBRARY: &str = "libdut.so";
/// Verilator's warnings.
const WARNINGS: &str = "warnings.txt";

/// Builds designs, and finds those that have been built.
#[derive(Clone, Debug)]
pub struct Builder {
    target: PathBuf,
    root: PathBuf,
    watch: Watch,
}

impl Builder {
    /// Builds under `<target>/duts`, with the Verilator in `<target>/venv`.
    pub fn new(target: impl Into<PathBuf>) -> Self {
        let target = target.into();
        Self { root: target.clone(), target, watch: Watch::default() }
    }

    /// Puts the builds under `<root>/duts` instead.
    #[must_use]
    pub fn store_in(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = root.into();
        self
    }

    /// Tells what a build is doing.
    #[must_use]
    pub fn watched(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// The library of a design: built if there is none for these contents, options and tools yet, then loaded.
    ///
    /// Safe to call from several threads and processes at a time: one builds, the others wait.
    ///
    /// # Errors
    /// [`BuildError`]
    pub fn build(&self, design: &Design, options: &Options) -> Result<Library, BuildError> {
        let toolchain = Toolchain::find(&self.target)?;
        let sources = Sources::read(design)?;
        let store = Store::open(&self.root)?;
        let hash = fingerprint(design, options, &toolchain, &sources);
        let waiting = || self.watch.tell(Phase::Waiting);
        let (folder, fresh) = store.provide(&hash, waiting, |folder| {
            self.watch.tell(Phase::Verilating);
            let runtime = runtime::provide(&store, &toolchain, options)?;
            make(&toolchain, design, options, &sources, &runtime, folder, &self.watch)
        })?;
        let warnings = std::fs::read_to_string(folder.join(WARNINGS)).unwrap_or_default();
        let mut library = Library::open(&folder.join(LIBRARY))?;
        library.set_origin(hash, fresh, warnings);
        Ok(library)
    }

    /// A hash of what a design says: its files, their contents, the top, parameters, macros and flags. No tool and no place
    /// on the machine is in it.
    ///
    /// # Errors
    /// [`BuildError`]: a file cannot be read.
    pub fn sources(design: &Design) -> Result<String, BuildError> {
        let mut print = Fingerprint::new("sources");
        for argument in verilate::arguments(design, &Options::default()) {
            print.field("argument", argument);
        }
        Sources::read(design)?.hash_into(&mut print);
        Ok(print.finish())
    }

    /// Checks a design with `verilator --lint-only -Wall`.
    ///
    /// # Errors
    /// [`LintReport::Findings`] if there is anything to say, [`LintReport::Failed`] if lint could not run.
    pub fn lint(&self, design: &Design, options: &Options) -> Result<(), LintReport> {
        let toolchain = Toolchain::find(&self.target).map_err(BuildError::from)?;
        Sources::read(design)?;
        verilate::lint(&toolchain, design, options)
    }
}

fn fingerprint(design: &Design, options: &Options, toolchain: &Toolchain, sources: &Sources) -> String {
    let mut print = Fingerprint::new("design");
    print.field("verilator", toolchain.verilator_id());
    print.field("compiler", toolchain.compiler_id());
    print.field("shim", shim::VERSION);
    for (name, contents) in runtime::FILES {
        print.field(name, contents);
    }
    for flag in compile::flags(toolchain) {
        print.field("flag", flag.as_encoded_bytes());
    }
    for argument in verilate::arguments(design, options) {
        print.field("argument", argument);
    }
    print.field("optimisation", options.optimisation.flag());
    print.field("clock", &design.clock);
    print.field("binding", format!("{:?}", design.binding));
    sources.hash_into(&mut print);
    print.finish()
}

/// Verilates, compiles and links into `folder`.
fn make(
    toolchain: &Toolchain,
    design: &Design,
    options: &Options,
    sources: &Sources,
    runtime: &Path,
    folder: &Path,
    watch: &Watch,
) -> Result<(), BuildError> {
    let generated = folder.join("obj");
    let warnings = verilate::translate(toolchain, design, options, sources, &generated)?;
    write(&folder.join(WARNINGS), &warnings)?;

    let header = read(&generated.join(format!("{PREFIX}.h")))?;
    let wiring = ports::bind(design, &ports::members(&header))
        .map_err(|problems| BuildError::Ports { top: design.top.clone(), problems })?;
    write(&generated.join("shim.cpp"), &shim::source(&wiring))?;

    let list = read(&generated.join(format!("{PREFIX}_classes.mk")))?;
    let mut jobs = Vec::new();
    let mut objects = Vec::new();
    let mut job = |file: PathBuf, name: &str, optimisation| {
        let object = generated.join(format!("{name}.o"));
        jobs.push(compile::object(toolchain, runtime, optimisation, &file, &object));
        objects.push(object);
    };
    job(generated.join("shim.cpp"), "shim", options.optimisation);
    for (class, name) in classes(&list) {
        // Code that runs once, when an instance is made, is not worth a long compilation.
        let slow = if options.optimisation == Optimisation::None { Optimisation::None } else { Optimisation::Light };
        match class {
            Class::Fast => job(generated.join(format!("{name}.cpp")), name, options.optimisation),
            Class::Slow => job(generated.join(format!("{name}.cpp")), name, slow),
            Class::Global if runtime::has(name) => {}
            Class::Global => job(toolchain.include().join(format!("{name}.cpp")), name, options.optimisation),
        }
    }
    let told = |done| watch.tell(Phase::Compiling { done, all: jobs.len() });
    compile::run(toolchain, &jobs, options.jobs(), &generated, &told)?;
    watch.tell(Phase::Linking);
    objects.extend(runtime::objects(runtime));
    link(toolchain, &objects, folder)?;
    let _ = std::fs::remove_dir_all(&generated);
    Ok(())
}

fn link(toolchain: &Toolchain, objects: &[PathBuf], folder: &Path) -> Result<(), BuildError> {
    let library = folder.join(LIBRARY);
    let mut arguments: Vec<_> =
        ["-shared", "-fPIC", "-pthread", "-Wl,-Bsymbolic", "-Wl,-z,defs", "-o"].map(std::ffi::OsString::from).to_vec();
    arguments.push(library.clone().into());
    arguments.extend(objects.iter().map(|object| object.clone().into_os_string()));
    compile::run(toolchain, &[compile::Job { file: library, arguments }], 1, folder, &|_| ())
}

/// How a generated file is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Fast,
    Slow,
    Global,
}

/// The files in Verilator's list for make: `VM_CLASSES_FAST += \`, then a name a line.
fn classes(list: &str) -> impl Iterator<Item = (Class, &str)> {
    let mut class = None;
    list.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some((variable, _)) = line.split_once("+=") {
            class = match variable.trim() {
                "VM_CLASSES_FAST" | "VM_SUPPORT_FAST" => Some(Class::Fast),
                "VM_CLASSES_SLOW" | "VM_SUPPORT_SLOW" => Some(Class::Slow),
                "VM_GLOBAL_FAST" | "VM_GLOBAL_SLOW" => Some(Class::Global),
                _ => None,
            };
            return None;
        }
        let name = line.trim_end_matches('\\').trim();
        if name.is_empty() || name.starts_with('#') || name.contains(char::is_whitespace) {
            return None;
        }
        Some((class?, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verilators_list_of_files_is_understood() {
        let list = "VM_TRACE = 1\nVM_CLASSES_FAST += \\\n  Vdut \\\n  Vdut__0 \\\n\n# note\n\
                    VM_SUPPORT_SLOW += \\\n  Vdut__Syms__Slow \\\n\nVM_GLOBAL_FAST += \\\n  verilated \\\n";
        let found: Vec<_> = classes(list).collect();
        assert_eq!(
            found,
            [
                (Class::Fast, "Vdut"),
                (Class::Fast, "Vdut__0"),
                (Class::Slow, "Vdut__Syms__Slow"),
                (Class::Global, "verilated")
            ]
        );
    }
}
