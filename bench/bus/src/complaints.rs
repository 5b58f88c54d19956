// SPDX-License-Identifier: Apache-2.0
//! What was wrong on the ports in a cycle and can be gone past: the port's state is known all the same.

use super::violation::{ProtocolViolation, Rule};

/// Collects what can be gone past, if that is wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Complaints {
    goes_on: bool,
    made: Vec<ProtocolViolation>,
}

impl Rule {
    /// The port can go on behind it: what was meant is clear.
    #[must_use]
    pub const fn is_soft(self) -> bool {
        matches!(
            self,
            Rule::Dropped
                | Rule::Stable
                | Rule::Boundary
                | Rule::Cache
                | Rule::Exclusive
                | Rule::WriteLast
                | Rule::Strobes
                | Rule::ReadLast
                | Rule::Exokay
                | Rule::LiteExokay
                | Rule::AtsDropped
                | Rule::AtsStable
        )
    }
}

impl Complaints {
    /// From now on nothing that can be gone past is an error.
    pub(super) fn go_on(&mut self) {
        self.goes_on = true;
    }

    /// Goes past an error if it can be.
    pub(super) fn past<T: Default>(&mut self, checked: Result<T, ProtocolViolation>) -> Result<T, ProtocolViolation> {
        match checked {
            Err(violation) if self.goes_on && violation.rule.is_soft() => {
                self.made.push(violation);
                Ok(T::default())
            }
            checked => checked,
        }
    }

    /// What there is of this cycle.
    pub(super) fn take(&mut self) -> Vec<ProtocolViolation> {
        std::mem::take(&mut self.made)
    }
}
