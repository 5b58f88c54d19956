// SPDX-License-Identifier: Apache-2.0
//! Bit-field newtypes: a register or a doubleword of a structure, with a getter and a `with_` setter for each field.

/// Mask of the bits `hi:lo`.
#[must_use]
#[inline(always)]
pub(crate) const fn mask(hi: u32, lo: u32) -> u64 {
    (u64::MAX >> (63 - hi)) & (u64::MAX << lo)
}

/// Defines a newtype over an integer with named bit fields `hi:lo`, as the tables of the specification give them.
macro_rules! bits {
    (@get bool, $v:expr, $hi:literal, $lo:literal) => { ($v >> $lo) & 1 == 1 };
    (@get $t:tt, $v:expr, $hi:literal, $lo:literal) => { (($v as u64 & const { $crate::bits::mask($hi, $lo) }) >> $lo) as $t };
    ($(#[$doc:meta])* $name:ident($int:ty) { $($(#[$fdoc:meta])* $get:ident / $with:ident : $t:tt @ $hi:literal : $lo:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name(pub $int);

        impl $name {
            $(
                $(#[$fdoc])*
                #[must_use]
                #[inline]
                pub const fn $get(self) -> $t {
                    bits!(@get $t, self.0, $hi, $lo)
                }

                #[doc = concat!("With [`Self::", stringify!($get), "`] set to `value`; bits that do not fit are dropped.")]
                #[must_use]
                #[inline]
                pub const fn $with(self, value: $t) -> Self {
                    let mask = const { $crate::bits::mask($hi, $lo) as $int };
                    Self((self.0 & !mask) | (((value as $int) << $lo) & mask))
                }
            )*
        }

        impl core::fmt::LowerHex for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::LowerHex::fmt(&self.0, f)
            }
        }
    };
}
pub(crate) use bits;
