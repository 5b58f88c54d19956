// SPDX-License-Identifier: Apache-2.0
//! ATS.INVAL and ATS.PRGR: each that the device under test has fetched owes one message, with these operands; and an
//! invalidation is complete when its device has said so (section "IOMMU PCIe ATS commands").

use events::{Cycle, GroupResponse, InvalidationCompletion, InvalidationRequest};
use golden::{AtsMessage, Command, DeviceId, Iova, ProcessId};

use super::rule::{Rule, Violation};

/// A device under test waits at least so long for the completion of an invalidation (`hdl/DEVICE.md`).
pub const TIME_OUT: Cycle = 8192;

/// A command whose message has not been seen.
#[derive(Clone, Copy, Debug)]
struct Owed {
    command: Command,
    sequence: u64,
    fetched: Cycle,
    /// The queue met an error: "Previous commands may have completed, timed out, or their execution aborted".
    aborted: bool,
}

/// An invalidation request that a device has been sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    device: DeviceId,
    itag: u8,
    received: u8,
    complete: bool,
    sequence: u64,
    at: Cycle,
    aborted: bool,
    /// A completion came that the device under test may have refused, since ATS was off for its sender
    refusable: bool,
}

impl Sent {
    fn new(request: &InvalidationRequest, sequence: u64, at: Cycle, aborted: bool) -> Self {
        let (device, itag) = (request.device, request.itag);
        Sent { device, itag, received: 0, complete: false, sequence, at, aborted, refusable: false }
    }

    /// Its device has completed it, and the device under test has heard that.
    fn is_over(&self) -> bool {
        self.complete && !self.refusable
    }

    fn may_have_timed_out(&self, now: Cycle) -> bool {
        self.at + TIME_OUT <= now
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct DeviceCommands {
    owed: Vec<Owed>,
    sent: Vec<Sent>,
}

/// The message of a command, as far as it is compared: reserved bits of the payload mean nothing.
fn destination(operands: &AtsMessage) -> DeviceId {
    DeviceId(u32::from(operands.segment.unwrap_or(0)) << 16 | u32::from(operands.rid))
}

fn invalidation(operands: &AtsMessage) -> InvalidationRequest {
    InvalidationRequest {
        device: destination(operands),
        process: operands.process,
        addr: Iova(operands.payload & !0xFFF),
        s: operands.payload >> 11 & 1 != 0,
        global: operands.payload & 1 != 0,
        itag: 0,
    }
}

fn response(operands: &AtsMessage) -> GroupResponse {
    let prgi = (operands.payload >> 32 & 0x1FF) as u16;
    GroupResponse {
        device: destination(operands),
        process: operands.process,
        prgi,
        status: (operands.payload >> 44 & 0xF) as u8,
    }
}

/// The same message, whatever the ITag.
fn same(owed: &InvalidationRequest, came: &InvalidationRequest) -> bool {
    *owed == InvalidationRequest { itag: 0, addr: Iova(came.addr.0 & !0xFFF), ..*came }
}

fn pasid(process: Option<ProcessId>) -> String {
    process.map_or_else(String::new, |process| format!(", PASID {process:#x}"))
}

/// An invalidation request in one line.
fn request_line(request: &InvalidationRequest) -> String {
    let process = pasid(request.process);
    format!(
        "an invalidation request to device {:#x}{process}, address {:#x}, S {}, G {}",
        request.device,
        request.addr,
        u8::from(request.s),
        u8::from(request.global)
    )
}

/// A response in one line.
pub fn response_line(response: &GroupResponse) -> String {
    let process = pasid(response.process);
    format!("code {} to device {:#x}{process}, group {:#x}", response.status, response.device, response.prgi)
}

impl DeviceCommands {
    /// A command was fetched; its place among all commands is `sequence`.
    pub fn fetched(&mut self, command: Command, sequence: u64, fetched: Cycle) {
        if matches!(command, Command::AtsInval(_) | Command::AtsPrgr(_)) {
            self.owed.push(Owed { command, sequence, fetched, aborted: false });
        }
    }

    /// The queue met an error, or was switched off.
    pub fn aborted(&mut self) {
        self.owed.iter_mut().for_each(|owed| owed.aborted = true);
        self.sent.iter_mut().for_each(|sent| sent.aborted = true);
    }

    /// The commands from this one on are fetched again.
    pub fn rewound(&mut self, sequence: u64) {
        self.owed.retain(|owed| owed.sequence < sequence);
    }

    /// An invalidation request went to a device.
    pub fn requested(&mut self, request: &InvalidationRequest, now: Cycle) -> Result<(), Violation> {
        let owes = |command: &Command| matches!(command, Command::AtsInval(o) if same(&invalidation(o), request));
        let Some(at) = self.debtor(owes) else {
            let next = self.owed.iter().find_map(|owed| match &owed.command {
                Command::AtsInval(operands) => Some(request_line(&invalidation(operands))),
                _ => None,
            });
            let right = next.unwrap_or_else(|| "no invalidation request: no ATS.INVAL has been fetched".to_owned());
            return Err(Violation::new(Rule::AtsInvalidation, "request", right, request_line(request)));
        };
        let in_use = |sent: &&Sent| {
            let same = (sent.device, sent.itag) == (request.device, request.itag);
            same && !sent.complete && !sent.aborted && !sent.may_have_timed_out(now)
        };
        if let Some(sent) = self.sent.iter().find(in_use) {
            let right = format!("an ITag other than {}, in use since cycle {}", sent.itag, sent.at);
            let wrong = format!("ITag {} for device {:#x}", request.itag, request.device);
            return Err(Violation::new(Rule::AtsInvalidation, "itag", right, wrong));
        }
        let Owed { sequence, aborted, .. } = self.owed.remove(at);
        self.sent.push(Sent::new(request, sequence, now, aborted));
        Ok(())
    }

    /// An invalidation request that no command owes is taken for that of the oldest towards its device.
    pub fn adopt(&mut self, request: &InvalidationRequest, now: Cycle) {
        let device = request.device;
        let owes = |command: &Command| matches!(command, Command::AtsInval(o) if destination(o) == device);
        if let Some(at) = self.debtor(owes) {
            let Owed { sequence, aborted, .. } = self.owed.remove(at);
            self.sent.push(Sent::new(request, sequence, now, aborted));
        }
    }

    /// The command that a message pays: one that must send it before one that an error may have aborted.
    fn debtor(&self, owes: impl Fn(&Command) -> bool) -> Option<usize> {
        let of = |aborted: bool| self.owed.iter().position(|owed| owed.aborted == aborted && owes(&owed.command));
        of(false).or_else(|| of(true))
    }

    /// A device sent a completion. Returns the requests that are complete by it, a bit for each ITag. Where ATS may be off
    /// for the device, the device under test may refuse the message as an unsupported request, and then the time runs out.
    pub fn done(&mut self, completion: &InvalidationCompletion, ats_may_be_off: bool, now: Cycle) -> u32 {
        let mut complete = 0;
        let count = if completion.count == 0 { 8 } else { completion.count };
        for itag in (0..32).filter(|itag| completion.itags >> itag & 1 != 0) {
            let mine = |sent: &&mut Sent| (sent.device, sent.itag, sent.complete) == (completion.device, itag, false);
            // Where an ITag was used again after a time-out, it stands for the newest request.
            if let Some(sent) = self.sent.iter_mut().rev().find(mine) {
                sent.received += 1;
                sent.complete = sent.received >= count;
                sent.refusable |= ats_may_be_off;
                complete |= u32::from(sent.complete) << itag;
            }
        }
        // What took long may have timed out before.
        self.sent.retain(|sent| !sent.is_over() || sent.may_have_timed_out(now));
        complete
    }

    /// Whether this response is owed by an ATS.PRGR; if so, it is paid.
    pub fn responded(&mut self, came: &GroupResponse) -> bool {
        let owes = |command: &Command| matches!(command, Command::AtsPrgr(o) if response(o) == *came);
        self.debtor(owes).map(|at| self.owed.remove(at)).is_some()
    }

    /// A response that an ATS.PRGR owes.
    pub fn next_response(&self) -> Option<GroupResponse> {
        self.owed.iter().find_map(|owed| match &owed.command {
            Command::AtsPrgr(operands) => Some(response(operands)),
            _ => None,
        })
    }

    /// "The IOFENCE.C is guaranteed to not complete before all previously fetched commands were executed and
    /// completed": what keeps the fence with this number from it.
    pub fn unfinished(&self, fence: u64) -> Option<String> {
        let owed = self
            .owed
            .iter()
            .find(|owed| matches!(owed.command, Command::AtsInval(_)) && owed.sequence < fence && !owed.aborted);
        if let Some(owed) = owed {
            return Some(format!("the ATS.INVAL that was fetched in cycle {} sends its request", owed.fetched));
        }
        let open = self.sent.iter().find(|sent| !sent.complete && !sent.aborted && sent.sequence < fence)?;
        Some(format!(
            "device {:#x} completes the invalidation with ITag {} of cycle {}",
            open.device, open.itag, open.at
        ))
    }

    /// A fence was complete: what took long before it was not reported, and need not be.
    pub fn fence_complete(&mut self, fence: u64) {
        self.sent.retain(|sent| sent.sequence >= fence || !(sent.complete || sent.aborted));
    }

    /// A fence may have found that an invalidation timed out, by this cycle.
    pub fn timeout_may(&self, now: Cycle) -> bool {
        self.sent.iter().any(|sent| sent.may_have_timed_out(now))
    }

    /// A time-out was reported: whatever may have timed out by then is done with.
    pub fn timeout_reported(&mut self, now: Cycle) {
        self.sent.retain(|sent| !sent.may_have_timed_out(now));
    }

    /// The oldest command that owes its message, unless an error excuses it.
    pub fn oldest(&self) -> Option<Cycle> {
        self.owed.iter().filter(|owed| !owed.aborted).map(|owed| owed.fetched).min()
    }

    /// At rest: every message has been sent.
    pub fn at_rest(&self) -> Result<(), Violation> {
        let Some(owed) = self.owed.iter().find(|owed| !owed.aborted) else { return Ok(()) };
        let (rule, right) = match &owed.command {
            Command::AtsPrgr(operands) => (Rule::PageResponse, response_line(&response(operands))),
            Command::AtsInval(operands) => (Rule::AtsInvalidation, request_line(&invalidation(operands))),
            _ => return Ok(()),
        };
        let right = format!("{right}, owed since cycle {}", owed.fetched);
        Err(Violation::new(rule, "missing", right, "none"))
    }
}

#[cfg(test)]
mod tests {
    use golden::ProcessId;

    use super::*;

    const PAYLOAD: u64 = 0x4000_3000 | 1 << 11;

    fn operands() -> AtsMessage {
        AtsMessage { process: Some(ProcessId(7)), segment: Some(1), rid: 5, payload: PAYLOAD }
    }

    fn request(itag: u8) -> InvalidationRequest {
        InvalidationRequest { itag, ..invalidation(&operands()) }
    }

    fn done(itags: u32, count: u8) -> InvalidationCompletion {
        InvalidationCompletion { device: DeviceId(0x1_0005), itags, count }
    }

    fn fetched(count: u64) -> DeviceCommands {
        let mut commands = DeviceCommands::default();
        (0..count).for_each(|sequence| commands.fetched(Command::AtsInval(operands()), sequence, 10));
        commands
    }

    #[test]
    fn each_command_owes_one_request_with_its_operands() {
        let mut commands = fetched(1);
        assert_eq!(commands.at_rest().unwrap_err().rule, Rule::AtsInvalidation);
        for wrong in [
            InvalidationRequest { device: DeviceId(5), ..request(0) },
            InvalidationRequest { process: Some(ProcessId(8)), ..request(0) },
            InvalidationRequest { process: None, ..request(0) },
            InvalidationRequest { addr: Iova(0), ..request(0) },
            InvalidationRequest { s: false, ..request(0) },
            InvalidationRequest { global: true, ..request(0) },
        ] {
            assert!(commands.requested(&wrong, 20).is_err(), "{wrong:?}");
        }
        assert!(commands.requested(&request(3), 20).is_ok());
        assert!(commands.at_rest().is_ok());
        assert!(commands.requested(&request(4), 21).is_err(), "one only");
    }

    #[test]
    fn an_itag_is_free_again_when_its_request_is_complete() {
        let mut commands = fetched(4);
        commands.requested(&request(3), 20).unwrap();
        assert_eq!(commands.requested(&request(3), 21).unwrap_err().detail, "itag");
        commands.done(&InvalidationCompletion { device: DeviceId(5), ..done(8, 1) }, false, 30);
        assert!(commands.requested(&request(3), 31).is_err(), "another device");
        commands.done(&done(0b1001, 2), false, 32);
        assert!(commands.requested(&request(3), 33).is_err(), "one of two completions");
        commands.done(&done(0b1000, 2), false, 34);
        assert!(commands.requested(&request(3), 35).is_ok());
        assert!(commands.requested(&request(3), 35 + TIME_OUT).is_ok(), "it may have timed out");
    }

    #[test]
    fn a_fence_waits_for_requests_and_their_completions() {
        let mut commands = fetched(1);
        assert!(commands.unfinished(0).is_none(), "it was there before");
        assert!(commands.unfinished(1).is_some(), "not sent");
        commands.requested(&request(0), 20).unwrap();
        assert!(commands.unfinished(1).is_some(), "not complete");
        for count in (1..8).map(|_| 0) {
            commands.done(&done(1, count), false, 30);
            assert!(commands.unfinished(1).is_some(), "eight are to come");
        }
        commands.done(&done(1, 0), false, 30);
        assert!(commands.unfinished(1).is_none());
    }

    #[test]
    fn a_time_out_is_reported_once_and_never_early() {
        let mut commands = fetched(2);
        commands.requested(&request(0), 20).unwrap();
        commands.requested(&request(1), 4000).unwrap();
        assert!(!commands.timeout_may(19 + TIME_OUT) && commands.timeout_may(20 + TIME_OUT));
        assert!(commands.unfinished(2).is_some(), "the fence must report it");
        commands.timeout_reported(30 + TIME_OUT);
        assert!(!commands.timeout_may(40 + TIME_OUT));
        assert!(commands.unfinished(2).is_some(), "the other one is still out");
        commands.done(&done(0b10, 1), false, 5000 + TIME_OUT);
        assert!(commands.unfinished(2).is_none());
        assert!(commands.timeout_may(5000 + TIME_OUT), "it took long enough to have timed out");
        commands.fence_complete(2);
        assert!(!commands.timeout_may(5000 + TIME_OUT));
    }

    #[test]
    fn a_completion_of_a_device_without_ats_counts_or_not() {
        let mut commands = fetched(1);
        commands.requested(&request(0), 20).unwrap();
        assert_eq!(commands.done(&done(1, 1), true, 30), 1);
        assert!(commands.unfinished(1).is_none(), "the guidelines disable ATS first, and invalidate then");
        assert!(!commands.timeout_may(30) && commands.timeout_may(20 + TIME_OUT), "an unsupported request");
        commands.fence_complete(1);
        assert!(!commands.timeout_may(20 + TIME_OUT));
    }

    #[test]
    fn an_error_of_the_queue_excuses_what_was_before() {
        let mut commands = fetched(2);
        commands.requested(&request(0), 20).unwrap();
        commands.aborted();
        assert!(commands.unfinished(2).is_none() && commands.at_rest().is_ok() && commands.oldest().is_none());
        assert!(commands.requested(&request(0), 21).is_ok(), "it may still be sent");
    }

    #[test]
    fn a_command_that_is_sent_again_owes_its_message_whatever_became_of_the_first() {
        let mut commands = fetched(1);
        commands.aborted();
        commands.fetched(Command::AtsInval(operands()), 1, 30);
        assert!(commands.unfinished(2).is_some());
        assert!(commands.requested(&request(0), 40).is_ok());
        assert!(commands.at_rest().is_ok(), "the one of before the error is excused");
        assert!(commands.requested(&request(1), 41).is_ok(), "and may still be sent");
    }

    #[test]
    fn a_response_is_owed_by_its_command() {
        let mut commands = DeviceCommands::default();
        let operands = AtsMessage { payload: 0x55 << 32 | 1 << 44, ..operands() };
        commands.fetched(Command::AtsPrgr(operands), 0, 10);
        let right = GroupResponse { device: DeviceId(0x1_0005), process: Some(ProcessId(7)), prgi: 0x55, status: 1 };
        for wrong in [
            GroupResponse { device: DeviceId(5), ..right },
            GroupResponse { process: None, ..right },
            GroupResponse { prgi: 0x54, ..right },
            GroupResponse { status: 0, ..right },
        ] {
            assert!(!commands.responded(&wrong), "{wrong:?}");
        }
        assert_eq!(commands.next_response(), Some(right));
        assert_eq!(commands.at_rest().unwrap_err().rule, Rule::PageResponse);
        assert!(commands.responded(&right) && !commands.responded(&right));
    }
}
