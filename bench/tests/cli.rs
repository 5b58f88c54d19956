//! The command line from outside: what is printed, what is written, what the process exits with.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("bench lies in the workspace").to_owned()
}

fn lockstep(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(arguments)
        .current_dir(root())
        .env_remove("GITHUB_ACTIONS")
        .output()
        .expect("lockstep starts")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it exits by itself")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
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
fn a_mistake_exits_with_2_and_points_to_line_and_column() {
    let output = lockstep(&["run", &fixture("misspelt.yaml"), "--dut", "model"]);
    assert_eq!(code(&output), 2);
    let shown = text(&output);
    assert!(shown.contains("misspelt.yaml:3:28") && shown.contains("did you mean `space`?"), "{shown}");
    assert!(shown.contains("overlapping mappings: 0x10001000..=0x10001fff"), "{shown}");
    assert_eq!(text(&lockstep(&["check", &fixture("misspelt.yaml")])), shown, "check says the same");
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
    assert_eq!(documents[0]["runs"].as_array().map(Vec::len), Some(8));
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
    assert!(shown.contains("iommu.sv:7:") && shown.contains("syntax error"), "{shown}");
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
