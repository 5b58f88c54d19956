// SPDX-License-Identifier: Apache-2.0
//! A small device: passes `dev_*` on to `mem_*` untranslated, plays a script on `ptw_*`, keeps registers.

use std::collections::VecDeque;

use boundary::{Address, Dut, Groups, Inputs, Outputs, ReadData, Stopped, WriteData, WriteResponse};

/// Changes what the device drives, in a cycle, before the handshakes of the cycle are taken.
pub type Sabotage = Box<dyn FnMut(u64, &Inputs, &mut Outputs)>;

const DEPTH: usize = 4;

/// The device. All outputs come from registers, as in real RTL.
#[derive(Default)]
pub struct Passthrough {
    aw: VecDeque<Address>,
    w: VecDeque<WriteData>,
    b: VecDeque<WriteResponse>,
    ar: VecDeque<Address>,
    r: VecDeque<ReadData>,
    /// Writes to make on `ptw_*`
    pub ptw_aw: VecDeque<Address>,
    pub ptw_w: VecDeque<WriteData>,
    /// Reads to make on `ptw_*`
    pub ptw_ar: VecDeque<Address>,
    reg_aw: Option<u16>,
    reg_w: Option<(u64, u8)>,
    reg_b: bool,
    reg_r: Option<u64>,
    pub registers: Vec<u64>,
    pub wsi: u16,
    /// Optional ports that it has
    pub groups: Groups,
    cycles: u64,
    /// A clock edge has come since reset
    awake: bool,
    pub sabotage: Option<Sabotage>,
}

impl Passthrough {
    fn outputs(&self) -> Outputs {
        let mut out = Outputs::default();
        out.dev.aw_ready = self.aw.len() < DEPTH;
        out.dev.w_ready = self.w.len() < DEPTH;
        out.dev.ar_ready = self.ar.len() < DEPTH;
        out.dev.b = self.b.front().copied().unwrap_or_default();
        out.dev.r = self.r.front().copied().unwrap_or_default();
        out.mem.aw = self.aw.front().copied().unwrap_or_default();
        out.mem.w = self.w.front().copied().unwrap_or_default();
        out.mem.ar = self.ar.front().copied().unwrap_or_default();
        out.mem.b_ready = self.b.len() < DEPTH;
        out.mem.r_ready = self.r.len() < DEPTH;
        out.wsi = self.wsi;
        if !self.awake {
            return out;
        }
        out.ptw.aw = self.ptw_aw.front().copied().unwrap_or_default();
        out.ptw.w = self.ptw_w.front().copied().unwrap_or_default();
        out.ptw.ar = self.ptw_ar.front().copied().unwrap_or_default();
        // Not ready now and then, so that a value waits on the wires after it left memory.
        out.ptw.b_ready = !self.cycles.is_multiple_of(3);
        out.ptw.r_ready = self.cycles % 3 != 1;
        out.reg.aw_ready = self.reg_aw.is_none() && !self.reg_b;
        out.reg.w_ready = self.reg_w.is_none() && !self.reg_b;
        out.reg.b_valid = self.reg_b;
        out.reg.ar_ready = self.reg_r.is_none();
        out.reg.r_valid = self.reg_r.is_some();
        out.reg.r_data = self.reg_r.unwrap_or_default();
        out
    }

    fn clock(&mut self, inputs: &Inputs, out: &Outputs) {
        let physical = |seen: &Address| Address { mmusid: 0, mmussidv: false, mmussid: 0, mmuatst: false, ..*seen };
        pass(&mut self.aw, out.mem.aw.valid && inputs.mem.aw_ready, inputs.dev.aw.valid && out.dev.aw_ready, || {
            physical(&inputs.dev.aw)
        });
        pass(&mut self.w, out.mem.w.valid && inputs.mem.w_ready, inputs.dev.w.valid && out.dev.w_ready, || {
            inputs.dev.w
        });
        pass(&mut self.ar, out.mem.ar.valid && inputs.mem.ar_ready, inputs.dev.ar.valid && out.dev.ar_ready, || {
            physical(&inputs.dev.ar)
        });
        pass(&mut self.b, out.dev.b.valid && inputs.dev.b_ready, inputs.mem.b.valid && out.mem.b_ready, || {
            inputs.mem.b
        });
        pass(&mut self.r, out.dev.r.valid && inputs.dev.r_ready, inputs.mem.r.valid && out.mem.r_ready, || {
            inputs.mem.r
        });
        drop_front(&mut self.ptw_aw, out.ptw.aw.valid && inputs.ptw.aw_ready);
        drop_front(&mut self.ptw_w, out.ptw.w.valid && inputs.ptw.w_ready);
        drop_front(&mut self.ptw_ar, out.ptw.ar.valid && inputs.ptw.ar_ready);
        self.clock_registers(inputs, out);
    }

    fn clock_registers(&mut self, inputs: &Inputs, out: &Outputs) {
        self.registers.resize(512, 0);
        self.reg_b &= !(out.reg.b_valid && inputs.reg.b_ready);
        if out.reg.r_valid && inputs.reg.r_ready {
            self.reg_r = None;
        }
        if inputs.reg.aw_valid && out.reg.aw_ready {
            self.reg_aw = Some(inputs.reg.aw_addr);
        }
        if inputs.reg.w_valid && out.reg.w_ready {
            self.reg_w = Some((inputs.reg.w_data, inputs.reg.w_strb));
        }
        if inputs.reg.ar_valid && out.reg.ar_ready {
            self.reg_r = Some(self.registers[usize::from(inputs.reg.ar_addr / 8)]);
        }
        if let (Some(addr), Some((data, strobes))) = (self.reg_aw, self.reg_w) {
            for lane in 0..8 {
                if strobes >> lane & 1 != 0 {
                    let byte = 0xff << (8 * lane);
                    let register = &mut self.registers[usize::from(addr / 8)];
                    *register = *register & !byte | data & byte;
                }
            }
            (self.reg_aw, self.reg_w, self.reg_b) = (None, None, true);
        }
    }
}

fn pass<T>(fifo: &mut VecDeque<T>, leaves: bool, enters: bool, payload: impl FnOnce() -> T) {
    drop_front(fifo, leaves);
    if enters {
        fifo.push_back(payload());
    }
}

fn drop_front<T>(fifo: &mut VecDeque<T>, leaves: bool) {
    if leaves {
        fifo.pop_front();
    }
}

impl Dut for Passthrough {
    fn cycle(&mut self, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), Stopped> {
        if !inputs.rst_n {
            let keep = (self.sabotage.take(), self.cycles);
            let script = (std::mem::take(&mut self.ptw_aw), std::mem::take(&mut self.ptw_w));
            let reads = std::mem::take(&mut self.ptw_ar);
            *self = Self {
                sabotage: keep.0,
                cycles: keep.1,
                ptw_aw: script.0,
                ptw_w: script.1,
                ptw_ar: reads,
                ..Self::default()
            };
            *outputs = Outputs::default();
            return Ok(());
        }
        *outputs = self.outputs();
        if let Some(sabotage) = &mut self.sabotage {
            sabotage(self.cycles, inputs, outputs);
        }
        self.clock(inputs, outputs);
        self.cycles += 1;
        self.awake = true;
        Ok(())
    }

    fn groups(&self) -> Groups {
        self.groups
    }
}
