// SPDX-License-Identifier: Apache-2.0
//! A progress bar on a terminal, a line each with `-v`; nothing anywhere else.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far a command is.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar for this many things, named in the plural, on stderr if that is a terminal.
    pub fn new(count: usize, things: &str) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(count as u64), ProgressDrawTarget::stderr());
        let template = format!("{{bar:40}} {{pos}}/{{len}} {things}, {{elapsed}}, {{eta}} to go  {{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Progress(bar)
    }

    /// One more is done.
    pub fn done(&self, name: &str) {
        tracing::info!(name, "done");
        self.0.set_message(name.to_owned());
        self.0.inc(1);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
