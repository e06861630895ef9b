//! NXT_TLV_TABLE_MOD 24 and NXT_TLV_TABLE_REPLY 26: the tunnel options of the fields tun_metadata0
//! to tun_metadata63 (ovs-fields(7)).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::message::{decode_list, encode_list};

/// A change of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlvTableMod {
    /// The command.
    pub command: TlvTableModCommand,
    /// The entries to add or to delete.
    pub maps: Vec<TlvMap>,
}

/// NXTTMC_.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlvTableModCommand {
    /// 0.
    Add,
    /// 1.
    Delete,
    /// 2: deletes all entries.
    Clear,
    /// Any other value.
    Unknown(u16),
}

/// The contents of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlvTableReply {
    /// Maximum length of all options together, in bytes.
    pub max_option_space: u32,
    /// Maximum number of entries.
    pub max_fields: u16,
    /// The entries.
    pub maps: Vec<TlvMap>,
}

/// A Geneve option and the field that it is mapped to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlvMap {
    /// Geneve's option class.
    pub option_class: u16,
    /// Geneve's option type.
    pub option_type: u8,
    /// The option's length, in bytes.
    pub option_len: u8,
    /// The index n of the field tun_metadata*n*.
    pub index: u16,
}

wire_enum!(TlvTableModCommand: u16 { 0 => Add, 1 => Delete, 2 => Clear });

impl Wire for TlvTableMod {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let command = r.u16("tlv_table_mod.command")?.into();
        r.skip(6, "tlv_table_mod.pad")?;
        Ok(Self { command, maps: decode_list(r)? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u16(self.command.into());
        w.zeros(6);
        encode_list(&self.maps, w)
    }
}

impl Wire for TlvTableReply {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let max_option_space = r.u32("tlv_table_reply.max_option_space")?;
        let max_fields = r.u16("tlv_table_reply.max_fields")?;
        r.skip(10, "tlv_table_reply.reserved")?;
        Ok(Self { max_option_space, max_fields, maps: decode_list(r)? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.max_option_space);
        w.u16(self.max_fields);
        w.zeros(10);
        encode_list(&self.maps, w)
    }
}

impl Wire for TlvMap {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let map = Self {
            option_class: r.u16("tlv_map.option_class")?,
            option_type: r.u8("tlv_map.option_type")?,
            option_len: r.u8("tlv_map.option_len")?,
            index: r.u16("tlv_map.index")?,
        };
        r.skip(2, "tlv_map.pad")?;
        Ok(map)
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u16(self.option_class);
        w.u8(self.option_type);
        w.u8(self.option_len);
        w.u16(self.index);
        w.zeros(2);
        Ok(())
    }
}
