// SPDX-License-Identifier: Apache-2.0
//! Named programs and their verdicts on the page alone: what stands there is what the evaluator says.

use crate::evaluator::permitted;
use crate::faults::Faults;
use crate::trace::{Answer, Cmd, Event};
use crate::world::{A, B, C, World, leaf};
use crate::worlds;

fn world(name: &str) -> World {
    worlds::all().into_iter().find(|world| world.name == name).expect("a world of this name")
}

/// A program, in the names of its world.
struct Program {
    world: World,
    trace: Vec<Event>,
}

impl Program {
    fn of(name: &str) -> Self {
        Program { world: world(name), trace: Vec::new() }
    }

    fn word(&self, name: &str) -> usize {
        self.world.words.iter().position(|word| word.name == name).expect("a word of this name")
    }

    fn store(mut self, name: &str, value: &str) -> Self {
        let word = self.word(name);
        let value = self.world.words[word].values.iter().find(|(of, _)| *of == value).expect("a value of this name").1;
        self.trace.push(Event::Store(word, value));
        self
    }

    fn read(mut self, name: &str) -> Self {
        self.trace.push(Event::Read(self.word(name)));
        self
    }

    fn fetch(mut self, cmd: &str) -> Self {
        let is = |of: &Cmd| of.to_string() == cmd;
        self.trace.push(Event::Fetch(self.world.commands.iter().position(is).expect("a command like this")));
        self
    }

    fn fence(mut self) -> Self {
        self.trace.push(Event::Fence(0));
        self
    }

    fn stop(mut self) -> Self {
        self.trace.push(Event::Stop);
        self
    }

    /// A request, and the answers that are permitted: pages, and 0 for a refusal.
    fn permits(mut self, pages: &[u64]) {
        self.trace.push(Event::Accept(0));
        let mut expected: Vec<Answer> =
            pages.iter().map(|page| if *page == 0 { Answer::Refused } else { Answer::Page(page >> 12) }).collect();
        expected.sort_unstable();
        assert_eq!(permitted(&self.world, &self.trace, Faults::default()), expected);
    }
}

fn host() -> Program {
    Program::of("first-stage leaf")
}

#[test]
fn unmap_and_invalidate() {
    host().store("T0[1]", "0").read("T0[1]").fetch("VMA").fence().permits(&[0]);
}

#[test]
fn unmap_without_invalidation() {
    host().store("T0[1]", "0").read("T0[1]").permits(&[A, 0]);
    host().store("T0[1]", "0").read("T0[1]").fetch("VMA P1").fence().permits(&[A, 0]);
}

#[test]
fn map_without_invalidation() {
    host().store("T0[1]", "0").read("T0[1]").fetch("VMA").fence().store("T0[1]", "B").read("T0[1]").permits(&[B]);
}

#[test]
fn break_before_make_and_not() {
    host().store("T0[1]", "B").read("T0[1]").permits(&[A, B]);
    host().store("T0[1]", "0").fetch("VMA").fence().store("T0[1]", "B").read("T0[1]").permits(&[B]);
}

#[test]
fn non_leaf() {
    let change = || Program::of("first-stage pointer").store("M0[0]", "T1").read("M0[0]");
    change().fetch("VMA page 0x1").fence().permits(&[A, B]);
    change().fetch("VMA page 0x1 NL").fence().permits(&[B]);
}

#[test]
fn an_address_reaches_the_whole_superpage() {
    let change = || Program::of("first-stage superpage").store("M0[0]", "T0").read("M0[0]");
    change().permits(&[A, B + 0x1000]);
    change().fetch("VMA page 0x1ff").fence().permits(&[A]);
    change().fetch("VMA page 0x200").fence().permits(&[A, B + 0x1000]);
}

#[test]
fn gvma_alone_leaves_a_pointer_in_the_context() {
    let change =
        || Program::of("pointer held in a context").read("G0[0]").store("G0[0]", "there").fetch("GVMA G0").fence();
    change().permits(&[0, B]);
    change().fetch("INVAL_DDT device 1").fence().permits(&[B]);
}

#[test]
fn the_context_translated_anew_before_gvma_takes_effect() {
    let change = || Program::of("pointer held in a context").read("G0[0]").store("G0[0]", "there");
    change().fetch("INVAL_DDT device 1").fetch("GVMA G0").fence().permits(&[0, B]);
}

#[test]
fn vma_is_not_for_the_second_stage() {
    Program::of("second-stage leaf").store("K0[1]", "B").read("K0[1]").fetch("VMA G0").fence().permits(&[A, B]);
}

#[test]
fn iodir_alone_leaves_results() {
    let change = || Program::of("root of a first stage").store("fsc", "R1").read("fsc");
    change().fetch("INVAL_DDT device 1").fence().permits(&[A, C]);
    change().fetch("INVAL_DDT device 1").fence().fetch("VMA P0").fence().permits(&[C]);
}

#[test]
fn commands_between_two_fences_in_any_order() {
    let change = || Program::of("root of a first stage").store("fsc", "R1").read("fsc");
    change().fetch("INVAL_DDT device 1").fetch("VMA P0").fence().permits(&[A, C]);
    change().fetch("VMA P0").fence().fetch("INVAL_DDT device 1").fence().permits(&[A, C]);
}

#[test]
fn a_bare_context_leaves_nothing_under_its_tags() {
    let change =
        || Program::of("root of a first stage").store("fsc", "Bare").read("fsc").fetch("INVAL_DDT device 1").fence();
    change().permits(&[0x1000]);
}

#[test]
fn a_stop_may_abort_what_came_before() {
    let change = || Program::of("a stop of the queue").store("T0[1]", "0").read("T0[1]").fetch("VMA");
    change().stop().fetch("VMA P1").fence().permits(&[A, 0]);
    change().stop().fetch("VMA").fence().permits(&[0]);
}

#[test]
fn two_msi_tables_under_one_tag() {
    let change =
        || Program::of("MSI window and table").store("msiptp", "F1").read("msiptp").fetch("INVAL_DDT device 1").fence();
    change().permits(&[A, B]);
    change().fetch("GVMA G0").fence().permits(&[B]);
}

#[test]
fn a_torn_context_may_be_any_mixture() {
    Program::of("PSCID").store("fsc", "R1").read("fsc").store("ta", "P1").read("ta").permits(&[A, C]);
}

#[test]
fn a_tag_that_is_handed_on_without_a_flush() {
    let give = || Program::of("two devices").store("T0[1]", "0").fetch("INVAL_DDT device 1").fence();
    assert_eq!(leaf(A) & 1, 1);
    give().permits(&[A, C]);
    give().fetch("VMA P0").fence().permits(&[0, C]);
}
