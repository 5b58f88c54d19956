// SPDX-License-Identifier: Apache-2.0
//! `lockstep`: see [`lockstep::cli`].

fn main() -> std::process::ExitCode {
    lockstep::cli::main()
}
