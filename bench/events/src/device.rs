// SPDX-License-Identifier: Apache-2.0
//! What is known of the device beforehand.

use golden::{Capabilities, SpecVersion};

/// The description of a device under test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The strap; what software reads from the register takes its place
    pub capabilities: Capabilities,
    /// Version of the specification
    pub version: SpecVersion,
    /// Choices of the specification that its description binds, by their names
    pub choices: Vec<(String, bool)>,
    /// It has ports for poisoned read data
    pub poison: bool,
    /// It has ports for QoS IDs
    pub qos_ids: bool,
}
