// SPDX-License-Identifier: Apache-2.0
//! Who has asked for anything.

use std::collections::BTreeSet;

use golden::{DeviceId, ProcessId, Request};

/// Everybody who has asked for something: walks that nobody asked for are made in their names.
#[derive(Debug, Default)]
pub struct Requesters(BTreeSet<(DeviceId, Option<ProcessId>, bool)>);

impl Requesters {
    /// All of them: device, process and privilege.
    pub fn all(&self) -> impl Iterator<Item = (DeviceId, Option<ProcessId>, bool)> + '_ {
        self.0.iter().copied()
    }

    /// A request was accepted.
    pub fn seen(&mut self, request: &Request) {
        self.0.insert((request.device, request.process, request.privileged));
    }
}
