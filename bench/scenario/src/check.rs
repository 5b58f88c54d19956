// SPDX-License-Identifier: Apache-2.0
//! Does everything in a scenario fit together? In each of its variants.

mod ats;
mod domains;
mod steps;
mod warnings;

use super::at::{At, Named};
use super::axes::Variant;
use super::diagnostic::Problem;
use super::domain::Driver;
use super::expect::{Expectation, Limit};
use super::file::Scenario;
use super::place::Place;
use super::requirement::Requirement;
use super::variables::Source;

/// Mnemonics of the commands that may be counted.
const COMMANDS: [&str; 7] =
    ["IOTINVAL.VMA", "IOTINVAL.GVMA", "IODIR.INVAL_DDT", "IODIR.INVAL_PDT", "IOFENCE.C", "ATS.INVAL", "ATS.PRGR"];

/// More variants than this are a mistake.
const MOST_VARIANTS: usize = 1024;

/// Bytes of the driver's memory.
pub const DRIVER_MEMORY: u64 = 256 << 20;

/// Entries of the largest queue that the driver's memory has room for.
const MOST_ENTRIES: u32 = 1 << 16;

impl Scenario {
    /// All that is wrong with it; empty if it can be played. What is wrong in several variants is said once.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_name(&self.name, &mut problems);
        if self.seeds.value == 0 {
            problems.push(Problem::new(self.seeds.place, "a scenario is played with one seed at least", "no seed"));
        }
        for tag in &self.tags {
            if !is_word(tag) {
                problems.push(Problem::new(tag.place, format!("`{tag}` is no tag"), "small letters, digits and -"));
            }
        }
        for (index, needed) in self.requires.iter().enumerate() {
            if let Some(first) = self.requires[..index].iter().find(|first| first.value == needed.value) {
                let problem = Problem::new(needed.place, format!("`{needed}` stands here twice"), "the second one");
                problems.push(problem.and(first.place, "the first one"));
            }
        }
        problems.extend(self.source.as_ref().and_then(Source::check));
        if !self.check_matrix(&mut problems) {
            return problems;
        }
        let variants = self.variants();
        let mut checked = false;
        for variant in &variants {
            match self.with(variant) {
                Ok(scenario) => {
                    scenario.check_variant(&mut problems);
                    checked = true;
                }
                Err(problem) => problems.push(problem),
            }
        }
        if !checked {
            self.check_variant(&mut problems);
        }
        for entry in &self.expect {
            self.check_expectation(entry, &variants, &mut problems);
        }
        problems.sort_by_key(|problem| problem.place);
        problems.dedup();
        problems
    }

    fn check_variant(&self, problems: &mut Vec<Problem>) {
        self.check_requirements(problems);
        self.check_machine(problems);
        self.check_domains(problems);
        self.check_devices(problems);
        self.check_steps(problems);
    }

    /// False if the matrix cannot be expanded.
    fn check_matrix(&self, problems: &mut Vec<Problem>) -> bool {
        let before = problems.len();
        let mut count = 1_usize;
        for (axis, values) in &self.matrix.axes {
            count = count.saturating_mul(values.0.len());
            if values.0.is_empty() {
                problems.push(Problem::new(axis.place, format!("axis `{axis}` has no value"), "nothing to play"));
            }
            for (index, value) in values.0.iter().enumerate() {
                if let Some(first) = values.0[..index].iter().find(|first| *first == value) {
                    let problem = Problem::new(value.place, format!("`{value}` stands here twice"), "the second one");
                    problems.push(problem.and(first.place, "the first one"));
                }
            }
        }
        for (key, value) in self.matrix.exclude.iter().flat_map(|entry| entry.iter()) {
            match self.matrix.axes.iter().find(|(axis, _)| axis == key) {
                None => problems.push(
                    Problem::new(key.place, format!("`exclude` names `{key}`, which is no axis"), "not an axis")
                        .suggest(key, self.matrix.axes.iter().map(|(axis, _)| axis.as_str())),
                ),
                Some((_, values)) if !values.0.contains(value) => problems.push(
                    Problem::new(value.place, format!("axis `{key}` has no value `{value}`"), "never the case")
                        .suggest(value, values.0.iter().map(|own| own.as_str())),
                ),
                Some(_) => {}
            }
        }
        if count > MOST_VARIANTS {
            let place = self.matrix.axes[0].0.place;
            problems.push(
                Problem::new(place, format!("{count} variants are too many"), "this matrix")
                    .help(format!("at most {MOST_VARIANTS}")),
            );
        } else if problems.len() == before && self.variants().is_empty() {
            let place = self.matrix.axes.first().map_or(self.name.place, |(axis, _)| axis.place);
            problems.push(Problem::new(place, "`exclude` leaves no variant", "nothing to play"));
        }
        problems.len() == before
    }

    fn check_requirements(&self, problems: &mut Vec<Problem>) {
        let msi = self.requires.iter().find(|needed| matches!(needed.value, Requirement::Msi | Requirement::Mrif));
        if let Some(needed) = msi
            && !self.iommu.is_extended()
        {
            let message = format!("`{needed}` needs extended device contexts");
            let problem = Problem::new(needed.place, message, "not in the base format");
            problems.push(problem.help("add `iommu: { context: extended }`"));
        }
    }

    fn check_machine(&self, problems: &mut Vec<Problem>) {
        let bits = self.iommu.physical_bits.unwrap_or(super::machine::DEFAULT_PHYSICAL_BITS.into());
        if !(32..=56).contains(&bits.value) {
            problems.push(Problem::new(bits.place, format!("{bits} bits of physical address"), "32 to 56"));
        }
        for timing in [&self.memory.page_tables, &self.memory.dma] {
            if timing.stall.value > 90 {
                let stall = &timing.stall;
                problems.push(Problem::new(stall.place, format!("a stall of {stall} % stops the bus"), "at most 90"));
            }
        }
        let Driver { command_queue, fault_queue, page_queue, .. } = &self.driver;
        for entries in [command_queue, fault_queue, page_queue].into_iter().flatten() {
            if !entries.value.is_power_of_two() || !(2..=MOST_ENTRIES).contains(&entries.value) {
                let right = format!("a power of two from 2 to {MOST_ENTRIES}");
                problems.push(Problem::new(entries.place, format!("a queue of {entries} entries"), right));
            }
        }
        if let Some(memory) = &self.driver.memory {
            if memory.0 & 0xFFF != 0 {
                problems.push(Problem::new(memory.place, format!("{memory} is not aligned"), "no multiple of 4096"));
            }
            check_physical(self, memory, DRIVER_MEMORY, memory.place, problems);
        }
        for range in &self.memory.faults {
            check_physical(self, &range.address, range.size.0, range.size.place, problems);
        }
    }

    fn check_expectation(&self, entry: &At<Expectation>, variants: &[Variant], problems: &mut Vec<Problem>) {
        let mut axes: Vec<&str> = self.matrix.axes.iter().map(|(axis, _)| axis.as_str()).collect();
        axes.extend(
            ["policy", "flush"]
                .into_iter()
                .filter(|axis| !self.matrix.axes.iter().any(|(own, _)| *own.value == **axis)),
        );
        for (axis, values) in entry.when.iter() {
            let of_variants: Vec<&str> = variants.iter().filter_map(|variant| variant.get(axis)).collect();
            if !axes.contains(&axis.as_str()) && of_variants.is_empty() {
                problems.push(
                    Problem::new(axis.place, format!("`{axis}` is no axis of the matrix"), "not an axis")
                        .suggest(axis, axes.iter().copied()),
                );
            } else if !of_variants.is_empty() {
                for value in values.0.iter().filter(|value| !of_variants.contains(&value.as_str())) {
                    problems.push(
                        Problem::new(value.place, format!("axis `{axis}` has no value `{value}`"), "never the case")
                            .suggest(value, of_variants.iter().copied()),
                    );
                }
            }
        }
        check_commands(&entry.commands, problems);
    }
}

/// Commands that are counted have a name.
fn check_commands(counted: &Named<Limit>, problems: &mut Vec<Problem>) {
    for (command, _) in counted.iter().filter(|(command, _)| !COMMANDS.contains(&command.as_str())) {
        problems.push(
            Problem::new(command.place, format!("unknown command `{command}`"), "not a command")
                .suggest(&command.to_uppercase(), COMMANDS),
        );
    }
}

fn check_name(name: &At<String>, problems: &mut Vec<Problem>) {
    if !name.split('.').all(is_word) {
        problems.push(
            Problem::new(name.place, format!("`{name}` is no scenario name"), "not a dotted name")
                .help("small letters, digits and -, with dots between the parts: `nested.s2-to-nested`"),
        );
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// A range of physical memory must exist.
fn check_physical(
    scenario: &Scenario,
    address: &At<super::scalar::Number>,
    bytes: u64,
    size_place: Place,
    problems: &mut Vec<Problem>,
) {
    let bits = scenario.iommu.physical_bits.as_ref().map_or(super::machine::DEFAULT_PHYSICAL_BITS, |bits| bits.value);
    if bytes == 0 {
        problems.push(Problem::new(size_place, "an empty range", "no byte"));
    } else if address.0.checked_add(bytes - 1).is_none_or(|last| bits < 64 && last >> bits != 0) {
        problems.push(
            Problem::new(
                address.place,
                format!("{address} does not fit in {bits} bits of physical address"),
                "too high",
            )
            .help(format!("the last address of a range is at most {:#x}", (1_u64 << bits.min(63)) - 1)),
        );
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
