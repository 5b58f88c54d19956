// SPDX-License-Identifier: Apache-2.0
//! Devices that ask for translations and for pages, and who waits for what comes of it.

use std::collections::VecDeque;

use bus::Cached;
use driver::Halted;
use events::{GroupResponse, PageRequest, TranslationCompletion, TranslationRequest};
use golden::DeviceId;

use super::clock::Testbench;

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
}

impl Testbench {
    /// Lets a device ask for a translation by ATS; nobody waits for the answer.
    pub fn ask_translation(&mut self, request: TranslationRequest) {
        self.bus.ask_translation(request);
        self.asking.asked(Asker::Nobody);
    }

    /// Lets a device ask for a translation, and waits for the answer.
    ///
    /// # Errors
    /// [`Halted`]
    pub fn translate(&mut self, request: TranslationRequest) -> Result<TranslationCompletion, Halted> {
        self.bus.ask_translation(request);
        self.asking.asked(Asker::Step);
        self.asking.completion = None;
        let (begun, bound) = (self.now, self.bounds.request);
        loop {
            self.tick()?;
            if let Some(completion) = self.asking.completion.take() {
                return Ok(completion);
            }
            if self.now - begun > bound {
                self.hung(format!("a translation request was not answered within {bound} cycles"))?;
            }
        }
    }

    /// Lets a device ask for a page, or mark a stop; nobody waits for what comes of it.
    pub fn ask_page(&mut self, request: PageRequest) {
        self.bus.ask_page(request);
        self.asking.pages += 1;
    }

    /// Waits until the device under test has taken all page requests.
    ///
    /// # Errors
    /// [`Halted`]
    pub fn pages_taken(&mut self) -> Result<(), Halted> {
        let (begun, bound) = (self.now, self.bounds.request);
        while self.asking.pages > 0 {
            self.tick()?;
            if self.now - begun > bound {
                self.hung(format!("a page request was not taken within {bound} cycles"))?;
            }
        }
        Ok(())
    }

    /// The oldest response to a group of page requests that a device has got, which is looked at once; none if there is
    /// none within so many cycles.
    ///
    /// # Errors
    /// [`Halted`]
    pub fn page_response(
        &mut self,
        device: DeviceId,
        group: u16,
        within: u64,
    ) -> Result<Option<GroupResponse>, Halted> {
        let begun = self.now;
        loop {
            let is_it = |response: &GroupResponse| (response.device, response.prgi) == (device, group);
            if let Some(at) = self.asking.responses.iter().position(is_it) {
                return Ok(self.asking.responses.remove(at));
            }
            if self.now - begun >= within {
                return Ok(None);
            }
            self.tick()?;
        }
    }

    /// The translations that the devices keep by now.
    pub fn cached(&self) -> &[Cached] {
        self.bus.cached()
    }
}
