// SPDX-License-Identifier: Apache-2.0
//! What the JSON of `lockstep perf` holds. `docs/perf.schema.json` is made of these types.

use schemars::JsonSchema;
use serde::Serialize;

use super::perf::{Cell, Perf, Row};
use crate::perf::{Measured, Setting};

/// The number of this format: another one where a reader of this one would go wrong.
const FORMAT: u32 = 1;

/// What the schema of this format is called.
pub(super) const SCHEMA: &str = "urn:lockstep:perf:1";

/// What `lockstep perf --json` writes. A reader should go past keys that it does not know: new ones may come
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Perf")]
pub(super) struct PerfDocument {
    /// The number of the format; a program should refuse one that it does not know
    #[schemars(extend("const" = FORMAT))]
    format: u32,
    /// The name of the schema
    #[schemars(extend("const" = SCHEMA))]
    schema: &'static str,
    /// Version of lockstep that wrote it
    lockstep: &'static str,
    /// The devices that were measured
    devices: Vec<String>,
    /// A clock of the device in MHz, if one was named
    clock_mhz: Option<f64>,
    /// Measurements that were given up, since the user interrupted
    interrupted: usize,
    /// A row for each case in each setting
    rows: Vec<PerfRow>,
    /// All that depends on the machine or the day
    times: Vec<PerfTime>,
}

/// A case in a setting
#[derive(Serialize, JsonSchema)]
struct PerfRow {
    /// Name of the case
    case: String,
    /// Cycles from the acceptance of a read on `ptw_*` to its first beat
    latency: u32,
    /// The same on `mem_*`, where DMA goes
    dma_latency: u32,
    /// Requesters that ask at the same time
    streams: u8,
    /// Devices that they are, with a context each
    contexts: u8,
    /// Requests that each has under way
    outstanding: u8,
    /// Requests that are measured, all streams together
    requests: u32,
    /// What each device did with it, in the order of `devices`
    devices: Vec<PerfCell>,
}

/// What a device did with a case: `measured`, `lacks` or `failed`; nothing of them if it was given up
#[derive(Serialize, JsonSchema)]
struct PerfCell {
    /// Which device
    device: String,
    /// The figures
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<Measured>,
    /// What the device lacks for it
    #[serde(skip_serializing_if = "Option::is_none")]
    lacks: Option<String>,
    /// What went wrong, in a few lines
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
    /// The command that plays what went wrong again
    #[serde(skip_serializing_if = "Option::is_none")]
    reproduce: Option<String>,
}

/// What a measurement took on the wall clock
#[derive(Serialize, JsonSchema)]
struct PerfTime {
    /// Name of the case
    case: String,
    /// Latency of the setting
    latency: u32,
    /// Streams of the setting
    streams: u8,
    /// Which device
    device: String,
    /// Seconds of the whole run
    seconds: f64,
    /// Seconds of the cycles in which was measured
    measured_seconds: f64,
    /// Requests in a second, all streams together
    requests_per_second: f64,
    /// Translations of the golden walk in a second, if that was asked for
    golden_translations_per_second: Option<f64>,
}

impl PerfDocument {
    /// What was found, as a document.
    pub(super) fn of(perf: &Perf) -> PerfDocument {
        let times = |row: &Row| {
            let all = perf.devices.iter().zip(&row.cells).filter_map(|(device, cell)| time(row, device, cell));
            all.collect::<Vec<_>>()
        };
        PerfDocument {
            format: FORMAT,
            schema: SCHEMA,
            lockstep: env!("CARGO_PKG_VERSION"),
            devices: perf.devices.clone(),
            clock_mhz: perf.clock,
            interrupted: perf.interrupted,
            rows: perf.rows.iter().map(|row| self::row(&perf.devices, row)).collect(),
            times: perf.rows.iter().flat_map(times).collect(),
        }
    }
}

fn row(devices: &[String], row: &Row) -> PerfRow {
    let Setting { latency, dma_latency, streams, devices: contexts, outstanding, requests, .. } = row.setting;
    PerfRow {
        case: row.case.clone(),
        latency,
        dma_latency,
        streams,
        contexts,
        outstanding,
        requests,
        devices: devices.iter().zip(&row.cells).map(|(device, own)| cell(device, own)).collect(),
    }
}

fn cell(device: &str, own: &Cell) -> PerfCell {
    let failed = own.failure().map(|(why, _)| why);
    PerfCell {
        device: device.to_owned(),
        measured: own.measured().cloned(),
        lacks: own.lacks().map(str::to_owned),
        reproduce: failed.is_some().then(|| own.reproduce.clone()),
        failed,
    }
}

fn time(row: &Row, device: &str, cell: &Cell) -> Option<PerfTime> {
    let (seconds, measured_seconds, golden) = cell.times()?;
    let requests = cell.measured().map_or(0, |own| own.requests_of_all);
    Some(PerfTime {
        case: row.case.clone(),
        latency: row.setting.latency,
        streams: row.setting.streams,
        device: device.to_owned(),
        seconds,
        measured_seconds,
        requests_per_second: requests as f64 / measured_seconds.max(1e-9),
        golden_translations_per_second: golden,
    })
}
