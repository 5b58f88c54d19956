// SPDX-License-Identifier: Apache-2.0
//! `lockstep doctor`: the first hour with an RTL, step by step, each with the rule of `hdl/DEVICE.md` that it is about.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hdl::Description;
use oracle::{Finding, Kind};
use scenario::{Offer, Requirement};

use super::args::{DeviceArgs, Doctor, Dut, GoingOn, Play, ResultPaths, Selection};
use super::error::CommandError;
use super::options::Options;
use super::play::add_runs;
use super::{device, output};
use crate::report::{ExitCode, Report, finding};
use crate::runner::{Device, EVERYTHING, Examined, Loaded, Plan, RunReport, Selected, Verdict};
use crate::waivers::Waivers;

/// What a device is asked to do once its wires work: a title, the rule, and a scenario.
const TRANSLATIONS: [(&str, &str, &str, &str); 4] = [
    (
        "commands, a fence, and a device context without page tables",
        "Fences: the 4-byte write of AV=1 is the last thing that an IOFENCE.C does before `cqh` moves",
        "identity",
        "  - dma: { device: nic, read: 0x9000_0000, expect: ok }",
    ),
    (
        "a translation by the first stage",
        "DMA, what the device owes, 1: each request is answered once, translated and performed, or refused",
        "plain",
        "  - dma: { device: nic, read: 0x1000_0000, expect: ok }\n  - dma: { device: nic, write: 0x1000_1008, expect: ok }",
    ),
    (
        "a refusal and its record",
        "DMA, what the device owes, 2: nothing of a refused request appears on `mem_*`; it is answered with SLVERR, and a \
         record goes to the fault queue",
        "plain",
        "  - dma: { device: nic, read: 0x2000_0000, expect: fault, cause: 13 }",
    ),
    (
        "an invalidation",
        "Fences: nothing that was invalidated before may explain a translation of a request accepted later",
        "plain",
        "  - dma: { device: nic, read: 0x1000_1000, expect: ok }\n  - unmap: { domain: plain, range: { iova: 0x1000_0000, size: 16K } }\n  \
         - dma: { device: nic, read: 0x1000_1000, expect: fault, cause: 13 }",
    ),
];

/// So many kinds of divergence are told in one step.
const MOST_KINDS: u32 = 20;

/// A scenario around these steps.
fn scenario_of(number: usize, domain: &str, steps: &str) -> String {
    format!(
        "name: doctor.step-{number}\ndomains:\n  plain: {{ kind: paging, mode: sv39, map: [{{ iova: 0x1000_0000, pages: 4 }}] \
         }}\ndevices:\n  nic: {{ id: 0x12, domain: {domain} }}\nsteps:\n{steps}\n"
    )
}

/// Looks at the device, and says which step is broken, and which rule.
///
/// # Errors
/// [`CommandError`]: it does not build, or its ports are not those of the boundary.
pub fn run(args: &Doctor) -> Result<ExitCode, CommandError> {
    let device_args = DeviceArgs { dut: Dut::Rtl, rtl: args.rtl.clone() };
    let description = Description::read(&args.rtl).map_err(device::DeviceError::from)?;
    let built = device::build(&device_args, None)?;
    let Device::Rtl { library, .. } = &built else { return Ok(ExitCode::Nothing) };
    said("it builds, and its ports are those of the boundary", "The device boundary", None);
    let strap = description.capabilities.unwrap_or(EVERYTHING);
    match device::ask(library, strap) {
        Ok(offer) => {
            said("it tells its capabilities after reset", "Strap", None);
            output::stdout(&offered(&offer, description.capabilities));
        }
        Err(why) => {
            said("it tells its capabilities after reset", "Strap: software reads the result", Some(&why));
            return Ok(ExitCode::Failed);
        }
    }
    let examined: Vec<Examined> = match device::in_process(&["examine", &shown(library), &format!("{strap:#x}")]) {
        Ok(examined) => examined,
        Err(why) => {
            said("it stands a first look", "Clock and reset", Some(&why));
            return Ok(ExitCode::Crashed);
        }
    };
    for Examined { what, rule, wrong } in &examined {
        said(what, rule, wrong.as_deref());
    }
    if examined.iter().any(|one| one.wrong.is_some()) {
        return Ok(ExitCode::Failed);
    }
    let file = args.waivers.clone().or(description.waivers);
    let waivers = file.map(|file| Waivers::read(&file)).transpose()?.unwrap_or_default();
    translations(device_args, built, waivers)
}

/// Steps that walk tables, as runs of small scenarios.
fn translations(device_args: DeviceArgs, built: Device, waivers: Waivers) -> Result<ExitCode, CommandError> {
    let play = Play { seed: 1, seeds: None, jobs: None, timeout: 60, results: ResultPaths::default() };
    let selection = Selection::all(PathBuf::new());
    let mut options = Options::new(selection, device_args, play, None);
    options.waivers = waivers;
    options.going_on = Some(GoingOn { waivers: None, strict: false, keep_going: Some(MOST_KINDS) });
    let (mut code, mut told) = (ExitCode::Passed, BTreeSet::new());
    for (number, (what, rule, domain, steps)) in TRANSLATIONS.into_iter().enumerate() {
        let text = scenario_of(number + 1, domain, steps);
        let path = PathBuf::from("a step of lockstep doctor");
        let scenario = scenario::parse(&path.display().to_string(), &text)
            .map_err(|wrong| CommandError::Setting(wrong.to_string()))?;
        let variants = scenario.variants();
        let selected = Selected { loaded: Loaded { path, text, scenario, by_path: false }, variants };
        let plan =
            Plan { base: 1, seeds: Some(1), replay: None, policy: None, device: built.clone(), fail_alloc: None };
        let mut jobs = plan.jobs(&[selected]).map_err(|problem| CommandError::Setting(problem.message))?;
        options.make_lenient(&mut jobs);
        let mut report = Report::default();
        add_runs(&options, &jobs, &mut report)?;
        let Some(run) = report.runs.first() else { return Ok(ExitCode::Interrupted) };
        if !run.stands_in_for.is_empty() {
            let lacking: Vec<&str> = run.stands_in_for.iter().map(|lacking| lacking.name()).collect();
            output::stdout(&format!("  -   {what}: not tried, since it lacks {}\n", lacking.join(", ")));
            continue;
        }
        let (wrong, again) = wrong_with(run, &mut told);
        match (&wrong, again) {
            (None, true) => output::stdout(&format!("FAIL  {what}: by what is said above, and nothing else\n")),
            (Some(wrong), _) => failed(what, &format!("what it looks at: {rule}"), wrong),
            (None, false) => output::stdout(&format!("ok    {what}{}\n", gone_past(run))),
        }
        if again {
            code = ExitCode::Failed;
        }
        if wrong.is_some() {
            code = ExitCode::Failed;
        }
        if matches!(run.verdict, Verdict::Hung | Verdict::Crashed) {
            return Ok(ExitCode::Crashed);
        }
    }
    if code == ExitCode::Passed {
        output::stdout("all good: lockstep run --rtl and this description comes next\n");
    }
    Ok(code)
}

/// What a run shows of the device, if that is not right, and whether something of it has been told before. A run that
/// compares nothing is right here.
fn wrong_with(run: &RunReport, told: &mut BTreeSet<Kind>) -> (Option<String>, bool) {
    use testbench::End;
    let waived = |one: &&Finding| {
        let known = run.divergences.iter().find(|divergence| &divergence.first == *one);
        known.is_some_and(|divergence| divergence.waiver.is_some())
    };
    let all: Vec<&Finding> = run.violations().chain(&run.hazard).filter(|one| !waived(one)).collect();
    let news: String = all.iter().filter(|one| told.insert(one.kind())).map(|one| finding(one)).collect();
    let again = !all.is_empty() && news.is_empty();
    // A step that a waived divergence has upset says nothing of the device that is not known.
    let is_upset = all.is_empty() && !run.waived.is_empty();
    let wrong = match (&run.end, &run.crash) {
        (_, Some(crash)) => Some(format!("{}\n{}", crash.reason, crash.stderr)),
        (Some(End::Finished | End::Violation), None) if news.is_empty() => None,
        (Some(End::Software { .. }), None) if is_upset => None,
        (Some(End::Hung { waiting }), None) => Some(format!("{waiting}\n{news}")),
        (Some(end), None) => Some(format!("{}\n{news}", end.said().1)),
        (None, None) => Some("it was not played".to_owned()),
    };
    (wrong, again)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The features that it offers.
fn offered(offer: &Offer, described: Option<u64>) -> String {
    let has = |needed: &&Requirement| needed.met_by(offer.capabilities);
    let features: Vec<&str> = Requirement::ALL.iter().filter(has).map(|needed| needed.name()).collect();
    let mut text = format!("      capabilities = {:#018x}: {}\n", offer.capabilities, features.join(", "));
    if !offer.follows_strap {
        text += "      it ignores its strap: what needs a device with less is played on the model\n";
    }
    if described.is_none() {
        text += "      its description does not say `capabilities`: all that the register says counts\n";
    }
    text
}

/// The kinds of divergence that a step went past since they are waived.
fn gone_past(run: &RunReport) -> String {
    let kinds: BTreeSet<String> = run.waived.iter().map(|waived| waived.first.kind().to_string()).collect();
    let kinds: Vec<String> = kinds.into_iter().collect();
    if kinds.is_empty() { String::new() } else { format!(", but for what is waived: {}", kinds.join("; ")) }
}

/// A line for a step; what is wrong with it below, with its rule.
fn said(what: &str, rule: &str, wrong: Option<&str>) {
    match wrong {
        Some(wrong) => failed(what, &format!("rule: {rule}"), wrong),
        None => output::stdout(&format!("ok    {what}\n")),
    }
}

fn failed(what: &str, section: &str, wrong: &str) {
    let mut text = format!("FAIL  {what}\n      {section} (hdl/DEVICE.md)\n");
    for line in wrong.trim_end().lines() {
        text += &format!("      {line}\n");
    }
    output::stdout(&text);
}
