// SPDX-License-Identifier: Apache-2.0
//! For code scanning: SARIF 2.1.0, a result for each kind of failure.

use serde_json::{Value, json as object};
use testbench::End;

use super::kinds::{Bucket, buckets};
use super::result::Report;
use super::terminal::explain;
use crate::runner::{RunReport, Verdict};

/// The kinds of failure, each at the line of the RTL that stopped the smallest example, or else at the scenario that showed
/// it. What the rule is called does not depend on addresses, names and numbers, so that a result is known again.
pub fn sarif(report: &Report) -> String {
    let kinds = buckets(report);
    let mut rules: Vec<Value> = Vec::new();
    for bucket in &kinds {
        let id = rule(bucket);
        if rules.iter().all(|known| known["id"] != id.as_str()) {
            rules.push(object!({
                "id": id,
                "shortDescription": { "text": bucket.verdict.name() },
                "help": { "text": bucket.finding.map_or("", |finding| finding.section.as_str()) },
            }));
        }
    }
    let results: Vec<Value> = kinds.iter().map(result).collect();
    let document = object!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "lockstep",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "utf16CodeUnits",
            "results": results,
        }],
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// The rule of the oracle, or how the run is judged.
fn rule(bucket: &Bucket<'_>) -> String {
    match &bucket.kind {
        Some(kind) => kind.rule.clone(),
        None => bucket.verdict.name().replace(' ', "-").to_lowercase(),
    }
}

fn result(bucket: &Bucket<'_>) -> Value {
    // A software hazard of a scenario may be what it is for, but not where it failed.
    let level = if bucket.verdict == Verdict::SoftwareHazard { "warning" } else { "error" };
    let smallest = bucket.smallest;
    let said = format!("{} ({} runs)\n\n{}", bucket.what, bucket.runs.len(), explain(smallest));
    object!({
        "ruleId": rule(bucket),
        "level": level,
        "message": { "text": said },
        "locations": location(smallest).into_iter().collect::<Vec<_>>(),
        "partialFingerprints": {
            "kind/v1": blake3::hash(format!("{}\n{}", bucket.verdict.name(), bucket.what).as_bytes()).to_hex().as_str(),
        },
        "properties": { "id": smallest.id, "reproduce": smallest.reproduce, "runs": bucket.runs.len() },
    })
}

fn location(run: &RunReport) -> Option<Value> {
    let (file, line) = match &run.end {
        Some(End::Stopped { file, line, .. }) => (file.as_str(), *line),
        _ => (run.file.as_str(), run.line),
    };
    (!file.is_empty() && line > 0).then(|| {
        object!({ "physicalLocation": {
            "artifactLocation": { "uri": uri(file) },
            "region": { "startLine": line },
        } })
    })
}

/// A path as a URI: of a file below the current folder, relative to it.
fn uri(file: &str) -> String {
    let here = std::env::current_dir().map(|here| format!("{}/", here.display())).unwrap_or_default();
    let path = file.strip_prefix(here.as_str()).unwrap_or(file);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(byte);
    let escaped: String = path
        .bytes()
        .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    if escaped.starts_with('/') { format!("file://{escaped}") } else { escaped }
}
