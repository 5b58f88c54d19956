// SPDX-License-Identifier: Apache-2.0
/// Types and helpers inside the translation half.
package iommu_xlate_pkg;

  import iommu_pkg::*;

  /// Width of a page number that caches compare. Guest physical addresses have at most 59 bits;
  /// a canonical virtual address is known by fewer.
  localparam int unsigned PnWidth = 47;

  /// How one stage translates. The top level of the tree is the value plus one.
  typedef enum logic [1:0] {
    ModeBare = 2'd0,
    Mode39   = 2'd1,  // Sv39 or Sv39x4
    Mode48   = 2'd2,  // Sv48 or Sv48x4
    Mode57   = 2'd3   // Sv57 or Sv57x4
  } mode_e;

  /// Size of the page that a leaf maps, in the order of size.
  typedef enum logic [2:0] {
    Size4K   = 3'd0,
    Size64K  = 3'd1,  // Svnapot
    Size2M   = 3'd2,
    Size1G   = 3'd3,
    Size512G = 3'd4,
    Size256T = 3'd5
  } size_e;

  /// What translation needs of a device context that passed its checks.
  typedef struct packed {
    logic        en_ats;
    logic        t2gpa;
    logic        dtf;
    logic        pdtv;
    logic        sum;          // of a process context; 0 where there is none
    mode_e       s1_mode;
    logic [43:0] s1_ppn;
    logic [19:0] pscid;
    mode_e       s2_mode;
    logic [43:0] s2_ppn;
    logic [15:0] gscid;
    logic        msi_en;       // msiptp.MODE is Flat
    logic [43:0] msi_ppn;
    logic [51:0] msi_mask;
    logic [51:0] msi_pattern;
  } ctx_t;

  /// The part of a cached translation that names its address space.
  typedef struct packed {
    mode_e       s1_mode;
    mode_e       s2_mode;
    logic [15:0] gscid;  // 0 when the second stage is Bare
    logic [19:0] pscid;  // 0 when the first stage is Bare
  } space_t;

  /// A cached translation: both stages in one.
  typedef struct packed {
    space_t             space;
    logic               glob;     // first-stage G: found under every PSCID of the same guest
    logic [PnWidth-1:0] vpn;      // of the request that filled it; bits inside `size` are ignored
    logic [PnWidth-1:0] gpn;      // guest page of that vpn, for IOTINVAL.GVMA and MSI recognition
    size_e              s1_size;  // reach of the first-stage leaf, for IOTINVAL.VMA
    size_e              s2_size;  // reach of the second-stage leaf, for IOTINVAL.GVMA
    size_e              size;     // reach of this entry
    logic [43:0]        spn;      // physical page of `vpn`
    logic               r;
    logic               w;        // write permission, and dirty in both stages
    logic               x;
    logic               u;        // first-stage U
    logic [1:0]         pbmt;
  } tlb_entry_t;

  /// Verdict on a request before any table is walked.
  typedef struct packed {
    logic        fault;
    logic [11:0] cause;
    logic        pass;   // the address goes through as it is
  } verdict_t;

  localparam verdict_t VerdictWalk = '{fault: 1'b0, cause: '0, pass: 1'b0};

  /// The bits of a page number that lie inside a page of this size.
  function automatic logic [PnWidth-1:0] page_mask(size_e size);
    unique case (size)
      Size4K:   page_mask = '0;
      Size64K:  page_mask = PnWidth'((64'd1 << 4) - 64'd1);
      Size2M:   page_mask = PnWidth'((64'd1 << 9) - 64'd1);
      Size1G:   page_mask = PnWidth'((64'd1 << 18) - 64'd1);
      Size512G: page_mask = PnWidth'((64'd1 << 27) - 64'd1);
      default:  page_mask = PnWidth'((64'd1 << 36) - 64'd1);
    endcase
  endfunction

  /// Size of a leaf at this level of its tree.
  function automatic size_e leaf_size(logic [2:0] level, logic napot);
    unique case (level)
      3'd0:    leaf_size = napot ? Size64K : Size4K;
      3'd1:    leaf_size = Size2M;
      3'd2:    leaf_size = Size1G;
      3'd3:    leaf_size = Size512G;
      default: leaf_size = Size256T;
    endcase
  endfunction

  /// Root level of a tree; not to be asked for Bare.
  function automatic logic [2:0] top_level(mode_e mode);
    return {1'b0, mode} + 3'd1;
  endfunction

  /// A first-stage address must repeat its sign bit upwards (Privileged specification, Sv39/48/57).
  function automatic logic canonical(mode_e mode, logic [63:38] va);
    unique case (mode)
      Mode39:  canonical = va[63:38] == {26{va[38]}};
      Mode48:  canonical = va[63:47] == {17{va[47]}};
      Mode57:  canonical = va[63:56] == {8{va[56]}};
      default: canonical = 1'b1;
    endcase
  endfunction

  /// A guest physical address must fit the width of the second stage (41, 50 or 59 bits).
  function automatic logic gpa_fits(mode_e mode, logic [63:41] gpa);
    unique case (mode)
      Mode39:  gpa_fits = gpa[63:41] == '0;
      Mode48:  gpa_fits = gpa[63:50] == '0;
      Mode57:  gpa_fits = gpa[63:59] == '0;
      default: gpa_fits = 1'b1;
    endcase
  endfunction

  // From here on functions take whole records and look at some fields.
  // verilator lint_off UNUSEDSIGNAL

  /// Is this guest page a virtual interrupt file of the device? (section "MSI address mask and
  /// pattern")
  function automatic logic is_msi_page(ctx_t ctx, logic [51:0] gpn);
    return ctx.msi_en && ((gpn ^ ctx.msi_pattern) & ~ctx.msi_mask) == '0;
  endfunction

  /// True when a physical address is wider than capabilities.PAS.
  function automatic logic beyond_pas(logic [63:0] caps, logic [55:0] addr);
    return (addr >> caps[CapPasLsb+:6]) != '0;
  endfunction

  /// May the request use a first-stage page with this U bit? Without a valid process_id the access
  /// is one of user mode (section "Device Translation Request interface").
  function automatic logic user_allows(xlate_req_t req, logic sum, logic u);
    if (req.pv && req.priv) return !u || (sum && !req.exec);
    return u;
  endfunction

  /// The three causes of one family, by kind of access.
  function automatic logic [11:0] by_access(xlate_req_t req, logic [11:0] exec, logic [11:0] read,
                                            logic [11:0] write);
    if (req.exec) return exec;
    return req.write ? write : read;
  endfunction

  function automatic logic [11:0] access_fault(xlate_req_t req);
    return by_access(req, CauseInstrAccess, CauseReadAccess, CauseWriteAccess);
  endfunction

  function automatic logic [11:0] page_fault(xlate_req_t req);
    return by_access(req, CauseInstrPage, CauseReadPage, CauseWritePage);
  endfunction

  function automatic logic [11:0] guest_page_fault(xlate_req_t req);
    return by_access(req, CauseInstrGuestPage, CauseReadGuestPage, CauseWriteGuestPage);
  endfunction

  /// Is a fault of this cause recorded when DC.tc.DTF is 1? (table of CAUSE encodings)
  function automatic logic despite_dtf(logic [11:0] cause);
    return cause inside {CauseAllDisallowed, CauseDdtAccess, CauseDdtNotValid,
                         CauseDdtMisconfigured, CauseDdtCorruption, CauseInternal,
                         CauseMsiWriteAccess};
  endfunction

  /// The fault record of a request.
  function automatic fault_t fault_record(xlate_req_t req, logic [11:0] cause,
                                          logic [63:0] iotval2);
    fault_record.cause   = cause;
    fault_record.ttyp    = req.exec ? TtypUntransExec : req.write ? TtypUntransWrite :
                                                                    TtypUntransRead;
    fault_record.ttyp[2] = req.translated;  // the translated types are 4 further on
    fault_record.did     = req.did;
    fault_record.pv      = req.pv;
    fault_record.pid     = req.pv ? req.pid : '0;
    fault_record.priv    = req.pv & req.priv;
    fault_record.iotval  = req.iova;
    fault_record.iotval2 = iotval2;
  endfunction

  /// Steps 1 to 5 of "Process to translate an IOVA": what ddtp.iommu_mode alone decides. The
  /// extended format of device contexts leaves fewer bits to the last index.
  function automatic verdict_t mode_verdict(xlate_req_t req, logic [3:0] mode, logic extended);
    logic wide;
    unique case (mode)
      Ddtp1Lvl: wide = |req.did[23:7] || (extended && req.did[6]);
      Ddtp2Lvl: wide = |req.did[23:16] || (extended && req.did[15]);
      default:  wide = 1'b0;
    endcase

    mode_verdict = VerdictWalk;
    unique case (mode)
      Ddtp1Lvl, Ddtp2Lvl, Ddtp3Lvl: begin
        mode_verdict.fault = wide;
        mode_verdict.cause = CauseTypeDisallowed;
      end
      DdtpBare: begin
        if (req.translated) begin
          mode_verdict.fault = 1'b1;
          mode_verdict.cause = CauseTypeDisallowed;
        end else begin
          mode_verdict = pass_verdict(req);
        end
      end
      default: begin
        mode_verdict.fault = 1'b1;
        mode_verdict.cause = CauseAllDisallowed;
      end
    endcase
  endfunction

  /// Steps 7 to 9 and 20 of the same process: what the device context alone decides.
  function automatic verdict_t context_verdict(xlate_req_t req, ctx_t ctx);
    context_verdict = VerdictWalk;
    if ((req.translated && !ctx.en_ats) || (req.pv && !ctx.pdtv)) begin
      context_verdict.fault = 1'b1;
      context_verdict.cause = CauseTypeDisallowed;
    end else if (req.translated ? !ctx.t2gpa
                                : (ctx.s1_mode == ModeBare && ctx.s2_mode == ModeBare)) begin
      context_verdict = pass_verdict(req);
    end
  endfunction

  /// An address that goes through untranslated must be one that exists: the bus has 56 bits.
  function automatic verdict_t pass_verdict(xlate_req_t req);
    pass_verdict = VerdictWalk;
    if (req.iova[63:56] != '0) begin
      pass_verdict.fault = 1'b1;
      pass_verdict.cause = access_fault(req);
    end else begin
      pass_verdict.pass = 1'b1;
    end
  endfunction

  // verilator lint_on UNUSEDSIGNAL

endpackage
