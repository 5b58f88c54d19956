// SPDX-License-Identifier: Apache-2.0
//! `lockstep shrink`.

use std::path::Path;

use super::args::Selection;
use super::error::CommandError;
use super::explore_args::Shrink;
use super::hunting::Ready;
use super::{interruption, output};
use crate::explore::{Bucket, Looking, Playable, Tree, make_small, of_variant, yaml};
use crate::report::ExitCode;
use crate::runner::{RunReport, Selected, seed};

/// A variant that fails, alone in a scenario, with the seed.
struct Failing {
    tree: Tree,
    name: String,
    seed: u32,
    report: RunReport,
}

/// Makes a scenario that fails small.
///
/// # Errors
/// [`CommandError`]
pub fn run(args: Shrink) -> Result<ExitCode, CommandError> {
    let mut selection = Selection::all(args.scenarios.clone());
    selection.selectors.push(args.scenario.clone());
    let selected = selection.select()?.whole()?;
    let ready = args.hunting.ready()?;
    let Some(failing) = first_failing(&args, &ready, &selected) else {
        let seeds = if args.replay.is_some() { "this seed" } else { "its seeds" };
        return Err(CommandError::Setting(format!("`{}` does not fail with {seeds} on this device", args.scenario)));
    };
    let Some(bucket) = Bucket::all_of(&failing.report).into_iter().next() else {
        return Err(CommandError::Setting(format!("`{}` fails in a way that has no name", args.scenario)));
    };
    output::stderr(&format!("making it small: {bucket}\n"));
    let (player, device) = (ready.player(), ready.device());
    let looking = Looking { player: &player, device: &device, bucket: &bucket, threads: &ready.threads };
    let finding = failing.report.violation.as_ref().or(failing.report.hazard.as_ref());
    let file = if output::is_stdout(Some(&args.output)) { Path::new("FILE") } else { &args.output };
    let command = |seed| ready.command(file, false, seed);
    let name = format!("{}.small", failing.name);
    let small = make_small(&looking, failing.tree, failing.seed, args.runs, &name, finding, command);
    if interruption::STOP.load(std::sync::atomic::Ordering::Relaxed) {
        return Ok(ExitCode::Interrupted);
    }
    output::file(&args.output, &small.regression.text)?;
    let shrunk = &small.shrunk;
    let end = if shrunk.is_smallest { "" } else { "; it may become smaller with more of them (--runs)" };
    output::stderr(&format!("{} steps, after {} runs{end}\n", shrunk.steps(), shrunk.played));
    Ok(ExitCode::Passed)
}

/// The first variant of the first scenario that fails, with the first seed with which it does.
fn first_failing(args: &Shrink, ready: &Ready, selected: &[Selected]) -> Option<Failing> {
    let (player, device) = (ready.player(), ready.device());
    for one in selected {
        let scenario = &one.loaded.scenario;
        let tree: Tree = serde_yaml::from_str(&one.loaded.text).ok()?;
        for variant in &one.variants {
            let alone = of_variant(&tree, variant);
            let seeds = match args.replay {
                Some(seed) => vec![seed],
                None => (0..scenario.seeds.value).map(|index| seed(1, &scenario.name, index)).collect(),
            };
            for seed in seeds {
                let playable = Playable::new(yaml(&alone), seed, &device)?;
                let report = player.play(&playable, &device)?;
                if !report.passed {
                    let name = scenario.name.value.clone();
                    return Some(Failing { tree: alone, name, seed, report });
                }
            }
        }
    }
    None
}
