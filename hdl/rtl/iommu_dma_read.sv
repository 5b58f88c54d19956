// SPDX-License-Identifier: Apache-2.0
/// The read path of DMA: takes bursts from `dev_*`, has them translated, forwards them on `mem_*`
/// and returns their data.
///
/// Each burst occupies a slot from acceptance to its last data beat:
///
///   Free -> Wait -> Asked -+-> Ready -> Issued -> Free
///             |            |
///             +- bad shape +-> Refused ---------> Free   (SLVERR beats)
///
/// Bursts overtake each other unless they share an AXI identifier, so hits proceed under misses.
/// For each slot a mask holds the older slots with the same identifier (`dep`). A slot is issued
/// after these have been issued, and answers a refusal after these are gone; hence memory's order
/// within an identifier is the order that the device must see, and no data is buffered.
module iommu_dma_read
  import iommu_pkg::*;
  import iommu_axi_pkg::*;
#(
  /// Bursts in flight.
  parameter int unsigned Slots = 16,
  localparam int unsigned SlotWidth = $clog2(Slots)
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,

  // Device side
  input  logic                 dev_ar_valid_i,
  output logic                 dev_ar_ready_o,
  input  dev_ax_t              dev_ar_i,
  output logic                 dev_r_valid_o,
  input  logic                 dev_r_ready_i,
  output r_t                   dev_r_o,

  // Memory side
  output logic                 mem_ar_valid_o,
  input  logic                 mem_ar_ready_i,
  output mem_ax_t              mem_ar_o,
  input  logic                 mem_r_valid_i,
  output logic                 mem_r_ready_o,
  input  r_t                   mem_r_i,

  // Translation. A response is always taken at once.
  output logic                 xl_valid_o,
  input  logic                 xl_ready_i,
  output logic [SlotWidth-1:0] xl_slot_o,
  output xlate_req_t           xl_req_o,
  input  logic                 xl_rsp_valid_i,
  input  logic [SlotWidth-1:0] xl_rsp_slot_i,
  input  xlate_rsp_t           xl_rsp_i,

  // Ordering
  input  logic                 fence_i,          // remember what is in flight
  output logic                 fence_pending_o,  // some of it still is
  output logic                 busy_o            // something has been translated, or is being
);

  typedef enum logic [2:0] { Free, Wait, Asked, Ready, Issued, Refused } state_e;

  state_e                 state_q [Slots];
  dev_ax_t                req_q   [Slots];
  logic [55:0]            spa_q   [Slots];
  logic [1:0]             pbmt_q  [Slots];
  logic [Slots-1:0]       dep_q   [Slots];
  logic [Slots-1:0]       bad_q;
  logic [SlotWidth-1:0]   order_q [Slots];      // slots in Wait, in order of acceptance
  logic [SlotWidth:0]     order_head_q, order_tail_q;
  logic [Slots-1:0]       fence_q;

  // What the states mean, as masks.
  logic [Slots-1:0] is_free, is_issued, is_refused, is_working, dep_issued, dep_gone;

  always_comb begin
    for (int unsigned i = 0; i < Slots; i++) begin
      is_free[i]    = state_q[i] == Free;
      is_issued[i]  = state_q[i] == Issued;
      is_refused[i] = state_q[i] == Refused;
      is_working[i] = (state_q[i] != Free) && (state_q[i] != Wait);
    end
    for (int unsigned i = 0; i < Slots; i++) begin
      dep_issued[i] = (dep_q[i] & ~is_issued) == '0;
      dep_gone[i]   = dep_q[i] == '0;
    end
  end

  assign busy_o = is_working != '0;

  // Acceptance
  logic                 accept;
  logic [Slots-1:0]     same_id;
  logic [SlotWidth-1:0] alloc_slot;

  assign dev_ar_ready_o = is_free != '0;
  assign accept         = dev_ar_valid_i && dev_ar_ready_o;

  always_comb begin
    alloc_slot = '0;
    for (int unsigned i = 0; i < Slots; i++) begin
      if (is_free[Slots-1-i]) alloc_slot = SlotWidth'(Slots - 1 - i);
    end
    for (int unsigned i = 0; i < Slots; i++) begin
      same_id[i] = !is_free[i] && (req_q[i].id == dev_ar_i.id);
    end
  end

  // Translation, in order of acceptance. A burst of bad shape is refused in its turn.
  logic                 asking, ask_done;
  logic [SlotWidth-1:0] ask_slot;

  assign asking     = order_head_q != order_tail_q;
  assign ask_slot   = order_q[order_head_q[SlotWidth-1:0]];
  assign xl_valid_o = asking && !bad_q[ask_slot];
  assign ask_done   = asking && (bad_q[ask_slot] || xl_ready_i);
  assign xl_slot_o  = ask_slot;
  assign xl_req_o   = '{
    iova:       req_q[ask_slot].addr,
    did:        req_q[ask_slot].mmusid,
    pv:         req_q[ask_slot].mmussidv,
    pid:        req_q[ask_slot].mmussidv ? req_q[ask_slot].mmussid : 20'd0,
    priv:       req_q[ask_slot].prot[0],
    exec:       req_q[ask_slot].prot[2],
    write:      1'b0,
    translated: req_q[ask_slot].mmuatst
  };

  // Issue
  logic [Slots-1:0] issue_req, issue_grant;
  logic             issue_ready;
  mem_ax_t          issue_ax;

  always_comb begin
    for (int unsigned i = 0; i < Slots; i++) begin
      issue_req[i] = (state_q[i] == Ready) && dep_issued[i];
    end
  end

  iommu_grant #(.N(Slots)) u_issue_arb (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .req_i     (issue_req),
    .advance_i (issue_ready),
    .grant_o   (issue_grant)
  );

  always_comb begin
    issue_ax = '0;
    for (int unsigned i = 0; i < Slots; i++) begin
      if (issue_grant[i]) begin
        issue_ax = '{
          id: req_q[i].id, addr: spa_q[i], len: req_q[i].len, size: req_q[i].size,
          burst: req_q[i].burst, lock: req_q[i].lock, cache: req_q[i].cache,
          prot: req_q[i].prot, qos: req_q[i].qos, pbmt: pbmt_q[i]
        };
      end
    end
  end

  iommu_spill #(.Width($bits(mem_ax_t))) u_mem_ar (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (issue_grant != '0),
    .ready_o (issue_ready),
    .data_i  (issue_ax),
    .valid_o (mem_ar_valid_o),
    .ready_i (mem_ar_ready_i),
    .data_o  (mem_ar_o)
  );

  // Data: memory's beats, and the error beats of refused bursts between memory's bursts.
  logic                 error_q, error_d, error_pick, error_last;
  logic [SlotWidth-1:0] error_slot_q, error_slot_d;
  logic [7:0]           error_left_q, error_left_d;
  logic                 mid_burst_q, mid_burst_d;
  logic                 r_valid, r_ready, mem_beat, error_beat;
  logic [Slots-1:0]     freed, mem_owner;
  r_t                   r_beat;

  assign mem_r_ready_o = r_ready && !error_q;
  assign mem_beat      = mem_r_valid_i && mem_r_ready_o;
  assign error_beat    = error_q && r_ready;
  assign error_last    = error_left_q == '0;
  assign r_valid       = error_q || mem_r_valid_i;

  always_comb begin
    r_beat = mem_r_i;
    if (error_q) begin
      r_beat = '{id: req_q[error_slot_q].id, data: '0, resp: RespSlvErr, last: error_last};
    end
  end

  iommu_spill #(.Width($bits(r_t))) u_dev_r (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (r_valid),
    .ready_o (r_ready),
    .data_i  (r_beat),
    .valid_o (dev_r_valid_o),
    .ready_i (dev_r_ready_i),
    .data_o  (dev_r_o)
  );

  always_comb begin
    // A slot without older ones of its identifier owns the data that carries the identifier.
    for (int unsigned i = 0; i < Slots; i++) begin
      mem_owner[i] = is_issued[i] && dep_gone[i] && (req_q[i].id == mem_r_i.id);
    end

    freed = '0;
    if (mem_beat && mem_r_i.last)   freed = mem_owner;
    if (error_beat && error_last)   freed[error_slot_q] = 1'b1;

    mid_burst_d = mem_beat ? !mem_r_i.last : mid_burst_q;

    error_pick   = 1'b0;
    error_slot_d = error_slot_q;
    error_left_d = error_left_q;
    error_d      = error_q;
    if (error_q) begin
      if (error_beat) error_left_d = error_left_q - 8'd1;
      if (error_beat && error_last) error_d = 1'b0;
    end else if (!mid_burst_d) begin
      for (int unsigned i = 0; i < Slots; i++) begin
        if (is_refused[i] && dep_gone[i]) begin
          error_pick   = 1'b1;
          error_slot_d = SlotWidth'(i);
          error_left_d = req_q[i].len;
        end
      end
      error_d = error_pick;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      for (int unsigned i = 0; i < Slots; i++) begin
        state_q[i] <= Free;
        req_q[i]   <= '0;
        spa_q[i]   <= '0;
        pbmt_q[i]  <= '0;
        dep_q[i]   <= '0;
        order_q[i] <= '0;
      end
      bad_q        <= '0;
      order_head_q <= '0;
      order_tail_q <= '0;
      error_q      <= 1'b0;
      error_slot_q <= '0;
      error_left_q <= '0;
      mid_burst_q  <= 1'b0;
      fence_q      <= '0;
    end else begin
      error_q      <= error_d;
      error_slot_q <= error_slot_d;
      error_left_q <= error_left_d;
      mid_burst_q  <= mid_burst_d;
      fence_q      <= (fence_i ? ~is_free : fence_q) & ~freed;

      for (int unsigned i = 0; i < Slots; i++) begin
        dep_q[i] <= dep_q[i] & ~freed;
        if (issue_grant[i] && issue_ready) state_q[i] <= Issued;
        if (freed[i])                      state_q[i] <= Free;
      end

      if (accept) begin
        state_q[alloc_slot] <= Wait;
        req_q[alloc_slot]   <= dev_ar_i;
        dep_q[alloc_slot]   <= same_id & ~freed;
        bad_q[alloc_slot]   <= !burst_ok(dev_ar_i.addr[11:0], dev_ar_i.len, dev_ar_i.size,
                                         dev_ar_i.burst);
        order_q[order_tail_q[SlotWidth-1:0]] <= alloc_slot;
        order_tail_q        <= order_tail_q + 1'b1;
      end

      if (ask_done) begin
        state_q[ask_slot] <= bad_q[ask_slot] ? Refused : Asked;
        order_head_q      <= order_head_q + 1'b1;
      end

      if (xl_rsp_valid_i) begin
        state_q[xl_rsp_slot_i] <= xl_rsp_i.ok ? Ready : Refused;
        spa_q[xl_rsp_slot_i]   <= xl_rsp_i.spa;
        pbmt_q[xl_rsp_slot_i]  <= xl_rsp_i.pbmt;
      end
    end
  end

  assign fence_pending_o = fence_q != '0;

`ifndef SYNTHESIS
  ResponseWanted_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      xl_rsp_valid_i |-> state_q[xl_rsp_slot_i] == Asked)
    else $error("translation of a read that nobody asked for");
  PageOffsetKept_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      xl_rsp_valid_i && xl_rsp_i.ok |-> xl_rsp_i.spa[11:0] == req_q[xl_rsp_slot_i].addr[11:0])
    else $error("translation changed the page offset of a read");
  DataOwned_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      mem_r_valid_i |-> $onehot(mem_owner))
    else $error("mem_rid_i belongs to no burst in flight");
`endif

endmodule
