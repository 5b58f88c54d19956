// SPDX-License-Identifier: Apache-2.0
//! Turns any SystemVerilog design into a shared library with Verilator 5, loads it, and runs it.
//!
//! ```no_run
//! use verilated::{Binding, Builder, Design, ModelConfig, Options};
//!
//! let design = Design::new("counter", "examples/counter").source("counter.sv").top("counter").bind(Binding::All);
//! let library = Builder::new("target").build(&design, &Options::default())?;
//! let mut model = library.instance(&ModelConfig::default())?;
//! model.inputs_mut().fill(1);
//! model.cycle()?;
//! println!("{:?}", model.outputs());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A design is identified by a hash over the contents of its files, the options and the tools. Its library lies in
//! `<root>/duts/<hash>/` and is made once; what does not change is never verilated twice, and an edited file, a
//! mutant, a build with waves or with coverage is simply another hash.
//!
//! **Invariant:** nothing here knows what the design is.

mod bridge;
mod build;
mod compile;
mod design;
mod error;
mod file_list;
mod fingerprint;
mod model;
mod options;
mod phase;
mod port;
mod ports;
mod runtime;
mod shim;
mod sources;
mod store;
mod toolchain;
mod verilate;

pub use build::Builder;
pub use design::{Binding, Design, PortGroup, PortSpec};
pub use error::{BuildError, Diagnostic, FileListError, LintReport, LoadError, PortProblem, Severity};
pub use file_list::FileList;
pub use model::{InitialValues, Library, Model, ModelConfig, Stop, StopKind};
pub use options::{Coverage, Optimisation, Options};
pub use phase::{Phase, Watch};
pub use port::{Direction, Port};
pub use toolchain::{ToolError, Toolchain, VERILATOR_VERSION};
