// SPDX-License-Identifier: Apache-2.0
//! Traces: of runs that failed or are recorded, and what is made of them afterwards.

use std::fmt::Write;
use std::path::Path;

use events::trace::{NAMES, Reader, Record};
use events::{Device, Event};
use golden::{DeviceId, Spa};
use oracle::{Divergence, Judge as Judging, Lenience, Verdict};

use super::args::{AddressRange, Events, Judge};
use super::error::CommandError;
use super::options::Options;
use super::play::{jobs, play_all};
use super::run_files::{is_of, make_folder, trace_of, trace_of_run};
use super::{device, output};
use crate::report::{self, ExitCode, Report};
use crate::runner::{Played, Reply, RunReport, Selected, open_trace};
use crate::waivers::{Waivers, today};

/// Traces of more runs than this help nobody.
const MOST: usize = 10;

/// Where runs that failed leave theirs.
const FOLDER: &str = "target/traces";

/// Plays runs that failed once more, with a trace, and says where it is.
///
/// # Errors
/// [`CommandError`]
pub fn record_failures(options: &Options, selected: &[Selected], report: &Report) -> Result<(), CommandError> {
    let failed = |run: &&RunReport| !run.passed && run.crash.is_none() && run.end.is_some();
    let failed: Vec<&RunReport> = report.runs.iter().filter(failed).take(MOST).collect();
    if failed.is_empty() || report.interrupted > 0 {
        return Ok(());
    }
    let folder = Path::new(FOLDER);
    make_folder(folder)?;
    let mut again = jobs(options, selected, device::build(&options.device, Some(options.workers))?)?;
    again.retain(|planned| failed.iter().any(|run| is_of(&planned.job, run)));
    for planned in &mut again {
        planned.job.record = Some(trace_of(folder, &planned.job));
    }
    let mut broken = Ok(());
    for (planned, result) in again.iter().zip(play_all(options, &again)?) {
        if let (Some(file), Some(Played::Replied(Reply::Played { outcome, .. }))) = (&planned.job.record, result)
            && let Some(what) = outcome.unrecorded
        {
            broken = broken.and(Err(CommandError::Trace { path: file.clone(), what }));
        }
    }
    let mut text = String::from("\ntraces of what failed, for `lockstep judge` and `lockstep events`:\n");
    for file in again.iter().filter_map(|planned| planned.job.record.as_ref()).filter(|file| file.is_file()) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}", file.display());
    }
    output::stderr(&text);
    broken
}

/// What was asked for with `--record` is there, to its last event.
///
/// # Errors
/// [`CommandError::Trace`]
pub fn are_whole(folder: &Path, report: &Report) -> Result<(), CommandError> {
    let cut = report.runs.iter().find_map(|run| Some((run, run.unrecorded.clone()?)));
    let Some((run, what)) = cut else { return Ok(()) };
    Err(CommandError::Trace { path: trace_of_run(folder, run), what })
}

/// `lockstep judge`
///
/// # Errors
/// [`CommandError::Trace`]
pub fn judge(judge: &Judge) -> Result<ExitCode, CommandError> {
    let mut code = ExitCode::Passed;
    let waivers = judge.waivers.as_deref().map(Waivers::read).transpose()?.unwrap_or_default();
    let places = waivers.for_trace(today());
    let lenience = waivers.lenience(&places, judge.keep_going.unwrap_or(0) as usize);
    for path in &judge.files {
        let mut judged =
            judge_file(path, &lenience).map_err(|what| CommandError::Trace { path: path.clone(), what })?;
        // A waiver is named by its place in the file, also where some before it have expired.
        for divergence in &mut judged.verdict.divergences {
            divergence.waiver = divergence.waiver.and_then(|at| places.get(at).copied());
        }
        if judged.verdict.violation.is_some() || judged.verdict.hazard.is_some() {
            code = ExitCode::Failed;
        }
        output::stdout(&if judge.json { judged.json(path) } else { judged.text(path) });
    }
    Ok(code)
}

/// What came of a trace.
struct Judged {
    verdict: Verdict,
    events: u64,
    /// How the run ended, in a word and in a sentence
    end: Option<(String, String)>,
}

fn judge_file(path: &Path, lenience: &Lenience) -> Result<Judged, String> {
    let file = open_trace(path).map_err(|error| error.to_string())?;
    let mut reader = Reader::new(file).map_err(|error| error.to_string())?;
    let mut judging: Option<Judging> = None;
    let (mut events, mut end) = (0, None);
    while let Some(record) = reader.record().map_err(|error| error.to_string())? {
        let at = |error: String| format!("line {}: {error}", reader.number());
        match (record, &mut judging) {
            (Record::Device(_), Some(_)) => return Err(at("a second device".to_owned())),
            (Record::Device(device), None) => {
                let judge = Judging::new(&device).map_err(|error| at(error.to_string()))?;
                judging = Some(judge.lenient(lenience.clone()));
            }
            (_, None) => return Err(at("the device is described first: device caps=…".to_owned())),
            (Record::End { how, text }, Some(_)) => end = Some((how, text)),
            (record, Some(judging)) => {
                events += u64::from(matches!(record, Record::Event(_)));
                judging.record(record).map_err(|error| at(error.to_string()))?;
            }
        }
    }
    let judging = judging.ok_or("it has no device: device caps=…")?;
    Ok(Judged { verdict: judging.finish(), events, end })
}

impl Judged {
    fn said(&self) -> &'static str {
        match (&self.verdict.violation, &self.verdict.hazard) {
            (Some(_), _) => "DUT violation",
            (None, Some(_)) => "software hazard",
            (None, None) => "nothing to blame",
        }
    }

    fn text(&self, path: &Path) -> String {
        let Verdict { violation, divergences, hazard, figures } = &self.verdict;
        let mut text = format!("{}: {}\n", path.display(), self.said());
        let further = divergences.iter().filter(|divergence| divergence.waiver.is_none()).map(|own| &own.first);
        let further = further.filter(|first| violation.as_ref() != Some(*first));
        for finding in violation.iter().chain(further).chain(hazard) {
            text += &report::finding(finding);
        }
        for Divergence { first, count, .. } in divergences.iter().filter(|divergence| divergence.waiver.is_some()) {
            let _ = writeln!(text, "  waived, {count} times from cycle {} on: {}", first.cycle, first.kind());
        }
        if let Some((how, why)) = self.end.as_ref().filter(|(how, _)| how != "finished" && how != "violation") {
            let _ = writeln!(text, "  the run ended otherwise: {how}{}{why}", if why.is_empty() { "" } else { ": " });
        }
        let _ = writeln!(
            text,
            "  {} events in {} cycles; compared: {} translations, {} invalidations, {} fault records",
            self.events,
            figures.cycles,
            figures.translations_compared,
            figures.invalidations_compared,
            figures.fault_records.values().sum::<u64>()
        );
        text
    }

    fn json(&self, path: &Path) -> String {
        let Verdict { violation, divergences, hazard, figures } = &self.verdict;
        let end = self.end.as_ref().map(|(how, text)| serde_json::json!({ "how": how, "text": text }));
        let object = serde_json::json!({
            "file": path, "events": self.events, "end": end, "violation": violation, "divergences": divergences,
            "hazard": hazard, "figures": figures,
        });
        format!("{object}\n")
    }
}

/// `lockstep events`
///
/// # Errors
/// [`CommandError`]
pub fn events(wanted: &Events) -> Result<ExitCode, CommandError> {
    if let Some(unknown) = wanted.kind.iter().find(|kind| !NAMES.iter().any(|name| name.starts_with(kind.as_str()))) {
        let all = NAMES.join(", ");
        return Err(CommandError::Setting(format!("--kind {unknown}: no event begins so; there are {all}")));
    }
    let wrong = |what: String| CommandError::Trace { path: wanted.file.clone(), what };
    let file = open_trace(&wanted.file).map_err(|error| wrong(error.to_string()))?;
    let mut reader = Reader::new(file).map_err(|error| wrong(error.to_string()))?;
    let (mut now, mut shown, mut text) = (0, None, String::new());
    while let Some(record) = reader.record().map_err(|error| wrong(error.to_string()))? {
        match &record {
            Record::Cycle(cycle) => now = *cycle,
            Record::Event(event) if now >= wanted.from && wanted.to.is_none_or(|to| now <= to) => {
                let begin = text.len();
                record.write(&mut text);
                if !is_wanted(wanted, event, &text[begin..]) {
                    text.truncate(begin);
                } else if shown != Some(now) {
                    text.insert_str(begin, &format!("@{now}\n"));
                    shown = Some(now);
                }
            }
            Record::Device(Device { .. }) | Record::End { .. } | Record::Event(_) => {}
        }
        if text.len() > 1 << 16 {
            output::stdout(&std::mem::take(&mut text));
        }
    }
    output::stdout(&text);
    Ok(if shown.is_some() { ExitCode::Passed } else { ExitCode::Nothing })
}

fn is_wanted(wanted: &Events, event: &Event, line: &str) -> bool {
    (wanted.kind.is_empty() || wanted.kind.iter().any(|kind| line.starts_with(kind.as_str())))
        && wanted.address.is_none_or(|range| touches(event, range))
        && wanted.device.is_none_or(|device| devices(event).any(|id| u64::from(id.0) == device))
}

/// The bytes that an event is about, in whatever address space, overlap this range.
fn touches(event: &Event, range: AddressRange) -> bool {
    let overlaps =
        |first: u64, bytes: u64| first <= range.last && first.saturating_add(bytes.saturating_sub(1)) >= range.first;
    match event {
        Event::DmaOffered { request } | Event::DmaAccepted { request, .. } => {
            overlaps(request.iova.0, request.burst.total_bytes())
        }
        Event::MemAddress { addr: Spa(addr), burst, .. }
        | Event::PtwReadAddress { addr: Spa(addr), burst, .. }
        | Event::PtwWrite { addr: Spa(addr), burst, .. } => overlaps(*addr, burst.total_bytes()),
        Event::PtwReadBeat { addr, bytes, .. } => overlaps(addr.0, u64::from(*bytes)),
        Event::Store { addr, .. } | Event::Held { addr, .. } => overlaps(addr.0, 8),
        Event::Freed { start, bytes } | Event::Taken { start, bytes } => overlaps(start.0, *bytes),
        Event::AtsOffered { request } | Event::AtsRequested { request } => overlaps(request.addr.0, 1),
        Event::InvalidationRequested { request } => overlaps(request.addr.0, 1),
        Event::PageOffered { request } | Event::PageRequested { request } => overlaps(request.addr.0, 1),
        _ => false,
    }
}

/// The devices that an event is about.
fn devices(event: &Event) -> impl Iterator<Item = DeviceId> + '_ {
    let one = match event {
        Event::DmaOffered { request } | Event::DmaAccepted { request, .. } => Some(request.device),
        Event::AtsOffered { request } | Event::AtsRequested { request } => Some(request.device),
        Event::InvalidationRequested { request } => Some(request.device),
        Event::InvalidationDone { completion } => Some(completion.device),
        Event::PageOffered { request } | Event::PageRequested { request } => Some(request.device),
        Event::PageResponded { response } => Some(response.device),
        _ => None,
    };
    let named = match event {
        Event::Named { what: events::Named::Device(ids), .. } => &ids[..],
        _ => &[],
    };
    one.into_iter().chain(named.iter().copied())
}

#[cfg(test)]
mod tests {
    use events::{Burst, Direction, DmaRequest};
    use golden::Iova;

    use super::*;

    #[test]
    fn an_event_is_about_addresses_and_a_device() {
        let request = DmaRequest::new(Direction::Read, DeviceId(7), Iova(0x1000), Burst::incr(4));
        let event = Event::DmaOffered { request };
        let touched = |first, last| touches(&event, AddressRange { first, last });
        assert!(touched(0x101F, 0x2000) && touched(0, 0x1000));
        assert!(!touched(0x1020, 0x2000) && !touched(0, 0xFFF));
        assert_eq!(devices(&event).collect::<Vec<_>>(), [DeviceId(7)]);
    }
}
