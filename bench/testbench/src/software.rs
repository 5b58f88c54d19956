// SPDX-License-Identifier: Apache-2.0
//! What software can do to this machine.

use driver::{Halted, Machine, StepKind};
use events::{Event, Named, Operation};
use golden::{DeviceId, Spa};

use super::clock::Testbench;
use super::other_cpu::{OtherCpu, OtherStore};

impl Testbench {
    /// Software that cleans up behind a halt does nothing more to the machine.
    const fn still_runs(&self) -> Result<(), Halted> {
        if self.halt.is_some() { Err(Halted) } else { Ok(()) }
    }

    /// Ticks until the register port is idle.
    fn register_access(&mut self, what: &str, register: u16) -> Result<(), Halted> {
        let begun = self.now;
        while !self.bus.register_idle() {
            self.tick()?;
            if self.now - begun > self.bounds.register {
                self.hung(format!("{what} of register {register:#x}: no response in {} cycles", self.bounds.register))?;
            }
        }
        Ok(())
    }
}

impl Testbench {
    /// Lets another processor make these stores, one after another, from the coming cycle on.
    pub fn start_cpu(&mut self, stores: Vec<OtherStore>) {
        self.others.retain(|cpu| !cpu.is_done());
        self.others.push(OtherCpu::new(stores, self.now));
    }

    /// All stores of other processors have been made.
    pub fn cpus_are_done(&self) -> bool {
        self.others.iter().all(OtherCpu::is_done)
    }
}

impl Machine for Testbench {
    fn store(&mut self, addr: Spa, value: u64) -> Result<(), Halted> {
        self.still_runs()?;
        self.bus.store(addr, value);
        if let Some(watch) = &mut self.watch {
            watch.stores.push((self.now, addr, value));
        }
        self.tick()
    }

    fn load(&mut self, addr: Spa) -> Result<u64, Halted> {
        self.tick()?;
        Ok(self.memory().read_u64(addr))
    }

    fn write_register(&mut self, offset: u16, bytes: u8, value: u64) -> Result<(), Halted> {
        self.still_runs()?;
        self.tell(&Event::RegWriteBegun { offset, bytes, value })?;
        if let Err(error) = self.bus.start_register_write(offset, bytes, value) {
            return self.hung(format!("write of register {offset:#x}: {error}"));
        }
        self.register_access("write", offset)
    }

    fn read_register(&mut self, offset: u16, bytes: u8) -> Result<u64, Halted> {
        self.still_runs()?;
        self.read = None;
        if let Err(error) = self.bus.start_register_read(offset, bytes) {
            self.hung(format!("read of register {offset:#x}: {error}"))?;
        }
        self.register_access("read", offset)?;
        Ok(self.read.unwrap_or_default())
    }

    fn wait(&mut self, cycles: u64) -> Result<(), Halted> {
        for _ in 0..cycles {
            self.tick()?;
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        self.now
    }

    fn begin(&mut self, operation: Operation) {
        let now = self.now;
        if let Some(recorder) = &mut self.recorder {
            recorder.begin(&operation, now);
        }
        let _ = self.tell(&Event::OperationBegun { operation });
    }

    fn end(&mut self, done: bool) {
        let now = self.now;
        if let Some(recorder) = &mut self.recorder {
            recorder.end(done, now);
        }
        let _ = self.tell(&Event::OperationEnded { done });
    }

    fn freed(&mut self, start: Spa, bytes: u64) {
        let _ = self.tell(&Event::Freed { start, bytes });
    }

    fn taken(&mut self, start: Spa, bytes: u64) {
        let _ = self.tell(&Event::Taken { start, bytes });
    }

    fn named(&mut self, name: &str, what: Named) {
        let _ = self.tell(&Event::Named { name: name.to_owned(), what });
    }

    fn step(&mut self, devices: &[DeviceId], kind: StepKind) {
        let now = self.now;
        if let (Some(recorder), [device, ..]) = (&mut self.recorder, devices) {
            recorder.step(device.0, kind, now);
        }
    }
}
