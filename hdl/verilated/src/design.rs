// SPDX-License-Identifier: Apache-2.0
//! What to build: files, top module, parameters, and the ports that the caller wants to drive.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A port that the caller drives or reads: its name and its width in bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortSpec {
    /// Name in the top module
    pub name: String,
    /// Width in bits, at least 1
    pub width: u32,
}

impl PortSpec {
    /// A port of `width` bits.
    pub fn new(name: impl Into<String>, width: u32) -> Self {
        Self { name: name.into(), width }
    }
}

/// Ports that a design has all of or none of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortGroup {
    /// For people
    pub name: String,
    /// Driven by the caller
    pub inputs: Vec<PortSpec>,
    /// Read by the caller
    pub outputs: Vec<PortSpec>,
}

/// Which ports are bound, and in which order their words lie in the buffers of a [`crate::Model`].
///
/// The clock is never bound: [`crate::Model::cycle`] drives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// Every port of the top module, sorted by name
    #[default]
    All,
    /// Exactly these ports, in this order: a port that is missing, has another width or direction, or is not
    /// listed is an error
    Exact {
        /// Driven by the caller
        inputs: Vec<PortSpec>,
        /// Read by the caller
        outputs: Vec<PortSpec>,
        /// Bound where the design has them: their words lie behind those of the others, inputs and outputs apart
        groups: Vec<PortGroup>,
    },
}

/// A design: everything that decides what the hardware does.
///
/// Paths are relative to `root`. Messages of Verilator and of the design name files in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Design {
    /// Name for people; not part of the hardware
    pub name: String,
    /// Folder that the other paths are relative to
    pub root: PathBuf,
    /// Source files in the order in which they are compiled
    pub sources: Vec<PathBuf>,
    /// Folders that are searched for `` `include `` files and for modules
    pub include: Vec<PathBuf>,
    /// Name of the top module
    pub top: String,
    /// Values for parameters of the top module, as SystemVerilog text (`"8"`, `"64'hff"`)
    pub parameters: BTreeMap<String, String>,
    /// Macros; `None` defines an empty one
    pub defines: BTreeMap<String, Option<String>>,
    /// Verilator configuration files (`.vlt`) with lint waivers
    pub waivers: Vec<PathBuf>,
    /// Name of the clock input
    pub clock: String,
    /// The ports to bind
    pub binding: Binding,
}

impl Design {
    /// A design without sources, whose top module has the name `name` and whose clock is `clk_i`.
    pub fn new(name: impl Into<String>, root: impl Into<PathBuf>) -> Self {
        let name = name.into();
        Self {
            top: name.clone(),
            name,
            root: root.into(),
            sources: Vec::new(),
            include: Vec::new(),
            parameters: BTreeMap::new(),
            defines: BTreeMap::new(),
            waivers: Vec::new(),
            clock: "clk_i".to_owned(),
            binding: Binding::All,
        }
    }

    /// Adds a source file.
    #[must_use]
    pub fn source(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(path.into());
        self
    }

    /// Adds a folder to search for `` `include `` files.
    #[must_use]
    pub fn include(mut self, path: impl Into<PathBuf>) -> Self {
        self.include.push(path.into());
        self
    }

    /// Sets the top module.
    #[must_use]
    pub fn top(mut self, name: impl Into<String>) -> Self {
        self.top = name.into();
        self
    }

    /// Sets a parameter of the top module.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.parameters.insert(name.into(), value.to_string());
        self
    }

    /// Defines a macro with a value.
    #[must_use]
    pub fn define(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.defines.insert(name.into(), Some(value.to_string()));
        self
    }

    /// Defines an empty macro.
    #[must_use]
    pub fn flag(mut self, name: impl Into<String>) -> Self {
        self.defines.insert(name.into(), None);
        self
    }

    /// Adds a file with lint waivers.
    #[must_use]
    pub fn waiver(mut self, path: impl Into<PathBuf>) -> Self {
        self.waivers.push(path.into());
        self
    }

    /// Sets the name of the clock input.
    #[must_use]
    pub fn clock(mut self, name: impl Into<String>) -> Self {
        self.clock = name.into();
        self
    }

    /// Sets the ports to bind.
    #[must_use]
    pub fn bind(mut self, binding: Binding) -> Self {
        self.binding = binding;
        self
    }

    /// Where a path of this design lies.
    pub(crate) fn locate(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }
}
