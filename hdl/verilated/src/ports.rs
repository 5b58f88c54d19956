//! The ports of a verilated top module, and the check against what the caller wants.

use std::collections::BTreeSet;
use std::fmt;

use crate::design::{Binding, Design, PortSpec};
use crate::error::PortProblem;

/// Direction of a port, seen from the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Driven by the caller
    Input,
    /// Driven by the design
    Output,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Output => "output",
        })
    }
}

/// A bound port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Port {
    /// Its name
    pub name: String,
    /// Its direction
    pub direction: Direction,
    /// Its width in bits
    pub width: u32,
    /// Its first word in [`crate::Model::inputs_mut`] or [`crate::Model::outputs`]; the lowest bits come first
    pub word: usize,
}

impl Port {
    /// Words of 64 bits that it takes.
    pub fn words(&self) -> usize {
        words(self.width)
    }
}

pub(crate) fn words(width: u32) -> usize {
    width.div_ceil(64) as usize
}

/// A port of the generated C++ class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Name of the C++ member, which differs where SystemVerilog allows more than C++
    pub(crate) member: String,
    pub(crate) width: u32,
    /// `None` for what cannot be bound: an inout or an unpacked array
    pub(crate) direction: Option<Direction>,
}

/// Reads the ports from the generated header: `VL_IN8(&name,msb,lsb);`. `tree` is the order of declaration.
pub(crate) fn members(header: &str) -> Vec<Member> {
    let mut found = Vec::new();
    for line in header.lines() {
        let line = line.trim();
        let Some((kind, rest)) = line.split_once('(') else { continue };
        let direction = match kind {
            "VL_IN8" | "VL_IN16" | "VL_IN" | "VL_IN64" | "VL_INW" => Some(Direction::Input),
            "VL_OUT8" | "VL_OUT16" | "VL_OUT" | "VL_OUT64" | "VL_OUTW" => Some(Direction::Output),
            "VL_INOUT8" | "VL_INOUT16" | "VL_INOUT" | "VL_INOUT64" | "VL_INOUTW" => None,
            _ => continue,
        };
        let Some(arguments) = rest.strip_suffix(");") else { continue };
        // `(&name)[4]` is an unpacked array.
        let unpacked = arguments.starts_with('(');
        let mut fields = arguments.trim_start_matches(['(', '&']).split(',');
        let member = fields.next().unwrap_or("").split(')').next().unwrap_or("").to_owned();
        let mut bound = || fields.next().and_then(|text| text.trim().parse::<i64>().ok());
        let (Some(msb), Some(lsb)) = (bound(), bound()) else { continue };
        let width = u32::try_from(msb.abs_diff(lsb) + 1).unwrap_or(u32::MAX);
        let direction = direction.filter(|_| !unpacked);
        found.push(Member { name: plain_name(&member), member, width, direction });
    }
    found
}

/// Undoes Verilator's encoding: `__05F` is `_` where two would meet.
fn plain_name(member: &str) -> String {
    let mut out = String::new();
    let mut rest = member;
    while let Some(at) = rest.find("__0") {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 3..at + 5).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => {
                out.push(char::from(code));
                rest = &rest[at + 5..];
            }
            None => {
                out.push_str("__0");
                rest = &rest[at + 3..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// A port that is bound, with its C++ member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) port: Port,
    pub(crate) member: String,
}

/// The clock's member and the bound ports, inputs first.
pub(crate) struct Wiring {
    pub(crate) clock: String,
    pub(crate) ports: Vec<Bound>,
}

/// Checks the ports of the design against what the caller wants.
pub(crate) fn bind(design: &Design, members: &[Member]) -> Result<Wiring, Vec<PortProblem>> {
    let mut problems = Vec::new();
    let is_clock = |member: &&Member| member.name == design.clock;
    let clock = members.iter().find(is_clock).filter(|m| m.width == 1 && m.direction == Some(Direction::Input));
    if clock.is_none() {
        problems.push(PortProblem::Clock { name: design.clock.clone() });
    }
    let others: Vec<&Member> = members.iter().filter(|member| !is_clock(member)).collect();
    let chosen = match &design.binding {
        Binding::All => {
            let unusable = others.iter().filter(|member| member.direction.is_none());
            problems.extend(unusable.map(|member| PortProblem::Shape { name: member.name.clone() }));
            let of = |direction| others.iter().copied().filter(move |member| member.direction == Some(direction));
            of(Direction::Input).chain(of(Direction::Output)).collect()
        }
        Binding::Exact { inputs, outputs } => choose(&others, inputs, outputs, &mut problems),
    };
    match clock {
        Some(clock) if problems.is_empty() => Ok(Wiring { clock: clock.member.clone(), ports: place(&chosen) }),
        _ => Err(problems),
    }
}

fn choose<'m>(
    members: &[&'m Member],
    inputs: &[PortSpec],
    outputs: &[PortSpec],
    problems: &mut Vec<PortProblem>,
) -> Vec<&'m Member> {
    let wanted: BTreeSet<&str> = inputs.iter().chain(outputs).map(|spec| spec.name.as_str()).collect();
    let spare = || members.iter().filter(|member| !wanted.contains(member.name.as_str()));
    let mut chosen = Vec::new();
    let inputs = inputs.iter().map(|spec| (spec, Direction::Input));
    for (spec, direction) in inputs.chain(outputs.iter().map(|spec| (spec, Direction::Output))) {
        let name = spec.name.clone();
        let Some(member) = members.iter().find(|member| member.name == name) else {
            let near = |member: &&&Member| (strsim::normalized_damerau_levenshtein(&member.name, &name) * 1000.0) as u32;
            let similar = spare().max_by_key(near).filter(|member| near(member) >= 700);
            let similar = similar.map(|member| member.name.clone());
            problems.push(PortProblem::Missing { name, direction, width: spec.width, similar });
            continue;
        };
        match member.direction {
            None => problems.push(PortProblem::Shape { name: name.clone() }),
            Some(found) if found != direction => {
                problems.push(PortProblem::Direction { name: name.clone(), wanted: direction, found });
            }
            Some(_) => {}
        }
        if member.width != spec.width {
            problems.push(PortProblem::Width { name, wanted: spec.width, found: member.width });
        }
        chosen.push(*member);
    }
    problems.extend(spare().map(|member| match member.direction {
        Some(direction) => PortProblem::Extra { name: member.name.clone(), direction, width: member.width },
        None => PortProblem::Shape { name: member.name.clone() },
    }));
    chosen
}

/// Gives each port its words: inputs and outputs are counted apart.
fn place(members: &[&Member]) -> Vec<Bound> {
    let mut next = [0usize; 2];
    let placed = members.iter().filter_map(|member| {
        let direction = member.direction?;
        let next = &mut next[usize::from(direction == Direction::Output)];
        let port = Port { name: member.name.clone(), direction, width: member.width, word: *next };
        *next += port.words();
        Some(Bound { port, member: member.member.clone() })
    });
    placed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "    VL_IN8(&clk_i,0,0);\n    VL_OUT8(&p_o,7,0);\n    VL_IN16(&lim_i,8,0);\n    \
                          VL_INW(&wide_i,99,0,4);\n    VL_IN(&a__05Fb,31,0);\n    VL_OUT64((&mem_o)[4],63,0);\n    \
                          VL_INOUT8(&pad,0,0);\n    int x(3);\n";

    fn design(inputs: &[(&str, u32)], outputs: &[(&str, u32)]) -> Design {
        let specs = |list: &[(&str, u32)]| list.iter().map(|&(name, width)| PortSpec::new(name, width)).collect();
        Design::new("x", ".").bind(Binding::Exact { inputs: specs(inputs), outputs: specs(outputs) })
    }

    #[test]
    fn the_header_is_read() {
        let found = members(HEADER);
        let names: Vec<_> = found.iter().map(|m| (m.name.as_str(), m.width, m.direction.is_some())).collect();
        assert_eq!(
            names,
            [
                ("clk_i", 1, true),
                ("p_o", 8, true),
                ("lim_i", 9, true),
                ("wide_i", 100, true),
                ("a__b", 32, true),
                ("mem_o", 64, false),
                ("pad", 1, false)
            ]
        );
        assert_eq!(found[4].member, "a__05Fb");
    }

    #[test]
    fn ports_lie_in_the_order_that_is_asked_for() {
        let members: Vec<_> = members(HEADER).into_iter().filter(|m| m.direction.is_some()).collect();
        let design = design(&[("lim_i", 9), ("wide_i", 100), ("a__b", 32)], &[("p_o", 8)]);
        let wiring = bind(&design, &members).unwrap_or_else(|problems| panic!("{problems:?}"));
        let words: Vec<_> = wiring.ports.iter().map(|b| (b.member.as_str(), b.port.word)).collect();
        assert_eq!(words, [("lim_i", 0), ("wide_i", 1), ("a__05Fb", 3), ("p_o", 0)]);
        assert_eq!(wiring.clock, "clk_i");
    }

    #[test]
    fn every_problem_is_named() {
        let design = design(&[("lim", 9), ("wide_i", 64), ("p_o", 8)], &[("zzz", 1)]).clock("ck");
        let Err(problems) = bind(&design, &members(HEADER)) else { panic!("ports cannot fit") };
        let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "missing: clock ck, an input of 1 bit",
                "missing: input lim, 9 bits",
                "wrong width: wide_i has 100 bits, not 64",
                "wrong direction: p_o is an output, not an input",
                "missing: output zzz, 1 bits",
                "unexpected: input clk_i, 1 bits",
                "unexpected: input lim_i, 9 bits",
                "unexpected: input a__b, 32 bits",
                "unusable: mem_o is not a packed input or output",
                "unusable: pad is not a packed input or output",
            ]
        );
    }
}
