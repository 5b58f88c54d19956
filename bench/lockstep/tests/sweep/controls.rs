// SPDX-License-Identifier: Apache-2.0
//! The sweep is worth what it finds: plans that are spoilt in one place must fail it.

use driver::format::{Context, ProcessContext};
use driver::plan::{Step, upstream, upstream_process};

use super::model;
use super::rig::{Format, Rig};
use super::rows::{self, Row, Swept};

/// The first thing that a sweep of a spoilt row finds, if it finds one.
fn found<E: Swept>(format: Format, rows: Vec<Row<E>>, name: &str, spoil: impl Fn(&mut Row<E>)) -> Option<String> {
    let mut row = rows.into_iter().find(|row| row.name == name).expect("a row");
    spoil(&mut row);
    let mut seen = Vec::new();
    // A hazard that was counted once counts for ever, so each offset has a device of its own.
    (0..900).step_by(3).find_map(|offset| Rig::new(model(), format).play(&row, offset, &mut seen).err())
}

fn without_syncs<E>(row: &mut Row<E>) {
    row.steps.retain(|step| !matches!(step, Step::Sync));
}

/// The words in the order in which they are given, with no synchronisation before the last; software takes its time
/// between them, so that a fetch can come in between whatever the order in which it reads.
fn in_order<E>(words: &[usize]) -> impl Fn(&mut Row<E>) {
    move |row| {
        let mut stores: Vec<Step> = row.steps.iter().filter(|s| matches!(s, Step::Store { .. })).cloned().collect();
        stores.sort_by_key(|step| match step {
            Step::Store { word, .. } => words.iter().position(|own| own == word),
            _ => None,
        });
        row.steps = stores.into_iter().flat_map(|store| [store, Step::Flush(Vec::new())]).collect();
        row.steps.push(Step::Sync);
    }
}

#[test]
fn a_right_plan_passes() {
    assert_eq!(found(Format::Base, rows::contexts(), "S2 -> nested", |_| {}), None);
    assert_eq!(found(Format::Extended, rows::msi(), "MSI on", |_| {}), None);
    assert_eq!(found(Format::Directory, rows::processes(), "process: S1a -> S1b", |_| {}), None);
}

#[test]
fn a_context_that_is_not_synchronised_is_found() {
    let wrong = found(Format::Base, rows::contexts(), "S2 -> nested", without_syncs);
    assert!(wrong.as_deref().is_some_and(|wrong| wrong.contains("afterwards Some(2)")), "{wrong:?}");
    let wrong = found(Format::Directory, rows::processes(), "process: identity -> S1", without_syncs);
    assert!(wrong.as_deref().is_some_and(|wrong| wrong.contains("afterwards Some(1)")), "{wrong:?}");
}

#[test]
fn an_msi_page_table_that_comes_before_its_pattern_is_found() {
    let order = in_order(&[Context::MSIPTP, Context::MSI_MASK, Context::MSI_PATTERN]);
    let wrong = found(Format::Extended, rows::msi(), "MSI on", order);
    assert!(wrong.as_deref().is_some_and(|wrong| wrong.contains("which the plan does not allow")), "{wrong:?}");
}

#[test]
fn an_msi_page_table_that_outlasts_its_pattern_is_found() {
    let order = in_order(&[Context::MSI_MASK, Context::MSI_PATTERN, Context::MSIPTP]);
    let wrong = found(Format::Extended, rows::msi(), "MSI off", order);
    assert!(wrong.as_deref().is_some_and(|wrong| wrong.contains("which the plan does not allow")), "{wrong:?}");
}

#[test]
fn a_directory_that_is_pointed_to_before_it_is_named_one_is_found() {
    // fsc as the root of a first stage, before tc says that it is a directory.
    let order = in_order(&[Context::FSC, Context::TC]);
    let wrong = found(Format::Directory, rows::directories(), "identity -> directory", order);
    assert!(wrong.as_deref().is_some_and(|wrong| wrong.contains("which the plan does not allow")), "{wrong:?}");
}

#[test]
fn a_process_that_is_valid_before_it_is_whole_is_found() {
    let order = in_order(&[ProcessContext::TA, ProcessContext::FSC]);
    let wrong = found(Format::Directory, rows::processes(), "process: blocked -> S1", order);
    assert!(wrong.as_deref().is_some_and(|wrong| wrong.contains("which the plan does not allow")), "{wrong:?}");
}

#[test]
fn a_root_that_changes_under_the_old_tag_is_found() {
    let order = in_order(&[ProcessContext::FSC, ProcessContext::TA]);
    let wrong = found(Format::Directory, rows::processes(), "process: S1a -> S1b", |row| {
        // Straight to the new tag, without the one that nothing uses.
        row.steps = vec![
            Step::Store { word: ProcessContext::FSC, value: row.to.0[1] },
            Step::Store { word: ProcessContext::TA, value: row.to.0[0] },
        ];
        order(row);
    });
    assert!(wrong.as_deref().is_some_and(|wrong| wrong.contains("which the plan does not allow")), "{wrong:?}");
}

#[test]
fn a_context_that_is_cleared_on_the_way_is_found() {
    let wrong = found(Format::Base, rows::contexts(), "S2 -> nested", |row| {
        row.steps = upstream(row.from, row.to).steps;
        row.allowed.push(Context::BLOCKED);
    });
    assert!(wrong.as_deref().is_some_and(|wrong| wrong.contains("None is not hitless")), "{wrong:?}");
    let wrong = found(Format::Directory, rows::processes(), "process: S1 root", |row| {
        row.steps = upstream_process(row.from, row.to, true).steps;
        row.allowed.push(ProcessContext::BLOCKED);
    });
    assert!(wrong.as_deref().is_some_and(|wrong| wrong.contains("None is not hitless")), "{wrong:?}");
}
