// SPDX-License-Identifier: Apache-2.0
//! `lockstep` as a user calls it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("lockstep lies in the workspace").to_owned()
}

/// Calls it there.
pub fn lockstep(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(arguments)
        .current_dir(root())
        .env_remove("GITHUB_ACTIONS")
        .output()
        .expect("lockstep starts")
}

/// All that it printed.
pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}
