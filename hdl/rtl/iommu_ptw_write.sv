// SPDX-License-Identifier: Apache-2.0
/// Write side of `ptw_*`: shares it between the writers inside the IOMMU, one burst at a time.
///
/// A writer hands over address and data at once and later gets one response pulse.
module iommu_ptw_write
  import iommu_axi_pkg::*;
#(
  /// Number of writers.
  parameter int unsigned N = 2,
  /// AXI identifier of each writer.
  parameter logic [N-1:0][IdWidth-1:0] Ids = '0
) (
  input  logic                clk_i,
  input  logic                rst_ni,

  input  logic [N-1:0]        valid_i,
  output logic [N-1:0]        ready_o,
  input  logic [N-1:0][55:0]  addr_i,
  input  logic [N-1:0][1:0]   len_i,    // beats minus one
  input  logic [N-1:0][2:0]   size_i,
  input  logic [N-1:0][255:0] data_i,   // first beat in the low bits, already on its lanes
  input  logic [N-1:0][7:0]   strb_i,   // the same for each beat
  output logic [N-1:0]        rsp_valid_o,
  output logic                rsp_err_o,

  // AXI
  output logic                aw_valid_o,
  input  logic                aw_ready_i,
  output ptw_ax_t             aw_o,
  output logic                w_valid_o,
  input  logic                w_ready_i,
  output w_t                  w_o,
  input  logic                b_valid_i,
  output logic                b_ready_o,
  input  b_t                  b_i
);

  logic [N-1:0] grant;
  ptw_ax_t      aw_d, aw_q;
  logic         aw_valid_q, w_valid_q, accept;
  logic [255:0] data_d, data_q;
  logic [7:0]   strb_d, strb_q;
  logic [1:0]   left_d, left_q;   // beats after the current one

  assign accept = (grant != '0) && !aw_valid_q && !w_valid_q;

  iommu_grant #(.N(N)) u_arb (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .req_i     (valid_i),
    .advance_i (accept),
    .grant_o   (grant)
  );

  assign ready_o = accept ? grant : '0;

  always_comb begin
    aw_d   = '0;
    data_d = '0;
    strb_d = '0;
    left_d = '0;
    for (int unsigned i = 0; i < N; i++) begin
      if (grant[i]) begin
        aw_d   = '{id: Ids[i], addr: addr_i[i], len: {6'd0, len_i[i]}, size: size_i[i]};
        data_d = data_i[i];
        strb_d = strb_i[i];
        left_d = len_i[i];
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      aw_valid_q <= 1'b0;
      w_valid_q  <= 1'b0;
      aw_q       <= '0;
      data_q     <= '0;
      strb_q     <= '0;
      left_q     <= '0;
    end else if (accept) begin
      aw_valid_q <= 1'b1;
      w_valid_q  <= 1'b1;
      aw_q       <= aw_d;
      data_q     <= data_d;
      strb_q     <= strb_d;
      left_q     <= left_d;
    end else begin
      if (aw_ready_i) aw_valid_q <= 1'b0;
      if (w_valid_q && w_ready_i) begin
        w_valid_q <= left_q != '0;
        left_q    <= left_q - 2'd1;
        data_q    <= {64'd0, data_q[255:64]};
      end
    end
  end

  assign aw_valid_o = aw_valid_q;
  assign aw_o       = aw_q;
  assign w_valid_o  = w_valid_q;
  assign w_o        = '{data: data_q[63:0], strb: strb_q, last: left_q == '0};

  always_comb begin
    for (int unsigned i = 0; i < N; i++) rsp_valid_o[i] = b_valid_i && (b_i.id == Ids[i]);
  end
  assign rsp_err_o = b_i.resp[1];
  assign b_ready_o = 1'b1;

  logic unused_resp;
  assign unused_resp = b_i.resp[0];

`ifndef SYNTHESIS
  ResponseIdKnown_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      b_valid_i |-> rsp_valid_o != '0)
    else $error("ptw_bid_i is not an identifier that this IOMMU writes with");
`endif

endmodule
