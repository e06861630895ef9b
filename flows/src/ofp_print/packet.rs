//! Packets that pass between switch and controller.

use ofproto::codec::Reader;

use super::Out;
use super::refused::{Printed, Refused};

pub(super) fn packet_in(_: &mut Out<'_>, _: &mut Reader<'_>) -> Printed {
    Err(Refused("(not printed yet)"))
}

pub(super) fn packet_out(_: &mut Out<'_>, _: &mut Reader<'_>) -> Printed {
    Err(Refused("(not printed yet)"))
}
