// SPDX-License-Identifier: Apache-2.0

use super::super::{Device, Loaded, Plan, Selected};
use super::*;

/// This many jobs of each of two scenarios.
fn jobs(count: u32) -> Vec<Planned> {
    let selected = ["slow", "fast"].map(|name| {
        let text = format!(
            "name: {name}\nseeds: {count}\ndevices: {{ nic: {{ id: 1 }} }}\nsteps: [ dma: {{ device: nic, read: 0x1000 }} ]\n"
        );
        let scenario = scenario::parse("a.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}"));
        let variants = scenario.variants();
        Selected { loaded: Loaded { path: "a.yaml".into(), text, scenario, by_path: false }, variants }
    });
    let plan = Plan { base: 1, seeds: None, replay: None, policy: None, device: Device::Model, fail_alloc: None };
    plan.jobs(&selected).expect("good")
}

/// A slow run takes five seconds, a fast one takes one.
fn costs() -> Costs {
    let json = serde_json::json!({
        "runs": [
            { "scenario": "slow", "variant": "" }, { "scenario": "slow", "variant": "" },
            { "scenario": "fast", "variant": "" },
        ],
        "times": { "runs": [{ "seconds": 4.0 }, { "seconds": 6.0 }, { "seconds": 1.0 }] },
    });
    Costs::measured(&json.to_string()).expect("results")
}

#[test]
fn a_part_is_read_as_it_is_written() {
    assert_eq!("2/8".parse(), Ok(Shard { index: 2, of: 8 }));
    assert_eq!(Shard { index: 2, of: 8 }.to_string(), "2/8");
    for (text, why) in
        [("0/8", "from 1"), ("9/8", "no part 9 of 8"), ("1", "such as 2/8"), ("a/8", "such as"), ("1/20000", "at most")]
    {
        let error = text.parse::<Shard>().expect_err(text);
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn without_costs_jobs_are_dealt_in_turn() {
    assert_eq!(deal(&jobs(3), 4, &Costs::default()), [1, 2, 3, 4, 1, 2]);
}

#[test]
fn each_part_costs_about_the_same() {
    let (jobs, costs) = (jobs(7), costs());
    for of in 1..6 {
        let parts = deal(&jobs, of, &costs);
        let mut loads = vec![0.0; of as usize];
        for (planned, part) in jobs.iter().zip(&parts) {
            loads[*part as usize - 1] += costs.of(planned);
        }
        let most = loads.iter().copied().fold(0.0, f64::max);
        let least = loads.iter().copied().fold(f64::MAX, f64::min);
        assert!(most - least <= 5.0, "{of} parts: {loads:?}");
        assert_eq!(loads.iter().sum::<f64>(), 7.0 * 6.0, "nothing is left out");
    }
}

#[test]
fn what_is_not_known_costs_the_mean() {
    assert!((Costs { runs: FxHashMap::default(), ..costs() }.of(&jobs(1)[0]) - 11.0 / 3.0).abs() < 1e-9);
    assert!(Costs::measured("{}").is_err());
}

#[test]
fn parts_fit_together_if_all_that_matters_is_the_same() {
    let all = jobs(3);
    let parts = deal(&all, 2, &Costs::default());
    let same = fingerprint(&all, 2, &parts);
    assert_eq!(same, fingerprint(&jobs(3), 2, &parts));
    assert_ne!(same, fingerprint(&all, 2, &deal(&all, 2, &costs())), "other costs");
    assert_ne!(same, fingerprint(&all[1..], 2, &parts[1..]), "other runs");
    let mut other = jobs(3);
    other[0].job.text.push('#');
    assert_ne!(same, fingerprint(&other, 2, &parts), "another scenario");
}
