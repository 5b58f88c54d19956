// SPDX-License-Identifier: Apache-2.0
//! Where the results of a regression go: stdout for people, and files for programs.

use std::path::PathBuf;

use super::args::ResultPaths;
use super::error::CommandError;
use super::history;
use super::output::{self, Reserved};
use crate::report::{self, ExitCode, Report};

/// The files into which results go.
#[derive(Debug)]
pub struct ResultFiles {
    json: Option<Reserved>,
    junit: Option<Reserved>,
    sarif: Option<Reserved>,
    html: Option<Reserved>,
    /// A history to which they are added
    history: Option<PathBuf>,
    /// One of them is stdout
    own_stdout: bool,
}

impl ResultFiles {
    /// Makes sure that they can be written: who finds out only after an hour has lost it.
    ///
    /// # Errors
    /// [`CommandError::Write`]
    pub fn open(paths: &ResultPaths) -> Result<ResultFiles, CommandError> {
        let all = [&paths.json, &paths.junit, &paths.sarif, &paths.html];
        let stdout = all.iter().filter(|path| output::is_stdout(path.as_deref())).count();
        if stdout > 1 {
            return Err(CommandError::Setting("only one kind of results can go to stdout".to_owned()));
        }
        let open = |path: &Option<PathBuf>| path.as_deref().map(Reserved::open).transpose();
        if let Some(file) = &paths.history {
            history::check(file)?;
        }
        Ok(ResultFiles {
            json: open(&paths.json)?,
            junit: open(&paths.junit)?,
            sarif: open(&paths.sarif)?,
            html: open(&paths.html)?,
            history: paths.history.clone(),
            own_stdout: stdout > 0,
        })
    }

    /// Prints a text for people: on stdout, unless results of programs go there.
    pub fn print(&self, text: &str) {
        let print = if self.own_stdout { output::stderr } else { output::stdout };
        print(text);
    }

    /// Writes the files. What has been printed stays printed if that fails.
    ///
    /// # Errors
    /// [`CommandError`]: a file could not be written, and no run failed.
    pub fn write(self, report: &Report) -> Result<ExitCode, CommandError> {
        if std::env::var_os("GITHUB_ACTIONS").is_some() {
            self.print(&report::annotations(report));
        }
        let code = report.exit_code();
        let mut written = Ok(());
        if let Some(file) = self.json {
            written = file.write(&report::json(report));
        }
        if let Some(file) = self.junit {
            let xml = report::junit(report)
                .map_err(|error| CommandError::System { what: "write JUnit XML", error: error.to_string() })?;
            written = written.and(file.write(&xml));
        }
        if let Some(file) = self.sarif {
            written = written.and(file.write(&report::sarif(report)));
        }
        if let Some(file) = self.html {
            written = written.and(file.write(&report::html(report)));
        }
        let mut written = written.map_err(CommandError::from);
        if let Some(file) = &self.history {
            written = written.and(history::add(file, report, None));
        }
        lesser(code, written)
    }
}

/// What the process exits with. A file that could not be written is the lesser evil where a run failed; but it is said.
///
/// # Errors
/// The one of the file, where no run failed.
pub fn lesser(code: ExitCode, written: Result<(), CommandError>) -> Result<ExitCode, CommandError> {
    match (written, code) {
        (Ok(()), code) => Ok(code),
        (Err(error), ExitCode::Failed | ExitCode::Crashed | ExitCode::Stopped) => {
            output::stderr(&format!("{error}\n"));
            Ok(code)
        }
        (Err(error), _) => Err(error),
    }
}
