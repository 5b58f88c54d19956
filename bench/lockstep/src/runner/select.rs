// SPDX-License-Identifier: Apache-2.0
//! Which scenarios: files, dotted names, tags, and variants in brackets.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use scenario::{Diagnostics, Problem, Scenario, Variant, did_you_mean};

use super::broken::Broken;
use super::load::{Loaded, SelectError, files, is_same, load};

/// A scenario, and those of its variants that were asked for.
#[derive(Clone, Debug)]
pub struct Selected {
    /// The scenario
    pub loaded: Loaded,
    /// In the order of the matrix
    pub variants: Vec<Variant>,
}

/// What the selectors ask for.
#[derive(Debug, Default)]
pub struct Found {
    /// Sorted by name; each scenario stands there once
    pub scenarios: Vec<Selected>,
    /// Files that are no scenarios, sorted by path
    pub broken: Vec<Broken>,
}

impl Found {
    /// The scenarios, for whoever can do nothing without one of them.
    ///
    /// # Errors
    /// [`SelectError`]: the first file that is none.
    pub fn whole(self) -> Result<Vec<Selected>, SelectError> {
        match self.broken.into_iter().next() {
            Some(broken) => Err(broken.error),
            None => Ok(self.scenarios),
        }
    }
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
            Subject::Name(name) => is_below(&scenario.name, name),
        }
    }

    /// Whether it asks for a file that is no scenario; nobody knows where the file does not tell as much of itself.
    fn takes_broken(&self, broken: &Broken) -> bool {
        match &self.subject {
            Subject::File(path) => is_same(path, &broken.path),
            Subject::Tag(tag) => broken.tags.contains(tag),
            Subject::Name(name) => broken.name.as_ref().is_some_and(|own| is_below(own, name)),
        }
    }

    fn variants(&self, scenario: &Scenario) -> Vec<Variant> {
        let has = |variant: &Variant| self.settings.iter().all(|(axis, value)| variant.get(axis) == Some(value));
        scenario.variants().into_iter().filter(has).collect()
    }
}

/// A name is this one, or begins with it up to a dot.
fn is_below(name: &str, begin: &str) -> bool {
    name.strip_prefix(begin).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Reads the scenarios that the selectors ask for; all of the folder if there is none but such as begin with `not `, which
/// take away. A file with mistakes costs only itself: it is among what was found if it was asked for, and where nobody can
/// tell, it is left out with a warning.
///
/// # Errors
/// [`SelectError`]: no such file or folder, a selector that matches nothing.
pub fn select(folder: &Path, selectors: &[String]) -> Result<Found, SelectError> {
    let parsed = |text: &str| Ok((text.to_owned(), Selector::parse(text)?));
    let (mut more, mut less) = (Vec::new(), Vec::new());
    for text in selectors {
        match text.strip_prefix(NOT) {
            Some(text) => less.push(parsed(text.trim())?),
            None => more.push(parsed(text)?),
        }
    }
    let is_file = |(_, own): &(String, Selector)| matches!(own.subject, Subject::File(_));
    let needs_library = more.is_empty() || !more.iter().all(is_file);
    let (library, mut others) = if needs_library { read(folder)? } else { Default::default() };
    let mut found: BTreeMap<String, Selected> = BTreeMap::new();
    let mut broken: Vec<Broken> = Vec::new();
    if more.is_empty() {
        for loaded in &library {
            add(&mut found, loaded, loaded.scenario.variants())?;
        }
        broken.append(&mut others);
    }
    // Files first: a name may be that of one of them.
    more.sort_by_key(|selector| !is_file(selector));
    for (text, selector) in &more {
        let mut any = false;
        if let Subject::File(path) = &selector.subject {
            match load(path) {
                Ok(loaded) => {
                    let loaded = Loaded { by_path: true, ..loaded };
                    let variants = selector.variants(&loaded.scenario);
                    any = !variants.is_empty();
                    add(&mut found, &loaded, variants)?;
                }
                Err(SelectError::Unreadable { path, error }) if error.kind() == ErrorKind::NotFound => {
                    return Err(SelectError::Unreadable { path, error });
                }
                Err(error) => {
                    any = true;
                    others.retain(|other| !is_same(&other.path, path));
                    if !broken.iter().any(|own| is_same(&own.path, path)) {
                        broken.push(Broken::new(path, error));
                    }
                }
            }
        }
        any |= found.values().any(|one| selector.takes(&one.loaded.scenario) && one.loaded.by_path);
        for loaded in library.iter().filter(|loaded| selector.takes(&loaded.scenario)) {
            let variants = selector.variants(&loaded.scenario);
            any |= !variants.is_empty();
            add(&mut found, loaded, variants)?;
        }
        any |= broken.iter().any(|own| selector.takes_broken(own));
        for other in others.extract_if(.., |other| selector.takes_broken(other)) {
            any = true;
            broken.push(other);
        }
        if !any {
            // It may be in a file that cannot be read.
            return Err(match others.into_iter().next() {
                Some(other) => other.error,
                None => SelectError::Unknown { selector: text.clone(), help: suggestion(selector, &library, &found) },
            });
        }
    }
    for (text, selector) in &less {
        let of_file = |loaded: &Loaded| matches!(&selector.subject, Subject::File(path) if is_same(path, &loaded.path));
        let is_meant = |loaded: &Loaded| selector.takes(&loaded.scenario) || of_file(loaded);
        let known = library.iter().any(is_meant)
            || found.values().any(|one| is_meant(&one.loaded))
            || broken.iter().chain(&others).any(|own| selector.takes_broken(own));
        if !known {
            let help = suggestion(selector, &library, &found);
            return Err(SelectError::Unknown { selector: format!("{NOT}{text}"), help });
        }
        for one in found.values_mut().filter(|one| is_meant(&one.loaded)) {
            let away = selector.variants(&one.loaded.scenario);
            one.variants.retain(|variant| !away.contains(variant));
        }
        broken.retain(|own| !selector.takes_broken(own));
    }
    for other in &others {
        tracing::warn!("left out: {}", other.error);
    }
    broken.sort_by(|a, b| a.path.cmp(&b.path));
    let scenarios = found.into_values().filter(|selected| !selected.variants.is_empty()).collect();
    Ok(Found { scenarios, broken })
}

/// All scenarios of a folder, and the files that are none. A name belongs to the first file that has it.
fn read(folder: &Path) -> Result<(Vec<Loaded>, Vec<Broken>), SelectError> {
    let (mut library, mut broken): (Vec<Loaded>, Vec<Broken>) = Default::default();
    for path in files(folder)? {
        match load(&path) {
            Ok(loaded) => match library.iter().find(|one| one.scenario.name == loaded.scenario.name) {
                Some(first) => broken.push(Broken::new(&path, taken(&loaded, first))),
                None => library.push(loaded),
            },
            Err(error) => broken.push(Broken::new(&path, error)),
        }
    }
    Ok((library, broken))
}

/// The complaint about a name that another file has.
fn taken(loaded: &Loaded, first: &Loaded) -> SelectError {
    let name = &loaded.scenario.name;
    let message = format!("`{name}` is the name of the scenario in {}, too", first.path.display());
    let problem = Problem::new(name.place, message, "the second one").help("each scenario has a name of its own");
    SelectError::Wrong(Box::new(Diagnostics::new(&loaded.path.display().to_string(), &loaded.text, vec![problem])))
}

/// A selector that begins so takes away.
const NOT: &str = "not ";

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

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
