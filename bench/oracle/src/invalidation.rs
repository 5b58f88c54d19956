// SPDX-License-Identifier: Apache-2.0
//! Which command covers which use of a word, and since when it does: rules D1, D4 and D6 of MODEL.md.
//!
//! Covering is judged at the use, not at the cache: the question is never what some cache tagged its entry with, but
//! whether a command that had completed obliges every implementation to have dropped this word for this use.

use events::{Cycle, Direction};
use golden::{Command, Iofence, Iotinval, Pointer, Pte, Purpose, Role, Tags, WordRef};

use super::choice::is_kept_table;
use super::slips::{Slip, Slips};
use super::value::bits_below;
use super::window::Window;

/// An invalidation command that the device has fetched.
#[derive(Clone, Copy, Debug)]
pub struct Invalidation {
    /// The command
    pub command: Command,
    /// When it left memory: stores that became visible before are synchronised by it
    pub fetched: Cycle,
    /// When software could know that a fence behind it had completed
    pub completed: Option<Cycle>,
    /// When it could know so of a fence with PR: no read shows on `mem_*` any more that was translated before
    pub(super) reads_done: Option<Cycle>,
    /// When it could know so of a fence with PW: likewise for writes
    pub(super) writes_done: Option<Cycle>,
    /// The queue stopped before a fence behind it: the device may have left it out
    aborted: bool,
}

impl Invalidation {
    /// Whether it is in force for a request: a fence behind it had completed before the request was accepted, or one that
    /// waits for requests like it before it showed on `mem_*`.
    fn is_in_force(&self, window: Window) -> bool {
        let before = |done: Option<Cycle>, cycle: Cycle| done.is_some_and(|done| done < cycle);
        let waited = match window.shown {
            Some(Direction::Read) => self.reads_done,
            Some(Direction::Write) => self.writes_done,
            None => None,
        };
        before(self.completed, window.start) || before(waited, window.end)
    }
}

/// How the path to a leaf treats PSCID: an entry "containing a global mapping" is not dropped by `PSCV = 1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Globality {
    /// A first-stage entry above on this path, or the leaf itself by assumption, has G set
    pub global: bool,
}

/// All invalidations since reset, in the order of their fetch.
#[derive(Debug, Default)]
pub struct Invalidations {
    log: Vec<Invalidation>,
    /// The fence that completed last: when it was fetched, and when software could know that it had completed
    last_fence: Option<(Cycle, Cycle)>,
    /// For tests of the oracle
    pub(super) slips: Slips,
}

impl Invalidations {
    /// The device has fetched an invalidation.
    pub fn fetched(&mut self, command: Command, fetched: Cycle) {
        let (completed, reads_done, writes_done) = (None, None, None);
        self.log.push(Invalidation { command, fetched, completed, reads_done, writes_done, aborted: false });
    }

    /// A fence completed: the first `count` commands are in force, but for those that an error may have aborted. Returns
    /// how many came into force by this.
    pub fn completed(&mut self, count: usize, fence: &Iofence, fetched: Cycle, now: Cycle) -> u64 {
        self.last_fence = Some((fetched, now));
        let mut news = 0;
        let all = self.log.len();
        let count = if self.slips.has(Slip::FenceForLater) { all } else { count.min(all) };
        for invalidation in self.log[..count].iter_mut().rev().filter(|i| !i.aborted) {
            let is_new = invalidation.completed.is_none();
            let is_news = is_new
                || fence.pr && invalidation.reads_done.is_none()
                || fence.pw && invalidation.writes_done.is_none();
            if !is_news {
                break;
            }
            news += u64::from(is_new);
            invalidation.completed.get_or_insert(now);
            if fence.pr {
                invalidation.reads_done.get_or_insert(now);
            }
            if fence.pw {
                invalidation.writes_done.get_or_insert(now);
            }
        }
        news
    }

    /// The queue stopped: "Previous commands may have completed, timed out, or their execution aborted by the IOMMU"
    /// (section "Command-queue CSR"). No fence that comes later speaks for commands from the `first` on.
    pub fn aborted(&mut self, first: usize) {
        if self.slips.has(Slip::StopUndoes) {
            self.log.iter_mut().for_each(|invalidation| invalidation.completed = None);
        }
        for invalidation in self.log.iter_mut().skip(first).filter(|i| i.completed.is_none()) {
            invalidation.aborted = !self.slips.has(Slip::StopCompletes);
        }
    }

    /// Commands that are in force for a request, newest first.
    fn in_force(&self, window: Window) -> impl Iterator<Item = &Invalidation> {
        let slips = self.slips;
        let is_in_force =
            move |i: &&Invalidation| slips.is_in_force(i, window).unwrap_or_else(|| i.is_in_force(window));
        self.log.iter().rev().filter(is_in_force)
    }

    /// Commands that were fetched behind this cycle, newest first.
    pub fn since(&self, cycle: Cycle) -> impl Iterator<Item = &Invalidation> {
        self.log.iter().rev().take_while(move |i| i.fetched > cycle)
    }

    /// How many have been fetched since reset.
    pub fn count(&self) -> usize {
        self.log.len()
    }

    /// When the newest command was fetched that `covers` and that is in force for a request.
    pub fn newest(&self, window: Window, covers: impl Fn(&Command) -> bool) -> Option<Cycle> {
        self.newest_command(window, covers).map(|i| i.fetched)
    }

    /// This command itself.
    pub fn newest_command(&self, window: Window, covers: impl Fn(&Command) -> bool) -> Option<&Invalidation> {
        self.in_force(window).find(|i| covers(&i.command))
    }

    /// The cycle from which on memory must have held a value for it to explain this use, in a request in this window; and
    /// the command that says so.
    pub fn cutoff(&self, word: &WordRef, value: u64, path: Globality, window: Window) -> Option<&Invalidation> {
        let window = match held_by_context(&word.role).filter(|_| !self.slips.has(Slip::PointerNotHeld)) {
            None => window,
            Some(_) if self.slips.has(Slip::PointerHeldForEver) => return None,
            // A context may hold this pointer translated. It is dropped with the context, by IODIR, and may then be
            // translated anew by a cached second-stage word: only an IOTINVAL.GVMA that had completed before the
            // IODIR was fetched keeps the word out of it.
            Some(holder) => {
                let dropped = self.in_force(window).find(|i| drops_context(&i.command, word, holder))?.fetched;
                if self.slips.has(Slip::ContextDroppedLast) { window } else { Window::new(dropped, dropped) }
            }
        };
        let covers = |i: &&Invalidation| {
            let wrong = self.slips.covers(&i.command, word, value, path);
            wrong.unwrap_or_else(|| covers(&i.command, word, value, path))
        };
        let mut covering = self.in_force(window).filter(covers);
        if self.slips.has(Slip::OldestCounts) { covering.last() } else { covering.next() }
    }
}

/// What became of software's duty to invalidate what it had changed in cycle `changed`.
impl Invalidations {
    /// Commands that cover a use, fetched after the change, oldest first.
    fn following(&self, word: &WordRef, value: u64, changed: Cycle) -> impl Iterator<Item = &Invalidation> {
        let covers = move |i: &Invalidation| covers(&i.command, word, value, Globality::default());
        self.log.iter().filter(move |i| self.slips.tells(i, changed, covers(i)))
    }

    /// A command that covers the use has followed the change.
    pub fn has_followed(&self, word: &WordRef, value: u64, changed: Cycle) -> bool {
        self.following(word, value, changed).next().is_some()
    }

    /// Until when a value may be used that memory held last in cycle `held`: until a command that covers it has completed.
    pub fn usable_until(&self, word: &WordRef, value: u64, held: Cycle) -> Cycle {
        let completed = self.following(word, value, held).filter(|i| !i.aborted).filter_map(|i| i.completed);
        completed.min().unwrap_or(Cycle::MAX)
    }

    /// All commands that followed may have been aborted, and software has seen a later fence complete as if it spoke for
    /// them.
    pub fn may_be_lost(&self, word: &WordRef, value: u64, changed: Cycle, window: Window) -> bool {
        let mut following = self.following(word, value, changed).peekable();
        let Some(first) = following.peek().map(|i| i.fetched) else { return false };
        following.all(|i| i.aborted)
            && (self.last_fence.is_some_and(|(fetched, completed)| fetched > first && completed < window.start))
    }

    /// The step that software left out or did wrong before a request was accepted, or before it gave memory up.
    /// `waiting` are commands that it has handed over, and that the device has not fetched.
    pub fn missing(
        &self,
        word: &WordRef,
        value: u64,
        changed: Cycle,
        window: Window,
        given_up: Option<Cycle>,
        mut waiting: impl Iterator<Item = Command>,
    ) -> String {
        let needed = needed(word);
        let direction = match window.shown {
            Some(Direction::Read) => " with PR",
            Some(Direction::Write) => " with PW",
            None => "",
        };
        let Some(newest) = self.following(word, value, changed).last() else {
            if let Some(command) = waiting.find(|command| covers(command, word, value, Globality::default())) {
                let name = command.mnemonic();
                return format!("missing: a fence behind {name} that is waited for; the device has fetched neither");
            }
            let early = self.log.iter().rev().find(|i| covers(&i.command, word, value, Globality::default()));
            return match early {
                Some(early) => format!(
                    "missing: {needed} after the change of cycle {changed} (one was fetched before it, in cycle {})",
                    early.fetched
                ),
                None => format!("missing: {needed} that covers it, and a fence, after the change of cycle {changed}"),
            };
        };
        let Invalidation { command, fetched, completed, aborted, .. } = newest;
        let name = command.mnemonic();
        match completed {
            None if *aborted => {
                format!(
                    "missing: {name} again, for that of cycle {fetched} may have been aborted when the queue stopped"
                )
            }
            Some(completed) if *completed < window.start => match held_by_context(&word.role) {
                Some(_) => format!("missing: IODIR.INVAL_DDT once {name} of cycle {fetched} had completed"),
                None => format!(
                    "missing: {name} after the last use of what was changed (that of cycle {fetched} was early)"
                ),
            },
            Some(completed) if given_up.is_some_and(|given_up| *completed <= given_up) => format!(
                "missing: a fence{direction} behind {name} of cycle {fetched}: the one that completed did not wait for \
                 requests that were translated before"
            ),
            _ => format!("missing: a fence behind {name} of cycle {fetched}, complete before the request was accepted"),
        }
    }
}

/// The command that covers a structure.
fn needed(word: &WordRef) -> &'static str {
    match word.role {
        _ if is_kept_table(word) => "IOTINVAL.GVMA",
        Role::DdtEntry { .. } | Role::DeviceContext { .. } | Role::PdtEntry { .. } => "IODIR.INVAL_DDT",
        Role::ProcessContext { .. } => "IODIR.INVAL_PDT or IODIR.INVAL_DDT",
        Role::FirstStage { .. } => "IOTINVAL.VMA",
        Role::SecondStage { .. } | Role::MsiPte { .. } | Role::Mrif => "IOTINVAL.GVMA",
    }
}

/// The context entry that may hold the translated pointer for which this second-stage word is read.
fn held_by_context(role: &Role) -> Option<Pointer> {
    let Role::SecondStage { purpose, .. } = role else { return None };
    match purpose {
        Purpose::Final => None,
        Purpose::FirstStage { pointer: Pointer::Pte, .. } => None,
        Purpose::FirstStage { pointer, .. } | Purpose::ProcessDirectory { pointer, .. } => Some(*pointer),
    }
}

/// Whether `command` drops the entry of the directories that holds a pointer.
fn drops_context(command: &Command, word: &WordRef, holder: Pointer) -> bool {
    match *command {
        Command::InvalDdt { device } => device.is_none_or(|device| device == word.tags.device),
        Command::InvalPdt { device, process } => {
            holder == Pointer::ProcessContext && device == word.tags.device && word.tags.process == Some(process)
        }
        _ => false,
    }
}

/// Whether `command`, once completed, obliges every implementation to have dropped `word` with this `value` for this
/// use.
pub fn covers(command: &Command, word: &WordRef, value: u64, path: Globality) -> bool {
    let tags = &word.tags;
    match (*command, word.role) {
        // Table "Identifiers used to tag IOATC entries": the MSI page table is tagged by GSCID and GPA.
        (Command::InvalGvma(operands), Role::MsiPte { .. }) => covers_file(&operands, tags),
        (Command::InvalGvma(operands), _) if is_kept_table(word) => covers_file(&operands, tags),
        _ if is_kept_table(word) => false,
        // IODIR.INVAL_DDT: "If DV is 0, all DDT and PDT entries cached for all devices. If DV is 1, the cached
        // leaf-level DDT entry for the device and all associated PDT entries."
        (Command::InvalDdt { device }, Role::DdtEntry { .. }) => device.is_none(),
        (
            Command::InvalDdt { device },
            Role::DeviceContext { .. } | Role::PdtEntry { .. } | Role::ProcessContext { .. },
        ) => device.is_none_or(|device| device == tags.device),
        // IODIR.INVAL_PDT: "the cached leaf PDT entry for the specified PID and DID".
        (Command::InvalPdt { device, process }, Role::ProcessContext { .. }) => {
            device == tags.device && tags.process == Some(process)
        }
        (Command::InvalVma(operands), Role::FirstStage { level }) => {
            let pte = Pte(value);
            let global = path.global || pte.is_global();
            operands.gscid == tags.gscid
                && operands.pscid.is_none_or(|pscid| tags.pscid == Some(pscid) && !global)
                && covers_address(&operands, tags.iova.0, level, word.bytes, pte)
        }
        // "GV = 0: for all VM address spaces", AV is ignored then.
        (Command::InvalGvma(operands), Role::SecondStage { level, .. }) => match operands.gscid {
            None => tags.gscid.is_some(),
            Some(_) => {
                operands.gscid == tags.gscid
                    && tags.gpa.is_none_or(|gpa| covers_address(&operands, gpa.0, level, word.bytes, Pte(value)))
            }
        },
        _ => false,
    }
}

/// Whether an IOTINVAL.GVMA is for the page of an interrupt file.
fn covers_file(operands: &Iotinval, tags: &Tags) -> bool {
    match operands.gscid {
        // "GV = 0: for all VM address spaces", AV is ignored then.
        None => tags.gscid.is_some(),
        Some(_) => {
            operands.gscid == tags.gscid
                && match (operands.pages(), tags.gpa) {
                    (Some(pages), Some(gpa)) => pages.contains(&(gpa.0 >> 12)),
                    _ => true,
                }
        }
    }
}

/// With an address, leaf entries that translate it are covered; entries above only with NL.
fn covers_address(operands: &Iotinval, addr: u64, level: u8, bytes: u8, pte: Pte) -> bool {
    let Some(pages) = operands.pages() else { return true };
    if !pte.is_leaf() && !operands.nl {
        return false;
    }
    let span = bits_below(level, bytes);
    let page = addr >> 12;
    let first = page >> span << span;
    let last = first | ((1u64 << span) - 1);
    *pages.start() <= last && first <= *pages.end()
}

#[cfg(test)]
mod tests {
    use golden::{DeviceId, Gpa, Gscid, Iova, Pscid, Spa, Tags};

    use super::*;

    const LEAF: u64 = 0xDF;
    const TABLE: u64 = 0x2000_0001;

    fn first(level: u8, gscid: Option<u16>, pscid: u32, iova: u64) -> WordRef {
        word(Role::FirstStage { level }, gscid, Some(pscid), iova, None)
    }

    fn second(level: u8, gscid: u16, gpa: u64, purpose: Purpose) -> WordRef {
        word(Role::SecondStage { level, purpose }, Some(gscid), None, 0, Some(gpa))
    }

    fn word(role: Role, gscid: Option<u16>, pscid: Option<u32>, iova: u64, gpa: Option<u64>) -> WordRef {
        let tags = Tags {
            device: DeviceId(7),
            process: None,
            gscid: gscid.map(Gscid),
            pscid: pscid.map(Pscid),
            iova: Iova(iova),
            gpa: gpa.map(Gpa),
        };
        WordRef { addr: Spa(0x1000), bytes: 8, role, tags }
    }

    fn vma(gscid: Option<u16>, pscid: Option<u32>, page: Option<u64>) -> Command {
        let (gscid, pscid) = (gscid.map(Gscid), pscid.map(Pscid));
        Command::InvalVma(Iotinval { gscid, pscid, page, ..Iotinval::default() })
    }

    fn gvma(gscid: Option<u16>, page: Option<u64>) -> Command {
        Command::InvalGvma(Iotinval { gscid: gscid.map(Gscid), page, ..Iotinval::default() })
    }

    fn plain(command: &Command, word: &WordRef, value: u64) -> bool {
        covers(command, word, value, Globality::default())
    }

    #[test]
    fn vma_without_gv_reaches_host_entries_only() {
        assert!(plain(&vma(None, None, None), &first(0, None, 3, 0x5000), LEAF));
        assert!(!plain(&vma(None, None, None), &first(0, Some(1), 3, 0x5000), LEAF));
        assert!(plain(&vma(Some(1), None, None), &first(0, Some(1), 3, 0x5000), LEAF));
        assert!(!plain(&vma(Some(2), None, None), &first(0, Some(1), 3, 0x5000), LEAF));
    }

    #[test]
    fn pscv_spares_other_processes_and_global_mappings() {
        let command = vma(None, Some(3), None);
        assert!(plain(&command, &first(0, None, 3, 0), LEAF));
        assert!(!plain(&command, &first(0, None, 4, 0), LEAF));
        assert!(!plain(&command, &first(0, None, 3, 0), LEAF | 0x20));
        assert!(!covers(&command, &first(0, None, 3, 0), LEAF, Globality { global: true }));
        assert!(plain(&vma(None, None, None), &first(0, None, 3, 0), LEAF | 0x20));
    }

    #[test]
    fn an_address_reaches_the_leaf_that_translates_it() {
        assert!(plain(&vma(None, None, Some(5)), &first(0, None, 3, 0x5008), LEAF));
        assert!(!plain(&vma(None, None, Some(6)), &first(0, None, 3, 0x5008), LEAF));
        assert!(plain(&vma(None, None, Some(6)), &first(1, None, 3, 0x5008), LEAF), "one 2 MiB page");
        assert!(!plain(&vma(None, None, Some(512)), &first(1, None, 3, 0x5008), LEAF));
        assert!(!plain(&vma(None, None, Some(5)), &first(1, None, 3, 0x5008), TABLE), "not a leaf");
        let nl = Command::InvalVma(Iotinval { page: Some(5), nl: true, ..Iotinval::default() });
        assert!(plain(&nl, &first(1, None, 3, 0x5008), TABLE));
    }

    #[test]
    fn a_range_reaches_all_of_it() {
        let range = |page| Command::InvalVma(Iotinval { page: Some(page), s: true, ..Iotinval::default() });
        assert!(plain(&range(0b0011), &first(0, None, 3, 0x7000), LEAF));
        assert!(!plain(&range(0b0011), &first(0, None, 3, 0x8000), LEAF));
        assert!(plain(&range(0b0011), &first(1, None, 3, 0x1F_F000), LEAF), "overlaps the superpage");
    }

    #[test]
    fn gvma_without_gv_ignores_the_address() {
        let leaf = second(0, 1, 0x9000, Purpose::Final);
        assert!(plain(&gvma(None, Some(0x1234)), &leaf, LEAF));
        assert!(!plain(&gvma(Some(1), Some(0x1234)), &leaf, LEAF));
        assert!(plain(&gvma(Some(1), Some(9)), &leaf, LEAF));
        assert!(!plain(&gvma(Some(2), None), &leaf, LEAF));
        assert!(!plain(&vma(Some(1), None, None), &leaf, LEAF), "VMA is for the first stage");
        assert!(!plain(&gvma(Some(1), None), &first(0, Some(1), 3, 0x9000), LEAF));
    }

    #[test]
    fn iodir_and_iotinval_do_not_mix() {
        let dc = word(Role::DeviceContext { index: 3 }, None, None, 0, None);
        let ddte = word(Role::DdtEntry { level: 1 }, None, None, 0, None);
        assert!(plain(&Command::InvalDdt { device: Some(DeviceId(7)) }, &dc, 1));
        assert!(!plain(&Command::InvalDdt { device: Some(DeviceId(8)) }, &dc, 1));
        assert!(plain(&Command::InvalDdt { device: None }, &dc, 1));
        assert!(!plain(&Command::InvalDdt { device: Some(DeviceId(7)) }, &ddte, 1), "leaf-level only");
        assert!(plain(&Command::InvalDdt { device: None }, &ddte, 1));
        assert!(!plain(&gvma(None, None), &dc, 1));
        assert!(!plain(&Command::InvalDdt { device: None }, &first(0, None, 3, 0), LEAF));
    }

    #[test]
    fn only_a_completed_fence_strikes() {
        let mut log = Invalidations::default();
        let (word, none) = (first(0, None, 3, 0x5000), Globality::default());
        log.fetched(vma(None, None, None), 100);
        assert!(log.cutoff(&word, LEAF, none, Window::new(1000, 1000)).is_none());
        assert_eq!(log.completed(1, &Iofence::default(), 0, 150), 1);
        assert!(log.cutoff(&word, LEAF, none, Window::new(150, 150)).is_none(), "the request was there already");
        assert_eq!(log.cutoff(&word, LEAF, none, Window::new(151, 151)).map(|i| i.fetched), Some(100));
        assert_eq!(log.completed(1, &Iofence::default(), 0, 200), 0, "in force already");
    }

    #[test]
    fn a_pointer_held_by_a_context_goes_with_the_context() {
        let pointer = Purpose::FirstStage { level: 2, pointer: Pointer::DeviceContext };
        let (word, none) = (second(0, 1, 0x9000, pointer), Globality::default());
        let mut log = Invalidations::default();
        log.fetched(gvma(Some(1), None), 100);
        log.completed(1, &Iofence::default(), 0, 110);
        assert!(
            log.cutoff(&word, LEAF, none, Window::new(1000, 1000)).is_none(),
            "IOTINVAL does not reach directory caches"
        );
        log.fetched(Command::InvalDdt { device: Some(DeviceId(7)) }, 200);
        log.completed(2, &Iofence::default(), 0, 210);
        assert_eq!(log.cutoff(&word, LEAF, none, Window::new(1000, 1000)).map(|i| i.fetched), Some(100));

        let mut unfenced = Invalidations::default();
        unfenced.fetched(gvma(Some(1), None), 100);
        unfenced.fetched(Command::InvalDdt { device: Some(DeviceId(7)) }, 102);
        unfenced.completed(2, &Iofence::default(), 0, 110);
        assert!(
            unfenced.cutoff(&word, LEAF, none, Window::new(1000, 1000)).is_none(),
            "the IODIR may have been executed first"
        );
    }

    #[test]
    fn what_the_queue_may_have_aborted_is_not_in_force_by_a_later_fence() {
        let (word, none) = (first(0, None, 3, 0x5000), Globality::default());
        let mut log = Invalidations::default();
        log.fetched(vma(None, None, None), 100);
        log.fetched(vma(None, None, Some(9)), 110);
        log.aborted(1);
        log.completed(2, &Iofence::default(), 120, 130);
        let window = Window::new(200, 210);
        assert_eq!(log.cutoff(&word, LEAF, none, window).map(|i| i.fetched), Some(100), "a fence was behind that one");
        let mut log = Invalidations::default();
        log.fetched(vma(None, None, None), 100);
        log.aborted(0);
        log.completed(1, &Iofence::default(), 120, 130);
        assert!(log.cutoff(&word, LEAF, none, window).is_none());
        assert!(log.may_be_lost(&word, LEAF, 90, window), "software has seen a fence, and was not told");
        assert!(log.missing(&word, LEAF, 90, window, None, std::iter::empty()).contains("again"));
        log.fetched(vma(None, None, None), 140);
        assert!(!log.may_be_lost(&word, LEAF, 90, window));
    }

    #[test]
    fn a_fence_with_pr_speaks_for_reads_that_show_later() {
        let (word, none) = (first(0, None, 3, 0x5000), Globality::default());
        let mut log = Invalidations::default();
        log.fetched(vma(None, None, None), 100);
        log.completed(1, &Iofence { pr: true, ..Iofence::default() }, 105, 110);
        let shown = |direction, end| Window { shown: Some(direction), ..Window::new(50, end) };
        let cutoff = |window| log.cutoff(&word, LEAF, none, window).map(|i| i.fetched);
        assert_eq!(cutoff(shown(Direction::Read, 111)), Some(100));
        assert_eq!(cutoff(shown(Direction::Read, 110)), None);
        assert_eq!(cutoff(shown(Direction::Write, 111)), None);
        assert_eq!(cutoff(Window::new(50, 111)), None, "a refused one does not show");
        log.completed(1, &Iofence { pw: true, ..Iofence::default() }, 115, 120);
        let cutoff = |window| log.cutoff(&word, LEAF, none, window).map(|i| i.fetched);
        assert_eq!(
            cutoff(shown(Direction::Write, 121)),
            Some(100),
            "a later fence may wait for what the first did not"
        );
    }

    #[test]
    fn the_step_that_is_missing_is_named() {
        let word = first(0, None, 3, 0x5000);
        let missing =
            |log: &Invalidations| log.missing(&word, LEAF, 90, Window::new(200, 210), None, std::iter::empty());
        let mut log = Invalidations::default();
        assert!(missing(&log).starts_with("missing: IOTINVAL.VMA that covers it, and a fence"));
        log.fetched(vma(None, None, None), 80);
        assert!(missing(&log).contains("fetched before it, in cycle 80"), "{}", missing(&log));
        assert!(!log.has_followed(&word, LEAF, 90));
        log.fetched(vma(None, None, None), 100);
        assert!(log.has_followed(&word, LEAF, 90));
        assert!(missing(&log).starts_with("missing: a fence behind IOTINVAL.VMA of cycle 100"));
    }
}
