// SPDX-License-Identifier: Apache-2.0
//! Programs: drawn from a seed, or varied from one that came further than others.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scenario::Offer;

use super::dice::{one_of, percent};
use super::tree::{Tree, yaml};
use super::world::World;
use super::{calls, raw, setup, traffic};

/// What software may do in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Calls of the driver alone: neither software nor device may be blamed
    Calls,
    /// Anything: only the device must do right
    Raw,
}

/// A step, and what was known before it.
#[derive(Clone, Debug)]
struct Drawn {
    step: Tree,
    before: World,
}

/// A program.
#[derive(Clone, Debug)]
pub struct Program {
    /// What software may do in it
    pub flavour: Flavour,
    /// Seed of its run
    pub seed: u32,
    head: Tree,
    drawn: Vec<Drawn>,
    /// What is known behind its last step
    end: World,
}

/// Random numbers of programs; those of a run have streams of their own.
const STREAM: u64 = 1 << 34;

fn dice(seed: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM);
    rng
}

impl Program {
    /// The program with this seed, for a device that offers this.
    pub fn draw(seed: u64, offer: &Offer) -> Program {
        let mut rng = dice(seed);
        let flavour = if percent(&mut rng, 35) { Flavour::Calls } else { Flavour::Raw };
        let setup::Setup { head, world } = setup::draw(&mut rng, offer, flavour == Flavour::Calls);
        let mut program = Program { flavour, seed: run_seed(&mut rng), head, drawn: Vec::new(), end: world };
        let steps = one_of(&mut rng, &[4_usize, 8, 12, 16, 24]);
        program.grow(&mut rng, steps);
        program
    }

    /// Another program that begins as this one does, and differs from it from some step on, or by some steps.
    #[must_use]
    pub fn vary(&self, seed: u64) -> Program {
        let mut rng = dice(seed);
        let mut program = self.clone();
        if percent(&mut rng, 50) {
            program.seed = run_seed(&mut rng);
        }
        match rng.random_range(0..10) {
            // Another end.
            0..5 => {
                let at = rng.random_range(0..=program.drawn.len());
                program.cut(at);
                let steps = one_of(&mut rng, &[1_usize, 2, 4, 8]);
                program.grow(&mut rng, steps);
            }
            // Other memory: what meets whom by chance.
            5..7 => setup::draw_memory(&mut rng, &mut program.head),
            // Steps in between, some less, or one twice.
            7..9 => {
                let at = rng.random_range(0..=program.drawn.len());
                let rest = program.drawn.split_off(at);
                let end = program.end.clone();
                if let Some(first) = rest.first() {
                    program.end = first.before.clone();
                }
                let steps = rng.random_range(1..=3);
                program.grow(&mut rng, steps);
                program.drawn.extend(rest);
                program.end = end;
            }
            _ => {
                let at = rng.random_range(0..program.drawn.len().max(1));
                if at < program.drawn.len() {
                    if percent(&mut rng, 50) {
                        program.drawn.remove(at);
                    } else {
                        let again = program.drawn[at].clone();
                        program.drawn.insert(at, again);
                    }
                }
            }
        }
        program
    }

    /// Takes the steps from this one on away.
    fn cut(&mut self, at: usize) {
        if let Some(drawn) = self.drawn.get(at) {
            self.end = drawn.before.clone();
            self.drawn.truncate(at);
        }
    }

    fn grow(&mut self, rng: &mut ChaCha8Rng, steps: usize) {
        for _ in 0..steps {
            let before = self.end.clone();
            if let Some(step) = step(rng, self.flavour, &mut self.end) {
                self.drawn.push(Drawn { step, before });
            } else {
                self.end = before;
            }
        }
    }

    /// It as a scenario with this name.
    pub fn tree(&self, name: &str) -> Tree {
        let mut tree = Tree::map([("name", name.into())]);
        for (key, value) in self.head.entries() {
            tree.set(key, value.clone());
        }
        let mut steps = streams_in_order(self.drawn.iter().map(|drawn| drawn.step.clone()));
        // Something is compared, and what is stale shows.
        let mut rng = dice(u64::from(self.seed));
        for _ in 0..2 {
            steps.push(traffic::dma(&mut rng, &self.end));
        }
        tree.set("steps", steps);
        tree
    }

    /// Its text.
    pub fn text(&self, name: &str) -> String {
        yaml(&self.tree(name))
    }
}

/// Steps that were put together of several programs: each stream has a name of its own, and only what runs is stopped.
fn streams_in_order(steps: impl Iterator<Item = Tree>) -> Vec<Tree> {
    let mut running: Vec<(String, String)> = Vec::new();
    let mut started = 0;
    let mut all = Vec::new();
    for mut step in steps {
        if let Some(stream) = step.get_mut("stream") {
            started += 1;
            let name = format!("s{started}");
            let old = stream.get("name").and_then(Tree::word).unwrap_or_default().to_owned();
            stream.set("name", name.as_str());
            running.push((old, name));
        } else if let Some(stop) = step.get_mut("stop") {
            let Some(at) = running.iter().position(|(old, _)| Some(old.as_str()) == stop.word()) else { continue };
            *stop = running.remove(at).1.into();
        } else if step.head() == Some("drain") {
            running.clear();
        }
        all.push(step);
    }
    all
}

/// The seed of a run is never 0.
fn run_seed(rng: &mut ChaCha8Rng) -> u32 {
    rng.random_range(1..=u32::MAX)
}

fn step(rng: &mut ChaCha8Rng, flavour: Flavour, world: &mut World) -> Option<Tree> {
    if flavour == Flavour::Raw && percent(rng, 45) {
        return raw::step(rng, world);
    }
    match rng.random_range(0..100) {
        0..26 => Some(traffic::dma(rng, world)),
        26..38 => traffic::stream(rng, world),
        38..43 => traffic::stop(rng, world),
        43..55 => Some(traffic::wait(rng)),
        55..70 => calls::attachment(rng, world),
        70..75 => calls::map(rng, world),
        75..81 => calls::unmap(rng, world),
        81..85 => calls::life(rng, world),
        85..89 => calls::files(rng, world),
        89..91 => Some(calls::invalidation(rng, world)),
        91..93 => Some(calls::fence(rng)),
        93..96 => traffic::ats(rng, world),
        96..98 if world.offers(scenario::Requirement::Dbg) => Some(traffic::debug(rng, world)),
        _ => Some(traffic::dma(rng, world)),
    }
}

#[cfg(test)]
mod tests {
    use scenario::{Offer, parse};

    use super::Program;

    fn all() -> Offer {
        Offer::up_to(model::CAPABILITIES)
    }

    #[test]
    fn the_same_seed_gives_the_same_program() {
        for seed in 0..50 {
            let program = Program::draw(seed, &all());
            assert_eq!(program.text("a.b"), Program::draw(seed, &all()).text("a.b"));
            assert_eq!(program.vary(seed).text("a.b"), program.vary(seed).text("a.b"));
        }
        let texts: std::collections::BTreeSet<String> =
            (0..50).map(|seed| Program::draw(seed, &all()).text("a.b")).collect();
        assert_eq!(texts.len(), 50);
    }

    #[test]
    fn what_is_drawn_has_no_mistakes() {
        for seed in 0..300 {
            let program = Program::draw(seed, &all());
            for text in [program.text("a.b"), program.vary(seed).text("a.b")] {
                if let Err(wrong) = parse("a.yaml", &text) {
                    panic!("{seed}: {wrong}\n{text}");
                }
            }
        }
    }

    #[test]
    fn a_device_is_asked_for_nothing_that_it_lacks() {
        let small = Offer::up_to(0x10 | 1 << 28 | 1 << 9 | 1 << 17 | 56 << 32 | 0b11 << 42);
        for seed in 0..200 {
            let text = Program::draw(seed, &small).text("a.b");
            let scenario = parse("a.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
            let lacks = scenario.lacking(&small);
            assert!(lacks.is_empty(), "{seed}: {lacks:?}\n{text}");
        }
    }
}
