// SPDX-License-Identifier: Apache-2.0

//! The functions of an oracle.

use std::ffi::{CString, c_char};

use crate::guard::{guarded, guarded_code, last, remember, string};
use crate::handle::{
    Handle, LOCKSTEP_ARGUMENT, LOCKSTEP_CLEAN, LOCKSTEP_PANIC, LOCKSTEP_TEXT_DIVERGENCES, LOCKSTEP_TEXT_ERROR,
    LOCKSTEP_TEXT_RULE,
};
use crate::session::Session;
use crate::text::{c_string, figure};

/// The oracle behind a pointer.
///
/// # Safety
/// `oracle` is null, or came from `lockstep_open`, has not been closed, and nobody else uses it for `'a`.
pub(crate) unsafe fn handle<'a>(oracle: *mut Handle) -> Option<&'a mut Handle> {
    // SAFETY: it came from `Box::into_raw`, and one thread at a time uses it.
    let handle = unsafe { oracle.as_mut() };
    if handle.is_none() {
        remember("the oracle is null: was it opened?");
    }
    handle
}

/// Runs a call on an oracle. One in which it panicked is not believed any more.
///
/// # Safety
/// That of [`handle`].
pub(crate) unsafe fn with(oracle: *mut Handle, call: impl FnOnce(&mut Handle) -> i32) -> i32 {
    // SAFETY: the caller's.
    let Some(handle) = (unsafe { handle(oracle) }) else { return LOCKSTEP_ARGUMENT };
    if let Some((LOCKSTEP_PANIC, _)) = handle.stopped {
        return LOCKSTEP_PANIC;
    }
    let code = guarded_code(|| call(handle));
    if code == LOCKSTEP_PANIC {
        handle.stopped = Some((LOCKSTEP_PANIC, c_string("lockstep panicked: its message is on stderr")));
    }
    code
}

/// As a caller gets a number; none is negative.
pub(crate) fn number(number: Option<u64>) -> i64 {
    number.map_or(LOCKSTEP_ARGUMENT.into(), |number| number.min(i64::MAX as u64) as i64)
}

/// The version of this library, `0.1.0`. It lasts for ever.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the trace format that it reads: the number in the first line of a trace.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_trace_version() -> i32 {
    let number = events::trace::HEADER.rsplit(' ').next();
    number.and_then(|number| number.parse().ok()).unwrap_or(LOCKSTEP_PANIC)
}

/// Opens an oracle for a device that has just been reset. `device` is the line `device caps=0x10 version=20260222
/// choices=gxl-writable:0` of the trace format. Null if it cannot be read: `lockstep_text(NULL, LOCKSTEP_TEXT_ERROR)`
/// says why. It has to be closed.
///
/// # Safety
/// `device` is null or a string that ends with a 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_open(device: *const c_char) -> *mut Handle {
    guarded(std::ptr::null_mut(), || {
        // SAFETY: the caller's.
        let Some(line) = (unsafe { string(device) }) else {
            remember("the line of the device is null or not UTF-8");
            return std::ptr::null_mut();
        };
        match Session::open(line) {
            Ok(session) => {
                let (declined, text) = (String::new(), CString::default());
                let handle = Handle { session, lines: 0, stopped: None, declined, text };
                Box::into_raw(Box::new(handle))
            }
            Err(refused) => {
                remember(&format!("{refused}\n  {line}"));
                std::ptr::null_mut()
            }
        }
    })
}

/// Tells a line of the trace format: an event, or `@cycle`. The events of a cycle are judged together, when the next
/// `@` with a later cycle comes, or in `lockstep_finish`. Answers as `lockstep_verdict`.
///
/// # Safety
/// `oracle` is null or open, and `line` is null or a string that ends with a 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_push(oracle: *mut Handle, line: *const c_char) -> i32 {
    // SAFETY: the caller's.
    let call = |handle: &mut Handle| match unsafe { string(line) } {
        Some(line) => handle.line(line),
        None => {
            remember("the line is null or not UTF-8");
            LOCKSTEP_ARGUMENT
        }
    };
    // SAFETY: the caller's.
    unsafe { with(oracle, call) }
}

/// Tells many lines at once: `length` bytes of text, or up to its 0 if `length` is negative. Lines that end within the
/// text are whole; the last one need not have an end.
///
/// # Safety
/// `oracle` is null or open. `text` is null, or has that many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_push_text(oracle: *mut Handle, text: *const c_char, length: i64) -> i32 {
    let text = match (text.is_null(), usize::try_from(length)) {
        (true, _) => None,
        // SAFETY: it is not null, and the caller says that it has so many bytes.
        (false, Ok(length)) => std::str::from_utf8(unsafe { std::slice::from_raw_parts(text.cast(), length) }).ok(),
        // SAFETY: the caller's.
        (false, Err(_)) => unsafe { string(text) },
    };
    let call = |handle: &mut Handle| {
        let Some(text) = text else {
            remember("the text is null or not UTF-8");
            return LOCKSTEP_ARGUMENT;
        };
        for line in text.lines() {
            handle.line(line);
        }
        handle.code()
    };
    // SAFETY: the caller's.
    unsafe { with(oracle, call) }
}

/// Judges the events of the last cycle, and answers as `lockstep_verdict`. Whether anything is owed is judged by the
/// line `rest`, which the bench tells when nothing is under way any more. More lines may follow.
///
/// # Safety
/// `oracle` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_finish(oracle: *mut Handle) -> i32 {
    let call = |handle: &mut Handle| {
        if handle.stopped.is_none() {
            handle.session.judge();
        }
        handle.code()
    };
    // SAFETY: the caller's.
    unsafe { with(oracle, call) }
}

/// The verdict on what has been judged: `LOCKSTEP_CLEAN`, `LOCKSTEP_DEVICE` or `LOCKSTEP_SOFTWARE`; or a negative code.
///
/// # Safety
/// `oracle` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_verdict(oracle: *mut Handle) -> i32 {
    // SAFETY: the caller's.
    unsafe { with(oracle, |handle| handle.code()) }
}

/// Begins anew, as after a reset of the device: everything that was told is forgotten, memory and figures too, and so
/// is an error. What is waived stays so, and its uses are counted anew.
///
/// # Safety
/// `oracle` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_reset(oracle: *mut Handle) -> i32 {
    let call = |handle: &mut Handle| {
        handle.session.reset();
        (handle.lines, handle.stopped) = (0, None);
        handle.declined.clear();
        LOCKSTEP_CLEAN
    };
    // SAFETY: the caller's.
    unsafe { with(oracle, call) }
}

/// A text, which stays until the next call on this oracle: for languages that copy strings by themselves, as DPI-C
/// does. Never null; empty if there is no such text.
///
/// # Safety
/// `oracle` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_text(oracle: *mut Handle, which: i32) -> *const c_char {
    if oracle.is_null() {
        return if which == LOCKSTEP_TEXT_ERROR { last() } else { c"".as_ptr() };
    }
    guarded(c"".as_ptr(), || {
        // SAFETY: the caller's.
        let Some(handle) = (unsafe { handle(oracle) }) else { return c"".as_ptr() };
        handle.text = handle.text(which).map(|text| c_string(&text)).unwrap_or_default();
        handle.text.as_ptr()
    })
}

/// Copies a text into `buffer`, as much as fits into `size` bytes with the 0 at its end, and answers how many bytes it
/// has without the 0: if that is not below `size`, it was cut. `buffer` may be null if `size` is 0. Negative if there
/// is no such text.
///
/// # Safety
/// `oracle` is null or open, and `buffer` has `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_copy_text(oracle: *mut Handle, which: i32, buffer: *mut c_char, size: usize) -> i64 {
    if !(LOCKSTEP_TEXT_RULE..=LOCKSTEP_TEXT_DIVERGENCES).contains(&which)
        || (oracle.is_null() && which != LOCKSTEP_TEXT_ERROR)
        || (buffer.is_null() && size > 0)
    {
        remember("there is no such text, or nowhere to put it");
        return LOCKSTEP_ARGUMENT.into();
    }
    // SAFETY: the caller's.
    let text = unsafe { std::ffi::CStr::from_ptr(lockstep_text(oracle, which)) }.to_bytes();
    if let Some(room) = size.checked_sub(1) {
        let fits = text.len().min(room);
        // SAFETY: `buffer` has `size` bytes, `fits` is less, and the text is our own.
        unsafe {
            std::ptr::copy_nonoverlapping(text.as_ptr().cast(), buffer, fits);
            buffer.add(fits).write(0);
        }
    }
    text.len() as i64
}

/// A number of the figures by its name in their JSON, such as `translations_compared`; the sum where it is a group,
/// such as `fault_records`. Negative if there is none of this name.
///
/// # Safety
/// `oracle` is null or open, and `name` is null or a string that ends with a 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_figure(oracle: *mut Handle, name: *const c_char) -> i64 {
    guarded(LOCKSTEP_PANIC.into(), || {
        // SAFETY: the caller's.
        let (handle, name) = unsafe { (handle(oracle), string(name)) };
        let (Some(handle), Some(name)) = (handle, name) else { return LOCKSTEP_ARGUMENT.into() };
        number(figure(&handle.session.figures(), name))
    })
}

/// How many cycles the oldest of what `which` names (`LOCKSTEP_WAIT_…`) has waited in cycle `now`: 0 if nothing waits.
/// The oracle has no bounds on how long a device may take: the bench compares this with bounds of its own. What the
/// device need not do, since the queue is off or may have met an error, does not wait. It goes by what has been judged:
/// by the events of cycles before the last `@`. Negative if there is nothing of this name.
///
/// # Safety
/// `oracle` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_waited(oracle: *mut Handle, which: i32, now: u64) -> i64 {
    guarded(LOCKSTEP_PANIC.into(), || {
        // SAFETY: the caller's.
        let Some(handle) = (unsafe { handle(oracle) }) else { return LOCKSTEP_ARGUMENT.into() };
        number(handle.waited(which, now))
    })
}

/// Gives an oracle back. Null is nothing to give back.
///
/// # Safety
/// `oracle` is null, or open and used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_close(oracle: *mut Handle) {
    if oracle.is_null() {
        return;
    }
    // SAFETY: it came from `Box::into_raw` in `lockstep_open`, and nobody uses it any more.
    guarded((), || drop(unsafe { Box::from_raw(oracle) }));
}
