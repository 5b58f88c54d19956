// SPDX-License-Identifier: Apache-2.0
//! What the golden walk needs for a request: its reads, one after the other, and how large the translation is.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bus::Memory;
use driver::{Halted, Machine};
use events::{Direction, DmaRequest};
use golden::{
    Access, Capabilities, Config, Ddtp, Fctl, Outcome, Read, Request, Role, Spa, Update, WordRef, Words, offset,
    translate,
};
use testbench::Testbench;

/// A kind of structure that a walk reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Structure {
    /// Device directory and device contexts
    Directory,
    /// First-stage page tables
    First,
    /// Second-stage page tables
    Second,
    /// MSI page tables
    Msi,
    /// Nothing that the walk of any request here needs
    Other,
}

impl Structure {
    const fn of(role: Role) -> Structure {
        match role {
            Role::DdtEntry { .. } | Role::DeviceContext { .. } => Structure::Directory,
            Role::FirstStage { .. } => Structure::First,
            Role::SecondStage { .. } => Structure::Second,
            Role::MsiPte { .. } => Structure::Msi,
            Role::PdtEntry { .. } | Role::ProcessContext { .. } | Role::Mrif => Structure::Other,
        }
    }

    /// For documents.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Structure::Directory => "directory",
            Structure::First => "first-stage",
            Structure::Second => "second-stage",
            Structure::Msi => "msi",
            Structure::Other => "other",
        }
    }
}

/// What the walk of a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Walked {
    /// Reads that follow one upon the other: the words of a context, or of an MSI entry, are one
    pub reads: u64,
    /// log2 of the bytes of the translation; none for a request that is refused, of which nothing may be kept
    pub size_log2: Option<u32>,
}

/// The golden walk over memory as it stands.
pub(super) struct Walker<'a> {
    config: Config,
    memory: &'a Memory,
}

/// Registers that a walk depends on.
pub(super) fn config(bench: &mut Testbench) -> Result<Config, Halted> {
    let caps = Capabilities(bench.read_register(offset::CAPABILITIES, 8)?);
    let fctl = Fctl(bench.read_register(offset::FCTL, 4)? as u32);
    Ok(Config::new(caps, fctl, Ddtp(bench.read_register(offset::DDTP, 8)?)))
}

/// Memory as a source of words that counts. A device context in one block is one read, whoever reads it.
struct Counting<'a> {
    memory: &'a Memory,
    reads: u64,
    seen: &'a mut BTreeMap<u64, Structure>,
}

impl Words for Counting<'_> {
    fn read(&mut self, word: &WordRef) -> Read {
        let further = match word.role {
            Role::DeviceContext { index } | Role::ProcessContext { index } | Role::MsiPte { index } => index > 0,
            _ => false,
        };
        self.reads += u64::from(!further);
        self.seen.insert(word.addr.0, Structure::of(word.role));
        Read::Value(held(self.memory, word))
    }

    fn compare_exchange(&mut self, _: &WordRef, _: u64, _: u64) -> Update {
        // The pages here have A and D set; memory is only looked at.
        Update::Done
    }
}

/// The same without counting, for its speed.
struct Plain<'a>(&'a Memory);

impl Words for Plain<'_> {
    #[inline]
    fn read(&mut self, word: &WordRef) -> Read {
        Read::Value(held(self.0, word))
    }

    fn compare_exchange(&mut self, _: &WordRef, _: u64, _: u64) -> Update {
        Update::Done
    }
}

#[inline]
fn held(memory: &Memory, word: &WordRef) -> u64 {
    memory.read_u64(Spa(word.addr.0 & !7)) >> (8 * (word.addr.0 & 7))
}

fn asked(request: &DmaRequest) -> Request {
    let access = if request.direction == Direction::Write { Access::Write } else { Access::Read };
    Request::untranslated(request.device, access, request.iova)
}

/// How long the golden walk is timed.
const TIMED: Duration = Duration::from_millis(40);

impl<'a> Walker<'a> {
    pub(super) const fn new(config: Config, memory: &'a Memory) -> Self {
        Self { config, memory }
    }

    /// Walks, and notes by address which words it has read.
    pub(super) fn walk(&self, request: &DmaRequest, seen: &mut BTreeMap<u64, Structure>) -> Walked {
        let mut words = Counting { memory: self.memory, reads: 0, seen };
        let outcome = translate(&self.config, &mut words, &asked(request));
        let size_log2 = match outcome {
            Outcome::Translated(translation) => Some(u32::from(translation.size_log2)),
            Outcome::Fault(_) | Outcome::Unavailable => None,
        };
        Walked { reads: words.reads, size_log2 }
    }

    /// Translations in a second of wall-clock time.
    pub(super) fn speed(&self, requests: &[DmaRequest]) -> f64 {
        let requests: Vec<Request> = requests.iter().map(asked).collect();
        if requests.is_empty() {
            return 0.0;
        }
        let (begun, mut count) = (Instant::now(), 0_u64);
        while begun.elapsed() < TIMED {
            for request in &requests {
                black_box(translate(&self.config, &mut Plain(self.memory), black_box(request)));
            }
            count += requests.len() as u64;
        }
        count as f64 / begun.elapsed().as_secs_f64()
    }
}
