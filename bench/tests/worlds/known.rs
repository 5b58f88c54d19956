//! Where the oracle does not say what the page says, as yet: the world, the rule, and whether it is the page that accepts.
//! The sample fails when one of them goes.

use crate::faults::Fault;
use crate::trace::Hazard;

/// Known differences.
pub const KNOWN: &[(&str, Option<Fault>, bool)] = &[];

/// Known differences about software: the world, what the page blames it for, and what the oracle does.
pub const KNOWN_BLAMES: &[(&str, Option<Hazard>, Option<Hazard>)] = &[
    // A root, or a pointer, that had gone before an operation began comes back in the middle of it and goes again. To the
    // oracle its use may stem from before; the page says that the request saw what was never there at rest.
    ("hitless change of a root", Some(Hazard::NotHitless), None),
    ("hitless change of a root", Some(Hazard::Mixed), None),
    ("hitless change of two words", Some(Hazard::NotHitless), None),
];
