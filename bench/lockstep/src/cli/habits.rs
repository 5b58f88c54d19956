// SPDX-License-Identifier: Apache-2.0
//! `lockstep habits`.

use std::sync::atomic::Ordering;

use model::Habit;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::args::Habits;
use super::error::CommandError;
use super::progress::Progress;
use super::{interruption, output};
use crate::report::ExitCode;
use crate::torture::{self, Hunt};

/// Hunts illegal habits of the model, and prints what caught them. After an interruption, those whose hunt had ended.
///
/// # Errors
/// [`CommandError`]
pub fn run(args: &Habits) -> Result<ExitCode, CommandError> {
    let hunts = hunt_all(args)?;
    let table = torture::markdown(&hunts, args.seeds);
    let mut written = Ok(());
    match &args.markdown {
        Some(path) => written = output::file(path, &table),
        None => output::beside(&[args.json.as_deref()])(&table),
    }
    if let Some(path) = &args.json {
        written = written.and(output::file(path, &torture::json(&hunts)));
    }
    written?;
    let clean = hunts.iter().all(|hunt| hunt.caught() && hunt.unsound.is_empty());
    Ok(match clean {
        false => ExitCode::Failed,
        true if interruption::STOP.load(Ordering::Relaxed) => ExitCode::Interrupted,
        true => ExitCode::Passed,
    })
}

fn hunt_all(args: &Habits) -> Result<Vec<Hunt>, CommandError> {
    let habits = if args.habits.is_empty() { Habit::ALL } else { &args.habits };
    interruption::catch()?;
    let threads = ThreadPoolBuilder::new()
        .num_threads(args.jobs.map_or(0, |jobs| jobs as usize))
        .build()
        .map_err(|error| CommandError::System { what: "start threads", error: error.to_string() })?;
    let progress = Progress::new(habits.len(), "habits");
    let hunt = |&habit: &Habit| {
        let hunt = torture::hunt(habit, args.seeds, &interruption::STOP);
        if !matches!(hunt, Ok(None)) {
            progress.done(habit.name());
        }
        hunt.transpose()
    };
    let hunts = threads.install(|| habits.par_iter().with_max_len(1).filter_map(hunt).collect::<Result<_, _>>());
    progress.finish();
    hunts.map_err(|stopped| CommandError::System { what: "reset the model", error: stopped.to_string() })
}
