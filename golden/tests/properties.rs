// SPDX-License-Identifier: Apache-2.0
//! Properties of the walk over memory full of noise: whatever the tables hold, it ends, and what it says hangs together.

use golden::{
    Access, Capabilities, Command, Config, Ddtp, DeviceContext, DeviceId, FaultRecord, Fctl, Iommu, Iova, Kind, Memory,
    MemoryError, Outcome, PageRequest, Parameters, Permissions, Platform, ProcessContext, ProcessId, Pte, Purpose,
    Read, Request, Role, Spa, Step, Target, Update, WordRef, Words, translate, translate_traced,
};
use proptest::prelude::*;

#[expect(dead_code, reason = "the tests of the model use the rest")]
#[path = "support/mod.rs"]
mod support;
use support::all_capabilities;

/// Bound on the words of one walk: three directory levels and a context of 8 words; the same for the process directory
/// and five first-stage levels, with five second-stage words each; the final second stage; an MSI PTE. Entries whose A
/// and D bits are updated are looked up once more.
const MOST_WORDS: usize = 2 + 8 + 3 * 5 + 2 + 2 + 5 * 6 + 2 * 5 + 5 + 2;

/// SplitMix64, as a hash.
fn hash(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Memory whose content is a function of seed and address, made so that walks get far.
struct Noise {
    seed: u64,
    /// Words read, in order
    seen: Vec<WordRef>,
    /// A word that reads otherwise: index in the order of reading, and a mask of flipped bits
    flip: Option<(usize, u64)>,
    /// From this read on, nothing is available
    until: usize,
    /// PTEs that have been updated
    stored: Vec<(u64, u64)>,
}

impl Noise {
    fn new(seed: u64) -> Self {
        Self { seed, seen: Vec::new(), flip: None, until: usize::MAX, stored: Vec::new() }
    }

    fn value(&self, word: &WordRef) -> u64 {
        if let Some(stored) = self.stored.iter().find(|stored| stored.0 == word.addr.0) {
            return stored.1;
        }
        // The 16 PTEs of a 64 KiB page agree, as software has to see to: they are one function of their group.
        let group = word.addr.0 & !0x7f;
        let leaf_table = matches!(word.role, Role::FirstStage { level: 0 } | Role::SecondStage { level: 0, .. });
        let napot = leaf_table && word.bytes == 8 && hash(self.seed ^ 2, group).is_multiple_of(8);
        let r = hash(self.seed, if napot { group } else { word.addr.0 });
        let chance = |of: u64, at: u32| hash(r, at.into()).is_multiple_of(of);
        let ppn = (r & 0xff_ffff_fffc) << 10;
        let mut value = match word.role {
            Role::DdtEntry { .. } | Role::PdtEntry { .. } => ppn | u64::from(!chance(20, 1)),
            Role::DeviceContext { index: 0 } => {
                let mut tc = 1;
                for (bit, of) in [(1, 2), (2, 9), (3, 3), (4, 5), (5, 2), (7, 2), (8, 2), (9, 3), (11, 4)] {
                    tc |= u64::from(chance(of, bit)) << bit;
                }
                if tc & 0x20 == 0 { tc & !0x200 } else { tc }
            }
            Role::DeviceContext { index: 1 } => {
                let mode = [0, 8, 9, 10][(r >> 60 & 3) as usize];
                (r & 0x0fff_f0ff_ffff_fffc) | mode << 60
            }
            Role::DeviceContext { index: 2 } => r & 0xffff_ff00_ffff_f000,
            Role::DeviceContext { index: 3 } => {
                let pdtv = self.pdtv(word);
                let mode = if pdtv { r >> 60 & 3 } else { [0, 8, 9, 10][(r >> 60 & 3) as usize] };
                (r & 0xff_ffff_ffff) | mode << 60
            }
            Role::DeviceContext { index: 4 } => (r & 0xff_ffff_ffff) | (r >> 60 & 1) << 60,
            Role::DeviceContext { index: 5 } => {
                [0, 0xfff, 0x7fff_ffff_ffff, r & 0x7fff_ffff_ffff][(r >> 60 & 3) as usize]
            }
            Role::DeviceContext { index: 6 } => r & 0x7fff_ffff,
            Role::DeviceContext { .. } | Role::Mrif => 0,
            Role::ProcessContext { index: 0 } => (r & 0xffff_f006) | u64::from(!chance(20, 1)),
            Role::ProcessContext { .. } => (r & 0xff_ffff_ffff) | [0, 8, 9, 10][(r >> 60 & 3) as usize] << 60,
            Role::FirstStage { level } | Role::SecondStage { level, .. } => {
                let flags = if level > 0 && !chance(3, 2) { 1 } else { (r >> 50 & 0xff) | 0x53 };
                let aligned = if flags != 1 { !((1u64 << (9 * u32::from(level))) - 1) << 10 } else { !0 };
                let pbmt = if flags == 1 || !chance(4, 4) { 0 } else { hash(r, 5) & 3 };
                let ppn = if napot { ppn & !(0xf << 10) | 0b1000 << 10 } else { ppn & aligned };
                if word.bytes == 4 {
                    (ppn & 0xffff_fc00) | flags
                } else {
                    ppn | flags | u64::from(napot) << 63 | pbmt << 61
                }
            }
            Role::MsiPte { index: 0 } => {
                let m = [3, 1, 3, r & 3][(r >> 60 & 3) as usize];
                1 | m << 1 | if m == 3 { ppn & !(0x3f8) } else { r & 0x003f_ffff_ffff_ff80 }
            }
            Role::MsiPte { .. } => r & 0x103f_ffff_ffff_ffff,
        };
        // Now and then anything at all.
        if chance(24, 7) {
            value ^= 1 << (hash(r, 8) & 63);
        }
        if chance(60, 9) {
            value = hash(r, 10);
        }
        if leaf_table && !napot {
            value &= !(1 << 63);
        }
        if word.bytes == 4 { value & 0xffff_ffff } else { value }
    }

    /// The context that the word belongs to points to a process directory.
    fn pdtv(&self, word: &WordRef) -> bool {
        let tc = WordRef { addr: Spa(word.addr.0 - 24), role: Role::DeviceContext { index: 0 }, ..*word };
        self.value(&tc) & 0x20 != 0
    }
}

impl Words for Noise {
    fn read(&mut self, word: &WordRef) -> Read {
        if self.seen.len() >= self.until {
            return Read::Unavailable;
        }
        let index = self.seen.len();
        self.seen.push(*word);
        let mut value = self.value(word);
        if let Some((at, mask)) = self.flip
            && at == index
        {
            value ^= mask;
        }
        // An entry lies in one line: it can be read as a whole, or not at all.
        match hash(self.seed ^ 1, word.addr.0 >> 6) % 400 {
            0 => Read::AccessFault,
            1 => Read::Corrupt,
            _ => Read::Value(value),
        }
    }

    fn compare_exchange(&mut self, word: &WordRef, old: u64, new: u64) -> Update {
        if self.value(word) != old {
            return Update::Changed;
        }
        self.stored.push((word.addr.0, new));
        Update::Done
    }
}

/// Memory of noise for the device: it keeps nothing that is written.
impl Memory for Noise {
    fn read(&mut self, addr: Spa, bytes: u8) -> Result<u64, MemoryError> {
        let value = hash(self.seed, addr.0);
        match value >> 58 {
            0 => Err(MemoryError::AccessFault),
            1 => Err(MemoryError::Corrupt),
            _ if bytes == 4 => Ok(value & 0xffff_ffff),
            // Half of what is read is a good command or a valid entry.
            n if n & 1 == 0 => {
                Ok([1, 2, 3, 4, 0x1003, 0x402, 0x81][(value % 7) as usize] | value & 0xff_ffff_0000_0000)
            }
            _ => Ok(value),
        }
    }

    fn write(&mut self, addr: Spa, _: u8, _: u64) -> Result<(), MemoryError> {
        if hash(self.seed, addr.0).is_multiple_of(8) { Err(MemoryError::AccessFault) } else { Ok(()) }
    }

    fn compare_exchange(&mut self, addr: Spa, _: u8, _: u64, _: u64) -> Result<bool, MemoryError> {
        Ok(hash(self.seed, addr.0) & 1 == 0)
    }
}

impl Platform for Noise {}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    prop_oneof![
        4 => Just(all_capabilities()),
        1 => any::<u64>().prop_map(|mask| Capabilities(all_capabilities().0 & (mask | 0xff_0000_0000))),
        1 => any::<u64>().prop_map(Capabilities),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let modes = prop_oneof![8 => 2u8..=4, 1 => 0u8..16];
    (capabilities(), prop_oneof![4 => Just(0u32), 1 => 0u32..8], modes, any::<u64>(), any::<[bool; 4]>()).prop_map(
        |(caps, fctl, mode, ppn, choices)| {
            let mut config = Config::new(caps, Fctl(fctl), Ddtp(0).with_mode_bits(mode).with_ppn(ppn & 0xff_ffff_ffff));
            config.choices.gxl_writable = true;
            config.choices.be_writable = choices[0];
            config.choices.reject_msi_without_second_stage = choices[1];
            config.choices.check_output_width = choices[2];
            config.choices.bare_first_stage_is_global = choices[3];
            config
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    let access = prop_oneof![Just(Access::Read), Just(Access::Write), Just(Access::Execute)];
    let kind = prop_oneof![
        4 => Just(Kind::Untranslated),
        1 => Just(Kind::Translated),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(no_write, execute)| Kind::Ats { no_write, execute }),
    ];
    let iova = prop_oneof![3 => 0u64..1 << 38, 1 => 0u64..1 << 32, 1 => any::<u64>()];
    let process = prop_oneof![Just(None), (0u32..1 << 20).prop_map(Some), (0u32..256).prop_map(Some)];
    (0u32..64, process, any::<bool>(), access, kind, iova).prop_map(
        |(device, process, privileged, access, kind, iova)| Request {
            device: DeviceId(device),
            process: process.map(ProcessId),
            privileged,
            access,
            kind,
            iova: Iova(iova),
        },
    )
}

/// The last value that was read in a role.
fn last(steps: &[Step], matches: impl Fn(Role) -> bool) -> Option<Pte> {
    steps.iter().rev().find_map(|step| match step {
        Step::Read { word, value } if matches(word.role) => Some(Pte(*value)),
        _ => None,
    })
}

fn subset(a: Permissions, leaf: Pte) -> bool {
    (!a.read || leaf.r()) && (!a.write || leaf.w()) && (!a.execute || leaf.x())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(20_260_222), ..ProptestConfig::default() })]

    /// A walk ends within its bound, and a traced walk says the same and shows every word.
    #[test]
    fn trace_and_result_agree(config in config(), request in request(), seed in any::<u64>()) {
        let mut noise = Noise::new(seed);
        let outcome = translate(&config, &mut noise, &request);
        prop_assert!(noise.seen.len() <= MOST_WORDS, "{} words", noise.seen.len());

        let (mut traced, mut steps) = (Noise::new(seed), Vec::new());
        prop_assert_eq!(outcome, translate_traced(&config, &mut traced, &request, &mut steps));
        prop_assert_eq!(&noise.seen, &traced.seen);
        match (outcome, steps.last()) {
            (Outcome::Translated(translation), Some(Step::Translated(last))) => prop_assert_eq!(translation, *last),
            (Outcome::Fault(fault), Some(Step::Fault(last))) => prop_assert_eq!(fault, *last),
            (outcome, last) => prop_assert!(false, "{outcome:?} {last:?}"),
        }
    }

    /// A translation never grants what a stage that took part does not grant.
    #[test]
    fn permissions_are_those_of_both_stages(config in config(), request in request(), seed in any::<u64>()) {
        let mut steps = Vec::new();
        let outcome = translate_traced(&config, &mut Noise::new(seed), &request, &mut steps);
        if let Outcome::Translated(translation) = outcome
            && translation.denied_by.is_none()
        {
            let granted = translation.permissions;
            if let Some(leaf) = last(&steps, |role| matches!(role, Role::FirstStage { .. })) {
                prop_assert!(subset(granted, leaf) && leaf.v() && leaf.is_leaf());
                prop_assert!(leaf.u() || request.is_privileged());
            }
            let at_end = |role| matches!(role, Role::SecondStage { purpose: Purpose::Final, .. });
            if let Some(leaf) = last(&steps, at_end) {
                prop_assert!(subset(granted, leaf) && leaf.v() && leaf.is_leaf() && leaf.u());
            }
            if translation.target != Target::Memory {
                prop_assert!(!granted.execute);
            }
            let asked = match (request.kind, request.access) {
                (Kind::Ats { .. }, _) => true,
                (_, Access::Read) => granted.read,
                (_, Access::Write) => granted.write,
                (_, Access::Execute) => granted.execute,
            };
            prop_assert!(asked, "{translation:?}");
        }
    }

    /// Any other address in the range of a translation is translated alike.
    #[test]
    fn size_holds(config in config(), request in request(), seed in any::<u64>(), other in any::<u64>()) {
        let mut noise = Noise::new(seed);
        if let Outcome::Translated(translation) = translate(&config, &mut noise, &request)
            && translation.denied_by.is_none()
        {
            let mask = if translation.size_log2 >= 64 { u64::MAX } else { (1 << translation.size_log2) - 1 };
            // Bits of the range that no address of memory has are refused, not translated.
            let mask = mask & ((1 << 31) - 1);
            let iova = Iova(request.iova.0 & !mask | other & mask);
            let moved = translate(&config, &mut noise, &Request { iova, ..request });
            let Outcome::Translated(moved) = moved else { panic!("{moved:?} after {translation:?}") };
            prop_assert_eq!(moved.permissions, translation.permissions);
            prop_assert_eq!((moved.pbmt, moved.size_log2, moved.global), (translation.pbmt, translation.size_log2, translation.global));
            if let Target::Mrif(mrif) = translation.target {
                prop_assert_eq!(moved.target, Target::Mrif(mrif));
            } else {
                prop_assert_eq!(moved.spa.0 & !mask, translation.spa.0 & !mask);
                prop_assert_eq!(moved.spa.0 & mask, iova.0 & mask);
            }
        }
    }

    /// Where words are not available, the walk asks for the same words in the same order, and tells nothing.
    #[test]
    fn unavailable_words_only_cut_the_walk(config in config(), request in request(), seed in any::<u64>(), cut in 0usize..40) {
        let mut whole = Noise::new(seed);
        let outcome = translate(&config, &mut whole, &request);
        let mut cut_off = Noise { until: cut, ..Noise::new(seed) };
        let partial = translate(&config, &mut cut_off, &request);
        prop_assert!(whole.seen.starts_with(&cut_off.seen));
        if partial != Outcome::Unavailable {
            prop_assert_eq!(partial, outcome);
        } else {
            prop_assert!(cut_off.seen.len() < whole.seen.len());
        }
    }

    /// With V = 0 nothing else in an entry counts.
    #[test]
    fn invalid_entries_are_dont_care(config in config(), request in request(), seed in any::<u64>(), at in 0usize..30, noise_bits in any::<u64>()) {
        let mut probe = Noise::new(seed);
        let _ = translate(&config, &mut probe, &request);
        if let Some(word) = probe.seen.get(at).copied() {
            let be = match word.role {
                Role::FirstStage { .. } | Role::PdtEntry { .. } | Role::ProcessContext { .. } => return Ok(()),
                _ => config.fctl.be(),
            };
            let has_v = !matches!(word.role, Role::DeviceContext { index: 1.. } | Role::MsiPte { index: 1 });
            if has_v && !be && probe.stored.is_empty() {
                let value = probe.value(&word);
                let clear = |other: u64| Some((at, (value ^ other) & !1 | value & 1));
                let zero = translate(&config, &mut Noise { flip: clear(0), ..Noise::new(seed) }, &request);
                let other = translate(&config, &mut Noise { flip: clear(noise_bits), ..Noise::new(seed) }, &request);
                prop_assert_eq!(zero, other);
                prop_assert!(!matches!(zero, Outcome::Translated(t) if t.denied_by.is_none()), "{:?}", zero);
            }
        }
    }

    /// Fields that are for software or ignored change nothing.
    #[test]
    fn ignored_fields_change_nothing(config in config(), request in request(), seed in any::<u64>(), at in 0usize..40, bits in any::<u64>()) {
        let mut noise = Noise::new(seed);
        let outcome = translate(&config, &mut noise, &request);
        if let Some(word) = noise.seen.get(at).copied() {
            let value = noise.value(&word);
            let ignored = match word.role {
                // Custom bits
                Role::DeviceContext { index: 0 } => 0xff00_0000,
                // RSW; G in the second stage. An Sv32 root is not asked for bits that are not there.
                Role::SecondStage { .. } => 0x320,
                Role::MsiPte { index: 1 } if noise.seen.get(at.wrapping_sub(1)).is_some_and(|low| noise.value(low) & 7 == 7) => u64::MAX,
                _ => 0,
            };
            if !config.fctl.be() && noise.stored.is_empty() && value & 1 == 1 {
                let flipped = translate(&config, &mut Noise { flip: Some((at, bits & ignored)), ..Noise::new(seed) }, &request);
                prop_assert_eq!(flipped, outcome);
            }
        }
    }

    /// A device context of any bytes is judged without a panic, and round-trips.
    #[test]
    fn any_context_is_judged(words in any::<[u64; 8]>(), config in config()) {
        let dc = DeviceContext::from_words(words);
        prop_assert_eq!(dc.to_words(), words);
        let _ = dc.misconfiguration(&config);
        let pc = ProcessContext::from_words([words[0], words[1]]);
        prop_assert_eq!(pc.to_words(), [words[0], words[1]]);
        let _ = pc.misconfiguration(config.caps, words[2] & 1 == 1);
    }

    /// A command of any bytes is judged without a panic; a legal one encodes to what it was, but for ignored operands.
    #[test]
    fn any_command_is_judged(w0 in any::<u64>(), w1 in any::<u64>(), opcode in 1u64..5, masked in any::<bool>(), config in config()) {
        // Reserved bits are set nearly always: clear most of them in half of the cases.
        let w0 = if masked { w0 & 0xffff_f007_ffff_f400 & !0x800 | opcode } else { w0 };
        let w1 = if masked && opcode != 4 { w1 & 0x3fff_ffff_ffff_fe00 } else { w1 };
        if let Ok(command) = Command::decode(w0, w1) {
            let [e0, e1] = command.encode();
            prop_assert_eq!(Command::decode(e0, e1), Ok(command));
            prop_assert_eq!(e0 & !w0, 0, "a bit has come up");
            prop_assert_eq!(e1 & !w1, 0, "a bit has come up");
            let _ = command.check(&config);
        }
    }

    /// Fault records round-trip, but for the doubleword that is custom and reserved.
    #[test]
    fn fault_records_round_trip(words in any::<[u64; 4]>()) {
        let record = FaultRecord::decode(words);
        prop_assert_eq!(record.encode(), [words[0], 0, words[2], words[3]]);
    }

    /// Registers take any writes, in any order and size, while devices go on; what is read-only stays.
    #[test]
    fn any_register_write_is_taken(
        caps in capabilities(),
        writes in proptest::collection::vec((0u16..1100, prop_oneof![Just(4u8), Just(8), 0u8..17], any::<u64>()), 0..40),
        request in request(),
        seed in any::<u64>(),
    ) {
        let mut noise = Noise::new(seed);
        let mut iommu = Iommu::new(&Parameters::new(caps));
        for (offset, bytes, value) in writes {
            // Small queues, so that they fill; and aligned half of the time.
            let offset = if value >> 63 == 1 { offset & !3 } else { offset };
            let value = if matches!(offset, 24 | 40 | 56) { value & !0x1c } else { value };
            iommu.write_register(&mut noise, offset, bytes, value);
            let _ = iommu.translate(&mut noise, &request);
            iommu.page_request(&mut noise, &PageRequest { rid: value as u16, segment: None, process: request.process, privileged: false, execute: false, payload: value });
            iommu.advance(&mut noise, value);
            let _ = iommu.wires();
        }
        prop_assert_eq!(iommu.read_register(0, 8), caps.0);
        for offset in (0..4096).step_by(4) {
            let _ = iommu.read_register(offset, 4);
        }
        prop_assert_eq!(iommu.read_register(1024, 8), 0);
    }
}

/// The noise is good for something: walks get through it, and meet nearly every cause on the way.
#[test]
fn noise_reaches_every_structure() {
    let mut causes = std::collections::BTreeSet::new();
    let (mut translated, mut msi, mut mrif, mut denied, mut updated, mut napot) = (0, 0, 0, 0, 0, 0);
    for seed in 0..40_000 {
        let r = hash(seed, 77);
        let mut config =
            Config::new(all_capabilities(), Fctl(0), Ddtp(0).with_mode_bits(2 + (r % 3) as u8).with_ppn(r >> 40));
        config.choices.gxl_writable = true;
        let request = Request {
            device: DeviceId((r >> 8) as u32 & 0x3f),
            process: (r & 1 == 1).then_some(ProcessId((r >> 16) as u32 & 0xff)),
            privileged: r & 2 == 2,
            access: [Access::Read, Access::Write, Access::Execute][(r >> 24) as usize % 3],
            kind: [Kind::Untranslated, Kind::Translated, Kind::Ats { no_write: r & 4 == 4, execute: false }]
                [[0, 0, 0, 1, 2][(r >> 32) as usize % 5]],
            iova: Iova(r >> 26),
        };
        let mut noise = Noise::new(seed);
        match translate(&config, &mut noise, &request) {
            Outcome::Translated(translation) => {
                translated += 1;
                msi += u32::from(translation.target == Target::Msi);
                mrif += u32::from(matches!(translation.target, Target::Mrif(_)));
                denied += u32::from(translation.denied_by.is_some());
                napot += u32::from(translation.size_log2 == 16);
                causes.extend(translation.denied_by);
            }
            Outcome::Fault(fault) => {
                causes.insert(fault.cause);
            }
            Outcome::Unavailable => panic!("noise always answers"),
        }
        updated += u32::from(!noise.stored.is_empty());
    }
    for (count, least) in [(translated, 4000), (msi, 50), (mrif, 20), (denied, 500), (updated, 100), (napot, 50)] {
        assert!(count >= least, "{translated} {msi} {mrif} {denied} {updated} {napot}");
    }
    // Misaligned accesses, errors of the device itself, and Off are not met by a walk.
    assert!(causes.len() >= 22, "{causes:?}");
}
