// SPDX-License-Identifier: Apache-2.0
//! How fast devices are, side by side: for people, for programs, for a page.

use comfy_table::{Cell as TableCell, CellAlignment};
use oracle::Finding;
use testbench::{End, RunOutcome};

use super::result::ExitCode;
use super::table::{bold, table};
use super::terminal::finding;
use crate::perf::{Measured, Reply, Setting};
use crate::runner::Played;

/// What `lockstep perf` found.
#[derive(Debug, Default)]
pub struct Perf {
    /// The devices, in the order of the columns
    pub devices: Vec<String>,
    /// A row for each case and setting
    pub rows: Vec<Row>,
    /// Measurements that were given up, since the user wanted to stop
    pub interrupted: usize,
    /// A clock of the device, in MHz
    pub clock: Option<f64>,
    /// The counters of devices have a table
    pub with_counters: bool,
}

/// One case in one setting.
#[derive(Debug)]
pub struct Row {
    /// Name of the case
    pub case: String,
    /// Under which conditions; the size of the ideal cache is that of the first device
    pub setting: Setting,
    /// By device
    pub cells: Vec<Cell>,
}

/// What a device did with it.
#[derive(Debug)]
pub struct Cell {
    /// What came of it; nothing if it was given up
    pub played: Option<Played<Reply>>,
    /// The command that plays it again
    pub reproduce: String,
}

impl Cell {
    /// The figures, if there are any.
    pub fn measured(&self) -> Option<&Measured> {
        match &self.played {
            Some(Played::Replied(Reply::Measured { measured, .. })) => Some(measured),
            _ => None,
        }
    }

    /// Wall-clock seconds in which was measured, and translations of the golden walk in a second.
    pub(super) fn times(&self) -> Option<(f64, f64, Option<f64>)> {
        match &self.played {
            Some(Played::Replied(Reply::Measured { seconds, measured_seconds, golden, .. })) => {
                Some((*seconds, *measured_seconds, *golden))
            }
            _ => None,
        }
    }

    /// What the device lacks for it.
    pub(super) fn lacks(&self) -> Option<&str> {
        match &self.played {
            Some(Played::Replied(Reply::Lacks { what })) => Some(what),
            _ => None,
        }
    }

    /// What went wrong, if anything did: in a few lines, and what the process exits with.
    pub(super) fn failure(&self) -> Option<(String, ExitCode)> {
        Some(match self.played.as_ref()? {
            Played::Replied(Reply::Measured { measured, .. }) if measured.refused > 0 => {
                let text = format!("  {} of {} requests were refused\n", measured.refused, measured.requests);
                (text, ExitCode::Failed)
            }
            Played::Replied(Reply::Measured { .. } | Reply::Lacks { .. }) => return None,
            Played::Replied(Reply::Failed { reason }) => (format!("  {reason}\n"), ExitCode::Crashed),
            Played::Replied(Reply::Wrong { outcome }) => wrong(outcome),
            Played::Crashed { reason, stderr } => (format!("  {reason}\n{stderr}"), ExitCode::Crashed),
            Played::Killed { reason, .. } => (format!("  {reason}\n"), ExitCode::Stopped),
            Played::TimedOut { seconds, .. } => {
                (format!("  given up: {seconds} s on the wall clock were over (--timeout)\n"), ExitCode::Stopped)
            }
        })
    }
}

/// A run that has no figures.
fn wrong(outcome: &RunOutcome) -> (String, ExitCode) {
    let (_, said) = outcome.end.said();
    let said = said.lines().map(|line| format!("  {line}\n"));
    let findings = outcome.violation.iter().chain(&outcome.hazard).map(|one: &Finding| finding(one));
    let text = said.chain(findings).collect();
    let code = match outcome.end {
        End::Stopped { .. } | End::Hung { .. } => ExitCode::Crashed,
        End::OutOfTime { .. } => ExitCode::Stopped,
        End::Finished | End::Violation | End::Software { .. } => ExitCode::Failed,
    };
    (text, code)
}

impl Row {
    /// What the golden walk needs is the same for all devices whose contexts have one format: that of the first.
    fn first(&self) -> Option<&Measured> {
        self.cells.iter().find_map(Cell::measured)
    }
}

impl Perf {
    /// What the process exits with: the worst counts.
    pub fn exit_code(&self) -> ExitCode {
        let cells = || self.rows.iter().flat_map(|row| &row.cells);
        let worst = [ExitCode::Crashed, ExitCode::Failed, ExitCode::Stopped];
        let failed = |code: &ExitCode| cells().any(|cell| cell.failure().is_some_and(|(_, own)| own == *code));
        match worst.into_iter().find(failed) {
            Some(code) => code,
            None if self.interrupted > 0 => ExitCode::Interrupted,
            None if cells().all(|cell| cell.measured().is_none()) => ExitCode::Nothing,
            None => ExitCode::Passed,
        }
    }

    /// Settings in their order.
    pub(super) fn settings(&self) -> Vec<Setting> {
        let mut all: Vec<Setting> = Vec::new();
        for row in &self.rows {
            if !all.iter().any(|setting| is_same(setting, &row.setting)) {
                all.push(row.setting);
            }
        }
        all
    }

    /// Cases in their order, for one setting.
    pub(super) fn rows_of(&self, setting: &Setting) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| is_same(&row.setting, setting))
    }
}

/// The size of the ideal cache is a matter of the device.
fn is_same(one: &Setting, other: &Setting) -> bool {
    Setting { entries: 0, ..*one } == Setting { entries: 0, ..*other }
}

/// A table, whoever prints it.
struct Columns {
    title: String,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

pub(super) fn title(setting: &Setting) -> String {
    let streams = if setting.streams == 1 { "1 stream".to_owned() } else { format!("{} streams", setting.streams) };
    let dma = match setting.dma_latency {
        same if same == setting.latency => String::new(),
        other => format!(" (DMA {other})"),
    };
    let devices = match setting.devices {
        own if own == setting.streams => String::new(),
        1 => " of one device".to_owned(),
        devices => format!(" of {devices} devices"),
    };
    let outstanding = match setting.outstanding {
        1 => String::new(),
        more => format!(", {more} requests of each under way"),
    };
    format!("memory latency {}{dma}, {streams}{devices}{outstanding}", setting.latency)
}

/// A number with one digit behind the point, or none where that is 0.
fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn columns(perf: &Perf) -> Vec<Columns> {
    let mut header: Vec<String> = ["case", "walk: reads", "walk: cycles"].map(str::to_owned).to_vec();
    for device in &perf.devices {
        let own = ["median", "99 %", "reads", "per cycle", "ideal"];
        header.extend(own.iter().map(|name| format!("{device}: {name}")));
    }
    let table = |setting: &Setting| {
        let row = |row: &Row| {
            let need = row.first().map(|measured| measured.walk);
            let mut line = vec![row.case.clone()];
            let needed = need.map_or(["".to_owned(), "".to_owned()], |need| [short(need.reads), short(need.cycles)]);
            line.extend(needed);
            for cell in &row.cells {
                line.extend(match cell.measured() {
                    Some(own) => [
                        own.latency.median.to_string(),
                        own.latency.p99.to_string(),
                        format!("{:.2}", own.reads.per_request),
                        format!("{:.3}", own.rate),
                        short(own.ideal.cycles),
                    ],
                    None => ["-"; 5].map(str::to_owned),
                });
            }
            line
        };
        Columns { title: title(setting), header: header.clone(), rows: perf.rows_of(setting).map(row).collect() }
    };
    let mut all: Vec<Columns> = perf.settings().iter().map(table).collect();
    all.extend(speeds(perf));
    all.extend(counters(perf).filter(|_| perf.with_counters));
    all
}

/// Translations in a second: of the golden walk, and of each device in simulation and at its clock.
fn speeds(perf: &Perf) -> Option<Columns> {
    let mut rows = Vec::new();
    for row in &perf.rows {
        let golden = row.cells.iter().find_map(|cell| cell.times()?.2);
        let Some(golden) = golden else { continue };
        let mut line = vec![row.case.clone(), title(&row.setting), millions(golden)];
        for cell in &row.cells {
            let own = cell.measured().zip(cell.times());
            line.push(own.map_or("-".to_owned(), |(own, (_, seconds, _))| {
                millions(own.requests_of_all as f64 / seconds.max(1e-9))
            }));
            if let Some(clock) = perf.clock {
                line.push(own.map_or("-".to_owned(), |(own, _)| millions(own.rate * clock * 1e6)));
            }
        }
        rows.push(line);
    }
    let mut header: Vec<String> = ["case", "setting", "golden walk"].map(str::to_owned).to_vec();
    for device in &perf.devices {
        header.push(format!("{device}: simulated"));
        header.extend(perf.clock.map(|clock| format!("{device}: at {clock} MHz")));
    }
    let title = "translations in a second, in millions".to_owned();
    (!rows.is_empty()).then_some(Columns { title, header, rows })
}

fn millions(value: f64) -> String {
    let value = value / 1e6;
    if value < 0.1 { format!("{value:.4}") } else { format!("{value:.2}") }
}

/// The counters of devices that have them, beside what the bench saw.
fn counters(perf: &Perf) -> Option<Columns> {
    let header = ["case", "setting", "device", "requests", "misses", "directory", "first stage", "second stage"];
    let mut rows = Vec::new();
    for row in &perf.rows {
        for (device, cell) in perf.devices.iter().zip(&row.cells) {
            let Some((own, counted)) = cell.measured().and_then(|own| Some((own, own.counters?))) else { continue };
            let seen = |name: &str| own.reads.by_structure.get(name).copied().unwrap_or(0);
            let both = |counted: u64, seen: u64| format!("{counted} / {seen}");
            rows.push(vec![
                row.case.clone(),
                title(&row.setting),
                device.clone(),
                both(counted.requests, own.requests_of_all),
                counted.misses.to_string(),
                both(counted.directory, seen("directory")),
                both(counted.first_stage, seen("first-stage")),
                both(counted.second_stage, seen("second-stage")),
            ]);
        }
    }
    let title = "the device's own counters / requests and reads as the bench saw them".to_owned();
    (!rows.is_empty()).then(|| Columns { title, header: header.map(str::to_owned).to_vec(), rows })
}

/// What went wrong, with the commands that show it again; and what was not played.
pub fn perf_failures(perf: &Perf) -> String {
    let mut text = String::new();
    let mut lacking: Vec<String> = Vec::new();
    for row in &perf.rows {
        for (device, cell) in perf.devices.iter().zip(&row.cells) {
            if let Some((why, _)) = cell.failure() {
                let (case, setting, again) = (&row.case, title(&row.setting), &cell.reproduce);
                text.push_str(&format!("FAIL {case} on {device}, {setting}\n{why}  reproduce: {again}\n\n"));
            }
            if let Some(what) = cell.lacks() {
                let line = format!("not played on {device}, which has not {what}: {}\n", row.case);
                if !lacking.contains(&line) {
                    lacking.push(line);
                }
            }
        }
    }
    text + &lacking.concat()
}

/// In two lines: a device stands above the first of its columns alone, since its name may be long.
fn heads(header: &[String]) -> Vec<String> {
    let mut last = "";
    let mut heads = Vec::new();
    for name in header {
        let (device, own) = name.rsplit_once(": ").unwrap_or((last, name));
        heads.push(if device == last { format!("\n{own}") } else { format!("{device}\n{own}") });
        last = device;
    }
    heads
}

/// For people.
pub fn perf_table(perf: &Perf, colour: bool) -> String {
    let mut text = String::new();
    for Columns { title, header, rows } in columns(perf) {
        let mut table = table(colour);
        table.set_header(heads(&header).iter().map(|name| bold(name, colour)));
        for row in rows {
            let cells = row.into_iter().enumerate().map(|(at, text)| match at {
                0 => TableCell::new(text),
                _ => TableCell::new(text).set_alignment(CellAlignment::Right),
            });
            table.add_row(cells);
        }
        text.push_str(&format!("{title}\n{table}\n\n"));
    }
    text
}

/// For a page.
pub fn perf_markdown(perf: &Perf, command: &str) -> String {
    let mut text = format!("Written by `{command}`; `docs/perf.md` says what the columns mean.\n");
    for Columns { title, header, rows } in columns(perf) {
        let rule = std::iter::once("|---|".to_owned()).chain(header.iter().skip(1).map(|_| "---:|".to_owned()));
        text.push_str(&format!("\n**{title}**\n\n| {} |\n{}\n", header.join(" | "), rule.collect::<String>()));
        for row in rows {
            text.push_str(&format!("| {} |\n", row.join(" | ")));
        }
    }
    text
}
