// SPDX-License-Identifier: Apache-2.0
//! Whose the records in the fault queue are, where the likely explanations do not tell.
//!
//! Requests that are alike leave records that are alike. So whoever is thought to have left one record may have left
//! another, if that one can be of somebody else: it is a matching that is looked for. What makes two of them fit is
//! asked for when it is needed, since an unlikely explanation takes a search.

use golden::{Fault, FaultRecord, Request};

use super::faults::{Faults, Key, Kind, Offsets, Origin, Owed, Paid, Received};
use super::window::Window;

/// A record that no likely explanation leaves, and a refused request that it may be of.
#[derive(Clone, Copy, Debug)]
pub struct Doubt {
    /// What is asked
    pub kind: Kind,
    /// The request
    pub request: Request,
    /// From its acceptance to its refusal
    pub window: Window,
    origin: Origin,
    debtor: Debtor,
    of: Left,
    record: FaultRecord,
    offsets: Offsets,
}

/// A refused request that may have left a record.
#[derive(Clone, Copy, Debug)]
enum Debtor {
    /// One that owes a record, by its place
    Owes(usize),
    /// One that is thought to have left another record, by the place of that one
    Paid(usize),
}

/// A record in the queue.
#[derive(Clone, Copy, Debug)]
enum Left {
    /// The oldest one that nobody is known to have left
    Nobody,
    /// One that somebody is thought to have left, by its place among those
    Paid(usize),
}

impl Doubt {
    /// Which refused request it is.
    pub fn key(&self) -> Key {
        (self.origin, self.window)
    }

    /// Whether this fault leaves the record.
    pub fn is_left_by(&self, fault: &Fault) -> bool {
        self.offsets.pays(&self.record, fault)
    }
}

impl Faults {
    /// The oldest record that none of the known explanations leaves, and a refused request that it may be of all the
    /// same. What follows it does not matter until it is explained: one record that nothing leaves is enough.
    pub fn doubt(&mut self) -> Option<Doubt> {
        while !self.owed.is_empty() {
            let of = self.unmatched.first()?;
            let mut seen = Vec::new();
            let Some((through, debtor)) = self.path(of, &mut seen) else {
                // Software is not to be blamed for what somebody else left by fresh values.
                return [Kind::Fresh, Kind::Any].into_iter().find_map(|kind| {
                    let mut records = std::iter::once(Left::Nobody).chain(seen.iter().map(|at| Left::Paid(*at)));
                    records.find_map(|left| self.open_question(left, kind))
                });
            };
            self.hand_over(&through, debtor);
        }
        None
    }

    /// A way to find an owner for a record: the paid ones, by their places, each of which gives its request up to the one
    /// before it, and at the end one that owes. `seen` are the places that have been tried.
    fn path(&self, of: &Received, seen: &mut Vec<usize>) -> Option<(Vec<usize>, usize)> {
        if let Some(debtor) = self.owed.iter().position(|owed| self.may_be_of(of, owed)) {
            return Some((Vec::new(), debtor));
        }
        for (at, paid) in self.paid.iter().enumerate() {
            if seen.contains(&at) || !self.may_be_of(of, &paid.owed) {
                continue;
            }
            seen.push(at);
            if let Some((mut through, debtor)) = self.path(&paid.received, seen) {
                through.insert(0, at);
                return Some((through, debtor));
            }
        }
        None
    }

    fn hand_over(&mut self, through: &[usize], debtor: usize) {
        let mut owed = self.owed.remove(debtor);
        for &at in through.iter().rev() {
            owed = std::mem::replace(&mut self.paid[at].owed, owed);
        }
        let received = self.unmatched.remove(0);
        self.paid.push(Paid { received, owed });
    }

    /// A request of which nobody knows whether it may have left this record.
    fn open_question(&self, left: Left, kind: Kind) -> Option<Doubt> {
        let of = match left {
            Left::Nobody => &self.unmatched[0],
            Left::Paid(at) => &self.paid[at].received,
        };
        let owing = self.owed.iter().enumerate().map(|(at, owed)| (Debtor::Owes(at), owed));
        let paid = self.paid.iter().enumerate().map(|(at, paid)| (Debtor::Paid(at), &paid.owed));
        owing.chain(paid).find_map(|(debtor, owed)| {
            let (origin, window) = (owed.origin, owed.window);
            let request = owed.may_have_left(of)?;
            let is_known = self.may_be_of(of, owed) || of.denied.contains(&(origin, window, kind));
            let (record, offsets) = (of.record, self.offsets);
            (!is_known).then_some(Doubt { kind, request, window, origin, debtor, of: left, record, offsets })
        })
    }

    fn may_be_of(&self, received: &Received, owed: &Owed) -> bool {
        let leaves_it = |fault: &Fault| self.offsets.pays(&received.record, fault);
        owed.window.offered <= received.cycle && owed.possible.iter().any(leaves_it)
    }

    /// Looks once more for an owner of the record that this request is thought to have left: by another fault than the one
    /// that leaves it, or somebody else. Returns the faults that leave it, which count no more.
    pub fn take_back(&mut self, key: Key) -> Option<Vec<Fault>> {
        let at = self.paid.iter().position(|paid| paid.owed.key() == key)?;
        let Paid { received, mut owed } = self.paid.remove(at);
        let (leaving, others) = owed.possible.iter().partition(|fault| self.offsets.pays(&received.record, fault));
        owed.possible = others;
        self.unmatched.insert(0, received);
        self.owed.push(owed);
        Some(leaving)
    }

    /// The request may be refused by these faults after all. False if it is thought to have left a record without them.
    pub fn give_back(&mut self, key: Key, possible: Vec<Fault>) -> bool {
        let mut owed = self.owed.iter_mut();
        match owed.find(|owed| owed.key() == key) {
            Some(owed) => {
                owed.possible.extend(possible);
                true
            }
            None => false,
        }
    }

    /// The request may leave the record, by this fault; or nothing makes it do so.
    pub fn settle_doubt(&mut self, doubt: &Doubt, by: Option<&Fault>) {
        let Some(fault) = by else {
            let received = match doubt.of {
                Left::Nobody => &mut self.unmatched[0],
                Left::Paid(at) => &mut self.paid[at].received,
            };
            return received.denied.push((doubt.origin, doubt.window, doubt.kind));
        };
        match doubt.debtor {
            Debtor::Owes(at) => self.owed[at].possible.push(*fault),
            Debtor::Paid(at) => self.paid[at].owed.possible.push(*fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use events::Ticket;
    use golden::{Cause, Iova};

    use super::super::faults::tests::{fault, owed, working, write};
    use super::super::rule::Rule;
    use super::*;

    #[test]
    fn a_record_that_no_likely_explanation_leaves_is_in_doubt() {
        let other = Fault { cause: Cause::ReadGuestPageFault, ..fault(0x5008) };
        let mut faults = working();
        faults.refused(owed(fault(0x6008)));
        faults.refused(owed(fault(0x5008)));
        assert!(faults.doubt().is_none());
        write(&mut faults, 0, other.record()).unwrap();
        let doubt = faults.doubt().unwrap();
        assert_eq!(doubt.request.iova, Iova(0x5008));
        assert!(doubt.is_left_by(&other) && !doubt.is_left_by(&fault(0x5008)));
        let mut denied = faults;
        assert_eq!(doubt.kind, Kind::Fresh);
        denied.settle_doubt(&doubt, None);
        let doubt = denied.doubt().unwrap();
        assert_eq!(doubt.kind, Kind::Any);
        denied.settle_doubt(&doubt, None);
        assert!(denied.doubt().is_none(), "it is not asked twice");
        assert_eq!(denied.at_rest(0).unwrap_err().rule, Rule::FaultRecord);

        let mut faults = working();
        write(&mut faults, 0, other.record()).unwrap();
        faults.refused(owed(fault(0x5008)));
        let doubt = faults.doubt().unwrap();
        faults.settle_doubt(&doubt, Some(&other));
        assert!(faults.doubt().is_none());
        assert_eq!(faults.at_rest(0), Ok(()));
    }

    #[test]
    fn requests_of_one_device_are_asked_one_by_one_and_the_oldest_record_first() {
        let other = Fault { cause: Cause::ReadGuestPageFault, ..fault(0x5008) };
        let mut faults = working();
        for start in [10, 11] {
            let window = Window::new(start, 20);
            faults.refused(Owed { origin: Origin::Translation(5), window, ..owed(fault(0x5008)) });
        }
        write(&mut faults, 0, other.record()).unwrap();
        write(&mut faults, 1, Fault { cause: Cause::ReadAccessFault, ..other }.record()).unwrap();
        for start in [10, 11, 10, 11] {
            let doubt = faults.doubt().unwrap();
            assert!(doubt.window.start == start && doubt.is_left_by(&other));
            faults.settle_doubt(&doubt, None);
        }
        assert!(faults.doubt().is_none(), "nothing leaves the first one: what the second one is does not matter");
        assert_eq!(faults.at_rest(0).unwrap_err().rule, Rule::FaultRecord);
    }

    #[test]
    fn equal_requests_may_have_left_each_others_records() {
        let other = Fault { cause: Cause::ReadGuestPageFault, ..fault(0x5008) };
        let mut faults = working();
        write(&mut faults, 0, fault(0x5008).record()).unwrap();
        faults.refused(owed(fault(0x5008)));
        write(&mut faults, 1, other.record()).unwrap();
        assert!(faults.doubt().is_none(), "nobody is left whose the first record could be");
        faults.refused(Owed { origin: Origin::Transaction(Ticket(2)), ..owed(fault(0x5008)) });
        let mut asked = Vec::new();
        while let Some(doubt) = faults.doubt() {
            asked.push(doubt.origin);
            faults.settle_doubt(&doubt, (doubt.origin == Origin::Transaction(Ticket(1))).then_some(&other));
        }
        assert_eq!(asked, [2, 1].map(|ticket| Origin::Transaction(Ticket(ticket))));
        assert!(faults.owed.is_empty() && faults.at_rest(0).is_ok());
    }

    #[test]
    fn whose_the_records_are_is_a_matching() {
        // Three requests, and records that can each be of the one before as well: only all at once fit.
        let faults_of = |causes: &[Cause]| causes.iter().map(|&cause| Fault { cause, ..fault(0x5008) }).collect();
        let [one, two, three] = [Cause::ReadPageFault, Cause::ReadGuestPageFault, Cause::ReadAccessFault];
        let mut faults = working();
        for (index, cause) in (0..).zip([one, two]) {
            write(&mut faults, index, Fault { cause, ..fault(0x5008) }.record()).unwrap();
        }
        let possible = [faults_of(&[one, three]), faults_of(&[two, one]), faults_of(&[two])];
        for (ticket, possible) in (1..).zip(possible) {
            faults.refused(Owed { origin: Origin::Transaction(Ticket(ticket)), possible, ..owed(fault(0x5008)) });
        }
        write(&mut faults, 2, Fault { cause: three, ..fault(0x5008) }.record()).unwrap();
        assert!(faults.doubt().is_none());
        assert!(faults.unmatched.is_empty() && faults.owed.is_empty());
    }
}
