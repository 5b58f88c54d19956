// SPDX-License-Identifier: Apache-2.0
//! How fast a device translates: its cycles and reads for a request, beside what the golden walk needs and what an ideal
//! cache would need. `docs/perf.md` says what each figure means.
//!
//! [`Case::all`] lists what is measured, [`Job`] is one measurement, [`serve`] plays it in a worker process. A device is
//! judged by the oracle all the while: one that translates wrongly has no figures.

mod addresses;
mod case;
mod counters;
mod figures;
mod ideal;
mod job;
mod machine;
mod measure;
mod plan;
mod walk;
mod worker;

pub use case::{Case, Page, Pattern, Tables};
pub use counters::Counters;
pub use figures::{Ideal, Latency, Measured, Need, Reads};
pub use job::{Job, Reply, Setting};
pub use worker::serve;
