// SPDX-License-Identifier: Apache-2.0
/// DMA: the read and the write path, and their shared access to translation.
module iommu_dma
  import iommu_pkg::*;
  import iommu_axi_pkg::*;
#(
  /// DMA reads in flight.
  parameter int unsigned ReadSlots  = 16,
  /// DMA writes in flight, a power of two.
  parameter int unsigned WriteSlots = 8,
  /// Width of the tag of a translation: a direction bit and a slot number.
  parameter int unsigned TagWidth   = 6
) (
  input  logic                clk_i,
  input  logic                rst_ni,

  // Device side
  input  logic                dev_aw_valid_i,
  output logic                dev_aw_ready_o,
  input  dev_ax_t             dev_aw_i,
  input  logic                dev_w_valid_i,
  output logic                dev_w_ready_o,
  input  w_t                  dev_w_i,
  output logic                dev_b_valid_o,
  input  logic                dev_b_ready_i,
  output b_t                  dev_b_o,
  input  logic                dev_ar_valid_i,
  output logic                dev_ar_ready_o,
  input  dev_ax_t             dev_ar_i,
  output logic                dev_r_valid_o,
  input  logic                dev_r_ready_i,
  output r_t                  dev_r_o,

  // Memory side
  output logic                mem_aw_valid_o,
  input  logic                mem_aw_ready_i,
  output mem_ax_t             mem_aw_o,
  output logic                mem_w_valid_o,
  input  logic                mem_w_ready_i,
  output w_t                  mem_w_o,
  input  logic                mem_b_valid_i,
  output logic                mem_b_ready_o,
  input  b_t                  mem_b_i,
  output logic                mem_ar_valid_o,
  input  logic                mem_ar_ready_i,
  output mem_ax_t             mem_ar_o,
  input  logic                mem_r_valid_i,
  output logic                mem_r_ready_o,
  input  r_t                  mem_r_i,

  // Translation
  input  logic                block_i,             // ask for no more translations
  output logic                xl_valid_o,
  input  logic                xl_ready_i,
  output logic [TagWidth-1:0] xl_tag_o,
  output xlate_req_t          xl_req_o,
  input  logic                xl_rsp_valid_i,
  output logic                xl_rsp_ready_o,
  input  logic [TagWidth-1:0] xl_rsp_tag_i,
  input  xlate_rsp_t          xl_rsp_i,

  // Ordering
  input  logic                fence_rd_i,          // remember the reads in flight
  input  logic                fence_wr_i,          // remember the writes in flight
  output logic                fence_rd_pending_o,  // some of the remembered still are
  output logic                fence_wr_pending_o,
  output logic                busy_o               // a burst is translated, or being so
);

  localparam int unsigned SlotWidth      = TagWidth - 1;
  localparam int unsigned ReadSlotWidth  = $clog2(ReadSlots);
  localparam int unsigned WriteSlotWidth = $clog2(WriteSlots);

  logic                      read_busy, write_busy;
  logic [1:0]                req_valid, req_ready, rsp_valid;
  logic [1:0][SlotWidth-1:0] req_slot;
  xlate_req_t [1:0]          req;
  logic [SlotWidth-1:0]      rsp_slot;
  xlate_rsp_t                rsp;
  logic [ReadSlotWidth-1:0]  read_slot;
  logic [WriteSlotWidth-1:0] write_slot;

  iommu_dma_read #(.Slots(ReadSlots)) u_read (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .dev_ar_valid_i  (dev_ar_valid_i),
    .dev_ar_ready_o  (dev_ar_ready_o),
    .dev_ar_i        (dev_ar_i),
    .dev_r_valid_o   (dev_r_valid_o),
    .dev_r_ready_i   (dev_r_ready_i),
    .dev_r_o         (dev_r_o),
    .mem_ar_valid_o  (mem_ar_valid_o),
    .mem_ar_ready_i  (mem_ar_ready_i),
    .mem_ar_o        (mem_ar_o),
    .mem_r_valid_i   (mem_r_valid_i),
    .mem_r_ready_o   (mem_r_ready_o),
    .mem_r_i         (mem_r_i),
    .xl_valid_o      (req_valid[0]),
    .xl_ready_i      (req_ready[0]),
    .xl_slot_o       (read_slot),
    .xl_req_o        (req[0]),
    .xl_rsp_valid_i  (rsp_valid[0]),
    .xl_rsp_slot_i   (rsp_slot[ReadSlotWidth-1:0]),
    .xl_rsp_i        (rsp),
    .fence_i         (fence_rd_i),
    .fence_pending_o (fence_rd_pending_o),
    .busy_o          (read_busy)
  );

  iommu_dma_write #(.Slots(WriteSlots)) u_write (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .dev_aw_valid_i  (dev_aw_valid_i),
    .dev_aw_ready_o  (dev_aw_ready_o),
    .dev_aw_i        (dev_aw_i),
    .dev_w_valid_i   (dev_w_valid_i),
    .dev_w_ready_o   (dev_w_ready_o),
    .dev_w_i         (dev_w_i),
    .dev_b_valid_o   (dev_b_valid_o),
    .dev_b_ready_i   (dev_b_ready_i),
    .dev_b_o         (dev_b_o),
    .mem_aw_valid_o  (mem_aw_valid_o),
    .mem_aw_ready_i  (mem_aw_ready_i),
    .mem_aw_o        (mem_aw_o),
    .mem_w_valid_o   (mem_w_valid_o),
    .mem_w_ready_i   (mem_w_ready_i),
    .mem_w_o         (mem_w_o),
    .mem_b_valid_i   (mem_b_valid_i),
    .mem_b_ready_o   (mem_b_ready_o),
    .mem_b_i         (mem_b_i),
    .xl_valid_o      (req_valid[1]),
    .xl_ready_i      (req_ready[1]),
    .xl_slot_o       (write_slot),
    .xl_req_o        (req[1]),
    .xl_rsp_valid_i  (rsp_valid[1]),
    .xl_rsp_slot_i   (rsp_slot[WriteSlotWidth-1:0]),
    .xl_rsp_i        (rsp),
    .fence_i         (fence_wr_i),
    .fence_pending_o (fence_wr_pending_o),
    .busy_o          (write_busy)
  );

  assign req_slot[0] = SlotWidth'(read_slot);
  assign req_slot[1] = SlotWidth'(write_slot);
  assign busy_o      = read_busy || write_busy;

  iommu_xlate_arb #(.SlotWidth(SlotWidth)) u_xlate_arb (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .block_i        (block_i),
    .valid_i        (req_valid),
    .ready_o        (req_ready),
    .slot_i         (req_slot),
    .req_i          (req),
    .rsp_valid_o    (rsp_valid),
    .rsp_slot_o     (rsp_slot),
    .rsp_o          (rsp),
    .xl_valid_o     (xl_valid_o),
    .xl_ready_i     (xl_ready_i),
    .xl_tag_o       (xl_tag_o),
    .xl_req_o       (xl_req_o),
    .xl_rsp_valid_i (xl_rsp_valid_i),
    .xl_rsp_ready_o (xl_rsp_ready_o),
    .xl_rsp_tag_i   (xl_rsp_tag_i),
    .xl_rsp_i       (xl_rsp_i)
  );

  // A path may have fewer slots than a tag can name.
  logic unused_slot;
  assign unused_slot = ^rsp_slot;

endmodule
