//! OFPT_GROUP_MOD (OpenFlow 1.3.5 §7.3.4.2). Portcullis has no groups of its own; it deletes those
//! of others.

use crate::action::Action;
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{GroupId, PortNo};
use crate::message::{decode_list, encode_list, padded, with_ovs_error};
use crate::ovs_errors::OvsError;

/// A change of groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMod {
    /// The command.
    pub command: GroupModCommand,
    /// The type, which determines the choice of a bucket.
    pub kind: GroupType,
    /// The group.
    pub group_id: GroupId,
    /// The buckets of the group.
    pub buckets: Vec<Bucket>,
}

/// OFPGC_.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupModCommand {
    /// 0.
    Add,
    /// 1.
    Modify,
    /// 2.
    Delete,
    /// Any other value.
    Unknown(u16),
}

/// OFPGT_.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupType {
    /// 0: every bucket.
    All,
    /// 1: one bucket, by weight.
    Select,
    /// 2: the only bucket.
    Indirect,
    /// 3: the first bucket that is live.
    FastFailover,
    /// Any other value.
    Unknown(u8),
}

/// One set of actions of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// The weight of the bucket, in groups of type select.
    pub weight: u16,
    /// The port whose state makes the bucket live, in fast failover groups; `ANY` otherwise.
    pub watch_port: PortNo,
    /// The group whose state makes the bucket live, in fast failover groups; `ANY` otherwise.
    pub watch_group: GroupId,
    /// The actions of the bucket.
    pub actions: Vec<Action>,
}

impl Default for Bucket {
    /// Returns a bucket that watches no port or group, and drops.
    fn default() -> Self {
        Self { weight: 0, watch_port: PortNo::ANY, watch_group: GroupId::ANY, actions: Vec::new() }
    }
}

wire_enum!(GroupModCommand: u16 { 0 => Add, 1 => Modify, 2 => Delete });
wire_enum!(GroupType: u8 { 0 => All, 1 => Select, 2 => Indirect, 3 => FastFailover });

impl Wire for GroupMod {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        padded(r, "group_mod")?;
        let command = r.u16("group_mod.command")?.into();
        let kind = r.u8("group_mod.type")?.into();
        r.skip(1, "group_mod.pad")?;
        Ok(Self { command, kind, group_id: GroupId(r.u32("group_mod.group_id")?), buckets: decode_list(r)? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u16(self.command.into());
        w.u8(self.kind.into());
        w.zeros(1);
        w.u32(self.group_id.0);
        encode_list(&self.buckets, w)
    }
}

impl Bucket {
    /// Decodes a bucket up to its actions.
    fn decode_head<'a>(r: &mut Reader<'a>) -> Result<(Self, Reader<'a>), DecodeError> {
        let mut b = r.sized("bucket.len")?;
        let weight = b.u16("bucket.weight")?;
        let watch_port = PortNo(b.u32("bucket.watch_port")?);
        let watch_group = GroupId(b.u32("bucket.watch_group")?);
        b.skip(4, "bucket.pad")?;
        Ok((Self { weight, watch_port, watch_group, actions: Vec::new() }, b))
    }
}

impl Wire for Bucket {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (bucket, mut b) = with_ovs_error(OvsError::GroupBucket, r, Self::decode_head)?;
        Ok(Self { actions: Action::decode_list(&mut b)?, ..bucket })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let start = w.len();
        let length = w.len_slot(start);
        w.u16(self.weight);
        w.u32(self.watch_port.0);
        w.u32(self.watch_group.0);
        w.zeros(4);
        Action::encode_list(&self.actions, w)?;
        w.close(length, "bucket")
    }
}
