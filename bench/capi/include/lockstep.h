/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lockstep: the judge of a RISC-V IOMMU, for a test bench in any language.
 *
 * docs/embedding.md shows how to use it, docs/trace.md has the lines that lockstep_push takes.
 *
 * - Every function may be called with null pointers: the answer is LOCKSTEP_ARGUMENT, null or an empty text.
 * - One thread at a time may use an oracle. Different oracles may be used at once.
 * - Texts are UTF-8 and end with a 0.
 *
 * Made by cbindgen from bench/capi/src. A test compares the two; LOCKSTEP_BLESS=1 writes this file anew.
 */

#ifndef LOCKSTEP_H
#define LOCKSTEP_H

#include <stddef.h>
#include <stdint.h>

// Nothing is wrong so far.
#define LOCKSTEP_CLEAN 0

// The device did what the specification forbids. Nothing is judged any more, unless `lockstep_keep_going` lets it.
#define LOCKSTEP_DEVICE 1

// The device behaved, but its software let a stale or torn value through. Judging goes on.
#define LOCKSTEP_SOFTWARE 2

// A pointer is null, a text is not UTF-8, a number means nothing, or a call comes too late. The call did nothing.
#define LOCKSTEP_ARGUMENT -1

// A line cannot be read or makes no sense where it stands. The oracle takes no more lines: it would judge without this
// one.
#define LOCKSTEP_BAD_LINE -2

// A bug in this library. Only `lockstep_close` makes sense now.
#define LOCKSTEP_PANIC -3

// Waivers cannot be read or have mistakes: `LOCKSTEP_TEXT_ERROR` has a line for each, with line and column. The call did
// nothing.
#define LOCKSTEP_BAD_WAIVERS -4

// The key of the broken rule: `translation`, `fault-record` and so on; empty if none is.
#define LOCKSTEP_TEXT_RULE 0

// What is wrong, for people, over several lines. Behind `lockstep_keep_going` each kind once.
#define LOCKSTEP_TEXT_EVIDENCE 1

// The same for programs: JSON with `blame`, `rule`, `detail`, `section`, `right`, `wrong`, `cycle`, `evidence`, and
// `picture` where there is one; or `null`.
#define LOCKSTEP_TEXT_FINDING 2

// What was counted, as JSON.
#define LOCKSTEP_TEXT_FIGURES 3

// Who waits for whom, for the report of a hang.
#define LOCKSTEP_TEXT_WAITING 4

// The last error, with the line that caused it. Without an oracle it is that of this thread.
#define LOCKSTEP_TEXT_ERROR 5

// What became of each waiver so far, for people, a line each: how often it was used, or that it was not, or has expired.
// Below it the kinds of divergences that fell under it. Empty without waivers.
#define LOCKSTEP_TEXT_WAIVED 6

// The same for programs: a JSON list in the order of the file, each with `waiver` (`line`, `rule`, `reason` and so on),
// `state` (`used`, `unused`, `expired`), `runs` (1 if it was used) and `count`.
#define LOCKSTEP_TEXT_WAIVERS 7

// What was gone past, each kind once, as a JSON list: `first` (the first of its kind, as `LOCKSTEP_TEXT_FINDING`), `count`,
// and `waiver`: the place of its waiver in `LOCKSTEP_TEXT_WAIVERS`, from 0, or `null` if nobody waived it.
#define LOCKSTEP_TEXT_DIVERGENCES 8

// DMA that `dev_*` shows and that is not accepted.
#define LOCKSTEP_WAIT_OFFER 0

// DMA, or an ATS translation request, that has been accepted and is not answered.
#define LOCKSTEP_WAIT_ANSWER 1

// The command queue: a command that was handed over and is not fetched, a fence without its store, a command for a
// device without its message.
#define LOCKSTEP_WAIT_COMMAND 2

// The request is translated.
#define LOCKSTEP_TRANSLATED 0

// It is refused: `cause` says why.
#define LOCKSTEP_REFUSED 1

// Read.
#define LOCKSTEP_READ 0

// Write or atomic.
#define LOCKSTEP_WRITE 1

// Read in order to execute.
#define LOCKSTEP_EXECUTE 2

// An oracle that is told lines. One thread at a time may use it; different ones know nothing of each other.
typedef struct lockstep_oracle lockstep_oracle;

// Registers that a translation depends on.
typedef struct lockstep_registers {
  // `capabilities`
  uint64_t capabilities;
  // `ddtp`
  uint64_t ddtp;
  // `fctl`
  uint32_t fctl;
  // 0: version 20260222 of the specification, 1: version 1.0.0
  uint32_t version;
} lockstep_registers;

// What a device asks for.
typedef struct lockstep_request {
  // Address, untranslated
  uint64_t iova;
  // device_id, 24 bits
  uint32_t device;
  // process_id, 20 bits; counts where `has_process` is not 0
  uint32_t process;
  // There is a process_id
  uint8_t has_process;
  // Supervisor privilege
  uint8_t privileged;
  // `LOCKSTEP_READ`, `LOCKSTEP_WRITE` or `LOCKSTEP_EXECUTE`
  uint8_t access;
  // Not 0: the address is the answer to an ATS translation request
  uint8_t translated;
} lockstep_request;

// An argument that is passed on to a function of the caller.
typedef void *lockstep_context;

// Reads the aligned doubleword at a physical address, little-endian.
typedef uint64_t (*lockstep_read_memory)(lockstep_context context, uint64_t address);

// What comes of it.
typedef struct lockstep_outcome {
  // Translated address with its page offset
  uint64_t address;
  // Refused: `iotval` of the fault record
  uint64_t iotval;
  // Refused: `iotval2` of the fault record
  uint64_t iotval2;
  // Refused: the cause
  uint32_t cause;
  // log2 of the range around the address for which the same translation holds
  uint8_t size_log2;
  // Memory type: 0 PMA, 1 NC, 2 IO
  uint8_t pbmt;
  // What both stages grant: bit 0 read, bit 1 write, bit 2 execute
  uint8_t permissions;
  // 0 memory, 1 an interrupt file, 2 a memory-resident interrupt file, whose address means nothing
  uint8_t target;
  // Refused: not 0 if a fault record is written
  uint8_t reported;
} lockstep_outcome;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of this library, `0.1.0`. It lasts for ever.
const char *lockstep_version(void);

// The version of the trace format that it reads: the number in the first line of a trace.
int32_t lockstep_trace_version(void);

// Opens an oracle for a device that has just been reset. `device` is the line `device caps=0x10 version=20260222
// choices=gxl-writable:0` of the trace format. Null if it cannot be read: `lockstep_text(NULL, LOCKSTEP_TEXT_ERROR)`
// says why. It has to be closed.
//
// # Safety
// `device` is null or a string that ends with a 0.
struct lockstep_oracle *lockstep_open(const char *device);

// Tells a line of the trace format: an event, or `@cycle`. The events of a cycle are judged together, when the next
// `@` with a later cycle comes, or in `lockstep_finish`. Answers as `lockstep_verdict`.
//
// # Safety
// `oracle` is null or open, and `line` is null or a string that ends with a 0.
int32_t lockstep_push(struct lockstep_oracle *oracle,
                      const char *line);

// Tells many lines at once: `length` bytes of text, or up to its 0 if `length` is negative. Lines that end within the
// text are whole; the last one need not have an end.
//
// # Safety
// `oracle` is null or open. `text` is null, or has that many bytes.
int32_t lockstep_push_text(struct lockstep_oracle *oracle,
                           const char *text,
                           int64_t length);

// Judges the events of the last cycle, and answers as `lockstep_verdict`. Whether anything is owed is judged by the
// line `rest`, which the bench tells when nothing is under way any more. More lines may follow.
//
// # Safety
// `oracle` is null or open.
int32_t lockstep_finish(struct lockstep_oracle *oracle);

// The verdict on what has been judged: `LOCKSTEP_CLEAN`, `LOCKSTEP_DEVICE` or `LOCKSTEP_SOFTWARE`; or a negative code.
//
// # Safety
// `oracle` is null or open.
int32_t lockstep_verdict(struct lockstep_oracle *oracle);

// Begins anew, as after a reset of the device: everything that was told is forgotten, memory and figures too, and so
// is an error. What is waived stays so, and its uses are counted anew.
//
// # Safety
// `oracle` is null or open.
int32_t lockstep_reset(struct lockstep_oracle *oracle);

// A text, which stays until the next call on this oracle: for languages that copy strings by themselves, as DPI-C
// does. Never null; empty if there is no such text.
//
// # Safety
// `oracle` is null or open.
const char *lockstep_text(struct lockstep_oracle *oracle,
                          int32_t which);

// Copies a text into `buffer`, as much as fits into `size` bytes with the 0 at its end, and answers how many bytes it
// has without the 0: if that is not below `size`, it was cut. `buffer` may be null if `size` is 0. Negative if there
// is no such text.
//
// # Safety
// `oracle` is null or open, and `buffer` has `size` bytes.
int64_t lockstep_copy_text(struct lockstep_oracle *oracle,
                           int32_t which,
                           char *buffer,
                           size_t size);

// A number of the figures by its name in their JSON, such as `translations_compared`; the sum where it is a group,
// such as `fault_records`. Negative if there is none of this name.
//
// # Safety
// `oracle` is null or open, and `name` is null or a string that ends with a 0.
int64_t lockstep_figure(struct lockstep_oracle *oracle,
                        const char *name);

// How many cycles the oldest of what `which` names (`LOCKSTEP_WAIT_…`) has waited in cycle `now`: 0 if nothing waits.
// The oracle has no bounds on how long a device may take: the bench compares this with bounds of its own. What the
// device need not do, since the queue is off or may have met an error, does not wait. It goes by what has been judged:
// by the events of cycles before the last `@`. Negative if there is nothing of this name.
//
// # Safety
// `oracle` is null or open.
int64_t lockstep_waited(struct lockstep_oracle *oracle,
                        int32_t which,
                        uint64_t now);

// Gives an oracle back. Null is nothing to give back.
//
// # Safety
// `oracle` is null, or open and used no more.
void lockstep_close(struct lockstep_oracle *oracle);

// Waives known divergences: `text` is what stands in a file of waivers (docs/waivers.md). A divergence that falls under one
// is counted and does not end the judgement: what the device did is adopted. A waiver holds whatever scenarios and seeds it
// names, and until the end of its last day by the clock of the machine. Told before the first event; it takes the place of
// what was waived before. Answers as `lockstep_verdict`, with `LOCKSTEP_BAD_WAIVERS` if the text has mistakes, or with
// `LOCKSTEP_ARGUMENT` if it comes too late.
//
// # Safety
// `oracle` is null or open, and `text` is null or a string that ends with a 0.
int32_t lockstep_waive(struct lockstep_oracle *oracle,
                       const char *text);

// The same with the file at `path`. No other function reads files.
//
// # Safety
// `oracle` is null or open, and `path` is null or a string that ends with a 0.
int32_t lockstep_waive_file(struct lockstep_oracle *oracle, const char *path);

// Goes past so many kinds of divergences that nobody waived, each told once: 0 again, as it is from the beginning, ends
// the judgement with the first. The verdict is `LOCKSTEP_DEVICE` all the same, from the first on; ask `lockstep_is_over`
// whether it is worth going on. Told before the first event. Answers as `lockstep_verdict`.
//
// # Safety
// `oracle` is null or open.
int32_t lockstep_keep_going(struct lockstep_oracle *oracle,
                            uint32_t kinds);

// 1 if nothing more is judged, whatever lines come: the device did something that is not gone past, or a line could not
// be read. 0 if judging goes on. Negative if there is no oracle.
//
// # Safety
// `oracle` is null or open.
int32_t lockstep_is_over(struct lockstep_oracle *oracle);

// How often the waiver that begins in this line of its file was used so far; those of all lines if `line` is 0. Negative
// if no waiver begins there. `lockstep_text` has which kinds fell under it, and which waivers were not used.
//
// # Safety
// `oracle` is null or open.
int64_t lockstep_waived(struct lockstep_oracle *oracle,
                        uint32_t line);

// Walks a request over the tables in memory, as the specification says, without any cache. `read` is called with
// `context` for each doubleword. It must not panic, throw or jump. Updates of A and D bits are taken as done, and
// memory stays as it is. Answers `LOCKSTEP_TRANSLATED` or `LOCKSTEP_REFUSED`, or a negative code.
//
// # Safety
// `registers` and `request` are null or readable, `outcome` is null or writable.
int32_t lockstep_translate(const struct lockstep_registers *registers,
                           const struct lockstep_request *request,
                           lockstep_read_memory read,
                           lockstep_context context,
                           struct lockstep_outcome *outcome);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LOCKSTEP_H */
