// SPDX-License-Identifier: Apache-2.0
//! Variables: `$name` stands for a value that `variables` or an axis of the matrix gives, wherever one value may stand.
//!
//! They are put into the text before it is read, so that any key can take one. What is read then lies elsewhere than in
//! the file: each place is led back to where its author wrote it.

use std::sync::Arc;

use serde::Deserialize;

use super::at::{At, Named};
use super::axes::{Matrix, SETTINGS, Variant};
use super::diagnostic::Problem;
use super::expect::Values;
use super::place::{Place, Shifts};

/// The text of a scenario with variables, and the value that each has where no variant says another one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    text: Arc<str>,
    values: Vec<(At<String>, At<String>)>,
}

/// What has to be known before the rest can be read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    variables: Named<At<String>>,
    matrix: Matrix,
}

impl Source {
    /// The variables of a scenario; none if it has none, or if it cannot be read.
    pub(super) fn of(text: &str) -> Option<Self> {
        if !text.contains('$') {
            return None;
        }
        let options = serde_yaml::options! { with_snippet: false };
        let head: Head = serde_yaml::from_str_with_options(text, options).ok()?;
        let given = head.variables.iter().map(|(name, value)| (name.clone(), value.clone()));
        let mut values: Vec<(At<String>, At<String>)> = given.collect();
        let included = head.matrix.include.iter().flat_map(Named::iter);
        let axes = head.matrix.axes.iter().filter_map(|(axis, Values(values))| Some((axis, values.first()?)));
        for (axis, first) in axes.chain(included) {
            let known = values.iter().any(|(name, _)| name == axis);
            if !known && is_free(axis) && mentions(text).any(|(_, name)| name == axis.as_str()) {
                values.push((axis.clone(), first.clone()));
            }
        }
        Some(Source { text: text.into(), values })
    }

    /// As it is written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The variable of this name exists.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.iter().any(|(own, _)| own.value == name)
    }

    /// The first variable that is given and stands nowhere, or has the name of a setting.
    pub(super) fn check(&self) -> Option<Problem> {
        self.values.iter().find_map(|(name, _)| {
            let what = format!("variable `{name}`");
            if !is_free(name) {
                let what = format!("{what} has a name that is taken, or is no word");
                return Some(
                    Problem::new(name.place, what, "not this name").help("small letters, digits and -, no setting"),
                );
            }
            let used = mentions(&self.text).any(|(_, own)| own == name.as_str());
            (!used).then(|| Problem::new(name.place, format!("{what} stands nowhere"), format!("no `${name}`")))
        })
    }

    /// The complaint about a value that is the name of no variable, instead of one about a value of the wrong kind.
    pub(super) fn unknown(&self, problem: &Problem) -> Option<Problem> {
        let here = self.text.get(problem.place.offset..)?;
        let (_, name) = mentions(here).next().filter(|(offset, name)| *offset == 0 && !self.has(name))?;
        let place = Place { offset: problem.place.offset, len: name.len() + 1 };
        let known = self.values.iter().map(|(own, _)| own.as_str());
        Some(Problem::new(place, format!("unknown variable `${name}`"), "no such variable").suggest(name, known))
    }

    /// The text with a value for each variable, and how places in it are led back.
    pub(super) fn filled(&self, variant: &Variant) -> (String, Shifts) {
        let mut filled = String::with_capacity(self.text.len());
        let (mut from, mut shifts) = (0, Shifts::default());
        for (offset, name) in mentions(&self.text) {
            let own = self.values.iter().find(|(own, _)| own.value == name).map(|(_, value)| value.as_str());
            let Some(value) = variant.get(name).filter(|_| own.is_some()).or(own) else { continue };
            filled.push_str(&self.text[from..offset]);
            let written = Place { offset, len: name.len() + 1 };
            shifts.add(Place { offset: filled.len(), len: value.len() }, written);
            filled.push_str(value);
            from = offset + written.len;
        }
        filled.push_str(&self.text[from..]);
        (filled, shifts)
    }
}

/// A word that is no setting of a matrix.
fn is_free(name: &str) -> bool {
    !SETTINGS.contains(&name)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Each `$name` in the text: where the dollar stands, and the name.
fn mentions(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('$').map(|(offset, _)| {
        let rest = &text[offset + 1..];
        let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        (offset, &rest[..end.unwrap_or(rest.len())])
    })
}

#[cfg(test)]
mod tests {
    use crate::parse;

    const TEXT: &str = "name: a.b
variables: { where: 0x1000 }
matrix:
  bytes: [8, 2048]
  policy: [sequenced, upstream]
devices: { nic: { id: 1 } }
steps:
  - dma: { device: nic, read: $where, bytes: $bytes, expect: any } # at $where
  - dma: { device: nicc, read: $where }
";

    #[test]
    fn a_variable_has_the_value_of_its_variant_and_places_stay_where_they_are_written() {
        let text = TEXT.replace("nicc", "nic");
        let scenario = parse("a.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}"));
        let variants = scenario.variants();
        assert_eq!(variants.len(), 4);
        assert_eq!(variants[2].to_string(), "[bytes=2048,policy=sequenced]");
        let bytes = |variant| {
            let scenario = scenario.with(variant).expect("settings are good");
            let crate::Step::Dma(dma) = &scenario.steps[0].value else { panic!() };
            assert_eq!(&text[dma.bytes.place.offset..][..dma.bytes.place.len], "$bytes");
            assert_eq!(dma.read.as_ref().map(|at| at.0), Some(0x1000));
            let line = text[..scenario.steps[1].place.offset].matches('\n').count();
            assert_eq!(line, 8);
            dma.bytes.0
        };
        assert_eq!(variants.iter().map(bytes).collect::<Vec<_>>(), [8, 8, 2048, 2048]);
    }

    fn complaint(text: &str) -> (String, String) {
        let wrong = parse("a.yaml", text).expect_err("something is wrong");
        let problem = &wrong.problems()[0];
        (problem.message.clone(), text[problem.place.offset..][..problem.place.len].to_owned())
    }

    #[test]
    fn what_is_wrong_is_shown_where_it_is_written() {
        assert_eq!(complaint(TEXT), ("unknown device `nicc`".into(), "nicc".into()));
        let text = TEXT.replace("nicc", "nic").replace("[8, 2048]", "[8, 4096]");
        let (message, place) = complaint(&text);
        assert!(message.contains("4K"), "{message}");
        assert_eq!(place, "$bytes", "in the second variant only");
        let text = TEXT.replace("nicc", "nic").replace("read: $where }", "read: $there }");
        assert_eq!(complaint(&text), ("unknown variable `$there`".into(), "$there".into()));
        let text = TEXT.replace("nicc", "nic").replace("where: 0x1000", "where: 0x1000, other: 3");
        assert_eq!(complaint(&text), ("variable `other` stands nowhere".into(), "other".into()));
        let text = TEXT.replace("nicc", "nic").replace("bytes: [", "bites: [");
        assert_eq!(complaint(&text).0, "unknown variable `$bytes`");
    }
}
