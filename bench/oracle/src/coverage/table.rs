// SPDX-License-Identifier: Apache-2.0
//! The table of what can be tried: groups of axes, and which of their combinations there cannot be.

/// A property, and the values that it has.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// What it is of
    pub name: &'static str,
    /// Its values, by name
    pub values: &'static [&'static str],
}

/// Properties of one thing that are counted together: each combination is a cell.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Its name
    pub name: &'static str,
    /// What is counted
    pub what: &'static str,
    /// Its axes
    pub axes: &'static [Axis],
    /// Why a combination can never be
    pub never: fn(&[usize]) -> Option<&'static str>,
}

impl Group {
    /// How many combinations there are.
    const fn cells(&self) -> usize {
        let (mut count, mut axis) = (1, 0);
        while axis < self.axes.len() {
            count *= self.axes[axis].values.len();
            axis += 1;
        }
        count
    }

    /// A combination by its place among all of the group.
    pub(super) fn place(&self, at: &[usize]) -> Option<usize> {
        let mut place = 0;
        for (axis, value) in self.axes.iter().zip(at) {
            if *value >= axis.values.len() {
                return None;
            }
            place = place * axis.values.len() + value;
        }
        Some(place)
    }
}

const fn axis(name: &'static str, values: &'static [&'static str]) -> Axis {
    Axis { name, values }
}

/// What a request is for.
const ACCESS: Axis = axis("request", &["read", "write", "execute", "translated", "ats", "debug"]);
/// Which stages a walk goes through.
const STAGES: Axis = axis("stages", &["none", "first", "second", "both"]);
/// Where a walk ends.
const LEAF: Axis = axis("leaf", &["none", "4K", "64K", "2M", "1G", "512G", "256T", "interrupt-file", "mrif"]);
const FIRST_MODE: Axis = axis("first", &["bare", "sv39", "sv48", "sv57"]);
const SECOND_MODE: Axis = axis("second", &["bare", "sv39x4", "sv48x4", "sv57x4"]);
/// Structures, those that only a context may hold translated apart.
const STRUCTURE: Axis = axis(
    "structure",
    &[
        "ddt-entry",
        "device-context",
        "pdt-entry",
        "process-context",
        "first-pointer",
        "first-leaf",
        "second-pointer",
        "second-leaf",
        "second-for-table",
        "second-for-root",
        "second-for-directory",
        "msi-pte",
    ],
);
const WHERE: Axis = axis(
    "where",
    &[
        "nowhere",
        "ddt-entry",
        "device-context",
        "pdt-entry",
        "process-context",
        "first-stage",
        "second-stage",
        "second-for-table",
        "second-for-directory",
        "msi-pte",
        "mrif",
    ],
);
const CAUSE: Axis = axis(
    "cause",
    &[
        "1", "5", "7", "12", "13", "15", "20", "21", "23", "256", "257", "258", "259", "260", "261", "262", "263",
        "264", "265", "266", "267", "268", "269", "270", "271", "273", "274",
    ],
);
/// Causes by their place on that axis.
pub(super) const CAUSES: [u16; 27] = [
    1, 5, 7, 12, 13, 15, 20, 21, 23, 256, 257, 258, 259, 260, 261, 262, 263, 264, 265, 266, 267, 268, 269, 270, 271,
    273, 274,
];
const COMMAND: Axis = axis(
    "command",
    &[
        "vma",
        "vma-av",
        "vma-pscv",
        "vma-pscv-av",
        "vma-gv",
        "vma-gv-av",
        "vma-gv-pscv",
        "vma-gv-pscv-av",
        "gvma",
        "gvma-gv",
        "gvma-gv-av",
        "ddt",
        "ddt-dv",
        "pdt",
        "ats-inval",
        "ats-prgr",
        "fence",
    ],
);

/// Groups by their places.
pub(super) const WALK: usize = 0;
pub(super) const MODES: usize = 1;
pub(super) const REFUSAL: usize = 2;
pub(super) const WINDOW: usize = 3;
pub(super) const RACE: usize = 4;
pub(super) const COMMANDS: usize = 5;
pub(super) const RANGE: usize = 6;
pub(super) const FENCE: usize = 7;
pub(super) const COLLISION: usize = 8;
pub(super) const BURST: usize = 9;
pub(super) const REGISTER: usize = 10;
pub(super) const STOP: usize = 11;
pub(super) const UPDATE: usize = 12;
pub(super) const ATS: usize = 13;

/// Places on axes that others than the counting name.
pub const ILLEGAL: usize = 0;
/// … memory refused the command
pub const MEMORY: usize = 1;
/// … or the store of a fence
pub const FENCE_STORE: usize = 2;
/// A page request
pub const PAGE: usize = 3;
/// … that came into its queue
pub const RECORD: usize = 5;
/// … or was answered
pub const RESPONSE: usize = 6;

/// All groups.
pub const GROUPS: [Group; 14] = [
    Group {
        name: "walk",
        what: "a request that was translated: for what, through which stages, to which leaf",
        axes: &[ACCESS, STAGES, LEAF],
        never: |at| match (at[0], at[1], at[2]) {
            (_, 0, 1..=6) => Some("without a stage there is no leaf"),
            (_, 1, 7 | 8) => Some("interrupt files are found by guest physical addresses"),
            (0 | 2, _, 8) => Some("a memory-resident interrupt file takes writes alone"),
            (3, 1, _) => Some("a translated request goes past the first stage"),
            (_, 1..=3, 0) => Some("a stage ends in a leaf"),
            _ => None,
        },
    },
    Group {
        name: "modes",
        what: "the modes of both stages, and whether a request came through",
        axes: &[FIRST_MODE, SECOND_MODE, axis("outcome", &["translated", "refused"])],
        never: |_| None,
    },
    Group {
        name: "refusal",
        what: "a request that was refused: the cause, and the structure that was read last",
        axes: &[CAUSE, WHERE],
        never: refusal_never,
    },
    Group {
        name: "window",
        what: "a word that software had changed not long before: which value was used, and what had been invalidated",
        axes: &[STRUCTURE, axis("value", &["old", "new"]), axis("invalidated", &["no", "under-way", "fenced"])],
        never: |at| match (at[1], at[2]) {
            (0, 2) => Some("what was invalidated and fenced is used no more"),
            _ => None,
        },
    },
    Group {
        name: "race",
        what: "a command that covers a word of a walk was fetched while the request was with the device",
        axes: &[
            STRUCTURE,
            axis("command", &["vma", "gvma", "ddt", "pdt"]),
            axis("phase", &["before-read", "after-read"]),
        ],
        never: |at| match (at[0], at[1]) {
            (0..=1, 2) | (2..=3, 2) | (3, 3) | (4..=5, 0) | (6..=10, 1) | (11, 1) => None,
            _ => Some("the command does not cover the structure"),
        },
    },
    Group {
        name: "command",
        what: "a command with its operands, and what the device had to do when it fetched it",
        axes: &[COMMAND, axis("traffic", &["idle", "translating", "at-memory", "both"])],
        never: |_| None,
    },
    Group {
        name: "range",
        what: "an invalidation of a range or of non-leaf entries",
        axes: &[
            axis("command", &["vma", "gvma"]),
            axis("nl", &["0", "1"]),
            axis("range", &["page", "16K", "64K", "2M", "1G", "more"]),
        ],
        never: |_| None,
    },
    Group {
        name: "fence",
        what: "a fence: what it waits for, how it tells, and what was at memory",
        axes: &[
            axis("waits", &["none", "PR", "PW", "PR-PW"]),
            axis("tells", &["head", "store", "interrupt", "both"]),
            axis("open", &["none", "reads", "writes", "both"]),
        ],
        never: |_| None,
    },
    Group {
        name: "collision",
        what: "two requests for one page in a row: what tells them apart, and whether they lead to the same place",
        axes: &[
            axis("differs", &["nothing", "device", "process", "pscid", "gscid", "both-tags", "stage"]),
            axis("leaf", &["same-size", "other-size"]),
            axis("place", &["same", "other"]),
        ],
        never: |_| None,
    },
    Group {
        name: "burst",
        what: "the shape of a transaction, and what became of it",
        axes: &[
            axis("direction", &["read", "write"]),
            axis("kind", &["fixed", "incr", "wrap"]),
            axis("beats", &["1", "2-8", "more"]),
            axis("size", &["1", "2", "4", "8"]),
            axis("outcome", &["done", "refused"]),
        ],
        never: |at| match (at[1], at[2]) {
            (2, 0) => Some("AXI wraps around two beats at least"),
            _ => None,
        },
    },
    Group {
        name: "register",
        what: "a register that software read or wrote",
        axes: &[
            axis(
                "register",
                &[
                    "capabilities",
                    "fctl",
                    "ddtp",
                    "cqb",
                    "cqh",
                    "cqt",
                    "fqb",
                    "fqh",
                    "fqt",
                    "pqb",
                    "pqh",
                    "pqt",
                    "cqcsr",
                    "fqcsr",
                    "pqcsr",
                    "ipsr",
                    "iocountovf",
                    "iocountinh",
                    "iohpmcycles",
                    "iohpmctr",
                    "iohpmevt",
                    "tr_req",
                    "tr_response",
                    "iommu_qosid",
                    "icvec",
                    "msi_cfg_tbl",
                    "reserved",
                ],
            ),
            axis("access", &["read", "write"]),
            axis("traffic", &["idle", "busy"]),
        ],
        never: |_| None,
    },
    Group {
        name: "stop",
        what: "the command queue met an error: why, and what was open",
        axes: &[
            axis("why", &["illegal", "memory", "fence-store"]),
            axis("open", &["nothing", "invalidations", "fence"]),
        ],
        never: |_| None,
    },
    Group {
        name: "update",
        what: "the device updated A or D of an entry in memory",
        axes: &[axis("stage", &["first", "second", "second-for-table"]), axis("bits", &["A", "D", "A-D"])],
        never: |_| None,
    },
    Group {
        name: "ats",
        what: "what a device with a translation cache asked, and what it was answered",
        axes: &[
            axis("request", &["read", "write", "execute", "page"]),
            axis("answer", &["granted", "less", "nothing", "UR", "CA", "record", "response"]),
        ],
        never: |at| match (at[0], at[1]) {
            (3, 0..=4) => Some("a page request is recorded or answered"),
            (0..=2, 5 | 6) => Some("a translation request is completed"),
            _ => None,
        },
    },
];

/// Where the causes of the specification can come from (section "Fault/Event-Queue", table of causes; process to translate an
/// IOVA).
fn refusal_never(at: &[usize]) -> Option<&'static str> {
    let place = at[1];
    let fits = match CAUSES[at[0]] {
        // Access faults of accesses and of page tables
        1 | 5 | 7 => matches!(place, 0..=10),
        // An address that is not sign-extended is found before an entry is read.
        12 | 13 | 15 => matches!(place, 2 | 4 | 5),
        20 | 21 | 23 => matches!(place, 1..=8),
        256 => place == 0,
        257 | 258 | 259 | 268 => matches!(place, 0..=2),
        260 => true,
        261..=263 | 270 => place == 9 || place == 2,
        264 | 271 => place == 10 || place == 9,
        265 | 266 | 267 | 269 => matches!(place, 2..=4 | 8),
        273 => place == 9,
        274 => matches!(place, 5..=8),
        _ => true,
    };
    if fits { None } else { Some("the cause is not of this structure") }
}

/// The first cell of each group.
pub(super) const FIRST: [usize; GROUPS.len()] = {
    let mut first = [0; GROUPS.len()];
    let mut group = 1;
    while group < GROUPS.len() {
        first[group] = first[group - 1] + GROUPS[group - 1].cells();
        group += 1;
    }
    first
};

/// How many cells there are.
pub(super) const CELLS: usize = FIRST[GROUPS.len() - 1] + GROUPS[GROUPS.len() - 1].cells();
