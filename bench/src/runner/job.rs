//! What a worker process is told, and what it answers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::scenario::{At, Expectation, Flush, Policy, Problem, Scenario, Variant};
use crate::testbench::RunOutcome;

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
    },
    /// The golden model behind the same wires
    Model,
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
}

/// A job, and what its run must show.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The job
    pub job: Job,
    /// What the run must show
    pub expectation: Expectation,
    /// Policy in force
    pub policy: Policy,
    /// Flush policy in force
    pub flush: Flush,
    /// Selector that takes this variant, for the command that reproduces the run
    pub selector: String,
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
        let seeds: Vec<(Option<u32>, u32)> = match self.replay {
            Some(seed) => vec![(None, seed)],
            None => {
                let count = self.seeds.unwrap_or(scenario.seeds.value);
                (0..count).map(|index| (Some(index), seed(self.base, name, index))).collect()
            }
        };
        let path = loaded.path.display().to_string();
        let selector = if loaded.by_path { format!("{path}{variant}") } else { format!("{name}{variant}") };
        for (index, seed) in seeds {
            let job = Job {
                scenario: name.clone(),
                path: path.clone(),
                text: loaded.text.clone(),
                variant: variant.clone(),
                policy: policy.map(str::to_owned),
                index,
                seed,
                device: self.device.clone(),
                series: false,
            };
            jobs.push(Planned {
                job,
                expectation: scenario.expectation(variant),
                policy: scenario.driver.policy.value,
                flush: scenario.driver.flush.value,
                selector: selector.clone(),
            });
        }
        Ok(())
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

    use super::super::select::{Loaded, Selected};
    use super::{Device, Plan};
    use crate::scenario::{ExpectedVerdict, Policy, parse};

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
        Plan { base: 1, seeds: None, replay: None, policy: None, device: Device::Model }
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
    fn a_replay_is_one_run_with_that_seed() {
        let jobs = Plan { replay: Some(7), seeds: Some(9), ..plan() }.jobs(&selected("")).expect("good");
        assert_eq!((jobs.len(), jobs[0].job.seed, jobs[0].job.index), (1, 7, None));
    }
}
