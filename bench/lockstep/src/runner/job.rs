// SPDX-License-Identifier: Apache-2.0
//! What a worker process is told, and what it answers.

use std::path::PathBuf;
use std::time::Duration;

use oracle::{Bound, Lenience};
use scenario::{
    At, Expectation, ExpectedVerdict, Flush, Named, Offer, Policy, Problem, Requirement, Scenario, Variant,
};
use serde::{Deserialize, Serialize};
use testbench::RunOutcome;

use super::broken::{Broken, Mistake};
use super::seed::seed;
use super::select::Selected;

/// The device under test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Device {
    /// Verilated RTL
    Rtl {
        /// The shared library that it was built into
        library: PathBuf,
        /// What it has, as a value of the `capabilities` register
        capabilities: u64,
        /// It has no more than its strap says
        follows_strap: bool,
        /// Which choices of the specification its description binds
        #[serde(default)]
        choices: Bound,
    },
    /// The golden model behind the same wires
    Model,
    /// The model as another legal device for each seed
    Liberties,
    /// The same with an illegal habit, by its name: for what has to be found
    Illegal {
        /// See `lockstep habits`
        habit: String,
    },
}

impl Device {
    /// What it offers.
    pub const fn offer(&self) -> Offer {
        match self {
            Device::Rtl { capabilities, follows_strap, .. } => {
                Offer { capabilities: *capabilities, follows_strap: *follows_strap }
            }
            Device::Model | Device::Liberties | Device::Illegal { .. } => Offer::up_to(model::CAPABILITIES),
        }
    }

    /// The choices of the specification that are known of it.
    pub const fn choices(&self) -> Bound {
        match self {
            Device::Rtl { choices, .. } => *choices,
            Device::Model | Device::Liberties | Device::Illegal { .. } => Bound::FREE,
        }
    }

    /// It is the model, legal or not.
    pub const fn is_model(&self) -> bool {
        matches!(self, Device::Model | Device::Liberties | Device::Illegal { .. })
    }

    /// What it lacks of what a scenario needs, by name or by what it does.
    pub fn lacks(&self, scenario: &Scenario) -> Vec<Requirement> {
        let own = |needed: &Requirement| self.is_model() && *needed == Requirement::SplitCaches;
        scenario.lacking(&self.offer()).into_iter().filter(|needed| !own(needed)).collect()
    }
}

/// Waves of a run, between two cycles of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waves {
    /// Where they are written
    pub file: PathBuf,
    /// First cycle
    pub from: u64,
    /// Last cycle
    pub to: u64,
}

/// One run: a variant of a scenario with one seed. It goes to a worker process as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Name of the scenario
    pub scenario: String,
    /// The file, for messages
    pub path: String,
    /// The text of the file
    pub text: String,
    /// Which variant
    pub variant: Variant,
    /// A policy that replaces the scenario's own
    pub policy: Option<String>,
    /// Which of the seeds, from 0; nothing if the seed was given
    pub index: Option<u32>,
    /// The seed
    pub seed: u32,
    /// The device under test
    pub device: Device,
    /// Record DMA over time
    #[serde(default)]
    pub series: bool,
    /// The driver's allocation of this number fails, and the books must balance at the end; 0: none fails
    #[serde(default)]
    pub fail_alloc: Option<u64>,
    /// What no device has that could play it
    #[serde(default)]
    pub lacks: Vec<Requirement>,
    /// Write waves
    #[serde(default)]
    pub waves: Option<Waves>,
    /// Write a trace to this file
    #[serde(default)]
    pub record: Option<PathBuf>,
    /// How far it goes on behind what the device must not do
    #[serde(default)]
    pub lenience: Lenience,
    /// The worker gives up after this time on the wall clock, and answers with what it has
    #[serde(default)]
    pub timeout: Option<Duration>,
}

/// What a worker process answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The run was played.
    Played {
        /// How it ended
        outcome: Box<RunOutcome>,
        /// How long the machine ran
        seconds: f64,
    },
    /// The run could not be played.
    Failed {
        /// Why
        reason: String,
    },
}

/// What all jobs of a regression have in common.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Base seed
    pub base: u64,
    /// This many seeds instead of what the scenarios say
    pub seeds: Option<u32>,
    /// Exactly this seed, once
    pub replay: Option<u32>,
    /// Only this policy: variants of a matrix with another one are left out, scenarios without get it
    pub policy: Option<Policy>,
    /// The device under test
    pub device: Device,
    /// Only variants that are expected to pass, with the allocation of this number failing; 0: none fails
    pub fail_alloc: Option<u64>,
}

/// A job, and what its run must show.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The job
    pub job: Job,
    /// What the run must show
    pub expectation: Expectation,
    /// The scenario says that devices see faults
    pub faults_are_expected: bool,
    /// Policy in force
    pub policy: Policy,
    /// Flush policy in force
    pub flush: Flush,
    /// The line of its file on which the scenario is named, from 1
    pub line: u32,
    /// Selector that takes this variant, for the command that reproduces the run
    pub selector: String,
    /// What the device under test lacks, for which the model plays in its place
    pub stands_in_for: Vec<Requirement>,
    /// Which waivers of their file the job has, in its order
    pub waivers: Vec<usize>,
    /// What is wrong with the file, if it is no scenario: then there is nothing to be played
    pub mistakes: Vec<Mistake>,
}

impl Planned {
    /// The model plays it in place of the device under test, which lacks something.
    pub fn is_stand_in(&self) -> bool {
        !self.stands_in_for.is_empty() && self.job.lacks.is_empty()
    }

    /// The file is no scenario, and nobody plays it.
    pub fn is_broken(&self) -> bool {
        !self.mistakes.is_empty()
    }

    /// The same run with the allocation of this number failing.
    #[must_use]
    pub fn failing(&self, nth: u64) -> Planned {
        let job = Job { fail_alloc: Some(nth), ..self.job.clone() };
        Planned { job, ..self.clone() }
    }
}

impl Plan {
    /// The jobs in order: scenario, variant, seed.
    ///
    /// # Errors
    /// A [`Problem`] if a setting does not fit a scenario. A checked scenario has none.
    pub fn jobs(&self, selected: &[Selected]) -> Result<Vec<Planned>, Problem> {
        let mut jobs = Vec::new();
        for one in selected {
            for variant in &one.variants {
                if let (Some(wanted), Some(own)) = (self.policy, variant.get("policy"))
                    && wanted.name() != own
                {
                    continue;
                }
                self.add(one, variant, &mut jobs)?;
            }
        }
        Ok(jobs)
    }

    fn add(&self, selected: &Selected, variant: &Variant, jobs: &mut Vec<Planned>) -> Result<(), Problem> {
        let loaded = &selected.loaded;
        let name = &loaded.scenario.name.value;
        let policy = self.policy.filter(|_| variant.get("policy").is_none()).map(Policy::name);
        let scenario = apply(&loaded.scenario, variant, policy)?;
        let expectation = match (scenario.expectation(variant), self.fail_alloc) {
            (expectation, None) => expectation,
            // A bug that is switched on, or an error that is wanted, is no starting point.
            (own, Some(_)) if own.verdict != ExpectedVerdict::Pass || !scenario.driver.faults.is_empty() => {
                return Ok(());
            }
            // A call that is made twice sends more commands.
            (own, Some(_)) => Expectation { commands: Named::default(), ..own },
        };
        let faults_are_expected = scenario.faults_are_expected(&expectation);
        let mut stands_in_for = self.device.lacks(&scenario);
        let lacks = if stands_in_for.is_empty() { Vec::new() } else { Device::Model.lacks(&scenario) };
        let device = if stands_in_for.is_empty() { self.device.clone() } else { Device::Model };
        if self.device.is_model() {
            stands_in_for.clear();
        }
        let seeds: Vec<(Option<u32>, u32)> = match self.replay {
            Some(seed) => vec![(None, seed)],
            None => {
                let count = self.seeds.unwrap_or(scenario.seeds.value);
                (0..count).map(|index| (Some(index), seed(self.base, name, index))).collect()
            }
        };
        let path = loaded.path.display().to_string();
        let selector = if loaded.by_path { format!("{path}{variant}") } else { format!("{name}{variant}") };
        let above = loaded.text.get(..loaded.scenario.name.place.offset).unwrap_or_default();
        let line = 1 + above.matches('\n').count() as u32;
        for (index, seed) in seeds {
            let job = Job {
                scenario: name.clone(),
                path: path.clone(),
                text: loaded.text.clone(),
                variant: variant.clone(),
                policy: policy.map(str::to_owned),
                index,
                seed,
                device: device.clone(),
                series: false,
                fail_alloc: self.fail_alloc,
                lacks: lacks.clone(),
                waves: None,
                record: None,
                lenience: Lenience::default(),
                timeout: None,
            };
            jobs.push(Planned {
                job,
                expectation: expectation.clone(),
                faults_are_expected,
                policy: scenario.driver.policy.value,
                flush: scenario.driver.flush.value,
                line,
                selector: selector.clone(),
                stands_in_for: stands_in_for.clone(),
                waivers: Vec::new(),
                mistakes: Vec::new(),
            });
        }
        Ok(())
    }

    /// The job of a file that is no scenario: one run, which fails, on whatever machine has it.
    pub fn broken(&self, broken: &Broken) -> Planned {
        let path = broken.path.display().to_string();
        let (index, seed) = match self.replay {
            Some(seed) => (None, seed),
            None => (Some(0), seed(self.base, &path, 0)),
        };
        let job = Job {
            scenario: path.clone(),
            path: path.clone(),
            text: broken.text.clone(),
            variant: Variant::default(),
            policy: None,
            index,
            seed,
            device: self.device.clone(),
            series: false,
            fail_alloc: self.fail_alloc,
            lacks: Vec::new(),
            waves: None,
            record: None,
            lenience: Lenience::default(),
            timeout: None,
        };
        let mistakes = broken.mistakes();
        Planned {
            job,
            expectation: Expectation::default(),
            faults_are_expected: false,
            policy: Policy::default(),
            flush: Flush::default(),
            line: mistakes.first().map_or(1, |first| first.line),
            selector: path,
            stands_in_for: Vec::new(),
            waivers: Vec::new(),
            mistakes,
        }
    }
}

/// A scenario with the settings of a job in force.
pub(super) fn apply(scenario: &Scenario, variant: &Variant, policy: Option<&str>) -> Result<Scenario, Problem> {
    let mut scenario = scenario.with(variant)?;
    if let Some(policy) = policy {
        scenario.set(&At::from("policy".to_owned()), &At::from(policy.to_owned()))?;
    }
    Ok(scenario)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use scenario::{ExpectedVerdict, Policy, Requirement, parse};

    use super::super::load::Loaded;
    use super::super::select::Selected;
    use super::{Device, Plan};

    fn selected(matrix: &str) -> Vec<Selected> {
        let text = format!(
            "name: a.b\nseeds: 3\n{matrix}\ndevices: {{ nic: {{ id: 1 }} }}\n\
             steps: [ dma: {{ device: nic, read: 0x1000 }} ]\nexpect:\n  - {{ device-faults: 0 }}\n  \
             - {{ when: {{ policy: [rfc] }}, verdict: software-hazard }}\n"
        );
        let scenario = parse("a.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}"));
        let variants = scenario.variants();
        let loaded = Loaded { path: PathBuf::from("a.yaml"), text, scenario, by_path: false };
        vec![Selected { loaded, variants }]
    }

    fn plan() -> Plan {
        Plan { base: 1, seeds: None, replay: None, policy: None, device: Device::Model, fail_alloc: None }
    }

    #[test]
    fn jobs_are_variants_times_seeds_and_variants_share_seeds() {
        let jobs = plan().jobs(&selected("matrix: { policy: [sequenced, rfc] }")).expect("good");
        assert_eq!(jobs.len(), 6);
        let seeds: Vec<u32> = jobs.iter().map(|planned| planned.job.seed).collect();
        assert_eq!(seeds[..3], seeds[3..]);
        assert_eq!(jobs[5].selector, "a.b[policy=rfc]");
        assert_eq!(jobs[5].job.index, Some(2));
        assert_eq!(jobs[5].expectation.verdict, ExpectedVerdict::SoftwareHazard);
    }

    #[test]
    fn a_policy_picks_from_the_matrix() {
        let plan = Plan { policy: Some(Policy::Rfc), ..plan() };
        let jobs = plan.jobs(&selected("matrix: { policy: [sequenced, rfc] }")).expect("good");
        assert_eq!(jobs.len(), 3);
        assert!(jobs.iter().all(|planned| planned.job.policy.is_none() && planned.policy == Policy::Rfc));
        let jobs = Plan { policy: Some(Policy::Upstream), ..plan }.jobs(&selected("matrix: { policy: [rfc] }"));
        assert!(jobs.expect("good").is_empty());
    }

    #[test]
    fn a_policy_replaces_that_of_a_scenario_without_matrix_and_counts_for_what_is_expected() {
        let jobs = Plan { policy: Some(Policy::Rfc), ..plan() }.jobs(&selected("")).expect("good");
        assert_eq!(jobs[0].job.policy.as_deref(), Some("rfc"));
        assert_eq!(jobs[0].expectation.verdict, ExpectedVerdict::SoftwareHazard);
    }

    #[test]
    fn what_the_rtl_lacks_is_played_on_the_model() {
        let rtl = Device::Rtl {
            library: PathBuf::from("iommu.so"),
            capabilities: Requirement::Msi.bits(),
            follows_strap: true,
            choices: oracle::Bound::FREE,
        };
        let jobs = |needed: &str, device: &Device| {
            let text = format!("requires: [{needed}]\niommu: {{ context: extended }}");
            Plan { device: device.clone(), ..plan() }.jobs(&selected(&text)).expect("good")
        };
        let own = &jobs("msi", &rtl)[0];
        assert_eq!((&own.job.device, &own.stands_in_for[..], &own.job.lacks[..]), (&rtl, &[][..], &[][..]));
        let other = &jobs("msi, pdt", &rtl)[0];
        assert_eq!((&other.job.device, &other.stands_in_for[..]), (&Device::Model, &[Requirement::Pdt][..]));
        assert!(other.job.lacks.is_empty());
        let model = &jobs("pdt", &Device::Model)[0];
        assert_eq!((&model.job.device, &model.stands_in_for[..]), (&Device::Model, &[][..]), "nobody was replaced");
        let split = &jobs("split-caches", &rtl)[0];
        assert_eq!((&split.job.device, &split.stands_in_for[..]), (&Device::Model, &[Requirement::SplitCaches][..]));
        assert!(split.job.lacks.is_empty(), "the model does it");
        let qos = &jobs("qosid", &rtl)[0];
        assert_eq!((&qos.job.device, &qos.stands_in_for[..]), (&Device::Model, &[Requirement::Qosid][..]));
    }

    #[test]
    fn what_a_scenario_does_counts_as_well_as_what_it_names() {
        let sv39 = Requirement::Sv39.bits();
        let library = PathBuf::from("iommu.so");
        let rtl = Device::Rtl { library, capabilities: sv39, follows_strap: true, choices: oracle::Bound::FREE };
        let jobs = |mode: &str| {
            let text = format!("domains: {{ a: {{ kind: paging, mode: {mode}, map: [] }} }}");
            Plan { device: rtl.clone(), ..plan() }.jobs(&selected(&text)).expect("good")
        };
        assert_eq!(jobs("sv39")[0].job.device, rtl);
        let other = &jobs("sv48")[0];
        assert_eq!((&other.job.device, &other.stands_in_for[..]), (&Device::Model, &[Requirement::Sv48][..]));
    }

    #[test]
    fn only_what_should_pass_is_played_with_failing_allocations() {
        let plan = Plan { fail_alloc: Some(0), ..plan() };
        let jobs = plan.jobs(&selected("matrix: { policy: [sequenced, rfc] }")).expect("good");
        assert!(jobs.iter().all(|planned| planned.policy == Policy::Sequenced) && jobs.len() == 3);
        assert_eq!((jobs[0].job.fail_alloc, jobs[0].failing(7).job.fail_alloc), (Some(0), Some(7)));
        let faulty = plan.jobs(&selected("driver: { faults: [leak-pscid] }")).expect("good");
        assert!(faulty.is_empty(), "a driver with a bug is no starting point");
    }

    #[test]
    fn a_replay_is_one_run_with_that_seed() {
        let jobs = Plan { replay: Some(7), seeds: Some(9), ..plan() }.jobs(&selected("")).expect("good");
        assert_eq!((jobs.len(), jobs[0].job.seed, jobs[0].job.index), (1, 7, None));
    }
}
