// SPDX-License-Identifier: Apache-2.0
//! How far a command is: a bar on a terminal; elsewhere a line now and then, so that a log shows that something goes on.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hdl::Phase;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output;

/// Where there is no terminal, a line comes no more often than this.
const PAUSE: Duration = Duration::from_secs(20);

/// Says something now and then.
#[derive(Debug)]
struct Log {
    begun: Instant,
    /// When it last did; never on a terminal
    last: Option<Mutex<Instant>>,
}

impl Log {
    fn new() -> Log {
        let begun = Instant::now();
        Log { begun, last: (!std::io::stderr().is_terminal()).then(|| Mutex::new(begun)) }
    }

    /// A line, if the last one was some time ago.
    fn line(&self, text: impl FnOnce(Duration) -> String) {
        let Some(Ok(mut last)) = self.last.as_ref().map(Mutex::lock) else { return };
        if last.elapsed() >= PAUSE {
            *last = Instant::now();
            output::stderr(&format!("{}\n", text(self.begun.elapsed())));
        }
    }
}

/// How far a command is.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    things: &'static str,
    log: Log,
}

impl Progress {
    /// A bar for this many things, named in the plural, on stderr if that is a terminal.
    pub fn new(count: usize, things: &'static str) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(count as u64), ProgressDrawTarget::stderr());
        let template = format!("{{bar:40}} {{pos}}/{{len}} {things}, {{elapsed}}, {{eta}} to go  {{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Progress { bar, things, log: Log::new() }
    }

    /// One more is done.
    pub fn done(&self, name: &str) {
        tracing::info!(name, "done");
        self.bar.set_message(name.to_owned());
        self.bar.inc(1);
        let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
        self.log.line(|since| format!("{done} of {all} {}, {} s", self.things, since.as_secs()));
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// How far the build of an RTL is. A device that has been built before is there at once, and nothing is said.
#[derive(Debug)]
pub struct Building {
    name: String,
    bar: ProgressBar,
    begun: Instant,
    /// Whether a line has been written
    log: Log,
}

impl Building {
    /// The build of the RTL with this name.
    pub fn new(name: &str) -> Building {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
            bar.set_style(style);
        }
        Building { name: name.to_owned(), bar, begun: Instant::now(), log: Log::new() }
    }

    /// It does this now.
    pub fn at(&self, phase: Phase) {
        let name = &self.name;
        let text = match phase {
            Phase::Waiting => format!("{name}: another lockstep builds it"),
            Phase::Verilating => format!("building {name}: Verilator"),
            Phase::Compiling { done, all } => format!("building {name}: {done} of {all} files of C++ compiled"),
            Phase::Linking => format!("building {name}: linking"),
        };
        tracing::info!("{text}");
        if matches!(phase, Phase::Verilating) && self.log.last.is_some() {
            output::stderr(&format!("{text}\n"));
        }
        self.log.line(|since| format!("{text}, {} s", since.as_secs()));
        self.bar.set_message(text);
        self.bar.tick();
    }

    /// It is there; `fresh`: built just now.
    pub fn finish(&self, fresh: bool) {
        self.bar.finish_and_clear();
        if fresh {
            output::stderr(&format!("built {} in {} s\n", self.name, self.begun.elapsed().as_secs()));
        }
    }
}
