// SPDX-License-Identifier: Apache-2.0
//! The wrong habits of the driver, for negative controls: each in a sentence, with what it breaks.

macro_rules! quirks {
    ($(#[doc = $text:literal] $name:ident breaks $what:literal,)*) => {
        /// A bug of the driver that can be switched on. Each was made in earnest, in the reviewed patch or elsewhere.
        ///
        /// What a bug breaks is a section of the specification, or what the driver's own API promises.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Quirk {
            $(
                #[doc = $text]
                #[doc = ""]
                #[doc = concat!("Breaks: ", $what)]
                $name,
            )*
        }

        impl Quirk {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name, as it is written here.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What the driver does wrong, in a sentence without its full stop.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $text.trim_ascii(),)* }
            }

            /// What it breaks.
            pub const fn breaks(self) -> &'static str {
                match self { $(Self::$name => $what,)* }
            }
        }
    };
}

quirks! {
    // Changes of contexts
    /// A changed device context is not followed by IODIR.INVAL_DDT
    SkipAttachSync breaks "RISC-V IOMMU, Changing device directory table entry",
    /// A changed device context is followed by IODIR.INVAL_DDT, but no translation is flushed
    SkipAttachFlush breaks "RISC-V IOMMU, Changing device directory table entry",
    /// A changed process context is not followed by IODIR.INVAL_PDT
    SkipProcessSync breaks "RISC-V IOMMU, Changing process directory table entry",
    /// A new context is written with V in the first store
    ValidFirst breaks "RISC-V IOMMU, Updating in-memory data structure entries",

    // Changes of page tables
    /// Unmapping flushes nothing
    SkipUnmapFlush breaks "RISC-V IOMMU, Changing first-stage page table entry; Changing second-stage page table entry",
    /// Unmapping on a nest parent flushes only for devices that are attached to the parent itself
    SkipNestedUnmapFlush breaks "RISC-V IOMMU, Changing second-stage page table entry",
    /// Unmapping on a nest parent leaves contexts cached that hold the translated root of a guest
    SkipRootIodir breaks "RISC-V IOMMU, Changing second-stage page table entry (guest-PPN held in the DC)",
    /// First-stage invalidations of guests lack GV, and reach only host entries
    FlushWithoutGv breaks "RISC-V IOMMU, Changing first-stage page table entry",
    /// No IOTINVAL.GVMA is sent
    SkipGvma breaks "RISC-V IOMMU, Changing second-stage page table entry",
    /// A changed MSI page table is not followed by IOTINVAL.GVMA; nor is one that was switched on or off, by its tags
    SkipMsiFlush breaks "RISC-V IOMMU, Changing MSI page table entry; Changing device directory table entry",
    /// What devices keep of changed translations is not invalidated by ATS.INVAL
    SkipAtsInvalidation breaks "RISC-V IOMMU, Device Address Translation Cache invalidations",
    /// PSCID and GSCID go back into their pools without a flush
    SkipReleaseFlush breaks "RISC-V IOMMU, Caching in-memory data structures (entries are tagged by GSCID and PSCID)",
    /// Tables are freed before their flush
    FreeBeforeFlush breaks "RISC-V IOMMU, IOMMU Command-queue Fence commands (reclaiming memory)",

    // The command queue
    /// A command queue that fails counts as done
    IgnoreCommandErrors breaks "RISC-V IOMMU, Command-queue CSR",
    /// Fences lack PR and PW
    UnorderedFence breaks "RISC-V IOMMU, IOMMU Command-queue Fence commands",

    // What a guest may ask for
    /// The context that a guest gives is not checked
    UncheckedContext breaks "RISC-V IOMMU, Device-context configuration checks",
    /// The context of a guest may have any length
    UncheckedLength breaks "API: short data is refused, and long data unless the rest is zero",
    /// Commands of a guest are passed on as they are
    UncheckedInvalidations breaks "RISC-V IOMMU, IOMMU Page-Table cache invalidation commands (GV and GSCID are the host's)",
    /// A nested domain takes the second stage from the live context of a device at allocation
    SnapshotSecondStage breaks "API: a nested domain has the second stage of its parent",
    /// The context of a guest is kept once for all nested domains on a parent
    ContextPerParent breaks "API: each nested domain has a context of its own",
    /// A nested domain gets a root and a PSCID of its own, which nothing uses
    NestedAllocates breaks "API: nothing is allocated in memory for a nested domain",
    /// Mapping in a nested domain is accepted, and maps in the parent
    MapOnNested breaks "API: a nested domain has no mappings of its own",
    /// The allocation of a nested domain writes to where user space wants events
    EventPointer breaks "API: events go by the fault queue, and nothing is written to user space",

    // What a domain is allocated by
    /// Flags are looked at after everything else
    LateFlags breaks "API: flags are looked at first, and a call that is refused has done nothing",
    /// Dirty tracking is accepted, though nothing tracks
    AcceptDirtyTracking breaks "API: flags that have no effect are refused",
    /// The flag that asks for a nest parent is accepted and has no effect
    IgnoreNestParent breaks "API: a nest parent is a second stage",
    /// Each domain that user space asks for is a second stage
    UserSecondStage breaks "API: who asks makes no difference",
    /// Domains are allocated by what some other IOMMU can do
    ForeignCapabilities breaks "RISC-V IOMMU, IOMMU capabilities",
    /// The root is allocated with one page, freed, and allocated again with more, wherever they lie
    RootTwice breaks "RISC-V IOMMU, IO hypervisor guest address translation and protection (a root is aligned to 16 KiB)",

    // Books
    /// The old bond goes before the new one is there
    UnlinkFirst breaks "API: a change that is refused for want of something changes nothing",
    /// A PSCID is lost when an allocation fails after it
    LeakPscid breaks "API: a call that fails for want of memory changes nothing",
    /// Detaching leaves the domain referenced
    KeepReference breaks "API: a domain that nothing is attached to can be freed",
    /// Domains of user space are freed by a function of their own, which forgets the identifiers
    SecondFree breaks "API: a domain that is freed gives its identifiers back",
}

/// The bugs that a driver has: none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks(u64);

/// Each has a bit.
const _: () = assert!(Quirk::ALL.len() <= 64);

impl Quirks {
    /// Whether this one is among them.
    pub const fn has(self, quirk: Quirk) -> bool {
        self.0 >> quirk as u32 & 1 != 0
    }
}

impl From<Quirk> for Quirks {
    fn from(quirk: Quirk) -> Quirks {
        Quirks(1 << quirk as u32)
    }
}

impl FromIterator<Quirk> for Quirks {
    fn from_iter<I: IntoIterator<Item = Quirk>>(all: I) -> Quirks {
        Quirks(all.into_iter().fold(0, |bits, quirk| bits | Quirks::from(quirk).0))
    }
}

#[cfg(test)]
mod tests {
    use super::{Quirk, Quirks};

    #[test]
    fn a_set_has_what_was_put_into_it_and_nothing_else() {
        let two: Quirks = [Quirk::SkipAttachSync, Quirk::SecondFree].into_iter().collect();
        let there: Vec<Quirk> = Quirk::ALL.iter().copied().filter(|&quirk| two.has(quirk)).collect();
        assert_eq!(there, [Quirk::SkipAttachSync, Quirk::SecondFree]);
        assert!(!Quirk::ALL.iter().any(|&quirk| Quirks::default().has(quirk)));
    }

    #[test]
    fn each_says_what_it_breaks() {
        for quirk in Quirk::ALL {
            let (sentence, breaks) = (quirk.sentence(), quirk.breaks());
            assert!(!sentence.is_empty() && !sentence.ends_with('.'), "{quirk:?}: {sentence}");
            assert!(breaks.starts_with("RISC-V IOMMU, ") || breaks.starts_with("API: "), "{quirk:?}: {breaks}");
        }
    }
}
