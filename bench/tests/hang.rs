//! A device that stops working is stopped by a bound, and not taken for a driver that waits too long.

use bench::model::{Habit, Model, ModelConfig};
use bench::runner::{Manner, load, play};
use bench::testbench::{End, RunOutcome};

fn played(habit: Option<Habit>) -> RunOutcome {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/nested/s2-to-nested.yaml");
    let loaded = load(path.as_ref()).expect("a good scenario");
    let first = loaded.scenario.variants().swap_remove(0);
    let scenario = loaded.scenario.with(&first).expect("a good variant");
    let model = Model::new(ModelConfig { habit, ..ModelConfig::plain(1) });
    play(&scenario, &loaded.text, Box::new(model), Manner { seed: 1, ..Manner::default() }).expect("it runs")
}

#[test]
fn a_command_queue_that_stands_still_hangs() {
    assert_eq!(played(None).end, End::Finished);
    let End::Hung { waiting } = played(Some(Habit::CommandsStall)).end else { panic!("it must hang") };
    assert!(waiting.contains("no progress of the command queue within 100000 cycles"), "{waiting}");
    assert!(waiting.contains("the command queue owes progress since cycle"), "{waiting}");
}
