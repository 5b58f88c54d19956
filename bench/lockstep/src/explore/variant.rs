// SPDX-License-Identifier: Apache-2.0
//! One variant of a scenario, without the matrix: its settings and variables stand where they count.

use scenario::Variant;

use super::tree::Tree;

/// The scenario with this variant in force.
pub fn of_variant(tree: &Tree, variant: &Variant) -> Tree {
    let mut tree = tree.clone();
    tree.take("matrix");
    let mut variables: Vec<(String, Tree)> = Vec::new();
    if let Some(Tree::Map(entries)) = tree.take("variables") {
        variables.extend(entries);
    }
    for (axis, value) in &variant.0 {
        let value = Tree::from(value.as_str());
        if mentions(&tree, axis) {
            variables.push((axis.clone(), value));
        } else {
            set(&mut tree, axis, value);
        }
    }
    substitute(&mut tree, &variables);
    choose_expectation(&mut tree, variant);
    tree
}

fn mentions(tree: &Tree, name: &str) -> bool {
    match tree {
        Tree::Word(word) => word.strip_prefix('$') == Some(name),
        Tree::List(list) => list.iter().any(|own| mentions(own, name)),
        Tree::Map(entries) => entries.iter().any(|(_, own)| mentions(own, name)),
        Tree::Number(_) => false,
    }
}

fn substitute(tree: &mut Tree, variables: &[(String, Tree)]) {
    match tree {
        Tree::Word(word) => {
            let name = word.strip_prefix('$');
            if let Some((_, value)) = variables.iter().find(|(own, _)| Some(own.as_str()) == name) {
                *tree = value.clone();
            }
        }
        Tree::List(list) => list.iter_mut().for_each(|own| substitute(own, variables)),
        Tree::Map(entries) => entries.iter_mut().for_each(|(_, own)| substitute(own, variables)),
        Tree::Number(_) => {}
    }
}

/// Puts a value at the end of a way through mappings.
fn put(tree: &mut Tree, way: &[&str], value: Tree) {
    match way {
        [] => {}
        [key] => tree.set(key, value),
        [key, rest @ ..] => {
            if tree.get(key).is_none() {
                tree.set(key, Tree::Map(Vec::new()));
            }
            if let Some(inner) = tree.get_mut(key) {
                put(inner, rest, value);
            }
        }
    }
}

/// Puts a setting of a matrix where a scenario without one has it.
fn set(tree: &mut Tree, axis: &str, value: Tree) {
    match axis {
        "policy" | "flush" => put(tree, &["driver", axis], value),
        "driver-fault" if value.word() == Some("none") => {
            if let Some(driver) = tree.get_mut("driver") {
                driver.take("faults");
            }
        }
        "driver-fault" => put(tree, &["driver", "faults"], Tree::List(vec![value])),
        "directory" | "context" | "physical-bits" => put(tree, &["iommu", axis], value),
        "features" => {
            let list = value.word().unwrap_or_default().split('+').map(Tree::from).collect();
            put(tree, &["iommu", "features"], Tree::List(list));
        }
        "ptw-latency" => put(tree, &["memory", "page-tables", "latency"], value),
        "dma-latency" => put(tree, &["memory", "dma", "latency"], value),
        "ptw-reorder" => put(tree, &["memory", "page-tables", "reorder"], value),
        "dma-reorder" => put(tree, &["memory", "dma", "reorder"], value),
        "requires" => {
            let mut list = tree.get("requires").map(|own| own.list().to_vec()).unwrap_or_default();
            if !list.contains(&value) {
                list.push(value);
            }
            tree.set("requires", Tree::List(list));
        }
        "process-directory" => {
            if let Some(Tree::Map(devices)) = tree.get_mut("devices") {
                let with = devices.iter_mut().filter(|(_, own)| own.get("process-directory").is_some());
                with.for_each(|(_, device)| device.set("process-directory", value.clone()));
            }
        }
        path => match path.split_once('.') {
            Some(("mode", name)) => put(tree, &["domains", name, "mode"], value),
            Some(("page", name)) => {
                let domain = tree.get_mut("domains").and_then(|domains| domains.get_mut(name));
                if let Some(Tree::List(map)) = domain.and_then(|domain| domain.get_mut("map")) {
                    map.iter_mut().for_each(|mapping| mapping.set("page", value.clone()));
                }
            }
            _ => {}
        },
    }
}

/// Keeps what is expected of this variant: the last entry that matches.
fn choose_expectation(tree: &mut Tree, variant: &Variant) {
    let Some(Tree::List(entries)) = tree.take("expect") else { return };
    let setting = |tree: &Tree, axis: &str| match (variant.get(axis), axis) {
        (Some(value), _) => Some(value.to_owned()),
        (None, "policy" | "flush") => {
            let own = tree.get("driver").and_then(|driver| driver.get(axis)).and_then(Tree::word);
            Some(own.unwrap_or(if axis == "policy" { "sequenced" } else { "spec" }).to_owned())
        }
        (None, _) => None,
    };
    let matches = |entry: &&Tree| {
        let when = entry.get("when").map(Tree::entries).unwrap_or_default();
        when.iter().all(|(axis, values)| {
            let own = setting(tree, axis).map(|own| Tree::from(own.as_str()));
            own.is_some_and(|own| values.list().contains(&own))
        })
    };
    if let Some(mut entry) = entries.iter().rev().find(matches).cloned() {
        entry.take("when");
        tree.set("expect", Tree::List(vec![entry]));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use scenario::parse;

    use super::of_variant;
    use crate::explore::{Tree, yaml};
    use crate::runner::files;

    /// What is written says the same as the variant it was made from: it is set up alike, and needs the same.
    #[test]
    fn each_variant_of_each_scenario_stands_alone() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
        let mut checked = 0;
        for file in files(&root).expect("scenarios") {
            let text = std::fs::read_to_string(&file).expect("readable");
            let scenario = parse(&file.display().to_string(), &text).unwrap_or_else(|wrong| panic!("{wrong}"));
            let tree: Tree = serde_yaml::from_str(&text).expect("YAML");
            for variant in scenario.variants() {
                let alone = yaml(&of_variant(&tree, &variant));
                let alone = parse("a.yaml", &alone).unwrap_or_else(|wrong| panic!("{variant}: {wrong}\n{alone}"));
                let mut with = scenario.with(&variant).unwrap_or_else(|wrong| panic!("{}", wrong.message));
                let expectation = scenario.expectation(&variant);
                assert_eq!(alone.expectation(&Default::default()).verdict, expectation.verdict, "{variant}");
                with.matrix = Default::default();
                assert_eq!(alone.capabilities(), with.capabilities(), "{} {variant}", file.display());
                assert_eq!((&alone.iommu, &alone.memory), (&with.iommu, &with.memory), "{} {variant}", file.display());
                assert_eq!((&alone.domains, &alone.devices), (&with.domains, &with.devices), "{variant}");
                assert_eq!((&alone.driver, &alone.steps), (&with.driver, &with.steps), "{} {variant}", file.display());
                checked += 1;
            }
        }
        assert!(checked > 300, "{checked}");
    }
}
