// SPDX-License-Identifier: Apache-2.0
    // Registers over APB with 32 bits: a doubleword is two accesses, the lower half first.
    wire        apb_pready;
    wire [31:0] apb_prdata;
    wire        apb_pslverr;
    logic       apb_psel;
    logic       apb_penable;
    logic       apb_pwrite;
    logic [11:0] apb_paddr;
    logic [31:0] apb_pwdata;

    typedef enum logic [1:0] { IDLE, LOWER, UPPER, DONE } apb_state_e;
    apb_state_e apb_state;
    logic        apb_is_write;
    logic        apb_error;
    logic [63:0] apb_data;
    wire apb_does_lower = ~apb_is_write | |reg_wstrb_i[3:0];
    wire apb_does_upper = ~apb_is_write | |reg_wstrb_i[7:4];
    wire apb_does = apb_state == LOWER ? apb_does_lower : apb_does_upper;
    wire apb_ends = ~apb_does | (apb_penable & apb_pready);

    assign apb_psel = (apb_state == LOWER | apb_state == UPPER) & apb_does;
    assign apb_pwrite = apb_is_write;
    assign apb_paddr = {apb_is_write ? reg_awaddr_i[11:3] : reg_araddr_i[11:3], apb_state == UPPER, 2'b00};
    assign apb_pwdata = apb_state == UPPER ? reg_wdata_i[63:32] : reg_wdata_i[31:0];

    always_ff @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) begin
            apb_state <= IDLE;
            apb_penable <= 1'b0;
            apb_is_write <= 1'b0;
            apb_error <= 1'b0;
            apb_data <= '0;
        end else begin
            apb_penable <= apb_psel & ~apb_ends;
            unique case (apb_state)
                IDLE: begin
                    apb_error <= 1'b0;
                    apb_is_write <= reg_awvalid_i & reg_wvalid_i;
                    if ((reg_awvalid_i & reg_wvalid_i) | reg_arvalid_i) apb_state <= LOWER;
                end
                LOWER: if (apb_ends) begin
                    if (apb_does) {apb_error, apb_data[31:0]} <= {apb_error | apb_pslverr, apb_prdata};
                    apb_state <= UPPER;
                end
                UPPER: if (apb_ends) begin
                    if (apb_does) {apb_error, apb_data[63:32]} <= {apb_error | apb_pslverr, apb_prdata};
                    apb_state <= DONE;
                end
                default: if (apb_is_write ? reg_bready_i : reg_rready_i) apb_state <= IDLE;
            endcase
        end
    end
    // An address and its data are taken once the second access is done.
    wire apb_taken = apb_state == UPPER & apb_ends;
    assign reg_awready_o = apb_taken & apb_is_write;
    assign reg_wready_o = apb_taken & apb_is_write;
    assign reg_bvalid_o = apb_state == DONE & apb_is_write;
    assign reg_bresp_o = {apb_error, 1'b0};
    assign reg_arready_o = apb_taken & ~apb_is_write;
    assign reg_rvalid_o = apb_state == DONE & ~apb_is_write;
    assign reg_rdata_o = apb_data;
    assign reg_rresp_o = {apb_error, 1'b0};
