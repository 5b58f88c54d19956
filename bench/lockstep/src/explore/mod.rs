// SPDX-License-Identifier: Apache-2.0
//! Exploration: the tool writes the scenarios. Programs are drawn, played, kept if they reach what none has reached
//! before, and varied; what they find is made small.

mod bucket;
mod calls;
mod dice;
mod hunt;
mod play;
mod program;
mod raw;
mod regression;
mod setup;
mod shrink;
mod small;
mod traffic;
mod tree;
mod variant;
mod world;

pub use bucket::Bucket;
pub use hunt::{Count, Found, Hunt, Recipe, Until};
pub use play::{Playable, Player};
pub use program::{Flavour, Program};
pub use regression::{Regression, regression};
pub use shrink::{Judge, Shrunk, shrink};
pub use small::{Looking, Small, make_small};
pub use tree::{Tree, yaml};
pub use variant::of_variant;
