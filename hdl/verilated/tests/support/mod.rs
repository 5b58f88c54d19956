// SPDX-License-Identifier: Apache-2.0
//! What the tests share: the counter, scratch folders, and reading waves.

use std::path::{Path, PathBuf};

use verilated::{Builder, Design, Library, Model, ModelConfig, Stop};

pub fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/counter")
}

pub fn builder() -> Builder {
    Builder::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"))
}

/// The counter, with all ports bound.
#[allow(dead_code, reason = "not every test binary counts")]
pub fn counter() -> Design {
    Design::new("counter", example()).source("counter.sv").include(".")
}

/// The line, from 1, on which `text` first occurs in a file of the example.
#[allow(dead_code, reason = "not every test binary counts")]
pub fn find(file: &str, text: &str) -> u32 {
    let contents = std::fs::read_to_string(example().join(file)).expect("an example");
    let line = contents.lines().position(|line| line.contains(text)).expect("the text");
    u32::try_from(line + 1).expect("a short file")
}

/// An instance; if it is a counter, after two cycles of reset.
#[allow(dead_code, reason = "not every test binary runs a design")]
pub fn model(library: &Library, seed: u64) -> Model {
    let mut model = library.instance(&ModelConfig { seed, ..ModelConfig::default() }).expect("an instance");
    if model.port("wide_i").is_some() {
        (0..2).for_each(|_| model.cycle().expect("reset"));
    }
    model
}

/// One cycle out of reset; the outputs.
#[allow(dead_code, reason = "not every test binary runs a design")]
pub fn run(model: &mut Model, enable: u64, limit: u64, wide: u64) -> Result<Vec<u64>, Stop> {
    model.inputs_mut().copy_from_slice(&[enable, limit, 1, wide, 0]);
    model.cycle()?;
    Ok(model.outputs().to_vec())
}

/// The time stamps of a wave file in nanoseconds, and the values that a signal of the top module takes.
#[allow(dead_code, reason = "not every test binary writes waves")]
pub fn waves(file: &Path, name: &str) -> (Vec<u64>, Vec<(u32, u64)>) {
    let mut wave = wellen::simple::read(file).expect("a wave file");
    let hierarchy = wave.hierarchy();
    let signal = hierarchy
        .all_vars()
        .map(|var| &hierarchy[var])
        .find(|var| var.name(hierarchy) == name)
        .map(wellen::Var::signal_ref)
        .expect("the signal");
    wave.load_signals(&[signal]);
    let values = wave.get_signal(signal).expect("its values").iter_changes();
    let values = values
        .map(|(index, value)| {
            let bits = value.to_bit_string().expect("bits");
            (index, u64::from_str_radix(&bits, 2).expect("two-valued bits"))
        })
        .collect();
    (wave.time_table().to_vec(), values)
}

/// A folder that goes away at the end of the test.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// A design of one file that has the name of its module.
    #[allow(dead_code, reason = "not every test binary writes a design")]
    pub fn design(&self, name: &str) -> Design {
        Design::new(name, self.root()).source(format!("{name}.sv"))
    }
}

/// Text that no earlier run of the tests can have built.
#[allow(dead_code, reason = "not every test binary needs a new build")]
pub fn unique() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    format!("// {} {}\n", std::process::id(), now.as_nanos())
}
