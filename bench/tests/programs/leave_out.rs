//! The same programs with one owed step left out. Whether what that left behind was used is decided by the watcher; then
//! software must be blamed, and the text of the hazard must name the step.

use std::collections::BTreeMap;

use bench::model::{CacheConfig, Model, ModelConfig};
use hdl::Dut;

use super::dice::Dice;
use super::generate::{Limits, program};
use super::play::{Played, Twist, play};
use super::program::{Op, Program};
use super::step::{CommandKind, How, Left, Sent};

/// So long does software wait behind the operation that lacks a step: what is stale has time to be used.
const WAIT: u64 = 400;

/// A device that keeps what it may: where something stale can show, it does.
fn model(seed: u64) -> Box<dyn Dut> {
    let base = if seed % 2 == 0 { CacheConfig::large() } else { CacheConfig::combined() };
    let caches = CacheConfig { tagged: seed % 4 < 2, eager_percent: if seed % 3 == 0 { 30 } else { 100 }, ..base };
    let caches = CacheConfig { strict_fence: false, ..caches };
    Box::new(Model::new(ModelConfig { caches, ..ModelConfig::plain(seed) }))
}

/// What came of one program without one step.
#[derive(Debug)]
pub struct Verdict {
    pub seed: u64,
    pub kind: CommandKind,
    pub how: How,
    pub op: String,
    /// The watcher saw something stale being used, or memory that had been given up
    pub stale: Option<String>,
    /// The rule that was broken, and what the hazard says
    pub hazard: Option<(String, String)>,
    /// The step that was left out is named
    pub named: bool,
    /// Somebody else was blamed, or the run ended otherwise
    pub wrong: Option<String>,
}

/// The program of a seed without one step; none if it owes none.
pub fn leave_out(seed: u64) -> Option<Verdict> {
    let (program, left, op) = choose(seed)?;
    Some(judge(&program, left, op))
}

/// A program, and one of the commands that it sends.
pub fn choose(seed: u64) -> Option<(Program, Left, usize)> {
    let mut program = program(seed, Limits { hot: true, ..Limits::default() });
    program.machine.command_queue_log2 = 6;
    let whole = play(&program, model(seed), Twist::default());
    let mut dice = Dice::new(seed, 2);
    // Neither what the driver does when it starts, nor what it does when it gives everything back.
    let first = whole.started;
    let mut candidates: BTreeMap<CommandKind, Vec<usize>> = BTreeMap::new();
    for (number, sent) in whole.sent.iter().enumerate().skip(first) {
        if let Some((op, _)) = program.ops.get(sent.op)
            && owes(op)
            && !ways(sent, op).is_empty()
        {
            candidates.entry(sent.kind).or_default().push(number);
        }
    }
    let kinds: Vec<CommandKind> = candidates.keys().copied().collect();
    if kinds.is_empty() {
        return None;
    }
    let kind = dice.one(&kinds);
    let number = dice.one(&candidates[&kind]);
    let sent = whole.sent[number];
    let how = dice.one(&ways(&sent, &program.ops[sent.op].0));
    Some((program, Left { number, how }, sent.op))
}

/// Where V goes from 0 to 1, nothing is owed.
fn owes(op: &Op) -> bool {
    !matches!(
        op,
        Op::Attach { .. } | Op::AttachProcess { .. } | Op::Create { .. } | Op::Map { .. } | Op::OwnInvalidation { .. }
    )
}

/// How a command can be left out: PR and PW are owed only where memory is given up.
fn ways(sent: &Sent, op: &Op) -> Vec<How> {
    let gives_up = match op {
        Op::Unmap { give_up, .. } | Op::MsiMove { give_up, .. } | Op::MsiUnmap { give_up, .. } => *give_up,
        _ => false,
    };
    let mut ways = How::of(sent);
    ways.retain(|how| gives_up || !matches!(how, How::NoReads | How::NoWrites));
    ways
}

/// Plays a program without a step of this operation.
pub fn play_without(program: &Program, left: Left, op: usize) -> Played {
    let twist = Twist { left: Some(left), wait: Some((op, WAIT)), ..Twist::default() };
    play(program, model(program.seed), twist)
}

fn judge(program: &Program, left: Left, op: usize) -> Verdict {
    let played = play_without(program, left, op);
    let kind = played.sent.get(left.number).map_or(CommandKind::Other, |sent| sent.kind);
    let hazard = played.outcome.hazard.as_ref().map(|found| (found.rule.clone(), found.right.clone()));
    let named = hazard.as_ref().is_some_and(|(_, right)| left.how.is_named(kind, right));
    let wrong = match (&played.outcome.violation, &played.wrong) {
        (Some(found), _) => Some(format!("{:?} {}: {}", found.blame, found.rule, found.right)),
        (None, Some(wrong)) => Some(wrong.clone()),
        (None, None) if !played.is_finished() => Some(format!("{:?}", played.outcome.end)),
        (None, None) => None,
    };
    Verdict {
        seed: program.seed,
        kind,
        how: left.how,
        op: program.ops.get(op).map(|(op, _)| format!("{op:x?}")).unwrap_or_default(),
        stale: played.stale.first().or(played.late.first()).cloned(),
        hazard,
        named,
        wrong,
    }
}

/// Counts of many, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Summary {
    pub programs: usize,
    pub stale: usize,
    pub blamed: usize,
    pub named: usize,
    /// Blamed though the watcher saw nothing stale: it looks at requests between operations only
    pub blamed_besides: usize,
    pub faults: Vec<String>,
    pub unnamed: Vec<String>,
    table: BTreeMap<(CommandKind, How), [usize; 4]>,
}

impl Summary {
    pub fn of(all: &[Verdict]) -> Summary {
        let mut summary = Summary { programs: all.len(), ..Summary::default() };
        for verdict in all {
            let Verdict { seed, kind, how, op, stale, hazard, named, wrong } = verdict;
            let counts = summary.table.entry((*kind, *how)).or_default();
            counts[0] += 1;
            let what = format!("seed {seed}, {kind:?} {how:?} of {op}");
            if let Some(wrong) = wrong {
                summary.faults.push(format!("{what}: {wrong}"));
            }
            match (stale, hazard) {
                (Some(stale), None) => {
                    summary.stale += 1;
                    counts[1] += 1;
                    if wrong.is_none() {
                        summary.faults.push(format!("{what}: not blamed: {stale}"));
                    }
                }
                (Some(_), Some((rule, right))) => {
                    summary.stale += 1;
                    summary.blamed += 1;
                    counts[1] += 1;
                    counts[2] += 1;
                    if *named {
                        summary.named += 1;
                        counts[3] += 1;
                    } else {
                        summary.unnamed.push(format!("{what}: {rule}: {right}"));
                    }
                }
                (None, Some(_)) => summary.blamed_besides += 1,
                (None, None) => {}
            }
        }
        summary
    }

    pub fn print(&self) {
        let Summary { programs, stale, blamed, named, blamed_besides, .. } = self;
        println!(
            "{programs} programs: stale {stale}, of these blamed {blamed}, step named {named}; blamed besides {blamed_besides}"
        );
        for ((kind, how), [all, stale, blamed, named]) in &self.table {
            println!("  {kind:?} {how:?}: {all} programs, stale {stale}, blamed {blamed}, named {named}");
        }
        self.faults.iter().for_each(|fault| println!("  WRONG {fault}"));
        self.unnamed.iter().for_each(|text| println!("  UNNAMED {text}"));
    }
}
