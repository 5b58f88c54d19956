//! A difference for people: the trace, what each judge says, and the rule of the page on which it hangs.

use std::fmt::Write;

use crate::enumerate::Difference;
use crate::evaluator::permitted;
use crate::faults::{Fault, Faults};
use crate::trace::{Answer, Event};
use crate::world::World;

/// The trace of a difference, an event a line.
pub fn render(world: &World, difference: &Difference) -> String {
    let mut text = String::new();
    for event in &difference.trace {
        let _ = writeln!(text, "  {}", line(world, event));
    }
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
    }
}

/// The rules on which a difference to the page hangs: those with which, switched off or widened, the page would say what
/// the other one says. The first judge is the page.
pub fn rules(world: &World, difference: &Difference) -> Vec<Fault> {
    let wrong = |fault: &Fault| {
        let answers = permitted(world, &difference.trace, Faults(Some(*fault)));
        answers.contains(&difference.answer) != difference.first_accepts
    };
    Fault::ALL.iter().map(|(fault, _)| *fault).filter(wrong).collect()
}
