// SPDX-License-Identifier: Apache-2.0
//! Status and pending bits of the page-request queue, and until when it may have lost something.

use events::Cycle;

use super::queue_status::{Csr, Names, QueueStatus};
use super::rule::{Rule, Violation};

const NAMES: Names = Names {
    status: [(Rule::Register, "pqcsr.pqmf"), (Rule::Register, "pqcsr.pqof")],
    enable: "pqcsr.pqen",
    interrupt: "pqcsr.pie",
};

/// See the module.
#[derive(Debug)]
pub struct PageInterrupts {
    /// The bits
    pub queue: QueueStatus,
    excused: Cycle,
    /// Software has switched the queue on, or cleared an error, and has not read since what came of it
    unsure: bool,
}

impl PageInterrupts {
    /// A queue that is off.
    pub fn new() -> Self {
        PageInterrupts { queue: QueueStatus::new(&NAMES), excused: 0, unsure: false }
    }

    /// A page request that met the queue later than this cycle was queued: the queue was on, and has shown no error.
    pub fn excused(&self) -> Cycle {
        if self.queue.is_on() && !self.unsure { self.excused } else { Cycle::MAX }
    }

    /// Software begins to write `pqcsr`.
    pub fn write_csr(&mut self, csr: Csr, now: Cycle) {
        if self.queue.write(csr, now) || !csr.enabled() || csr.error() {
            self.excused = self.excused.max(now);
            self.unsure = true;
        }
    }

    /// Software read `pqcsr`.
    pub fn read_csr(&mut self, csr: Csr, overflow: Option<Cycle>, accepted: Cycle) -> Result<(), Violation> {
        if csr.busy() {
            return Ok(());
        }
        if csr.error() || !csr.on() || self.unsure {
            self.excused = self.excused.max(accepted);
        }
        self.unsure = !csr.on();
        self.queue.read(csr, overflow, accepted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: u32 = 3;
    const ACTIVE: u32 = ON | 1 << 16;
    const OVERFLOW: u32 = 1 << 9;

    fn on() -> PageInterrupts {
        let mut interrupts = PageInterrupts::new();
        interrupts.write_csr(Csr(ON), 10);
        interrupts
    }

    #[test]
    fn an_overflow_shows_only_after_a_full_queue() {
        let full = Csr(ACTIVE | OVERFLOW);
        assert!(on().read_csr(full, None, 100).is_err());
        let mut interrupts = on();
        assert!(interrupts.read_csr(full, Some(90), 100).is_ok());
        assert_eq!(interrupts.excused(), 100);
        interrupts.write_csr(full, 120);
        assert_eq!(interrupts.excused(), Cycle::MAX, "until software has seen the queue at work");
        assert!(interrupts.read_csr(Csr(ACTIVE), None, 130).is_ok());
        assert_eq!(interrupts.excused(), 130);
    }

    #[test]
    fn the_queue_is_on_as_software_wrote() {
        assert!(on().read_csr(Csr(1 << 16), None, 100).is_err());
        assert!(on().read_csr(Csr(ACTIVE), None, 100).is_ok());
    }
}
