// SPDX-License-Identifier: Apache-2.0
//! The readers refuse what is no case, the comparison sees each field, and a device that does one thing wrong on its
//! wires does not pass.

use std::path::Path;

use boundary::{Dut, Groups, Inputs, Outputs, Stopped};
use model::{Habit, Model, ModelConfig};
use vectors::{Case, Scores, Walk, Which, parse, read};

use super::Rtl;

fn cases() -> Vec<Case> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/tests/data/cases.jsonl.gz");
    read(&file).unwrap_or_else(|error| panic!("{error}"))
}

/// Each 16th case: all classes are among them.
fn some() -> Vec<Case> {
    cases().into_iter().step_by(16).collect()
}

/// The model behind the wires, and what goes wrong on them.
struct Tampered {
    dut: Model,
    tamper: fn(&mut Outputs),
}

impl Dut for Tampered {
    fn cycle(&mut self, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), Stopped> {
        self.dut.cycle(inputs, outputs)?;
        (self.tamper)(outputs);
        Ok(())
    }

    fn groups(&self) -> Groups {
        self.dut.groups()
    }
}

fn on_wires(cases: &[Case], tamper: fn(&mut Outputs)) -> Scores {
    with_habit(cases, None, tamper)
}

fn with_habit(cases: &[Case], habit: Option<Habit>, tamper: fn(&mut Outputs)) -> Scores {
    let mut scores = Scores::default();
    for case in cases {
        let dut = Model::new(ModelConfig { habit, ..ModelConfig::plain(case.id) });
        scores.run_on_device(case, Rtl::new(case, Box::new(Tampered { dut, tamper }), case.id));
    }
    scores
}

/// Fields in which operations differ.
fn fields(scores: &Scores) -> Vec<&str> {
    let all = scores.mismatches.values().flatten().flat_map(|mismatch| &mismatch.differences);
    let mut fields: Vec<_> = all.map(|difference| difference.field.as_str()).collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}

#[test]
fn the_model_agrees_and_so_it_does_behind_the_wires() {
    let cases = some();
    let mut on_model = Scores::default();
    for case in &cases {
        on_model.run_on_model(case);
    }
    let total = on_model.total();
    assert!(total.scored > 800 && total.skipped == 0, "{total:?}");
    assert_eq!(total.agreed, total.scored, "{:?}", on_model.mismatches);
    let wires = on_wires(&cases, |_| {}).total();
    assert_eq!((wires.operations, wires.scored + wires.skipped), (total.operations, total.scored), "{wires:?}");
    assert!(wires.scored > 400, "{wires:?}");
    assert_eq!(wires.agreed, wires.scored);
}

#[test]
fn what_goes_wrong_on_the_wires_shows_in_its_field() {
    let cases = some();
    let check = |tamper: fn(&mut Outputs), expected: &str| {
        let scores = on_wires(&cases, tamper);
        let fields = fields(&scores);
        assert!(fields.contains(&expected), "{expected} not in {fields:?}");
        assert!(scores.total().agreed < scores.total().scored);
    };
    check(
        |outputs| {
            for address in [&mut outputs.mem.ar, &mut outputs.mem.aw] {
                address.addr ^= u64::from(address.valid) << 12;
            }
        },
        "pa",
    );
    check(|outputs| outputs.mem.ar.pbmt ^= u8::from(outputs.mem.ar.valid), "pbmt");
    check(
        |outputs| {
            if outputs.dev.r.resp == 2 {
                outputs.dev.r.resp = 0;
            }
        },
        "status",
    );
    // Cause 13 of a fault record becomes 12.
    check(
        |outputs| {
            let w = &mut outputs.ptw.w;
            if w.valid && w.data & 0xfff == 13 {
                w.data ^= 1;
            }
        },
        "fault records",
    );
    // The data of fences are the only writes of 4 bytes.
    check(
        |outputs| {
            let w = &mut outputs.ptw.w;
            if w.valid && matches!(w.strb, 0x0f | 0xf0) {
                w.data ^= 0x1_0000_0001;
            }
        },
        "writes",
    );
    check(|outputs| outputs.reg.r_data ^= u64::from(outputs.reg.r_valid) << 9, "value");
}

#[test]
fn what_software_is_told_is_compared_on_the_wires() {
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.class == "debug_if").step_by(8).collect();
    let right = on_wires(&cases, |_| {}).total();
    assert!(right.scored > 20 && right.agreed == right.scored, "{right:?}");
    for (habit, field) in [
        (Habit::DebugWrongAddress, "debug pa"),
        (Habit::DebugFaultHidden, "debug fault"),
        (Habit::DebugSizeTooLarge, "size"),
        (Habit::DebugFaultUnrecorded, "fault records"),
    ] {
        let scores = with_habit(&cases, Some(habit), |_| {});
        assert!(fields(&scores).contains(&field), "{}: {:?}", habit.name(), fields(&scores));
    }
}

#[test]
fn a_device_that_is_lost_does_not_agree_and_the_run_goes_on() {
    let cases = &some()[..8];
    let scores = on_wires(cases, |outputs| outputs.dev = Default::default());
    assert_eq!(scores.total().cases, 8);
    assert_eq!(fields(&scores), ["device"]);
    let operations: usize = cases.iter().map(|case| case.ops.len()).sum();
    assert_eq!(scores.total().operations, operations as u64);
}

#[test]
fn what_is_no_case_is_refused_with_a_reason() {
    let good = r#"{"id":1,"cls":"a","caps":"0x3800000210","p":{"fctl_reset":0,"gxl_writable":0,"be_writable":0,
        "rcid_bits":4,"mcid_bits":4,"hpm_counters":0,"hpm_bits":0,"icvec_bits":1},"manual_q":0,"setup":[[16,8,"0x1"]],
        "mem":[["0x1000","1"]],"ops":[{"op":"rd","off":72,"sz":4,"exp":{"val":0}}]}"#;
    parse(good).unwrap_or_else(|error| panic!("{error}"));
    for (from, to, reason) in [
        ("\"cls\":\"a\",", "", "missing field `cls`"),
        ("[16,8,", "[16,2,", "setup: an access has 4 or 8 bytes, not 2"),
        ("\"off\":72", "\"off\":74", "operation 0: off: 0x4a is no multiple of 4"),
        ("\"off\":72", "\"off\":4096", "operation 0: off: 4096 is beyond the registers"),
        ("\"rd\"", "\"dr\"", "operation 0: unknown variant `dr`"),
        ("\"0x1000\"", "\"0x1004\"", "mem: 0x1004 is no multiple of 8"),
        ("\"0x1000\"", "\"x\"", "invalid value: string \"x\""),
        (",\"exp\":{\"val\":0}", "", "operation 0: missing field `exp`"),
        ("{\"val\":0}", "{\"fq\":[[1,2]]}", "operation 0: exp: each row of fq has 4 numbers"),
        (
            "\"rd\",",
            "\"tr\",\"did\":1,\"pv\":0,\"pid\":0,\"priv\":0,\"at\":\"ats\",\"acc\":\"r\",\"iova\":0,",
            "needs st",
        ),
    ] {
        let wrong = good.replace(from, to);
        assert_ne!(wrong, good, "{from}");
        let error = parse(&wrong).err().unwrap_or_else(|| panic!("taken: {to}"));
        assert!(error.contains(reason), "{error}, not {reason}");
    }
}

#[test]
fn a_walk_reads_what_the_case_says_and_ends_as_it_expects() {
    let cases = cases();
    let mut walks = 0;
    for case in cases.iter().step_by(16) {
        for (at, op) in case.ops.iter().enumerate().filter(|(_, op)| op.action.is_translation()) {
            let walk = Walk::of(&cases, case.id, Some(at)).unwrap_or_else(|error| panic!("{error}"));
            let value: serde_json::Value = serde_json::from_str(&walk.json()).expect("JSON");
            let end = value["steps"].as_array().and_then(|steps| steps.last()).cloned().unwrap_or_default();
            let scored = !case.ambiguous && !op.ambiguous && op.alternative.is_none();
            if let (true, "fault", Some(cause)) = (scored, end["step"].as_str().unwrap_or(""), op.expected.cause) {
                assert_eq!(end["cause"], cause, "{}", walk.text());
                walks += 1;
            }
            if let (true, "translated", Some(pa), None) =
                (scored, end["step"].as_str().unwrap_or(""), op.expected.pa, op.expected.mrif)
            {
                assert_eq!(end["address"], format!("{pa:#x}"), "{}", walk.text());
                walks += 1;
            }
        }
    }
    assert!(walks > 400, "{walks}");
    assert!(Walk::of(&cases, u64::MAX, None).is_err());
    assert!(Walk::of(&cases, cases[0].id, Some(1_000_000)).is_err());
}

#[test]
fn a_translation_is_named_by_file_case_and_operation() {
    let which =
        |text: &str| text.parse::<Which>().map(|which| (which.file.display().to_string(), which.case, which.op));
    assert_eq!(which("a.gz:7"), Ok(("a.gz".to_owned(), 7, None)));
    assert_eq!(which("d/a:b.gz:7:0"), Ok(("d/a:b.gz".to_owned(), 7, Some(0))));
    for wrong in ["a.gz", "a.gz:x", ":7", "", "a.gz:7:"] {
        assert!(which(wrong).is_err(), "{wrong}");
    }
}
