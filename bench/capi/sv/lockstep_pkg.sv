// SPDX-License-Identifier: Apache-2.0

/// lockstep from SystemVerilog, by DPI-C: link liblockstep and import this package.
///
/// A bench opens an oracle, tells it each cycle what it saw, and asks for the verdict. Functions that are imported are
/// those of include/lockstep.h; the others write a line of the trace format (docs/trace.md) and push it. A field that
/// is 0 may be left out of a line, and an event for which there is no function here is pushed as text.
package lockstep_pkg;

  // Verdicts, and errors
  localparam int Clean      = 0;
  localparam int Device     = 1;
  localparam int Software   = 2;
  localparam int Argument   = -1;
  localparam int BadLine    = -2;
  localparam int Panic      = -3;
  localparam int BadWaivers = -4;

  // Texts
  localparam int TextRule        = 0;
  localparam int TextEvidence    = 1;
  localparam int TextFinding     = 2;
  localparam int TextFigures     = 3;
  localparam int TextWaiting     = 4;
  localparam int TextError       = 5;
  localparam int TextWaived      = 6;
  localparam int TextWaivers     = 7;
  localparam int TextDivergences = 8;

  // What may wait
  localparam int WaitOffer   = 0;
  localparam int WaitAnswer  = 1;
  localparam int WaitCommand = 2;

  import "DPI-C" function string lockstep_version();
  import "DPI-C" function int lockstep_trace_version();
  import "DPI-C" function chandle lockstep_open(input string device);
  import "DPI-C" function int lockstep_waive(input chandle oracle, input string text);
  import "DPI-C" function int lockstep_waive_file(input chandle oracle, input string path);
  import "DPI-C" function int lockstep_keep_going(input chandle oracle, input int unsigned kinds);
  import "DPI-C" function int lockstep_push(input chandle oracle, input string line);
  import "DPI-C" function int lockstep_finish(input chandle oracle);
  import "DPI-C" function int lockstep_verdict(input chandle oracle);
  import "DPI-C" function int lockstep_is_over(input chandle oracle);
  import "DPI-C" function longint lockstep_waived(input chandle oracle, input int unsigned line);
  import "DPI-C" function int lockstep_reset(input chandle oracle);
  import "DPI-C" function string lockstep_text(input chandle oracle, input int which);
  import "DPI-C" function longint lockstep_figure(input chandle oracle, input string name);
  import "DPI-C" function longint lockstep_waited(input chandle oracle, input int which, input longint unsigned now);
  import "DPI-C" function void lockstep_close(input chandle oracle);

  /// The address part of an AXI burst.
  typedef struct packed {
    logic        write;
    logic [7:0]  id;
    logic [63:0] addr;
    logic [7:0]  len;
    logic [2:0]  size;
    logic [1:0]  burst;
    logic        lock;
    logic [3:0]  cache;
    logic [2:0]  prot;
    logic [3:0]  qos;
  } address_t;

  /// Whose DMA it is: the sidebands of dev_*.
  typedef struct packed {
    logic [23:0] device;
    logic        has_process;
    logic [19:0] process;
    logic        translated;
  } requester_t;

  function automatic string shape(address_t a);
    return $sformatf("id=%0d len=%0d size=%0d burst=%0d", a.id, a.len, a.size, a.burst);
  endfunction

  function automatic string direction(address_t a);
    return a.write ? "write" : "read";
  endfunction

  function automatic string attributes(address_t a);
    return $sformatf("lock=%0d cache=%0d qos=%0d", a.lock, a.cache, a.qos);
  endfunction

  function automatic string request(address_t a, requester_t r);
    string process = r.has_process ? $sformatf(" process=%0d", r.process) : "";
    return $sformatf("dir=%s iova=0x%0h %s device=%0d%s privileged=%0d instruction=%0d translated=%0d %s",
                     direction(a), a.addr, shape(a), r.device, process, a.prot[0], a.prot[2], r.translated,
                     attributes(a));
  endfunction

  /// The lines below are of this cycle.
  function automatic int cycle(chandle o, longint unsigned now);
    return lockstep_push(o, $sformatf("@%0d", now));
  endfunction

  // ---- Software, told when it begins ----

  /// Memory holds this from the beginning.
  function automatic int held(chandle o, logic [63:0] addr, logic [63:0] value);
    return lockstep_push(o, $sformatf("held addr=0x%0h value=0x%0h", addr, value));
  endfunction

  function automatic int reg_write_begun(chandle o, logic [11:0] offset, int bytes, logic [63:0] value);
    return lockstep_push(o, $sformatf("reg-write-begun offset=0x%0h bytes=%0d value=0x%0h", offset, bytes, value));
  endfunction

  /// `promise` is nothing, effective, whole or hitless.
  function automatic int operation_begun(chandle o, string name, string promise);
    return lockstep_push(o, $sformatf("operation-begun name=\"%s\" promise=%s", name, promise));
  endfunction

  function automatic int operation_ended(chandle o, bit done);
    return lockstep_push(o, $sformatf("operation-ended done=%0d", done));
  endfunction

  // ---- dev_* ----

  function automatic int dma_offered(chandle o, address_t a, requester_t r);
    return lockstep_push(o, $sformatf("dma-offered %s", request(a, r)));
  endfunction

  /// `data` is the write data, `0x12:0xff,…`: words and strobes; empty for a read, and where dma_write_beat tells them.
  /// `ticket` counts from 0.
  function automatic int dma_accepted(chandle o, longint ticket, address_t a, requester_t r, string data);
    string words = data == "" ? "" : {" data=", data};
    return lockstep_push(o, $sformatf("dma-accepted ticket=%0d %s%s", ticket, request(a, r), words));
  endfunction

  /// Behind the acceptance of its AW.
  function automatic int dma_write_beat(chandle o, logic [63:0] data, logic [7:0] strb, logic last);
    return lockstep_push(o, $sformatf("dma-write-beat data=0x%0h strb=0x%0h last=%0d", data, strb, last));
  endfunction

  /// `data` is the read data, `0x12,0x34`; empty for a write.
  function automatic int dma_done(chandle o, longint ticket, logic [1:0] resp, string data);
    string words = data == "" ? "" : {" data=", data};
    return lockstep_push(o, $sformatf("dma-done ticket=%0d resp=%0d%s", ticket, resp, words));
  endfunction

  // ---- mem_* ----

  function automatic int mem_address(chandle o, address_t a, logic [1:0] pbmt);
    return lockstep_push(o, $sformatf("mem-address dir=%s addr=0x%0h %s pbmt=%0d prot=%0d %s", direction(a), a.addr,
                                      shape(a), pbmt, a.prot, attributes(a)));
  endfunction

  function automatic int mem_write_beat(chandle o, logic [63:0] data, logic [7:0] strb, logic last);
    return lockstep_push(o, $sformatf("mem-write-beat data=0x%0h strb=0x%0h last=%0d", data, strb, last));
  endfunction

  function automatic int mem_read_beat(chandle o, logic [7:0] id, logic [63:0] data, logic [1:0] resp, logic last);
    return lockstep_push(o, $sformatf("mem-read-beat id=%0d data=0x%0h resp=%0d last=%0d", id, data, resp, last));
  endfunction

  function automatic int mem_write_response(chandle o, logic [7:0] id, logic [1:0] resp);
    return lockstep_push(o, $sformatf("mem-write-response id=%0d resp=%0d", id, resp));
  endfunction

  // ---- ptw_* ----

  function automatic int ptw_read_address(chandle o, address_t a);
    return lockstep_push(o, $sformatf("ptw-read-address addr=0x%0h %s", a.addr, shape(a)));
  endfunction

  /// `addr` is that of this beat, aligned to `bytes`; `sampled` is the cycle in which memory was read.
  function automatic int ptw_read_beat(chandle o, logic [7:0] id, logic [63:0] addr, int bytes, logic [63:0] data,
                                       logic [1:0] resp, longint unsigned sampled, logic last);
    return lockstep_push(o, $sformatf("ptw-read-beat id=%0d addr=0x%0h bytes=%0d data=0x%0h resp=%0d sampled=%0d %s",
                                      id, addr, bytes, data, resp, sampled, last ? "last=1" : ""));
  endfunction

  /// A whole write: AW and all of its W beats are there. `data` as for dma_accepted.
  function automatic int ptw_write(chandle o, address_t a, logic [5:0] atop, string data);
    return lockstep_push(o, $sformatf("ptw-write addr=0x%0h %s atop=0x%0h data=%s", a.addr, shape(a), atop, data));
  endfunction

  function automatic int ptw_write_response(chandle o, logic [7:0] id, logic [1:0] resp);
    return lockstep_push(o, $sformatf("ptw-write-response id=%0d resp=%0d", id, resp));
  endfunction

  // ---- reg_*, memory, wires ----

  function automatic int reg_write(chandle o, logic [11:0] offset, int bytes, logic [63:0] value,
                                   longint unsigned accepted);
    return lockstep_push(o, $sformatf("reg-write offset=0x%0h bytes=%0d value=0x%0h accepted=%0d", offset, bytes, value,
                                      accepted));
  endfunction

  function automatic int reg_read(chandle o, logic [11:0] offset, int bytes, logic [63:0] value,
                                  longint unsigned accepted);
    return lockstep_push(o, $sformatf("reg-read offset=0x%0h bytes=%0d value=0x%0h accepted=%0d", offset, bytes, value,
                                      accepted));
  endfunction

  /// A doubleword of memory changed. `agent` is cpu, dma or iommu.
  function automatic int store(chandle o, string agent, logic [63:0] addr, logic [63:0] was, logic [63:0] is);
    return lockstep_push(o, $sformatf("store agent=%s addr=0x%0h old=0x%0h new=0x%0h", agent, addr, was, is));
  endfunction

  function automatic int wires(chandle o, logic [15:0] wsi);
    return lockstep_push(o, $sformatf("wires wsi=0x%0h", wsi));
  endfunction

  /// Nothing is under way any more, and nothing more will come: whatever is owed must have been paid.
  function automatic int rest(chandle o);
    return lockstep_push(o, "rest");
  endfunction

endpackage
