// SPDX-License-Identifier: Apache-2.0
//! The other verdict: when is software to blame? From the same page, rules 1, 2, 4 and 5 of its second half.

use crate::evaluator::explained;
use crate::faults::Fault;
use crate::faults::Faults;
use crate::moment::{Moment, Pin, Retired, Without};
use crate::record::{Gap, InHand, Operation, Record};
use crate::trace::{Answer, Event, Hazard, Promise};
use crate::walk::Walk;
use crate::world::World;

/// What software is to blame for in a trace with one request that the device has answered as it may.
pub fn hazard(world: &World, trace: &[Event], faults: Faults) -> Option<Hazard> {
    let (at, answer) = trace.iter().enumerate().find_map(|(at, event)| match event {
        Event::Answer(answer) => Some((at, *answer)),
        _ => None,
    })?;
    let asked = Record::new(world, &trace[..at], faults);
    let hand = asked.in_hand?;
    let is_stale = || {
        let without = Without { retired: retired(&asked, hand.accepted, faults), ..Without::default() };
        !explained(&asked, faults, &without).contains(&answer)
    };
    if !faults.has(Fault::StaleIsFine) && is_stale() {
        return Some(Hazard::Stale);
    }
    let whole = Record::new(world, trace, faults);
    let torn = torn(&asked, &whole, &hand, answer, faults);
    torn.or_else(|| freed(&asked, answer)).or_else(|| untold(&asked, &whole, &hand, answer, faults))
}

/// Rule 4: a request shows where memory had been given up.
fn freed(asked: &Record<'_>, answer: Answer) -> Option<Hazard> {
    let is_freed = |page: &u64| answer == Answer::Page(*page);
    asked.freed.iter().any(is_freed).then_some(Hazard::Freed)
}

/// Rule 5: a change was used stale, and no invalidation followed until the end.
fn untold(asked: &Record<'_>, whole: &Record<'_>, hand: &InHand, answer: Answer, faults: Faults) -> Option<Hazard> {
    let without = Without { untold: Some((whole, hand.offered)), ..Without::default() };
    let is_over = whole.is_over && !explained(asked, faults, &without).contains(&answer);
    is_over.then_some(Hazard::Untold)
}

/// Rule 2: the words of the operations that had returned before the request was accepted.
fn retired(record: &Record<'_>, accepted: Gap, faults: Faults) -> Vec<Retired> {
    let ended = record.operations.iter().filter_map(|operation| {
        let counts = |ends: &Gap| *ends < accepted || faults.has(Fault::RetiredWhileInHand);
        Some((operation, operation.ends.filter(counts)?))
    });
    let words = ended.flat_map(|(operation, returned)| operation.words.iter().map(move |&word| (word, returned)));
    words.map(|(word, returned)| Retired { word, returned }).collect()
}

/// Rule 1: no moment of rest around the operations beside the request explains its answer. One that is not hitless may
/// refuse while it runs, and nothing else.
fn torn(asked: &Record<'_>, record: &Record<'_>, hand: &InHand, answer: Answer, faults: Faults) -> Option<Hazard> {
    let beside =
        |operation: &&Operation| operation.begins < asked.end && operation.ends.is_none_or(|ends| ends > hand.offered);
    let beside: Vec<&Operation> = record.operations.iter().filter(beside).collect();
    let first = beside.first()?;
    if beside.iter().any(|operation| operation.ends.is_none()) {
        return None;
    }
    let hitless = beside.iter().all(|operation| operation.promise == Promise::Hitless);
    let before = (!faults.has(Fault::OnlyNewState)).then_some(first.begins);
    let after = beside.iter().filter_map(|operation| operation.ends).filter(|_| !faults.has(Fault::OnlyOldState));
    let rests: Vec<Gap> = before.into_iter().chain(after).collect();
    let served = |rest: &Gap| {
        at_rest(record, hand, *rest, faults) == answer
            || !faults.has(Fault::OnlyAtRest)
                && by_one_moment(asked, record, hand, &beside, &rests, *rest, faults).contains(&answer)
    };
    let refused = answer == Answer::Refused && !hitless;
    let why = if hitless { Hazard::NotHitless } else { Hazard::Mixed };
    (!rests.iter().any(served) && !refused).then_some(why)
}

/// Rule 1, its second half: the answers with every word that the operations stored to as it was at one moment of rest.
fn by_one_moment(
    asked: &Record<'_>,
    record: &Record<'_>,
    hand: &InHand,
    beside: &[&Operation],
    rests: &[Gap],
    rest: Gap,
    faults: Faults,
) -> Vec<Answer> {
    let first = rests.iter().copied().min().unwrap_or_default();
    let pin = |&word: &usize| Pin {
        word,
        value: record.at(word, rest),
        at_rest: rests.iter().map(|gap| record.at(word, *gap)).collect(),
        began: first,
    };
    // What something else stored to meanwhile may be anything.
    let is_theirs = |word: &&usize| !record.loose.iter().any(|(at, of)| of == *word && *at >= first && *at < asked.end);
    let pinned = beside.iter().flat_map(|operation| &operation.words).filter(is_theirs).map(pin).collect();
    explained(asked, faults, &Without { retired: retired(asked, hand.accepted, faults), pinned, ..Without::default() })
}

/// The answer that memory and registers at rest give.
fn at_rest(record: &Record<'_>, hand: &InHand, rest: Gap, faults: Faults) -> Answer {
    let looked = if faults.has(Fault::RegistersAreNow) { record.end } else { rest };
    if record.off.is_some_and(|off| off <= looked) {
        return Answer::Refused;
    }
    let (since, end, in_force, without) = (rest, rest, Vec::new(), &Without::default());
    let moment = Moment { record, since, end, in_force, ahead: false, kept: &[], faults, without, rest: Some(rest) };
    Walk::go(&moment, hand.request).0[0]
}
