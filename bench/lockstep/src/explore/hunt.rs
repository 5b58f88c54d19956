// SPDX-License-Identifier: Apache-2.0
//! The hunt: programs are drawn and varied, tried on the model, and played on the device under test if they reach
//! something new. The same seed hunts the same programs, whatever the number of workers is.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

use oracle::Coverage;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::ThreadPool;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use super::dice::{one_of, percent};
use super::play::{Playable, Player};
use super::program::{Flavour, Program};
use crate::runner::{Device, RunReport, Verdict};

/// Programs that are tried before what came of them is looked at: whatever the number of workers is, so that the hunt does
/// not depend on it.
const ROUND: u64 = 64;

/// Of the programs of a round that reach nothing new on the model, so many go to the device all the same: what is wrong
/// with a device need not show in what a model does.
const ANYWAY: usize = 12;

/// What programs are tried on: all legal devices, so that nothing but what is wrong with a device is found in it.
const TRIED_ON: Device = Device::Liberties;

/// How a program came to be: from a seed, and from further ones by which it was varied.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Recipe {
    /// Seed of the first program
    pub draw: u64,
    /// Seeds of the variations
    pub vary: Vec<u64>,
}

impl Recipe {
    /// The program.
    pub fn make(&self, device: &Device) -> Program {
        let first = Program::draw(self.draw, &device.offer());
        self.vary.iter().fold(first, |program, seed| program.vary(*seed))
    }
}

/// Something was found, by the first program that showed it.
#[derive(Clone, Debug)]
pub struct Found {
    /// What, as its runs show it
    pub bucket: Bucket,
    /// The program as a scenario, before it was made small
    pub program: Program,
    /// On which device
    pub device: Device,
    /// What came of its run
    pub report: RunReport,
    /// Programs that had been played on that device by then
    pub after: u64,
    /// How many programs showed it
    pub programs: u64,
}

/// How far a hunt is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Programs drawn
    pub drawn: u64,
    /// … of which the language or the device allows no run
    pub dropped: u64,
    /// … in which software gave up, on the model
    pub gave_up: u64,
    /// Runs on the model
    pub on_model: u64,
    /// Runs on the device under test
    pub on_device: u64,
}

/// A hunt, and what it has come to.
pub struct Hunt {
    seed: u64,
    device: Device,
    /// Rounds that are over
    rounds: u64,
    /// Programs that reached what none before them had
    pub corpus: Vec<Recipe>,
    /// What has been reached on the model
    pub on_model: Coverage,
    /// … and on the device
    pub on_device: Coverage,
    /// What was found: whether where programs are tried, and what
    pub found: BTreeMap<(bool, Bucket), Found>,
    /// How far it is
    pub count: Count,
}

/// A program of a round, and what came of it.
struct Tried {
    recipe: Recipe,
    program: Program,
    playable: Option<Playable>,
    on_model: Option<RunReport>,
    on_device: Option<RunReport>,
}

impl Hunt {
    /// A hunt in this device, from the beginning.
    pub fn new(seed: u64, device: Device) -> Hunt {
        Hunt {
            seed,
            device,
            rounds: 0,
            corpus: Vec::new(),
            on_model: Coverage::default(),
            on_device: Coverage::default(),
            found: BTreeMap::new(),
            count: Count::default(),
        }
    }

    /// A hunt that goes on from a corpus: its programs are played again first.
    pub fn from_corpus(
        seed: u64,
        device: Device,
        rounds: u64,
        corpus: &[Recipe],
        player: &Player<'_>,
        threads: &ThreadPool,
    ) -> Hunt {
        let mut hunt = Hunt { rounds, ..Hunt::new(seed, device) };
        for recipes in corpus.chunks(ROUND as usize) {
            if player.stop.load(Ordering::Relaxed) {
                break;
            }
            hunt.play(recipes.to_vec(), player, threads, usize::MAX);
        }
        hunt
    }

    /// Rounds that are over.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// One round. False if the user stopped it: then nothing of it counts.
    pub fn round(&mut self, player: &Player<'_>, threads: &ThreadPool) -> bool {
        let recipes = (0..ROUND).map(|at| self.recipe(self.rounds * ROUND + at)).collect();
        let is_whole = self.play(recipes, player, threads, ANYWAY);
        if is_whole {
            self.rounds += 1;
        }
        is_whole
    }

    /// The `number`-th program: a new one, or a variation of one that came further than others.
    fn recipe(&self, number: u64) -> Recipe {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        let fresh = rng.random();
        if self.corpus.is_empty() || percent(&mut rng, 40) {
            return Recipe { draw: fresh, vary: Vec::new() };
        }
        // The younger ones more often.
        let from = if percent(&mut rng, 50) { self.corpus.len().saturating_sub(64) } else { 0 };
        let mut recipe = one_of(&mut rng, &self.corpus[from..]);
        if recipe.vary.len() >= 40 {
            return Recipe { draw: fresh, vary: Vec::new() };
        }
        recipe.vary.push(fresh);
        recipe
    }

    /// Plays programs: all on the model; on the device those that are new there, and `anyway` of the others.
    fn play(&mut self, recipes: Vec<Recipe>, player: &Player<'_>, threads: &ThreadPool, anyway: usize) -> bool {
        let device = &self.device;
        let is_tried_there = *device == TRIED_ON;
        let mut all: Vec<Tried> = threads.install(|| {
            let tried = recipes.into_par_iter().with_max_len(1).map(|recipe| {
                let program = recipe.make(device);
                let playable = Playable::new(program.text("explored.program"), program.seed, device);
                let on_model = playable.as_ref().and_then(|playable| player.play(playable, &TRIED_ON));
                Tried { recipe, program, playable, on_model, on_device: None }
            });
            tried.collect()
        });
        if player.stop.load(Ordering::Relaxed) {
            return false;
        }
        let mut reached = self.on_model.clone();
        let mut left = anyway;
        let mut chosen = Vec::new();
        for (at, tried) in all.iter().enumerate() {
            let Some(run) = &tried.on_model else { continue };
            let is_new = reached.add(&run.coverage) > 0;
            let is_played = !is_tried_there && is_playable(run, tried.program.flavour) && (is_new || left > 0);
            if is_played {
                left -= usize::from(!is_new);
                chosen.push(at);
            }
        }
        let runs: Vec<Option<RunReport>> = threads.install(|| {
            let runs = chosen.par_iter().with_max_len(1);
            runs.map(|at| all[*at].playable.as_ref().and_then(|playable| player.play(playable, device))).collect()
        });
        if player.stop.load(Ordering::Relaxed) {
            return false;
        }
        for (at, run) in chosen.into_iter().zip(runs) {
            all[at].on_device = run;
        }
        for tried in all {
            self.take(tried);
        }
        true
    }

    /// Takes note of what came of a program.
    fn take(&mut self, tried: Tried) {
        let Tried { recipe, program, playable, on_model, on_device } = tried;
        self.count.drawn += 1;
        let (Some(_), Some(run)) = (playable, on_model) else {
            self.count.dropped += 1;
            return;
        };
        self.count.on_model += 1;
        let mut is_new = self.on_model.add(&run.coverage) > 0;
        match run.verdict {
            // A program of calls alone in which one fails is a mistake of who drew it, and none of the driver.
            Verdict::SoftwareError | Verdict::Hung => self.count.gave_up += 1,
            _ => self.note(Bucket::of(&run, program.flavour), &program, TRIED_ON, &run),
        }
        if let Some(run) = on_device {
            self.count.on_device += 1;
            is_new |= self.on_device.add(&run.coverage) > 0;
            self.note(Bucket::of(&run, program.flavour), &program, self.device.clone(), &run);
        }
        if is_new && !self.corpus.contains(&recipe) {
            self.corpus.push(recipe);
        }
    }

    fn note(&mut self, buckets: Vec<Bucket>, program: &Program, device: Device, run: &RunReport) {
        for bucket in buckets {
            let key = (device == TRIED_ON, bucket.clone());
            let after = if device == TRIED_ON { self.count.on_model } else { self.count.on_device };
            match self.found.get_mut(&key) {
                Some(found) => found.programs += 1,
                None => {
                    let found = Found {
                        bucket,
                        program: program.clone(),
                        device: device.clone(),
                        report: run.clone(),
                        after,
                        programs: 1,
                    };
                    self.found.insert(key, found);
                }
            }
        }
    }
}

/// The device can be asked the same. Where a call of the driver fails, so it does on the device, and that tells nothing; any
/// other software may well give up at the end of what it has done to itself.
fn is_playable(run: &RunReport, flavour: Flavour) -> bool {
    match run.verdict {
        Verdict::Pass | Verdict::SoftwareHazard | Verdict::DutViolation => true,
        Verdict::SoftwareError => flavour == Flavour::Raw,
        _ => false,
    }
}

/// When a hunt is over.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// Then
    Time(Instant),
    /// So many programs have been drawn
    Programs(u64),
}

impl Until {
    /// It is.
    pub fn is_reached(self, count: &Count) -> bool {
        match self {
            Until::Time(end) => Instant::now() >= end,
            Until::Programs(most) => count.drawn >= most,
        }
    }
}
