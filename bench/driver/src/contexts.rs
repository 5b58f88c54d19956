// SPDX-License-Identifier: Apache-2.0
//! What the IOMMU is told of domains: the context with which a device or a process is attached, and what makes it forget
//! a domain's translations.

use super::domain_state::{Kind, Tag};
use super::driver::Driver;
use super::error::ApiError;
use super::format::{Context, Invalidation, ProcessContext};
use super::handles::{Domain, Target};

impl Driver {
    /// The context with which devices are attached to a domain.
    ///
    /// # Errors
    /// ENOENT
    pub fn context_of(&self, domain: Domain) -> Result<Context, ApiError> {
        self.domain_context(domain.0)
    }

    /// The tags of a domain's translations, as a device context holds them: GSCID and PSCID, each if it has one.
    ///
    /// # Errors
    /// ENOENT
    pub fn tags(&self, domain: Domain) -> Result<(Option<u16>, Option<u32>), ApiError> {
        let context = self.domain_context(domain.0)?;
        let gscid = context.has_second_stage().then(|| context.gscid());
        let has_pscid = context.has_first_stage() && !context.has_process_directory();
        Ok((gscid, has_pscid.then(|| context.pscid())))
    }

    /// The context with which devices are attached to a domain.
    pub(super) fn domain_context(&self, id: u32) -> Result<Context, ApiError> {
        Ok(match &self.state(id)?.kind {
            Kind::Paging(p) => match p.tag {
                Tag::Pscid(pscid) => Context::IDENTITY.with_first_stage(p.table.scheme(), p.table.root(), pscid),
                Tag::Gscid(gscid) => {
                    let context = Context::IDENTITY.with_second_stage(p.table.scheme(), p.table.root(), gscid);
                    p.msi.as_ref().map_or(context, |msi| msi.in_context(context))
                }
            },
            Kind::Nested(n) => {
                let parent = self.domain_context(n.parent)?;
                let mut context = n.user.with_second_stage_of(&parent);
                context.0[Context::IOHGATP] = n.snapshot.unwrap_or(parent.0[Context::IOHGATP]);
                context
            }
        })
    }

    pub(super) fn target_context(&self, target: Option<Target>) -> Result<Context, ApiError> {
        match target {
            None | Some(Target::Blocked) => Ok(Context::BLOCKED),
            Some(Target::Identity) => Ok(Context::IDENTITY),
            Some(Target::Domain(domain)) => self.domain_context(domain.0),
        }
    }

    /// The context with which a process is attached to a target.
    pub(super) fn process_context(&self, target: Option<Target>) -> Result<ProcessContext, ApiError> {
        let id = match target {
            None | Some(Target::Blocked) => return Ok(ProcessContext::BLOCKED),
            Some(Target::Identity) => return Ok(ProcessContext::IDENTITY),
            Some(Target::Domain(domain)) => domain.0,
        };
        match &self.state(id)?.kind {
            Kind::Paging(paging) => match paging.tag {
                Tag::Pscid(pscid) => {
                    let (scheme, root) = (paging.table.scheme(), paging.table.root());
                    Ok(ProcessContext::IDENTITY.with_first_stage(scheme, root, pscid))
                }
                Tag::Gscid(_) => Err(SECOND_STAGE),
            },
            Kind::Nested(_) => Err(SECOND_STAGE),
        }
    }

    /// What makes the IOMMU forget all translations under the tag of a domain.
    pub(super) fn tag_flush(&self, id: u32) -> Result<Vec<Invalidation>, ApiError> {
        Ok(match &self.state(id)?.kind {
            Kind::Paging(p) => match p.tag {
                Tag::Pscid(pscid) => {
                    vec![Invalidation::Vma { gscid: None, pscid: (!p.global).then_some(pscid), addr: None }]
                }
                Tag::Gscid(gscid) => vec![
                    Invalidation::Vma { gscid: Some(gscid), pscid: None, addr: None },
                    Invalidation::Gvma { gscid: Some(gscid), addr: None },
                ],
            },
            Kind::Nested(n) => {
                // Without the PSCID: a guest's mappings may be global.
                let gscid = self.gscid_of(n.parent)?;
                vec![Invalidation::Vma { gscid: Some(gscid), pscid: None, addr: None }]
            }
        })
    }
}

/// The root of a directory would be a guest address then, and the directory is the host's.
const SECOND_STAGE: ApiError = ApiError::Invalid("second stage on a device with a process directory of the host");
