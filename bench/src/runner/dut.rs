//! The device under test, opened in a worker process.

use hdl::{Dut, Library};

use super::job::Device;
use crate::model::{CacheConfig, Model, ModelConfig};

/// Opens a device under test. `seed` decides what registers hold that RTL does not reset.
pub(super) fn open(device: &Device, seed: u32) -> Result<Box<dyn Dut>, String> {
    match device {
        // With caches, as hardware has them: a model without any never comes into the windows that scenarios are about.
        Device::Model => {
            let config = ModelConfig { caches: CacheConfig::large(), ..ModelConfig::plain(u64::from(seed)) };
            Ok(Box::new(Model::new(config)))
        }
        Device::Rtl { library, .. } => {
            let rtl = Library::open(library).and_then(|library| library.instance(seed.into()));
            Ok(Box::new(rtl.map_err(|error| format!("cannot load {}: {error}", library.display()))?))
        }
    }
}
