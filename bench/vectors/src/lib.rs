// SPDX-License-Identifier: Apache-2.0
//! Cases with known answers: read, carried out and compared.
//!
//! A case is a device in a state, operations, and the answers of an outside reference to them. [`read`] takes a file of
//! cases, a [`Subject`] carries operations out, [`compare()`] holds what can be seen of them against the answers, and
//! [`Scores`] counts. Only operations with one right answer are scored. Begin with [`Scores::run_on_model`]. There is no
//! clock and no wire here: a device behind wires is a [`Device`] of somebody else.

mod case;
mod compare;
mod expected;
mod model;
mod needs;
mod number;
mod read;
mod score;
mod subject;
mod walk;

pub use case::{Action, BadRange, Case, Op, RegisterWrite};
pub use compare::{Difference, compare};
pub use expected::{Debug, Expected, Message, Status};
pub use model::{Model, changes, entries, extent, merged, writes_to};
pub use read::{BadFile, parse, read};
pub use score::{Mismatch, Score, Scores};
pub use subject::{Answer, BusAnswer, Device, Lost, Messages, Observed, Profile, Subject, WATCHED};
pub use walk::{NoWalk, Walk, Which};
