// SPDX-License-Identifier: Apache-2.0
//! What software may do without the driver: stores into tables, contexts and commands of any kind, registers, memory that
//! breaks. Software may come to harm by it; a device must do right all the same.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use scenario::Requirement;

use super::calls;
use super::dice::{any_of, one_of, percent};
use super::setup::{GUEST, MEMORY, SMALL};
use super::traffic;
use super::tree::Tree;
use super::world::{Kind, PAGE, World};

/// One step.
pub fn step(rng: &mut ChaCha8Rng, world: &mut World) -> Option<Tree> {
    // Behind a queue that stands still not much happens.
    if world.stopped && percent(rng, 75) {
        return recovery(world);
    }
    match rng.random_range(0..100) {
        0..30 => entry(rng, world),
        30..44 => Some(calls::invalidation(rng, world)),
        44..54 => Some(calls::fence(rng)),
        54..64 => context(rng, world),
        64..69 => interrupt_file(rng, world),
        69..76 => broken_memory(rng, world),
        76..81 => {
            let command = command(rng);
            world.stopped = percent(rng, 90);
            Some(Tree::map([("command", command)]))
        }
        81..84 => recovery(world),
        84..91 => Some(register(rng, world)),
        91..96 => operation(rng, world),
        _ => parallel(rng, world),
    }
}

/// An entry of a page table changes.
fn entry(rng: &mut ChaCha8Rng, world: &World) -> Option<Tree> {
    let domain =
        any_of(rng, &world.domains_that(|domain| domain.there && domain.has_table() && !domain.map.is_empty()))?;
    let own = &world.domains[domain];
    let piece = one_of(rng, &own.map);
    let iova = piece.iova + PAGE * rng.random_range(0..(piece.bytes / PAGE).min(4));
    let mut set = Tree::map([("domain", world.domain(domain)), ("iova", iova.into())]);
    if percent(rng, 25) {
        set.set("level", rng.random_range(0..own.levels()));
    }
    match rng.random_range(0..100) {
        0..20 => set.set("valid", percent(rng, 50)),
        20..40 => set.set("access", one_of(rng, &["r", "rw", "rwx", "x", "rx"])),
        40..48 => set.set("user", percent(rng, 50)),
        48..56 => set.set("accessed", percent(rng, 50)),
        56..64 => set.set("dirty", percent(rng, 50)),
        64..80 => {
            let base = if own.parent().is_some() { GUEST } else { MEMORY };
            let to = base + PAGE * rng.random_range(0..4);
            set.set("to", to - to % piece.page.max(PAGE));
        }
        80..97 => set.set("flip", one_of(rng, &FLIPS)),
        _ => set.set("value", one_of(rng, &[0_u64, u64::MAX, 1, 0xF << 60 | 0xFF])),
    }
    Some(Tree::map([("set-pte", set)]))
}

/// Bits of a page-table entry, alone and together: N, memory type, reserved ones, G, U, A, D, R, W, X, V, PPN.
const FLIPS: [u64; 15] = [
    1 << 63,
    1 << 63 | 1 << 13,
    1 << 62,
    1 << 61,
    3 << 61,
    1 << 60,
    1 << 59,
    1 << 54,
    1 << 5,
    1 << 4,
    1 << 6,
    1 << 7,
    0b1110,
    1 << 12,
    1 << 10,
];

/// A word of a context changes.
fn context(rng: &mut ChaCha8Rng, world: &World) -> Option<Tree> {
    let device = rng.random_range(0..world.devices.len());
    let own = &world.devices[device];
    let mut set = Tree::map([("device", world.device(device))]);
    if let Some(process) = any_of(rng, &own.processes).filter(|own| own.domain.is_some() && percent(rng, 60)) {
        set.set("process", process.id);
        let (word, flip) = match rng.random_range(0..10) {
            0..7 => ("ta", one_of(rng, &[1_u64, 2, 4, 8, 1 << 12, 1 << 13, 1 << 40])),
            _ => ("fsc", one_of(rng, &[1_u64 << 60, 1 << 63, 1, 1 << 44])),
        };
        set.set("word", word);
        set.set("flip", flip);
        return Some(Tree::map([("set-context", set)]));
    }
    let extended: &[(&str, u64)] =
        &[("msiptp", 1 << 60), ("msiptp", 1), ("msi-addr-mask", 1), ("msi-addr-pattern", 1), ("reserved", 1)];
    let usual: &[(&str, u64)] = &[
        // V, EN_ATS, EN_PRI, T2GPA, DTF, PDTV, PRPR, GADE, SADE, DPE, SBE, SXL, custom and reserved bits
        ("tc", 1),
        ("tc", 1 << 1),
        ("tc", 1 << 2),
        ("tc", 1 << 3),
        ("tc", 1 << 4),
        ("tc", 1 << 5),
        ("tc", 1 << 6),
        ("tc", 1 << 7),
        ("tc", 1 << 8),
        ("tc", 1 << 9),
        ("tc", 1 << 10),
        ("tc", 1 << 11),
        ("tc", 1 << 12),
        ("tc", 1 << 24),
        ("tc", 1 << 40),
        ("iohgatp", 1 << 60),
        ("iohgatp", 1 << 63),
        ("iohgatp", 1 << 44),
        ("iohgatp", 1),
        ("iohgatp", 1 << 2),
        ("ta", 1 << 12),
        ("ta", 1 << 13),
        ("ta", 1),
        ("ta", 1 << 40),
        ("fsc", 1 << 60),
        ("fsc", 1 << 63),
        ("fsc", 1),
        ("fsc", 1 << 44),
    ];
    let (word, flip) = if world.extended && percent(rng, 30) { one_of(rng, extended) } else { one_of(rng, usual) };
    set.set("word", word);
    set.set("flip", flip);
    Some(Tree::map([("set-context", set)]))
}

/// An entry of an MSI page table changes.
fn interrupt_file(rng: &mut ChaCha8Rng, world: &World) -> Option<Tree> {
    let domain = any_of(rng, &world.domains_that(|domain| domain.there && domain.files > 0))?;
    let file = rng.random_range(0..world.domains[domain].files);
    let flip = one_of(rng, &[1_u64, 2, 4, 6, 8, 1 << 10, 1 << 54, 1 << 63]);
    let set = Tree::map([("domain", world.domain(domain)), ("file", file.into()), ("flip", flip.into())])
        .with_some("word", percent(rng, 20).then_some(1));
    Some(Tree::map([("set-msi", set)]))
}

/// Memory answers with an error, or does so no more.
fn broken_memory(rng: &mut ChaCha8Rng, world: &mut World) -> Option<Tree> {
    if world.broken && percent(rng, 60) {
        world.broken = false;
        return Some("mend-memory".into());
    }
    let mut step = Tree::Map(Vec::new());
    match rng.random_range(0..10) {
        0..3 => step.set("context-of", world.device(rng.random_range(0..world.devices.len()))),
        3..8 => {
            let domain = any_of(rng, &world.domains_that(|own| own.there && own.has_table() && !own.map.is_empty()))?;
            let own = &world.domains[domain];
            step.set("entry-of", world.domain(domain));
            step.set("iova", one_of(rng, &own.map).iova);
            step.set("level", rng.random_range(0..own.levels()));
        }
        8 => {
            let domain = any_of(rng, &world.domains_that(|own| own.there && own.files > 0))?;
            step.set("msi-entry-of", world.domain(domain));
            step.set("file", rng.random_range(0..world.domains[domain].files));
        }
        _ => {
            step.set("address", MEMORY + PAGE * rng.random_range(0..4));
            step.set("size", "4K");
        }
    }
    step.set("answer", one_of(rng, &["slverr", "decerr", "poison"]));
    if percent(rng, 30) {
        step.set("on", one_of(rng, &["read", "write"]));
    }
    world.broken = true;
    Some(Tree::map([("break-memory", step)]))
}

/// Two doublewords: a command that is nearly right, or right with operands that nobody has.
fn command(rng: &mut ChaCha8Rng) -> Tree {
    let (opcode, function) =
        one_of(rng, &[(1_u64, 0_u64), (1, 1), (2, 0), (3, 0), (3, 1), (4, 0), (4, 1), (5, 0), (1, 2)]);
    let mut low = opcode | function << 7;
    let mut high = 0;
    if opcode == 1 {
        low |= one_of(rng, &[0, 1 << 10, 1 << 32, 1 << 33, 1 << 34, 1 << 10 | 1 << 34]) | 1 << 12;
        // S, and the range that the low ones tell
        high = SMALL >> 2 | one_of(rng, &[0, 1 << 9, 1 << 9 | 0b11 << 10]);
    }
    if opcode == 3 {
        low |= one_of(rng, &[0, 1 << 33, 1 << 34, 0x12 << 40 | 1 << 33]);
    }
    if percent(rng, 40) {
        low |= 1 << rng.random_range(0..64);
    }
    if percent(rng, 20) {
        high |= 1 << rng.random_range(0..64);
    }
    // A fence with AV stores: where nobody maps anything, or where there can be no memory.
    if opcode == 2 && (low >> 10 & 1 == 1 || percent(rng, 40)) {
        low |= 1 << 10;
        high = one_of(rng, &[0xb400_0000_u64 >> 2, 0xb400_0004 >> 2, 1 << 54, 1 << 61]);
    }
    vec![low.into(), high.into()].into()
}

/// The command queue goes on.
fn recovery(world: &mut World) -> Option<Tree> {
    std::mem::take(&mut world.stopped).then(|| Tree::map([("recover", Tree::map([("if-stopped", true.into())]))]))
}

/// A register is written.
fn register(rng: &mut ChaCha8Rng, world: &World) -> Tree {
    let write = |register: &str, field: &str, value: u64| {
        let fields = Tree::map([(field, value.into())]);
        Tree::map([("write-register", Tree::map([("register", register.into()), ("fields", fields)]))])
    };
    let on = u64::from(percent(rng, 50));
    match rng.random_range(0..12) {
        0 => write("fqcsr", "fie", on),
        1 => write("cqcsr", "cie", on),
        2 => write("fqcsr", "fqen", on),
        3 => write("ipsr", one_of(rng, &["cip", "fip", "pmip", "pip"]), 1),
        4 => write("icvec", one_of(rng, &["civ", "fiv", "pmiv", "piv"]), rng.random_range(0..4)),
        5 => write("fqcsr", one_of(rng, &["fqof", "fqmf"]), 1),
        6 if world.offers(Requirement::Hpm) => {
            let event = Tree::map([("eventid", rng.random_range(0..10_u64).into())]);
            Tree::map([("write-register", Tree::map([("register", "iohpmevt.1".into()), ("fields", event)]))])
        }
        7 if world.offers(Requirement::Hpm) => write("iocountinh", one_of(rng, &["cy", "hpm"]), on),
        8 if world.offers(Requirement::Ats) => write("pqcsr", "pqen", on),
        9 if world.offers(Requirement::Messages) => write("msi_vec_ctl.0", "m", on),
        10 => write("ddtp", "iommu_mode", one_of(rng, &[0_u64, 1, 2, 3, 4])),
        _ => write("fqcsr", "fie", on),
    }
}

/// Steps of one's own as an operation, made as they should be: change, invalidate, fence.
fn operation(rng: &mut ChaCha8Rng, world: &mut World) -> Option<Tree> {
    let change = if percent(rng, 75) { entry(rng, world)? } else { context(rng, world)? };
    let mut steps = vec![change];
    for what in ["vma", "gvma", "ddt"] {
        if percent(rng, 80) {
            steps.push(Tree::map([("invalidate", Tree::map([(what, Tree::Map(Vec::new()))]))]));
        }
    }
    for parent in world.domains_that(|domain| domain.kind == Kind::Parent && domain.there) {
        let guests = Tree::map([("gscid-of", world.domain(parent))]);
        steps.push(Tree::map([("invalidate", Tree::map([("vma", guests)]))]));
    }
    steps.push(calls::fence(rng));
    let own = Tree::map([("name", "own steps".into()), ("promise", one_of(rng, &["effective", "nothing"]).into())])
        .with("steps", steps);
    Some(Tree::map([("operation", own)]))
}

/// Other processors store meanwhile.
fn parallel(rng: &mut ChaCha8Rng, world: &mut World) -> Option<Tree> {
    let mut first = vec![calls::invalidation(rng, world), calls::fence(rng)];
    if percent(rng, 50) {
        first.push(traffic::dma(rng, world));
    }
    let mut other = Vec::new();
    for _ in 0..rng.random_range(1..=4) {
        other.push(if percent(rng, 70) { entry(rng, world)? } else { context(rng, world)? });
        other.push(Tree::map([("wait", one_of(rng, &["1..10", "5..60"]).into())]));
    }
    Some(Tree::map([("parallel", vec![Tree::List(first), Tree::List(other)].into())]))
}
