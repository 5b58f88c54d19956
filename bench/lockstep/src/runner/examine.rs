// SPDX-License-Identifier: Apache-2.0
//! A first look at a device behind its wires, rule by rule of `hdl/DEVICE.md`, before any table is walked: reset,
//! registers, a transaction that needs no translation.

use std::path::Path;

use boundary::{Dut, Inputs, Outputs};
use bus::{Bus, BusConfig};
use driver::{Halted, Machine};
use events::{Burst, Direction, DmaRequest};
use golden::{Capabilities, DdtMode, Ddtp, DeviceId, Iova, QueueBase, Spa, SpecVersion, offset};
use oracle::{Bound, Settings};
use serde::{Deserialize, Serialize};
use testbench::{Bounds, Config, DmaError, End, Testbench};

use super::dut;
use super::job::Device;

/// What was looked at, and what was wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examined {
    /// What was looked at
    pub what: String,
    /// The rule, with its place in `hdl/DEVICE.md`
    pub rule: String,
    /// What was wrong, if something was
    pub wrong: Option<String>,
}

/// Where a transaction goes in mode Bare.
const TARGET: u64 = 0x8000_1048;

/// Looks at the device in a library, whose strap says `strap`. What needs what is broken already is left out.
pub fn examine(library: &Path, strap: u64) -> Vec<Examined> {
    type Look = fn(&Path, u64) -> Result<(), String>;
    let looks: [(&str, &str, Look); 5] = [
        ("reset", "Clock and reset: while `rst_ni` is 0, every `*valid_o` and `wsi_o` is 0", in_reset),
        ("a read of a register", "Registers, 2: a read returns the aligned doubleword that holds the address", reads),
        ("a write of 8 bytes", "Registers, 1: an 8-byte write has `wstrb` 0xFF", writes_whole),
        (
            "writes of 4 bytes",
            "Registers, 1: a 4-byte write has its data on the lanes that the address selects, `wstrb` 0x0F or 0xF0",
            writes_halves,
        ),
        ("DMA in mode Bare", "Translated DMA, 1: one request on `dev_*` becomes one burst on `mem_*`", bare),
    ];
    let mut examined = Vec::new();
    for (what, rule, look) in looks {
        let wrong = look(library, strap).err();
        let is_broken = wrong.is_some();
        examined.push(Examined { what: what.to_owned(), rule: rule.to_owned(), wrong });
        if is_broken {
            break;
        }
    }
    examined
}

fn open(library: &Path, strap: u64) -> Result<Box<dyn Dut>, String> {
    let library = library.to_owned();
    let device = Device::Rtl { library, capabilities: strap, follows_strap: true, choices: Bound::FREE };
    dut::open(&device, 1, None)
}

fn bench(library: &Path, strap: u64) -> Result<Testbench, String> {
    let settings = Settings::new(Capabilities(strap), SpecVersion::default(), Bound::FREE);
    let config = Config {
        capabilities: strap,
        bus: BusConfig::default(),
        bounds: Bounds { request: 5_000, register: 1_000, ..Bounds::default() },
        oracle: Some(settings),
    };
    let stopped = |stopped: boundary::Stopped| format!("{}:{}: {}", stopped.file, stopped.line, stopped.message);
    Testbench::new(config, open(library, strap)?, 1).map_err(stopped)
}

/// Why the machine stands still.
fn why(bench: Testbench) -> String {
    let outcome = bench.finish(None);
    match (outcome.end, outcome.violation) {
        (_, Some(found)) => {
            format!("{}: right = {}, wrong = {}\n{}", found.kind(), found.right, found.wrong, found.evidence)
        }
        (End::Hung { waiting }, None) => waiting,
        (end, None) => end.said().1,
    }
}

fn in_reset(library: &Path, strap: u64) -> Result<(), String> {
    let mut device = open(library, strap)?;
    let mut bus = Bus::new(BusConfig::default(), 1);
    let mut inputs = Inputs { caps: strap, ..Inputs::default() };
    let (mut outputs, mut events) = (Outputs::default(), Vec::new());
    for now in 0..8 {
        bus.drive(now, &mut inputs);
        inputs.rst_n = false;
        device.cycle(&inputs, &mut outputs).map_err(|stopped| stopped.to_string())?;
        bus.observe(now, &inputs, &outputs, &mut events).map_err(|broken| broken.to_string())?;
        if outputs.wsi != 0 {
            return Err(format!("cycle {now} of reset: wsi_o is {:#x}", outputs.wsi));
        }
    }
    Ok(())
}

/// Plays something on a bench; where it stands still, that says why.
fn played(
    library: &Path,
    strap: u64,
    play: impl FnOnce(&mut Testbench) -> Result<Option<String>, Halted>,
) -> Result<(), String> {
    let mut bench = bench(library, strap)?;
    match play(&mut bench) {
        Ok(None) => Ok(()),
        Ok(Some(wrong)) => Err(wrong),
        Err(Halted) => Err(why(bench)),
    }
}

fn reads(library: &Path, strap: u64) -> Result<(), String> {
    played(library, strap, |bench| {
        let whole = bench.read_register(offset::CAPABILITIES, 8)?;
        let high = bench.read_register(offset::CAPABILITIES + 4, 4)?;
        let caps = Capabilities(whole);
        Ok(match () {
            () if high != whole >> 32 => Some(format!(
                "capabilities reads {whole:#018x} by 8 bytes, and {high:#010x} by the upper 4 bytes at offset 4"
            )),
            () if caps.version() != 0x10 => Some(format!("capabilities.version is {:#x}, not 0x10", caps.version())),
            () if !(32..=56).contains(&caps.pas()) => Some(format!("capabilities.PAS is {}", caps.pas())),
            () => None,
        })
    })
}

/// A queue of 64 entries.
fn queue() -> u64 {
    QueueBase(0).with_ppn(0x8_0000).with_log2sz_minus1(5).0
}

fn written(bench: &mut Testbench, register: u16, bytes: u8, value: u64) -> Result<Option<String>, Halted> {
    bench.write_register(register, bytes, value)?;
    let read = bench.read_register(register, bytes)?;
    Ok((read != value).then(|| format!("{value:#x} was written to offset {register:#x}, and it reads {read:#x}")))
}

fn writes_whole(library: &Path, strap: u64) -> Result<(), String> {
    played(library, strap, |bench| written(bench, offset::CQB, 8, queue()))
}

fn writes_halves(library: &Path, strap: u64) -> Result<(), String> {
    played(library, strap, |bench| {
        bench.write_register(offset::CQB, 8, queue())?;
        bench.write_register(offset::FQB, 8, queue())?;
        // The one lies in the lower half of a doubleword, the other in the upper half.
        match written(bench, offset::FQH, 4, 3)? {
            None => written(bench, offset::CQT, 4, 5),
            wrong => Ok(wrong),
        }
    })
}

fn bare(library: &Path, strap: u64) -> Result<(), String> {
    played(library, strap, |bench| {
        bench.read_register(offset::CAPABILITIES, 8)?;
        bench.write_register(offset::DDTP, 8, Ddtp(0).with_mode(DdtMode::Bare).0)?;
        while Ddtp(bench.read_register(offset::DDTP, 8)?).busy() {}
        bench.set_up(Spa(TARGET), 0x0123_4567_89ab_cdef);
        let plain = |direction| DmaRequest::new(direction, DeviceId(1), Iova(TARGET), Burst::incr(2));
        let read = match bench.dma(plain(Direction::Read), None) {
            Ok(answer) => answer,
            Err(DmaError::Halted(halted)) => return Err(halted),
            Err(DmaError::Illegal(illegal)) => return Ok(Some(illegal.to_string())),
        };
        if read.resp != 0 || read.data.first() != Some(&0x0123_4567_89ab_cdef) {
            return Ok(Some(format!("a read of {TARGET:#x} was answered by {} with {:#x?}", read.resp, read.data)));
        }
        let data = vec![(0x1111_2222_3333_4444, 0xFF), (0x5555_6666_7777_8888, 0x0F)];
        match bench.dma(DmaRequest { data, ..plain(Direction::Write) }, None) {
            Ok(answer) if answer.resp == 0 => Ok(None),
            Ok(answer) => Ok(Some(format!("a write to {TARGET:#x} was answered by {}", answer.resp))),
            Err(DmaError::Halted(halted)) => Err(halted),
            Err(DmaError::Illegal(illegal)) => Ok(Some(illegal.to_string())),
        }
    })
}
