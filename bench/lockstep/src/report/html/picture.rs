// SPDX-License-Identifier: Apache-2.0
//! The walk as a picture: the tables that memory has now, and beside them what the device used. And what happened when.

use maud::{Markup, html};
use oracle::{Asked, Entry, Moment, MomentKind, Picture};

use super::super::table::grouped;

/// What a table or a context is called in the names of its words: `dc` of `dc.tc`.
fn structure(entry: &Entry) -> &str {
    entry.word.split_once('.').map_or(entry.word.as_str(), |(structure, _)| structure)
}

/// The walk over memory, and the one that gives the answer which came.
pub(super) fn walk(picture: &Picture) -> Markup {
    html! {
        div.walk {
            (lane("Memory as it is now", &picture.memory, &[], "comes to", &picture.right))
            @if !picture.used.is_empty() {
                (lane("What the device used", &picture.used, &picture.memory, "answered", &picture.came))
            }
        }
    }
}

/// A walk from top to bottom: each structure is a box, from which an arrow leads to the next. `other` is the walk beside it.
fn lane(title: &str, entries: &[Entry], other: &[Entry], end: &str, result: &str) -> Markup {
    let differs = |entry: &Entry| other.iter().any(|one| one.address == entry.address && one.value != entry.value);
    // Two words of one context stand in one box, two entries of a table do not.
    let boxes = entries.chunk_by(|a, b| a.word.contains('.') && structure(a) == structure(b));
    html! {
        div.lane {
            h5 { (title) }
            ol {
                @for words in boxes {
                    li {
                        @for entry in words { (word(entry, differs(entry))) }
                        @for then in words.iter().map(|entry| &entry.then).filter(|then| !then.is_empty()) {
                            p.then { (then) }
                        }
                    }
                }
                li.result { p { b { (end) } " " (result) } }
            }
        }
    }
}

fn word(entry: &Entry, differs: bool) -> Markup {
    let class = if !entry.struck.is_empty() {
        "word struck"
    } else if differs {
        "word differs"
    } else {
        "word"
    };
    html! {
        div class=(class) {
            p {
                b { (entry.word) }
                @if !entry.address.is_empty() { " @ " (entry.address) }
                " = " (entry.value)
            }
            @if !entry.fields.is_empty() { p.quiet { (entry.fields) } }
            @if !entry.struck.is_empty() { p { b { "not usable: " } (entry.struck) } }
            @else if differs { p { b { "other than now" } } }
            @for seen in &entry.seen {
                p class=(if seen.usable { "seen" } else { "seen not" }) { (seen.what) }
            }
        }
    }
}

/// What kind of thing a moment is: in words, and as the lane of the strip that it has.
fn kind(moment: &Moment) -> (&'static str, usize) {
    match moment.kind {
        MomentKind::Begin | MomentKind::End => ("operation", 0),
        MomentKind::Store => ("store", 1),
        MomentKind::Command => ("command", 2),
        MomentKind::Fence => ("fence", 2),
        MomentKind::Note => ("note", 0),
    }
}

const LANES: [&str; 4] = ["operations", "stores", "commands", "request"];

/// Units of the strip.
const LEFT: u64 = 90;
const WIDTH: u64 = 690;
const LANE: usize = 22;

/// What happened when: drawn to scale.
pub(super) fn strip(picture: &Picture) -> Markup {
    let asked = picture.request.iter().flat_map(|asked| [asked.offered, asked.answered]);
    let cycles: Vec<u64> = picture.moments.iter().map(|moment| moment.cycle).chain(asked).collect();
    let (Some(&first), Some(&last)) = (cycles.iter().min(), cycles.iter().max()) else { return html! {} };
    let x = |cycle: u64| LEFT + cycle.saturating_sub(first).saturating_mul(WIDTH) / (last - first).max(1);
    let y = |lane: usize| lane * LANE + LANE / 2;
    let bars = operations(&picture.moments, first, last);
    let height = (LANES.len() + 1) * LANE;
    let said = format!("Time line from cycle {first} to {last}; the list below says the same");
    html! {
        svg.strip viewBox={ "0 0 800 " (height) } role="img" aria-label=(said) {
            @for (lane, name) in LANES.iter().enumerate() {
                text x="0" y=(y(lane) + 4) { (name) }
                line.rail x1=(LEFT) x2=(LEFT + WIDTH) y1=(y(lane)) y2=(y(lane)) {}
            }
            @for (from, to, name) in &bars {
                rect.operation x=(x(*from)) y=(y(0) - 6) width=((x(*to) - x(*from)).max(2)) height="12" {
                    title { (name) ", cycle " (from) " to " (to) }
                }
            }
            @for moment in picture.moments.iter().filter(|moment| kind(moment).1 > 0) {
                @let (name, lane) = kind(moment);
                rect class=(name) x=(x(moment.cycle).saturating_sub(1)) y=(y(lane) - 7) width="3" height="14" {
                    title { "cycle " (moment.cycle) ": " (moment.what) }
                }
            }
            @if let Some(Asked { what, offered, answered, .. }) = &picture.request {
                rect.request x=(x(*offered)) y=(y(3) - 6) width=((x(*answered) - x(*offered)).max(4)) height="12" {
                    title { (what) ", cycle " (offered) " to " (answered) }
                }
            }
            text x=(LEFT) y=(height - 6) { (grouped(first)) }
            text.last x=(LEFT + WIDTH) y=(height - 6) { (grouped(last)) }
        }
    }
}

/// When operations began and ended. One whose beginning is out of sight is not shown, one that is open goes on to the end.
fn operations(moments: &[Moment], first: u64, last: u64) -> Vec<(u64, u64, String)> {
    let mut open: Vec<(u64, String)> = Vec::new();
    let mut bars = Vec::new();
    for moment in moments {
        match moment.kind {
            MomentKind::Begin => {
                open.push((moment.cycle, moment.what.strip_prefix("begin ").unwrap_or(&moment.what).to_owned()));
            }
            MomentKind::End => {
                let name = moment.what.strip_prefix("end ").unwrap_or(&moment.what).to_owned();
                let (from, name) = open.pop().unwrap_or((first, name));
                bars.push((from, moment.cycle, name));
            }
            _ => {}
        }
    }
    bars.extend(open.into_iter().map(|(from, name)| (from, last, name)));
    bars
}

/// What happened when: line by line, with the request among it.
pub(super) fn time_line(picture: &Picture) -> Markup {
    let mut lines: Vec<(u64, &str, &str)> =
        picture.moments.iter().map(|moment| (moment.cycle, kind(moment).0, moment.what.as_str())).collect();
    if let Some(Asked { what, offered, accepted, answered }) = &picture.request {
        lines.push((*offered, "request", what));
        if accepted != offered && accepted != answered {
            lines.push((*accepted, "request", "accepted"));
        }
        lines.push((*answered, "request", &picture.came));
    }
    // What is of one cycle keeps its order.
    lines.sort_by_key(|(cycle, ..)| *cycle);
    html! {
        ol.time-line {
            @for (cycle, kind, what) in lines {
                li class=(kind) { span.cycle { (grouped(cycle)) } " " b { (kind) } " " span { (what) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(cycle: u64, kind: MomentKind, what: &str) -> Moment {
        Moment { cycle, kind, what: what.to_owned(), stored: None, fetched: None }
    }

    #[test]
    fn operations_lie_in_each_other_and_may_be_cut_at_both_ends() {
        let moments = [
            moment(4, MomentKind::End, "end probe"),
            moment(10, MomentKind::Begin, "begin detach"),
            moment(12, MomentKind::Begin, "begin sync"),
            moment(20, MomentKind::End, "end sync, failed"),
        ];
        let bars = operations(&moments, 2, 30);
        let names: Vec<(u64, u64, &str)> = bars.iter().map(|(from, to, name)| (*from, *to, name.as_str())).collect();
        assert_eq!(names, [(2, 4, "probe"), (12, 20, "sync"), (10, 30, "detach")]);
    }

    #[test]
    fn words_of_one_context_stand_in_one_box() {
        let entry = |word: &str| Entry { word: word.to_owned(), ..Entry::default() };
        let entries = ["ddte[0]", "dc.tc", "dc.fsc", "pte[2]", "pte[1]"].map(entry);
        let markup = lane("memory", &entries, &[], "comes to", "0x0").into_string();
        assert_eq!(markup.matches("<li>").count(), 4, "{markup}");
    }

    #[test]
    fn one_moment_is_drawn_and_none_is_not() {
        let picture = Picture { moments: vec![moment(7, MomentKind::Store, "<store>")], ..Picture::default() };
        let svg = strip(&picture).into_string();
        assert!(svg.contains("cycle 7: &lt;store&gt;"), "{svg}");
        assert_eq!(strip(&Picture::default()).into_string(), "");
    }
}
