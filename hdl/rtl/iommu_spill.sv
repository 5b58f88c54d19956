// SPDX-License-Identifier: Apache-2.0
/// A register slice: two entries of storage between a valid/ready sender and receiver. It cuts
/// every combinational path, moves one item a cycle, and keeps its output stable until it is taken.
module iommu_spill #(
  /// Width of the payload in bits.
  parameter int unsigned Width = 32
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  input  logic             valid_i,
  output logic             ready_o,
  input  logic [Width-1:0] data_i,

  output logic             valid_o,
  input  logic             ready_i,
  output logic [Width-1:0] data_o
);

  logic             front_full_q, back_full_q;
  logic [Width-1:0] front_q, back_q;
  logic             push, refill;

  assign ready_o = !back_full_q;
  assign valid_o = front_full_q;
  assign data_o  = front_q;

  assign push   = valid_i && ready_o;
  assign refill = ready_i || !front_full_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      front_full_q <= 1'b0;
      back_full_q  <= 1'b0;
      front_q      <= '0;
      back_q       <= '0;
    end else if (refill) begin
      // The back entry is full only when the slice refuses input, so at most one source exists.
      front_full_q <= back_full_q || push;
      front_q      <= back_full_q ? back_q : data_i;
      back_full_q  <= 1'b0;
    end else if (push) begin
      back_full_q  <= 1'b1;
      back_q       <= data_i;
    end
  end

`ifndef SYNTHESIS
  OutputStable_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("register slice changed its output before it was taken");
`endif

endmodule
