// SPDX-License-Identifier: Apache-2.0
//! A scenario as a tree of plain values: what is drawn, what is made smaller, and how it is written as YAML.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A value of YAML, without places and without styles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// A word, a text, a range, a truth value
    Word(String),
    /// A number that is not negative
    Number(u64),
    /// A list
    List(Vec<Tree>),
    /// A mapping, in the order of the file
    Map(Vec<(String, Tree)>),
}

impl From<&str> for Tree {
    fn from(word: &str) -> Self {
        scenario::parse_u64(word).map_or_else(|_| Tree::Word(word.to_owned()), Tree::Number)
    }
}

impl From<String> for Tree {
    fn from(word: String) -> Self {
        word.as_str().into()
    }
}

impl From<u64> for Tree {
    fn from(number: u64) -> Self {
        Tree::Number(number)
    }
}

impl From<bool> for Tree {
    fn from(value: bool) -> Self {
        Tree::Word(value.to_string())
    }
}

impl From<Vec<Tree>> for Tree {
    fn from(list: Vec<Tree>) -> Self {
        Tree::List(list)
    }
}

impl Tree {
    /// A mapping of these.
    pub fn map<const N: usize>(entries: [(&str, Tree); N]) -> Tree {
        Tree::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// The same with one entry more.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Tree>) -> Tree {
        self.set(key, value);
        self
    }

    /// The same with one entry more, if there is a value for it.
    #[must_use]
    pub fn with_some(self, key: &str, value: Option<impl Into<Tree>>) -> Tree {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Puts an entry into a mapping, in place of one with its key.
    pub fn set(&mut self, key: &str, value: impl Into<Tree>) {
        let Tree::Map(entries) = self else { return };
        let value = value.into();
        match entries.iter_mut().find(|(own, _)| own == key) {
            Some((_, old)) => *old = value,
            None => entries.push((key.to_owned(), value)),
        }
    }

    /// Takes an entry out of a mapping.
    pub fn take(&mut self, key: &str) -> Option<Tree> {
        let Tree::Map(entries) = self else { return None };
        let at = entries.iter().position(|(own, _)| own == key)?;
        Some(entries.remove(at).1)
    }

    /// The value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Tree> {
        self.entries().iter().find(|(own, _)| own == key).map(|(_, value)| value)
    }

    /// The same, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Tree> {
        match self {
            Tree::Map(entries) => entries.iter_mut().find(|(own, _)| own == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Entries of a mapping; of anything else none.
    pub fn entries(&self) -> &[(String, Tree)] {
        match self {
            Tree::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Elements of a list; of anything else none.
    pub fn list(&self) -> &[Tree] {
        match self {
            Tree::List(list) => list,
            _ => &[],
        }
    }

    /// The word that it is.
    pub fn word(&self) -> Option<&str> {
        match self {
            Tree::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The number that it is.
    pub fn number(&self) -> Option<u64> {
        match self {
            Tree::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The key of a mapping that has one entry, as a step is; or the word that it is.
    pub fn head(&self) -> Option<&str> {
        match self {
            Tree::Word(word) => Some(word),
            Tree::Map(entries) => entries.first().map(|(key, _)| key.as_str()),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Tree;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(value.into())
            }
            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(value.into())
            }
            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(u64::try_from(value).map_or_else(|_| value.to_string().into(), Tree::Number))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(value.to_string().into())
            }
            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Map(Vec::new()))
            }
            fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                Ok(value.into())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = seq.next_element()? {
                    list.push(element);
                }
                Ok(list.into())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut entries = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    entries.push((key, map.next_value()?));
                }
                Ok(Tree::Map(entries))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A key, whatever it looks like: `258` is one of `faults`.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Taken for what it stands for, `on` would be a truth value.
        String::deserialize(deserializer).map(Key)
    }
}

/// No line is longer, where it can be broken.
const WIDTH: usize = 116;

/// A scenario as a file: settings in blocks, each domain, device and step on a line if it fits.
pub fn yaml(scenario: &Tree) -> String {
    let mut text = String::new();
    for (key, value) in scenario.entries() {
        if matches!(key.as_str(), "domains" | "devices" | "steps") && !text.is_empty() {
            text.push('\n');
        }
        entry(key, value, 0, &mut text);
    }
    text
}

/// An entry of a block.
fn entry(key: &str, value: &Tree, depth: usize, out: &mut String) {
    let line = format!("{:depth$}{key}: {}", "", Flow(value));
    let is_block = depth == 0 && matches!(key, "domains" | "devices" | "steps" | "expect");
    match value {
        Tree::Word(word) if line.len() > WIDTH && word.contains(' ') => folded(key, word, depth, out),
        Tree::Map(entries) if (line.len() > WIDTH || is_block) && !entries.is_empty() => {
            out.push_str(&format!("{:depth$}{key}:\n", ""));
            for (key, value) in entries {
                entry(key, value, depth + 2, out);
            }
        }
        Tree::List(list) if (line.len() > WIDTH || is_block) && !list.is_empty() => {
            out.push_str(&format!("{:depth$}{key}:\n", ""));
            for element in list {
                item(element, depth + 2, out);
            }
        }
        _ => out.push_str(&format!("{line}\n")),
    }
}

/// An element of a block.
fn item(element: &Tree, depth: usize, out: &mut String) {
    let line = match element {
        // A step: `- dma: { … }`
        Tree::Map(entries) if entries.len() == 1 => format!("{:depth$}- {}: {}", "", entries[0].0, Flow(&entries[0].1)),
        _ => format!("{:depth$}- {}", "", Flow(element)),
    };
    match element {
        Tree::Map(entries) if line.len() > WIDTH => {
            let mut block = String::new();
            for (key, value) in entries {
                entry(key, value, depth + 2, &mut block);
            }
            out.push_str(&format!("{:depth$}- {}", "", &block[depth + 2..]));
        }
        Tree::List(list) if line.len() > WIDTH => {
            let mut block = String::new();
            for element in list {
                item(element, depth + 2, &mut block);
            }
            out.push_str(&format!("{:depth$}- {}", "", &block[depth + 2..]));
        }
        _ => out.push_str(&format!("{line}\n")),
    }
}

/// A long text, over several lines.
fn folded(key: &str, text: &str, depth: usize, out: &mut String) {
    out.push_str(&format!("{:depth$}{key}: >-\n", ""));
    let mut line = format!("{:1$}", "", depth + 1);
    for word in text.split(' ') {
        if line.len() + word.len() > WIDTH {
            out.push_str(&format!("{line}\n"));
            line = format!("{:1$}", "", depth + 1);
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&format!("{line}\n"));
}

/// A value on one line.
struct Flow<'a>(&'a Tree);

impl fmt::Display for Flow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Tree::Word(word) if is_plain(word) => f.write_str(word),
            // A text of JSON is one of YAML.
            Tree::Word(word) => write!(f, "{}", serde_json::Value::from(word.as_str())),
            Tree::Number(number) if *number < 0x1000 => write!(f, "{number}"),
            Tree::Number(number) => f.write_str(&grouped(*number)),
            Tree::List(list) => {
                f.write_str("[")?;
                for (at, element) in list.iter().enumerate() {
                    let comma = if at > 0 { ", " } else { "" };
                    // Within a list, a step needs no braces; but what follows would be taken for its own.
                    write!(f, "{comma}{}", Flow(element))?;
                }
                f.write_str("]")
            }
            Tree::Map(entries) if entries.is_empty() => f.write_str("{}"),
            Tree::Map(entries) => {
                f.write_str("{ ")?;
                for (at, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}: {}", if at > 0 { ", " } else { "" }, Flow(value))?;
                }
                f.write_str(" }")
            }
        }
    }
}

/// A word that needs no quotes wherever it stands, and is no number.
fn is_plain(word: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '$' | '/' | '+' | ' ');
    !word.is_empty()
        && word.chars().all(is_fine)
        && !word.starts_with(['-', ' ', '.', '+'])
        && !word.ends_with(' ')
        && scenario::parse_u64(word).is_err()
}

/// A number as addresses are written: `0x1000_2000`.
fn grouped(number: u64) -> String {
    let digits = format!("{number:x}");
    let mut text = String::from("0x");
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 4 == 0 {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Tree, yaml};

    fn read(text: &str) -> Tree {
        serde_yaml::from_str(text).expect("YAML")
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = "name: a.b\ndescription: \"it's: odd, #1\"\nseeds: 3\n\
            devices: { nic: { id: 0x12, domain: red } }\n\
            steps: [fence, { wait: 50..300 }, { store: { address: 0xffff_ffff_ffff_f000, value: 12 } }, \
            { stream: { name: all, device: nic, range: { iova: 0x1000_0000, size: 128K }, kind: write, bursts: 1, \
            outstanding: 4, gap: 0..3, shapes: any, privileged: false } }]\n\
            expect: [{ faults: { 258: { min: 1 } } }]\n";
        let tree = read(text);
        let written = yaml(&tree);
        assert_eq!(read(&written), tree, "{written}");
        insta::assert_snapshot!(written);
    }

    #[test]
    fn long_texts_are_folded() {
        let tree = Tree::map([("description", "many words ".repeat(30).trim_end().into())]);
        let written = yaml(&tree);
        assert!(written.lines().all(|line| line.len() <= 120), "{written}");
        assert_eq!(read(&written), tree);
    }

    #[test]
    fn entries_are_found_put_and_taken() {
        let mut tree = Tree::map([("a", 1.into())]).with("b", "two").with_some("c", None::<u64>);
        tree.set("a", 3);
        assert_eq!((tree.get("a").and_then(Tree::number), tree.get("c")), (Some(3), None));
        assert_eq!(tree.take("b"), Some("two".into()));
        assert_eq!(tree.entries().len(), 1);
        assert_eq!((Tree::from("fence").head(), tree.head()), (Some("fence"), Some("a")));
    }
}
