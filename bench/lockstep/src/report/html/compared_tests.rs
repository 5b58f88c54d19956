// SPDX-License-Identifier: Apache-2.0
//! Tests of the page of a comparison: what differs is in it once, with its evidence, and nothing of it becomes markup.

use oracle::{Blame, Figures, Finding};

use super::super::super::diff::diff;
use super::{Named, diff_html};
use crate::report::Report;
use crate::runner::{RunReport, Verdict};

/// What must never become markup.
const EVIL: &str = "</script><img src=x onerror=alert(1)> \" ' &";

fn finding(detail: &str) -> Finding {
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
        evidence: format!("request: read, evidence of {detail}"),
        picture: None,
    }
}

fn run(scenario: &str, index: u32, found: Option<&str>) -> RunReport {
    RunReport {
        id: format!("{scenario}#{index}"),
        scenario: scenario.to_owned(),
        file: "scenarios/a.yaml".to_owned(),
        line: 2,
        variant: String::new(),
        index: Some(index),
        seed: index,
        fail_alloc: None,
        stands_in_for: Vec::new(),
        policy: "rfc".into(),
        flush: "spec".into(),
        verdict: if found.is_some() { Verdict::DutViolation } else { Verdict::Pass },
        passed: found.is_none(),
        unmet: Vec::new(),
        not_shown: None,
        end: None,
        figures: Figures { cycles: 1000, dma_transactions: 10, ..Figures::default() },
        violation: found.map(finding),
        divergences: Vec::new(),
        waived: Vec::new(),
        excused: Vec::new(),
        hazard: None,
        mistakes: Vec::new(),
        coverage: Default::default(),
        crash: None,
        noticed: None,
        unrecorded: None,
        reproduce: format!("lockstep run {scenario} --replay {index:#x}"),
        seconds: 0.1,
    }
}

fn report(runs: Vec<RunReport>) -> Report {
    Report { device: "a device".to_owned(), base_seed: 1, runs, ..Report::default() }
}

fn page(old: &Report, new: &Report) -> String {
    let named = [("old.json", old), ("new.json", new)].map(|(file, report)| Named { file, report });
    diff_html(named[0], named[1], &diff(old, new))
}

#[test]
fn what_is_new_has_its_evidence_and_a_link_leads_to_it() {
    let good = report(vec![run("a", 0, None), run("b", 0, Some("before")), run("c", 0, Some("always"))]);
    let bad = report(vec![run("a", 0, Some("since")), run("b", 0, None), run("c", 0, Some("always"))]);
    let page = page(&good, &bad);
    assert!(page.contains("Something fails that did not") && page.contains("old.json"));
    for there in ["evidence of since", "evidence of before", "id=\"kind-dut-violation-translation-since\" open"] {
        assert_eq!(page.matches(there).count(), 1, "{there}");
    }
    assert!(page.contains("href=\"#kind-dut-violation-translation-since\">translation (since)"), "from the run");
    assert!(page.contains("id=\"was-kind-dut-violation-translation-before\""));
    assert!(!page.contains("evidence of always"), "that is no difference");
    assert_eq!(page, self::page(&good, &bad), "the same to the byte");
    let back = self::page(&bad, &good);
    assert!(back.contains("Something fails that did not"), "each has what the other has not");
    assert!(self::page(&good, &good).contains("No difference"));
}

/// Links lead to what is there.
#[test]
fn each_link_has_a_target() {
    let good = report(vec![run("a", 0, None), run("a", 1, Some("x")), run("b", 0, Some("y")), run("c", 0, None)]);
    let bad = report(vec![run("a", 0, Some("x")), run("a", 1, Some("x")), run("b", 0, None), run("d", 0, None)]);
    for page in [page(&good, &bad), page(&bad, &good), page(&good, &good)] {
        for link in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
        }
    }
}

#[test]
fn figures_are_drawn_beside_their_noise() {
    let with = |cycles: [u64; 4]| {
        let figures = |cycles| Figures { cycles, dma_transactions: cycles / 10, ..Figures::default() };
        let all =
            cycles.iter().zip(0..).map(|(cycles, at)| RunReport { figures: figures(*cycles), ..run("a", at, None) });
        report(all.collect())
    };
    let page = page(&with([1000, 1010, 990, 1000]), &with([1500, 1510, 1490, 1500]));
    assert!(page.contains("Nothing fails that did not"));
    assert!(page.contains("+50.0 %") && page.contains("± 11.55"), "{page}");
    // The scale goes to 50 %: the line to its end, the band hardly from the middle.
    assert!(page.contains("x1=\"100.0\" y1=\"8\" x2=\"200.0\""), "{page}");
    assert!(page.contains("<rect class=\"noise\" x=\"97.7\" y=\"1\" width=\"4.6\""), "{page}");
}

#[test]
fn nothing_of_results_becomes_markup() {
    let good = report(vec![run("a", 0, None), run("b", 0, Some(EVIL))]);
    let mut bad = report(vec![run("a", 0, Some(EVIL)), run(EVIL, 0, Some("other"))]);
    bad.origin.command = EVIL.to_owned();
    let named = [("<img>", &good), ("<img>", &bad)].map(|(file, report)| Named { file, report });
    let page = diff_html(named[0], named[1], &diff(&good, &bad));
    assert!(!page.contains("<img") && page.matches("<script").count() == 1, "{page}");
}
