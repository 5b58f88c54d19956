// SPDX-License-Identifier: Apache-2.0
//! Builds and runs the counter of the example, and designs that must be refused.
//!
//! Libraries go to the checkout's `target/duts`, so that the run time is compiled once for all tests.

#[path = "support/mod.rs"]
mod support;

use support::{Scratch, builder, counter, find, model, run};
use verilated::{Binding, Coverage, InitialValues, LoadError, ModelConfig, Options, PortSpec, StopKind};

#[test]
fn it_counts_by_its_parameters() {
    let library = builder().build(&counter().parameter("Step", 3), &Options::default()).expect("a library");
    let mut model = model(&library, 1);
    let counts: Vec<u64> = (0..5).map(|_| run(&mut model, 1, 200, 0).expect("a cycle")[0]).collect();
    assert_eq!(counts, [0, 3, 6, 9, 12]);
    assert_eq!(model.time(), 70);
}

#[test]
fn a_wide_port_takes_several_words() {
    let library = builder().build(&counter(), &Options::default()).expect("a library");
    let port = |name| model(&library, 1).port(name).cloned().expect("a port");
    assert_eq!((port("wide_i").width, port("wide_i").words(), port("wide_i").word), (100, 2, 3));

    let mut model = model(&library, 1);
    model.inputs_mut().copy_from_slice(&[0, 0, 0, 0x0123_4567_89ab_cde0, u64::MAX]);
    model.cycle().expect("a cycle");
    let at = model.port("wide_o").expect("a port").word;
    assert_eq!(model.outputs()[at..at + 2], [!0x0123_4567_89ab_cde0, 0], "36 bits in the upper word, inverted");
}

#[test]
fn defines_and_display_arrive() {
    let library = builder().build(&counter().define("COUNTER_GREETING", "\"here\""), &Options::default());
    let library = library.expect("a library");
    let mut model = model(&library, 1);
    run(&mut model, 1, 200, 0).expect("a cycle");
    assert_eq!(model.take_output(), "hello from here\n");
    assert_eq!(model.take_output(), "");
}

#[test]
fn a_failed_assertion_is_an_error_with_its_place_and_stays_one() {
    let library = builder().build(&counter(), &Options::default()).expect("a library");
    let mut first = model(&library, 1);
    let mut second = model(&library, 1);
    let stop = (0..20).find_map(|_| run(&mut first, 1, 5, 0).err()).expect("an assertion that fails");
    let line = find("counter.sv", "$error");
    assert_eq!((stop.kind, stop.file.as_str(), stop.line), (StopKind::Error, "counter.sv", line));
    assert!(stop.message.ends_with("LimitHolds: count 6 is past the limit 5"), "{}", stop.message);
    assert_eq!(run(&mut first, 1, 5, 0), Err(stop.clone()));
    assert_eq!(first.finish(), Err(stop));

    // An assertion without a text of its own, in another instance.
    let stop = (0..300).find_map(|_| run(&mut second, 1, 255, 0).err()).expect("an assertion that fails");
    assert_eq!(stop.line, find("counter.sv", "SmallEnough"));
    assert!(stop.message.contains("SmallEnough"), "{}", stop.message);
}

#[test]
fn a_place_in_a_folder_is_named_with_it() {
    let scratch = Scratch::new();
    let text = "module deep(input logic clk_i, input logic off_i);\n  \
                always_ff @(posedge clk_i) if (!off_i) $error(\"%0d:\\n%0d\", 1, 2);\nendmodule\n";
    scratch.write("rtl/deep.sv", text);
    let design = verilated::Design::new("deep", scratch.root()).source("rtl/deep.sv");
    let library = builder().build(&design, &Options::default()).expect("a library");
    let stop = model(&library, 1).cycle().expect_err("an error");
    assert_eq!((stop.kind, stop.file.as_str(), stop.line), (StopKind::Error, "rtl/deep.sv", 2));
    assert!(stop.message.ends_with("1:\n2"), "{}", stop.message);
}

#[test]
fn an_asynchronous_reset_acts_before_the_first_edge() {
    let library = builder().build(&counter(), &Options::default()).expect("a library");
    let mut model = library.instance(&ModelConfig::default()).expect("an instance");
    // Applied with the reset inactive, the random count would break an assertion in the first cycle.
    let (reset, count) = (model.port("rst_ni").expect("a port").word, model.port("count_o").expect("a port").word);
    for level in [1, 0] {
        model.inputs_mut()[reset] = level;
        model.apply().expect("no assertion");
        assert_eq!(model.time(), 0);
    }
    model.inputs_mut()[reset] = 1;
    model.cycle().expect("a count of 0, which is no more than the limit");
    assert_eq!(model.outputs()[count], 0);
}

#[test]
fn assertions_can_be_off_in_the_instance_or_in_the_build() {
    let library = builder().build(&counter(), &Options::default()).expect("a library");
    let config = ModelConfig { assertions: false, ..ModelConfig::default() };
    let mut model = library.instance(&config).expect("an instance");
    (0..20).for_each(|_| drop(run(&mut model, 1, 5, 0).expect("no assertion")));

    let without = builder().build(&counter(), &Options { assertions: false, ..Options::default() }).expect("a library");
    let mut model = support::model(&without, 1);
    (0..20).for_each(|_| drop(run(&mut model, 1, 5, 0).expect("no assertion")));
}

#[test]
fn system_tasks_that_end_a_simulation_are_errors() {
    let library = builder().build(&counter(), &Options::default()).expect("a library");
    for (wide, kind, text) in
        [(13, StopKind::Finish, "$finish"), (14, StopKind::Stop, "$stop"), (15, StopKind::Fatal, "$fatal")]
    {
        let mut model = model(&library, 1);
        let stop = run(&mut model, 1, 200, wide).expect_err("a stop");
        assert_eq!((stop.kind, stop.line), (kind, find("counter.sv", text)), "{stop}");
        if kind == StopKind::Fatal {
            assert!(stop.message.ends_with("wide_i ends in f"), "{}", stop.message);
        }
    }
}

#[test]
fn waves_show_the_window_that_was_asked_for() {
    let scratch = Scratch::new();
    let library = builder().build(&counter(), &Options { trace: true, ..Options::default() }).expect("a library");
    let mut model = model(&library, 1);
    let files = [scratch.path("first.fst"), scratch.path("second.fst")];
    for (index, file) in files.iter().enumerate() {
        (0..10).for_each(|_| drop(run(&mut model, 1, 200, 0).expect("a cycle")));
        model.trace_open(file).expect("a file");
        (0..20).for_each(|_| drop(run(&mut model, 1, 200, 0).expect("a cycle")));
        model.trace_close().expect("a complete file");
        // Two cycles of reset come first, and each cycle takes 10 ns.
        let start = 10 * (2 + 10 + 30 * index as u64);
        let (times, values) = support::waves(file, "count_o");
        assert_eq!((times.first(), times.last()), (Some(&start), Some(&(start + 195))));
        let counts: Vec<u64> = values.iter().map(|value| value.1).collect();
        let first = 10 + 30 * index as u64;
        assert_eq!(counts, (first..=first + 20).collect::<Vec<_>>());
    }
    assert!(matches!(model.trace_open(&scratch.path("no/such/folder.fst")), Err(LoadError::Trace(_))));
}

#[test]
fn waves_of_a_stopped_design_reach_the_failure() {
    let scratch = Scratch::new();
    let library = builder().build(&counter(), &Options { trace: true, ..Options::default() }).expect("a library");
    let mut model = model(&library, 1);
    let file = scratch.path("stopped.fst");
    model.trace_open(&file).expect("a file");
    let stop = (0..20).find_map(|_| run(&mut model, 1, 5, 0).err()).expect("an assertion that fails");
    drop(model);
    let (times, _) = support::waves(&file, "count_o");
    assert_eq!(times.last(), Some(&stop.time));
}

#[test]
fn a_library_without_waves_says_so() {
    let library = builder().build(&counter(), &Options::default()).expect("a library");
    let error = model(&library, 1).trace_open(&Scratch::new().path("x.fst")).expect_err("no waves");
    assert_eq!(error.to_string(), "cannot write waves: the design was built without waves");
}

#[test]
fn coverage_is_counted() {
    let scratch = Scratch::new();
    let options = Options { coverage: Coverage { line: true, toggle: true }, ..Options::default() };
    let library = builder().build(&counter(), &options).expect("a library");
    let mut model = model(&library, 1);
    (0..10).for_each(|_| drop(run(&mut model, 1, 200, 0).expect("a cycle")));
    let file = scratch.path("coverage.dat");
    model.coverage_write(&file).expect("a file");
    let text = std::fs::read_to_string(&file).expect("a text");
    let count = |line: &str| line.rsplit(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    assert!(text.contains("toggle") && text.lines().any(|line| line.contains("line") && count(line) >= 10), "{text}");
    assert!(matches!(model.coverage_write(&scratch.path("no/such/folder")), Err(LoadError::Coverage(_))));
}

#[test]
fn instances_do_not_disturb_each_other() {
    let library = builder().build(&counter(), &Options::default()).expect("a library");
    let other = builder().build(&counter().parameter("Step", 3), &Options::default()).expect("a library");
    let sequence = |seed| {
        let mut model = model(&library, seed);
        (0..50).map(|_| run(&mut model, 1, 200, 0).expect("a cycle")).collect::<Vec<_>>()
    };
    let (alone_1, alone_2) = (sequence(1), sequence(2));
    assert_ne!(alone_1, alone_2, "the seed must show in $urandom");

    // Interleaved on one thread, among instances of another library.
    let (mut first, mut noise, mut second) = (model(&library, 1), model(&other, 7), model(&library, 2));
    for cycle in 0..50 {
        assert_eq!(run(&mut first, 1, 200, 0).expect("a cycle"), alone_1[cycle]);
        assert_eq!(run(&mut noise, 1, 200, 0).expect("a cycle")[0], 3 * cycle as u64);
        assert_eq!(run(&mut second, 1, 200, 0).expect("a cycle"), alone_2[cycle]);
    }
    // On several threads at a time.
    std::thread::scope(|scope| {
        let runs: Vec<_> = [1, 2, 1, 2].into_iter().map(|seed| scope.spawn(move || (seed, sequence(seed)))).collect();
        for run in runs {
            let (seed, sequence) = run.join().expect("a thread");
            assert!(sequence == if seed == 1 { &alone_1[..] } else { &alone_2[..] });
        }
    });
}

#[test]
fn an_instance_may_move_between_threads() {
    let library = builder().build(&counter(), &Options::default()).expect("a library");
    let mut here = model(&library, 3);
    let mut model = model(&library, 3);
    for _ in 0..5 {
        let expected = run(&mut here, 1, 200, 0).expect("a cycle");
        let (back, seen) = std::thread::spawn(move || {
            let seen = run(&mut model, 1, 200, 0).expect("a cycle");
            (model, seen)
        })
        .join()
        .expect("a thread");
        model = back;
        assert_eq!(seen, expected);
    }
}

#[test]
fn initial_values_are_as_asked_for() {
    let library = builder().build(&counter(), &Options::default()).expect("a library");
    let unset = |initial, seed| {
        let config = ModelConfig { initial, seed, ..ModelConfig::default() };
        let mut model = library.instance(&config).expect("an instance");
        model.cycle().expect("a cycle");
        let port = model.port("unset_o").expect("a port").word;
        model.outputs()[port]
    };
    assert_eq!(unset(InitialValues::Zeros, 1), 0);
    assert_eq!(unset(InitialValues::Ones, 1), 0xffff);
    assert_eq!(unset(InitialValues::Random, 1), unset(InitialValues::Random, 1));
    assert_ne!(unset(InitialValues::Random, 1), unset(InitialValues::Random, 2));
}

#[test]
fn the_order_of_binding_is_the_order_of_the_words() {
    let binding = Binding::Exact {
        inputs: ["limit_i", "en_i", "rst_ni"].into_iter().zip([8, 1, 1]).map(|(n, w)| PortSpec::new(n, w)).collect(),
        outputs: vec![PortSpec::new("count_o", 8)],
        groups: vec![],
    };
    let scratch = Scratch::new();
    scratch.write(
        "narrow.sv",
        "module narrow(input logic clk_i, input logic rst_ni, input logic en_i, input logic [7:0] limit_i,\n\
         output logic [7:0] count_o);\n  always_ff @(posedge clk_i) count_o <= {limit_i[5:0], en_i, rst_ni};\nendmodule\n",
    );
    let library = builder().build(&scratch.design("narrow").bind(binding), &Options::default()).expect("a library");
    let mut model = model(&library, 1);
    model.inputs_mut().copy_from_slice(&[0b1010, 1, 0]);
    model.cycle().and_then(|()| model.cycle()).expect("two cycles");
    assert_eq!(model.outputs(), [0b10_1010]);
}

#[test]
fn a_loop_that_does_not_settle_is_an_error() {
    let scratch = Scratch::new();
    scratch.write(
        "loop.sv",
        "module ring(input logic clk_i, input logic on_i, output logic a_o);\n  \
         /* verilator lint_off UNOPTFLAT */\n  assign a_o = on_i & ~a_o;\nendmodule\n",
    );
    let design = verilated::Design::new("ring", scratch.root()).source("loop.sv");
    let library = builder().build(&design, &Options::default()).expect("a library");
    let mut model = model(&library, 1);
    model.cycle().expect("nothing to settle");
    model.inputs_mut()[0] = 1;
    let stop = model.cycle().expect_err("no value is stable");
    assert_eq!(stop.kind, StopKind::Runtime);
    assert!(stop.message.contains("converge"), "{stop}");
}
