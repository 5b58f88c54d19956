// SPDX-License-Identifier: Apache-2.0
//! What the device under test did that its buses forbid.

use core::fmt;

use events::{Cycle, Event};

/// A port group of the device boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Port {
    /// DMA from devices; the device under test is the subordinate
    Dev,
    /// Translated DMA; the device under test is the manager
    Mem,
    /// Implicit accesses; the device under test is the manager
    Ptw,
    /// Registers, AXI4-Lite; the device under test is the subordinate
    Reg,
    /// ATS and page requests
    Ats,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev => "dev",
            Self::Mem => "mem",
            Self::Ptw => "ptw",
            Self::Reg => "reg",
            Self::Ats => "ats",
        })
    }
}

/// A channel of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Write address
    Aw,
    /// Write data
    W,
    /// Write response
    B,
    /// Read address
    Ar,
    /// Read data
    R,
    /// Translation completions
    Completion,
    /// Invalidation requests
    Invalidation,
    /// Page request group responses
    Response,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aw => "AW",
            Self::W => "W",
            Self::B => "B",
            Self::Ar => "AR",
            Self::R => "R",
            Self::Completion => "cpl",
            Self::Invalidation => "inv",
            Self::Response => "rsp",
        })
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $key:literal, $section:literal;)*) => {
        /// A rule of the bus protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[$doc])* $name,)*
        }

        impl Rule {
            /// Every rule that the bus checks.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable name of the rule, for reports and buckets.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }

            /// Where it is written: in the AMBA AXI specification (IHI 0022H), or in the document of the device boundary.
            #[must_use]
            pub const fn section(self) -> &'static str {
                match self { $(Self::$name => $section,)* }
            }
        }
    };
}

rules! {
    /// No VALID during reset, nor before the first clock edge after it
    Reset = "axi-reset", "IHI 0022H A3.1.2";
    /// VALID stays until READY
    Dropped = "axi-valid-dropped", "IHI 0022H A3.2.1";
    /// The payload does not change while VALID waits for READY
    Stable = "axi-stable", "IHI 0022H A3.2.1";
    /// `AxBURST` is FIXED, INCR or WRAP
    BurstKind = "axi-burst-kind", "IHI 0022H A3.4.1";
    /// A beat is no wider than the data bus
    Size = "axi-size", "IHI 0022H A3.4.1";
    /// FIXED has at most 16 beats; WRAP has 2, 4, 8 or 16
    Length = "axi-length", "IHI 0022H A3.4.1";
    /// The start of a WRAP burst is aligned to its beats
    WrapAlignment = "axi-wrap-alignment", "IHI 0022H A3.4.1";
    /// A burst stays within 4 KiB
    Boundary = "axi-4k", "IHI 0022H A3.4.1";
    /// `AxCACHE` is not a reserved value
    Cache = "axi-cache", "IHI 0022H A4.4";
    /// An exclusive burst is aligned, a power of two, at most 128 bytes and 16 beats
    Exclusive = "axi-exclusive", "IHI 0022H A7.2.4";
    /// `WLAST` marks the last beat of its burst and no other
    WriteLast = "axi-wlast", "IHI 0022H A3.2.2";
    /// Strobes only on the byte lanes of the beat
    Strobes = "axi-strobes", "IHI 0022H A3.4.3";
    /// An AXI5 atomic has a legal operation, size, alignment and burst type
    Atomic = "axi-atomic", "IHI 0022H E1.1";
    /// The ID of an atomic is not in use
    AtomicId = "axi-atomic-id", "IHI 0022H E1.1";
    /// A response answers a request that is outstanding
    ResponseId = "axi-response-id", "IHI 0022H A5.3";
    /// A response does not come before its request is complete
    Early = "axi-response-early", "IHI 0022H A3.3.1";
    /// `RLAST` marks the last beat of its burst and no other
    ReadLast = "axi-rlast", "IHI 0022H A3.2.2";
    /// EXOKAY answers exclusive requests only
    Exokay = "axi-exokay", "IHI 0022H A7.2.3";
    /// AXI4-Lite has no EXOKAY
    LiteExokay = "axi-lite-exokay", "IHI 0022H B1.1.1";
    /// A message stays until it is taken
    AtsDropped = "ats-valid-dropped", "hdl/DEVICE.md, ats_*";
    /// A message does not change while it waits
    AtsStable = "ats-stable", "hdl/DEVICE.md, ats_*";
    /// A translation completion answers a request that is open, once
    AtsTag = "ats-tag", "hdl/DEVICE.md, ats_*";
    /// The status of a translation completion is Success, UR or CA
    AtsStatus = "ats-status", "hdl/DEVICE.md, ats_*";
    /// A physical address fits the 56 bits of the bus
    AddressWidth = "axi-address-width", "IHI 0022H A2.2";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// The device under test broke a rule of a bus.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cycle {cycle}: {port} {channel} broke {rule} ({section}): {detail}: right = {right} wrong = {wrong}")]
pub struct ProtocolViolation {
    /// On which port
    pub port: Port,
    /// On which channel
    pub channel: Channel,
    /// Which rule
    pub rule: Rule,
    /// Where it is written
    pub section: &'static str,
    /// What it was about, for people
    pub detail: String,
    /// When
    pub cycle: Cycle,
    /// What was right
    pub right: String,
    /// What came
    pub wrong: String,
}

impl ProtocolViolation {
    /// As the oracle is told.
    #[must_use]
    pub fn event(&self) -> Event {
        let Self { port, channel, rule, section, detail, right, wrong, .. } = self;
        let place = format!("{port} {channel}: {detail} ({section})\n");
        Event::ProtocolBroken { rule: rule.key().to_owned(), right: right.clone(), wrong: wrong.clone(), place }
    }
}

/// Where and when a check is made: all that a violation needs besides its rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    pub(super) port: Port,
    pub(super) channel: Channel,
    pub(super) cycle: Cycle,
}

impl Site {
    /// A violation here. Off the hot path: it allocates.
    #[cold]
    pub(super) fn broke(
        self,
        rule: Rule,
        detail: impl Into<String>,
        right: impl fmt::Display,
        wrong: impl fmt::Display,
    ) -> ProtocolViolation {
        ProtocolViolation {
            port: self.port,
            channel: self.channel,
            rule,
            section: rule.section(),
            detail: detail.into(),
            cycle: self.cycle,
            right: right.to_string(),
            wrong: wrong.to_string(),
        }
    }
}
