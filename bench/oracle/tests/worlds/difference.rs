// SPDX-License-Identifier: Apache-2.0
//! A difference for people: the trace, what each judge says, and the rule of the page on which it hangs.

use std::fmt::Write;

use crate::enumerate::{Blame, Difference};
use crate::evaluator::permitted;
use crate::faults::{Fault, Faults};
use crate::trace::{Answer, Event};
use crate::world::World;

/// A trace, an event a line.
pub fn lines(world: &World, trace: &[Event]) -> String {
    trace.iter().map(|event| format!("  {}\n", line(world, event))).collect()
}

/// A trace after which two judges blame software for different things.
pub fn render_blame(world: &World, blame: &Blame) -> String {
    let Blame { trace, first, second } = blame;
    format!("{}  blamed for {first:?} by the first judge, for {second:?} by the second\n", lines(world, trace))
}

/// The trace of a difference, an event a line.
pub fn render(world: &World, difference: &Difference) -> String {
    let mut text = lines(world, &difference.trace);
    let says = |yes| if yes { "accepted" } else { "refused" };
    let (first, second) = (says(difference.first_accepts), says(!difference.first_accepts));
    let _ = writeln!(text, "  answer {}: {first} by the first judge, {second} by the second", difference.answer);
    text
}

fn line(world: &World, event: &Event) -> String {
    let request = |number: usize| {
        let request = world.requests[number];
        let what = if request.write { "write" } else { "read" };
        let process = request.process.map(|process| format!(" process {process}")).unwrap_or_default();
        format!("device {}{process} {what} of page {:#x}", request.device, request.page)
    };
    match *event {
        Event::Read(word) => format!("the device reads {}", world.words[word].name),
        Event::Store(word, value) => {
            let word = &world.words[word];
            let name = word.values.iter().find(|(_, of)| *of == value).map_or("?", |(name, _)| *name);
            format!("software stores {} := {name}", word.name)
        }
        Event::Fetch(cmd) => format!("the device fetches {}", world.commands[cmd]),
        Event::Fence(kind) => {
            let kind = world.fences[kind];
            let (pr, pw) = (if kind.pr { " PR" } else { "" }, if kind.pw { " PW" } else { "" });
            let end = if world.prompt { ", which completes" } else { "" };
            format!("the device fetches a fence{pr}{pw}{end}")
        }
        Event::Done => "software sees that the fences have completed".to_owned(),
        Event::Stop => "the device fetches an illegal command; software clears the error".to_owned(),
        Event::Offer(number) => format!("offered: {}", request(number)),
        Event::Accept(number) => format!("accepted: {}", request(number)),
        Event::Answer(Answer::Page(page)) => format!("answered with {page:#x}"),
        Event::Answer(Answer::Refused) => "refused".to_owned(),
        Event::Begin(promise) => format!("software begins an operation: {promise:?}"),
        Event::End => "it returns".to_owned(),
        Event::Free(page) => format!("software frees page {:#x}", world.frees[page] >> 12),
        Event::Take(page) => format!("software takes page {:#x} again", world.frees[page] >> 12),
        Event::Off => "software switches the directory off".to_owned(),
        Event::Rest => "the scenario ends".to_owned(),
    }
}

/// Whether a difference to the page hangs on a rule: with it switched off or widened, the page would say what the other
/// one says. The first judge is the page.
fn hangs_on(world: &World, difference: &Difference, fault: Fault) -> bool {
    let answers = permitted(world, &difference.trace, Faults(Some(fault)));
    answers.contains(&difference.answer) != difference.first_accepts
}

/// As many of the shortest differences are asked which rule they hang on.
const ASKED: usize = 20;

/// Differences by rule: as few rules as will do. None: no single rule makes the difference.
pub fn by_rule<'a>(
    world: &World,
    differences: impl IntoIterator<Item = &'a Difference>,
) -> Vec<(Option<Fault>, Vec<&'a Difference>)> {
    let mut rest: Vec<&Difference> = differences.into_iter().collect();
    let mut sorted: Vec<(Option<Fault>, Vec<&Difference>)> = Vec::new();
    while let Some(shortest) = rest.first() {
        let rules = Fault::ALL.iter().map(|(fault, ..)| *fault).filter(|fault| hangs_on(world, shortest, *fault));
        let often =
            |fault: &Fault| rest.iter().take(ASKED).filter(|difference| hangs_on(world, difference, *fault)).count();
        // Of rules that do as well as each other, the first one in the list.
        let best =
            rules.map(|fault| (often(&fault), fault)).rev().max_by_key(|(count, _)| *count).map(|(_, fault)| fault);
        let is_same = |difference: &&Difference| match best {
            Some(best) => hangs_on(world, difference, best),
            None => difference.trace == shortest.trace,
        };
        let (these, others): (Vec<_>, Vec<_>) = rest.iter().partition(|difference| is_same(difference));
        match sorted.iter_mut().find(|(rule, _)| *rule == best) {
            Some((_, known)) => known.extend(these),
            None => sorted.push((best, these)),
        }
        rest = others;
    }
    sorted
}
