// SPDX-License-Identifier: Apache-2.0
/// Cache of device contexts, fully associative, tagged by device_id.
///
/// Holds contexts that are valid and passed their checks, nothing else. IODIR.INVAL_DDT strikes
/// it; IOTINVAL does not reach it ("IOMMU directory cache invalidation commands").
module iommu_ddt_cache
  import iommu_pkg::*;
  import iommu_xlate_pkg::*;
#(
  /// Number of contexts held, at least 2.
  parameter int unsigned NumEntries = 8
) (
  input  logic        clk_i,
  input  logic        rst_ni,

  input  logic        lookup_valid_i,  // the lookup counts as a use
  input  logic [23:0] lookup_did_i,
  output logic        hit_o,           // same cycle
  output ctx_t        ctx_o,

  input  logic        fill_valid_i,
  input  logic [23:0] fill_did_i,
  input  ctx_t        fill_ctx_i,

  input  logic        flush_i,         // drop everything
  input  logic        inval_valid_i,   // drop what this command covers
  input  inval_t      inval_i
);

  logic [NumEntries-1:0]       valid_d, valid_q;
  logic [NumEntries-1:0][23:0] did_q;
  ctx_t [NumEntries-1:0]       ctx_q;

  logic [NumEntries-1:0] hit, same, covered, victim, fill, touch;

  always_comb begin
    for (int unsigned i = 0; i < NumEntries; i++) begin
      hit[i]     = valid_q[i] && did_q[i] == lookup_did_i;
      same[i]    = valid_q[i] && did_q[i] == fill_did_i;
      covered[i] = inval_valid_i && inval_i.kind == InvalDdt &&
                   (!inval_i.dv || inval_i.did == did_q[i]);
    end
  end

  // At most one entry hits, since a fill drops an older entry of the same device.
  always_comb begin
    ctx_o = '0;
    for (int unsigned i = 0; i < NumEntries; i++) begin
      if (hit[i]) ctx_o |= ctx_q[i];
    end
  end

  assign hit_o = |hit;
  assign fill  = fill_valid_i ? victim : '0;
  assign touch = (lookup_valid_i ? hit : '0) | fill;

  assign valid_d = flush_i ? '0 : ((valid_q & ~(fill_valid_i ? same : '0)) | fill) & ~covered;

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
      if (fill[i]) begin
        did_q[i] <= fill_did_i;
        ctx_q[i] <= fill_ctx_i;
      end
    end
  end

  // Only two operands of the command concern device contexts.
  logic unused;
  assign unused = ^inval_i;

`ifndef SYNTHESIS
  logic ran_q;  // out of reset for a cycle
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) ran_q <= 1'b0;
    else ran_q <= 1'b1;
  end

  DdtCacheOneHit_A: assert property (@(posedge clk_i) disable iff (!ran_q) $onehot0(hit))
    else $error("two cached contexts for device %h", lookup_did_i);
`endif

endmodule
