// SPDX-License-Identifier: Apache-2.0
//! Under steady traffic the test bench with its oracle allocates nothing in a cycle; a transaction costs a handful of
//! allocations, however long it takes.

mod counting;

use std::path::Path;

use counting::allocations;
use hdl::{BuildOptions, Description, Library, Rtl};
use lockstep::runner::{RunOptions, play};

/// Allocations that a transaction may cost: its data, and the explanation of its translation.
const MOST: u64 = 5;

/// A nested domain under reads and writes for so many cycles, with such gaps: allocations and transactions.
fn traffic(library: &Library, cycles: u64, gap: &str) -> (u64, u64) {
    let text = format!(
        "name: steady.state\n\
         domains:\n  host: {{ kind: paging, nest-parent: true, map: [{{ iova: 0x1000_0000, pages: 64 }}] }}\n  \
         guest: {{ kind: nested, parent: host, map: [{{ iova: 0x2000_0000, to: 0x1000_0000, pages: 4 }}] }}\n\
         devices:\n  nic: {{ id: 0x12, domain: guest }}\n\
         steps:\n  - stream: {{ name: all, device: nic, kind: mixed, range: {{ iova: 0x2000_0000, size: 16K }}, gap: {gap} }}\n  \
         - wait: {cycles}\n  - stop: all\n"
    );
    let scenario = scenario::parse("steady.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let dut = library.instance(1).expect("an instance");
    let before = allocations();
    let outcome =
        play(&scenario, &text, Box::new(dut), RunOptions { seed: 1, ..RunOptions::default() }).expect("it runs");
    let allocations = allocations() - before;
    assert!(outcome.violation.is_none() && outcome.figures.device_faults == 0, "{outcome:?}");
    (allocations, outcome.figures.dma_transactions)
}

#[test]
fn a_cycle_allocates_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let description = Description::read(&root.join("hdl/iommu.yaml")).expect("the description of our RTL");
    let library = Rtl::build(&description, &BuildOptions::new(root.join("target"))).expect("our RTL builds");
    for (gap, least) in [("0..4", 1000), ("300..400", 50)] {
        let (short, few) = traffic(&library, 20_000, gap);
        let (long, many) = traffic(&library, 60_000, gap);
        let (allocations, transactions) = (long - short, many - few);
        assert!(transactions > least, "gap {gap}: {few} transactions, then {many}");
        assert!(
            allocations <= MOST * transactions,
            "gap {gap}: {allocations} allocations in 40000 cycles with {transactions} transactions"
        );
    }
}
