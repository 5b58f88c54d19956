# SPDX-License-Identifier: Apache-2.0
"""A bench around an IOMMU with the ports of hdl/DEVICE.md, in Python: cocotb drives the wires, lockstep judges them.

The same machine as examples/sv: each cycle inputs are driven while the clock is low, outputs are sampled once they have
settled, and the clock rises.
"""

import json

import cocotb
from cocotb.triggers import Timer
from lockstep import CLEAN, COMMAND, DEVICE, Oracle
from port import Port

CAPS = 0x0000_0C38_104E_CE10
CHOICES = (
    "output-width-checked:0,context-addresses-checked:0,msi-needs-second-stage:1,gxl-writable:0,"
    "port-error-is-corruption:0"
)
LATE = 5000  # cycles
QUEUE, RECORDS, PAGES, FENCE = 0x5000, 0x6000, 0x4000, 0x8000


class Done(Exception):
    """The verdict is there."""


class Bench:
    """Clock, memory, one device and software."""

    def __init__(self, dut):
        self.dut, self.now, self.memory, self.stores = dut, 0, {}, []
        self.signals, self.wsi, self.tickets = {}, 0, 0
        self.request = self.register = self.cpu = None
        self.oracle = Oracle(caps=CAPS, version="20260222", choices=CHOICES)
        self.mem, self.ptw = Port(self, "mem"), Port(self, "ptw")
        for signal in dut:
            if signal._name.endswith("_i"):
                signal.value = 0

    def get(self, name):
        return int(getattr(self.dut, name).value)

    def set(self, name, value):
        getattr(self.dut, name).value = value

    # Memory

    def load(self, addr):
        return self.memory.get(addr & ~7, 0)

    def held(self, addr, value):
        self.memory[addr] = value
        self.oracle.tell("held", addr=addr, value=value)

    def put(self, agent, addr, value, strobes=0xFF):
        """It is read from the next cycle on, and told behind what led to it."""
        mask = sum(0xFF << 8 * lane for lane in range(8) if strobes >> lane & 1)
        old = self.load(addr)
        self.memory[addr & ~7] = old & ~mask | value & mask
        self.stores.append({"agent": agent, "addr": addr & ~7, "old": old, "new": self.load(addr)})

    # A cycle

    async def tick(self):
        self.mem.drive()
        self.ptw.drive()
        await Timer(1, "ns")
        if self.get("rst_ni"):
            taken = self.observe()
        else:
            taken = []
        self.set("clk_i", 1)
        await Timer(1, "ns")
        self.set("clk_i", 0)
        for valid in taken:
            self.set(valid, 0)
        if self.get("rst_ni"):
            self.now += 1
            if self.oracle.cycle(self.now) == DEVICE:
                raise Done

    def observe(self):
        tell, taken = self.oracle.tell, []
        for channel in ("dev_aw", "dev_w", "dev_ar", "reg_aw", "reg_w", "reg_ar"):
            if self.get(f"{channel}valid_i") and self.get(f"{channel}ready_o"):
                taken.append(f"{channel}valid_i")
        if self.request and not self.request["offered"]:
            self.request["offered"] = True
            tell("dma-offered", **self.request["fields"])
        if "dev_awvalid_i" in taken or "dev_arvalid_i" in taken:
            self.request["accepted"] = True
            tell("dma-accepted", ticket=self.tickets, **self.request["fields"])
        if "dev_wvalid_i" in taken:
            self.request["arrived"] = True
        # Data may go ahead of their address.
        if self.request and self.request["accepted"] and self.request.pop("arrived", False):
            tell("dma-write-beat", data=self.request["data"], strb=0xFF, last=1)
        self.mem.observe()
        self.ptw.observe()
        self.observe_register(taken)
        self.observe_answer()
        if self.cpu:
            self.put("cpu", *self.cpu)
            self.cpu = None
        for store in self.stores:
            tell("store", **store)
        self.stores.clear()
        if self.get("wsi_o") != self.wsi:
            self.wsi = self.get("wsi_o")
            tell("wires", wsi=self.wsi)
        return taken

    def observe_register(self, taken):
        access = self.register
        if any(channel.startswith("reg_") for channel in taken):
            access["accepted"] = self.now
        if self.get("reg_bvalid_o"):
            self.oracle.tell("reg-write", **access)
            self.register = None
        if self.get("reg_rvalid_o"):
            access["value"] = self.get("reg_rdata_o") >> 8 * (access["offset"] & 7) & (1 << 8 * access["bytes"]) - 1
            self.read_value = access["value"]
            self.oracle.tell("reg-read", **access)
            self.register = None

    def observe_answer(self):
        request, done = self.request, self.get("dev_bvalid_o")
        if done:
            request["resp"] = self.get("dev_bresp_o")
        if self.get("dev_rvalid_o"):
            request["resp"] = max(request["resp"], self.get("dev_rresp_o"))
            request["words"].append(self.get("dev_rdata_o"))
            done = self.get("dev_rlast_o")
        if done:
            self.oracle.tell("dma-done", ticket=self.tickets, resp=request["resp"], data=request["words"] or None)
            self.tickets, self.request = self.tickets + 1, None

    async def until(self, what, finished):
        begun = self.now
        while not finished():
            await self.tick()
            waited = max(self.now - begun, self.oracle.waited(COMMAND, self.now))
            assert waited < LATE, f"{what} is not answered\n{self.oracle.waiting}"

    # What a device and software do

    async def dma(self, iova, write=None, beats=1):
        channel = "ar" if write is None else "aw"
        burst = {"id": 5, "len": beats - 1, "size": 3, "burst": 1, "cache": 3, "qos": 2}
        fields = {"dir": "read" if write is None else "write", "iova": iova, "device": 1, **burst}
        self.request = {"fields": fields, "data": write, "offered": False, "accepted": False, "resp": 0, "words": []}
        for key, value in {**burst, "addr": iova, "mmusid": 1, "valid": 1}.items():
            self.set(f"dev_{channel}{key}_i", value)
        if write is not None:
            for key, value in {"data": write, "strb": 0xFF, "last": 1, "valid": 1}.items():
                self.set(f"dev_w{key}_i", value)
        await self.until("a DMA transaction", lambda: self.request is None)

    async def write_register(self, offset, size, value):
        self.register = {"offset": offset, "bytes": size, "value": value}
        self.oracle.tell("reg-write-begun", **self.register)
        self.set("reg_awaddr_i", offset)
        self.set("reg_wdata_i", value << 8 * (offset & 7))
        self.set("reg_wstrb_i", 0xFF if size == 8 else 0x0F << (offset & 4))
        self.set("reg_awvalid_i", 1)
        self.set("reg_wvalid_i", 1)
        await self.until("a register write", lambda: self.register is None)

    async def read_register(self, offset, size):
        self.register = {"offset": offset, "bytes": size}
        self.set("reg_araddr_i", offset)
        self.set("reg_arvalid_i", 1)
        await self.until("a register read", lambda: self.register is None)
        return self.read_value

    async def store(self, addr, value):
        self.cpu = (addr, value)
        await self.tick()

    async def command(self, number, first, second):
        await self.store(QUEUE + 16 * number, first)
        await self.store(QUEUE + 16 * number + 8, second)
        await self.write_register(36, 4, number + 1)


async def play(bench):
    """Programs the IOMMU, lets the device read and write, and moves a page under it."""
    # Directory at 0x1000: device 1 has an Sv39 first stage at 0x2000 with PSCID 7.
    tables = {0x1040: 1, 0x1050: 7 << 12, 0x1058: 8 << 60 | 2, 0x2000: 3 << 10 | 1, 0x3000: 4 << 10 | 1}
    readable, reserved, clean = 0x81 << 10 | 0x53, 1 << 54 | 0x82 << 10 | 0xD7, 0x83 << 10 | 0x57
    pages = {PAGES: 0x80 << 10 | 0xD7, PAGES + 8: readable, PAGES + 16: reserved, PAGES + 24: clean}
    for addr, value in {**tables, **pages, 0x80000: 0x1122_3344_5566_7788}.items():
        bench.held(addr, value)
    for _ in range(4):
        await bench.tick()
    for signal in ("dev_bready_i", "dev_rready_i", "reg_bready_i", "reg_rready_i"):
        bench.set(signal, 1)
    bench.set("caps_i", CAPS)
    bench.set("rst_ni", 1)
    await Timer(1, "ps")
    await bench.tick()
    await bench.read_register(0, 8)
    await bench.read_register(8, 4)  # fctl, and icvec: without them wires are not judged
    await bench.read_register(760, 8)
    await bench.write_register(24, 8, QUEUE >> 12 << 10 | 3)
    await bench.write_register(40, 8, RECORDS >> 12 << 10 | 3)
    await bench.write_register(72, 4, 1)
    await bench.write_register(76, 4, 3)  # with its interrupt
    while not await bench.read_register(76, 4) >> 16 & 1:
        pass
    await bench.write_register(16, 8, 1 << 10 | 2)
    while await bench.read_register(16, 8) >> 4 & 1:
        pass

    await bench.dma(0, beats=4)
    await bench.dma(0, write=0xFEED)
    await bench.dma(0)
    for page in range(1, 5):
        await bench.dma(page << 12)
        await bench.dma(page << 12, write=0xF00D)

    # Page 0 moves: once this has returned nobody uses the old one.
    bench.oracle.tell("operation-begun", name="move page 0", promise="effective")
    await bench.store(PAGES, 0x84 << 10 | 0xD7)
    await bench.command(0, 0x1_0000_7401, 0)  # IOTINVAL.VMA, PSCID 7, address 0
    await bench.command(1, 0x5EED_0000_3402, FENCE >> 2)  # IOFENCE.C, which stores
    await bench.until("a fence", lambda: bench.load(FENCE) == 0x5EED)
    bench.oracle.tell("operation-ended", done=1)
    await bench.dma(0)

    for _ in range(256):
        await bench.tick()
    for register in (32, 52, 72, 76, 84):
        await bench.read_register(register, 4)
    for _ in range(300):
        await bench.tick()
    bench.oracle.tell("rest")


@cocotb.test()
async def moves_a_page(dut):
    bench = Bench(dut)
    try:
        await play(bench)
    except Done:
        pass
    verdict = bench.oracle.finish()
    if verdict != CLEAN:
        print(bench.oracle.evidence)
    print("figures", json.dumps(bench.oracle.figures))
    print("verdict", verdict, bench.oracle.rule, flush=True)
    bench.oracle.close()
    assert verdict == CLEAN
