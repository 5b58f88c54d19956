// SPDX-License-Identifier: Apache-2.0
//! `lockstep slurm`, beside a queue that plays each job at once: what is sent, and what becomes of tasks that are lost.
//! `ci/slurm` tries the same on a real one.

mod command;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use command::{lockstep, root, text};
use serde_json::Value;

/// `sbatch` that plays a job before it returns. Tasks whose numbers stand in the file `lost` are lost, once a line.
const SBATCH: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$@" >> "$here/sent"
for word; do
    case $word in
        --array=*) array=${word#--array=} ;;
        --output=*) log=${word#--output=} ;;
        --cpus-per-task=*) SLURM_CPUS_PER_TASK=${word#*=}; export SLURM_CPUS_PER_TASK ;;
        --*) ;;
        *) break ;;
    esac
    shift
done
number=$(($(cat "$here/number" 2>/dev/null || echo 100) + 1))
echo $number > "$here/number"
if [ -n "$array" ]; then
    for part in $(echo "$array" | tr , ' '); do
        for task in $(seq "${part%-*}" "${part#*-}"); do
            if grep -qx "$task" "$here/lost" 2>/dev/null; then
                sed -i "0,/^$task\$/d" "$here/lost"
                continue
            fi
            SLURM_ARRAY_TASK_ID=$task sh "$@" >> "$(dirname "$log")/shard-$task.log" 2>&1
        done
    done
else
    sh "$@" >> "$log" 2>&1
fi
echo "$number;cluster"
"#;

/// Nothing is ever waiting.
const SQUEUE: &str = "#!/bin/sh\n";

/// A cluster, and a folder for a regression on it.
struct Cluster {
    tools: PathBuf,
    folder: PathBuf,
}

impl Cluster {
    fn new(name: &str) -> Cluster {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("slurm-{name}"));
        let _ = std::fs::remove_dir_all(&folder);
        let tools = folder.join("tools");
        std::fs::create_dir_all(&tools).expect("a folder");
        for (name, script) in [("sbatch", SBATCH), ("squeue", SQUEUE)] {
            let file = tools.join(name);
            std::fs::write(&file, script).expect("written");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("it can be run");
        }
        // Names with a blank have to come through.
        Cluster { tools, folder: folder.join("the results") }
    }

    fn lose(&self, tasks: &str) {
        std::fs::write(self.tools.join("lost"), tasks).expect("written");
    }

    fn sent(&self) -> String {
        std::fs::read_to_string(self.tools.join("sent")).unwrap_or_default()
    }

    fn send(&self, options: &[&str], run: &[&str]) -> Output {
        self.send_from(&std::env::var("PATH").unwrap_or_default(), options, run)
    }

    /// With these folders for programs behind those of the cluster.
    fn send_from(&self, folders: &str, options: &[&str], run: &[&str]) -> Output {
        let path = format!("{}:{folders}", self.tools.display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.current_dir(root()).env("PATH", path).args(["slurm", "--folder"]).arg(&self.folder);
        command.args(options).arg("--").args(run).output().expect("it starts")
    }

    fn results(&self) -> Value {
        without_times(&self.folder.join("results.json"))
    }
}

fn without_times(file: &Path) -> Value {
    let mut document: Value = serde_json::from_slice(&std::fs::read(file).expect("results")).expect("JSON");
    document.as_object_mut().expect("an object").remove("times");
    document
}

/// What is played in these tests.
const RUNS: [&str; 5] = ["faults.device-ids", "--dut", "model", "--seeds", "12"];

#[test]
fn tasks_of_a_cluster_come_to_what_one_machine_comes_to() {
    let cluster = Cluster::new("whole");
    let options = ["--shards", "3", "--wait", "--partition", "long", "--time", "1:00:00", "--cpus", "2"];
    let output = cluster.send(&options, &RUNS);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let whole = cluster.folder.join("whole.json");
    let own = lockstep(&[&["run"][..], &RUNS, &["--json", whole.to_str().expect("UTF-8")]].concat());
    assert_eq!(own.status.code(), Some(0), "{}", text(&own));
    assert_eq!(cluster.results(), without_times(&whole));
    let sent = cluster.sent();
    let (tasks, merge) = sent.trim().split_once('\n').expect("two jobs");
    for option in ["--array=1-3", "--partition=long", "--time=1:00:00", "--cpus-per-task=2", "--requeue"] {
        assert!(tasks.contains(option), "{tasks}");
    }
    assert!(merge.contains("--dependency=afterany:101") && merge.contains("--partition=long"), "{merge}");
    assert!(["results.xml", "results.html"].iter().all(|name| cluster.folder.join(name).exists()));
    // All of it is there: nothing is sent.
    let output = cluster.send(&options, &RUNS);
    assert_eq!((output.status.code(), cluster.sent()), (Some(0), sent), "{}", text(&output));
}

#[test]
fn a_task_that_is_lost_is_sent_again_alone() {
    let cluster = Cluster::new("lost");
    cluster.lose("2\n2\n");
    let output = cluster.send(&["--shards", "3", "--wait"], &RUNS);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let arrays: Vec<String> =
        cluster.sent().split_whitespace().filter(|word| word.starts_with("--array")).map(str::to_owned).collect();
    assert_eq!(arrays, ["--array=1-3", "--array=2", "--array=2"]);
    assert_eq!(cluster.results()["summary"]["runs"], 24);
}

#[test]
fn what_stays_lost_is_said_and_played_by_the_same_command() {
    let cluster = Cluster::new("gone");
    cluster.lose("2\n2\n");
    let options = ["--shards", "3", "--retries", "1", "--wait"];
    let output = cluster.send(&options, &RUNS);
    assert_eq!(output.status.code(), Some(130), "{}", text(&output));
    assert_eq!(cluster.results()["summary"]["interrupted"], 8);
    let log = std::fs::read_to_string(cluster.folder.join("merge.log")).expect("a log");
    assert!(log.contains("lost, also when they were sent again: tasks 2"), "{log}");
    let output = cluster.send(&options, &RUNS);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(
        cluster.sent().lines().rev().nth(1).is_some_and(|tasks| tasks.contains("--array=2 ")),
        "{}",
        cluster.sent()
    );
    assert_eq!(cluster.results()["summary"]["interrupted"], 0);
}

#[test]
fn mistakes_are_told_before_anything_is_sent() {
    let cluster = Cluster::new("mistakes");
    let shards = ["--shards", "2"];
    for (run, what) in [
        (&["faults.device-idz", "--dut", "model"][..], "faults.device-ids"),
        (&["faults", "--sheed", "3"], "--seed"),
        (&["faults", "--shard", "1/2"], "--shard cannot stand behind --"),
        (&["faults", "-j", "2"], "--jobs cannot stand behind --: it comes of --cpus"),
        (&["faults", "--rtl", "no-such.yaml"], "no-such.yaml"),
    ] {
        let output = cluster.send(&shards, run);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains(what), "{}", text(&output));
    }
    assert_eq!(cluster.sent(), "");
    let _ = std::fs::remove_dir_all(&cluster.folder);
    assert_eq!(cluster.send(&["--shards", "2", "--dry-run"], &RUNS).status.code(), Some(0));
    assert!(cluster.folder.join("shard.sh").exists() && cluster.sent().is_empty());
    let output = cluster.send(&["--shards", "4"], &RUNS);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("has another regression: 2 shards"), "{}", text(&output));
    // Without Slurm.
    std::fs::remove_file(cluster.tools.join("sbatch")).expect("it was there");
    let output = cluster.send_from("", &shards, &RUNS);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("cannot start sbatch"), "{}", text(&output));
}

#[test]
fn jobs_that_end_without_results_are_not_waited_for() {
    let cluster = Cluster::new("nothing");
    cluster.lose("1\n2\n");
    let output = cluster.send(&["--shards", "2", "--retries", "0", "--wait"], &RUNS);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("have ended without results"), "{}", text(&output));
    let log = std::fs::read_to_string(cluster.folder.join("merge.log")).expect("a log");
    assert!(log.contains("no task has left results"), "{log}");
}
