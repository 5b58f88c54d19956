// SPDX-License-Identifier: Apache-2.0
//! Plays jobs in worker processes, some at a time. A worker that crashes or hangs loses its own result only.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::job::{Job, Reply};

/// How often a waiting thread looks whether the user has interrupted.
const LOOK: Duration = Duration::from_millis(50);

/// More than this of what a worker says on stderr is not kept; the end is.
const MOST_STDERR: usize = 64 << 10;

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Played<R = Reply> {
    /// The worker answered.
    Replied(R),
    /// The device's own code ended the worker, or made it answer nonsense.
    Crashed {
        /// How it ended
        reason: String,
        /// What it said last
        stderr: String,
    },
    /// The worker was killed by somebody else: for want of memory, by an administrator. That says nothing of the device.
    Killed {
        /// By which signal
        reason: String,
        /// What it said last
        stderr: String,
    },
    /// The worker ran longer than the time-out, gave nothing back, and was killed.
    TimedOut {
        /// The time-out in seconds
        seconds: u64,
        /// What it said last
        stderr: String,
    },
}

/// Starts worker processes.
#[derive(Debug)]
pub struct Pool {
    /// The program that is a worker when it is called with `arguments`
    pub program: PathBuf,
    /// Its arguments
    pub arguments: Vec<OsString>,
    /// How many at a time
    pub workers: usize,
    /// Wall-clock bound of a run, at which the worker gives it up: generous, since it depends on the machine
    pub timeout: Duration,
    /// How much longer the worker may take to say so, before it is killed
    pub grace: Duration,
}

impl Pool {
    /// Plays all jobs, and returns their results in the order of the jobs. A job that was not finished when `stop`
    /// became true has no result. `done` is called as results come, in any order.
    ///
    /// # Errors
    /// Threads could not be started.
    pub fn play<'a, T: Sync + 'a>(
        &self,
        jobs: &'a [T],
        job_of: impl Fn(&'a T) -> &'a Job + Sync,
        stop: &AtomicBool,
        done: impl Fn(&'a T, &Played) + Sync,
    ) -> Result<Vec<Option<(Played, Duration)>>, rayon::ThreadPoolBuildError> {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(self.workers.max(1)).build()?;
        let one = |item: &'a T| {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            let start = Instant::now();
            let played = self.play_one(job_of(item), stop)?;
            done(item, &played);
            Some((played, start.elapsed()))
        };
        Ok(threads.install(|| jobs.par_iter().with_max_len(1).map(one).collect()))
    }

    /// One worker from start to end. Nothing if `stop` became true first.
    fn play_one(&self, job: &Job, stop: &AtomicBool) -> Option<Played> {
        let job = Job { timeout: Some(self.timeout), ..job.clone() };
        self.ask(&job, stop).unwrap_or_else(|reason| Some(Played::Replied(Reply::Failed { reason })))
    }

    /// Hands anything to a worker that understands it, and returns its answer. Nothing if `stop` became true first.
    ///
    /// # Errors
    /// Why there is no worker.
    pub fn ask<J: Serialize, R: DeserializeOwned>(
        &self,
        job: &J,
        stop: &AtomicBool,
    ) -> Result<Option<Played<R>>, String> {
        let input = serde_json::to_vec(job).map_err(|error| format!("the job could not be written down: {error}"))?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot start {}: {error}", self.program.display()))?;
        let (send, answered) = channel();
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let deadline = Instant::now() + self.timeout + self.grace;
        let (answer, exit, said) = thread::scope(|scope| {
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
            scope.spawn(move || {
                let mut answer = Vec::new();
                let _ = stdout.map(|mut stdout| stdout.read_to_end(&mut answer));
                let _ = send.send(answer);
            });
            let said = scope.spawn(move || stderr.map(tail).unwrap_or_default());
            let answer = await_answer(&answered, deadline, stop);
            let exit =
                await_exit(&mut child, if matches!(answer, Waited::Answer(_)) { deadline } else { Instant::now() });
            (answer, exit, said.join().unwrap_or_default())
        });
        Ok(match (answer, exit) {
            (Waited::Stopped, _) => None,
            (Waited::TimedOut, _) | (Waited::Answer(_), Ok(Exit::Late)) => {
                Some(Played::TimedOut { seconds: self.timeout.as_secs(), stderr: said })
            }
            (Waited::Answer(_), Ok(Exit::Own(status))) if interrupted(status, stop) => None,
            (Waited::Answer(answer), Ok(Exit::Own(status))) => Some(understand(&answer, status, said)),
            (Waited::Answer(_), Err(error)) => {
                Some(Played::Killed { reason: format!("the worker is lost: {error}"), stderr: said })
            }
        })
    }
}

/// Waits for all that a worker writes to its stdout, up to the deadline or until `stop` becomes true.
fn await_answer(answered: &Receiver<Vec<u8>>, deadline: Instant, stop: &AtomicBool) -> Waited {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match answered.recv_timeout(left.min(LOOK)) {
            Ok(answer) => return Waited::Answer(answer),
            Err(RecvTimeoutError::Disconnected) => return Waited::Answer(Vec::new()),
            Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => return Waited::Stopped,
            Err(RecvTimeoutError::Timeout) if left.is_zero() => return Waited::TimedOut,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Waits until the worker has ended, and kills it at the deadline: one may have closed its stdout and hang.
fn await_exit(child: &mut Child, deadline: Instant) -> std::io::Result<Exit> {
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(Exit::Own(status));
        }
        thread::sleep(Duration::from_millis(1));
    }
    // It may have ended by itself meanwhile; then there is nothing to kill.
    let _ = child.kill();
    child.wait().map(|_| Exit::Late)
}

/// How a worker ended.
enum Exit {
    /// Without our doing
    Own(ExitStatus),
    /// It was killed at the deadline
    Late,
}

enum Waited {
    Answer(Vec<u8>),
    TimedOut,
    Stopped,
}

/// The worker was stopped by the interruption that stops us too: a terminal sends it to both, in either order.
fn interrupted(status: ExitStatus, stop: &AtomicBool) -> bool {
    const INTERRUPT: i32 = 2;
    const TERMINATE: i32 = 15;
    if matches!(status.signal(), Some(INTERRUPT | TERMINATE)) {
        thread::sleep(LOOK);
    }
    stop.load(Ordering::Relaxed) && !status.success()
}

/// Signals that a program brings upon itself: SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS. Any other one
/// comes from outside.
const OWN_SIGNALS: [i32; 7] = [4, 5, 6, 7, 8, 11, 31];

fn understand<R: DeserializeOwned>(answer: &[u8], status: ExitStatus, stderr: String) -> Played<R> {
    match status.signal() {
        None if status.success() => match serde_json::from_slice(answer) {
            Ok(reply) => Played::Replied(reply),
            Err(error) => Played::Crashed { reason: format!("the worker answered nonsense: {error}"), stderr },
        },
        Some(signal) if !OWN_SIGNALS.contains(&signal) => {
            Played::Killed { reason: format!("the worker was killed from outside: {status}"), stderr }
        }
        _ => Played::Crashed { reason: format!("the worker ended with {status}"), stderr },
    }
}

/// The end of what comes from a pipe, which is read to its end so that the writer never blocks.
fn tail(mut pipe: impl Read) -> String {
    let (mut kept, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = pipe.read(&mut chunk) {
        kept.extend_from_slice(&chunk[..count]);
        if kept.len() > 2 * MOST_STDERR {
            kept.drain(..kept.len() - MOST_STDERR);
        }
    }
    kept.drain(..kept.len().saturating_sub(MOST_STDERR));
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
