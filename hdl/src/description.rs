// SPDX-License-Identifier: Apache-2.0
//! The YAML file that describes an RTL IOMMU: `iommu.yaml` describes ours.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{self, Deserialize, Deserializer, Visitor};
use verilated::{Design, FileList, FileListError};

use crate::ports;

/// An RTL IOMMU behind the device boundary: what to build, and what it can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Name for people
    pub name: String,
    /// What the RTL implements, as a value of the `capabilities` register; `None` if the description does not say
    pub capabilities: Option<u64>,
    /// Which choices of the specification the RTL has made, by the names that the test bench has for them
    pub choices: BTreeMap<String, bool>,
    /// File with what is known to be wrong with it, and waived
    pub waivers: Option<PathBuf>,
    /// How many translations it keeps, if the description says so: a number, or the parameter that is one
    translations: Option<String>,
    /// What is verilated, with the ports of the boundary bound
    pub design: Design,
}

/// A description cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    /// The file cannot be read
    #[error("cannot read {}: {source}", .file.display())]
    Read {
        /// The description
        file: PathBuf,
        /// Why
        source: std::io::Error,
    },
    /// The text is not a description
    #[error("{}:{line}:{column}: {message}{}", .file.display(), .hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default())]
    Text {
        /// The description
        file: PathBuf,
        /// Line, from 1
        line: u64,
        /// Column, from 1
        column: u64,
        /// What is wrong
        message: String,
        /// What might be meant
        hint: Option<String>,
    },
    /// The size of its cache
    #[error("{}: `translations: {text}` is neither a number nor one of its `parameters`", .file.display())]
    Translations {
        /// The description
        file: PathBuf,
        /// What it says
        text: String,
    },
    /// A file list that it names cannot be used
    #[error(transparent)]
    List(#[from] FileListError),
}

/// The keys of the file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    name: Option<String>,
    #[serde(default = "default_top")]
    top: String,
    #[serde(default = "default_clock")]
    clock: String,
    sources: Vec<PathBuf>,
    #[serde(default)]
    include: Vec<PathBuf>,
    #[serde(default)]
    parameters: BTreeMap<String, Text>,
    #[serde(default)]
    defines: BTreeMap<String, Option<Text>>,
    #[serde(default, rename = "lint-waivers")]
    lint_waivers: Vec<PathBuf>,
    waivers: Option<PathBuf>,
    translations: Option<Text>,
    capabilities: Option<Register>,
    #[serde(default)]
    choices: BTreeMap<String, bool>,
}

fn default_top() -> String {
    "iommu".to_owned()
}

fn default_clock() -> String {
    "clk_i".to_owned()
}

impl Description {
    /// Reads a description. Its paths are relative to its folder.
    ///
    /// # Errors
    /// [`DescriptionError`], with line and column for a mistake in the text.
    pub fn read(file: &Path) -> Result<Self, DescriptionError> {
        let text =
            std::fs::read_to_string(file).map_err(|source| DescriptionError::Read { file: file.to_owned(), source })?;
        Self::parse(file, &text)
    }

    /// Reads the text of a description that lies in `file`.
    ///
    /// # Errors
    /// As [`Description::read`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, DescriptionError> {
        let options = serde_yaml::options! { with_snippet: false };
        let keys: Keys = serde_yaml::from_str_with_options(text, options).map_err(|error| explain(file, &error))?;
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let stem = || file.file_stem().map_or_else(default_top, |stem| stem.to_string_lossy().into_owned());
        let name = keys.name.unwrap_or_else(stem);
        let mut design = Design::new(&name, &folder).top(keys.top).clock(keys.clock).bind(ports::binding());
        for source in keys.sources {
            if source.extension().is_some_and(|ending| ending == "f") {
                FileList::read(&folder, &source)?.add_to(&mut design);
            } else {
                design.sources.push(source);
            }
        }
        design.include.extend(keys.include);
        design.waivers.extend(keys.lint_waivers);
        let waivers = keys.waivers.map(|file| folder.join(file));
        design.parameters.extend(keys.parameters.into_iter().map(|(name, value)| (name, value.0)));
        design.defines.extend(keys.defines.into_iter().map(|(name, value)| (name, value.map(|text| text.0))));
        let described = Self {
            name,
            capabilities: keys.capabilities.map(|register| register.0),
            choices: keys.choices,
            waivers,
            translations: keys.translations.map(|text| text.0),
            design,
        };
        match &described.translations {
            Some(text) if described.translations().is_none() => {
                Err(DescriptionError::Translations { file: file.to_owned(), text: text.clone() })
            }
            _ => Ok(described),
        }
    }

    /// How many translations the RTL keeps, with the parameters as they are now; none if nobody says so.
    pub fn translations(&self) -> Option<u32> {
        let text = self.translations.as_ref()?;
        self.design.parameters.get(text).unwrap_or(text).parse().ok()
    }
}

/// Says what the YAML reader found in the words of this file.
fn explain(file: &Path, error: &serde_yaml::Error) -> DescriptionError {
    use serde_yaml::Error;
    let (line, column) = error.location().map_or((1, 1), |at| (at.line().max(1), at.column().max(1)));
    let mut hint = None;
    let message = match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            let near = |known: &&&str| (strsim::normalized_damerau_levenshtein(known, field) * 1000.0) as u32;
            let best = expected.iter().max_by_key(near).filter(|known| near(known) >= 500);
            hint = Some(match best {
                Some(best) => format!("is it `{best}`?"),
                None => format!("known are {}", expected.join(", ")),
            });
            format!("unknown key `{field}`")
        }
        Error::SerdeMissingField { field, .. } => format!("`{field}` is missing"),
        Error::DuplicateMappingKey { key, .. } => format!("key `{}` stands here twice", key.as_deref().unwrap_or("?")),
        Error::Message { msg, .. } => msg.clone(),
        other => {
            // The place is in front already.
            let text = other.to_string();
            text[..text.rfind(" at line ").unwrap_or(text.len())].to_owned()
        }
    };
    DescriptionError::Text { file: file.to_owned(), line, column, message, hint }
}

/// A value that goes into SystemVerilog as text.
#[derive(Debug)]
struct Text(String);

/// A 64-bit register: a number, or a string with a number.
#[derive(Debug)]
struct Register(u64);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, a truth value or text")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Text, E> {
                Ok(Text(u8::from(value).to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Text, E> {
                // A plain decimal has 32 bits in SystemVerilog.
                Ok(Text(if value > 0x7fff_ffff { format!("64'd{value}") } else { value.to_string() }))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Text, E> {
                Ok(Text(value.to_owned()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Register {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Register;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a 64-bit number such as 0x10_0000_0000")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Register, E> {
                Ok(Register(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Register, E> {
                u64::try_from(value).map(Register).map_err(|_| E::custom(format!("{value} is negative")))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Register, E> {
                let digits = value.replace('_', "");
                let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
                    Some(hex) => u64::from_str_radix(hex, 16),
                    None => digits.parse(),
                };
                number.map(Register).map_err(|_| E::custom(format!("`{value}` is not a 64-bit number")))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Description, DescriptionError> {
        Description::parse(Path::new("some/other.yaml"), text)
    }

    fn message(text: &str) -> String {
        parse(text).expect_err("a mistake").to_string()
    }

    #[test]
    fn a_full_description_is_understood() {
        let text = "name: other\ntop: wrapper\nclock: clk\nsources: [a.sv, b.sv]\ninclude: [inc]\n\
                    parameters:\n  Depth: 8\n  Base: 0x8000_0000\n  Wide: \"64'hff\"\n  On: true\n\
                    defines:\n  SYNTHESIS:\n  WIDTH: 64\nlint-waivers: [w.vlt]\nwaivers: known.yaml\ncapabilities: 0xFFFF_0000_0000_0010\n";
        let found = parse(text).expect("a description");
        assert_eq!((found.name.as_str(), found.capabilities), ("other", Some(0xffff_0000_0000_0010)));
        let design = &found.design;
        assert_eq!((design.top.as_str(), design.clock.as_str()), ("wrapper", "clk"));
        assert_eq!(design.root, Path::new("some"));
        assert_eq!(design.sources, [Path::new("a.sv"), Path::new("b.sv")]);
        let parameters: Vec<_> =
            design.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(parameters, [("Base", "64'd2147483648"), ("Depth", "8"), ("On", "1"), ("Wide", "64'hff")]);
        assert_eq!(design.defines["SYNTHESIS"], None);
        assert_eq!(design.defines["WIDTH"].as_deref(), Some("64"));
        assert_eq!((design.include.len(), design.waivers.len()), (1, 1));
        assert_eq!(found.waivers.as_deref(), Some(Path::new("some/known.yaml")));
        assert_eq!(design.binding, ports::binding());
    }

    #[test]
    fn little_is_needed() {
        let found = parse("sources: [a.sv]\ncapabilities: \"0x1_0\"\n").expect("a description");
        assert_eq!((found.name.as_str(), found.design.top.as_str()), ("other", "iommu"));
        assert_eq!((found.design.clock.as_str(), found.capabilities), ("clk_i", Some(16)));
    }

    #[test]
    fn mistakes_point_to_line_and_column() {
        assert_eq!(
            message("sources: [a.sv]\nparametres: {}\n"),
            "some/other.yaml:2:1: unknown key `parametres` (is it `parameters`?)"
        );
        assert_eq!(message("top: x\n"), "some/other.yaml:1:1: `sources` is missing");
        assert!(
            message("sources: [a.sv]\ntop: x\ntop: y\n")
                .starts_with("some/other.yaml:3:1: key `top` stands here twice")
        );
        assert!(
            message("sources: [a.sv]\ncapabilities: 0xzz\n")
                .starts_with("some/other.yaml:2:15: `0xzz` is not a 64-bit")
        );
        assert!(
            message("sources: [a.sv]\ncapabilities: 0x1_0000_0000_0000_0000\n").starts_with("some/other.yaml:2:15: ")
        );
        assert!(message("sources: [a.sv]\ncapabilities: -1\n").starts_with("some/other.yaml:2:15: -1 is negative"));
        assert!(message("sources: a.sv\n").starts_with("some/other.yaml:1:10: "));
        assert!(message("sources: [a.sv\n").starts_with("some/other.yaml:"));
        assert!(message("sources: [missing.f]\n").starts_with("cannot read missing.f: "));
    }

    #[test]
    fn the_size_of_the_cache_is_a_number_or_what_a_parameter_says_now() {
        let parse = |rest: &str| Description::parse(Path::new("a.yaml"), &format!("sources: [a.sv]\n{rest}"));
        let of = |rest: &str| parse(rest).map(|description| description.translations());
        assert_eq!(of("").unwrap(), None);
        assert_eq!(of("translations: 48\n").unwrap(), Some(48));
        let mut description = parse("parameters: { Entries: 32 }\ntranslations: Entries\n").unwrap();
        assert_eq!(description.translations(), Some(32));
        description.design.parameters.insert("Entries".into(), "8".into());
        assert_eq!(description.translations(), Some(8));
        let wrong = parse("translations: Entries\n").expect_err("no such parameter").to_string();
        assert_eq!(wrong, "a.yaml: `translations: Entries` is neither a number nor one of its `parameters`");
    }

    #[test]
    fn ours_is_found_whole() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("iommu.yaml");
        let ours = Description::read(&file).expect("our description");
        assert_eq!((ours.name.as_str(), ours.design.top.as_str()), ("iommu", "iommu"));
        assert!(ours.design.sources.iter().all(|source| ours.design.root.join(source).is_file()));
        // Version 1.0 of the specification.
        assert_eq!(ours.capabilities.map(|capabilities| capabilities & 0xff), Some(0x10));
        let missing = Description::read(Path::new("no/such.yaml")).expect_err("no file").to_string();
        assert!(missing.starts_with("cannot read no/such.yaml: "), "{missing}");
    }
}
