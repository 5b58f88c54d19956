// SPDX-License-Identifier: Apache-2.0
//! Tests of the page: all of a report is in it, nothing of it becomes markup, and it stays small.

use oracle::{Asked, Blame, Entry, Figures, Finding, Moment, MomentKind, Picture, Seen};
use serde_json::Value;
use testbench::End;

use super::html;
use crate::report::{Origin, Report, RtlOrigin};
use crate::runner::{RunReport, Unmet, Verdict, Waived};
use crate::waivers::{State, WaiverUse, Waivers};

/// What must never become markup.
const EVIL: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \" ' & \u{2028}";

fn finding(detail: &str, evidence: &str) -> Finding {
    let entry = Entry {
        word: "pte[0]".into(),
        address: "0x8000".into(),
        value: format!("0x1 {detail}"),
        seen: vec![Seen { usable: false, what: "struck: overwritten".into() }],
        ..Entry::default()
    };
    let picture = Picture {
        request: Some(Asked { what: "read".into(), offered: 70, accepted: 71, answered: 77 }),
        memory: vec![entry.clone()],
        right: "refused".into(),
        used: vec![Entry { struck: format!("struck by {detail}"), ..entry }],
        came: "translated".into(),
        moments: vec![Moment {
            cycle: 60,
            kind: MomentKind::Command,
            what: format!("fetched {detail}"),
            stored: None,
            fetched: None,
        }],
    };
    Finding {
        blame: Blame::DutViolation,
        rule: "translation".into(),
        detail: detail.into(),
        structure: None,
        command: None,
        section: "Caching".into(),
        right: "0x9000_0040".into(),
        wrong: "0x9000_1040".into(),
        cycle: 77,
        evidence: evidence.into(),
        picture: Some(Box::new(picture)),
    }
}

fn run(scenario: &str, index: u32) -> RunReport {
    let (variant, seed) = ("[policy=rfc]".to_owned(), 0x1234_0000 + index);
    RunReport {
        file: "scenarios/a.yaml".to_owned(),
        line: 2,
        id: format!("{scenario}{variant}#{index}"),
        scenario: scenario.to_owned(),
        variant,
        index: Some(index),
        seed,
        fail_alloc: None,
        stands_in_for: Vec::new(),
        policy: "rfc".into(),
        flush: "spec".into(),
        verdict: Verdict::Pass,
        passed: true,
        unmet: Vec::new(),
        not_shown: None,
        end: Some(End::Finished),
        figures: Figures {
            dma_transactions: 1200 + u64::from(index),
            translations_compared: 1200 + u64::from(index),
            invalidations_compared: 45,
            reconfigurations: 12,
            device_faults: 3,
            fault_records: [(13, 2), (258, 1)].into(),
            commands: ["IODIR.INVAL_DDT", "IOFENCE.C", "IOTINVAL.VMA"].map(|name| (name.to_owned(), 40)).into(),
            stale_used: [("first-stage-pte".to_owned(), 7)].into(),
            cycles: 123_456 + u64::from(index),
            allocations: 21,
            ..Figures::default()
        },
        violation: None,
        divergences: Vec::new(),
        waived: Vec::new(),
        excused: Vec::new(),
        hazard: None,
        mistakes: Vec::new(),
        crash: None,
        noticed: None,
        coverage: Default::default(),
        unrecorded: None,
        reproduce: format!("lockstep run '{scenario}[policy=rfc]' --replay {seed:#010x}"),
        seconds: 0.25,
    }
}

fn failed(scenario: &str, index: u32, detail: &str) -> RunReport {
    let unmet = Unmet { what: "verdict".into(), wanted: "pass".into(), got: "DUT violation".into() };
    RunReport {
        verdict: Verdict::DutViolation,
        passed: false,
        unmet: vec![unmet],
        end: Some(End::Violation),
        violation: Some(finding(detail, "follows from pte[0]\nrequest: read\n")),
        ..run(scenario, index)
    }
}

fn report(runs: Vec<RunReport>) -> Report {
    Report { device: "hdl/iommu.yaml".into(), base_seed: 1, runs, ..Report::default() }
}

/// What the page holds for its script.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").expect("the data");
    let (data, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(data).expect("JSON")
}

/// Tags that have no end.
const VOID: [&str; 4] = ["meta", "br", "input", "img"];

/// Holds a page to this: each tag that is opened is closed, in its turn. What stands in scripts and styles is text.
fn well_formed(page: &str) -> Result<usize, String> {
    let mut open: Vec<String> = Vec::new();
    let (mut rest, mut count) = (page, 0);
    while let Some((_, tag)) = rest.split_once('<') {
        // A `>` in an attribute would be written as an entity.
        let (tag, behind) = tag.split_once('>').ok_or("a tag has no end")?;
        rest = behind;
        count += 1;
        let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        match tag {
            _ if tag.starts_with('!') || VOID.contains(&name.as_str()) => {}
            _ if tag.starts_with('/') => {
                let last = open.pop().unwrap_or_default();
                if last != name {
                    return Err(format!("</{name}> closes <{last}>"));
                }
            }
            _ => {
                if name == "script" || name == "style" {
                    let end = format!("</{name}>");
                    rest = rest.split_once(end.as_str()).ok_or(format!("<{name}> has no end"))?.1;
                } else {
                    open.push(name);
                }
            }
        }
    }
    if open.is_empty() { Ok(count) } else { Err(format!("still open: {open:?}")) }
}

fn count_of(page: &str, what: &str) -> usize {
    page.matches(what).count()
}

#[test]
fn the_page_answers_what_failed_why_and_how_to_run_it() {
    let mut report =
        report(vec![run("a.b", 0), failed("a.b", 1, "leaf"), failed("c", 0, "leaf"), failed("c", 1, "refused")]);
    report.origin = Origin {
        lockstep: "1.2.3".into(),
        command: "lockstep run a.b c".into(),
        rtl: Some(RtlOrigin {
            name: "iommu".into(),
            sources: "0abc".into(),
            verilator: "5.040".into(),
            options: vec!["-GX=1".into()],
        }),
    };
    let page = html(&report);
    assert!(well_formed(&page).expect("well-formed") > 100);
    for said in [
        "Runs failed",
        "1 of 4 runs passed on ",
        "translation (leaf)",
        "translation (refused)",
        "2 runs of 2 scenarios",
        "0x9000_0040",
        "follows from pte[0]",
        "lockstep run 'a.b[policy=rfc]' --replay 0x12340001",
        "lockstep run --rerun-failed",
        "lockstep diff OLD.json",
        "lockstep run a.b c",
        "0abc",
        "5.040",
        "-GX=1",
        "id=\"kind-dut-violation-translation-leaf\"",
        "href=\"#run=a.b%5Bpolicy%3Drfc%5D%231\"",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert_eq!(html(&report), page, "the same report, the same page");
}

#[test]
fn every_run_and_every_kind_is_in_the_data() {
    let mut runs: Vec<RunReport> = (0..40).map(|index| run("a.b", index)).collect();
    runs.extend((0..5).map(|index| failed("c", index, "leaf")));
    let page = html(&report(runs.clone()));
    let data = data(&page);
    let texts = data["texts"].as_array().expect("texts");
    let text = |number: &Value| texts[number.as_u64().expect("a number") as usize].as_str().expect("a text");
    let all = data["runs"].as_array().expect("runs");
    assert_eq!(all.len(), runs.len());
    for (run, own) in runs.iter().zip(all) {
        assert_eq!(format!("{}{}{}", text(&own[0]), text(&own[1]), own[2].as_str().expect("the rest")), run.id);
        assert_eq!(own[3], run.seed);
        assert_eq!(data["verdicts"][own[4].as_u64().expect("a verdict") as usize][0], run.verdict.name());
        assert_eq!(own[5].as_u64().expect("flags") & 1 == 1, run.passed);
        assert_eq!(text(&own[8]).replace('\u{1}', &format!("{:#010x}", run.seed)), run.reproduce);
        let shape = data["shapes"][own[9].as_u64().expect("a shape") as usize].as_array().expect("names");
        let at = shape.iter().position(|name| text(name) == "cycles").expect("cycles");
        assert_eq!(own[10][at], run.figures.cycles);
    }
    assert_eq!(data["kinds"], serde_json::json!([["kind-dut-violation-translation-leaf", "translation (leaf)"]]));
    let found = |at: usize| all[40 + at][11]["found"][0][2].as_i64();
    assert_eq!((found(0), found(1)), (Some(-1), Some(0)), "the first is the example of its kind, the next is kept");
    assert_eq!(count_of(&page, "<template id=\"finding-"), 4);
}

#[test]
fn nothing_from_outside_becomes_markup() {
    let mut bad = failed(EVIL, 0, EVIL);
    bad.end = Some(End::Software { error: EVIL.into() });
    bad.unmet[0].got = EVIL.into();
    bad.reproduce = format!("lockstep run '{EVIL}'");
    bad.noticed = Some(EVIL.into());
    let violation = bad.violation.as_mut().expect("a violation");
    (violation.evidence, violation.right, violation.wrong) = (EVIL.into(), EVIL.into(), EVIL.into());
    bad.waived = vec![Waived { waiver: 0, count: 2, first: finding(EVIL, EVIL) }];
    let text = format!(
        "waivers:\n  - {{ rule: register, reason: {}, link: 'javascript:alert(3)' }}\n",
        serde_json::json!(EVIL)
    );
    let waivers = Waivers::parse("w.yaml".as_ref(), &text).expect("waivers");
    let waiver = waivers.all[0].clone();
    let mut second = bad.clone();
    second.id.push('2');
    let report = Report {
        device: EVIL.into(),
        waivers: vec![WaiverUse { waiver, state: State::Used, runs: 1, count: 2 }],
        origin: Origin { lockstep: EVIL.into(), command: EVIL.into(), rtl: None },
        ..report(vec![bad, second])
    };
    let page = html(&report);
    well_formed(&page).expect("well-formed");
    assert_eq!((count_of(&page, "<script"), count_of(&page, "</script>")), (2, 2), "the data and ours");
    assert_eq!(count_of(&page, "<img"), 0);
    assert!(!page.contains("href=\"javascript:"), "a link that does something");
    assert!(data(&page)["texts"].as_array().expect("texts").iter().any(|text| text == EVIL), "but it is all there");
}

#[test]
fn the_page_asks_no_network_and_carries_out_its_own_script_only() {
    let page = html(&report(vec![run("a.b", 0)]));
    let (_, policy) = page.split_once("Content-Security-Policy\" content=\"").expect("a policy");
    let (policy, _) = policy.split_once('"').expect("its end");
    assert!(policy.starts_with("default-src 'none';") || policy.starts_with("default-src &#39;none"), "{policy}");
    let (_, nonce) = policy.split_once("script-src 'nonce-").expect("a nonce");
    let (nonce, _) = nonce.split_once('\'').expect("its end");
    assert!(nonce.len() == 64 && page.contains(&format!("<script nonce=\"{nonce}\">")), "{nonce}");
    assert!(!html(&report(vec![run("a.c", 0)])).contains(nonce), "it depends on the data");
    for loads in ["src=\"http", "url(http", "@import", "<link", "fetch(", "XMLHttpRequest", "import("] {
        assert!(!page.contains(loads), "{loads}");
    }
}

#[test]
fn waivers_and_what_the_model_played_stand_in_the_page() {
    let waivers = Waivers::parse(
        "w.yaml".as_ref(),
        "waivers:\n  - { rule: register, detail: cqh, reason: it is late, link: 'https://example.org/1', scenarios: [a] }\n",
    );
    let waiver = waivers.expect("waivers").all[0].clone();
    let mut other = run("a.b", 1);
    other.stands_in_for = vec![scenario::Requirement::Pdt];
    let report = Report {
        waivers: vec![WaiverUse { waiver, state: State::Expired, runs: 0, count: 0 }],
        ..report(vec![run("a.b", 0), other])
    };
    let page = html(&report);
    for said in
        ["it is late", "expired", "href=\"https://example.org/1\"", "Not applicable", "pdt (1 run)", "not applicable"]
    {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn twenty_thousand_runs_have_room_whether_they_pass_or_fail() {
    let scenario = |at: u32| format!("family-{}.scenario-{}", at % 7, at % 400);
    let all = |failing: bool| -> Report {
        let one = |at: u32| match failing {
            true => failed(&scenario(at / 50), at % 50, &format!("cause {}", at % 60)),
            false => run(&scenario(at / 50), at % 50),
        };
        report((0..20_000).map(one).collect())
    };
    for failing in [false, true] {
        let page = html(&all(failing));
        assert!(page.len() <= 5_000_000, "{failing}: {}", page.len());
        assert_eq!(data(&page)["runs"].as_array().expect("runs").len(), 20_000);
    }
}

#[test]
fn a_report_without_runs_is_a_page_as_well() {
    let page = html(&report(Vec::new()));
    well_formed(&page).expect("well-formed");
    assert!(page.contains("Nothing ran") && page.contains("No run failed."));
}
