//! The model against the answers of the public reference model: 2,828 cases of an outside generator.
//!
//! Where the specification leaves a choice, the case or the operation is tagged, and is not scored.

mod case;
mod compare;
mod subject;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use case::{Action, Case, parse};
use compare::{Difference, compare};
use subject::{Model, Subject};

static CASES: &[u8] = include_bytes!("../data/cases.jsonl.gz");

#[derive(Default)]
struct Score {
    operations: u64,
    translations: u64,
    agreed: u64,
    first: Option<(u64, usize, String, Vec<Difference>)>,
}

fn run<S: Subject>(case: &Case, score: &mut Score) {
    let mut subject = S::set_up(case);
    for (index, op) in case.ops.iter().enumerate() {
        let observed = subject.act(&op.action);
        if case.ambiguous || op.ambiguous {
            continue;
        }
        score.operations += 1;
        score.translations += u64::from(matches!(op.action, Action::Translate(_)));
        let differences = compare(op, &observed);
        if differences.is_empty() {
            score.agreed += 1;
        } else if score.first.is_none() {
            score.first = Some((case.id, index, op.action.to_string(), differences));
        }
    }
}

fn table(scores: &BTreeMap<&str, Score>) -> String {
    let mut text = String::new();
    for (class, score) in scores {
        let _ = writeln!(text, "{class:<16} {:>6} of {:>6} agree", score.agreed, score.operations);
        if let Some((id, index, action, differences)) = &score.first {
            let _ = writeln!(text, "    first mismatch: case {id}, operation {index}: {action}");
            for Difference { field, expected, found } in differences {
                let _ = writeln!(text, "      {field}: right = {expected} wrong = {found}");
            }
        }
    }
    text
}

/// Every untagged operation agrees.
#[test]
fn reference_model_agrees() {
    let cases = parse(CASES);
    assert_eq!(cases.len(), 2828);
    let mut scores = BTreeMap::<&str, Score>::new();
    for case in &cases {
        run::<Model>(case, scores.entry(&case.class).or_default());
    }
    let operations: u64 = scores.values().map(|score| score.operations).sum();
    let translations: u64 = scores.values().map(|score| score.translations).sum();
    let agreed: u64 = scores.values().map(|score| score.agreed).sum();
    assert_eq!((operations, translations), (15_235, 9_410), "the cases have changed");
    assert_eq!(agreed, operations, "{} of {operations} agree\n{}", agreed, table(&scores));
}
