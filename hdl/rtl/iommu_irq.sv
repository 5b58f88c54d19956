// SPDX-License-Identifier: Apache-2.0
/// Interrupts: the pending bits of `ipsr`, and the wires that `icvec` assigns to their causes.
///
/// Section "Interrupt pending status register (ipsr)". A pending bit drives the wire of its vector
/// while it is 1. Clearing it with its condition still present makes it 0 for one cycle.
module iommu_irq
  import iommu_reg_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,

  input  logic        wsi_enable_i,  // fctl.WSI
  input  logic [63:0] icvec_i,

  input  logic        cq_level_i,    // an enabled condition of the command queue is present
  input  logic        fq_level_i,    // an enabled error of the fault queue is present
  input  logic        fq_pulse_i,    // an enabled fault queue produced a record

  input  logic        clear_we_i,    // software writes ipsr
  input  logic [31:0] clear_i,

  output logic [31:0] ipsr_o,
  output logic [15:0] wsi_o
);

  logic [1:0]  pending_q, pending_d, clear, level;
  logic [15:0] wires;

  assign clear = clear_we_i ? clear_i[1:0] : 2'b00;
  assign level = {fq_level_i, cq_level_i};

  always_comb begin
    pending_d = (pending_q | level) & ~clear;
    // A record of this very cycle is news to software that acknowledges older ones.
    if (fq_pulse_i) pending_d[IpFip] = 1'b1;
  end

  always_comb begin
    wires = '0;
    if (pending_q[IpCip]) wires[icvec_i[3:0]] = 1'b1;
    if (pending_q[IpFip]) wires[icvec_i[7:4]] = 1'b1;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      pending_q <= '0;
    end else begin
      pending_q <= pending_d;
    end
  end

  assign ipsr_o = {30'd0, pending_q};
  assign wsi_o  = wsi_enable_i ? wires : '0;

  logic unused_bits;
  assign unused_bits = ^{clear_i[31:2], icvec_i[63:8]};

endmodule
