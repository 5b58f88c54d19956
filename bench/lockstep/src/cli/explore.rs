// SPDX-License-Identifier: Apache-2.0
//! `lockstep explore`.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use oracle::Coverage;
use serde::{Deserialize, Serialize};

use super::error::CommandError;
use super::explore_args::Explore;
use super::hunting::{Ready, scenario_file};
use super::{interruption, output, run_files};
use crate::explore::{Count, Found, Hunt, Looking, Recipe, Until, make_small};
use crate::report::{ExitCode, Exploration, Explored, exploration_json, exploration_table};
use crate::runner::Device;

/// Without a terminal, a line comes no more often than this.
const PAUSE: Duration = Duration::from_secs(20);

/// The file of a hunt in its folder.
const STATE: &str = "hunt.json";

/// The format of that file.
const FORMAT: u32 = 1;

/// What is kept of a hunt.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    format: u32,
    seed: u64,
    rounds: u64,
    corpus: Vec<Recipe>,
    /// Slugs of what was made small
    small: BTreeSet<String>,
}

/// Hunts, and makes small what it has found.
///
/// # Errors
/// [`CommandError`]
pub fn run(args: &Explore, colours: bool) -> Result<ExitCode, CommandError> {
    let json = args.json.as_deref().map(output::Reserved::open).transpose()?;
    run_files::make_folder(&args.corpus)?;
    let old = read_state(&args.corpus.join(STATE), args.seed)?;
    let ready = args.hunting.ready()?;
    let begun = Instant::now();
    let (hunt, state) = hunt(args, &ready, old)?;
    let hunted = begun.elapsed();
    let mut explored = make_all_small(args, &ready, &hunt, state)?;
    explored.sort_by_key(|one| one.after);
    let whole = Exploration {
        device: args.hunting.device.name(),
        seed: args.seed,
        count: hunt.count,
        corpus: hunt.corpus.len(),
        on_model: hunt.on_model,
        on_device: hunt.on_device,
        found: explored,
        seconds: hunted.as_secs_f64(),
    };
    output::beside(&[args.json.as_deref()])(&exploration_table(&whole, colours));
    if let Some(file) = json {
        file.write(&exploration_json(&whole))?;
    }
    Ok(if interruption::STOP.load(Ordering::Relaxed) {
        ExitCode::Interrupted
    } else if whole.found.is_empty() {
        ExitCode::Passed
    } else {
        ExitCode::Failed
    })
}

/// What a hunt in this folder has left, if there was one with this seed.
fn read_state(path: &Path, seed: u64) -> Result<State, CommandError> {
    let fresh = State { format: FORMAT, seed, ..State::default() };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(fresh),
        Err(error) => return Err(CommandError::Setting(format!("cannot read {}: {error}", path.display()))),
    };
    let state: State = serde_json::from_str(&text)
        .map_err(|error| CommandError::Setting(format!("{}: {error}; take another folder", path.display())))?;
    if state.format != FORMAT {
        let what = format!("{}: format {} of another version; take another folder", path.display(), state.format);
        return Err(CommandError::Setting(what));
    }
    // Another seed takes what was reached along, and hunts other programs.
    Ok(if state.seed == seed { state } else { State { rounds: 0, seed, ..state } })
}

fn write_state(folder: &Path, hunt: &Hunt, state: &mut State) -> Result<(), CommandError> {
    state.rounds = hunt.rounds();
    state.corpus.clone_from(&hunt.corpus);
    let text = serde_json::to_string(state).unwrap_or_default();
    Ok(output::file(&folder.join(STATE), &text)?)
}

/// Hunts until it is over, and keeps all after each round.
fn hunt(args: &Explore, ready: &Ready, mut state: State) -> Result<(Hunt, State), CommandError> {
    let player = ready.player();
    let progress = Progress::new();
    let mut hunt = Hunt::from_corpus(args.seed, ready.device(), state.rounds, &state.corpus, &player, &ready.threads);
    if !state.corpus.is_empty() {
        output::stderr(&format!("{} programs of before are played again\n", state.corpus.len()));
    }
    let until = match args.runs {
        Some(runs) => Until::Programs(hunt.count.drawn + runs),
        None => Until::Time(Instant::now() + Duration::from_secs(60 * u64::from(args.minutes))),
    };
    let mut known = BTreeSet::new();
    let is_over = |hunt: &Hunt| until.is_reached(&hunt.count) || args.first && !hunt.found.is_empty();
    while !is_over(&hunt) && hunt.round(&player, &ready.threads) {
        for found in hunt.found.values() {
            let slug = slug(found);
            if known.insert(slug.clone()) {
                progress.say(&format!("found by program {}: {}", found.after, title(found)));
                if !state.small.contains(&slug) {
                    write_whole(args, ready, found, &slug)?;
                }
            }
        }
        write_state(&args.corpus, &hunt, &mut state)?;
        progress.at(&hunt);
    }
    progress.finish();
    Ok((hunt, state))
}

/// It was found where programs are tried, and not in the device under test.
fn is_tried(found: &Found) -> bool {
    found.device == Device::Liberties
}

/// What was found, for people.
fn title(found: &Found) -> String {
    if is_tried(found) { format!("on the model: {}", found.bucket) } else { found.bucket.to_string() }
}

fn slug(found: &Found) -> String {
    if is_tried(found) { format!("model-{}", found.bucket.slug()) } else { found.bucket.slug() }
}

/// Keeps a program that has found something, as it is.
fn write_whole(args: &Explore, ready: &Ready, found: &Found, slug: &str) -> Result<(), CommandError> {
    let file = scenario_file(&args.corpus, slug);
    let command = ready.command(&file, is_tried(found), Some(found.program.seed));
    let text = found.program.text(&format!("explored.{slug}"));
    Ok(output::file(&file, &format!("# {command}\n{text}"))?)
}

/// Makes small whatever was found and is not small yet.
fn make_all_small(args: &Explore, ready: &Ready, hunt: &Hunt, mut state: State) -> Result<Vec<Explored>, CommandError> {
    let player = ready.player();
    let mut all = Vec::new();
    for found in hunt.found.values() {
        let slug = slug(found);
        let file = scenario_file(&args.corpus, &slug);
        let on_model = is_tried(found);
        let mut one = Explored {
            what: title(found),
            section: section(found),
            file: file.clone(),
            command: ready.command(&file, on_model, Some(found.program.seed)),
            programs: found.programs,
            after: found.after,
            steps: None,
            shrink_runs: 0,
            shrink_seconds: 0.0,
        };
        let is_over = interruption::STOP.load(Ordering::Relaxed);
        if args.shrink_runs > 0 && !is_over && !state.small.contains(&slug) {
            let begun = Instant::now();
            let looking =
                Looking { player: &player, device: &found.device, bucket: &found.bucket, threads: &ready.threads };
            let name = format!("explored.{slug}");
            let finding = finding(found);
            let command = |seed| ready.command(&file, on_model, seed);
            let tree = found.program.tree(&name);
            let small = make_small(&looking, tree, found.program.seed, args.shrink_runs, &name, finding, command);
            if !interruption::STOP.load(Ordering::Relaxed) {
                output::file(&file, &small.regression.text)?;
                one.command = ready.command(&file, on_model, small.seed());
                one.steps = Some(small.shrunk.steps());
                one.shrink_runs = small.shrunk.played;
                one.shrink_seconds = begun.elapsed().as_secs_f64();
                state.small.insert(slug);
                write_state(&args.corpus, hunt, &mut state)?;
            }
        }
        all.push(one);
    }
    Ok(all)
}

/// The finding of a run that is of this bucket.
fn finding(found: &Found) -> Option<&oracle::Finding> {
    let report = &found.report;
    let is_it = |finding: &&oracle::Finding| finding.kind().to_string() == found.bucket.what;
    report.violations().chain(&report.hazard).find(is_it)
}

fn section(found: &Found) -> Option<String> {
    finding(found).map(|finding| finding.section.clone())
}

/// How far a hunt is: a line that is written over on a terminal, elsewhere one now and then.
struct Progress {
    bar: ProgressBar,
    begun: Instant,
    last: std::cell::Cell<Instant>,
}

impl Progress {
    fn new() -> Progress {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        Progress { bar, begun: Instant::now(), last: std::cell::Cell::new(Instant::now()) }
    }

    fn say(&self, text: &str) {
        self.bar.suspend(|| output::stderr(&format!("{text}\n")));
    }

    fn at(&self, hunt: &Hunt) {
        let Count { drawn, on_device, on_model, .. } = hunt.count;
        let seconds = self.begun.elapsed().as_secs();
        let cells = |coverage: &Coverage| coverage.reached().count();
        let text = format!(
            "{seconds} s: {drawn} programs, {on_model} on the model, {on_device} on the device ({} a minute); {} cells, {} of \
             them on the device; {} kept, {} found",
            (on_device.max(1) * 60) / seconds.max(1),
            cells(&hunt.on_model),
            cells(&hunt.on_device),
            hunt.corpus.len(),
            hunt.found.len()
        );
        self.bar.set_message(text.clone());
        self.bar.tick();
        if !std::io::stderr().is_terminal() && self.last.get().elapsed() >= PAUSE {
            self.last.set(Instant::now());
            output::stderr(&format!("{text}\n"));
        }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
