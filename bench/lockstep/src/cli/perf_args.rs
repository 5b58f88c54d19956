// SPDX-License-Identifier: Apache-2.0
//! What can be typed behind `lockstep perf`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::dut::{Dut, OUR_RTL};
use super::home::ours;
use crate::perf::Case;

/// `lockstep perf`
#[derive(Debug, ClapArgs)]
pub struct Perf {
    /// Which cases: names, or beginnings of names up to a dot; default: all
    #[arg(value_name = "CASE", value_parser = case)]
    pub cases: Vec<String>,
    /// List the cases
    #[arg(long)]
    pub list: bool,
    /// Which devices
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Dut::Rtl, Dut::Model])]
    pub dut: Vec<Dut>,
    /// Description of an RTL; several stand side by side
    #[arg(long, value_name = "DESCRIPTION", default_values_os_t = [ours(OUR_RTL)])]
    pub rtl: Vec<PathBuf>,
    /// Parameters of the top module that take the place of those in the description: each RTL stands there without and
    /// with them, side by side. Again for another set
    #[arg(long, value_name = "NAME=VALUE[,...]", value_parser = parameters)]
    pub parameters: Vec<Parameters>,
    /// Cycles in which memory answers
    #[arg(long, value_name = "CYCLES", value_delimiter = ',', default_values_t = [1, 20, 100], value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub latency: Vec<u32>,
    /// Cycles in which memory answers DMA; default: the same
    #[arg(long, value_name = "CYCLES", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub dma_latency: Option<u32>,
    /// Streams of requests at the same time
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 16], value_parser = clap::value_parser!(u8).range(1..=16))]
    pub streams: Vec<u8>,
    /// Devices that the streams belong to, with a context each; default: to each its own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub devices: Option<u8>,
    /// Requests that each stream has under way at most
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub outstanding: u8,
    /// Requests that are measured in each case; matrix and chase make four times as many
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub requests: u32,
    /// Translations that the ideal cache holds; default: as many as the description of the RTL says of its own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub entries: Option<u32>,
    /// Print the device's own performance counters, where it has them, beside what the bench saw. JSON has them anyway
    #[arg(long)]
    pub counters: bool,
    /// Measure the golden walk as well: translations in a second, beside the device in simulation
    #[arg(long)]
    pub golden: bool,
    /// A clock of the RTL: translations in a second by it. Implies --golden
    #[arg(long, value_name = "MHZ", value_parser = megahertz)]
    pub clock: Option<f64>,
    /// Write everything to this file as JSON; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draw a picture into this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Write the tables to this file: between the lines `<!-- lockstep perf -->` and `<!-- end -->` where it has them
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write a trace of each run into a folder, for `lockstep events`
    #[arg(long, value_name = "FOLDER")]
    pub record: Option<PathBuf>,
    /// Measurements at a time; default: one for each core
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub jobs: Option<u32>,
    /// Seconds of wall-clock time after which a measurement is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub timeout: u64,
}

/// Parameters as they were typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// By name
    pub values: Vec<(String, String)>,
    /// As it was typed
    pub text: String,
}

fn parameters(text: &str) -> Result<Parameters, String> {
    let one = |part: &str| {
        let is_name = |name: &str| {
            !name.starts_with(|c: char| c.is_ascii_digit())
                && !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        match part.split_once('=') {
            Some((name, value)) if is_name(name) && !value.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(format!("`{part}` is not NAME=VALUE")),
        }
    };
    Ok(Parameters { values: text.split(',').map(one).collect::<Result<_, _>>()?, text: text.to_owned() })
}

/// A case is meant by a name or by what its name begins with.
fn is_meant(case: &str, name: &str) -> bool {
    case == name || case.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
}

fn case(text: &str) -> Result<String, String> {
    let names: Vec<String> = Case::all().into_iter().map(Case::name).collect();
    if names.iter().any(|name| is_meant(name, text)) {
        return Ok(text.to_owned());
    }
    let hint = scenario::did_you_mean(text, names.iter().map(String::as_str));
    Err(hint.unwrap_or_else(|| "no such case: see --list".to_owned()))
}

fn megahertz(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err("a number of MHz above 0".to_owned()),
    }
}

impl Perf {
    /// The cases that are meant.
    pub fn selected(&self) -> Vec<Case> {
        let meant = |case: &Case| self.cases.is_empty() || self.cases.iter().any(|name| is_meant(&case.name(), name));
        Case::all().into_iter().filter(meant).collect()
    }
}
