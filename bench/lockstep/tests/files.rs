// SPDX-License-Identifier: Apache-2.0
//! What the pages say of files, and how the files of a room know each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("lockstep lies in the workspace").to_owned()
}

/// Every file below a folder that is in nobody's `target`, with its path from there.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if name == "target" || name == ".git" {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap_or(&path).to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn pages_name_files_that_are_there() {
    let root = root();
    let files: Vec<String> = below(&root).iter().map(|path| path.display().to_string()).collect();
    let is_there = |name: &str| files.iter().any(|file| file == name || file.ends_with(&format!("/{name}")));
    let pages = ["ARCHITECTURE.md", "CONTRIBUTING.md", "bench/oracle/MODEL.md", "bench/oracle/CHOICES.md"];
    let mut missing = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(root.join(page)).expect("the page");
        let quoted = text.split('`').skip(1).step_by(2);
        let names = quoted.filter(|name| name.ends_with(".rs") && !name.contains([' ', '*', '{', '<']));
        // `golden/checks.rs` is what readers call `golden/src/checks.rs`.
        let spelt = |name: &str| match name.split_once('/') {
            Some((room, file)) if !name.contains("src/") => is_there(&format!("{room}/src/{file}")),
            _ => false,
        };
        missing.extend(names.filter(|name| !is_there(name) && !spelt(name)).map(|name| format!("{page}: {name}")));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_way_of_a_request_names_functions_that_are_there() {
    let root = root();
    let page = std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the page");
    let way = page.split("## From a request to its verdict").nth(1).and_then(|rest| rest.split("\n## ").next());
    let quoted: Vec<&str> = way.expect("the way").split('`').skip(1).step_by(2).collect();
    let stops: Vec<(&str, &str)> = quoted.windows(2).map(|pair| (pair[0], pair[1])).collect();
    let stops = stops.into_iter().filter(|(file, name)| file.ends_with(".rs") && !name.ends_with(".rs"));
    let mut visited = BTreeSet::new();
    for (file, name) in stops {
        let path = [root.join("bench").join(file), root.join(file)].into_iter().find(|path| path.exists());
        let text =
            std::fs::read_to_string(path.unwrap_or_else(|| panic!("{file} is not there"))).expect("a source file");
        let function = name.rsplit("::").next().unwrap_or(name);
        assert!(text.contains(&format!("fn {function}")), "{file} has no function {function}");
        assert!(visited.insert((file, name)), "{file}, {name} is visited twice");
    }
    assert!(visited.len() > 12, "{visited:?}");
}

/// The modules of a crate and what each uses of the others, by their paths. What the crate's root defines is everybody's.
fn uses(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let module = |path: &Path| {
        let name = path.with_extension("").display().to_string().replace('/', "::");
        name.strip_suffix("::mod").map(str::to_owned).unwrap_or(name)
    };
    // Tests may look wherever they like.
    let is_code = |path: &PathBuf| path.extension().is_some_and(|e| e == "rs") && !path.starts_with("tests");
    let files: Vec<PathBuf> = below(source).into_iter().filter(is_code).collect();
    let names: BTreeSet<String> = files.iter().map(|path| module(path)).collect();
    let used_by = |path: &Path| {
        let own = module(path);
        let text = std::fs::read_to_string(source.join(path)).expect("a source file");
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let mut used = BTreeSet::new();
        for statement in text.split(';').filter_map(|part| part.rsplit_once("use ").map(|(_, path)| path)) {
            let (mut base, mut rest) = (own.clone(), statement.trim());
            if let Some(inner) = rest.strip_prefix("crate::") {
                (base, rest) = (String::new(), inner);
            } else if rest.starts_with("super::") {
                while let Some(inner) = rest.strip_prefix("super::") {
                    base = base.rsplit_once("::").map(|(above, _)| above.to_owned()).unwrap_or_default();
                    rest = inner;
                }
            } else {
                continue;
            }
            let heads = match rest.strip_prefix('{') {
                Some(list) => list.trim_end_matches('}').split(',').map(str::trim).collect(),
                None => vec![rest],
            };
            for head in heads {
                // The longest module that the path names.
                let mut path = base.clone();
                let mut found = None;
                for part in head.split("::") {
                    path = if path.is_empty() { part.to_owned() } else { format!("{path}::{part}") };
                    found = if names.contains(&path) { Some(path.clone()) } else { found };
                }
                used.extend(found.filter(|found| *found != own));
            }
        }
        (own, used)
    };
    files.iter().map(|path| used_by(path)).collect()
}

/// A circle of modules, if there is one.
fn circle(uses: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    // Whoever uses nobody that is left is taken out, and again; what stays is in a circle, or above one.
    let mut left = uses.clone();
    loop {
        let names: BTreeSet<String> = left.keys().cloned().collect();
        let before = left.len();
        left.retain(|_, used| used.iter().any(|name| names.contains(name)));
        if left.len() == before {
            break;
        }
    }
    let mut way: Vec<String> = vec![left.keys().next()?.clone()];
    loop {
        let next = left[&way[way.len() - 1]].iter().find(|name| left.contains_key(*name))?.clone();
        if let Some(at) = way.iter().position(|name| *name == next) {
            return Some(way.split_off(at));
        }
        way.push(next);
    }
}

#[test]
fn files_of_a_room_use_each_other_in_one_direction() {
    let rooms = [
        "golden",
        "hdl",
        "hdl/boundary",
        "hdl/verilated",
        "bench/events",
        "bench/oracle",
        "bench/bus",
        "bench/driver",
        "bench/model",
        "bench/testbench",
        "bench/scenario",
        "bench/vectors",
        "bench/waivers",
        "bench/capi",
        "bench/lockstep",
    ];
    let circles: Vec<String> = rooms
        .iter()
        .filter_map(|room| {
            let circle = circle(&uses(&root().join(room).join("src")))?;
            Some(format!("{room}: {}", circle.join(" -> ")))
        })
        .collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_circle_is_found() {
    let of = |pairs: &[(&str, &[&str])]| {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        pairs.iter().map(|(name, used)| ((*name).to_owned(), set(used))).collect()
    };
    assert_eq!(circle(&of(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])), None);
    let found = circle(&of(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])])).expect("b and c");
    assert_eq!(found.len(), 2);
}
