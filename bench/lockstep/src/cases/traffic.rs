// SPDX-License-Identifier: Apache-2.0
//! What a device did on its ports, from the events of the bus.

use events::{Agent, Burst, Event, OKAY};

/// What a device did on its ports.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// On `mem_*`: translated address and memory type
    pub(super) translated: Vec<(u64, u8)>,
    /// On `ptw_*`, where memory took it: address, bytes, value
    pub(super) writes: Vec<Vec<u64>>,
}

/// A write without its response.
struct Pending {
    id: u8,
    writes: Vec<Vec<u64>>,
    /// An atomic: the bytes of its operand; what it wrote is seen in memory
    atomic: Option<(u64, u64)>,
}

impl Traffic {
    pub(super) fn of(events: &[Event]) -> Self {
        let mut traffic = Self::default();
        let mut pending: Vec<Pending> = Vec::new();
        for event in events {
            match event {
                Event::MemAddress { addr, pbmt, .. } => traffic.translated.push((addr.0, *pbmt)),
                Event::PtwWrite { id, addr, burst, atop, beats, .. } => {
                    let operand = (u64::from(burst.len) + 1) << burst.size >> 1;
                    let atomic = (*atop != 0).then_some((addr.0, operand));
                    let writes = if atomic.is_some() { Vec::new() } else { beats_of(addr.0, *burst, beats) };
                    pending.push(Pending { id: *id, writes, atomic });
                }
                // A compare-and-swap that fails leaves the value as it was.
                Event::Store { agent: Agent::Iommu, addr, old, new } if old != new => {
                    let hit = |write: &&mut Pending| write.atomic.is_some_and(|(at, _)| at & !7 == addr.0);
                    if let Some(write) = pending.iter_mut().find(hit)
                        && let Some((at, operand)) = write.atomic
                    {
                        write.writes = vec![vec![at, operand, lanes(*new, at, operand)]];
                    }
                }
                Event::PtwWriteResponse { id, resp } => {
                    if let Some(at) = pending.iter().position(|write| write.id == *id) {
                        let done = pending.remove(at);
                        if *resp == OKAY {
                            traffic.writes.extend(done.writes);
                        }
                    }
                }
                _ => {}
            }
        }
        traffic
    }
}

/// The value of some bytes of a doubleword.
fn lanes(word: u64, addr: u64, bytes: u64) -> u64 {
    let value = word >> (8 * (addr & 7));
    if bytes >= 8 { value } else { value & ((1 << (8 * bytes)) - 1) }
}

/// The runs of bytes that the beats of a write set. Bursts are INCR on this port.
fn beats_of(start: u64, burst: Burst, beats: &[(u64, u8)]) -> Vec<Vec<u64>> {
    let mut writes = Vec::new();
    for (beat, &(data, strobes)) in beats.iter().enumerate() {
        let word = start.wrapping_add((beat as u64) << burst.size) & !7;
        let mut lane = 0;
        while lane < 8 {
            let run = (strobes >> lane).trailing_ones() as u64;
            if run > 0 {
                let addr = word + lane;
                writes.push(vec![addr, run, lanes(data, addr, run)]);
            }
            lane += run.max(1);
        }
    }
    writes
}

#[cfg(test)]
mod tests {
    use events::{Agent, Burst, Event, INCR, OKAY, SLVERR};
    use golden::Spa;

    use super::Traffic;

    fn write(id: u8, addr: u64, size: u8, atop: u8, beats: &[(u64, u8)]) -> Event {
        let burst = Burst { len: beats.len() as u8 - 1, size, kind: INCR };
        Event::PtwWrite { id, addr: Spa(addr), burst, atop, beats: beats.to_vec(), ids: Default::default() }
    }

    #[test]
    fn writes_show_with_their_width_and_only_where_memory_took_them() {
        let traffic = Traffic::of(&[
            write(8, 0x104, 2, 0, &[(0x1234_5678_0000_0000, 0xf0)]),
            write(9, 0x200, 3, 0, &[(1, 0xff), (2, 0xff)]),
            write(8, 0x300, 3, 0, &[(3, 0xff)]),
            Event::PtwWriteResponse { id: 9, resp: OKAY },
            Event::PtwWriteResponse { id: 8, resp: OKAY },
            Event::PtwWriteResponse { id: 8, resp: SLVERR },
        ]);
        assert_eq!(traffic.writes, [[0x200, 8, 1], [0x208, 8, 2], [0x104, 4, 0x1234_5678]]);
    }

    #[test]
    fn an_atomic_shows_what_it_left_in_memory() {
        let swap = |old, new| {
            Traffic::of(&[
                write(1, 0x104, 2, 0x31, &[(0, 0xf0), (0, 0xf)]),
                Event::Store { agent: Agent::Iommu, addr: Spa(0x100), old, new },
                Event::PtwWriteResponse { id: 1, resp: OKAY },
            ])
            .writes
        };
        assert_eq!(swap(0x41_0000_0001, 0xc1_0000_0001), [[0x104, 4, 0xc1]]);
        assert!(swap(7, 7).is_empty());
    }
}
