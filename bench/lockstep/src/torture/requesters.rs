// SPDX-License-Identifier: Apache-2.0
//! Who makes requests in a world: devices and processes, each with its kind of translation.

/// A device, as its requests show it.
#[derive(Clone, Copy, Debug)]
pub struct Requester {
    /// `device_id`
    pub id: u32,
    /// `process_id`
    pub process: Option<u32>,
    /// Supervisor privilege
    pub privileged: bool,
}

/// The devices: two processes of one device; nested; host; second stage only with an MSI page table; nested again,
/// with an ID that has its lower bits in common with another one.
pub const REQUESTERS: [Requester; 6] = [
    Requester { id: PROCESS_DEVICE, process: Some(0x112), privileged: false },
    Requester { id: PROCESS_DEVICE, process: Some(0x113), privileged: true },
    Requester { id: NESTED, process: None, privileged: false },
    Requester { id: HOST, process: None, privileged: false },
    Requester { id: SECOND_ONLY, process: None, privileged: false },
    Requester { id: NESTED_TOO, process: None, privileged: false },
];
/// Process directory, nested
pub const PROCESS_DEVICE: u32 = 0x05;
/// First and second stage
pub const NESTED: u32 = 0x06;
/// First stage only
pub const HOST: u32 = 0x45;
/// Second stage only
pub const SECOND_ONLY: u32 = 0x46;
/// First and second stage
pub const NESTED_TOO: u32 = 0x105;
