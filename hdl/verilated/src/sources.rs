// SPDX-License-Identifier: Apache-2.0
//! The files that a design is made of, and their contents.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::design::Design;
use crate::error::BuildError;
use crate::fingerprint::Fingerprint;

/// Files in an include folder with these endings are part of the design even if no `` `include `` names them:
/// Verilator also looks for modules there.
const ENDINGS: [&str; 7] = ["sv", "svh", "v", "vh", "vlt", "inc", "h"];

/// Every file that the design may be made of, as it is named in the design, with the hash of its contents.
///
/// This is a superset of what Verilator reads: text in an inactive `` `ifdef `` counts as well.
pub(crate) struct Sources {
    files: BTreeMap<PathBuf, blake3::Hash>,
    canonical: BTreeSet<PathBuf>,
}

impl Sources {
    /// Reads all files.
    pub(crate) fn read(design: &Design) -> Result<Self, BuildError> {
        if design.sources.is_empty() {
            return Err(BuildError::NoSources { name: design.name.clone() });
        }
        let mut new = Self { files: BTreeMap::new(), canonical: BTreeSet::new() };
        for file in design.sources.iter().chain(&design.waivers) {
            new.add(design, file)?;
        }
        for folder in &design.include {
            let fail = |source| BuildError::Source { file: folder.clone(), source };
            for entry in std::fs::read_dir(design.locate(folder)).map_err(fail)? {
                let name = entry.map_err(fail)?.file_name();
                let file = folder.join(&name);
                let known = file.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
                if known && design.locate(&file).is_file() {
                    new.add(design, &file)?;
                }
            }
        }
        Ok(new)
    }

    /// Adds a file and all that it includes.
    fn add(&mut self, design: &Design, file: &Path) -> Result<(), BuildError> {
        if self.files.contains_key(file) {
            return Ok(());
        }
        let fail = |source| BuildError::Source { file: file.to_owned(), source };
        let place = design.locate(file);
        let bytes = std::fs::read(&place).map_err(fail)?;
        self.canonical.insert(place.canonicalize().map_err(fail)?);
        self.files.insert(file.to_owned(), blake3::hash(&bytes));

        let own_folder = file.parent().unwrap_or(Path::new(""));
        for name in includes(&String::from_utf8_lossy(&bytes)) {
            let folders = [Path::new(""), own_folder].into_iter().chain(design.include.iter().map(PathBuf::as_path));
            for candidate in folders.map(|folder| folder.join(name)) {
                // One that is missing everywhere may be in an inactive `ifdef; if not, Verilator says so.
                if design.locate(&candidate).is_file() {
                    self.add(design, &candidate)?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn hash_into(&self, print: &mut Fingerprint) {
        for (file, hash) in &self.files {
            print.field("file", file.as_os_str().as_encoded_bytes());
            print.field("contents", hash.as_bytes());
        }
    }

    /// Whether the file at `place` is covered by the hash.
    pub(crate) fn covers(&self, place: &Path) -> bool {
        place.canonicalize().is_ok_and(|place| self.canonical.contains(&place))
    }
}

/// The names in `` `include `` directives. Those whose name is a macro are not found here;
/// [`BuildError::Untracked`] reports them.
fn includes(text: &str) -> impl Iterator<Item = &str> {
    text.split("`include").skip(1).filter_map(|rest| {
        let rest = rest.trim_start_matches([' ', '\t']);
        let close = match rest.chars().next()? {
            '"' => '"',
            '<' => '>',
            _ => return None,
        };
        let (name, _) = rest[1..].split_once(close)?;
        (!name.is_empty() && !name.contains('\n')).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::includes;

    #[test]
    fn include_directives_are_found() {
        let text = "`include \"a.svh\"\nmodule x; `include <b/c.svh>\n`include `NAME\n`include \"\"\n`include";
        assert_eq!(includes(text).collect::<Vec<_>>(), ["a.svh", "b/c.svh"]);
    }
}
