// SPDX-License-Identifier: Apache-2.0
//! `lockstep new-rtl`: a description, a wrapper that builds at once, and a first scenario for an RTL of somebody else.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::args::{NewRtl, Registers};
use super::error::CommandError;
use super::output;
use super::run_files::make_folder;
use crate::report::ExitCode;

const STRUCTS: &str = include_str!("new_rtl/structs.sv");
const TWO_PORTS: &str = include_str!("new_rtl/two_ports.sv");
const REGISTERS_AXI: &str = include_str!("new_rtl/axi.sv");
const REGISTERS_APB: &str = include_str!("new_rtl/apb.sv");

/// Wires that a fragment reads and the IOMMU drives.
const TIED_STRUCTS: &[&str] = &["dev_rsp", "mem_req"];
const TIED_AXI: &[&str] =
    &["cfg_awready", "cfg_wready", "cfg_bvalid", "cfg_bresp", "cfg_arready", "cfg_rvalid", "cfg_rdata", "cfg_rresp"];
const TIED_APB: &[&str] = &["apb_pready", "apb_prdata", "apb_pslverr"];
const TIED_TWO_PORTS: &[&str] = &[
    "walk_arvalid",
    "walk_arid",
    "walk_araddr",
    "walk_arlen",
    "walk_arsize",
    "walk_awvalid",
    "walk_awid",
    "walk_awaddr",
    "walk_awlen",
    "walk_awsize",
    "walk_awatop",
    "walk_wvalid",
    "walk_wdata",
    "walk_wstrb",
    "walk_wlast",
    "walk_bready",
    "walk_rready",
    "queue_arvalid",
    "queue_arid",
    "queue_araddr",
    "queue_arlen",
    "queue_arsize",
    "queue_awvalid",
    "queue_awid",
    "queue_awaddr",
    "queue_awlen",
    "queue_awsize",
    "queue_awatop",
    "queue_wvalid",
    "queue_wdata",
    "queue_wstrb",
    "queue_wlast",
    "queue_bready",
    "queue_rready",
];

/// Groups of ports, as `hdl/DEVICE.md` has them.
const GROUPS: [(&str, &str); 6] = [
    ("dev_", "DMA from devices"),
    ("mem_", "the same DMA, translated"),
    ("ptw_", "accesses of the IOMMU itself: tables, queues, stores of fences"),
    ("reg_", "registers"),
    ("ats_", "ATS and page requests"),
    ("", "clock, reset, strap, interrupts"),
];

fn group(port: &str) -> usize {
    GROUPS.iter().position(|(prefix, _)| port.starts_with(prefix)).unwrap_or(GROUPS.len() - 1)
}

/// Writes the files.
///
/// # Errors
/// [`CommandError`]: no name for a module, or files that are there already or cannot be written.
pub fn run(new: &NewRtl) -> Result<ExitCode, CommandError> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !new.name.starts_with(|c: char| c.is_ascii_alphabetic()) || !new.name.chars().all(is_name) {
        let wrong = format!("`{}` is no name of a module: letters, digits and `_`, a letter first", new.name);
        return Err(CommandError::Setting(wrong));
    }
    let folder = new.folder.clone().unwrap_or_else(|| PathBuf::from(&new.name));
    let name = &new.name;
    let files = [
        (folder.join(format!("{name}.yaml")), description(name)),
        (folder.join(format!("{name}_wrapper.sv")), wrapper(new)),
        (folder.join("first.yaml"), scenario(name)),
    ];
    if let Some((file, _)) = files.iter().find(|(file, _)| file.exists()) {
        return Err(CommandError::Setting(format!("{} is there already: nothing was written", file.display())));
    }
    make_folder(&folder)?;
    for (file, text) in &files {
        output::file(file, text)?;
        output::stdout(&format!("{}\n", file.display()));
    }
    let (description, first) = (shown(&files[0].0), shown(&files[2].0));
    output::stdout(&format!(
        "It builds as it is, and does nothing. Add your sources to the description and your IOMMU to the wrapper, then\n  \
         lockstep doctor --rtl {description}\n  lockstep run {first} --rtl {description}\n"
    ));
    Ok(ExitCode::Passed)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn description(name: &str) -> String {
    format!(
        "# An RTL IOMMU as lockstep reads it: hdl/iommu.yaml has every key, hdl/DEVICE.md the ports of the top module.\n\
         name: {name}\ntop: {name}_wrapper\n\n\
         # Source files, or file lists (.f), in the order in which they are compiled: packages first.\nsources:\n  \
         # - path/to/{name}.f\n  - {name}_wrapper.sv\n\n\
         # include: [path/to/include]\n# parameters: {{}}\n# defines: {{SYNTHESIS: }}\n\n\
         # What the RTL implements, as a value of the `capabilities` register; without it, all that the register says.\n\
         # capabilities: 0x0000_0038_0000_0210\n\n\
         # What the specification leaves open and the RTL has decided: bench/oracle/CHOICES.md.\n# choices: {{}}\n\n\
         # What is known to be wrong with it: docs/waivers.md.\n# waivers: known.yaml\n"
    )
}

fn scenario(name: &str) -> String {
    format!(
        "name: {name}.first\ndescription: One device reads and writes a page, is refused another one, and sees a page go.\n\
         domains:\n  plain: {{ kind: paging, mode: sv39, map: [{{ iova: 0x1000_0000, pages: 4 }}] }}\n\
         devices:\n  nic: {{ id: 0x12, domain: plain }}\nsteps:\n  \
         - dma: {{ device: nic, write: 0x1000_0008, expect: ok }}\n  \
         - dma: {{ device: nic, read: 0x1000_0008, expect: ok }}\n  \
         - dma: {{ device: nic, read: 0x2000_0000, expect: fault, cause: 13 }}\n  \
         - unmap: {{ domain: plain, range: {{ iova: 0x1000_0000, size: 16K }} }}\n  \
         - dma: {{ device: nic, read: 0x1000_0008, expect: fault, cause: 13 }}\nexpect:\n  - {{ device-faults: 2 }}\n"
    )
}

/// Its optional ports are those that were asked for.
fn has_port(new: &NewRtl, port: &str) -> bool {
    let of_qos = port.ends_with("rcid_o") || port.ends_with("mcid_o");
    (new.ats || !port.starts_with("ats_")) && (new.poison || !port.contains("_rpoison_")) && (new.qos_ids || !of_qos)
}

fn wrapper(new: &NewRtl) -> String {
    let name = &new.name;
    let mut ports: Vec<(&str, u32)> = hdl::port_names().filter(|(port, _)| has_port(new, port)).collect();
    ports.sort_by_key(|(port, _)| if *port == "rst_ni" { 0 } else { 1 + (group(port) + 1) % GROUPS.len() });
    let mut text = format!(
        "// {name} behind the boundary of lockstep: hdl/DEVICE.md says what each port owes.\n\
         module {name}_wrapper (\n    input  wire         clk_i,\n"
    );
    for (at, (port, width)) in ports.iter().enumerate() {
        let direction = if port.ends_with("_i") || *port == "rst_ni" { "input  wire " } else { "output wire " };
        let range = if *width == 1 { String::new() } else { format!("[{}:0]", width - 1) };
        let comma = if at + 1 == ports.len() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {direction}{range:<7} {port}{comma}");
    }
    text += ");\n";
    let mut tied: Vec<String> = Vec::new();
    let mut part = |text: &mut String, fragment: &str, wires: &[&str]| {
        text.push('\n');
        // Our licence is not that of the wrapper.
        text.push_str(fragment.split_once('\n').map_or(fragment, |(_, rest)| rest));
        tied.extend(wires.iter().map(|wire| (*wire).to_owned()));
    };
    let mut made: Vec<&str> = Vec::new();
    if new.structs {
        part(&mut text, STRUCTS, TIED_STRUCTS);
        made.extend(["dev_", "mem_"]);
    }
    if new.walk_ports == 2 {
        part(&mut text, TWO_PORTS, TIED_TWO_PORTS);
        made.push("ptw_");
    }
    match new.registers {
        Registers::AxiLite => {}
        Registers::Axi => part(&mut text, REGISTERS_AXI, TIED_AXI),
        Registers::Apb => part(&mut text, REGISTERS_APB, TIED_APB),
    }
    if new.registers != Registers::AxiLite {
        made.push("reg_");
    }
    let _ = write!(
        text,
        "\n    // The IOMMU itself. Take away the line of each wire that it drives.\n    // {name} i_{name} (\n    //     \
         .clk_i  (clk_i),\n    //     .rst_ni (rst_ni)\n    // );\n"
    );
    for wire in tied {
        let _ = writeln!(text, "    assign {wire} = '0;");
    }
    for (at, (prefix, what)) in GROUPS.iter().enumerate() {
        let open: Vec<_> = ports
            .iter()
            .filter(|(port, _)| group(port) == at && !port.ends_with("_i") && *port != "rst_ni")
            .filter(|(port, _)| !made.iter().any(|prefix| port.starts_with(prefix)))
            .collect();
        if open.is_empty() {
            continue;
        }
        let _ =
            writeln!(text, "    // {}{what}", if prefix.is_empty() { String::new() } else { format!("{prefix}*: ") });
        if *prefix == "ptw_" && !new.atomics {
            text += "    // It makes no atomics: ptw_awatop_o stays 0.\n";
        }
        for (port, _) in open {
            let _ = writeln!(text, "    assign {port} = '0;");
        }
    }
    text + "endmodule\n"
}
