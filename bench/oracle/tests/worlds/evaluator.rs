// SPDX-License-Identifier: Apache-2.0
//! What is permitted, by brute force: the page "What is permitted" in code.
//!
//! Written from that page alone. It knows nothing of the oracle and nothing of the golden model, and it is slow: it tries
//! every time at which each command may have taken effect, and for each of them every walk that the device may have made
//! at every moment, for everybody.

use crate::covers::covers;
use crate::faults::{Fault, Faults};
use crate::moment::{Kept, Moment, Time, Without};
use crate::record::{Command, Gap, Record};
use crate::trace::{Answer, Cmd, Event, Request};
use crate::walk::Walk;
use crate::world::World;

/// The answers that are permitted for the request in hand at the end of a trace, sorted.
pub fn permitted(world: &World, trace: &[Event], faults: Faults) -> Vec<Answer> {
    explained(&Record::new(world, trace, faults), faults, &Without::default())
}

/// The answers to the request in hand that are explained without some values, sorted.
pub fn explained(record: &Record<'_>, faults: Faults, without: &Without<'_>) -> Vec<Answer> {
    let Some(hand) = record.in_hand else { return Vec::new() };
    let since = if faults.has(Fault::InvalidFromAcceptance) { hand.accepted } else { hand.offered };
    let mut answers = Vec::new();
    for effects in effects(record, faults) {
        let kept = match without.untold {
            Some((whole, offered)) => keep_told(record, &effects, faults, whole, offered),
            None => keep(record, &effects, faults, without),
        };
        let in_force = |shown: bool| -> Vec<(Cmd, Time, Time)> {
            let commands = record.commands.iter().zip(&effects);
            commands
                .filter(|(command, _)| is_in_force(command, hand.accepted, hand.request.write, shown, faults))
                .filter_map(|(command, effect)| Some((command.cmd, (*effect)?, 2 * command.fetched)))
                .collect()
        };
        let go = |in_force: Vec<(Cmd, Time, Time)>| {
            let (end, kept) = (record.end, &kept[..]);
            let moment = Moment { record, since, end, in_force, ahead: false, kept, faults, without, rest: None };
            Walk::go(&moment, hand.request).0
        };
        // A fence with PR or PW counts for what shows on `mem_*`, so not for a refusal.
        let (shown, refused) = (in_force(true), in_force(false));
        if shown == refused {
            answers.extend(go(shown));
        } else {
            answers.extend(go(shown).into_iter().filter(|answer| *answer != Answer::Refused));
            answers.extend(go(refused).into_iter().filter(|answer| *answer == Answer::Refused));
        }
    }
    answers.sort_unstable();
    answers.dedup();
    answers
}

/// Rule 1: the fence behind a command had completed before the request was accepted; or, if it orders what is asked for,
/// before memory was asked.
fn is_in_force(command: &Command, accepted: Gap, write: bool, shown: bool, faults: Faults) -> bool {
    if faults.has(Fault::NoFenceNeeded) {
        return command.fetched <= accepted;
    }
    command.fences.iter().any(|(done, kind)| {
        let orders = if write {
            kind.pw || faults.has(Fault::PrForWrites) && kind.pr
        } else {
            kind.pr || faults.has(Fault::PwForReads) && kind.pw
        };
        *done < accepted
            || orders && !faults.has(Fault::PrPwIgnored) && (shown || faults.has(Fault::PrForRefusals))
            || faults.has(Fault::FenceWhileInHand)
    })
}

/// Rule 6: each way in which the commands may have taken effect, each at any time from its fetch until a fence behind it
/// completed. One that no fence has completed may not have taken effect at all, and that is the way that permits most.
fn effects(record: &Record<'_>, faults: Faults) -> Vec<Vec<Option<Time>>> {
    let mut ways: Vec<Vec<Option<Time>>> = vec![vec![]];
    for command in &record.commands {
        let done = command.fences.iter().map(|(done, _)| *done).min();
        let first = 2 * command.fetched;
        let times: Vec<Option<Time>> = match (done, faults.0) {
            (None, Some(Fault::NoFenceNeeded)) | (Some(_), Some(Fault::NoFenceNeeded | Fault::AtFetch)) => {
                vec![Some(first)]
            }
            (None, _) => vec![None],
            (Some(done), Some(Fault::CutoffAtCompletion)) => vec![Some(2 * done + 2)],
            (Some(done), _) => (first..=2 * done + 2).step_by(2).map(Some).collect(),
        };
        let in_order = |way: &[Option<Time>], time: Option<Time>| {
            !faults.has(Fault::InOrder) || way.iter().flatten().max() <= time.as_ref().or(way.iter().flatten().max())
        };
        ways = ways
            .iter()
            .flat_map(|way| {
                let times = times.iter().filter(|time| in_order(way, **time));
                times.map(|time| [&way[..], &[*time]].concat()).collect::<Vec<_>>()
            })
            .collect();
    }
    ways
}

/// Everything that a device may have kept, of the walks that it may have made at any moment, for anybody in this world.
fn keep(record: &Record<'_>, effects: &[Option<Time>], faults: Faults, without: &Without<'_>) -> Vec<(Kept, Time)> {
    let mut kept: Vec<(Kept, Time)> = Vec::new();
    let asked = |request: &Request| record.askers.contains(&(request.device, request.process));
    let counts = |request: &Request| !faults.has(Fault::OnlyForAskers) || asked(request);
    let mut requests: Vec<Request> = record.world.requests.iter().map(|r| Request { write: false, ..*r }).collect();
    requests.retain(counts);
    requests.sort_unstable();
    requests.dedup();
    for &gap in &record.moments {
        let now = 2 * gap + 1;
        let in_force: Vec<(Cmd, Time, Time)> = record
            .commands
            .iter()
            .zip(effects)
            .filter_map(|(command, effect)| {
                effect.filter(|time| *time < now).map(|time| (command.cmd, time, 2 * command.fetched))
            })
            .collect();
        // What one walk has found, another may use in the same moment.
        loop {
            let (since, end, in_force, kept_so_far) = (gap, gap, in_force.clone(), &kept[..]);
            let moment =
                Moment { record, since, end, in_force, ahead: true, kept: kept_so_far, faults, without, rest: None };
            let found: Vec<Kept> = requests.iter().flat_map(|request| Walk::go(&moment, *request).1).collect();
            let mut news = false;
            for new in found {
                match kept.iter_mut().find(|(old, _)| *old == new) {
                    Some((_, made)) => *made = now,
                    None => {
                        kept.push((new, now));
                        news = true;
                    }
                }
            }
            if !news {
                break;
            }
        }
    }
    kept
}

/// Words, by their numbers, and a value of each.
type Values = Vec<(usize, u64)>;

/// Software's rule 5: of what a device may have kept, that which depends on no change of before a request was offered, or
/// which some command could have taken away after that change.
fn keep_told(
    record: &Record<'_>,
    effects: &[Option<Time>],
    faults: Faults,
    whole: &Record<'_>,
    offered: Gap,
) -> Vec<(Kept, Time)> {
    let words = 0..record.world.words.len();
    let values = words.flat_map(|word| record.values(word, record.end).into_iter().map(move |value| (word, value)));
    let changes: Vec<(usize, u64, Gap)> = values
        .filter_map(|(word, value)| Some((word, value, whole.overwritten(word, value)?)))
        .filter(|(.., changed)| *changed < offered)
        .collect();
    let all = keep(record, effects, faults, &Without::default());
    // What is kept where no walk goes by some values of words.
    let mut runs: Vec<(Values, Vec<(Kept, Time)>)> = vec![(vec![], all.clone())];
    let mut told = Vec::new();
    for (kept, _) in all {
        let tells = |cmd: Cmd| kept.uses().iter().any(|used| covers(cmd, used, faults));
        let is_told =
            |changed: Gap| whole.commands.iter().any(|command| command.fetched > changed && tells(command.cmd));
        let untold: Values =
            changes.iter().filter(|(.., changed)| !is_told(*changed)).map(|(word, value, _)| (*word, *value)).collect();
        if !runs.iter().any(|(ahead, _)| *ahead == untold) {
            let without = Without { ahead: untold.clone(), ..Without::default() };
            runs.push((untold.clone(), keep(record, effects, faults, &without)));
        }
        let run = runs.iter().find(|(ahead, _)| *ahead == untold).into_iter().flat_map(|(_, run)| run);
        told.extend(run.filter(|(other, _)| *other == kept).cloned());
    }
    told
}
