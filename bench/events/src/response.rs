// SPDX-License-Identifier: Apache-2.0
//! Codes of AXI that appear in events.

/// `RRESP`, `BRESP`: done
pub const OKAY: u8 = 0;
/// `RRESP`, `BRESP`: an exclusive access has succeeded
pub const EXOKAY: u8 = 1;
/// `RRESP`, `BRESP`: the subordinate failed
pub const SLVERR: u8 = 2;
/// `RRESP`, `BRESP`: there is no subordinate
pub const DECERR: u8 = 3;

/// No code of AXI: OKAY, and the data are damaged (`RPOISON` of AXI5), where the device has a port for that
pub const POISONED: u8 = 4;

/// `RRESP` and `RPOISON` of a beat as one code.
pub const fn answer(resp: u8, poison: bool) -> u8 {
    if poison { POISONED } else { resp }
}

/// The code as `RRESP` and `RPOISON`.
pub const fn on_wires(answer: u8) -> (u8, bool) {
    if answer == POISONED { (OKAY, true) } else { (answer, false) }
}

/// `AWATOP` of an AtomicCompare
pub const ATOMIC_COMPARE: u8 = 0x31;
