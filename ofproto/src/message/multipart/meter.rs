//! OFPMP_METER, OFPMP_METER_CONFIG and OFPMP_METER_FEATURES (OpenFlow 1.3.5 §7.3.5.12 to §7.3.5.14).

use super::super::{decode_list, encode_list};
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::ids::MeterId;
use crate::message::tables::meter::MeterBand;

/// A meter's counters. A counter that the switch does not keep is all ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterStats {
    /// The meter.
    pub meter_id: MeterId,
    /// Number of flows that use it.
    pub flow_count: u32,
    /// Packets that came in.
    pub packet_in_count: u64,
    /// Bytes that came in.
    pub byte_in_count: u64,
    /// The age of the meter, in whole seconds.
    pub duration_sec: u32,
    /// The age of the meter: the nanoseconds beyond the whole seconds.
    pub duration_nsec: u32,
    /// The counters of each band, in order.
    pub bands: Vec<MeterBandStats>,
}

/// A band's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterBandStats {
    /// Packets above its rate.
    pub packet_band_count: u64,
    /// Bytes above its rate.
    pub byte_band_count: u64,
}

/// A meter's configuration in the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterConfig {
    /// `METER_` bits.
    pub flags: u16,
    /// The meter.
    pub meter_id: MeterId,
    /// The bands of the meter.
    pub bands: Vec<MeterBand>,
}

/// The switch's support for meters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterFeatures {
    /// Maximum number of meters.
    pub max_meter: u32,
    /// Bits 1 << OFPMBT_.
    pub band_types: u32,
    /// `METER_` bits.
    pub capabilities: u32,
    /// Maximum number of bands per meter.
    pub max_bands: u8,
    /// The highest drop precedence.
    pub max_color: u8,
}

impl Wire for MeterStats {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let meter_id = MeterId(r.u32("meter_stats.meter_id")?);
        let at_len = r.clone();
        let len = usize::from(r.u16("meter_stats.len")?);
        // The length includes the number before it.
        let rest = len
            .checked_sub(6)
            .ok_or_else(|| at_len.error(DecodeErrorKind::BadLength(len), "meter_stats.len"))?;
        let mut m = r.sub(rest, "meter_stats.len")?;
        m.skip(6, "meter_stats.pad")?;
        Ok(Self {
            meter_id,
            flow_count: m.u32("meter_stats.flow_count")?,
            packet_in_count: m.u64("meter_stats.packet_in_count")?,
            byte_in_count: m.u64("meter_stats.byte_in_count")?,
            duration_sec: m.u32("meter_stats.duration_sec")?,
            duration_nsec: m.u32("meter_stats.duration_nsec")?,
            bands: decode_list(&mut m)?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let start = w.len();
        w.u32(self.meter_id.0);
        let length = w.len_slot(start);
        w.zeros(6);
        w.u32(self.flow_count);
        w.u64(self.packet_in_count);
        w.u64(self.byte_in_count);
        w.u32(self.duration_sec);
        w.u32(self.duration_nsec);
        encode_list(&self.bands, w)?;
        w.close(length, "meter_stats")
    }
}

impl Wire for MeterBandStats {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            packet_band_count: r.u64("meter_band_stats.packet_band_count")?,
            byte_band_count: r.u64("meter_band_stats.byte_band_count")?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u64(self.packet_band_count);
        w.u64(self.byte_band_count);
        Ok(())
    }
}

impl Wire for MeterConfig {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut m = r.sized("meter_config.length")?;
        Ok(Self {
            flags: m.u16("meter_config.flags")?,
            meter_id: MeterId(m.u32("meter_config.meter_id")?),
            bands: decode_list(&mut m)?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let start = w.len();
        let length = w.len_slot(start);
        w.u16(self.flags);
        w.u32(self.meter_id.0);
        encode_list(&self.bands, w)?;
        w.close(length, "meter_config")
    }
}

impl Wire for MeterFeatures {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let features = Self {
            max_meter: r.u32("meter_features.max_meter")?,
            band_types: r.u32("meter_features.band_types")?,
            capabilities: r.u32("meter_features.capabilities")?,
            max_bands: r.u8("meter_features.max_bands")?,
            max_color: r.u8("meter_features.max_color")?,
        };
        r.skip(2, "meter_features.pad")?;
        Ok(features)
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.max_meter);
        w.u32(self.band_types);
        w.u32(self.capabilities);
        w.u8(self.max_bands);
        w.u8(self.max_color);
        w.zeros(2);
        Ok(())
    }
}
