// SPDX-License-Identifier: Apache-2.0
//! Numbers as engineers write them: `0x1000_0000`, `64K`, `2..20`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Why a number was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Not a number at all
    #[error("`{0}` is no number: write decimal or 0x hexadecimal, `_` between digits as you like")]
    Syntax(String),
    /// Needs more than 64 bits
    #[error("`{0}` does not fit in 64 bits")]
    TooWide(String),
    /// Needs more than 32 bits
    #[error("`{0}` does not fit in 32 bits")]
    TooWide32(String),
    /// The left end of a range is above the right one
    #[error("range `{0}` is empty: write the smaller number first")]
    Backwards(String),
}

/// Parses decimal, `0x…` or `0b…`, with `_` between digits.
pub fn parse_u64(text: &str) -> Result<u64, NumberError> {
    let syntax = || NumberError::Syntax(text.to_owned());
    let (digits, radix) = match text.get(..2) {
        Some("0x" | "0X") => (&text[2..], 16),
        Some("0b" | "0B") => (&text[2..], 2),
        _ => (text, 10),
    };
    if digits.is_empty() || digits.starts_with('_') && radix == 10 || digits.ends_with('_') {
        return Err(syntax());
    }
    let plain: String = digits.chars().filter(|&c| c != '_').collect();
    if plain.is_empty() || !plain.chars().all(|c| c.is_digit(radix)) {
        return Err(syntax());
    }
    u64::from_str_radix(&plain, radix).map_err(|_| NumberError::TooWide(text.to_owned()))
}

fn parse_u32(text: &str) -> Result<u32, NumberError> {
    parse_u64(text)?.try_into().map_err(|_| NumberError::TooWide32(text.to_owned()))
}

macro_rules! from_text {
    ($name:ident, $pattern:literal, $what:literal) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "description": $what,
                    "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": $pattern }]
                })
            }
        }
    };
}

/// A number of up to 64 bits: an address, a register value, an identifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(pub u64);

impl FromStr for Number {
    type Err = NumberError;
    fn from_str(text: &str) -> Result<Self, NumberError> {
        parse_u64(text).map(Number)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

from_text!(
    Number,
    "^(0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9_]*)$",
    "Decimal or hexadecimal; `_` may stand between digits: 0x1000_0000"
);

/// A number of bytes: `64`, `0x40`, `4K`, `2M`, `1G`, `512G`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = NumberError;
    fn from_str(text: &str) -> Result<Self, NumberError> {
        let shift = match text.chars().last() {
            Some('K') => 10,
            Some('M') => 20,
            Some('G') => 30,
            Some('T') => 40,
            _ => return parse_u64(text).map(Size),
        };
        let count = parse_u64(&text[..text.len() - 1]).map_err(|_| NumberError::Syntax(text.to_owned()))?;
        count.checked_mul(1 << shift).map(Size).ok_or_else(|| NumberError::TooWide(text.to_owned()))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut value, mut unit) = (self.0, "");
        for next in ["K", "M", "G", "T"] {
            if value == 0 || value % 1024 != 0 {
                break;
            }
            (value, unit) = (value / 1024, next);
        }
        write!(f, "{value}{unit}")
    }
}

from_text!(Size, "^(0[xX][0-9a-fA-F_]+|[0-9][0-9_]*[KMGT]?)$", "Bytes; K, M, G and T are powers of 1024: 64K");

/// A range with both ends included, drawn from at random: `2..20`; one number stands for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Smallest value
    pub min: u32,
    /// Largest value
    pub max: u32,
}

impl Span {
    /// Both ends included.
    pub const fn new(min: u32, max: u32) -> Self {
        Span { min, max }
    }
}

impl FromStr for Span {
    type Err = NumberError;
    fn from_str(text: &str) -> Result<Self, NumberError> {
        let (min, max) = text.split_once("..").unwrap_or((text, text));
        let span = Span { min: parse_u32(min.trim())?, max: parse_u32(max.trim())? };
        if span.min > span.max { Err(NumberError::Backwards(text.to_owned())) } else { Ok(span) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max { write!(f, "{}", self.min) } else { write!(f, "{}..{}", self.min, self.max) }
    }
}

from_text!(Span, r"^[0-9][0-9_]*( *\.\. *[0-9][0-9_]*)?$", "A number, or a range with both ends included: 2..20");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_underscores_and_bounds() {
        assert_eq!(parse_u64("0x1000_0000"), Ok(0x1000_0000));
        assert_eq!(parse_u64("0x_ff"), Ok(0xff));
        assert_eq!(parse_u64("1_000"), Ok(1000));
        assert_eq!(parse_u64("0b1010"), Ok(10));
        assert_eq!(parse_u64("0xffff_ffff_ffff_ffff"), Ok(u64::MAX));
        assert_eq!(parse_u64("0x1_0000_0000_0000_0000"), Err(NumberError::TooWide("0x1_0000_0000_0000_0000".into())));
        for bad in ["", "0x", "0x_", "_1", "1_", "-1", "12g", "0xfg", "é", "0é"] {
            assert_eq!(parse_u64(bad), Err(NumberError::Syntax(bad.into())), "{bad}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("64", 64), ("4K", 4096), ("2M", 2 << 20), ("1G", 1 << 30), ("512G", 512 << 30)] {
            let size: Size = text.parse().expect(text);
            assert_eq!(size.0, bytes);
            assert_eq!(size.to_string(), text);
        }
        assert_eq!("16777216T".parse::<Size>(), Err(NumberError::TooWide("16777216T".into())));
        assert_eq!("K".parse::<Size>(), Err(NumberError::Syntax("K".into())));
        assert_eq!("4é".parse::<Size>(), Err(NumberError::Syntax("4é".into())));
    }

    #[test]
    fn spans_are_inclusive_and_forward() {
        assert_eq!("2..20".parse(), Ok(Span::new(2, 20)));
        assert_eq!("7".parse(), Ok(Span::new(7, 7)));
        assert_eq!("20..2".parse::<Span>(), Err(NumberError::Backwards("20..2".into())));
        assert_eq!("0x1_0000_0000".parse::<Span>(), Err(NumberError::TooWide32("0x1_0000_0000".into())));
    }
}
