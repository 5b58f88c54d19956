// SPDX-License-Identifier: Apache-2.0
//! Own steps for device contexts: what a program does without the driver, as the specification asks for it.

use driver::format::{Context, Invalidation};
use driver::plan::flush_after_change;
use driver::{ApiError, Target};
use golden::DeviceId;

use super::play::Player;

impl Player<'_> {
    /// The context that belongs to a target.
    pub fn context(&self, target: Target) -> Result<Context, ApiError> {
        match target {
            Target::Blocked => Ok(Context::BLOCKED),
            Target::Identity => Ok(Context::IDENTITY),
            Target::Domain(domain) => self.driver.context_of(domain),
        }
    }

    /// From one context to another by way of V clear.
    pub fn own_change(&mut self, ids: &[DeviceId], from: Context, to: Context) -> Result<(), ApiError> {
        self.own_word(ids, Context::TC, 0)?;
        self.own_sync(ids)?;
        for invalidation in flush_after_change(&from) {
            self.driver.invalidate(&mut self.computer, invalidation)?;
        }
        self.driver.fence(&mut self.computer)?;
        let words = if self.has_extended_format() { 8 } else { 4 };
        for word in 1..words {
            self.own_word(ids, word, to.0[word])?;
        }
        // A device may read the words in any order: what it read of them while V was 0 must not meet V = 1.
        self.own_sync(ids)?;
        self.own_word(ids, Context::TC, to.0[Context::TC])
    }

    fn has_extended_format(&self) -> bool {
        self.program.machine.capabilities.msi_flat()
    }

    fn own_word(&mut self, ids: &[DeviceId], word: usize, value: u64) -> Result<(), ApiError> {
        for &id in ids {
            self.driver.set_context_word(&mut self.computer, id, word, value)?;
        }
        Ok(())
    }

    fn own_sync(&mut self, ids: &[DeviceId]) -> Result<(), ApiError> {
        for id in ids {
            self.driver.invalidate(&mut self.computer, Invalidation::Ddt { device: Some(id.0) })?;
        }
        self.driver.fence(&mut self.computer)
    }
}
