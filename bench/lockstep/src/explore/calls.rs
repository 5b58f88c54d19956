// SPDX-License-Identifier: Apache-2.0
//! Calls of the driver: whatever they do, devices and software must come out blameless.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::dice::{any_of, one_of, percent};
use super::setup::{FILES, GUEST, MEMORY, SMALL};
use super::tree::Tree;
use super::world::{Kind, PAGE, Piece, World};

/// A device, or one of its processes.
fn seats(world: &World) -> Vec<(usize, Option<usize>)> {
    let of = |device: usize| {
        let processes = world.devices[device].processes.len();
        std::iter::once((device, None)).chain((0..processes).map(move |process| (device, Some(process))))
    };
    (0..world.devices.len()).flat_map(of).collect()
}

fn seat(world: &mut World, (device, process): (usize, Option<usize>)) -> &mut Option<usize> {
    match process {
        Some(process) => &mut world.devices[device].processes[process].domain,
        None => &mut world.devices[device].domain,
    }
}

/// Domains that a device, or one of its processes, can be attached to.
fn fitting(world: &World, (device, process): (usize, Option<usize>)) -> Vec<usize> {
    let own = &world.devices[device];
    let above = own.domain.map(|domain| world.domains[domain].kind);
    world.domains_that(|domain| {
        domain.there
            && match (process, domain.kind) {
                (None, Kind::Paging | Kind::Identity) => true,
                (None, Kind::Parent | Kind::Nested(_) | Kind::Directory(_)) => !own.directory,
                // Processes of a guest use tables of the guest.
                (Some(_), Kind::Nested(parent)) => above == Some(Kind::Directory(parent)),
                (Some(_), Kind::Paging) => own.directory,
                (Some(_), _) => false,
            }
    })
}

fn named(world: &World, (device, process): (usize, Option<usize>)) -> Tree {
    let id = process.map(|process| world.devices[device].processes[process].id);
    Tree::map([("device", world.device(device))]).with_some("process", id)
}

/// A device or a process gets a domain, another one, or none.
pub fn attachment(rng: &mut ChaCha8Rng, world: &mut World) -> Option<Tree> {
    let all = seats(world);
    let who = any_of(rng, &all)?;
    // Processes go with the guest whose directory they are in.
    let holds_processes = who.1.is_none() && world.devices[who.0].processes.iter().any(|own| own.domain.is_some());
    let is_guests =
        |domain: Option<usize>| domain.is_some_and(|domain| matches!(world.domains[domain].kind, Kind::Directory(_)));
    let now = *seat(&mut world.clone(), who);
    if holds_processes && is_guests(now) {
        return None;
    }
    let mut choice = fitting(world, who);
    choice.retain(|domain| Some(*domain) != now);
    if now.is_some() && (choice.is_empty() || percent(rng, 30)) {
        let step = named(world, who);
        *seat(world, who) = None;
        return Some(Tree::map([("detach", step)]));
    }
    let domain = any_of(rng, &choice)?;
    let step = named(world, who).with("domain", world.domain(domain));
    let verb = if now.is_some() { "replace" } else { "attach" };
    *seat(world, who) = Some(domain);
    Some(Tree::map([(verb, step)]))
}

/// Pages are mapped.
pub fn map(rng: &mut ChaCha8Rng, world: &mut World) -> Option<Tree> {
    let domain = any_of(rng, &world.domains_that(|domain| domain.there && domain.has_table()))?;
    let own = &world.domains[domain];
    let base = if own.kind == Kind::Parent { GUEST } else { SMALL };
    let at = own.map.iter().filter(|piece| piece.page == PAGE).map(|piece| piece.iova + piece.bytes).max();
    // Behind what there is, or in a hole that an `unmap` has left.
    let first = if percent(rng, 50) { base } else { at.unwrap_or(base) };
    let free = |iova: &u64| !own.map.iter().any(|piece| piece.iova <= *iova && *iova < piece.iova + piece.bytes);
    let iova = (0..32).map(|page| first + page * PAGE).find(free)?;
    let mut range = Tree::map([("iova", iova.into()), ("pages", 1.into())]);
    match own.kind {
        Kind::Nested(_) => range.set("to", GUEST + PAGE * rng.random_range(0..4)),
        _ if percent(rng, 40) => range.set("to", MEMORY + PAGE * rng.random_range(0..4)),
        _ => {}
    }
    if percent(rng, 15) {
        range.set("access", "r");
    }
    world.domains[domain].map.push(Piece { iova, bytes: PAGE, page: PAGE });
    Some(Tree::map([("map", Tree::map([("domain", world.domain(domain)), ("range", range)]))]))
}

/// Pages are unmapped: a mapping, or a part of one.
pub fn unmap(rng: &mut ChaCha8Rng, world: &mut World) -> Option<Tree> {
    let domain =
        any_of(rng, &world.domains_that(|domain| domain.there && domain.has_table() && !domain.map.is_empty()))?;
    let at = rng.random_range(0..world.domains[domain].map.len());
    let piece = world.domains[domain].map.remove(at);
    let pages = piece.bytes / piece.page;
    let (first, count) = match pages {
        1 => (0, 1),
        _ if percent(rng, 40) => (0, pages),
        _ => {
            let first = rng.random_range(0..pages);
            (first, rng.random_range(1..=pages - first))
        }
    };
    let gone = Piece { iova: piece.iova + first * piece.page, bytes: count * piece.page, page: piece.page };
    let end = gone.iova + gone.bytes;
    let before = Piece { bytes: gone.iova - piece.iova, ..piece };
    let behind = Piece { iova: end, bytes: piece.iova + piece.bytes - end, page: piece.page };
    world.domains[domain].map.extend([before, behind].into_iter().filter(|piece| piece.bytes > 0));
    let range = Tree::map([("iova", gone.iova.into()), ("size", size(gone.bytes))]);
    Some(Tree::map([("unmap", Tree::map([("domain", world.domain(domain)), ("range", range)]))]))
}

/// So many bytes as one would write them.
fn size(bytes: u64) -> Tree {
    format!("{}K", bytes >> 10).into()
}

/// A domain is made, or freed.
pub fn life(rng: &mut ChaCha8Rng, world: &mut World) -> Option<Tree> {
    let gone = world.domains_that(|domain| !domain.there && domain.kind != Kind::Identity);
    let parent_is_there = |at: &usize| world.domains[*at].parent().is_none_or(|parent| world.domains[parent].there);
    let can_come: Vec<usize> = gone.into_iter().filter(parent_is_there).collect();
    let can_go: Vec<usize> = (0..world.domains.len())
        .filter(|at| world.domains[*at].there && world.domains[*at].late && !world.is_used(*at))
        .collect();
    if !can_come.is_empty() && (can_go.is_empty() || percent(rng, 60)) {
        let domain = one_of(rng, &can_come);
        world.domains[domain].there = true;
        return Some(Tree::map([("create", world.domain(domain))]));
    }
    let domain = any_of(rng, &can_go)?;
    world.domains[domain].there = false;
    Some(Tree::map([("free", Tree::map([("domain", world.domain(domain))]))]))
}

/// An interrupt file leads elsewhere, or nowhere.
pub fn files(rng: &mut ChaCha8Rng, world: &World) -> Option<Tree> {
    let domain = any_of(rng, &world.domains_that(|domain| domain.there && domain.files > 0))?;
    let file = rng.random_range(0..world.domains[domain].files);
    let step = Tree::map([("domain", world.domain(domain))]);
    let to = |rng: &mut ChaCha8Rng| 0xb100_0000 + PAGE * rng.random_range(0..4);
    Some(match rng.random_range(0..10) {
        0..2 => Tree::map([("msi-switch", step.with("on", percent(rng, 60)))]),
        2..4 => Tree::map([("msi-unmap", step.with("file", file))]),
        4..7 if world.offers(scenario::Requirement::Mrif) => {
            let mrif = Tree::map([
                ("address", (0xb200_0000 + 0x200 * rng.random_range(0..4)).into()),
                ("notice", (0xb300_0000 + PAGE * rng.random_range(0..2)).into()),
                ("nid", one_of(rng, &[0_u64, 7, 0x7ff]).into()),
            ]);
            let verb = if percent(rng, 50) { "msi-map" } else { "msi-move" };
            Tree::map([(verb, step.with("file", file).with("mrif", mrif))])
        }
        4..6 => {
            let to = to(rng);
            Tree::map([("msi-map", step.with("file", file).with("to", to))])
        }
        _ => {
            let to = to(rng);
            Tree::map([("msi-move", step.with("file", file).with("to", to))])
        }
    })
}

/// An invalidation that nobody needs, which does no harm.
pub fn invalidation(rng: &mut ChaCha8Rng, world: &World) -> Tree {
    let parents = world.domains_that(|domain| domain.kind == Kind::Parent && domain.there);
    let tagged = world.domains_that(|domain| matches!(domain.kind, Kind::Paging | Kind::Nested(_)) && domain.there);
    let address = one_of(rng, &[SMALL, SMALL + PAGE, super::setup::LARGE, GUEST, FILES]);
    let what = match rng.random_range(0..10) {
        0..5 => {
            let domain = any_of(rng, &tagged);
            let parent = domain.and_then(|domain| world.domains[domain].parent()).or_else(|| any_of(rng, &parents));
            let with_parent = parent.filter(|_| {
                percent(rng, if domain.is_some_and(|at| world.domains[at].parent().is_some()) { 95 } else { 5 })
            });
            let vma = Tree::Map(Vec::new())
                .with_some("gscid-of", with_parent.map(|parent| world.domain(parent)))
                .with_some("pscid-of", domain.filter(|_| percent(rng, 60)).map(|domain| world.domain(domain)))
                .with_some("address", percent(rng, 50).then_some(address));
            ("vma", vma)
        }
        5..7 => {
            let parent = any_of(rng, &parents).filter(|_| percent(rng, 75));
            let gvma = Tree::Map(Vec::new())
                .with_some("gscid-of", parent.map(|parent| world.domain(parent)))
                .with_some("address", percent(rng, 50).then_some(address));
            ("gvma", gvma)
        }
        7..9 => {
            let device = percent(rng, 70).then(|| world.device(rng.random_range(0..world.devices.len())));
            ("ddt", Tree::Map(Vec::new()).with_some("device", device))
        }
        _ => {
            let device = rng.random_range(0..world.devices.len());
            match any_of(rng, &world.devices[device].processes) {
                Some(process) => ("pdt", Tree::map([("device", world.device(device)), ("process", process.id.into())])),
                None => ("ddt", Tree::Map(Vec::new())),
            }
        }
    };
    Tree::map([("invalidate", Tree::map([what]))])
}

/// A fence.
pub fn fence(rng: &mut ChaCha8Rng) -> Tree {
    if percent(rng, 50) {
        return "fence".into();
    }
    let mut fence = Tree::Map(Vec::new());
    for flag in ["reads", "writes", "interrupt"] {
        if percent(rng, 50) {
            fence.set(flag, true);
        }
    }
    Tree::map([("fence", fence)])
}
