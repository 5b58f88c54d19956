// SPDX-License-Identifier: Apache-2.0
//! Ways to make a scenario smaller: what can go, and what can stand for something larger.

use super::simpler;
use crate::explore::tree::Tree;

/// The way from the root: places among entries and elements.
pub type Path = Vec<usize>;

/// A way to make a tree smaller.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// So many elements of a list go, from this one on
    Cut(Path, usize, usize),
    /// An entry of a mapping goes
    Remove(Path, usize),
    /// A value is replaced
    Put(Path, Tree),
    /// An element of a list is replaced by several
    Splice(Path, usize, Vec<Tree>),
    /// A domain or a device goes, with all that speaks of it
    Forget(&'static str, String),
}

impl Edit {
    /// The tree with it done, if it fits.
    pub fn apply(&self, tree: &Tree) -> Option<Tree> {
        let mut tree = tree.clone();
        match self {
            Edit::Cut(path, at, count) => {
                let Tree::List(list) = find(&mut tree, path)? else { return None };
                if at + count > list.len() {
                    return None;
                }
                list.drain(*at..at + count);
            }
            Edit::Remove(path, at) => {
                let Tree::Map(entries) = find(&mut tree, path)? else { return None };
                if *at >= entries.len() {
                    return None;
                }
                entries.remove(*at);
            }
            Edit::Put(path, value) => *find(&mut tree, path)? = value.clone(),
            Edit::Splice(path, at, several) => {
                let Tree::List(list) = find(&mut tree, path)? else { return None };
                if *at >= list.len() {
                    return None;
                }
                list.splice(*at..=*at, several.iter().cloned());
            }
            Edit::Forget(section, name) => forget(&mut tree, section, name),
        }
        Some(tree)
    }
}

fn find<'a>(tree: &'a mut Tree, path: &[usize]) -> Option<&'a mut Tree> {
    let Some((first, rest)) = path.split_first() else { return Some(tree) };
    match tree {
        Tree::List(list) => find(list.get_mut(*first)?, rest),
        Tree::Map(entries) => find(&mut entries.get_mut(*first)?.1, rest),
        Tree::Word(_) | Tree::Number(_) => None,
    }
}

/// Takes a domain or a device away: its entry, domains that lie on it, devices' own domain, and steps that name it.
fn forget(tree: &mut Tree, section: &str, name: &str) {
    let mut gone = vec![name.to_owned()];
    if let Some(Tree::Map(entries)) = tree.get_mut(section) {
        entries.retain(|(own, value)| {
            let is_on_it = value.get("parent").and_then(Tree::word) == Some(name);
            if is_on_it {
                gone.push(own.clone());
            }
            own != name && !is_on_it
        });
    }
    let is_gone = |value: &Tree| value.word().is_some_and(|word| gone.iter().any(|name| name == word));
    if let Some(Tree::Map(devices)) = tree.get_mut("devices") {
        for (_, device) in devices {
            if device.get("domain").is_some_and(is_gone) {
                device.take("domain");
            }
        }
    }
    if let Some(Tree::Map(entries)) = tree.get_mut(section)
        && entries.is_empty()
        && section == "domains"
    {
        tree.take(section);
    }
    if let Some(steps) = tree.get_mut("steps") {
        without(steps, &is_gone);
    }
}

/// Takes away the steps of a list that name something, and streams that are stopped no more.
fn without(steps: &mut Tree, is_gone: &impl Fn(&Tree) -> bool) {
    let Tree::List(list) = steps else { return };
    let mut stopped: Vec<Tree> = Vec::new();
    for step in list.iter_mut() {
        match step.entries() {
            [(key, _)] if matches!(key.as_str(), "operation" | "repeat") => {
                let key = key.clone();
                if let Some(inner) = step.get_mut(&key).and_then(|own| own.get_mut("steps")) {
                    without(inner, is_gone);
                }
            }
            [(key, Tree::List(_))] if key == "parallel" => {
                if let Some(Tree::List(lists)) = step.get_mut("parallel") {
                    lists.iter_mut().for_each(|inner| without(inner, is_gone));
                }
            }
            [(key, stream)] if key == "stream" && names(stream, is_gone) => {
                stopped.extend(stream.get("name").cloned());
            }
            _ => {}
        }
    }
    list.retain(|step| {
        let is_stop = step.get("stop").is_some_and(|name| stopped.contains(name));
        let is_wrapper = matches!(step.head(), Some("operation" | "repeat" | "parallel"));
        !is_stop && (is_wrapper || !names(step, is_gone))
    });
}

fn names(tree: &Tree, is_gone: &impl Fn(&Tree) -> bool) -> bool {
    match tree {
        Tree::List(list) => list.iter().any(|own| names(own, is_gone)),
        Tree::Map(entries) => entries.iter().any(|(_, own)| names(own, is_gone)),
        leaf => is_gone(leaf),
    }
}

/// How large a tree is: what has less is simpler.
pub fn weight(tree: &Tree) -> u64 {
    match tree {
        Tree::List(list) => 16 + list.iter().map(weight).sum::<u64>(),
        Tree::Map(entries) => 16 + entries.iter().map(|(_, value)| 16 + weight(value)).sum::<u64>(),
        Tree::Word(word) => 8 + simpler::of_word(word),
        Tree::Number(number) => 8 + simpler::of_number(*number),
    }
}

/// Every way to make a tree smaller: what takes most away comes first.
pub fn edits(tree: &Tree) -> Vec<Edit> {
    let mut all = Vec::new();
    if let Some(at) = place(tree, "steps") {
        let steps = tree.entries()[at].1.list();
        let mut size = steps.len();
        while size > 0 {
            // From the end: what comes last is needed least to get there.
            let mut end = steps.len();
            while end > 0 {
                let start = end.saturating_sub(size);
                all.push(Edit::Cut(vec![at], start, end - start));
                end = start;
            }
            size /= 2;
        }
    }
    for section in ["devices", "domains"] {
        let entries = tree.get(section).map(Tree::entries).unwrap_or_default();
        all.extend(entries.iter().map(|(name, _)| Edit::Forget(section, name.clone())));
    }
    let mut inner = Vec::new();
    walk(tree, &mut Vec::new(), &mut inner);
    // What is nearer to the root takes more away.
    inner.sort_by_key(|(depth, _)| *depth);
    all.extend(inner.into_iter().map(|(_, edit)| edit));
    all
}

fn place(tree: &Tree, key: &str) -> Option<usize> {
    tree.entries().iter().position(|(own, _)| own == key)
}

/// Ways to make something in the tree smaller, with how deep it lies.
fn walk(tree: &Tree, path: &mut Path, all: &mut Vec<(usize, Edit)>) {
    let depth = path.len();
    match tree {
        Tree::Map(entries) => {
            for (at, (key, value)) in entries.iter().enumerate() {
                let is_needed = depth == 0 && matches!(key.as_str(), "name" | "steps" | "devices");
                if !is_needed {
                    all.push((depth, Edit::Remove(path.clone(), at)));
                }
                path.push(at);
                walk(value, path, all);
                path.pop();
            }
        }
        Tree::List(list) => {
            for (at, element) in list.iter().enumerate() {
                if depth > 1 {
                    all.push((depth, Edit::Cut(path.clone(), at, 1)));
                }
                if let Some(several) = simpler::unwrapped(element) {
                    all.push((depth, Edit::Splice(path.clone(), at, several)));
                }
                path.push(at);
                all.extend(simpler::whole(element).into_iter().map(|put| (depth, Edit::Put(path.clone(), put))));
                walk(element, path, all);
                path.pop();
            }
        }
        Tree::Word(word) => {
            all.extend(simpler::words(word).into_iter().map(|put| (depth, Edit::Put(path.clone(), put))));
        }
        Tree::Number(number) => {
            all.extend(simpler::numbers(*number).into_iter().map(|put| (depth, Edit::Put(path.clone(), put.into()))));
        }
    }
}
