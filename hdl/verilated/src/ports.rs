// SPDX-License-Identifier: Apache-2.0
//! The ports of a verilated top module, and the check against what the caller wants.

use std::collections::BTreeSet;

use crate::design::{Binding, Design, PortGroup, PortSpec};
use crate::error::PortProblem;
use crate::port::{Direction, Port};

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

/// Reads the ports from the generated header: `VL_IN8(&name,msb,lsb);` or, for what is not a packed vector,
/// `VlUnpacked<…> &name;`.
pub(crate) fn members(header: &str) -> Vec<Member> {
    let section = header.lines().map(str::trim).skip_while(|line| *line != "// PORTS");
    section.take_while(|line| *line != "// CELLS").filter_map(member).collect()
}

fn member(line: &str) -> Option<Member> {
    let declaration = line.strip_suffix(';')?;
    if let Some((kind, arguments)) = declaration.split_once("(&") {
        let direction = match kind {
            "VL_IN8" | "VL_IN16" | "VL_IN" | "VL_IN64" | "VL_INW" => Some(Direction::Input),
            "VL_OUT8" | "VL_OUT16" | "VL_OUT" | "VL_OUT64" | "VL_OUTW" => Some(Direction::Output),
            _ => None,
        };
        let mut fields = arguments.trim_end_matches(')').split(',').map(str::trim);
        let member = fields.next()?.to_owned();
        let mut bound = || fields.next()?.parse::<i64>().ok();
        let width = u32::try_from(bound()?.abs_diff(bound()?) + 1).ok()?;
        return Some(Member { name: plain_name(&member), member, width, direction });
    }
    let (_, member) = declaration.rsplit_once('&')?;
    Some(Member { name: plain_name(member), member: member.to_owned(), width: 0, direction: None })
}

/// Undoes Verilator's encoding of names that C++ does not allow: `__05F` is a second `_` in a row, `__SYM__`
/// stands before a keyword.
fn plain_name(member: &str) -> String {
    let member = member.strip_prefix("__SYM__").unwrap_or(member);
    let mut out = String::new();
    let mut rest = member;
    while let Some(at) = rest.find("__0") {
        let code = rest.get(at + 3..at + 5).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let (text, length) = code.map_or((None, 3), |code| (Some(char::from(code)), 5));
        out.push_str(&rest[..at]);
        match text {
            Some(character) => out.push(character),
            None => out.push_str("__0"),
        }
        rest = &rest[at + length..];
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
    let chosen: Vec<&Member> = match &design.binding {
        Binding::All => {
            let unusable = others.iter().filter(|member| member.direction.is_none());
            problems.extend(unusable.map(|member| PortProblem::Shape { name: member.name.clone() }));
            let of = |direction| others.iter().copied().filter(move |member| member.direction == Some(direction));
            let mut all: Vec<_> = of(Direction::Input).chain(of(Direction::Output)).collect();
            all.sort_by(|a, b| a.name.cmp(&b.name));
            all
        }
        Binding::Exact { inputs, outputs, groups } => {
            let has =
                |specs: &[PortSpec]| specs.iter().any(|spec| others.iter().any(|member| member.name == spec.name));
            let groups: Vec<_> = groups.iter().filter(|group| has(&group.inputs) || has(&group.outputs)).collect();
            choose(&others, inputs, outputs, &groups, &mut problems)
        }
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
    groups: &[&PortGroup],
    problems: &mut Vec<PortProblem>,
) -> Vec<&'m Member> {
    let of = |group: &'_ PortGroup| Some(group.name.clone());
    let inputs = inputs.iter().map(|spec| (spec, None));
    let inputs = inputs.chain(groups.iter().flat_map(|group| group.inputs.iter().map(|spec| (spec, of(group)))));
    let outputs = outputs.iter().map(|spec| (spec, None));
    let outputs = outputs.chain(groups.iter().flat_map(|group| group.outputs.iter().map(|spec| (spec, of(group)))));
    let wanted: BTreeSet<&str> = inputs.clone().chain(outputs.clone()).map(|(spec, _)| spec.name.as_str()).collect();
    let spare = || members.iter().filter(|member| !wanted.contains(member.name.as_str()));
    let mut chosen = Vec::new();
    let inputs = inputs.map(|(spec, group)| (spec, group, Direction::Input));
    for (spec, group, direction) in inputs.chain(outputs.map(|(spec, group)| (spec, group, Direction::Output))) {
        let name = spec.name.clone();
        let Some(member) = members.iter().find(|member| member.name == name) else {
            let near =
                |member: &&&Member| (strsim::normalized_damerau_levenshtein(&member.name, &name) * 1000.0) as u32;
            let similar = spare().max_by_key(near).filter(|member| near(member) >= 700);
            let similar = similar.map(|member| member.name.clone());
            problems.push(PortProblem::Missing { name, direction, width: spec.width, similar, group });
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

    const HEADER: &str = "class Vdut {\n    VL_IN8(&outside,0,0);\n    // PORTS\n    // The application code\n    \
                          VL_IN8(&clk_i,0,0);\n    VL_OUT8(&p_o,7,0);\n    VL_IN16(&lim_i,8,0);\n    \
                          VL_INW(&wide_i,99,0,4);\n    VL_IN(&a___05Fb,0,31);\n    VL_INOUT8(&pad,0,0);\n    \
                          VL_IN8(&__SYM__double,0,0);\n    VlUnpacked<CData/*3:0*/, 2> &mem_o;\n\n    // CELLS\n    \
                          Vdut___024root* const rootp;\n    int &x;\n";

    fn design(inputs: &[(&str, u32)], outputs: &[(&str, u32)]) -> Design {
        let specs = |list: &[(&str, u32)]| list.iter().map(|&(name, width)| PortSpec::new(name, width)).collect();
        Design::new("x", ".").bind(Binding::Exact { inputs: specs(inputs), outputs: specs(outputs), groups: vec![] })
    }

    fn with_group(mut design: Design, inputs: &[(&str, u32)], outputs: &[(&str, u32)]) -> Design {
        let specs = |list: &[(&str, u32)]| list.iter().map(|&(name, width)| PortSpec::new(name, width)).collect();
        if let Binding::Exact { groups, .. } = &mut design.binding {
            groups.push(PortGroup { name: "x_*".to_owned(), inputs: specs(inputs), outputs: specs(outputs) });
        }
        design
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
                ("pad", 1, false),
                ("double", 1, true),
                ("mem_o", 0, false),
            ]
        );
        assert_eq!((found[4].member.as_str(), found[6].member.as_str()), ("a___05Fb", "__SYM__double"));
    }

    #[test]
    fn ports_lie_in_the_order_that_is_asked_for() {
        let usable = |member: &Member| member.direction.is_some() && member.name != "double";
        let members: Vec<_> = members(HEADER).into_iter().filter(usable).collect();
        let design = design(&[("lim_i", 9), ("wide_i", 100), ("a__b", 32)], &[("p_o", 8)]);
        let wiring = bind(&design, &members).unwrap_or_else(|problems| panic!("{problems:?}"));
        let words: Vec<_> = wiring.ports.iter().map(|b| (b.member.as_str(), b.port.word)).collect();
        assert_eq!(words, [("lim_i", 0), ("wide_i", 1), ("a___05Fb", 3), ("p_o", 0)]);
        assert_eq!(wiring.clock, "clk_i");
    }

    #[test]
    fn a_group_is_bound_whole_or_left_out() {
        let usable = |member: &Member| member.direction.is_some() && member.name != "double";
        let members: Vec<_> = members(HEADER).into_iter().filter(usable).collect();
        let base = || design(&[("lim_i", 9), ("wide_i", 100), ("a__b", 32)], &[("p_o", 8)]);
        let absent = with_group(base(), &[("x_valid_i", 1)], &[("x_ready_o", 1)]);
        let wiring = bind(&absent, &members).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(wiring.ports.len(), 4);
        let whole = with_group(design(&[("wide_i", 100)], &[]), &[("lim_i", 9), ("a__b", 32)], &[("p_o", 8)]);
        let wiring = bind(&whole, &members).unwrap_or_else(|problems| panic!("{problems:?}"));
        let words: Vec<_> = wiring.ports.iter().map(|b| (b.member.as_str(), b.port.word)).collect();
        assert_eq!(words, [("wide_i", 0), ("lim_i", 2), ("a___05Fb", 3), ("p_o", 0)]);
        let partial = with_group(design(&[("wide_i", 100), ("a__b", 32)], &[("p_o", 8)]), &[("lim_i", 9)], &[("q", 1)]);
        let Err(problems) = bind(&partial, &members) else { panic!("half a group") };
        let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["missing: output q, 1 bits, as other ports of x_* are there"]);
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
                "unusable: pad is not a packed input or output",
                "unexpected: input double, 1 bits",
                "unusable: mem_o is not a packed input or output",
            ]
        );
    }
}
