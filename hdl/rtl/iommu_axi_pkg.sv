// SPDX-License-Identifier: Apache-2.0
/// AXI channel payloads of the four bus ports, as packed structs (all data buses are 64 bits wide),
/// and the checks that a DMA burst has to pass before it may be translated.
package iommu_axi_pkg;

  localparam int unsigned IdWidth = 8;

  // AxBURST
  localparam logic [1:0] BurstFixed = 2'b00;
  localparam logic [1:0] BurstIncr  = 2'b01;
  localparam logic [1:0] BurstWrap  = 2'b10;

  // xRESP
  localparam logic [1:0] RespOkay   = 2'b00;
  localparam logic [1:0] RespSlvErr = 2'b10;

  /// Address channel of `dev_*`: an untranslated (or ATS-translated) request of a device.
  typedef struct packed {
    logic [IdWidth-1:0] id;
    logic [63:0]        addr;
    logic [7:0]         len;
    logic [2:0]         size;
    logic [1:0]         burst;
    logic               lock;
    logic [3:0]         cache;
    logic [2:0]         prot;
    logic [3:0]         qos;
    logic [23:0]        mmusid;    // device_id
    logic               mmussidv;  // process_id is valid
    logic [19:0]        mmussid;   // process_id
    logic               mmuatst;   // address is already translated
  } dev_ax_t;

  /// Address channel of `mem_*`: a translated request.
  typedef struct packed {
    logic [IdWidth-1:0] id;
    logic [55:0]        addr;
    logic [7:0]         len;
    logic [2:0]         size;
    logic [1:0]         burst;
    logic               lock;
    logic [3:0]         cache;
    logic [2:0]         prot;
    logic [3:0]         qos;
    logic [1:0]         pbmt;      // Svpbmt memory type of the translation
  } mem_ax_t;

  /// Address channel of `ptw_*`: an access of the IOMMU itself.
  typedef struct packed {
    logic [IdWidth-1:0] id;
    logic [55:0]        addr;
    logic [7:0]         len;
    logic [2:0]         size;
  } ptw_ax_t;

  typedef struct packed {
    logic [63:0] data;
    logic [7:0]  strb;
    logic        last;
  } w_t;

  typedef struct packed {
    logic [IdWidth-1:0] id;
    logic [1:0]         resp;
  } b_t;

  typedef struct packed {
    logic [IdWidth-1:0] id;
    logic [63:0]        data;
    logic [1:0]         resp;
    logic               last;
  } r_t;

  // Identifiers on `ptw_*`. The translation half owns 0 to 7, one a read tag.
  localparam logic [IdWidth-1:0] PtwIdCommandQueue = 8'd8;
  localparam logic [IdWidth-1:0] PtwIdFaultQueue   = 8'd9;

  /// Whether a burst touches one 4 KiB page only and has a shape that AXI4 allows on a 64-bit bus.
  /// A translation holds for one page, so a burst that runs out of it must never be passed on,
  /// however broken or hostile the device that sent it.
  function automatic logic burst_ok(input logic [11:0] offset, input logic [7:0] len,
                                    input logic [2:0] size, input logic [1:0] burst);
    logic [11:0] first;
    logic [12:0] bytes;
    logic        wrap_len_ok;
    first       = offset & ~((12'd1 << size) - 12'd1);
    bytes       = ({5'd0, len} + 13'd1) << size;
    wrap_len_ok = len inside {8'd1, 8'd3, 8'd7, 8'd15};
    if (size > 3'd3) return 1'b0;
    unique case (burst)
      BurstFixed: return len < 8'd16;
      BurstIncr:  return bytes <= 13'd4096 - {1'b0, first};
      BurstWrap:  return wrap_len_ok && (first == offset);
      default:    return 1'b0;
    endcase
  endfunction

endpackage
