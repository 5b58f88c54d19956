// SPDX-License-Identifier: Apache-2.0
//! Failures by kind, those of most runs first, each with its smallest example.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::kinds::Bucket;
use super::super::since::{KindSince, Since};
use super::evidence::Shelf;
use super::words::{badge, command, count, link, link_to, slug};
use crate::runner::RunReport;

/// So many other runs of a kind are named.
const OTHERS: usize = 12;

/// By what each kind is found in the address of a page: the same in each report that has the kind.
pub(super) fn names(buckets: &[Bucket<'_>]) -> Vec<String> {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let name = |bucket: &Bucket<'_>| {
        let slug = format!("kind-{}", slug(&format!("{} {}", bucket.verdict.name(), bucket.what)));
        let before = taken.entry(slug.clone()).or_default();
        *before += 1;
        if *before == 1 { slug } else { format!("{slug}-{before}") }
    };
    buckets.iter().map(name).collect()
}

/// All kinds.
pub(super) fn section(buckets: &[Bucket<'_>], names: &[String], since: Option<&Since>, shelf: &mut Shelf) -> Markup {
    let is_new = |bucket: &Bucket<'_>| {
        let is_it = |one: &KindSince| one.what == bucket.what && one.verdict == bucket.verdict;
        since.is_some_and(|since| since.new.iter().any(is_it))
    };
    let all: Vec<Markup> = buckets
        .iter()
        .zip(names)
        .enumerate()
        .map(|(at, (bucket, name))| kind(bucket, name, at == 0, is_new(bucket), shelf))
        .collect();
    html! {
        section id="failures" aria-labelledby="failures-title" {
            h2 id="failures-title" { "Failures by kind" }
            @if all.is_empty() {
                p { "No run failed." }
            } @else {
                p {
                    "What divergences of one cause have in common makes a kind; that of most runs comes first. Each is shown by \
                     the run that came to it soonest."
                }
                @for one in &all { (one) }
            }
            @if let Some(since) = since { (changes(since)) }
        }
    }
}

/// What is new since other results, and what is gone.
fn changes(since: &Since) -> Markup {
    let runs = |title: &str, names: &[String]| {
        html! {
            @if !names.is_empty() {
                h4 { (title) " (" (names.len()) ")" }
                ul.others {
                    @for name in names.iter().take(OTHERS) { li { a href=(link("run", name)) { (name) } } }
                    @if names.len() > OTHERS { li { "and " (names.len() - OTHERS) " more" } }
                }
            }
        }
    };
    html! {
        h3 id="since" { "Since " (since.results) }
        p { (count(since.compared, "run")) " are in both. " (count(since.new.len(), "kind")) " of failure new, " (since.gone.len()) " gone." }
        @if !since.gone.is_empty() {
            h4 { "Gone" }
            ul { @for one in &since.gone { li { (badge(one.verdict)) " " (one.what) ", in " (count(one.runs, "run")) } } }
        }
        (runs("Passed and fail now", &since.newly_failed))
        (runs("Failed and pass now", &since.newly_passed))
    }
}

fn kind(bucket: &Bucket<'_>, name: &str, open: bool, is_new: bool, shelf: &mut Shelf) -> Markup {
    let run = bucket.smallest;
    let others: Vec<&&RunReport> = bucket.runs.iter().filter(|other| other.id != run.id).collect();
    let evidence = bucket.finding.map(|finding| shelf.shown(finding));
    html! {
        details.kind id=(name) open[open] {
            summary {
                h3 { (bucket.what) }
                span.facts {
                    @if is_new { span.badge.bad { "new" } " " }
                    (badge(bucket.verdict)) " "
                    (count(bucket.runs.len(), "run")) " of " (count(bucket.scenarios(), "scenario"))
                }
            }
            p {
                "Smallest example: " a href=(link_to(run)) { (run.id) } ", seed " (format!("{:#010x}", run.seed))
                ", cycle " (super::super::table::grouped(bucket.cycle())) ". "
                a.self href={ "#" (name) } { "Link to this kind" }
            }
            (command(&run.reproduce))
            @for line in reasons(run) { p.reason { (line) } }
            @match evidence {
                Some(Some(evidence)) => (evidence),
                Some(None) => p.quiet { "The evidence has no room in this page: the command above shows it." },
                None => {}
            }
            @if !others.is_empty() {
                h4 { "More of this kind" }
                ul.others {
                    @for other in others.iter().take(OTHERS) { li { a href=(link_to(other)) { (other.id) } } }
                    @if others.len() > OTHERS {
                        li { a href=(link("kind", name)) { "all " (bucket.runs.len()) } }
                    }
                }
            }
        }
    }
}

/// What a run says of itself beside what was found.
pub(super) fn reasons(run: &RunReport) -> Vec<String> {
    let unmet = run.unmet.iter().map(ToString::to_string);
    unmet.chain(super::super::terminal::ended(run)).collect()
}
