// SPDX-License-Identifier: Apache-2.0
//! File lists (`.f`): the subset that every simulator shares.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::design::Design;
use crate::error::FileListError;

/// Nested lists deeper than this are taken for a list that includes itself.
const MAX_DEPTH: u32 = 32;

/// What a file list names. Paths are joined to the folder of the list that names them.
///
/// Understood: source files, `+incdir+DIR`, `-I DIR`, `+define+NAME=VALUE`, `-DNAME=VALUE`, `-f LIST` and
/// `-F LIST`, comments (`//`, `#`), and `$NAME`, `${NAME}`, `$(NAME)` from the environment. `.vlt` files are waivers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileList {
    /// Source files in order
    pub sources: Vec<PathBuf>,
    /// Include folders in order
    pub include: Vec<PathBuf>,
    /// Macros
    pub defines: BTreeMap<String, Option<String>>,
    /// Waiver files
    pub waivers: Vec<PathBuf>,
}

impl FileList {
    /// Reads `list`, a path relative to `root`; the paths in the result are relative to `root` as well.
    ///
    /// # Errors
    /// [`FileListError`] with file and line if a list cannot be read or has an argument that is not understood.
    pub fn read(root: &Path, list: &Path) -> Result<Self, FileListError> {
        let mut new = Self::default();
        new.add(root, list, 0)?;
        Ok(new)
    }

    fn add(&mut self, root: &Path, list: &Path, depth: u32) -> Result<(), FileListError> {
        let text = std::fs::read_to_string(root.join(list))
            .map_err(|source| FileListError::Read { file: list.to_owned(), source })?;
        let folder = list.parent().unwrap_or(Path::new("")).to_owned();
        for (index, line) in text.lines().enumerate() {
            let fail = |message: String| FileListError::Line { file: list.to_owned(), line: index + 1, message };
            let line = without_comment(line);
            let mut words = line.split_whitespace();
            while let Some(word) = words.next() {
                let word = expand(word).map_err(fail)?;
                let mut operand = |attached: &str| -> Result<String, FileListError> {
                    if !attached.is_empty() {
                        return Ok(attached.to_owned());
                    }
                    let next = words.next().ok_or_else(|| fail(format!("{word} needs an operand")))?;
                    expand(next).map_err(fail)
                };
                if let Some(folders) = word.strip_prefix("+incdir+") {
                    self.include.extend(folders.split('+').map(|name| folder.join(name)));
                } else if let Some(defines) = word.strip_prefix("+define+") {
                    defines.split('+').for_each(|text| self.define(text));
                } else if let Some(attached) = word.strip_prefix("-I") {
                    self.include.push(folder.join(operand(attached)?));
                } else if let Some(attached) = word.strip_prefix("-D") {
                    self.define(&operand(attached)?);
                } else if word == "-f" || word == "-F" {
                    if depth == MAX_DEPTH {
                        return Err(fail("file lists are nested too deeply: does this one name itself?".to_owned()));
                    }
                    let nested = folder.join(operand("")?);
                    self.add(root, &nested, depth + 1)?;
                } else if word.starts_with(['-', '+']) {
                    return Err(fail(format!("unknown argument `{word}`")));
                } else if word.ends_with(".vlt") {
                    self.waivers.push(folder.join(word));
                } else {
                    self.sources.push(folder.join(word));
                }
            }
        }
        Ok(())
    }

    fn define(&mut self, text: &str) {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        self.defines.insert(name.to_owned(), value);
    }

    /// Adds everything to `design`.
    pub fn add_to(self, design: &mut Design) {
        design.sources.extend(self.sources);
        design.include.extend(self.include);
        design.defines.extend(self.defines);
        design.waivers.extend(self.waivers);
    }
}

/// `//` begins a comment at the start of a word only: it may be part of a path.
fn without_comment(line: &str) -> &str {
    let starts_word = |at: usize| at == 0 || line[..at].ends_with(char::is_whitespace);
    let end = line
        .char_indices()
        .find(|&(at, _)| starts_word(at) && (line[at..].starts_with("//") || line[at..].starts_with('#')))
        .map_or(line.len(), |(at, _)| at);
    &line[..end]
}

/// Replaces references to environment variables.
fn expand(word: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, tail) = match after.chars().next() {
            Some(open @ ('{' | '(')) => {
                let close = if open == '{' { '}' } else { ')' };
                after[1..].split_once(close).ok_or_else(|| format!("`{word}`: {open} is not closed"))?
            }
            _ => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                after.split_at(end)
            }
        };
        let value = std::env::var(name).map_err(|_| format!("`{word}`: environment variable `{name}` is not set"))?;
        out.push_str(&value);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<FileList, FileListError> {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        FileList::read(root.path(), Path::new(files[0].0))
    }

    #[test]
    fn paths_are_relative_to_the_list_that_names_them() {
        let list = read(&[
            ("top.f", "a.sv // first\n# nothing\n+incdir+inc+more\n-f sub/x.f\n+define+A=1+B\n-D C=2\nw.vlt\n"),
            ("sub/x.f", "b.sv -Iinc\n"),
        ])
        .expect("a list");
        assert_eq!(list.sources, [Path::new("a.sv"), Path::new("sub/b.sv")]);
        assert_eq!(list.include, [Path::new("inc"), Path::new("more"), Path::new("sub/inc")]);
        assert_eq!(list.waivers, [Path::new("w.vlt")]);
        assert_eq!(list.defines["A"].as_deref(), Some("1"));
        assert_eq!(list.defines["B"], None);
        assert_eq!(list.defines["C"].as_deref(), Some("2"));
    }

    #[test]
    fn mistakes_name_the_line() {
        let message = |text: &str| read(&[("x.f", text)]).expect_err("a mistake").to_string();
        assert_eq!(message("a.sv\n--bind x\n"), "x.f:2: unknown argument `--bind`");
        assert_eq!(message("\n\n-I\n"), "x.f:3: -I needs an operand");
        assert_eq!(
            message("$LOCKSTEP_TEST_UNSET/a.sv"),
            "x.f:1: `$LOCKSTEP_TEST_UNSET/a.sv`: environment variable `LOCKSTEP_TEST_UNSET` is not set"
        );
        assert!(message("-f x.f").contains("nested too deeply"));
        assert!(message("-f y.f").starts_with("cannot read y.f"));
    }
}
