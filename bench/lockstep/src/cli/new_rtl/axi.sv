// SPDX-License-Identifier: Apache-2.0
    // Registers over AXI4. AXI4-Lite says no size: it follows from the strobes, so an address waits for its data.
    wire       cfg_awvalid;
    wire       cfg_awready;
    wire [63:0] cfg_awaddr;
    wire [2:0] cfg_awsize;
    wire       cfg_wvalid;
    wire       cfg_wready;
    wire       cfg_bvalid;
    wire [1:0] cfg_bresp;
    wire       cfg_arready;
    wire       cfg_rvalid;
    wire [63:0] cfg_rdata;
    wire [1:0] cfg_rresp;
    // An address has gone, and its data have not.
    logic      cfg_open;

    wire reg_is_half = reg_wstrb_i != 8'hff;
    wire reg_is_upper = reg_is_half & reg_wstrb_i[3:0] == 4'h0;
    assign cfg_awvalid = reg_awvalid_i & reg_wvalid_i & ~cfg_open;
    assign cfg_awaddr = {52'h0, reg_awaddr_i[11:3], reg_is_upper, 2'b00};
    assign cfg_awsize = reg_is_half ? 3'd2 : 3'd3;
    assign cfg_wvalid = reg_wvalid_i & cfg_open;
    always_ff @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) cfg_open <= 1'b0;
        else if (cfg_awvalid & cfg_awready) cfg_open <= 1'b1;
        else if (cfg_wvalid & cfg_wready) cfg_open <= 1'b0;
    end
    assign reg_awready_o = cfg_awready & cfg_awvalid;
    assign reg_wready_o = cfg_wready & cfg_open;
    assign reg_bvalid_o = cfg_bvalid;
    assign reg_bresp_o = cfg_bresp;
    assign reg_arready_o = cfg_arready;
    assign reg_rvalid_o = cfg_rvalid;
    assign reg_rdata_o = cfg_rdata;
    assign reg_rresp_o = cfg_rresp;
    // Connect with length 0, burst INCR, the last beat always 1: data from reg_wdata_i and reg_wstrb_i, reads of 8 bytes at
    // {reg_araddr_i[11:3], 3'b000}, ready from reg_bready_i and reg_rready_i.
