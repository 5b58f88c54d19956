// SPDX-License-Identifier: Apache-2.0
/// Checks a device context and takes out of it what translation needs.
///
/// Combinational. Section "Device-context configuration checks"; the numbers in the comments are
/// those of the list there. Bits of `caps_i` that this device does not implement are 0.
module iommu_dc_decode
  import iommu_pkg::*;
  import iommu_xlate_pkg::*;
(
  input  logic [63:0]      caps_i,           // capabilities, as software reads them
  input  logic [31:0]      fctl_i,           // features-control register
  input  logic [7:0][63:0] dc_i,             // doublewords; 4 to 7 count in extended format only
  output logic             misconfigured_o,  // tc.V is 1 and a rule is broken
  output ctx_t             ctx_o             // meaningful when not misconfigured
);

  localparam logic [3:0] PagedThree = 4'd8;   // Sv39, Sv39x4
  localparam logic [3:0] PagedFour  = 4'd9;   // Sv48, Sv48x4
  localparam logic [3:0] PagedFive  = 4'd10;  // Sv57, Sv57x4

  // Translation control.
  logic [63:0] tc;
  logic en_ats, en_pri, t2gpa, pdtv, prpr, gade, sade, dpe, sbe, sxl;

  assign tc     = dc_i[0];
  assign en_ats = tc[1];
  assign en_pri = tc[2];
  assign t2gpa  = tc[3];
  assign pdtv   = tc[5];
  assign prpr   = tc[6];
  assign gade   = tc[7];
  assign sade   = tc[8];
  assign dpe    = tc[9];
  assign sbe    = tc[10];
  assign sxl    = tc[11];

  logic [3:0] iohgatp_mode, fsc_mode, msiptp_mode;
  logic       extended;

  assign iohgatp_mode = dc_i[1][63:60];
  assign fsc_mode     = dc_i[3][63:60];
  assign msiptp_mode  = dc_i[4][63:60];
  assign extended     = caps_i[CapMsiFlat];

  // fctl.BE and fctl.GXL cannot be written while END, Sv32 and Sv32x4 are 0.
  logic be, gxl;
  assign be  = fctl_i[0];
  assign gxl = fctl_i[2];

  // Rule 1: reserved bits. The custom bits of tc (31:24) are nobody's business.
  logic reserved_base, reserved_ext;
  assign reserved_base = |tc[23:12] || |tc[63:32] ||
                         |dc_i[2][11:0] || |dc_i[2][39:32] ||
                         (!caps_i[CapQosid] && |dc_i[2][63:40]) ||
                         |dc_i[3][59:44];

  // Bits of the MSI mask and pattern beyond the widest guest physical address are reserved.
  logic [51:0] msi_reserved;
  always_comb begin
    if (caps_i[CapSv57x4])      msi_reserved = 52'hF_FFFF_FFFF_FFFF << (59 - 12);
    else if (caps_i[CapSv48x4]) msi_reserved = 52'hF_FFFF_FFFF_FFFF << (50 - 12);
    else if (caps_i[CapSv39x4]) msi_reserved = 52'hF_FFFF_FFFF_FFFF << (41 - 12);
    else                        msi_reserved = ~((52'd1 << (caps_i[CapPasLsb+:6] - 6'd12)) - 52'd1);
  end

  assign reserved_ext = extended &&
                        (|dc_i[4][59:44] || |dc_i[5][63:52] || |dc_i[6][63:52] || |dc_i[7] ||
                         |((dc_i[5][51:0] | dc_i[6][51:0]) & msi_reserved));

  // Rules 2 to 7.
  logic bad_ats;
  assign bad_ats = (!caps_i[CapAts] && (en_ats || en_pri || prpr)) ||
                   (!en_ats && (t2gpa || en_pri)) ||
                   (!en_pri && prpr) ||
                   (t2gpa && (!caps_i[CapT2gpa] || iohgatp_mode == 4'd0));

  // Rules 8 to 12. There is no process directory walker, and so none of PD8, PD17, PD20 is
  // supported: with PDTV, only pdtp.MODE Bare is left.
  logic  fsc_ok;
  mode_e fsc_paged;
  always_comb begin
    fsc_ok    = 1'b0;
    fsc_paged = ModeBare;
    unique case (fsc_mode)
      4'd0: fsc_ok = 1'b1;
      PagedThree: begin
        fsc_ok    = caps_i[CapSv39] && !sxl && !pdtv;
        fsc_paged = Mode39;
      end
      PagedFour: begin
        fsc_ok    = caps_i[CapSv48] && !sxl && !pdtv;
        fsc_paged = Mode48;
      end
      PagedFive: begin
        fsc_ok    = caps_i[CapSv57] && !sxl && !pdtv;
        fsc_paged = Mode57;
      end
      default: ;
    endcase
  end

  // Rules 13 to 15 and 17.
  logic  iohgatp_ok;
  mode_e iohgatp_paged;
  always_comb begin
    iohgatp_ok    = 1'b0;
    iohgatp_paged = ModeBare;
    unique case (iohgatp_mode)
      4'd0: iohgatp_ok = 1'b1;
      PagedThree: begin
        iohgatp_ok    = caps_i[CapSv39x4] && !gxl && dc_i[1][1:0] == 2'd0;
        iohgatp_paged = Mode39;
      end
      PagedFour: begin
        iohgatp_ok    = caps_i[CapSv48x4] && !gxl && dc_i[1][1:0] == 2'd0;
        iohgatp_paged = Mode48;
      end
      PagedFive: begin
        iohgatp_ok    = caps_i[CapSv57x4] && !gxl && dc_i[1][1:0] == 2'd0;
        iohgatp_paged = Mode57;
      end
      default: ;
    endcase
  end

  // Rule 16, and msiptp must be Off under a Bare second stage.
  logic bad_msi;
  assign bad_msi = extended && (msiptp_mode > 4'd1 ||
                                (msiptp_mode == 4'd1 && iohgatp_mode == 4'd0));

  // Rules 18 to 21.
  logic bad_control;
  assign bad_control = (!pdtv && dpe) || (!caps_i[CapAmoHwad] && (gade || sade)) ||
                       sbe != be || sxl != gxl;

  assign misconfigured_o = reserved_base || reserved_ext || bad_ats || !fsc_ok || !iohgatp_ok ||
                           bad_msi || bad_control;

  always_comb begin
    ctx_o             = '0;
    ctx_o.en_ats      = en_ats;
    ctx_o.t2gpa       = t2gpa;
    ctx_o.dtf         = tc[4];
    ctx_o.pdtv        = pdtv;
    ctx_o.s1_mode     = fsc_paged;
    ctx_o.s1_ppn      = dc_i[3][43:0];
    ctx_o.pscid       = dc_i[2][31:12];
    ctx_o.s2_mode     = iohgatp_paged;
    ctx_o.s2_ppn      = dc_i[1][43:0];
    ctx_o.gscid       = dc_i[1][59:44];
    ctx_o.msi_en      = extended && msiptp_mode == 4'd1;
    ctx_o.msi_ppn     = dc_i[4][43:0];
    ctx_o.msi_mask    = dc_i[5][51:0];
    ctx_o.msi_pattern = dc_i[6][51:0];
  end

  // tc.V is looked at by the walker; the rest is of no interest here.
  logic unused;
  assign unused = ^{caps_i, fctl_i, tc};

endmodule
