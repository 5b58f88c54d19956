// SPDX-License-Identifier: Apache-2.0
use golden::{Capabilities, Ddtp, DeviceId, Fctl};

use super::*;

const RING: Ring = Ring { base: Spa(0x1000), entries: 8, entry_bytes: 16 };

/// Software switches the queue off and on.
fn on(commands: &mut Commands, ring: Ring) {
    commands.ring = ring;
    commands.csr_written(Cqcsr(0), 0);
    commands.csr_written(Cqcsr(0).with_cqen(true), 0);
}

fn config() -> Config {
    Config::new(Capabilities(0x10).with_pas(32), Fctl(0), Ddtp(4))
}

fn ruling(_: Cycle) -> std::iter::Once<Ddtp> {
    std::iter::once(Ddtp(4))
}

#[test]
fn what_becomes_of_a_command_tells_nothing_while_ddtp_is_between_two_values() {
    let mut commands = Commands::default();
    on(&mut commands, RING);
    let ddt = Command::InvalDdt { device: Some(DeviceId(1 << 10)) };
    // Without levels any ID is too wide, with three none is.
    let between = |_: Cycle| [Ddtp(0), Ddtp(4)].into_iter();
    let off = |_: Cycle| std::iter::once(Ddtp(0));
    commands.tail_written(3, 0);
    feed(&mut commands, 0, ddt.encode(), 5);
    assert!(commands.next(&config(), between).is_none());
    assert!(commands.goes_on());
    assert!(matches!(commands.next(&config(), between), Some(News::Command { .. })), "it went on");
    feed(&mut commands, 1, ddt.encode(), 15);
    assert!(commands.next(&config(), off).is_none(), "it may take this one for illegal all the same");
    assert!(commands.illegal_seen());
    commands.resume(Cqcsr(0).with_cmd_ill(true), 20);
    feed(&mut commands, 1, ddt.encode(), 25);
    assert!(matches!(commands.next(&config(), off), Some(News::Illegal(..))), "now it is known");
}

#[test]
fn a_queue_that_is_switched_on_again_begins_with_its_first_command() {
    let mut commands = Commands::default();
    on(&mut commands, RING);
    let ddt = Command::InvalDdt { device: Some(DeviceId(1 << 10)) };
    let between = |_: Cycle| [Ddtp(0), Ddtp(4)].into_iter();
    commands.tail_written(1, 0);
    feed(&mut commands, 0, ddt.encode(), 5);
    assert!(commands.next(&config(), between).is_none());
    commands.resume(Cqcsr(0).with_cmd_ill(true), 10);
    on(&mut commands, RING);
    commands.tail_written(3, 20);
    feed(&mut commands, 1, fence(None).encode(), 25);
    assert!(commands.next(&config(), ruling).is_none(), "the first one has not been read");
    feed(&mut commands, 0, fence(None).encode(), 27);
    assert!(matches!(commands.next(&config(), ruling), Some(News::Command { .. })));
}

#[test]
fn where_a_device_reads_again_tells_at_which_doubtful_command_it_had_stopped() {
    let mut commands = Commands::default();
    on(&mut commands, RING);
    let ddt = Command::InvalDdt { device: Some(DeviceId(1 << 10)) };
    let between = |_: Cycle| [Ddtp(0), Ddtp(4)].into_iter();
    commands.tail_written(3, 0);
    for index in 0..2 {
        feed(&mut commands, index, ddt.encode(), 5);
    }
    assert!(commands.next(&config(), between).is_none() && commands.illegal_seen());
    commands.resume(Cqcsr(0).with_cmd_ill(true), 20);
    feed(&mut commands, 1, ddt.encode(), 25);
    let next = commands.next(&config(), ruling);
    assert!(matches!(next, Some(News::Command { sequence: 1, .. })), "the first one had been passed");
}

fn feed(commands: &mut Commands, index: u64, [w0, w1]: [u64; 2], cycle: Cycle) {
    commands.beat(Spa(0x1000 + index * 16), w0, cycle);
    commands.beat(Spa(0x1008 + index * 16), w1, cycle + 1);
}

fn fence(store: Option<(Spa, u32)>) -> Command {
    Command::Fence(Iofence { store, ..Iofence::default() })
}

fn drain(commands: &mut Commands) -> Vec<bool> {
    let news = std::iter::from_fn(|| commands.next(&config(), ruling));
    news.map(|news| matches!(news, News::Command { .. })).collect()
}

#[test]
fn a_command_counts_once_it_is_whole_and_behind_the_tail() {
    let mut commands = Commands::default();
    on(&mut commands, RING);
    let ddt = Command::InvalDdt { device: Some(DeviceId(1)) };
    feed(&mut commands, 0, ddt.encode(), 5);
    assert!(drain(&mut commands).is_empty(), "the tail has not moved");
    commands.tail_written(1, 10);
    assert!(drain(&mut commands).is_empty(), "read before it was handed over");
    feed(&mut commands, 0, ddt.encode(), 12);
    assert_eq!(drain(&mut commands), [true]);
    assert!(drain(&mut commands).is_empty());
}

#[test]
fn an_illegal_command_stops_the_queue_until_it_is_fetched_again() {
    let mut commands = Commands::default();
    on(&mut commands, RING);
    commands.tail_written(2, 10);
    feed(&mut commands, 0, [0x7F, 0], 12);
    feed(&mut commands, 1, fence(None).encode(), 14);
    assert_eq!(drain(&mut commands), [false]);
    assert_eq!(commands.stopped(), Some(Stop::Illegal));
    commands.resume(Cqcsr(0).with_cqmf(true), 20);
    assert_eq!(commands.stopped(), Some(Stop::Illegal), "that was another error");
    commands.resume(Cqcsr(0).with_cmd_ill(true), 20);
    assert!(drain(&mut commands).is_empty());
    feed(&mut commands, 0, fence(None).encode(), 22);
    assert_eq!(drain(&mut commands), [true, true]);
}

#[test]
fn whether_a_wide_id_is_illegal_is_learnt() {
    let wide = Command::InvalDdt { device: Some(DeviceId(0x80_0000)) };
    let config = Config::new(Capabilities(0x10).with_pas(32), Fctl(0), Ddtp(2));
    let ruling = |_: Cycle| std::iter::once(Ddtp(2));
    let begun = || {
        let mut commands = Commands::default();
        on(&mut commands, RING);
        commands.tail_written(2, 10);
        feed(&mut commands, 0, wide.encode(), 12);
        feed(&mut commands, 1, fence(None).encode(), 14);
        assert!(commands.next(&config, ruling).is_none());
        assert_eq!(commands.stopped(), Some(Stop::Doubtful));
        commands
    };
    let mut commands = begun();
    assert!(commands.goes_on() && !commands.goes_on());
    assert!(matches!(commands.next(&config, ruling), Some(News::Command { sequence: 0, .. })));
    assert!(matches!(commands.next(&config, ruling), Some(News::Command { sequence: 1, .. })));
    let mut commands = begun();
    commands.illegal_seen();
    assert!(!commands.goes_on());
    assert_eq!(commands.stopped(), Some(Stop::Illegal));
}

#[test]
fn the_head_completes_fences_and_cannot_run_ahead() {
    let mut commands = Commands::default();
    on(&mut commands, RING);
    commands.tail_written(3, 10);
    for index in 0..2 {
        feed(&mut commands, index, fence(None).encode(), 12);
    }
    drain(&mut commands);
    assert_eq!(commands.head_read(3), Err(2), "the third was not fetched");
    assert_eq!(commands.head_read(0), Ok(None));
    assert_eq!(commands.head_read(1), Ok(Some(0)));
    assert_eq!(commands.complete(0).count(), 1);
    assert_eq!(commands.head_read(0), Err(2), "it never goes back");
    assert_eq!(commands.head_read(2), Ok(Some(1)));
}

#[test]
fn a_fence_that_the_head_has_passed_still_owes_its_store() {
    let mut commands = Commands::default();
    on(&mut commands, RING);
    commands.tail_written(2, 10);
    feed(&mut commands, 0, fence(Some((Spa(0x4004), 7))).encode(), 12);
    feed(&mut commands, 1, fence(Some((Spa(0x4004), 8))).encode(), 14);
    drain(&mut commands);
    assert_eq!(commands.complete(0).count(), 1);
    assert_eq!(commands.unstored().map(|fence| fence.sequence), Some(0));
    assert!(commands.unstored_before(1).is_some(), "the second may not store yet");
    commands.fence_for_store(Spa(0x4004), 7).unwrap().stored = true;
    assert!(commands.unstored_before(1).is_none());
    assert_eq!(commands.unstored().map(|fence| fence.sequence), Some(1));
}

/// A fence and a command behind it have been fetched, the store of the fence has failed, and software has cleared that.
fn behind_a_failed_fence() -> (Commands, [[u64; 2]; 2]) {
    let mut commands = Commands::default();
    on(&mut commands, RING);
    commands.tail_written(2, 10);
    let both = [fence(Some((Spa(0x4004), 7))).encode(), Command::InvalDdt { device: None }.encode()];
    feed(&mut commands, 0, both[0], 12);
    feed(&mut commands, 1, both[1], 14);
    assert_eq!(drain(&mut commands), [true, true]);
    assert!(commands.fence_for_store(Spa(0x4000), 7).is_none());
    commands.fence_for_store(Spa(0x4004), 7).unwrap().stored = true;
    assert_eq!(commands.fence_failed(), Some(0));
    assert!(commands.stopped() == Some(Stop::FenceFailed) && commands.open_fences().is_empty());
    assert!(!commands.goes_on(), "software has not cleared it");
    commands.resume(Cqcsr(0).with_cqmf(true), 30);
    assert!(drain(&mut commands).is_empty());
    (commands, both)
}

#[test]
fn a_fence_whose_store_failed_and_what_is_behind_it_are_read_again() {
    let (mut commands, both) = behind_a_failed_fence();
    feed(&mut commands, 0, both[0], 32);
    feed(&mut commands, 1, both[1], 34);
    assert_eq!(drain(&mut commands), [true, true]);
    assert_eq!((commands.open_fences().len(), commands.head_read(2)), (1, Ok(Some(0))));
}

#[test]
fn or_the_device_goes_on_by_what_it_has_read_of_them() {
    let (mut commands, _) = behind_a_failed_fence();
    assert!(commands.head_read(2).is_err() && commands.goes_on());
    assert_eq!(drain(&mut commands), [true, true]);
    assert_eq!((commands.open_fences().len(), commands.head_read(2)), (1, Ok(Some(0))));
    assert!(!commands.goes_on());
}

#[test]
fn only_its_own_store_shows_that_the_device_goes_on_with_a_fence() {
    let (mut commands, _) = behind_a_failed_fence();
    assert!(!commands.goes_on_by(Spa(0x7000), 0), "a message");
    assert!(commands.goes_on_by(Spa(0x4004), 7));
    feed(&mut commands, 0, Command::InvalDdt { device: None }.encode(), 32);
    assert!(!commands.goes_on_by(Spa(0x4004), 7), "the device has read what is there now");
}

#[test]
fn software_may_put_another_fence_in_the_place_of_one_whose_store_failed() {
    let (mut commands, _) = behind_a_failed_fence();
    feed(&mut commands, 0, fence(Some((Spa(0x4008), 9))).encode(), 32);
    assert_eq!(drain(&mut commands), [true]);
    assert!(commands.fence_for_store(Spa(0x4008), 9).is_some());
    assert!(commands.goes_on());
    assert_eq!(drain(&mut commands), [true], "the one behind it was not read again");
}

#[test]
fn a_fence_that_stores_beyond_memory_stops_the_queue_and_owes_no_store() {
    let mut commands = Commands::default();
    on(&mut commands, RING);
    commands.tail_written(2, 10);
    feed(&mut commands, 0, fence(Some((Spa(1 << 32), 7))).encode(), 12);
    feed(&mut commands, 1, fence(None).encode(), 14);
    assert_eq!(drain(&mut commands), [false]);
    assert_eq!(commands.stopped(), Some(Stop::MemoryFault));
    assert!(commands.unstored().is_none() && commands.open_fences().is_empty());
    assert_eq!(commands.head_read(1), Err(0), "it did not complete");
    // Software writes another command in its place.
    commands.resume(Cqcsr(0).with_cqmf(true), 20);
    feed(&mut commands, 0, fence(Some((Spa(0xFFFF_FFFC), 7))).encode(), 22);
    assert_eq!(drain(&mut commands), [true, true]);
}

#[test]
fn a_tail_that_falls_back_hands_over_anew() {
    let mut commands = Commands::default();
    on(&mut commands, RING);
    commands.tail_written(2, 10);
    commands.tail_written(6, 20);
    commands.tail_written(3, 30);
    feed(&mut commands, 0, fence(None).encode(), 25);
    assert!(drain(&mut commands).is_empty() && commands.waiting_since() == Some(30));
    (0..3).for_each(|index| feed(&mut commands, index, fence(None).encode(), 32));
    assert_eq!((drain(&mut commands).len(), commands.waiting_since()), (3, None));
    commands.tail_written(5, 40);
    feed(&mut commands, 3, fence(None).encode(), 35);
    assert_eq!((drain(&mut commands).len(), commands.waiting_since()), (0, Some(40)), "20 and 30 are over");
}

#[test]
fn a_queue_of_2_to_the_32_costs_what_is_read_of_it() {
    let ring = Ring { entries: 1 << 32, ..RING };
    let mut commands = Commands::default();
    on(&mut commands, ring);
    commands.tail_written(u32::MAX, 10);
    let feed = |commands: &mut Commands, index: u64| {
        for (word, value) in fence(None).encode().into_iter().enumerate() {
            commands.beat(Spa(ring.base.0 + index * 16 + word as u64 * 8), value, 12);
        }
    };
    feed(&mut commands, u32::MAX.into());
    assert!(commands.next(&config(), ruling).is_none(), "that is not the next one");
    feed(&mut commands, 0);
    assert!(matches!(commands.next(&config(), ruling), Some(News::Command { sequence: 0, .. })));
    assert_eq!((commands.slots.len(), commands.handed_over.len()), (1, 1));
    assert_eq!((commands.head_read(2), commands.head_read(1)), (Err(1), Ok(Some(0))));
    // The index wraps where the numbers do.
    on(&mut commands, ring);
    (commands.next, commands.tail) = (u32::MAX, u32::MAX);
    commands.tail_written(1, 10);
    feed(&mut commands, u32::MAX.into());
    feed(&mut commands, 0);
    assert!(commands.next(&config(), ruling).is_some() && commands.next(&config(), ruling).is_some());
    assert_eq!((commands.next, commands.waiting_since()), (1, None));
}
