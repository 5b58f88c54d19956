// SPDX-License-Identifier: Apache-2.0
//! The one table of the device's ports: name, width, and the field of [`Inputs`] or [`Outputs`] behind it.

use boundary::{Groups, Inputs, Outputs};
use verilated::{Binding, PortGroup, PortSpec};

/// A port as a word.
trait Wire {
    /// The value of a port whose bits above its width are 0.
    fn from_word(word: u64) -> Self;
}

impl Wire for bool {
    fn from_word(word: u64) -> Self {
        word != 0
    }
}

macro_rules! narrow {
    ($($kind:ty)*) => {
        $(impl Wire for $kind {
            fn from_word(word: u64) -> Self {
                word as $kind
            }
        })*
    };
}
narrow!(u8 u16 u32 u64);

macro_rules! inputs {
    ($(#[$doc:meta])* $list:ident $drive:ident; $($port:ident[$width:literal] = $($field:ident).+;)*) => {
        $(#[$doc])*
        pub(crate) const $list: &[(&str, u32)] = &[$((stringify!($port), $width)),*];

        /// Copies the fields to the words of these ports.
        pub(crate) fn $drive(_inputs: &Inputs, words: &mut [u64; $list.len()]) {
            let [$($port),*] = words;
            $(*$port = u64::from(_inputs.$($field).+);)*
        }
    };
}

macro_rules! outputs {
    ($(#[$doc:meta])* $list:ident $sample:ident; $($port:ident[$width:literal] = $($field:ident).+;)*) => {
        $(#[$doc])*
        pub(crate) const $list: &[(&str, u32)] = &[$((stringify!($port), $width)),*];

        /// Copies the words of these ports to the fields.
        pub(crate) fn $sample(words: &[u64; $list.len()], outputs: &mut Outputs) {
            let [$($port),*] = *words;
            $(outputs.$($field).+ = Wire::from_word($port);)*
        }
    };
}

inputs! {
    /// Name and width of each input but the clock that every device has.
    INPUTS drive;
    rst_ni[1] = rst_n;
    caps_i[64] = caps;

    dev_awvalid_i[1] = dev.aw.valid;
    dev_awid_i[8] = dev.aw.id;
    dev_awaddr_i[64] = dev.aw.addr;
    dev_awlen_i[8] = dev.aw.len;
    dev_awsize_i[3] = dev.aw.size;
    dev_awburst_i[2] = dev.aw.burst;
    dev_awlock_i[1] = dev.aw.lock;
    dev_awcache_i[4] = dev.aw.cache;
    dev_awprot_i[3] = dev.aw.prot;
    dev_awqos_i[4] = dev.aw.qos;
    dev_awmmusid_i[24] = dev.aw.mmusid;
    dev_awmmussidv_i[1] = dev.aw.mmussidv;
    dev_awmmussid_i[20] = dev.aw.mmussid;
    dev_awmmuatst_i[1] = dev.aw.mmuatst;
    dev_wvalid_i[1] = dev.w.valid;
    dev_wdata_i[64] = dev.w.data;
    dev_wstrb_i[8] = dev.w.strb;
    dev_wlast_i[1] = dev.w.last;
    dev_bready_i[1] = dev.b_ready;
    dev_arvalid_i[1] = dev.ar.valid;
    dev_arid_i[8] = dev.ar.id;
    dev_araddr_i[64] = dev.ar.addr;
    dev_arlen_i[8] = dev.ar.len;
    dev_arsize_i[3] = dev.ar.size;
    dev_arburst_i[2] = dev.ar.burst;
    dev_arlock_i[1] = dev.ar.lock;
    dev_arcache_i[4] = dev.ar.cache;
    dev_arprot_i[3] = dev.ar.prot;
    dev_arqos_i[4] = dev.ar.qos;
    dev_armmusid_i[24] = dev.ar.mmusid;
    dev_armmussidv_i[1] = dev.ar.mmussidv;
    dev_armmussid_i[20] = dev.ar.mmussid;
    dev_armmuatst_i[1] = dev.ar.mmuatst;
    dev_rready_i[1] = dev.r_ready;

    mem_awready_i[1] = mem.aw_ready;
    mem_wready_i[1] = mem.w_ready;
    mem_bvalid_i[1] = mem.b.valid;
    mem_bid_i[8] = mem.b.id;
    mem_bresp_i[2] = mem.b.resp;
    mem_arready_i[1] = mem.ar_ready;
    mem_rvalid_i[1] = mem.r.valid;
    mem_rid_i[8] = mem.r.id;
    mem_rdata_i[64] = mem.r.data;
    mem_rresp_i[2] = mem.r.resp;
    mem_rlast_i[1] = mem.r.last;

    ptw_awready_i[1] = ptw.aw_ready;
    ptw_wready_i[1] = ptw.w_ready;
    ptw_bvalid_i[1] = ptw.b.valid;
    ptw_bid_i[8] = ptw.b.id;
    ptw_bresp_i[2] = ptw.b.resp;
    ptw_arready_i[1] = ptw.ar_ready;
    ptw_rvalid_i[1] = ptw.r.valid;
    ptw_rid_i[8] = ptw.r.id;
    ptw_rdata_i[64] = ptw.r.data;
    ptw_rresp_i[2] = ptw.r.resp;
    ptw_rlast_i[1] = ptw.r.last;

    reg_awvalid_i[1] = reg.aw_valid;
    reg_awaddr_i[12] = reg.aw_addr;
    reg_wvalid_i[1] = reg.w_valid;
    reg_wdata_i[64] = reg.w_data;
    reg_wstrb_i[8] = reg.w_strb;
    reg_bready_i[1] = reg.b_ready;
    reg_arvalid_i[1] = reg.ar_valid;
    reg_araddr_i[12] = reg.ar_addr;
    reg_rready_i[1] = reg.r_ready;
}

outputs! {
    /// Name and width of each output that every device has.
    OUTPUTS sample;
    wsi_o[16] = wsi;

    dev_awready_o[1] = dev.aw_ready;
    dev_wready_o[1] = dev.w_ready;
    dev_bvalid_o[1] = dev.b.valid;
    dev_bid_o[8] = dev.b.id;
    dev_bresp_o[2] = dev.b.resp;
    dev_arready_o[1] = dev.ar_ready;
    dev_rvalid_o[1] = dev.r.valid;
    dev_rid_o[8] = dev.r.id;
    dev_rdata_o[64] = dev.r.data;
    dev_rresp_o[2] = dev.r.resp;
    dev_rlast_o[1] = dev.r.last;

    mem_awvalid_o[1] = mem.aw.valid;
    mem_awid_o[8] = mem.aw.id;
    mem_awaddr_o[56] = mem.aw.addr;
    mem_awlen_o[8] = mem.aw.len;
    mem_awsize_o[3] = mem.aw.size;
    mem_awburst_o[2] = mem.aw.burst;
    mem_awlock_o[1] = mem.aw.lock;
    mem_awcache_o[4] = mem.aw.cache;
    mem_awprot_o[3] = mem.aw.prot;
    mem_awqos_o[4] = mem.aw.qos;
    mem_awpbmt_o[2] = mem.aw.pbmt;
    mem_wvalid_o[1] = mem.w.valid;
    mem_wdata_o[64] = mem.w.data;
    mem_wstrb_o[8] = mem.w.strb;
    mem_wlast_o[1] = mem.w.last;
    mem_bready_o[1] = mem.b_ready;
    mem_arvalid_o[1] = mem.ar.valid;
    mem_arid_o[8] = mem.ar.id;
    mem_araddr_o[56] = mem.ar.addr;
    mem_arlen_o[8] = mem.ar.len;
    mem_arsize_o[3] = mem.ar.size;
    mem_arburst_o[2] = mem.ar.burst;
    mem_arlock_o[1] = mem.ar.lock;
    mem_arcache_o[4] = mem.ar.cache;
    mem_arprot_o[3] = mem.ar.prot;
    mem_arqos_o[4] = mem.ar.qos;
    mem_arpbmt_o[2] = mem.ar.pbmt;
    mem_rready_o[1] = mem.r_ready;

    ptw_awvalid_o[1] = ptw.aw.valid;
    ptw_awid_o[8] = ptw.aw.id;
    ptw_awaddr_o[56] = ptw.aw.addr;
    ptw_awlen_o[8] = ptw.aw.len;
    ptw_awsize_o[3] = ptw.aw.size;
    ptw_awburst_o[2] = ptw.aw.burst;
    ptw_awatop_o[6] = ptw.aw.atop;
    ptw_wvalid_o[1] = ptw.w.valid;
    ptw_wdata_o[64] = ptw.w.data;
    ptw_wstrb_o[8] = ptw.w.strb;
    ptw_wlast_o[1] = ptw.w.last;
    ptw_bready_o[1] = ptw.b_ready;
    ptw_arvalid_o[1] = ptw.ar.valid;
    ptw_arid_o[8] = ptw.ar.id;
    ptw_araddr_o[56] = ptw.ar.addr;
    ptw_arlen_o[8] = ptw.ar.len;
    ptw_arsize_o[3] = ptw.ar.size;
    ptw_arburst_o[2] = ptw.ar.burst;
    ptw_rready_o[1] = ptw.r_ready;

    reg_awready_o[1] = reg.aw_ready;
    reg_wready_o[1] = reg.w_ready;
    reg_bvalid_o[1] = reg.b_valid;
    reg_bresp_o[2] = reg.b_resp;
    reg_arready_o[1] = reg.ar_ready;
    reg_rvalid_o[1] = reg.r_valid;
    reg_rdata_o[64] = reg.r_data;
    reg_rresp_o[2] = reg.r_resp;
}

inputs! {
    /// The inputs of `ats_*`.
    ATS_INPUTS drive_ats;
    ats_reqvalid_i[1] = ats.request.valid;
    ats_reqtag_i[8] = ats.request.tag;
    ats_reqdid_i[24] = ats.request.did;
    ats_reqpv_i[1] = ats.request.pv;
    ats_reqpid_i[20] = ats.request.pid;
    ats_reqpriv_i[1] = ats.request.privileged;
    ats_reqexec_i[1] = ats.request.exec;
    ats_reqnw_i[1] = ats.request.no_write;
    ats_reqaddr_i[64] = ats.request.addr;
    ats_cplready_i[1] = ats.completion_ready;
    ats_invready_i[1] = ats.invalidation_ready;
    ats_donevalid_i[1] = ats.done.valid;
    ats_donedid_i[24] = ats.done.did;
    ats_doneitags_i[32] = ats.done.itags;
    ats_donecount_i[3] = ats.done.count;
    ats_pagevalid_i[1] = ats.page.valid;
    ats_pagedid_i[24] = ats.page.did;
    ats_pagepv_i[1] = ats.page.pv;
    ats_pagepid_i[20] = ats.page.pid;
    ats_pagepriv_i[1] = ats.page.privileged;
    ats_pageexec_i[1] = ats.page.exec;
    ats_pageaddr_i[64] = ats.page.addr;
    ats_pager_i[1] = ats.page.r;
    ats_pagew_i[1] = ats.page.w;
    ats_pagelast_i[1] = ats.page.last;
    ats_pageprgi_i[9] = ats.page.prgi;
    ats_rspready_i[1] = ats.response_ready;
}

outputs! {
    /// The outputs of `ats_*`.
    ATS_OUTPUTS sample_ats;
    ats_reqready_o[1] = ats.request_ready;
    ats_cplvalid_o[1] = ats.completion.valid;
    ats_cpltag_o[8] = ats.completion.tag;
    ats_cplstatus_o[2] = ats.completion.status;
    ats_cpladdr_o[64] = ats.completion.addr;
    ats_cpls_o[1] = ats.completion.s;
    ats_cplr_o[1] = ats.completion.r;
    ats_cplw_o[1] = ats.completion.w;
    ats_cplx_o[1] = ats.completion.x;
    ats_cplpriv_o[1] = ats.completion.privileged;
    ats_cpln_o[1] = ats.completion.n;
    ats_cplu_o[1] = ats.completion.u;
    ats_cplg_o[1] = ats.completion.global;
    ats_cplama_o[3] = ats.completion.ama;
    ats_invvalid_o[1] = ats.invalidation.valid;
    ats_invdid_o[24] = ats.invalidation.did;
    ats_invpv_o[1] = ats.invalidation.pv;
    ats_invpid_o[20] = ats.invalidation.pid;
    ats_invaddr_o[64] = ats.invalidation.addr;
    ats_invs_o[1] = ats.invalidation.s;
    ats_invg_o[1] = ats.invalidation.global;
    ats_invitag_o[5] = ats.invalidation.itag;
    ats_doneready_o[1] = ats.done_ready;
    ats_pageready_o[1] = ats.page_ready;
    ats_rspvalid_o[1] = ats.response.valid;
    ats_rspdid_o[24] = ats.response.did;
    ats_rsppv_o[1] = ats.response.pv;
    ats_rsppid_o[20] = ats.response.pid;
    ats_rspprgi_o[9] = ats.response.prgi;
    ats_rspstatus_o[4] = ats.response.status;
}

inputs! {
    /// The inputs of `*_rpoison_*`.
    POISON_INPUTS drive_poison;
    mem_rpoison_i[1] = mem.r.poison;
    ptw_rpoison_i[1] = ptw.r.poison;
}

outputs! {
    /// The output of `*_rpoison_*`.
    POISON_OUTPUTS sample_poison;
    dev_rpoison_o[1] = dev.r.poison;
}

inputs! {
    /// QoS IDs come out alone.
    QOS_INPUTS drive_qos;
}

outputs! {
    /// The outputs `*_rcid_o` and `*_mcid_o`.
    QOS_OUTPUTS sample_qos;
    mem_awrcid_o[12] = mem.aw.rcid;
    mem_awmcid_o[12] = mem.aw.mcid;
    mem_arrcid_o[12] = mem.ar.rcid;
    mem_armcid_o[12] = mem.ar.mcid;
    ptw_awrcid_o[12] = ptw.aw.rcid;
    ptw_awmcid_o[12] = ptw.aw.mcid;
    ptw_arrcid_o[12] = ptw.ar.rcid;
    ptw_armcid_o[12] = ptw.ar.mcid;
}

/// Where `caps_i` is among the inputs.
const CAPS: usize = 1;

/// Leaves only these bits of the strap.
fn mask_capabilities(words: &mut [u64], mask: u64) {
    if let Some(caps) = words.get_mut(CAPS) {
        *caps &= mask;
    }
}

/// A list of ports: name and width.
type Ports = [(&'static str, u32)];

/// A group of ports that a device has all of or none of.
struct Group {
    /// For people
    name: &'static str,
    inputs: &'static Ports,
    outputs: &'static Ports,
    /// Bits of `capabilities` that need it
    capabilities: u64,
    drive: fn(&Inputs, &mut [u64]),
    sample: fn(&[u64], &mut Outputs),
    /// Where it stands among the groups of a device
    flag: fn(&mut Groups) -> &mut bool,
}

macro_rules! group {
    ($name:literal, $flag:ident, $caps:expr, $inputs:ident $drive:ident, $outputs:ident $sample:ident) => {
        Group {
            name: $name,
            inputs: $inputs,
            outputs: $outputs,
            capabilities: $caps,
            drive: |inputs, words| {
                if let Some(words) = words.first_chunk_mut() {
                    $drive(inputs, words);
                }
            },
            sample: |words, outputs| {
                if let Some(words) = words.first_chunk() {
                    $sample(words, outputs);
                }
            },
            flag: |groups| &mut groups.$flag,
        }
    };
}

/// Every optional group, in the order in which their words lie. ATS and T2GPA need `ats_*`, QOSID the QoS IDs.
const GROUPS: [Group; 3] = [
    group!("ats_*", ats, 0b11 << 25, ATS_INPUTS drive_ats, ATS_OUTPUTS sample_ats),
    group!("*_rpoison_*", poison, 0, POISON_INPUTS drive_poison, POISON_OUTPUTS sample_poison),
    group!("*_rcid_o, *_mcid_o", qos_ids, 1 << 41, QOS_INPUTS drive_qos, QOS_OUTPUTS sample_qos),
];

/// Copies all fields to the words of a device with these groups. A function that it has no ports for is not offered to it.
pub(crate) fn drive_all(inputs: &Inputs, groups: Groups, words: &mut [u64]) {
    if let Some(words) = words.first_chunk_mut() {
        drive(inputs, words);
    }
    let mut next = INPUTS.len();
    for group in &GROUPS {
        if *(group.flag)(&mut { groups }) {
            (group.drive)(inputs, words.get_mut(next..).unwrap_or_default());
            next += group.inputs.len();
        } else {
            mask_capabilities(words, !group.capabilities);
        }
    }
}

/// Copies all words of a device with these groups to their fields.
pub(crate) fn sample_all(words: &[u64], groups: Groups, outputs: &mut Outputs) {
    if let Some(words) = words.first_chunk() {
        sample(words, outputs);
    }
    let mut next = OUTPUTS.len();
    for group in GROUPS.iter().filter(|group| *(group.flag)(&mut { groups })) {
        (group.sample)(words.get(next..).unwrap_or_default(), outputs);
        next += group.outputs.len();
    }
}

/// The ports to bind, in the order of the tables: those that every device has, and the optional groups.
pub(crate) fn binding() -> Binding {
    let specs = |list: &Ports| list.iter().map(|&(name, width)| PortSpec::new(name, width)).collect();
    let group = |group: &Group| PortGroup {
        name: group.name.to_owned(),
        inputs: specs(group.inputs),
        outputs: specs(group.outputs),
    };
    Binding::Exact { inputs: specs(INPUTS), outputs: specs(OUTPUTS), groups: GROUPS.iter().map(group).collect() }
}

/// Name and width of each port but the clock, the optional ones among them: for whoever shows waves.
pub fn names() -> impl Iterator<Item = (&'static str, u32)> {
    let all = |groups: Groups| ports_of(groups);
    all(Groups { ats: true, poison: true, qos_ids: true })
}

/// The ports of a device with these groups, inputs first.
fn ports_of(groups: Groups) -> impl Iterator<Item = (&'static str, u32)> + Clone {
    let of = move |list: fn(&Group) -> &'static Ports| {
        let there = GROUPS.iter().filter(move |group| *(group.flag)(&mut { groups }));
        there.flat_map(move |group| list(group).iter().copied())
    };
    let inputs = INPUTS.iter().copied().chain(of(|group| group.inputs));
    inputs.chain(OUTPUTS.iter().copied()).chain(of(|group| group.outputs))
}

/// The groups of a device whose ports have these names and widths, inputs first; none if they are not those of a device.
pub(crate) fn groups<'p>(found: impl Iterator<Item = (&'p str, u32)> + Clone) -> Option<Groups> {
    let mut groups = Groups::default();
    for group in &GROUPS {
        let mut of_group = group.inputs.iter().chain(group.outputs).map(|port| port.0);
        *(group.flag)(&mut groups) = of_group.any(|port| found.clone().any(|(name, _)| name == port));
    }
    let is_whole = found.clone().count() == ports_of(groups).count();
    (is_whole && found.zip(ports_of(groups)).all(|(found, port)| found == port)).then_some(groups)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn document() -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("DEVICE.md");
        std::fs::read_to_string(path).expect("DEVICE.md")
    }

    /// The read address channels of `dev_*` and `mem_*` are documented by their write address channels.
    fn documented(text: &str, port: &str) -> bool {
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        words.contains(port) || words.contains(port.replacen("_ar", "_aw", 1).as_str())
    }

    #[test]
    fn every_port_is_documented() {
        let text = document();
        let missing: Vec<_> = names().map(|port| port.0).filter(|port| !documented(&text, port)).collect();
        assert!(missing.is_empty(), "not in DEVICE.md: {missing:?}");
        assert!(!documented(&text, "dev_awnothing_i"));
    }

    #[test]
    fn names_are_unique_and_say_the_direction() {
        let unique: BTreeSet<_> = names().map(|port| port.0).collect();
        assert_eq!(unique.len(), names().count());
        let inputs = GROUPS.iter().flat_map(|group| group.inputs);
        assert!(INPUTS.iter().chain(inputs).all(|port| port.0.ends_with("_i") || port.0 == "rst_ni"));
        let outputs = GROUPS.iter().flat_map(|group| group.outputs);
        assert!(OUTPUTS.iter().chain(outputs).all(|port| port.0.ends_with("_o")));
        assert_eq!(INPUTS[CAPS].0, "caps_i");
    }

    #[test]
    fn a_group_is_there_whole_or_not_at_all() {
        for bits in 0..8 {
            let some = Groups { ats: bits & 1 != 0, poison: bits & 2 != 0, qos_ids: bits & 4 != 0 };
            assert_eq!(groups(ports_of(some)), Some(some));
            let without = |name| ports_of(some).filter(move |port| port.0 != name);
            for port in ["ats_rspstatus_o", "ptw_rpoison_i", "mem_armcid_o"] {
                let is_there = ports_of(some).any(|(name, _)| name == port);
                assert_eq!(groups(without(port)).is_none(), is_there, "{port} of {some:?}");
            }
        }
        assert_eq!(groups(ports_of(Groups::default()).skip(1)), None);
    }

    #[test]
    fn groups_lie_behind_each_other_and_what_needs_one_that_is_missing_is_not_offered() {
        let mut inputs = Inputs { caps: u64::MAX, ..Inputs::default() };
        inputs.ats.page.prgi = 0x1ff;
        inputs.ptw.r.poison = true;
        let drive = |some: Groups| {
            let ports = ports_of(some).filter(|port| port.0.ends_with("_i") || port.0 == "rst_ni");
            let mut words = vec![0; ports.clone().count()];
            drive_all(&inputs, some, &mut words);
            let set = ports.zip(words).filter(|(_, word)| *word != 0);
            set.map(|(port, word)| (port.0, word)).collect::<Vec<_>>()
        };
        let all = Groups { ats: true, poison: true, qos_ids: true };
        assert_eq!(drive(all), [("caps_i", u64::MAX), ("ats_pageprgi_i", 0x1ff), ("ptw_rpoison_i", 1)]);
        let poison = Groups { poison: true, ..Groups::default() };
        assert_eq!(drive(poison), [("caps_i", !(0b11 << 25 | 1 << 41)), ("ptw_rpoison_i", 1)]);
        let ids = Groups { poison: true, qos_ids: true, ..Groups::default() };
        let words = ports_of(ids).filter(|port| port.0.ends_with("_o"));
        let words: Vec<u64> =
            words.map(|port| u64::from(port.0.contains("mcid") || port.0 == "dev_rpoison_o")).collect();
        let mut outputs = Outputs::default();
        sample_all(&words, ids, &mut outputs);
        let mut expected = Outputs::default();
        (expected.dev.r.poison, expected.mem.aw.mcid, expected.mem.ar.mcid) = (true, 1, 1);
        (expected.ptw.aw.mcid, expected.ptw.ar.mcid) = (1, 1);
        assert_eq!(outputs, expected);
    }

    #[test]
    fn messages_reach_the_words_of_their_ports_and_come_back() {
        let mut inputs = Inputs::default();
        inputs.ats.done.itags = 0x8000_0001;
        inputs.ats.page.prgi = 0x1ff;
        let mut words = [0; ATS_INPUTS.len()];
        drive_ats(&inputs, &mut words);
        let set: Vec<_> =
            ATS_INPUTS.iter().zip(words).filter(|(_, word)| *word != 0).map(|(p, word)| (p.0, word)).collect();
        assert_eq!(set, [("ats_doneitags_i", 0x8000_0001), ("ats_pageprgi_i", 0x1ff)]);
        let mut words = [0; ATS_OUTPUTS.len()];
        words[ATS_OUTPUTS.iter().position(|port| port.0 == "ats_invdid_o").expect("a port")] = 0xabcdef;
        let mut outputs = Outputs::default();
        sample_ats(&words, &mut outputs);
        let mut expected = Outputs::default();
        expected.ats.invalidation.did = 0xabcdef;
        assert_eq!(outputs, expected);
    }

    #[test]
    fn inputs_reach_the_words_of_their_ports() {
        let mut inputs = Inputs { rst_n: true, caps: u64::MAX, ..Inputs::default() };
        inputs.dev.ar.mmussid = 0xabcde;
        inputs.ptw.r.data = 0x0123_4567_89ab_cdef;
        inputs.reg.aw_addr = 0xfff;
        let mut words = [0; INPUTS.len()];
        drive(&inputs, &mut words);
        let set: Vec<_> =
            INPUTS.iter().zip(words).filter(|(_, word)| *word != 0).map(|(p, word)| (p.0, word)).collect();
        assert_eq!(
            set,
            [
                ("rst_ni", 1),
                ("caps_i", u64::MAX),
                ("dev_armmussid_i", 0xabcde),
                ("ptw_rdata_i", 0x0123_4567_89ab_cdef),
                ("reg_awaddr_i", 0xfff)
            ]
        );
    }

    #[test]
    fn words_reach_the_fields_of_their_ports() {
        let mut words = [0; OUTPUTS.len()];
        let mut set = |name: &str, value: u64| {
            let at = OUTPUTS.iter().position(|port| port.0 == name).expect("a port");
            words[at] = value;
        };
        set("wsi_o", 0x8001);
        set("mem_araddr_o", 0xff_ffff_ffff_ffff);
        set("mem_arpbmt_o", 2);
        set("ptw_awatop_o", 0x31);
        set("dev_rlast_o", 1);
        set("reg_rdata_o", 7);
        let mut outputs = Outputs { wsi: 1, ..Outputs::default() };
        sample(&words, &mut outputs);
        let mut expected = Outputs { wsi: 0x8001, ..Outputs::default() };
        expected.mem.ar.addr = 0xff_ffff_ffff_ffff;
        expected.mem.ar.pbmt = 2;
        expected.ptw.aw.atop = 0x31;
        expected.dev.r.last = true;
        expected.reg.r_data = 7;
        assert_eq!(outputs, expected);
    }
}
