// SPDX-License-Identifier: Apache-2.0
//! The runs for `page.js`: as few bytes as they can be without a compressor. Texts that come again are numbers.
//!
//! A run is an array: scenario and variant, the rest of its name, seed, verdict, flags, policies, command, figures, more.
//! `page.js` says the same in its `read`.

use std::collections::BTreeMap;

use oracle::Figures;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::super::kinds::{Bucket, shown};
use super::super::result::Report;
use super::evidence::Shelf;
use super::failures::reasons;
use super::words::class;
use crate::runner::{RunReport, Verdict};

/// Stands for the seed in a command.
const SEED: &str = "\u{1}";

/// Bits of a run.
const PASSED: u32 = 1;
const STAND_IN: u32 = 2;
const WAIVED: u32 = 4;
const NOT_SHOWN: u32 = 8;

/// Texts by number, in the order in which they came.
#[derive(Default)]
struct Texts {
    all: Vec<String>,
    numbers: FxHashMap<String, usize>,
}

impl Texts {
    fn of(&mut self, text: &str) -> usize {
        if let Some(&known) = self.numbers.get(text) {
            return known;
        }
        self.numbers.insert(text.to_owned(), self.all.len());
        self.all.push(text.to_owned());
        self.all.len() - 1
    }
}

/// The figures that are not 0: which, as a list that is shared, and their values.
fn figures(figures: &Figures) -> Vec<(String, u64)> {
    let plain = [
        ("cycles", figures.cycles),
        ("DMA transactions", figures.dma_transactions),
        ("translations compared", figures.translations_compared),
        ("invalidations compared", figures.invalidations_compared),
        ("reconfigurations", figures.reconfigurations),
        ("DMA refused", figures.device_faults),
        ("ATS completions compared", figures.ats_completions),
        ("debug translations compared", figures.debug_translations),
        ("page requests", figures.page_requests),
        ("explained by the old state", figures.explained_old),
        ("explained by the new state", figures.explained_new),
        ("longest stale, cycles", figures.longest_stale),
        ("software hazards", figures.hazards),
        ("allocations", figures.allocations),
        ("allocations that failed", figures.failed_allocations),
    ];
    let plain = plain.into_iter().map(|(name, value)| (name.to_owned(), value));
    let causes = figures.fault_records.iter().map(|(cause, count)| (format!("fault records, cause {cause}"), *count));
    let commands = figures.commands.iter().map(|(command, count)| (format!("commands, {command}"), *count));
    let stale = figures.stale_used.iter().map(|(structure, count)| (format!("stale used, {structure}"), *count));
    plain.chain(causes).chain(commands).chain(stale).filter(|(_, value)| *value > 0).collect()
}

/// In which order runs get room for their evidence: the first of each variant, then the second of each.
fn order(report: &Report) -> Vec<usize> {
    let mut before: FxHashMap<(bool, &str, &str), usize> = FxHashMap::default();
    let mut all: Vec<(bool, usize, usize)> = Vec::new();
    for (at, run) in report.runs.iter().enumerate() {
        let earlier = before.entry((run.passed, &run.scenario, &run.variant)).or_default();
        // What failed comes before what was to be expected.
        all.push((run.passed, *earlier, at));
        *earlier += 1;
    }
    all.sort_unstable();
    all.into_iter().map(|(.., at)| at).collect()
}

/// What is there of some runs only.
fn more(
    run: &RunReport,
    buckets: &[Bucket<'_>],
    kinds: &BTreeMap<String, Vec<usize>>,
    shelf: &mut Shelf,
    texts: &mut Texts,
) -> Value {
    let mut more = serde_json::Map::new();
    let mut put = |key: &str, value: Value| {
        if value.as_array().is_none_or(|list| !list.is_empty()) {
            more.insert(key.to_owned(), value);
        }
    };
    let said = |lines: Vec<String>, texts: &mut Texts| lines.iter().map(|line| texts.of(line)).collect::<Vec<_>>();
    put("why", said(reasons(run), texts).into());
    put("excused", said(run.excused.iter().map(ToString::to_string).collect(), texts).into());
    put("not_shown", said(run.not_shown.iter().map(ToString::to_string).collect(), texts).into());
    put("lacks", said(run.stands_in_for.iter().map(ToString::to_string).collect(), texts).into());
    put("noticed", said(run.noticed.iter().flat_map(|text| text.lines()).map(str::to_owned).collect(), texts).into());
    let waived =
        run.waived.iter().map(|one| json!([texts.of(&one.first.kind().to_string()), one.count, one.first.cycle]));
    put("waived", waived.collect::<Vec<_>>().into());
    // A number is one of a kind, whose evidence stands in the page if this run is its example.
    let mut own: Vec<usize> = Vec::new();
    if !run.passed {
        for (finding, what) in shown(run) {
            let kind = finding.map(oracle::Finding::kind);
            let is_it =
                |at: &&usize| buckets[**at].kind == kind && (kind.is_some() || buckets[**at].verdict == run.verdict);
            own.extend(kinds.get(&what).into_iter().flatten().find(is_it));
        }
    }
    put("kinds", own.clone().into());
    let found = run.violations().chain(&run.hazard).map(|finding| {
        let example = own.iter().find(|at| buckets[**at].finding.is_some_and(|own| std::ptr::eq(own, finding)));
        let place = match example {
            // Negative: that of a kind.
            Some(&kind) => Some(-1 - kind as i64),
            None => shelf.keep(finding).map(|at| at as i64),
        };
        json!([texts.of(&finding.kind().to_string()), finding.cycle, place])
    });
    put("found", found.collect::<Vec<_>>().into());
    match more.is_empty() {
        true => json!(0),
        false => Value::Object(more),
    }
}

/// The data for `page.js`, as JSON that may stand in a script.
pub(super) fn of(report: &Report, buckets: &[Bucket<'_>], names: &[String], shelf: &mut Shelf) -> String {
    let mut texts = Texts::default();
    let mut shapes: Vec<Vec<usize>> = Vec::new();
    let mut shape_numbers: FxHashMap<Vec<usize>, usize> = FxHashMap::default();
    let mut kinds: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, bucket) in buckets.iter().enumerate() {
        kinds.entry(bucket.what.clone()).or_default().push(at);
    }
    let mut mores: Vec<Value> = vec![Value::Null; report.runs.len()];
    for at in order(report) {
        mores[at] = more(&report.runs[at], buckets, &kinds, shelf, &mut texts);
    }
    let runs: Vec<Value> = report
        .runs
        .iter()
        .zip(mores)
        .map(|(run, more)| {
            let (named, values): (Vec<String>, Vec<u64>) = figures(&run.figures).into_iter().unzip();
            let shape: Vec<usize> = named.iter().map(|name| texts.of(name)).collect();
            let shape = *shape_numbers.entry(shape.clone()).or_insert_with(|| {
                shapes.push(shape);
                shapes.len() - 1
            });
            let base = format!("{}{}", run.scenario, run.variant);
            let rest = run.id.strip_prefix(&base).unwrap_or(&run.id);
            let command = run.reproduce.replace(&format!("{:#010x}", run.seed), SEED);
            let flag = |is: bool, bit: u32| if is { bit } else { 0 };
            let flags = flag(run.passed, PASSED)
                | flag(!run.stands_in_for.is_empty(), STAND_IN)
                | flag(!run.waived.is_empty(), WAIVED)
                | flag(run.not_shown.is_some(), NOT_SHOWN);
            let verdict = Verdict::ALL.iter().position(|verdict| *verdict == run.verdict);
            json!([
                texts.of(&run.scenario),
                texts.of(&run.variant),
                rest,
                run.seed,
                verdict,
                flags,
                texts.of(&run.policy),
                texts.of(&run.flush),
                texts.of(&command),
                shape,
                values,
                more
            ])
        })
        .collect();
    let document = json!({
        "verdicts": Verdict::ALL.map(|verdict| [verdict.name(), class(verdict)]),
        "kinds": buckets.iter().zip(names).map(|(bucket, name)| [name, &bucket.what]).collect::<Vec<_>>(),
        "shapes": shapes,
        "texts": texts.all,
        "runs": runs,
    });
    // The end of a script is found before anybody looks at what is in it.
    document.to_string().replace('<', "\\u003c")
}
