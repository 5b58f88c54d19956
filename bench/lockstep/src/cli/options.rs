// SPDX-License-Identifier: Apache-2.0
//! What the arguments mean on this machine.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{Colour, DeviceArgs, Dut, GoingOn, OUR_RTL, Play, SCENARIOS, Selection};
use crate::runner::{Again, Broken, Costs, Journal, Plan, Planned, Shard};
use crate::waivers::{Waivers, today};

/// What was asked for, with every default filled in.
#[derive(Debug)]
pub struct Options {
    /// Folder with the scenarios
    pub scenarios: PathBuf,
    /// Programming policy that was asked for
    pub policy: Option<scenario::Policy>,
    /// On what
    pub device: DeviceArgs,
    /// How
    pub play: Play,
    /// Exactly this seed
    pub replay: Option<u32>,
    /// Runs at a time
    pub workers: usize,
    /// Wall-clock bound of a run
    pub timeout: Duration,
    /// Runs on the model in place of the device under test are wanted even where there are no others
    pub stand_in: bool,
    /// What a device need not show must show
    pub must_show: bool,
    /// A trace of each run goes into this folder
    pub record: Option<PathBuf>,
    /// How far runs go on behind what the device must not do
    pub going_on: Option<GoingOn>,
    /// What is waived
    pub waivers: Waivers,
    /// Where each result is written down
    pub journal: Option<Journal>,
    /// Files that are no scenarios: each is a run that fails
    pub broken: Vec<Broken>,
    /// Exactly these runs
    pub again: Option<Vec<Again>>,
    /// Only this part of the runs, dealt by these costs
    pub shard: Option<(Shard, Costs)>,
    /// The command that plays all of it again; empty if nobody has said
    pub command: String,
    /// Not all scenarios are played, or not all of their runs: what finds no use may have one in the others
    pub is_selection: bool,
}

impl Options {
    /// Fills in what depends on the machine.
    pub fn new(selection: Selection, device: DeviceArgs, play: Play, replay: Option<u32>) -> Options {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = play.jobs.map_or(cores, |jobs| jobs as usize);
        let timeout = Duration::from_secs(play.timeout);
        let Selection { scenarios, policy, selectors, exclude } = selection;
        let (stand_in, must_show, record, going_on) = (false, false, None, None);
        let waivers = Waivers::default();
        Options {
            scenarios,
            policy,
            device,
            play,
            replay,
            workers,
            timeout,
            stand_in,
            must_show,
            record,
            going_on,
            waivers,
            journal: None,
            broken: Vec::new(),
            again: None,
            shard: None,
            command: String::new(),
            is_selection: !selectors.is_empty() || !exclude.is_empty() || policy.is_some() || replay.is_some(),
        }
    }

    /// Tells jobs how far to go on. What the model plays in place of the device is none of the device's affairs.
    pub fn make_lenient(&self, jobs: &mut [Planned]) {
        let keep_going = self.going_on.as_ref().and_then(|going_on| going_on.keep_going).unwrap_or(0) as usize;
        let day = today();
        for planned in jobs.iter_mut().filter(|planned| !planned.is_stand_in()) {
            planned.waivers = self.waivers.for_run(&planned.job.scenario, planned.job.seed, day);
            planned.job.lenience = self.waivers.lenience(&planned.waivers, keep_going);
        }
    }

    /// The command that plays again what `words` name: without what says how fast, and where results go.
    pub fn whole_command(&self, words: &[String]) -> String {
        let mut command = "lockstep run".to_owned();
        for word in words {
            command.push_str(&format!(" {}", quoted(word)));
        }
        if self.play.seed != 1 && self.replay.is_none() {
            command.push_str(&format!(" --seed {}", self.play.seed));
        }
        if let Some(seeds) = self.play.seeds {
            command.push_str(&format!(" --seeds {seeds}"));
        }
        if let Some(seed) = self.replay {
            command.push_str(&format!(" --replay {seed:#010x}"));
        }
        if let Some(policy) = &self.policy {
            command.push_str(&format!(" --policy {}", policy.name()));
        }
        for (is, flag) in [(self.stand_in, " --stand-in"), (self.must_show, " --must-show")] {
            command.push_str(if is { flag } else { "" });
        }
        command + &self.on_what()
    }

    /// A job for each file that is no scenario.
    pub fn broken(&self, plan: &Plan) -> Vec<Planned> {
        let is_wanted = |broken: &&Broken| match &self.again {
            Some(again) => again.iter().any(|run| run.is_of_file(&broken.path)),
            None => true,
        };
        self.broken.iter().filter(is_wanted).map(|broken| plan.broken(broken)).collect()
    }

    /// The command that plays one run again, or that says what is wrong with its file.
    pub fn reproduce(&self, planned: &Planned) -> String {
        if planned.is_broken() {
            return format!("lockstep check {}", quoted(&planned.job.path));
        }
        let seed = planned.job.seed;
        let mut command = format!("lockstep run {} --replay {seed:#010x}", quoted(&planned.selector));
        if let Some(policy) = &planned.job.policy {
            command.push_str(&format!(" --policy {policy}"));
        }
        if let Some(nth) = planned.job.fail_alloc {
            command.push_str(&format!(" --fail-alloc {}", nth.max(1)));
        }
        if planned.is_stand_in() {
            command.push_str(" --stand-in");
        }
        command + &self.on_what()
    }

    /// On what a command plays, and how far it goes on.
    fn on_what(&self) -> String {
        let mut command = device_arguments(&self.device);
        if let Some(GoingOn { waivers, strict, keep_going }) = &self.going_on {
            if let Some(file) = waivers {
                command.push_str(&format!(" --waivers {}", quoted(&file.display().to_string())));
            }
            if *strict {
                command.push_str(" --strict");
            }
            if let Some(kinds) = keep_going {
                command.push_str(&format!(" --keep-going={kinds}"));
            }
        }
        if self.scenarios != Path::new(SCENARIOS) {
            command.push_str(&format!(" --scenarios {}", quoted(&self.scenarios.display().to_string())));
        }
        command
    }
}

/// The arguments that choose a device.
pub(super) fn device_arguments(device: &DeviceArgs) -> String {
    match device.dut {
        Dut::Model => " --dut model".to_owned(),
        Dut::Liberties => " --dut liberties".to_owned(),
        Dut::Rtl if device.rtl != Path::new(OUR_RTL) => {
            format!(" --rtl {}", quoted(&device.rtl.display().to_string()))
        }
        Dut::Rtl => String::new(),
    }
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "./-_@+,=:".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Colours on a stream?
pub fn colour(when: Colour, stream: &impl IsTerminal) -> bool {
    match when {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("nested.s2-to-nested"), "nested.s2-to-nested");
        assert_eq!(quoted("a.b[policy=rfc]"), "'a.b[policy=rfc]'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
