// SPDX-License-Identifier: Apache-2.0
//! When a request was with the device: what it may have used depends on that.

use events::{Cycle, Direction};

use super::dma::Transaction;

/// The stretch of time in which a request was with the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First cycle of `valid` on `dev_*`: a device may begin its work then
    pub offered: Cycle,
    /// Accepted on `dev_*`
    pub start: Cycle,
    /// Translated on `mem_*`, or refused
    pub end: Cycle,
    /// At its end the request shows on `mem_*`, in this direction: a fence with PR or PW had to wait for it
    pub shown: Option<Direction>,
}

impl Window {
    /// A request whose offer nobody saw, and which does not show on `mem_*`.
    pub fn new(start: Cycle, end: Cycle) -> Self {
        Window { offered: start, start, end, shown: None }
    }

    /// A request that shows since cycle `since`, and that the device has not accepted.
    pub fn offered(since: Cycle, now: Cycle) -> Self {
        Window { offered: since, ..Window::new(now, now) }
    }

    /// This transaction, up to its refusal in cycle `end`.
    pub fn until(transaction: &Transaction, end: Cycle) -> Self {
        Window { offered: transaction.offered, ..Window::new(transaction.accepted, end) }
    }

    /// This transaction, up to the cycle in which it shows on `mem_*`.
    pub fn until_shown(transaction: &Transaction, end: Cycle) -> Self {
        Window { shown: Some(transaction.request.direction), ..Window::until(transaction, end) }
    }
}
