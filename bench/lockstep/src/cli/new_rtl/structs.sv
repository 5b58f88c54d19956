// SPDX-License-Identifier: Apache-2.0
    // Channels of AXI as structs, as PULP's AXI modules have them. Change names and fields to those of your design.
    typedef struct packed {
        logic [7:0]  id;
        logic [63:0] addr;
        logic [7:0]  len;
        logic [2:0]  size;
        logic [1:0]  burst;
        logic        lock;
        logic [3:0]  cache;
        logic [2:0]  prot;
        logic [3:0]  qos;
        logic [5:0]  atop;
        logic [23:0] device_id;
        logic        process_valid;
        logic [19:0] process_id;
    } address_t;
    typedef struct packed { logic [63:0] data; logic [7:0] strb; logic last; } write_t;
    typedef struct packed { logic [7:0] id; logic [1:0] resp; } response_t;
    typedef struct packed { logic [7:0] id; logic [63:0] data; logic [1:0] resp; logic last; } read_t;
    typedef struct packed {
        address_t aw;
        logic     aw_valid;
        write_t   w;
        logic     w_valid;
        logic     b_ready;
        address_t ar;
        logic     ar_valid;
        logic     r_ready;
    } request_t;
    typedef struct packed {
        logic      aw_ready;
        logic      w_ready;
        response_t b;
        logic      b_valid;
        logic      ar_ready;
        read_t     r;
        logic      r_valid;
    } answer_t;

    // dev_*: from devices to the IOMMU
    request_t dev_req;
    answer_t  dev_rsp;
    // mem_*: from the IOMMU to memory, translated
    request_t mem_req;
    answer_t  mem_rsp;

    always_comb begin
        dev_req = '0;
        dev_req.aw_valid = dev_awvalid_i;
        dev_req.aw.id = dev_awid_i;
        dev_req.aw.addr = dev_awaddr_i;
        dev_req.aw.len = dev_awlen_i;
        dev_req.aw.size = dev_awsize_i;
        dev_req.aw.burst = dev_awburst_i;
        dev_req.aw.lock = dev_awlock_i;
        dev_req.aw.cache = dev_awcache_i;
        dev_req.aw.prot = dev_awprot_i;
        dev_req.aw.qos = dev_awqos_i;
        dev_req.aw.device_id = dev_awmmusid_i;
        dev_req.aw.process_valid = dev_awmmussidv_i;
        dev_req.aw.process_id = dev_awmmussid_i;
        dev_req.w_valid = dev_wvalid_i;
        dev_req.w.data = dev_wdata_i;
        dev_req.w.strb = dev_wstrb_i;
        dev_req.w.last = dev_wlast_i;
        dev_req.b_ready = dev_bready_i;
        dev_req.ar_valid = dev_arvalid_i;
        dev_req.ar.id = dev_arid_i;
        dev_req.ar.addr = dev_araddr_i;
        dev_req.ar.len = dev_arlen_i;
        dev_req.ar.size = dev_arsize_i;
        dev_req.ar.burst = dev_arburst_i;
        dev_req.ar.lock = dev_arlock_i;
        dev_req.ar.cache = dev_arcache_i;
        dev_req.ar.prot = dev_arprot_i;
        dev_req.ar.qos = dev_arqos_i;
        dev_req.ar.device_id = dev_armmusid_i;
        dev_req.ar.process_valid = dev_armmussidv_i;
        dev_req.ar.process_id = dev_armmussid_i;
        dev_req.r_ready = dev_rready_i;

        mem_rsp = '0;
        mem_rsp.aw_ready = mem_awready_i;
        mem_rsp.w_ready = mem_wready_i;
        mem_rsp.b_valid = mem_bvalid_i;
        mem_rsp.b.id = mem_bid_i;
        mem_rsp.b.resp = mem_bresp_i;
        mem_rsp.ar_ready = mem_arready_i;
        mem_rsp.r_valid = mem_rvalid_i;
        mem_rsp.r.id = mem_rid_i;
        mem_rsp.r.data = mem_rdata_i;
        mem_rsp.r.resp = mem_rresp_i;
        mem_rsp.r.last = mem_rlast_i;
    end

    assign dev_awready_o = dev_rsp.aw_ready;
    assign dev_wready_o = dev_rsp.w_ready;
    assign dev_bvalid_o = dev_rsp.b_valid;
    assign dev_bid_o = dev_rsp.b.id;
    assign dev_bresp_o = dev_rsp.b.resp;
    assign dev_arready_o = dev_rsp.ar_ready;
    assign dev_rvalid_o = dev_rsp.r_valid;
    assign dev_rid_o = dev_rsp.r.id;
    assign dev_rdata_o = dev_rsp.r.data;
    assign dev_rresp_o = dev_rsp.r.resp;
    assign dev_rlast_o = dev_rsp.r.last;

    assign mem_awvalid_o = mem_req.aw_valid;
    assign mem_awid_o = mem_req.aw.id;
    assign mem_awaddr_o = mem_req.aw.addr[55:0];
    assign mem_awlen_o = mem_req.aw.len;
    assign mem_awsize_o = mem_req.aw.size;
    assign mem_awburst_o = mem_req.aw.burst;
    assign mem_awlock_o = mem_req.aw.lock;
    assign mem_awcache_o = mem_req.aw.cache;
    assign mem_awprot_o = mem_req.aw.prot;
    assign mem_awqos_o = mem_req.aw.qos;
    assign mem_awpbmt_o = '0;  // memory type of the translation, where the IOMMU has Svpbmt
    assign mem_wvalid_o = mem_req.w_valid;
    assign mem_wdata_o = mem_req.w.data;
    assign mem_wstrb_o = mem_req.w.strb;
    assign mem_wlast_o = mem_req.w.last;
    assign mem_bready_o = mem_req.b_ready;
    assign mem_arvalid_o = mem_req.ar_valid;
    assign mem_arid_o = mem_req.ar.id;
    assign mem_araddr_o = mem_req.ar.addr[55:0];
    assign mem_arlen_o = mem_req.ar.len;
    assign mem_arsize_o = mem_req.ar.size;
    assign mem_arburst_o = mem_req.ar.burst;
    assign mem_arlock_o = mem_req.ar.lock;
    assign mem_arcache_o = mem_req.ar.cache;
    assign mem_arprot_o = mem_req.ar.prot;
    assign mem_arqos_o = mem_req.ar.qos;
    assign mem_arpbmt_o = '0;
    assign mem_rready_o = mem_req.r_ready;
