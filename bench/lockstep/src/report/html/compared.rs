// SPDX-License-Identifier: Apache-2.0
//! Two regressions beside each other, as a page: what is new comes first, with its evidence.

use maud::{Markup, html};

use super::super::diff::{Diff, KindChange, RunChange};
use super::super::kinds::{self, Bucket};
use super::super::origin::RtlOrigin;
use super::super::result::Report;
use super::super::table::grouped;
use super::evidence::Shelf;
use super::failures::{names, reasons};
use super::frame::{self, Page};
use super::moved;
use super::words::{badge, command, count};
use crate::runner::RunReport;

const SCRIPT: &str = concat!(include_str!("common.js"), include_str!("diff.js"));

/// So many runs of one sort are named.
const MOST: usize = 200;

/// A regression, and what its file is called.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The file, as it was named
    pub file: &'a str,
    /// What is in it
    pub report: &'a Report,
}

/// A kind of failure with the name by which a link leads to it.
struct Kinds<'a> {
    buckets: Vec<Bucket<'a>>,
    names: Vec<String>,
}

impl<'a> Kinds<'a> {
    /// `prefix` keeps what is in one regression only apart from what is in the other.
    fn of(report: &'a Report, prefix: &str) -> Kinds<'a> {
        let buckets = kinds::buckets(report);
        let names = names(&buckets).into_iter().map(|name| format!("{prefix}{name}")).collect();
        Kinds { buckets, names }
    }

    fn find(&self, change: &KindChange) -> Option<(&Bucket<'a>, &str)> {
        let is_it = |bucket: &Bucket<'_>| {
            bucket.what == change.what && bucket.verdict == change.verdict && bucket.smallest.id == change.example
        };
        let at = self.buckets.iter().position(is_it)?;
        Some((&self.buckets[at], &self.names[at]))
    }

    /// What a run showed.
    fn of_run(&self, id: &str) -> Vec<(&Bucket<'a>, &str)> {
        let has = |bucket: &Bucket<'_>| bucket.runs.iter().any(|run| run.id == id);
        self.buckets
            .iter()
            .zip(&self.names)
            .filter(|(bucket, _)| has(bucket))
            .map(|(one, name)| (one, &**name))
            .collect()
    }
}

/// What differs between two regressions, as an HTML document. The same results give the same document, to the byte.
pub fn diff_html(old: Named<'_>, new: Named<'_>, diff: &Diff) -> String {
    let (was, is) = (Kinds::of(old.report, "was-"), Kinds::of(new.report, ""));
    // What comes first has room first.
    let mut shelf = Shelf::new();
    let new_kinds = all_kinds(&diff.new, &is, &mut shelf);
    let failed = newly_failed(diff, &is);
    let changed = all_kinds(&diff.changed, &is, &mut shelf);
    let fixed = all_kinds(&diff.fixed, &was, &mut shelf);
    let main = html! {
        (summary(old, new, diff))
        (part("new", "New kinds of failure", diff.new.len(), &new_kinds))
        (part("newly-failed", "Runs that passed and fail", diff.newly_failed.len(), &failed))
        (part("changed", "Kinds in another number of runs", diff.changed.len(), &changed))
        (part("fixed", "Fixed kinds", diff.fixed.len(), &fixed))
        (part("newly-passed", "Runs that failed and pass", diff.newly_passed.len(), &newly_passed(diff)))
        (part("moved", "Figures that moved", diff.moved.len(), &moved::table(&diff.moved)))
        (part("only-new", "Runs that were not there", diff.only_new.len(), &ids(&diff.only_new)))
        (part("only-old", "Runs that are not there any more", diff.only_old.len(), &ids(&diff.only_old)))
        (commands(old, new))
    };
    let page = Page {
        title: format!("{} – lockstep diff", fate(diff).1),
        skip: "To what differs",
        header: header(new, diff),
        navigation: navigation(diff),
        main,
        shelf: Markup::default(),
        data: None,
        script: SCRIPT,
    };
    frame::render(&page)
}

/// How it looks, and in words.
fn fate(diff: &Diff) -> (&'static str, &'static str) {
    match (diff.is_worse(), diff.is_empty()) {
        (true, _) => ("bad", "Something fails that did not"),
        (false, true) => ("good", "No difference"),
        (false, false) => ("good", "Nothing fails that did not"),
    }
}

fn header(new: Named<'_>, diff: &Diff) -> Markup {
    let (class, words) = fate(diff);
    html! {
        header class=(class) {
            p.brand { "lockstep diff" }
            h1 { (words) }
            p.lead { (count(diff.compared, "run")) " in both, on " b { (new.report.device) } "." }
        }
    }
}

fn navigation(diff: &Diff) -> Markup {
    let parts = [
        ("new", "New", diff.new.len()),
        ("newly-failed", "Fail now", diff.newly_failed.len()),
        ("changed", "Changed", diff.changed.len()),
        ("fixed", "Fixed", diff.fixed.len()),
        ("newly-passed", "Pass now", diff.newly_passed.len()),
        ("moved", "Figures", diff.moved.len()),
    ];
    html! {
        nav aria-label="Parts of this page" {
            ul {
                li { a href="#summary" { "Summary" } }
                @for (id, title, number) in parts.into_iter().filter(|(.., number)| *number > 0) {
                    li { a href={ "#" (id) } { (title) " (" (grouped(number as u64)) ")" } }
                }
                li { a href="#commands" { "Commands" } }
            }
        }
    }
}

/// A part, if there is anything in it.
fn part(id: &str, title: &str, number: usize, inside: &Markup) -> Markup {
    html! {
        @if number > 0 {
            section id=(id) aria-labelledby={ (id) "-title" } {
                h2 id={ (id) "-title" } { (title) }
                (inside)
            }
        }
    }
}

fn summary(old: Named<'_>, new: Named<'_>, diff: &Diff) -> Markup {
    let tiles = [
        ("new", "bad", diff.new.len(), "new kinds of failure"),
        ("newly-failed", "bad", diff.newly_failed.len(), "runs passed and fail"),
        ("changed", "hazard", diff.changed.len(), "kinds in another number of runs"),
        ("fixed", "good", diff.fixed.len(), "kinds fixed"),
        ("newly-passed", "good", diff.newly_passed.len(), "runs failed and pass"),
        ("moved", "hazard", diff.moved.len(), "figures moved"),
    ];
    html! {
        section id="summary" aria-labelledby="summary-title" {
            h2 id="summary-title" { "Summary" }
            ul.tiles {
                @for (id, class, number, what) in tiles {
                    @if number > 0 {
                        li class=(class) { a href={ "#" (id) } { b { (grouped(number as u64)) } " " (what) } }
                    } @else {
                        li.none { span { b { "0" } " " (what) } }
                    }
                }
            }
            div.scroll tabindex="0" role="region" aria-label="The two regressions" {
                table {
                    thead { tr { th scope="col" { "" } th scope="col" { "Before" } th scope="col" { "Now" } } }
                    tbody {
                        @for (what, before, now) in both(old, new) {
                            @if !(before.is_empty() && now.is_empty()) {
                                tr.differs[before != now] {
                                    th scope="row" { (what) }
                                    td { (before) }
                                    td { (now) }
                                }
                            }
                        }
                    }
                }
            }
            @if old.report.base_seed != new.report.base_seed {
                p { "The base seeds differ: the runs of one name have other seeds." }
            }
        }
    }
}

/// What a line is called, and what it says of a regression.
type Line<'a> = (&'static str, &'a dyn Fn(Named<'_>) -> String);

/// What each of them is, line by line.
fn both(old: Named<'_>, new: Named<'_>) -> Vec<(&'static str, String, String)> {
    fn rtl<'a>(named: Named<'a>) -> Option<&'a RtlOrigin> {
        named.report.origin.rtl.as_ref()
    }
    let lines: [Line<'_>; 9] = [
        ("Results", &|named| named.file.to_owned()),
        ("Runs", &|named| grouped(named.report.runs.len() as u64)),
        ("Passed", &|named| grouped(named.report.passed() as u64)),
        ("Failed", &|named| grouped((named.report.runs.len() - named.report.passed()) as u64)),
        ("Device", &|named| named.report.device.clone()),
        ("Hash of its sources", &|named| rtl(named).map(|rtl| rtl.sources.clone()).unwrap_or_default()),
        ("Verilator", &|named| rtl(named).map(|rtl| rtl.verilator.clone()).unwrap_or_default()),
        ("lockstep", &|named| named.report.origin.lockstep.clone()),
        ("Base seed", &|named| named.report.base_seed.to_string()),
    ];
    lines.into_iter().map(|(what, of)| (what, of(old), of(new))).collect()
}

fn all_kinds(changes: &[KindChange], of: &Kinds<'_>, shelf: &mut Shelf) -> Markup {
    let all: Vec<Markup> = changes.iter().enumerate().map(|(at, change)| kind(change, of, at == 0, shelf)).collect();
    html! { @for one in &all { (one) } }
}

/// A kind of failure: in how many runs it was and is, its smallest example, and the evidence of that.
fn kind(change: &KindChange, of: &Kinds<'_>, open: bool, shelf: &mut Shelf) -> Markup {
    let Some((bucket, name)) = of.find(change) else { return Markup::default() };
    let evidence = bucket.finding.map(|finding| shelf.shown(finding));
    let is_fixed = change.new == 0;
    html! {
        details.kind id=(name) open[open && !is_fixed] {
            summary {
                h3 { (change.what) }
                span.facts {
                    (badge(change.verdict)) " "
                    @match (change.old, change.new) {
                        (0, new) => (count(new, "run")) ,
                        (old, 0) => { "was in " (count(old, "run")) }
                        (old, new) => { (count(new, "run")) ", was in " (grouped(old as u64)) }
                    }
                }
            }
            p {
                @if is_fixed { "Smallest example, as it was: " } @else { "Smallest example: " }
                (change.example) ", seed " (format!("{:#010x}", bucket.smallest.seed))
                ", cycle " (grouped(bucket.cycle())) ". "
                a.self href={ "#" (name) } { "Link to this kind" }
            }
            (command(&change.reproduce))
            @for line in reasons(bucket.smallest) { p.reason { (line) } }
            @match evidence {
                Some(Some(evidence)) => (evidence),
                Some(None) => p.quiet { "The evidence has no room in this page: the command above shows it." },
                None => {}
            }
            (others(&bucket.runs, &change.example))
        }
    }
}

fn others(runs: &[&RunReport], example: &str) -> Markup {
    let others: Vec<String> = runs.iter().map(|run| run.id.clone()).filter(|id| id != example).collect();
    html! { @if !others.is_empty() { h4 { "More of this kind" } (ids(&others)) } }
}

/// Each with what it shows: a link leads to the evidence of that kind, where it is in this page.
fn newly_failed(diff: &Diff, is: &Kinds<'_>) -> Markup {
    let shown: Vec<&str> = diff.new.iter().chain(&diff.changed).filter_map(|change| Some(is.find(change)?.1)).collect();
    let row = |change: &RunChange| {
        html! {
            tr.failed {
                th scope="row" { (change.id) (command(&change.reproduce)) }
                td data-name="before" { (badge(change.old)) }
                td data-name="now" { (badge(change.new)) }
                td {
                    ul.plain {
                        @for (bucket, name) in is.of_run(&change.id) {
                            li { @if shown.contains(&name) { a href={ "#" (name) } { (bucket.what) } } @else { (bucket.what) } }
                        }
                    }
                }
            }
        }
    };
    html! {
        div.scroll.runs-table tabindex="0" role="region" aria-labelledby="newly-failed-title" {
            table {
                thead { tr { @for title in ["Run", "Before", "Now", "What it shows"] { th scope="col" { (title) } } } }
                tbody { @for change in diff.newly_failed.iter().take(MOST) { (row(change)) } }
            }
        }
        (more(diff.newly_failed.len()))
    }
}

fn newly_passed(diff: &Diff) -> Markup {
    html! {
        div.scroll.runs-table tabindex="0" role="region" aria-labelledby="newly-passed-title" {
            table {
                thead { tr { @for title in ["Run", "Before", "Now"] { th scope="col" { (title) } } } }
                tbody {
                    @for change in diff.newly_passed.iter().take(MOST) {
                        tr {
                            th scope="row" { (change.id) }
                            td data-name="before" { (badge(change.old)) }
                            td data-name="now" { (badge(change.new)) }
                        }
                    }
                }
            }
        }
        (more(diff.newly_passed.len()))
    }
}

/// Names of runs.
fn ids(all: &[String]) -> Markup {
    html! {
        ul.others { @for id in all.iter().take(MOST) { li { (id) } } }
        (more(all.len()))
    }
}

fn more(number: usize) -> Markup {
    html! { @if number > MOST { p.quiet { "And " (grouped((number - MOST) as u64)) " more: the JSON has all." } } }
}

/// How the results are had again.
fn commands(old: Named<'_>, new: Named<'_>) -> Markup {
    html! {
        section id="commands" aria-labelledby="commands-title" {
            h2 id="commands-title" { "Commands" }
            h3 { "What was compared" }
            (command(&format!("lockstep diff {} {}", old.file, new.file)))
            @for (title, named) in [("Before", old), ("Now", new)] {
                @if !named.report.origin.command.is_empty() {
                    h3 { (title) ": all of it again" }
                    (command(&named.report.origin.command))
                }
            }
            h3 { "What fails now, again, with traces and waves" }
            (command(&format!("lockstep run --rerun-failed {}", new.file)))
        }
    }
}

#[cfg(test)]
#[path = "compared_tests.rs"]
mod tests;
