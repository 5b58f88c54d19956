// SPDX-License-Identifier: Apache-2.0
//! Tests of the matrix.

use crate::{Flush, PageSize, Policy, Scenario, parse};

fn scenario(head: &str) -> Scenario {
    let text = format!(
        "name: a.b\n{head}\ndomains: {{ d: {{ kind: paging, map: [ {{ iova: 0x20_0000 }} ] }} }}\n\
         devices: {{ nic: {{ id: 1, domain: d }} }}\nsteps:\n  - dma: {{ device: nic, read: 0x20_0000 }}\n"
    );
    parse("a.yaml", &text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn names(scenario: &Scenario) -> Vec<String> {
    scenario.variants().iter().map(ToString::to_string).collect()
}

#[test]
fn without_matrix_there_is_one_plain_variant() {
    assert_eq!(names(&scenario("")), [""]);
}

#[test]
fn the_last_axis_changes_fastest() {
    let scenario = scenario("matrix: { policy: [sequenced, rfc], context: [base, extended] }");
    assert_eq!(
        names(&scenario),
        [
            "[policy=sequenced,context=base]",
            "[policy=sequenced,context=extended]",
            "[policy=rfc,context=base]",
            "[policy=rfc,context=extended]",
        ]
    );
}

#[test]
fn exclude_takes_away_and_include_adds() {
    let scenario = scenario(
        "matrix: { policy: [sequenced, rfc], context: [base, extended], exclude: [ { policy: rfc, context: base } ], \
         include: [ { policy: upstream, flush: tags }, { policy: rfc, context: extended } ] }",
    );
    assert_eq!(
        names(&scenario),
        [
            "[policy=sequenced,context=base]",
            "[policy=sequenced,context=extended]",
            "[policy=rfc,context=extended]",
            "[policy=upstream,flush=tags]",
        ]
    );
    let last = &scenario.variants()[3];
    let set = scenario.with(last).expect("settings are good");
    assert_eq!((set.driver.policy.value, set.driver.flush.value), (Policy::Upstream, Flush::Tags));
}

#[test]
fn include_alone_makes_no_plain_variant() {
    assert_eq!(names(&scenario("matrix: { include: [ { policy: rfc } ] }")), ["[policy=rfc]"]);
}

#[test]
fn settings_of_domains_have_the_domain_in_their_name() {
    let scenario = scenario("matrix: { page.d: [4K, 2M], ptw-latency: [1..2, 50], ptw-reorder: [false] }");
    let variants = scenario.variants();
    assert_eq!(variants[2].to_string(), "[page.d=2M,ptw-latency=1..2,ptw-reorder=false]");
    let set = scenario.with(&variants[2]).expect("settings are good");
    assert_eq!(set.domains.get("d").expect("d").map[0].page.value, PageSize::M2);
    assert_eq!(set.memory.page_tables.latency.max, 2);
    assert!(!set.memory.page_tables.reorder);
}

#[test]
fn the_last_matching_expectation_counts() {
    let scenario = scenario(
        "matrix: { policy: [sequenced, rfc, upstream] }\nexpect:\n  - { device-faults: 0 }\n  \
         - { when: { policy: [rfc, upstream] }, verdict: software-hazard }\n  \
         - { when: { policy: [upstream], flush: [tags] }, device-faults: 7 }\n",
    );
    let of = |index: usize| scenario.expectation(&scenario.variants()[index]);
    assert_eq!(of(0).device_faults.map(|limit| limit.max), Some(0));
    assert_eq!(of(1).verdict, crate::ExpectedVerdict::SoftwareHazard);
    assert_eq!(of(2).device_faults, None, "flush is `spec`, so the third entry does not match");
}
