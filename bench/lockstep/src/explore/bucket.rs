// SPDX-License-Identifier: Apache-2.0
//! What a run has found: one cause is one bucket, whatever program showed it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::program::Flavour;
use crate::report::kinds_of;
use crate::runner::{RunReport, Verdict};

/// One kind of finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bucket {
    /// How a run with it is judged
    pub verdict: Verdict,
    /// In words, without addresses, names and numbers
    pub what: String,
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.verdict {
            Verdict::DutViolation => f.write_str(&self.what),
            verdict => write!(f, "{verdict}: {}", self.what),
        }
    }
}

impl Bucket {
    /// All that a run shows, whatever was to be expected of it.
    pub fn all_of(run: &RunReport) -> Vec<Bucket> {
        kinds_of(run).into_iter().map(|(verdict, what)| Bucket { verdict, what }).collect()
    }

    /// What a run of a program shows that must not be.
    pub fn of(run: &RunReport, flavour: Flavour) -> Vec<Bucket> {
        let counts = |bucket: &Bucket| match bucket.verdict {
            Verdict::DutViolation | Verdict::Hung | Verdict::Crashed => true,
            // Software that does as the driver tells it cannot come to harm. Any other may.
            Verdict::SoftwareHazard | Verdict::SoftwareError => flavour == Flavour::Calls,
            Verdict::Pass | Verdict::TimedOut | Verdict::Killed | Verdict::NotPlayed => false,
        };
        Bucket::all_of(run).into_iter().filter(counts).collect()
    }

    /// A name for files and scenarios: `translation-first-stage-pte-kept-over-iotinval-vma`.
    pub fn slug(&self) -> String {
        let mut slug = String::new();
        for c in self.to_string().to_lowercase().chars() {
            match c {
                'a'..='z' | '0'..='9' => slug.push(c),
                _ if !slug.ends_with('-') && !slug.is_empty() => slug.push('-'),
                _ => {}
            }
        }
        slug.truncate(60);
        slug.trim_matches('-').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::Bucket;
    use crate::runner::Verdict;

    #[test]
    fn a_bucket_names_files() {
        let bucket = Bucket { verdict: Verdict::Hung, what: "no answer within # cycles (`…`)".to_owned() };
        assert_eq!(bucket.slug(), "hung-no-answer-within-cycles");
        assert_eq!(bucket.to_string(), "hung: no answer within # cycles (`…`)");
        let long = Bucket { verdict: Verdict::DutViolation, what: "word ".repeat(40) };
        assert!(long.slug().len() <= 60 && !long.slug().ends_with('-'));
    }
}
