// SPDX-License-Identifier: Apache-2.0
//! What a domain is asked for with: the request for one, and the part of a guest's context that comes with it.

use golden::Spa;

use super::format::{Scheme, TC_DPE, TC_DTF, TC_PDTV, TC_V};
use super::handles::Domain;
use super::msi_table::MsiWindow;

/// Flag of [`HwptRequest`]: the domain is to be the parent of nested ones, so it is a second stage.
pub const NEST_PARENT: u32 = 1;
/// Flag of [`HwptRequest`]: dirty tracking. Known, and refused.
pub const DIRTY_TRACKING: u32 = 1 << 1;
/// [`HwptRequest::data_type`]: no data
pub const DATA_NONE: u32 = 0;
/// [`HwptRequest::data_type`]: a RISC-V device context, inlined
pub const DATA_RISCV: u32 = 1;

/// What `hwpt_alloc` is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HwptRequest {
    /// For people
    pub name: String,
    /// [`NEST_PARENT`] and so on
    pub flags: u32,
    /// For a nested domain: the domain that it nests on
    pub parent: Option<Domain>,
    /// Type of `data`
    pub data_type: u32,
    /// A guest's device context, little-endian: 32 bytes or more
    pub data: Vec<u8>,
    /// Paging scheme; without it, the largest that the IOMMU has
    pub scheme: Option<Scheme>,
    /// User space asks, not the kernel's own DMA layer. It makes no difference, and must not.
    pub user: bool,
    /// Pages of a nest parent that are interrupt files of the guest
    pub msi: Option<MsiWindow>,
    /// PSCID of a first stage, GSCID of a second one; without it, the lowest that is free
    pub tag: Option<u32>,
    /// Where user space wants to be told of events. Nothing is ever written there: events go by the fault queue.
    pub event: Option<Spa>,
}

impl HwptRequest {
    /// A first-stage domain of the host.
    pub fn paging(name: &str) -> HwptRequest {
        HwptRequest { name: name.into(), ..HwptRequest::default() }
    }

    /// A second-stage domain that can be nested on.
    pub fn nest_parent(name: &str) -> HwptRequest {
        HwptRequest { name: name.into(), flags: NEST_PARENT, ..HwptRequest::default() }
    }

    /// A nested domain.
    pub fn nested(name: &str, parent: Domain, data: NestedData) -> HwptRequest {
        HwptRequest {
            name: name.into(),
            parent: Some(parent),
            data_type: DATA_RISCV,
            data: data.encode(),
            ..HwptRequest::default()
        }
    }

    /// The same with interrupt files.
    #[must_use]
    pub fn msi(mut self, window: MsiWindow) -> HwptRequest {
        self.msi = Some(window);
        self
    }

    /// The same with this PSCID or GSCID.
    #[must_use]
    pub fn tag(mut self, tag: Option<u32>) -> HwptRequest {
        self.tag = tag;
        self
    }

    /// The same with a paging scheme.
    #[must_use]
    pub fn scheme(mut self, scheme: Scheme) -> HwptRequest {
        self.scheme = Some(scheme);
        self
    }
}

/// The part of a guest's device context that the host takes over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NestedData {
    /// `fsc`: mode, and guest page number of the root, of a table or of a process directory
    pub fsc: u64,
    /// `ta.PSCID`, in the guest's own space
    pub pscid: u32,
    /// `tc.DTF`
    pub silent: bool,
    /// `tc.PDTV`: `fsc` is a `pdtp`
    pub directory: bool,
    /// `tc.DPE`: requests without a process ID use process 0 of the directory
    pub default_process: bool,
}

impl NestedData {
    /// As the guest's device context in the base format.
    pub fn encode(&self) -> Vec<u8> {
        let bits = [(self.silent, TC_DTF), (self.directory, TC_PDTV), (self.default_process, TC_DPE)];
        let tc = bits.into_iter().filter(|(on, _)| *on).fold(TC_V, |tc, (_, bit)| tc | bit);
        let words = [tc, 0, u64::from(self.pscid & 0xf_ffff) << 12, self.fsc];
        words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }
}
