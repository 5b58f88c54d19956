// SPDX-License-Identifier: Apache-2.0
/// The registers of one in-memory queue: base, the index that software owns, the index that the
/// IOMMU owns, and the control and status register. cqb/cqt/cqh/cqcsr and fqb/fqh/fqt/fqcsr differ
/// only in names and in the status bits that exist.
module iommu_queue_regs
  import iommu_reg_pkg::*;
#(
  /// Which of bits 11:8 of the control and status register exist (RW1C).
  parameter logic [3:0] StatusMask = 4'b0011
) (
  input  logic        clk_i,
  input  logic        rst_ni,

  input  logic [5:0]  pas_i,          // width of a physical address

  // Writes of software, already decoded. A half is 4 bytes: [0] low, [1] high.
  input  logic [1:0]  base_we_i,
  input  logic [63:0] base_wdata_i,
  input  logic        index_we_i,
  input  logic [31:0] index_wdata_i,
  input  logic        csr_we_i,
  input  logic [31:0] csr_wdata_i,

  // The engine that works on the queue.
  input  logic        engine_idle_i,  // no access to the queue in flight, none about to start
  input  logic        hw_inc_i,       // advance the IOMMU's index
  input  logic [3:0]  status_set_i,   // set bits 11:8 of the control and status register

  output queue_base_t base_o,
  output logic [31:0] sw_index_o,
  output logic [31:0] hw_index_o,
  output logic        enable_o,       // software wants the queue on
  output logic        on_o,           // the queue is on
  output logic        irq_enable_o,
  output logic [3:0]  status_o,

  output logic [63:0] base_rdata_o,
  output logic [31:0] csr_rdata_o
);

  queue_base_t base_q, base_d;
  logic [31:0] sw_index_q, sw_index_d, hw_index_q, hw_index_d;
  logic        enable_q, enable_d, on_q, on_d, irq_enable_q, irq_enable_d;
  logic [3:0]  status_q, status_d;
  logic        busy, csr_we, base_we, turn_on;
  logic [63:0] base_merged, address_mask;

  // `busy` holds from a change of the enable bit until the queue has followed it. Writes to the
  // control and status register, and to the base while the queue is on, are ignored meanwhile;
  // the specification leaves both to the implementation.
  assign busy    = enable_q != on_q;
  assign csr_we  = csr_we_i && !busy;
  assign base_we = (base_we_i != 2'b00) && !busy && !on_q;
  assign turn_on = csr_we && csr_wdata_i[0] && !enable_q;

  assign address_mask        = ~(64'hFFFF_FFFF_FFFF_FFFF << pas_i);
  assign base_merged[63:32]  = base_we_i[1] ? base_wdata_i[63:32] : base_rdata_o[63:32];
  assign base_merged[31:0]   = base_we_i[0] ? base_wdata_i[31:0] : base_rdata_o[31:0];

  always_comb begin
    base_d       = base_q;
    sw_index_d   = sw_index_q;
    hw_index_d   = hw_index_q;
    enable_d     = enable_q;
    irq_enable_d = irq_enable_q;
    status_d     = status_q;
    on_d         = on_q;

    if (base_we) begin
      base_d.ppn      = base_merged[53:10] & address_mask[55:12];
      base_d.log2szm1 = base_merged[4:0];
      sw_index_d      = '0;
    end else if (index_we_i) begin
      sw_index_d = index_wdata_i & index_mask(base_q.log2szm1);
    end

    if (hw_inc_i) hw_index_d = (hw_index_q + 32'd1) & index_mask(base_q.log2szm1);

    if (csr_we) begin
      enable_d     = csr_wdata_i[0];
      irq_enable_d = csr_wdata_i[1];
      status_d     = status_q & ~csr_wdata_i[11:8];
    end
    // An event of this cycle outlives the clearing of an older one.
    status_d |= status_set_i & StatusMask;
    if (turn_on) begin
      hw_index_d = '0;
      status_d   = '0;
    end

    if (busy && engine_idle_i) on_d = enable_q;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      base_q       <= '0;
      sw_index_q   <= '0;
      hw_index_q   <= '0;
      enable_q     <= 1'b0;
      on_q         <= 1'b0;
      irq_enable_q <= 1'b0;
      status_q     <= '0;
    end else begin
      base_q       <= base_d;
      sw_index_q   <= sw_index_d;
      hw_index_q   <= hw_index_d;
      enable_q     <= enable_d;
      on_q         <= on_d;
      irq_enable_q <= irq_enable_d;
      status_q     <= status_d;
    end
  end

  assign base_o       = base_q;
  assign sw_index_o   = sw_index_q;
  assign hw_index_o   = hw_index_q;
  assign enable_o     = enable_q;
  assign on_o         = on_q;
  assign irq_enable_o = irq_enable_q;
  assign status_o     = status_q;
  assign base_rdata_o = {10'd0, base_q.ppn, 5'd0, base_q.log2szm1};
  assign csr_rdata_o  = {14'd0, busy, on_q, 4'd0, status_q, 6'd0, irq_enable_q, enable_q};

  logic unused_bits;
  assign unused_bits = ^{csr_wdata_i[31:12], csr_wdata_i[7:2], base_merged[63:54],
                         base_merged[9:5], address_mask[63:56], address_mask[11:0]};

`ifndef SYNTHESIS
  IndexOnlyWhenOn_A: assert property (@(posedge clk_i) disable iff (!rst_ni) hw_inc_i |-> on_q)
    else $error("queue index advanced while the queue is off");
`endif

endmodule
