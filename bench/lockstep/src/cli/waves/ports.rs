// SPDX-License-Identifier: Apache-2.0
//! The ports that waves show, by bus and channel, and by which table each is put into words.

/// A table that puts values into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// What the device read on its own account, of this run
    Read,
    /// What it wrote on its own account, of this run
    Written,
    /// Responses of AXI
    Response,
    /// Memory types of Svpbmt
    MemoryType,
    /// Status of the completion of an ATS translation request
    Completion,
}

impl Table {
    /// All of them.
    pub const ALL: [Table; 5] = [Table::Read, Table::Written, Table::Response, Table::MemoryType, Table::Completion];

    /// As its files are named.
    pub const fn name(self) -> &'static str {
        match self {
            Table::Read => "read",
            Table::Written => "written",
            Table::Response => "response",
            Table::MemoryType => "memory-type",
            Table::Completion => "completion",
        }
    }

    /// Bits of the values.
    pub const fn bits(self) -> u32 {
        match self {
            Table::Read | Table::Written => 64,
            Table::Response | Table::MemoryType | Table::Completion => 2,
        }
    }

    /// The words for 0, 1 and so on, where they are the same in each run.
    pub const fn fixed(self) -> &'static [&'static str] {
        match self {
            Table::Read | Table::Written => &[],
            Table::Response => &["OKAY", "EXOKAY", "SLVERR", "DECERR"],
            Table::MemoryType => &["PMA", "NC", "IO", "reserved"],
            Table::Completion => &["Success", "UR", "CA"],
        }
    }

    /// By which a port is put into words.
    fn of(port: &str, width: u32) -> Option<Table> {
        let (_, rest) = port.split_once('_')?;
        let name = rest.trim_end_matches("_i").trim_end_matches("_o");
        let table = match (port, name) {
            ("ptw_rdata_i", _) => Table::Read,
            ("ptw_wdata_o", _) => Table::Written,
            ("ats_cplstatus_o", _) => Table::Completion,
            (_, "rresp" | "bresp") => Table::Response,
            (_, "axpbmt" | "awpbmt" | "arpbmt") => Table::MemoryType,
            _ => return None,
        };
        (table.bits() == width).then_some(table)
    }
}

/// A port that waves show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name
    pub name: &'static str,
    /// Bits
    pub width: u32,
    /// Puts it into words
    pub table: Option<Table>,
}

/// Ports below a line that says what they are: clock, reset and interrupts, then channel by channel.
pub fn shown(is_there: impl Fn(&'static str) -> bool) -> Vec<(String, Vec<Port>)> {
    let ports = || hdl::port_names().filter(|(name, _)| is_there(name));
    let port = |(name, width): (&'static str, u32)| Port { name, width, table: Table::of(name, width) };
    let clock = Port { name: "clk_i", width: 1, table: None };
    let first = ports().filter(|(name, _)| ["rst_ni", "wsi_o"].contains(name)).map(port);
    let mut all = vec![(String::new(), std::iter::once(clock).chain(first).collect())];
    for channel in CHANNELS {
        let those: Vec<Port> = ports().filter(|(name, _)| place(name) == Some(channel)).map(port).collect();
        if !those.is_empty() {
            all.push((format!("{}: {}", channel.0, channel.1), those));
        }
    }
    all
}

/// Channels in the order in which they are shown: requests first, then what they lead to.
const CHANNELS: [(&str, &str); 26] = [
    ("dev", "ar"),
    ("dev", "aw"),
    ("dev", "r"),
    ("dev", "b"),
    ("dev", "w"),
    ("ptw", "ar"),
    ("ptw", "r"),
    ("ptw", "aw"),
    ("ptw", "w"),
    ("ptw", "b"),
    ("mem", "ar"),
    ("mem", "aw"),
    ("mem", "r"),
    ("mem", "b"),
    ("mem", "w"),
    ("reg", "aw"),
    ("reg", "w"),
    ("reg", "b"),
    ("reg", "ar"),
    ("reg", "r"),
    ("ats", "req"),
    ("ats", "cpl"),
    ("ats", "inv"),
    ("ats", "done"),
    ("ats", "page"),
    ("ats", "rsp"),
];

/// Signals that say little.
const DULL: [&str; 5] = ["lock", "cache", "qos", "size", "burst"];

/// Bus and channel of a port, unless it says little.
fn place(port: &str) -> Option<(&'static str, &'static str)> {
    let (bus, rest) = port.split_once('_')?;
    let channel = CHANNELS.into_iter().find(|(of, channel)| *of == bus && rest.starts_with(channel))?;
    let dull = DULL.iter().any(|dull| rest[channel.1.len()..].starts_with(dull));
    (!dull).then_some(channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_that_says_something_has_its_place() {
        assert_eq!(place("dev_awaddr_i"), Some(("dev", "aw")));
        assert_eq!(place("mem_rready_o"), Some(("mem", "r")));
        assert_eq!(place("ats_doneitags_i"), Some(("ats", "done")));
        assert_eq!(place("ptw_arburst_o"), None);
        for (name, _) in hdl::port_names().filter(|(name, _)| !["rst_ni", "caps_i", "wsi_o"].contains(name)) {
            let dull = DULL.iter().any(|dull| name.contains(dull));
            assert_eq!(place(name).is_some(), !dull, "{name}");
        }
    }

    #[test]
    fn each_table_has_a_port() {
        for table in Table::ALL {
            let ports = hdl::port_names().filter(|(name, width)| Table::of(name, *width) == Some(table));
            assert!(ports.count() > 0, "{table:?}");
        }
        assert_eq!(Table::of("ptw_rdata_i", 64), Some(Table::Read));
        assert_eq!(Table::of("dev_rdata_o", 64), None, "data of devices");
    }

    #[test]
    fn channels_without_ports_are_left_out() {
        let all = shown(|port| !port.starts_with("ats_"));
        assert_eq!(all[0].1.iter().map(|port| port.name).collect::<Vec<_>>(), ["clk_i", "rst_ni", "wsi_o"]);
        assert_eq!((all[1].0.as_str(), all[1].1[0].name), ("dev: ar", "dev_arvalid_i"));
        assert!(!all.iter().any(|(channel, _)| channel.starts_with("ats")), "{all:?}");
    }
}
