//! OFPT_METER_MOD (OpenFlow 1.3.5 §7.3.4.4) and the bands of meters.

use bytes::Bytes;

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::MeterId;
use crate::message::{decode_list, encode_list, padded};

/// OFPMF_KBPS: rates are in kilobits per second, bursts in kilobits.
pub const METER_KBPS: u16 = 1;
/// OFPMF_PKTPS: rates are in packets per second, bursts in packets.
pub const METER_PKTPS: u16 = 2;
/// OFPMF_BURST: the burst sizes of the bands apply.
pub const METER_BURST: u16 = 4;
/// OFPMF_STATS: keep counters.
pub const METER_STATS: u16 = 8;

/// A change of meters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterMod {
    /// The command.
    pub command: MeterModCommand,
    /// `METER_` bits.
    pub flags: u16,
    /// The meter; `ALL` in deletions.
    pub meter_id: MeterId,
    /// The bands of the meter.
    pub bands: Vec<MeterBand>,
}

/// OFPMC_.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeterModCommand {
    /// 0.
    Add,
    /// 1.
    Modify,
    /// 2.
    Delete,
    /// Any other value.
    Unknown(u16),
}

/// A band: the treatment of packets above a rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterBand {
    /// The rate, in the unit of the meter's flags.
    pub rate: u32,
    /// The burst size, in the unit of the meter's flags.
    pub burst_size: u32,
    /// The treatment of packets above the rate.
    pub kind: MeterBandType,
}

/// OFPMBT_.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MeterBandType {
    /// 1: drop the packet.
    Drop,
    /// 2: raise the drop precedence.
    DscpRemark {
        /// The number of levels to raise it by.
        prec_level: u8,
    },
    /// 0xffff.
    Experimenter {
        /// The experimenter id.
        experimenter: u32,
        /// The bytes after the experimenter id.
        data: Bytes,
    },
    /// Any other type, with its bytes unchanged.
    Unknown {
        /// OFPMBT_ type.
        kind: u16,
        /// The bytes after the burst size.
        body: Bytes,
    },
}

const DROP: u16 = 1;
const DSCP_REMARK: u16 = 2;
const EXPERIMENTER: u16 = 0xffff;

wire_enum!(MeterModCommand: u16 { 0 => Add, 1 => Modify, 2 => Delete });

impl Wire for MeterMod {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        padded(r, "meter_mod")?;
        Ok(Self {
            command: r.u16("meter_mod.command")?.into(),
            flags: r.u16("meter_mod.flags")?,
            meter_id: MeterId(r.u32("meter_mod.meter_id")?),
            bands: decode_list(r)?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u16(self.command.into());
        w.u16(self.flags);
        w.u32(self.meter_id.0);
        let start = w.len();
        encode_list(&self.bands, w)?;
        match w.len() - start {
            len if len.is_multiple_of(8) => Ok(()),
            len => Err(EncodeError::DoesNotFit { field: "meter_mod bands length", value: len as u128 }),
        }
    }
}

impl MeterBandType {
    /// Returns the type on the wire.
    pub const fn number(&self) -> u16 {
        match self {
            Self::Drop => DROP,
            Self::DscpRemark { .. } => DSCP_REMARK,
            Self::Experimenter { .. } => EXPERIMENTER,
            Self::Unknown { kind, .. } => *kind,
        }
    }
}

impl Wire for MeterBand {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, mut b) = crate::message::tlv::decode(r, "meter_band")?;
        let rate = b.u32("meter_band.rate")?;
        let burst_size = b.u32("meter_band.burst_size")?;
        let kind = match kind {
            DROP => {
                b.skip(4, "meter_band.pad")?;
                MeterBandType::Drop
            }
            DSCP_REMARK => {
                let prec_level = b.u8("meter_band.prec_level")?;
                b.skip(3, "meter_band.pad")?;
                MeterBandType::DscpRemark { prec_level }
            }
            EXPERIMENTER => MeterBandType::Experimenter {
                experimenter: b.u32("meter_band.experimenter")?,
                data: b.rest_copied(),
            },
            kind => MeterBandType::Unknown { kind, body: b.rest_copied() },
        };
        b.finish("meter_band")?;
        Ok(Self { rate, burst_size, kind })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        crate::message::tlv::encode(w, self.kind.number(), "meter_band", |w| {
            w.u32(self.rate);
            w.u32(self.burst_size);
            match &self.kind {
                MeterBandType::Drop => w.zeros(4),
                MeterBandType::DscpRemark { prec_level } => {
                    w.u8(*prec_level);
                    w.zeros(3);
                }
                MeterBandType::Experimenter { experimenter, data } => {
                    w.u32(*experimenter);
                    w.bytes(data);
                }
                MeterBandType::Unknown { body, .. } => w.bytes(body),
            }
            Ok(())
        })
    }
}
