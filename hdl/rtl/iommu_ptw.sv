// SPDX-License-Identifier: Apache-2.0
/// Two-stage page-table walker for one request.
///
/// One request at a time: walks both stages, recognises MSIs, and ends with a translation (`fill_*`
/// to the cache, then `rsp_*`) or a refusal (`fault_*`, then `rsp_*`). It also carries requests
/// that were refused before the walk, so that the pipeline never waits for the fault queue. A walk
/// that was under way when an invalidation struck is marked and fills nothing.
///
///                  first stage                            second stage
///   Idle -+-> S1 -> (entry address) -+-> Gpa -> S2 -> Read -> Wait -> Check -+-> Fill -> Respond
///         |    ^          Bare S2 -> Read                    |  ^            |
///         |    |                                             |  +- next S2 --+
///         |    +--------------------- next level ------------+---------------+
///         +-> Gpa (first stage Bare)              any Check or Gpa -> Fault -> Respond
module iommu_ptw
  import iommu_pkg::*;
  import iommu_xlate_pkg::*;
#(
  /// Width of the tag that comes with a request.
  parameter int unsigned TagWidth = 6
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic [63:0]         caps_i,

  // A request that missed, or that was refused already, with the cause.
  input  logic                start_valid_i,
  output logic                start_ready_o,
  input  logic [TagWidth-1:0] start_tag_i,
  input  logic                start_mark_i,
  input  xlate_req_t          start_req_i,
  input  ctx_t                start_ctx_i,
  input  logic                start_fault_i,
  input  logic [11:0]         start_cause_i,

  input  logic                mark_i,         // an invalidation strikes in this cycle
  output logic                busy_o,
  output logic                marked_o,       // busy with a marked request

  // A translation for the cache.
  output logic                fill_valid_o,
  input  logic                fill_ready_i,
  output tlb_entry_t          fill_o,

  // The fault record of a refused request.
  output logic                fault_valid_o,
  input  logic                fault_ready_i,
  output fault_t              fault_o,

  // The answer.
  output logic                rsp_valid_o,
  input  logic                rsp_ready_i,
  output logic [TagWidth-1:0] rsp_tag_o,
  output logic                rsp_mark_o,
  output xlate_rsp_t          rsp_o,

  // Memory reads, one burst at a time.
  output logic                rd_valid_o,
  input  logic                rd_ready_i,
  output logic [55:0]         rd_addr_o,
  output logic [2:0]          rd_len_o,
  input  logic                rd_rsp_valid_i,
  input  logic [63:0]         rd_rsp_data_i,
  input  logic                rd_rsp_err_i,
  input  logic                rd_rsp_last_i
);

  typedef enum logic [3:0] {
    StIdle,
    StS1,       // address of the next first-stage entry
    StGpa,      // a guest physical address is to be translated
    StS2,       // address of the next second-stage entry
    StRead,     // asks for an entry
    StWait,     // takes it
    StCheck,    // looks at it
    StFill,     // offers the translation to the cache
    StFault,    // hands the fault record over
    StRespond   // answers the request
  } state_e;

  // What is being read.
  typedef enum logic [1:0] {
    ReadS1,
    ReadS2,
    ReadMsi
  } read_e;

  state_e              state_d, state_q;
  read_e               read_d, read_q;
  xlate_req_t          req_d, req_q;
  ctx_t                ctx_d, ctx_q;
  logic [TagWidth-1:0] tag_d, tag_q;
  logic                mark_d, mark_q;

  logic [55:0]         addr_d, addr_q;          // of the read
  logic [63:0]         data_d, data_q;          // its first beat
  logic                first_d, first_q;        // the next beat is the first
  logic                err_d, err_q;            // any beat failed

  logic [2:0]          s1_level_d, s1_level_q;
  logic [43:0]         s1_table_d, s1_table_q;  // a guest page when the second stage is on
  logic [2:0]          s2_level_d, s2_level_q;
  logic [43:0]         s2_table_d, s2_table_q;
  logic [63:0]         gpa_d, gpa_q;            // what the second stage translates
  logic                implicit_d, implicit_q;  // it is the address of a first-stage entry

  tlb_entry_t          xlate_d, xlate_q;        // the translation, as far as it is known
  logic                ok_d, ok_q;
  logic [11:0]         cause_d, cause_q;
  logic [63:0]         iotval2_d, iotval2_q;

  // ---------------------------------------------------------------------------------------------
  // Page-table entries
  // ---------------------------------------------------------------------------------------------

  logic [2:0] level;
  logic       pte_leaf, pte_ok;
  iommu_pte_check u_pte_check (
    .caps_i,
    .pte_i  (data_q),
    .level_i(level),
    .leaf_o (pte_leaf),
    .ok_o   (pte_ok)
  );
  assign level = read_q == ReadS1 ? s1_level_q : s2_level_q;

  logic        pte_r, pte_w, pte_x, pte_u, pte_g, pte_d, pte_n;
  logic [43:0] pte_ppn;
  logic [1:0]  pte_pbmt;
  assign pte_r    = data_q[1];
  assign pte_w    = data_q[2];
  assign pte_x    = data_q[3];
  assign pte_u    = data_q[4];
  assign pte_g    = data_q[5];
  assign pte_d    = data_q[7];
  assign pte_ppn  = data_q[53:10];
  assign pte_pbmt = data_q[62:61];
  assign pte_n    = data_q[63];

  // The page that a leaf gives to this page number: bits inside its reach come from the number.
  size_e       leaf_reach;
  logic [43:0] reach_mask, s1_leaf_pn, s2_leaf_pn;
  assign leaf_reach = leaf_size(level, pte_n);
  assign reach_mask = 44'(page_mask(leaf_reach));
  assign s1_leaf_pn = (pte_ppn & ~reach_mask) | (req_q.iova[55:12] & reach_mask);
  assign s2_leaf_pn = (pte_ppn & ~reach_mask) | (gpa_q[55:12] & reach_mask);

  // Does the leaf allow the access that this stage is asked for? D counts as write permission,
  // since nothing sets it here. The second stage sees a read of user mode when it is asked for the
  // address of a first-stage entry.
  logic pte_permits, s1_permits, s2_permits;
  assign pte_permits = req_q.exec ? pte_x : req_q.write ? (pte_w & pte_d) : pte_r;
  assign s1_permits  = pte_permits && user_allows(req_q, ctx_q.sum, pte_u);
  assign s2_permits  = (implicit_q ? pte_r : pte_permits) && pte_u;

  // ---------------------------------------------------------------------------------------------
  // Addresses of entries
  // ---------------------------------------------------------------------------------------------

  function automatic logic [8:0] index(logic [56:12] pn, logic [2:0] at);
    unique case (at)
      3'd0:    index = pn[20:12];
      3'd1:    index = pn[29:21];
      3'd2:    index = pn[38:30];
      3'd3:    index = pn[47:39];
      default: index = pn[56:48];
    endcase
  endfunction

  logic [55:0] s1_entry, s2_entry, msi_entry;
  assign s1_entry = {s1_table_q, index(req_q.iova[56:12], s1_level_q), 3'd0};

  // The root of the second stage has four pages: two more bits of index.
  always_comb begin
    s2_entry = {s2_table_q, index(gpa_q[56:12], s2_level_q), 3'd0};
    if (s2_level_q == top_level(ctx_q.s2_mode)) begin
      unique case (ctx_q.s2_mode)
        Mode39:  s2_entry[13:12] = gpa_q[40:39];
        Mode48:  s2_entry[13:12] = gpa_q[49:48];
        default: s2_entry[13:12] = gpa_q[58:57];
      endcase
    end
  end

  // MSI page table: the bits of the guest page under the mask, packed, are the entry's number.
  logic [51:0] msi_number;
  always_comb begin
    automatic logic [5:0] at = '0;
    msi_number = '0;
    for (int unsigned i = 0; i < 52; i++) begin
      if (ctx_q.msi_mask[i]) begin
        msi_number[at] = gpa_q[12+i];
        at             = at + 6'd1;
      end
    end
  end
  assign msi_entry = {ctx_q.msi_ppn, 12'd0} | {msi_number, 4'd0};

  // ---------------------------------------------------------------------------------------------
  // The walk
  // ---------------------------------------------------------------------------------------------

  always_comb begin
    state_d    = state_q;
    read_d     = read_q;
    req_d      = req_q;
    ctx_d      = ctx_q;
    tag_d      = tag_q;
    mark_d     = mark_q | mark_i;
    addr_d     = addr_q;
    data_d     = data_q;
    first_d    = first_q;
    err_d      = err_q;
    s1_level_d = s1_level_q;
    s1_table_d = s1_table_q;
    s2_level_d = s2_level_q;
    s2_table_d = s2_table_q;
    gpa_d      = gpa_q;
    implicit_d = implicit_q;
    xlate_d    = xlate_q;
    ok_d       = ok_q;
    cause_d    = cause_q;
    iotval2_d  = iotval2_q;

    unique case (state_q)
      StIdle: begin
        mark_d     = start_mark_i | mark_i;
        req_d      = start_req_i;
        ctx_d      = start_ctx_i;
        tag_d      = start_tag_i;
        ok_d       = 1'b0;
        cause_d    = start_cause_i;
        iotval2_d  = '0;
        implicit_d = 1'b0;
        gpa_d      = start_req_i.iova;
        s1_level_d = top_level(start_ctx_i.s1_mode);
        s1_table_d = start_ctx_i.s1_ppn;

        // As if both stages gave everything; each stage that is on takes away.
        xlate_d               = '0;
        xlate_d.space.s1_mode = start_ctx_i.s1_mode;
        xlate_d.space.s2_mode = start_ctx_i.s2_mode;
        xlate_d.space.gscid   = start_ctx_i.s2_mode == ModeBare ? '0 : start_ctx_i.gscid;
        xlate_d.space.pscid   = start_ctx_i.s1_mode == ModeBare ? '0 : start_ctx_i.pscid;
        xlate_d.vpn           = start_req_i.iova[12+:PnWidth];
        xlate_d.gpn           = start_req_i.iova[12+:PnWidth];
        xlate_d.s1_size       = Size256T;
        xlate_d.s2_size       = Size256T;
        {xlate_d.r, xlate_d.w, xlate_d.x, xlate_d.u} = '1;

        if (start_valid_i) begin
          if (start_fault_i) begin
            state_d = StFault;
          end else if (start_ctx_i.s1_mode == ModeBare) begin
            state_d = StGpa;
          end else if (!canonical(start_ctx_i.s1_mode, start_req_i.iova[63:38])) begin
            cause_d = page_fault(start_req_i);
            state_d = StFault;
          end else begin
            state_d = StS1;
          end
        end
      end

      StS1: begin
        addr_d     = s1_entry;
        gpa_d      = {8'd0, s1_entry};
        implicit_d = 1'b1;
        read_d     = ReadS1;
        state_d    = ctx_q.s2_mode == ModeBare ? StRead : StGpa;
      end

      StGpa: begin
        s2_level_d = top_level(ctx_q.s2_mode);
        s2_table_d = ctx_q.s2_ppn;
        if (!implicit_q && is_msi_page(ctx_q, gpa_q[63:12])) begin
          addr_d  = msi_entry;
          read_d  = ReadMsi;
          state_d = StRead;
        end else if (!gpa_fits(ctx_q.s2_mode, gpa_q[63:41])) begin
          cause_d   = guest_page_fault(req_q);
          iotval2_d = {gpa_q[63:2], 1'b0, implicit_q};
          state_d   = StFault;
        end else begin
          state_d = StS2;
        end
      end

      StS2: begin
        addr_d  = s2_entry;
        read_d  = ReadS2;
        state_d = StRead;
      end

      StRead: begin
        first_d = 1'b1;
        err_d   = 1'b0;
        if (beyond_pas(caps_i, addr_q)) begin
          err_d   = 1'b1;
          state_d = StCheck;
        end else if (rd_ready_i) begin
          state_d = StWait;
        end
      end

      StWait: begin
        if (rd_rsp_valid_i) begin
          first_d = 1'b0;
          if (first_q) data_d = rd_rsp_data_i;
          err_d   = err_q | rd_rsp_err_i;
          if (rd_rsp_last_i) state_d = StCheck;
        end
      end

      StCheck: begin
        state_d = StFault;
        unique case (read_q)
          ReadS1: begin
            if (err_q) begin
              cause_d = access_fault(req_q);
            end else if (!pte_ok || (pte_leaf && !s1_permits)) begin
              cause_d = page_fault(req_q);
            end else begin
              xlate_d.glob   = xlate_q.glob | pte_g;
              if (!pte_leaf) begin
                s1_level_d = s1_level_q - 3'd1;
                s1_table_d = pte_ppn;
                state_d    = StS1;
              end else begin
                xlate_d.s1_size = leaf_reach;
                xlate_d.gpn     = {3'd0, s1_leaf_pn};
                xlate_d.spn     = s1_leaf_pn;
                xlate_d.r       = pte_r;
                xlate_d.w       = pte_w & pte_d;
                xlate_d.x       = pte_x;
                xlate_d.u       = pte_u;
                xlate_d.pbmt    = pte_pbmt;
                gpa_d           = {8'd0, s1_leaf_pn, req_q.iova[11:0]};
                implicit_d      = 1'b0;
                state_d         = ctx_q.s2_mode == ModeBare ? StFill : StGpa;
              end
            end
          end

          ReadS2: begin
            if (err_q) begin
              cause_d = access_fault(req_q);
            end else if (!pte_ok || (pte_leaf && !s2_permits)) begin
              cause_d   = guest_page_fault(req_q);
              iotval2_d = {gpa_q[63:2], 1'b0, implicit_q};
            end else if (!pte_leaf) begin
              s2_level_d = s2_level_q - 3'd1;
              s2_table_d = pte_ppn;
              state_d    = StS2;
            end else if (implicit_q) begin
              addr_d  = {s2_leaf_pn, gpa_q[11:0]};
              read_d  = ReadS1;
              state_d = StRead;
            end else begin
              xlate_d.s2_size = leaf_reach;
              xlate_d.spn     = s2_leaf_pn;
              xlate_d.r       = xlate_q.r & pte_r;
              xlate_d.w       = xlate_q.w & pte_w & pte_d;
              xlate_d.x       = xlate_q.x & pte_x;
              // A first-stage type other than PMA overrides that of the second stage.
              if (xlate_q.pbmt == 2'd0) xlate_d.pbmt = pte_pbmt;
              state_d         = StFill;
            end
          end

          default: begin  // ReadMsi
            if (err_q) begin
              cause_d = CauseMsiLoadAccess;
            end else if (!data_q[0]) begin
              cause_d = CauseMsiNotValid;
            end else if (data_q[2:1] != 2'd3 || |data_q[9:3] || |data_q[63:54]) begin
              // Basic translate mode is the only one here: neither MRIF nor a custom format (C).
              cause_d = CauseMsiMisconfigured;
            end else if (req_q.exec) begin
              cause_d = CauseInstrAccess;
            end else begin
              xlate_d.spn = pte_ppn;
              ok_d        = 1'b1;
              state_d     = StRespond;  // not cached: the page may be nobody else's MSI page
            end
          end
        endcase
      end

      StFill: begin
        ok_d = 1'b1;
        if (!fill_valid_o || fill_ready_i) state_d = StRespond;
      end

      StFault:   if (!fault_valid_o || fault_ready_i) state_d = StRespond;
      StRespond: if (rsp_ready_i) state_d = StIdle;
      default:   state_d = StIdle;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= StIdle;
      mark_q  <= 1'b0;
    end else begin
      state_q <= state_d;
      mark_q  <= mark_d;
    end
  end

  always_ff @(posedge clk_i) begin
    read_q     <= read_d;
    req_q      <= req_d;
    ctx_q      <= ctx_d;
    tag_q      <= tag_d;
    addr_q     <= addr_d;
    data_q     <= data_d;
    first_q    <= first_d;
    err_q      <= err_d;
    s1_level_q <= s1_level_d;
    s1_table_q <= s1_table_d;
    s2_level_q <= s2_level_d;
    s2_table_q <= s2_table_d;
    gpa_q      <= gpa_d;
    implicit_q <= implicit_d;
    xlate_q    <= xlate_d;
    ok_q       <= ok_d;
    cause_q    <= cause_d;
    iotval2_q  <= iotval2_d;
  end

  // ---------------------------------------------------------------------------------------------
  // Ends
  // ---------------------------------------------------------------------------------------------

  assign start_ready_o = state_q == StIdle;
  assign busy_o        = state_q != StIdle;
  assign marked_o      = busy_o & mark_q;

  // The entry reaches as far as both leaves do. A Svnapot leaf is cached page by page, since the
  // sixteen entries of a range are sixteen words in memory and only one of them was read.
  size_e narrow;
  assign narrow = xlate_q.s1_size < xlate_q.s2_size ? xlate_q.s1_size : xlate_q.s2_size;
  always_comb begin
    fill_o      = xlate_q;
    fill_o.size = narrow == Size64K ? Size4K : narrow;
  end
  assign fill_valid_o = state_q == StFill && !mark_q && !mark_i;

  // DTF keeps a refusal out of the fault queue, except for the causes that the table names.
  assign fault_valid_o = state_q == StFault && (!ctx_q.dtf || despite_dtf(cause_q));
  assign fault_o       = fault_record(req_q, cause_q, iotval2_q);

  assign rsp_valid_o = state_q == StRespond;
  assign rsp_tag_o   = tag_q;
  assign rsp_mark_o  = mark_q;
  assign rsp_o       = '{ok: ok_q, spa: {xlate_q.spn, req_q.iova[11:0]}, pbmt: xlate_q.pbmt};

  assign rd_valid_o = state_q == StRead && !beyond_pas(caps_i, addr_q);
  assign rd_addr_o  = addr_q;
  assign rd_len_o   = read_q == ReadMsi ? 3'd1 : 3'd0;

endmodule
