// SPDX-License-Identifier: Apache-2.0
//! Memory-resident interrupt files in a world: MSI PTEs that name them, and devices that send MSIs there.

use driver::{Halted, Machine};
use events::{Burst, Direction, DmaRequest, INCR};
use golden::{DeviceId, Iova, MsiPte0, MsiPte1, Spa};
use testbench::Testbench;

use super::dice::Dice;
use super::requesters::SECOND_ONLY;
use super::{map, send};

/// Identities that MSIs have, one of them beyond what there is: neighbours, and the ends of doublewords.
const IDENTITIES: [u32; 9] = [0, 1, 2, 63, 64, 65, 130, 2047, 2048];

/// First doublewords of MSI PTEs in MRIF mode.
pub fn entries() -> [u64; 2] {
    [0, 0x200].map(|at| MsiPte0(0).with_v(true).with_m(1).with_mrif((map::FILES + at) >> 9).0)
}

/// Second doublewords: where the notice goes, and its identity.
pub fn notices() -> [u64; 2] {
    [(0, 0x123), (1, 0x41)]
        .map(|(page, nid)| MsiPte1(0).with_nppn((map::NOTICES >> 12) + page).with_nid9t0(nid).with_nid10(page == 1).0)
}

/// Some MSIs, and accesses that are none; software clears pending bits meanwhile.
pub fn step(bench: &mut Testbench, dice: &mut Dice) -> Result<(), Halted> {
    for _ in 0..1 + dice.below(4) {
        let identity = IDENTITIES[dice.index(IDENTITIES.len())];
        if dice.percent(30) {
            let file = map::FILES + 0x200 * dice.below(2) + u64::from(identity % 2048 / 64) * 16;
            let value = if dice.percent(50) { 0 } else { dice.below(u64::MAX) };
            bench.store(Spa(file), value)?;
        }
        let offset = if dice.percent(75) { 0 } else { 4 * dice.below(4) };
        let data = if offset & 4 != 0 && dice.percent(80) { identity.swap_bytes() } else { identity };
        let direction = if dice.percent(90) { Direction::Write } else { Direction::Read };
        let lane = 8 * (offset & 4);
        let strobes = if dice.percent(95) { 0xF << (lane / 8) } else { 3 << (lane / 8) };
        let (iova, burst) = (Iova((map::MSI_PAGE << 12) + offset), Burst { len: 0, size: 2, kind: INCR });
        let request = DmaRequest {
            id: 1 + dice.below(2) as u8,
            data: if direction == Direction::Write { vec![(u64::from(data) << lane, strobes)] } else { Vec::new() },
            ..DmaRequest::new(direction, DeviceId(SECOND_ONLY), iova, burst)
        };
        // Some are under way together, with one ID or two.
        if dice.percent(70) {
            // Only what no AXI device can send is refused.
            let _ = bench.post(request);
        } else {
            send(bench, request)?;
        }
    }
    bench.wait(dice.below(100))
}
