// SPDX-License-Identifier: Apache-2.0
//! `lockstep perf`: how fast devices translate, beside what the golden walk and an ideal cache need.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rayon::prelude::*;

use super::device::{self, Built};
use super::dut::{Dut, OUR_RTL};
use super::error::CommandError;
use super::options::quoted;
use super::output::Reserved;
use super::perf_args::{Parameters, Perf as Args};
use super::progress::Progress;
use super::{interruption, output, run_files};
use crate::perf::{Case, Job, Setting};
use crate::report::{self, Cell, ExitCode, Perf, Row};
use crate::runner::{Device, TRACE};
use crate::waivers::{Waivers, today};

/// Between these lines of a page its tables are written.
const BEGIN: &str = "<!-- lockstep perf -->";
const END: &str = "<!-- end -->";

/// Translations that an ideal cache holds where nobody says how many.
const ENTRIES: u32 = 32;

/// A device in a column.
struct Column {
    name: String,
    device: Device,
    entries: u32,
    /// The arguments that choose it
    arguments: String,
    waivers: Waivers,
}

/// Measures, and prints and writes what came of it.
///
/// # Errors
/// [`CommandError`]
pub fn run(args: &Args, colours: bool) -> Result<ExitCode, CommandError> {
    if args.list {
        let line = |case: Case| format!("{:<22} {}\n", case.name(), case.pattern.sentence());
        output::stdout(&Case::all().into_iter().map(line).collect::<String>());
        return Ok(ExitCode::Passed);
    }
    if args.dut.contains(&Dut::Liberties) {
        let what = "`perf` measures one device: `rtl` or `model`".to_owned();
        return Err(CommandError::Setting(what));
    }
    let open = |path: &Option<PathBuf>| path.as_deref().map(Reserved::open).transpose();
    let (json, svg) = (open(&args.json)?, open(&args.svg)?);
    if let Some(folder) = &args.record {
        run_files::make_folder(folder)?;
    }
    let columns = columns(args)?;
    let perf = play(args, &columns)?;
    let print = output::beside(&[args.json.as_deref(), args.svg.as_deref(), args.markdown.as_deref()]);
    print(&format!("{}{}", report::perf_failures(&perf), report::perf_table(&perf, colours)));
    if let Some(file) = json {
        file.write(&report::perf_json(&perf))?;
    }
    if let Some(file) = svg {
        file.write(&report::perf_plot(&perf).map_err(|error| CommandError::Setting(error.to_string()))?)?;
    }
    if let Some(path) = &args.markdown {
        write_page(path, &report::perf_markdown(&perf, &typed()))?;
    }
    Ok(perf.exit_code())
}

/// The devices: each RTL as it is described, and with each set of parameters; the model last.
fn columns(args: &Args) -> Result<Vec<Column>, CommandError> {
    let mut columns = Vec::new();
    if args.dut.contains(&Dut::Rtl) {
        for rtl in &args.rtl {
            for parameters in std::iter::once(None).chain(args.parameters.iter().map(Some)) {
                columns.push(rtl_column(args, rtl, parameters)?);
            }
        }
    }
    if args.dut.contains(&Dut::Model) {
        columns.push(Column {
            name: "model".to_owned(),
            device: Device::Model,
            entries: args.entries.unwrap_or(ENTRIES),
            arguments: " --dut model".to_owned(),
            waivers: Waivers::default(),
        });
    }
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    for (at, column) in columns.iter_mut().enumerate() {
        let same = names[..at].iter().filter(|name| **name == column.name).count();
        if same > 0 {
            column.name = format!("{} ({})", column.name, same + 1);
        }
    }
    Ok(columns)
}

fn rtl_column(args: &Args, rtl: &Path, parameters: Option<&Parameters>) -> Result<Column, CommandError> {
    let values = parameters.map(|own| own.values.as_slice()).unwrap_or_default();
    let Built { device, name, translations, waivers } =
        device::build_with(rtl, values, args.jobs.map(|jobs| jobs as usize))?;
    let mut arguments = " --dut rtl".to_owned();
    if rtl != Path::new(OUR_RTL) {
        arguments.push_str(&format!(" --rtl {}", quoted(&rtl.display().to_string())));
    }
    let mut title = name;
    if let Some(Parameters { text, .. }) = parameters {
        arguments.push_str(&format!(" --parameters {}", quoted(text)));
        title = format!("{title} {text}");
    }
    let waivers = waivers.map(|file| Waivers::read(&file)).transpose()?.unwrap_or_default();
    Ok(Column { name: title, device, entries: args.entries.or(translations).unwrap_or(ENTRIES), arguments, waivers })
}

fn jobs(args: &Args, columns: &[Column]) -> Vec<(Job, String)> {
    let mut jobs = Vec::new();
    for &latency in &args.latency {
        for &streams in &args.streams {
            for case in args.selected() {
                for column in columns {
                    let setting = Setting {
                        latency,
                        dma_latency: args.dma_latency.unwrap_or(latency),
                        streams,
                        devices: args.devices.unwrap_or(streams).min(streams),
                        outstanding: args.outstanding,
                        requests: args.requests,
                        entries: column.entries,
                    };
                    jobs.push(job(args, case, setting, column));
                }
            }
        }
    }
    jobs
}

fn job(args: &Args, case: Case, setting: Setting, column: &Column) -> (Job, String) {
    let name = case.name();
    let mut again =
        format!("lockstep perf {name}{} --latency {} --streams {}", column.arguments, setting.latency, setting.streams);
    let usual = [
        (setting.dma_latency == setting.latency, "--dma-latency", setting.dma_latency),
        (setting.devices == setting.streams, "--devices", setting.devices.into()),
        (setting.outstanding == 1, "--outstanding", setting.outstanding.into()),
        (setting.requests == 128, "--requests", setting.requests),
    ];
    for (_, option, value) in usual.into_iter().filter(|(usual, ..)| !usual) {
        again.push_str(&format!(" {option} {value}"));
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-.=".contains(c) { c } else { '_' };
    let file = |folder: &PathBuf| {
        let device: String = column.name.chars().map(plain).collect();
        folder.join(format!("{name}-{device}-{}-{}{TRACE}", setting.latency, setting.streams))
    };
    let record = args.record.as_ref().map(file);
    let waived = column.waivers.for_run(&format!("perf.{name}"), 1, today());
    let job = Job {
        case: name,
        setting,
        device: column.device.clone(),
        record,
        golden: args.golden || args.clock.is_some(),
        lenience: column.waivers.lenience(&waived, 0),
        timeout: Duration::from_secs(args.timeout),
    };
    (job, again)
}

/// Measures everything, each in a process of its own, since a device may crash or hang.
fn play(args: &Args, columns: &[Column]) -> Result<Perf, CommandError> {
    let workers = args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), |n| n as usize);
    let pool = super::play::pool("perf-worker", workers, Duration::from_secs(args.timeout))?;
    interruption::catch()?;
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(workers)
        .build()
        .map_err(|error| CommandError::System { what: "start threads", error: error.to_string() })?;
    let jobs = jobs(args, columns);
    let progress = Progress::new(jobs.len(), "measurements");
    let one = |(job, _): &(Job, String)| {
        let played = pool.ask(job, &interruption::STOP);
        progress.done(&job.case);
        played
    };
    let played: Result<Vec<_>, String> = threads.install(|| jobs.par_iter().with_max_len(1).map(one).collect());
    progress.finish();
    let played = played.map_err(|error| CommandError::System { what: "measure", error })?;
    let mut perf = Perf {
        devices: columns.iter().map(|column| column.name.clone()).collect(),
        rows: Vec::new(),
        interrupted: played.iter().filter(|played| played.is_none()).count(),
        clock: args.clock,
        with_counters: args.counters,
    };
    let mut cells = jobs.into_iter().zip(played);
    while let Some(((Job { case, setting, .. }, reproduce), played)) = cells.next() {
        let mut row = Row { case, setting, cells: vec![Cell { played, reproduce }] };
        let others = cells.by_ref().take(columns.len() - 1);
        row.cells.extend(others.map(|((_, reproduce), played)| Cell { played, reproduce }));
        perf.rows.push(row);
    }
    Ok(perf)
}

/// The command as it was typed, for the page that it writes.
fn typed() -> String {
    std::iter::once("lockstep".to_owned())
        .chain(std::env::args().skip(1).map(|word| quoted(&word)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Writes tables into a page, or makes one of them.
fn write_page(path: &Path, tables: &str) -> Result<(), CommandError> {
    let there = std::fs::read_to_string(path).unwrap_or_default();
    let text = match there.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1))) {
        Some((head, tail)) => format!("{head}{BEGIN}\n{tables}\n{END}{tail}"),
        None => tables.to_owned(),
    };
    Ok(output::file(path, &text)?)
}
