//! OFPMP_TABLE_FEATURES (OpenFlow 1.3.5 §7.3.5.5): one structure for requests and replies.

use bytes::Bytes;

use super::super::tlv::{self, Property};
use super::super::{decode_list, encode_list, with_ovs_error};
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::TableId;
use crate::ovs_errors::OvsError;
use crate::oxm::Field;
use crate::oxm::header::{EXPERIMENTER, Header};

/// The features of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFeatures {
    /// The table.
    pub table_id: TableId,
    /// The name of the table, up to the first NUL of 32 bytes.
    pub name: Bytes,
    /// Bits of the metadata that it can match.
    pub metadata_match: u64,
    /// Bits of the metadata that it can write.
    pub metadata_write: u64,
    /// OFPTC_ bits.
    pub config: u32,
    /// Maximum number of flows.
    pub max_entries: u32,
    /// The properties, in wire order.
    pub properties: Vec<TableFeatureProperty>,
}

/// OFPTFPT_: a property of a table. `miss` tells the table-miss flow (odd types) from all flows
/// (even types). Without the odd type, the even type applies to both.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableFeatureProperty {
    /// 0 and 1.
    Instructions {
        /// For the table-miss flow.
        miss: bool,
        /// Instructions, without data.
        ids: Vec<FeatureId>,
    },
    /// 2 and 3.
    NextTables {
        /// For the table-miss flow.
        miss: bool,
        /// The possible targets of `goto_table`.
        tables: Vec<TableId>,
    },
    /// 4 and 5.
    WriteActions {
        /// For the table-miss flow.
        miss: bool,
        /// Actions, without data.
        ids: Vec<FeatureId>,
    },
    /// 6 and 7.
    ApplyActions {
        /// For the table-miss flow.
        miss: bool,
        /// Actions, without data.
        ids: Vec<FeatureId>,
    },
    /// 8: fields that it can match.
    Match(Vec<OxmId>),
    /// 10: fields that flows may leave out.
    Wildcards(Vec<OxmId>),
    /// 12 and 13.
    WriteSetField {
        /// For the table-miss flow.
        miss: bool,
        /// Fields that a written `set_field` may set.
        ids: Vec<OxmId>,
    },
    /// 14 and 15.
    ApplySetField {
        /// For the table-miss flow.
        miss: bool,
        /// Fields that an applied `set_field` may set.
        ids: Vec<OxmId>,
    },
    /// 0xfffe and 0xffff.
    Experimenter {
        /// For the table-miss flow.
        miss: bool,
        /// The experimenter id.
        experimenter: u32,
        /// The type, in the experimenter's numbering.
        exp_type: u32,
        /// The bytes after the type.
        data: Bytes,
    },
    /// Any other type, with its bytes unchanged.
    Unknown(Property),
}

/// An instruction or an action without its data.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FeatureId {
    /// OFPIT_ or OFPAT_ type; 0xffff is an experimenter's.
    pub kind: u16,
    /// The bytes after type and length. Open vSwitch sends none, other switches four bytes of
    /// padding, and experimenters their id and more.
    pub body: Bytes,
}

/// A field of a match without its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OxmId {
    /// OXM class.
    pub class: u16,
    /// Field number, 7 bits.
    pub number: u8,
    /// True if it may have a mask.
    pub has_mask: bool,
    /// The length in the header, in bytes.
    pub len: u8,
    /// The experimenter, for class 0xffff.
    pub experimenter: Option<u32>,
}

impl OxmId {
    /// Returns the field, if it is known.
    pub fn field(&self) -> Option<Field> {
        match self.experimenter {
            Some(experimenter) => Field::from_experimenter(experimenter, self.number),
            None => Field::from_header(self.class, self.number),
        }
    }
}

impl TableFeatures {
    fn decode_one(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut t = r.sized("table_features.length")?;
        let table_id = TableId(t.u8("table_features.table_id")?);
        t.skip(5, "table_features.pad")?;
        Ok(Self {
            table_id,
            name: t.text(32, "table_features.name")?,
            metadata_match: t.u64("table_features.metadata_match")?,
            metadata_write: t.u64("table_features.metadata_write")?,
            config: t.u32("table_features.config")?,
            max_entries: t.u32("table_features.max_entries")?,
            properties: decode_list(&mut t)?,
        })
    }
}

impl Wire for TableFeatures {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        with_ovs_error(OvsError::PropertyLen, r, Self::decode_one)
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let start = w.len();
        let length = w.len_slot(start);
        w.u8(self.table_id.0);
        w.zeros(5);
        w.text(&self.name, 32, "table_features.name")?;
        w.u64(self.metadata_match);
        w.u64(self.metadata_write);
        w.u32(self.config);
        w.u32(self.max_entries);
        encode_list(&self.properties, w)?;
        w.close(length, "table_features")
    }
}

const INSTRUCTIONS: u16 = 0;
const NEXT_TABLES: u16 = 2;
const WRITE_ACTIONS: u16 = 4;
const APPLY_ACTIONS: u16 = 6;
const MATCH: u16 = 8;
const WILDCARDS: u16 = 10;
const WRITE_SET_FIELD: u16 = 12;
const APPLY_SET_FIELD: u16 = 14;
const OF_EXPERIMENTER: u16 = 0xfffe;

impl TableFeatureProperty {
    /// Returns the OFPTFPT_ type.
    pub const fn kind(&self) -> u16 {
        let (kind, miss) = match self {
            Self::Instructions { miss, .. } => (INSTRUCTIONS, *miss),
            Self::NextTables { miss, .. } => (NEXT_TABLES, *miss),
            Self::WriteActions { miss, .. } => (WRITE_ACTIONS, *miss),
            Self::ApplyActions { miss, .. } => (APPLY_ACTIONS, *miss),
            Self::Match(_) => (MATCH, false),
            Self::Wildcards(_) => (WILDCARDS, false),
            Self::WriteSetField { miss, .. } => (WRITE_SET_FIELD, *miss),
            Self::ApplySetField { miss, .. } => (APPLY_SET_FIELD, *miss),
            Self::Experimenter { miss, .. } => (OF_EXPERIMENTER, *miss),
            Self::Unknown(property) => (property.kind, false),
        };
        kind | miss as u16
    }
}

impl Wire for TableFeatureProperty {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, mut p) = tlv::decode_padded(r, "table_features.property")?;
        let miss = kind & 1 != 0;
        Ok(match kind & !1 {
            INSTRUCTIONS => Self::Instructions { miss, ids: decode_list(&mut p)? },
            NEXT_TABLES => Self::NextTables { miss, tables: p.rest().iter().copied().map(TableId).collect() },
            WRITE_ACTIONS => Self::WriteActions { miss, ids: decode_list(&mut p)? },
            APPLY_ACTIONS => Self::ApplyActions { miss, ids: decode_list(&mut p)? },
            MATCH if !miss => Self::Match(decode_list(&mut p)?),
            WILDCARDS if !miss => Self::Wildcards(decode_list(&mut p)?),
            WRITE_SET_FIELD => Self::WriteSetField { miss, ids: decode_list(&mut p)? },
            APPLY_SET_FIELD => Self::ApplySetField { miss, ids: decode_list(&mut p)? },
            OF_EXPERIMENTER => Self::Experimenter {
                miss,
                experimenter: p.u32("table_features.experimenter")?,
                exp_type: p.u32("table_features.exp_type")?,
                data: p.rest_copied(),
            },
            _ => Self::Unknown(Property::new(kind, p)),
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        tlv::encode_padded(w, self.kind(), "table_features.property", |w| {
            match self {
                Self::Instructions { ids, .. }
                | Self::WriteActions { ids, .. }
                | Self::ApplyActions { ids, .. } => encode_list(ids, w)?,
                Self::NextTables { tables, .. } => tables.iter().for_each(|table| w.u8(table.0)),
                Self::Match(ids)
                | Self::Wildcards(ids)
                | Self::WriteSetField { ids, .. }
                | Self::ApplySetField { ids, .. } => encode_list(ids, w)?,
                Self::Experimenter { experimenter, exp_type, data, .. } => {
                    w.u32(*experimenter);
                    w.u32(*exp_type);
                    w.bytes(data);
                }
                Self::Unknown(property) => w.bytes(&property.body),
            }
            Ok(())
        })
    }
}

impl Wire for FeatureId {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, mut body) = tlv::decode(r, "table_features.id")?;
        Ok(Self { kind, body: body.rest_copied() })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        tlv::encode(w, self.kind, "table_features.id", |w| {
            w.bytes(&self.body);
            Ok(())
        })
    }
}

impl Wire for OxmId {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let Header { class, number, has_mask, len } = Header::unpack(r.u32("table_features.oxm_id")?);
        let experimenter =
            if class == EXPERIMENTER { Some(r.u32("table_features.oxm_experimenter")?) } else { None };
        Ok(Self { class, number, has_mask, len, experimenter })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let &Self { class, number, has_mask, len, experimenter } = self;
        if number > 0x7f || (class == EXPERIMENTER) != experimenter.is_some() {
            return Err(EncodeError::DoesNotFit {
                field: "table_features.oxm_id",
                value: u128::from(number),
            });
        }
        w.u32(Header { class, number, has_mask, len }.pack());
        if let Some(experimenter) = experimenter {
            w.u32(experimenter);
        }
        Ok(())
    }
}
