// SPDX-License-Identifier: Apache-2.0
/// The write path of DMA: takes bursts from `dev_*`, has them translated, forwards them with their
/// data on `mem_*` and returns the response.
///
/// Write data carries no identifier and follows the order of the addresses, so bursts stay in
/// order up to their last data beat; translations run ahead. The slots form a ring with one pointer
/// for each step. After that, responses come in any order between identifiers.
///
///   Free -> Wait -> Asked -+-> Ready -> Issued -> Streamed -> Free   (memory's response)
///             |            |
///             +- bad shape +-> Refused ---------> Sunk -----> Free   (SLVERR)
///
/// For each slot a mask holds the older slots with the same identifier (`dep`). A slot is issued
/// once none of these is refused and unanswered, and a refusal is answered once all are gone.
module iommu_dma_write
  import iommu_pkg::*;
  import iommu_axi_pkg::*;
#(
  /// Bursts in flight, a power of two.
  parameter int unsigned Slots = 8,
  localparam int unsigned SlotWidth = $clog2(Slots)
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,

  // Device side
  input  logic                 dev_aw_valid_i,
  output logic                 dev_aw_ready_o,
  input  dev_ax_t              dev_aw_i,
  input  logic                 dev_w_valid_i,
  output logic                 dev_w_ready_o,
  input  w_t                   dev_w_i,
  output logic                 dev_b_valid_o,
  input  logic                 dev_b_ready_i,
  output b_t                   dev_b_o,

  // Memory side
  output logic                 mem_aw_valid_o,
  input  logic                 mem_aw_ready_i,
  output mem_ax_t              mem_aw_o,
  output logic                 mem_w_valid_o,
  input  logic                 mem_w_ready_i,
  output w_t                   mem_w_o,
  input  logic                 mem_b_valid_i,
  output logic                 mem_b_ready_o,
  input  b_t                   mem_b_i,

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

  typedef enum logic [2:0] {
    Free, Wait, Asked, Ready, Issued, Streamed, Refused, Sunk
  } state_e;

  state_e             state_q [Slots];
  dev_ax_t            req_q   [Slots];
  logic [55:0]        spa_q   [Slots];
  logic [1:0]         pbmt_q  [Slots];
  logic [Slots-1:0]   dep_q   [Slots];
  logic [Slots-1:0]   bad_q;
  // Ring pointers with a wrap bit: accepted, asked for, issued or passed over, data done.
  logic [SlotWidth:0] alloc_q, ask_q, issue_q, data_q;
  logic [7:0]         beat_q;                   // data beats done of the burst at data_q
  logic [Slots-1:0]   fence_q;

  logic [SlotWidth-1:0] alloc_slot, ask_slot, issue_slot, data_slot;
  assign alloc_slot = alloc_q[SlotWidth-1:0];
  assign ask_slot   = ask_q[SlotWidth-1:0];
  assign issue_slot = issue_q[SlotWidth-1:0];
  assign data_slot  = data_q[SlotWidth-1:0];

  logic [Slots-1:0] is_free, is_unanswered, is_sunk, is_working, dep_gone;

  always_comb begin
    for (int unsigned i = 0; i < Slots; i++) begin
      is_free[i]       = state_q[i] == Free;
      is_sunk[i]       = state_q[i] == Sunk;
      is_unanswered[i] = state_q[i] inside {Refused, Sunk};
      is_working[i]    = (state_q[i] != Free) && (state_q[i] != Wait);
      dep_gone[i]      = dep_q[i] == '0;
    end
  end

  assign busy_o = is_working != '0;

  // Acceptance
  logic             accept;
  logic [Slots-1:0] same_id;

  assign dev_aw_ready_o = is_free[alloc_slot];
  assign accept         = dev_aw_valid_i && dev_aw_ready_o;

  always_comb begin
    for (int unsigned i = 0; i < Slots; i++) begin
      same_id[i] = !is_free[i] && (req_q[i].id == dev_aw_i.id);
    end
  end

  // Translation. A burst of bad shape is refused in its turn.
  logic asking, ask_done;

  assign asking     = ask_q != alloc_q;
  assign xl_valid_o = asking && !bad_q[ask_slot];
  assign ask_done   = asking && (bad_q[ask_slot] || xl_ready_i);
  assign xl_slot_o  = ask_slot;
  assign xl_req_o   = '{
    iova:       req_q[ask_slot].addr,
    did:        req_q[ask_slot].mmusid,
    pv:         req_q[ask_slot].mmussidv,
    pid:        req_q[ask_slot].mmussidv ? req_q[ask_slot].mmussid : 20'd0,
    priv:       req_q[ask_slot].prot[0],
    exec:       1'b0,
    write:      1'b1,
    translated: req_q[ask_slot].mmuatst
  };

  // Issue, in order; a refused burst is passed over
  logic    issue_pending, issue_valid, issue_ready, issue, pass_over;
  mem_ax_t issue_ax;

  assign issue_pending = issue_q != ask_q;
  assign issue_valid   = issue_pending && (state_q[issue_slot] == Ready)
      && ((dep_q[issue_slot] & is_unanswered) == '0);
  assign issue         = issue_valid && issue_ready;
  assign pass_over     = issue_pending && (state_q[issue_slot] == Refused);
  assign issue_ax      = '{
    id: req_q[issue_slot].id, addr: spa_q[issue_slot], len: req_q[issue_slot].len,
    size: req_q[issue_slot].size, burst: req_q[issue_slot].burst,
    lock: req_q[issue_slot].lock, cache: req_q[issue_slot].cache,
    prot: req_q[issue_slot].prot, qos: req_q[issue_slot].qos, pbmt: pbmt_q[issue_slot]
  };

  iommu_spill #(.Width($bits(mem_ax_t))) u_mem_aw (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (issue_valid),
    .ready_o (issue_ready),
    .data_i  (issue_ax),
    .valid_o (mem_aw_valid_o),
    .ready_i (mem_aw_ready_i),
    .data_o  (mem_aw_o)
  );

  // Data. The length of the burst decides which beat is the last, so that a device that
  // miscounts cannot shift its data into the burst of another.
  logic data_pending, forward, sink, w_ready, data_beat, data_last;
  w_t   w_beat;

  assign data_pending  = data_q != issue_q;
  assign forward       = data_pending && (state_q[data_slot] == Issued);
  assign sink          = data_pending && (state_q[data_slot] == Refused);
  assign dev_w_ready_o = (forward && w_ready) || sink;
  assign data_beat     = dev_w_valid_i && dev_w_ready_o;
  assign data_last     = beat_q == req_q[data_slot].len;
  assign w_beat        = '{data: dev_w_i.data, strb: dev_w_i.strb, last: data_last};

  iommu_spill #(.Width($bits(w_t))) u_mem_w (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (dev_w_valid_i && forward),
    .ready_o (w_ready),
    .data_i  (w_beat),
    .valid_o (mem_w_valid_o),
    .ready_i (mem_w_ready_i),
    .data_o  (mem_w_o)
  );

  // Response: refusals first, they are rare
  logic             error_pick, b_valid, b_ready;
  logic [Slots-1:0] error_owner, mem_owner, freed;
  b_t               b_rsp;

  always_comb begin
    error_owner = '0;
    error_pick  = 1'b0;
    b_rsp       = mem_b_i;
    for (int unsigned i = 0; i < Slots; i++) begin
      mem_owner[i] = (state_q[i] == Streamed) && dep_gone[i] && (req_q[i].id == mem_b_i.id);
      if (!error_pick && is_sunk[i] && dep_gone[i]) begin
        error_pick     = 1'b1;
        error_owner[i] = 1'b1;
        b_rsp          = '{id: req_q[i].id, resp: RespSlvErr};
      end
    end
  end

  assign mem_b_ready_o = b_ready && !error_pick;
  assign b_valid       = error_pick || mem_b_valid_i;

  always_comb begin
    freed = '0;
    if (b_ready) begin
      if (error_pick)         freed = error_owner;
      else if (mem_b_valid_i) freed = mem_owner;
    end
  end

  iommu_spill #(.Width($bits(b_t))) u_dev_b (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (b_valid),
    .ready_o (b_ready),
    .data_i  (b_rsp),
    .valid_o (dev_b_valid_o),
    .ready_i (dev_b_ready_i),
    .data_o  (dev_b_o)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      for (int unsigned i = 0; i < Slots; i++) begin
        state_q[i] <= Free;
        req_q[i]   <= '0;
        spa_q[i]   <= '0;
        pbmt_q[i]  <= '0;
        dep_q[i]   <= '0;
      end
      bad_q   <= '0;
      alloc_q <= '0;
      ask_q   <= '0;
      issue_q <= '0;
      data_q  <= '0;
      beat_q  <= '0;
      fence_q <= '0;
    end else begin
      fence_q <= (fence_i ? ~is_free : fence_q) & ~freed;

      for (int unsigned i = 0; i < Slots; i++) begin
        dep_q[i] <= dep_q[i] & ~freed;
        if (freed[i]) state_q[i] <= Free;
      end

      if (accept) begin
        state_q[alloc_slot] <= Wait;
        req_q[alloc_slot]   <= dev_aw_i;
        dep_q[alloc_slot]   <= same_id & ~freed;
        bad_q[alloc_slot]   <= !burst_ok(dev_aw_i.addr[11:0], dev_aw_i.len, dev_aw_i.size,
                                         dev_aw_i.burst);
        alloc_q             <= alloc_q + 1'b1;
      end

      if (ask_done) begin
        state_q[ask_slot] <= bad_q[ask_slot] ? Refused : Asked;
        ask_q             <= ask_q + 1'b1;
      end

      if (xl_rsp_valid_i) begin
        state_q[xl_rsp_slot_i] <= xl_rsp_i.ok ? Ready : Refused;
        spa_q[xl_rsp_slot_i]   <= xl_rsp_i.spa;
        pbmt_q[xl_rsp_slot_i]  <= xl_rsp_i.pbmt;
      end

      if (issue) state_q[issue_slot] <= Issued;
      if (issue || pass_over) issue_q <= issue_q + 1'b1;

      if (data_beat) begin
        beat_q <= data_last ? 8'd0 : beat_q + 8'd1;
        if (data_last) begin
          state_q[data_slot] <= forward ? Streamed : Sunk;
          data_q             <= data_q + 1'b1;
        end
      end
    end
  end

  assign fence_pending_o = fence_q != '0;

  logic unused_last;
  assign unused_last = dev_w_i.last;

`ifndef SYNTHESIS
  ResponseWanted_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      xl_rsp_valid_i |-> state_q[xl_rsp_slot_i] == Asked)
    else $error("translation of a write that nobody asked for");
  PageOffsetKept_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      xl_rsp_valid_i && xl_rsp_i.ok |-> xl_rsp_i.spa[11:0] == req_q[xl_rsp_slot_i].addr[11:0])
    else $error("translation changed the page offset of a write");
  ResponseOwned_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      mem_b_valid_i |-> $onehot(mem_owner))
    else $error("mem_bid_i belongs to no burst whose data was sent");
`endif

endmodule
