//! Cases with known answers, run on the model or on a device behind its wires (`lockstep vectors`, `lockstep walk`).
//!
//! A case is a device in a state, operations, and the answers of an outside reference to them. [`read`] takes a file of
//! cases, a [`Subject`] carries operations out, [`compare()`] holds what can be seen of them against the answers, and
//! [`Scores`] counts. Only operations with one right answer are scored.

mod case;
mod compare;
mod expected;
mod model;
mod needs;
mod number;
mod read;
mod render;
mod rtl;
mod score;
mod subject;
#[cfg(test)]
mod tests;
mod traffic;
mod walk;

pub use case::{Action, BadRange, Case, Op, RegisterWrite};
pub use compare::{Difference, compare};
pub use expected::{Debug, Expected, Message, Status};
pub use model::Model;
pub use read::{BadFile, parse, read};
pub use render::{json, text};
pub use rtl::Rtl;
pub use score::{Mismatch, Score, Scores};
pub use subject::{Answer, BusAnswer, Lost, Messages, Observed, Profile, Subject, WATCHED};
pub use walk::{NoWalk, Walk, Which};
