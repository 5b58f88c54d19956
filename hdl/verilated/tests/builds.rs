// SPDX-License-Identifier: Apache-2.0
//! The store of builds, lint, and everything that is refused.

#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Barrier;

use support::{Scratch, builder, counter, unique};
use verilated::{
    Binding, BuildError, Design, Library, LintReport, LoadError, Options, PortProblem, PortSpec, Severity,
};

const WIRE: &str = "module wire_through(input logic clk_i, input logic [3:0] a_i, output logic [3:0] b_o);\n  \
                    always_ff @(posedge clk_i) b_o <= a_i;\nendmodule\n";

fn wire(scratch: &Scratch) -> Design {
    scratch.write("wire_through.sv", &format!("{}{WIRE}", unique()));
    scratch.design("wire_through")
}

/// Removes what a test with a unique design leaves in the store.
fn forget(library: &Library) {
    let folder = library.file().parent().expect("a folder");
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn a_second_build_is_found_and_an_edit_is_another() {
    let scratch = Scratch::new();
    let design = wire(&scratch).include(".");
    let first = builder().build(&design, &Options::default()).expect("a library");
    assert!(first.fresh());
    let time = |library: &Library| std::fs::metadata(library.file()).and_then(|meta| meta.modified()).expect("a file");
    let built = time(&first);
    let again = builder().build(&design, &Options::default()).expect("a library");
    assert!(!again.fresh() && again.file() == first.file() && time(&again) == built);

    // Neither how many compilers run, nor where the files lie or what the design is called, is part of it.
    let moved = Scratch::new();
    std::fs::copy(scratch.path("wire_through.sv"), moved.path("wire_through.sv")).expect("a copy");
    let mut same = moved.design("wire_through").include(".");
    same.name = "another name".to_owned();
    let options = Options { jobs: std::num::NonZeroUsize::new(1), ..Options::default() };
    assert_eq!(builder().build(&same, &options).expect("a library").hash(), first.hash());

    // A header that nothing includes might be included through a macro: it counts.
    scratch.write("extra.svh", "`define EXTRA\n");
    let edited = builder().build(&design, &Options::default()).expect("a library");
    assert!(edited.fresh() && edited.hash() != first.hash());
    [first, edited].iter().for_each(forget);
}

#[test]
fn every_setting_is_another_library() {
    let scratch = Scratch::new();
    let design = wire(&scratch);
    let base = builder().build(&design, &Options::default()).expect("a library");
    let assertions = builder().build(&design, &Options { assertions: false, ..Options::default() });
    let clock = builder().build(&design.clone().define("X", 1), &Options::default());
    let others = [assertions.expect("a library"), clock.expect("a library")];
    assert!(others.iter().all(|other| other.fresh() && other.hash() != base.hash()));
    others.iter().for_each(forget);
    forget(&base);
}

#[test]
fn builds_of_one_design_at_a_time_make_it_once() {
    let scratch = Scratch::new();
    let design = wire(&scratch);
    let barrier = Barrier::new(4);
    let libraries: Vec<Library> = std::thread::scope(|scope| {
        let build = || {
            barrier.wait();
            builder().build(&design, &Options::default()).expect("a library")
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(build)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    });
    assert_eq!(libraries.iter().filter(|library| library.fresh()).count(), 1);
    assert!(libraries.iter().all(|library| library.file() == libraries[0].file()));
    assert!(libraries.iter().all(|library| library.instance(&Default::default()).is_ok()));
    forget(&libraries[0]);
}

#[test]
fn what_an_interrupted_build_left_is_no_hindrance() {
    let scratch = Scratch::new();
    let design = wire(&scratch);
    let library = builder().build(&design, &Options::default()).expect("a library");
    let done = library.file().parent().expect("a folder").to_owned();
    let part = done.with_extension("part");
    std::fs::rename(&done, &part).expect("an unfinished build");
    std::fs::remove_file(part.join("libdut.so")).expect("no library yet");
    std::fs::write(part.join("half.o"), "half").expect("an unfinished object");
    let library = builder().build(&design, &Options::default()).expect("a library");
    assert!(library.fresh() && !part.exists());
    forget(&library);
}

#[test]
fn a_library_can_be_opened_by_its_file() {
    let library = builder().build(&counter(), &Options::default()).expect("a library");
    let again = Library::open(library.file()).expect("the same library");
    assert!(again.instance(&Default::default()).is_ok());

    let scratch = Scratch::new();
    scratch.write("x.so", "not a library");
    for file in [scratch.path("x.so"), scratch.path("missing.so")] {
        let error = Library::open(&file).expect_err("no library");
        assert!(matches!(error, LoadError::Library { .. }) && error.to_string().contains(".so"), "{error}");
    }
}

#[test]
fn a_syntax_error_is_shown_with_file_and_line() {
    let scratch = Scratch::new();
    scratch.write("rtl/bad.sv", "module bad(input logic clk_i);\n  logic a = ;\nendmodule\n");
    let design = Design::new("bad", scratch.root()).source("rtl/bad.sv");
    let error = builder().build(&design, &Options::default()).expect_err("a syntax error");
    assert!(error.to_string().contains("rtl/bad.sv:2:13: syntax error"), "{error}");
    let BuildError::Verilator { diagnostics, .. } = error else { panic!("{error}") };
    assert_eq!(diagnostics.len(), 1);
    assert_eq!((diagnostics[0].file.as_deref(), diagnostics[0].line), (Some(Path::new("rtl/bad.sv")), 2));
    assert_eq!(diagnostics[0].severity, Severity::Error);
}

#[test]
fn what_verilator_cannot_find_is_refused() {
    let scratch = Scratch::new();
    let message = |design: Design| match builder().build(&design, &Options::default()) {
        Err(error @ BuildError::Verilator { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let text = message(wire(&scratch).top("nothing"));
    assert!(text.contains("'nothing' was not found"), "{text}");
    let text = message(wire(&scratch).parameter("Depth", 3));
    assert!(text.contains("Depth"), "{text}");
    scratch.write("include.sv", "`include \"missing.svh\"\nmodule x(input logic clk_i); endmodule\n");
    let text = message(scratch.design("include"));
    assert!(text.contains("include.sv:1:") && text.contains("missing.svh"), "{text}");
}

#[test]
fn a_missing_file_is_refused_by_name() {
    let scratch = Scratch::new();
    let message = |design: Design| match builder().build(&design, &Options::default()) {
        Err(error @ BuildError::Source { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(message(scratch.design("missing")).starts_with("cannot read missing.sv: "));
    assert!(message(wire(&scratch).include("nowhere")).starts_with("cannot read nowhere: "));
    assert!(message(wire(&scratch).waiver("none.vlt")).starts_with("cannot read none.vlt: "));
    let none = builder().build(&Design::new("empty", scratch.root()), &Options::default());
    assert!(matches!(none, Err(BuildError::NoSources { .. })));
}

#[test]
fn a_file_that_the_hash_would_miss_is_refused() {
    let scratch = Scratch::new();
    scratch.write("inc/hidden.txt", "// nothing\n");
    scratch
        .write("macro.sv", "`define NAME \"hidden.txt\"\n`include `NAME\nmodule macro(input logic clk_i); endmodule\n");
    let error = builder().build(&scratch.design("macro").include("inc"), &Options::default()).expect_err("untracked");
    assert!(matches!(&error, BuildError::Untracked { file } if file.ends_with("hidden.txt")), "{error}");
}

#[test]
fn ports_that_do_not_fit_are_all_listed() {
    let specs = |list: &[(&str, u32)]| list.iter().map(|&(name, width)| PortSpec::new(name, width)).collect();
    let design = counter().bind(Binding::Exact {
        inputs: specs(&[("rst_ni", 1), ("enable_i", 1), ("limit_i", 9), ("wide_i", 100)]),
        outputs: specs(&[("count_o", 8), ("wide_o", 100), ("random_o", 32)]),
        groups: vec![],
    });
    let error = builder().build(&design, &Options::default()).expect_err("ports");
    let BuildError::Ports { top, problems } = &error else { panic!("{error}") };
    assert_eq!(top, "counter");
    assert_eq!(problems.len(), 4, "{error}");
    assert!(matches!(&problems[0], PortProblem::Missing { name, .. } if name == "enable_i"));
    assert!(matches!(&problems[1], PortProblem::Width { name, wanted: 9, found: 8 } if name == "limit_i"));
    assert!(matches!(&problems[2], PortProblem::Extra { name, .. } if name == "en_i"));
    assert!(matches!(&problems[3], PortProblem::Extra { name, .. } if name == "unset_o"));

    let error = builder().build(&counter().clock("clock"), &Options::default()).expect_err("no clock");
    assert!(error.to_string().contains("missing: clock clock"), "{error}");
}

#[test]
fn warnings_do_not_stop_a_build_and_are_kept() {
    let scratch = Scratch::new();
    let text = "module narrow(input logic clk_i, input logic [3:0] a_i, output logic [2:0] b_o);\n  \
                assign b_o = a_i;\nendmodule\n";
    scratch.write("narrow.sv", text);
    let library = builder().build(&scratch.design("narrow"), &Options::default()).expect("a library");
    assert!(library.warnings().contains("narrow.sv:2:"), "{}", library.warnings());
}

#[test]
fn lint_finds_and_waivers_hide() {
    builder().lint(&counter().waiver("counter.vlt"), &Options::default()).expect("a clean design");

    let scratch = Scratch::new();
    let text = "module narrow(input logic clk_i, input logic [3:0] a_i, output logic [2:0] b_o);\n  \
                always_ff @(posedge clk_i) b_o <= a_i;\nendmodule\n";
    scratch.write("narrow.sv", text);
    let design = scratch.design("narrow");
    let Err(LintReport::Findings { diagnostics, log, .. }) = builder().lint(&design, &Options::default()) else {
        panic!("nothing found")
    };
    let codes: Vec<_> = diagnostics.iter().filter_map(|found| found.code.as_deref()).collect();
    assert_eq!(codes, ["WIDTHTRUNC", "UNUSEDSIGNAL"], "{log}");
    assert_eq!((diagnostics[0].line, diagnostics[0].severity), (2, Severity::Warning));

    scratch.write("narrow.vlt", "`verilator_config\nlint_off -file \"*narrow.sv\"\n");
    let waived = builder().lint(&design.waiver("narrow.vlt"), &Options::default());
    assert!(waived.is_ok(), "{waived:?}");

    let failed = builder().lint(&scratch.design("missing"), &Options::default());
    assert!(matches!(failed, Err(LintReport::Failed(BuildError::Source { .. }))));
}
