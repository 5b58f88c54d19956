// SPDX-License-Identifier: Apache-2.0
/// Decodes a command of the command queue: is it legal, is it supported, what does it ask for.
///
/// Section "Command-Queue (CQ)". A command is illegal if it uses a reserved encoding or sets a
/// reserved bit, and unsupported if `capabilities` lacks it; both end as `cmd_ill`.
module iommu_cmd_decode
  import iommu_pkg::*;
(
  input  logic [127:0] cmd_i,
  input  logic [63:0]  caps_i,
  input  logic         wsi_enable_i,  // fctl.WSI
  input  logic [3:0]   ddtp_mode_i,

  output logic         illegal_o,
  output logic         is_fence_o,    // IOFENCE.C; an invalidation otherwise
  output inval_t       inval_o,
  // Operands of IOFENCE.C
  output logic         fence_av_o,
  output logic         fence_wsi_o,
  output logic         fence_pr_o,
  output logic         fence_pw_o,
  output logic [31:0]  fence_data_o,
  output logic [63:0]  fence_addr_o
);

  localparam logic [6:0] OpIotinval = 7'd1;
  localparam logic [6:0] OpIofence  = 7'd2;
  localparam logic [6:0] OpIodir    = 7'd3;

  logic [63:0] lo, hi;
  logic [6:0]  opcode;
  logic [2:0]  func;

  assign lo     = cmd_i[63:0];
  assign hi     = cmd_i[127:64];
  assign opcode = lo[6:0];
  assign func   = lo[9:7];

  // IOTINVAL
  logic iotinval_reserved, iotinval_illegal;
  assign iotinval_reserved = lo[11] || (lo[43:35] != '0) || (lo[63:60] != '0)
      || (hi[8:0] != '0) || (hi[63:62] != '0)
      || (lo[34] && !caps_i[CapNl]) || (hi[9] && !caps_i[CapS]);

  always_comb begin
    unique case (func)
      3'd0:    iotinval_illegal = iotinval_reserved;            // VMA
      3'd1:    iotinval_illegal = iotinval_reserved || lo[32];  // GVMA, where PSCV must be 0
      default: iotinval_illegal = 1'b1;
    endcase
  end

  // IODIR. A device_id must not be wider than the directory's levels make it; the extended format
  // of a device context (MSI_FLAT) takes a bit from the lowest index.
  logic        iodir_reserved, iodir_illegal, did_too_wide, pid_too_wide;
  logic [23:0] did_mask;
  logic [19:0] pid_mask;

  always_comb begin
    unique case (ddtp_mode_i)
      Ddtp1Lvl: did_mask = caps_i[CapMsiFlat] ? 24'h00_003F : 24'h00_007F;
      Ddtp2Lvl: did_mask = caps_i[CapMsiFlat] ? 24'h00_7FFF : 24'h00_FFFF;
      default:  did_mask = 24'hFF_FFFF;
    endcase
  end

  always_comb begin
    if (caps_i[CapPd20])      pid_mask = 20'hF_FFFF;
    else if (caps_i[CapPd17]) pid_mask = 20'h1_FFFF;
    else if (caps_i[CapPd8])  pid_mask = 20'h0_00FF;
    else                      pid_mask = 20'h0_0000;
  end

  assign iodir_reserved = (lo[11:10] != '0) || lo[32] || (lo[39:34] != '0) || (hi != '0);
  assign did_too_wide   = lo[33] && ((lo[63:40] & ~did_mask) != '0);
  assign pid_too_wide   = (lo[31:12] & ~pid_mask) != '0;

  always_comb begin
    unique case (func)
      3'd0:    iodir_illegal = iodir_reserved || did_too_wide || (lo[31:12] != '0);
      3'd1:    iodir_illegal = iodir_reserved || did_too_wide || pid_too_wide || !lo[33];
      default: iodir_illegal = 1'b1;
    endcase
  end

  // IOFENCE
  logic iofence_illegal;
  assign iofence_illegal = (func != 3'd0) || (lo[31:14] != '0) || (hi[63:62] != '0)
      || (lo[11] && !wsi_enable_i);

  always_comb begin
    unique case (opcode)
      OpIotinval: illegal_o = iotinval_illegal;
      OpIofence:  illegal_o = iofence_illegal;
      OpIodir:    illegal_o = iodir_illegal;
      default:    illegal_o = 1'b1;
    endcase
  end

  assign is_fence_o   = opcode == OpIofence;
  assign fence_av_o   = lo[10];
  assign fence_wsi_o  = lo[11];
  assign fence_pr_o   = lo[12];
  assign fence_pw_o   = lo[13];
  assign fence_data_o = lo[63:32];
  assign fence_addr_o = {hi[61:0], 2'b00};

  always_comb begin
    inval_o = '0;
    if (opcode == OpIodir) begin
      inval_o.kind  = func[0] ? InvalPdt : InvalDdt;
      inval_o.dv    = lo[33];
      inval_o.did   = lo[63:40];
      inval_o.pv    = func[0];
      inval_o.pid   = lo[31:12];
    end else begin
      inval_o.kind  = func[0] ? InvalGvma : InvalVma;
      inval_o.av    = lo[10];
      inval_o.pscid = lo[31:12];
      inval_o.pscv  = lo[32];
      inval_o.gv    = lo[33];
      inval_o.nl    = lo[34];
      inval_o.gscid = lo[59:44];
      inval_o.s     = hi[9];
      inval_o.vpn   = hi[61:10];
    end
  end

  logic unused_caps;
  assign unused_caps = ^caps_i;

endmodule
