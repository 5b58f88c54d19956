// SPDX-License-Identifier: Apache-2.0
//! A command file for Surfer. Its mappings it finds in `.surfer/mappings` of the folder in which it is started.

use std::fmt::Write;

use super::scene::Scene;

/// Where Surfer looks for mappings, from the folder in which it is started.
pub const MAPPINGS: &str = ".surfer/mappings";

/// Groups that are of use: each costs Surfer time.
const MOST: usize = 12;

/// The command file: ports by channel, the nearest instances in folded groups, markers with names. Surfer reads it as
/// `surfer -c NAME.sucl NAME.fst`, so no path is in it. What it does not know it passes over, with a word in its log.
pub fn command_file(scene: &Scene<'_>) -> String {
    let mut file = File::default();
    file.line(&format!("# {}", plain(scene.id)));
    for (channel, ports) in &scene.ports {
        if !channel.is_empty() {
            file.item(&format!("divider_add {}", channel.replace(": ", "_")));
        }
        for port in ports {
            file.item(&format!("variable_add TOP.{}", port.name));
            if let Some(table) = port.table {
                file.format(&scene.table(table));
            }
        }
    }
    for marker in scene.markers() {
        file.line(&format!("# cycle {}: {}", marker.cycle, plain(&marker.what)));
        file.line(&format!("marker_set {} {}", marker.name, scene.time(marker.cycle)));
    }
    if let Some(found) = scene.story.found {
        // It shows all of the time from 0 on; each step halves that, down to some 300 cycles.
        let all = scene.time(scene.cycles.1.min(found.saturating_add(500))) / scene.cycle();
        (0..(all / 300).max(1).ilog2()).for_each(|_| file.line("zoom_in"));
        file.line(&format!("cursor_set {}", scene.time(found)));
        file.line("goto_cursor");
    }
    // Last, as this takes Surfer longest.
    for instance in scene.instances.iter().take(MOST) {
        file.line(&format!("scope_add_as_group {}", instance.name));
    }
    file.line("group_fold_all");
    file.line("variable_force_name_type Local");
    file.text
}

/// Surfer takes `#` for the begin of a comment and `;` for the end of a command.
fn plain(text: &str) -> String {
    text.replace(['#', ';'], ",")
}

/// A command file that is being written.
#[derive(Default)]
struct File {
    text: String,
    /// Items so far
    items: usize,
}

impl File {
    fn line(&mut self, command: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{command}");
    }

    /// A command that adds an item.
    fn item(&mut self, command: &str) {
        self.line(command);
        self.items += 1;
    }

    /// The last item is shown by this mapping. Surfer names items by letters: hexadecimal digits from `a` on.
    fn format(&mut self, mapping: &str) {
        let letters = |digit: char| digit.to_digit(16).and_then(|digit| char::from_u32('a' as u32 + digit));
        let last: String = format!("{:x}", self.items.saturating_sub(1)).chars().filter_map(letters).collect();
        self.line(&format!("item_focus {last}_"));
        self.line(&format!("item_set_format {mapping}"));
        self.line("item_unfocus");
    }
}

#[cfg(test)]
mod tests {
    use super::super::ports::{Port, Table};
    use super::super::scene::tests::with_scene;
    use super::*;

    #[test]
    fn what_is_shown_and_marked_is_written_as_surfer_reads_it() {
        let right = "# a.b,0\n\
                     variable_add TOP.clk_i\n\
                     divider_add ptw_r\n\
                     variable_add TOP.ptw_rvalid_i\n\
                     variable_add TOP.ptw_rdata_i\nitem_focus d_\nitem_set_format a.b-7.read\nitem_unfocus\n\
                     variable_add TOP.ptw_rresp_i\nitem_focus e_\nitem_set_format response\nitem_unfocus\n\
                     # cycle 695: read of 0x1000\nmarker_set offered 7030\n\
                     # cycle 700: translation, another address\nmarker_set found 7080\n\
                     zoom_in\ncursor_set 7080\ngoto_cursor\n\
                     scope_add_as_group TOP.top.walker\ngroup_fold_all\nvariable_force_name_type Local\n";
        with_scene(|scene| assert_eq!(command_file(scene), right));
    }

    #[test]
    fn items_are_called_by_letters() {
        let mut file = File::default();
        (0..0x1B).for_each(|_| file.item("divider_add x"));
        file.format("m");
        assert!(file.text.ends_with("item_focus bk_\nitem_set_format m\nitem_unfocus\n"), "{}", file.text);
    }

    #[test]
    fn ports_without_words_stay_numbers() {
        with_scene(|scene| {
            scene.ports = vec![(String::new(), vec![Port { name: "dev_araddr_i", width: 64, table: None }])];
            assert!(!command_file(scene).contains("item_set_format"));
            assert_eq!(scene.table(Table::Read), "a.b-7.read");
        });
    }
}
