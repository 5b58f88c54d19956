// SPDX-License-Identifier: Apache-2.0
//! State of one walk, and how it reads a word.

use crate::bits::mask;
use crate::table::{Need, Privilege, Rules};
use crate::{
    Access, Cause, Config, Decision, Fctl, Gpa, Kind, Purpose, Read, Request, Role, Spa, Step, Ta, Tags, Tc, Trace,
    Update, WordRef, Words,
};

/// A compare-and-exchange that fails this often in a row is given up as unavailable: a walk is bounded.
pub(crate) const MAX_UPDATES: u32 = 64;

/// Why a walk ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A fault, and its `iotval2`
    Fault(Cause, u64),
    /// A word was not available
    Unavailable,
    /// None: the address is used as it is, with the QoS IDs of these attributes
    Identity(Ta),
}

impl From<Cause> for Stop {
    #[inline]
    fn from(cause: Cause) -> Self {
        Self::Fault(cause, 0)
    }
}

/// Why a word could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    AccessFault,
    Corrupt,
    Unavailable,
}

impl Miss {
    /// As the fault that this structure makes of it.
    #[cold]
    pub(crate) const fn stop(self, access_fault: Cause, corrupt: Cause) -> Stop {
        match self {
            Self::AccessFault => Stop::Fault(access_fault, 0),
            Self::Corrupt => Stop::Fault(corrupt, 0),
            Self::Unavailable => Stop::Unavailable,
        }
    }
}

/// State of one walk.
pub(crate) struct Walk<'a, W, T> {
    pub config: &'a Config,
    pub words: &'a mut W,
    pub trace: &'a mut T,
    pub request: &'a Request,
    pub tags: Tags,
    /// What the second stage translates
    pub purpose: Purpose,
    pub fctl: Fctl,
    /// Of the device context, once it is located
    pub tc: Tc,
    /// Bits that must be 0 in a PTE
    pub reserved: u64,
    /// Highest physical address
    pub spa_max: u64,
}

impl<'a, W: Words, T: Trace> Walk<'a, W, T> {
    #[inline]
    pub(crate) fn new(config: &'a Config, words: &'a mut W, request: &'a Request, trace: &'a mut T) -> Self {
        let caps = config.caps;
        let mut reserved = mask(58, 54);
        if !caps.svrsw60t59b() {
            reserved |= mask(60, 59);
        }
        if !caps.svpbmt() {
            reserved |= mask(62, 61);
        }
        let tags =
            Tags { device: request.device, process: None, gscid: None, pscid: None, iova: request.iova, gpa: None };
        Self {
            config,
            words,
            trace,
            request,
            tags,
            purpose: Purpose::Final,
            fctl: config.fctl,
            tc: Tc(0),
            reserved,
            spa_max: caps.spa_max(),
        }
    }

    /// Which access page faults, guest-page faults and access faults are reported for.
    pub(crate) const fn access(&self) -> Access {
        match self.request.kind {
            Kind::Ats { execute: true, .. } => Access::Execute,
            Kind::Ats { .. } => Access::Read,
            _ => self.request.access,
        }
    }

    /// The rules for an access to a page table.
    #[inline(always)]
    pub(crate) const fn rules(&self, need: Need, privilege: Privilege) -> Rules {
        Rules { reserved: self.reserved, need, privilege }
    }

    /// Reads a doubleword of a directory or a context; the value is in host order.
    #[inline(always)]
    pub(crate) fn load(&mut self, addr: u64, role: Role, big_endian: bool) -> Result<u64, Miss> {
        self.load_word(addr, 8, role, None, big_endian)
    }

    /// Reads a word of 4 or 8 bytes; the value is in host order.
    ///
    /// The reference to the word is made here, and again where it is updated: a source that ignores its tags then costs
    /// nothing for them.
    #[inline(always)]
    pub(crate) fn load_word(
        &mut self,
        addr: u64,
        bytes: u8,
        role: Role,
        gpa: Option<Gpa>,
        big_endian: bool,
    ) -> Result<u64, Miss> {
        if addr > self.spa_max {
            return Err(Miss::AccessFault);
        }
        let word = WordRef { addr: Spa(addr), bytes, role, tags: Tags { gpa, ..self.tags } };
        match self.words.read(&word) {
            Read::Value(raw) => {
                let value = swap(raw, bytes, big_endian);
                if T::ENABLED {
                    self.trace.step(Step::Read { word, value });
                }
                Ok(value)
            }
            Read::AccessFault => Err(Miss::AccessFault),
            Read::Corrupt => Err(Miss::Corrupt),
            Read::Unavailable => Err(Miss::Unavailable),
        }
    }

    /// Sets bits of a PTE atomically. `Ok(false)`: memory has changed, read again.
    pub(crate) fn update(&mut self, word: &WordRef, big_endian: bool, old: u64, new: u64) -> Result<bool, Miss> {
        let (raw_old, raw_new) = (swap(old, word.bytes, big_endian), swap(new, word.bytes, big_endian));
        match self.words.compare_exchange(word, raw_old, raw_new) {
            Update::Done => {
                self.decide(Decision::Update(old, new));
                Ok(true)
            }
            Update::Changed => Ok(false),
            Update::AccessFault => Err(Miss::AccessFault),
            Update::Corrupt => Err(Miss::Corrupt),
            Update::Unavailable => Err(Miss::Unavailable),
        }
    }

    #[inline(always)]
    pub(crate) fn decide(&mut self, decision: Decision) {
        if T::ENABLED {
            self.trace.step(Step::Decide(decision));
        }
    }
}

#[inline(always)]
pub(crate) fn swap(value: u64, bytes: u8, big_endian: bool) -> u64 {
    if big_endian {
        swap_bytes(value, bytes)
    } else if bytes == 4 {
        value & 0xffff_ffff
    } else {
        value
    }
}

/// Out of line, so that little-endian tables do not wait for a swap that is not taken.
#[cold]
#[inline(never)]
const fn swap_bytes(value: u64, bytes: u8) -> u64 {
    if bytes == 4 { (value as u32).swap_bytes() as u64 } else { value.swap_bytes() }
}
