// SPDX-License-Identifier: Apache-2.0
//! The hash that names a build.

/// Hashes a sequence of labelled fields. Lengths are hashed too, so no two sequences run together.
pub(crate) struct Fingerprint(blake3::Hasher);

impl Fingerprint {
    /// A fingerprint for one kind of thing; different kinds never collide.
    pub(crate) fn new(kind: &str) -> Self {
        let mut new = Self(blake3::Hasher::new());
        new.field("kind", kind);
        new
    }

    pub(crate) fn field(&mut self, label: &str, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        for bytes in [label.as_bytes(), value] {
            self.0.update(&(bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        }
    }

    /// 32 hex digits.
    pub(crate) fn finish(&self) -> String {
        let mut hex = self.0.finalize().to_hex().to_string();
        hex.truncate(32);
        hex
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_together() {
        let hash = |fields: &[(&str, &str)]| {
            let mut print = Fingerprint::new("test");
            for (label, value) in fields {
                print.field(label, value);
            }
            print.finish()
        };
        assert_ne!(hash(&[("a", "bc")]), hash(&[("ab", "c")]));
        assert_ne!(hash(&[("a", "b"), ("c", "d")]), hash(&[("a", "bcd")]));
        assert_eq!(hash(&[("a", "b")]), hash(&[("a", "b")]));
        assert_eq!(hash(&[]).len(), 32);
    }
}
