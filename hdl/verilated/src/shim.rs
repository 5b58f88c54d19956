// SPDX-License-Identifier: Apache-2.0
//! Writes the C++ that is special to a design: its ports, and straight code that copies them.

use std::fmt::Write as _;

use crate::port::Direction;
use crate::ports::{Bound, Wiring};
use crate::verilate::PREFIX;

/// Changes whenever the generated text does; part of the hash.
pub(crate) const VERSION: &str = "1";

/// The C++ file.
pub(crate) fn source(wiring: &Wiring) -> String {
    let mut drive = String::new();
    let mut sample = String::new();
    let mut clear = String::new();
    let mut table = String::new();
    for bound in &wiring.ports {
        let input = bound.port.direction == Direction::Input;
        table.push_str(&format!("        PortInfo{{\"{}\", {}, {input}}},\n", bound.port.name, bound.port.width));
        match bound.port.direction {
            Direction::Input => {
                copy_in(&mut drive, bound);
                clear_input(&mut clear, bound);
            }
            Direction::Output => copy_out(&mut sample, bound),
        }
    }
    let clock = &wiring.clock;
    let count = wiring.ports.len();
    format!(
        "// Generated: the ports of one design.
#include \"support.h\"

#include \"{PREFIX}.h\"

namespace {{
using namespace verilated_abi;

struct Wires {{
    static constexpr std::array<PortInfo, {count}> PORTS{{{{
{table}    }}}};
    static CData& clock({PREFIX}& top) {{ return top.{clock}; }}
    static void clear([[maybe_unused]] {PREFIX}& top) {{
{clear}    }}
    static void drive([[maybe_unused]] {PREFIX}& top, [[maybe_unused]] const uint64_t* in) {{
{drive}    }}
    static void sample([[maybe_unused]] const {PREFIX}& top, [[maybe_unused]] uint64_t* out) {{
{sample}    }}
}};
}}  // namespace

extern \"C\" __attribute__((visibility(\"default\"))) Model* verilated_abi_create(
    const Services* services, const Setup* setup, char* error, size_t error_bytes) {{
    return create<{PREFIX}, Wires>(services, setup, error, error_bytes);
}}
"
    )
}

/// C++ type of a port of up to 64 bits.
fn scalar(width: u32) -> &'static str {
    match width {
        0..=8 => "CData",
        9..=16 => "SData",
        17..=32 => "IData",
        _ => "QData",
    }
}

/// Verilator requires the bits above a port's width to be 0.
fn mask(bits: u32) -> String {
    if bits >= 64 { String::new() } else { format!(" & {:#x}ULL", (1u64 << bits) - 1) }
}

fn copy_in(text: &mut String, bound: &Bound) {
    let (member, port) = (&bound.member, &bound.port);
    if port.width <= 64 {
        let (word, kind, mask) = (port.word, scalar(port.width), mask(port.width));
        let _ = writeln!(text, "        top.{member} = static_cast<{kind}>(in[{word}]{mask});");
        return;
    }
    for (index, bits) in halves(port.width) {
        let (word, shift) = (port.word + index / 2, 32 * (index % 2));
        let mask = mask(bits);
        let _ = writeln!(text, "        top.{member}[{index}] = static_cast<EData>((in[{word}] >> {shift}){mask});");
    }
}

fn clear_input(text: &mut String, bound: &Bound) {
    let member = &bound.member;
    if bound.port.width <= 64 {
        let _ = writeln!(text, "        top.{member} = 0;");
        return;
    }
    for (index, _) in halves(bound.port.width) {
        let _ = writeln!(text, "        top.{member}[{index}] = 0;");
    }
}

fn copy_out(text: &mut String, bound: &Bound) {
    let (member, port) = (&bound.member, &bound.port);
    if port.width <= 64 {
        let _ = writeln!(text, "        out[{}] = top.{member};", port.word);
        return;
    }
    for (index, _) in halves(port.width) {
        let word = port.word + index / 2;
        let _ = match index % 2 {
            0 => writeln!(text, "        out[{word}] = top.{member}[{index}];"),
            _ => writeln!(text, "        out[{word}] |= static_cast<uint64_t>(top.{member}[{index}]) << 32;"),
        };
    }
}

/// Index and number of bits of each 32-bit word of a wide port.
fn halves(width: u32) -> impl Iterator<Item = (usize, u32)> {
    (0..width.div_ceil(32)).map(move |index| (index as usize, (width - 32 * index).min(32)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Port;

    #[test]
    fn a_wide_port_is_masked_in_its_last_word() {
        let port = Port { name: "w".to_owned(), direction: Direction::Input, width: 100, word: 3 };
        let mut text = String::new();
        copy_in(&mut text, &Bound { port, member: "w".to_owned() });
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        assert_eq!(lines[0], "top.w[0] = static_cast<EData>((in[3] >> 0) & 0xffffffffULL);");
        assert_eq!(lines[3], "top.w[3] = static_cast<EData>((in[4] >> 32) & 0xfULL);");
    }
}
