// SPDX-License-Identifier: Apache-2.0
//! Each mistake is told where it was made. In the texts below, the line under a mistake marks it with `^` and says what is
//! told; and each scenario of the library is spoiled key by key.

use std::path::{Path, PathBuf};

use scenario::{Diagnostics, parse};

/// A mistake: line and column from 1, number of characters, message.
type Told = (usize, usize, usize, String);

/// The text without its marks, and what they say.
fn marked(text: &str) -> (String, Vec<Told>) {
    let (mut plain, mut told, mut line) = (String::new(), Vec::new(), 0);
    for own in text.lines() {
        let blank = own.len() - own.trim_start().len();
        let carets = own[blank..].len() - own[blank..].trim_start_matches('^').len();
        if carets == 0 {
            plain.push_str(own);
            plain.push('\n');
            line += 1;
        } else {
            told.push((line, blank + 1, carets, own[blank + carets..].trim().to_owned()));
        }
    }
    (plain, told)
}

fn told(diagnostics: &Diagnostics, text: &str) -> Vec<Told> {
    let one = |problem: &scenario::Problem| {
        let (line, column) = diagnostics.line_column(problem);
        let len = text[problem.place.offset..][..problem.place.len].chars().count();
        (line, column, len, problem.message.clone())
    };
    diagnostics.problems().iter().map(one).collect()
}

/// What is told of this text, in whatever way its lines end and whether or not it begins with a mark of its byte order.
#[track_caller]
fn check(text: &str) {
    let (plain, marks) = marked(text);
    for (plain, how) in [(plain.clone(), ""), (plain.replace('\n', "\r\n"), ", lines that end with CR LF")] {
        let wrong = parse("a.yaml", &plain).err().unwrap_or_else(|| panic!("nothing is wrong with{how}\n{plain}"));
        assert_eq!(told(&wrong, &plain), marks, "{how}\n{plain}");
    }
    let behind = format!("\u{feff}{plain}");
    let wrong = parse("a.yaml", &behind).err().unwrap_or_else(|| panic!("nothing is wrong behind a BOM with\n{plain}"));
    let lines = |all: &[Told]| all.iter().map(|(line, _, len, what)| (*line, *len, what.clone())).collect::<Vec<_>>();
    assert_eq!(lines(&told(&wrong, &behind)), lines(&marks), "behind a BOM\n{plain}");
}

const HEAD: &str = "\
name: a.b
domains:
  red: { kind: paging, map: [{ iova: 0x1000, pages: 4 }] }
devices:
  nic: { id: 0x12, domain: red }
steps:
  - dma: { device: nic, read: 0x1000 }
";

/// A good scenario with more at its end.
#[track_caller]
fn behind(text: &str) {
    check(&format!("{HEAD}{text}"));
}

#[test]
fn in_steps_and_what_they_hold() {
    behind(
        "  - dma: { device: lan, read: 0x1000 }
                   ^^^ unknown device `lan`
",
    );
    behind(
        "  - dma:
      device: nic
      read: [0x1000]
            ^ one value is expected here
",
    );
    behind(
        "  - repeat:
      times: 2
      steps:
        - dma: { device: nic, read: 0x1000, byts: 8 }
                                            ^^^^ unknown key `byts`
",
    );
    behind(
        "  - repeat: { times: 2, steps: [ { operation: { name: x, steps: [ { stop: rx } ] } } ] }
                                                                          ^^ no stream `rx` is running
",
    );
    behind(
        "  - operation:
      name: x
      promise: efective
               ^^^^^^^^ unknown word `efective`
      steps: [fence]
",
    );
}

/// What is wrong with a step as a whole is told where the step begins.
#[test]
fn in_steps_as_a_whole() {
    behind(
        "  - dma: { read: 0x1000 }
    ^^^ which device asks?
  - repeat:
      times: 2
      steps:
        - dma:
          ^^^ one of `read`, `write` and `fetch`, with an address
            device: nic
",
    );
}

/// Values that may be of several kinds.
#[test]
fn in_values_of_several_kinds() {
    let limit = "a number, or { min: …, max: … } is expected here";
    let cause = "a cause, or a list of causes is expected here";
    behind(&format!(
        "  - dma: {{ device: nic, read: 0x9000, expect: fault, cause: many }}   # or few
                                                            ^^^^ {cause}
"
    ));
    for (value, carets) in [("some", 4), ("1.5", 3), ("[3]", 1), ("0x1_0000_0000_0000_0000", 23)] {
        let marks = |column: usize| format!("{}{} {limit}", " ".repeat(column - 1), "^".repeat(carets));
        behind(&format!("expect:\n  - {{ device-faults: {value} }}\n{}\n", marks(22)));
        behind(&format!("expect:\n  - faults:\n      13: 2\n      258:   {value}\n{}\n", marks(14)));
    }
    check(
        "name: a.b
devices: { nic: { id: 1, ats: yes please } }
                              ^^^^^^^^^^ `true`, or { page-requests: …, t2gpa: …, invalidations: … } is expected here
steps: [ dma: { device: nic, read: 0x1000 } ]
",
    );
    check(
        "name: a.b
matrix: { many: [1, 2] }
devices: { nic: { id: 1 } }
steps: [ dma: { device: nic, read: 0x1000, bytes: $many } ]
expect:
  - { device-faults: $nany }
                     ^^^^^ unknown variable `$nany`
",
    );
}

/// What stands behind `&` is wrong where it is written, and what is wrong only where `*` uses it, there.
#[test]
fn in_values_that_are_used_again() {
    check(
        "name: a.b
devices: { nic: { id: 1 } }
steps:
  - dma: { device: nic, read: &where 0x1000 }
  - dma: { device: *where, read: *where }
                   ^^^^^^ unknown device `0x1000`
",
    );
    check(
        "name: a.b
devices: { nic: { id: 1 } }
steps:
  - dma: &all { device: nic, read: 0x1000, byts: 3 }
                                           ^^^^ unknown key `byts`
  - dma: *all
",
    );
    behind(
        "  - dma: { device: nic, read: *there }
                              ^^^^^^ `*` refers to a value with `&` above it, and there is none
",
    );
}

/// What is no YAML at all, or more of it than one document.
#[test]
fn in_texts_that_are_no_scenario() {
    behind(
        "---
^^^ a second document after `---`
name: c.d
",
    );
    let tab = marked(&format!("{HEAD}  - dma:\n\tdevice: nic\n")).0;
    let wrong = parse("a.yaml", &tab).expect_err("a tab");
    assert_eq!(told(&wrong, &tab), [(9, 1, 1, "a tab in the indentation".to_owned())]);
    behind(
        "  - fence: [
           ^ the list that opens here is never closed
",
    );
}

#[test]
fn in_what_is_expected() {
    behind(
        "expect:
  - { verdict: pass, commands: { IOFENCE.C: 1, IOTINVAL.VMAS: 2 } }
                                               ^^^^^^^^^^^^^ unknown command `IOTINVAL.VMAS`
",
    );
    behind(
        "  - mark: here
  - since: { mark: here, commands: { IOFENCE: 1 } }
                                     ^^^^^^^ unknown command `IOFENCE`
",
    );
    behind(
        "expect:
  - { verdict: fail }
               ^^^^ unknown word `fail`
",
    );
}

#[test]
fn in_the_matrix_and_in_variables() {
    behind(
        "matrix:
  policy: [sequenced, rcf]
                      ^^^ unknown word `rcf`
",
    );
    check(
        "name: a.b
variables: { where: 0x1000, size: 3 }
matrix: { bytes: [8, many] }
devices: { nic: { id: 1 } }
steps:
  - dma: { device: nic, read: $where, bytes: $bytes }
                                             ^^^^^^ `many` is no number: write decimal or 0x hexadecimal, `_` between digits as you like
  - dma: { device: nic, read: $where, beat-bytes: $size }
                                                  ^^^^^ beats of 3 bytes
  - dma: { device: lan, read: $where }
                   ^^^ unknown device `lan`
",
    );
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    all.sort();
    all
}

/// Each `key: value` of a text whose value is one word: where the key begins and ends, and the value. Names that the author
/// chose are no keys.
fn pairs(text: &str) -> Vec<(usize, usize, usize, usize)> {
    let (mut all, mut from, mut section) = (Vec::new(), 0, "");
    for line in text.split_inclusive('\n') {
        let start = from;
        from += line.len();
        let code = &line[..line.find('#').unwrap_or(line.len())];
        if !code.starts_with([' ', '\n']) {
            section = code.split(':').next().unwrap_or_default();
        }
        // In quotes a colon means nothing, and what a variable or an axis is given is told where it is used.
        if ["name", "description", "tags", "variables", "matrix"].contains(&section) || code.contains(['"', '\'', '$'])
        {
            continue;
        }
        for (colon, _) in code.match_indices(": ") {
            let key = code[..colon].rfind(|c: char| !(c.is_ascii_lowercase() || "0123456789-_".contains(c)));
            let key = key.map_or(0, |before| before + 1);
            let value = colon + 2;
            let end = code[value..].find([',', '}', ']', '{', '[', '\n', ' ', '&', '*']);
            let end = end.map_or(code.len(), |end| end + value);
            let is_whole = code[end..].trim_start().starts_with([',', '}', ']']) || code[end..].trim().is_empty();
            let is_name = ["domains", "devices"].contains(&section) && key == 2;
            if key < colon && value < end && is_whole && !is_name {
                all.push((start + key, start + colon, start + value, start + end));
            }
        }
    }
    all
}

/// Keys whose value is a text or a name of the author's: any one word is right there, or missed elsewhere.
const WORDS: [&str; 8] = ["name", "mark", "stop", "because", "section", "habit", "missing", "promise"];

/// A key that is spoiled is told at the key; a value, at the value. Each key of the library, with each kind of mistake, where
/// it stands first.
#[test]
fn wherever_a_scenario_is_spoiled_it_is_told_there() {
    let schema = scenario::schema();
    let is_key = |key: &str| schema.contains(&format!("\"{key}\": {{"));
    let mut tried = std::collections::BTreeSet::new();
    let mut missed = Vec::new();
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")) {
        let text = std::fs::read_to_string(&path).expect("a file");
        for (key_from, key_to, from, to) in pairs(&text) {
            let key = &text[key_from..key_to];
            if !is_key(key) {
                continue;
            }
            let misspelt = format!("{key}-x");
            let values = ["{ wrong: 1 }", "[[wrong]]", "wrong-word", "0x1_0000_0000_0000_0000", "1.5", "$nothing"];
            let spoils = std::iter::once((key_from, key_to, misspelt.as_str()));
            for (from, to, spoilt) in spoils.chain(values.map(|value| (from, to, value))) {
                let is_word = !spoilt.starts_with(['{', '[']) && from != key_from;
                if is_word && WORDS.contains(&key) || !tried.insert(format!("{key}: {spoilt}")) {
                    continue;
                }
                let bad = format!("{}{spoilt}{}", &text[..from], &text[to..]);
                let here = from..from + spoilt.len();
                let is_there = parse("a.yaml", &bad).err().is_some_and(|wrong| {
                    wrong.problems().iter().any(|one| here.contains(&one.place.offset) && one.place.len > 0)
                });
                if !is_there {
                    let said = parse("a.yaml", &bad).err().map(|wrong| wrong.lines());
                    missed.push(format!("{}: {key}: {spoilt}: {}", path.display(), said.unwrap_or_default()));
                }
            }
        }
    }
    assert!(tried.len() > 500, "only {} mistakes were made", tried.len());
    assert!(missed.is_empty(), "{} of {} are told elsewhere:\n{}", missed.len(), tried.len(), missed.join("\n"));
}
