//! OFPT_QUEUE_GET_CONFIG_REQUEST and OFPT_QUEUE_GET_CONFIG_REPLY (OpenFlow 1.3.5 §7.3.6, queues in
//! §7.2.2).

use bytes::Bytes;

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::ids::{PortNo, QueueId};
use crate::message::{decode_list, encode_list, tlv};

/// The request for the queues of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueGetConfigRequest {
    /// The port, or `ANY`.
    pub port: PortNo,
}

/// The queues of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueGetConfigReply {
    /// The requested port.
    pub port: PortNo,
    /// The queues of the port.
    pub queues: Vec<PacketQueue>,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketQueue {
    /// The queue.
    pub queue_id: QueueId,
    /// The port of the queue.
    pub port: PortNo,
    /// The rates of the queue, and other properties.
    pub properties: Vec<QueueProperty>,
}

/// OFPQT_. Rates are in tenths of a percent of the port's rate. A rate above 1,000 is not
/// configured.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueProperty {
    /// 1: the minimum rate.
    MinRate(u16),
    /// 2: the maximum rate.
    MaxRate(u16),
    /// 0xffff.
    Experimenter {
        /// The experimenter id.
        experimenter: u32,
        /// The bytes after the experimenter id and four bytes of padding.
        data: Bytes,
    },
    /// Any other type, with its bytes unchanged.
    Unknown {
        /// OFPQT_ type.
        kind: u16,
        /// The bytes after type, length and four bytes of padding.
        body: Bytes,
    },
}

const MIN_RATE: u16 = 1;
const MAX_RATE: u16 = 2;
const EXPERIMENTER: u16 = 0xffff;

impl Wire for QueueGetConfigRequest {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let port = PortNo(r.u32("queue_get_config.port")?);
        r.skip(4, "queue_get_config.pad")?;
        Ok(Self { port })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.port.0);
        w.zeros(4);
        Ok(())
    }
}

impl Wire for QueueGetConfigReply {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let QueueGetConfigRequest { port } = Wire::decode(r)?;
        Ok(Self { port, queues: decode_list(r)? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        QueueGetConfigRequest { port: self.port }.encode(w)?;
        encode_list(&self.queues, w)
    }
}

impl Wire for PacketQueue {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let queue_id = QueueId(r.u32("packet_queue.queue_id")?);
        let port = PortNo(r.u32("packet_queue.port")?);
        let at_len = r.clone();
        let len = usize::from(r.u16("packet_queue.len")?);
        // The length includes the numbers before it.
        let rest = len
            .checked_sub(10)
            .ok_or_else(|| at_len.error(DecodeErrorKind::BadLength(len), "packet_queue.len"))?;
        let mut q = r.sub(rest, "packet_queue.len")?;
        q.skip(6, "packet_queue.pad")?;
        Ok(Self { queue_id, port, properties: decode_list(&mut q)? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let start = w.len();
        w.u32(self.queue_id.0);
        w.u32(self.port.0);
        let length = w.len_slot(start);
        w.zeros(6);
        encode_list(&self.properties, w)?;
        w.close(length, "packet_queue")
    }
}

impl QueueProperty {
    /// Returns the type on the wire.
    pub const fn number(&self) -> u16 {
        match self {
            Self::MinRate(_) => MIN_RATE,
            Self::MaxRate(_) => MAX_RATE,
            Self::Experimenter { .. } => EXPERIMENTER,
            Self::Unknown { kind, .. } => *kind,
        }
    }
}

impl Wire for QueueProperty {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, mut p) = tlv::decode(r, "queue_property")?;
        p.skip(4, "queue_property.pad")?;
        let property = match kind {
            MIN_RATE => Self::MinRate(rate(&mut p)?),
            MAX_RATE => Self::MaxRate(rate(&mut p)?),
            EXPERIMENTER => {
                let experimenter = p.u32("queue_property.experimenter")?;
                p.skip(4, "queue_property.pad2")?;
                Self::Experimenter { experimenter, data: p.rest_copied() }
            }
            kind => Self::Unknown { kind, body: p.rest_copied() },
        };
        p.finish("queue_property")?;
        Ok(property)
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        tlv::encode(w, self.number(), "queue_property", |w| {
            w.zeros(4);
            match self {
                Self::MinRate(rate) | Self::MaxRate(rate) => {
                    w.u16(*rate);
                    w.zeros(6);
                }
                Self::Experimenter { experimenter, data } => {
                    w.u32(*experimenter);
                    w.zeros(4);
                    w.bytes(data);
                }
                Self::Unknown { body, .. } => w.bytes(body),
            }
            Ok(())
        })
    }
}

fn rate(r: &mut Reader<'_>) -> Result<u16, DecodeError> {
    let rate = r.u16("queue_property.rate")?;
    r.skip(6, "queue_property.pad2")?;
    Ok(rate)
}
