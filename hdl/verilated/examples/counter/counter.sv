// SPDX-License-Identifier: Apache-2.0
// A counter with a limit, as an example of a design and for the tests of this crate.
`include "counter.svh"

module counter #(
  parameter int unsigned Width = 8,
  parameter int unsigned Step  = 1
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             en_i,
  input  logic [Width-1:0] limit_i,
  input  logic [99:0]      wide_i,
  output logic [Width-1:0] count_o,
  output logic [99:0]      wide_o,
  output logic [31:0]      random_o,
  output logic [15:0]      unset_o
);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      count_o <= '0;
    end else if (en_i) begin
      count_o <= count_o + Width'(Step);
    end
  end

  assign wide_o = ~wide_i;

  // Never set: shows the initial value.
  logic [15:0] unset_q;
  always_ff @(posedge clk_i) begin
    if (wide_i == '1) unset_q <= '0;
  end
  assign unset_o = unset_q;

  always_ff @(posedge clk_i) begin
    random_o <= $urandom();
`ifdef COUNTER_GREETING
    if (rst_ni && count_o == 0) $display("hello from %s", `COUNTER_GREETING);
`endif
    if (wide_i[3:0] == 4'hd) $finish;
    if (wide_i[3:0] == 4'he) $stop;
    if (wide_i[3:0] == 4'hf) $fatal(1, "wide_i ends in %h", wide_i[3:0]);
  end

  LimitHolds: assert property (@(posedge clk_i) disable iff (!rst_ni) count_o <= limit_i)
  else $error("count %0d is past the limit %0d", count_o, limit_i);

  SmallEnough: assert property (@(posedge clk_i) disable iff (!rst_ni) count_o < `COUNTER_MAX);

endmodule
