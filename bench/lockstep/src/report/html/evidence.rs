// SPDX-License-Identifier: Apache-2.0
//! What was found in a run, with its evidence.

use maud::{Markup, html};
use oracle::{Blame, Finding, Picture};

use super::picture;

/// So many bytes of evidence are in a page. Thousands of runs may fail; who wants to see one that has no room here is told
/// the command.
const ROOM: usize = 1_500_000;

/// Evidence of runs that the page shows only on demand.
#[derive(Debug)]
pub(super) struct Shelf {
    left: usize,
    kept: Vec<Markup>,
}

impl Shelf {
    pub(super) fn new() -> Shelf {
        Shelf { left: ROOM, kept: Vec::new() }
    }

    /// What stands in the page itself, if there is room.
    pub(super) fn shown(&mut self, finding: &Finding) -> Option<Markup> {
        let markup = self::finding(finding);
        self.left = self.left.checked_sub(markup.0.len())?;
        Some(markup)
    }

    /// Keeps what was found for a script to show, if there is room; returns its number.
    pub(super) fn keep(&mut self, finding: &Finding) -> Option<usize> {
        let markup = self.shown(finding)?;
        self.kept.push(markup);
        Some(self.kept.len() - 1)
    }

    /// All that was kept, where no browser shows it by itself.
    pub(super) fn render(&self) -> Markup {
        html! {
            @for (number, markup) in self.kept.iter().enumerate() {
                template id={ "finding-" (number) } { (markup) }
            }
        }
    }
}

/// What was found: right, wrong, and the evidence.
fn finding(finding: &Finding) -> Markup {
    let who = match finding.blame {
        Blame::DutViolation => "DUT violation",
        Blame::SoftwareHazard => "Software hazard",
    };
    html! {
        div.finding {
            p { b { (who) } " in cycle " (super::super::table::grouped(finding.cycle)) ": " (finding.kind()) }
            p.quiet { (finding.section) }
            dl.either {
                dt { "right" } dd { (finding.right) }
                dt { "wrong" } dd { (finding.wrong) }
            }
            (evidence(finding))
        }
    }
}

/// The picture, if there is one, and the text.
fn evidence(finding: &Finding) -> Markup {
    let text = &finding.evidence;
    let Some(picture) = finding.picture.as_deref().filter(|picture| **picture != Picture::default()) else {
        return self::text(text);
    };
    if picture.memory.is_empty() {
        // What the text says of registers and queues is in no picture.
        return html! { (picture::strip(picture)) (self::text(text)) };
    }
    // What explains most comes first, and the picture has the rest.
    let lead = text.lines().take_while(|line| !line.starts_with("request: "));
    html! {
        ul.leads { @for line in lead { li { (self::line(line)) } } }
        h4 { "The walk" }
        @if let Some(asked) = &picture.request { p { (asked.what) } }
        (picture::walk(picture))
        h4 { "What happened" }
        (picture::strip(picture))
        details {
            summary { "Line by line" }
            (picture::time_line(picture))
        }
        details {
            summary { "All evidence as text" }
            (self::text(text))
        }
    }
}

fn text(text: &str) -> Markup {
    html! {
        @if !text.is_empty() {
            pre.evidence tabindex="0" role="region" aria-label="Evidence" {
                @for line in text.lines() { (self::line(line)) "\n" }
            }
        }
    }
}

/// A line of evidence. What has been struck is seen from afar.
fn line(line: &str) -> Markup {
    let class = match line {
        _ if line.contains("struck: ") || line.contains("struck by ") => Some("struck"),
        _ if line.starts_with(' ') => None,
        _ => Some("lead"),
    };
    html! {
        @match class {
            Some(class) => span class=(class) { (line) },
            None => (line),
        }
    }
}
