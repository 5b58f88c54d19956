// SPDX-License-Identifier: Apache-2.0

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{null, null_mut};

use super::*;

mod waiving;

/// An oracle that is closed when the test ends.
struct Opened(*mut Handle);

impl Opened {
    fn new(device: &str) -> Self {
        let line = CString::new(device).expect("no 0");
        // SAFETY: it is a string.
        Opened(unsafe { lockstep_open(line.as_ptr()) })
    }

    fn push(&self, line: &str) -> i32 {
        let line = CString::new(line).expect("no 0");
        // SAFETY: it is open, or null, and the line is a string.
        unsafe { lockstep_push(self.0, line.as_ptr()) }
    }

    fn push_all(&self, text: &str) -> i32 {
        // SAFETY: it is open, and the text has its length.
        unsafe { lockstep_push_text(self.0, text.as_ptr().cast(), text.len() as i64) }
    }

    fn finish(&self) -> i32 {
        // SAFETY: it is open.
        unsafe { lockstep_finish(self.0) }
    }

    fn text(&self, which: i32) -> String {
        // SAFETY: it is open or null, and the text lasts until the next call.
        unsafe { CStr::from_ptr(lockstep_text(self.0, which)) }.to_str().expect("UTF-8").to_owned()
    }

    fn waited(&self, now: u64) -> [i64; 3] {
        // SAFETY: it is open.
        [LOCKSTEP_WAIT_OFFER, LOCKSTEP_WAIT_ANSWER, LOCKSTEP_WAIT_COMMAND]
            .map(|which| unsafe { lockstep_waited(self.0, which, now) })
    }

    fn figure(&self, name: &str) -> i64 {
        let name = CString::new(name).expect("no 0");
        // SAFETY: it is open, and the name is a string.
        unsafe { lockstep_figure(self.0, name.as_ptr()) }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: nobody uses it any more.
        unsafe { lockstep_close(self.0) }
    }
}

const DEVICE: &str = "device caps=0xc38104ece10 version=20260222 choices=gxl-writable:0";

/// Software makes the IOMMU Bare, and a device reads the address of the argument, which comes to memory as the other
/// one.
fn read(asked: u64, shown: u64) -> String {
    format!(
        "reg-write-begun offset=0x10 bytes=8 value=1\n@10\nreg-write offset=0x10 bytes=8 value=1 accepted=9\n\
         @20\ndma-offered dir=read iova={asked:#x} size=3 burst=1 device=1 cache=3\n\
         dma-accepted ticket=0 dir=read iova={asked:#x} size=3 burst=1 device=1 cache=3\n\
         @22\nmem-address dir=read addr={shown:#x} size=3 burst=1 cache=3\n@25\nmem-read-beat data=7 last=1\n\
         @26\ndma-done ticket=0 data=7\n@40\nrest\n"
    )
}

#[test]
fn a_clean_run_is_clean_and_counted() {
    let oracle = Opened::new(DEVICE);
    assert_eq!(oracle.push_all(&read(0x1000, 0x1000)), LOCKSTEP_CLEAN);
    assert_eq!(oracle.finish(), LOCKSTEP_CLEAN, "{}", oracle.text(LOCKSTEP_TEXT_EVIDENCE));
    assert_eq!(["translations_compared", "dma_transactions", "cycles"].map(|name| oracle.figure(name)), [1, 1, 40]);
    assert_eq!((oracle.figure("fault_records"), oracle.figure("nothing")), (0, i64::from(LOCKSTEP_ARGUMENT)));
    assert_eq!(
        (oracle.text(LOCKSTEP_TEXT_RULE), oracle.text(LOCKSTEP_TEXT_FINDING)),
        (String::new(), "null".to_owned())
    );
    assert!(oracle.text(LOCKSTEP_TEXT_FIGURES).contains("\"translations_compared\":1"));
    assert_eq!(oracle.text(LOCKSTEP_TEXT_WAITING), "nothing is in flight");
}

#[test]
fn a_violation_is_told_and_ends_the_judgement() {
    let oracle = Opened::new(DEVICE);
    assert_eq!(oracle.push_all(&read(0x1000, 0x5000)), LOCKSTEP_DEVICE);
    assert_eq!(oracle.push("this is no line"), LOCKSTEP_DEVICE);
    assert_eq!(oracle.text(LOCKSTEP_TEXT_RULE), "translation");
    assert!(oracle.text(LOCKSTEP_TEXT_EVIDENCE).starts_with("DUT VIOLATION: translation"));
    assert!(oracle.text(LOCKSTEP_TEXT_FINDING).contains("\"cycle\":22"));
    // SAFETY: it is open.
    assert_eq!(unsafe { lockstep_reset(oracle.0) }, LOCKSTEP_CLEAN);
    assert_eq!(oracle.push_all(&read(0x1000, 0x1000)), LOCKSTEP_CLEAN);
}

#[test]
fn the_events_of_a_cycle_are_judged_with_the_next_cycle_or_at_the_end() {
    let oracle = Opened::new(DEVICE);
    let text = read(0x1000, 0x5000);
    let (before, _) = text.split_once("@25").expect("a later cycle");
    assert_eq!(oracle.push_all(before), LOCKSTEP_CLEAN);
    assert_eq!(oracle.push("@22"), LOCKSTEP_CLEAN);
    assert_eq!(oracle.finish(), LOCKSTEP_DEVICE);
}

#[test]
fn a_bench_asks_how_long_something_has_waited() {
    let oracle = Opened::new(DEVICE);
    assert_eq!(oracle.waited(1000), [0, 0, 0]);
    let request = "dir=read iova=0x1000 size=3 burst=1 device=1";
    for (lines, waited) in [
        (format!("@20\ndma-offered {request}\n@21"), [80, 0, 0]),
        (format!("dma-accepted ticket=0 {request}\n@23\n"), [0, 79, 0]),
        (
            "@30\nreg-write-begun offset=0x18 bytes=8 value=0xC03\nreg-write-begun offset=0x48 bytes=4 value=1"
                .to_owned(),
            [0, 79, 0],
        ),
        ("@40\nreg-write-begun offset=0x24 bytes=4 value=1\n@41".to_owned(), [0, 79, 60]),
        // The command is a fence without a store.
        (
            "ptw-read-beat addr=0x3000 bytes=8 data=2 sampled=40\nptw-read-beat addr=0x3008 bytes=8 sampled=41\n@42"
                .to_owned(),
            [0, 79, 0],
        ),
        (
            "mem-address dir=read addr=0x1000 size=3 burst=1\n@43\nmem-read-beat last=1\n@44\ndma-done ticket=0 data=0\n@45"
                .to_owned(),
            [0, 0, 0],
        ),
    ] {
        let lines = format!("{lines}\n");
        let code = oracle.push_all(&lines);
        assert_eq!(
            (code, oracle.waited(100)),
            (LOCKSTEP_CLEAN, waited),
            "{lines}{}",
            oracle.text(LOCKSTEP_TEXT_EVIDENCE)
        );
    }
    // SAFETY: it is open.
    assert_eq!(unsafe { lockstep_waited(oracle.0, 3, 100) }, i64::from(LOCKSTEP_ARGUMENT));
}

/// The specification allows queues of 2^32 entries.
#[test]
fn the_largest_queues_cost_no_more_than_what_is_in_them() {
    let oracle = Opened::new("device caps=0x3802000010 version=20260222");
    let on = |queue: u64, base: u64, csr: u64| {
        format!(
            "reg-write-begun offset={queue} bytes=8 value={:#x}\nreg-write-begun offset={csr} bytes=4 value=1\n",
            base >> 12 << 10 | 31
        )
    };
    let command_queue = 1_u64 << 44;
    let all = [on(24, command_queue, 72), on(40, 2 << 44, 76), on(56, 3 << 44, 80)].concat();
    assert_eq!(oracle.push_all(&all), LOCKSTEP_CLEAN);
    // Software hands over all that it can, the device fetches a fence, and refuses a read, since ddtp is Off.
    let request = "dir=read iova=0x1000 size=3 burst=1 device=1";
    let lines = format!(
        "@10\nreg-write-begun offset=36 bytes=4 value=0xffffffff\n\
         @20\nptw-read-beat addr={command_queue:#x} bytes=8 data=2 sampled=20\n\
         ptw-read-beat addr={:#x} bytes=8 sampled=20\n\
         @30\ndma-offered {request}\ndma-accepted ticket=0 {request}\n\
         @40\nptw-write addr={:#x} len=3 size=3 burst=1 data={:#x},0,0x1000,0\ndma-done ticket=0 resp=2\n\
         @50\nptw-write-response\n@60\nreg-read offset=32 bytes=4 value=1 accepted=55\n\
         reg-read offset=52 bytes=4 value=1 accepted=55\n@70\n",
        command_queue + 8,
        2_u64 << 44,
        256_u64 | 2 << 34 | 1 << 40
    );
    assert_eq!(oracle.push_all(&lines), LOCKSTEP_CLEAN, "{}", oracle.text(LOCKSTEP_TEXT_EVIDENCE));
    assert_eq!(["commands", "fault_records"].map(|name| oracle.figure(name)), [1, 1]);
    let ahead = "reg-read offset=32 bytes=4 value=2 accepted=75\n@80";
    assert_eq!((oracle.push_all(ahead), oracle.text(LOCKSTEP_TEXT_RULE).as_str()), (LOCKSTEP_DEVICE, "register"));
}

#[test]
fn software_is_blamed_for_what_it_does() {
    let oracle = Opened::new(DEVICE);
    let freed = read(0x1000, 0x1000).replace("@20", "freed start=0x1000 bytes=0x1000\n@20");
    assert_eq!(oracle.push_all(&freed), LOCKSTEP_SOFTWARE);
    assert_eq!(oracle.finish(), LOCKSTEP_SOFTWARE);
    assert_eq!(oracle.text(LOCKSTEP_TEXT_RULE), "use-after-free");
}

#[test]
fn a_bad_line_is_named_and_nothing_is_judged_without_it() {
    let oracle = Opened::new(DEVICE);
    assert_eq!(oracle.push("@5"), LOCKSTEP_CLEAN);
    assert_eq!(oracle.push("# a comment"), LOCKSTEP_CLEAN);
    assert_eq!(oracle.push("wirez wsi=1"), LOCKSTEP_BAD_LINE);
    let error = oracle.text(LOCKSTEP_TEXT_ERROR);
    assert_eq!(error, "line 3: there is no event \"wirez\"; did you mean \"wires\"?\n  wirez wsi=1");
    assert_eq!((oracle.push("wires wsi=1"), oracle.finish()), (LOCKSTEP_BAD_LINE, LOCKSTEP_BAD_LINE));
    assert_eq!(oracle.text(LOCKSTEP_TEXT_ERROR), error);
    for lines in ["@7\n@6", "rest\ndevice caps=1 version=1.0.0", "dma-offered dir=up"] {
        assert_eq!(Opened::new(DEVICE).push_all(lines), LOCKSTEP_BAD_LINE, "{lines}");
    }
}

#[test]
fn a_recorded_trace_can_be_told_as_it_is() {
    let oracle = Opened::new("device version=1.0.0");
    let text = format!("lockstep-trace 1\n{DEVICE}\n{}end how=finished\n", read(0x1000, 0x1000));
    assert_eq!((oracle.push_all(&text), oracle.finish()), (LOCKSTEP_CLEAN, LOCKSTEP_CLEAN));
    assert_eq!(oracle.figure("translations_compared"), 1);
}

#[test]
fn a_device_that_cannot_be_read_is_explained() {
    for (line, why) in [
        ("device version=3", "version=3: not 1.0.0 or 20260222"),
        ("rest", "this is no line"),
        ("device version=1.0.0 choices=colour:1", "there is no choice \"colour\""),
    ] {
        let oracle = Opened::new(line);
        assert!(oracle.0.is_null());
        let error = oracle.text(LOCKSTEP_TEXT_ERROR);
        assert!(error.starts_with(why), "{error}");
    }
}

#[test]
fn a_text_is_cut_where_there_is_no_room() {
    let oracle = Opened::new(DEVICE);
    oracle.push_all(&read(0x1000, 0x5000));
    let mut buffer = [b'#' as c_char; 8];
    // SAFETY: it is open, and the buffer has its size.
    let copy = |buffer: &mut [c_char], which| unsafe {
        lockstep_copy_text(oracle.0, which, buffer.as_mut_ptr(), buffer.len())
    };
    assert_eq!(copy(&mut buffer, LOCKSTEP_TEXT_RULE), 11);
    assert_eq!(buffer.map(|byte| byte as u8), *b"transla\0");
    let mut room = [0; 12];
    assert_eq!(copy(&mut room, LOCKSTEP_TEXT_RULE), 11);
    assert_eq!(room.map(|byte| byte as u8), *b"translation\0");
    assert_eq!(copy(&mut room, 99), i64::from(LOCKSTEP_ARGUMENT));
    // SAFETY: it is open, and nothing is written.
    assert_eq!(unsafe { lockstep_copy_text(oracle.0, LOCKSTEP_TEXT_RULE, null_mut(), 0) }, 11);
}

#[test]
fn null_is_answered() {
    let oracle = Opened::new(DEVICE);
    // SAFETY: null is allowed everywhere.
    unsafe {
        assert!(lockstep_open(null()).is_null());
        for code in [
            lockstep_push(null_mut(), c"rest".as_ptr()),
            lockstep_push(oracle.0, null()),
            lockstep_push_text(null_mut(), c"rest".as_ptr(), -1),
            lockstep_push_text(oracle.0, null(), 4),
            lockstep_finish(null_mut()),
            lockstep_verdict(null_mut()),
            lockstep_reset(null_mut()),
            lockstep_waive(null_mut(), c"waivers: []".as_ptr()),
            lockstep_waive(oracle.0, null()),
            lockstep_waive_file(oracle.0, null()),
            lockstep_keep_going(null_mut(), 1),
            lockstep_is_over(null_mut()),
            lockstep_translate(null(), null(), None, null_mut(), null_mut()),
        ] {
            assert_eq!(code, LOCKSTEP_ARGUMENT);
        }
        assert_eq!(*lockstep_text(null_mut(), LOCKSTEP_TEXT_RULE), 0);
        assert_eq!(lockstep_figure(null_mut(), null()), i64::from(LOCKSTEP_ARGUMENT));
        assert_eq!(lockstep_waived(null_mut(), 0), i64::from(LOCKSTEP_ARGUMENT));
        assert_eq!(lockstep_waited(null_mut(), LOCKSTEP_WAIT_OFFER, 0), i64::from(LOCKSTEP_ARGUMENT));
        assert_eq!(lockstep_copy_text(oracle.0, 0, null_mut(), 4), i64::from(LOCKSTEP_ARGUMENT));
        lockstep_close(null_mut());
        assert_eq!(lockstep_push_text(oracle.0, c"@1\nrest".as_ptr(), -1), LOCKSTEP_CLEAN);
        assert_eq!(CStr::from_ptr(lockstep_version()).to_str(), Ok(env!("CARGO_PKG_VERSION")));
    }
    assert_eq!(lockstep_trace_version(), 1);
}

#[test]
fn no_panic_crosses() {
    assert_eq!(guard::guarded_code(|| panic!("a test of what a panic comes to")), LOCKSTEP_PANIC);
}

#[test]
fn numbers_that_no_bus_has_are_no_reason_to_panic() {
    let oracle = Opened::new(DEVICE);
    assert_eq!(oracle.push_all("ptw-read-beat addr=0xfffffffffffffff8 bytes=8 data=1\n@1"), LOCKSTEP_CLEAN);
    assert_eq!(oracle.push_all("mem-address dir=read size=99 len=255\n@2"), LOCKSTEP_DEVICE);
}

#[test]
fn oracles_know_nothing_of_each_other() {
    let run = |shown: u64| {
        let oracle = Opened::new(DEVICE);
        (0..50).all(|_| {
            // SAFETY: it is open.
            unsafe { lockstep_reset(oracle.0) };
            (oracle.push_all(&read(0x1000, shown)) == LOCKSTEP_DEVICE) == (shown != 0x1000)
        })
    };
    std::thread::scope(|scope| {
        let threads = [0x1000, 0x2000, 0x1000, 0x3000].map(|shown| scope.spawn(move || run(shown)));
        assert!(threads.into_iter().all(|thread| thread.join().expect("no panic")));
    });
}

/// A directory of one device, whose table maps the lowest GiB for reading.
extern "C" fn memory(context: *mut c_void, addr: u64) -> u64 {
    // SAFETY: the test hands over a number.
    unsafe { *context.cast::<u64>() += 1 };
    match addr {
        0x1040 => 1,
        0x1058 => 8 << 60 | 2,
        0x2000 => 0x4_0000 << 10 | 0x53,
        _ => 0,
    }
}

#[test]
fn a_request_is_walked_over_memory_of_the_caller() {
    let registers = Registers { capabilities: 0x38_0000_0210, ddtp: 1 << 10 | 2, fctl: 0, version: 0 };
    let (mut reads, mut outcome) = (0_u64, WalkOutcome::default());
    let mut walk = |request: WalkRequest| {
        // SAFETY: all of them are there.
        let code =
            unsafe { lockstep_translate(&registers, &request, Some(memory), (&raw mut reads).cast(), &mut outcome) };
        (code, outcome)
    };
    let request = WalkRequest { iova: 0x1234_5678, device: 2, ..WalkRequest::default() };
    let (code, found) = walk(request);
    assert_eq!((code, found.address, found.size_log2), (LOCKSTEP_TRANSLATED, 0x5234_5678, 30));
    assert_eq!((found.permissions, found.target, found.pbmt), (1, 0, 0));
    let (code, found) = walk(WalkRequest { access: LOCKSTEP_WRITE, ..request });
    assert_eq!((code, found.cause, found.iotval, found.reported), (LOCKSTEP_REFUSED, 15, 0x1234_5678, 1));
    assert_eq!(walk(WalkRequest { device: 3, ..request }).1.cause, 258);
    assert_eq!(walk(WalkRequest { access: 9, ..request }).0, LOCKSTEP_ARGUMENT);
    assert_eq!(walk(WalkRequest { device: 1 << 24, ..request }).0, LOCKSTEP_ARGUMENT);
    assert_eq!(reads, 5 + 5 + 4);
}
