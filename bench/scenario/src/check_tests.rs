// SPDX-License-Identifier: Apache-2.0
//! Tests of the checks: each mistake is found, at its line and column, with a suggestion.

use crate::{Diagnostics, parse};

/// A good scenario; tests spoil one line of it.
const GOOD: &str = "\
name: a.b
matrix: { policy: [sequenced, rfc] }
iommu: { directory: 2-level }
domains:
  host: { kind: paging, nest-parent: true, map: [ { iova: 0x1000_0000, pages: 64 } ] }
  guest: { kind: nested, parent: host, map: [ { iova: 0x1000, to: 0x1000_0000 } ] }
  plain: { kind: paging, map: [ { iova: 0x1000 }, { iova: 0x2000 } ] }
devices:
  nic: { id: 0x12, domain: host }
  disk: { id: 0x34 }
steps:
  - stream: { name: rx, device: nic, range: { iova: 0x1000_0000, size: 64K } }
  - replace: { device: nic, domain: guest }
  - stop: rx
  - dma: { device: nic, write: 0x1000, bytes: 64 }
  - set-pte: { domain: host, iova: 0x1000_0000, valid: false }
  - invalidate: { gvma: { gscid-of: host } }
  - fence
expect:
  - { when: { policy: [rfc] }, verdict: software-hazard }
";

fn spoiled(from: &str, to: &str) -> Diagnostics {
    assert_eq!(GOOD.matches(from).count(), 1, "`{from}` must be unique");
    parse("a.yaml", &GOOD.replace(from, to)).err().unwrap_or_else(|| panic!("`{to}` was not found wrong"))
}

/// Spoils a line, and compares the first problem: the text that it points to, message, help.
#[track_caller]
fn wrong(from: &str, to: &str, points_to: &str, message: &str, help: &str) {
    let diagnostics = spoiled(from, to);
    let problem = &diagnostics.problems()[0];
    let text = GOOD.replace(from, to);
    let pointed = &text[problem.place.offset..][..problem.place.len];
    assert_eq!((pointed, problem.message.as_str(), problem.help.as_deref().unwrap_or("")), (points_to, message, help));
    let line = diagnostics.line_column(problem).0;
    assert!(
        text.lines()
            .nth(line - 1)
            .is_some_and(|line| to.lines().any(|to| line.contains(to)) || line.contains(points_to))
    );
}

#[test]
fn the_good_one_is_good() {
    if let Err(diagnostics) = parse("a.yaml", GOOD) {
        panic!("{diagnostics}");
    }
}

#[test]
fn tags_and_the_memory_of_the_driver() {
    let host = "host: { kind: paging, nest-parent: true,";
    let with = |key: &str| format!("{host} {key},");
    let help = "`pscid` is of a first stage, `gscid` of a nest parent";
    wrong(host, &with("pscid: 1"), "1", "domain `host` has no PSCID of its own", help);
    wrong(host, &with("gscid: 0x10000"), "0x10000", "GSCID 65536 does not exist", "");
    let plain = "plain: { kind: paging,";
    wrong(plain, &format!("{plain} pscid: 0x100000,"), "0x100000", "PSCID 1048576 does not exist", "");
    let devices = "devices:\n";
    let memory = |address: &str| format!("driver: {{ memory: {address} }}\n{devices}");
    wrong(devices, &memory("0x8000_0800"), "0x8000_0800", "0x80000800 is not aligned", "");
    let help = "the last address of a range is at most 0xffffffffffffff";
    let message = "0xfffffff8000000 does not fit in 56 bits of physical address";
    wrong(devices, &memory("0xff_ffff_f800_0000"), "0xff_ffff_f800_0000", message, help);
    let good = GOOD.replace(host, &with("gscid: 0xffff")).replace(devices, &memory("0xff_ffff_f000_0000"));
    assert!(parse("a.yaml", &good).is_ok());
}

#[test]
fn ats() {
    let device = "  nic: { id: 0x12, domain: host }";
    let own = |ats: &str| format!("  nic: {{ id: 0x12, domain: host, ats: {ats} }}");
    wrong(device, &own("{ prpr: true }"), "true", "PRPR without page requests", "add `page-requests: true`");
    let there = "there is `page-requests`, `prpr`, `t2gpa`, `invalidations`";
    wrong(device, &own("{ pri: true }"), "pri", "unknown key `pri`", there);
    let step = |step: &str| format!("  - {step}\n  - fence");
    let ask = |rest: &str| step(&format!("translation-request: {{ device: nic, address: 0x1000, {rest} }}"));
    let pasid = "add `process: <number>`";
    wrong("  - fence", &ask("execute: true"), "nic", "Execute Requested goes with a PASID", pasid);
    wrong("  - fence", &ask("privileged: true"), "nic", "Privileged Mode Requested goes with a PASID", pasid);
    let only = "only Success says something of a translation";
    wrong("  - fence", &ask("access: rw"), "rw", only, "add `expect: success`");
    let refusal = "add `expect: unsupported-request` or `expect: completer-abort`";
    wrong("  - fence", &ask("expect: success, cause: 260"), "260", "a cause without a refusal", refusal);
    let page = |rest: &str| step(&format!("page-request: {{ device: nic, address: 0x1000, {rest} }}"));
    let marker = "add `read: true` or `write: true`; `stop-marker` is a step of its own";
    wrong("  - fence", &page("group: 1"), "nic", "a page request asks for reads or for writes", marker);
    let last = "only the last request of a group is answered";
    let unasked = page("read: true, last: false, response: success");
    wrong("  - fence", &unasked, "success", last, "leave `last: false` out");
    let wide = "page request group 0x200 does not fit in 9 bits";
    wrong("  - fence", &page("read: true, group: 512"), "512", wide, "at most 0x1ff");
    let inval = |rest: &str| step(&format!("invalidate: {{ ats: {{ device: nic, {rest} }} }}"));
    wrong("  - fence", &inval("global: true"), "nic", "Global Invalidate goes with a PASID", pasid);
    wrong("  - fence", &inval("size: 8K"), "8K", "a size without an address", "add `address: …`");
    let aligned = "0x1000 is not aligned";
    wrong("  - fence", &inval("address: 0x1000, size: 8K"), "0x1000", aligned, "0x0 is");
    let kept = "only what a device keeps can be missing there";
    let dma = "dma: { device: nic, read: 0x1000, expect: not-kept }";
    wrong("  - fence", &step(dma), "nic", kept, "add `translated: kept`");
}

#[test]
fn misspelt_keys() {
    wrong("range: {", "rnage: {", "rnage", "unknown key `rnage`", "did you mean `range`?");
    wrong("- replace:", "- replce:", "replce", "unknown word `replce`", "did you mean `replace`?");
    wrong("- fence\n", "- fense\n", "fense", "unknown word `fense`", "did you mean `fence`?");
    wrong("directory:", "dirctory:", "dirctory", "unknown key `dirctory`", "did you mean `directory`?");
    wrong("matrix: { policy", "matrix: { polcy", "polcy", "`polcy` is no setting", "did you mean `policy`?");
}

#[test]
fn bad_words() {
    wrong("rfc] }\niommu", "rcf] }\niommu", "rcf", "unknown word `rcf`", "did you mean `rfc`?");
    wrong("2-level", "2-levels", "2-levels", "unknown word `2-levels`", "did you mean `2-level`?");
    wrong("valid: false", "valid: maybe", "maybe", "a yes or no is expected here", "`true` or `false`");
    wrong("- fence\n", "- stream\n", "stream", "step `stream` has operands: `- stream: …`", "");
}

#[test]
fn unknown_names() {
    wrong("parent: host", "parent: hots", "hots", "unknown domain `hots`", "did you mean `host`?");
    wrong("id: 0x12, domain: host", "id: 0x12, domain: hst", "hst", "unknown domain `hst`", "did you mean `host`?");
    wrong("stop: rx", "stop: tx", "tx", "no stream `tx` is running", "did you mean `rx`?");
    wrong("rx, device: nic", "rx, device: lan", "lan", "unknown device `lan`", "there is `nic`, `disk`");
    let help = "a nest parent and its nested domains have one";
    wrong("gscid-of: host", "gscid-of: plain", "plain", "domain `plain` has no GSCID", help);
}

#[test]
fn overlapping_mappings() {
    let (good, bad) = ("{ iova: 0x1000 }, { iova: 0x2000 }", "{ iova: 0x1000, pages: 2 }, { iova: 0x2000 }");
    wrong(good, bad, "0x2000", "overlapping mappings: 0x2000..=0x2fff", "the next free address is 0x3000");
    assert!(spoiled(good, bad).problems()[0].other.is_some(), "both mappings are shown");
}

#[test]
fn numbers_out_of_range() {
    let help = "a 2-level directory with base contexts holds IDs up to 0xffff";
    wrong("id: 0x12,", "id: 0x1_0000,", "0x1_0000", "device ID 0x10000 does not fit in 16 bits", help);
    wrong("id: 0x34", "id: 0x12", "0x12", "device ID 0x12 is taken", "");
    let (wide, message) = ("0x1_0000_0000_0000_0000", "`0x1_0000_0000_0000_0000` does not fit in 64 bits");
    wrong("id: 0x34", &format!("id: {wide}"), wide, message, "");
    let message = "the target does not fit in 41 bits of guest physical address";
    wrong(
        "to: 0x1000_0000",
        "to: 0x200_0000_0000",
        "0x200_0000_0000",
        message,
        "the last address is at most 0x1ffffffffff",
    );
    wrong("pages: 64", "pages: 0", "0", "a mapping of no page", "");
    let message = "AXI forbids this burst: needs a burst within one 4 KiB page";
    wrong("write: 0x1000", "write: 0x1fc8", "0x1fc8", message, "make two `dma` steps of it");
    let message = "AXI forbids this burst: needs 2, 4, 8 or 16 beats in a WRAP burst";
    wrong("write: 0x1000", "burst: wrap, beat-bytes: 2, write: 0x1000", "0x1000", message, "");
    let message = "AXI forbids this burst: needs a start that is aligned to the beat";
    wrong("write: 0x1000", "burst: wrap, write: 0x1001", "0x1001", message, "");
    let message = "AXI forbids this burst: needs an exclusive access from a multiple of its bytes";
    wrong("write: 0x1000", "exclusive: true, write: 0x1020", "64", message, "");
    wrong("write: 0x1000", "beat-bytes: 3, write: 0x1000", "3", "beats of 3 bytes", "");
    let help = "0 to 3, 6, 7, 10, 11, 14 and 15: what is not modifiable does not allocate";
    wrong("write: 0x1000", "cache: 12, write: 0x1000", "12", "AXI has no AxCACHE 12", help);
}

#[test]
fn addresses_of_the_first_stage_are_sign_extended_and_those_of_the_second_are_not() {
    let sv39 = "`sv39` has the addresses 0x0 to 0x3fffffffff and 0xffffffc000000000 to 0xffffffffffffffff: bits 63..38 \
                are all equal";
    let (good, last) = ("{ iova: 0x2000 }", "0xffff_ffff_ffff_f000");
    for upper in ["0xffff_ffc0_0000_0000", last] {
        let text = GOOD.replace(good, &format!("{{ iova: {upper} }}"));
        assert!(parse("a.yaml", &text).is_ok(), "{upper}");
    }
    for hole in ["0x40_0000_0000", "0x80_0000_0000", "0xffff_ffbf_ffff_f000"] {
        let number = hole.replace('_', "");
        wrong(good, &format!("{{ iova: {hole} }}"), hole, &format!("{number} is no address of `sv39`"), sv39);
    }
    let message = "the mapping reaches beyond the addresses of `sv39`";
    for (iova, pages) in [("0x3f_ffff_f000", 2), (last, 2), ("0x3f_ffff_f000", u32::MAX)] {
        wrong(good, &format!("{{ iova: {iova}, pages: {pages} }}"), iova, message, sv39);
    }
    let twice = format!("{{ iova: {last} }}, {{ iova: {last} }}");
    wrong(good, &twice, last, "overlapping mappings: 0xfffffffffffff000..=0xffffffffffffffff", "");
    let second = "`sv39x4` has the addresses 0x0 to 0x1ffffffffff, not sign-extended";
    let message = "0xfffffffffffff000 is no address of `sv39x4`";
    wrong("0x1000_0000, pages: 64", &format!("{last}, pages: 1"), last, message, second);
    wrong("iova: 0x1000_0000, valid", &format!("iova: {last}, valid"), last, message, second);
}

#[test]
fn what_does_not_fit_together() {
    let help = "a parent is a paging domain with `nest-parent: true`";
    wrong("nest-parent: true, ", "", "host", "`host` is no nest parent", help);
    let help = "name a paging domain with `nest-parent: true` as `parent`";
    wrong("kind: nested, parent: host", "kind: nested", "guest", "nested domain `guest` has no parent", help);
    let (message, help) = ("a mapping of a nested domain says where it leads", "add `to: <guest physical address>`");
    wrong(", to: 0x1000_0000", "", "{", message, help);
    let (message, help) = ("axis `policy` has no value `upstream`", "there is `sequenced`, `rfc`");
    wrong("[rfc] }, ver", "[upstream] }, ver", "upstream", message, help);
    let (message, help) = ("`sv39` is no second-stage mode", "here: sv39x4, sv48x4, sv57x4");
    wrong("nest-parent: true", "nest-parent: true, mode: sv39", "sv39", message, help);
}

#[test]
fn a_setting_that_does_not_fit_points_to_the_matrix() {
    let text = GOOD.replace("policy: [sequenced, rfc] }", "policy: [sequenced, rfc], mode.plain: [sv48, sv48x4] }");
    let diagnostics = parse("a.yaml", &text).expect_err("sv48x4 is second stage");
    let problem = &diagnostics.problems()[0];
    assert_eq!(&text[problem.place.offset..][..problem.place.len], "sv48x4");
}

#[test]
fn operations_of_steps_stand_alone_and_their_steps_are_checked() {
    let operation = |steps: &str| format!("- operation: {{ name: change, promise: effective, steps: [{steps}] }}\n");
    let good = GOOD.replace("- fence\n", &operation("fence"));
    assert!(parse("a.yaml", &good).is_ok());
    let nested = operation("{ operation: { name: inner, steps: [fence] } }");
    wrong("- fence\n", &nested, "inner", "an operation within another one", "");
    wrong("- fence\n", &operation(""), "change", "an operation without steps", "");
    wrong("- fence\n", &operation("{ stop: tx }"), "tx", "no stream `tx` is running", "");
}

/// The warnings of a scenario with this range and these lines at its end.
fn warnings(range: &str, end: &str) -> Vec<String> {
    let text = format!(
        "name: a.b\ndomains:\n  red: {{ kind: paging, map: [{{ iova: 0x1000_0000, pages: 16 }}] }}\n  \
         host: {{ kind: paging, nest-parent: true }}\n\
         devices: {{ nic: {{ id: 1, domain: red }} }}\nsteps:\n  - repeat: {{ times: 1, steps: [ \
         {{ stream: {{ name: s, device: nic, range: {{ iova: {range}, size: 64K }} }} }} ] }}\n{end}"
    );
    let scenario = parse("a.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let at = |problem: &crate::Problem| text[problem.place.offset..][..problem.place.len].to_owned();
    scenario.warnings().iter().map(at).collect()
}

#[test]
fn dma_that_can_never_succeed_is_warned_of() {
    assert_eq!(warnings("0x5000_0000", ""), ["0x5000_0000"]);
    assert_eq!(warnings("0x5000_0000", "expect:\n  - { device-faults: 0 }\n"), ["0x5000_0000"]);
    for end in [
        "expect:\n  - { device-faults: { min: 1 } }\n",
        "expect:\n  - { only-faults: [13] }\n",
        "  - dma: { device: nic, read: 0x5000_0000, expect: fault }\n",
        "  - map: { domain: red, range: { iova: 0x5000_f000 } }\n",
        "  - replace: { device: nic, domain: identity }\n",
        "  - dma: { device: nic, read: 0x1000_0000 }\n",
    ] {
        assert!(warnings("0x5000_0000", end).is_empty(), "{end}");
    }
    assert!(warnings("0x1000_f000", "").is_empty(), "the first page is mapped");
    let elsewhere = "  - map: { domain: host, range: { iova: 0x5000_0000 } }\n";
    assert_eq!(warnings("0x5000_0000", elsewhere), ["0x5000_0000"], "no device of it is in that domain");
}

#[test]
fn comparing_nothing_is_a_mistake() {
    let text = "name: a.b\ndevices: { nic: { id: 1 } }\nsteps:\n  - wait: 5\n";
    let diagnostics = parse("a.yaml", text).expect_err("there is no DMA");
    assert_eq!(diagnostics.problems()[0].message, "no step makes DMA: nothing would be compared");
}

#[test]
fn a_stream_left_running_in_a_repetition() {
    let text = "name: a.b\ndevices: { nic: { id: 1 } }\nsteps:\n  - repeat:\n      times: 2\n      steps:\n        - stream: { name: s, device: nic, range: { iova: 0, size: 4K } }\n";
    let diagnostics = parse("a.yaml", text).expect_err("s would be started twice");
    assert_eq!(diagnostics.problems()[0].message, "stream `s` would be started again");
}

#[test]
fn all_mistakes_are_told_in_the_order_of_the_file() {
    let text = GOOD.replace("parent: host", "parent: hots").replace("stop: rx", "stop: tx").replace("0x34", "0x12");
    let diagnostics = parse("a.yaml", &text).expect_err("three mistakes");
    let lines: Vec<usize> = diagnostics.problems().iter().map(|problem| diagnostics.line_column(problem).0).collect();
    assert_eq!(lines, [6, 10, 14]);
}

#[test]
fn no_text_makes_it_panic() {
    for cut in 0..GOOD.len() {
        let _ = parse("a.yaml", &GOOD[..cut]).map_err(|diagnostics| diagnostics.render(false));
        let _ = parse("a.yaml", &GOOD[cut..]).map_err(|diagnostics| diagnostics.render(false));
    }
    for text in [
        "",
        "\u{feff}",
        "é: [",
        "---\n---\n",
        "&a [*a]",
        "name: !!binary x",
        "\0",
        "- - -",
        "{{{{{{",
        "name: a\r\nsteps: é\r\n",
    ] {
        let _ = parse("a.yaml", text).map_err(|diagnostics| diagnostics.render(false));
    }
}

#[test]
fn steps_at_the_same_time() {
    let step = |lists: &str| format!("- fence\n  - parallel: {lists}\n");
    let help = "`parallel: [[…], […]]`";
    let problem = spoiled("- fence\n", &step("[[fence]]")).problems()[0].clone();
    assert_eq!(
        (problem.message.as_str(), problem.help.as_deref()),
        ("lists at the same time: at least two", Some(help))
    );
    let help = "`store`, `set-pte`, `set-context`, `set-msi`, `wait`, and `repeat` of these";
    let message = "another processor does nothing but store";
    wrong("- fence\n", &step("[[fence], [recover]]"), "recover", message, help);
    let help = "steps without a promise: stores, invalidations, fences, DMA, registers";
    let message = "what it promises would be held against other processors";
    let detach = "{ detach: { device: nic } }";
    wrong("- fence\n", &step(&format!("[[{detach}], [wait: 3]]")), "{", message, help);
    let good = step("[[fence], [wait: 3, { store: { address: 0x9000_0000, value: 1 } }]]");
    assert!(parse("a.yaml", &GOOD.replace("- fence\n", &good)).is_ok());
}

#[test]
fn memory_that_breaks() {
    let step = |operands: &str| format!("- fence\n  - break-memory: {{ {operands} }}\n");
    for which in ["answer: poison", "entry-of: host", "context-of: nic, address: 0x1000, size: 8", "level: 1"] {
        let problem = spoiled("- fence\n", &step(which)).problems()[0].clone();
        assert_eq!(problem.message, "which memory?", "{which}");
        assert!(problem.help.is_some_and(|help| help.contains("`msi-entry-of` with `file`")));
    }
    let entry = step("entry-of: plain, iova: 0x1000, level: 3");
    wrong("- fence\n", &entry, "3", "a page table of `sv39` has no level 3", "0 to 2");
    let set = "- set-pte: { domain: plain, iova: 0x1000, to: 0x1000, to-table: 1 }\n";
    wrong("- fence\n", &format!("- fence\n  {set}"), "1", "either `to` or `to-table`", "");
    let good = step("entry-of: plain, iova: 0x1000, level: 2");
    assert!(parse("a.yaml", &GOOD.replace("- fence\n", &good)).is_ok());
}

#[test]
fn process_directories_and_queues() {
    let text = GOOD
        .replace("parent: host, map: [ { iova: 0x1000, to: 0x1000_0000 } ]", "parent: host, process-directory: pd8");
    let problem = parse("a.yaml", &text).expect_err("not required").problems()[0].clone();
    assert_eq!(problem.help.as_deref(), Some("add `requires: [pdt]`"));
    let text = text.replace("iommu:", "requires: [pdt]\niommu:");
    assert!(parse("a.yaml", &text).is_ok());
    let text =
        text.replace("process-directory: pd8", "process-directory: pd8, map: [ { iova: 0x1000, to: 0x1000_0000 } ]");
    assert_eq!(parse("a.yaml", &text).expect_err("no table").problems()[0].message, "nothing can be mapped here");
    let queue = "iommu: { directory: 2-level }\ndriver: { command-queue: 3 }";
    let message = "a queue of 3 entries";
    wrong("iommu: { directory: 2-level }", queue, "3", message, "");
    let page = "tables-page: 1G, parent: host";
    let message = "there is no room for tables in so large a page";
    wrong("parent: host", page, "1G", message, "");
}

/// Spoils the scenario by one more step, and compares the messages of all problems.
#[track_caller]
fn step(step: &str, messages: &[&str]) {
    let text = GOOD.replace("  - fence\n", &format!("  - fence\n  - {step}\n"));
    let found = parse("a.yaml", &text).err();
    let found = found.iter().flat_map(|diagnostics| diagnostics.problems()).map(|problem| problem.message.as_str());
    assert_eq!(found.collect::<Vec<_>>(), messages, "{step}");
}

#[test]
fn translations_that_software_asks_for() {
    let debug = |rest: &str, messages: &[&str]| step(&format!("debug-translate: {{ {rest} }}"), messages);
    debug("device: nic, address: 0x1000, expect: ok, to: 0x2000, size: 2M", &[]);
    debug("device-id: 0x99, address: 0x1000, execute: true, expect: fault, cause: 258", &[]);
    debug("device: nic, address: 0x1000, fails: EOPNOTSUPP", &[]);
    debug("address: 0x1000", &["which device asks?"]);
    debug("device: nik, address: 0x1000", &["unknown device `nik`"]);
    debug("device: nic, address: 0x1000, privileged: true", &[]);
    debug("device: nic, address: 0x1000, execute: true, no-write: true", &["`execute` and `no-write`"]);
    debug("device: nic, address: 0x1000, to: 0x2000", &["where it leads is known only if it is translated"]);
    debug("device: nic, address: 0x1000, expect: ok, size: 12K", &["a range of 12K bytes"]);
    debug(
        "device: nic, address: 0x1008, expect: ok, to: 0x2000",
        &["a page is translated, and not what lies within it"],
    );
    debug("device: nic, address: 0x1000, expect: ok, cause: 13", &["a cause without a fault"]);
    debug("device: nic, address: 0x1000, expect: ok, fails: EINVAL", &["a call that fails has no answer"]);
}

#[test]
fn narrow_beats_and_their_data() {
    let dma = |rest: &str, messages: &[&str]| step(&format!("dma: {{ device: nic, {rest} }}"), messages);
    dma("write: 0x1004, bytes: 4, beat-bytes: 4, data: 0xffff_ffff", &[]);
    dma("write: 0x1003, bytes: 1, beat-bytes: 1, data: 255", &[]);
    dma("write: 0x1000, bytes: 64, data: 0xffff_ffff_ffff_ffff", &[]);
    dma("write: 0x1002, bytes: 4, beat-bytes: 4, data: 0xffff_ffff", &[]);
    dma("write: 0x1000, beat-bytes: 4, data: 0xffff_ffff_ffff_ffff", &[]);
    dma("write: 0x1000, bytes: 3, beat-bytes: 3", &["beats of 3 bytes"]);
    dma("write: 0x1000, bytes: 4, beat-bytes: 4, data: 0x1_0000_0000", &["data 0x100000000 does not fit in 32 bits"]);
    dma("read: 0x1000, data: 1", &["only a write has data"]);
}

#[test]
fn interrupt_files_in_memory() {
    let host = "host: { kind: paging, nest-parent: true,";
    let with_files = GOOD.replace(host, &format!("{host} msi: {{ address: 0x2800_0000, files: 2 }},"));
    let with_files = with_files.replace("iommu: {", "requires: [msi]\niommu: { context: extended,");
    let map = |rest: &str, messages: &[&str]| {
        let step = format!("  - fence\n  - msi-map: {{ domain: host, file: 1, {rest} }}\n");
        let found = parse("a.yaml", &with_files.replace("  - fence\n", &step)).err();
        let found = found.iter().flat_map(|diagnostics| diagnostics.problems()).map(|problem| problem.message.as_str());
        assert_eq!(found.collect::<Vec<_>>(), messages, "{rest}");
    };
    map("mrif: { address: 0xb800_0200, notice: 0xb900_0000, nid: 0x7ff }", &[]);
    map("to: 0xb000_0000", &[]);
    map("fails: EINVAL", &["where does the interrupt file lead?"]);
    let both = "to: 0xb000_0000, mrif: { address: 0xb800_0200, notice: 0xb900_0000, nid: 1 }";
    map(both, &["where does the interrupt file lead?"]);
    map("mrif: { address: 0xb800_0100, notice: 0xb900_0000, nid: 1 }", &["0xb8000100 is not aligned"]);
    map("mrif: { address: 0xb800_0200, notice: 0xb900_0200, nid: 1 }", &["0xb9000200 is not aligned"]);
    map(
        "mrif: { address: 0xb800_0200, notice: 0xb900_0000, nid: 0x800 }",
        &["interrupt identity 0x800 does not fit in 11 bits"],
    );
}
