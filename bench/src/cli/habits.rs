//! `lockstep habits`.

use std::path::Path;

use rayon::prelude::*;

use super::args::Habits;
use super::commands::CommandError;
use super::output;
use crate::model::Habit;
use crate::report::ExitCode;
use crate::torture;

/// Hunts illegal habits of the model, and prints what caught them.
///
/// # Errors
/// [`CommandError`]
pub fn run(args: &Habits) -> Result<ExitCode, CommandError> {
    let habits = if args.habits.is_empty() { Habit::ALL } else { &args.habits };
    let hunts: Vec<torture::Hunt> = habits
        .par_iter()
        .map(|&habit| torture::hunt(habit, args.seeds))
        .collect::<Result<_, _>>()
        .map_err(|stopped| CommandError::System { what: "reset the model", error: stopped.to_string() })?;
    let table = torture::markdown(&hunts, args.seeds);
    let to_stdout = args.json.as_deref() == Some(Path::new("-"));
    match &args.markdown {
        Some(path) => output::file(path, &table)?,
        None if to_stdout => output::stderr(&table),
        None => output::stdout(&table),
    }
    if let Some(path) = &args.json {
        output::file(path, &torture::json(&hunts))?;
    }
    let clean = hunts.iter().all(|hunt| hunt.caught() && hunt.unsound.is_empty());
    Ok(if clean { ExitCode::Passed } else { ExitCode::Failed })
}
