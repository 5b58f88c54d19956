// SPDX-License-Identifier: Apache-2.0
//! Results: one type, and its renderings.
//!
//! [`Report`] is all that a regression found. What people read (`terminal`), what programs read (`json`), what
//! CI servers read (`junit`, `annotations`) are renderings of it and add nothing.

mod annotations;
mod compare;
mod diff;
mod diff_text;
mod json;
mod junit;
mod kinds;
mod plot;
mod policies;
mod result;
mod table;
mod terminal;
mod waived;

pub use annotations::annotations;
pub use compare::{Column, Comparison, Group, Measures, Profile, Stall, comparison_json, comparison_table};
pub use diff::{BadResults, Diff, KindChange, Moved, RunChange, diff, read as read_results};
pub use diff_text::{diff_markdown, diff_text};
pub use json::{compact, json};
pub use junit::junit;
pub use plot::{PlotError, plot};
pub use policies::policies;
pub use result::{ExitCode, Report, Times};
pub use terminal::{failures, finding, summary};
