// SPDX-License-Identifier: Apache-2.0
//! What can go wrong once the tools have been found, from reading the sources to loading the result.

use std::fmt;
use std::path::PathBuf;

use crate::port::Direction;
use crate::toolchain::ToolError;

/// How bad a message of Verilator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The design cannot be built
    Error,
    /// The design is suspicious
    Warning,
}

/// One message of Verilator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is
    pub severity: Severity,
    /// Code such as `WIDTHEXPAND`, if it has one
    pub code: Option<String>,
    /// File, relative to the design's root, if it is about a place
    pub file: Option<PathBuf>,
    /// Line, from 1; 0 without a file
    pub line: u32,
    /// Column, from 1; 0 if unknown
    pub column: u32,
    /// First line of the message
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:{}:{}: ", file.display(), self.line, self.column)?;
        }
        f.write_str(match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })?;
        if let Some(code) = &self.code {
            write!(f, "[{code}]")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A file list (`.f`) cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileListError {
    /// It cannot be read
    #[error("cannot read {}: {source}", .file.display())]
    Read {
        /// The list
        file: PathBuf,
        /// Why
        source: std::io::Error,
    },
    /// A line means nothing here
    #[error("{}:{line}: {message}", .file.display())]
    Line {
        /// The list
        file: PathBuf,
        /// Line, from 1
        line: usize,
        /// What is wrong
        message: String,
    },
}

/// A port of the design is not what the caller wants to bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortProblem {
    /// The design has no such port
    Missing {
        /// Wanted name
        name: String,
        /// Wanted direction
        direction: Direction,
        /// Wanted width in bits
        width: u32,
        /// A port of the design that nothing wants and whose name is close
        similar: Option<String>,
        /// The group that it belongs to, of which the design has other ports
        group: Option<String>,
    },
    /// The port has another width
    Width {
        /// Its name
        name: String,
        /// Wanted width in bits
        wanted: u32,
        /// Width in bits in the design
        found: u32,
    },
    /// The port has another direction
    Direction {
        /// Its name
        name: String,
        /// Wanted direction
        wanted: Direction,
        /// Direction in the design
        found: Direction,
    },
    /// The design has a port that nobody asked for
    Extra {
        /// Its name
        name: String,
        /// Its direction
        direction: Direction,
        /// Its width in bits
        width: u32,
    },
    /// The port is not a packed vector: an unpacked array, a real, or an inout
    Shape {
        /// Its name
        name: String,
    },
    /// The clock is not a one-bit input of this name
    Clock {
        /// Its name
        name: String,
    },
}

impl fmt::Display for PortProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, direction, width, similar, group } => {
                write!(f, "missing: {direction} {name}, {width} bits")?;
                if let Some(group) = group {
                    write!(f, ", as other ports of {group} are there")?;
                }
                match similar {
                    Some(similar) => write!(f, " (is it `{similar}`?)"),
                    None => Ok(()),
                }
            }
            Self::Width { name, wanted, found } => write!(f, "wrong width: {name} has {found} bits, not {wanted}"),
            Self::Direction { name, wanted, found } => {
                write!(f, "wrong direction: {name} is an {found}, not an {wanted}")
            }
            Self::Extra { name, direction, width } => {
                write!(f, "unexpected: {direction} {name}, {width} bits")
            }
            Self::Shape { name } => write!(f, "unusable: {name} is not a packed input or output"),
            Self::Clock { name } => write!(f, "missing: clock {name}, an input of 1 bit"),
        }
    }
}

/// A design could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The tools are not there
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A source, a waiver or an include folder is missing or cannot be read
    #[error("cannot read {}: {source}", .file.display())]
    Source {
        /// The file or folder
        file: PathBuf,
        /// Why
        source: std::io::Error,
    },
    /// The design names no source file
    #[error("design {name} has no source files")]
    NoSources {
        /// The design
        name: String,
    },
    /// Verilator refuses the design
    #[error("Verilator refuses {design}:\n{log}")]
    Verilator {
        /// The design
        design: String,
        /// Its messages, taken apart
        diagnostics: Vec<Diagnostic>,
        /// Its messages, word for word
        log: String,
    },
    /// Verilator read a file that the hash does not cover, so that a change in it would go unseen
    #[error("design reads {}, which is neither a source nor in an include folder: name it", .file.display())]
    Untracked {
        /// The file
        file: PathBuf,
    },
    /// The ports are not those that the caller wants
    #[error("ports of {top} do not fit:{}", .problems.iter().map(|p| format!("\n  {p}")).collect::<String>())]
    Ports {
        /// The top module
        top: String,
        /// All that is wrong with them
        problems: Vec<PortProblem>,
    },
    /// The generated C++ does not compile
    #[error("C++ compiler fails on {}:\n{log}", .file.display())]
    Compile {
        /// The file
        file: PathBuf,
        /// The compiler's words
        log: String,
    },
    /// Files cannot be written
    #[error("cannot write {}: {source}", .file.display())]
    Write {
        /// The file or folder
        file: PathBuf,
        /// Why
        source: std::io::Error,
    },
    /// The result cannot be loaded
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// A library cannot be loaded, or an instance of it cannot be made or asked for a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The library
    #[error("cannot load {}: {reason}", .file.display())]
    Library {
        /// The file
        file: PathBuf,
        /// Why
        reason: String,
    },
    /// The instance
    #[error("cannot start the design: {0}")]
    Instance(String),
    /// Waves
    #[error("cannot write waves: {0}")]
    Trace(String),
    /// Coverage
    #[error("cannot write coverage: {0}")]
    Coverage(String),
}

/// What lint found.
#[derive(Debug, thiserror::Error)]
pub enum LintReport {
    /// Lint could not run
    #[error(transparent)]
    Failed(#[from] BuildError),
    /// There are findings
    #[error("lint finds {} in {design}:\n{log}", count(.diagnostics.len()))]
    Findings {
        /// The design
        design: String,
        /// The findings, taken apart
        diagnostics: Vec<Diagnostic>,
        /// The findings, word for word
        log: String,
    },
}

fn count(findings: usize) -> String {
    if findings == 1 { "1 problem".to_owned() } else { format!("{findings} problems") }
}
