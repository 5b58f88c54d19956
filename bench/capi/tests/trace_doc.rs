// SPDX-License-Identifier: Apache-2.0

//! docs/trace.md has every event with every field, and its examples can be read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use events::trace::{NAMES, Record};

fn page() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    std::fs::read_to_string(root.join("docs/trace.md")).expect("docs/trace.md")
}

/// Names in the first column of the tables of events, and what stands in backquotes in the second.
fn tables(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let quoted = |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut rows =
        page.lines().filter(|line| line.starts_with("| `")).map(|line| line.split(" | ").collect::<Vec<_>>());
    let (mut events, mut before) = (BTreeMap::new(), Vec::new());
    for row in &mut rows {
        let (name, mut fields) = (quoted(row[0]).remove(0), quoted(row[1]));
        if row.len() < 3 || !NAMES.contains(&name.as_str()) {
            continue;
        }
        // "the same" and "those, and" mean the row above.
        if row[1].contains("the same") || row[1].contains("those") {
            fields.extend(before.clone());
        }
        before.clone_from(&fields);
        events.insert(name, fields.into_iter().collect());
    }
    events
}

/// The lines in code blocks that are events, by name, and their keys.
fn examples(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for block in page.split("```").skip(1).step_by(2) {
        for line in
            block.lines().filter(|line| !line.is_empty() && !line.starts_with("lockstep-trace") && *line != "...")
        {
            let record = Record::parse(line).unwrap_or_else(|bad| panic!("{line}: {bad}"));
            let Some(Record::Event(event)) = record else { continue };
            // Written again it has all fields that are not 0, by the names that the format has for them.
            let mut again = String::new();
            Record::Event(event).write(&mut again);
            let name = line.split(' ').next().expect("a name").to_owned();
            let keys = again.split(' ').filter_map(|field| field.split_once('=')).map(|(key, _)| key.to_owned());
            all.entry(name).or_default().extend(keys);
        }
    }
    all
}

#[test]
fn every_event_is_described_with_its_fields() {
    let page = page();
    let (described, shown) = (tables(&page), examples(&page));
    let names: BTreeSet<&str> = NAMES.iter().copied().collect();
    assert_eq!(described.keys().map(String::as_str).collect::<BTreeSet<_>>(), names, "the tables");
    assert_eq!(shown.keys().map(String::as_str).collect::<BTreeSet<_>>(), names, "the examples");
    for name in NAMES {
        assert_eq!(described[*name], shown[*name], "{name}: the table and the example have the same fields");
    }
}

#[test]
fn no_event_has_a_field_that_the_page_leaves_out() {
    // A key that an event takes is refused by no event, so all keys of the page are tried on all events.
    let described = tables(&page());
    let keys: BTreeSet<&String> = described.values().flatten().collect();
    let words = |name: &str| match name {
        "dma-offered" | "dma-accepted" | "mem-address" => " dir=read",
        "store" => " agent=cpu",
        "operation-begun" => " promise=nothing",
        _ => "",
    };
    for (name, fields) in &described {
        for key in keys.iter().filter(|key| !fields.contains(**key) && !words(name).contains(&format!(" {key}="))) {
            let line = format!("{name}{} {key}=0", words(name));
            assert!(Record::parse(&line).is_err(), "{name} has a field {key:?} that docs/trace.md does not mention");
        }
    }
}
