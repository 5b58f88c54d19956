# SPDX-License-Identifier: Apache-2.0
"""Memory as the IOMMU sees it: the subordinate behind an AXI4 port."""


class Port:
    """Memory behind mem_* or ptw_*: one read and one write at a time."""

    def __init__(self, bench, name):
        self.bench, self.name = bench, name
        self.read = self.write = None
        self.shown = self.answering = False

    def get(self, signal):
        return self.bench.get(f"{self.name}_{signal}_o")

    def drive(self):
        if self.read and not self.shown:
            self.data = self.bench.load(self.address(self.read, self.beat))
            self.sampled, self.shown = self.bench.now, True
        read, write = self.read or {}, self.write or {}
        self.last = self.read is not None and self.beat == read["len"]
        values = {"arready": not self.read, "awready": not self.write}
        values |= {"wready": bool(self.write) and not self.answering}
        values |= {"rvalid": self.shown, "rid": read.get("id", 0), "rlast": self.last}
        values |= {"rdata": self.data if self.shown else 0}
        values |= {"bvalid": self.answering, "bid": write.get("id", 0), "rresp": 0, "bresp": 0}
        self.driven = {signal: int(value) for signal, value in values.items()}
        for signal, value in self.driven.items():
            self.bench.set(f"{self.name}_{signal}_i", value)

    @staticmethod
    def address(burst, beat):
        """Every burst here ascends."""
        return burst["addr"] if beat == 0 else ((burst["addr"] >> burst["size"]) + beat) << burst["size"]

    def burst(self, channel):
        return {key: self.get(channel + key) for key in ("id", "addr", "len", "size", "burst")}

    def attributes(self, channel):
        return {key: self.get(channel + key) for key in ("lock", "cache", "qos")}

    def requested(self, direction, channel):
        """A handshake of AW or AR."""
        burst = self.burst(channel)
        if self.name == "mem":
            axi = {"pbmt": self.get(channel + "pbmt"), "prot": self.get(channel + "prot")}
            self.bench.oracle.tell("mem-address", dir=direction, **burst, **axi, **self.attributes(channel))
        elif direction == "read":
            self.bench.oracle.tell("ptw-read-address", **burst)
        return burst

    def observe(self):
        """Tells the handshakes of this cycle. The next call of `drive` follows them."""
        tell, was, ptw = self.bench.oracle.tell, self.driven, self.name == "ptw"
        if was["bvalid"] and self.get("bready"):
            tell(f"{self.name}-write-response", id=self.write["id"])
            self.write, self.answering = None, False
        if self.get("awvalid") and was["awready"]:
            self.write, self.beats = self.requested("write", "aw"), []
        if self.get("wvalid") and was["wready"]:
            data, strb, last = self.get("wdata"), self.get("wstrb"), self.get("wlast")
            self.beats.append((data, strb))
            if not ptw:
                tell("mem-write-beat", data=data, strb=strb, last=last)
            elif last:
                words = ",".join(f"{data:#x}:{strb:#x}" for data, strb in self.beats)
                tell("ptw-write", **self.write, atop=self.get("awatop"), data=words)
            if last:
                for beat, (data, strb) in enumerate(self.beats):
                    self.bench.put("iommu" if ptw else "dma", self.address(self.write, beat), data, strb)
                self.answering = True
        if was["rvalid"] and self.get("rready"):
            beat = {"id": self.read["id"], "data": self.data, "last": self.last}
            if ptw:
                at = {"addr": self.address(self.read, self.beat), "bytes": 1 << self.read["size"]}
                tell("ptw-read-beat", **beat, **at, sampled=self.sampled)
            else:
                tell("mem-read-beat", **beat)
            self.read, self.beat, self.shown = (None if self.last else self.read), self.beat + 1, False
        if self.get("arvalid") and was["arready"]:
            self.read, self.beat = self.requested("read", "ar"), 0
