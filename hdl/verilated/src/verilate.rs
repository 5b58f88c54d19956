// SPDX-License-Identifier: Apache-2.0
//! Calls Verilator and reads its messages.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::design::Design;
use crate::error::{BuildError, Diagnostic, LintReport, Severity};
use crate::options::Options;
use crate::sources::Sources;
use crate::toolchain::{ToolError, Toolchain};

/// Prefix of all generated names.
pub(crate) const PREFIX: &str = "Vdut";

/// Statements in a generated file. Small enough for the compilers to share the work, large enough that the
/// headers do not dominate.
const OUTPUT_SPLIT: &str = "5000";

/// The arguments that decide what comes out; they are part of the hash.
pub(crate) fn arguments(design: &Design, options: &Options) -> Vec<String> {
    let mut list = common(design, options);
    // A warning is not a reason to refuse somebody's RTL: lint is asked for separately.
    list.extend(
        ["--cc", "-Wno-fatal", "--quiet", "--prefix", PREFIX, "--output-split", OUTPUT_SPLIT].map(str::to_owned),
    );
    list.extend(["--x-assign", "unique", "--x-initial", "unique"].map(str::to_owned));
    if options.trace {
        list.extend(["--trace-fst", "--trace-structs"].map(str::to_owned));
    }
    if options.coverage.line {
        list.push("--coverage-line".to_owned());
    }
    if options.coverage.toggle {
        list.push("--coverage-toggle".to_owned());
    }
    list
}

fn common(design: &Design, options: &Options) -> Vec<String> {
    // Without dataflow optimisation: it miscompiles some designs. Without timing: the clock comes from outside.
    let mut list = ["-fno-dfg", "--no-timing", "-Wno-STMTDLY", "--timescale", "1ns/1ns"].map(str::to_owned).to_vec();
    list.extend(["--top-module".to_owned(), design.top.clone()]);
    list.push(if options.assertions { "--assert" } else { "--no-assert" }.to_owned());
    list.extend(design.parameters.iter().map(|(name, value)| format!("-G{name}={value}")));
    list.extend(design.defines.iter().map(|(name, value)| match value {
        Some(value) => format!("-D{name}={value}"),
        None => format!("-D{name}"),
    }));
    list.extend(design.include.iter().map(|folder| format!("-I{}", folder.display())));
    list.extend(options.extra.iter().cloned());
    list.extend(design.waivers.iter().chain(&design.sources).map(|file| file.display().to_string()));
    list
}

/// Translates the design to C++ in the folder `output`. Returns the warnings, word for word.
pub(crate) fn translate(
    toolchain: &Toolchain,
    design: &Design,
    options: &Options,
    sources: &Sources,
    output: &Path,
) -> Result<String, BuildError> {
    let mut command = toolchain.verilator();
    command.arg("--Mdir").arg(output).args(arguments(design, options));
    let (success, log) = run(&mut command, design)?;
    if !success {
        return Err(BuildError::Verilator { design: design.name.clone(), diagnostics: diagnostics(&log), log });
    }
    let list = output.join(format!("{PREFIX}__verFiles.dat"));
    let text = std::fs::read_to_string(&list).map_err(|source| BuildError::Source { file: list, source })?;
    for file in files_read(&text) {
        let place = design.locate(&file);
        if !place.starts_with(toolchain.root()) && !sources.covers(&place) {
            return Err(BuildError::Untracked { file });
        }
    }
    Ok(log)
}

/// Checks the design with all warnings on.
pub(crate) fn lint(toolchain: &Toolchain, design: &Design, options: &Options) -> Result<(), LintReport> {
    let mut command = toolchain.verilator();
    command.args(["--lint-only", "-Wall", "-Wno-fatal", "--quiet"]).args(common(design, options));
    let (success, log) = run(&mut command, design)?;
    let diagnostics = diagnostics(&log);
    if success && diagnostics.is_empty() {
        return Ok(());
    }
    Err(LintReport::Findings { design: design.name.clone(), diagnostics, log })
}

fn run(command: &mut Command, design: &Design) -> Result<(bool, String), BuildError> {
    command.current_dir(design.locate(Path::new(".")));
    let output = command.output().map_err(|source| ToolError::Start { program: "Verilator".to_owned(), source })?;
    let mut log = String::new();
    for line in String::from_utf8_lossy(&output.stdout).lines().chain(String::from_utf8_lossy(&output.stderr).lines()) {
        if !is_advice(line) {
            log.push_str(line);
            log.push('\n');
        }
    }
    log.truncate(log.trim_end().len());
    if !output.status.success() && log.is_empty() {
        log = format!("ended without a message: {}", output.status);
    }
    Ok((output.status.success(), log))
}

/// Lines that are the same for every message and lead to pages of version 0.000.
fn is_advice(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("... See the manual at")
        || line.starts_with("... For error description see")
        || line.starts_with("... For warning description see")
        || line.starts_with("... Use \"/* verilator lint_off")
        || line.starts_with("- V e r i l a t i o n")
        || line.starts_with("- Verilator: ")
}

/// Takes Verilator's messages apart: `%Error-CODE: file:line:column: text`.
pub(crate) fn diagnostics(log: &str) -> Vec<Diagnostic> {
    log.lines().filter_map(diagnostic).collect()
}

fn diagnostic(line: &str) -> Option<Diagnostic> {
    let (severity, rest) = match line.strip_prefix("%Error") {
        Some(rest) => (Severity::Error, rest),
        None => (Severity::Warning, line.strip_prefix("%Warning")?),
    };
    let (code, rest) = rest.split_once(": ")?;
    if rest.starts_with("Exiting due to") {
        return None;
    }
    let code = code.strip_prefix('-').map(str::to_owned);
    let (file, line, column, message) = match place(rest) {
        Some((file, line, column, message)) => (Some(file), line, column, message),
        None => (None, 0, 0, rest),
    };
    Some(Diagnostic { severity, code, file, line, column, message: message.to_owned() })
}

fn place(text: &str) -> Option<(PathBuf, u32, u32, &str)> {
    let (place, message) = text.split_once(": ")?;
    let (place, last) = place.rsplit_once(':')?;
    let last: u32 = last.parse().ok()?;
    match place.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?))) {
        Some((file, line)) => Some((PathBuf::from(file), line, last, message)),
        None => Some((PathBuf::from(place), last, 0, message)),
    }
}

/// The files that Verilator read: lines `S … "hash" "name"`.
fn files_read(text: &str) -> impl Iterator<Item = PathBuf> {
    text.lines().filter(|line| line.starts_with("S ")).filter_map(|line| {
        let name = line.trim_end().strip_suffix('"')?;
        Some(PathBuf::from(&name[name.rfind('"')? + 1..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_apart() {
        let log = "%Error: a/b.sv:3:21: syntax error, unexpected ';'\n    3 | x ;\n\
                   %Warning-WIDTHTRUNC: b.sv:7:1: Operator: too wide\n\
                   %Error: Cannot find file containing module: 'x'\n%Error: Exiting due to 2 error(s)";
        let found = diagnostics(log);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].to_string(), "a/b.sv:3:21: error: syntax error, unexpected ';'");
        assert_eq!(found[1].to_string(), "b.sv:7:1: warning[WIDTHTRUNC]: Operator: too wide");
        assert_eq!(found[2].file, None);
        assert_eq!(found[2].message, "Cannot find file containing module: 'x'");
    }

    #[test]
    fn the_list_of_files_read_is_understood() {
        let text = "# note\nC \"--cc x\"\nS  10 1 2 0 3 0 \"hash\" \"a b.sv\"\nT 1 2 3 \"unhashed\" \"out.cpp\"\n";
        assert_eq!(files_read(text).collect::<Vec<_>>(), [PathBuf::from("a b.sv")]);
    }
}
