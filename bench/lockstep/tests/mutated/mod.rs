// SPDX-License-Identifier: Apache-2.0
//! Our RTL with one thing wrong.

use std::fs;
use std::path::{Path, PathBuf};

/// A copy of the RTL in `from` with a patch applied, in the folder `to`; returns its description.
pub fn mutated(from: &Path, name: &str, patch: &str, to: &Path) -> PathBuf {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to.join("rtl")).expect("folder");
    for file in ["iommu.yaml", "iommu.f"] {
        fs::copy(from.join(file), to.join(file)).expect("copied");
    }
    for entry in fs::read_dir(from).expect("hdl").chain(fs::read_dir(from.join("rtl")).expect("hdl/rtl")) {
        let path = entry.expect("entry").path();
        if path.extension().is_some_and(|extension| extension == "sv" || extension == "vlt") {
            let name = path.strip_prefix(from).expect("below hdl");
            fs::copy(&path, to.join(name)).expect("copied");
        }
    }
    let patch = diffy::Patch::from_str(patch).unwrap_or_else(|error| panic!("{name}: {error}"));
    let file = patch.original().and_then(|name| name.strip_prefix("a/")).expect("a/rtl/FILE");
    let before = fs::read_to_string(to.join(file)).expect("patched file");
    let after = diffy::apply(&before, &patch)
        .unwrap_or_else(|error| panic!("{name}: the patch does not fit {file} any more: {error}"));
    fs::write(to.join(file), after).expect("written");
    to.join("iommu.yaml")
}
