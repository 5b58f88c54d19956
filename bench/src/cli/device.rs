//! The device under test is built once, before the workers start.

use hdl::{BuildError, BuildOptions, Description, DescriptionError, Rtl};

use super::args::{DeviceArgs, Dut};
use crate::runner::Device;

/// The device under test is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// Its description
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// Its sources: the compiler's own message, with file and line
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Builds the device under test, if it is not built already. Libraries lie below `target` in the current folder.
///
/// # Errors
/// [`DeviceError`]
pub fn build(args: &DeviceArgs) -> Result<Device, DeviceError> {
    match args.dut {
        Dut::Model => Ok(Device::Model),
        Dut::Rtl => {
            let description = Description::read(&args.rtl)?;
            let library = Rtl::build(&description, &BuildOptions::new("target"))?;
            tracing::info!(library = %library.file().display(), fresh = library.fresh(), "RTL built");
            if !library.warnings().is_empty() {
                tracing::info!("Verilator:\n{}", library.warnings());
            }
            Ok(Device::Rtl { library: library.file().to_owned() })
        }
    }
}
