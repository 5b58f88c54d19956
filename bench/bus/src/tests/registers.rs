// SPDX-License-Identifier: Apache-2.0
//! The register port.

use events::Event;

use super::{Machine, plain};
use crate::{BusConfig, RegisterError};

fn write(machine: &mut Machine, offset: u16, bytes: u8, value: u64) {
    machine.bus.start_register_write(offset, bytes, value).expect("idle");
    machine.settle().expect("no violation");
}

fn read(machine: &mut Machine, offset: u16, bytes: u8) -> u64 {
    machine.bus.start_register_read(offset, bytes).expect("idle");
    machine.settle().expect("no violation");
    machine.bus.register_value()
}

/// Each width uses the lanes that its address selects; a quarter of the cycles are stalls, with many seeds, so that
/// AW comes before, with and after W.
#[test]
fn lanes_follow_the_address() {
    for seed in 0..50 {
        let mut machine = Machine::new(BusConfig { reg_stall_percent: 25, ..plain() }, seed);
        write(&mut machine, 0x10, 8, 0x8877_6655_4433_2211);
        write(&mut machine, 0x14, 4, 0xffff_ffff_dddd_cccc);
        assert_eq!(read(&mut machine, 0x10, 8), 0xdddd_cccc_4433_2211);
        assert_eq!(read(&mut machine, 0x14, 4), 0xdddd_cccc);
        write(&mut machine, 0x10, 4, 0xbbbb_aaaa);
        assert_eq!(read(&mut machine, 0x10, 4), 0xbbbb_aaaa);
        assert_eq!(machine.dut.registers[2], 0xdddd_cccc_bbbb_aaaa);
        assert_eq!(read(&mut machine, 0xff8, 8), 0);
    }
}

#[test]
fn events_say_when_the_device_may_act() {
    let mut machine = Machine::new(plain(), 0);
    write(&mut machine, 0x14, 4, 7);
    read(&mut machine, 0x14, 4);
    // Nothing is driven in cycle 0, the first after reset. Both handshakes in cycle 1, response in cycle 2.
    let wanted = [
        (2, Event::RegWrite { offset: 0x14, bytes: 4, value: 7, accepted: 1 }),
        (4, Event::RegRead { offset: 0x14, bytes: 4, value: 7, accepted: 3 }),
    ];
    assert_eq!(machine.log, wanted);
    assert_eq!(machine.bus.register_response(), 0);
}

#[test]
fn one_at_a_time_and_only_legal_ones() {
    let mut machine = Machine::new(plain(), 0);
    let bus = &mut machine.bus;
    for (offset, bytes) in [(0x10, 2), (0x10, 0), (0x12, 4), (0x14, 8), (0x1000, 4), (0xffff, 8)] {
        assert_eq!(bus.start_register_read(offset, bytes), Err(RegisterError::Illegal { offset, bytes }));
        assert_eq!(bus.start_register_write(offset, bytes, 0), Err(RegisterError::Illegal { offset, bytes }));
    }
    assert!(bus.register_idle());
    assert_eq!(bus.start_register_write(0, 8, 0), Ok(()));
    assert_eq!(bus.start_register_write(0, 8, 0), Err(RegisterError::Busy));
    assert_eq!(bus.start_register_read(0, 8), Ok(()), "a read beside a write");
    assert_eq!(bus.start_register_read(0, 8), Err(RegisterError::Busy));
    assert!(!bus.register_idle());
    machine.settle().expect("no violation");
    assert!(machine.bus.register_idle());
}
