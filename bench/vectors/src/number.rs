// SPDX-License-Identifier: Apache-2.0
//! Numbers of the vector format: JSON numbers, or hex strings where they may exceed 53 bits.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A number that fits `T`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number<T>(pub(super) T);

struct NumberVisitor<T>(PhantomData<T>);

impl<T: TryFrom<u64>> Visitor<'_> for NumberVisitor<T> {
    type Value = Number<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number of at most {} bits, or such a one as a hex string", 8 * size_of::<T>())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        T::try_from(value).map(Number).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        self.visit_u64(value.into())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        // `from_str_radix` would take a sign.
        match u64::from_str_radix(digits, 16) {
            Ok(value) if !digits.starts_with('+') => self.visit_u64(value),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
}

impl<'de, T: TryFrom<u64>> Deserialize<'de> for Number<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor(PhantomData))
    }
}

/// For `#[serde(deserialize_with)]`.
pub(super) fn plain<'de, T: TryFrom<u64>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Number::deserialize(deserializer)?.0)
}

/// As [`plain`], for a field that may be absent (with `#[serde(default)]`).
pub(super) fn optional<'de, T: TryFrom<u64>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Number<T>>::deserialize(deserializer)?.map(|number| number.0))
}

/// As [`plain`], for a flag.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Number::<u64>::deserialize(deserializer)?.0 != 0)
}

/// As [`plain`], for a list.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    Ok(Vec::<Number<u64>>::deserialize(deserializer)?.into_iter().map(|number| number.0).collect())
}

/// As [`plain`], for rows of numbers.
pub(super) fn rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u64>>, D::Error> {
    let rows = Vec::<Vec<Number<u64>>>::deserialize(deserializer)?;
    Ok(rows.into_iter().map(|row| row.into_iter().map(|number| number.0).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn numbers_are_plain_or_hex_and_fit() {
        let read = |text: &str| serde_json::from_str::<Number<u32>>(text).map(|number| number.0).ok();
        assert_eq!(read("72"), Some(72));
        assert_eq!(read("\"72\""), Some(0x72));
        assert_eq!(read("\"0xffffffff\""), Some(u32::MAX));
        assert_eq!(read("true"), Some(1));
        for wrong in
            ["\"0x100000000\"", "4294967296", "-1", "1.5", "\"+1\"", "\"\"", "\"0x\"", "null", "[1]", "\"12g\""]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
