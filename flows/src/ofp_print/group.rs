//! Groups.

use ofproto::codec::Reader;
use ofproto::message::multipart::GroupDesc;

use super::Out;
use super::refused::{Printed, Refused};
use crate::syntax::Names;

pub(super) fn desc_reply(_: &mut Out<'_>, _: &mut Reader<'_>) -> Printed {
    Err(Refused("(not printed yet)"))
}

/// A group.
pub fn print_group_desc(_: &mut String, _: &GroupDesc, _: &dyn Names) {}
