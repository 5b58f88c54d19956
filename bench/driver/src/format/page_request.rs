// SPDX-License-Identifier: Apache-2.0
//! Page-request records (section "Page-Request-Queue (PQ)").

/// Bytes of a record.
pub const PAGE_REQUEST_BYTES: u64 = 16;

/// A decoded page-request record: a Page Request or a Stop Marker of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageRequestRecord {
    /// `DID`
    pub device: u32,
    /// `PID` where `PV`
    pub process: Option<u32>,
    /// `PRIV`
    pub privileged: bool,
    /// `EXEC`
    pub execute: bool,
    /// Page address
    pub address: u64,
    /// `R`
    pub read: bool,
    /// `W`
    pub write: bool,
    /// `L`: Last Request in PRG
    pub last: bool,
    /// Page Request Group Index
    pub group: u16,
}

impl PageRequestRecord {
    /// Decodes two doublewords.
    pub const fn decode(words: [u64; 2]) -> PageRequestRecord {
        let [low, payload] = words;
        PageRequestRecord {
            device: (low >> 40) as u32,
            process: if low >> 32 & 1 != 0 { Some((low >> 12 & 0xf_ffff) as u32) } else { None },
            privileged: low >> 33 & 1 != 0,
            execute: low >> 34 & 1 != 0,
            address: payload & !0xfff,
            read: payload & 1 != 0,
            write: payload >> 1 & 1 != 0,
            last: payload >> 2 & 1 != 0,
            group: (payload >> 3 & 0x1ff) as u16,
        }
    }

    /// A Stop Marker: L alone, with a PASID.
    pub const fn is_stop_marker(&self) -> bool {
        self.process.is_some() && self.last && !self.read && !self.write
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_the_specification_lays_it_out() {
        let low = 0x112 << 12 | 1 << 32 | 1 << 33 | 1 << 34 | 0x105 << 40;
        let record = PageRequestRecord::decode([low, 0x4000_3000 | 0x155 << 3 | 0b101]);
        let right = PageRequestRecord {
            device: 0x105,
            process: Some(0x112),
            privileged: true,
            execute: true,
            address: 0x4000_3000,
            read: true,
            write: false,
            last: true,
            group: 0x155,
        };
        assert_eq!(record, right);
        assert!(!record.is_stop_marker());
        assert!(PageRequestRecord::decode([1 << 32, 0b100]).is_stop_marker());
        assert_eq!(PageRequestRecord::decode([7 << 12, 0]).process, None, "PV is 0");
    }
}
