// SPDX-License-Identifier: Apache-2.0
//! Runs the C++ compiler, several files at a time.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::BuildError;
use crate::options::Optimisation;
use crate::toolchain::{ToolError, Toolchain};

/// One call of the compiler.
pub(crate) struct Job {
    /// What is compiled, for messages
    pub(crate) file: PathBuf,
    pub(crate) arguments: Vec<OsString>,
}

/// Flags of every file of a library. All must agree for the precompiled header to be usable.
pub(crate) fn flags(toolchain: &Toolchain) -> Vec<OsString> {
    let mut list: Vec<OsString> = [
        "-std=gnu++17",
        "-fPIC",
        // Libraries of several designs live in one process, and all define the same names.
        "-fvisibility=hidden",
        "-fvisibility-inlines-hidden",
        "-fno-semantic-interposition",
        "-w",
        "-DVERILATOR=1",
        "-DVM_COVERAGE=1",
        "-DVM_SC=0",
        "-DVM_TIMING=0",
        "-DVM_TRACE=1",
        "-DVM_TRACE_FST=1",
        "-DVM_TRACE_SAIF=0",
        "-DVM_TRACE_VCD=0",
    ]
    .map(OsString::from)
    .to_vec();
    // Unique symbols would be shared between libraries in spite of RTLD_LOCAL. Clang has none.
    if !toolchain.compiler_name().contains("clang") {
        list.push("-fno-gnu-unique".into());
    }
    list
}

/// Include folders: ours first, so that they stand in for headers that the machine may lack.
pub(crate) fn includes(toolchain: &Toolchain, runtime: &Path) -> Vec<OsString> {
    let include = toolchain.include();
    [runtime.to_owned(), include.clone(), include.join("vltstd")]
        .into_iter()
        .flat_map(|folder| [OsString::from("-I"), folder.into_os_string()])
        .collect()
}

/// Compiles `file` to `object`, with the hooks in front.
pub(crate) fn object(
    toolchain: &Toolchain,
    runtime: &Path,
    optimisation: Optimisation,
    file: &Path,
    object: &Path,
) -> Job {
    let mut arguments = flags(toolchain);
    arguments.push(optimisation.flag().into());
    arguments.extend(["-include".into(), runtime.join("hooks.h").into_os_string()]);
    arguments.extend(includes(toolchain, runtime));
    arguments.extend(["-c".into(), file.into(), "-o".into(), object.into()]);
    Job { file: file.to_owned(), arguments }
}

/// Runs all jobs, `parallel` at a time, and tells how many are done. The first failure ends it.
pub(crate) fn run(
    toolchain: &Toolchain,
    jobs: &[Job],
    parallel: usize,
    folder: &Path,
    told: &(dyn Fn(usize) + Sync),
) -> Result<(), BuildError> {
    told(0);
    let done = AtomicUsize::new(0);
    let state = Mutex::new((jobs.iter(), None));
    let work = || {
        loop {
            let Some(job) = state.lock().ok().and_then(|mut state| match state.1 {
                None => state.0.next(),
                Some(_) => None,
            }) else {
                return;
            };
            match run_one(toolchain.compiler(), job, folder) {
                Ok(()) => told(done.fetch_add(1, Ordering::Relaxed) + 1),
                Err(error) => {
                    if let Ok(mut state) = state.lock() {
                        state.1.get_or_insert(error);
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..parallel.clamp(1, jobs.len().max(1)) {
            scope.spawn(work);
        }
        work();
    });
    match state.into_inner() {
        Ok((_, Some(error))) => Err(error),
        _ => Ok(()),
    }
}

fn run_one(mut command: Command, job: &Job, folder: &Path) -> Result<(), BuildError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .args(&job.arguments)
        .current_dir(folder)
        .output()
        .map_err(|source| ToolError::Start { program, source })?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let mut log: String = text.lines().take(40).collect::<Vec<_>>().join("\n");
    if log.is_empty() {
        log = format!("ended without a message: {}", output.status);
    }
    Err(BuildError::Compile { file: job.file.clone(), log })
}
