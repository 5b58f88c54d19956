// SPDX-License-Identifier: Apache-2.0
/// Walks the device directory for one request (section "Process to locate the Device-context").
///
/// One request at a time. It ends in one of two ways: the request goes on with its context
/// (`done_*`), or it is refused (`fault_*`, then `rsp_*`). A walk that was under way when an
/// invalidation struck is marked and leaves nothing in the cache.
module iommu_ddt_walk
  import iommu_pkg::*;
  import iommu_xlate_pkg::*;
#(
  /// Width of the tag that comes with a request.
  parameter int unsigned TagWidth = 6
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic [63:0]         caps_i,
  input  logic [31:0]         fctl_i,
  input  logic [63:0]         ddtp_i,

  // A request whose device is not in the cache; the mode is 1LVL to 3LVL and wide enough.
  input  logic                start_valid_i,
  output logic                start_ready_o,
  input  logic [TagWidth-1:0] start_tag_i,
  input  logic                start_mark_i,
  input  xlate_req_t          start_req_i,

  input  logic                mark_i,         // an invalidation strikes in this cycle
  output logic                busy_o,
  output logic                marked_o,       // busy with a marked request

  // The request with its context. `fill_o` holds for the one cycle of the handshake.
  output logic                done_valid_o,
  input  logic                done_ready_i,
  output logic                done_fill_o,    // the context may be cached
  output ctx_t                done_ctx_o,

  // What the request is, for all three ends.
  output logic [TagWidth-1:0] tag_o,
  output logic                mark_o,
  output xlate_req_t          req_o,

  // The fault record of a refused request, and then its refusal.
  output logic                fault_valid_o,
  input  logic                fault_ready_i,
  output fault_t              fault_o,
  output logic                rsp_valid_o,
  input  logic                rsp_ready_i,

  // Memory reads, one burst at a time.
  output logic                rd_valid_o,
  input  logic                rd_ready_i,
  output logic [55:0]         rd_addr_o,
  output logic [2:0]          rd_len_o,
  input  logic                rd_rsp_valid_i,
  input  logic [63:0]         rd_rsp_data_i,
  input  logic                rd_rsp_err_i,
  input  logic                rd_rsp_last_i
);

  typedef enum logic [2:0] {
    StIdle,
    StRead,    // asks for an entry
    StWait,    // takes its beats
    StCheck,   // looks at it
    StDone,    // hands the request on
    StFault,   // hands the fault record over
    StRefuse   // answers the request
  } state_e;

  state_e              state_d, state_q;
  xlate_req_t          req_d, req_q;
  logic [TagWidth-1:0] tag_d, tag_q;
  logic                mark_d, mark_q;
  logic [1:0]          level_d, level_q;  // of the table at `table_q`; 0 holds contexts
  logic [43:0]         table_d, table_q;
  logic [7:0][63:0]    entry_d, entry_q;
  logic [2:0]          beat_d, beat_q;
  logic                err_d, err_q;
  logic [11:0]         cause_d, cause_q;

  logic extended;
  assign extended = caps_i[CapMsiFlat];

  // Where the entry of this device is in the table of this level.
  logic [11:0] offset;
  logic [55:0] addr;
  always_comb begin
    unique case (level_q)
      2'd0:    offset = extended ? {req_q.did[5:0], 6'd0} : {req_q.did[6:0], 5'd0};
      2'd1:    offset = extended ? {req_q.did[14:6], 3'd0} : {req_q.did[15:7], 3'd0};
      default: offset = extended ? {req_q.did[23:15], 3'd0} : {1'b0, req_q.did[23:16], 3'd0};
    endcase
  end
  assign addr = {table_q, offset};

  logic misconfigured;
  ctx_t ctx;
  iommu_dc_decode u_dc_decode (
    .caps_i,
    .fctl_i,
    .dc_i           (entry_q),
    .misconfigured_o(misconfigured),
    .ctx_o          (ctx)
  );

  // A non-leaf entry: V, PPN in 53:10, the rest reserved. V is also tc.V of a context.
  logic valid, nonleaf_reserved;
  assign valid            = entry_q[0][0];
  assign nonleaf_reserved = |entry_q[0][9:1] || |entry_q[0][63:54];

  always_comb begin
    state_d = state_q;
    req_d   = req_q;
    tag_d   = tag_q;
    mark_d  = mark_q | mark_i;
    level_d = level_q;
    table_d = table_q;
    entry_d = entry_q;
    beat_d  = beat_q;
    err_d   = err_q;
    cause_d = cause_q;

    unique case (state_q)
      StIdle: begin
        mark_d = start_mark_i | mark_i;
        if (start_valid_i) begin
          req_d   = start_req_i;
          tag_d   = start_tag_i;
          table_d = ddtp_i[53:10];
          level_d = ddtp_i[3:0] == Ddtp3Lvl ? 2'd2 : ddtp_i[3:0] == Ddtp2Lvl ? 2'd1 : 2'd0;
          state_d = StRead;
        end
      end

      StRead: begin
        beat_d = '0;
        err_d  = 1'b0;
        if (beyond_pas(caps_i, addr)) begin
          cause_d = CauseDdtAccess;
          state_d = StFault;
        end else if (rd_ready_i) begin
          state_d = StWait;
        end
      end

      StWait: begin
        if (rd_rsp_valid_i) begin
          entry_d[beat_q] = rd_rsp_data_i;
          beat_d          = beat_q + 3'd1;
          err_d           = err_q | rd_rsp_err_i;
          if (rd_rsp_last_i) state_d = StCheck;
        end
      end

      StCheck: begin
        state_d = StFault;
        if (err_q) begin
          cause_d = CauseDdtAccess;
        end else if (!valid) begin
          cause_d = CauseDdtNotValid;
        end else if (level_q == 2'd0 ? misconfigured : nonleaf_reserved) begin
          cause_d = CauseDdtMisconfigured;
        end else if (level_q == 2'd0) begin
          state_d = StDone;
        end else begin
          level_d = level_q - 2'd1;
          table_d = entry_q[0][53:10];
          state_d = StRead;
        end
      end

      StDone:   if (done_ready_i) state_d = StIdle;
      StFault:  if (fault_ready_i) state_d = StRefuse;
      StRefuse: if (rsp_ready_i) state_d = StIdle;
      default:  state_d = StIdle;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= StIdle;
      mark_q  <= 1'b0;
    end else begin
      state_q <= state_d;
      mark_q  <= mark_d;
    end
  end

  always_ff @(posedge clk_i) begin
    req_q   <= req_d;
    tag_q   <= tag_d;
    level_q <= level_d;
    table_q <= table_d;
    entry_q <= entry_d;
    beat_q  <= beat_d;
    err_q   <= err_d;
    cause_q <= cause_d;
  end

  assign start_ready_o = state_q == StIdle;
  assign busy_o        = state_q != StIdle;
  assign marked_o      = busy_o & mark_q;

  assign done_valid_o  = state_q == StDone;
  assign done_fill_o   = done_valid_o & done_ready_i & ~mark_q & ~mark_i;
  assign done_ctx_o    = ctx;

  assign tag_o  = tag_q;
  assign mark_o = mark_q;
  assign req_o  = req_q;

  // All causes here are recorded whatever DTF says: there is no context to ask.
  assign fault_valid_o = state_q == StFault;
  assign fault_o       = fault_record(req_q, cause_q, '0);
  assign rsp_valid_o   = state_q == StRefuse;

  assign rd_valid_o = state_q == StRead && !beyond_pas(caps_i, addr);
  assign rd_addr_o  = addr;
  assign rd_len_o   = level_q != 2'd0 ? 3'd0 : extended ? 3'd7 : 3'd3;

  // Reserved and status bits of ddtp.
  logic unused;
  assign unused = ^ddtp_i;

endmodule
