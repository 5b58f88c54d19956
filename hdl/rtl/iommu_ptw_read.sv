// SPDX-License-Identifier: Apache-2.0
/// Read side of `ptw_*`: shares it between the translation half and the command queue.
///
/// Identifiers 0 to 7 are the read tags of the translation half; the command queue has its own.
/// Responses are handed through in the order in which they come.
module iommu_ptw_read
  import iommu_axi_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,

  // Translation half: bursts of up to 8 beats, a tag each
  input  logic        xl_valid_i,
  output logic        xl_ready_o,
  input  logic [2:0]  xl_tag_i,
  input  logic [55:0] xl_addr_i,
  input  logic [2:0]  xl_len_i,
  output logic        xl_rsp_valid_o,
  input  logic        xl_rsp_ready_i,
  output logic [2:0]  xl_rsp_tag_o,

  // Command queue: two beats
  input  logic        cq_valid_i,
  output logic        cq_ready_o,
  input  logic [55:0] cq_addr_i,
  output logic        cq_rsp_valid_o,

  // Response payload, for whoever has valid
  output logic [63:0] rsp_data_o,
  output logic        rsp_err_o,
  output logic        rsp_last_o,

  // AXI
  output logic        ar_valid_o,
  input  logic        ar_ready_i,
  output ptw_ax_t     ar_o,
  input  logic        r_valid_i,
  output logic        r_ready_o,
  input  r_t          r_i
);

  logic [1:0] grant;
  logic       slice_ready, r_for_cq;
  ptw_ax_t    request;

  iommu_grant #(.N(2)) u_arb (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .req_i     ({cq_valid_i, xl_valid_i}),
    .advance_i (slice_ready),
    .grant_o   (grant)
  );

  assign xl_ready_o = slice_ready && grant[0];
  assign cq_ready_o = slice_ready && grant[1];

  always_comb begin
    request.size = 3'd3;
    if (grant[1]) begin
      request.id   = PtwIdCommandQueue;
      request.addr = cq_addr_i;
      request.len  = 8'd1;
    end else begin
      request.id   = {5'd0, xl_tag_i};
      request.addr = xl_addr_i;
      request.len  = {5'd0, xl_len_i};
    end
  end

  iommu_spill #(.Width($bits(ptw_ax_t))) u_ar (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (grant != '0),
    .ready_o (slice_ready),
    .data_i  (request),
    .valid_o (ar_valid_o),
    .ready_i (ar_ready_i),
    .data_o  (ar_o)
  );

  assign r_for_cq       = r_i.id == PtwIdCommandQueue;
  assign cq_rsp_valid_o = r_valid_i && r_for_cq;
  assign xl_rsp_valid_o = r_valid_i && !r_for_cq;
  assign xl_rsp_tag_o   = r_i.id[2:0];
  assign r_ready_o      = r_for_cq || xl_rsp_ready_i;
  assign rsp_data_o     = r_i.data;
  assign rsp_err_o      = r_i.resp[1];
  assign rsp_last_o     = r_i.last;

  logic unused_resp;
  assign unused_resp = r_i.resp[0];

`ifndef SYNTHESIS
  ReadIdKnown_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      r_valid_i |-> r_i.id <= PtwIdCommandQueue)
    else $error("ptw_rid_i is not an identifier that this IOMMU uses");
  ReadInPage_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      ar_valid_o |-> burst_ok(ar_o.addr[11:0], ar_o.len, ar_o.size, BurstIncr))
    else $error("implicit read crosses a page");
`endif

endmodule
