// SPDX-License-Identifier: Apache-2.0
//! Where our RTL, our scenarios and Verilator are: in the current folder, or in the checkout that this program was built
//! from. So an installed `lockstep` works anywhere.

use std::path::{Path, PathBuf};

/// Where scenarios are.
pub const SCENARIOS: &str = "scenarios";

/// The checkout that this program was built from.
fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// This file or folder of ours: here if it is here, else in the checkout if that is still there. Else as it is, for the
/// message that it is missing.
pub fn ours(path: &str) -> PathBuf {
    let here = PathBuf::from(path);
    if here.exists() {
        return here;
    }
    match checkout().join(path).canonicalize() {
        Ok(there) => there,
        Err(_) => here,
    }
}

/// What to do where something of ours is missing.
pub const MISSING: &str = "run lockstep in its checkout, or say where it is: --scenarios DIR, --rtl DESCRIPTION";
