// SPDX-License-Identifier: Apache-2.0
//! The machine of a program: which IOMMU, which memory, which domains and devices.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use scenario::{Offer, Requirement};

use super::dice::{one_of, percent};
use super::tree::Tree;
use super::world::{Device, Domain, Kind, PAGE, Piece, Process, World};

/// Where the first stage of everybody maps small pages: the same place in each, so that tags are all that tells them apart.
pub const SMALL: u64 = 0x1000_0000;
/// … pages of 2 MiB
pub const LARGE: u64 = 0x1020_0000;
/// … pages of 1 GiB
pub const HUGE: u64 = 0x4000_0000;
/// Where parents map what guests lead to
pub const GUEST: u64 = 0x5000_0000;
/// … by pages of 2 MiB
pub const GUEST_LARGE: u64 = 0x5020_0000;
/// Interrupt files of guests
pub const FILES: u64 = 0x2800_0000;
/// Physical memory that mappings lead to where they say so
pub const MEMORY: u64 = 0x9000_0000;

/// A machine, and what the scenario says of it.
pub struct Setup {
    /// All keys of the scenario above its steps
    pub head: Tree,
    /// What is known of it
    pub world: World,
}

/// Draws a machine for a device that offers this. `careful` software has no mappings that claim to be global and are not,
/// and no policy that shows what is in between.
pub fn draw(rng: &mut ChaCha8Rng, offer: &Offer, careful: bool) -> Setup {
    let mut world = World {
        has: 0,
        extended: false,
        domains: Vec::new(),
        devices: Vec::new(),
        streams: Vec::new(),
        started: 0,
        broken: false,
        stopped: false,
    };
    let mut requires = Vec::new();
    const WANTED: [(Requirement, u32); 8] = [
        (Requirement::Pdt, 45),
        (Requirement::Msi, 35),
        (Requirement::Mrif, 60),
        (Requirement::Hwad, 20),
        (Requirement::Ats, 25),
        (Requirement::Dbg, 25),
        (Requirement::Hpm, 20),
        (Requirement::Messages, 15),
    ];
    for (needed, often) in WANTED {
        let is_there = match needed {
            Requirement::Messages => offer.capabilities >> 28 & 0b11 != 1,
            Requirement::Mrif => world.offers(Requirement::Msi) && needed.met_by(offer.capabilities),
            _ => needed.met_by(offer.capabilities),
        };
        if is_there && percent(rng, often) {
            requires.push(Tree::from(needed.name()));
            world.has |= needed.bits();
        }
    }
    world.extended = world.offers(Requirement::Msi);
    let mut head = Tree::Map(Vec::new());
    if !requires.is_empty() {
        head.set("requires", requires);
    }
    let iommu = iommu(rng, &world);
    if !iommu.entries().is_empty() {
        head.set("iommu", iommu);
    }
    draw_memory(rng, &mut head);
    let driver = driver(rng, careful);
    if !driver.entries().is_empty() {
        head.set("driver", driver);
    }
    let domains = domains(rng, offer, &mut world, careful);
    head.set("domains", Tree::Map(domains));
    let devices = devices(rng, &mut world);
    head.set("devices", Tree::Map(devices));
    Setup { head, world }
}

/// Draws how memory answers, anew if the scenario says it already.
pub fn draw_memory(rng: &mut ChaCha8Rng, head: &mut Tree) {
    head.set("memory", Tree::map([("page-tables", timing(rng)), ("dma", timing(rng))]));
}

fn iommu(rng: &mut ChaCha8Rng, world: &World) -> Tree {
    let mut iommu = Tree::Map(Vec::new());
    if world.extended {
        iommu.set("context", "extended");
    }
    if percent(rng, 30) {
        iommu.set("directory", one_of(rng, &["1-level", "2-level"]));
    }
    iommu
}

fn timing(rng: &mut ChaCha8Rng) -> Tree {
    let latency = one_of(rng, &["0", "1", "0..3", "2..20", "5..60", "40", "1..200"]);
    Tree::map([("latency", latency.into())])
        .with_some("reorder", percent(rng, 30).then_some(false))
        .with_some("stall", percent(rng, 60).then(|| one_of(rng, &[0_u64, 30, 60])))
        .with_some("ready-after-valid", percent(rng, 10).then_some(true))
}

fn driver(rng: &mut ChaCha8Rng, careful: bool) -> Tree {
    Tree::Map(Vec::new())
        .with_some("policy", (!careful && percent(rng, 20)).then(|| one_of(rng, &["upstream", "rfc"])))
        .with_some("flush", percent(rng, 20).then_some("tags"))
        .with_some("command-queue", percent(rng, 15).then(|| one_of(rng, &[2_u64, 4, 8])))
        .with_some("fault-queue", percent(rng, 15).then(|| one_of(rng, &[2_u64, 4, 16])))
}

/// The modes of a stage that the device has, the small ones more often.
fn mode(rng: &mut ChaCha8Rng, offer: &Offer, second: bool) -> &'static str {
    const FIRST: [(&str, Requirement); 3] =
        [("sv39", Requirement::Sv39), ("sv48", Requirement::Sv48), ("sv57", Requirement::Sv57)];
    const SECOND: [(&str, Requirement); 3] =
        [("sv39x4", Requirement::Sv39x4), ("sv48x4", Requirement::Sv48x4), ("sv57x4", Requirement::Sv57x4)];
    let all = if second { SECOND } else { FIRST };
    let has: Vec<&str> =
        all.into_iter().filter(|(_, needed)| needed.met_by(offer.capabilities)).map(|(name, _)| name).collect();
    match has.as_slice() {
        [] => all[0].0,
        [first, ..] if percent(rng, 50) => first,
        has => one_of(rng, has),
    }
}

fn domains(rng: &mut ChaCha8Rng, offer: &Offer, world: &mut World, careful: bool) -> Vec<(String, Tree)> {
    let mut all = Vec::new();
    for at in 0..rng.random_range(1..=3) {
        let global = if careful { 0 } else { 20 };
        paging(rng, offer, world, &mut all, ["red", "blue", "green"][at], global);
    }
    for at in 0..rng.random_range(0..=2) {
        parent(rng, offer, world, &mut all, ["host", "other"][at]);
    }
    let parents = world.domains_that(|domain| domain.kind == Kind::Parent);
    if !parents.is_empty() {
        for at in 0..rng.random_range(0..=3) {
            let parent = one_of(rng, &parents);
            let global = if careful { 0 } else { 15 };
            nested(rng, offer, world, &mut all, ["guest", "kid", "third"][at], (parent, global));
        }
        if world.offers(Requirement::Pdt) && percent(rng, 30) {
            let parent = one_of(rng, &parents);
            directory(rng, world, &mut all, parent);
        }
    }
    world.domains.push(Domain {
        name: "identity".to_owned(),
        kind: Kind::Identity,
        mode: "",
        map: Vec::new(),
        files: 0,
        there: true,
        late: false,
    });
    all
}

/// Puts a domain into the world and into the file.
fn add(world: &mut World, all: &mut Vec<(String, Tree)>, domain: Domain, tree: Tree) {
    all.push((domain.name.clone(), tree.with_some("late", domain.late.then_some(true))));
    world.domains.push(domain);
}

fn new(name: &str, kind: Kind, mode: &'static str, late: bool) -> Domain {
    Domain { name: name.to_owned(), kind, mode, map: Vec::new(), files: 0, there: !late, late }
}

fn paging(
    rng: &mut ChaCha8Rng,
    offer: &Offer,
    world: &mut World,
    all: &mut Vec<(String, Tree)>,
    name: &str,
    global: u32,
) {
    let mode = mode(rng, offer, false);
    let mut domain = new(name, Kind::Paging, mode, percent(rng, 10));
    let mut tree = Tree::map([("kind", "paging".into())]).with_some("mode", (mode != "sv39").then_some(mode));
    let mut map = Vec::new();
    for (piece, mapping) in pieces(rng, [SMALL, LARGE, HUGE]) {
        // By default, fresh memory; else several mappings may lead to the same.
        let to = percent(rng, 25).then(|| MEMORY + piece.page.max(PAGE) * rng.random_range(0..4));
        let mapping = mapping
            .with_some("to", to.map(|to| to - to % piece.page))
            .with_some("access", percent(rng, 15).then(|| one_of(rng, &["r", "rx", "rwx", "x"])))
            .with_some("user", percent(rng, 10).then_some(false))
            .with_some("global", percent(rng, global).then_some(true));
        domain.map.push(piece);
        map.push(mapping);
    }
    tree.set("map", map);
    if percent(rng, 25) {
        tree.set("pscid", tag(rng));
    }
    add(world, all, domain, tree);
}

/// A tag that may be the other one's of somebody else.
fn tag(rng: &mut ChaCha8Rng) -> u64 {
    one_of(rng, &[1_u64, 2, 5, 0x1234, 0x8001])
}

/// One to three mappings: small pages, and larger ones at times.
fn pieces(rng: &mut ChaCha8Rng, at: [u64; 3]) -> Vec<(Piece, Tree)> {
    let mut all = Vec::new();
    let pages = one_of(rng, &[1_u64, 2, 4, 8, 16]);
    let small = Piece { iova: at[0], bytes: pages * PAGE, page: PAGE };
    all.push((small, Tree::map([("iova", small.iova.into()), ("pages", pages.into())])));
    if percent(rng, 20) {
        // Right behind it, with other rights or another target.
        let next = Piece { iova: at[0] + pages * PAGE, bytes: 2 * PAGE, page: PAGE };
        all.push((next, Tree::map([("iova", next.iova.into()), ("pages", 2.into())])));
    }
    for (often, iova, page, word) in [(40, at[1], 2 << 20, "2M"), (8, at[2], 1 << 30, "1G")] {
        if percent(rng, often) {
            let piece = Piece { iova, bytes: page, page };
            all.push((piece, Tree::map([("iova", iova.into()), ("page", word.into())])));
        }
    }
    all
}

fn parent(rng: &mut ChaCha8Rng, offer: &Offer, world: &mut World, all: &mut Vec<(String, Tree)>, name: &str) {
    let mode = mode(rng, offer, true);
    let mut domain = new(name, Kind::Parent, mode, false);
    let mut tree = Tree::map([("kind", "paging".into()), ("nest-parent", true.into())])
        .with_some("mode", (mode != "sv39x4").then_some(mode));
    let mut map = Vec::new();
    for (piece, mapping) in pieces(rng, [GUEST, GUEST_LARGE, 0x8000_0000]) {
        domain.map.push(piece);
        map.push(mapping.with_some("access", percent(rng, 10).then_some("r")));
    }
    tree.set("map", map);
    if world.offers(Requirement::Msi) && percent(rng, 70) {
        domain.files = one_of(rng, &[1_u64, 2, 4]);
        tree.set("msi", Tree::map([("address", FILES.into()), ("files", domain.files.into())]));
    }
    if percent(rng, 25) {
        tree.set("gscid", tag(rng));
    }
    add(world, all, domain, tree);
}

fn nested(
    rng: &mut ChaCha8Rng,
    offer: &Offer,
    world: &mut World,
    all: &mut Vec<(String, Tree)>,
    name: &str,
    (parent, global): (usize, u32),
) {
    let mode = mode(rng, offer, false);
    let mut domain = new(name, Kind::Nested(parent), mode, percent(rng, 15));
    let mut tree = Tree::map([("kind", "nested".into()), ("parent", world.domain(parent))])
        .with_some("mode", (mode != "sv39").then_some(mode))
        .with_some("tables-page", percent(rng, 20).then_some("2M"));
    let files = world.domains[parent].files;
    let mut map = Vec::new();
    for (piece, mapping) in pieces(rng, [SMALL, LARGE, HUGE]) {
        let to = match piece.page {
            PAGE => GUEST + PAGE * rng.random_range(0..3),
            page if page == 2 << 20 => one_of(rng, &[GUEST_LARGE, GUEST - GUEST % page]),
            _ => 0x4000_0000,
        };
        let mapping = mapping
            .with("to", to)
            .with_some("access", percent(rng, 10).then(|| one_of(rng, &["r", "rwx"])))
            .with_some("global", percent(rng, global).then_some(true));
        domain.map.push(piece);
        map.push(mapping);
    }
    if files > 0 {
        let piece = Piece { iova: 0x2000_0000, bytes: files * PAGE, page: PAGE };
        domain.map.push(piece);
        map.push(Tree::map([("iova", piece.iova.into()), ("to", FILES.into()), ("pages", files.into())]));
    }
    tree.set("map", map);
    if percent(rng, 40) {
        tree.set("pscid", tag(rng));
    }
    add(world, all, domain, tree);
}

fn directory(rng: &mut ChaCha8Rng, world: &mut World, all: &mut Vec<(String, Tree)>, parent: usize) {
    let domain = new("processes", Kind::Directory(parent), "", false);
    let tree = Tree::map([("kind", "nested".into()), ("parent", world.domain(parent))])
        .with("process-directory", one_of(rng, &["pd8", "pd17", "pd20"]))
        .with_some("default-process", percent(rng, 30).then_some(true));
    add(world, all, domain, tree);
}

fn devices(rng: &mut ChaCha8Rng, world: &mut World) -> Vec<(String, Tree)> {
    const NAMES: [&str; 4] = ["nic", "gpu", "disk", "cam"];
    const IDS: [u64; 4] = [0x12, 0x13, 0x14, 0x32];
    let mut all = Vec::new();
    for at in 0..rng.random_range(1..=3) {
        let own_directory = world.offers(Requirement::Pdt) && percent(rng, 40);
        let may_have = |domain: &Domain| {
            domain.there
                && match domain.kind {
                    Kind::Paging | Kind::Identity => true,
                    Kind::Parent | Kind::Nested(_) | Kind::Directory(_) => !own_directory,
                }
        };
        let choice = world.domains_that(may_have);
        let domain = (!choice.is_empty() && percent(rng, 85)).then(|| one_of(rng, &choice));
        let ats = world.offers(Requirement::Ats) && percent(rng, 70);
        let page_requests = ats && percent(rng, 40);
        let mut tree = Tree::map([("id", IDS[at].into())]);
        if let Some(domain) = domain {
            tree.set("domain", world.domain(domain));
        }
        if own_directory {
            tree.set("process-directory", one_of(rng, &["pd8", "pd17", "pd20"]));
        }
        if page_requests {
            tree.set("ats", Tree::map([("page-requests", true.into())]));
        } else if ats {
            tree.set("ats", true);
        }
        let mut processes = Vec::new();
        let is_directory = domain.is_some_and(|domain| matches!(world.domains[domain].kind, Kind::Directory(_)));
        if own_directory || is_directory || percent(rng, 5) {
            for id in [5, 6, 0x41] {
                if percent(rng, 60) {
                    processes.push(Process { id, domain: None });
                }
            }
        }
        let name = NAMES[at].to_owned();
        all.push((name.clone(), tree));
        world.devices.push(Device { name, domain, directory: own_directory, processes, ats, page_requests });
    }
    all
}
