// SPDX-License-Identifier: Apache-2.0
//! What goes over `ptw_*`, in words: commands, contexts, entries of tables, records. For who shows waves; nothing is judged
//! by it.

use events::{Burst, Cycle};
use golden::{Command, FaultRecord, Fields, Request, Role, Spa, Step, WordRef};
use rustc_hash::FxHashMap;

use super::Oracle;
use super::evidence::command_line;
use super::explain::{request_of, request_of_dma};
use super::faults::describe;
use super::ring::Ring;
use super::value::narrow_at;
use super::view::{Peek, View};

/// What a word was when a walk last came by.
#[derive(Clone, Copy, Debug)]
struct Known {
    role: Role,
    bytes: u8,
    /// Its bytes are in the other order in memory
    swapped: bool,
}

/// What the words are that a device reads and writes on its own account. A word of a table is known once the golden walk of
/// a request that is under way has come by it; what a device reads ahead of all requests may stay unknown.
#[derive(Debug, Default)]
pub struct Wires {
    known: FxHashMap<u64, Known>,
}

impl Wires {
    /// What came with a beat of `bytes` bytes at `addr`, where that is known. The oracle has seen what was before this cycle,
    /// or all of it.
    pub fn read(&mut self, oracle: &Oracle, addr: Spa, bytes: u8, data: u64, now: Cycle) -> Option<String> {
        if let Some(said) = command(oracle, addr, data) {
            return Some(said);
        }
        self.walk(oracle, now);
        let words = if bytes == 4 { vec![addr.0 & !3] } else { vec![addr.0 & !7, (addr.0 & !7) + 4] };
        self.say(words, data)
    }

    /// The doublewords of a write, each with what it is, where that is known.
    pub fn written(&self, oracle: &Oracle, addr: Spa, burst: Burst, beats: &[(u64, u8)]) -> Vec<(u64, String)> {
        let records = |ring: Ring, what: &str, head: &dyn Fn([u64; 4]) -> String| {
            let (_, words) = ring.written(addr, burst, beats)?;
            let words: Vec<(usize, u64)> = words.map(|(word, value, _)| (word, value)).collect();
            let mut whole = [0; 4];
            for &(word, value) in &words {
                whole[word & 3] = value;
            }
            let said = |(word, value): (usize, u64)| match word {
                0 => (value, format!("{what}: {}", head(whole))),
                word => (value, format!("{what}, doubleword {word}")),
            };
            Some(words.into_iter().map(said).collect())
        };
        let fault = |words: [u64; 4]| describe(&FaultRecord::decode(words));
        let page = |words: [u64; 4]| format!("head {:#x}", words[0]);
        if let Some(said) = records(oracle.faults.ring(), "fault record", &fault) {
            return said;
        }
        if let Some(said) = records(oracle.page_queue.ring(), "page request", &page) {
            return said;
        }
        let [(data, strobes)] = *beats else { return Vec::new() };
        let fence = oracle.commands.unstored_at(addr, strobes).map(|fence| Command::Fence(fence.operands));
        let said = match fence {
            Some(fence) => Some(format!("done: {}", command_line(&fence, &oracle.names))),
            None => self.say(vec![addr.0 & !7, (addr.0 & !7) + 4], data).map(|said| format!("update: {said}")),
        };
        said.map(|said| (data, said)).into_iter().collect()
    }

    /// Those of these words that are known, one behind the other.
    fn say(&self, words: Vec<u64>, data: u64) -> Option<String> {
        let known = words.into_iter().filter_map(|addr| Some((addr, self.known.get(&addr)?)));
        let said: Vec<String> = known.map(|(addr, known)| known.say(Spa(addr), data)).collect();
        (!said.is_empty()).then(|| said.join(" / "))
    }

    /// Goes the way of each request that is under way.
    fn walk(&mut self, oracle: &Oracle, now: Cycle) {
        let (live, offers) = (oracle.transactions.live().iter(), oracle.transactions.offers().iter());
        let asked = oracle.translation_requests.waiting(now).map(|(request, _)| request);
        let debug = oracle.debug.waiting(now).map(|(request, _)| request);
        let dma = live.map(request_of).chain(offers.map(|(offer, _)| request_of_dma(offer)));
        let requests: Vec<Request> = dma.chain(asked).chain(debug).collect();
        for request in &requests {
            let mut steps: Vec<Step> = Vec::new();
            let memory = &oracle.search.memory;
            golden::translate_traced(&oracle.search.config(), &mut View::now(memory), request, &mut steps);
            for step in steps {
                if let Step::Read { word: WordRef { addr, bytes, role, .. }, value } = step {
                    let swapped = narrow_at(addr, bytes, memory.peek(Spa(addr.0 & !7))) != value;
                    self.known.insert(addr.0, Known { role, bytes, swapped });
                }
            }
        }
    }
}

impl Known {
    fn say(&self, addr: Spa, data: u64) -> String {
        let value = match (narrow_at(addr, self.bytes, data), self.swapped, self.bytes) {
            (value, true, 4) => u64::from((value as u32).swap_bytes()),
            (value, true, _) => value.swap_bytes(),
            (value, false, _) => value,
        };
        format!("{} {}", self.role, Fields { role: self.role, value }).trim().to_owned()
    }
}

/// A doubleword of the command queue.
fn command(oracle: &Oracle, addr: Spa, data: u64) -> Option<String> {
    let ring = oracle.commands.ring();
    let (_, word) = ring.locate(addr)?;
    let other = oracle.search.memory.peek(Spa((addr.0 & !7) ^ 8));
    let [first, second] = if word == 0 { [data, other] } else { [other, data] };
    let said = match Command::decode(first, second) {
        Ok(command) => command_line(&command, &oracle.names),
        Err(illegal) => illegal.to_string(),
    };
    Some(if word == 0 { said } else { format!("operand of {said}") })
}

#[cfg(test)]
mod tests {
    use events::{Agent, DmaRequest, Event, Named};
    use golden::{Capabilities, DeviceId, Iova, Pte, SpecVersion};

    use super::super::{Bound, Settings};
    use super::*;

    /// An oracle of a device whose one device context at 0x4000 (base format, directory of one level) has a first stage.
    fn oracle() -> Oracle {
        let capabilities = Capabilities(0x10).with_pas(46).with_sv39(true);
        let mut oracle = Oracle::new(Settings::new(capabilities, SpecVersion::default(), Bound::FREE));
        let held = [
            // Device 0x12: tc, iohgatp, ta, fsc (Sv39, root at 0x5000)
            (0x4000 + 0x12 * 32, 1),
            (0x4000 + 0x12 * 32 + 16, 5 << 12),
            (0x4000 + 0x12 * 32 + 24, 8 << 60 | 5),
            (0x5000, 6 << 10 | 1),
            (0x6000, 7 << 10 | 1),
            (0x7008, 0x9_0000 << 10 | 0xD7),
            // A command: IOTINVAL.VMA of PSCID 5, page 1
            (0x8000, 1 | 1 << 10 | 5 << 12 | 1 << 32),
            (0x8008, 1 << 10),
        ];
        let mut events: Vec<Event> =
            held.map(|(addr, value)| Event::Held { addr: Spa(addr), value }).into_iter().collect();
        let write = |offset, value| Event::RegWriteBegun { offset, bytes: 8, value };
        events.extend([write(0x10, 4 << 10 | 2), write(0x18, 8 << 10 | 6)]);
        events.push(Event::Named { name: "red".to_owned(), what: Named::Domain { iohgatp: 0, pscid: 5, fsc: 1 } });
        oracle.observe(&events, 1).expect("nothing to blame");
        oracle
    }

    #[test]
    fn what_the_device_reads_is_said_once_a_request_leads_there() {
        let (mut oracle, mut wires) = (oracle(), Wires::default());
        let leaf = Pte(0x9_0000 << 10 | 0xD7).0;
        assert_eq!(wires.read(&oracle, Spa(0x7008), 8, leaf, 2), None, "nobody asks");
        let request = DmaRequest::new(events::Direction::Read, DeviceId(0x12), Iova(0x1000), Burst::incr(1));
        oracle.observe(&[Event::DmaOffered { request }], 2).expect("nothing to blame");
        let said = |wires: &mut Wires, addr, data| wires.read(&oracle, Spa(addr), 8, data, 3);
        assert_eq!(said(&mut wires, 0x7008, leaf).as_deref(), Some("pte[0] V R W U A D ppn=0x90000"));
        assert_eq!(said(&mut wires, 0x4240, 1).as_deref(), Some("dc.tc V"));
        assert_eq!(
            said(&mut wires, 0x4240, 1 << 5 | 1).as_deref(),
            Some("dc.tc V PDTV"),
            "what came, not what is there"
        );
        assert_eq!(said(&mut wires, 0x7010, leaf), None, "another page's");
        let update = wires.written(&oracle, Spa(0x7008), Burst::incr(1), &[(leaf, 0xFF)]);
        assert_eq!(update, [(leaf, "update: pte[0] V R W U A D ppn=0x90000".to_owned())]);
    }

    #[test]
    fn commands_are_said_whichever_half_comes() {
        let (oracle, mut wires) = (oracle(), Wires::default());
        let [first, second] = [0x8000, 0x8008].map(|addr| oracle.search.memory.peek(Spa(addr)));
        let command = "IOTINVAL.VMA PSCID=0x5 (red) page 0x1";
        assert_eq!(wires.read(&oracle, Spa(0x8000), 8, first, 2).as_deref(), Some(command));
        assert_eq!(wires.read(&oracle, Spa(0x8008), 8, second, 2), Some(format!("operand of {command}")));
        assert_eq!(wires.read(&oracle, Spa(0x8010), 8, 0x7F, 2).as_deref(), Some("opcode 0x7f is not defined"));
    }

    #[test]
    fn words_in_the_other_byte_order_are_said_in_ours() {
        let known = Known { role: Role::FirstStage { level: 0 }, bytes: 8, swapped: true };
        assert_eq!(known.say(Spa(0), 0x4D7_u64.swap_bytes()), "pte[0] V R W U A D ppn=0x1");
        let narrow = Known { bytes: 4, ..known };
        assert_eq!(narrow.say(Spa(4), u64::from(0x4D7_u32.swap_bytes()) << 32), "pte[0] V R W U A D ppn=0x1");
    }

    #[test]
    fn a_store_of_software_is_no_write_of_the_device() {
        let (mut oracle, wires) = (oracle(), Wires::default());
        let store = Event::Store { agent: Agent::Cpu, addr: Spa(0x7008), old: 0, new: 1 };
        oracle.observe(&[store], 2).expect("nothing to blame");
        assert_eq!(wires.written(&oracle, Spa(0x7008), Burst::incr(1), &[(1, 0xFF)]), []);
    }
}
