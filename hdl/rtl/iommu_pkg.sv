// SPDX-License-Identifier: Apache-2.0
/// Types and constants that the parts of the IOMMU share.
///
/// Numbers are those of the RISC-V IOMMU Architecture Specification; the comment on each group
/// names the section.
package iommu_pkg;

  /// A request for translation, as a DMA port hands it over (untranslated or translated).
  typedef struct packed {
    logic [63:0] iova;        // byte address of the access
    logic [23:0] did;         // device_id
    logic        pv;          // process_id is valid
    logic [19:0] pid;         // process_id, 0 when pv is 0
    logic        priv;        // privileged access; counts only when pv is 1
    logic        exec;        // read for execute; never together with write
    logic        write;       // write or AMO
    logic        translated;  // the device says the address is already translated
  } xlate_req_t;

  /// The answer to a request. `spa` and `pbmt` mean nothing when `ok` is 0.
  typedef struct packed {
    logic        ok;
    logic [55:0] spa;   // supervisor physical address with the page offset
    logic [1:0]  pbmt;  // Svpbmt memory type: 0 PMA, 1 NC, 2 IO
  } xlate_rsp_t;

  /// A fault record before it is laid out in the fault queue (section "Fault/Event-Queue").
  typedef struct packed {
    logic [11:0] cause;
    logic [5:0]  ttyp;
    logic [23:0] did;
    logic        pv;
    logic [19:0] pid;
    logic        priv;
    logic [63:0] iotval;
    logic [63:0] iotval2;
  } fault_t;

  /// The four invalidations that the command queue hands to the translation half.
  typedef enum logic [1:0] {
    InvalVma,   // IOTINVAL.VMA
    InvalGvma,  // IOTINVAL.GVMA
    InvalDdt,   // IODIR.INVAL_DDT
    InvalPdt    // IODIR.INVAL_PDT
  } inval_kind_e;

  /// An invalidation with the operands of its command; unused operands are ignored.
  typedef struct packed {
    inval_kind_e kind;
    logic        av;
    logic        gv;
    logic        pscv;
    logic        nl;
    logic        s;
    logic        dv;
    logic [23:0] did;
    logic        pv;
    logic [19:0] pid;
    logic [19:0] pscid;
    logic [15:0] gscid;
    logic [51:0] vpn;    // ADDR[63:12]
  } inval_t;

  // The tables below are whole, whether or not a number is used yet.
  // verilator lint_off UNUSEDPARAM

  // Fault causes (section "Fault/Event-Queue", table of CAUSE encodings).
  localparam logic [11:0] CauseInstrAccess      = 12'd1;
  localparam logic [11:0] CauseReadMisaligned   = 12'd4;
  localparam logic [11:0] CauseReadAccess       = 12'd5;
  localparam logic [11:0] CauseWriteMisaligned  = 12'd6;
  localparam logic [11:0] CauseWriteAccess      = 12'd7;
  localparam logic [11:0] CauseInstrPage        = 12'd12;
  localparam logic [11:0] CauseReadPage         = 12'd13;
  localparam logic [11:0] CauseWritePage        = 12'd15;
  localparam logic [11:0] CauseInstrGuestPage   = 12'd20;
  localparam logic [11:0] CauseReadGuestPage    = 12'd21;
  localparam logic [11:0] CauseWriteGuestPage   = 12'd23;
  localparam logic [11:0] CauseAllDisallowed    = 12'd256;
  localparam logic [11:0] CauseDdtAccess        = 12'd257;
  localparam logic [11:0] CauseDdtNotValid      = 12'd258;
  localparam logic [11:0] CauseDdtMisconfigured = 12'd259;
  localparam logic [11:0] CauseTypeDisallowed   = 12'd260;
  localparam logic [11:0] CauseMsiLoadAccess    = 12'd261;
  localparam logic [11:0] CauseMsiNotValid      = 12'd262;
  localparam logic [11:0] CauseMsiMisconfigured = 12'd263;
  localparam logic [11:0] CauseMrifAccess       = 12'd264;
  localparam logic [11:0] CausePdtAccess        = 12'd265;
  localparam logic [11:0] CausePdtNotValid      = 12'd266;
  localparam logic [11:0] CausePdtMisconfigured = 12'd267;
  localparam logic [11:0] CauseDdtCorruption    = 12'd268;
  localparam logic [11:0] CausePdtCorruption    = 12'd269;
  localparam logic [11:0] CauseMsiPtCorruption  = 12'd270;
  localparam logic [11:0] CauseMrifCorruption   = 12'd271;
  localparam logic [11:0] CauseInternal         = 12'd272;
  localparam logic [11:0] CauseMsiWriteAccess   = 12'd273;
  localparam logic [11:0] CausePtCorruption     = 12'd274;

  // Transaction types (same section, table of TTYP encodings).
  localparam logic [5:0] TtypNone            = 6'd0;
  localparam logic [5:0] TtypUntransExec     = 6'd1;
  localparam logic [5:0] TtypUntransRead     = 6'd2;
  localparam logic [5:0] TtypUntransWrite    = 6'd3;
  localparam logic [5:0] TtypTransExec       = 6'd5;
  localparam logic [5:0] TtypTransRead       = 6'd6;
  localparam logic [5:0] TtypTransWrite      = 6'd7;
  localparam logic [5:0] TtypAtsTranslation  = 6'd8;
  localparam logic [5:0] TtypAtsMessage      = 6'd9;

  // Bit positions in the capabilities register (section "IOMMU capabilities").
  localparam int unsigned CapSv32    = 8;
  localparam int unsigned CapSv39    = 9;
  localparam int unsigned CapSv48    = 10;
  localparam int unsigned CapSv57    = 11;
  localparam int unsigned CapSvrsw   = 14;  // Svrsw60t59b
  localparam int unsigned CapSvpbmt  = 15;
  localparam int unsigned CapSv32x4  = 16;
  localparam int unsigned CapSv39x4  = 17;
  localparam int unsigned CapSv48x4  = 18;
  localparam int unsigned CapSv57x4  = 19;
  localparam int unsigned CapAmoMrif = 21;
  localparam int unsigned CapMsiFlat = 22;
  localparam int unsigned CapMsiMrif = 23;
  localparam int unsigned CapAmoHwad = 24;
  localparam int unsigned CapAts     = 25;
  localparam int unsigned CapT2gpa   = 26;
  localparam int unsigned CapEnd     = 27;
  localparam int unsigned CapIgsLsb  = 28;
  localparam int unsigned CapHpm     = 30;
  localparam int unsigned CapDbg     = 31;
  localparam int unsigned CapPasLsb  = 32;
  localparam int unsigned CapPd8     = 38;
  localparam int unsigned CapPd17    = 39;
  localparam int unsigned CapPd20    = 40;
  localparam int unsigned CapQosid   = 41;
  localparam int unsigned CapNl      = 42;
  localparam int unsigned CapS       = 43;

  // ddtp.iommu_mode (section "Device-directory-table pointer").
  localparam logic [3:0] DdtpOff  = 4'd0;
  localparam logic [3:0] DdtpBare = 4'd1;
  localparam logic [3:0] Ddtp1Lvl = 4'd2;
  localparam logic [3:0] Ddtp2Lvl = 4'd3;
  localparam logic [3:0] Ddtp3Lvl = 4'd4;

  // verilator lint_on UNUSEDPARAM

endpackage
