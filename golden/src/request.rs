// SPDX-License-Identifier: Apache-2.0
//! What a device asks for, and the type under which a fault record shows it.

use crate::{DeviceId, Iova, ProcessId};

/// What a device wants to do at the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read
    Read,
    /// Write or atomic
    Write,
    /// Read with the intent to execute
    Execute,
}

/// Kind of transaction (section "Process to translate an IOVA").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An untranslated request
    Untranslated,
    /// An untranslated request by software, through the translation-request registers (chapter "Debug support"): it goes
    /// the way of a device's, but ends where an interrupt file lies in memory
    Debug,
    /// A translated request: the address is the answer to an earlier ATS translation request
    Translated,
    /// A PCIe ATS translation request
    Ats {
        /// No Write: write permission is not asked for
        no_write: bool,
        /// Execute permission is asked for
        execute: bool,
    },
}

/// Transaction type in a fault record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Ttyp {
    /// Not caused by an inbound transaction
    #[default]
    None = 0,
    /// Untranslated read for execute
    UntranslatedExecute = 1,
    /// Untranslated read
    UntranslatedRead = 2,
    /// Untranslated write or AMO
    UntranslatedWrite = 3,
    /// Translated read for execute
    TranslatedExecute = 5,
    /// Translated read
    TranslatedRead = 6,
    /// Translated write or AMO
    TranslatedWrite = 7,
    /// PCIe ATS translation request
    AtsRequest = 8,
    /// PCIe message request
    Message = 9,
}

/// A transaction of a device, as the IOMMU sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// `device_id`
    pub device: DeviceId,
    /// `process_id`, where there is one
    pub process: Option<ProcessId>,
    /// Supervisor privilege; without `process_id` it is ignored (privilege is User then)
    pub privileged: bool,
    /// What for; ignored for an ATS translation request
    pub access: Access,
    /// Untranslated, translated or a translation request
    pub kind: Kind,
    /// Address on the bus
    pub iova: Iova,
}

impl Request {
    /// An untranslated request without `process_id`.
    #[must_use]
    pub const fn untranslated(device: DeviceId, access: Access, iova: Iova) -> Self {
        Self { device, process: None, privileged: false, access, kind: Kind::Untranslated, iova }
    }

    /// Supervisor privilege, which needs a `process_id`.
    #[must_use]
    #[inline]
    pub const fn is_privileged(&self) -> bool {
        self.privileged && self.process.is_some()
    }

    /// It is processed as an untranslated request: of a device, or of software.
    #[must_use]
    #[inline]
    pub const fn is_untranslated(&self) -> bool {
        matches!(self.kind, Kind::Untranslated | Kind::Debug)
    }

    /// It is an ATS translation request.
    #[must_use]
    #[inline]
    pub const fn is_ats(&self) -> bool {
        matches!(self.kind, Kind::Ats { .. })
    }

    /// The transaction type that a fault record shows.
    #[must_use]
    pub const fn ttyp(&self) -> Ttyp {
        match (self.kind, self.access) {
            (Kind::Untranslated | Kind::Debug, Access::Execute) => Ttyp::UntranslatedExecute,
            (Kind::Untranslated | Kind::Debug, Access::Read) => Ttyp::UntranslatedRead,
            (Kind::Untranslated | Kind::Debug, Access::Write) => Ttyp::UntranslatedWrite,
            (Kind::Translated, Access::Execute) => Ttyp::TranslatedExecute,
            (Kind::Translated, Access::Read) => Ttyp::TranslatedRead,
            (Kind::Translated, Access::Write) => Ttyp::TranslatedWrite,
            (Kind::Ats { .. }, _) => Ttyp::AtsRequest,
        }
    }
}
