// SPDX-License-Identifier: Apache-2.0
/// Chooses the entry of a fully associative cache that the next fill goes to: a free one, else one
/// that was not used since all were ("not recently used").
module iommu_victim #(
  /// Number of entries.
  parameter int unsigned NumEntries = 8
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,

  input  logic [NumEntries-1:0] valid_i,   // entries in use
  input  logic [NumEntries-1:0] touch_i,   // entries used or filled in this cycle
  output logic [NumEntries-1:0] victim_o   // one-hot
);

  logic [NumEntries-1:0] used_d, used_q;
  logic [NumEntries-1:0] candidates;

  always_comb begin
    used_d = used_q | touch_i;
    if (&used_d) used_d = touch_i;
  end

  always_comb begin
    candidates = ~valid_i;
    if (candidates == '0) candidates = ~used_q;
    if (candidates == '0) candidates = '1;
    // The lowest candidate.
    victim_o = candidates & (~candidates + NumEntries'(1));
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) used_q <= '0;
    else used_q <= used_d;
  end

endmodule
