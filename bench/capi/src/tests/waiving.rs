// SPDX-License-Identifier: Apache-2.0

//! Going past what is known, and what a bench is told of it.

use std::ffi::CString;

use super::*;

/// A device that reads the wrong page is known; what else stands here is not used, or no more.
const KNOWN: &str = "waivers:\n  - rule: translation\n    reason: another page, see 17\n    scenarios: [nested]\n    \
                     seeds: [3]\n  - { rule: register, detail: cqh, reason: it runs ahead }\n  \
                     - { rule: translation, reason: of old, until: 2020-01-31 }\n";

impl Opened {
    fn waive(&self, text: &str) -> i32 {
        let text = CString::new(text).expect("no 0");
        // SAFETY: it is open, and the text is a string.
        unsafe { lockstep_waive(self.0, text.as_ptr()) }
    }

    fn waive_file(&self, path: &str) -> i32 {
        let path = CString::new(path).expect("no 0");
        // SAFETY: it is open, and the path is a string.
        unsafe { lockstep_waive_file(self.0, path.as_ptr()) }
    }

    fn keep_going(&self, kinds: u32) -> i32 {
        // SAFETY: it is open.
        unsafe { lockstep_keep_going(self.0, kinds) }
    }

    fn waived(&self, line: u32) -> i64 {
        // SAFETY: it is open.
        unsafe { lockstep_waived(self.0, line) }
    }

    fn is_over(&self) -> i32 {
        // SAFETY: it is open.
        unsafe { lockstep_is_over(self.0) }
    }

    fn reset(&self) -> i32 {
        // SAFETY: it is open.
        unsafe { lockstep_reset(self.0) }
    }

    fn json(&self, which: i32) -> serde_json::Value {
        serde_json::from_str(&self.text(which)).expect("JSON")
    }
}

#[test]
fn a_waiver_is_what_keeps_a_trace_from_being_blamed() {
    let text = read(0x1000, 0x5000);
    let strict = Opened::new(DEVICE);
    assert_eq!((strict.push_all(&text), strict.is_over()), (LOCKSTEP_DEVICE, 1));
    assert_eq!(strict.text(LOCKSTEP_TEXT_WAIVED), "");
    let oracle = Opened::new(DEVICE);
    assert_eq!(oracle.waive(KNOWN), LOCKSTEP_CLEAN);
    assert_eq!((oracle.push_all(&text), oracle.finish()), (LOCKSTEP_CLEAN, LOCKSTEP_CLEAN));
    assert_eq!((oracle.is_over(), oracle.text(LOCKSTEP_TEXT_EVIDENCE)), (0, String::new()));
    assert_eq!(oracle.figure("cycles"), 40, "it was judged to its end");
    // The same, once the file says something else.
    let other = Opened::new(DEVICE);
    assert_eq!(other.waive(&KNOWN.replacen("rule: translation", "rule: refusal", 1)), LOCKSTEP_CLEAN);
    assert_eq!((other.push_all(&text), other.waived(0)), (LOCKSTEP_DEVICE, 0));
}

#[test]
fn uses_are_told_and_so_are_waivers_that_had_none() {
    let oracle = Opened::new(DEVICE);
    oracle.waive(KNOWN);
    assert_eq!([0, 2, 6, 7, 3].map(|line| oracle.waived(line)), [0, 0, 0, 0, -1]);
    oracle.push_all(&read(0x1000, 0x5000).replace("rest\n", ""));
    oracle.push_all(
        "dma-offered dir=read iova=0x2000 size=3 burst=1 device=1\n\
         dma-accepted ticket=1 dir=read iova=0x2000 size=3 burst=1 device=1\n@42\n\
         mem-address dir=read addr=0x6000 size=3 burst=1\n@43\nmem-read-beat last=1\n@44\ndma-done ticket=1 data=0\n\
         @300\nrest\n",
    );
    assert_eq!(oracle.finish(), LOCKSTEP_CLEAN, "{}", oracle.text(LOCKSTEP_TEXT_EVIDENCE));
    assert_eq!([0, 2, 6, 7, 3].map(|line| oracle.waived(line)), [2, 2, 0, 0, -1]);
    let told = oracle.text(LOCKSTEP_TEXT_WAIVED);
    let kind = "  2 times from cycle 22 on: translation";
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "waived 2 times: translation: another page, see 17 (line 2)");
    assert!(lines[1].starts_with(kind), "{told}");
    assert_eq!(
        lines[2..],
        [
            "unused waiver: nothing falls under it any more: register, cqh: it runs ahead (line 6)",
            "expired waiver (2020-01-31 was its last day): it did not hold: translation: of old (line 7)"
        ]
    );
    let uses = oracle.json(LOCKSTEP_TEXT_WAIVERS);
    let states =
        uses.as_array().expect("a list").iter().map(|one| (&one["state"], &one["count"], &one["waiver"]["line"]));
    assert_eq!(
        states.map(|one| serde_json::json!(one).to_string()).collect::<Vec<_>>(),
        ["[\"used\",2,2]", "[\"unused\",0,6]", "[\"expired\",0,7]"]
    );
    let divergences = oracle.json(LOCKSTEP_TEXT_DIVERGENCES);
    assert_eq!(divergences.as_array().map(Vec::len), Some(1));
    assert_eq!((&divergences[0]["count"], &divergences[0]["waiver"]), (&2.into(), &0.into()));
    assert_eq!(divergences[0]["first"]["cycle"], 22);
}

#[test]
fn a_waiver_is_named_by_its_place_also_behind_one_that_has_expired() {
    let oracle = Opened::new(DEVICE);
    oracle.waive(
        "waivers:\n  - { rule: translation, reason: of old, until: 2020-01-31 }\n  - { rule: trans*, reason: known }\n",
    );
    assert_eq!(oracle.push_all(&read(0x1000, 0x5000)), LOCKSTEP_CLEAN);
    assert_eq!(oracle.json(LOCKSTEP_TEXT_DIVERGENCES)[0]["waiver"], 1);
    assert_eq!([2, 3].map(|line| oracle.waived(line)), [0, 1]);
}

#[test]
fn a_waiver_that_has_expired_waives_nothing() {
    let oracle = Opened::new(DEVICE);
    oracle.waive("waivers:\n  - { rule: translation, reason: of old, until: 2020-01-31 }\n");
    assert_eq!(oracle.push_all(&read(0x1000, 0x5000)), LOCKSTEP_DEVICE);
}

#[test]
fn mistakes_have_line_and_column_and_the_call_does_nothing() {
    let oracle = Opened::new(DEVICE);
    assert_eq!(oracle.waive(KNOWN), LOCKSTEP_CLEAN);
    for (text, said) in [
        (
            "waivers:\n  - rule: transaltion\n    reason: x\n    until: soon\n",
            "waivers:2:11: there is no rule `transaltion`; did you mean `translation`?\n\
             waivers:4:12: `soon` is no day; write it as 2027-01-31",
        ),
        ("waivers:\n  - { rule: register, reson: x }\n", "waivers:2:23: unknown key `reson`; did you mean `reason`?"),
        ("waivers:\n  - { rule: register, reason: x\n", "waivers:2:5: the mapping that opens here is never closed"),
        ("waiver: []\n", "waivers:1:1: unknown key `waiver`; did you mean `waivers`?"),
    ] {
        assert_eq!(oracle.waive(text), LOCKSTEP_BAD_WAIVERS, "{text}");
        let error = oracle.text(LOCKSTEP_TEXT_ERROR);
        assert!(error.starts_with(said), "{error}");
    }
    // Those before hold on.
    assert_eq!((oracle.push_all(&read(0x1000, 0x5000)), oracle.waived(2)), (LOCKSTEP_CLEAN, 1));
}

#[test]
fn a_file_is_read_and_its_mistakes_name_it() {
    let folder = std::env::temp_dir().join(format!("lockstep-waiving-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("known.yaml");
    let path = file.to_str().expect("UTF-8").to_owned();
    let oracle = Opened::new(DEVICE);
    assert_eq!(oracle.waive_file(&path), LOCKSTEP_BAD_WAIVERS);
    let error = oracle.text(LOCKSTEP_TEXT_ERROR);
    assert!(error.starts_with(&format!("cannot read {path}: ")), "{error}");
    std::fs::write(&file, "waivers:\n  - { rule: register }\n").expect("written");
    assert_eq!(oracle.waive_file(&path), LOCKSTEP_BAD_WAIVERS);
    let error = oracle.text(LOCKSTEP_TEXT_ERROR);
    assert!(error.starts_with(&format!("{path}:2:7: `reason` is missing")), "{error}");
    std::fs::write(&file, KNOWN).expect("written");
    assert_eq!((oracle.waive_file(&path), oracle.text(LOCKSTEP_TEXT_ERROR)), (LOCKSTEP_CLEAN, String::new()));
    assert_eq!(oracle.push_all(&read(0x1000, 0x5000)), LOCKSTEP_CLEAN);
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn what_is_waived_is_told_before_the_first_event_and_outlasts_a_reset() {
    let oracle = Opened::new("device version=1.0.0");
    assert_eq!((oracle.waive(KNOWN), oracle.push("@5"), oracle.waive(KNOWN)), (0, 0, 0));
    assert_eq!(oracle.push("@4"), LOCKSTEP_BAD_LINE, "time has not been forgotten");
    assert_eq!(oracle.reset(), LOCKSTEP_CLEAN);
    // The line of the device in a trace is no event.
    let text = format!("{DEVICE}\n{}", read(0x1000, 0x5000));
    assert_eq!((oracle.push_all(&text), oracle.waived(0)), (LOCKSTEP_CLEAN, 1));
    for code in [oracle.waive(KNOWN), oracle.waive("waivers: []"), oracle.keep_going(3)] {
        assert_eq!(code, LOCKSTEP_ARGUMENT);
        assert_eq!(oracle.text(LOCKSTEP_TEXT_ERROR), "what is waived is told before the first event");
    }
    assert_eq!((oracle.waived(0), oracle.reset(), oracle.waived(0)), (1, LOCKSTEP_CLEAN, 0));
    assert_eq!((oracle.push_all(&read(0x1000, 0x5000)), oracle.waived(0)), (LOCKSTEP_CLEAN, 1));
    assert_eq!((oracle.reset(), oracle.waive("waivers: []")), (LOCKSTEP_CLEAN, LOCKSTEP_CLEAN));
    assert_eq!(oracle.push_all(&read(0x1000, 0x5000)), LOCKSTEP_DEVICE);
}

#[test]
fn other_kinds_are_gone_past_up_to_so_many_and_blamed_all_the_same() {
    let oracle = Opened::new(DEVICE);
    assert_eq!((oracle.waive(KNOWN), oracle.keep_going(1)), (LOCKSTEP_CLEAN, LOCKSTEP_CLEAN));
    let wrong_data = read(0x1000, 0x5000).replace("data=7\n@40", "data=8\n@40").replace("rest\n", "");
    assert_eq!(oracle.push_all(&wrong_data), LOCKSTEP_DEVICE);
    let rule = oracle.text(LOCKSTEP_TEXT_RULE);
    assert_eq!((rule.as_str(), oracle.is_over(), oracle.waived(2)), ("dma-data", 0, 1));
    // It is a bench's affair to hear of a bad line, also behind a verdict.
    let divergences = oracle.json(LOCKSTEP_TEXT_DIVERGENCES);
    let waivers: Vec<_> = divergences.as_array().expect("a list").iter().map(|one| one["waiver"].clone()).collect();
    assert_eq!(waivers, [serde_json::json!(0), serde_json::Value::Null]);
    let unowed = "ptw-write addr=0x4000 size=3 burst=1 data=0x1\n@50";
    assert_eq!((oracle.push_all(unowed), oracle.is_over()), (LOCKSTEP_DEVICE, 1));
    assert_eq!(oracle.text(LOCKSTEP_TEXT_RULE), rule);
    let evidence = oracle.text(LOCKSTEP_TEXT_EVIDENCE);
    assert!(evidence.starts_with("DUT VIOLATION: dma-data"), "{evidence}");
    assert!(evidence.contains("\nDUT VIOLATION: unowed-write"), "{evidence}");
    assert_eq!(evidence.matches("DUT VIOLATION").count(), 2, "{evidence}");
}

#[test]
fn a_bad_line_is_heard_of_behind_what_was_gone_past() {
    let oracle = Opened::new(DEVICE);
    oracle.keep_going(5);
    assert_eq!(oracle.push_all(&read(0x1000, 0x5000)), LOCKSTEP_DEVICE);
    assert_eq!((oracle.push("wirez"), oracle.is_over()), (LOCKSTEP_BAD_LINE, 1));
    assert_eq!((oracle.finish(), oracle.text(LOCKSTEP_TEXT_RULE).as_str()), (LOCKSTEP_BAD_LINE, "translation"));
}
