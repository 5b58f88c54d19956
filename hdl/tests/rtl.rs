// SPDX-License-Identifier: Apache-2.0
//! Our RTL by its description, and RTL that does not fit. Libraries go to the checkout's `target/duts`.

use std::path::{Path, PathBuf};

use boundary::{Dut, Inputs, Outputs};
use hdl::{BuildError, BuildOptions, Description, Rtl};

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn options() -> BuildOptions {
    BuildOptions::new(package().join("../target"))
}

fn ours() -> Description {
    Description::read(&package().join("iommu.yaml")).expect("our description")
}

/// Reads a register as software does.
fn read_register(device: &mut Rtl, inputs: &mut Inputs, offset: u16) -> u64 {
    let mut outputs = Outputs::default();
    inputs.reg.ar_valid = true;
    inputs.reg.ar_addr = offset;
    inputs.reg.r_ready = true;
    for _ in 0..100 {
        device.cycle(inputs, &mut outputs).expect("a cycle");
        inputs.reg.ar_valid &= !outputs.reg.ar_ready;
        if outputs.reg.r_valid {
            assert_eq!(outputs.reg.r_resp, 0);
            return outputs.reg.r_data;
        }
    }
    panic!("register {offset:#x} does not answer");
}

#[test]
fn our_rtl_answers_with_the_capabilities_of_its_description() {
    let description = ours();
    let library = Rtl::build(&description, &options()).expect("our RTL");
    let capabilities = description.capabilities.expect("capabilities");
    // The strap asks for everything, then for what there is, then for hardly anything.
    for (strap, expected) in [(!0xef, capabilities), (capabilities, capabilities), (0x10, 0x1000_0010)] {
        let mut device = library.instance(1).expect("a device");
        let mut inputs = Inputs { caps: strap, ..Inputs::default() };
        let mut outputs = Outputs::default();
        (0..4).for_each(|_| device.cycle(&inputs, &mut outputs).expect("reset"));
        assert!(!outputs.dev.r.valid && !outputs.ptw.ar.valid && !outputs.mem.aw.valid);
        inputs.rst_n = true;
        assert_eq!(read_register(&mut device, &mut inputs, 0), expected, "strap {strap:#x}");
        device.finish().expect("a quiet end");
    }
}

#[test]
fn our_rtl_has_no_lint() {
    Rtl::lint(&ours(), &options()).unwrap_or_else(|report| panic!("{report}"));
}

/// A description beside one source file, made by `edit` from a module with exactly the ports of the boundary.
fn foreign(folder: &Path, edit: impl Fn(String) -> String) -> Description {
    let ours = std::fs::read_to_string(package().join("rtl/iommu.sv")).expect("our top module");
    let (_, ports) = ours.split_once(") (\n").expect("a parameter list, then ports");
    let (ports, _) = ports.split_once("\n);").expect("the end of the ports");
    let source: PathBuf = folder.join("wrapper.sv");
    std::fs::write(source, edit(format!("module wrapper (\n{ports}\n);\nendmodule\n"))).expect("a file");
    let file = folder.join("wrapper.yaml");
    std::fs::write(&file, "top: wrapper\nsources: [wrapper.sv]\n").expect("a file");
    Description::read(&file).expect("a description")
}

#[test]
fn ports_of_a_foreign_rtl_are_compared_with_the_table() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let description = foreign(folder.path(), |text| {
        text.replace("dev_rresp_o", "dev_rrsp_o")
            .replace("[55:0] mem_awaddr_o", "[63:0] mem_awaddr_o")
            .replace("input  logic [63:0] caps_i,", "input logic [63:0] caps_i, input logic scan_en_i,")
    });
    let error = Rtl::build(&description, &options()).expect_err("ports that do not fit");
    assert!(matches!(error, BuildError::Ports { .. }), "{error}");
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "ports of wrapper do not fit:");
    let expected = [
        "  missing: output dev_rresp_o, 2 bits (is it `dev_rrsp_o`?)",
        "  wrong width: mem_awaddr_o has 64 bits, not 56",
        "  unexpected: input scan_en_i, 1 bits",
        "  unexpected: output dev_rrsp_o, 2 bits",
    ];
    assert!(expected.iter().all(|line| lines.contains(line)) && lines.len() == 5, "{text}");
}

#[test]
fn a_stop_of_a_foreign_rtl_is_an_error_of_the_cycle() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let description = foreign(folder.path(), |text| {
        text.replace("endmodule", "  always_ff @(posedge clk_i) if (rst_ni) $fatal(1, \"not today\");\nendmodule")
    });
    let library = Rtl::build(&description, &options()).expect("a library");
    let mut device = library.instance(1).expect("a device");
    let mut inputs = Inputs::default();
    let mut outputs = Outputs::default();
    device.cycle(&inputs, &mut outputs).expect("reset");
    inputs.rst_n = true;
    let stopped = device.cycle(&inputs, &mut outputs).expect_err("the end");
    assert_eq!(stopped.file, "wrapper.sv");
    assert!(stopped.line > 100 && stopped.message.ends_with("not today"), "{stopped}");
}
