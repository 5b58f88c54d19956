// SPDX-License-Identifier: Apache-2.0
/// Checks the form of a page-table entry, first or second stage (Privileged specification, "Virtual
/// Address Translation Process", steps 3 to 5 and the A bit of step 9).
///
/// Combinational. Permissions, which depend on the access, are the walker's to check.
module iommu_pte_check
  import iommu_pkg::*;
  import iommu_xlate_pkg::*;
(
  input  logic [63:0] caps_i,
  input  logic [63:0] pte_i,
  input  logic [2:0]  level_i,  // of the table that holds the entry; 0 is the last
  output logic        leaf_o,   // maps a page; otherwise it points to the next table
  output logic        ok_o      // valid, nothing reserved set, aligned, and accessed if a leaf
);

  logic v, r, w, x, u, a, d, n;
  assign v = pte_i[0];
  assign r = pte_i[1];
  assign w = pte_i[2];
  assign x = pte_i[3];
  assign u = pte_i[4];
  assign a = pte_i[6];
  assign d = pte_i[7];
  assign n = pte_i[63];

  logic [1:0] pbmt;
  assign pbmt = pte_i[62:61];

  // R=0 with W=1 is reserved, shadow stack pages included. Bits 60:59 are software's with
  // Svrsw60t59b. Svpbmt defines three of four types.
  logic reserved;
  assign reserved = (!r && w) || |pte_i[58:54] || (!caps_i[CapSvrsw] && |pte_i[60:59]) ||
                    pbmt == 2'd3 || (!caps_i[CapSvpbmt] && pbmt != 2'd0);

  // A pointer has neither N nor PBMT nor D, A, U, and there is a level below it.
  logic pointer_ok;
  assign pointer_ok = !n && pbmt == 2'd0 && !d && !a && !u && level_i != 3'd0;

  // A superpage is aligned to its size. Svnapot knows one encoding: 64 KiB at the last level.
  logic [PnWidth-1:0] low_bits;
  logic               aligned, leaf_ok;
  assign low_bits = page_mask(leaf_size(level_i, 1'b0));
  assign aligned  = n ? level_i == 3'd0 && pte_i[13:10] == 4'b1000
                      : (PnWidth'(pte_i[53:10]) & low_bits) == '0;
  assign leaf_ok  = aligned && a;

  assign leaf_o = r || x;
  assign ok_o   = v && !reserved && (leaf_o ? leaf_ok : pointer_ok);

  logic unused;
  assign unused = ^{caps_i, pte_i};

endmodule
