// SPDX-License-Identifier: Apache-2.0
/// Round-robin arbiter for valid/ready channels.
///
/// An input that is granted and not taken keeps the grant when `Lock` is 1, so that the output is
/// stable if the inputs are. With `Lock` 0 an input may withdraw.
module iommu_rr_arb #(
  /// Number of inputs.
  parameter int unsigned NumIn = 2,
  /// Hold a grant until it is taken.
  parameter bit          Lock  = 1'b1,
  /// What an input carries.
  parameter type         data_t = logic
) (
  input  logic              clk_i,
  input  logic              rst_ni,

  input  logic  [NumIn-1:0] valid_i,
  output logic  [NumIn-1:0] ready_o,
  input  data_t [NumIn-1:0] data_i,

  output logic              valid_o,
  input  logic              ready_i,
  output data_t             data_o
);

  localparam int unsigned IdxWidth = (NumIn > 1) ? $clog2(NumIn) : 1;

  // The input that is looked at first: the one after the last taken, or the locked one.
  logic [IdxWidth-1:0] first_d, first_q;
  logic [IdxWidth-1:0] idx;

  // The lowest input from `first_q` upwards, else the lowest of all: the last assignment wins.
  always_comb begin
    idx = first_q;
    for (int unsigned i = NumIn; i > 0; i--) begin
      if (valid_i[i-1]) idx = IdxWidth'(i - 1);
    end
    for (int unsigned i = NumIn; i > 0; i--) begin
      if (valid_i[i-1] && (i - 1) >= 32'(first_q)) idx = IdxWidth'(i - 1);
    end
  end

  assign valid_o = |valid_i;
  assign data_o  = data_i[idx];

  always_comb begin
    ready_o      = '0;
    ready_o[idx] = ready_i & valid_o;
  end

  always_comb begin
    first_d = first_q;
    if (valid_o && ready_i) begin
      first_d = (32'(idx) == NumIn - 1) ? '0 : idx + IdxWidth'(1);
    end else if (valid_o && Lock) begin
      first_d = idx;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) first_q <= '0;
    else first_q <= first_d;
  end

`ifndef SYNTHESIS
  if (Lock) begin : gen_lock_check
    logic ran_q;  // out of reset for a cycle
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) ran_q <= 1'b0;
      else ran_q <= 1'b1;
    end

    RrArbStable_A: assert property (
      @(posedge clk_i) disable iff (!ran_q) valid_o && !ready_i |=> valid_o && $stable(data_o))
      else $error("an arbiter output changed before it was taken");
  end
`endif

endmodule
