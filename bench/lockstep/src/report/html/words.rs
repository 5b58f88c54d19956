// SPDX-License-Identifier: Apache-2.0
//! How the page says a thing: verdicts, commands, counts, names in links.

use maud::{Markup, html};

use crate::runner::{RunReport, Verdict};

/// How a verdict is coloured. The colour is never all that says it.
pub(super) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::SoftwareHazard => "hazard",
        Verdict::DutViolation | Verdict::SoftwareError => "bad",
        Verdict::Hung | Verdict::Crashed => "broken",
        Verdict::TimedOut | Verdict::Killed | Verdict::NotPlayed => "unknown",
    }
}

/// A verdict as a badge.
pub(super) fn badge(verdict: Verdict) -> Markup {
    html! { span class={ "badge " (class(verdict)) } { (verdict.name()) } }
}

/// A command, and a button that copies it. The button needs JavaScript, and is hidden without.
pub(super) fn command(text: &str) -> Markup {
    html! {
        div.command {
            code { (text) }
            button.copy type="button" hidden { "Copy" }
        }
    }
}

/// `1 run`, `1,234 runs`
pub(super) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", super::super::table::grouped(number as u64))
}

/// A text as part of a link: the same in each report that has it.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(80);
    slug.trim_end_matches('-').to_owned()
}

/// The fragment of this page's address that shows a run.
pub(super) fn link_to(run: &RunReport) -> String {
    link("run", &run.id)
}

/// The fragment that shows the runs of which something is so.
pub(super) fn link(key: &str, value: &str) -> String {
    let mut text = format!("#{key}=");
    for byte in value.bytes() {
        match byte {
            b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => text.push(char::from(b)),
            b => text.push_str(&format!("%{b:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_nothing_that_an_address_cannot_hold() {
        assert_eq!(
            slug("translation (another address); first-stage-pte"),
            "translation-another-address-first-stage-pte"
        );
        assert_eq!(slug("\"<>\""), "");
        assert_eq!(link("run", "a.b[x=1]#0 ü"), "#run=a.b%5Bx%3D1%5D%230%20%C3%BC");
    }
}
