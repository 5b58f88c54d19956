// SPDX-License-Identifier: Apache-2.0
//! What devices have asked for by ATS, and who waits for it.

use std::collections::VecDeque;

use events::{GroupResponse, TranslationCompletion};
use golden::DeviceId;

/// Responses that nobody has asked for yet: older ones are forgotten.
const RESPONSES: usize = 64;

/// Who waits for a translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    Nobody,
    Stream(usize),
    /// Straight-line code of software
    Step,
}

/// What devices have asked for.
#[derive(Debug, Default)]
pub(super) struct Asking {
    /// Requests that the device under test has not taken, in their order
    queued: VecDeque<Asker>,
    /// Those that it has, by their tags
    open: Vec<(u8, Asker)>,
    completion: Option<TranslationCompletion>,
    /// Page requests that it has not taken
    pages: usize,
    responses: VecDeque<GroupResponse>,
}

impl Asking {
    pub(super) fn asked(&mut self, asker: Asker) {
        self.queued.push_back(asker);
    }

    pub(super) fn taken(&mut self, tag: u8) {
        self.open.extend(self.queued.pop_front().map(|asker| (tag, asker)));
    }

    /// A request was answered. Returns the stream that waits for it, if one does.
    pub(super) fn completed(&mut self, completion: &TranslationCompletion) -> Option<usize> {
        let at = self.open.iter().position(|(tag, _)| *tag == completion.tag)?;
        match self.open.swap_remove(at).1 {
            Asker::Nobody => None,
            Asker::Stream(number) => Some(number),
            Asker::Step => {
                self.completion = Some(*completion);
                None
            }
        }
    }

    pub(super) fn page_taken(&mut self) {
        self.pages = self.pages.saturating_sub(1);
    }

    pub(super) fn responded(&mut self, response: GroupResponse) {
        if self.responses.len() == RESPONSES {
            self.responses.pop_front();
        }
        self.responses.push_back(response);
    }

    /// The completion that a step waits for, once.
    pub(super) fn completion(&mut self) -> Option<TranslationCompletion> {
        self.completion.take()
    }

    pub(super) fn page_asked(&mut self) {
        self.pages += 1;
    }

    /// A page request has not been taken.
    pub(super) fn pages_wait(&self) -> bool {
        self.pages > 0
    }

    /// The oldest response to this group, once.
    pub(super) fn response(&mut self, device: DeviceId, group: u16) -> Option<GroupResponse> {
        let is_it = |response: &GroupResponse| (response.device, response.prgi) == (device, group);
        let at = self.responses.iter().position(is_it)?;
        self.responses.remove(at)
    }
}
