// SPDX-License-Identifier: Apache-2.0
//! The matrix: settings to play a scenario with, every combination.

use serde::de::DeserializeOwned;

use super::at::{At, Named};
use super::axes::{Matrix, SETTINGS, Variant};
use super::diagnostic::Problem;
use super::expect::Expectation;
use super::file::Scenario;
use super::parse::read_variant;

impl Matrix {
    /// Every combination of the axes in the order of the file (the last axis changes fastest), less those that
    /// `exclude` names, plus those of `include`. One empty variant if there is no axis.
    fn combinations(&self) -> Vec<Vec<(At<String>, At<String>)>> {
        let mut all = vec![Vec::new()];
        for (axis, values) in &self.axes {
            all = all
                .into_iter()
                .flat_map(|head| {
                    values.0.iter().map(move |value| {
                        let mut combination = head.clone();
                        combination.push((axis.clone(), value.clone()));
                        combination
                    })
                })
                .collect();
        }
        let has = |combination: &[(At<String>, At<String>)], entry: &Named<At<String>>| {
            entry.iter().all(|(key, value)| combination.iter().any(|(axis, own)| axis == key && own == value))
        };
        all.retain(|combination| !self.exclude.iter().any(|entry| has(combination, entry)));
        if self.axes.is_empty() && !self.include.is_empty() {
            all.clear();
        }
        for entry in &self.include {
            let combination: Vec<_> = entry.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            if !all.contains(&combination) {
                all.push(combination);
            }
        }
        all
    }
}

impl Scenario {
    /// The variants that the matrix asks for.
    pub fn variants(&self) -> Vec<Variant> {
        let plain = |combination: Vec<(At<String>, At<String>)>| {
            Variant(combination.into_iter().map(|(axis, value)| (axis.value, value.value)).collect())
        };
        self.matrix.combinations().into_iter().map(plain).collect()
    }

    /// The scenario with the settings of a variant in force.
    ///
    /// # Errors
    /// A [`Problem`] that points to the axis or the value that does not fit.
    pub fn with(&self, variant: &Variant) -> Result<Scenario, Problem> {
        let source = self.source.as_ref();
        let mut scenario = match source {
            Some(source) => read_variant(source.text(), Some(source), variant)?,
            None => self.clone(),
        };
        for (axis, value) in variant.0.iter().filter(|(axis, _)| !source.is_some_and(|source| source.has(axis))) {
            let written = self.matrix.find(axis, value);
            scenario.set(&written.0, &written.1)?;
        }
        Ok(scenario)
    }

    /// Changes one setting, as a matrix or the command line asks for.
    ///
    /// # Errors
    /// A [`Problem`] if there is no such setting, or it cannot have this value.
    pub fn set(&mut self, axis: &At<String>, value: &At<String>) -> Result<(), Problem> {
        match axis.as_str() {
            "policy" => self.driver.policy = to(value)?,
            "flush" => self.driver.flush = to(value)?,
            "driver-fault" if value.as_str() == "none" => self.driver.faults.clear(),
            "driver-fault" => self.driver.faults = vec![to(value)?],
            "directory" => self.iommu.directory = to(value)?,
            "context" => self.iommu.context = Some(to(value)?),
            "physical-bits" => self.iommu.physical_bits = Some(to(value)?),
            // `sv39+sv39x4`
            "features" => {
                let names = value.value.split('+').map(|name| At::new(name.to_owned(), value.place));
                self.iommu.features = Some(names.map(|name| to(&name)).collect::<Result<_, _>>()?);
            }
            "ptw-latency" => self.memory.page_tables.latency = to(value)?.value,
            "dma-latency" => self.memory.dma.latency = to(value)?.value,
            "ptw-reorder" => self.memory.page_tables.reorder = to(value)?.value,
            "dma-reorder" => self.memory.dma.reorder = to(value)?.value,
            "requires" => {
                let needed = to(value)?;
                self.requires.retain(|own| *own != needed);
                self.requires.push(needed);
            }
            "process-directory" => {
                let directory = to(value)?;
                for device in self.devices.values_mut().filter(|device| device.process_directory.is_some()) {
                    device.process_directory = Some(directory);
                }
            }
            path => {
                let Some((setting @ ("mode" | "page"), name)) = path.split_once('.') else {
                    return Err(Problem::new(axis.place, format!("`{axis}` is no setting"), "not a setting")
                        .suggest(path, SETTINGS));
                };
                let names: Vec<String> = self.domains.names().map(str::to_owned).collect();
                let Some(domain) = self.domains.get_mut(name) else {
                    return Err(Problem::new(axis.place, format!("unknown domain `{name}`"), "no such domain")
                        .suggest(name, names.iter().map(String::as_str)));
                };
                if setting == "mode" {
                    domain.mode = Some(to(value)?);
                } else {
                    for mapping in &mut domain.map {
                        mapping.value.page = to(value)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What a variant must show: the last entry of `expect` that matches, or a pass if none does.
    pub fn expectation(&self, variant: &Variant) -> Expectation {
        let value_of = |axis: &str| match (variant.get(axis), axis) {
            (Some(value), _) => Some(value.to_owned()),
            (None, "policy") => Some(self.driver.policy.name().to_owned()),
            (None, "flush") => Some(self.driver.flush.name().to_owned()),
            (None, _) => None,
        };
        let matches = |entry: &Expectation| {
            entry
                .when
                .iter()
                .all(|(axis, values)| value_of(axis).is_some_and(|own| values.0.iter().any(|value| value.value == own)))
        };
        self.expect.iter().rev().find(|entry| matches(entry)).map(|entry| entry.value.clone()).unwrap_or_default()
    }
}

impl Matrix {
    /// Where an axis and a value were written.
    fn find(&self, axis: &str, value: &str) -> (At<String>, At<String>) {
        let of_axes = self.axes.iter().flat_map(|(key, values)| values.0.iter().map(move |own| (key, own)));
        let of_include = self.include.iter().flat_map(Named::iter);
        of_axes
            .chain(of_include)
            .find(|(key, own)| key.value == axis && own.value == value)
            .map_or_else(|| (axis.to_owned().into(), value.to_owned().into()), |(key, own)| (key.clone(), own.clone()))
    }
}

/// Reads a value of a matrix as the type of its setting.
fn to<T: DeserializeOwned>(value: &At<String>) -> Result<At<T>, Problem> {
    let options = serde_yaml::options! { with_snippet: false };
    serde_yaml::from_str_with_options(&value.value, options).map(|parsed| At::new(parsed, value.place)).map_err(
        |error| match error {
            serde_yaml::Error::SerdeUnknownVariant { variant, expected, .. } => {
                Problem::new(value.place, format!("unknown word `{variant}`"), "not known here")
                    .suggest(&variant, expected)
            }
            serde_yaml::Error::Message { msg, .. } => Problem::new(value.place, msg, "here"),
            _ => Problem::new(value.place, format!("`{value}` does not fit this setting"), "here"),
        },
    )
}

#[cfg(test)]
#[path = "matrix_tests.rs"]
mod tests;
