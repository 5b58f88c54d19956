// SPDX-License-Identifier: Apache-2.0
//! The register port: the AXI4-Lite manager that software drives, one write and one read at a time.

use boundary::{LiteManager, LiteSubordinate};
use events::{Cycle, EXOKAY, Event};

use super::complaints::Complaints;
use super::dice::Dice;
use super::held::{Held, Payload};
use super::violation::{Channel, Port, ProtocolViolation, Rule, Site};

/// A register access that cannot be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// One of that direction is under way.
    #[error("an access of the same direction is under way")]
    Busy,
    /// Not an aligned access of 4 or 8 bytes to the 4 KiB page.
    #[error("access of {bytes} bytes at {offset:#x} is not an aligned one of 4 or 8 bytes within 4 KiB")]
    Illegal {
        /// Byte offset
        offset: u16,
        /// Width
        bytes: u8,
    },
}

#[derive(Clone, Copy, Debug)]
struct Access {
    offset: u16,
    bytes: u8,
    value: u64,
    /// AW or AR is shown from this cycle on; drawn in the first cycle of the access
    address_from: Option<Cycle>,
    data_from: Cycle,
    address_taken: bool,
    data_taken: bool,
    /// When the last of its request was taken
    accepted: Cycle,
}

impl Access {
    fn complete(&self) -> bool {
        self.address_taken && self.data_taken
    }

    /// Its place in the doubleword, in bits.
    fn shift(&self) -> u32 {
        8 * u32::from(self.offset & 7)
    }
}

/// A response as the stability check sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Response {
    data: u64,
    resp: u8,
}

impl Payload for Response {
    fn describe(&self) -> String {
        format!("data {:#018x} resp {}", self.data, self.resp)
    }
}

/// The manager of `reg_*`.
#[derive(Clone, Debug)]
pub(super) struct RegisterPort {
    stall_percent: u8,
    dice: Dice,
    write: Option<Access>,
    read: Option<Access>,
    b: Held<Response>,
    r: Held<Response>,
    value: u64,
    response: u8,
}

impl RegisterPort {
    pub(super) fn new(stall_percent: u8, dice: Dice) -> Self {
        Self {
            stall_percent,
            dice,
            write: None,
            read: None,
            b: Held::default(),
            r: Held::default(),
            value: 0,
            response: 0,
        }
    }

    /// Drops what is under way: reset.
    pub(super) fn clear(&mut self) {
        self.write = None;
        self.read = None;
        self.b = Held::default();
        self.r = Held::default();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.write.is_none() && self.read.is_none()
    }

    pub(super) fn set_stall(&mut self, percent: u8) {
        self.stall_percent = percent;
    }

    /// Value that the last read brought back.
    pub(super) fn value(&self) -> u64 {
        self.value
    }

    /// Response of the access that ended last.
    pub(super) fn response(&self) -> u8 {
        self.response
    }

    pub(super) fn start_write(&mut self, offset: u16, bytes: u8, value: u64) -> Result<(), RegisterError> {
        start(&mut self.write, offset, bytes, value, false)
    }

    pub(super) fn start_read(&mut self, offset: u16, bytes: u8) -> Result<(), RegisterError> {
        start(&mut self.read, offset, bytes, 0, true)
    }

    pub(super) fn drive(&mut self, now: Cycle) -> LiteManager {
        let mut out = LiteManager {
            b_ready: !self.dice.percent(self.stall_percent),
            r_ready: !self.dice.percent(self.stall_percent),
            ..LiteManager::default()
        };
        if let Some(write) = &mut self.write {
            let from = *write.address_from.get_or_insert_with(|| {
                // Address first, data first, or both at once: AXI allows each.
                write.data_from = now + delay(&mut self.dice, self.stall_percent);
                now + delay(&mut self.dice, self.stall_percent)
            });
            out.aw_valid = now >= from && !write.address_taken;
            out.aw_addr = write.offset;
            out.w_valid = now >= write.data_from && !write.data_taken;
            out.w_data = write.value << write.shift();
            out.w_strb = if write.bytes == 8 { 0xff } else { 0x0f << (write.offset & 4) };
        }
        if let Some(read) = &mut self.read {
            let from = *read.address_from.get_or_insert_with(|| now + delay(&mut self.dice, self.stall_percent));
            out.ar_valid = now >= from && !read.address_taken;
            out.ar_addr = read.offset;
        }
        out
    }

    pub(super) fn observe(
        &mut self,
        now: Cycle,
        driven: &LiteManager,
        seen: &LiteSubordinate,
        complaints: &mut Complaints,
        events: &mut Vec<Event>,
    ) -> Result<(), ProtocolViolation> {
        let b = Site { port: Port::Reg, channel: Channel::B, cycle: now };
        let shown = Response { data: 0, resp: seen.b_resp };
        if complaints.past(self.b.check(b, seen.b_valid, driven.b_ready, &shown))? {
            complaints.past(check_response(b, self.write.as_ref(), seen.b_resp))?;
        }
        let r = Site { channel: Channel::R, ..b };
        let shown = Response { data: seen.r_data, resp: seen.r_resp };
        if complaints.past(self.r.check(r, seen.r_valid, driven.r_ready, &shown))? {
            complaints.past(check_response(r, self.read.as_ref(), seen.r_resp))?;
        }
        if let Some(write) = &mut self.write {
            let before = write.complete();
            write.address_taken |= driven.aw_valid && seen.aw_ready;
            write.data_taken |= driven.w_valid && seen.w_ready;
            if write.complete() && !before {
                write.accepted = now;
            }
        }
        if let Some(read) = &mut self.read
            && driven.ar_valid
            && seen.ar_ready
        {
            read.address_taken = true;
            read.accepted = now;
        }
        if seen.b_valid
            && driven.b_ready
            && let Some(Access { offset, bytes, value, accepted, .. }) = self.write.take()
        {
            self.response = seen.b_resp;
            events.push(Event::RegWrite { offset, bytes, value, accepted });
        }
        if seen.r_valid
            && driven.r_ready
            && let Some(read) = self.read.take()
        {
            let Access { offset, bytes, accepted, .. } = read;
            let value = (seen.r_data >> read.shift()) & width_mask(bytes);
            self.value = value;
            self.response = seen.r_resp;
            events.push(Event::RegRead { offset, bytes, value, accepted });
        }
        Ok(())
    }
}

fn start(slot: &mut Option<Access>, offset: u16, bytes: u8, value: u64, read: bool) -> Result<(), RegisterError> {
    if !matches!(bytes, 4 | 8) || offset & u16::from(bytes - 1) != 0 || offset >= 4096 {
        return Err(RegisterError::Illegal { offset, bytes });
    }
    if slot.is_some() {
        return Err(RegisterError::Busy);
    }
    *slot = Some(Access {
        offset,
        bytes,
        value: value & width_mask(bytes),
        address_from: None,
        data_from: 0,
        address_taken: false,
        data_taken: read,
        accepted: 0,
    });
    Ok(())
}

fn width_mask(bytes: u8) -> u64 {
    if bytes == 8 { u64::MAX } else { 0xffff_ffff }
}

fn delay(dice: &mut Dice, percent: u8) -> Cycle {
    if dice.percent(percent) { Cycle::from(dice.below(4)) } else { 0 }
}

fn check_response(site: Site, access: Option<&Access>, resp: u8) -> Result<(), ProtocolViolation> {
    match access {
        Some(access) if access.complete() => {}
        Some(access) => {
            let detail = format!("register {:#x}", access.offset);
            return Err(site.broke(Rule::Early, detail, "a response after the request", "a response before it"));
        }
        None => return Err(site.broke(Rule::ResponseId, "register access", "no response", "a response")),
    }
    if resp == EXOKAY {
        return Err(site.broke(Rule::LiteExokay, "register access", "OKAY, SLVERR or DECERR", "EXOKAY"));
    }
    Ok(())
}
