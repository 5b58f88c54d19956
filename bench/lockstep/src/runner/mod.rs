// SPDX-License-Identifier: Apache-2.0
//! Runs: which scenarios, with which seeds, in worker processes.
//!
//! [`select`] finds scenarios, [`Plan::jobs`] makes runs of them, [`Pool`] plays these in worker processes, and
//! [`serve`] is what such a process does: it plays one run on the test bench.

mod again;
mod broken;
mod dut;
mod examine;
mod job;
mod journal;
mod judgement;
mod load;
mod play;
mod pool;
mod probe;
mod seed;
mod select;
mod shard;
mod trace_file;
mod worker;

pub use again::{Again, NoResults};
pub use broken::{Broken, Mistake};
pub use dut::open as open_device;
pub use examine::{Examined, examine};
pub use job::{Device, Job, Plan, Planned, Reply, Waves};
pub use journal::{Journal, JournalError};
pub use judgement::{Crash, RunReport, Unmet, Verdict, Waived, judge};
pub use load::{Loaded, SelectError, files, load};
pub use play::{RunOptions, play};
pub use pool::{Played, Pool};
pub use probe::{EVERYTHING, probe};
pub use seed::seed;
pub use select::{Found, Selected, select};
pub use shard::{Costs, Shard, deal, fingerprint};
pub use trace_file::{TRACE, create as create_trace, file_of_run, open as open_trace};
pub use worker::{answer, serve};
