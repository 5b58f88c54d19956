// SPDX-License-Identifier: Apache-2.0
/// Translation cache: first and second stage combined, fully associative.
///
/// An entry names its address space by mode, GSCID and PSCID, and keeps the guest page and the
/// reach of both leaves, so that both IOTINVAL commands find it by address. Where a command could
/// mean less than what is dropped, more is dropped, which the specification allows ("IOMMU
/// Page-Table cache invalidation commands").
module iommu_iotlb
  import iommu_pkg::*;
  import iommu_xlate_pkg::*;
#(
  /// Number of translations held, at least 2.
  parameter int unsigned NumEntries = 32
) (
  input  logic               clk_i,
  input  logic               rst_ni,

  input  logic               lookup_valid_i,  // the lookup counts as a use
  input  space_t             lookup_space_i,
  input  logic [PnWidth-1:0] lookup_vpn_i,
  output logic               hit_o,           // same cycle; permissions are the reader's to check
  output tlb_entry_t         entry_o,

  input  logic               fill_valid_i,
  input  tlb_entry_t         fill_i,

  input  logic               flush_i,         // drop everything
  input  logic               inval_valid_i,   // drop what this command covers
  input  inval_t             inval_i
);

  logic       [NumEntries-1:0] valid_d, valid_q;
  tlb_entry_t [NumEntries-1:0] entry_q;

  logic [NumEntries-1:0] hit, overlap, covered, victim, fill, touch;

  for (genvar i = 0; i < NumEntries; i++) begin : gen_entry
    tlb_entry_t entry;
    logic       unused_entry;
    assign entry        = entry_q[i];
    assign unused_entry = ^entry;

    // Lookup and fill. A global entry belongs to every PSCID of its guest (or of the host).
    logic same_tables, lookup_space, fill_space;
    logic [PnWidth-1:0] lookup_diff, fill_diff;
    assign lookup_space = entry.space.s1_mode == lookup_space_i.s1_mode &&
                          entry.space.s2_mode == lookup_space_i.s2_mode &&
                          entry.space.gscid == lookup_space_i.gscid &&
                          (entry.space.pscid == lookup_space_i.pscid || entry.glob);
    assign same_tables  = entry.space.s1_mode == fill_i.space.s1_mode &&
                          entry.space.s2_mode == fill_i.space.s2_mode &&
                          entry.space.gscid == fill_i.space.gscid;
    assign fill_space   = same_tables && (entry.space.pscid == fill_i.space.pscid ||
                                          entry.glob || fill_i.glob);
    assign lookup_diff  = (entry.vpn ^ lookup_vpn_i) & ~page_mask(entry.size);
    assign fill_diff    = (entry.vpn ^ fill_i.vpn) & ~page_mask(entry.size) &
                          ~page_mask(fill_i.size);

    assign hit[i]     = valid_q[i] && lookup_space && lookup_diff == '0;
    assign overlap[i] = valid_q[i] && fill_space && fill_diff == '0;

    // Invalidation. Addresses are compared over the reach of the leaf that the command is about,
    // whatever part of it the entry covers. A range (`S`) is taken as every address.
    logic s1_on, s2_on, guest, any_address, vma, gvma;
    logic [PnWidth-1:0] vma_diff, gvma_diff;
    assign s1_on       = entry.space.s1_mode != ModeBare;
    assign s2_on       = entry.space.s2_mode != ModeBare;
    assign guest       = s2_on && entry.space.gscid == inval_i.gscid;
    assign any_address = !inval_i.av || inval_i.s;
    assign vma_diff    = (entry.vpn ^ inval_i.vpn[PnWidth-1:0]) & ~page_mask(entry.s1_size);
    assign gvma_diff   = (entry.gpn ^ inval_i.vpn[PnWidth-1:0]) & ~page_mask(entry.s2_size);

    // IOTINVAL.VMA: GV=0 means the host alone. An entry without a first stage has neither PSCID
    // nor address.
    assign vma  = (inval_i.gv ? guest : !s2_on) &&
                  (!inval_i.pscv ||
                   (s1_on && !entry.glob && entry.space.pscid == inval_i.pscid)) &&
                  (any_address || (s1_on && vma_diff == '0));
    // IOTINVAL.GVMA: GV=0 means every guest and ignores the address.
    assign gvma = inval_i.gv ? guest && (any_address || gvma_diff == '0) : s2_on;

    assign covered[i] = inval_valid_i && ((inval_i.kind == InvalVma && vma) ||
                                          (inval_i.kind == InvalGvma && gvma));
  end

  // A fill drops what it overlaps, so that at most one entry hits.
  always_comb begin
    entry_o = '0;
    for (int unsigned i = 0; i < NumEntries; i++) begin
      if (hit[i]) entry_o |= entry_q[i];
    end
  end

  assign hit_o = |hit;
  assign fill  = fill_valid_i ? victim : '0;
  assign touch = (lookup_valid_i ? hit : '0) | fill;

  assign valid_d = flush_i ? '0 : ((valid_q & ~(fill_valid_i ? overlap : '0)) | fill) & ~covered;

  iommu_victim #(
    .NumEntries(NumEntries)
  ) u_victim (
    .clk_i,
    .rst_ni,
    .valid_i (valid_q),
    .touch_i (touch),
    .victim_o(victim)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= valid_d;
  end

  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < NumEntries; i++) begin
      if (fill[i]) entry_q[i] <= fill_i;
    end
  end

  // Address bits beyond the widest guest address, and operands of the other commands.
  logic unused;
  assign unused = ^inval_i;

`ifndef SYNTHESIS
  logic ran_q;  // out of reset for a cycle
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) ran_q <= 1'b0;
    else ran_q <= 1'b1;
  end

  IotlbOneHit_A: assert property (@(posedge clk_i) disable iff (!ran_q) $onehot0(hit))
    else $error("two cached translations for page %h", lookup_vpn_i);
`endif

endmodule
