// SPDX-License-Identifier: Apache-2.0
//! What a viewer is to show of a run, whichever viewer it is.

use super::modules::Instance;
use super::ports::{Port, Table};
use super::story::Story;

/// Cycles of reset that the waves count and the test bench does not.
const RESET: u64 = testbench::RESET_CYCLES as u64;

/// Nanoseconds of a cycle.
const CYCLE: u64 = 10;

/// What a viewer is to show.
#[derive(Debug)]
pub struct Scene<'a> {
    /// Which run
    pub id: &'a str,
    /// The name that its files have in common, without a folder: they lie beside each other
    pub name: &'a str,
    /// First and last cycle of the waves
    pub cycles: (u64, u64),
    /// By how many powers of ten the unit of time in the waves is finer than a nanosecond
    pub precision: u32,
    /// What led to what was found
    pub story: &'a Story,
    /// Ports, below a line each channel
    pub ports: Vec<(String, Vec<Port>)>,
    /// The inside, what has to do with it first
    pub instances: Vec<Instance>,
    /// Instances that are left out
    pub left_out: usize,
}

impl Scene<'_> {
    /// Units of time in a cycle.
    pub fn cycle(&self) -> u64 {
        CYCLE * 10u64.pow(self.precision)
    }

    /// When a cycle begins in the waves.
    pub fn time(&self, cycle: u64) -> u64 {
        (RESET + cycle).saturating_mul(self.cycle())
    }

    /// Where a reader begins.
    pub fn begin(&self) -> u64 {
        self.story.near().unwrap_or(0).max(self.cycles.0)
    }

    /// The markers that lie in the waves.
    pub fn markers(&self) -> impl Iterator<Item = &super::story::Marker> {
        let (from, to) = self.cycles;
        self.story.markers.iter().filter(move |marker| (from..=to).contains(&marker.cycle))
    }

    /// The name of a table, and of its file but for the ending. What is the same in all runs is there once.
    pub fn table(&self, table: Table) -> String {
        match table.fixed() {
            [] => format!("{}.{}", self.name, table.name()),
            _ => table.name().to_owned(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::story::Marker;
    use super::*;

    /// A small scene: a few ports, an instance, and markers of which one lies before the waves.
    pub fn with_scene(look: impl FnOnce(&mut Scene<'_>)) {
        let marker = |cycle, name: &str, what: &str| Marker { cycle, name: name.to_owned(), what: what.to_owned() };
        let markers = vec![
            marker(40, "store", "software stores 0x7008: 0xd7 -> 0x0"),
            marker(695, "offered", "read of 0x1000"),
            marker(700, "found", "translation; another address"),
        ];
        let story = Story { markers, found: Some(700), numbers: Vec::new() };
        let port = |name, width, table| Port { name, width, table };
        let ports = vec![
            (String::new(), vec![port("clk_i", 1, None)]),
            (
                "ptw: r".to_owned(),
                vec![
                    port("ptw_rvalid_i", 1, None),
                    port("ptw_rdata_i", 64, Some(Table::Read)),
                    port("ptw_rresp_i", 2, Some(Table::Response)),
                ],
            ),
        ];
        let instances =
            vec![Instance::of("TOP.top.walker", &[("state", Some((2, 0))), ("busy", None), ("one", Some((0, 0)))])];
        let mut scene = Scene {
            id: "a.b#0",
            name: "a.b-7",
            cycles: (100, 900),
            precision: 0,
            story: &story,
            ports,
            instances,
            left_out: 0,
        };
        look(&mut scene);
    }

    #[test]
    fn cycles_are_counted_from_reset_in_units_of_the_waves() {
        with_scene(|scene| {
            assert_eq!((scene.time(700), scene.begin()), (7080, 640));
            scene.precision = 3;
            assert_eq!(scene.time(700), 7_080_000);
            scene.cycles.0 = 690;
            assert_eq!(scene.begin(), 690, "not before the waves");
            assert_eq!(scene.markers().map(|marker| marker.name.as_str()).collect::<Vec<_>>(), ["offered", "found"]);
        });
    }
}
