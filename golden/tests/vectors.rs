// SPDX-License-Identifier: Apache-2.0
//! The model against the answers of the public reference model: 2,828 cases of an outside generator.
//!
//! Where the specification leaves a choice, the case or the operation is tagged, and is not scored.

use std::path::Path;

use vectors::{Scores, read};

/// Every untagged operation agrees.
#[test]
fn reference_model_agrees() {
    let cases = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases.jsonl.gz")).expect("cases");
    assert_eq!(cases.len(), 2828);
    let mut scores = Scores::default();
    cases.iter().for_each(|case| scores.run_on_model(case));
    let total = scores.total();
    assert_eq!((total.scored, total.translations), (15_235, 9_410), "the cases have changed");
    assert_eq!(total.agreed, total.scored, "{:#?}", scores.mismatches);
}
