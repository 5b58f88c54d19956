// SPDX-License-Identifier: Apache-2.0

//! The header says what the library does: it is made from the sources anew, and compared.

use std::path::Path;

#[test]
fn the_header_is_that_of_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let builder = cbindgen::Builder::new().with_config(config);
    let sources = ["handle.rs", "calls.rs", "waiving.rs", "walk.rs"];
    let builder = sources.iter().fold(builder, |builder, source| builder.with_src(root.join("src").join(source)));
    let mut made = Vec::new();
    builder.generate().expect("a header").write(&mut made);
    let (made, at) = (String::from_utf8(made).expect("text"), root.join("include/lockstep.h"));
    if std::env::var_os("LOCKSTEP_BLESS").is_some() {
        std::fs::write(&at, &made).expect("written");
    }
    let kept = std::fs::read_to_string(&at).unwrap_or_default();
    assert!(kept == made, "include/lockstep.h is not that of the sources: LOCKSTEP_BLESS=1 writes it anew");
}
