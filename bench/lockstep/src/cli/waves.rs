// SPDX-License-Identifier: Apache-2.0
//! `lockstep run --waves`: runs are played once more with waves, around what was found.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use wellen::{Hierarchy, LoadOptions};

use super::args::WaveOptions;
use super::error::CommandError;
use super::options::Options;
use super::output;
use super::play::{jobs, play_all};
use super::run_files::{is_of, make_folder};
use crate::report::Report;
use crate::runner::{Played, Reply, RunReport, Selected, Waves, file_of_run};

/// Waves of more runs than this help nobody.
const MOST: usize = 10;

/// Cycles of reset that the waves count and the test bench does not.
const RESET: u64 = testbench::RESET_CYCLES as u64;

/// What can be said before anything is played.
///
/// # Errors
/// [`CommandError::Setting`]
pub fn check(asked: &WaveOptions, options: &Options) -> Result<(), CommandError> {
    let wanted = asked.waves.is_some() || asked.waves_on_failure.is_some();
    if wanted && options.device.dut.is_model() {
        return Err(CommandError::Setting("the model has no waves: leave --waves or --dut model out".to_owned()));
    }
    Ok(())
}

/// Plays what is wanted once more, and says where the waves are.
///
/// # Errors
/// [`CommandError`]
pub fn write(
    asked: &WaveOptions,
    options: &Options,
    selected: &[Selected],
    report: &Report,
) -> Result<(), CommandError> {
    let Some(folder) = asked.waves.as_ref().or(asked.waves_on_failure.as_ref()) else { return Ok(()) };
    let wanted = |run: &&RunReport| run.stands_in_for.is_empty() && (asked.waves.is_some() || !run.passed);
    let count = report.runs.iter().filter(wanted).count();
    if count == 0 || report.interrupted > 0 {
        return Ok(());
    }
    make_folder(folder)?;
    let all = jobs(options, selected, super::device::build_with_waves(&options.device, Some(options.workers))?)?;
    let mut runs = Vec::new();
    let mut again = Vec::new();
    for run in report.runs.iter().filter(wanted).take(MOST) {
        let Some(planned) = all.iter().find(|planned| is_of(&planned.job, run)) else { continue };
        let mut planned = planned.clone();
        let (from, to) = window(asked, run);
        planned.job.waves =
            Some(Waves { file: file_of_run(folder, &run.scenario, &run.variant, run.seed, ".fst"), from, to });
        runs.push(run);
        again.push(planned);
    }
    let results = play_all(options, &again)?;
    let mut text = String::from("\nwaves:\n");
    for ((run, planned), result) in runs.iter().zip(&again).zip(results) {
        let Some(waves) = &planned.job.waves else { continue };
        match result {
            None => continue,
            Some(Played::Replied(Reply::Played { outcome, .. })) if outcome.figures.cycles != run.figures.cycles => {
                output::stderr(&format!("warning: {} came out differently when it was played again\n", run.id));
            }
            Some(_) => {}
        }
        if !waves.file.is_file() {
            output::stderr(&format!("warning: {} left no waves\n", run.id));
            continue;
        }
        let save = waves.file.with_extension("gtkw");
        let head = match wellen::viewers::read_header_from_file(&waves.file, &LoadOptions::default()) {
            Ok(head) => head.hierarchy,
            Err(error) => {
                output::stderr(&format!("warning: {} cannot be read: {error}\n", waves.file.display()));
                continue;
            }
        };
        let shows = |port: &str| head.lookup_var(&["TOP"], port).is_some();
        output::file(&save, &save_file(waves, found(run), &run.id, precision(&head), shows))?;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}\n    gtkwave {}", run.id, save.display());
    }
    if count > MOST {
        let _ = writeln!(text, "  and {} more runs, without waves: select fewer", count - MOST);
    }
    output::stderr(&text);
    Ok(())
}

/// The cycle that matters in a run, if one does.
fn found(run: &RunReport) -> Option<u64> {
    let finding = run.violation.as_ref().or(run.hazard.as_ref()).map(|finding| finding.cycle);
    finding.or((!run.passed).then_some(run.figures.cycles))
}

fn window(asked: &WaveOptions, run: &RunReport) -> (u64, u64) {
    match found(run) {
        Some(cycle) => (cycle.saturating_sub(asked.waves_before), cycle.saturating_add(asked.waves_after)),
        None => (0, u64::MAX),
    }
}

/// A save file for GTKWave: the ports that the waves show, by bus, with a marker where something was found.
fn save_file(
    waves: &Waves,
    found: Option<u64>,
    id: &str,
    precision: u32,
    shows: impl Fn(&'static str) -> bool,
) -> String {
    let cycle = 10 * 10u64.pow(precision);
    let ports = || hdl::port_names().filter(|(name, _)| shows(name));
    let time = |at: u64| (RESET + at) * cycle;
    let marker = found.map_or(-1, |at| time(at) as i64);
    let mut text = format!("[*] {id}\n[dumpfile] \"{}\"\n", absolute(&waves.file).display());
    let _ = writeln!(text, "[timestart] {}", time(found.map_or(waves.from, |at| at.saturating_sub(60))));
    let _ = writeln!(text, "*-{}.0 {marker}", cycle.ilog2() + 6);
    let _ = writeln!(text, "@28\nTOP.clk_i");
    for (name, width) in ports().filter(|(name, _)| ["rst_ni", "wsi_o"].contains(name)) {
        show(&mut text, name, width);
    }
    for channel in CHANNELS {
        let mut those = ports().filter(|(name, _)| place(name) == Some(channel)).peekable();
        if those.peek().is_some() {
            let _ = writeln!(text, "@200\n-\n-{}: {}", channel.0, channel.1);
        }
        those.for_each(|(name, width)| show(&mut text, name, width));
    }
    text
}

fn show(text: &mut String, port: &str, width: u32) {
    let _ = match width {
        1 => writeln!(text, "@28\nTOP.{port}"),
        _ => writeln!(text, "@22\nTOP.{port}[{}:0]", width - 1),
    };
}

/// Channels in the order in which they are shown: requests first, then what they lead to.
const CHANNELS: [(&str, &str); 26] = [
    ("dev", "ar"),
    ("dev", "aw"),
    ("dev", "r"),
    ("dev", "b"),
    ("dev", "w"),
    ("ptw", "ar"),
    ("ptw", "r"),
    ("ptw", "aw"),
    ("ptw", "w"),
    ("ptw", "b"),
    ("mem", "ar"),
    ("mem", "aw"),
    ("mem", "r"),
    ("mem", "b"),
    ("mem", "w"),
    ("reg", "aw"),
    ("reg", "w"),
    ("reg", "b"),
    ("reg", "ar"),
    ("reg", "r"),
    ("ats", "req"),
    ("ats", "cpl"),
    ("ats", "inv"),
    ("ats", "done"),
    ("ats", "page"),
    ("ats", "rsp"),
];

/// Signals that say little.
const DULL: [&str; 5] = ["lock", "cache", "qos", "size", "burst"];

/// Bus and channel of a port, unless it says little.
fn place(port: &str) -> Option<(&'static str, &'static str)> {
    let (bus, rest) = port.split_once('_')?;
    let channel = CHANNELS.into_iter().find(|(of, channel)| *of == bus && rest.starts_with(channel))?;
    let dull = DULL.iter().any(|dull| rest[channel.1.len()..].starts_with(dull));
    (!dull).then_some(channel)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// By how many powers of ten the unit of time in the waves is finer than a nanosecond.
fn precision(head: &Hierarchy) -> u32 {
    let exponent =
        head.timescale().and_then(|scale| Some(scale.unit.to_exponent()? + scale.factor.max(1).ilog10() as i8));
    (-9 - i32::from(exponent.unwrap_or(-9))).clamp(0, 6) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_that_says_something_has_its_place() {
        assert_eq!(place("dev_awaddr_i"), Some(("dev", "aw")));
        assert_eq!(place("mem_rready_o"), Some(("mem", "r")));
        assert_eq!(place("ats_doneitags_i"), Some(("ats", "done")));
        assert_eq!(place("ptw_arburst_o"), None);
        for (name, _) in hdl::port_names().filter(|(name, _)| !["rst_ni", "caps_i", "wsi_o"].contains(name)) {
            let dull = DULL.iter().any(|dull| name.contains(dull));
            assert_eq!(place(name).is_some(), !dull, "{name}");
        }
    }

    #[test]
    fn the_marker_stands_where_something_was_found() {
        let waves = Waves { file: "no-such.fst".into(), from: 100, to: 900 };
        let text = save_file(&waves, Some(700), "a.b#0", 0, |port| !port.starts_with("ats_"));
        assert!(text.contains("[timestart] 6480\n*-9.0 7080\n"), "{text}");
        assert!(text.contains("-dev: ar\n@28\nTOP.dev_arvalid_i\n@22\nTOP.dev_arid_i[7:0]\n"), "{text}");
        assert!(!text.contains("-ats:"), "this device has none: {text}");
        let text = save_file(&waves, Some(700), "a.b#0", 3, |_| true);
        assert!(text.contains("[timestart] 6480000\n*-19.0 7080000\n"), "{text}");
        assert!(text.contains("-ats: done\n@28\nTOP.ats_donevalid_i\n@22\nTOP.ats_donedid_i[23:0]\n"), "{text}");
    }
}
