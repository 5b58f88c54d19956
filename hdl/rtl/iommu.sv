// SPDX-License-Identifier: Apache-2.0
/// RISC-V IOMMU (RISC-V IOMMU Architecture Specification, version 20260222).
///
/// `dev_*` takes DMA from devices, `mem_*` passes it on translated, `ptw_*` carries the accesses of
/// the IOMMU itself, `reg_*` is its register page. hdl/DEVICE.md documents every port.
///
///   dev_* -> iommu_dma -> mem_*        reg_* -> iommu_regs -> wsi_o
///                |                                  |
///         iommu_translate  <--- invalidations --- iommu_cq
///            |      |                               |
///            |      +----- faults ---> iommu_fq     |
///            |                            |         |
///            +-> iommu_ptw_read -> ptw_* <+---------+   (writes through iommu_ptw_write)
module iommu
  import iommu_pkg::*;
  import iommu_axi_pkg::*;
  import iommu_reg_pkg::*;
#(
  /// DMA reads in flight (at most 32).
  parameter int unsigned ReadSlots     = 16,
  /// DMA writes in flight (a power of two, at most 32).
  parameter int unsigned WriteSlots    = 8,
  /// Translations held, at least 2.
  parameter int unsigned IotlbEntries  = 32,
  /// Device contexts held, at least 2.
  parameter int unsigned DdtEntries    = 8,
  /// Page-table walks under way at a time.
  parameter int unsigned NumPtWalkers  = 4,
  /// Device directory walks under way at a time. Both kinds together are at most 8.
  parameter int unsigned NumDdtWalkers = 2
) (
  input  logic        clk_i,
  // Assertions are off in reset, which verilator takes for a synchronous use of it.
  // verilator lint_off SYNCASYNCNET
  input  logic        rst_ni,
  // verilator lint_on SYNCASYNCNET
  input  logic [63:0] caps_i,          // capabilities strap, taken at the first edge after reset
  output logic [15:0] wsi_o,           // wire-signaled interrupts, one a vector

  // DMA of devices: AXI4 subordinate
  input  logic        dev_awvalid_i,
  output logic        dev_awready_o,
  input  logic [7:0]  dev_awid_i,
  input  logic [63:0] dev_awaddr_i,
  input  logic [7:0]  dev_awlen_i,
  input  logic [2:0]  dev_awsize_i,
  input  logic [1:0]  dev_awburst_i,
  input  logic        dev_awlock_i,
  input  logic [3:0]  dev_awcache_i,
  input  logic [2:0]  dev_awprot_i,
  input  logic [3:0]  dev_awqos_i,
  input  logic [23:0] dev_awmmusid_i,
  input  logic        dev_awmmussidv_i,
  input  logic [19:0] dev_awmmussid_i,
  input  logic        dev_awmmuatst_i,
  input  logic        dev_wvalid_i,
  output logic        dev_wready_o,
  input  logic [63:0] dev_wdata_i,
  input  logic [7:0]  dev_wstrb_i,
  input  logic        dev_wlast_i,
  output logic        dev_bvalid_o,
  input  logic        dev_bready_i,
  output logic [7:0]  dev_bid_o,
  output logic [1:0]  dev_bresp_o,
  input  logic        dev_arvalid_i,
  output logic        dev_arready_o,
  input  logic [7:0]  dev_arid_i,
  input  logic [63:0] dev_araddr_i,
  input  logic [7:0]  dev_arlen_i,
  input  logic [2:0]  dev_arsize_i,
  input  logic [1:0]  dev_arburst_i,
  input  logic        dev_arlock_i,
  input  logic [3:0]  dev_arcache_i,
  input  logic [2:0]  dev_arprot_i,
  input  logic [3:0]  dev_arqos_i,
  input  logic [23:0] dev_armmusid_i,
  input  logic        dev_armmussidv_i,
  input  logic [19:0] dev_armmussid_i,
  input  logic        dev_armmuatst_i,
  output logic        dev_rvalid_o,
  input  logic        dev_rready_i,
  output logic [7:0]  dev_rid_o,
  output logic [63:0] dev_rdata_o,
  output logic [1:0]  dev_rresp_o,
  output logic        dev_rlast_o,

  // Translated DMA: AXI4 manager
  output logic        mem_awvalid_o,
  input  logic        mem_awready_i,
  output logic [7:0]  mem_awid_o,
  output logic [55:0] mem_awaddr_o,
  output logic [7:0]  mem_awlen_o,
  output logic [2:0]  mem_awsize_o,
  output logic [1:0]  mem_awburst_o,
  output logic        mem_awlock_o,
  output logic [3:0]  mem_awcache_o,
  output logic [2:0]  mem_awprot_o,
  output logic [3:0]  mem_awqos_o,
  output logic [1:0]  mem_awpbmt_o,
  output logic        mem_wvalid_o,
  input  logic        mem_wready_i,
  output logic [63:0] mem_wdata_o,
  output logic [7:0]  mem_wstrb_o,
  output logic        mem_wlast_o,
  input  logic        mem_bvalid_i,
  output logic        mem_bready_o,
  input  logic [7:0]  mem_bid_i,
  input  logic [1:0]  mem_bresp_i,
  output logic        mem_arvalid_o,
  input  logic        mem_arready_i,
  output logic [7:0]  mem_arid_o,
  output logic [55:0] mem_araddr_o,
  output logic [7:0]  mem_arlen_o,
  output logic [2:0]  mem_arsize_o,
  output logic [1:0]  mem_arburst_o,
  output logic        mem_arlock_o,
  output logic [3:0]  mem_arcache_o,
  output logic [2:0]  mem_arprot_o,
  output logic [3:0]  mem_arqos_o,
  output logic [1:0]  mem_arpbmt_o,
  input  logic        mem_rvalid_i,
  output logic        mem_rready_o,
  input  logic [7:0]  mem_rid_i,
  input  logic [63:0] mem_rdata_i,
  input  logic [1:0]  mem_rresp_i,
  input  logic        mem_rlast_i,

  // Accesses of the IOMMU itself: AXI4 manager
  output logic        ptw_awvalid_o,
  input  logic        ptw_awready_i,
  output logic [7:0]  ptw_awid_o,
  output logic [55:0] ptw_awaddr_o,
  output logic [7:0]  ptw_awlen_o,
  output logic [2:0]  ptw_awsize_o,
  output logic [1:0]  ptw_awburst_o,
  output logic [5:0]  ptw_awatop_o,
  output logic        ptw_wvalid_o,
  input  logic        ptw_wready_i,
  output logic [63:0] ptw_wdata_o,
  output logic [7:0]  ptw_wstrb_o,
  output logic        ptw_wlast_o,
  input  logic        ptw_bvalid_i,
  output logic        ptw_bready_o,
  input  logic [7:0]  ptw_bid_i,
  input  logic [1:0]  ptw_bresp_i,
  output logic        ptw_arvalid_o,
  input  logic        ptw_arready_i,
  output logic [7:0]  ptw_arid_o,
  output logic [55:0] ptw_araddr_o,
  output logic [7:0]  ptw_arlen_o,
  output logic [2:0]  ptw_arsize_o,
  output logic [1:0]  ptw_arburst_o,
  input  logic        ptw_rvalid_i,
  output logic        ptw_rready_o,
  input  logic [7:0]  ptw_rid_i,
  input  logic [63:0] ptw_rdata_i,
  input  logic [1:0]  ptw_rresp_i,
  input  logic        ptw_rlast_i,

  // Registers: AXI4-Lite subordinate
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
  output logic [1:0]  reg_rresp_o
);

  // A translation is tagged with its direction and a slot number.
  localparam int unsigned TagWidth   = 6;

  // Writers on ptw_*
  localparam int unsigned PtwWriters = 2;
  localparam int unsigned WriterCq   = 0;
  localparam int unsigned WriterFq   = 1;

  logic [63:0] caps, ddtp;
  logic [31:0] fctl;
  logic        ddtp_busy, drained;

  queue_base_t cq_base, fq_base;
  logic        cq_enable, cq_on, cq_idle, cq_head_inc;
  logic        fq_enable, fq_on, fq_idle, fq_tail_inc;
  logic [3:0]  cq_status, cq_status_set, fq_status, fq_status_set;
  logic [31:0] cq_head, cq_tail, fq_head, fq_tail;

  // ------------------------------------------------------------------------------------------
  // Registers
  // ------------------------------------------------------------------------------------------
  iommu_regs u_regs (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .caps_i          (caps_i),
    .reg_awvalid_i   (reg_awvalid_i),
    .reg_awready_o   (reg_awready_o),
    .reg_awaddr_i    (reg_awaddr_i),
    .reg_wvalid_i    (reg_wvalid_i),
    .reg_wready_o    (reg_wready_o),
    .reg_wdata_i     (reg_wdata_i),
    .reg_wstrb_i     (reg_wstrb_i),
    .reg_bvalid_o    (reg_bvalid_o),
    .reg_bready_i    (reg_bready_i),
    .reg_bresp_o     (reg_bresp_o),
    .reg_arvalid_i   (reg_arvalid_i),
    .reg_arready_o   (reg_arready_o),
    .reg_araddr_i    (reg_araddr_i),
    .reg_rvalid_o    (reg_rvalid_o),
    .reg_rready_i    (reg_rready_i),
    .reg_rdata_o     (reg_rdata_o),
    .reg_rresp_o     (reg_rresp_o),
    .caps_o          (caps),
    .fctl_o          (fctl),
    .ddtp_o          (ddtp),
    .ddtp_busy_o     (ddtp_busy),
    .drained_i       (drained),
    .cq_base_o       (cq_base),
    .cq_enable_o     (cq_enable),
    .cq_on_o         (cq_on),
    .cq_status_o     (cq_status),
    .cq_head_o       (cq_head),
    .cq_tail_o       (cq_tail),
    .cq_idle_i       (cq_idle),
    .cq_head_inc_i   (cq_head_inc),
    .cq_status_set_i (cq_status_set),
    .fq_base_o       (fq_base),
    .fq_enable_o     (fq_enable),
    .fq_on_o         (fq_on),
    .fq_status_o     (fq_status),
    .fq_head_o       (fq_head),
    .fq_tail_o       (fq_tail),
    .fq_idle_i       (fq_idle),
    .fq_tail_inc_i   (fq_tail_inc),
    .fq_status_set_i (fq_status_set),
    .wsi_o           (wsi_o)
  );

  // ------------------------------------------------------------------------------------------
  // DMA
  // ------------------------------------------------------------------------------------------
  dev_ax_t    dev_ar, dev_aw;
  mem_ax_t    mem_ar, mem_aw;
  r_t         dev_r;
  w_t         mem_w;
  b_t         dev_b;
  logic       dma_busy, fence_rd, fence_wr, fence_rd_pending, fence_wr_pending;
  logic                xl_valid, xl_ready, xl_rsp_valid, xl_rsp_ready, xl_idle;
  logic [TagWidth-1:0] xl_tag, xl_rsp_tag;
  xlate_req_t          xl_req;
  xlate_rsp_t          xl_rsp;

  assign dev_ar = '{
    id: dev_arid_i, addr: dev_araddr_i, len: dev_arlen_i, size: dev_arsize_i,
    burst: dev_arburst_i, lock: dev_arlock_i, cache: dev_arcache_i, prot: dev_arprot_i,
    qos: dev_arqos_i, mmusid: dev_armmusid_i, mmussidv: dev_armmussidv_i,
    mmussid: dev_armmussid_i, mmuatst: dev_armmuatst_i
  };
  assign dev_aw = '{
    id: dev_awid_i, addr: dev_awaddr_i, len: dev_awlen_i, size: dev_awsize_i,
    burst: dev_awburst_i, lock: dev_awlock_i, cache: dev_awcache_i, prot: dev_awprot_i,
    qos: dev_awqos_i, mmusid: dev_awmmusid_i, mmussidv: dev_awmmussidv_i,
    mmussid: dev_awmmussid_i, mmuatst: dev_awmmuatst_i
  };

  iommu_dma #(
    .ReadSlots  (ReadSlots),
    .WriteSlots (WriteSlots),
    .TagWidth   (TagWidth)
  ) u_dma (
    .clk_i              (clk_i),
    .rst_ni             (rst_ni),
    .dev_aw_valid_i     (dev_awvalid_i),
    .dev_aw_ready_o     (dev_awready_o),
    .dev_aw_i           (dev_aw),
    .dev_w_valid_i      (dev_wvalid_i),
    .dev_w_ready_o      (dev_wready_o),
    .dev_w_i            ('{data: dev_wdata_i, strb: dev_wstrb_i, last: dev_wlast_i}),
    .dev_b_valid_o      (dev_bvalid_o),
    .dev_b_ready_i      (dev_bready_i),
    .dev_b_o            (dev_b),
    .dev_ar_valid_i     (dev_arvalid_i),
    .dev_ar_ready_o     (dev_arready_o),
    .dev_ar_i           (dev_ar),
    .dev_r_valid_o      (dev_rvalid_o),
    .dev_r_ready_i      (dev_rready_i),
    .dev_r_o            (dev_r),
    .mem_aw_valid_o     (mem_awvalid_o),
    .mem_aw_ready_i     (mem_awready_i),
    .mem_aw_o           (mem_aw),
    .mem_w_valid_o      (mem_wvalid_o),
    .mem_w_ready_i      (mem_wready_i),
    .mem_w_o            (mem_w),
    .mem_b_valid_i      (mem_bvalid_i),
    .mem_b_ready_o      (mem_bready_o),
    .mem_b_i            ('{id: mem_bid_i, resp: mem_bresp_i}),
    .mem_ar_valid_o     (mem_arvalid_o),
    .mem_ar_ready_i     (mem_arready_i),
    .mem_ar_o           (mem_ar),
    .mem_r_valid_i      (mem_rvalid_i),
    .mem_r_ready_o      (mem_rready_o),
    .mem_r_i            ('{id: mem_rid_i, data: mem_rdata_i, resp: mem_rresp_i,
                           last: mem_rlast_i}),
    .block_i            (ddtp_busy),
    .xl_valid_o         (xl_valid),
    .xl_ready_i         (xl_ready),
    .xl_tag_o           (xl_tag),
    .xl_req_o           (xl_req),
    .xl_rsp_valid_i     (xl_rsp_valid),
    .xl_rsp_ready_o     (xl_rsp_ready),
    .xl_rsp_tag_i       (xl_rsp_tag),
    .xl_rsp_i           (xl_rsp),
    .fence_rd_i         (fence_rd),
    .fence_wr_i         (fence_wr),
    .fence_rd_pending_o (fence_rd_pending),
    .fence_wr_pending_o (fence_wr_pending),
    .busy_o             (dma_busy)
  );

  assign dev_rid_o   = dev_r.id;
  assign dev_rdata_o = dev_r.data;
  assign dev_rresp_o = dev_r.resp;
  assign dev_rlast_o = dev_r.last;
  assign dev_bid_o   = dev_b.id;
  assign dev_bresp_o = dev_b.resp;

  assign mem_arid_o    = mem_ar.id;
  assign mem_araddr_o  = mem_ar.addr;
  assign mem_arlen_o   = mem_ar.len;
  assign mem_arsize_o  = mem_ar.size;
  assign mem_arburst_o = mem_ar.burst;
  assign mem_arlock_o  = mem_ar.lock;
  assign mem_arcache_o = mem_ar.cache;
  assign mem_arprot_o  = mem_ar.prot;
  assign mem_arqos_o   = mem_ar.qos;
  assign mem_arpbmt_o  = mem_ar.pbmt;
  assign mem_awid_o    = mem_aw.id;
  assign mem_awaddr_o  = mem_aw.addr;
  assign mem_awlen_o   = mem_aw.len;
  assign mem_awsize_o  = mem_aw.size;
  assign mem_awburst_o = mem_aw.burst;
  assign mem_awlock_o  = mem_aw.lock;
  assign mem_awcache_o = mem_aw.cache;
  assign mem_awprot_o  = mem_aw.prot;
  assign mem_awqos_o   = mem_aw.qos;
  assign mem_awpbmt_o  = mem_aw.pbmt;
  assign mem_wdata_o = mem_w.data;
  assign mem_wstrb_o = mem_w.strb;
  assign mem_wlast_o = mem_w.last;

  // ------------------------------------------------------------------------------------------
  // Translation
  // ------------------------------------------------------------------------------------------
  logic                fault_valid, fault_ready;
  fault_t              fault;
  logic                inval_valid, inval_ready, inval_busy;
  inval_t              inval;
  logic                walk_valid, walk_ready, walk_rsp_valid, walk_rsp_ready;
  logic [2:0]          walk_tag, walk_len, walk_rsp_tag;
  logic [55:0]         walk_addr;
  logic [63:0]         ptw_rsp_data;
  logic                ptw_rsp_err, ptw_rsp_last;

  iommu_translate #(
    .TagWidth      (TagWidth),
    .IotlbEntries  (IotlbEntries),
    .DdtEntries    (DdtEntries),
    .NumPtWalkers  (NumPtWalkers),
    .NumDdtWalkers (NumDdtWalkers)
  ) u_translate (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .caps_i         (caps),
    .fctl_i         (fctl),
    .ddtp_i         (ddtp),
    .req_valid_i    (xl_valid),
    .req_ready_o    (xl_ready),
    .req_tag_i      (xl_tag),
    .req_i          (xl_req),
    .rsp_valid_o    (xl_rsp_valid),
    .rsp_ready_i    (xl_rsp_ready),
    .rsp_tag_o      (xl_rsp_tag),
    .rsp_o          (xl_rsp),
    .fault_valid_o  (fault_valid),
    .fault_ready_i  (fault_ready),
    .fault_o        (fault),
    .inval_valid_i  (inval_valid),
    .inval_ready_o  (inval_ready),
    .inval_i        (inval),
    .inval_busy_o   (inval_busy),
    .rd_valid_o     (walk_valid),
    .rd_ready_i     (walk_ready),
    .rd_tag_o       (walk_tag),
    .rd_addr_o      (walk_addr),
    .rd_len_o       (walk_len),
    .rd_rsp_valid_i (walk_rsp_valid),
    .rd_rsp_ready_o (walk_rsp_ready),
    .rd_rsp_tag_i   (walk_rsp_tag),
    .rd_rsp_data_i  (ptw_rsp_data),
    .rd_rsp_err_i   (ptw_rsp_err),
    .rd_rsp_last_i  (ptw_rsp_last),
    .idle_o         (xl_idle)
  );

  assign drained = xl_idle && !dma_busy;

  // ------------------------------------------------------------------------------------------
  // Queues
  // ------------------------------------------------------------------------------------------
  logic                         cq_rd_valid, cq_rd_ready, cq_rd_rsp_valid;
  logic [55:0]                  cq_rd_addr;
  logic [PtwWriters-1:0]        wr_valid, wr_ready, wr_rsp_valid;
  logic [PtwWriters-1:0][55:0]  wr_addr;
  logic [PtwWriters-1:0][1:0]   wr_len;
  logic [PtwWriters-1:0][2:0]   wr_size;
  logic [PtwWriters-1:0][255:0] wr_data;
  logic [PtwWriters-1:0][7:0]   wr_strb;
  logic                         wr_rsp_err;
  logic [31:0]                  cq_wr_data;

  iommu_cq u_cq (
    .clk_i              (clk_i),
    .rst_ni             (rst_ni),
    .caps_i             (caps),
    .wsi_enable_i       (fctl[1]),
    .ddtp_mode_i        (ddtp[3:0]),
    .base_ppn_i         (cq_base.ppn),
    .enable_i           (cq_enable),
    .on_i               (cq_on),
    .status_i           (cq_status),
    .head_i             (cq_head),
    .tail_i             (cq_tail),
    .idle_o             (cq_idle),
    .head_inc_o         (cq_head_inc),
    .status_set_o       (cq_status_set),
    .rd_valid_o         (cq_rd_valid),
    .rd_ready_i         (cq_rd_ready),
    .rd_addr_o          (cq_rd_addr),
    .rd_rsp_valid_i     (cq_rd_rsp_valid),
    .rd_rsp_data_i      (ptw_rsp_data),
    .rd_rsp_err_i       (ptw_rsp_err),
    .rd_rsp_last_i      (ptw_rsp_last),
    .wr_valid_o         (wr_valid[WriterCq]),
    .wr_ready_i         (wr_ready[WriterCq]),
    .wr_addr_o          (wr_addr[WriterCq]),
    .wr_data_o          (cq_wr_data),
    .wr_rsp_valid_i     (wr_rsp_valid[WriterCq]),
    .wr_rsp_err_i       (wr_rsp_err),
    .inval_valid_o      (inval_valid),
    .inval_ready_i      (inval_ready),
    .inval_o            (inval),
    .inval_busy_i       (inval_busy),
    .fence_rd_o         (fence_rd),
    .fence_wr_o         (fence_wr),
    .fence_rd_pending_i (fence_rd_pending),
    .fence_wr_pending_i (fence_wr_pending)
  );

  // Both lanes carry the 4 bytes of a fence write; the strobes pick the one that is addressed.
  assign wr_len[WriterCq]  = 2'd0;
  assign wr_size[WriterCq] = 3'd2;
  assign wr_data[WriterCq] = {192'd0, cq_wr_data, cq_wr_data};
  assign wr_strb[WriterCq] = wr_addr[WriterCq][2] ? 8'hF0 : 8'h0F;

  iommu_fq u_fq (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .pas_i          (caps[CapPasLsb+:6]),
    .fault_valid_i  (fault_valid),
    .fault_ready_o  (fault_ready),
    .fault_i        (fault),
    .base_i         (fq_base),
    .enable_i       (fq_enable),
    .on_i           (fq_on),
    .status_i       (fq_status),
    .head_i         (fq_head),
    .tail_i         (fq_tail),
    .idle_o         (fq_idle),
    .tail_inc_o     (fq_tail_inc),
    .status_set_o   (fq_status_set),
    .wr_valid_o     (wr_valid[WriterFq]),
    .wr_ready_i     (wr_ready[WriterFq]),
    .wr_addr_o      (wr_addr[WriterFq]),
    .wr_data_o      (wr_data[WriterFq]),
    .wr_rsp_valid_i (wr_rsp_valid[WriterFq]),
    .wr_rsp_err_i   (wr_rsp_err)
  );

  assign wr_len[WriterFq]  = 2'd3;
  assign wr_size[WriterFq] = 3'd3;
  assign wr_strb[WriterFq] = 8'hFF;

  // ------------------------------------------------------------------------------------------
  // ptw_*
  // ------------------------------------------------------------------------------------------
  ptw_ax_t ptw_ar, ptw_aw;
  w_t      ptw_w;

  iommu_ptw_read u_ptw_read (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .xl_valid_i     (walk_valid),
    .xl_ready_o     (walk_ready),
    .xl_tag_i       (walk_tag),
    .xl_addr_i      (walk_addr),
    .xl_len_i       (walk_len),
    .xl_rsp_valid_o (walk_rsp_valid),
    .xl_rsp_ready_i (walk_rsp_ready),
    .xl_rsp_tag_o   (walk_rsp_tag),
    .cq_valid_i     (cq_rd_valid),
    .cq_ready_o     (cq_rd_ready),
    .cq_addr_i      (cq_rd_addr),
    .cq_rsp_valid_o (cq_rd_rsp_valid),
    .rsp_data_o     (ptw_rsp_data),
    .rsp_err_o      (ptw_rsp_err),
    .rsp_last_o     (ptw_rsp_last),
    .ar_valid_o     (ptw_arvalid_o),
    .ar_ready_i     (ptw_arready_i),
    .ar_o           (ptw_ar),
    .r_valid_i      (ptw_rvalid_i),
    .r_ready_o      (ptw_rready_o),
    .r_i            ('{id: ptw_rid_i, data: ptw_rdata_i, resp: ptw_rresp_i, last: ptw_rlast_i})
  );

  iommu_ptw_write #(
    .N   (PtwWriters),
    .Ids ({PtwIdFaultQueue, PtwIdCommandQueue})
  ) u_ptw_write (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .valid_i     (wr_valid),
    .ready_o     (wr_ready),
    .addr_i      (wr_addr),
    .len_i       (wr_len),
    .size_i      (wr_size),
    .data_i      (wr_data),
    .strb_i      (wr_strb),
    .rsp_valid_o (wr_rsp_valid),
    .rsp_err_o   (wr_rsp_err),
    .aw_valid_o  (ptw_awvalid_o),
    .aw_ready_i  (ptw_awready_i),
    .aw_o        (ptw_aw),
    .w_valid_o   (ptw_wvalid_o),
    .w_ready_i   (ptw_wready_i),
    .w_o         (ptw_w),
    .b_valid_i   (ptw_bvalid_i),
    .b_ready_o   (ptw_bready_o),
    .b_i         ('{id: ptw_bid_i, resp: ptw_bresp_i})
  );

  assign ptw_arid_o    = ptw_ar.id;
  assign ptw_araddr_o  = ptw_ar.addr;
  assign ptw_arlen_o   = ptw_ar.len;
  assign ptw_arsize_o  = ptw_ar.size;
  assign ptw_arburst_o = BurstIncr;
  assign ptw_awid_o    = ptw_aw.id;
  assign ptw_awaddr_o  = ptw_aw.addr;
  assign ptw_awlen_o   = ptw_aw.len;
  assign ptw_awsize_o  = ptw_aw.size;
  assign ptw_awburst_o = BurstIncr;
  assign ptw_awatop_o  = '0;
  assign ptw_wdata_o   = ptw_w.data;
  assign ptw_wstrb_o   = ptw_w.strb;
  assign ptw_wlast_o   = ptw_w.last;

  // The index registers mask themselves, so the engine of the command queue needs no size.
  logic unused_bits;
  assign unused_bits = ^cq_base.log2szm1;

endmodule
