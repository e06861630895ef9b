//! Terms that all steps share: address families, tables and registers, identities of flows, origins.
//!
//! A flow's [`identity::FlowIdentity`] gives its cookie, and its [`origin::Origin`] tells people
//! where it comes from.

pub(in crate::compile) mod address;
pub(in crate::compile) mod identity;
pub mod layout;
pub(in crate::compile) mod origin;
pub(in crate::compile) mod stable_hash;
pub(in crate::compile) mod traffic;
