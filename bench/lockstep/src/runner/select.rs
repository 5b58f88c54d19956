// SPDX-License-Identifier: Apache-2.0
//! Which scenarios: files, dotted names, tags, and variants in brackets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scenario::{Diagnostics, Scenario, Variant, did_you_mean};

/// A scenario with the text that it was read from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The file
    pub path: PathBuf,
    /// Its text
    pub text: String,
    /// What it says
    pub scenario: Scenario,
    /// It was asked for by its path, not by its name
    pub by_path: bool,
}

/// A scenario, and those of its variants that were asked for.
#[derive(Clone, Debug)]
pub struct Selected {
    /// The scenario
    pub loaded: Loaded,
    /// In the order of the matrix
    pub variants: Vec<Variant>,
}

/// Why nothing could be selected.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// A scenario has mistakes
    #[error("{0}")]
    Wrong(Box<Diagnostics>),
    /// A file or folder cannot be read
    #[error("cannot read {path}: {error}", path = .path.display())]
    Unreadable {
        /// Which
        path: PathBuf,
        /// Why
        error: std::io::Error,
    },
    /// A selector matches nothing
    #[error("no scenario matches `{selector}`{}", .help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
    Unknown {
        /// The selector
        selector: String,
        /// What there is
        help: Option<String>,
    },
    /// Text in brackets that is no list of settings
    #[error("`{0}` is no selector: write `name[axis=value,axis=value]`")]
    Syntax(String),
    /// Two files have a scenario of the same name
    #[error("{first} and {second} both name their scenario `{name}`", first = .first.display(), second = .second.display())]
    Twice {
        /// The name
        name: String,
        /// One file
        first: PathBuf,
        /// The other
        second: PathBuf,
    },
}

/// What a selector asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    File(PathBuf),
    Tag(String),
    Name(String),
}

/// `name[axis=value]`, `@tag`, `path/to/file.yaml[axis=value]`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Selector {
    subject: Subject,
    settings: Vec<(String, String)>,
}

impl Selector {
    fn parse(text: &str) -> Result<Selector, SelectError> {
        let syntax = || SelectError::Syntax(text.to_owned());
        let (head, settings) = match text.split_once('[') {
            None => (text, Vec::new()),
            Some((head, tail)) => {
                let list = tail.strip_suffix(']').ok_or_else(syntax)?;
                let setting = |item: &str| {
                    let (axis, value) = item.split_once('=').ok_or_else(syntax)?;
                    Ok((axis.trim().to_owned(), value.trim().to_owned()))
                };
                (head, list.split(',').map(setting).collect::<Result<_, SelectError>>()?)
            }
        };
        let subject = if let Some(tag) = head.strip_prefix('@') {
            Subject::Tag(tag.to_owned())
        } else if head.contains('/') || head.ends_with(".yaml") || head.ends_with(".yml") {
            Subject::File(head.into())
        } else if head.is_empty() {
            return Err(syntax());
        } else {
            Subject::Name(head.to_owned())
        };
        Ok(Selector { subject, settings })
    }

    fn takes(&self, scenario: &Scenario) -> bool {
        match &self.subject {
            Subject::File(_) => false,
            Subject::Tag(tag) => scenario.tags.iter().any(|own| own.value == *tag),
            Subject::Name(name) => {
                scenario.name.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
        }
    }

    fn variants(&self, scenario: &Scenario) -> Vec<Variant> {
        let has = |variant: &Variant| self.settings.iter().all(|(axis, value)| variant.get(axis) == Some(value));
        scenario.variants().into_iter().filter(has).collect()
    }
}

/// Reads the scenarios that the selectors ask for; all of the folder if there is none but such as begin with `not `, which
/// take away. The result is sorted by name; each scenario stands there once. A file with mistakes costs only itself where
/// others were asked for by name: it is left out, with a warning.
///
/// # Errors
/// [`SelectError`]: an unreadable or wrong file, a selector that matches nothing.
pub fn select(folder: &Path, selectors: &[String]) -> Result<Vec<Selected>, SelectError> {
    let parsed = |text: &str| Ok((text.to_owned(), Selector::parse(text)?));
    let (mut more, mut less) = (Vec::new(), Vec::new());
    for text in selectors {
        match text.strip_prefix(NOT) {
            Some(text) => less.push(parsed(text.trim())?),
            None => more.push(parsed(text)?),
        }
    }
    let is_file = |(_, own): &(String, Selector)| matches!(own.subject, Subject::File(_));
    let (mut library, mut broken) = (Vec::new(), Vec::new());
    if more.is_empty() || !more.iter().all(is_file) {
        for loaded in files(folder)?.iter().map(|path| load(path)) {
            match loaded {
                Ok(loaded) => library.push(loaded),
                Err(error) => broken.push(error),
            }
        }
    }
    let mut found: BTreeMap<String, Selected> = BTreeMap::new();
    if more.is_empty() {
        if let Some(error) = broken.into_iter().next() {
            return Err(error);
        }
        for loaded in &library {
            add(&mut found, loaded, loaded.scenario.variants())?;
        }
        broken = Vec::new();
    }
    // Files first: a name may be that of one of them.
    more.sort_by_key(|selector| !is_file(selector));
    for (text, selector) in &more {
        let mut any = false;
        if let Subject::File(path) = &selector.subject {
            let loaded = Loaded { by_path: true, ..load(path)? };
            let variants = selector.variants(&loaded.scenario);
            any = !variants.is_empty();
            add(&mut found, &loaded, variants)?;
        }
        any |= found.values().any(|one| selector.takes(&one.loaded.scenario) && one.loaded.by_path);
        for loaded in library.iter().filter(|loaded| selector.takes(&loaded.scenario)) {
            let variants = selector.variants(&loaded.scenario);
            any |= !variants.is_empty();
            add(&mut found, loaded, variants)?;
        }
        if !any {
            // It may be in a file that cannot be read.
            return Err(match broken.into_iter().next() {
                Some(error) => error,
                None => SelectError::Unknown { selector: text.clone(), help: suggestion(selector, &library, &found) },
            });
        }
    }
    for (text, selector) in &less {
        let of_file = |loaded: &Loaded| matches!(&selector.subject, Subject::File(path) if is_same(path, &loaded.path));
        let is_meant = |loaded: &Loaded| selector.takes(&loaded.scenario) || of_file(loaded);
        let known = library.iter().any(is_meant) || found.values().any(|one| is_meant(&one.loaded));
        if !known {
            let help = suggestion(selector, &library, &found);
            return Err(SelectError::Unknown { selector: format!("{NOT}{text}"), help });
        }
        for one in found.values_mut().filter(|one| is_meant(&one.loaded)) {
            let away = selector.variants(&one.loaded.scenario);
            one.variants.retain(|variant| !away.contains(variant));
        }
    }
    for error in &broken {
        tracing::warn!("left out: {error}");
    }
    Ok(found.into_values().filter(|selected| !selected.variants.is_empty()).collect())
}

/// A selector that begins so takes away.
const NOT: &str = "not ";

/// Two paths lead to one file.
fn is_same(a: &Path, b: &Path) -> bool {
    a == b || a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

fn add(found: &mut BTreeMap<String, Selected>, loaded: &Loaded, variants: Vec<Variant>) -> Result<(), SelectError> {
    let name = loaded.scenario.name.value.clone();
    let entry = found.entry(name).or_insert_with(|| Selected { loaded: loaded.clone(), variants: Vec::new() });
    if !is_same(&entry.loaded.path, &loaded.path) {
        return Err(SelectError::Twice {
            name: loaded.scenario.name.value.clone(),
            first: entry.loaded.path.clone(),
            second: loaded.path.clone(),
        });
    }
    // In the order of the matrix, however many selectors asked for them.
    let wanted = |variant: &Variant| entry.variants.contains(variant) || variants.contains(variant);
    entry.variants = loaded.scenario.variants().into_iter().filter(wanted).collect();
    Ok(())
}

fn suggestion(selector: &Selector, library: &[Loaded], found: &BTreeMap<String, Selected>) -> Option<String> {
    let names: Vec<String> = match &selector.subject {
        Subject::File(_) => found.values().flat_map(variant_names).collect(),
        Subject::Tag(_) => {
            library.iter().flat_map(|own| own.scenario.tags.iter().map(|tag| format!("@{tag}"))).collect()
        }
        Subject::Name(_) if library.iter().any(|own| selector.takes(&own.scenario)) => {
            found.values().flat_map(variant_names).collect()
        }
        Subject::Name(_) => library.iter().map(|own| own.scenario.name.value.clone()).collect(),
    };
    let mut names = names;
    names.sort();
    names.dedup();
    let wrong = match &selector.subject {
        Subject::Tag(tag) => format!("@{tag}"),
        Subject::Name(name) => name.clone(),
        Subject::File(path) => path.display().to_string(),
    };
    did_you_mean(&wrong, names.iter().map(String::as_str))
}

fn variant_names(selected: &Selected) -> Vec<String> {
    let scenario = &selected.loaded.scenario;
    scenario.variants().iter().map(|variant| format!("{}{variant}", scenario.name)).collect()
}

/// Reads and checks one scenario file.
///
/// # Errors
/// [`SelectError::Unreadable`] or [`SelectError::Wrong`].
pub fn load(path: &Path) -> Result<Loaded, SelectError> {
    let unreadable = |error| SelectError::Unreadable { path: path.to_owned(), error };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let name = path.display().to_string();
    let scenario = scenario::parse(&name, &text).map_err(|wrong| SelectError::Wrong(Box::new(wrong)))?;
    Ok(Loaded { path: path.to_owned(), text, scenario, by_path: false })
}

/// All scenario files below a folder, sorted by path.
///
/// # Errors
/// [`SelectError::Unreadable`] for a folder that cannot be read.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, SelectError> {
    let unreadable = |error| SelectError::Unreadable { path: folder.to_owned(), error };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            paths.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
