// SPDX-License-Identifier: Apache-2.0
//! Registers by their names, and their fields by theirs (section "Memory-mapped register interface").

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::{At, Named};
use super::diagnostic::Problem;
use super::place::Place;
use super::scalar::Number;

/// A field: its name in the specification, its highest and its lowest bit.
type Field = (&'static str, u8, u8);

/// A register of the IOMMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Its name in the specification
    pub name: &'static str,
    /// Where it is in the page
    pub offset: u16,
    /// 4 or 8
    pub bytes: u8,
    fields: &'static [Field],
    /// Bits that writing 1 clears
    clears: u64,
    /// Some of them: `name.N`, so many, and bytes from one to the next
    many: Option<(u16, u16)>,
}

const fn one(name: &'static str, offset: u16, bytes: u8, fields: &'static [Field]) -> Register {
    Register { name, offset, bytes, fields, clears: 0, many: None }
}

const QUEUE_BASE: &[Field] = &[("log2sz-1", 4, 0), ("ppn", 53, 10)];

const REGISTERS: [Register; 29] = [
    one(
        "capabilities",
        0,
        8,
        &[
            ("version", 7, 0),
            ("sv39", 9, 9),
            ("sv48", 10, 10),
            ("sv57", 11, 11),
            ("svpbmt", 15, 15),
            ("sv39x4", 17, 17),
            ("sv48x4", 18, 18),
            ("sv57x4", 19, 19),
            ("msi_flat", 22, 22),
            ("msi_mrif", 23, 23),
            ("amo_hwad", 24, 24),
            ("ats", 25, 25),
            ("t2gpa", 26, 26),
            ("end", 27, 27),
            ("igs", 29, 28),
            ("hpm", 30, 30),
            ("dbg", 31, 31),
            ("pas", 37, 32),
            ("pd8", 38, 38),
            ("pd17", 39, 39),
            ("pd20", 40, 40),
            ("qosid", 41, 41),
            ("nl", 42, 42),
            ("s", 43, 43),
        ],
    ),
    one("fctl", 8, 4, &[("be", 0, 0), ("wsi", 1, 1), ("gxl", 2, 2)]),
    one("ddtp", 16, 8, &[("iommu_mode", 3, 0), ("busy", 4, 4), ("ppn", 53, 10)]),
    one("cqb", 24, 8, QUEUE_BASE),
    one("cqh", 32, 4, &[("index", 31, 0)]),
    one("cqt", 36, 4, &[("index", 31, 0)]),
    one("fqb", 40, 8, QUEUE_BASE),
    one("fqh", 48, 4, &[("index", 31, 0)]),
    one("fqt", 52, 4, &[("index", 31, 0)]),
    one("pqb", 56, 8, QUEUE_BASE),
    one("pqh", 64, 4, &[("index", 31, 0)]),
    one("pqt", 68, 4, &[("index", 31, 0)]),
    Register {
        clears: 0xF00,
        ..one(
            "cqcsr",
            72,
            4,
            &[
                ("cqen", 0, 0),
                ("cie", 1, 1),
                ("cqmf", 8, 8),
                ("cmd_to", 9, 9),
                ("cmd_ill", 10, 10),
                ("fence_w_ip", 11, 11),
                ("cqon", 16, 16),
                ("busy", 17, 17),
            ],
        )
    },
    Register {
        clears: 0x300,
        ..one(
            "fqcsr",
            76,
            4,
            &[("fqen", 0, 0), ("fie", 1, 1), ("fqmf", 8, 8), ("fqof", 9, 9), ("fqon", 16, 16), ("busy", 17, 17)],
        )
    },
    Register {
        clears: 0x300,
        ..one(
            "pqcsr",
            80,
            4,
            &[("pqen", 0, 0), ("pie", 1, 1), ("pqmf", 8, 8), ("pqof", 9, 9), ("pqon", 16, 16), ("busy", 17, 17)],
        )
    },
    Register { clears: 0xF, ..one("ipsr", 84, 4, &[("cip", 0, 0), ("fip", 1, 1), ("pmip", 2, 2), ("pip", 3, 3)]) },
    one("iocountovf", 88, 4, &[("cy", 0, 0), ("hpm", 31, 1)]),
    one("iocountinh", 92, 4, &[("cy", 0, 0), ("hpm", 31, 1)]),
    one("iohpmcycles", 96, 8, &[("counter", 62, 0), ("of", 63, 63)]),
    Register { many: Some((31, 8)), ..one("iohpmctr", 104, 8, &[("counter", 63, 0)]) },
    Register {
        many: Some((31, 8)),
        ..one(
            "iohpmevt",
            352,
            8,
            &[
                ("eventid", 14, 0),
                ("dmask", 15, 15),
                ("pid_pscid", 35, 16),
                ("did_gscid", 59, 36),
                ("pv_pscv", 60, 60),
                ("dv_gscv", 61, 61),
                ("idt", 62, 62),
                ("of", 63, 63),
            ],
        )
    },
    one("tr_req_iova", 600, 8, &[("vpn", 63, 12)]),
    one(
        "tr_req_ctl",
        608,
        8,
        &[
            ("go_busy", 0, 0),
            ("priv", 1, 1),
            ("exe", 2, 2),
            ("nw", 3, 3),
            ("pid", 31, 12),
            ("pv", 32, 32),
            ("did", 63, 40),
        ],
    ),
    one("tr_response", 616, 8, &[("fault", 0, 0), ("pbmt", 8, 7), ("s", 9, 9), ("ppn", 53, 10)]),
    one("iommu_qosid", 624, 4, &[("rcid", 11, 0), ("mcid", 27, 16)]),
    one("icvec", 760, 8, &[("civ", 3, 0), ("fiv", 7, 4), ("pmiv", 11, 8), ("piv", 15, 12)]),
    Register { many: Some((16, 16)), ..one("msi_addr", 768, 8, &[("addr", 55, 2)]) },
    Register { many: Some((16, 16)), ..one("msi_data", 776, 4, &[("data", 31, 0)]) },
    Register { many: Some((16, 16)), ..one("msi_vec_ctl", 780, 4, &[("m", 0, 0)]) },
];

const fn mask((_, high, low): Field) -> u64 {
    (u64::MAX >> (63 - (high - low))) << low
}

impl Register {
    /// The register with this name: `fqcsr`, `iohpmctr.3` (from 1), `msi_addr.0`.
    pub fn named(name: &str) -> Option<Register> {
        let (base, number) = match name.split_once('.') {
            Some((base, number)) => (base, Some(number.parse::<u16>().ok()?)),
            None => (name, None),
        };
        let register = REGISTERS.into_iter().find(|register| register.name == base)?;
        match (register.many, number) {
            (None, None) => Some(register),
            (Some((count, stride)), Some(number)) => {
                // Counters are numbered from 1, vectors from 0.
                let first = u16::from(register.name.starts_with("iohpm"));
                let at = number.checked_sub(first).filter(|at| *at < count)?;
                Some(Register { offset: register.offset + at * stride, ..register })
            }
            _ => None,
        }
    }

    /// Every bit of these fields, and their values in place.
    fn put(&self, fields: &Named<At<Number>>) -> (u64, u64) {
        let known = fields.iter().filter_map(|(name, value)| Some((self.field(name)?, value.0)));
        known.fold((0, 0), |(bits, word), (field, value)| (bits | mask(field), word | value << field.2 & mask(field)))
    }

    fn field(&self, name: &str) -> Option<Field> {
        self.fields.iter().copied().find(|(own, ..)| *own == name)
    }

    /// What to write so that these fields become so, where the register holds `now`; bits that writing 1 clears are written
    /// as 0 unless they are named.
    pub fn with(&self, now: u64, fields: &Named<At<Number>>) -> u64 {
        let (bits, word) = self.put(fields);
        now & !self.clears & !bits | word
    }

    /// These fields are so.
    pub fn holds(&self, now: u64, fields: &Named<At<Number>>) -> bool {
        let (bits, word) = self.put(fields);
        now & bits == word
    }

    /// A value, field by field, as far as they are named.
    pub fn show(&self, now: u64, fields: &Named<At<Number>>) -> String {
        let one = |(name, _): (&At<String>, _)| {
            let field = self.field(name)?;
            Some(format!("{name} = {:#x}", (now & mask(field)) >> field.2))
        };
        fields.iter().filter_map(one).collect::<Vec<_>>().join(", ")
    }
}

/// A write of a register.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WriteRegister {
    /// Its name in the specification: `ddtp`, `fqcsr`, `iohpmevt.1`, `msi_addr.0`
    pub register: At<String>,
    /// All of it. Without it, the fields that are not named keep what they hold; status bits are left alone
    pub value: Option<At<Number>>,
    /// Fields by their names in the specification, in small letters
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, Number>")]
    pub fields: Named<At<Number>>,
}

/// What a register must hold, within a bound.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectRegister {
    /// Its name in the specification
    pub register: At<String>,
    /// All of it
    pub value: Option<At<Number>>,
    /// Fields by their names in the specification, in small letters
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, Number>")]
    pub fields: Named<At<Number>>,
    /// It is read again and again for so many cycles; default: once
    #[serde(default)]
    pub within: u32,
}

/// What is wrong with the name of a register, with its value and its fields.
pub(crate) fn check(
    name: &At<String>,
    value: Option<&At<Number>>,
    fields: &Named<At<Number>>,
    place: Place,
    problems: &mut Vec<Problem>,
) {
    let Some(register) = Register::named(name) else {
        let known = REGISTERS.iter().map(|register| register.name);
        let problem = Problem::new(name.place, format!("there is no register `{name}`"), "not a register");
        let many =
            REGISTERS.iter().find(|register| register.many.is_some() && name.split('.').next() == Some(register.name));
        problems.push(match many {
            Some(register) => problem.help(format!("there are several: write `{}.1`", register.name)),
            None => problem.suggest(name, known),
        });
        return;
    };
    if value.is_none() && fields.is_empty() {
        problems.push(Problem::new(place, "neither `value` nor `fields`", "nothing is said of it"));
    }
    if let Some(value) = value.filter(|value| register.bytes == 4 && value.0 >> 32 != 0) {
        problems.push(Problem::new(value.place, format!("`{name}` has 32 bits"), "too wide"));
    }
    for (field, value) in fields.iter() {
        match register.field(field) {
            None => problems.push(
                Problem::new(field.place, format!("`{name}` has no field `{field}`"), "not a field")
                    .suggest(field, register.fields.iter().map(|(own, ..)| *own)),
            ),
            Some(known) if value.0 > mask(known) >> known.2 => {
                let bits = known.1 - known.2 + 1;
                let noun = if bits == 1 { "bit" } else { "bits" };
                problems.push(Problem::new(value.place, format!("`{field}` has {bits} {noun}"), "too wide"));
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Named<At<Number>> {
        serde_yaml::from_str(text).expect("fields")
    }

    #[test]
    fn registers_are_where_the_specification_has_them() {
        let at = |name| Register::named(name).map(|register| (register.offset, register.bytes));
        assert_eq!(at("fqcsr"), Some((76, 4)));
        assert_eq!((at("iohpmctr.1"), at("iohpmctr.31"), at("iohpmctr.32")), (Some((104, 8)), Some((344, 8)), None));
        assert_eq!((at("iohpmevt.1"), at("iohpmctr.0"), at("iohpmctr")), (Some((352, 8)), None, None));
        assert_eq!((at("msi_addr.0"), at("msi_vec_ctl.15")), (Some((768, 8)), Some((1020, 4))));
        assert_eq!((at("fqcsr.0"), at("fqscr")), (None, None));
    }

    #[test]
    fn fields_lie_in_their_register_and_apart() {
        for register in REGISTERS {
            let mut taken = 0;
            for field in register.fields {
                assert_eq!(mask(*field) & taken, 0, "{} {}", register.name, field.0);
                taken |= mask(*field);
            }
            assert!(register.bytes == 8 || taken >> 32 == 0, "{}", register.name);
        }
    }

    #[test]
    fn a_field_is_changed_and_status_is_left_alone() {
        let csr = Register::named("fqcsr").expect("a register");
        assert_eq!(csr.with(0x1_0303, &fields("{ fqen: 0 }")), 0x1_0002);
        assert_eq!(csr.with(0x1_0303, &fields("{ fqof: 1 }")), 0x1_0203, "it is cleared");
        assert!(csr.holds(0x1_0203, &fields("{ fqon: 1, fqmf: 0 }")));
        assert!(!csr.holds(0x1_0203, &fields("{ fqon: 1, fqof: 0 }")));
        assert_eq!(csr.show(0x1_0203, &fields("{ fqon: 1, fqof: 0 }")), "fqon = 0x1, fqof = 0x1");
        let ddtp = Register::named("ddtp").expect("a register");
        assert_eq!(ddtp.with(0, &fields("{ iommu_mode: 4, ppn: 0x8_0000 }")), 0x8_0000 << 10 | 4);
    }
}
