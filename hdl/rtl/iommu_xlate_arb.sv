// SPDX-License-Identifier: Apache-2.0
/// Merges the translation requests of the read and the write path and routes the answers back.
///
/// The tag is the direction and the slot number in it. The device side may be blocked while the
/// translation mode changes; what has been accepted before is answered all the same.
module iommu_xlate_arb
  import iommu_pkg::*;
#(
  /// Width of a slot number in either path.
  parameter int unsigned SlotWidth = 4
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,

  input  logic                 block_i,

  // Read path [0] and write path [1]
  input  logic       [1:0]                valid_i,
  output logic       [1:0]                ready_o,
  input  logic       [1:0][SlotWidth-1:0] slot_i,
  input  xlate_req_t [1:0]                req_i,
  output logic       [1:0]                rsp_valid_o,
  output logic       [SlotWidth-1:0]      rsp_slot_o,
  output xlate_rsp_t                      rsp_o,

  // Translation
  output logic                 xl_valid_o,
  input  logic                 xl_ready_i,
  output logic [SlotWidth:0]   xl_tag_o,
  output xlate_req_t           xl_req_o,
  input  logic                 xl_rsp_valid_i,
  output logic                 xl_rsp_ready_o,
  input  logic [SlotWidth:0]   xl_rsp_tag_i,
  input  xlate_rsp_t           xl_rsp_i
);

  logic [1:0]           grant;
  logic                 slice_ready;
  logic [SlotWidth-1:0] slot;
  xlate_req_t           req;

  iommu_grant #(.N(2)) u_arb (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .req_i     (block_i ? 2'b00 : valid_i),
    .advance_i (slice_ready),
    .grant_o   (grant)
  );

  assign ready_o = slice_ready ? grant : 2'b00;
  assign slot    = grant[1] ? slot_i[1] : slot_i[0];
  assign req     = grant[1] ? req_i[1] : req_i[0];

  iommu_spill #(.Width(SlotWidth + 1 + $bits(xlate_req_t))) u_req (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (grant != '0),
    .ready_o (slice_ready),
    .data_i  ({grant[1], slot, req}),
    .valid_o (xl_valid_o),
    .ready_i (xl_ready_i),
    .data_o  ({xl_tag_o, xl_req_o})
  );

  assign xl_rsp_ready_o = 1'b1;
  assign rsp_valid_o[0] = xl_rsp_valid_i && !xl_rsp_tag_i[SlotWidth];
  assign rsp_valid_o[1] = xl_rsp_valid_i && xl_rsp_tag_i[SlotWidth];
  assign rsp_slot_o     = xl_rsp_tag_i[SlotWidth-1:0];
  assign rsp_o          = xl_rsp_i;

endmodule
