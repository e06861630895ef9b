//! NXT_SET_ASYNC_CONFIG2 27: OpenFlow 1.4's asynchronous configuration (OpenFlow 1.4.1 §7.3.10),
//! for 1.3.

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::message::encode_list;
use crate::message::tlv::{self, Property};

/// The asynchronous messages that a controller receives. An unnamed message keeps its default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AsyncConfig2 {
    /// The properties, in wire order.
    pub properties: Vec<AsyncProperty>,
}

/// OFPACPT_.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AsyncProperty {
    /// 0 to 11: the reasons for which a message is sent.
    Reasons {
        /// The message.
        message: AsyncMessage,
        /// True for the role slave (even types), false for master and equal (odd types).
        slave: bool,
        /// Bit n stands for reason n. Open vSwitch refuses unknown bits.
        mask: u32,
    },
    /// Any other property, experimenters' included. Open vSwitch refuses it.
    Unknown(Property),
}

/// An asynchronous message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AsyncMessage {
    /// Types 0 and 1; bits 1 << OFPR_.
    PacketIn,
    /// Types 2 and 3; bits 1 << OFPPR_.
    PortStatus,
    /// Types 4 and 5; bits 1 << OFPRR_.
    FlowRemoved,
    /// Types 6 and 7; bits 1 << OFPCRR_.
    RoleStatus,
    /// Types 8 and 9; bits 1 << OFPTR_.
    TableStatus,
    /// Types 10 and 11; bits 1 << OFPRFR_.
    RequestForward,
}

impl AsyncMessage {
    /// All messages, in the order of their types.
    pub const ALL: [Self; 6] = [
        Self::PacketIn,
        Self::PortStatus,
        Self::FlowRemoved,
        Self::RoleStatus,
        Self::TableStatus,
        Self::RequestForward,
    ];
}

impl Wire for AsyncConfig2 {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { properties: tlv::decode_properties(r)? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        encode_list(&self.properties, w)
    }
}

impl Wire for AsyncProperty {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, mut p) = tlv::decode_padded(r, "async_property")?;
        let Some(&message) = AsyncMessage::ALL.get(usize::from(kind / 2)) else {
            return Ok(Self::Unknown(Property::new(kind, p)));
        };
        let mask = p.u32("async_property.mask")?;
        p.finish("async_property")?;
        Ok(Self::Reasons { message, slave: kind % 2 == 0, mask })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        match self {
            Self::Reasons { message, slave, mask } => {
                let kind = 2 * (*message as u16) + u16::from(!*slave);
                tlv::encode_padded(w, kind, "async_property", |w| {
                    w.u32(*mask);
                    Ok(())
                })
            }
            Self::Unknown(property) => property.encode(w),
        }
    }
}
