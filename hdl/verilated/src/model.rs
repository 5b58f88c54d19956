// SPDX-License-Identifier: Apache-2.0
//! A loaded library and the instances made of it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use cxx::{SharedPtr, UniquePtr};

use crate::bridge;
use crate::error::LoadError;
use crate::port::{Direction, Port};

/// The library of a design. Cheap to clone; instances may outlive it.
#[derive(Clone)]
pub struct Library {
    raw: SharedPtr<bridge::Library>,
    file: PathBuf,
    hash: String,
    fresh: bool,
    warnings: String,
}

// SAFETY: a bridge::Library is an immutable function pointer.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").field("file", &self.file).field("fresh", &self.fresh).finish_non_exhaustive()
    }
}

impl Library {
    /// Loads a library that was built before, for example by another process.
    ///
    /// # Errors
    /// [`LoadError::Library`] if the file is not such a library.
    pub fn open(file: &Path) -> Result<Self, LoadError> {
        let fail = |reason: String| LoadError::Library { file: file.to_owned(), reason };
        let path = file.to_str().ok_or_else(|| fail("the path is not UTF-8".to_owned()))?;
        // A name without a slash would be looked for in the system's folders.
        let path = if path.contains('/') { path.to_owned() } else { format!("./{path}") };
        let raw = bridge::open_library(&path).map_err(|error| fail(error.what().to_owned()))?;
        Ok(Self { raw, file: file.to_owned(), hash: String::new(), fresh: false, warnings: String::new() })
    }

    pub(crate) fn set_origin(&mut self, hash: String, fresh: bool, warnings: String) {
        self.hash = hash;
        self.fresh = fresh;
        self.warnings = warnings;
    }

    /// The file, for [`Library::open`] in another process.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The hash that names the build; empty if the library was opened by its file.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether it was built just now, rather than found.
    pub fn fresh(&self) -> bool {
        self.fresh
    }

    /// Verilator's warnings about the design, word for word; empty if the library was opened by its file.
    pub fn warnings(&self) -> &str {
        &self.warnings
    }

    /// A new instance, before its first clock cycle, with all inputs 0.
    ///
    /// # Errors
    /// [`LoadError::Instance`]
    pub fn instance(&self, config: &ModelConfig) -> Result<Model, LoadError> {
        let initial = match config.initial {
            InitialValues::Zeros => 0,
            InitialValues::Ones => 1,
            InitialValues::Random => 2,
        };
        let fail = |error: cxx::Exception| LoadError::Instance(error.what().to_owned());
        let raw = bridge::create_model(&self.raw, seed(config.seed), initial, config.assertions).map_err(fail)?;
        let missing = || LoadError::Instance("the library made nothing".to_owned());
        let mut counts = [0usize; 2];
        let place = |record: bridge::PortRecord| {
            let direction = if record.input { Direction::Input } else { Direction::Output };
            let count = &mut counts[usize::from(!record.input)];
            let port = Port { name: record.name, direction, width: record.width, word: *count };
            *count += port.words();
            port
        };
        let ports = bridge::model_ports(raw.as_ref().ok_or_else(missing)?).into_iter().map(place).collect();
        Ok(Model { raw, ports, inputs: vec![0; counts[0]], outputs: vec![0; counts[1]] })
    }
}

/// Verilator's seeds have 31 bits, and 0 asks for one from the system's clock.
fn seed(seed: u64) -> i32 {
    let mixed = seed ^ (seed >> 31) ^ (seed >> 62);
    match (mixed & 0x7fff_ffff) as i32 {
        0 => 0x4c4f_434b,
        some => some,
    }
}

/// Values of registers and memories before anything sets them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitialValues {
    /// All 0
    Zeros,
    /// All 1
    Ones,
    /// Random, from the seed: this is what shows a register that is used before it is set
    #[default]
    Random,
}

/// How an instance begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelConfig {
    /// Seed of `$random`, `$urandom` and random initial values
    pub seed: u64,
    /// Values before anything sets them
    pub initial: InitialValues,
    /// Assertions are checked, if they were compiled in
    pub assertions: bool,
}

impl Default for ModelConfig {
    /// Seed 1, random initial values, assertions on.
    fn default() -> Self {
        Self { seed: 1, initial: InitialValues::default(), assertions: true }
    }
}

/// What made a design stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopKind {
    /// An assertion failed, or `$error`
    Error,
    /// `$fatal`
    Fatal,
    /// `$stop`
    Stop,
    /// `$finish`
    Finish,
    /// A failure of the simulation itself, such as a combinational loop that does not settle
    Runtime,
}

/// A design stopped itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct Stop {
    /// What made it stop
    pub kind: StopKind,
    /// Source file, relative to the design's root; empty if unknown
    pub file: String,
    /// Line in it; 0 if unknown
    pub line: u32,
    /// What it said
    pub message: String,
    /// Simulation time in units of the design's time precision; a clock cycle takes 10 ns
    pub time: u64,
}

/// One instance of a design, with buffers for its inputs and outputs.
///
/// [`Model::ports`] says where each port lies in them. Nothing is allocated in a cycle.
pub struct Model {
    raw: UniquePtr<bridge::Model>,
    ports: Vec<Port>,
    inputs: Vec<u64>,
    outputs: Vec<u64>,
}

// SAFETY: an instance has its own context and touches thread-local state only within a call, which restores it.
unsafe impl Send for Model {}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("ports", &self.ports.len()).finish_non_exhaustive()
    }
}

impl Model {
    fn pin(&mut self) -> Pin<&mut bridge::Model> {
        self.raw.pin_mut()
    }

    /// The bound ports: inputs, then outputs.
    pub fn ports(&self) -> &[Port] {
        &self.ports
    }

    /// The port of this name.
    pub fn port(&self, name: &str) -> Option<&Port> {
        self.ports.iter().find(|port| port.name == name)
    }

    /// The words that the next cycle applies. Bits above a port's width are ignored.
    pub fn inputs_mut(&mut self) -> &mut [u64] {
        &mut self.inputs
    }

    /// The words sampled in the last cycle.
    pub fn outputs(&self) -> &[u64] {
        &self.outputs
    }

    /// One clock cycle: the clock falls and the inputs are applied, logic settles, the outputs are sampled, and then
    /// the clock rises.
    ///
    /// # Errors
    /// [`Stop`] if the design stopped itself. It stays stopped: each further call returns the same.
    #[inline]
    pub fn cycle(&mut self) -> Result<(), Stop> {
        let (inputs, outputs) = (self.inputs.as_ptr(), self.outputs.as_mut_ptr());
        // SAFETY: both buffers were made for the ports of this model.
        if unsafe { self.pin().cycle(inputs, outputs) } { Ok(()) } else { Err(self.stop()) }
    }

    /// Applies the inputs while the clock is low and lets logic settle: asynchronous resets act, but there is no
    /// rising edge, no time passes, and assertions are not checked.
    ///
    /// This is for the time before the first cycle. Registers hold random values then, and an asynchronous reset
    /// that is active from the start has no edge that would make it act: apply it once inactive, once active.
    ///
    /// # Errors
    /// [`Stop`] if the design stopped itself.
    pub fn apply(&mut self) -> Result<(), Stop> {
        let inputs = self.inputs.as_ptr();
        // SAFETY: the buffer was made for the ports of this model.
        if unsafe { self.pin().apply(inputs) } { Ok(()) } else { Err(self.stop()) }
    }

    /// Runs the `final` blocks.
    ///
    /// # Errors
    /// [`Stop`] if the design had stopped, or does so now.
    pub fn finish(&mut self) -> Result<(), Stop> {
        if self.pin().finish() { Ok(()) } else { Err(self.stop()) }
    }

    #[cold]
    fn stop(&mut self) -> Stop {
        let record = bridge::model_stop(&self.raw);
        let kind = match record.kind {
            0 => StopKind::Error,
            1 => StopKind::Fatal,
            2 => StopKind::Stop,
            3 => StopKind::Finish,
            _ => StopKind::Runtime,
        };
        Stop { kind, file: record.file, line: record.line, message: record.message, time: record.time }
    }

    /// Writes waves to an FST file from the next cycle on, instead of to the file that is open.
    ///
    /// # Errors
    /// [`LoadError::Trace`] if the library was built without waves or the file cannot be written.
    pub fn trace_open(&mut self, file: &Path) -> Result<(), LoadError> {
        let path = utf8(file).map_err(LoadError::Trace)?;
        bridge::trace_open(self.pin(), path).map_err(|error| LoadError::Trace(error.what().to_owned()))
    }

    /// Brings the waves so far to the file.
    ///
    /// # Errors
    /// [`LoadError::Trace`]
    pub fn trace_flush(&mut self) -> Result<(), LoadError> {
        bridge::trace_flush(self.pin()).map_err(|error| LoadError::Trace(error.what().to_owned()))
    }

    /// Ends the waves and completes the file. Dropping the instance does so too.
    ///
    /// # Errors
    /// [`LoadError::Trace`]
    pub fn trace_close(&mut self) -> Result<(), LoadError> {
        bridge::trace_close(self.pin()).map_err(|error| LoadError::Trace(error.what().to_owned()))
    }

    /// Writes the coverage counters in Verilator's format.
    ///
    /// # Errors
    /// [`LoadError::Coverage`] if the file cannot be written.
    pub fn coverage_write(&mut self, file: &Path) -> Result<(), LoadError> {
        let path = utf8(file).map_err(LoadError::Coverage)?;
        bridge::coverage_write(self.pin(), path).map_err(|error| LoadError::Coverage(error.what().to_owned()))
    }

    /// What the design printed since the last call. Only the newest megabyte is kept.
    pub fn take_output(&mut self) -> String {
        bridge::take_output(self.pin())
    }

    /// Simulation time in units of the design's time precision; a clock cycle takes 10 ns.
    pub fn time(&self) -> u64 {
        self.raw.time()
    }
}

fn utf8(file: &Path) -> Result<&str, String> {
    file.to_str().ok_or_else(|| format!("{}: the path is not UTF-8", file.display()))
}

#[cfg(test)]
mod tests {
    use super::seed;

    #[test]
    fn seeds_are_positive_and_differ() {
        assert!([0, 1, 0x8000_0000, u64::MAX, 1 << 62].into_iter().all(|value| seed(value) > 0));
        assert_ne!(seed(1), seed(2));
        assert_ne!(seed(1), seed(1 << 33));
    }
}
