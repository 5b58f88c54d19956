// SPDX-License-Identifier: Apache-2.0
/// The fault queue engine: writes each fault record to memory, then moves the tail.
///
/// Section "Fault/Event-Queue (FQ)". A record is dropped while the queue is off or shows an error;
/// the record that meets a full queue sets `fqof`, the one whose write fails sets `fqmf`.
module iommu_fq
  import iommu_pkg::*;
  import iommu_reg_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,

  input  logic [5:0]   pas_i,

  // Faults to report
  input  logic         fault_valid_i,
  output logic         fault_ready_o,
  input  fault_t       fault_i,

  // Queue registers
  input  queue_base_t  base_i,
  input  logic         enable_i,
  input  logic         on_i,
  input  logic [3:0]   status_i,
  input  logic [31:0]  head_i,
  input  logic [31:0]  tail_i,
  output logic         idle_o,
  output logic         tail_inc_o,     // also: a record was produced
  output logic [3:0]   status_set_o,

  // Record write on ptw_*: 32 bytes in four beats
  output logic         wr_valid_o,
  input  logic         wr_ready_i,
  output logic [55:0]  wr_addr_o,
  output logic [255:0] wr_data_o,
  input  logic         wr_rsp_valid_i,
  input  logic         wr_rsp_err_i
);

  typedef enum logic [1:0] { Idle, Write, WaitB } state_e;

  state_e       state_q, state_d;
  logic [255:0] record_q, record_d;
  logic         active, full;
  logic [63:0]  addr;

  assign active = enable_i && on_i && !status_i[StatusMf] && !status_i[StatusFqof];
  assign full   = ((tail_i + 32'd1) & index_mask(base_i.log2szm1)) == head_i;
  assign addr   = {8'd0, base_i.ppn, 12'd0} | {27'd0, tail_i, 5'd0};

  always_comb begin
    state_d       = state_q;
    record_d      = record_q;
    fault_ready_o = 1'b0;
    tail_inc_o    = 1'b0;
    status_set_o  = '0;
    wr_valid_o    = 1'b0;

    unique case (state_q)
      Idle: begin
        fault_ready_o = 1'b1;
        if (fault_valid_i && active) begin
          if (full) begin
            status_set_o[StatusFqof] = 1'b1;
          end else if (beyond_pas(addr, pas_i)) begin
            status_set_o[StatusMf] = 1'b1;
          end else begin
            record_d = {fault_i.iotval2, fault_i.iotval, 64'd0,
                        fault_i.did, fault_i.ttyp, fault_i.priv, fault_i.pv, fault_i.pid,
                        fault_i.cause};
            state_d  = Write;
          end
        end
      end

      Write: begin
        wr_valid_o = 1'b1;
        if (wr_ready_i) state_d = WaitB;
      end

      // Software that sees the new tail must see the record: wait until memory has it.
      WaitB: begin
        if (wr_rsp_valid_i) begin
          state_d                = Idle;
          tail_inc_o             = !wr_rsp_err_i;
          status_set_o[StatusMf] = wr_rsp_err_i;
        end
      end

      default: state_d = Idle;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q  <= Idle;
      record_q <= '0;
    end else begin
      state_q  <= state_d;
      record_q <= record_d;
    end
  end

  assign idle_o    = state_q == Idle;
  assign wr_addr_o = addr[55:0];
  assign wr_data_o = record_q;

  logic unused_status;
  assign unused_status = ^status_i[3:2];

`ifndef SYNTHESIS
  RecordWithoutPid_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      fault_valid_i && !fault_i.pv |-> fault_i.pid == '0 && !fault_i.priv)
    else $error("fault record with PV=0 has a process_id or privilege");
  WriteResponse_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      wr_rsp_valid_i |-> state_q == WaitB)
    else $error("response to a record write that was not issued");
`endif

endmodule
