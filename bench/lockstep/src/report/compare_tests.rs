// SPDX-License-Identifier: Apache-2.0
use testbench::{DeviceSeries, SETTLING};

use super::*;

/// A device that completes one transaction in ten cycles, but nothing in the first `hole` cycles of each
/// reconfiguration; these come every 1000 cycles and take 50.
fn series(hole: u64, count: u64) -> Series {
    let bucket = 4;
    let end = 1000 * (count + 1);
    let mut own = DeviceSeries {
        device: 7,
        done: vec![0; (end / bucket) as usize],
        refused: vec![0; (end / bucket) as usize],
        quiet_gap: 10,
        first: Some(0),
        ..DeviceSeries::default()
    };
    let mut series = Series { bucket, ..Series::default() };
    for now in (0..end).step_by(10) {
        let since = now % 1000;
        if now >= 1000 && since < hole {
            own.refused[(now / bucket) as usize] += 1;
        } else {
            own.done[(now / bucket) as usize] += 1;
        }
    }
    let done = |until: u64| (0..until).step_by(10).filter(|now| *now < 1000 || now % 1000 >= hole).count() as u64;
    for began in (1..=count).map(|n| n * 1000) {
        let settled = began + 50 + SETTLING;
        series.reconfigurations.push(Reconfiguration {
            name: "replace nic: a -> b".into(),
            device: 7,
            began,
            ended: began + 50,
            settled,
            succeeded: true,
            done_before: done(began),
            done_settled: done(settled),
            longest_gap: hole + 10,
            steps: Vec::new(),
        });
    }
    own.total = done(end);
    series.devices.push(own);
    series
}

#[test]
fn lost_cycles_are_those_of_the_hole() {
    for count in [1, 5] {
        let measures = Measures::of(&[series(120, count), series(120, count)]);
        let stall = measures.stall.expect("there was traffic");
        assert_eq!(measures.reconfigurations, 2 * count);
        assert_eq!((measures.latency_mean, measures.latency_worst), (50.0, 50));
        assert!((stall.undisturbed_rate - 100.0).abs() < 1e-9, "{stall:?}");
        assert_eq!((stall.gap_worst, stall.gap_mean, stall.undisturbed_gap), (130, 130.0, 10));
        assert!((stall.lost_mean - 120.0).abs() < 1e-9, "{stall:?}");
        assert!((stall.lost_total - 240.0 * count as f64).abs() < 1e-9, "{stall:?}");
    }
    let undisturbed = Measures::of(&[series(0, 5)]).stall.expect("there was traffic");
    assert!(undisturbed.lost_mean.abs() < 1e-9, "{undisturbed:?}");
}

#[test]
fn a_profile_shows_the_hole_where_it_is() {
    let mut coarse = series(120, 3);
    coarse.bucket = 8;
    for counts in coarse.devices.iter_mut().flat_map(|own| [&mut own.done, &mut own.refused]) {
        *counts = counts.chunks(2).map(|pair| pair.iter().sum()).collect();
    }
    let profile = Measures::of(&[series(120, 3), coarse]).profile;
    assert_eq!((profile.bucket, profile.start), (8, -200));
    let between = |values: &[f64], from: i64, to: i64| {
        let at = |cycle: i64| ((cycle - profile.start) / 8) as usize;
        let part = &values[at(from)..at(to)];
        part.iter().sum::<f64>() / part.len() as f64
    };
    assert!((between(&profile.done, -200, 0) - 0.1).abs() < 0.01, "{profile:?}");
    assert!(between(&profile.done, 0, 120) < 1e-9);
    assert!((between(&profile.refused, 0, 120) - 0.1).abs() < 0.01);
    assert!((between(&profile.done, 120, 350) - 0.1).abs() < 0.01);
}

#[test]
fn reconfigurations_without_traffic_do_not_count() {
    let mut silent = series(0, 2);
    for one in &mut silent.reconfigurations {
        one.done_before = 0;
    }
    let measures = Measures::of(&[silent]);
    assert_eq!((measures.reconfigurations, measures.stall), (0, None));
}
