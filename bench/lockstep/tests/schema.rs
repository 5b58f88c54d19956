// SPDX-License-Identifier: Apache-2.0
//! The published schemas of what lockstep writes for programs: they are those that are checked in, what is written holds to
//! them and has nothing that they do not describe, and a document that is broken is refused.

mod command;

use std::path::Path;

use command::{lockstep, root, text};
use jsonschema::Validator;
use lockstep::report::{Origin, Report, RtlOrigin, diff, json};
use lockstep::runner::{Device, Plan, Planned, Played, Reply, RunReport, Selected, judge, load, serve};
use lockstep::waivers::{Waivers, proposal, today, uses};
use oracle::Figures;
use scenario::Requirement;
use serde_json::{Value, json as object};
use tempfile::TempDir;
use testbench::{End, RunOutcome};

/// A schema as it is checked in.
fn schema(of: &str) -> Value {
    let path = root().join(format!("docs/{of}.schema.json"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("it is checked in")).expect("JSON")
}

/// The schema of whoever takes nothing that is not described. Readers are told to go past keys that they do not know, so
/// this is for tests alone.
fn strict(mut schema: Value) -> Validator {
    fn close(schema: &mut Value) {
        match schema {
            Value::Object(own) => {
                if own.contains_key("properties") {
                    own.insert("additionalProperties".to_owned(), false.into());
                }
                own.values_mut().for_each(close);
            }
            Value::Array(all) => all.iter_mut().for_each(close),
            _ => {}
        }
    }
    close(&mut schema);
    jsonschema::validator_for(&schema).expect("a schema")
}

#[track_caller]
fn holds(validator: &Validator, document: &Value) {
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn the_published_schemas_are_up_to_date() {
    for of in ["results", "diff", "perf", "list"] {
        let output = lockstep(&["schema", of]);
        assert!(output.status.success(), "{}", text(&output));
        let checked_in = std::fs::read(root().join(format!("docs/{of}.schema.json"))).unwrap_or_default();
        assert!(checked_in == output.stdout, "{of}: run `make schema`");
        assert!(jsonschema::meta::is_valid(&schema(of)), "{of}");
    }
}

/// The jobs of a scenario on a device.
fn planned(scenario: &str, device: Device) -> Vec<Planned> {
    let path = root().join(format!("scenarios/{scenario}.yaml"));
    let loaded = load(&path).expect("a good scenario");
    let variants = loaded.scenario.variants();
    let plan = Plan { base: 1, seeds: Some(1), replay: None, policy: None, device, fail_alloc: None };
    plan.jobs(&[Selected { loaded, variants }]).expect("good settings")
}

fn with_habit(scenario: &str, habit: &str) -> Vec<Planned> {
    planned(scenario, Device::Illegal { habit: habit.to_owned() })
}

/// Plays a job as a worker would.
fn played(mut planned: Planned, waivers: &Waivers, keep_going: usize) -> RunReport {
    planned.waivers = waivers.for_run(&planned.job.scenario, planned.job.seed, today());
    planned.job.lenience = waivers.lenience(&planned.waivers, keep_going);
    let reply = serde_json::from_str(&serve(&serde_json::to_string(&planned.job).expect("a job"))).expect("a reply");
    judge(&planned, Played::Replied(reply), format!("lockstep run {}", planned.selector))
}

fn report(runs: Vec<RunReport>) -> Report {
    let rtl =
        RtlOrigin { name: "ours".into(), sources: "0f".into(), verilator: "5".into(), options: vec!["-GX=1".into()] };
    let origin = Origin { lockstep: "0.1.0".into(), command: "lockstep run".into(), rtl: Some(rtl) };
    Report { device: "a device".to_owned(), base_seed: 1, origin, runs, ..Report::default() }
}

fn document(report: &Report) -> Value {
    serde_json::from_str(&json(report)).expect("JSON")
}

/// Passes, violations and hazards with their evidence, and what is new since others.
fn with_evidence() -> Report {
    let none = Waivers::default();
    let good = planned("litmus/unmap-inval", Device::Model).into_iter().map(|one| played(one, &none, 0)).collect();
    let of = [
        with_habit("litmus/unmap-inval", "VmaIgnored"),
        planned("nested/s2-to-nested", Device::Model),
        planned("faults/device-ids", Device::Model),
    ];
    let runs = of.into_iter().flatten().map(|one| played(one, &none, 5)).collect();
    let mut bad = report(runs);
    bad.since = Some(diff(&report(good), &bad).since("old.json".to_owned()));
    bad
}

#[test]
fn results_hold_to_their_schema() {
    let strict = strict(schema("results"));
    let found = document(&with_evidence());
    holds(&strict, &found);
    // It is all there: else this would say little.
    let somewhere = |key: &str| json(&with_evidence()).contains(&format!("\"{key}\": "));
    for key in ["picture", "evidence", "divergences", "hazard", "structure", "stale_used", "newly_failed", "smallest"] {
        assert!(somewhere(key), "{key}");
    }
    assert_eq!(found["schema"], schema("results")["$id"]);
    holds(&strict, &document(&Report::default()));
    let interrupted = Report { interrupted: 3, left_out: [(Requirement::Msi, 2)].into(), ..report(Vec::new()) };
    holds(&strict, &document(&interrupted));
}

/// However a run may end.
#[test]
fn results_of_runs_without_a_result_hold_to_their_schema() {
    let planned = &planned("faults/device-ids", Device::Model)[0];
    let ended = |end: End| {
        let outcome = Box::new(RunOutcome::of(end, Figures::default()));
        Played::Replied(Reply::Played { outcome, seconds: 0.5 })
    };
    let (reason, stderr) = ("signal 11".to_owned(), "a trace".to_owned());
    let all = [
        Played::Crashed { reason: reason.clone(), stderr: stderr.clone() },
        Played::Killed { reason: reason.clone(), stderr: stderr.clone() },
        Played::TimedOut { seconds: 600, stderr },
        Played::Replied(Reply::Failed { reason }),
        ended(End::Finished),
        ended(End::Violation),
        ended(End::Stopped { file: "a.sv".into(), line: 3, message: "assertion".into() }),
        ended(End::Hung { waiting: "the driver for a fence".into() }),
        ended(End::OutOfTime { seconds: 600, cycle: 70 }),
        ended(End::Software { error: "EINVAL".into() }),
    ];
    let runs = all.map(|played| judge(planned, played, "lockstep run".to_owned())).to_vec();
    holds(&strict(schema("results")), &document(&report(runs)));
}

#[test]
fn results_with_waivers_hold_to_their_schema() {
    let habit = || with_habit("litmus/unmap-inval", "VmaIgnored").into_iter();
    let found = report(habit().map(|one| played(one, &Waivers::default(), 100)).collect());
    let text =
        proposal(&json(&found)).expect("results").replace("reason: \"\"", "reason: known\n    until: 2999-12-31");
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("known.yaml");
    std::fs::write(&file, text + "  - { rule: counter, reason: none }\n").expect("a file");
    let waivers = Waivers::read(&file).unwrap_or_else(|error| panic!("{error}"));
    let mut waived = report(habit().map(|one| played(one, &waivers, 0)).collect());
    waived.waivers = uses(&waivers, &waived.runs, today());
    waived.waivers_file = Some("known.yaml".to_owned());
    let document = document(&waived);
    holds(&strict(schema("results")), &document);
    assert!(document["runs"].as_array().is_some_and(|runs| runs.iter().any(|run| run["waived"].is_array())));
    let states: Vec<&Value> = document["waivers"].as_array().expect("all").iter().map(|one| &one["state"]).collect();
    assert!(states.contains(&&object!("used")) && states.contains(&&object!("unused")), "{states:?}");
}

#[test]
fn results_with_stand_ins_hold_to_their_schema() {
    let lacking = Device::Rtl {
        library: "iommu.so".into(),
        capabilities: Requirement::Msi.bits(),
        follows_strap: true,
        choices: oracle::Bound::FREE,
    };
    let runs: Vec<RunReport> = planned("process/attach", lacking)
        .into_iter()
        .filter(Planned::is_stand_in)
        .map(|one| played(one, &Waivers::default(), 0))
        .collect();
    assert!(runs.iter().any(|run| run.passed && !run.stands_in_for.is_empty()));
    holds(&strict(schema("results")), &document(&report(runs)));
}

fn written(file: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file).expect("it was written")).expect("JSON")
}

#[test]
fn what_commands_write_holds_to_its_schema() {
    let folder = TempDir::new().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let run = |arguments: &[&str]| {
        let output = lockstep(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        output
    };
    let results = strict(schema("results"));
    let parts = [file("1.json"), file("2.json")];
    for (part, shard) in parts.iter().zip(["1/2", "2/2"]) {
        run(&["run", "invalidate.fences", "--dut", "model", "--seeds", "2", "--shard", shard, "--json", part]);
        let part = written(part.as_ref());
        holds(&results, &part);
        assert_eq!(part["shard"]["shard"]["of"], 2);
    }
    let merged = file("merged.json");
    run(&["merge", &parts[0], &parts[1], "--json", &merged]);
    holds(&results, &written(merged.as_ref()));

    let differs = file("diff.json");
    run(&["diff", &merged, &merged, "--json", &differs]);
    holds(&strict(schema("diff")), &written(differs.as_ref()));
    let (good, bad) = (report(Vec::new()), with_evidence());
    let worse = serde_json::to_value(diff(&good, &bad)).expect("JSON");
    assert!(!worse["new"].as_array().expect("kinds").is_empty());
    holds(&strict(schema("diff")), &worse);

    let list = run(&["list", "--json"]);
    holds(&strict(schema("list")), &serde_json::from_slice(&list.stdout).expect("JSON"));

    let perf = file("perf.json");
    let measured = ["perf", "identity.hit", "--dut", "model", "--latency", "20", "--streams", "1", "--requests", "4"];
    run(&[&measured[..], &["--json", &perf]].concat());
    let perf = written(perf.as_ref());
    holds(&strict(schema("perf")), &perf);
    assert_eq!(perf["schema"], schema("perf")["$id"]);
}

/// What is no result of ours is refused, and each time for the place that was broken.
#[test]
fn a_broken_document_is_refused() {
    let schema = jsonschema::validator_for(&schema("results")).expect("a schema");
    let good = document(&with_evidence());
    assert!(schema.is_valid(&good));
    let refused = |what: &str, at: &str, spoil: &dyn Fn(&mut Value)| {
        let mut bad = good.clone();
        spoil(&mut bad);
        assert_ne!(bad, good, "{what}");
        let places: Vec<String> = schema.iter_errors(&bad).map(|error| error.instance_path().to_string()).collect();
        assert!(places.iter().any(|place| place == at), "{what}: {places:?}");
    };
    let set = |pointer: &'static str, value: Value| {
        move |document: &mut Value| *document.pointer_mut(pointer).expect("it is there") = value.clone()
    };
    refused("another format", "/format", &set("/format", object!(2)));
    refused("another schema", "/schema", &set("/schema", object!("urn:other:1")));
    refused("a text for a number", "/base_seed", &set("/base_seed", object!("1")));
    refused("a number below 0", "/summary/runs", &set("/summary/runs", object!(-1)));
    refused("no such verdict", "/runs/0/verdict", &set("/runs/0/verdict", object!("fine")));
    refused("a verdict with a capital", "/kinds/0/verdict", &set("/kinds/0/verdict", object!("Pass")));
    refused("no such blame", "/kinds/0/kind", &set("/kinds/0/kind/blame", object!("nobody")));
    refused("no such end", "/runs/0/end", &set("/runs/0/end", object!({ "end": "asleep" })));
    refused("an end without its reason", "/runs/0/end", &set("/runs/0/end", object!({ "end": "hung" })));
    refused("runs that are no list", "/runs", &set("/runs", object!({})));
    refused("a cause that is no number", "/runs/0/figures/fault_records", &|document| {
        document["runs"][0]["figures"]["fault_records"] = object!({ "page fault": 1 });
    });
    for (at, key) in [("", "runs"), ("", "since"), ("/runs/0", "reproduce"), ("/runs/0/figures", "cycles")] {
        refused(key, at, &|document| {
            document.pointer_mut(at).and_then(Value::as_object_mut).expect("an object").remove(key);
        });
    }
}
