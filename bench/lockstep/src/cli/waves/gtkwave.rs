// SPDX-License-Identifier: Apache-2.0
//! A save file for GTKWave 3.3.

use std::fmt::Write;

use super::ports::Port;
use super::scene::Scene;

/// Flags of a trace, as GTKWave's `analyzer.h` numbers them.
mod flag {
    pub const HEX: u32 = 0x2;
    pub const BINARY: u32 = 0x8;
    pub const RIGHT: u32 = 0x20;
    pub const BLANK: u32 = 0x200;
    pub const FILE: u32 = 0x2000;
    pub const CLOSED: u32 = 0x40_0000;
    pub const BEGIN: u32 = 0x80_0000;
    pub const END: u32 = 0x100_0000;
    pub const COLLAPSED: u32 = 0x1000;
}

/// Markers that have letters.
const LETTERS: std::ops::RangeInclusive<char> = 'A'..='Z';

/// The name of a filter file, beside the save file.
pub fn filter(table: &str) -> String {
    format!("{table}.txt")
}

/// The save file: ports by channel, what is inside in closed groups, markers with names. GTKWave looks for the waves and for
/// filter files from where the save file lies, if `[savefile]` and they are given without a folder.
pub fn save_file(scene: &Scene<'_>) -> String {
    let mut text = format!("[*] {0}\n[dumpfile] \"{1}.fst\"\n[savefile] \"{1}.gtkw\"\n", scene.id, scene.name);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "[timestart] {}", scene.time(scene.begin()));
    let _ = write!(text, "*-{}.0 {}", scene.cycle().ilog2() + 5, marker(scene.story.found, scene));
    scene.markers().zip(LETTERS).for_each(|(marker, _)| {
        let _ = write!(text, " {}", scene.time(marker.cycle));
    });
    text.push('\n');
    for (marker, letter) in scene.markers().zip(LETTERS) {
        let _ = writeln!(text, "[markername] {letter}{}", marker.name);
        let _ = writeln!(text, "[*] {letter}, cycle {}: {}", marker.cycle, marker.what);
    }
    text.push_str("[sst_expanded] 1\n");
    for (channel, ports) in &scene.ports {
        if !channel.is_empty() {
            let _ = writeln!(text, "@{:x}\n-\n-{channel}", flag::BLANK);
        }
        ports.iter().for_each(|port| show_port(&mut text, scene, port));
    }
    if !scene.instances.is_empty() {
        let _ = writeln!(text, "@{:x}\n-\n-inside, what has to do with it first", flag::BLANK);
    }
    for instance in &scene.instances {
        let _ = writeln!(text, "@{:x}\n-{}", flag::BEGIN | flag::CLOSED | flag::BLANK, instance.name);
        for signal in &instance.signals {
            let one = signal.range.is_none_or(|(left, right)| left == right);
            let range = match signal.range {
                Some((left, right)) if left == right => format!("[{left}]"),
                Some((left, right)) => format!("[{left}:{right}]"),
                None => String::new(),
            };
            let radix = if one { flag::BINARY } else { flag::HEX };
            let _ = writeln!(text, "@{:x}\n{}{range}", radix | flag::RIGHT, signal.name);
        }
        let end = flag::END | flag::CLOSED | flag::BLANK | flag::COLLAPSED;
        let _ = writeln!(text, "@{end:x}\n-{}", instance.name);
    }
    if scene.left_out > 0 {
        let _ = writeln!(text, "@{:x}\n-and {} more instances, in the tree", flag::BLANK, scene.left_out);
    }
    text
}

fn marker(found: Option<u64>, scene: &Scene<'_>) -> i64 {
    found.map_or(-1, |cycle| scene.time(cycle) as i64)
}

fn show_port(text: &mut String, scene: &Scene<'_>, port: &Port) {
    let Port { name, width, table } = *port;
    let radix = if width == 1 { flag::BINARY } else { flag::HEX };
    let range = if width == 1 { String::new() } else { format!("[{}:0]", width - 1) };
    let flags = radix | flag::RIGHT | if table.is_some() { flag::FILE } else { 0 };
    let _ = writeln!(text, "@{flags:x}");
    if let Some(table) = table {
        let _ = writeln!(text, "^1 {}", filter(&scene.table(table)));
    }
    let _ = writeln!(text, "TOP.{name}{range}");
}

#[cfg(test)]
mod tests {
    use super::super::scene::tests::with_scene;
    use super::*;

    #[test]
    fn the_save_file_is_as_gtkwave_reads_it() {
        let right = "[*] a.b#0\n[dumpfile] \"a.b-7.fst\"\n[savefile] \"a.b-7.gtkw\"\n[timestart] 6480\n\
                     *-8.0 7080 7030 7080\n\
                     [markername] Aoffered\n[*] A, cycle 695: read of 0x1000\n\
                     [markername] Bfound\n[*] B, cycle 700: translation; another address\n\
                     [sst_expanded] 1\n\
                     @28\nTOP.clk_i\n\
                     @200\n-\n-ptw: r\n@28\nTOP.ptw_rvalid_i\n\
                     @2022\n^1 a.b-7.read.txt\nTOP.ptw_rdata_i[63:0]\n\
                     @2022\n^1 response.txt\nTOP.ptw_rresp_i[1:0]\n\
                     @200\n-\n-inside, what has to do with it first\n\
                     @c00200\n-TOP.top.walker\n@22\nTOP.top.walker.state[2:0]\n@28\nTOP.top.walker.busy\n\
                     @28\nTOP.top.walker.one[0]\n@1401200\n-TOP.top.walker\n";
        with_scene(|scene| assert_eq!(save_file(scene), right));
    }

    #[test]
    fn finer_units_of_time_move_everything() {
        with_scene(|scene| {
            scene.precision = 3;
            scene.left_out = 7;
            let text = save_file(scene);
            assert!(text.contains("[timestart] 6480000\n*-18.0 7080000 7030000 7080000\n"), "{text}");
            assert!(text.ends_with("@200\n-and 7 more instances, in the tree\n"), "{text}");
        });
    }
}
