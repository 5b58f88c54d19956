//! Where the oracle does not say what the page says, as yet: the world, the rule, and whether it is the page that accepts.
//! The sample fails when one of them goes.

use crate::faults::Fault;
use crate::trace::Hazard;

/// Known differences.
pub const KNOWN: &[(&str, Option<Fault>, bool)] = &[
];

/// Known differences about software: the world, what the page blames it for, and what the oracle does.
pub const KNOWN_BLAMES: &[(&str, Option<Hazard>, Option<Hazard>)] = &[
];
