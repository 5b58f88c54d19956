// SPDX-License-Identifier: Apache-2.0
//! Which request came through a page last: what may meet in a cache.

use golden::{DeviceId, Gscid, ProcessId, Pscid, Request, Translation};

/// Pages that are remembered; a power of two.
const PAGES: usize = 64;

/// A request that was translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Use {
    page: u64,
    device: DeviceId,
    process: Option<ProcessId>,
    pscid: Option<Pscid>,
    gscid: Option<Gscid>,
    size: u8,
    to: u64,
}

/// The last request through each page, as far as there is room.
#[derive(Debug)]
pub struct Seen([Option<Use>; PAGES]);

impl Default for Seen {
    fn default() -> Self {
        Seen([None; PAGES])
    }
}

impl Seen {
    /// A request was translated: what tells it from the one before through the same page, as places on the axes of the
    /// group of collisions.
    pub fn translated(&mut self, request: &Request, to: &Translation) -> Option<[usize; 3]> {
        let page = request.iova.0 >> 12;
        let now = Use {
            page,
            device: request.device,
            process: request.process,
            pscid: to.pscid,
            gscid: to.gscid,
            size: to.size_log2,
            to: to.spa.0 >> 12,
        };
        let slot = &mut self.0[(page ^ page >> 6 ^ page >> 18) as usize % PAGES];
        let before = slot.replace(now).filter(|before| before.page == page)?;
        let stage = |one: &Use| (one.pscid.is_some(), one.gscid.is_some());
        let differs = if stage(&before) != stage(&now) {
            6
        } else {
            match (before.pscid != now.pscid, before.gscid != now.gscid) {
                (true, true) => 5,
                (false, true) => 4,
                (true, false) => 3,
                (false, false) if before.device != now.device => 1,
                (false, false) if before.process != now.process => 2,
                (false, false) => 0,
            }
        };
        Some([differs, usize::from(before.size != now.size), usize::from(before.to != now.to)])
    }
}

#[cfg(test)]
mod tests {
    use golden::{Access, DeviceId, Gscid, Iova, Request, Translation};

    use super::Seen;

    #[test]
    fn what_differs_is_told_from_the_request_before() {
        let request = |device| Request::untranslated(DeviceId(device), Access::Read, Iova(0x1000_0008));
        let to = |spa: u64, gscid| Translation { gscid, size_log2: 12, ..Translation::identity(spa) };
        let mut seen = Seen::default();
        assert_eq!(seen.translated(&request(1), &to(0x9000, Some(Gscid(1)))), None, "the first one");
        assert_eq!(seen.translated(&request(1), &to(0x9008, Some(Gscid(1)))), Some([0, 0, 0]));
        assert_eq!(seen.translated(&request(2), &to(0x9000, Some(Gscid(1)))), Some([1, 0, 0]));
        assert_eq!(seen.translated(&request(2), &to(0xa000, Some(Gscid(2)))), Some([4, 0, 1]));
        assert_eq!(seen.translated(&request(2), &to(0xa000, None)), Some([6, 0, 0]));
    }
}
