// SPDX-License-Identifier: Apache-2.0
//! `lockstep slurm`: a regression as an array of tasks on a Slurm cluster.
//!
//! Each task plays a shard, and a job behind them merges what they have left. A task that left nothing is sent again; it
//! goes on with its journal. All of it lives in a folder that every node sees.

mod collect;
mod plan;
mod queue;
mod submit;

pub use collect::collect;
pub use submit::submit;
