// SPDX-License-Identifier: Apache-2.0
/// Register offsets, the shape of a queue base register, and what this RTL supports.
///
/// Section names are those of the chapter "Memory-mapped register interface".
package iommu_reg_pkg;

  import iommu_pkg::*;

  // Byte offsets of the doublewords that hold registers (section "Register layout"). 4-byte
  // registers share one: the first named is the low half.
  localparam logic [11:0] OffCapabilities = 12'd0;
  localparam logic [11:0] OffFctl         = 12'd8;
  localparam logic [11:0] OffDdtp         = 12'd16;
  localparam logic [11:0] OffCqb          = 12'd24;
  localparam logic [11:0] OffCqhCqt       = 12'd32;
  localparam logic [11:0] OffFqb          = 12'd40;
  localparam logic [11:0] OffFqhFqt       = 12'd48;
  localparam logic [11:0] OffCqcsrFqcsr   = 12'd72;
  localparam logic [11:0] OffPqcsrIpsr    = 12'd80;
  localparam logic [11:0] OffIcvec        = 12'd760;

  // Bits of cqcsr and fqcsr (bits 11:8 form the queue's status field).
  localparam int unsigned StatusMf     = 0;  // cqmf, fqmf
  localparam int unsigned StatusFqof   = 1;
  localparam int unsigned StatusCmdTo  = 1;
  localparam int unsigned StatusCmdIll = 2;
  localparam int unsigned StatusFenceW = 3;

  // Bits of ipsr.
  localparam int unsigned IpCip = 0;
  localparam int unsigned IpFip = 1;

  /// cqb and fqb without their reserved bits.
  typedef struct packed {
    logic [43:0] ppn;
    logic [4:0]  log2szm1;  // log2 of the number of entries, minus 1
  } queue_base_t;

  localparam logic [1:0] IgsWsi = 2'd1;
  localparam logic [5:0] PasMax = 6'd56;

  /// Capabilities that this RTL implements. IGS and PAS are handled by `supported_caps`.
  localparam logic [63:0] CapsMask =
      64'hFF
      | (64'd1 << CapSv39) | (64'd1 << CapSv48) | (64'd1 << CapSv57)
      | (64'd1 << CapSvrsw) | (64'd1 << CapSvpbmt)
      | (64'd1 << CapSv39x4) | (64'd1 << CapSv48x4) | (64'd1 << CapSv57x4)
      | (64'd1 << CapMsiFlat)  // the extended format of a device context
      | (64'd1 << CapNl) | (64'd1 << CapS)
      | (64'h3F << CapPasLsb);

  /// What the capabilities register holds for a strap value: the intersection with what is
  /// implemented. Interrupts are wires and nothing else, whatever the strap asks for, since
  /// every IOMMU has one way at least. A physical address has 56 bits at most.
  function automatic logic [63:0] supported_caps(input logic [63:0] strap);
    logic [63:0] caps;
    caps = strap & CapsMask;
    caps[CapIgsLsb+:2] = IgsWsi;
    if (strap[CapPasLsb+:6] > PasMax) caps[CapPasLsb+:6] = PasMax;
    return caps;
  endfunction

  /// Whether a byte address lies outside the physical address space.
  function automatic logic beyond_pas(input logic [63:0] addr, input logic [5:0] pas);
    return (addr >> pas) != 64'd0;
  endfunction

  /// The writable bits of an index into a queue.
  function automatic logic [31:0] index_mask(input logic [4:0] log2szm1);
    return 32'hFFFF_FFFF >> (5'd31 - log2szm1);
  endfunction

endpackage
