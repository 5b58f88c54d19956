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

/// `AWATOP` of an AtomicCompare
pub const ATOMIC_COMPARE: u8 = 0x31;
