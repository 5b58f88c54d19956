// SPDX-License-Identifier: Apache-2.0

/// A bench of its own around an IOMMU with the ports of hdl/DEVICE.md: clock, memory, software and one device in plain
/// SystemVerilog. What it sees it tells lockstep by DPI-C, and lockstep says whether it is right.
///
/// Each cycle inputs are driven while the clock is low, outputs are sampled once they have settled, and the clock
/// rises.
module bench;
  import lockstep_pkg::*;

  localparam logic [63:0] Caps = 64'h0000_0C38_104E_CE10;
  localparam int Mem = 0;  // the two ports behind which memory is
  localparam int Ptw = 1;
  localparam longint unsigned Late = 5000;  // cycles

  `include "wires.svh"

  // ---- Memory: one read and one write at a time, on each port ----

  chandle oracle;
  longint unsigned now = 0, sampled[2];
  logic [63:0] memory[logic [63:0]];
  bit reading[2] = '{0, 0}, writing[2] = '{0, 0};
  int rd_beat[2], wr_beats[2];
  logic [63:0] wr_word[2][256];
  logic [7:0] wr_strb[2][256];
  string wr_text[2];

  function automatic logic [63:0] load(logic [63:0] addr);
    return memory.exists(addr >> 3) ? memory[addr >> 3] : 64'd0;
  endfunction

  // It is seen from the next cycle on, and told behind what led to it.
  function automatic void put(string agent, logic [63:0] addr, logic [63:0] value, logic [7:0] strb);
    logic [63:0] was, is;
    was = load(addr);
    for (int i = 0; i < 8; i++) is[8*i+:8] = strb[i] ? value[8*i+:8] : was[8*i+:8];
    memory[addr>>3] = is;
    void'(lockstep_pkg::store(oracle, agent, addr & ~64'd7, was, is));
  endfunction

  function automatic void set_up(logic [63:0] addr, logic [63:0] value);
    memory[addr>>3] = value;
    void'(held(oracle, addr, value));
  endfunction

  // Every burst here ascends.
  function automatic logic [63:0] beat_address(address_t a, int beat);
    return beat == 0 ? a.addr : ((a.addr >> a.size) + 64'(beat)) << a.size;
  endfunction

  function automatic void drive_memory(int p);
    arready[p] = !reading[p];
    awready[p] = !writing[p];
    wready[p]  = writing[p] && !bvalid[p];
    if (reading[p] && !rvalid[p]) begin
      rvalid[p]  = 1;
      rdata[p]   = load(beat_address(rd[p], rd_beat[p]));
      rlast[p]   = rd_beat[p] == int'(rd[p].len);
      sampled[p] = now;
    end
  endfunction

  function automatic void see_memory(int p);
    if (awvalid[p] && awready[p]) begin
      writing[p] = 1;
      wr[p] = aw[p];
      wr_beats[p] = 0;
      wr_text[p] = "";
      if (p == Mem) void'(mem_address(oracle, aw[p], aw_pbmt));
    end
    if (wvalid[p] && wready[p]) begin
      if (p == Mem) void'(mem_write_beat(oracle, wdata[p], wstrb[p], wlast[p]));
      wr_text[p] = {wr_text[p], wr_beats[p] == 0 ? "" : ",", $sformatf("0x%0h:0x%0h", wdata[p], wstrb[p])};
      wr_word[p][wr_beats[p]] = wdata[p];
      wr_strb[p][wr_beats[p]] = wstrb[p];
      wr_beats[p]++;
      if (p == Ptw && wlast[p]) void'(ptw_write(oracle, wr[p], ptw_atop, wr_text[p]));
    end
    if (arvalid[p] && arready[p]) begin
      reading[p] = 1;
      rd[p] = ar[p];
      rd_beat[p] = 0;
      if (p == Mem) void'(mem_address(oracle, ar[p], ar_pbmt));
      else void'(ptw_read_address(oracle, ar[p]));
    end
    if (bvalid[p] && bready[p]) begin
      if (p == Mem) void'(mem_write_response(oracle, wr[p].id, 0));
      else void'(ptw_write_response(oracle, wr[p].id, 0));
      writing[p] = 0;
    end
    if (rvalid[p] && rready[p]) begin
      if (p == Mem) void'(mem_read_beat(oracle, rd[p].id, rdata[p], 0, rlast[p]));
      else void'(ptw_read_beat(oracle, rd[p].id, beat_address(rd[p], rd_beat[p]), 1 << rd[p].size, rdata[p], 0,
                               sampled[p], rlast[p]));
      reading[p] = !rlast[p];
      rd_beat[p]++;
    end
  endfunction

  // ---- One cycle ----

  bit offered, answered, reg_answered, cpu_stores;
  longint tickets = 0;
  longint unsigned reg_accepted;
  logic [1:0] resp;
  logic [63:0] reg_value, cpu_addr, cpu_value;
  string read_text;
  int reg_bytes;

  function automatic void observe();
    if ((dev_awvalid || dev_arvalid) && !offered) begin
      offered = 1;
      void'(dma_offered(oracle, dev, who));
    end
    if ((dev_awvalid && dev_awready) || (dev_arvalid && dev_arready))
      void'(dma_accepted(oracle, tickets, dev, who, dev.write ? $sformatf("0x%0h", dev_wdata) : ""));
    see_memory(Mem);
    see_memory(Ptw);
    if ((reg_awvalid && reg_awready) || (reg_wvalid && reg_wready) || (reg_arvalid && reg_arready)) reg_accepted = now;
    if (reg_bvalid) void'(reg_write(oracle, reg_addr, reg_bytes, reg_value, reg_accepted));
    if (reg_rvalid) begin
      reg_value = reg_bytes == 8 ? reg_rdata : 64'(reg_addr[2] ? reg_rdata[63:32] : reg_rdata[31:0]);
      void'(reg_read(oracle, reg_addr, reg_bytes, reg_value, reg_accepted));
    end
    reg_answered = reg_bvalid || reg_rvalid;
    if (dev_rvalid) begin
      read_text = {read_text, read_text == "" ? "" : ",", $sformatf("0x%0h", dev_rdata)};
      if (dev_rresp > resp) resp = dev_rresp;
    end
    if (dev_bvalid) resp = dev_bresp;
    if (dev_bvalid || (dev_rvalid && dev_rlast)) begin
      answered = 1;
      void'(dma_done(oracle, tickets, resp, read_text));
      tickets++;
    end
    for (int p = 0; p < 2; p++)
      if (wvalid[p] && wready[p] && wlast[p]) begin
        for (int i = 0; i < wr_beats[p]; i++)
          put(p == Mem ? "dma" : "iommu", beat_address(wr[p], i), wr_word[p][i], wr_strb[p][i]);
      end
    if (cpu_stores) put("cpu", cpu_addr, cpu_value, 8'hFF);
    cpu_stores = 0;
    if (wsi != wsi_before) void'(wires(oracle, wsi));
    wsi_before = wsi;
  endfunction

  task automatic tick();
    bit [5:0] taken;
    bit b_taken[2], r_taken[2], w_last[2];
    drive_memory(Mem);
    drive_memory(Ptw);
    #1;
    taken = {dev_awready, dev_wready, dev_arready, reg_awready, reg_wready, reg_arready};
    for (int p = 0; p < 2; p++) begin
      b_taken[p] = bvalid[p] && bready[p];
      r_taken[p] = rvalid[p] && rready[p];
      w_last[p]  = wvalid[p] && wready[p] && wlast[p];
    end
    if (rst_n) observe();
    clk = 1;
    #1;
    clk = 0;
    // What was taken is withdrawn, and a write is answered.
    {dev_awvalid, dev_wvalid, dev_arvalid, reg_awvalid, reg_wvalid, reg_arvalid} &= ~taken;
    for (int p = 0; p < 2; p++) begin
      if (b_taken[p]) bvalid[p] = 0;
      if (r_taken[p]) rvalid[p] = 0;
      if (w_last[p]) bvalid[p] = 1;
    end
    if (rst_n) begin
      now++;
      if (lockstep_pkg::cycle(oracle, now) inside {Device, BadLine, Panic}) conclude();
    end
  endtask

  // ---- The device, and software ----

  task automatic dma(bit write, logic [63:0] iova, logic [63:0] data, logic [7:0] len);
    longint unsigned begun = now;
    dev = '{write: write, addr: iova, len: len, size: 3, burst: 1, cache: 3, default: 0};
    dev_wdata = data;
    {dev_awvalid, dev_wvalid, dev_arvalid} = {write, write, !write};
    {offered, answered, resp} = 0;
    read_text = "";
    while (!answered) begin
      tick();
      if (now - begun > Late) hung("a DMA transaction");
    end
  endtask

  task automatic access(bit write, logic [11:0] offset, int bytes, logic [63:0] value);
    longint unsigned begun = now;
    if (write) void'(reg_write_begun(oracle, offset, bytes, value));
    {reg_addr, reg_bytes, reg_value} = {offset, bytes, value};
    reg_wdata = value << (8 * offset[2:0]);
    reg_wstrb = bytes == 8 ? 8'hFF : 8'h0F << (offset & 4);
    {reg_awvalid, reg_wvalid, reg_arvalid} = {write, write, !write};
    reg_answered = 0;
    while (!reg_answered) begin
      tick();
      if (now - begun > Late) hung("a register access");
    end
  endtask

  task automatic cpu_store(logic [63:0] addr, logic [63:0] value);
    {cpu_stores, cpu_addr, cpu_value} = {1'b1, addr, value};
    tick();
  endtask

  string known;
  int    tail = 0;

  // Two doublewords into the command queue, which begins at 0x5000
  task automatic command(logic [63:0] first, logic [63:0] second);
    cpu_store(64'h5000 + 64'(16 * tail), first);
    cpu_store(64'h5008 + 64'(16 * tail), second);
    tail++;
    access(1, 36, 4, 64'(tail));
  endtask

  task automatic hung(string what);
    $display("HUNG: %s is not answered\n%s", what, lockstep_text(oracle, TextWaiting));
    $fatal;
  endtask

  task automatic conclude();
    int verdict = lockstep_finish(oracle);
    if (verdict < 0) $display("lockstep: %s", lockstep_text(oracle, TextError));
    if (verdict > 0) $display("%s", lockstep_text(oracle, TextEvidence));
    $write("%s", lockstep_text(oracle, TextWaived));
    $display("figures %s", lockstep_text(oracle, TextFigures));
    $display("verdict %0d %s", verdict, lockstep_text(oracle, TextRule));
    lockstep_close(oracle);
    $finish;
  endtask

  localparam logic [63:0] Page = 64'h4000, Fence = 64'h8000;

  initial begin
    oracle = lockstep_open($sformatf("device caps=0x%0h version=20260222 choices=%s", Caps, {"output-width-checked:0,",
        "context-addresses-checked:0,msi-needs-second-stage:1,gxl-writable:0,port-error-is-corruption:0"}));
    if (oracle == null) $fatal(1, "%s", lockstep_text(null, TextError));
    // +waivers=FILE: what is known of the RTL
    if ($value$plusargs("waivers=%s", known) && lockstep_waive_file(oracle, known) < 0)
      $fatal(1, "%s", lockstep_text(oracle, TextError));
    who = '{device: 1, default: 0};
    // Directory at 0x1000: device 1 has an Sv39 first stage at 0x2000 with PSCID 7
    set_up('h1040, 1);
    set_up('h1050, 7 << 12);
    set_up('h1058, 64'h8000_0000_0000_0002);
    set_up('h2000, 'h3 << 10 | 1);
    set_up('h3000, 'h4 << 10 | 1);
    set_up(Page + 0, 'h80 << 10 | 'hD7);               // readable and writable
    set_up(Page + 8, 'h81 << 10 | 'h53);               // readable
    set_up(Page + 16, 64'd1 << 54 | 'h82 << 10 | 'hD7);  // a reserved bit
    set_up(Page + 24, 'h83 << 10 | 'h57);              // not dirty
    set_up('h80000, 64'h1122_3344_5566_7788);
    repeat (4) tick();
    rst_n = 1;
    tick();
    access(0, 0, 8, 0);              // capabilities
    access(0, 8, 4, 0);              // fctl, and icvec: without them wires are not judged
    access(0, 760, 8, 0);
    access(1, 24, 8, 'h5 << 10 | 3);   // cqb: 16 commands
    access(1, 40, 8, 'h6 << 10 | 3);   // fqb: 16 records
    access(1, 72, 4, 1);             // cqcsr
    access(1, 76, 4, 3);             // fqcsr, with its interrupt
    while (reg_value[16] !== 1) access(0, 76, 4, 0);
    access(1, 16, 8, 'h1 << 10 | 2);   // ddtp: one level
    while (reg_value[4] !== 0) access(0, 16, 8, 0);

    dma(0, 'h0000, 0, 3);
    dma(1, 'h0000, 64'hFEED, 0);
    dma(0, 'h0000, 0, 0);
    for (int page = 1; page < 5; page++) begin
      dma(0, 64'(page) << 12, 0, 0);
      dma(1, 64'(page) << 12, 64'hF00D, 0);
    end

    // Page 0 moves: once this has returned nobody uses the old one.
    void'(operation_begun(oracle, "move page 0", "effective"));
    cpu_store(Page, 'h84 << 10 | 'hD7);
    command(64'h1_0000_7401, 0);                   // IOTINVAL.VMA, PSCID 7, address 0
    command(64'h5EED_0000_3402, Fence >> 2);       // IOFENCE.C, which stores
    while (load(Fence) != 'h5EED) begin
      tick();
      if (lockstep_waited(oracle, WaitCommand, now) > Late) hung("a fence");
    end
    void'(operation_ended(oracle, 1));
    dma(0, 'h0000, 0, 0);

    repeat (256) tick();
    access(0, 32, 4, 0);
    access(0, 52, 4, 0);
    access(0, 72, 4, 0);
    access(0, 76, 4, 0);
    access(0, 84, 4, 0);
    repeat (300) tick();
    void'(rest(oracle));
    conclude();
  end
endmodule
