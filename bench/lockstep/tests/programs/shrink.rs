// SPDX-License-Identifier: Apache-2.0
//! Making a program smaller that shows something.

use super::program::Program;

/// Leaves out operations, traffic and waits as long as `shows` still holds.
pub fn shrink(program: &Program, shows: impl Fn(&Program) -> bool) -> Program {
    let mut best = program.clone();
    loop {
        let before = (best.ops.len(), best.traffic.len());
        let mut chunk = best.ops.len().div_ceil(2);
        while chunk > 0 {
            let mut at = 0;
            while at < best.ops.len() {
                let mut less = best.clone();
                less.ops.drain(at..(at + chunk).min(best.ops.len()));
                if shows(&less) {
                    best = less;
                } else {
                    at += chunk;
                }
            }
            chunk /= 2;
        }
        for at in (0..best.traffic.len()).rev() {
            let mut less = best.clone();
            less.traffic.remove(at);
            if shows(&less) {
                best = less;
            }
        }
        for at in 0..best.ops.len() {
            let mut less = best.clone();
            less.ops[at].1 = 0;
            if best.ops[at].1 > 0 && shows(&less) {
                best = less;
            }
        }
        if (best.ops.len(), best.traffic.len()) == before {
            return best;
        }
    }
}
