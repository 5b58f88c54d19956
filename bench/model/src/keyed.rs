// SPDX-License-Identifier: Apache-2.0
//! What a whole translation is found by, where its context does not matter: "the translation process may use the GSCID
//! and PSCID to associate the cached translations" (section "Process to translate an IOVA").

use golden::{Access, Gscid, Pscid, Pte, Purpose, Request, Role, Tags, WordRef};

use super::path::{Origin, PathWord};

/// What the request itself brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    page: u64,
    access: Access,
    privileged: bool,
}

/// With the tags that its context gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tagged {
    gscid: Option<Gscid>,
    pscid: Option<Pscid>,
    key: Key,
}

impl Key {
    /// None for a request that is not simply translated.
    pub(super) fn of(request: &Request) -> Option<Self> {
        request.is_untranslated().then_some(Self {
            page: request.iova.0 >> 12,
            access: request.access,
            privileged: request.privileged,
        })
    }
}

/// An entry of the tables through which a request itself goes, and not the way to its contexts.
fn in_tree(role: &Role) -> bool {
    match role {
        Role::FirstStage { .. } | Role::MsiPte { .. } => true,
        Role::SecondStage { purpose, .. } => !matches!(purpose, Purpose::ProcessDirectory { .. }),
        _ => false,
    }
}

impl Tagged {
    fn new(tags: &Tags, key: &Key) -> Option<Self> {
        let Tags { gscid, pscid, .. } = *tags;
        // What no command reaches is not kept.
        (gscid.is_some() || pscid.is_some()).then_some(Self { gscid, pscid, key: *key })
    }

    /// By the tags of a word, where those are complete.
    pub(super) fn at(word: &WordRef, key: &Key) -> Option<Self> {
        if in_tree(&word.role) { Self::new(&word.tags, key) } else { None }
    }

    /// By the tags of a whole walk; none where its result is worth nothing without its context.
    pub(super) fn of(path: &[PathWord], key: &Key) -> Option<Self> {
        let mut tree = path.iter().filter(|step| in_tree(&step.word.role)).peekable();
        let first = tree.peek()?.word.tags;
        let is_good = |step: &PathWord| {
            // A context may hold its own pointer translated by what an IOTINVAL has struck, and goes with IODIR.
            let plain = matches!(step.origin, Origin::Memory | Origin::Cache);
            // Whether a supervisor may use a user's page is for its context to say.
            let for_users = matches!(step.word.role, Role::FirstStage { .. })
                && Pte(step.value).is_leaf()
                && step.value & 0x10 != 0
                && key.privileged;
            let lost = matches!(step.word.role, Role::MsiPte { .. }) && step.word.tags.gscid.is_none();
            plain && !for_users && !lost
        };
        if tree.all(is_good) { Self::new(&first, key) } else { None }
    }

    /// The words that commands find it by.
    pub(super) fn rests_on(path: &[PathWord]) -> impl Iterator<Item = &PathWord> {
        path.iter().filter(|step| in_tree(&step.word.role))
    }
}
