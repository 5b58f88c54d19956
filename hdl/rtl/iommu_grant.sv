// SPDX-License-Identifier: Apache-2.0
/// A round-robin grant among requests. It follows them combinationally and may change while nobody
/// is served; the turn moves on when `advance_i` says that the granted requester was served.
module iommu_grant #(
  /// Number of requesters.
  parameter int unsigned N = 2
) (
  input  logic         clk_i,
  input  logic         rst_ni,

  input  logic [N-1:0] req_i,
  input  logic         advance_i,
  output logic [N-1:0] grant_o     // one-hot, or 0 when nobody asks
);

  // Requesters above the one that was served last.
  logic [N-1:0] above_q;
  logic [N-1:0] first, candidates;

  assign first      = req_i & above_q;
  assign candidates = (first != '0) ? first : req_i;
  assign grant_o    = candidates & (~candidates + 1'b1);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      above_q <= '0;
    end else if (advance_i && grant_o != '0) begin
      above_q <= ~((grant_o - 1'b1) | grant_o);
    end
  end

`ifndef SYNTHESIS
  GrantOneHot_A: assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0(grant_o))
    else $error("more than one grant");
  GrantIfAsked_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      (grant_o & ~req_i) == '0 && ((grant_o != '0) == (req_i != '0)))
    else $error("grant without request, or request without grant");
`endif

endmodule
