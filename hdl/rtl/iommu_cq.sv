// SPDX-License-Identifier: Apache-2.0
/// The command queue engine: fetches commands one by one, executes them in order, and stalls on an
/// error with `cqh` left on the command that caused it.
///
///                     +------------- illegal, memory fault: set status bit ------------+
///                     v                                                                |
///   Idle -> Fetch -> Data -> Decode -+-> Inval ----------------------------------------+-> Idle
///                                    |                                                 |
///                                    +-> FenceInval -> FenceDma -> FenceWrite -> FenceB+
///
/// An invalidation counts as executed when the translation half has accepted it; IOFENCE.C waits
/// for the completion of all of them. Disabling the queue lets the current command finish.
module iommu_cq
  import iommu_pkg::*;
  import iommu_reg_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,

  // Configuration
  input  logic [63:0]  caps_i,
  input  logic         wsi_enable_i,      // fctl.WSI
  input  logic [3:0]   ddtp_mode_i,

  // Queue registers
  input  logic [43:0]  base_ppn_i,
  input  logic         enable_i,
  input  logic         on_i,
  input  logic [3:0]   status_i,
  input  logic [31:0]  head_i,
  input  logic [31:0]  tail_i,
  output logic         idle_o,
  output logic         head_inc_o,
  output logic [3:0]   status_set_o,

  // Command fetch on ptw_*: 16 bytes in two beats
  output logic         rd_valid_o,
  input  logic         rd_ready_i,
  output logic [55:0]  rd_addr_o,
  input  logic         rd_rsp_valid_i,
  input  logic [63:0]  rd_rsp_data_i,
  input  logic         rd_rsp_err_i,
  input  logic         rd_rsp_last_i,

  // Completion write of IOFENCE.C on ptw_*: 4 bytes
  output logic         wr_valid_o,
  input  logic         wr_ready_i,
  output logic [55:0]  wr_addr_o,
  output logic [31:0]  wr_data_o,
  input  logic         wr_rsp_valid_i,
  input  logic         wr_rsp_err_i,

  // Invalidations
  output logic         inval_valid_o,
  input  logic         inval_ready_i,
  output inval_t       inval_o,
  input  logic         inval_busy_i,      // an accepted invalidation is not yet complete

  // Ordering of DMA: a pulse snapshots what is in flight; pending covers the snapshot
  output logic         fence_rd_o,
  output logic         fence_wr_o,
  input  logic         fence_rd_pending_i,
  input  logic         fence_wr_pending_i
);

  typedef enum logic [3:0] {
    Idle, Fetch, Data, Decode, Inval, FenceInval, FenceDma, FenceWrite, FenceB
  } state_e;

  state_e       state_q, state_d;
  logic [127:0] cmd_q, cmd_d;
  logic         beat_q, beat_d;        // the first beat of a fetch has come
  logic         fetch_err_q, fetch_err_d;

  logic         run;
  logic [63:0]  fetch_addr;
  logic         illegal, is_fence, fence_av, fence_wsi, fence_pr, fence_pw;
  logic [63:0]  fence_addr;
  logic [5:0]   pas;

  assign pas        = caps_i[CapPasLsb+:6];
  assign fetch_addr = {8'd0, base_ppn_i, 12'd0} | {28'd0, head_i, 4'd0};

  // fence_w_ip does not stop the queue; the three error bits do.
  assign run = enable_i && on_i && (head_i != tail_i)
      && !status_i[StatusMf] && !status_i[StatusCmdTo] && !status_i[StatusCmdIll];

  iommu_cmd_decode u_decode (
    .cmd_i        (cmd_q),
    .caps_i       (caps_i),
    .wsi_enable_i (wsi_enable_i),
    .ddtp_mode_i  (ddtp_mode_i),
    .illegal_o    (illegal),
    .is_fence_o   (is_fence),
    .inval_o      (inval_o),
    .fence_av_o   (fence_av),
    .fence_wsi_o  (fence_wsi),
    .fence_pr_o   (fence_pr),
    .fence_pw_o   (fence_pw),
    .fence_data_o (wr_data_o),
    .fence_addr_o (fence_addr)
  );

  always_comb begin
    state_d       = state_q;
    cmd_d         = cmd_q;
    beat_d        = beat_q;
    fetch_err_d   = fetch_err_q;
    head_inc_o    = 1'b0;
    status_set_o  = '0;
    rd_valid_o    = 1'b0;
    wr_valid_o    = 1'b0;
    inval_valid_o = 1'b0;
    fence_rd_o    = 1'b0;
    fence_wr_o    = 1'b0;

    unique case (state_q)
      Idle: begin
        beat_d      = 1'b0;
        fetch_err_d = 1'b0;
        if (run) begin
          if (beyond_pas(fetch_addr, pas)) status_set_o[StatusMf] = 1'b1;
          else                             state_d = Fetch;
        end
      end

      Fetch: begin
        rd_valid_o = 1'b1;
        if (rd_ready_i) state_d = Data;
      end

      Data: begin
        if (rd_rsp_valid_i) begin
          if (beat_q) cmd_d[127:64] = rd_rsp_data_i;
          else        cmd_d[63:0]   = rd_rsp_data_i;
          beat_d      = 1'b1;
          fetch_err_d = fetch_err_q || rd_rsp_err_i;
          if (rd_rsp_last_i) begin
            if (fetch_err_d) begin
              status_set_o[StatusMf] = 1'b1;
              state_d = Idle;
            end else begin
              state_d = Decode;
            end
          end
        end
      end

      Decode: begin
        if (illegal) begin
          status_set_o[StatusCmdIll] = 1'b1;
          state_d = Idle;
        end else begin
          state_d = is_fence ? FenceInval : Inval;
        end
      end

      Inval: begin
        inval_valid_o = 1'b1;
        if (inval_ready_i) begin
          head_inc_o = 1'b1;
          state_d    = Idle;
        end
      end

      // Invalidations first: what is accepted on dev_* until they are complete may still carry an
      // old translation, so the snapshot that PR and PW wait for is taken after them.
      FenceInval: begin
        if (!inval_busy_i) begin
          fence_rd_o = fence_pr;
          fence_wr_o = fence_pw;
          state_d    = FenceDma;
        end
      end

      FenceDma: begin
        if (!(fence_pr && fence_rd_pending_i) && !(fence_pw && fence_wr_pending_i)) begin
          if (!fence_av) begin
            head_inc_o                 = 1'b1;
            status_set_o[StatusFenceW] = fence_wsi;
            state_d                    = Idle;
          end else if (beyond_pas(fence_addr, pas)) begin
            status_set_o[StatusMf] = 1'b1;
            state_d                = Idle;
          end else begin
            state_d = FenceWrite;
          end
        end
      end

      FenceWrite: begin
        wr_valid_o = 1'b1;
        if (wr_ready_i) state_d = FenceB;
      end

      FenceB: begin
        if (wr_rsp_valid_i) begin
          state_d = Idle;
          if (wr_rsp_err_i) begin
            status_set_o[StatusMf] = 1'b1;
          end else begin
            head_inc_o                 = 1'b1;
            status_set_o[StatusFenceW] = fence_wsi;
          end
        end
      end

      default: state_d = Idle;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q     <= Idle;
      cmd_q       <= '0;
      beat_q      <= 1'b0;
      fetch_err_q <= 1'b0;
    end else begin
      state_q     <= state_d;
      cmd_q       <= cmd_d;
      beat_q      <= beat_d;
      fetch_err_q <= fetch_err_d;
    end
  end

  assign idle_o    = state_q == Idle;
  assign rd_addr_o = fetch_addr[55:0];
  assign wr_addr_o = fence_addr[55:0];

`ifndef SYNTHESIS
  FetchData_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      rd_rsp_valid_i |-> state_q == Data && (rd_rsp_last_i == beat_q))
    else $error("command fetch: data that nobody asked for, or not two beats");
  WriteResponse_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      wr_rsp_valid_i |-> state_q == FenceB)
    else $error("response to a fence write that was not issued");
  InvalStable_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      inval_valid_o && !inval_ready_i |=> inval_valid_o && $stable(inval_o))
    else $error("invalidation changed before it was accepted");
`endif

endmodule
