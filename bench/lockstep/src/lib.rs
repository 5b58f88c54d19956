// SPDX-License-Identifier: Apache-2.0
//! lockstep: a golden-model RISC-V IOMMU in lockstep with an RTL IOMMU.
//!
//! What is above the test bench: [`runner`] plays scenarios in worker processes, [`report`] holds and renders results,
//! [`torture`] tests the oracle, [`cases`] runs outside cases on an RTL, [`perf`] measures how fast a device is, [`cli`] is the command line. Begin with [`runner::play`]
//! for one run, with [`runner::Pool`] for many. Device and software are judged by the oracle; the runner says only whether a run shows what its scenario demands.

pub mod cases;
pub mod cli;
pub mod explore;
pub mod perf;
pub mod report;
pub mod runner;
pub mod torture;
pub mod waivers;
