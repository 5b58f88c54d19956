// SPDX-License-Identifier: Apache-2.0
//! What happens, in order. Streams run on in the background until they are stopped.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::at::At;
use super::ats::{PageQueue, PageRequest, PageResponse, StopMarker, TranslationRequest};
use super::broken::{BreakMemory, MendMemory, SetMsi};
use super::burst::Shapes;
use super::debug::DebugTranslate;
use super::dma::Dma;
use super::domain::{Mapping, Rights};
use super::errno::Errno;
use super::invalidate::Invalidate;
use super::msi::{MsiMap, MsiSwitch, MsiUnmap};
use super::probe::{Alloc, ExpectContext, ExpectMemory, SetContext, Since, UserInvalidate};
use super::register::{ExpectRegister, WriteRegister};
use super::scalar::{Number, Size, Span};

/// One step of a scenario. `drain`, `fence`, `recover` and `mend-memory` may stand alone; every other step is a key with its operands.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", remote = "Self")]
pub enum Step {
    /// Starts DMA traffic of a device that runs through the steps that follow
    Stream(Stream),
    /// Stops a stream, and waits until its transactions have completed
    Stop(At<String>),
    /// Stops all streams, and waits until no transaction is in flight
    Drain(Drain),
    /// One DMA transaction, and its result
    Dma(Dma),
    /// Asks the IOMMU for a translation by way of registers
    DebugTranslate(DebugTranslate),
    /// Lets this many cycles pass (a range: drawn from the seed)
    Wait(Span),
    /// Plays steps several times
    Repeat(Repeat),
    /// Makes one operation of several steps, which promises something as a whole
    Operation(OwnOperation),
    /// Plays lists of steps at the same time: the first one may do what software does without a promise, the others are
    /// other processors, which store and wait
    Parallel(Vec<Vec<At<Step>>>),
    /// Attaches a device that has no domain
    Attach(Attachment),
    /// Moves a device from its domain to another one
    Replace(Attachment),
    /// Takes a device out of its domain; every access is refused from then on
    Detach(Detachment),
    /// Maps pages in a domain
    Map(Map),
    /// Unmaps pages, and flushes what caches may hold of them
    Unmap(Unmap),
    /// Makes a domain that is `late`, with its mappings
    Create(At<String>),
    /// Frees a domain that has no device; what its page tables were in is poisoned
    Free(Free),
    /// Changes one entry of a page table, and nothing else: no invalidation
    SetPte(SetPte),
    /// Stores a doubleword at a physical address
    Store(Store),
    /// Puts one invalidation command into the command queue; a fence makes it effective
    Invalidate(Invalidate),
    /// IOFENCE.C, and waits until it has completed
    Fence(Fence),
    /// Overwrites memory with a pattern in which V is 0
    Poison(Poison),
    /// Lets memory answer with an error from now on
    BreakMemory(BreakMemory),
    /// Lets all memory answer as it should
    MendMemory(MendMemory),
    /// Names this moment, for reports and for `since`
    Mark(At<String>),
    /// Asks for a domain in the words of the API
    Alloc(Alloc),
    /// What a device context in memory must be
    ExpectContext(ExpectContext),
    /// Changes a word of a device context; no invalidation
    SetContext(SetContext),
    /// Invalidations that a guest asks for
    UserInvalidate(UserInvalidate),
    /// Puts two doublewords into the command queue, whatever they mean
    Command([Number; 2]),
    /// Sets a stopped command queue going again
    Recover(Recover),
    /// Lets the n-th allocation from now fail, once
    FailAllocation(At<u32>),
    /// What must have happened since a mark
    Since(Since),
    /// What memory must hold
    ExpectMemory(ExpectMemory),
    /// Writes a register, or fields of it
    WriteRegister(WriteRegister),
    /// What a register must hold, at once or within a bound
    ExpectRegister(ExpectRegister),
    /// Leads an interrupt file of a guest to a page
    MsiMap(MsiMap),
    /// Leads it to another one; MSIs meanwhile go to the old or to the new one
    MsiMove(MsiMap),
    /// Leads it nowhere
    MsiUnmap(MsiUnmap),
    /// Switches the MSI page table on or off, for all devices of the guest
    MsiSwitch(MsiSwitch),
    /// Changes an entry of an MSI page table; no invalidation
    SetMsi(SetMsi),
    /// A device asks for a translation by ATS
    TranslationRequest(TranslationRequest),
    /// A device asks for a page
    PageRequest(PageRequest),
    /// A device marks a stop
    StopMarker(StopMarker),
    /// Software answers a group of page requests
    PageResponse(PageResponse),
    /// Software takes out what is in the page-request queue
    PageQueue(PageQueue),
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct WordOrMap;
        impl<'de> Visitor<'de> for WordOrMap {
            type Value = Step;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a step: a key with its operands")
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> std::result::Result<Step, E> {
                match word {
                    "drain" => Ok(Step::Drain(Drain {})),
                    "fence" => Ok(Step::Fence(Fence::default())),
                    "recover" => Ok(Step::Recover(Recover::default())),
                    "mend-memory" => Ok(Step::MendMemory(MendMemory {})),
                    known if STEPS.contains(&known) => {
                        Err(E::custom(format!("step `{known}` has operands: `- {known}: …`")))
                    }
                    _ => Err(E::unknown_variant(word, STEPS)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Step, A::Error> {
                // The inherent function that `remote = "Self"` derives.
                Step::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(WordOrMap)
    }
}

impl Step {
    /// The steps that it consists of, if it is made of others.
    pub fn inner(&self) -> Vec<&At<Step>> {
        match self {
            Step::Repeat(repeat) => repeat.steps.iter().collect(),
            Step::Operation(operation) => operation.steps.iter().collect(),
            Step::Parallel(lists) => lists.iter().flatten().collect(),
            _ => Vec::new(),
        }
    }

    /// It does nothing but store and wait, so that any processor can play it.
    pub(super) fn only_stores(&self) -> bool {
        match self {
            Step::Store(_) | Step::SetPte(_) | Step::SetContext(_) | Step::SetMsi(_) | Step::Wait(_) => true,
            Step::Repeat(repeat) => repeat.steps.iter().all(|step| step.only_stores()),
            _ => false,
        }
    }

    /// A call of the driver, or an operation: what it promises is held against all stores while it runs.
    pub(super) fn promises(&self) -> bool {
        match self {
            Step::Operation(_)
            | Step::Attach(_)
            | Step::Replace(_)
            | Step::Detach(_)
            | Step::Map(_)
            | Step::Unmap(_)
            | Step::Create(_)
            | Step::Free(_)
            | Step::Alloc(_)
            | Step::MsiMap(_)
            | Step::MsiMove(_)
            | Step::MsiUnmap(_)
            | Step::MsiSwitch(_)
            | Step::Parallel(_) => true,
            Step::Repeat(repeat) => repeat.steps.iter().any(|step| step.promises()),
            _ => false,
        }
    }
}

/// Names of the steps, as scenarios write them.
const STEPS: &[&str] = &[
    "stream",
    "stop",
    "drain",
    "dma",
    "debug-translate",
    "wait",
    "repeat",
    "operation",
    "parallel",
    "attach",
    "replace",
    "detach",
    "map",
    "unmap",
    "create",
    "free",
    "set-pte",
    "store",
    "invalidate",
    "fence",
    "poison",
    "break-memory",
    "mend-memory",
    "mark",
    "alloc",
    "expect-context",
    "set-context",
    "user-invalidate",
    "command",
    "recover",
    "fail-allocation",
    "since",
    "expect-memory",
    "write-register",
    "expect-register",
    "msi-map",
    "msi-move",
    "msi-unmap",
    "msi-switch",
    "set-msi",
    "translation-request",
    "page-request",
    "stop-marker",
    "page-response",
    "page-queue",
];

impl JsonSchema for Step {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut properties = serde_json::Map::new();
        let mut add = |name: &str, what: &str, schema: Schema| {
            let mut schema = schema;
            schema.insert("description".to_owned(), what.into());
            properties.insert(name.to_owned(), schema.into());
        };
        add("stream", "Starts DMA that runs through the steps that follow", generator.subschema_for::<Stream>());
        add("stop", "Stops a stream, and waits until its transactions are done", generator.subschema_for::<String>());
        add("drain", "Stops all streams, and waits until no DMA is in flight", generator.subschema_for::<Drain>());
        add("dma", "One DMA transaction, and its result", generator.subschema_for::<Dma>());
        let debug = generator.subschema_for::<DebugTranslate>();
        add("debug-translate", "Asks for a translation by way of registers", debug);
        add("wait", "Lets this many cycles pass", generator.subschema_for::<Span>());
        add("repeat", "Plays steps several times", generator.subschema_for::<Repeat>());
        add("operation", "Makes one operation of several steps", generator.subschema_for::<OwnOperation>());
        add("parallel", "Plays lists of steps at the same time", generator.subschema_for::<Vec<Vec<At<Step>>>>());
        add("attach", "Attaches a device that has no domain", generator.subschema_for::<Attachment>());
        add("replace", "Moves a device to another domain", generator.subschema_for::<Attachment>());
        add("detach", "Takes a device out of its domain", generator.subschema_for::<Detachment>());
        add("map", "Maps pages in a domain", generator.subschema_for::<Map>());
        add("unmap", "Unmaps pages, and flushes", generator.subschema_for::<Unmap>());
        add("create", "Makes a domain that is `late`", generator.subschema_for::<String>());
        add("free", "Frees a domain that has no device", generator.subschema_for::<Free>());
        add("set-pte", "Changes one entry of a page table; no invalidation", generator.subschema_for::<SetPte>());
        add("store", "Stores a doubleword", generator.subschema_for::<Store>());
        add("invalidate", "Queues one invalidation command", generator.subschema_for::<Invalidate>());
        add("fence", "IOFENCE.C, and waits for it", generator.subschema_for::<Fence>());
        add("poison", "Makes memory unusable", generator.subschema_for::<Poison>());
        add("break-memory", "Lets memory answer with an error", generator.subschema_for::<BreakMemory>());
        add("mend-memory", "Lets all memory answer as it should", generator.subschema_for::<MendMemory>());
        add("mark", "Names this moment, for reports and for `since`", generator.subschema_for::<String>());
        add("alloc", "Asks for a domain in the words of the API", generator.subschema_for::<Alloc>());
        add("expect-context", "What a device context must be", generator.subschema_for::<ExpectContext>());
        add("set-context", "Changes a word of a device context", generator.subschema_for::<SetContext>());
        add("user-invalidate", "A guest asks for invalidations", generator.subschema_for::<UserInvalidate>());
        add("command", "Queues two doublewords as they are", generator.subschema_for::<[Number; 2]>());
        add("recover", "Sets a stopped command queue going", generator.subschema_for::<Recover>());
        add("fail-allocation", "Lets the n-th allocation fail", generator.subschema_for::<u32>());
        add("since", "What must have happened since a mark", generator.subschema_for::<Since>());
        add("expect-memory", "What memory must hold", generator.subschema_for::<ExpectMemory>());
        add("write-register", "Writes a register, or fields of it", generator.subschema_for::<WriteRegister>());
        add("expect-register", "What a register must hold", generator.subschema_for::<ExpectRegister>());
        add("msi-map", "Leads an interrupt file to a page", generator.subschema_for::<MsiMap>());
        add("msi-move", "Leads an interrupt file to another page", generator.subschema_for::<MsiMap>());
        add("msi-unmap", "Leads an interrupt file nowhere", generator.subschema_for::<MsiUnmap>());
        add("msi-switch", "Switches an MSI page table on or off", generator.subschema_for::<MsiSwitch>());
        add("set-msi", "Changes an entry of an MSI page table", generator.subschema_for::<SetMsi>());
        let ask = generator.subschema_for::<TranslationRequest>();
        add("translation-request", "A device asks for a translation by ATS", ask);
        add("page-request", "A device asks for a page", generator.subschema_for::<PageRequest>());
        add("stop-marker", "A device marks a stop", generator.subschema_for::<StopMarker>());
        add("page-response", "Software answers a group of page requests", generator.subschema_for::<PageResponse>());
        add("page-queue", "Software takes out all page requests", generator.subschema_for::<PageQueue>());
        json_schema!({
            "anyOf": [
                { "enum": ["drain", "fence", "recover", "mend-memory"] },
                {
                    "type": "object", "properties": properties, "additionalProperties": false,
                    "minProperties": 1, "maxProperties": 1
                }
            ]
        })
    }
}

/// Stops all streams; it has no operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drain {}

/// Sets a stopped command queue going.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Recover {
    /// It need not have stopped: whether the device takes what it was given for an error is for it to say
    pub if_stopped: bool,
}

/// DMA traffic in the background.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Stream {
    /// Its name, for `stop` and for reports
    pub name: At<String>,
    /// The device that asks
    pub device: At<String>,
    /// Reads, writes or both
    #[serde(default)]
    pub kind: StreamKind,
    /// The process_id of its transactions; default: they have none
    pub process: Option<At<Number>>,
    /// Supervisor-privilege accesses: AxPROT[0], which means something only with a process_id
    #[serde(default)]
    pub privileged: bool,
    /// Where
    pub range: Range,
    /// Transactions that may be under way at a time
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = 64))]
    pub outstanding: At<u8>,
    /// Cycles between the end of a request and the next one
    #[serde(default = "default_gap")]
    pub gap: Span,
    /// Which bursts it makes
    #[serde(default)]
    pub shapes: Shapes,
    /// Beats in a burst; a burst never crosses 4 KiB, and is shorter where its shape allows fewer
    #[serde(default = "default_bursts")]
    pub bursts: At<Span>,
    /// The device asks for translations by ATS, keeps them, and makes its transactions with translated addresses. What
    /// it is not granted it does not ask for
    #[serde(default)]
    pub translated: bool,
}

fn four() -> At<u8> {
    At::from(4)
}

fn default_gap() -> Span {
    Span::new(0, 20)
}

fn default_bursts() -> At<Span> {
    At::from(Span::new(1, 16))
}

/// What a stream does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StreamKind {
    /// Reads
    Read,
    /// Writes
    Write,
    /// Reads and writes at random
    #[default]
    Mixed,
}

/// A range of I/O virtual addresses.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Range {
    /// First address
    pub iova: At<Number>,
    /// Bytes
    pub size: At<Size>,
}

/// Steps that are played several times.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Repeat {
    /// How often
    pub times: At<u32>,
    /// What
    pub steps: Vec<At<Step>>,
}

/// Steps that are one operation of software, as a call of the driver is: what it promises is held against it. So are
/// a guest's change of its tables and the `user-invalidate` that follows. Calls of the driver within it are part of it,
/// and what they promise on their own does not count.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OwnOperation {
    /// Its name, for reports
    pub name: At<String>,
    /// What holds for requests while it runs, and once it has ended
    #[serde(default)]
    pub promise: StepPromise,
    /// What it consists of
    pub steps: Vec<At<Step>>,
}

/// What an operation promises. Breaking it is a software hazard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepPromise {
    /// As `effective`, and meanwhile every request is translated by the old state or by the new one, whole
    Hitless,
    /// Once it has ended, what it replaced is used no more
    #[default]
    Effective,
    /// Nothing
    Nothing,
}

/// A device, or one of its processes, and a domain.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Attachment {
    /// The device
    pub device: At<String>,
    /// One of its processes, by its process_id; default: the device itself
    pub process: Option<At<Number>>,
    /// The domain that it has afterwards
    pub domain: At<String>,
    /// The call must fail with this error, and change nothing
    pub fails: Option<At<Errno>>,
}

/// A device, or one of its processes, that loses its domain.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Detachment {
    /// The device
    pub device: At<String>,
    /// One of its processes, by its process_id; default: the device itself
    pub process: Option<At<Number>>,
    /// The call must fail with this error, and change nothing
    pub fails: Option<At<Errno>>,
}

/// Pages that become mapped.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Map {
    /// In which domain
    pub domain: At<String>,
    /// What
    pub range: Mapping,
    /// The host asks for it in the domain itself; a nested domain has no mappings of the host
    #[serde(default)]
    pub host: bool,
    /// The call must fail with this error, and change nothing
    pub fails: Option<At<Errno>>,
}

/// Pages that are unmapped: mappings, or parts of them that are whole pages.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Unmap {
    /// In which domain
    pub domain: At<String>,
    /// What
    pub range: Range,
    /// The host asks for it in the domain itself; a nested domain has no mappings of the host
    #[serde(default)]
    pub host: bool,
    /// The call must fail with this error, and change nothing
    pub fails: Option<At<Errno>>,
}

/// A domain that goes.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Free {
    /// Which
    pub domain: At<String>,
    /// The call must fail with this error, and change nothing
    pub fails: Option<At<Errno>>,
}

/// A change of one entry of a page table.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SetPte {
    /// In which domain
    pub domain: At<String>,
    /// The entry that maps this address
    pub iova: At<Number>,
    /// Not the leaf but the entry of this level for it, whatever it holds: 0 stands for 4 KiB
    #[schemars(with = "Option<u8>", range(max = 4))]
    pub level: Option<At<u8>>,
    /// New V bit
    pub valid: Option<bool>,
    /// New R, W and X bits
    pub access: Option<Rights>,
    /// New U bit
    pub user: Option<bool>,
    /// New A bit
    pub accessed: Option<bool>,
    /// New D bit
    pub dirty: Option<bool>,
    /// New target
    pub to: Option<At<Number>>,
    /// New target: the table of this level on the way to the address. An entry may so lead back to where it lies
    #[schemars(with = "Option<u8>", range(max = 4))]
    pub to_table: Option<At<u8>>,
    /// Bits to change: 63 is N, 62 and 61 are the memory type, 5 is G, …
    pub flip: Option<At<Number>>,
    /// Or the whole entry
    pub value: Option<At<Number>>,
}

/// A store of a doubleword.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Store {
    /// Physical address, aligned to 8
    pub address: At<Number>,
    /// Value
    pub value: At<Number>,
}

/// IOFENCE.C.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Fence {
    /// PR: all reads that were accepted before are done
    pub reads: bool,
    /// PW: all writes that were accepted before are done
    pub writes: bool,
    /// WSI: an interrupt when it is done
    pub interrupt: bool,
}

/// A range of physical memory that is overwritten with a pattern in which V is 0. The driver does this by itself to
/// the page tables of a domain that is freed.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Poison {
    /// First physical address
    pub address: At<Number>,
    /// Bytes
    pub size: At<Size>,
}
