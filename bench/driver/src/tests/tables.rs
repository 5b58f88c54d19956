// SPDX-License-Identifier: Apache-2.0
//! Page tables against a walker that knows nothing of the driver.

use golden::DeviceId;

use super::api::{mapping, resources};
use super::mock::{CAPS, Mock};
use super::walker::translate;
use crate::format::{PageSize, Pte, Scheme, Stage};
use crate::{ApiError, Domain, Driver, HwptRequest, Mapping, Options, Target};

const SCHEMES: [Scheme; 6] = [Scheme::Sv39, Scheme::Sv48, Scheme::Sv57, Scheme::Sv39x4, Scheme::Sv48x4, Scheme::Sv57x4];

fn open(scheme: Scheme) -> (Mock, Driver, Domain, [u64; 8]) {
    let mut m = Mock::new(CAPS);
    let mut d = Driver::probe(&mut m, &resources(), Options::default()).unwrap();
    let request = match scheme.stage() {
        Stage::First => HwptRequest::paging("x"),
        Stage::Second => HwptRequest::nest_parent("x"),
    };
    let domain = d.hwpt_alloc(&mut m, &request.scheme(scheme)).unwrap();
    let nic = d.add_device(&mut m, "nic", &[DeviceId(1)]).unwrap();
    d.attach(&mut m, nic, Target::Domain(domain)).unwrap();
    let context = d.read_context(&mut m, DeviceId(1)).unwrap().0;
    (m, d, domain, context)
}

#[test]
fn every_scheme_and_page_size_translates_at_both_ends_of_its_space() {
    for scheme in SCHEMES {
        for level in 0..scheme.levels() {
            let size = PageSize::from_level(level).unwrap();
            // The largest page that fits is also the one that is chosen when none is asked for.
            for page in [Some(size), None] {
                let bits = scheme.address_bits();
                let top = match scheme.stage() {
                    Stage::First => 0u64.wrapping_sub(size.bytes()),
                    Stage::Second => (1 << bits) - size.bytes(),
                };
                let half = (1u64 << (bits - 1)) - size.bytes();
                for iova in [0, size.bytes(), half, top] {
                    let output = (5 * size.bytes()) & ((1 << 56) - 1);
                    let output = if output + size.bytes() > 1 << 56 { 0 } else { output };
                    let (mut m, mut d, domain, context) = open(scheme);
                    let before = d.ledger();
                    let whole = Mapping { page, ..mapping(iova, output, size.bytes()) };
                    d.map(&mut m, domain, whole).unwrap_or_else(|e| panic!("{scheme:?} {size} {iova:#x}: {e}"));
                    let last = size.bytes() - 8;
                    assert_eq!(translate(&m, &context, iova), Some(output), "{scheme:?} {size} {iova:#x}");
                    assert_eq!(translate(&m, &context, iova + last), Some(output + last), "{scheme:?} {size}");
                    let leaf = d.walk(&mut m, domain, iova + 8).unwrap().unwrap();
                    assert_eq!((leaf.size, leaf.output), (size, output + 8));
                    assert_eq!(translate(&m, &context, iova.wrapping_sub(8)), None);
                    d.unmap(&mut m, domain, iova, size.bytes()).unwrap();
                    assert_eq!(translate(&m, &context, iova), None);
                    assert_eq!(d.ledger(), before);
                }
            }
        }
    }
}

#[test]
fn a_range_is_made_of_the_largest_pages_that_fit() {
    let (mut m, mut d, domain, context) = open(Scheme::Sv48);
    let (iova, output, bytes) = (0x3fdf_f000, 0x1_3fdf_f000, 0x4000_0000 + 0x20_0000 + 0x2000);
    d.map(&mut m, domain, mapping(iova, output, bytes)).unwrap();
    let sizes: Vec<PageSize> = [0, 0x1000, 0x20_1000, 0x4020_1000 - 0x1000]
        .iter()
        .map(|offset| d.walk(&mut m, domain, iova + offset).unwrap().unwrap().size)
        .collect();
    let (small, large, huge) = (PageSize::SIZE_4K, PageSize::SIZE_2M, PageSize::SIZE_1G);
    assert_eq!(sizes, [small, large, huge, huge]);
    for offset in (0..bytes).step_by(0x7_7ff8) {
        assert_eq!(translate(&m, &context, iova + offset), Some(output + offset));
    }
    assert_eq!(translate(&m, &context, iova + bytes), None);
    assert_eq!(translate(&m, &context, iova - 8), None);
}

#[test]
fn neighbours_stay_when_a_mapping_goes() {
    let (mut m, mut d, domain, context) = open(Scheme::Sv39x4);
    for i in 0..8 {
        d.map(&mut m, domain, mapping(i * 0x2000, 0x8000_0000 + i * 0x1000, 0x1000)).unwrap();
    }
    let pages = d.ledger().pages;
    d.unmap(&mut m, domain, 0x4000, 0x4000).unwrap();
    for i in 0..8 {
        let expected = (i != 2 && i != 3).then_some(0x8000_0000 + i * 0x1000);
        assert_eq!(translate(&m, &context, i * 0x2000), expected);
    }
    assert_eq!(d.ledger().pages, pages);
    d.unmap(&mut m, domain, 0, 0x10_0000).unwrap();
    assert_eq!(d.ledger().pages, pages - 2, "two tables below the root");
}

#[test]
fn a_range_that_reaches_into_the_hole_of_a_sign_extended_space_finds_nothing_in_the_upper_half() {
    let (mut m, mut d, domain, context) = open(Scheme::Sv39);
    let (low, hole, upper) = ((1u64 << 38) - 0x1000, 1u64 << 38, 0u64.wrapping_sub(1 << 38));
    d.map(&mut m, domain, mapping(low, 0x9000_0000, 0x1000)).unwrap();
    d.map(&mut m, domain, mapping(upper, 0xa000_0000, 0x1000)).unwrap();
    // `hole` has the indices of `upper`.
    assert_eq!(d.walk(&mut m, domain, hole).unwrap(), None);
    assert!(d.set_pte(&mut m, domain, hole, PageSize::SIZE_4K, Pte(0)).is_err());
    assert!(d.split_page(&mut m, domain, hole).is_err());
    assert_eq!(d.unmap(&mut m, domain, low, 0x2000), Ok(0x1000));
    assert_eq!((translate(&m, &context, low), translate(&m, &context, upper)), (None, Some(0xa000_0000)));
    d.map(&mut m, domain, mapping(low, 0x9000_0000, 0x1000)).unwrap();
    assert_eq!(d.unmap(&mut m, domain, low, 0u64.wrapping_sub(low)), Ok(0x2000), "both halves, to the last byte");
    assert_eq!((translate(&m, &context, low), translate(&m, &context, upper)), (None, None));
}

#[test]
fn a_part_of_a_mapping_is_unmapped_once_it_is_cut_at_a_page() {
    let (mut m, mut d, domain, context) = open(Scheme::Sv39);
    let (small, large) = (0u64.wrapping_sub(0x4000), 0x20_0000);
    d.map(&mut m, domain, mapping(small, 0x9000_0000, 0x4000)).unwrap();
    d.map(&mut m, domain, mapping(large, 0xa000_0000, 0x20_0000)).unwrap();
    assert!(matches!(d.unmap(&mut m, domain, small, 0x1000), Err(ApiError::Splits { .. })));
    assert!(matches!(d.cut_mapping(domain, large + 0x1000), Err(ApiError::Splits { .. })), "it is one page of 2 MiB");
    for at in [small, small + 0x1000, small + 0x1000, large, 0x5000] {
        d.cut_mapping(domain, at).unwrap();
    }
    assert_eq!(d.unmap(&mut m, domain, small, 0x1000), Ok(0x1000));
    assert_eq!((translate(&m, &context, small), translate(&m, &context, small + 0x1000)), (None, Some(0x9000_1000)));
    assert_eq!(d.unmap(&mut m, domain, small, 0x4000), Ok(0x3000), "to the last byte of all");
    assert_eq!(d.unmap(&mut m, domain, large, 0x20_0000), Ok(0x20_0000));
}
