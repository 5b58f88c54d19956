// SPDX-License-Identifier: Apache-2.0
//! Fault records (section "Fault/Event-Queue (FQ)").

/// Bytes of a record.
pub const FAULT_RECORD_BYTES: u64 = 32;

/// A decoded fault record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultRecord {
    /// `CAUSE`
    pub cause: u16,
    /// `TTYP`
    pub ttyp: u8,
    /// `DID`
    pub device: u32,
    /// `PID` where `PV`
    pub process: Option<u32>,
    /// `PRIV`
    pub privileged: bool,
    /// `iotval`
    pub iotval: u64,
    /// `iotval2`
    pub iotval2: u64,
}

impl FaultRecord {
    /// Decodes four doublewords. The field for custom use is not looked at.
    pub const fn decode(words: [u64; 4]) -> FaultRecord {
        let low = words[0];
        FaultRecord {
            cause: (low & 0xfff) as u16,
            process: if low >> 32 & 1 != 0 { Some((low >> 12 & 0xf_ffff) as u32) } else { None },
            privileged: low >> 33 & 1 != 0,
            ttyp: (low >> 34 & 0x3f) as u8,
            device: (low >> 40) as u32,
            iotval: words[2],
            iotval2: words[3],
        }
    }
}
