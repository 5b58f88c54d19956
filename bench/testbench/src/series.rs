// SPDX-License-Identifier: Apache-2.0
//! DMA over time: what the devices got done, in buckets of cycles, and when software reconfigured them.
//!
//! Counting takes no memory in a cycle: buckets are there from the start, and when a run outlasts them, two become
//! one. Gaps and rates around a reconfiguration are kept by the cycle, since a bucket is coarser than what they tell.

use driver::StepKind;
use events::{Cycle, OKAY, Operation};
use serde::{Deserialize, Serialize};

/// Buckets of a device. An even number, since two become one.
const BUCKETS: usize = 8192;

/// Cycles of a bucket at the start of a run.
const FIRST_BUCKET: Cycle = 4;

/// For so many cycles after its end a reconfiguration still shows in the traffic: caches fill again.
pub const SETTLING: Cycle = 120;

/// What one device got done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSeries {
    /// `device_id`
    pub device: u32,
    /// Transactions completed, by bucket
    pub done: Vec<u32>,
    /// Transactions refused, or answered with an error, by bucket
    pub refused: Vec<u32>,
    /// Transactions completed in all
    pub total: u64,
    /// The first completion
    pub first: Option<Cycle>,
    /// The longest gap between two completions that touches no reconfiguration of the device, in cycles
    pub quiet_gap: Cycle,
    /// The last completion
    pub last: Cycle,
}

/// A reconfiguration of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconfiguration {
    /// As the driver names it
    pub name: String,
    /// The first ID of the device
    pub device: u32,
    /// First cycle
    pub began: Cycle,
    /// When the call returned
    pub ended: Cycle,
    /// When the traffic counts as undisturbed again: [`SETTLING`] cycles later, or when the next one began
    pub settled: Cycle,
    /// The call succeeded
    pub succeeded: bool,
    /// Transactions that the device had completed at the beginning
    pub done_before: u64,
    /// Transactions that the device had completed when it had settled
    pub done_settled: u64,
    /// The longest gap between two completions of the device that overlaps the time from beginning to settling, in
    /// cycles
    pub longest_gap: Cycle,
    /// The steps of the plan, and when each began
    pub steps: Vec<(Cycle, StepKind)>,
}

/// DMA over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Cycles of a bucket
    pub bucket: Cycle,
    /// Devices in the order in which they first completed something
    pub devices: Vec<DeviceSeries>,
    /// Reconfigurations in order
    pub reconfigurations: Vec<Reconfiguration>,
}

impl Series {
    /// The record of a device.
    pub fn device(&self, device: u32) -> Option<&DeviceSeries> {
        self.devices.iter().find(|own| own.device == device)
    }
}

/// Records a [`Series`].
#[derive(Debug)]
pub(super) struct Recorder {
    series: Series,
    /// The operation under way, and how deep calls are nested
    operation: Option<Operation>,
    depth: u32,
    began: Cycle,
    /// The reconfiguration under way, once its first step is known
    current: Option<usize>,
    /// When the last one will have settled
    settles: Option<Cycle>,
}

impl Recorder {
    pub(super) fn new() -> Recorder {
        let series = Series { bucket: FIRST_BUCKET, ..Series::default() };
        Recorder { series, operation: None, depth: 0, began: 0, current: None, settles: None }
    }

    /// A transaction of a device was answered.
    pub(super) fn answered(&mut self, device: u32, resp: u8, now: Cycle) {
        while now / self.series.bucket >= BUCKETS as Cycle {
            self.coarser();
        }
        let bucket = (now / self.series.bucket) as usize;
        let own = self.device(device);
        if resp != OKAY {
            own.refused[bucket] += 1;
            return;
        }
        own.done[bucket] += 1;
        own.total += 1;
        let last = std::mem::replace(&mut own.last, now);
        if own.first.is_none() {
            own.first = Some(now);
            return;
        }
        let gap = now - last;
        let open = self.current;
        let mut touched = false;
        for (at, one) in self.series.reconfigurations.iter_mut().enumerate().rev() {
            let over = open != Some(at) && one.settled < last;
            if over {
                break;
            }
            if one.device == device {
                one.longest_gap = one.longest_gap.max(gap);
                touched = true;
            }
        }
        if !touched {
            let own = self.device(device);
            own.quiet_gap = own.quiet_gap.max(gap);
        }
    }

    fn device(&mut self, device: u32) -> &mut DeviceSeries {
        let devices = &mut self.series.devices;
        let at = devices.iter().position(|own| own.device == device).unwrap_or_else(|| {
            let (done, refused) = (vec![0; BUCKETS], vec![0; BUCKETS]);
            devices.push(DeviceSeries { device, done, refused, ..DeviceSeries::default() });
            devices.len() - 1
        });
        &mut devices[at]
    }

    /// Two buckets become one.
    fn coarser(&mut self) {
        self.series.bucket *= 2;
        for counts in self.series.devices.iter_mut().flat_map(|own| [&mut own.done, &mut own.refused]) {
            for at in 0..BUCKETS / 2 {
                counts[at] = counts[2 * at] + counts[2 * at + 1];
            }
            counts[BUCKETS / 2..].fill(0);
        }
    }

    /// A cycle begins.
    pub(super) fn tick(&mut self, now: Cycle) {
        if self.settles.is_some_and(|settles| settles <= now) {
            self.settle(now);
        }
    }

    fn settle(&mut self, now: Cycle) {
        if self.settles.take().is_none() {
            return;
        }
        let total = |device: u32| self.series.device(device).map_or(0, |own| own.total);
        let done = self.series.reconfigurations.last().map(|one| total(one.device)).unwrap_or_default();
        if let Some(one) = self.series.reconfigurations.last_mut() {
            one.settled = now;
            one.done_settled = done;
        }
    }

    pub(super) fn begin(&mut self, operation: &Operation, now: Cycle) {
        self.depth += 1;
        if self.depth == 1 && operation.reconfiguration {
            self.operation = Some(operation.clone());
            self.began = now;
        }
    }

    /// A step of a plan begins.
    pub(super) fn step(&mut self, device: u32, kind: StepKind, now: Cycle) {
        let Some(operation) = &self.operation else { return };
        let at = match self.current {
            Some(at) => at,
            None => {
                let (name, began) = (operation.name.clone(), self.began);
                self.settle(began);
                let done_before = self.series.device(device).map_or(0, |own| own.total);
                let settled = Cycle::MAX;
                let one = Reconfiguration { name, device, began, settled, done_before, ..Reconfiguration::default() };
                self.series.reconfigurations.push(one);
                self.series.reconfigurations.len() - 1
            }
        };
        self.current = Some(at);
        self.series.reconfigurations[at].steps.push((now, kind));
    }

    pub(super) fn end(&mut self, succeeded: bool, now: Cycle) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth > 0 {
            return;
        }
        self.operation = None;
        let Some(at) = self.current.take() else { return };
        let one = &mut self.series.reconfigurations[at];
        one.ended = now;
        one.settled = now + SETTLING;
        one.succeeded = succeeded;
        self.settles = Some(now + SETTLING);
    }

    /// The series, without the buckets that nothing reached.
    pub(super) fn finish(mut self, now: Cycle) -> Series {
        if let Some(at) = self.current.take() {
            self.series.reconfigurations[at].ended = now;
            self.settles = Some(now);
        }
        self.settle(now);
        let used = (now / self.series.bucket + 1).min(BUCKETS as Cycle) as usize;
        for own in &mut self.series.devices {
            own.done.truncate(used);
            own.refused.truncate(used);
        }
        self.series
    }
}

#[cfg(test)]
mod tests {
    use events::Promise;

    use super::*;

    const SLVERR: u8 = 2;

    fn replace() -> Operation {
        Operation { name: "replace nic: a -> b".into(), promise: Promise::Hitless, reconfiguration: true }
    }

    #[test]
    fn gaps_and_counts_go_to_the_reconfiguration_that_they_overlap() {
        let mut recorder = Recorder::new();
        let at = |recorder: &mut Recorder, now: Cycle, resp| {
            recorder.tick(now);
            recorder.answered(7, resp, now);
            recorder.answered(9, OKAY, now);
        };
        for now in [10, 20, 30] {
            at(&mut recorder, now, OKAY);
        }
        recorder.begin(&replace(), 35);
        recorder.step(7, StepKind::Store, 36);
        at(&mut recorder, 40, SLVERR);
        recorder.step(7, StepKind::Sync, 41);
        recorder.end(true, 60);
        at(&mut recorder, 70, OKAY);
        at(&mut recorder, 170, OKAY);
        recorder.tick(60 + SETTLING);
        at(&mut recorder, 185, OKAY);
        at(&mut recorder, 300, OKAY);
        let series = recorder.finish(310);
        let [one] = &series.reconfigurations[..] else { panic!("{series:?}") };
        assert_eq!((one.began, one.ended, one.settled), (35, 60, 60 + SETTLING));
        assert_eq!((one.done_before, one.done_settled), (3, 5), "the refused one moved nothing");
        assert_eq!(one.longest_gap, 100, "while it settled");
        assert_eq!(one.steps, [(36, StepKind::Store), (41, StepKind::Sync)]);
        let (nic, disk) = (series.device(7).unwrap(), series.device(9).unwrap());
        assert_eq!((nic.total, nic.quiet_gap, nic.first), (7, 115, Some(10)));
        assert_eq!((nic.done.iter().sum::<u32>(), nic.refused.iter().sum::<u32>()), (7, 1));
        assert_eq!((disk.total, disk.quiet_gap), (8, 115), "it was not reconfigured");
    }

    #[test]
    fn a_long_run_gets_coarser_buckets_and_loses_nothing() {
        let mut recorder = Recorder::new();
        let step = 97;
        let count = 3 * BUCKETS as Cycle * FIRST_BUCKET / step;
        for n in 0..count {
            recorder.answered(1, OKAY, n * step);
        }
        let series = recorder.finish(count * step);
        assert_eq!(series.bucket, 4 * FIRST_BUCKET);
        let own = series.device(1).unwrap();
        assert_eq!(own.done.iter().map(|&n| Cycle::from(n)).sum::<Cycle>(), count);
        assert_eq!(own.done[(50 * step / series.bucket) as usize], 1, "in its place");
    }

    #[test]
    fn one_that_comes_before_the_last_has_settled_cuts_it_short() {
        let mut recorder = Recorder::new();
        for (began, ended) in [(100, 150), (160, 200)] {
            recorder.answered(7, OKAY, began - 1);
            recorder.begin(&replace(), began);
            recorder.step(7, StepKind::Store, began);
            recorder.end(true, ended);
        }
        let series = recorder.finish(1000);
        assert_eq!(series.reconfigurations[0].settled, 160);
        assert_eq!(series.reconfigurations[0].done_settled, 2);
    }

    #[test]
    fn operations_that_reconfigure_nothing_leave_no_trace() {
        let mut recorder = Recorder::new();
        recorder.begin(&Operation { reconfiguration: false, ..replace() }, 5);
        recorder.step(7, StepKind::Flush, 6);
        recorder.end(true, 9);
        recorder.begin(&replace(), 15);
        recorder.end(false, 16);
        assert!(recorder.finish(20).reconfigurations.is_empty(), "refused before its first step");
    }
}
