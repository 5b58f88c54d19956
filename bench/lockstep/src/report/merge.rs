// SPDX-License-Identifier: Apache-2.0
//! Parts of a regression, put together.

use std::collections::BTreeMap;

use super::result::{Part, Report};
use crate::waivers::{State, WaiverUse};

/// Parts that do not make a whole.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// A whole among them, or nothing at all
    #[error("{0} is no part of a regression: it was played without --shard")]
    Whole(String),
    /// Two parts are of different regressions
    #[error(
        "{0} and {1} are parts of different regressions: other scenarios, seeds, RTL, waivers, costs or number of parts"
    )]
    Strangers(String, String),
    /// A part is there twice
    #[error("{0} and {1} are the same part")]
    Twice(String, String),
    /// Parts are missing
    #[error("{} missing: {}; --partial counts their runs as interrupted", if .0.len() == 1 { "a part is" } else { "parts are" }, .0.join(", "))]
    Missing(Vec<String>),
}

/// Puts parts together, each with the name of its file. The whole is what one machine would have found, but for times. A
/// single report that is no part is whole already. `partial`: what is missing counts as interrupted.
///
/// # Errors
/// [`MergeError`]
pub fn merge(parts: Vec<(String, Report)>, partial: bool) -> Result<Report, MergeError> {
    let mut parts = parts;
    if let [(_, Report { part: None, .. })] = parts[..] {
        return Ok(parts.remove(0).1);
    }
    let mut known: BTreeMap<u32, (String, Part)> = BTreeMap::new();
    for (name, report) in &parts {
        let Some(part) = &report.part else { return Err(MergeError::Whole(name.clone())) };
        if let Some((other, first)) = known.values().next()
            && (&first.plan, first.all, first.shard.of) != (&part.plan, part.all, part.shard.of)
        {
            return Err(MergeError::Strangers(other.clone(), name.clone()));
        }
        if let Some((other, _)) = known.insert(part.shard.index, (name.clone(), part.clone())) {
            return Err(MergeError::Twice(other, name.clone()));
        }
    }
    let Some((_, first)) = known.values().next().cloned() else { return Ok(Report::default()) };
    let missing: Vec<String> = (1..=first.shard.of)
        .filter(|index| !known.contains_key(index))
        .map(|index| format!("{index}/{}", first.shard.of))
        .collect();
    if !missing.is_empty() && !partial {
        return Err(MergeError::Missing(missing));
    }
    let played: usize = known.values().map(|(_, part)| part.own).sum();
    let mut whole = Report { interrupted: first.all.saturating_sub(played), ..Report::default() };
    let mut runs = Vec::new();
    for (_, report) in parts {
        (whole.device, whole.base_seed, whole.waivers_file) = (report.device, report.base_seed, report.waivers_file);
        // Each part knows the command of the whole.
        whole.origin = report.origin;
        whole.interrupted += report.interrupted;
        whole.times.build = whole.times.build.max(report.times.build);
        whole.times.play = whole.times.play.max(report.times.play);
        for (needed, count) in report.left_out {
            *whole.left_out.entry(needed).or_default() += count;
        }
        add_uses(&mut whole.waivers, report.waivers);
        let places = report.part.map(|part| part.places).unwrap_or_default();
        runs.extend(places.into_iter().zip(report.runs));
    }
    runs.sort_by_key(|(place, _)| *place);
    whole.runs = runs.into_iter().map(|(_, run)| run).collect();
    // What was not played may have a use for it.
    let is_part = first.is_selection || whole.interrupted > 0;
    whole.waivers.retain(|used| !is_part || used.state != State::Unused);
    Ok(whole)
}

/// Adds what became of each waiver: all parts have the same ones, in the order of their file.
fn add_uses(whole: &mut Vec<WaiverUse>, part: Vec<WaiverUse>) {
    if whole.is_empty() {
        *whole = part;
        return;
    }
    for (known, used) in whole.iter_mut().zip(part) {
        known.runs += used.runs;
        known.count += used.count;
        if used.state == State::Used {
            known.state = State::Used;
        }
    }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
