// SPDX-License-Identifier: Apache-2.0
//! Regressions over time, in a SQLite file: how many runs failed, by which kinds, and what each scenario cost.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};
use serde::Serialize;

use super::kinds::buckets;
use super::measured::{FIGURES, by_scenario};
use super::result::Report;

/// What a file of this version has. Later versions add tables, and read older files.
const SCHEMA: &str = "
    CREATE TABLE regression (
        id INTEGER PRIMARY KEY, recorded INTEGER NOT NULL, label TEXT NOT NULL, lockstep TEXT NOT NULL,
        device TEXT NOT NULL, base_seed INTEGER NOT NULL, runs INTEGER NOT NULL, passed INTEGER NOT NULL,
        cycles INTEGER NOT NULL, seconds REAL NOT NULL
    );
    CREATE TABLE kind (
        regression INTEGER NOT NULL REFERENCES regression, what TEXT NOT NULL, verdict TEXT NOT NULL,
        runs INTEGER NOT NULL, example TEXT NOT NULL
    );
    CREATE TABLE figure (
        regression INTEGER NOT NULL REFERENCES regression, scenario TEXT NOT NULL, figure TEXT NOT NULL,
        mean REAL NOT NULL
    );
    CREATE INDEX kind_of ON kind (regression);
    CREATE INDEX figure_of ON figure (scenario, figure, regression);
";

/// The version of such a file.
const VERSION: i64 = 1;

/// How long another process may keep the file.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a history cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It is none, it cannot be written, the disk is full
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// It is of a later lockstep
    #[error("this history has format {0}, and this lockstep knows format {VERSION}")]
    Version(i64),
    /// Another program's database
    #[error("this database is no history of lockstep")]
    Other,
}

/// A regression of before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Its number, in the order in which they were recorded
    pub id: i64,
    /// When, in seconds since 1970
    pub recorded: i64,
    /// What it is called: a commit, say
    pub label: String,
    /// The device under test
    pub device: String,
    /// Number of runs
    pub runs: i64,
    /// How many of them passed
    pub passed: i64,
    /// How many kinds of failure there were
    pub kinds: i64,
    /// How many of these had not been there in the regression before on the same device
    pub new_kinds: i64,
    /// Cycles of all runs
    pub cycles: i64,
    /// How long all runs took on the wall clock, in seconds
    pub seconds: f64,
}

/// A figure of a scenario in a regression.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The regression
    pub id: i64,
    /// Scenario and variant
    pub scenario: String,
    /// The mean of its runs that passed
    pub mean: f64,
}

/// A file of regressions.
#[derive(Debug)]
pub struct History(Connection);

impl History {
    /// A file that is there.
    ///
    /// # Errors
    /// [`HistoryError`]
    pub fn open(path: &Path) -> Result<History, HistoryError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let history = History(Connection::open_with_flags(path, flags)?);
        match history.version()? {
            0 => Err(HistoryError::Other),
            _ => Ok(history),
        }
    }

    /// A file that is there, or a new one.
    ///
    /// # Errors
    /// [`HistoryError`]
    pub fn create(path: &Path) -> Result<History, HistoryError> {
        let mut history = History(Connection::open(path)?);
        history.0.busy_timeout(PATIENCE)?;
        if history.version()? == 0 {
            // Two regressions may come at once.
            let begun = history.0.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let tables: i64 = begun.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
            let version: i64 = begun.pragma_query_value(None, "user_version", |row| row.get(0))?;
            match (tables, version) {
                (0, 0) => {
                    begun.execute_batch(SCHEMA)?;
                    begun.pragma_update(None, "user_version", VERSION)?;
                    begun.commit()?;
                }
                (_, 0) => return Err(HistoryError::Other),
                _ => {}
            }
        }
        Ok(history)
    }

    fn version(&self) -> Result<i64, HistoryError> {
        match self.0.pragma_query_value(None, "user_version", |row| row.get(0))? {
            version @ 0..=VERSION => Ok(version),
            later => Err(HistoryError::Version(later)),
        }
    }

    /// Adds a regression, all of it or nothing.
    ///
    /// # Errors
    /// [`HistoryError`]
    pub fn add(&mut self, report: &Report, label: &str, recorded: i64) -> Result<i64, HistoryError> {
        let cycles: u64 = report.runs.iter().map(|run| run.figures.cycles).sum();
        let begun = self.0.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        begun.execute(
            "INSERT INTO regression (recorded, label, lockstep, device, base_seed, runs, passed, cycles, seconds)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                recorded,
                label,
                env!("CARGO_PKG_VERSION"),
                report.device,
                report.base_seed as i64,
                report.runs.len() as i64,
                report.passed() as i64,
                cycles as i64,
                report.times.play.as_secs_f64(),
            ],
        )?;
        let id = begun.last_insert_rowid();
        for bucket in buckets(report) {
            begun.execute(
                "INSERT INTO kind VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, bucket.what, bucket.verdict.name(), bucket.runs.len() as i64, bucket.smallest.id],
            )?;
        }
        for (scenario, runs) in by_scenario(report) {
            for (figure, of) in FIGURES {
                let mean = runs.iter().map(|run| of(run)).sum::<f64>() / runs.len() as f64;
                begun.execute("INSERT INTO figure VALUES (?1, ?2, ?3, ?4)", params![id, scenario, figure, mean])?;
            }
        }
        begun.commit()?;
        Ok(id)
    }

    /// All regressions, the oldest first; or those on one device.
    ///
    /// # Errors
    /// [`HistoryError`]
    pub fn entries(&self, device: Option<&str>) -> Result<Vec<Entry>, HistoryError> {
        let mut query = self.0.prepare(
            "SELECT id, recorded, label, device, runs, passed, cycles, seconds,
                (SELECT count(*) FROM kind WHERE regression = own.id),
                (SELECT count(*) FROM kind WHERE regression = own.id AND what NOT IN (
                    SELECT what FROM kind WHERE regression = (
                        SELECT max(id) FROM regression WHERE id < own.id AND device = own.device)))
             FROM regression AS own WHERE ?1 IS NULL OR device = ?1 ORDER BY id",
        )?;
        let rows = query.query_map([device], |row| {
            Ok(Entry {
                id: row.get(0)?,
                recorded: row.get(1)?,
                label: row.get(2)?,
                device: row.get(3)?,
                runs: row.get(4)?,
                passed: row.get(5)?,
                cycles: row.get(6)?,
                seconds: row.get(7)?,
                kinds: row.get(8)?,
                new_kinds: row.get(9)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A figure over time: of scenarios whose name is this one or begins with it, or of all.
    ///
    /// # Errors
    /// [`HistoryError`]
    pub fn points(&self, figure: &str, scenario: Option<&str>) -> Result<Vec<Point>, HistoryError> {
        let mut query = self.0.prepare(
            "SELECT regression, scenario, mean FROM figure
             WHERE figure = ?1 AND (?2 IS NULL OR substr(scenario, 1, length(?2)) = ?2) ORDER BY scenario, regression",
        )?;
        let rows = query.query_map(params![figure, scenario], |row| {
            Ok(Point { id: row.get(0)?, scenario: row.get(1)?, mean: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
