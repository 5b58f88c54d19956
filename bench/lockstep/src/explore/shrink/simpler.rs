// SPDX-License-Identifier: Apache-2.0
//! What can stand for something larger: a transaction for a stream, the steps of an operation for it, a small number for a
//! large one.

use crate::explore::tree::Tree;

/// How much there is to a number: round and small ones have less.
pub fn of_number(number: u64) -> u64 {
    u64::from(number.count_ones()) + u64::from(u64::BITS - number.leading_zeros()) / 4
}

/// … to a word.
pub fn of_word(word: &str) -> u64 {
    if let Some((min, max)) = word.split_once("..") {
        let of = |text: &str| scenario::parse_u64(text).map_or(8, of_number);
        return 8 + of(min) + of(max);
    }
    if let Some(size) = word.strip_suffix('K') {
        return scenario::parse_u64(size).map_or(4, of_number);
    }
    match word {
        "sv48" | "sv48x4" | "pd17" => 2,
        "sv57" | "sv57x4" | "pd20" | "mixed" => 3,
        _ => 1,
    }
}

/// Simpler words in its place.
pub fn words(word: &str) -> Vec<Tree> {
    if let Some((min, max)) = word.split_once("..") {
        return vec![0.into(), 1.into(), min.into(), max.into()];
    }
    if let Some(size) = word.strip_suffix('K').and_then(|size| scenario::parse_u64(size).ok()) {
        let smaller = [4, 8, size / 2].into_iter().filter(|smaller| *smaller < size && *smaller > 0);
        return smaller.map(|size| format!("{size}K").into()).collect();
    }
    let simpler: &[&str] = match word {
        "sv57" => &["sv39", "sv48"],
        "sv48" => &["sv39"],
        "sv57x4" => &["sv39x4", "sv48x4"],
        "sv48x4" => &["sv39x4"],
        "pd20" => &["pd8", "pd17"],
        "pd17" => &["pd8"],
        "mixed" => &["read", "write"],
        _ => &[],
    };
    simpler.iter().map(|word| (*word).into()).collect()
}

/// Simpler numbers in its place.
pub fn numbers(number: u64) -> Vec<u64> {
    let without_lowest = number & number.wrapping_sub(1);
    let mut all = vec![0, 1, number & !0xfff, number & !0x1f_ffff, without_lowest, number / 2];
    all.retain(|simpler| *simpler != number && of_number(*simpler) < of_number(number));
    all.dedup();
    all
}

/// A step that does less than this one, whatever its key.
pub fn whole(step: &Tree) -> Vec<Tree> {
    let [(key, value)] = step.entries() else { return Vec::new() };
    match key.as_str() {
        "fence" => vec!["fence".into()],
        "wait" => [1_u64, 10, 100, 400].into_iter().map(|cycles| Tree::map([("wait", cycles.into())])).collect(),
        // Page by page, one transaction says the same.
        "stream" => {
            let Some(iova) = value.get("range").and_then(|range| range.get("iova")) else { return Vec::new() };
            let dma = |direction: &str| {
                let mut dma = Tree::Map(Vec::new());
                for key in ["device", "process", "privileged"] {
                    if let Some(own) = value.get(key) {
                        dma.set(key, own.clone());
                    }
                }
                dma.set(direction, iova.clone());
                Tree::map([("dma", dma)])
            };
            vec![dma("read"), dma("write")]
        }
        _ => Vec::new(),
    }
}

/// The steps of which a step consists.
pub fn unwrapped(step: &Tree) -> Option<Vec<Tree>> {
    let [(key, value)] = step.entries() else { return None };
    match key.as_str() {
        "repeat" | "operation" => Some(value.get("steps")?.list().to_vec()),
        "parallel" => Some(value.list().iter().flat_map(|list| list.list().to_vec()).collect()),
        _ => None,
    }
}
