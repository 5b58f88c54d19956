// SPDX-License-Identifier: Apache-2.0
//! The command line: what was typed (`args`), what it means (`options`), what is done (`commands`).

mod args;
mod check;
mod commands;
mod compare;
mod device;
mod diff;
mod doctor;
mod dut;
mod error;
mod explore;
mod explore_args;
mod failures;
mod habits;
mod history;
mod home;
mod hunting;
mod interruption;
mod journals;
mod list;
mod litmus;
mod merge;
mod new_rtl;
mod numbers;
mod options;
mod output;
mod perf;
mod perf_args;
mod play;
mod progress;
mod result_files;
mod results;
mod run_files;
mod shrink;
mod slurm;
mod slurm_args;
mod traces;
mod vectors;
mod waves;

use std::process::ExitCode as ProcessExit;

use clap::Parser;

use crate::report::ExitCode;

/// Runs `lockstep` as it was called, and returns what it exits with.
pub fn main() -> ProcessExit {
    std::panic::set_hook(Box::new(|info| {
        let text = format!(
            "lockstep: internal error: {info}\nThis is a bug in lockstep, whatever the input was; please report it \
             with the command that shows it.\n"
        );
        output::stderr(&text);
    }));
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // --help and --version come this way as well.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage.into() } else { ExitCode::Passed.into() };
        }
    };
    match std::panic::catch_unwind(|| commands::execute(args)) {
        Ok(Ok(code)) => code.into(),
        Ok(Err(error)) => {
            output::stderr(&format!("{}\n", error.to_string().trim_end()));
            ExitCode::Usage.into()
        }
        Err(_) => ExitCode::Internal.into(),
    }
}
