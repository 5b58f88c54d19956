// SPDX-License-Identifier: Apache-2.0
//! What led to a finding, as moments of the waves: the store, the invalidation, the request, the answer.

use oracle::{Entry, Finding, Moment, MomentKind, Picture};

use crate::runner::RunReport;

/// The story goes back at most this many cycles: nobody scrolls further, and waves of all that would be large.
const BACK: u64 = 10_000;

/// A moment that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// When
    pub cycle: u64,
    /// What it is, in a word; of several things in one cycle the words with `+` between them
    pub name: String,
    /// What happened, in words
    pub what: String,
}

/// The moments that matter in a run, by cycle; none if nothing was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// Them
    pub markers: Vec<Marker>,
    /// The cycle in which something was found, or in which a run that failed ended
    pub found: Option<u64>,
    /// Numbers to look for: what the device must not have used
    pub numbers: Vec<u64>,
}

impl Story {
    /// Of a run.
    pub fn of(run: &RunReport) -> Story {
        match run.violation.as_ref().or(run.hazard.as_ref()) {
            Some(finding) => Story::of_finding(finding),
            None => Story { found: (!run.passed).then_some(run.figures.cycles), ..Story::default() },
        }
    }

    fn of_finding(finding: &Finding) -> Story {
        let empty = Picture::default();
        let picture = finding.picture.as_deref().unwrap_or(&empty);
        let mut markers = Vec::new();
        let mut mark = |cycle: u64, name: &str, what: &str| {
            markers.push(Marker { cycle, name: name.to_owned(), what: what.to_owned() });
        };
        let until = picture.request.as_ref().map_or(finding.cycle, |request| request.answered.min(finding.cycle));
        let wrong = picture.used.iter().filter(|entry| is_wrong(entry, picture));
        let wrong: Vec<(u64, u64)> =
            wrong.filter_map(|entry| Some((number(&entry.address)?, number(&entry.value)?))).collect();
        let store = store(picture, &wrong, until);
        if let Some(store) = store {
            mark(store.cycle, "store", &store.what);
        }
        let since = store.map_or(0, |store| store.cycle);
        if let Some(command) = invalidation(picture, finding.command.as_deref(), since, until) {
            mark(command.cycle, "invalidation", &command.what);
            let behind = |moment: &&Moment| moment.fetched.is_some_and(|fetched| fetched >= command.cycle);
            if let Some(fence) = picture.moments.iter().find(behind) {
                mark(fence.cycle, "complete", &fence.what);
            }
        }
        if let Some(request) = &picture.request {
            mark(request.offered, "offered", &request.what);
            mark(request.accepted, "accepted", &request.what);
            mark(request.answered, "answered", &picture.came);
        }
        mark(finding.cycle, "found", &format!("{}: {}", finding.rule, finding.detail));
        markers.retain(|marker| marker.cycle.saturating_add(BACK) >= finding.cycle);
        // What is of one cycle keeps its order.
        markers.sort_by_key(|marker| marker.cycle);
        // Names of one cycle would hide each other.
        markers.dedup_by(|later, one| {
            let same = later.cycle == one.cycle;
            if same {
                one.name = format!("{}+{}", one.name, later.name);
                if one.what != later.what {
                    one.what = format!("{}; {}", one.what, later.what);
                }
            }
            same
        });
        Story { markers, found: Some(finding.cycle), numbers: wrong.into_iter().map(|(_, value)| value).collect() }
    }

    /// Its first moment.
    pub fn begin(&self) -> Option<u64> {
        self.markers.first().map(|marker| marker.cycle).or(self.found)
    }

    /// Where a reader begins: when the request came, where there is one that is not long ago.
    pub fn near(&self) -> Option<u64> {
        let found = self.found?;
        let offered =
            self.markers.iter().find(|marker| marker.name.contains("offered")).map_or(found, |marker| marker.cycle);
        Some(found.saturating_sub(60).min(offered.saturating_sub(10)).max(found.saturating_sub(300)))
    }
}

/// A word that the device used although it was struck, or that memory has otherwise by now.
fn is_wrong(used: &Entry, picture: &Picture) -> bool {
    let of_memory = picture.memory.iter().find(|entry| entry.address == used.address);
    !used.struck.is_empty() || of_memory.is_some_and(|entry| entry.value != used.value)
}

/// The store that changed what the device must not have used, else the last one before the answer.
fn store<'p>(picture: &'p Picture, wrong: &[(u64, u64)], until: u64) -> Option<&'p Moment> {
    let before = || picture.moments.iter().rev().filter(move |moment| moment.cycle <= until);
    let changed = |moment: &&Moment| {
        moment.stored.is_some_and(|[first, last]| wrong.iter().any(|(addr, _)| (first..=last).contains(&(addr & !7))))
    };
    before().find(changed).or_else(|| before().find(|moment| moment.stored.is_some()))
}

/// The newest command by which the value is struck, else the newest one behind the store that is no fence.
fn invalidation<'p>(picture: &'p Picture, command: Option<&str>, since: u64, until: u64) -> Option<&'p Moment> {
    let commands = |name: Option<&str>, since: u64| {
        let is_it = |moment: &&Moment| {
            let said = moment.what.trim_start_matches("fetched ");
            match name {
                Some(name) => said.starts_with(name),
                None => !said.starts_with("IOFENCE"),
            }
        };
        let mut all = picture.moments.iter().rev().filter(|moment| moment.kind == MomentKind::Command);
        all.find(|moment| (since..=until).contains(&moment.cycle) && is_it(moment))
    };
    command.and_then(|name| commands(Some(name), 0)).or_else(|| commands(None, since))
}

/// A hexadecimal number of a picture.
fn number(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use oracle::{Asked, Blame};

    use super::*;

    fn moment(cycle: u64, kind: MomentKind, what: &str) -> Moment {
        Moment { cycle, kind, what: what.to_owned(), stored: None, fetched: None }
    }

    /// A leaf was used past its invalidation; other stores and commands lie around.
    pub fn finding() -> Finding {
        let stored = |cycle, addr: u64| Moment {
            stored: Some([addr, addr]),
            ..moment(cycle, MomentKind::Store, &format!("software stores {addr:#x}: 0x1 -> 0x0"))
        };
        let picture = Picture {
            request: Some(Asked { what: "read of 0x1000".into(), offered: 695, accepted: 696, answered: 700 }),
            used: vec![
                Entry { address: "0x7000".into(), value: "0x00000000000000d7".into(), ..Entry::default() },
                Entry {
                    address: "0x7008".into(),
                    value: "0x00000000240000d7".into(),
                    struck: "struck by IOTINVAL.VMA".into(),
                    ..Entry::default()
                },
            ],
            came: "translated to 0x90000000".into(),
            moments: vec![
                stored(500, 0x7008),
                moment(510, MomentKind::Command, "fetched IOFENCE.C"),
                stored(520, 0x8000),
                moment(530, MomentKind::Command, "fetched IOTINVAL.VMA PSCID=0x5"),
                Moment { fetched: Some(510), ..moment(540, MomentKind::Fence, "IOFENCE.C of cycle 510 is complete") },
                Moment { fetched: Some(532), ..moment(550, MomentKind::Fence, "IOFENCE.C of cycle 532 is complete") },
                moment(560, MomentKind::Command, "fetched IODIR.INVAL_DDT"),
            ],
            ..Picture::default()
        };
        Finding {
            blame: Blame::DutViolation,
            rule: "translation".into(),
            detail: "another address".into(),
            structure: Some("first-stage-pte".into()),
            command: Some("IOTINVAL.VMA".into()),
            section: String::new(),
            right: String::new(),
            wrong: String::new(),
            cycle: 700,
            evidence: String::new(),
            picture: Some(Box::new(picture)),
        }
    }

    #[test]
    fn the_store_and_the_command_are_those_of_the_value() {
        let story = Story::of_finding(&finding());
        let markers: Vec<(u64, &str)> =
            story.markers.iter().map(|marker| (marker.cycle, marker.name.as_str())).collect();
        let right = [
            (500, "store"),
            (530, "invalidation"),
            (550, "complete"),
            (695, "offered"),
            (696, "accepted"),
            (700, "answered+found"),
        ];
        assert_eq!(markers, right);
        let last = story.markers.last().map(|marker| marker.what.as_str());
        assert_eq!(last, Some("translated to 0x90000000; translation: another address"));
        assert_eq!((story.begin(), story.near(), story.found), (Some(500), Some(640), Some(700)));
        assert_eq!(story.numbers, [0x2400_00D7], "only what must not have been used");
    }

    #[test]
    fn where_no_value_is_known_the_last_ones_count() {
        let mut finding = finding();
        let picture = finding.picture.as_mut().expect("a picture");
        picture.used.clear();
        finding.command = None;
        let story = Story::of_finding(&finding);
        let cycle = |name: &str| story.markers.iter().find(|marker| marker.name == name).map(|marker| marker.cycle);
        assert_eq!((cycle("store"), cycle("invalidation"), cycle("complete")), (Some(520), Some(560), None));
    }

    #[test]
    fn an_invalidation_before_the_store_is_none_of_it() {
        let mut finding = finding();
        finding.command = None;
        let picture = finding.picture.as_mut().expect("a picture");
        // Nothing is struck, but memory has the word otherwise: the store of cycle 620 changed it.
        picture.memory = vec![Entry { address: "0x7008".into(), value: "0x0".into(), ..Entry::default() }];
        picture.used[1].struck.clear();
        picture.moments[0].cycle = 620;
        picture.moments.sort_by_key(|moment| moment.cycle);
        let story = Story::of_finding(&finding);
        let names: Vec<&str> = story.markers.iter().map(|marker| marker.name.as_str()).collect();
        assert_eq!(names, ["store", "offered", "accepted", "answered+found"]);
        assert_eq!((story.begin(), story.numbers.as_slice()), (Some(620), &[0x2400_00D7][..]));
    }

    #[test]
    fn what_is_long_ago_has_no_marker() {
        let mut finding = finding();
        finding.cycle = 500 + BACK + 1;
        let story = Story::of_finding(&finding);
        assert_eq!(story.begin(), Some(530));
        assert_eq!(story.near(), Some(finding.cycle - 300));
    }
}
