// SPDX-License-Identifier: Apache-2.0

//! The golden walk alone: a request over memory that the caller reads.

use std::ffi::c_void;

use golden::{
    Access, Capabilities, Config, Ddtp, DeviceId, Fctl, Iova, Kind, Outcome, ProcessId, Read, Request, SpecVersion,
    Target, Update, WordRef, Words, translate,
};

use crate::guard::{guarded_code, remember};
use crate::handle::LOCKSTEP_ARGUMENT;

/// The request is translated.
pub const LOCKSTEP_TRANSLATED: i32 = 0;
/// It is refused: `cause` says why.
pub const LOCKSTEP_REFUSED: i32 = 1;

/// Read.
pub const LOCKSTEP_READ: u8 = 0;
/// Write or atomic.
pub const LOCKSTEP_WRITE: u8 = 1;
/// Read in order to execute.
pub const LOCKSTEP_EXECUTE: u8 = 2;

/// Registers that a translation depends on.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Registers {
    /// `capabilities`
    pub capabilities: u64,
    /// `ddtp`
    pub ddtp: u64,
    /// `fctl`
    pub fctl: u32,
    /// 0: version 20260222 of the specification, 1: version 1.0.0
    pub version: u32,
}

/// What a device asks for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct WalkRequest {
    /// Address, untranslated
    pub iova: u64,
    /// device_id, 24 bits
    pub device: u32,
    /// process_id, 20 bits; counts where `has_process` is not 0
    pub process: u32,
    /// There is a process_id
    pub has_process: u8,
    /// Supervisor privilege
    pub privileged: u8,
    /// `LOCKSTEP_READ`, `LOCKSTEP_WRITE` or `LOCKSTEP_EXECUTE`
    pub access: u8,
    /// Not 0: the address is the answer to an ATS translation request
    pub translated: u8,
}

/// What comes of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct WalkOutcome {
    /// Translated address with its page offset
    pub address: u64,
    /// Refused: `iotval` of the fault record
    pub iotval: u64,
    /// Refused: `iotval2` of the fault record
    pub iotval2: u64,
    /// Refused: the cause
    pub cause: u32,
    /// log2 of the range around the address for which the same translation holds
    pub size_log2: u8,
    /// Memory type: 0 PMA, 1 NC, 2 IO
    pub pbmt: u8,
    /// What both stages grant: bit 0 read, bit 1 write, bit 2 execute
    pub permissions: u8,
    /// 0 memory, 1 an interrupt file, 2 a memory-resident interrupt file, whose address means nothing
    pub target: u8,
    /// Refused: not 0 if a fault record is written
    pub reported: u8,
}

/// An argument that is passed on to a function of the caller.
pub type Context = *mut c_void;

/// Reads the aligned doubleword at a physical address, little-endian.
pub type ReadMemory = Option<extern "C" fn(context: Context, address: u64) -> u64>;

struct Callback {
    read: extern "C" fn(Context, u64) -> u64,
    context: Context,
}

impl Words for Callback {
    fn read(&mut self, word: &WordRef) -> Read {
        let value = (self.read)(self.context, word.addr.0 & !7);
        Read::Value(if word.bytes == 4 { value >> (8 * (word.addr.0 & 4)) & 0xFFFF_FFFF } else { value })
    }

    /// Memory of the caller stays as it is: an entry that is read again asks for the same update again.
    fn compare_exchange(&mut self, _: &WordRef, _: u64, _: u64) -> Update {
        Update::Done
    }
}

/// Walks a request over the tables in memory, as the specification says, without any cache. `read` is called with
/// `context` for each doubleword. It must not panic, throw or jump. Updates of A and D bits are taken as done, and
/// memory stays as it is. Answers `LOCKSTEP_TRANSLATED` or `LOCKSTEP_REFUSED`, or a negative code.
///
/// # Safety
/// `registers` and `request` are null or readable, `outcome` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_translate(
    registers: *const Registers,
    request: *const WalkRequest,
    read: ReadMemory,
    context: Context,
    outcome: *mut WalkOutcome,
) -> i32 {
    guarded_code(|| {
        // SAFETY: the caller's: null, or one of these.
        let given = unsafe { (registers.as_ref(), request.as_ref(), outcome.as_mut()) };
        let ((Some(registers), Some(request), Some(outcome)), Some(read)) = (given, read) else {
            remember("registers, request, read or outcome is null");
            return LOCKSTEP_ARGUMENT;
        };
        let (Some(config), Some(request)) = (config(registers), asked(request)) else {
            remember("there is no such version or access, or an ID is too wide");
            return LOCKSTEP_ARGUMENT;
        };
        *outcome = WalkOutcome::default();
        match translate(&config, &mut Callback { read, context }, &request) {
            Outcome::Translated(found) => {
                let may = found.permissions;
                *outcome = WalkOutcome {
                    address: found.spa.0,
                    size_log2: found.size_log2,
                    pbmt: found.pbmt as u8,
                    permissions: u8::from(may.read) | u8::from(may.write) << 1 | u8::from(may.execute) << 2,
                    target: match found.target {
                        Target::Memory => 0,
                        Target::Msi => 1,
                        Target::Mrif(_) => 2,
                    },
                    ..WalkOutcome::default()
                };
                LOCKSTEP_TRANSLATED
            }
            Outcome::Fault(fault) => {
                *outcome = WalkOutcome {
                    cause: fault.cause.code().into(),
                    iotval: fault.iotval,
                    iotval2: fault.iotval2,
                    reported: fault.reported.into(),
                    ..WalkOutcome::default()
                };
                LOCKSTEP_REFUSED
            }
            // Every word is there.
            Outcome::Unavailable => LOCKSTEP_ARGUMENT,
        }
    })
}

fn config(registers: &Registers) -> Option<Config> {
    let version = match registers.version {
        0 => SpecVersion::V20260222,
        1 => SpecVersion::V1_0_0,
        _ => return None,
    };
    let caps = Capabilities(registers.capabilities);
    let choices = golden::Choices { be_writable: caps.end(), ..golden::Choices::recommended(version) };
    Some(Config { caps, fctl: Fctl(registers.fctl), ddtp: Ddtp(registers.ddtp), version, choices })
}

fn asked(request: &WalkRequest) -> Option<Request> {
    let access = match request.access {
        LOCKSTEP_READ => Access::Read,
        LOCKSTEP_WRITE => Access::Write,
        LOCKSTEP_EXECUTE => Access::Execute,
        _ => return None,
    };
    if request.device >> 24 != 0 || request.process >> 20 != 0 {
        return None;
    }
    Some(Request {
        device: DeviceId(request.device),
        process: (request.has_process != 0).then_some(ProcessId(request.process)),
        privileged: request.privileged != 0,
        access,
        kind: if request.translated != 0 { Kind::Translated } else { Kind::Untranslated },
        iova: Iova(request.iova),
    })
}
