// SPDX-License-Identifier: Apache-2.0
//! A step that software owes, and ways to leave it out: one command among all that are sent.

/// What a command is, by its first doubleword.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommandKind {
    Vma,
    Gvma,
    Ddt,
    Pdt,
    Fence,
    Other,
}

impl CommandKind {
    pub fn of(first: u64) -> CommandKind {
        match first & 0x3ff {
            0x001 => CommandKind::Vma,
            0x081 => CommandKind::Gvma,
            0x002 => CommandKind::Fence,
            0x003 => CommandKind::Ddt,
            0x083 => CommandKind::Pdt,
            _ => CommandKind::Other,
        }
    }

    /// How a hazard names it when it is missing.
    pub fn name(self) -> &'static str {
        match self {
            CommandKind::Vma => "IOTINVAL.VMA",
            CommandKind::Gvma => "IOTINVAL.GVMA",
            CommandKind::Ddt => "IODIR.INVAL_DDT",
            CommandKind::Pdt => "IODIR.INVAL_PDT",
            CommandKind::Fence => "a fence",
            CommandKind::Other => "?",
        }
    }
}

/// A command that was sent.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// The operation of the program, by its number
    pub op: usize,
    pub kind: CommandKind,
    pub words: [u64; 2],
}

/// How a step is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// A fence without effect in the place of an invalidation
    Skip,
    /// It names another page than it should, or one page instead of all
    OtherPage,
    /// It names another PSCID, GSCID or device
    OtherTag,
    /// It lacks `GV`
    NoGuest,
    /// The fence lacks PR
    NoReads,
    /// The fence lacks PW
    NoWrites,
    /// The fence is not waited for
    NoWait,
}

/// One step that is left out.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    /// The command, counted from the first one of all
    pub number: usize,
    pub how: How,
}

const AV: u64 = 1 << 10;
const GV: u64 = 1 << 33;
const PSCV: u64 = 1 << 32;
/// A bit of the page number, as `ADDR` stands in the second doubleword: a slot that nothing is in.
const FAR: u64 = 1 << (33 - 2);

impl How {
    /// Those that make sense for a command.
    pub fn of(sent: &Sent) -> Vec<How> {
        let first = sent.words[0];
        match sent.kind {
            CommandKind::Vma if first & GV != 0 => vec![How::Skip, How::OtherPage, How::OtherTag, How::NoGuest],
            CommandKind::Vma if first & PSCV != 0 => vec![How::Skip, How::OtherPage, How::OtherTag],
            CommandKind::Vma => vec![How::Skip, How::OtherPage],
            CommandKind::Gvma if first & GV != 0 => vec![How::Skip, How::OtherPage, How::OtherTag],
            CommandKind::Gvma => vec![How::Skip],
            CommandKind::Ddt if first & GV != 0 => vec![How::Skip, How::OtherTag],
            CommandKind::Ddt => vec![How::Skip],
            CommandKind::Pdt => vec![How::Skip, How::OtherTag],
            CommandKind::Fence => vec![How::NoReads, How::NoWrites, How::NoWait],
            CommandKind::Other => Vec::new(),
        }
    }

    pub fn is_not_waited_for(self) -> bool {
        self == How::NoWait
    }

    /// The first doubleword as it is then.
    pub fn first(self, first: u64) -> u64 {
        match (self, CommandKind::of(first)) {
            (How::Skip, _) => 2,
            (How::OtherPage, _) => first | AV,
            (How::OtherTag, CommandKind::Ddt | CommandKind::Pdt) => first ^ 1 << 40,
            (How::OtherTag, CommandKind::Vma) if first & PSCV != 0 => first ^ 1 << 31,
            (How::OtherTag, _) => first ^ 1 << 59,
            (How::NoGuest, _) => first & !(GV | 0xffff << 44),
            (How::NoReads, _) => first & !(1 << 12),
            (How::NoWrites, _) => first & !(1 << 13),
            (How::NoWait, _) => first,
        }
    }

    /// The second one. `first` is what software meant.
    pub fn second(self, first: u64, second: u64) -> u64 {
        match self {
            How::Skip => 0,
            How::OtherPage if first & AV != 0 => second ^ FAR,
            How::OtherPage => FAR,
            _ => second,
        }
    }

    /// Whether the text of a hazard names this step.
    pub fn is_named(self, kind: CommandKind, text: &str) -> bool {
        let Some((_, missing)) = text.split_once("missing: ") else { return false };
        match self {
            How::NoReads | How::NoWrites | How::NoWait => missing.starts_with("a fence"),
            _ => missing.contains(kind.name()) && !missing.starts_with("a fence"),
        }
    }
}
