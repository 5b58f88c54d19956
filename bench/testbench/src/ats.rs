// SPDX-License-Identifier: Apache-2.0
//! Devices are let ask for translations and for pages, and what comes of it is waited for.

use bus::Cached;
use driver::Halted;
use events::{GroupResponse, PageRequest, TranslationCompletion, TranslationRequest};
use golden::DeviceId;

use super::asking::Asker;
use super::clock::Testbench;

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
        self.asking.completion();
        let (begun, bound) = (self.now, self.bounds.request);
        loop {
            self.tick()?;
            if let Some(completion) = self.asking.completion() {
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
        self.asking.page_asked();
    }

    /// Waits until the device under test has taken all page requests.
    ///
    /// # Errors
    /// [`Halted`]
    pub fn pages_taken(&mut self) -> Result<(), Halted> {
        let (begun, bound) = (self.now, self.bounds.request);
        while self.asking.pages_wait() {
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
            if let Some(response) = self.asking.response(device, group) {
                return Ok(Some(response));
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
