// SPDX-License-Identifier: Apache-2.0
//! The device under test, opened in a worker process.

use boundary::{Dut, Groups, Inputs, Outputs, Stopped};
use hdl::{Library, LoadError, Rtl};
use model::{CacheConfig, Habit, Model, ModelConfig};

use super::job::{Device, Waves};

/// Opens a device under test. `seed` decides what registers hold that RTL does not reset.
///
/// # Errors
/// Why it cannot be loaded.
pub fn open(device: &Device, seed: u32, waves: Option<&Waves>) -> Result<Box<dyn Dut>, String> {
    match device {
        Device::Model => Ok(Box::new(Model::new(config(seed)))),
        Device::Liberties => Ok(Box::new(Model::new(liberties(seed)))),
        Device::Illegal { habit } => {
            let habit = Habit::from_name(habit).ok_or_else(|| format!("there is no habit `{habit}`"))?;
            Ok(Box::new(Model::new(ModelConfig { habit: Some(habit), ..config(seed) })))
        }
        Device::Rtl { library, .. } => {
            let rtl = Library::open(library).and_then(|library| library.instance(seed.into()));
            let rtl = rtl.map_err(|error| format!("cannot load {}: {error}", library.display()))?;
            Ok(match waves {
                Some(waves) => Box::new(WithWaves { rtl, waves: waves.clone(), now: 0 }),
                None => Box::new(rtl),
            })
        }
    }
}

/// With caches that find entries by their tags, as hardware has them: a model without any never
/// comes into the windows that scenarios are about.
fn config(seed: u32) -> ModelConfig {
    let caches = CacheConfig { tagged: true, ..CacheConfig::large() };
    ModelConfig { caches, ..ModelConfig::plain(u64::from(seed)) }
}

/// A legal device of its own for each seed: caches of any size, and any liberty. Half of them keep all that they can.
fn liberties(seed: u32) -> ModelConfig {
    let seed = u64::from(seed);
    let caches = match seed % 4 {
        0 => CacheConfig::combined(),
        1 => CacheConfig::large(),
        _ => CacheConfig::happy(seed),
    };
    // Who leaves a reserved doubleword unread is legal only as long as it holds 0, and software may store there.
    let caches = CacheConfig { tagged: !seed.is_multiple_of(3), lazy_context: false, ..caches };
    ModelConfig { caches, ..ModelConfig::plain(seed) }
}

/// An RTL of which waves are written while the clock of the test bench is between two cycles.
struct WithWaves {
    rtl: Rtl,
    waves: Waves,
    /// As the test bench counts: reset does not count
    now: u64,
}

impl WithWaves {
    fn stopped(&self, error: &LoadError) -> Stopped {
        Stopped { file: self.waves.file.display().to_string(), line: 0, message: error.to_string() }
    }
}

impl Dut for WithWaves {
    fn cycle(&mut self, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), Stopped> {
        if inputs.rst_n {
            if self.now == self.waves.from {
                self.rtl.start_waves(&self.waves.file).map_err(|error| self.stopped(&error))?;
            } else if self.now == self.waves.to.saturating_add(1) {
                self.rtl.stop_waves().map_err(|error| self.stopped(&error))?;
            }
            self.now += 1;
        }
        self.rtl.cycle(inputs, outputs)
    }

    fn groups(&self) -> Groups {
        self.rtl.groups()
    }
}
