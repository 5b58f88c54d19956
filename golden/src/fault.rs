// SPDX-License-Identifier: Apache-2.0
//! Faults and their records (section "Fault/Event-Queue").

use crate::bits::bits;
use crate::{Access, DeviceId, ProcessId, Ttyp};

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Cause of a fault (table "Fault record CAUSE field encodings").
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Cause {
            $(#[doc = $text] $name = $code,)*
        }

        impl Cause {
            /// All causes, by code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Name in the specification.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// From its code.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

causes! {
    InstructionAccessFault = 1, "Instruction access fault";
    ReadMisaligned = 4, "Read address misaligned";
    ReadAccessFault = 5, "Read access fault";
    WriteMisaligned = 6, "Write/AMO address misaligned";
    WriteAccessFault = 7, "Write/AMO access fault";
    InstructionPageFault = 12, "Instruction page fault";
    ReadPageFault = 13, "Read page fault";
    WritePageFault = 15, "Write/AMO page fault";
    InstructionGuestPageFault = 20, "Instruction guest page fault";
    ReadGuestPageFault = 21, "Read guest-page fault";
    WriteGuestPageFault = 23, "Write/AMO guest-page fault";
    AllInboundDisallowed = 256, "All inbound transactions disallowed";
    DdtAccessFault = 257, "DDT entry load access fault";
    DdtInvalid = 258, "DDT entry not valid";
    DdtMisconfigured = 259, "DDT entry misconfigured";
    TypeDisallowed = 260, "Transaction type disallowed";
    MsiPteAccessFault = 261, "MSI PTE load access fault";
    MsiPteInvalid = 262, "MSI PTE not valid";
    MsiPteMisconfigured = 263, "MSI PTE misconfigured";
    MrifAccessFault = 264, "MRIF access fault";
    PdtAccessFault = 265, "PDT entry load access fault";
    PdtInvalid = 266, "PDT entry not valid";
    PdtMisconfigured = 267, "PDT entry misconfigured";
    DdtCorrupt = 268, "DDT data corruption";
    PdtCorrupt = 269, "PDT data corruption";
    MsiPtCorrupt = 270, "MSI PT data corruption";
    MrifCorrupt = 271, "MSI MRIF data corruption";
    InternalError = 272, "Internal data path error";
    MsiWriteAccessFault = 273, "IOMMU MSI write access fault";
    PtCorrupt = 274, "First/second-stage PT data corruption";
}

impl Cause {
    /// The number in a fault record.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Reported even when `DC.tc.DTF` is 1.
    #[must_use]
    pub const fn reported_despite_dtf(self) -> bool {
        matches!(
            self,
            Self::AllInboundDisallowed
                | Self::DdtAccessFault
                | Self::DdtInvalid
                | Self::DdtMisconfigured
                | Self::DdtCorrupt
                | Self::InternalError
                | Self::MsiWriteAccessFault
        )
    }

    /// The page fault for this kind of access.
    #[must_use]
    pub const fn page_fault(access: Access) -> Self {
        match access {
            Access::Read => Self::ReadPageFault,
            Access::Write => Self::WritePageFault,
            Access::Execute => Self::InstructionPageFault,
        }
    }

    /// The guest-page fault for this kind of access.
    #[must_use]
    pub const fn guest_page_fault(access: Access) -> Self {
        match access {
            Access::Read => Self::ReadGuestPageFault,
            Access::Write => Self::WriteGuestPageFault,
            Access::Execute => Self::InstructionGuestPageFault,
        }
    }

    /// The access fault for this kind of access.
    #[must_use]
    pub const fn access_fault(access: Access) -> Self {
        match access {
            Access::Read => Self::ReadAccessFault,
            Access::Write => Self::WriteAccessFault,
            Access::Execute => Self::InstructionAccessFault,
        }
    }

    /// It is a guest-page fault: `iotval2` holds a guest physical address.
    #[must_use]
    pub const fn is_guest_page_fault(self) -> bool {
        matches!(self, Self::InstructionGuestPageFault | Self::ReadGuestPageFault | Self::WriteGuestPageFault)
    }

    /// How an ATS translation request that meets this is answered (section "PCIe ATS translation request handling"; for
    /// data corruption section "Reliability, Availability, and Serviceability").
    #[must_use]
    pub const fn response(self) -> Response {
        match self {
            Self::InstructionAccessFault
            | Self::ReadAccessFault
            | Self::WriteAccessFault
            | Self::MsiPteAccessFault
            | Self::MsiPteMisconfigured
            | Self::PdtAccessFault
            | Self::PdtMisconfigured
            | Self::DdtCorrupt
            | Self::PdtCorrupt
            | Self::MsiPtCorrupt
            | Self::MrifCorrupt
            | Self::InternalError
            | Self::PtCorrupt => Response::CompleterAbort,
            _ => Response::UnsupportedRequest,
        }
    }

    /// An ATS translation request that meets this gets a Success response without permissions, and no fault record.
    #[must_use]
    pub const fn is_denied_by_ats(self) -> bool {
        matches!(
            self,
            Self::InstructionPageFault
                | Self::ReadPageFault
                | Self::WritePageFault
                | Self::InstructionGuestPageFault
                | Self::ReadGuestPageFault
                | Self::WriteGuestPageFault
                | Self::PdtInvalid
                | Self::MsiPteInvalid
        )
    }
}

/// How a refused request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Response {
    /// UR
    UnsupportedRequest,
    /// CA
    CompleterAbort,
}

/// A fault that stopped a translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Why
    pub cause: Cause,
    /// The IOVA, or what the transaction type says
    pub iotval: u64,
    /// The guest physical address of a guest-page fault, with its two flags
    pub iotval2: u64,
    /// What kind of transaction
    pub ttyp: Ttyp,
    /// `device_id`
    pub device: DeviceId,
    /// `process_id` of the transaction
    pub process: Option<ProcessId>,
    /// Supervisor privilege; false without `process_id`
    pub privileged: bool,
    /// False when `DC.tc.DTF` keeps it from the fault queue
    pub reported: bool,
    /// How an ATS translation request is answered. For any other request always `UnsupportedRequest`: it is aborted, and
    /// how the IO bridge words that is its own matter (section "Aborting transactions").
    pub response: Response,
}

impl Fault {
    /// The record of this fault.
    #[must_use]
    pub const fn record(&self) -> FaultRecord {
        let (pv, pid) = match self.process {
            Some(process) => (true, process.0),
            None => (false, 0),
        };
        FaultRecord {
            head: FaultHead(0)
                .with_cause(self.cause.code())
                .with_pid(pid)
                .with_pv(pv)
                .with_privileged(pv && self.privileged)
                .with_ttyp(self.ttyp as u8)
                .with_did(self.device.0),
            iotval: self.iotval,
            iotval2: self.iotval2,
        }
    }
}

bits! {
    /// Doubleword 0 of a fault record.
    FaultHead(u64) {
        /// Cause code.
        cause / with_cause: u16 @ 11:0,
        /// `process_id`, valid where [`Self::pv`].
        pid / with_pid: u32 @ 31:12,
        /// There is a `process_id`.
        pv / with_pv: bool @ 32:32,
        /// Supervisor privilege.
        privileged / with_privileged: bool @ 33:33,
        /// Transaction type.
        ttyp / with_ttyp: u8 @ 39:34,
        /// `device_id`.
        did / with_did: u32 @ 63:40,
    }
}

/// A record of the fault queue, 32 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FaultRecord {
    /// Cause and transaction
    pub head: FaultHead,
    /// See [`Fault::iotval`]
    pub iotval: u64,
    /// See [`Fault::iotval2`]
    pub iotval2: u64,
}

impl FaultRecord {
    /// Its doublewords in host order; the custom and reserved one is 0.
    #[must_use]
    pub const fn encode(&self) -> [u64; 4] {
        [self.head.0, 0, self.iotval, self.iotval2]
    }

    /// From its doublewords in host order.
    #[must_use]
    pub const fn decode(w: [u64; 4]) -> Self {
        Self { head: FaultHead(w[0]), iotval: w[2], iotval2: w[3] }
    }

    /// The cause, unless the code is reserved or custom.
    #[must_use]
    pub const fn cause(&self) -> Option<Cause> {
        Cause::from_code(self.head.cause())
    }
}
