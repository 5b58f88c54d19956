// SPDX-License-Identifier: Apache-2.0
//! Files that are no scenarios: what is wrong with them, and what they tell of themselves all the same.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::load::SelectError;

/// A mistake in the file of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mistake {
    /// Line, from 1
    pub line: u32,
    /// Column, from 1; columns count characters
    pub column: u32,
    /// What is wrong
    pub message: String,
    /// A suggestion
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Mistake {
    /// In a line: `a.yaml:2:11: unknown key …; did you mean …?`
    pub fn said(&self, file: &str) -> String {
        let Mistake { line, column, message, help } = self;
        let help = help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        format!("{file}:{line}:{column}: {message}{help}")
    }
}

/// A file that is no scenario.
#[derive(Debug)]
pub struct Broken {
    /// The file
    pub path: PathBuf,
    /// Why it is none
    pub error: SelectError,
    /// Its text, as far as it is one
    pub(super) text: String,
    /// The name that it gives its scenario, if that can be told
    pub(super) name: Option<String>,
    /// Its tags, as far as they can be told
    pub(super) tags: Vec<String>,
}

/// What a file tells of itself even where the rest is wrong.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    name: Option<String>,
    tags: Vec<String>,
}

impl Broken {
    /// A file that could not be read as a scenario.
    pub(super) fn new(path: &Path, error: SelectError) -> Broken {
        let text = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let Head { name, tags } = scenario::from_yaml(&path.display().to_string(), &text).unwrap_or_default();
        Broken { path: path.to_owned(), error, name: name.or_else(|| named(&text)), tags, text }
    }

    /// What is wrong with it, in the order of the file.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let SelectError::Wrong(diagnostics) = &self.error else {
            return vec![Mistake { line: 1, column: 1, message: self.error.to_string(), help: None }];
        };
        let mistake = |problem: &scenario::Problem| {
            let (line, column) = diagnostics.line_column(problem);
            let (message, help) = (problem.message.clone(), problem.help.clone());
            Mistake { line: line as u32, column: column as u32, message, help }
        };
        diagnostics.problems().iter().map(mistake).collect()
    }
}

/// The name in a text that is no YAML.
fn named(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("name:"))?;
    value.split_whitespace().next().map(str::to_owned)
}
