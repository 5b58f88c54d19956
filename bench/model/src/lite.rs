// SPDX-License-Identifier: Apache-2.0
//! The `reg_*` port: one register write and one register read at a time.

use boundary::{LiteManager, LiteSubordinate};

use super::registers::Registers;

/// The port.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lite {
    aw: Option<u16>,
    w: Option<(u64, u8)>,
    b: bool,
    r: Option<u64>,
}

impl Lite {
    /// Drives the port.
    pub(super) fn drive(&self, out: &mut LiteSubordinate) {
        out.aw_ready = self.aw.is_none() && !self.b;
        out.w_ready = self.w.is_none() && !self.b;
        out.b_valid = self.b;
        out.ar_ready = self.r.is_none();
        if let Some(value) = self.r {
            out.r_valid = true;
            out.r_data = value;
        }
    }

    /// Takes the handshakes of this cycle. `driven` is what [`Lite::drive`] made.
    pub(super) fn take(&mut self, seen: &LiteManager, driven: &LiteSubordinate, registers: &mut Registers) {
        if driven.b_valid && seen.b_ready {
            self.b = false;
        }
        if driven.r_valid && seen.r_ready {
            self.r = None;
        }
        if seen.aw_valid && driven.aw_ready {
            self.aw = Some(seen.aw_addr);
        }
        if seen.w_valid && driven.w_ready {
            self.w = Some((seen.w_data, seen.w_strb));
        }
        if let (Some(addr), Some((data, strobes))) = (self.aw, self.w) {
            registers.write(addr & 0xff8, data, strobes);
            self.aw = None;
            self.w = None;
            self.b = true;
        }
        if seen.ar_valid && driven.ar_ready {
            self.r = Some(registers.read(seen.ar_addr & 0xff8));
        }
    }
}
