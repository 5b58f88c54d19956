// SPDX-License-Identifier: Apache-2.0
/// The register file behind `reg_*` (AXI4-Lite, 4 KiB).
///
/// Chapter "Memory-mapped register interface". Accesses are 4 or 8 bytes wide and aligned; a write
/// of any other shape is ignored, a read returns the aligned doubleword. Registers of absent
/// features read as 0 and ignore writes.
module iommu_regs
  import iommu_pkg::*;
  import iommu_reg_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,

  input  logic [63:0] caps_i,            // strap, taken at the first clock edge after reset

  // AXI4-Lite
  input  logic        reg_awvalid_i,
  output logic        reg_awready_o,
  input  logic [11:0] reg_awaddr_i,
  input  logic        reg_wvalid_i,
  output logic        reg_wready_o,
  input  logic [63:0] reg_wdata_i,
  input  logic [7:0]  reg_wstrb_i,
  output logic        reg_bvalid_o,
  input  logic        reg_bready_i,
  output logic [1:0]  reg_bresp_o,
  input  logic        reg_arvalid_i,
  output logic        reg_arready_o,
  input  logic [11:0] reg_araddr_i,
  output logic        reg_rvalid_o,
  input  logic        reg_rready_i,
  output logic [63:0] reg_rdata_o,
  output logic [1:0]  reg_rresp_o,

  // Configuration
  output logic [63:0] caps_o,
  output logic [31:0] fctl_o,
  output logic [63:0] ddtp_o,            // in force; `busy` is not in it
  output logic        ddtp_busy_o,       // hold back translation requests
  input  logic        drained_i,         // no translation or translated DMA in flight

  // Command queue
  output queue_base_t cq_base_o,
  output logic        cq_enable_o,
  output logic        cq_on_o,
  output logic [3:0]  cq_status_o,
  output logic [31:0] cq_head_o,
  output logic [31:0] cq_tail_o,
  input  logic        cq_idle_i,
  input  logic        cq_head_inc_i,
  input  logic [3:0]  cq_status_set_i,

  // Fault queue
  output queue_base_t fq_base_o,
  output logic        fq_enable_o,
  output logic        fq_on_o,
  output logic [3:0]  fq_status_o,
  output logic [31:0] fq_head_o,
  output logic [31:0] fq_tail_o,
  input  logic        fq_idle_i,
  input  logic        fq_tail_inc_i,
  input  logic [3:0]  fq_status_set_i,

  output logic [15:0] wsi_o
);

  // ------------------------------------------------------------------------------------------
  // AXI4-Lite: address and data of a write are collected, then executed in one cycle
  // ------------------------------------------------------------------------------------------
  logic        aw_full_q, w_full_q, b_valid_q, r_valid_q;
  logic [11:0] aw_addr_q;
  logic [63:0] w_data_q, r_data_q, r_data_d;
  logic [7:0]  w_strb_q;
  logic        execute, read;
  logic        caps_taken_q;  // the strap is in the capabilities register
  logic [1:0]  half_we;      // a valid write to the low [0], high [1] half of a doubleword
  logic [11:0] write_addr;

  assign reg_awready_o = !aw_full_q;
  assign reg_wready_o  = !w_full_q;
  assign execute       = aw_full_q && w_full_q && !b_valid_q;
  assign reg_bvalid_o  = b_valid_q;
  assign reg_bresp_o   = iommu_axi_pkg::RespOkay;
  assign reg_arready_o = !r_valid_q && caps_taken_q;
  assign read          = reg_arvalid_i && reg_arready_o;
  assign reg_rvalid_o  = r_valid_q;
  assign reg_rdata_o   = r_data_q;
  assign reg_rresp_o   = iommu_axi_pkg::RespOkay;

  assign write_addr = {aw_addr_q[11:3], 3'b000};
  always_comb begin
    half_we = 2'b00;
    if (execute && aw_addr_q[1:0] == 2'b00) begin
      unique case ({w_strb_q, aw_addr_q[2]})
        {8'hFF, 1'b0}: half_we = 2'b11;
        {8'h0F, 1'b0}: half_we = 2'b01;
        {8'hF0, 1'b1}: half_we = 2'b10;
        default:       half_we = 2'b00;
      endcase
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      aw_full_q <= 1'b0;
      w_full_q  <= 1'b0;
      b_valid_q <= 1'b0;
      r_valid_q <= 1'b0;
      aw_addr_q <= '0;
      w_data_q  <= '0;
      w_strb_q  <= '0;
      r_data_q  <= '0;
    end else begin
      if (reg_awvalid_i && reg_awready_o) begin
        aw_full_q <= 1'b1;
        aw_addr_q <= reg_awaddr_i;
      end
      if (reg_wvalid_i && reg_wready_o) begin
        w_full_q <= 1'b1;
        w_data_q <= reg_wdata_i;
        w_strb_q <= reg_wstrb_i;
      end
      if (execute) begin
        aw_full_q <= 1'b0;
        w_full_q  <= 1'b0;
        b_valid_q <= 1'b1;
      end else if (reg_bready_i) begin
        b_valid_q <= 1'b0;
      end
      if (read) begin
        r_valid_q <= 1'b1;
        r_data_q  <= r_data_d;
      end else if (reg_rready_i) begin
        r_valid_q <= 1'b0;
      end
    end
  end

  // ------------------------------------------------------------------------------------------
  // capabilities and fctl
  // ------------------------------------------------------------------------------------------
  logic [63:0] caps_q;
  logic [5:0]  pas;
  logic [63:0] address_mask;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      caps_taken_q <= 1'b0;
      caps_q       <= '0;
    end else if (!caps_taken_q) begin
      caps_taken_q <= 1'b1;
      caps_q       <= supported_caps(caps_i);
    end
  end

  assign caps_o       = caps_q;
  assign pas          = caps_q[CapPasLsb+:6];
  assign address_mask = ~(64'hFFFF_FFFF_FFFF_FFFF << pas);

  // Little endian, interrupts by wire, no Sv32x4: none of BE, WSI, GXL has a second legal value.
  assign fctl_o = 32'h0000_0002;

  // ------------------------------------------------------------------------------------------
  // ddtp: the register shows a new value at once; translation gets it when everything that was
  // translated under the old one has left, and nothing is translated in between
  // ------------------------------------------------------------------------------------------
  logic [3:0]  mode_q, mode_active_q, mode_new;
  logic [43:0] ppn_q, ppn_active_q;
  logic        ddtp_busy_q, ddtp_we, mode_is_walk, mode_legal;
  logic [63:0] ddtp_merged;

  assign ddtp_merged[63:32] = half_we[1] ? w_data_q[63:32] : {10'd0, ppn_q[43:22]};
  assign ddtp_merged[31:0]  = half_we[0] ? w_data_q[31:0] : {ppn_q[21:0], 6'd0, mode_q};
  assign mode_new           = ddtp_merged[3:0];
  assign mode_is_walk       = mode_q inside {Ddtp1Lvl, Ddtp2Lvl, Ddtp3Lvl};
  // From a mode that walks the directory the only ways out are Off and Bare.
  assign mode_legal         = mode_is_walk ? (mode_new <= DdtpBare) : (mode_new <= Ddtp3Lvl);
  assign ddtp_we            = (write_addr == OffDdtp) && (half_we != 2'b00) && mode_legal
      && !ddtp_busy_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      mode_q        <= DdtpOff;
      mode_active_q <= DdtpOff;
      ppn_q         <= '0;
      ppn_active_q  <= '0;
      ddtp_busy_q   <= 1'b0;
    end else if (ddtp_we) begin
      mode_q      <= mode_new;
      ppn_q       <= ddtp_merged[53:10] & address_mask[55:12];
      // The high half alone holds no mode; the PPN matters once a mode is written.
      ddtp_busy_q <= half_we[0];
    end else if (ddtp_busy_q && drained_i) begin
      mode_active_q <= mode_q;
      ppn_active_q  <= ppn_q;
      ddtp_busy_q   <= 1'b0;
    end
  end

  assign ddtp_o      = {10'd0, ppn_active_q, 6'd0, mode_active_q};
  assign ddtp_busy_o = ddtp_busy_q;

  // ------------------------------------------------------------------------------------------
  // Queues
  // ------------------------------------------------------------------------------------------
  logic        cq_irq_enable, fq_irq_enable;
  logic [63:0] cqb, fqb;
  logic [31:0] cqcsr, fqcsr;

  iommu_queue_regs #(.StatusMask(4'b1111)) u_cq_regs (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .pas_i         (pas),
    .base_we_i     (write_addr == OffCqb ? half_we : 2'b00),
    .base_wdata_i  (w_data_q),
    .index_we_i    (write_addr == OffCqhCqt && half_we[1]),
    .index_wdata_i (w_data_q[63:32]),
    .csr_we_i      (write_addr == OffCqcsrFqcsr && half_we[0]),
    .csr_wdata_i   (w_data_q[31:0]),
    .engine_idle_i (cq_idle_i),
    .hw_inc_i      (cq_head_inc_i),
    .status_set_i  (cq_status_set_i),
    .base_o        (cq_base_o),
    .sw_index_o    (cq_tail_o),
    .hw_index_o    (cq_head_o),
    .enable_o      (cq_enable_o),
    .on_o          (cq_on_o),
    .irq_enable_o  (cq_irq_enable),
    .status_o      (cq_status_o),
    .base_rdata_o  (cqb),
    .csr_rdata_o   (cqcsr)
  );

  iommu_queue_regs #(.StatusMask(4'b0011)) u_fq_regs (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .pas_i         (pas),
    .base_we_i     (write_addr == OffFqb ? half_we : 2'b00),
    .base_wdata_i  (w_data_q),
    .index_we_i    (write_addr == OffFqhFqt && half_we[0]),
    .index_wdata_i (w_data_q[31:0]),
    .csr_we_i      (write_addr == OffCqcsrFqcsr && half_we[1]),
    .csr_wdata_i   (w_data_q[63:32]),
    .engine_idle_i (fq_idle_i),
    .hw_inc_i      (fq_tail_inc_i),
    .status_set_i  (fq_status_set_i),
    .base_o        (fq_base_o),
    .sw_index_o    (fq_head_o),
    .hw_index_o    (fq_tail_o),
    .enable_o      (fq_enable_o),
    .on_o          (fq_on_o),
    .irq_enable_o  (fq_irq_enable),
    .status_o      (fq_status_o),
    .base_rdata_o  (fqb),
    .csr_rdata_o   (fqcsr)
  );

  // ------------------------------------------------------------------------------------------
  // Interrupts
  // ------------------------------------------------------------------------------------------
  logic [15:0] icvec_q;
  logic [31:0] ipsr;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      icvec_q <= '0;
    end else if (write_addr == OffIcvec && half_we[0]) begin
      icvec_q <= w_data_q[15:0];
    end
  end

  iommu_irq u_irq (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .wsi_enable_i (fctl_o[1]),
    .icvec_i      ({48'd0, icvec_q}),
    .cq_level_i   (cq_irq_enable && cq_status_o != '0),
    .fq_level_i   (fq_irq_enable && fq_status_o != '0),
    .fq_pulse_i   (fq_irq_enable && fq_tail_inc_i),
    .clear_we_i   (write_addr == OffPqcsrIpsr && half_we[1]),
    .clear_i      (w_data_q[63:32]),
    .ipsr_o       (ipsr),
    .wsi_o        (wsi_o)
  );

  // ------------------------------------------------------------------------------------------
  // Reads
  // ------------------------------------------------------------------------------------------
  always_comb begin
    unique case ({reg_araddr_i[11:3], 3'b000})
      OffCapabilities: r_data_d = caps_q;
      OffFctl:         r_data_d = {32'd0, fctl_o};
      OffDdtp:         r_data_d = {10'd0, ppn_q, 5'd0, ddtp_busy_q, mode_q};
      OffCqb:          r_data_d = cqb;
      OffCqhCqt:       r_data_d = {cq_tail_o, cq_head_o};
      OffFqb:          r_data_d = fqb;
      OffFqhFqt:       r_data_d = {fq_tail_o, fq_head_o};
      OffCqcsrFqcsr:   r_data_d = {fqcsr, cqcsr};
      OffPqcsrIpsr:    r_data_d = {ipsr, 32'd0};
      OffIcvec:        r_data_d = {48'd0, icvec_q};
      default:         r_data_d = '0;
    endcase
  end

  logic unused_bits;
  assign unused_bits = ^{ddtp_merged[63:54], ddtp_merged[9:4], reg_araddr_i[2:0],
                         address_mask[63:56], address_mask[11:0]};

endmodule
