//! Where the oracle does not say what the page says, as yet: the world, the rule, and whether it is the page that accepts.
//! The sample fails when one of them goes.

use crate::faults::Fault;
use crate::trace::Hazard;

/// Known differences.
pub const KNOWN: &[(&str, Option<Fault>, bool)] = &[
    // A word that was never read counts as read with what memory held: to the oracle it explains nothing.
    ("first-stage leaf, unread", Some(Fault::UnreadExplainsNothing), true),
    ("Bare context, unread", Some(Fault::UnreadExplainsNothing), true),
    ("pointer held in a context", Some(Fault::UnreadExplainsNothing), true),
    ("pointer to a process directory", Some(Fault::UnreadExplainsNothing), true),
    ("first-stage entries by their tags, unread", Some(Fault::UnreadExplainsNothing), true),
    ("second-stage entries by their tags, unread", Some(Fault::UnreadExplainsNothing), true),
    ("MSI entries by their tags, unread", Some(Fault::UnreadExplainsNothing), true),
    // The oracle does not know of PR and PW.
    ("kinds of fences", Some(Fault::PrPwIgnored), false),
    // MSI entries are found by GSCID and address, and so are results of walks through them, whatever table the context
    // names by now: to the oracle they go with the context.
    ("MSI window and table", Some(Fault::DdtTakesMsi), true),
    // To the oracle, walks ahead are made only for devices that have asked for something.
    ("global mappings of two processes", Some(Fault::OnlyForAskers), true),
    ("two devices", Some(Fault::OnlyForAskers), true),
];

/// Known differences about software: the world, what the page blames it for, and what the oracle does.
pub const KNOWN_BLAMES: &[(&str, Option<Hazard>, Option<Hazard>)] = &[
    // An operation that stores to a word hides what an earlier one had retired from it.
    ("effective change of a leaf", Some(Hazard::Stale), None),
    ("hitless change of a leaf", Some(Hazard::Stale), Some(Hazard::NotHitless)),
    // With V = 0 the rest of a context says nothing; to the oracle it may be stale all the same.
    ("hitless change of a root", None, Some(Hazard::Stale)),
    // The state before an operation, in words that it did not store to, is taken from memory as it is at the check; and
    // operations that a request overlaps are taken one by one.
    ("hitless change of a root", None, Some(Hazard::NotHitless)),
    ("hitless change of a root", Some(Hazard::NotHitless), None),
    ("hitless change of two words", None, Some(Hazard::NotHitless)),
    ("hitless change of two words", Some(Hazard::NotHitless), None),
    // An operation that may refuse shows the old state, the new one or a refusal: the oracle does not ask.
    ("effective change of a leaf", Some(Hazard::Mixed), None),
    ("hitless change of a root", Some(Hazard::Mixed), None),
    ("hitless change of a root", Some(Hazard::Mixed), Some(Hazard::NotHitless)),
];
