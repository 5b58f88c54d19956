// SPDX-License-Identifier: Apache-2.0
//! The handshake rule: once VALID is high, it stays and its payload stays until READY.

use boundary::{Address, ReadData, WriteData, WriteResponse};

use super::memory::lane_mask;
use super::violation::{Port, ProtocolViolation, Rule, Site};

/// What travels on a channel.
pub(super) trait Payload: Copy + PartialEq {
    /// For people.
    fn describe(&self) -> String;
}

impl Payload for Address {
    fn describe(&self) -> String {
        let Self { id, addr, len, size, burst, lock, cache, prot, qos, pbmt, atop, rcid, mcid, .. } = self;
        // A device without QoS IDs has 0 on both.
        let ids = if (*rcid, *mcid) == (0, 0) { String::new() } else { format!(" rcid {rcid:#x} mcid {mcid:#x}") };
        format!(
            "id {id:#x} addr {addr:#x} len {len} size {size} burst {burst} lock {} cache {cache:#x} prot {prot} \
             qos {qos} pbmt {pbmt} atop {atop:#x}{ids}",
            u8::from(*lock)
        )
    }
}

impl Payload for WriteData {
    fn describe(&self) -> String {
        format!("data {:#018x} strb {:#04x} last {}", self.data, self.strb, u8::from(self.last))
    }
}

impl Payload for WriteResponse {
    fn describe(&self) -> String {
        format!("id {:#x} resp {}", self.id, self.resp)
    }
}

impl Payload for ReadData {
    fn describe(&self) -> String {
        let Self { id, data, resp, last, poison, .. } = self;
        let poison = if *poison { " poison" } else { "" };
        format!("id {id:#x} data {data:#018x} resp {resp} last {}{poison}", u8::from(*last))
    }
}

/// Bytes without a strobe carry nothing, and may change.
pub(super) fn strobed(mut beat: WriteData) -> WriteData {
    beat.data &= lane_mask(beat.strb);
    beat
}

/// What a channel showed in the cycle before without being accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held<T>(Option<T>);

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Payload> Held<T> {
    /// Checks one cycle of the channel. `Ok(true)` says that this payload is new: it was not there in the cycle
    /// before.
    pub(super) fn check(
        &mut self,
        site: Site,
        valid: bool,
        ready: bool,
        payload: &T,
    ) -> Result<bool, ProtocolViolation> {
        let Some(before) = self.0 else {
            if valid && !ready {
                self.0 = Some(*payload);
            }
            return Ok(valid);
        };
        let (dropped, stable) = match site.port {
            Port::Ats => (Rule::AtsDropped, Rule::AtsStable),
            _ => (Rule::Dropped, Rule::Stable),
        };
        // The state is of this cycle in any case.
        self.0 = (valid && !ready).then_some(*payload);
        if !valid {
            return Err(site.broke(dropped, "VALID fell before READY", before.describe(), "VALID low"));
        }
        if before != *payload {
            let detail = "the payload changed while VALID waited for READY";
            return Err(site.broke(stable, detail, before.describe(), payload.describe()));
        }
        Ok(false)
    }

    /// Something waits to be accepted.
    pub(super) fn waits(&self) -> bool {
        self.0.is_some()
    }
}
