// SPDX-License-Identifier: Apache-2.0
//! Results: one type, and its renderings.
//!
//! [`Report`] is all that a regression found. What people read (`terminal`, `html`), what programs read (`json`), what
//! CI servers read (`junit`, `annotations`) are renderings of it and add nothing.

mod annotations;
mod compare;
mod diff;
mod diff_text;
mod document;
mod exploration;
mod history;
mod history_plot;
mod history_text;
mod html;
mod json;
mod junit;
mod kinds;
mod measured;
mod merge;
mod origin;
mod perf;
mod perf_document;
mod perf_plot;
mod plot;
mod policies;
mod read;
mod result;
mod sarif;
mod schema;
mod since;
mod table;
mod terminal;
mod waived;

pub use annotations::annotations;
pub use compare::{Column, Comparison, Group, Measures, Profile, Stall, comparison_json, comparison_table};
pub use diff::{Diff, KindChange, Moved, RunChange, diff};
pub use diff_text::{diff_markdown, diff_text};
pub use exploration::{Exploration, Explored, exploration_json, exploration_table};
pub use history::{Entry, History, HistoryError, Point};
pub use history_plot::history_plot;
pub use history_text::history_text;
pub use html::{Named, diff_html, html};
pub use json::{compact, json, perf_json};
pub use junit::junit;
pub use kinds::kinds_of;
pub use measured::figures;
pub use merge::{MergeError, merge};
pub use origin::{Origin, RtlOrigin};
pub use perf::{Cell, Perf, Row, perf_failures, perf_markdown, perf_table};
pub use perf_plot::perf_plot;
pub use plot::{PlotError, plot};
pub use policies::policies;
pub use read::{BadResults, read as read_results};
pub use result::{ExitCode, Part, Report, Times};
pub use sarif::sarif;
pub use schema::{diff_schema, perf_schema, results_schema, written as schema_of_written};
pub use since::{KindSince, Since};
pub use terminal::{failures, finding, summary};
