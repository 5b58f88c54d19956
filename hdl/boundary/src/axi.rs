// SPDX-License-Identifier: Apache-2.0
//! The device boundary as plain structs: what a test bench drives into an IOMMU and what it reads back.
//!
//! The names follow `hdl/DEVICE.md`: `inputs.dev.aw.valid` is the port `dev_awvalid_i`,
//! `outputs.ptw.ar.addr` is `ptw_araddr_o`. All AXI data buses are 64 bits wide.

use crate::ats::{AtsDevices, AtsIommu};

/// One AXI4 address-channel request (AW or AR), with the sidebands that the three AXI ports use.
///
/// A port that lacks a sideband leaves the field zero: `mmu*` exist on `dev_*` only, `pbmt` on `mem_*`
/// only, `atop` on the AW channel of `ptw_*` only, `rcid` and `mcid` on `mem_*` and `ptw_*` of a device with QoS IDs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// `AxVALID`
    pub valid: bool,
    /// `AxID`: 8 bits on every port
    pub id: u8,
    /// `AxADDR`: 64 bits on `dev_*` (an IOVA), 56 bits on `mem_*` and `ptw_*` (a physical address)
    pub addr: u64,
    /// `AxLEN`: beats minus one
    pub len: u8,
    /// `AxSIZE`: log2 of the bytes in a beat, at most 3
    pub size: u8,
    /// `AxBURST`: 0 FIXED, 1 INCR, 2 WRAP
    pub burst: u8,
    /// `AxLOCK`: exclusive access
    pub lock: bool,
    /// `AxCACHE`
    pub cache: u8,
    /// `AxPROT`: bit 0 privileged, bit 1 non-secure (ignored), bit 2 instruction
    pub prot: u8,
    /// `AxQOS`
    pub qos: u8,
    /// `AxMMUSID`: the device_id, 24 bits
    pub mmusid: u32,
    /// `AxMMUSSIDV`: a process_id is valid
    pub mmussidv: bool,
    /// `AxMMUSSID`: the process_id, 20 bits
    pub mmussid: u32,
    /// `AxMMUATST`: the address is already translated (by ATS)
    pub mmuatst: bool,
    /// Page-based memory type of the translation: 0 PMA, 1 NC, 2 IO
    pub pbmt: u8,
    /// `AWATOP` of AXI5: 0 none, `0x31` AtomicCompare
    pub atop: u8,
    /// Resource control ID of the access, 12 bits
    pub rcid: u16,
    /// Monitoring counter ID of the access, 12 bits
    pub mcid: u16,
}

/// One beat of an AXI4 W channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteData {
    /// `WVALID`
    pub valid: bool,
    /// `WDATA`
    pub data: u64,
    /// `WSTRB`: a bit for each byte lane
    pub strb: u8,
    /// `WLAST`
    pub last: bool,
}

/// AXI4 B channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteResponse {
    /// `BVALID`
    pub valid: bool,
    /// `BID`
    pub id: u8,
    /// `BRESP`: 0 OKAY, 1 EXOKAY, 2 SLVERR, 3 DECERR
    pub resp: u8,
}

/// One beat of an AXI4 R channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadData {
    /// `RVALID`
    pub valid: bool,
    /// `RID`
    pub id: u8,
    /// `RDATA`
    pub data: u64,
    /// `RRESP`: 0 OKAY, 1 EXOKAY, 2 SLVERR, 3 DECERR
    pub resp: u8,
    /// `RLAST`
    pub last: bool,
    /// `RPOISON` of AXI5: the data are damaged
    pub poison: bool,
}

/// What an AXI manager drives: requests, write data, and readiness for responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manager {
    /// Write address
    pub aw: Address,
    /// Write data
    pub w: WriteData,
    /// `BREADY`
    pub b_ready: bool,
    /// Read address
    pub ar: Address,
    /// `RREADY`
    pub r_ready: bool,
}

/// What an AXI subordinate drives: readiness for requests, and responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subordinate {
    /// `AWREADY`
    pub aw_ready: bool,
    /// `WREADY`
    pub w_ready: bool,
    /// Write response
    pub b: WriteResponse,
    /// `ARREADY`
    pub ar_ready: bool,
    /// Read data
    pub r: ReadData,
}

/// What the AXI4-Lite manager of the register port drives. Addresses are byte offsets into the 4 KiB page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiteManager {
    /// `AWVALID`
    pub aw_valid: bool,
    /// `AWADDR`, 12 bits
    pub aw_addr: u16,
    /// `WVALID`
    pub w_valid: bool,
    /// `WDATA`
    pub w_data: u64,
    /// `WSTRB`: eight lanes set is an 8-byte access, four lanes a 4-byte access
    pub w_strb: u8,
    /// `BREADY`
    pub b_ready: bool,
    /// `ARVALID`
    pub ar_valid: bool,
    /// `ARADDR`, 12 bits
    pub ar_addr: u16,
    /// `RREADY`
    pub r_ready: bool,
}

/// What the AXI4-Lite subordinate of the register port drives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiteSubordinate {
    /// `AWREADY`
    pub aw_ready: bool,
    /// `WREADY`
    pub w_ready: bool,
    /// `BVALID`
    pub b_valid: bool,
    /// `BRESP`
    pub b_resp: u8,
    /// `ARREADY`
    pub ar_ready: bool,
    /// `RVALID`
    pub r_valid: bool,
    /// `RDATA`
    pub r_data: u64,
    /// `RRESP`
    pub r_resp: u8,
}

/// Everything that is driven into the device in one clock cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// `rst_ni`: false holds the device in reset
    pub rst_n: bool,
    /// `caps_i`: value of the `capabilities` register, sampled at reset
    pub caps: u64,
    /// `dev_*`, driven by the devices
    pub dev: Manager,
    /// `mem_*`, answered by memory
    pub mem: Subordinate,
    /// `ptw_*`, answered by memory
    pub ptw: Subordinate,
    /// `reg_*`, driven by software
    pub reg: LiteManager,
    /// `ats_*`, driven by the devices
    pub ats: AtsDevices,
}

/// Everything that the device drives in one clock cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// `dev_*`: readiness and responses for the devices
    pub dev: Subordinate,
    /// `mem_*`: translated DMA
    pub mem: Manager,
    /// `ptw_*`: implicit accesses
    pub ptw: Manager,
    /// `reg_*`
    pub reg: LiteSubordinate,
    /// `wsi_o`: interrupt wires, one a vector, 16 of them
    pub wsi: u16,
    /// `ats_*`: messages to the devices, and readiness for theirs
    pub ats: AtsIommu,
}
