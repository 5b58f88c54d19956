// SPDX-License-Identifier: Apache-2.0
//! A device that stops working is stopped by a bound, and not taken for a driver that waits too long. What was found
//! first stays, and a run that was stopped from outside says nothing of the device.

use std::time::Duration;

use boundary::{Address, Dut, Groups, Inputs, Outputs, Stopped};
use bus::BusConfig;
use driver::Machine;
use lockstep::runner::{RunOptions, load, play};
use model::{CAPABILITIES, Habit, Model, ModelConfig};
use scenario::parse;
use testbench::{Bounds, Config, End, RunOutcome, Testbench};

fn played(habit: Option<Habit>) -> RunOutcome {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/nested/s2-to-nested.yaml");
    let loaded = load(path.as_ref()).expect("a good scenario");
    let first = loaded.scenario.variants().swap_remove(0);
    let scenario = loaded.scenario.with(&first).expect("a good variant");
    let model = Model::new(ModelConfig { habit, ..ModelConfig::plain(1) });
    play(&scenario, &loaded.text, Box::new(model), RunOptions { seed: 1, ..RunOptions::default() }).expect("it runs")
}

#[test]
fn a_command_queue_that_stands_still_hangs() {
    assert_eq!(played(None).end, End::Finished);
    let End::Hung { waiting } = played(Some(Habit::CommandsStall)).end else { panic!("it must hang") };
    assert!(waiting.contains("no progress of the command queue within 100000 cycles"), "{waiting}");
    assert!(waiting.contains("the command queue owes progress since cycle"), "{waiting}");
}

/// The model, with something done to its wires.
struct Bent<F>(Model, F);

impl<F: FnMut(&mut Inputs, &mut Outputs, &mut Model)> Dut for Bent<F> {
    fn cycle(&mut self, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), Stopped> {
        let mut inputs = *inputs;
        (self.1)(&mut inputs, outputs, &mut self.0);
        Ok(())
    }

    fn groups(&self) -> Groups {
        self.0.groups()
    }
}

/// A model that never accepts DMA.
fn deaf() -> Box<dyn Dut> {
    let bend = |inputs: &mut Inputs, outputs: &mut Outputs, model: &mut Model| {
        (inputs.dev.ar.valid, inputs.dev.aw.valid, inputs.dev.w.valid) = (false, false, false);
        model.cycle(inputs, outputs).expect("the model never stops");
        (outputs.dev.ar_ready, outputs.dev.aw_ready, outputs.dev.w_ready) = (false, false, false);
    };
    Box::new(Bent(Model::new(ModelConfig::plain(1)), bend))
}

fn small(steps: &str) -> (scenario::Scenario, String) {
    let text = format!(
        "name: small\niommu: {{ bounds: {{ request: 2000 }} }}\n\
         domains: {{ red: {{ kind: paging, map: [{{ iova: 0x1000_0000, pages: 16 }}] }} }}\n\
         devices: {{ nic: {{ id: 0x12, domain: red }} }}\nsteps:\n  \
         - stream: {{ name: all, device: nic, range: {{ iova: 0x1000_0000, size: 64K }} }}\n{steps}"
    );
    (parse("small.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}")), text)
}

#[test]
fn a_stream_that_is_never_accepted_does_not_stop_for_ever() {
    for steps in ["  - wait: 100\n  - stop: all\n", "  - wait: 100\n  - drain\n", "  - wait: 100\n"] {
        let (scenario, text) = small(steps);
        let outcome =
            play(&scenario, &text, deaf(), RunOptions { seed: 1, ..RunOptions::default() }).expect("out of reset");
        let End::Hung { waiting } = outcome.end else { panic!("{steps}: {:?}", outcome.end) };
        let wanted = "a request was offered and not accepted within 2000 cycles";
        assert!(waiting.contains(wanted), "{steps}: {waiting}");
        assert!((2000..20_000).contains(&outcome.figures.cycles), "{steps}: {}", outcome.figures.cycles);
    }
}

#[test]
fn a_violation_is_not_overwritten_by_a_hang_that_comes_of_it() {
    // A read burst across 4 KiB, while software waits for a register.
    let bend = |inputs: &mut Inputs, outputs: &mut Outputs, model: &mut Model| {
        model.cycle(inputs, outputs).expect("the model never stops");
        outputs.reg.ar_ready = false;
        if inputs.reg.ar_valid {
            outputs.ptw.ar =
                Address { valid: true, addr: 0x8000_0ff8, len: 7, size: 3, burst: 1, ..Address::default() };
        }
    };
    let config =
        Config { capabilities: CAPABILITIES, bus: BusConfig::default(), bounds: Bounds::default(), oracle: None };
    let dut = Box::new(Bent(Model::new(ModelConfig::plain(1)), bend));
    let mut bench = Testbench::new(config, dut, 1).expect("out of reset");
    assert!(bench.read_register(golden::offset::FQT, 4).is_err());
    // As a driver does that cleans up behind itself.
    assert!(bench.read_register(golden::offset::FQCSR, 4).is_err());
    assert!(bench.write_register(golden::offset::FQH, 4, 0).is_err());
    let outcome = bench.finish(None);
    assert_eq!(outcome.end, End::Violation, "{outcome:?}");
    assert!(outcome.violation.is_some_and(|finding| finding.rule == "protocol" || finding.rule.contains("axi")));
}

#[test]
fn a_run_that_is_out_of_time_keeps_what_it_has_shown() {
    let (scenario, text) = small("  - wait: 4_000_000_000\n");
    let options = RunOptions { seed: 1, timeout: Some(Duration::from_millis(300)), ..RunOptions::default() };
    let outcome = play(&scenario, &text, Box::new(Model::new(ModelConfig::plain(1))), options).expect("out of reset");
    let End::OutOfTime { cycle, .. } = outcome.end else { panic!("{:?}", outcome.end) };
    assert_eq!(outcome.figures.cycles, cycle);
    assert!(outcome.figures.dma_transactions > 0 && outcome.violation.is_none());
}
