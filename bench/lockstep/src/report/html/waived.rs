// SPDX-License-Identifier: Apache-2.0
//! What is known to be wrong with the device, and what became of it.

use maud::{Markup, html};

use super::super::result::Report;
use super::super::table::grouped;
use crate::waivers::{State, WaiverUse};

/// A line for each waiver. Nothing, if there is none.
pub(super) fn section(report: &Report) -> Markup {
    if report.waivers.is_empty() {
        return html! {};
    }
    html! {
        section id="waivers" aria-labelledby="waivers-title" {
            h2 id="waivers-title" { "Waivers" }
            p { "What is known to be wrong with the device. Runs go past it, and each use is counted." }
            div.scroll tabindex="0" role="region" aria-labelledby="waivers-title" {
                table {
                    caption { "Each waiver, and what became of it" }
                    thead {
                        tr {
                            th scope="col" { "What is waived" }
                            th scope="col" { "State" }
                            th.number scope="col" { "Runs" }
                            th.number scope="col" { "Times" }
                            th scope="col" { "Why" }
                            th scope="col" { "Holds for" }
                        }
                    }
                    tbody { @for one in &report.waivers { (row(one)) } }
                }
            }
        }
    }
}

fn row(one: &WaiverUse) -> Markup {
    let waiver = &one.waiver;
    let pattern = &waiver.pattern;
    let (class, state) = match one.state {
        State::Used => ("good", "used"),
        State::Unused => ("hazard", "unused"),
        State::Expired => ("bad", "expired"),
    };
    let parts: Vec<&str> =
        [&pattern.detail, &pattern.structure, &pattern.command].into_iter().flatten().map(String::as_str).collect();
    html! {
        tr {
            th scope="row" { code { (pattern.rule) } @if !parts.is_empty() { br; span.quiet { (parts.join(", ")) } } }
            td { span class={ "badge " (class) } { (state) } }
            td.number { (grouped(one.runs as u64)) }
            td.number { (grouped(one.count)) }
            td {
                (waiver.reason)
                @if let Some(link) = &waiver.link { " " (reference(link)) }
                span.quiet { " (line " (waiver.line) ")" }
            }
            td {
                @if waiver.scenarios.is_empty() && waiver.seeds.is_empty() { "all" }
                @for scenario in &waiver.scenarios { code { (scenario) } " " }
                @for seed in &waiver.seeds { code { (format!("{seed:#010x}")) } " " }
                @if let Some(until) = waiver.until { "until " (until) }
            }
        }
    }
}

/// Where more is said. Only an address of the web becomes a link: any other could do something when it is followed.
fn reference(link: &str) -> Markup {
    html! {
        @if link.starts_with("https://") || link.starts_with("http://") {
            a href=(link) rel="noreferrer" { (link) }
        } @else {
            (link)
        }
    }
}
