// SPDX-License-Identifier: Apache-2.0
//! A port of a design: its name, direction and width, and the words that hold its value.

use std::fmt;

/// Direction of a port, seen from the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Driven by the caller
    Input,
    /// Driven by the design
    Output,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Output => "output",
        })
    }
}

/// A bound port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Port {
    /// Its name
    pub name: String,
    /// Its direction
    pub direction: Direction,
    /// Its width in bits
    pub width: u32,
    /// Its first word in [`crate::Model::inputs_mut`] or [`crate::Model::outputs`]; the lowest bits come first
    pub word: usize,
}

impl Port {
    /// Words of 64 bits that it takes.
    pub fn words(&self) -> usize {
        self.width.div_ceil(64) as usize
    }
}
