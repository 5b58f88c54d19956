// SPDX-License-Identifier: Apache-2.0

// The wires of the bench, and the device under test between them.

  logic clk = 0, rst_n = 0;
  logic [15:0] wsi, wsi_before = 0;

  address_t dev = 0;
  requester_t who = 0;
  logic dev_awvalid = 0, dev_awready, dev_wvalid = 0, dev_wready, dev_bvalid, dev_arvalid = 0, dev_arready;
  logic dev_rvalid, dev_rlast;
  logic [63:0] dev_wdata = 0, dev_rdata;
  logic [7:0] dev_bid, dev_rid;
  logic [1:0] dev_bresp, dev_rresp;

  address_t aw[2], ar[2];  // what shows on mem_* and ptw_*
  address_t rd[2], wr[2];  // what was taken from there
  logic awvalid[2], wvalid[2], bready[2], arvalid[2], rready[2], wlast[2];
  logic awready[2] = '{0, 0}, wready[2] = '{0, 0}, arready[2] = '{0, 0};
  logic bvalid[2] = '{0, 0}, rvalid[2] = '{0, 0}, rlast[2] = '{0, 0};
  logic [7:0] wstrb[2];
  logic [63:0] wdata[2], rdata[2] = '{0, 0};
  logic [5:0] ptw_atop;
  logic [1:0] aw_pbmt, ar_pbmt;

  logic reg_awvalid = 0, reg_awready, reg_wvalid = 0, reg_wready, reg_bvalid, reg_arvalid = 0, reg_arready, reg_rvalid;
  logic [11:0] reg_addr = 0;
  logic [63:0] reg_wdata = 0, reg_rdata;
  logic [7:0] reg_wstrb = 0;
  logic [1:0] reg_bresp, reg_rresp;

  for (genvar p = 0; p < 2; p++) begin : g_kind
    assign aw[p].write = 1, ar[p].write = 0, aw[p].addr[63:56] = 0, ar[p].addr[63:56] = 0;
  end
  assign {aw[Ptw].lock, aw[Ptw].cache, aw[Ptw].prot, aw[Ptw].qos} = 0;
  assign {ar[Ptw].lock, ar[Ptw].cache, ar[Ptw].prot, ar[Ptw].qos} = 0;

  iommu dut (
    .clk_i(clk), .rst_ni(rst_n), .caps_i(Caps), .wsi_o(wsi),
    .dev_awvalid_i(dev_awvalid), .dev_awready_o(dev_awready), .dev_awid_i(dev.id), .dev_awaddr_i(dev.addr),
    .dev_awlen_i(dev.len), .dev_awsize_i(dev.size), .dev_awburst_i(dev.burst), .dev_awlock_i(dev.lock),
    .dev_awcache_i(dev.cache), .dev_awprot_i(dev.prot), .dev_awqos_i(dev.qos), .dev_awmmusid_i(who.device),
    .dev_awmmussidv_i(who.has_process), .dev_awmmussid_i(who.process), .dev_awmmuatst_i(who.translated),
    .dev_wvalid_i(dev_wvalid), .dev_wready_o(dev_wready), .dev_wdata_i(dev_wdata), .dev_wstrb_i(8'hFF),
    .dev_wlast_i(1'b1), .dev_bvalid_o(dev_bvalid), .dev_bready_i(1'b1), .dev_bid_o(dev_bid), .dev_bresp_o(dev_bresp),
    .dev_arvalid_i(dev_arvalid), .dev_arready_o(dev_arready), .dev_arid_i(dev.id), .dev_araddr_i(dev.addr),
    .dev_arlen_i(dev.len), .dev_arsize_i(dev.size), .dev_arburst_i(dev.burst), .dev_arlock_i(dev.lock),
    .dev_arcache_i(dev.cache), .dev_arprot_i(dev.prot), .dev_arqos_i(dev.qos), .dev_armmusid_i(who.device),
    .dev_armmussidv_i(who.has_process), .dev_armmussid_i(who.process), .dev_armmuatst_i(who.translated),
    .dev_rvalid_o(dev_rvalid), .dev_rready_i(1'b1), .dev_rid_o(dev_rid), .dev_rdata_o(dev_rdata),
    .dev_rresp_o(dev_rresp), .dev_rlast_o(dev_rlast),
    .mem_awvalid_o(awvalid[Mem]), .mem_awready_i(awready[Mem]), .mem_awid_o(aw[Mem].id),
    .mem_awaddr_o(aw[Mem].addr[55:0]), .mem_awlen_o(aw[Mem].len), .mem_awsize_o(aw[Mem].size),
    .mem_awburst_o(aw[Mem].burst), .mem_awlock_o(aw[Mem].lock),
    .mem_awcache_o(aw[Mem].cache), .mem_awprot_o(aw[Mem].prot), .mem_awqos_o(aw[Mem].qos), .mem_awpbmt_o(aw_pbmt),
    .mem_wvalid_o(wvalid[Mem]), .mem_wready_i(wready[Mem]), .mem_wdata_o(wdata[Mem]), .mem_wstrb_o(wstrb[Mem]),
    .mem_wlast_o(wlast[Mem]), .mem_bvalid_i(bvalid[Mem]), .mem_bready_o(bready[Mem]), .mem_bid_i(wr[Mem].id),
    .mem_bresp_i(2'd0),
    .mem_arvalid_o(arvalid[Mem]), .mem_arready_i(arready[Mem]), .mem_arid_o(ar[Mem].id),
    .mem_araddr_o(ar[Mem].addr[55:0]), .mem_arlen_o(ar[Mem].len), .mem_arsize_o(ar[Mem].size),
    .mem_arburst_o(ar[Mem].burst), .mem_arlock_o(ar[Mem].lock),
    .mem_arcache_o(ar[Mem].cache), .mem_arprot_o(ar[Mem].prot), .mem_arqos_o(ar[Mem].qos), .mem_arpbmt_o(ar_pbmt),
    .mem_rvalid_i(rvalid[Mem]), .mem_rready_o(rready[Mem]), .mem_rid_i(rd[Mem].id), .mem_rdata_i(rdata[Mem]),
    .mem_rresp_i(2'd0), .mem_rlast_i(rlast[Mem]),
    .ptw_awvalid_o(awvalid[Ptw]), .ptw_awready_i(awready[Ptw]), .ptw_awid_o(aw[Ptw].id),
    .ptw_awaddr_o(aw[Ptw].addr[55:0]), .ptw_awlen_o(aw[Ptw].len), .ptw_awsize_o(aw[Ptw].size),
    .ptw_awburst_o(aw[Ptw].burst), .ptw_awatop_o(ptw_atop),
    .ptw_wvalid_o(wvalid[Ptw]), .ptw_wready_i(wready[Ptw]), .ptw_wdata_o(wdata[Ptw]), .ptw_wstrb_o(wstrb[Ptw]),
    .ptw_wlast_o(wlast[Ptw]), .ptw_bvalid_i(bvalid[Ptw]), .ptw_bready_o(bready[Ptw]), .ptw_bid_i(wr[Ptw].id),
    .ptw_bresp_i(2'd0),
    .ptw_arvalid_o(arvalid[Ptw]), .ptw_arready_i(arready[Ptw]), .ptw_arid_o(ar[Ptw].id),
    .ptw_araddr_o(ar[Ptw].addr[55:0]), .ptw_arlen_o(ar[Ptw].len), .ptw_arsize_o(ar[Ptw].size),
    .ptw_arburst_o(ar[Ptw].burst),
    .ptw_rvalid_i(rvalid[Ptw]), .ptw_rready_o(rready[Ptw]), .ptw_rid_i(rd[Ptw].id), .ptw_rdata_i(rdata[Ptw]),
    .ptw_rresp_i(2'd0), .ptw_rlast_i(rlast[Ptw]),
    .reg_awvalid_i(reg_awvalid), .reg_awready_o(reg_awready), .reg_awaddr_i(reg_addr), .reg_wvalid_i(reg_wvalid),
    .reg_wready_o(reg_wready), .reg_wdata_i(reg_wdata), .reg_wstrb_i(reg_wstrb), .reg_bvalid_o(reg_bvalid),
    .reg_bready_i(1'b1), .reg_bresp_o(reg_bresp), .reg_arvalid_i(reg_arvalid), .reg_arready_o(reg_arready),
    .reg_araddr_i(reg_addr), .reg_rvalid_o(reg_rvalid), .reg_rready_i(1'b1), .reg_rdata_o(reg_rdata),
    .reg_rresp_o(reg_rresp)
  );
