// SPDX-License-Identifier: Apache-2.0
//! Ctrl-C: what has been finished is not lost.

use std::sync::atomic::{AtomicBool, Ordering};

use super::error::CommandError;
use super::output;
use crate::report::ExitCode;

/// The user wants to stop.
pub(super) static STOP: AtomicBool = AtomicBool::new(false);

/// From now on the first interruption gives up what is under way, the second one everything.
pub(super) fn catch() -> Result<(), CommandError> {
    static CAUGHT: AtomicBool = AtomicBool::new(false);
    if CAUGHT.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(ExitCode::Interrupted as i32);
        }
        output::stderr("interrupted: the runs under way are given up; again: no results\n");
    })
    .map_err(|error| CommandError::System { what: "catch an interruption", error: error.to_string() })
}
