// SPDX-License-Identifier: Apache-2.0
//! A line, taken apart.

use super::BadLine;

/// The name of an event, and those of its fields that nobody has asked for yet.
#[derive(Debug)]
pub struct Line<'a> {
    pub name: &'a str,
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Line<'a> {
    /// Takes a line apart. A value in quotes may have spaces.
    pub fn split(text: &'a str) -> Result<Self, BadLine> {
        let (name, mut rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut fields = Vec::with_capacity(16);
        loop {
            rest = rest.trim_start_matches(' ');
            if rest.is_empty() {
                return Ok(Line { name, fields });
            }
            let equals = rest.find('=').ok_or(BadLine::Shape("a field is written key=value"))?;
            let (key, value) = (&rest[..equals], &rest[equals + 1..]);
            let length = if value.starts_with('"') { quoted(value)? } else { value.find(' ').unwrap_or(value.len()) };
            fields.push((key, &value[..length]));
            rest = &value[length..];
            if !rest.is_empty() && !rest.starts_with(' ') {
                return Err(BadLine::Shape("there is no space behind a string"));
            }
        }
    }

    /// The value of a field, once. Most often it is the next one.
    pub fn take(&mut self, key: &str) -> Option<&'a str> {
        let at = self.fields.iter().position(|(of, _)| *of == key)?;
        Some(self.fields.remove(at).1)
    }

    /// Nothing is left.
    pub fn finished(&self) -> Result<(), BadLine> {
        match self.fields.first() {
            Some((key, _)) => Err(BadLine::Key { event: self.name.to_owned(), key: (*key).to_owned() }),
            None => Ok(()),
        }
    }
}

/// The length of a string in quotes, with both of them.
fn quoted(value: &str) -> Result<usize, BadLine> {
    let mut escaped = false;
    for (at, byte) in value.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Ok(at + 1),
            _ => {}
        }
    }
    Err(BadLine::Shape("a string has no end"))
}
