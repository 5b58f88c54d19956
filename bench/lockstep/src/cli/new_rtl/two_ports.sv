// SPDX-License-Identifier: Apache-2.0
    // Two ports of the IOMMU, walk_* and queue_*, become ptw_*: bit 7 of an ID says whose it is. Reads of the two go as they
    // come; of writes only one is under way, since their data carry no ID.
    wire        walk_arvalid, queue_arvalid, walk_awvalid, queue_awvalid, walk_wvalid, queue_wvalid;
    wire [6:0]  walk_arid, queue_arid, walk_awid, queue_awid;
    wire [55:0] walk_araddr, queue_araddr, walk_awaddr, queue_awaddr;
    wire [7:0]  walk_arlen, queue_arlen, walk_awlen, queue_awlen;
    wire [2:0]  walk_arsize, queue_arsize, walk_awsize, queue_awsize;
    wire [5:0]  walk_awatop, queue_awatop;
    wire [63:0] walk_wdata, queue_wdata;
    wire [7:0]  walk_wstrb, queue_wstrb;
    wire        walk_wlast, queue_wlast, walk_bready, queue_bready, walk_rready, queue_rready;

    // Whoever waits keeps what it shows: the choice stays until the handshake.
    logic ptw_ar_held, ptw_ar_queue, ptw_aw_held, ptw_aw_queue, ptw_w_open, ptw_w_queue;
    wire ptw_ar_is_queue = ptw_ar_held ? ptw_ar_queue : ~walk_arvalid;
    wire ptw_aw_is_queue = ptw_aw_held ? ptw_aw_queue : ~walk_awvalid;
    assign ptw_arvalid_o = ptw_ar_is_queue ? queue_arvalid : walk_arvalid;
    assign ptw_arid_o = {ptw_ar_is_queue, ptw_ar_is_queue ? queue_arid : walk_arid};
    assign ptw_araddr_o = ptw_ar_is_queue ? queue_araddr : walk_araddr;
    assign ptw_arlen_o = ptw_ar_is_queue ? queue_arlen : walk_arlen;
    assign ptw_arsize_o = ptw_ar_is_queue ? queue_arsize : walk_arsize;
    assign ptw_arburst_o = 2'b01;
    wire walk_arready = ptw_arready_i & ~ptw_ar_is_queue;
    wire queue_arready = ptw_arready_i & ptw_ar_is_queue;
    assign ptw_awvalid_o = (ptw_aw_is_queue ? queue_awvalid : walk_awvalid) & ~ptw_w_open;
    assign ptw_awid_o = {ptw_aw_is_queue, ptw_aw_is_queue ? queue_awid : walk_awid};
    assign ptw_awaddr_o = ptw_aw_is_queue ? queue_awaddr : walk_awaddr;
    assign ptw_awlen_o = ptw_aw_is_queue ? queue_awlen : walk_awlen;
    assign ptw_awsize_o = ptw_aw_is_queue ? queue_awsize : walk_awsize;
    assign ptw_awburst_o = 2'b01;
    assign ptw_awatop_o = ptw_aw_is_queue ? queue_awatop : walk_awatop;
    wire walk_awready = ptw_awready_i & ~ptw_w_open & ~ptw_aw_is_queue;
    wire queue_awready = ptw_awready_i & ~ptw_w_open & ptw_aw_is_queue;
    assign ptw_wvalid_o = ptw_w_open & (ptw_w_queue ? queue_wvalid : walk_wvalid);
    assign ptw_wdata_o = ptw_w_queue ? queue_wdata : walk_wdata;
    assign ptw_wstrb_o = ptw_w_queue ? queue_wstrb : walk_wstrb;
    assign ptw_wlast_o = ptw_w_queue ? queue_wlast : walk_wlast;
    wire walk_wready = ptw_wready_i & ptw_w_open & ~ptw_w_queue;
    wire queue_wready = ptw_wready_i & ptw_w_open & ptw_w_queue;
    assign ptw_bready_o = ptw_bid_i[7] ? queue_bready : walk_bready;
    assign ptw_rready_o = ptw_rid_i[7] ? queue_rready : walk_rready;
    wire walk_bvalid = ptw_bvalid_i & ~ptw_bid_i[7];
    wire queue_bvalid = ptw_bvalid_i & ptw_bid_i[7];
    wire walk_rvalid = ptw_rvalid_i & ~ptw_rid_i[7];
    wire queue_rvalid = ptw_rvalid_i & ptw_rid_i[7];

    always_ff @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) begin
            ptw_ar_held <= 1'b0;
            ptw_ar_queue <= 1'b0;
            ptw_aw_held <= 1'b0;
            ptw_aw_queue <= 1'b0;
            ptw_w_open <= 1'b0;
            ptw_w_queue <= 1'b0;
        end else begin
            ptw_ar_held <= ptw_arvalid_o & ~ptw_arready_i;
            ptw_ar_queue <= ptw_ar_is_queue;
            ptw_aw_held <= ptw_awvalid_o & ~ptw_awready_i;
            ptw_aw_queue <= ptw_aw_is_queue;
            if (ptw_awvalid_o & ptw_awready_i) {ptw_w_open, ptw_w_queue} <= {1'b1, ptw_aw_is_queue};
            else if (ptw_wvalid_o & ptw_wready_i & ptw_wlast_o) ptw_w_open <= 1'b0;
        end
    end
