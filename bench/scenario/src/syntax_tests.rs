// SPDX-License-Identifier: Apache-2.0
//! Texts that are no YAML: each mistake is told at its place, and without a word of the reader's own.

use crate::parse;

/// Words that mean something to the reader of YAML only.
const FOREIGN: [&str; 12] = [
    "scalar",
    "node",
    "token",
    "indicator",
    "flow ",
    "block",
    "anchor",
    "simple key",
    "eof",
    "sequence",
    "context",
    "parsing",
];

/// The first problem of a text: line, column, message, what is written there, help.
fn told(text: &str) -> (usize, usize, String, String) {
    let diagnostics = parse("a.yaml", text).expect_err("wrong");
    let problem = &diagnostics.problems()[0];
    let (line, column) = diagnostics.line_column(problem);
    let shown = format!("{} {} {}", problem.message, problem.label, problem.help.as_deref().unwrap_or_default());
    for word in FOREIGN {
        assert!(!shown.to_lowercase().contains(word), "`{word}` in {shown}");
    }
    (line, column, problem.message.clone(), problem.help.clone().unwrap_or_default())
}

#[track_caller]
fn says(text: &str, line: usize, column: usize, message: &str) {
    let (at_line, at_column, told, _) = told(text);
    assert_eq!((at_line, at_column, told.as_str()), (line, column, message), "{text}");
}

const HEAD: &str = "name: a.b\ndevices:\n  nic: { id: 1 }\n";

#[test]
fn quotes_that_are_never_closed() {
    let text = format!("{HEAD}steps:\n  - stream: {{ name: \"a, device: nic }}\n");
    says(&text, 5, 21, "the quote `\"` is never closed");
    says("name: a.b\ndescription: 'one\ndevices: {}\n", 2, 14, "the quote `'` is never closed");
    let text = "name: \"a.b\ndescription: \"what\"\ndevices: {}\nsteps: []\n";
    says(text, 1, 7, "the quote `\"` is not closed before line 2");
}

#[test]
fn tabs() {
    says("name: a.b\ndomains:\n\tred: { kind: paging }\n", 3, 1, "a tab in the indentation");
    says(&format!("{HEAD}steps:\n  - stream:\n      name: a\n\t  device: nic\n"), 7, 1, "a tab in the indentation");
}

#[test]
fn brackets_that_do_not_fit() {
    says("name: a.b\nsteps:\n  - wait: {a: 1, b]\n", 3, 19, "the mapping that opened in line 3 is closed by `]`");
    says("name: a.b\ntags: [a,\n  b }\n", 3, 5, "the list that opened in line 2 is closed by `}`");
    says(
        "name: a.b\ndevices:\n  nic: { id: 1\nsteps:\n  - wait: 1\n",
        3,
        8,
        "the mapping that opens here is never closed",
    );
    says("name: a.b\ntags: [a, b\ndevices:\n  nic: { id: 1 }\n", 2, 7, "the list that opens here is never closed");
    says("name: a.b\ndevices:\n  nic: { id: 1 }}\nsteps: []\n", 3, 17, "`}` closes nothing");
    let (line, column, message, help) = told("name: a.b\ndevices:\n  nic: { id: 1 domain: red }\n");
    assert_eq!((line, message.as_str()), (3, "`,` or `}` is missing before this"), "{column} {help}");
    assert!(help.contains("comma"));
}

#[test]
fn indentation() {
    let (line, column, message, help) = told("name: a.b\ndevices:\n  nic: { id: 1 }\n disk: { id: 2 }\nsteps: []\n");
    assert_eq!((line, column), (4, 2), "{message}");
    assert!(message.starts_with("1 space of indentation"), "{message}");
    assert_eq!(help, "what it could go with is indented by 0, 2");
    for (steps, message) in [
        ("  - wait: 1\n - wait: 2\n", "1 space of indentation"),
        ("  - wait: 1\n    - wait: 2\n", "an item of a list where keys belong"),
    ] {
        let (line, _, told, _) = told(&format!("{HEAD}steps:\n{steps}"));
        assert!(line == 6 && told.starts_with(message), "{line}: {told}");
    }
}

#[test]
fn colons_and_characters() {
    says("name: a.b\ndescription: A: b\ndevices: {}\n", 2, 15, "a second `:` in one line");
    says("name: a.b\nname2\ndevices: {}\n", 2, 1, "a line without a key and a value");
    says("name: @x\ndevices: {}\n", 1, 7, "a text cannot begin with `@`");
    says("name: \"a\\qb\"\ndevices: {}\n", 1, 9, "`\\` does not go with what follows it");
    let (.., message, _) = told("name: a.b\ndevices: { nic: { id: *x } }\n");
    assert!(message.starts_with("`*` refers to"), "{message}");
}

#[test]
fn values_of_another_kind() {
    says("", 1, 1, "the file is empty");
    says("- a\n- b\n", 1, 1, "a mapping is expected here");
    says("name: a.b\nsteps: wait\ndevices: {}\n", 2, 8, "a list is expected here");
    says("name: [a, b]\nsteps: []\ndevices: {}\n", 1, 7, "one value is expected here");
    let (line, _, message, _) = told(&format!("{HEAD}steps: []\n---\nname: b\n"));
    assert_eq!((line, message.as_str()), (5, "a second document after `---`"));
}

#[test]
fn brackets_and_quotes_in_texts_are_no_mistake() {
    let text = "name: a.b\n# it's a [comment}\ndescription: >-\n  what's in a } name \"\ntags: [a]\nbad: isn't [one\n";
    says(text, 6, 1, "unknown key `bad`");
}
