// SPDX-License-Identifier: Apache-2.0
//! Each rule of the protocol has a device that breaks it, and is caught; a device that keeps them all is not.

use std::collections::BTreeSet;

use boundary::{Address, Inputs, Outputs, WriteData};
use events::{ATOMIC_COMPARE, Direction, Event, FIXED, INCR, WRAP};

use super::messages;
use super::{Machine, address, plain, read, words, write};
use crate::{BusConfig, Channel, Port, ProtocolViolation, Rule};

/// Where, and what was broken.
pub type Caught = (Port, Channel, Rule);
type Set = fn(&mut Outputs);
type Spoil = fn(u64, &Inputs, &mut Outputs);

/// Runs the machine until it is caught; sabotage begins in cycle 1.
fn caught(mut machine: Machine) -> Option<ProtocolViolation> {
    (0..2000).find_map(|_| machine.cycle().err())
}

fn key(violation: &ProtocolViolation) -> Caught {
    (violation.port, violation.channel, violation.rule)
}

/// A device that drives just what `drive` says, after the first cycle; it is busy with reads, writes and register
/// accesses that nobody else answers.
pub fn puppet(drive: impl FnMut(u64, &Inputs, &mut Outputs) + 'static) -> Machine {
    let mut drive = drive;
    let mut machine = Machine::new(plain(), 0);
    machine.enqueue(read(1, 0x1000, 4));
    machine.enqueue(write(2, 0x2000, &[1, 2, 3, 4]));
    machine.bus.start_register_write(0, 8, 0).expect("idle");
    machine.bus.start_register_read(0, 8).expect("idle");
    machine.dut.sabotage = Some(Box::new(move |now, inputs, out| {
        *out = Outputs::default();
        if now > 0 {
            drive(now, inputs, out);
        }
    }));
    machine
}

fn on_aw(port: Port, aw: Address) -> Machine {
    puppet(move |_, _, out| manager(port, out).aw = aw)
}

fn on_ar(port: Port, ar: Address) -> Machine {
    puppet(move |_, _, out| manager(port, out).ar = ar)
}

fn manager(port: Port, out: &mut Outputs) -> &mut boundary::Manager {
    if port == Port::Mem { &mut out.mem } else { &mut out.ptw }
}

/// One AW, then these W beats, on a port.
fn burst(port: Port, aw: Address, beats: &[WriteData]) -> Machine {
    let mut beats = beats.to_vec();
    beats.reverse();
    puppet(move |now, inputs, out| {
        let out = manager(port, out);
        let ready = if port == Port::Mem { inputs.mem.w_ready } else { inputs.ptw.w_ready };
        if now == 1 {
            out.aw = aw;
        }
        if now > 1 && ready {
            out.w = beats.pop().unwrap_or_default();
        }
    })
}

/// Shapes of an address channel and the rule that each breaks.
fn bad_shapes() -> Vec<(Rule, Address)> {
    let good = address(1, 0x1000, 4);
    vec![
        (Rule::BurstKind, Address { burst: 3, ..good }),
        (Rule::Size, Address { size: 4, ..good }),
        (Rule::Length, Address { burst: FIXED, len: 16, ..good }),
        (Rule::Length, Address { burst: WRAP, len: 4, ..good }),
        (Rule::WrapAlignment, Address { burst: WRAP, addr: 0x1004, ..good }),
        (Rule::Boundary, Address { addr: 0x1fe8, ..good }),
        (Rule::Cache, Address { cache: 0b1001, ..good }),
        (Rule::Exclusive, Address { lock: true, addr: 0x1008, ..good }),
        (Rule::Exclusive, Address { lock: true, len: 2, ..good }),
        (Rule::Exclusive, Address { lock: true, len: 31, ..good }),
        (Rule::AddressWidth, Address { addr: 1 << 56, ..good }),
    ]
}

fn bad_atomics() -> Vec<Address> {
    let good = Address { atop: ATOMIC_COMPARE, ..address(1, 0x1000, 2) };
    vec![
        Address { atop: 0x30, ..good },
        Address { len: 3, ..good },
        Address { len: 0, size: 0, ..good },
        Address { size: 2, ..good },
        Address { addr: 0x1004, ..good },
        Address { addr: 0x1008, ..good },
        Address { burst: WRAP, ..good },
    ]
}

/// Every way to break a rule that the bench knows: what must be caught, and the device.
fn faults() -> Vec<(Caught, Machine)> {
    let mut all = Vec::new();
    for port in [Port::Mem, Port::Ptw] {
        for (rule, seen) in bad_shapes() {
            all.push(((port, Channel::Aw, rule), on_aw(port, seen)));
            all.push(((port, Channel::Ar, rule), on_ar(port, seen)));
        }
        all.extend(write_faults(port));
    }
    for aw in bad_atomics() {
        all.push(((Port::Ptw, Channel::Aw, Rule::Atomic), on_aw(Port::Ptw, aw)));
    }
    all.extend(atomic_faults());
    all.extend(handshake_faults());
    all.extend(reset_faults());
    all.extend(response_faults());
    all.extend(register_faults());
    all.extend(messages::faults());
    all
}

fn write_faults(port: Port) -> Vec<(Caught, Machine)> {
    let mut early = words(&[1, 2, 3]);
    early[1].last = true;
    let mut late = words(&[1, 2, 3]);
    late[2].last = false;
    let outside = [WriteData { strb: 0x0f, ..words(&[1])[0] }];
    let narrow = Address { size: 2, addr: 0x1004, ..address(1, 0x1000, 1) };
    let w = |rule| (port, Channel::W, rule);
    // The same when the data come first, and nobody knows yet how many are right.
    let mut ahead = words(&[1, 2, 3]);
    ahead.reverse();
    let data_first = puppet(move |now, _, out| {
        let out = manager(port, out);
        out.w = ahead.pop().unwrap_or_default();
        if now == 8 {
            out.aw = address(1, 0x1000, 2);
        }
    });
    vec![
        (w(Rule::WriteLast), burst(port, address(1, 0x1000, 3), &early)),
        (w(Rule::WriteLast), burst(port, address(1, 0x1000, 3), &late)),
        (w(Rule::WriteLast), data_first),
        (w(Rule::Strobes), burst(port, narrow, &outside)),
    ]
}

fn atomic_faults() -> Vec<(Caught, Machine)> {
    let atomic = Address { atop: ATOMIC_COMPARE, ..address(1, 0x1000, 2) };
    let partial: Vec<_> = words(&[1, 2]).into_iter().map(|beat| WriteData { strb: 0x0f, ..beat }).collect();
    // An atomic and something else with one ID, in both orders.
    let pair = |first: Set, second: Set| {
        puppet(move |now, _, out| match now {
            1 => first(out),
            2 => second(out),
            _ => {}
        })
    };
    let atom: Set = |out| out.ptw.aw = Address { atop: ATOMIC_COMPARE, ..address(1, 0x1000, 2) };
    let ar: Set = |out| out.ptw.ar = address(1, 0x2000, 8);
    let aw: Set = |out| out.ptw.aw = address(1, 0x2000, 8);
    vec![
        ((Port::Ptw, Channel::W, Rule::Atomic), burst(Port::Ptw, atomic, &partial)),
        ((Port::Ptw, Channel::Ar, Rule::AtomicId), pair(atom, ar)),
        ((Port::Ptw, Channel::Aw, Rule::AtomicId), pair(atom, aw)),
        ((Port::Ptw, Channel::Aw, Rule::AtomicId), pair(ar, atom)),
        ((Port::Ptw, Channel::Aw, Rule::AtomicId), pair(aw, atom)),
        ((Port::Ptw, Channel::Aw, Rule::AtomicId), pair(atom, atom)),
    ]
}

/// On each channel: VALID falls while it waits, and the payload changes while it waits.
fn handshake_faults() -> Vec<(Caught, Machine)> {
    let mut all = Vec::new();
    for port in [Port::Mem, Port::Ptw] {
        for (channel, drop) in [Channel::Aw, Channel::W, Channel::Ar].into_iter().flat_map(|c| [(c, true), (c, false)])
        {
            let mut machine = puppet(move |now, _, out| {
                let out = manager(port, out);
                let shown = !(drop && now == 4);
                let bump = u64::from(!drop && now == 4);
                match channel {
                    Channel::Aw => out.aw = Address { valid: shown, addr: 0x1000 + 8 * bump, ..address(1, 0, 1) },
                    Channel::Ar => out.ar = Address { valid: shown, id: 1 + bump as u8, ..address(1, 0x1000, 1) },
                    _ => out.w = WriteData { valid: shown, data: bump, ..words(&[0])[0] },
                }
            });
            // The port takes nothing, so that VALID has to wait.
            machine.bus.mem_timing_mut().stall_percent = 100;
            machine.bus.ptw_timing_mut().stall_percent = 100;
            let rule = if drop { Rule::Dropped } else { Rule::Stable };
            all.push(((port, channel, rule), machine));
        }
    }
    for (channel, drop) in [Channel::B, Channel::R].into_iter().flat_map(|c| [(c, true), (c, false)]) {
        let mut machine = puppet(move |now, inputs, out| {
            take_all(inputs, out);
            if now >= 12 {
                let spoilt = now == 16;
                out.dev.b =
                    boundary::WriteResponse { valid: !(drop && spoilt), id: 2, resp: if spoilt { 2 } else { 0 } };
                out.dev.b.valid &= channel == Channel::B;
                out.dev.r.valid = channel == Channel::R && !(drop && spoilt);
                out.dev.r.id = 1;
                out.dev.r.data = u64::from(spoilt);
            }
        });
        machine.bus.dev_timing_mut().ready_percent = 0;
        all.push(((Port::Dev, channel, if drop { Rule::Dropped } else { Rule::Stable }), machine));
        let mut machine = puppet(move |now, inputs, out| {
            take_all(inputs, out);
            let spoilt = now == 16;
            let valid = now >= 12 && !(drop && spoilt);
            out.reg.b_valid = valid && channel == Channel::B;
            out.reg.r_valid = valid && channel == Channel::R;
            out.reg.b_resp = if spoilt { 2 } else { 0 };
            out.reg.r_data = u64::from(spoilt);
        });
        machine.bus.set_register_stall(100);
        // Nothing of the access itself may wait: the stall is for the responses.
        all.push(((Port::Reg, channel, if drop { Rule::Dropped } else { Rule::Stable }), machine));
    }
    all
}

/// Accepts all that the bench sends.
fn take_all(_: &Inputs, out: &mut Outputs) {
    out.dev.aw_ready = true;
    out.dev.w_ready = true;
    out.dev.ar_ready = true;
    out.reg.aw_ready = true;
    out.reg.w_ready = true;
    out.reg.ar_ready = true;
}

/// Each VALID, in reset and in the first cycle after it.
fn reset_faults() -> Vec<(Caught, Machine)> {
    let valids: [(Port, Channel, Set); 10] = [
        (Port::Dev, Channel::B, |out| out.dev.b.valid = true),
        (Port::Dev, Channel::R, |out| out.dev.r.valid = true),
        (Port::Mem, Channel::Aw, |out| out.mem.aw = address(0, 0, 1)),
        (Port::Mem, Channel::W, |out| out.mem.w.valid = true),
        (Port::Mem, Channel::Ar, |out| out.mem.ar = address(0, 0, 1)),
        (Port::Ptw, Channel::Aw, |out| out.ptw.aw = address(0, 0, 1)),
        (Port::Ptw, Channel::W, |out| out.ptw.w.valid = true),
        (Port::Ptw, Channel::Ar, |out| out.ptw.ar = address(0, 0, 1)),
        (Port::Reg, Channel::B, |out| out.reg.b_valid = true),
        (Port::Reg, Channel::R, |out| out.reg.r_valid = true),
    ];
    let machine = |set: Set| {
        let mut machine = Machine::new(plain(), 0);
        machine.dut.sabotage = Some(Box::new(move |_, _, out| set(out)));
        machine
    };
    valids.into_iter().map(|(port, channel, set)| ((port, channel, Rule::Reset), machine(set))).collect()
}

fn response_faults() -> Vec<(Caught, Machine)> {
    let b = |rule| (Port::Dev, Channel::B, rule);
    let r = |rule| (Port::Dev, Channel::R, rule);
    // Each answers after everything was taken, in cycle 12.
    let answer = |set: Set| {
        puppet(move |now, inputs, out| {
            take_all(inputs, out);
            if now == 12 {
                set(out);
            }
        })
    };
    let beats = |lasts: &'static [bool]| {
        puppet(move |now, inputs, out| {
            take_all(inputs, out);
            if let Some(&last) = now.checked_sub(12).and_then(|at| lasts.get(at as usize)) {
                out.dev.r = boundary::ReadData { valid: true, id: 1, last, ..Default::default() };
            }
        })
    };
    // Address not accepted; then address accepted, but only three of four words of data.
    let mut unaccepted = puppet(|now, _, out| {
        if now == 12 {
            out.dev.b = boundary::WriteResponse { valid: true, id: 2, resp: 0 };
        }
    });
    unaccepted.bus.dev_timing_mut().gap_percent = 0;
    let mut taken = 0;
    let data_missing = puppet(move |now, inputs, out| {
        take_all(inputs, out);
        out.dev.w_ready = taken < 3;
        taken += u64::from(inputs.dev.w.valid && out.dev.w_ready);
        if now == 12 {
            out.dev.b = boundary::WriteResponse { valid: true, id: 2, resp: 0 };
        }
    });
    // In the cycle of the last W beat itself: a path from input to output without a register.
    let same_cycle = puppet(|_, inputs, out| {
        take_all(inputs, out);
        out.dev.b = boundary::WriteResponse { valid: inputs.dev.w.valid && inputs.dev.w.last, id: 2, resp: 0 };
    });
    let read_unaccepted = puppet(|now, _, out| {
        if now == 12 {
            out.dev.r = boundary::ReadData { valid: true, id: 1, ..Default::default() };
        }
    });
    vec![
        (b(Rule::ResponseId), answer(|out| out.dev.b = boundary::WriteResponse { valid: true, id: 3, resp: 0 })),
        (b(Rule::Exokay), answer(|out| out.dev.b = boundary::WriteResponse { valid: true, id: 2, resp: 1 })),
        (b(Rule::Early), unaccepted),
        (b(Rule::Early), data_missing),
        (b(Rule::Early), same_cycle),
        (
            r(Rule::ResponseId),
            answer(|out| out.dev.r = boundary::ReadData { valid: true, id: 2, ..Default::default() }),
        ),
        (
            r(Rule::Exokay),
            answer(|out| out.dev.r = boundary::ReadData { valid: true, id: 1, resp: 1, ..Default::default() }),
        ),
        (r(Rule::Early), read_unaccepted),
        (r(Rule::ReadLast), beats(&[false, true])),
        (r(Rule::ReadLast), beats(&[false, false, false, false])),
        // One beat too many answers nothing.
        (r(Rule::ResponseId), beats(&[false, false, false, true, false])),
    ]
}

fn register_faults() -> Vec<(Caught, Machine)> {
    let at = |channel, rule| (Port::Reg, channel, rule);
    let answer = |take: bool, set: Set| {
        puppet(move |now, inputs, out| {
            if take {
                take_all(inputs, out);
            }
            if now == 12 {
                set(out);
            }
        })
    };
    let address_only = puppet(|now, _, out| {
        out.reg.aw_ready = true;
        out.reg.b_valid = now == 12;
    });
    let data_only = puppet(|now, _, out| {
        out.reg.w_ready = true;
        out.reg.b_valid = now == 12;
    });
    let twice = |channel| {
        puppet(move |now, inputs, out| {
            take_all(inputs, out);
            out.reg.b_valid = channel == Channel::B && (now == 12 || now == 14);
            out.reg.r_valid = channel == Channel::R && (now == 12 || now == 14);
        })
    };
    vec![
        (at(Channel::B, Rule::Early), address_only),
        (at(Channel::B, Rule::Early), data_only),
        (at(Channel::R, Rule::Early), answer(false, |out| out.reg.r_valid = true)),
        (at(Channel::B, Rule::ResponseId), twice(Channel::B)),
        (at(Channel::R, Rule::ResponseId), twice(Channel::R)),
        (
            at(Channel::B, Rule::LiteExokay),
            answer(true, |out| {
                out.reg.b_valid = true;
                out.reg.b_resp = 1;
            }),
        ),
        (
            at(Channel::R, Rule::LiteExokay),
            answer(true, |out| {
                out.reg.r_valid = true;
                out.reg.r_resp = 1;
            }),
        ),
    ]
}

#[test]
fn each_rule_is_enforced() {
    let mut rules = BTreeSet::new();
    for (at, (wanted, machine)) in faults().into_iter().enumerate() {
        let violation = caught(machine).unwrap_or_else(|| panic!("fault {at}: nothing caught, wanted {wanted:?}"));
        assert_eq!(key(&violation), wanted, "fault {at}: {violation}");
        assert_eq!(violation.section, wanted.2.section());
        assert!(!violation.right.is_empty() && !violation.wrong.is_empty() && violation.right != violation.wrong);
        rules.insert(wanted.2);
    }
    let all: BTreeSet<_> = Rule::ALL.iter().copied().collect();
    assert_eq!(rules, all, "each rule has a fault");
}

/// The same faults in the middle of traffic, where the device behaves otherwise.
#[test]
fn faults_under_traffic() {
    let spoil: [(Caught, Spoil); 8] = [
        // Shortens every long burst; the data go on as they were.
        ((Port::Mem, Channel::W, Rule::WriteLast), |_, _, out| out.mem.aw.len = out.mem.aw.len.saturating_sub(1)),
        ((Port::Mem, Channel::Ar, Rule::Dropped), |now, _, out| out.mem.ar.valid &= now % 2 == 0),
        ((Port::Mem, Channel::Aw, Rule::Stable), |now, _, out| out.mem.aw.prot = (now & 1) as u8),
        ((Port::Mem, Channel::W, Rule::Stable), |now, _, out| out.mem.w.data ^= now & 1),
        ((Port::Dev, Channel::R, Rule::Stable), |now, _, out| out.dev.r.data ^= now & 1),
        ((Port::Dev, Channel::B, Rule::ResponseId), |_, _, out| out.dev.b.id ^= 0x80),
        ((Port::Dev, Channel::R, Rule::ReadLast), |_, _, out| out.dev.r.last = false),
        ((Port::Dev, Channel::B, Rule::Dropped), |now, _, out| out.dev.b.valid &= now % 3 != 0),
    ];
    for (wanted, sabotage) in spoil {
        for seed in 0..10 {
            let mut machine = Machine::new(BusConfig::default(), seed);
            machine.bus.dev_timing_mut().ready_percent = 50;
            machine.bus.mem_timing_mut().stall_percent = 50;
            for at in 0..30 {
                machine.enqueue(read(at % 4, 0x1000, 4));
                machine.enqueue(write(at % 4, 0x2000, &[3; 4]));
            }
            machine.dut.sabotage = Some(Box::new(sabotage));
            let violation = caught(machine).unwrap_or_else(|| panic!("seed {seed}: {wanted:?} not caught"));
            assert_eq!(key(&violation), wanted, "seed {seed}: {violation}");
        }
    }
}

/// What looks odd and is legal must pass.
#[test]
fn legal_oddities_pass() {
    // Bytes without a strobe may change while they wait; so may lanes outside a narrow read beat.
    let mut machine = puppet(|now, inputs, out| {
        out.mem.w = WriteData { valid: true, data: now << 32, strb: 0x0f, last: true };
        take_all(inputs, out);
        if now >= 12 {
            out.dev.r =
                boundary::ReadData { valid: now < 20, id: 7, data: now << 32, last: true, ..Default::default() };
        }
    });
    machine.bus.mem_timing_mut().stall_percent = 100;
    machine.bus.dev_timing_mut().ready_percent = 0;
    let narrow = events::Burst { len: 0, size: 2, kind: INCR };
    machine.enqueue(events::DmaRequest { burst: narrow, ..read(7, 0x1000, 1) });
    for cycle in 0..19 {
        machine.cycle().unwrap_or_else(|violation| panic!("cycle {cycle}: {violation}"));
    }
    // READY may fall without a handshake, responses may interleave between IDs, and reads may overtake.
    let mut machine = Machine::new(plain(), 0);
    machine.enqueue(read(1, 0x1000, 2));
    machine.enqueue(read(2, 0x1000, 2));
    machine.dut.sabotage = Some(Box::new(|now, inputs, out| {
        *out = Outputs::default();
        take_all(inputs, out);
        out.dev.ar_ready = now % 2 == 1;
        let beats = [(2, false), (1, false), (1, true), (2, true)];
        if let Some(&(id, last)) = now.checked_sub(10).and_then(|at| beats.get(at as usize)) {
            out.dev.r = boundary::ReadData { valid: true, id, last, ..Default::default() };
        }
    }));
    (0..20).for_each(|_| machine.cycle().expect("legal"));
    let done = machine.log.iter().filter(|(_, event)| matches!(event, Event::DmaDone { .. })).count();
    assert_eq!((done, machine.bus.outstanding(Direction::Read)), (2, 0));
    // Shapes at the edge of what is legal.
    for seen in [
        Address { burst: WRAP, addr: 0x1ff8, ..address(1, 0, 16) },
        Address { burst: FIXED, addr: 0x1ff9, ..address(1, 0, 16) },
        Address { lock: true, addr: 0x1000, ..address(1, 0, 16) },
        Address { cache: 0b1111, addr: 0x1800, ..address(1, 0, 256) },
        Address { addr: (1 << 56) - 8, ..address(1, 0, 1) },
    ] {
        let machine = puppet(move |now, _, out| {
            if now == 1 {
                (out.mem.ar, out.ptw.ar) = (seen, seen);
            }
            (out.mem.r_ready, out.ptw.r_ready) = (true, true);
        });
        assert_eq!(caught(machine), None, "{seen:?}");
    }
}

/// A device in reset may show nothing, in whatever cycle the reset comes.
#[test]
fn valid_in_a_later_reset_is_caught() {
    let mut machine = Machine::new(plain(), 0);
    (0..10).for_each(|_| machine.cycle().expect("no violation"));
    let inputs = Inputs { rst_n: false, ..Inputs::default() };
    let mut outputs = Outputs::default();
    let mut events = Vec::new();
    assert!(machine.bus.observe(10, &inputs, &outputs, &mut events).is_ok());
    outputs.ptw.w.valid = true;
    let violation = machine.bus.observe(11, &inputs, &outputs, &mut events).expect_err("VALID in reset");
    assert_eq!(key(&violation), (Port::Ptw, Channel::W, Rule::Reset));
    assert_eq!(
        violation.to_string(),
        "cycle 11: ptw W broke axi-reset (IHI 0022H A3.1.2): reset, or the first cycle after it: \
         right = VALID low wrong = VALID high"
    );
}
