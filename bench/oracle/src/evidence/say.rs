// SPDX-License-Identifier: Apache-2.0
//! One way to say a thing, for what is right and for what came.

use std::fmt::Write as _;

use golden::{Access, Command, Kind, Outcome, Request, Response, Spa, Stage, Target, Translation};

use super::names::Names;

/// What `cycle` means in all that is shown.
pub const CONVENTION: &str = "cycles: a read or fetch is of the cycle in which the value left memory; what is stored in \
     a cycle is read from the next one on; a fence is complete when software can know it";

/// A memory type of Svpbmt.
fn memory_type(pbmt: u8) -> &'static str {
    match pbmt {
        0 => "PMA",
        1 => "NC",
        2 => "IO",
        _ => "reserved",
    }
}

/// A request that goes to memory.
pub fn translated_line(spa: Spa, pbmt: u8) -> String {
    format!("translated to {spa:#x}, memory type {}", memory_type(pbmt))
}

/// An outcome in one line.
pub fn outcome_line(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Translated(Translation { target: Target::Mrif(mrif), .. }) => {
            format!("stored in the interrupt file at {:#x}, notice at {:#x}", mrif.addr, mrif.notice)
        }
        Outcome::Translated(t) => translated_line(t.spa, t.pbmt as u8),
        Outcome::Fault(fault) => format!("refused: {}", super::super::faults::describe(&fault.record())),
        Outcome::Unavailable => "nothing that the device has read explains an answer".to_owned(),
    }
}

/// An outcome in one line, in the words of the answer that the request gets.
pub fn answer_line(request: &Request, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Translated(t) if request.is_ats() => {
            let (p, size) = (t.permissions, u32::from(t.size_log2).max(12));
            let bits = [p.read, p.write, p.execute, t.privileged, t.global, t.untranslated_only, false];
            success_line(t.spa.0, size, bits)
        }
        Outcome::Fault(fault) if request.is_ats() => {
            let status = if fault.response == Response::UnsupportedRequest { "UR" } else { "CA" };
            format!("{status}: {}", super::super::faults::describe(&fault.record()))
        }
        outcome => outcome_line(outcome),
    }
}

/// A Success completion: the address, log2 of its range, and R, W, X, Priv, Global, U and N.
pub fn success_line(addr: u64, size: u32, bits: [bool; 7]) -> String {
    let base = addr & u64::MAX.checked_shl(size).unwrap_or(0);
    let [r, w, x, privileged, global, u, n] = bits.map(u8::from);
    format!("Success, {base:#x} for 2^{size} bytes, R {r} W {w} X {x}, Priv {privileged} Global {global} U {u} N {n}")
}

/// One outcome, or two that differ.
pub fn either_line(one: &Outcome, two: &Outcome) -> String {
    let (one, two) = (outcome_line(one), outcome_line(two));
    if one == two { one } else { format!("{one} or {two}") }
}

/// Who asks for what.
pub fn request_line(request: &Request, names: &Names) -> String {
    let kind = match (request.kind, request.access) {
        (Kind::Ats { .. }, _) => "translation request",
        (Kind::Translated, Access::Read) => "translated read",
        (Kind::Translated, Access::Write) => "translated write",
        (Kind::Translated, Access::Execute) => "translated read for execute",
        (Kind::Debug, Access::Read) => "debug request for a read",
        (Kind::Debug, Access::Write) => "debug request for reads and writes",
        (Kind::Debug, Access::Execute) => "debug request for a read for execute",
        (Kind::Untranslated, Access::Read) => "read",
        (Kind::Untranslated, Access::Write) => "write",
        (Kind::Untranslated, Access::Execute) => "read for execute",
    };
    let mut line = format!("{kind} of {:#x} by {}", request.iova, whose_line(request, names));
    if request.is_privileged() {
        line.push_str(", privileged");
    }
    line
}

/// A command with its operands in one line.
pub fn command_line(command: &Command, names: &Names) -> String {
    let mut line = command.mnemonic().to_owned();
    match command {
        Command::InvalVma(o) | Command::InvalGvma(o) => {
            let numbers = [("GSCID", o.gscid.map(|g| u64::from(g.0))), ("PSCID", o.pscid.map(|p| u64::from(p.0)))];
            for (name, value) in numbers {
                if let Some(value) = value {
                    let _ = write!(line, " {name}={value:#x}");
                }
            }
            let stage = if matches!(command, Command::InvalVma(_)) { Stage::First } else { Stage::Second };
            if let Some(name) = names.operands(stage, o.gscid, o.pscid) {
                let _ = write!(line, " ({name})");
            }
            if let Some(pages) = o.pages() {
                let _ = match pages.start() == pages.end() {
                    true => write!(line, " page {:#x}", pages.start()),
                    false => write!(line, " pages {:#x} to {:#x}", pages.start(), pages.end()),
                };
            }
            if o.nl {
                line.push_str(" NL");
            }
        }
        Command::InvalDdt { device: Some(device) } => {
            let _ = write!(line, " {}", names.device(*device));
        }
        Command::InvalPdt { device, process } => {
            let _ = write!(line, " {}, process {process:#x}", names.device(*device));
        }
        Command::Fence(fence) => {
            let flags = [(fence.pr, " PR"), (fence.pw, " PW"), (fence.wsi, " WSI")];
            flags.iter().filter(|(set, _)| *set).for_each(|(_, flag)| line.push_str(flag));
            if let Some((addr, data)) = fence.store {
                let _ = write!(line, ", storing {data:#x} at {addr:#x}");
            }
        }
        _ => {}
    }
    line
}

/// Whose a request is.
pub fn whose_line(request: &Request, names: &Names) -> String {
    let device = names.device(request.device);
    match request.process {
        Some(process) => format!("{device}, process {process:#x}"),
        None => device,
    }
}

#[cfg(test)]
mod tests {
    use events::Named;
    use golden::{DeviceId, Gscid, Iofence, Iotinval, Pscid};

    use super::*;

    #[test]
    fn what_came_and_what_is_right_are_said_in_the_same_words() {
        let right = Outcome::Translated(Translation::identity(0x9000_0040));
        assert_eq!(outcome_line(&right), translated_line(Spa(0x9000_0040), 0));
        assert_eq!(either_line(&right, &right), "translated to 0x90000040, memory type PMA");
    }

    #[test]
    fn commands_are_said_with_operands_and_names() {
        let mut names = Names::default();
        names.named("nic", &Named::Device(vec![DeviceId(0x12)]));
        names.named("red", &Named::Domain { iohgatp: 0, pscid: 1, fsc: 8 << 60 | 1 });
        names.named("host", &Named::Domain { iohgatp: 8 << 60 | 2 << 44, pscid: 0, fsc: 0 });
        let (gscid, pscid) = (Some(Gscid(2)), Some(Pscid(1)));
        let commands = [
            Command::InvalVma(Iotinval { pscid, page: Some(5), ..Iotinval::default() }),
            Command::InvalGvma(Iotinval { gscid, ..Iotinval::default() }),
            Command::InvalDdt { device: Some(DeviceId(0x12)) },
            Command::Fence(Iofence { pr: true, store: Some((Spa(0x1000), 7)), ..Iofence::default() }),
        ];
        let lines = commands.map(|command| command_line(&command, &names));
        assert_eq!(
            lines,
            [
                "IOTINVAL.VMA PSCID=0x1 (red) page 0x5",
                "IOTINVAL.GVMA GSCID=0x2 (host)",
                "IODIR.INVAL_DDT device 0x12 (nic)",
                "IOFENCE.C PR, storing 0x7 at 0x1000",
            ]
        );
    }
}
