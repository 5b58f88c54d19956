// SPDX-License-Identifier: Apache-2.0

//! The functions with which a bench goes past what is known.

use std::ffi::c_char;

use crate::calls::{handle, number, with};
use crate::guard::{guarded, string};
use crate::handle::{Handle, LOCKSTEP_ARGUMENT, LOCKSTEP_BAD_WAIVERS, LOCKSTEP_PANIC};
use crate::waived::{Waived, of_file, of_text};

/// Waives known divergences: `text` is what stands in a file of waivers (docs/waivers.md). A divergence that falls under one
/// is counted and does not end the judgement: what the device did is adopted. A waiver holds whatever scenarios and seeds it
/// names, and until the end of its last day by the clock of the machine. Told before the first event; it takes the place of
/// what was waived before. Answers as `lockstep_verdict`, with `LOCKSTEP_BAD_WAIVERS` if the text has mistakes, or with
/// `LOCKSTEP_ARGUMENT` if it comes too late.
///
/// # Safety
/// `oracle` is null or open, and `text` is null or a string that ends with a 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_waive(oracle: *mut Handle, text: *const c_char) -> i32 {
    // SAFETY: the caller's.
    unsafe { waive(oracle, text, of_text) }
}

/// The same with the file at `path`. No other function reads files.
///
/// # Safety
/// `oracle` is null or open, and `path` is null or a string that ends with a 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_waive_file(oracle: *mut Handle, path: *const c_char) -> i32 {
    // SAFETY: the caller's.
    unsafe { waive(oracle, path, of_file) }
}

/// # Safety
/// `oracle` is null or open, and `given` is null or a string that ends with a 0.
unsafe fn waive(
    oracle: *mut Handle,
    given: *const c_char,
    read: impl FnOnce(&str) -> Result<waivers::Waivers, String>,
) -> i32 {
    // SAFETY: the caller's.
    let call = |handle: &mut Handle| match unsafe { string(given) }.map(read) {
        None => handle.decline(LOCKSTEP_ARGUMENT, "what is waived is null or not UTF-8".to_owned()),
        Some(Err(mistakes)) => handle.decline(LOCKSTEP_BAD_WAIVERS, mistakes),
        Some(Ok(waivers)) => handle.waive(|waived: &mut Waived| waived.take(waivers)),
    };
    // SAFETY: the caller's.
    unsafe { with(oracle, call) }
}

/// Goes past so many kinds of divergences that nobody waived, each told once: 0 again, as it is from the beginning, ends
/// the judgement with the first. The verdict is `LOCKSTEP_DEVICE` all the same, from the first on; ask `lockstep_is_over`
/// whether it is worth going on. Told before the first event. Answers as `lockstep_verdict`.
///
/// # Safety
/// `oracle` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_keep_going(oracle: *mut Handle, kinds: u32) -> i32 {
    // SAFETY: the caller's.
    unsafe { with(oracle, |handle| handle.waive(|waived| waived.keep_going(kinds))) }
}

/// 1 if nothing more is judged, whatever lines come: the device did something that is not gone past, or a line could not
/// be read. 0 if judging goes on. Negative if there is no oracle.
///
/// # Safety
/// `oracle` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_is_over(oracle: *mut Handle) -> i32 {
    // SAFETY: the caller's.
    unsafe { with(oracle, |handle| i32::from(handle.stopped.is_some() || handle.session.is_over())) }
}

/// How often the waiver that begins in this line of its file was used so far; those of all lines if `line` is 0. Negative
/// if no waiver begins there. `lockstep_text` has which kinds fell under it, and which waivers were not used.
///
/// # Safety
/// `oracle` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_waived(oracle: *mut Handle, line: u32) -> i64 {
    guarded(LOCKSTEP_PANIC.into(), || {
        // SAFETY: the caller's.
        let Some(handle) = (unsafe { handle(oracle) }) else { return LOCKSTEP_ARGUMENT.into() };
        number(handle.session.waived().count(handle.session.judging(), line))
    })
}
