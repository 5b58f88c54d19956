// SPDX-License-Identifier: Apache-2.0
/// The translation half of the IOMMU: requests in, physical addresses or refusals out, any order.
///
///   req -> [A: device context] -> [B: translation cache] -> rsp
///               | miss                 | miss or refused
///          DDT walkers -> B       page-table walkers -> rsp
///
/// Two pipeline stages, one request a cycle when both caches hit. A miss leaves the pipeline for a
/// walker, so later requests overtake it; the pipeline waits only when all walkers are taken.
/// A hit reads no memory.
///
/// Invalidation: the command strikes both caches one cycle after it was accepted. Whatever is in
/// flight in that cycle is marked. A marked request may still be answered from what it read, but
/// fills no cache, and `inval_busy_o` stays 1 until the last one has been answered.
module iommu_translate
  import iommu_pkg::*;
  import iommu_xlate_pkg::*;
#(
  /// Width of the tag that a request carries and its answer repeats.
  parameter int unsigned TagWidth      = 6,
  /// Entries of the translation cache, at least 2.
  parameter int unsigned IotlbEntries  = 32,
  /// Entries of the device context cache, at least 2.
  parameter int unsigned DdtEntries    = 8,
  /// Page-table walks under way at a time.
  parameter int unsigned NumPtWalkers  = 4,
  /// Device directory walks under way at a time. Both kinds together are at most 8.
  parameter int unsigned NumDdtWalkers = 2
) (
  input  logic                clk_i,
  input  logic                rst_ni,

  input  logic [63:0]         caps_i,    // capabilities, limited to what is implemented; constant
  input  logic [31:0]         fctl_i,    // features-control register
  input  logic [63:0]         ddtp_i,    // device-directory-table pointer; a change flushes

  // Requests.
  input  logic                req_valid_i,
  output logic                req_ready_o,
  input  logic [TagWidth-1:0] req_tag_i,
  input  xlate_req_t          req_i,

  // Answers. A refusal comes after its fault record, if there is one, has been taken.
  output logic                rsp_valid_o,
  input  logic                rsp_ready_i,
  output logic [TagWidth-1:0] rsp_tag_o,
  output xlate_rsp_t          rsp_o,

  // Fault records. DTF has been applied.
  output logic                fault_valid_o,
  input  logic                fault_ready_i,
  output fault_t              fault_o,

  // Invalidations. Busy from the cycle after acceptance until nothing covered can be used again.
  input  logic                inval_valid_i,
  output logic                inval_ready_o,
  input  inval_t              inval_i,
  output logic                inval_busy_o,

  // Memory reads: bursts of up to 8 doublewords, one at a time under each tag.
  output logic                rd_valid_o,
  input  logic                rd_ready_i,
  output logic [2:0]          rd_tag_o,
  output logic [55:0]         rd_addr_o,
  output logic [2:0]          rd_len_o,      // beats minus one
  input  logic                rd_rsp_valid_i,
  output logic                rd_rsp_ready_o,
  input  logic [2:0]          rd_rsp_tag_i,
  input  logic [63:0]         rd_rsp_data_i,
  input  logic                rd_rsp_err_i,
  input  logic                rd_rsp_last_i,

  output logic                idle_o         // nothing in flight
);

  localparam int unsigned NumWalkers = NumPtWalkers + NumDdtWalkers;

  typedef struct packed {
    logic [TagWidth-1:0] tag;
    logic                mark;
    xlate_req_t          req;
    ctx_t                ctx;
  } located_t;

  typedef struct packed {
    logic [TagWidth-1:0] tag;
    logic                mark;
    xlate_rsp_t          rsp;
  } answer_t;

  typedef struct packed {
    logic [2:0]  tag;
    logic [55:0] addr;
    logic [2:0]  len;
  } read_t;

  // ---------------------------------------------------------------------------------------------
  // Invalidation
  // ---------------------------------------------------------------------------------------------

  logic        inval_valid_q;
  inval_t      inval_q;
  logic [63:0] ddtp_q;
  logic        flush;   // ddtp changed: drop everything
  logic        strike;  // something is dropped in this cycle, so mark what is in flight

  assign inval_ready_o = 1'b1;
  assign flush         = ddtp_i != ddtp_q;
  assign strike        = inval_valid_q | flush;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      inval_valid_q <= 1'b0;
      inval_q       <= '0;
      ddtp_q        <= '0;
    end else begin
      inval_valid_q <= inval_valid_i;
      ddtp_q        <= ddtp_i;
      if (inval_valid_i) inval_q <= inval_i;
    end
  end

  // ---------------------------------------------------------------------------------------------
  // Stage A: the mode of the IOMMU, the device context
  // ---------------------------------------------------------------------------------------------

  logic                a_valid_d, a_valid_q;
  logic                a_mark_d, a_mark_q;
  logic [TagWidth-1:0] a_tag_q;
  xlate_req_t          a_req_q;

  logic     a_leaves, a_to_b, a_to_walker, a_located;
  verdict_t a_verdict;
  ctx_t     a_ctx;
  logic     ddt_hit;

  assign req_ready_o = !a_valid_q || a_leaves;
  assign a_valid_d   = req_ready_o ? req_valid_i : 1'b1;
  // A request that is accepted now looks at the caches after they were struck.
  assign a_mark_d    = req_ready_o ? 1'b0 : a_mark_q | strike;

  assign a_verdict = mode_verdict(a_req_q, ddtp_q[3:0], caps_i[CapMsiFlat]);

  assign a_located   = ddt_hit & ~a_verdict.fault & ~a_verdict.pass;
  assign a_to_b      = a_valid_q & (a_located | a_verdict.fault | a_verdict.pass);
  assign a_to_walker = a_valid_q & ~a_to_b;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      a_valid_q <= 1'b0;
      a_mark_q  <= 1'b0;
    end else begin
      a_valid_q <= a_valid_d;
      a_mark_q  <= a_mark_d;
    end
  end

  always_ff @(posedge clk_i) begin
    if (req_valid_i && req_ready_o) begin
      a_tag_q <= req_tag_i;
      a_req_q <= req_i;
    end
  end

  // ---------------------------------------------------------------------------------------------
  // Device contexts
  // ---------------------------------------------------------------------------------------------

  logic     [NumDdtWalkers-1:0] dw_start, dw_ready, dw_busy, dw_marked;
  logic     [NumDdtWalkers-1:0] dw_done_valid, dw_done_ready, dw_fill;
  located_t [NumDdtWalkers-1:0] dw_located;
  logic                         located_valid, located_ready;
  located_t                     located;

  logic    [NumWalkers-1:0] walk_fault_valid, walk_fault_ready;
  fault_t  [NumWalkers-1:0] walk_fault;
  logic    [NumWalkers:0]   answer_valid, answer_ready;  // the last one is stage B
  answer_t [NumWalkers:0]   answer_in;
  logic    [NumWalkers-1:0] walk_rd_valid, walk_rd_ready, walk_rd_rsp_valid;
  read_t   [NumWalkers-1:0] walk_rd;

  // At most one walker hands over in a cycle, so at most one fills.
  iommu_ddt_cache #(
    .NumEntries(DdtEntries)
  ) u_ddt_cache (
    .clk_i,
    .rst_ni,
    .lookup_valid_i(a_to_b & a_leaves & a_located),
    .lookup_did_i  (a_req_q.did),
    .hit_o         (ddt_hit),
    .ctx_o         (a_ctx),
    .fill_valid_i  (|dw_fill),
    .fill_did_i    (located.req.did),
    .fill_ctx_i    (located.ctx),
    .flush_i       (flush),
    .inval_valid_i (inval_valid_q),
    .inval_i       (inval_q)
  );

  // The lowest idle walker takes the miss.
  assign dw_start = a_to_walker ? dw_ready & (~dw_ready + NumDdtWalkers'(1)) : '0;

  for (genvar i = 0; i < NumDdtWalkers; i++) begin : gen_ddt_walker
    assign answer_in[i].tag  = dw_located[i].tag;
    assign answer_in[i].mark = dw_located[i].mark;
    assign answer_in[i].rsp  = '0;
    assign walk_rd[i].tag    = 3'(i);

    iommu_ddt_walk #(
      .TagWidth(TagWidth)
    ) u_ddt_walk (
      .clk_i,
      .rst_ni,
      .caps_i,
      .fctl_i,
      .ddtp_i        (ddtp_q),
      .start_valid_i (dw_start[i]),
      .start_ready_o (dw_ready[i]),
      .start_tag_i   (a_tag_q),
      .start_mark_i  (a_mark_q),
      .start_req_i   (a_req_q),
      .mark_i        (strike),
      .busy_o        (dw_busy[i]),
      .marked_o      (dw_marked[i]),
      .done_valid_o  (dw_done_valid[i]),
      .done_ready_i  (dw_done_ready[i]),
      .done_fill_o   (dw_fill[i]),
      .done_ctx_o    (dw_located[i].ctx),
      .tag_o         (dw_located[i].tag),
      .mark_o        (dw_located[i].mark),
      .req_o         (dw_located[i].req),
      .fault_valid_o (walk_fault_valid[i]),
      .fault_ready_i (walk_fault_ready[i]),
      .fault_o       (walk_fault[i]),
      .rsp_valid_o   (answer_valid[i]),
      .rsp_ready_i   (answer_ready[i]),
      .rd_valid_o    (walk_rd_valid[i]),
      .rd_ready_i    (walk_rd_ready[i]),
      .rd_addr_o     (walk_rd[i].addr),
      .rd_len_o      (walk_rd[i].len),
      .rd_rsp_valid_i(walk_rd_rsp_valid[i]),
      .rd_rsp_data_i,
      .rd_rsp_err_i,
      .rd_rsp_last_i
    );
  end

  iommu_rr_arb #(
    .NumIn (NumDdtWalkers),
    .Lock  (1'b0),
    .data_t(located_t)
  ) u_located_arb (
    .clk_i,
    .rst_ni,
    .valid_i(dw_done_valid),
    .ready_o(dw_done_ready),
    .data_i (dw_located),
    .valid_o(located_valid),
    .ready_i(located_ready),
    .data_o (located)
  );

  // ---------------------------------------------------------------------------------------------
  // Stage B: what the context decides, the translation cache
  // ---------------------------------------------------------------------------------------------

  logic     b_valid_d, b_valid_q;
  logic     b_decided_d, b_decided_q;  // stage A gave the verdict; there is no context
  verdict_t b_verdict_d, b_verdict_q;
  located_t b_d, b_q;

  logic b_ready, b_leaves, b_to_rsp, b_to_walker, pt_idle;

  // A request that comes back with its context goes first: it is older.
  assign b_ready       = !b_valid_q || b_leaves;
  assign located_ready = b_ready;
  assign a_leaves      = a_to_b ? b_ready & ~located_valid : a_to_walker & |dw_ready;

  always_comb begin
    b_valid_d   = b_valid_q;
    b_decided_d = b_decided_q;
    b_verdict_d = b_verdict_q;
    b_d         = b_q;
    b_d.mark    = b_q.mark | strike;
    if (b_ready) begin
      b_valid_d   = located_valid | a_to_b;
      b_decided_d = ~located_valid & ~a_located;
      b_verdict_d = a_verdict;
      if (located_valid) b_d = located;
      else b_d = '{tag: a_tag_q, mark: a_mark_q, req: a_req_q, ctx: a_located ? a_ctx : '0};
      b_d.mark |= strike;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) b_valid_q <= 1'b0;
    else b_valid_q <= b_valid_d;
  end

  always_ff @(posedge clk_i) begin
    b_decided_q <= b_decided_d;
    b_verdict_q <= b_verdict_d;
    b_q         <= b_d;
  end

  xlate_req_t         b_req;
  ctx_t               b_ctx;
  verdict_t           b_verdict;
  space_t             b_space;
  logic [PnWidth-1:0] b_vpn;

  assign b_req     = b_q.req;
  assign b_verdict = b_decided_q ? b_verdict_q : context_verdict(b_req, b_q.ctx);
  assign b_vpn     = b_req.iova[12+:PnWidth];

  // A translated request that is still to be translated carries a guest physical address (step 9).
  always_comb begin
    b_ctx = b_q.ctx;
    if (b_req.translated) b_ctx.s1_mode = ModeBare;
  end

  assign b_space = '{
    s1_mode: b_ctx.s1_mode,
    s2_mode: b_ctx.s2_mode,
    gscid:   b_ctx.s2_mode == ModeBare ? '0 : b_ctx.gscid,
    pscid:   b_ctx.s1_mode == ModeBare ? '0 : b_ctx.pscid
  };

  logic               tlb_hit, tlb_fill_valid;
  tlb_entry_t         tlb_entry, tlb_fill;
  logic               b_in_range, b_permitted, b_msi, b_hit;
  logic [PnWidth-1:0] b_reach;
  logic [51:0]        b_gpn;
  logic [43:0]        b_spn;

  iommu_iotlb #(
    .NumEntries(IotlbEntries)
  ) u_iotlb (
    .clk_i,
    .rst_ni,
    .lookup_valid_i(b_to_rsp & b_hit),
    .lookup_space_i(b_space),
    .lookup_vpn_i  (b_vpn),
    .hit_o         (tlb_hit),
    .entry_o       (tlb_entry),
    .fill_valid_i  (tlb_fill_valid),
    .fill_i        (tlb_fill),
    .flush_i       (flush),
    .inval_valid_i (inval_valid_q),
    .inval_i       (inval_q)
  );

  // The cache compares fewer bits than an address has; the walker refuses what is out of range.
  assign b_in_range  = b_ctx.s1_mode == ModeBare ? gpa_fits(b_ctx.s2_mode, b_req.iova[63:41])
                                                 : canonical(b_ctx.s1_mode, b_req.iova[63:38]);
  // A cached translation that does not allow the access is not used: the tables are asked again,
  // and they give the fault.
  assign b_permitted = (b_req.exec ? tlb_entry.x : b_req.write ? tlb_entry.w : tlb_entry.r) &&
                       (b_ctx.s1_mode == ModeBare || user_allows(b_req, b_ctx.sum, tlb_entry.u));
  // Entries are shared by the devices of a guest; which of its pages are MSI pages is per device.
  assign b_reach     = page_mask(tlb_entry.size);
  assign b_gpn       = b_ctx.s1_mode == ModeBare ? b_req.iova[63:12]
                                                 : {5'd0, (tlb_entry.gpn & ~b_reach) |
                                                          (b_vpn & b_reach)};
  assign b_msi       = is_msi_page(b_ctx, b_gpn);
  assign b_spn       = (tlb_entry.spn & ~b_reach[43:0]) | (b_vpn[43:0] & b_reach[43:0]);
  assign b_hit       = tlb_hit & b_in_range & b_permitted & ~b_msi;

  assign b_to_rsp    = b_valid_q & ~b_verdict.fault & (b_verdict.pass | b_hit);
  assign b_to_walker = b_valid_q & ~b_to_rsp;
  assign b_leaves    = b_to_rsp ? answer_ready[NumWalkers] : b_to_walker & pt_idle;

  assign answer_valid[NumWalkers]    = b_to_rsp;
  assign answer_in[NumWalkers].tag   = b_q.tag;
  assign answer_in[NumWalkers].mark  = b_q.mark;
  assign answer_in[NumWalkers].rsp   = '{
    ok:   1'b1,
    spa:  b_verdict.pass ? b_req.iova[55:0] : {b_spn, b_req.iova[11:0]},
    pbmt: b_verdict.pass ? 2'd0 : tlb_entry.pbmt
  };

  // ---------------------------------------------------------------------------------------------
  // Page-table walkers
  // ---------------------------------------------------------------------------------------------

  logic       [NumPtWalkers-1:0] pw_start, pw_ready, pw_busy, pw_marked;
  logic       [NumPtWalkers-1:0] pw_fill_valid, pw_fill_ready;
  tlb_entry_t [NumPtWalkers-1:0] pw_fill;

  assign pt_idle  = |pw_ready;
  assign pw_start = b_to_walker ? pw_ready & (~pw_ready + NumPtWalkers'(1)) : '0;

  for (genvar i = 0; i < NumPtWalkers; i++) begin : gen_pt_walker
    localparam int unsigned Slot = NumDdtWalkers + i;
    assign walk_rd[Slot].tag = 3'(Slot);

    iommu_ptw #(
      .TagWidth(TagWidth)
    ) u_ptw (
      .clk_i,
      .rst_ni,
      .caps_i,
      .start_valid_i  (pw_start[i]),
      .start_ready_o  (pw_ready[i]),
      .start_tag_i    (b_q.tag),
      .start_mark_i   (b_q.mark),
      .start_req_i    (b_req),
      .start_ctx_i    (b_ctx),
      .start_fault_i  (b_verdict.fault),
      .start_cause_i  (b_verdict.cause),
      .mark_i         (strike),
      .busy_o         (pw_busy[i]),
      .marked_o       (pw_marked[i]),
      .fill_valid_o   (pw_fill_valid[i]),
      .fill_ready_i   (pw_fill_ready[i]),
      .fill_o         (pw_fill[i]),
      .fault_valid_o  (walk_fault_valid[Slot]),
      .fault_ready_i  (walk_fault_ready[Slot]),
      .fault_o        (walk_fault[Slot]),
      .rsp_valid_o    (answer_valid[Slot]),
      .rsp_ready_i    (answer_ready[Slot]),
      .rsp_tag_o      (answer_in[Slot].tag),
      .rsp_mark_o     (answer_in[Slot].mark),
      .rsp_o          (answer_in[Slot].rsp),
      .rd_valid_o     (walk_rd_valid[Slot]),
      .rd_ready_i     (walk_rd_ready[Slot]),
      .rd_addr_o      (walk_rd[Slot].addr),
      .rd_len_o       (walk_rd[Slot].len),
      .rd_rsp_valid_i (walk_rd_rsp_valid[Slot]),
      .rd_rsp_data_i,
      .rd_rsp_err_i,
      .rd_rsp_last_i
    );
  end

  iommu_rr_arb #(
    .NumIn (NumPtWalkers),
    .Lock  (1'b0),
    .data_t(tlb_entry_t)
  ) u_fill_arb (
    .clk_i,
    .rst_ni,
    .valid_i(pw_fill_valid),
    .ready_o(pw_fill_ready),
    .data_i (pw_fill),
    .valid_o(tlb_fill_valid),
    .ready_i(1'b1),
    .data_o (tlb_fill)
  );

  // ---------------------------------------------------------------------------------------------
  // Memory reads, fault records, answers
  // ---------------------------------------------------------------------------------------------

  read_t rd;

  iommu_rr_arb #(
    .NumIn (NumWalkers),
    .data_t(read_t)
  ) u_rd_arb (
    .clk_i,
    .rst_ni,
    .valid_i(walk_rd_valid),
    .ready_o(walk_rd_ready),
    .data_i (walk_rd),
    .valid_o(rd_valid_o),
    .ready_i(rd_ready_i),
    .data_o (rd)
  );

  assign rd_tag_o       = rd.tag;
  assign rd_addr_o      = rd.addr;
  assign rd_len_o       = rd.len;
  assign rd_rsp_ready_o = 1'b1;

  for (genvar i = 0; i < NumWalkers; i++) begin : gen_rd_rsp
    assign walk_rd_rsp_valid[i] = rd_rsp_valid_i & (rd_rsp_tag_i == 3'(i));
  end

  iommu_rr_arb #(
    .NumIn (NumWalkers),
    .data_t(fault_t)
  ) u_fault_arb (
    .clk_i,
    .rst_ni,
    .valid_i(walk_fault_valid),
    .ready_o(walk_fault_ready),
    .data_i (walk_fault),
    .valid_o(fault_valid_o),
    .ready_i(fault_ready_i),
    .data_o (fault_o)
  );

  logic    rsp_valid_d, rsp_valid_q, rsp_take, answer_any;
  answer_t rsp_d, rsp_q, answer;

  iommu_rr_arb #(
    .NumIn (NumWalkers + 1),
    .Lock  (1'b0),
    .data_t(answer_t)
  ) u_rsp_arb (
    .clk_i,
    .rst_ni,
    .valid_i(answer_valid),
    .ready_o(answer_ready),
    .data_i (answer_in),
    .valid_o(answer_any),
    .ready_i(rsp_take),
    .data_o (answer)
  );

  assign rsp_take = !rsp_valid_q || rsp_ready_i;

  always_comb begin
    rsp_valid_d = rsp_take ? answer_any : 1'b1;
    rsp_d       = rsp_take ? answer : rsp_q;
    rsp_d.mark |= strike;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) rsp_valid_q <= 1'b0;
    else rsp_valid_q <= rsp_valid_d;
  end

  always_ff @(posedge clk_i) begin
    rsp_q <= rsp_d;
  end

  assign rsp_valid_o = rsp_valid_q;
  assign rsp_tag_o   = rsp_q.tag;
  assign rsp_o       = rsp_q.rsp;

  assign inval_busy_o = strike | (a_valid_q & a_mark_q) | (b_valid_q & b_q.mark) |
                        (|dw_marked) | (|pw_marked) | (rsp_valid_q & rsp_q.mark);
  assign idle_o       = ~(strike | a_valid_q | b_valid_q | (|dw_busy) | (|pw_busy) | rsp_valid_q);

  // Of a cached translation, the tags are the cache's own affair.
  logic unused;
  assign unused = ^tlb_entry;

`ifndef SYNTHESIS
  logic ran_q;  // out of reset for a cycle
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) ran_q <= 1'b0;
    else ran_q <= 1'b1;
  end

  // What this half does not do may not be announced to software.
  localparam logic [63:0] NotImplemented =
      64'd1 << CapSv32 | 64'd1 << CapSv32x4 | 64'd1 << CapMsiMrif | 64'd1 << CapAmoHwad |
      64'd1 << CapEnd | 64'd1 << CapPd8 | 64'd1 << CapPd17 | 64'd1 << CapPd20 | 64'd1 << CapQosid;

  TranslateCaps_A: assert property (
    @(posedge clk_i) disable iff (!ran_q) (caps_i & NotImplemented) == '0)
    else $error("capabilities announce what is not implemented: %h", caps_i & NotImplemented);

  TranslateRspStable_A: assert property (
    @(posedge clk_i) disable iff (!ran_q)
    rsp_valid_o && !rsp_ready_i |=> rsp_valid_o && $stable({rsp_tag_o, rsp_o}))
    else $error("an answer changed before it was taken");

  TranslateReqStable_A: assert property (
    @(posedge clk_i) disable iff (!ran_q)
    req_valid_i && !req_ready_o |=> req_valid_i && $stable({req_tag_i, req_i}))
    else $error("a request changed before it was taken");

  TranslateOneDdtFill_A: assert property (
    @(posedge clk_i) disable iff (!ran_q) $onehot0(dw_fill))
    else $error("two device contexts for one cache port");

  TranslateReadTag_A: assert property (
    @(posedge clk_i) disable iff (!ran_q) rd_rsp_valid_i |-> 32'(rd_rsp_tag_i) < NumWalkers)
    else $error("read data for a tag that has no walker: %d", rd_rsp_tag_i);
`endif

endmodule
