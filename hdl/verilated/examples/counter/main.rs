// SPDX-License-Identifier: Apache-2.0
//! Builds a counter and runs it: `cargo run -p verilated --example counter`.

use std::path::Path;

use verilated::{Binding, Builder, Design, ModelConfig, Options, PortSpec};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let design = Design::new("counter", package.join("examples/counter"))
        .source("counter.sv")
        .include(".")
        .parameter("Width", 16)
        .parameter("Step", 3)
        .bind(Binding::Exact {
            inputs: vec![
                PortSpec::new("rst_ni", 1),
                PortSpec::new("en_i", 1),
                PortSpec::new("limit_i", 16),
                PortSpec::new("wide_i", 100),
            ],
            outputs: vec![
                PortSpec::new("count_o", 16),
                PortSpec::new("wide_o", 100),
                PortSpec::new("random_o", 32),
                PortSpec::new("unset_o", 16),
            ],
            groups: vec![],
        });
    let library = Builder::new(package.join("../../target")).build(&design, &Options::default())?;
    println!("{} ({})", library.file().display(), if library.fresh() { "built" } else { "found" });

    let mut model = library.instance(&ModelConfig::default())?;
    for cycle in 0..1000 {
        model.inputs_mut().copy_from_slice(&[u64::from(cycle > 1), 1, 60, 0, 0]);
        match model.cycle() {
            Ok(()) => println!("cycle {cycle}: count {}", model.outputs()[0]),
            Err(stop) => {
                println!("stopped in cycle {cycle}: {stop}");
                break;
            }
        }
    }
    Ok(())
}
