// SPDX-License-Identifier: Apache-2.0

//! What every call does: no panic crosses, no null pointer is followed, an error leaves its text.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::handle::LOCKSTEP_PANIC;
use crate::text::c_string;

thread_local! {
    /// What went wrong in this thread last, where there is no oracle to keep it.
    static LAST: RefCell<CString> = RefCell::default();
}

/// Keeps the text of an error for this thread.
pub fn remember(text: &str) {
    LAST.with_borrow_mut(|last| *last = c_string(text));
}

/// Where the text lies; it stays until the next error of this thread.
pub fn last() -> *const c_char {
    LAST.with_borrow(|last| last.as_ptr())
}

/// Runs a call. A panic in it becomes this answer.
pub fn guarded<T>(panicked: T, call: impl FnOnce() -> T) -> T {
    // What a call changes is looked at no more after a panic: the oracle that was worked on is dead.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        remember("lockstep has a bug: it panicked, and its message is on stderr");
        panicked
    })
}

/// The same for calls whose answer is a code.
pub fn guarded_code(call: impl FnOnce() -> i32) -> i32 {
    guarded(LOCKSTEP_PANIC, call)
}

/// A text of the caller; none if the pointer is null or the text is not UTF-8.
///
/// # Safety
/// `text` is null, or points to a string that ends with a 0 and does not change for `'a`.
pub unsafe fn string<'a>(text: *const c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: it is not null, and the caller says that it is a string.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}
