// SPDX-License-Identifier: Apache-2.0
//! For CI servers: JUnit XML.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as XmlReport, TestCase, TestCaseStatus, TestSuite};

use super::kinds;
use super::result::Report;
use super::terminal::explain;
use crate::runner::{RunReport, Verdict};

/// The report as JUnit XML: a suite for each scenario, a case for each run. What hung, crashed or was stopped is an error, what
/// failed is a failure; the type is the verdict. What the model played in place of the device under test, and passed,
/// is skipped: it says nothing of the device.
///
/// # Errors
/// The XML writer failed.
pub fn junit(report: &Report) -> Result<String, quick_junit::SerializeError> {
    let mut xml = XmlReport::new("lockstep");
    xml.set_time(report.times.build + report.times.play);
    for runs in report.runs.chunk_by(|a, b| a.scenario == b.scenario) {
        let mut suite = TestSuite::new(runs[0].scenario.as_str());
        suite.add_test_cases(runs.iter().map(case));
        xml.add_test_suite(suite);
    }
    xml.to_string()
}

fn case(run: &RunReport) -> TestCase {
    let status = if run.passed && !run.stands_in_for.is_empty() {
        let lacking: Vec<String> = run.stands_in_for.iter().map(ToString::to_string).collect();
        let mut status = TestCaseStatus::skipped();
        status.set_message(format!("played on the model: the device under test lacks {}", lacking.join(", ")));
        status
    } else if run.passed {
        TestCaseStatus::success()
    } else {
        let kind = match run.verdict {
            Verdict::Hung | Verdict::Crashed | Verdict::TimedOut | Verdict::Killed | Verdict::NotPlayed => {
                NonSuccessKind::Error
            }
            _ => NonSuccessKind::Failure,
        };
        let mut status = TestCaseStatus::non_success(kind);
        let mistakes = run.mistakes.iter().map(|mistake| mistake.said(&run.file));
        let unmet: Vec<String> = run.unmet.iter().map(ToString::to_string).chain(mistakes).collect();
        let message = if unmet.is_empty() { run.verdict.to_string() } else { unmet.join("; ") };
        status.set_message(message).set_type(run.verdict.name()).set_description(explain(run));
        status
    };
    let mut case = TestCase::new(run.id.as_str(), status);
    case.set_classname(run.scenario.as_str()).set_time(Duration::try_from_secs_f64(run.seconds).unwrap_or_default());
    case.add_property(("seed", format!("{:#010x}", run.seed).as_str()));
    case.add_property(("verdict", run.verdict.name()));
    if !run.passed {
        case.add_property(("kind", kinds::of_run(run).as_str()));
    }
    for waived in &run.waived {
        case.add_property(("waived", format!("{} times: {}", waived.count, waived.first.kind()).as_str()));
    }
    if let Some(not_shown) = &run.not_shown {
        case.add_property(("not-shown", not_shown.to_string().as_str()));
    }
    case.add_property(("reproduce", run.reproduce.as_str()));
    case
}
