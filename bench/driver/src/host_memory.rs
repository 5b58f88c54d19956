// SPDX-License-Identifier: Apache-2.0
//! Page tables in memory of the host.

use golden::Spa;

use super::alloc::Allocator;
use super::error::ApiError;
use super::format::PAGE;
use super::machine::Machine;
use super::table::TableMemory;

/// Physical memory as the home of tables.
pub(super) struct HostMemory<'a>(pub(super) &'a mut Allocator);

impl TableMemory for HostMemory<'_> {
    fn take(&mut self, machine: &mut dyn Machine, pages: u64) -> Result<u64, ApiError> {
        Ok(self.0.pages(machine, pages, pages * PAGE)?.0)
    }

    fn give(&mut self, machine: &mut dyn Machine, addr: u64, pages: u64) -> Result<(), ApiError> {
        self.0.free_pages(machine, Spa(addr), pages)
    }

    fn locate(&self, addr: u64) -> Result<Spa, ApiError> {
        Ok(Spa(addr))
    }
}

/// As the reviewed patch took its roots: one page, given back for want of size, then more, wherever they lie.
pub(super) struct RootTwice<'a>(pub(super) &'a mut Allocator);

impl TableMemory for RootTwice<'_> {
    fn take(&mut self, machine: &mut dyn Machine, pages: u64) -> Result<u64, ApiError> {
        let first = self.0.pages(machine, 1, PAGE)?;
        self.0.free_pages(machine, first, 1)?;
        Ok(self.0.pages(machine, pages, PAGE)?.0)
    }

    fn give(&mut self, machine: &mut dyn Machine, addr: u64, pages: u64) -> Result<(), ApiError> {
        self.0.free_pages(machine, Spa(addr), pages)
    }

    fn locate(&self, addr: u64) -> Result<Spa, ApiError> {
        Ok(Spa(addr))
    }
}
