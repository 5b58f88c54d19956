// SPDX-License-Identifier: Apache-2.0
//! The device: registers, the three queues, interrupts, performance monitor and debug.

use golden::{
    Access, AtsMessage, Cause, Command, DeviceId, FaultRecord, Fctl, Iofence, Iommu, Iotinval, Kind, MessageKind,
    Outcome, Parameters, ProcessId, Pscid, Request, Spa, TrResponse, offset as at,
};

use crate::support::{R, Scheme, U, W, World, all_capabilities, leaf};

/// A device in wired mode with its queues on: 4 commands, 4 faults.
struct Device {
    world: World,
    iommu: Iommu,
    cq: u64,
    fq: u64,
}

impl Device {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Parameters)) -> Self {
        let caps = all_capabilities().with_msi_flat(false).with_msi_mrif(false);
        let mut world = World::new(caps, None, Some(Scheme::SV39X4));
        world.map_second(0x1000, leaf(0x8000, R | W | U), 0);
        let mut parameters = Parameters::new(caps);
        parameters.fctl_reset = Fctl(0).with_wsi(true);
        change(&mut parameters);
        let mut iommu = Iommu::new(&parameters);
        let (cq, fq) = (world.arena.pages(1), world.arena.pages(1));
        for (offset, bytes, value) in [
            (at::CQB, 8, cq >> 12 << 10 | 1),
            (at::FQB, 8, fq >> 12 << 10 | 1),
            (at::CQCSR, 4, 3),
            (at::FQCSR, 4, 3),
            (at::ICVEC, 8, 0x3210),
            (at::DDTP, 8, world.config.ddtp.0),
        ] {
            iommu.write_register(&mut world.arena, offset, bytes, value);
        }
        world.arena.writes.clear();
        Self { world, iommu, cq, fq }
    }

    fn write(&mut self, offset: u16, value: u64) {
        let bytes =
            if matches!(offset, at::DDTP | at::CQB | at::FQB | at::ICVEC | 96..=616 | 768..1024) { 8 } else { 4 };
        let bytes = if (768..1024).contains(&offset) && offset & 8 != 0 { 4 } else { bytes };
        self.iommu.write_register(&mut self.world.arena, offset, bytes, value);
    }

    fn read(&self, offset: u16) -> u64 {
        self.iommu.read_register(offset, 4)
    }

    /// Queues a command as two doublewords.
    fn raw(&mut self, words: [u64; 2]) {
        let cqt = self.read(at::CQT);
        for (half, word) in words.into_iter().enumerate() {
            let image = if self.iommu.config().fctl.be() { word.swap_bytes() } else { word };
            self.world.arena.set(self.cq + cqt * 16 + half as u64 * 8, image);
        }
        self.write(at::CQT, (cqt + 1) % 4);
    }

    fn command(&mut self, command: Command) {
        self.raw(command.encode());
    }

    fn fault(&mut self) -> Outcome {
        let request = Request { device: DeviceId(9), ..self.world.request(Access::Read, 0xabc_d000) };
        self.iommu.translate(&mut self.world.arena, &request)
    }

    fn record(&self, index: u64) -> FaultRecord {
        FaultRecord::decode(std::array::from_fn(|word| self.world.arena.get(self.fq + index * 32 + word as u64 * 8)))
    }
}

const CIP: u64 = 1;
const FIP: u64 = 2;
const PMIP: u64 = 4;

#[test]
fn fault_queue_fills_overflows_and_recovers() {
    let mut device = Device::new();
    for index in 0..3 {
        device.fault();
        assert_eq!(device.read(at::FQT), (index + 1) % 4);
        let record = device.record(index);
        assert_eq!((record.cause(), record.head.did(), record.iotval), (Some(Cause::DdtInvalid), 9, 0xabc_d000));
    }
    assert_eq!((device.read(at::IPSR), device.iommu.wires()), (FIP, 0b10));
    assert_eq!(device.read(at::FQCSR), 0x1_0003, "full is no overflow yet");
    device.write(at::IPSR, FIP);
    assert_eq!(device.read(at::IPSR), 0);
    device.fault();
    assert_eq!((device.read(at::FQCSR), device.read(at::IPSR)), (0x1_0203, FIP));
    // The condition still holds: clearing sets the bit again.
    device.write(at::IPSR, FIP);
    assert_eq!(device.read(at::IPSR), FIP);
    // While fqof is set records are dropped, also with room.
    device.write(at::FQH, 3);
    device.fault();
    assert_eq!(device.read(at::FQT), 3);
    device.write(at::FQCSR, 0x203);
    device.write(at::IPSR, FIP);
    assert_eq!((device.read(at::FQCSR), device.read(at::IPSR)), (0x1_0003, 0));
    device.fault();
    assert_eq!(device.read(at::FQT), 0);
}

#[test]
fn fault_queue_memory_fault() {
    let mut device = Device::new();
    device.world.arena.bad = vec![(device.fq + 16, true)];
    device.fault();
    assert_eq!((device.read(at::FQT), device.read(at::FQCSR), device.read(at::IPSR)), (0, 0x1_0103, FIP));
    device.world.arena.bad.clear();
    device.fault();
    assert_eq!(device.read(at::FQT), 0);
    // Turning the queue off and on clears the errors and the tail.
    device.write(at::FQCSR, 0);
    assert_eq!(device.read(at::FQCSR), 0x100);
    device.fault();
    device.write(at::FQCSR, 1);
    assert_eq!((device.read(at::FQCSR), device.read(at::FQT)), (0x1_0001, 0));
    device.write(at::IPSR, FIP);
    device.fault();
    // fie is 0.
    assert_eq!((device.read(at::FQT), device.read(at::IPSR)), (1, 0));
}

#[test]
fn a_queue_that_is_off_logs_nothing() {
    let mut device = Device::new();
    device.write(at::FQCSR, 0);
    assert!(matches!(device.fault(), Outcome::Fault(fault) if fault.reported));
    assert_eq!(device.read(at::FQT), 0);
    assert!(device.world.arena.writes.is_empty());
}

#[test]
fn commands_that_are_illegal() {
    let vma = Command::InvalVma(Iotinval::default()).encode();
    let gvma = Command::InvalGvma(Iotinval::default()).encode();
    let fence = Command::Fence(Iofence::default()).encode();
    let ddt = Command::InvalDdt { device: Some(DeviceId(1)) }.encode();
    let pdt = Command::InvalPdt { device: DeviceId(1), process: ProcessId(1) }.encode();
    let ats = Command::AtsPrgr(AtsMessage::default()).encode();
    let mut illegal = vec![[0, 0], [5, 0], [63, 0], [64, 0], [127, 0]];
    for (words, reserved) in [
        (vma, [vec![11, 35, 43, 60, 63], vec![0, 8, 62, 63]]),
        (gvma, [vec![11, 32, 35, 43, 60, 63], vec![0, 8, 62, 63]]),
        (fence, [vec![14, 31], vec![62, 63]]),
        (ddt, [vec![10, 11, 12, 31, 32, 34, 39], vec![0, 63]]),
        (pdt, [vec![10, 11, 32, 34, 39], vec![0, 63]]),
        (ats, [vec![10, 11, 34, 39], vec![]]),
    ] {
        for (word, bits) in reserved.iter().enumerate() {
            for bit in bits {
                let mut broken = words;
                broken[word] |= 1 << bit;
                illegal.push(broken);
            }
        }
        // func3 beyond what is defined
        illegal.push([words[0] | 7 << 7, words[1]]);
    }
    illegal.push([pdt[0] & !(1 << 33), 0]);
    // Too wide for a one-level directory in base format.
    illegal.push(Command::InvalDdt { device: Some(DeviceId(0x80)) }.encode());
    for words in illegal {
        let mut device = Device::new();
        device.raw(words);
        assert_eq!((device.read(at::CQH), device.read(at::CQCSR)), (0, 0x1_0403), "{words:x?}");
        assert_eq!((device.read(at::IPSR), device.iommu.wires()), (CIP, 1));
        // The queue stands still until the bit is cleared.
        device.command(Command::Fence(Iofence::default()));
        assert_eq!(device.read(at::CQH), 0);
        let [w0, w1] = fence;
        device.world.arena.set(device.cq, w0);
        device.world.arena.set(device.cq + 8, w1);
        device.write(at::CQCSR, 0x403);
        assert_eq!((device.read(at::CQH), device.read(at::CQCSR)), (2, 0x1_0003));
    }
    for words in [vma, gvma, fence, ddt, pdt, ats] {
        let mut device = Device::new();
        device.raw(words);
        assert_eq!((device.read(at::CQH), device.read(at::CQCSR)), (1, 0x1_0003), "{words:x?}");
    }
}

#[test]
fn commands_that_the_capabilities_forbid() {
    let nl = Command::InvalVma(Iotinval { nl: true, pscid: Some(Pscid(1)), ..Iotinval::default() });
    let s = Command::InvalGvma(Iotinval { s: true, page: Some(0), ..Iotinval::default() });
    let wsi = Command::Fence(Iofence { wsi: true, ..Iofence::default() });
    let pdt = |process| Command::InvalPdt { device: DeviceId(1), process: ProcessId(process) };
    let ats = Command::AtsInval(AtsMessage::default());
    type Change = fn(&mut Parameters);
    let cases: [(Command, Change); 7] = [
        (nl, |p| p.caps = p.caps.with_nl(false)),
        (s, |p| p.caps = p.caps.with_s(false)),
        (wsi, |p| p.fctl_reset = Fctl(0)),
        (pdt(0x100), |p| p.caps = p.caps.with_pd17(false).with_pd20(false)),
        (pdt(0x2_0000), |p| p.caps = p.caps.with_pd20(false)),
        (pdt(1), |p| p.caps = p.caps.with_pd20(false).with_pd17(false).with_pd8(false)),
        (ats, |p| p.caps = p.caps.with_ats(false)),
    ];
    for (command, change) in cases {
        let mut able = Device::new();
        able.command(command);
        assert_eq!(able.read(at::CQH), 1, "{command:?}");
        let mut unable = Device::with(change);
        unable.command(command);
        assert_eq!((unable.read(at::CQH), unable.read(at::CQCSR)), (0, 0x1_0403), "{command:?}");
    }
}

#[test]
fn command_queue_memory_fault() {
    let mut device = Device::new();
    device.world.arena.bad = vec![(device.cq + 8, false)];
    device.command(Command::Fence(Iofence::default()));
    assert_eq!((device.read(at::CQH), device.read(at::CQCSR), device.read(at::IPSR)), (0, 0x1_0103, CIP));
    device.world.arena.bad.clear();
    device.write(at::CQCSR, 0x103);
    assert_eq!((device.read(at::CQH), device.read(at::CQCSR)), (1, 0x1_0003));
}

#[test]
fn fences() {
    let mut device = Device::new();
    let target = device.world.arena.pages(1);
    let fence = |store| Command::Fence(Iofence { store, wsi: true, pr: true, pw: false });
    device.command(fence(Some((Spa(target + 4), 0xcafe))));
    assert_eq!(device.world.arena.writes, [(target + 4, 4, 0xcafe)]);
    assert_eq!((device.read(at::CQH), device.read(at::CQCSR), device.read(at::IPSR)), (1, 0x1_0803, CIP));
    // fence_w_ip stops nothing.
    device.command(fence(None));
    assert_eq!(device.read(at::CQH), 2);
    device.write(at::CQCSR, 0x803);
    device.write(at::IPSR, CIP);
    assert_eq!((device.read(at::CQCSR), device.read(at::IPSR)), (0x1_0003, 0));
    // A fence whose store fails stays where it is, and is done once memory is back.
    device.world.arena.bad = vec![(target, true)];
    device.command(fence(Some((Spa(target), 1))));
    assert_eq!((device.read(at::CQH), device.read(at::CQCSR)), (2, 0x1_0103));
    device.world.arena.bad.clear();
    device.write(at::CQCSR, 0x103);
    assert_eq!((device.read(at::CQH), device.read(at::CQCSR)), (3, 0x1_0803));
    assert_eq!(device.world.arena.get(target) as u32, 1);
    // Switching the queue on clears its bits and its head.
    device.write(at::CQCSR, 2);
    assert_eq!(device.read(at::CQCSR), 0x802);
    device.write(at::CQT, 0);
    device.write(at::CQCSR, 3);
    assert_eq!((device.read(at::CQH), device.read(at::CQCSR)), (0, 0x1_0003));
}

/// What does not fit the physical address size is a memory fault, for the device's own accesses as for those of a walk.
#[test]
fn own_accesses_beyond_pas() {
    let mut device = Device::with(|p| p.caps = p.caps.with_pas(40));
    device.command(Command::Fence(Iofence { store: Some((Spa(1 << 40), 1)), ..Iofence::default() }));
    assert_eq!((device.read(at::CQH), device.read(at::CQCSR)), (0, 0x1_0103));
    device.write(at::FQB, 1 << 40 >> 12 << 10);
    device.fault();
    assert_eq!(device.read(at::FQCSR), 0x1_0103);
}

/// `cip` follows `cie` also when the error came first.
#[test]
fn interrupts_follow_their_enable() {
    let mut device = Device::new();
    device.write(at::CQCSR, 1);
    device.raw([5, 0]);
    assert_eq!((device.read(at::CQCSR), device.read(at::IPSR)), (0x1_0401, 0));
    device.write(at::CQCSR, 3);
    assert_eq!(device.read(at::IPSR), CIP);
}

#[test]
fn message_interrupts() {
    let mut device = Device::with(|p| p.fctl_reset = Fctl(0));
    let target = device.world.arena.pages(1);
    // The fault queue has vector 1.
    device.write(784, target);
    device.write(792, 0x55);
    device.fault();
    assert_eq!(device.world.arena.writes.last(), Some(&(target, 4, 0x55)));
    assert_eq!(device.iommu.wires(), 0);
    // No second message while the bit is set.
    device.world.arena.writes.clear();
    device.fault();
    assert!(device.world.arena.writes.iter().all(|write| write.0 != target));
    // Masked: the message waits.
    device.write(796, 1);
    device.write(at::IPSR, FIP);
    device.write(at::FQH, 2);
    device.fault();
    assert!(device.world.arena.writes.iter().all(|write| write.0 != target));
    device.write(796, 0);
    assert_eq!(device.world.arena.writes.last(), Some(&(target, 4, 0x55)));
    // A message that cannot be written is a fault of the device itself.
    device.write(at::IPSR, FIP);
    device.write(at::FQH, 3);
    device.world.arena.bad = vec![(target, true)];
    device.fault();
    let record = device.record(0);
    assert_eq!((record.cause(), record.head.0 >> 12, record.iotval), (Some(Cause::MsiWriteAccessFault), 0, target));
}

#[test]
fn page_requests() {
    let mut device = Device::new();
    let pq = device.world.arena.pages(1);
    device.iommu.write_register(&mut device.world.arena, at::PQB, 8, pq >> 12 << 10);
    let message = golden::PageRequest {
        rid: 5,
        segment: None,
        process: Some(ProcessId(0x123)),
        privileged: true,
        execute: true,
        payload: 0xabc_d000 | 0x1a << 3 | 0b111,
    };
    let take = |device: &mut Device, message: &golden::PageRequest| {
        device.world.arena.messages.clear();
        device.iommu.page_request(&mut device.world.arena, message);
        let sent = device.world.arena.messages.pop();
        sent.map(|m| (m.payload >> 44 & 0xf, m.process, m.payload >> 32 & 0x1ff, m.kind))
    };
    let answer = |code, process| Some((code, process, 0x1a, MessageKind::PageGroupResponse));
    // PRI is off: Invalid Request, without PASID since PRPR is 0; and a fault record.
    assert_eq!(take(&mut device, &message), answer(1, None));
    let record = device.record(0);
    assert_eq!((record.cause(), record.head.ttyp(), record.iotval), (Some(Cause::TypeDisallowed), 9, 4));
    // No device context: Response Failure, with PASID.
    let stranger = golden::PageRequest { rid: 6, ..message };
    assert_eq!(take(&mut device, &stranger), answer(15, message.process));
    // The queue is off: Response Failure, no record.
    device.world.dc.tc = device.world.dc.tc.with_en_ats(true).with_en_pri(true).with_prpr(true);
    device.world.store_dc();
    let fqt = device.read(at::FQT);
    assert_eq!(take(&mut device, &message), answer(15, message.process));
    device.write(at::PQCSR, 3);
    // Two entries: one fits.
    assert_eq!(take(&mut device, &message), None);
    assert_eq!(device.world.arena.get(pq), 0x123 << 12 | 0b111 << 32 | 5 << 40);
    assert_eq!(device.world.arena.get(pq + 8), message.payload);
    assert_eq!((device.read(at::PQT), device.read(at::IPSR) & 8), (1, 8));
    // Full: Success, with PASID since PRPR is 1.
    assert_eq!(take(&mut device, &message), answer(0, message.process));
    assert_eq!(device.read(at::PQCSR), 0x1_0203);
    // Neither a Stop Marker nor a request that is not the last of its group is answered.
    for payload in [0b100, 0b011] {
        assert_eq!(take(&mut device, &golden::PageRequest { payload, ..message }), None);
    }
    device.write(at::PQCSR, 0x203);
    device.write(at::PQH, 1);
    device.world.arena.bad = vec![(pq + 16, true)];
    assert_eq!(take(&mut device, &message), answer(15, message.process));
    assert_eq!(device.read(at::PQCSR), 0x1_0103);
    assert_eq!(device.read(at::FQT), fqt, "no record for a queue in error");
}

#[test]
fn device_invalidations() {
    let mut device = Device::with(|p| p.itags = 2);
    let inval = |rid| Command::AtsInval(AtsMessage { rid, ..AtsMessage::default() });
    let fence = Command::Fence(Iofence::default());
    let complete = |device: &mut Device, rid, itags, count| {
        let completion = golden::InvalidationCompletion { rid, segment: None, itags, count };
        device.iommu.invalidation_completion(&mut device.world.arena, &completion);
    };
    let itag = |device: &Device, at: usize| match device.world.arena.messages[at].kind {
        MessageKind::InvalidationRequest { itag } => itag,
        MessageKind::PageGroupResponse => panic!("an invalidation request"),
    };
    device.command(inval(1));
    device.command(inval(2));
    assert_eq!((device.read(at::CQH), itag(&device, 0), itag(&device, 1)), (2, 0, 1));
    device.command(fence);
    assert_eq!(device.read(at::CQH), 2, "the fence waits");
    // A completion from the wrong device, and an ITAG that is not out.
    complete(&mut device, 9, 0b01, 1);
    complete(&mut device, 1, 0b100, 1);
    complete(&mut device, 1, 0b01, 1);
    for _ in 0..7 {
        complete(&mut device, 2, 0b10, 0);
        assert_eq!(device.read(at::CQH), 2);
    }
    complete(&mut device, 2, 0b10, 0);
    assert_eq!(device.read(at::CQH), 3);
    // Out of ITAGs: the third request waits for one.
    for rid in [3, 4, 5] {
        device.command(inval(rid));
    }
    assert_eq!((device.read(at::CQH), device.world.arena.messages.len()), (1, 4));
    complete(&mut device, 3, 0b01, 1);
    assert_eq!((device.read(at::CQH), device.world.arena.messages.len(), itag(&device, 4)), (2, 5, 0));
    // A time-out shows at the next fence, which stays.
    device.iommu.invalidation_timeout(&mut device.world.arena, 0b11);
    assert_eq!(device.read(at::CQCSR), 0x1_0003);
    device.command(fence);
    assert_eq!((device.read(at::CQH), device.read(at::CQCSR)), (2, 0x1_0203));
    device.write(at::CQCSR, 0x203);
    assert_eq!((device.read(at::CQH), device.read(at::CQCSR)), (3, 0x1_0003));
}

#[test]
fn performance_monitor() {
    let mut device = Device::with(|p| {
        p.event_counters = 3;
        p.counter_bits = 40;
    });
    let event = |id: u64| id;
    let (counter, selector) = (|n: u16| at::IOHPMCYCLES + 8 * n, |n: u16| at::IOHPMEVT + 8 * (n - 1));
    let good = device.world.request(Access::Read, 0x1000);
    device.write(selector(1), event(1) | 1 << 61 | 5 << 36);
    device.write(selector(2), event(8));
    device.write(selector(3), event(1) | 1 << 62);
    device.write(counter(1), (1 << 40) - 1);
    // Counter 4 is not there.
    device.write(counter(4), 5);
    device.write(selector(4), 1);
    device.iommu.translate(&mut device.world.arena, &good);
    let value = |device: &Device, offset| device.iommu.read_register(offset, 8);
    assert_eq!(value(&device, counter(1)), 0, "40 bits");
    assert_eq!((device.read(at::IOCOUNTOVF), device.read(at::IPSR)), (0b10, PMIP));
    assert_eq!(value(&device, selector(1)) >> 63, 1);
    assert_eq!(value(&device, counter(2)), 3, "one walk an entry");
    assert_eq!(value(&device, counter(3)), 0, "IDT 1 is not for requests");
    assert_eq!((value(&device, counter(4)), value(&device, selector(4))), (0, 0));
    // OF also disables the interrupt.
    device.write(at::IPSR, PMIP);
    device.write(counter(1), (1 << 40) - 1);
    device.iommu.translate(&mut device.world.arena, &good);
    assert_eq!((value(&device, counter(1)), device.read(at::IPSR)), (0, 0));
    // Bit n inhibits counter n.
    device.write(at::IOCOUNTINH, 0b0010);
    device.iommu.translate(&mut device.world.arena, &good);
    assert_eq!((value(&device, counter(1)), value(&device, counter(2))), (0, 9));
    // A partial match: any function of bus 0, device 0.
    device.write(at::IOCOUNTINH, 0);
    device.write(selector(1), event(1) | 1 << 15 | 1 << 61 | 0b011 << 36);
    device.iommu.translate(&mut device.world.arena, &good);
    device.fault();
    assert_eq!(value(&device, counter(1)), 1, "device 5 matches, 9 does not");
    // Cycles
    device.write(counter(0), (1 << 40) - 2);
    device.iommu.advance(&mut device.world.arena, 3);
    assert_eq!(value(&device, counter(0)), 1 << 63 | 1);
    assert_eq!((device.read(at::IOCOUNTOVF), device.read(at::IPSR) & PMIP), (1, PMIP));
}

#[test]
fn wide_counters_overflow_at_64_bits() {
    let mut device = Device::new();
    let good = device.world.request(Access::Read, 0x1000);
    device.write(at::IOHPMEVT, 1);
    device.write(at::IOHPMCTR, u64::MAX);
    device.iommu.translate(&mut device.world.arena, &good);
    assert_eq!((device.iommu.read_register(at::IOHPMCTR, 8), device.read(at::IOCOUNTOVF)), (0, 0b10));
}

#[test]
fn debug_translations() {
    let mut device = Device::new();
    device.world.map_second(0x4000_0000, leaf(0x8000_0000, R | W | U), 2);
    let ask = |device: &mut Device, iova: u64, control: u64| {
        device.write(at::TR_REQ_IOVA, iova);
        device.write(at::TR_REQ_CTL, control | 1);
        assert_eq!(device.iommu.read_register(at::TR_REQ_CTL, 8) & 1, 0, "done at once");
        TrResponse(device.iommu.read_register(at::TR_RESPONSE, 8))
    };
    const NW: u64 = 8;
    const EXE: u64 = 4;
    let response = ask(&mut device, 0x1abc, 5 << 40 | NW);
    assert_eq!((response.fault(), response.s(), response.ppn()), (false, false, 8));
    let response = ask(&mut device, 0x4123_4000, 5 << 40);
    // 1 GiB: bit 17 is the lowest 0.
    assert_eq!((response.s(), response.ppn()), (true, 0x8_0000 | 0x1_ffff));
    assert!(ask(&mut device, 0x1000, 5 << 40 | NW | EXE).fault());
    let record = device.record(0);
    assert_eq!((record.cause(), record.head.ttyp()), (Some(Cause::InstructionGuestPageFault), 1));
}

/// An interrupt file in memory cannot be given as an address: cause 260, unless the device hides it.
#[test]
fn debug_translations_of_interrupt_files() {
    const NW_EXE: u64 = 0b1100;
    for (hidden, asked) in [(false, 0), (true, 0), (false, NW_EXE)] {
        let mut device = Device::with(|p| p.caps = all_capabilities());
        let arena = &mut device.world.arena;
        let table = arena.pages(1);
        arena.set(table, golden::MsiPte0(0).with_v(true).with_m(1).0);
        let mut world = World::new(all_capabilities(), None, Some(Scheme::SV39X4));
        world.dc.tc = world.dc.tc.with_dtf(hidden);
        world.dc.msiptp = golden::Msiptp(0).with_mode(1).with_ppn(table >> 12);
        world.dc.msi_addr_pattern = 0x77;
        let dc_addr = (device.world.config.ddtp.ppn() << 12) + 5 * 64;
        for (index, word) in world.dc.to_words().into_iter().enumerate() {
            device.world.arena.set(dc_addr + index as u64 * 8, word);
        }
        device.write(at::TR_REQ_IOVA, 0x7_7000);
        device.write(at::TR_REQ_CTL, 5 << 40 | asked | 1);
        assert!(TrResponse(device.iommu.read_register(at::TR_RESPONSE, 8)).fault());
        assert_eq!(device.read(at::FQT), u64::from(!hidden));
        if !hidden {
            assert_eq!(device.record(0).cause(), Some(Cause::TypeDisallowed));
        }
    }
}

#[test]
fn registers_keep_their_rules() {
    let mut device = Device::new();
    let caps = device.iommu.config().caps.0;
    for (offset, bytes) in
        [(at::CAPABILITIES, 8), (at::CQH, 4), (at::FQT, 4), (at::PQT, 4), (at::IOCOUNTOVF, 4), (at::TR_RESPONSE, 8)]
    {
        let before = device.iommu.read_register(offset, bytes);
        device.iommu.write_register(&mut device.world.arena, offset, bytes, u64::MAX);
        assert_eq!(device.iommu.read_register(offset, bytes), before, "{offset}");
    }
    assert_eq!(device.iommu.read_register(at::CAPABILITIES, 8), caps);
    // Reserved encodings of a WARL field leave it legal; reserved bits read 0.
    let ddtp = device.iommu.read_register(at::DDTP, 8);
    device.write(at::DDTP, 0xffc0_0000_0000_03ef | ddtp & !0xf);
    assert_eq!(device.iommu.read_register(at::DDTP, 8), ddtp);
    // Halves of a register of 8 bytes.
    device.iommu.write_register(&mut device.world.arena, at::TR_REQ_IOVA + 4, 4, 0x1234);
    device.iommu.write_register(&mut device.world.arena, at::TR_REQ_IOVA, 4, 0x5678_9fff);
    assert_eq!(device.iommu.read_register(at::TR_REQ_IOVA, 8), 0x1234_5678_9000);
    // Misaligned and odd sizes do nothing.
    for (offset, bytes) in [(at::TR_REQ_IOVA + 2, 4), (at::TR_REQ_IOVA + 4, 8), (at::TR_REQ_IOVA, 2)] {
        device.iommu.write_register(&mut device.world.arena, offset, bytes, 0);
        assert_eq!(device.iommu.read_register(at::TR_REQ_IOVA, 8), 0x1234_5678_9000);
        assert_eq!(device.iommu.read_register(offset, bytes), 0);
    }
    // Only LOG2SZ bits of an index are there.
    device.write(at::FQH, 0xffff_fffd);
    assert_eq!(device.read(at::FQH), 1);
    // Registers of what is not there.
    let bare = Device::with(|p| p.caps = golden::Capabilities(p.caps.0 & !(1 << 25 | 1 << 30 | 1 << 31 | 1 << 41)));
    for (offset, bytes) in
        [(at::PQB, 8), (at::PQH, 4), (at::PQCSR, 4), (at::IOHPMCTR, 8), (at::TR_REQ_IOVA, 8), (at::IOMMU_QOSID, 4)]
    {
        let Device { world, iommu, .. } = &mut Device { iommu: bare.iommu.clone(), ..Device::new() };
        iommu.write_register(&mut world.arena, offset, bytes, u64::MAX);
        assert_eq!(iommu.read_register(offset, bytes), 0, "{offset}");
    }
}

#[test]
fn everything_big_endian() {
    let mut device = Device::with(|p| p.fctl_reset = Fctl(0).with_wsi(true).with_be(true));
    for word in &mut device.world.arena.words {
        *word = word.swap_bytes();
    }
    let good = device.world.request(Access::Read, 0x1000);
    // BE is fixed, so SBE has to be the same.
    device.world.dc.tc = device.world.dc.tc.with_sbe(true);
    for (index, word) in device.world.dc.to_words().into_iter().take(4).enumerate() {
        device.world.arena.set(device.world.dc_addr + index as u64 * 8, word.swap_bytes());
    }
    let Outcome::Translated(translation) = device.iommu.translate(&mut device.world.arena, &good) else { panic!() };
    assert_eq!(translation.spa.0, 0x8000);
    device.fault();
    assert_eq!(device.world.arena.get(device.fq).swap_bytes() & 0xfff, u64::from(Cause::DdtInvalid.code()));
    let target = device.world.arena.pages(1);
    device.command(Command::Fence(Iofence { store: Some((Spa(target), 0x1234_5678)), ..Iofence::default() }));
    assert_eq!(device.world.arena.get(target), 0x7856_3412);
}

#[test]
fn qos_identifiers() {
    let mut device = Device::with(|p| p.choices.mcid_bits = 4);
    let good = device.world.request(Access::Read, 0x1000);
    device.world.dc.ta = device.world.dc.ta.with_rcid(0x123).with_mcid(0xf);
    device.world.store_dc();
    let ids = |device: &mut Device| match device.iommu.translate(&mut device.world.arena, &good) {
        Outcome::Translated(translation) => (translation.rcid, translation.mcid),
        outcome => panic!("{outcome:?}"),
    };
    assert_eq!(ids(&mut device), (0x123, 0xf));
    device.write(at::IOMMU_QOSID, 0xffff_ffff);
    assert_eq!(device.read(at::IOMMU_QOSID), 0x000f_0fff);
    device.write(at::DDTP, 1);
    assert_eq!(ids(&mut device), (0xfff, 0xf));
}

/// Requests for translations: what is granted, and when a refusal is no fault.
#[test]
fn ats_requests() {
    let mut device = Device::new();
    device.world.dc.tc = device.world.dc.tc.with_en_ats(true);
    device.world.store_dc();
    device.world.map_second(0x2000, leaf(0x9000, R | U), 0);
    let ask = |device: &mut Device, iova, no_write| {
        let kind = Kind::Ats { no_write, execute: false };
        let request = Request { kind, ..device.world.request(Access::Read, iova) };
        device.iommu.translate(&mut device.world.arena, &request)
    };
    let granted = |outcome| match outcome {
        Outcome::Translated(t) => (t.permissions.read, t.permissions.write, t.denied_by),
        outcome => panic!("{outcome:?}"),
    };
    assert_eq!(granted(ask(&mut device, 0x1000, false)), (true, true, None));
    assert_eq!(granted(ask(&mut device, 0x2000, false)), (true, false, None));
    assert_eq!(granted(ask(&mut device, 0x3000, false)), (false, false, Some(Cause::ReadGuestPageFault)));
    assert_eq!(device.read(at::FQT), 0, "no record");
    // A completer abort is recorded.
    let (root, _) = device.world.second.expect("second stage");
    device.world.arena.bad = vec![(root, true)];
    let Outcome::Fault(fault) = ask(&mut device, 0x1000, false) else { panic!("an access fault") };
    assert_eq!((fault.cause, fault.response), (Cause::ReadAccessFault, golden::Response::CompleterAbort));
    assert_eq!(device.record(0).head.ttyp(), 8);
}

/// With T2GPA a device is given guest addresses, and its translated requests go through the second stage.
#[test]
fn t2gpa() {
    let mut device = Device::new();
    device.world.dc.tc = device.world.dc.tc.with_en_ats(true).with_t2gpa(true);
    device.world.store_dc();
    let run = |device: &mut Device, kind, iova| {
        let request = Request { kind, ..device.world.request(Access::Write, iova) };
        device.iommu.translate(&mut device.world.arena, &request)
    };
    let ats = Kind::Ats { no_write: false, execute: false };
    assert!(
        matches!(run(&mut device, ats, 0x1008), Outcome::Translated(t) if t.spa.0 == 0x1008 && t.permissions.write)
    );
    assert!(matches!(run(&mut device, Kind::Translated, 0x1008), Outcome::Translated(t) if t.spa.0 == 0x8008));
    let Outcome::Fault(fault) = run(&mut device, Kind::Translated, 0x5008) else { panic!("not mapped") };
    assert_eq!((fault.cause, fault.iotval2, fault.ttyp as u8), (Cause::WriteGuestPageFault, 0x5008, 7));
}
