// SPDX-License-Identifier: Apache-2.0
//! What devices do: transactions, streams, translation requests, page requests; and requests by way of registers.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use scenario::Requirement;

use super::dice::{any_of, one_of, percent};
use super::setup::{FILES, GUEST, LARGE, SMALL};
use super::tree::Tree;
use super::world::{Kind, PAGE, Piece, World};

/// Streams at a time.
const MOST_STREAMS: usize = 3;

/// Who asks: a device, and one of its processes or none.
fn asker(rng: &mut ChaCha8Rng, world: &World) -> (usize, Option<u64>) {
    let device = rng.random_range(0..world.devices.len());
    let processes = &world.devices[device].processes;
    let process = match processes.is_empty() {
        true => percent(rng, 2).then_some(5),
        false if percent(rng, 65) => Some(one_of(rng, processes).id),
        false => None,
    };
    (device, process)
}

/// A mapping through which requests of somebody go, if there is one.
fn piece(rng: &mut ChaCha8Rng, world: &World, domain: Option<usize>) -> Option<Piece> {
    any_of(rng, &world.domains.get(domain?)?.map)
}

/// An address that somebody asks for: mostly one that is mapped.
fn address(rng: &mut ChaCha8Rng, world: &World, domain: Option<usize>) -> u64 {
    let within = |rng: &mut ChaCha8Rng, piece: Piece| {
        // Few places in it, so that requests meet.
        let page = one_of(rng, &[0, 0, 1, piece.bytes / PAGE / 2, piece.bytes / PAGE - 1]) * PAGE;
        piece.iova + (page + one_of(rng, &[0_u64, 0, 8, 0x40, 0x800, 0xff8])) % piece.bytes
    };
    let kind = domain.and_then(|domain| world.domains.get(domain)).map(|domain| domain.kind);
    if kind == Some(Kind::Identity) {
        return super::setup::MEMORY + PAGE * rng.random_range(0..4);
    }
    let files = domain.and_then(|domain| world.domains.get(domain)).map_or(0, |domain| domain.files);
    if files > 0 && percent(rng, 25) {
        return FILES + PAGE * rng.random_range(0..files);
    }
    match (piece(rng, world, domain), rng.random_range(0..100)) {
        (Some(piece), 0..80) => within(rng, piece),
        (Some(piece), 80..86) => piece.iova.wrapping_add(piece.bytes),
        (_, 86..92) => {
            let any: Vec<Piece> = world.domains.iter().flat_map(|domain| domain.map.clone()).collect();
            any_of(rng, &any).map_or(SMALL, |piece| within(rng, piece))
        }
        (_, 92..94) => one_of(rng, &[1 << 38, 1 << 41, 1 << 47, 1 << 56, u64::MAX - 0xfff, 0x2000]),
        _ => one_of(rng, &[SMALL, LARGE, GUEST, SMALL + 0x8000]),
    }
}

/// One transaction.
pub fn dma(rng: &mut ChaCha8Rng, world: &World) -> Tree {
    let (device, process) = asker(rng, world);
    let address = address(rng, world, world.domain_of(device, process));
    let is_file = address >> 12 >= FILES >> 12 && address < FILES + 4 * PAGE;
    let kind = match rng.random_range(0..100) {
        _ if is_file && percent(rng, 80) => "write",
        0..47 => "read",
        47..94 => "write",
        _ => "fetch",
    };
    let mut dma = Tree::map([("device", world.device(device))]);
    if let Some(process) = process {
        dma.set("process", process);
        if percent(rng, 20) {
            dma.set("privileged", true);
        }
    }
    if is_file && kind == "write" {
        dma.set(kind, address & !0xfff | if percent(rng, 90) { 0 } else { 4 });
        dma.set("bytes", 4);
        dma.set("beat-bytes", 4);
        dma.set("data", one_of(rng, &[0_u64, 1, 5, 63, 64, 0x7ff, 0x800]));
        return Tree::map([("dma", dma)]);
    }
    dma.set(kind, address);
    match rng.random_range(0..100) {
        0..70 => {}
        70..85 => dma.set("bytes", one_of(rng, &[16_u64, 64, 128]).min(PAGE - (address & 0xfff)).max(8)),
        85..95 => {
            dma.set("bytes", 4);
            dma.set("beat-bytes", 4);
        }
        _ if address.is_multiple_of(32) => {
            dma.set("bytes", 32);
            dma.set("burst", "wrap");
        }
        _ => {}
    }
    if world.devices[device].ats && percent(rng, 25) {
        dma.set("translated", "raw");
    }
    Tree::map([("dma", dma)])
}

/// A stream begins.
pub fn stream(rng: &mut ChaCha8Rng, world: &mut World) -> Option<Tree> {
    if world.streams.len() >= MOST_STREAMS {
        return None;
    }
    let (device, process) = asker(rng, world);
    let domain = world.domain_of(device, process);
    let piece = match piece(rng, world, domain) {
        Some(piece) => piece,
        None => any_of(rng, &world.domains.iter().flat_map(|domain| domain.map.clone()).collect::<Vec<_>>())?,
    };
    world.started += 1;
    let name = format!("s{}", world.started);
    let bytes = piece.bytes.min(one_of(rng, &[PAGE, 2 * PAGE, 4 * PAGE, 16 * PAGE]));
    let range = Tree::map([("iova", piece.iova.into()), ("size", format!("{}K", bytes >> 10).into())]);
    let mut stream = Tree::map([("name", name.as_str().into()), ("device", world.device(device)), ("range", range)]);
    if let Some(process) = process {
        stream.set("process", process);
    }
    stream.set("kind", one_of(rng, &["read", "write", "mixed"]));
    stream.set("gap", one_of(rng, &["0", "0..5", "0..20", "20..100"]));
    stream.set("outstanding", one_of(rng, &[1_u64, 2, 4, 8]));
    stream.set("bursts", one_of(rng, &["1", "1..4", "1..16"]));
    if percent(rng, 10) {
        stream.set("shapes", "any");
    }
    if world.devices[device].ats && percent(rng, 30) {
        stream.set("translated", true);
    }
    world.streams.push((name, device));
    Some(Tree::map([("stream", stream)]))
}

/// A stream ends, or all of them do.
pub fn stop(rng: &mut ChaCha8Rng, world: &mut World) -> Option<Tree> {
    if world.streams.is_empty() {
        return None;
    }
    if percent(rng, 40) {
        world.streams.clear();
        return Some("drain".into());
    }
    let at = rng.random_range(0..world.streams.len());
    let (name, _) = world.streams.remove(at);
    Some(Tree::map([("stop", name.into())]))
}

/// Time passes.
pub fn wait(rng: &mut ChaCha8Rng) -> Tree {
    Tree::map([("wait", one_of(rng, &["1..10", "10..60", "50..300", "300..900"]).into())])
}

/// A translation that software asks for by way of registers.
pub fn debug(rng: &mut ChaCha8Rng, world: &World) -> Tree {
    let (device, process) = asker(rng, world);
    let address = address(rng, world, world.domain_of(device, process));
    let ask = Tree::map([("device", world.device(device)), ("address", (address & !0xfff).into())])
        .with_some("process", process)
        .with_some("privileged", (process.is_some() && percent(rng, 20)).then_some(true));
    let ask = match rng.random_range(0..4) {
        0 => ask.with("execute", true),
        1 => ask.with("no-write", true),
        _ => ask,
    };
    Tree::map([("debug-translate", ask)])
}

/// What a device with ATS asks for.
pub fn ats(rng: &mut ChaCha8Rng, world: &World) -> Option<Tree> {
    let (device, process) = asker(rng, world);
    let own = &world.devices[device];
    if !world.offers(Requirement::Ats) || !own.ats && !percent(rng, 10) {
        return None;
    }
    let address = address(rng, world, world.domain_of(device, process)) & !0xfff;
    let base = Tree::map([("device", world.device(device))]).with_some("process", process);
    Some(match rng.random_range(0..10) {
        0..6 => {
            let flag = |rng: &mut ChaCha8Rng| (process.is_some() && percent(rng, 15)).then_some(true);
            let ask = base
                .with("address", address)
                .with_some("privileged", flag(rng))
                .with_some("execute", flag(rng))
                .with_some("no-write", percent(rng, 30).then_some(true));
            Tree::map([("translation-request", ask)])
        }
        6..8 if own.page_requests || percent(rng, 10) => {
            let ask = base
                .with("address", address)
                .with(one_of(rng, &["read", "write"]), true)
                .with_some("last", percent(rng, 20).then_some(false))
                .with("group", rng.random_range(0..4_u64));
            Tree::map([("page-request", ask)])
        }
        8 if own.page_requests => {
            let code = one_of(rng, &["success", "invalid-request", "response-failure"]);
            let answer = base.with("group", rng.random_range(0..4_u64)).with("code", code);
            Tree::map([("page-response", answer)])
        }
        _ => {
            let what = base.with_some("address", percent(rng, 60).then_some(address));
            Tree::map([("invalidate", Tree::map([("ats", what)]))])
        }
    })
}
