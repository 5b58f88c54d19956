// SPDX-License-Identifier: Apache-2.0
//! The command line from outside: what is printed, what is written, what the process exits with.

mod command;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use command::{lockstep, root, text};
use serde_json::Value;

fn code(output: &Output) -> i32 {
    output.status.code().expect("it exits by itself")
}

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name).display().to_string()
}

/// A file that goes away with the test.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Temporary {
        Temporary(std::env::temp_dir().join(format!("lockstep-cli-{}-{name}", std::process::id())))
    }
    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
    fn json(&self) -> Value {
        let text = std::fs::read_to_string(&self.0).expect("written");
        serde_json::from_str(&text).expect("JSON")
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_pass_exits_with_0_and_shows_a_table() {
    let output = lockstep(&["run", "faults.device-ids", "--dut", "model"]);
    assert_eq!(code(&output), 0, "{}", text(&output));
    assert!(text(&output).contains("4 of 4 runs passed on the model"), "{}", text(&output));
}

#[test]
fn an_unmet_expectation_exits_with_1_and_tells_how_to_reproduce_it() {
    let scenario = Temporary::new("unmet.yaml");
    let good = std::fs::read_to_string(root().join("scenarios/faults/device-ids.yaml")).expect("scenario");
    std::fs::write(&scenario.0, good.replace("device-faults: 4", "device-faults: 5")).expect("written");
    let output = lockstep(&["run", scenario.path(), "--dut", "model", "--seeds", "1"]);
    assert_eq!(code(&output), 1, "{}", text(&output));
    assert!(text(&output).contains("device faults: wanted 5, got 4"), "{}", text(&output));
    let shown = text(&output);
    let command = shown.lines().find_map(|line| line.trim().strip_prefix("reproduce: lockstep ")).expect("a command");
    let words: Vec<&str> = command.split(' ').map(|word| word.trim_matches('\'')).collect();
    assert_eq!(code(&lockstep(&words)), 1, "the command reproduces the failure");
}

#[test]
fn a_stale_value_that_is_used_for_too_long_fails_the_run() {
    let scenario = Temporary::new("stale-cycles.yaml");
    let good = std::fs::read_to_string(root().join("scenarios/invalidate/stale-window.yaml")).expect("scenario");
    let run = |max: &str| {
        std::fs::write(&scenario.0, good.replace("max: 5000", max)).expect("written");
        let output = lockstep(&["run", scenario.path(), "--dut", "model", "--seeds", "1"]);
        (code(&output), text(&output))
    };
    let (exit, told) = run("max: 5000");
    assert_eq!(exit, 0, "{told}");
    let (exit, told) = run("max: 3");
    assert_eq!(exit, 1, "{told}");
    assert!(told.contains("cycles in which a value was used stale: wanted at most 3, got "), "{told}");
    assert!(told.contains("0 of 1 runs passed on the model"), "{told}");
}

/// Runs of one scenario, which has no use for the first waiver; the second one has expired.
#[test]
fn a_waiver_is_unused_only_where_every_run_was_played() {
    let (folder, file) = (Temporary::new("unused-scenarios"), Temporary::new("unused.yaml"));
    let _ = std::fs::create_dir_all(&folder.0);
    std::fs::copy(root().join("scenarios/faults/device-ids.yaml"), folder.0.join("ids.yaml")).expect("copied");
    let text_of_file = "waivers:\n  - { rule: fence-order, reason: of another scenario }\n  \
                        - { rule: register, reason: of old, until: 2020-01-31 }\n";
    std::fs::write(&file.0, text_of_file).expect("written");
    let json = Temporary::new("unused.json");
    let run = |more: &[&str]| {
        let all = ["run", "--dut", "model", "--waivers", file.path(), "--json", json.path()];
        let output = lockstep(&[&all, more].concat());
        assert_eq!(code(&output), 0, "{}", text(&output));
        let states: Vec<String> = json.json()["waivers"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one["state"].as_str().expect("a state").to_owned())
            .collect();
        (text(&output).contains("unused waiver"), text(&output).contains("expired waiver"), states.join(" "))
    };
    let all = ["--scenarios", folder.path()];
    assert_eq!(run(&all), (true, true, "unused expired".to_owned()));
    for part in
        [&["faults.device-ids"][..], &["--scenarios", folder.path(), "faults"], &[all[0], all[1], "--replay", "7"]]
    {
        assert_eq!(run(part), (false, true, "expired".to_owned()), "{part:?}");
    }
    let _ = std::fs::remove_dir_all(&folder.0);
}

#[test]
fn a_page_is_written_and_tells_what_the_results_came_of() {
    let (page, json) = (Temporary::new("page.html"), Temporary::new("page.json"));
    let all = ["run", "faults.device-ids", "--dut", "model", "--seeds", "2", "-j", "2", "--timeout", "99"];
    let output = lockstep(&[&all[..], &["--html", page.path(), "--json", json.path()]].concat());
    assert_eq!(code(&output), 0, "{}", text(&output));
    let shown = std::fs::read_to_string(&page.0).expect("written");
    assert!(shown.starts_with("<!DOCTYPE html>") && shown.contains("All runs passed"), "{shown}");
    let command = "lockstep run faults.device-ids --seeds 2 --dut model";
    assert!(shown.contains(command), "{shown}");
    let origin = &json.json()["origin"];
    assert_eq!(origin["command"].as_str().map(|whole| whole.starts_with(command)), Some(true), "{origin}");
    assert_eq!(origin["lockstep"], env!("CARGO_PKG_VERSION"));
    assert!(origin["rtl"].is_null(), "the model has no sources");
    let output = lockstep(&[&all[..], &["--html", "/nosuch/page.html"]].concat());
    assert_eq!(code(&output), 2, "{}", text(&output));
    assert!(text(&output).contains("cannot write /nosuch/page.html") && !text(&output).contains("passed"));
}

#[test]
fn a_mistake_exits_with_2_and_points_to_line_and_column() {
    let output = lockstep(&["run", &fixture("misspelt.yaml"), "--dut", "model"]);
    assert_eq!(code(&output), 2);
    let shown = text(&output);
    assert!(shown.contains("misspelt.yaml:3:28") && shown.contains("did you mean `space`?"), "{shown}");
    assert!(shown.contains("overlapping mappings: 0x10001000..=0x10001fff"), "{shown}");
    assert_eq!(text(&lockstep(&["check", &fixture("misspelt.yaml")])), shown, "check says the same");
}

#[test]
fn a_run_in_which_all_is_refused_is_no_pass_and_check_warns() {
    let output = lockstep(&["run", &fixture("all-refused.yaml"), "--dut", "model"]);
    assert_eq!(code(&output), 1, "{}", text(&output));
    assert!(text(&output).contains("DMA transactions that are done: wanted at least 1"), "{}", text(&output));
    let output = lockstep(&["check", &fixture("all-refused.yaml")]);
    assert_eq!(code(&output), 0, "{}", text(&output));
    assert!(text(&output).contains("all-refused.yaml:8:53"), "{}", text(&output));
    assert!(text(&output).contains("no stream and no other DMA can succeed"), "{}", text(&output));
}

#[test]
fn bad_usage_exits_with_2() {
    for arguments in [
        &["run", "--seed", "0x"][..],
        &["run", "--policy", "sequence"],
        &["run", "--replay", "0"],
        &["run", "nosuch", "--dut", "model"],
        &["run", "--rtl", "nosuch.yaml"],
        &["run", "--scenarios", "nosuch"],
        &["dance"],
        &[],
    ] {
        let output = lockstep(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", text(&output));
        assert!(!text(&output).contains("panicked"));
    }
    assert!(text(&lockstep(&["run", "--policy", "sequence"])).contains("did you mean `sequenced`?"));
}

#[test]
fn nothing_to_run_exits_with_4() {
    let output = lockstep(&["run", "nested.s2-to-nested[policy=rfc]", "--policy", "upstream", "--dut", "model"]);
    assert_eq!(code(&output), 4, "{}", text(&output));
    assert!(text(&output).contains("nothing ran"));
}

#[test]
fn a_list_has_the_seeds_that_would_run() {
    let own = lockstep(&["run", "--list", "litmus.unmap-inval"]);
    let more = lockstep(&["run", "--list", "--seeds", "37", "litmus.unmap-inval"]);
    assert!(code(&own) == 0 && !text(&own).contains("37 seeds"), "{}", text(&own));
    assert!(text(&more).contains("litmus.unmap-inval  37 seeds"), "{}", text(&more));
}

#[test]
fn a_list_can_be_long_or_for_programs_and_without_some() {
    let long = text(&lockstep(&["list", "--long", "translate.qos-ids"]));
    assert!(long.contains("@qos") && long.contains("\n    Devices of different classes"), "{long}");
    let output = lockstep(&["list", "--json", "@translate", "-x", "@qos", "-x", "translate.wide"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let names: Vec<&str> =
        document.as_array().expect("a list").iter().filter_map(|one| one["scenario"].as_str()).collect();
    assert!(names.contains(&"translate.bursts"), "{names:?}");
    assert!(!names.contains(&"translate.qos-ids") && !names.contains(&"translate.wide"), "{names:?}");
    assert!(document[0]["description"].as_str().is_some_and(|text| !text.is_empty()) && document[0]["seeds"].is_u64());
    let wrong = lockstep(&["list", "-x", "@trnslate"]);
    assert_eq!(code(&wrong), 2);
    assert!(text(&wrong).contains("did you mean `@translate`?"), "{}", text(&wrong));
}

#[test]
fn json_is_the_same_but_for_times_whatever_j_is() {
    let documents: Vec<Value> = ["1", "2"]
        .iter()
        .map(|jobs| {
            let file = Temporary::new(&format!("j{jobs}.json"));
            lockstep(&[
                "run",
                "invalidate.stale-window",
                "hazard",
                "--dut",
                "model",
                "-j",
                jobs,
                "--json",
                file.path(),
            ]);
            let mut document = file.json();
            assert!(document.as_object_mut().expect("object").remove("times").is_some());
            document
        })
        .collect();
    assert_eq!(documents[0], documents[1]);
    assert_eq!(documents[0]["runs"].as_array().map(Vec::len), Some(18));
    assert!(documents[0]["runs"][0]["figures"]["translations_compared"].as_u64() > Some(0));
}

#[test]
fn a_full_disk_is_told_and_the_results_are_printed_all_the_same() {
    let output = lockstep(&["run", "faults.device-ids", "--dut", "model", "--json", "/dev/full"]);
    assert_eq!(code(&output), 2);
    assert!(text(&output).contains("4 of 4 runs passed") && text(&output).contains("cannot write /dev/full"));
}

#[test]
fn rtl_that_does_not_compile_exits_with_2_and_the_compilers_message() {
    let output = lockstep(&["run", "faults.device-ids", "--rtl", &fixture("broken/broken.yaml")]);
    assert_eq!(code(&output), 2, "{}", text(&output));
    let shown = text(&output);
    assert!(shown.contains("iommu.sv:8:") && shown.contains("syntax error"), "{shown}");
}

#[test]
fn rtl_that_never_answers_exits_with_3_and_every_run_has_a_result() {
    let file = Temporary::new("silent.json");
    let rtl = fixture("silent/silent.yaml");
    let output = lockstep(&["run", "faults.device-ids", "--rtl", &rtl, "--json", file.path()]);
    assert_eq!(code(&output), 3, "{}", text(&output));
    let document = file.json();
    let verdicts: Vec<&Value> = document["runs"].as_array().expect("runs").iter().map(|run| &run["verdict"]).collect();
    assert_eq!(verdicts, ["hung", "hung", "hung", "hung"]);
    assert!(text(&output).contains("no response in"), "it says who waits for whom: {}", text(&output));
}

/// A scenario of one access; `head` goes before the devices.
fn one_access(file: &Temporary, head: &str) {
    let scenario = format!(
        "name: one\ndescription: a\n{head}devices: {{ nic: {{ id: 1 }} }}\n\
         steps: [ dma: {{ device: nic, read: 0x1000 }} ]\nexpect:\n  - {{ device-faults: 1 }}\n"
    );
    std::fs::write(file.path(), scenario).expect("written");
}

#[test]
fn what_the_rtl_lacks_is_played_on_the_model_and_counted_apart() {
    let (path, json, rtl) = (Temporary::new("pdt.yaml"), Temporary::new("pdt.json"), Temporary::new("none.yaml"));
    one_access(&path, "requires: [pdt]\n");
    // An RTL that says of itself that it has nothing; it is never asked.
    let own =
        std::fs::read_to_string(root().join("bench/lockstep/tests/fixtures/silent/silent.yaml")).expect("fixture");
    let sources = root().join("bench/lockstep/tests/fixtures/silent").join("iommu.sv").display().to_string();
    std::fs::write(rtl.path(), own.replace("iommu.sv", &sources)).expect("written");
    let output = lockstep(&["run", path.path(), "--rtl", rtl.path(), "--json", json.path()]);
    assert_eq!(code(&output), 4, "nothing is left for the RTL: {}", text(&output));
    assert!(text(&output).contains("which lacks pdt (1 runs); --stand-in"), "{}", text(&output));
    assert_eq!(json.json()["summary"]["left_out"]["pdt"], 1);
    let output = lockstep(&["run", path.path(), "--rtl", rtl.path(), "--json", json.path(), "--stand-in"]);
    assert_eq!(code(&output), 0, "{}", text(&output));
    assert!(text(&output).contains("lacks pdt (1 runs)"), "{}", text(&output));
    assert!(text(&output).contains("1 of 1 on the model in its place"), "{}", text(&output));
    assert_eq!(json.json()["summary"]["stood_in_by_model"]["runs"], 1);
    let output = lockstep(&["compare", path.path(), "--rtl", rtl.path(), "--policy", "sequenced"]);
    assert_eq!(code(&output), 2, "{}", text(&output));
    assert!(text(&output).contains("compare it with --dut model"), "{}", text(&output));
}

#[test]
fn a_requirement_that_does_not_fit_is_told_with_line_and_column() {
    let path = Temporary::new("needs.yaml");
    for (head, complaint) in [
        ("requires: [pdq]\n", "did you mean `pdt`?"),
        ("requires: [msi]\n", "`msi` needs extended device contexts"),
        ("requires: [pdt, pdt]\n", "`pdt` stands here twice"),
    ] {
        one_access(&path, head);
        let output = lockstep(&["check", path.path()]);
        assert_eq!(code(&output), 2, "{}", text(&output));
        assert!(text(&output).contains(complaint) && text(&output).contains(".yaml:3:"), "{}", text(&output));
    }
}

#[test]
fn check_knows_of_names_that_stand_twice_and_of_what_an_rtl_lacks() {
    let (first, second) = (Temporary::new("twice-a.yaml"), Temporary::new("twice-b.yaml"));
    one_access(&first, "");
    one_access(&second, "");
    let output = lockstep(&["check", first.path(), second.path()]);
    assert_eq!(code(&output), 2, "{}", text(&output));
    assert!(text(&output).contains("both name their scenario"), "{}", text(&output));
    assert_eq!(code(&lockstep(&["check", first.path(), first.path()])), 0, "one file is no two");
    let output = lockstep(&["check", "scenarios/translate", "--rtl", "hdl/iommu.yaml"]);
    assert_eq!(code(&output), 0, "{}", text(&output));
    let line = |name: &str| text(&output).lines().find(|line| line.contains(name)).expect("its line").to_owned();
    assert!(line("translate.qos-ids").contains("the RTL lacks qosid: "), "{}", text(&output));
    assert!(!line("translate.memory-types").contains("lacks"), "{}", text(&output));
}

#[test]
fn compare_puts_policies_side_by_side_and_draws_them() {
    let (json, svg) = (Temporary::new("compare.json"), Temporary::new("compare.svg"));
    let arguments = ["compare", "nested.s2-to-nested", "--policy", "rfc,sequenced", "--seeds", "1", "--dut", "model"];
    let output = lockstep(&[&arguments[..], &["--json", json.path(), "--svg", svg.path()]].concat());
    assert_eq!(code(&output), 0, "a software hazard is a finding here, not a failure: {}", text(&output));
    let document = json.json();
    let [rfc, sequenced] = &document["comparisons"][0]["columns"].as_array().expect("columns")[..] else {
        panic!("two policies, in the order that was asked for: {}", text(&output));
    };
    assert_eq!((&rfc["policy"], &sequenced["policy"]), (&"rfc".into(), &"sequenced".into()));
    assert_eq!(sequenced["figures"]["device_faults"], 0);
    assert!(rfc["figures"]["device_faults"].as_u64() > Some(0));
    for column in [rfc, sequenced] {
        let measures = &column["measures"];
        assert_eq!(measures["reconfigurations"], 100);
        assert!(measures["latency_worst"].as_f64() >= measures["latency_mean"].as_f64());
        assert!(measures["latency_mean"].as_f64() > Some(0.0));
    }
    let gap = |column: &Value| column["measures"]["stall"]["gap_worst"].as_u64().expect("traffic was disturbed");
    assert!(gap(sequenced) > 0 && gap(rfc) > gap(sequenced), "{} and {}", gap(rfc), gap(sequenced));
    let drawing = std::fs::read_to_string(svg.path()).expect("written");
    assert!(drawing.starts_with("<svg") && drawing.trim_end().ends_with("</svg>"));
    assert!(drawing.contains("<polyline") && drawing.contains("sequenced") && drawing.contains("rfc"));
}

#[test]
fn a_comparison_with_a_policy_that_the_matrix_lacks_exits_with_2() {
    let path = Temporary::new("matrix.yaml");
    let scenario = "name: matrix\ndescription: a\nmatrix: { policy: [sequenced] }\ndevices: { nic: { id: 1 } }\n\
                    steps: [ dma: { device: nic, read: 0x1000 } ]\nexpect:\n  - { device-faults: 1 }\n";
    std::fs::write(path.path(), scenario).expect("written");
    let output = lockstep(&["compare", path.path(), "--policy", "rfc", "--dut", "model"]);
    assert_eq!(code(&output), 2, "{}", text(&output));
    assert!(text(&output).contains("has no variant with policy rfc"), "{}", text(&output));
}

#[test]
fn a_failure_leaves_waves_that_end_behind_it() {
    let scenario = Temporary::new("filmed.yaml");
    let folder = Temporary::new("waves");
    let good = std::fs::read_to_string(root().join("scenarios/faults/device-ids.yaml")).expect("scenario");
    std::fs::write(&scenario.0, good.replace("device-faults: 4", "device-faults: 5")).expect("written");
    let film = format!("--waves-on-failure={}", folder.path());
    let output = lockstep(&["run", scenario.path(), "faults.page-tables", "--seeds", "1", &film]);
    assert_eq!(code(&output), 1, "{}", text(&output));
    let files = |ending: &str| -> Vec<PathBuf> {
        let all = std::fs::read_dir(&folder.0).expect("the folder").map(|entry| entry.expect("an entry").path());
        all.filter(|path| path.extension().is_some_and(|own| own == ending)).collect()
    };
    let (waves, saves, commands) = (files("fst"), files("gtkw"), files("sucl"));
    assert_eq!((waves.len(), saves.len(), commands.len()), (2, 2, 2), "of the runs that failed: {}", text(&output));
    assert!(text(&output).contains(&format!("gtkwave {}", saves[0].display())), "{}", text(&output));
    assert!(text(&output).contains(&format!("(cd {} && surfer -c ", folder.path())), "{}", text(&output));
    let shown = wellen::simple::read(&waves[0]).expect("waves");
    let hierarchy = shown.hierarchy();
    assert!(hierarchy.all_vars().any(|var| hierarchy[var].name(hierarchy) == "ptw_araddr_o"));
    let end = shown.time_table().last().copied().expect("not empty");
    assert!(end > 1000, "it shows more than reset: {end}");
    std::fs::remove_dir_all(&folder.0).expect("removed");

    let output = lockstep(&["run", scenario.path(), "--seeds", "1", "--waves-on-failure=/dev/null/waves"]);
    assert_eq!(code(&output), 1, "the failure counts more than its waves: {}", text(&output));
    assert!(text(&output).contains("error: cannot make the folder /dev/null/waves"), "{}", text(&output));
}

#[test]
fn waves_lead_to_what_was_found() {
    let folder = Temporary::new("story");
    let film = format!("--waves={}", folder.path());
    let output =
        lockstep(&["run", "hazard.skipped-invalidation[driver-fault=skip-unmap-flush]", "--seeds", "1", &film]);
    let saves: Vec<PathBuf> = std::fs::read_dir(&folder.0)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|own| own == "gtkw"))
        .collect();
    assert!(!saves.is_empty(), "{}", text(&output));
    for save in &saves {
        let name = save.file_stem().expect("a name").to_str().expect("UTF-8");
        let read = |file: String| std::fs::read_to_string(folder.0.join(&file)).expect(&file);
        let (shown, commands) = (read(format!("{name}.gtkw")), read(format!("{name}.sucl")));
        assert!(!shown.contains(folder.path()) && !commands.contains(folder.path()), "a folder can be moved: {shown}");
        let waves = wellen::simple::read(folder.0.join(format!("{name}.fst"))).expect("waves");
        let (first, last) = (waves.time_table()[0], waves.time_table()[waves.time_table().len() - 1]);
        // A request was answered by what a store had changed, and the markers lie in the waves.
        for marker in ["store", "offered", "accepted", "answered", "found"] {
            assert!(shown.lines().any(|line| line.starts_with("[markername] ") && line.contains(marker)), "{shown}");
            let mut set = commands.lines().filter(|line| line.starts_with("marker_set "));
            let set = set.find(|line| line.contains(marker)).expect(marker);
            let time: u64 = set.rsplit(' ').next().expect("a word").parse().expect("a time");
            assert!((first..=last).contains(&time), "{marker} at {time}, waves from {first} to {last}");
        }
        // Every signal that a group shows is one of the waves.
        let names = waves.hierarchy();
        let known: std::collections::HashSet<String> =
            names.all_vars().map(|var| names[var].full_name(names)).collect();
        let signals: Vec<&str> = shown.lines().filter(|line| line.starts_with("TOP.")).collect();
        let unknown = signals.iter().filter(|line| {
            // The file calls the last element `state.state[3]`, and who reads it `state.[3]`.
            let (around, own) = line.rsplit_once('.').expect("a scope");
            let array = around.rsplit('.').next().expect("a name");
            let own = own.strip_prefix(array).filter(|index| index.starts_with('[')).unwrap_or(own);
            let whole = format!("{around}.{own}");
            let bare = whole.rsplit_once('[').map_or(whole.as_str(), |(name, _)| name);
            !known.contains(bare) && !known.contains(&whole)
        });
        assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&&str>::new());
        assert!(shown.matches("@c00200").count() > 10, "an instance each: {shown}");
        // What the device read is said in words, and the table stands at the port.
        assert!(shown.contains(&format!("^1 {name}.read.txt\nTOP.ptw_rdata_i[63:0]\n")), "{shown}");
        let table = read(format!("{name}.read.txt"));
        for word in ["dc.tc V", "pte[0] V R W", "IOFENCE.C"] {
            assert!(table.lines().any(|line| line.contains(word)), "{word}: {table}");
        }
        let values: std::collections::HashSet<&str> = table.lines().map(|line| &line[..16]).collect();
        let mapping = read(format!(".surfer/mappings/{name}.read"));
        assert_eq!(mapping.lines().count(), values.len() + 2, "{mapping}");
        assert!(mapping.starts_with(&format!("Name = {name}.read\nBits = 64\n")), "{mapping}");
        assert!(commands.contains(&format!("item_set_format {name}.read\n")), "{commands}");
        assert!(folder.0.join(format!("{name}.trace.gz")).is_file(), "the trace lies beside it");
    }
    std::fs::remove_dir_all(&folder.0).expect("removed");
}

#[test]
fn the_model_has_no_waves() {
    let output = lockstep(&["run", "faults.device-ids", "--dut", "model", "--waves"]);
    assert_eq!(code(&output), 2, "{}", text(&output));
    assert!(text(&output).contains("the model has no waves"), "{}", text(&output));
}

/// A scenario of one run that goes on for hours.
fn endless(file: &Temporary) {
    let scenario = "name: endless\ndevices: { nic: { id: 1, domain: identity } }\nsteps:\n  \
                    - stream: { name: all, device: nic, range: { iova: 0x9000_0000, size: 4K } }\n  \
                    - wait: 4_000_000_000\n";
    std::fs::write(file.path(), scenario).expect("written");
}

#[test]
fn a_run_out_of_wall_clock_time_exits_with_5_and_keeps_its_figures() {
    let (scenario, json) = (Temporary::new("endless.yaml"), Temporary::new("endless.json"));
    endless(&scenario);
    let arguments = ["run", scenario.path(), "--dut", "model", "--seeds", "1", "--timeout", "1", "--json", json.path()];
    let output = lockstep(&arguments);
    assert_eq!(code(&output), 5, "{}", text(&output));
    assert!(text(&output).contains("1 s on the wall clock were over"), "{}", text(&output));
    let run = &json.json()["runs"][0];
    assert_eq!((&run["verdict"], &run["end"]["end"]), (&"timed-out".into(), &"out-of-time".into()));
    assert!(run["figures"]["cycles"].as_u64() > Some(0), "{run}");
}

/// The processes that a process has started.
fn children(parent: u32) -> Vec<String> {
    let all = std::fs::read_dir("/proc").expect("/proc").filter_map(|entry| Some(entry.ok()?.path()));
    let is_child = |process: &PathBuf| {
        let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default();
        fields.split_whitespace().nth(1) == Some(parent.to_string().as_str())
    };
    let name = |process: PathBuf| process.file_name().map(|name| name.to_string_lossy().into_owned());
    all.filter(is_child).filter_map(name).collect()
}

#[test]
fn a_worker_that_is_killed_exits_with_5_and_the_device_is_not_blamed() {
    let (scenario, json) = (Temporary::new("killed.yaml"), Temporary::new("killed.json"));
    endless(&scenario);
    let child = Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(["run", scenario.path(), "--dut", "model", "--seeds", "1", "--json", json.path()])
        .current_dir(root())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lockstep starts");
    let started = std::time::Instant::now();
    let worker = loop {
        std::thread::sleep(std::time::Duration::from_millis(300));
        if let Some(worker) = children(child.id()).into_iter().next() {
            break worker;
        }
        assert!(started.elapsed().as_secs() < 60, "no worker");
    };
    assert!(Command::new("kill").args(["-KILL", &worker]).status().expect("kill starts").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 5, "{}", text(&output));
    assert!(text(&output).contains("killed from outside: signal: 9"), "{}", text(&output));
    assert_eq!(json.json()["runs"][0]["verdict"], "killed");
}

/// Starts `lockstep`, interrupts it once it has finished something, and returns the JSON that it leaves.
fn interrupted(arguments: &[&str]) -> Value {
    let left = Temporary::new(&format!("interrupted-{}.json", arguments[..2].concat()));
    let file = Temporary::new(&format!("interrupted-{}.jsonl", arguments[..2].concat()));
    let journal = if arguments[0] == "run" { vec!["--journal", file.path()] } else { Vec::new() };
    let mut child = Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(arguments)
        .args(["-v", "-j", "2", "--json", left.path()])
        .args(journal)
        .current_dir(root())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lockstep starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map(|line| line.expect("UTF-8"));
    let is_done = |line: &String| line.contains("done");
    assert!(lines.any(|line| is_done(&line)), "it ended before it had finished anything");
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill starts");
    assert!(signal.success());
    let said: Vec<String> = lines.collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{said:#?}");
    assert!(said.iter().any(|line| line.contains("interrupted")), "{said:#?}");
    left.json()
}

#[test]
fn the_runs_that_are_finished_are_kept() {
    let results = interrupted(&["run", "faults.device-ids", "--dut", "model", "--seeds", "1000"]);
    assert!(!results["runs"].as_array().expect("runs").is_empty());
}

#[test]
fn a_waiver_is_not_called_unused_by_a_run_that_was_interrupted() {
    let (folder, file) = (Temporary::new("cut-scenarios"), Temporary::new("cut.yaml"));
    std::fs::create_dir_all(&folder.0).expect("a folder");
    std::fs::copy(root().join("scenarios/faults/device-ids.yaml"), folder.0.join("ids.yaml")).expect("copied");
    std::fs::write(&file.0, "waivers:\n  - { rule: fence-order, reason: of what was not played }\n").expect("written");
    let all = ["run", "--scenarios", folder.path(), "--dut", "model", "--seeds", "1000", "--waivers", file.path()];
    assert_eq!(interrupted(&all)["waivers"], Value::Array(Vec::new()));
    let _ = std::fs::remove_dir_all(&folder.0);
}

#[test]
fn the_hunts_that_are_finished_are_kept() {
    // The first one is caught at once; the other one never as often as it takes.
    let hunts = interrupted(&["habits", "TagsLackPageBit", "DdtSparesPointers", "--seeds", "1000000"]);
    let hunts = hunts.as_array().expect("hunts");
    assert_eq!(hunts.len(), 1);
    assert_eq!(hunts[0]["habit"], "TagsLackPageBit");
    assert_eq!(hunts[0]["catches"].as_array().map(Vec::len), Some(5));
}

#[test]
fn litmus_tests_come_out_as_they_should_and_their_illegal_devices_are_caught() {
    let output = lockstep(&["litmus", "--dut", "model"]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("| forbidden |") && text(&output).contains("caught, `"), "{}", text(&output));
}
