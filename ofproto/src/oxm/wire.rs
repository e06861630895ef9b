//! Matches and their fields on the wire (OpenFlow 1.3.5 §7.2.3).

use bytes::Bytes;

use super::header::{EXPERIMENTER, Header};
use super::{Field, Match, Oxm};
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::ovs_errors::OvsError;

/// OFPMT_OXM.
const MATCH_OXM: u16 = 1;
/// OFPMT_STANDARD, deprecated.
const MATCH_1_1: u16 = 0;

/// The set of fields seen in a match, to detect duplicates.
#[derive(Default)]
struct Seen([u128; 2]);

impl Seen {
    /// Records a field, and returns false if it was present.
    fn insert(&mut self, field: Field) -> bool {
        let n = field as usize;
        let Some(word) = self.0.get_mut(n / 128) else { return true };
        let bit = 1 << (n % 128);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

const _: () = assert!(Field::ALL.len() <= 256);

/// Returns the error of a match that ends inside its fields.
fn cut(error: DecodeError) -> DecodeError {
    error.named(OvsError::MatchLen)
}

/// Returns a right-aligned value of up to 16 bytes.
fn value(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |v, &b| v << 8 | u128::from(b))
}

/// Appends the `n` low bytes of a value.
pub(crate) fn put(w: &mut Writer, v: u128, n: usize) {
    let bytes = v.to_be_bytes();
    w.bytes(bytes.get(bytes.len().saturating_sub(n)..).unwrap_or(&bytes));
}

impl Wire for Oxm {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        decode_known(r, false)
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        match self {
            &Self::Known { field, value, mask } => encode_known(field, value, mask, field.match_header(), w),
            this @ Self::Unknown { .. } => this.encode_masked(w),
        }
    }
}

impl Oxm {
    /// Decodes the field that an action writes, with an arbitrary mask.
    pub(crate) fn decode_masked(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        decode_known(r, true)
    }

    /// Encodes the field that an action writes, with an arbitrary mask.
    pub(crate) fn encode_masked(&self, w: &mut Writer) -> Result<(), EncodeError> {
        match self {
            &Self::Known { field, value, mask } => put_known(field, value, mask, field.match_header(), w),
            Self::Unknown { class, number, has_mask, payload } => {
                let len = u8::try_from(payload.len())
                    .map_err(|_| EncodeError::TooLong { field: "oxm payload", len: payload.len() })?;
                if *number > 0x7f {
                    return Err(EncodeError::DoesNotFit { field: "oxm field", value: u128::from(*number) });
                }
                w.u32(Header { class: *class, number: *number, has_mask: *has_mask, len }.pack());
                w.bytes(payload);
                Ok(())
            }
        }
    }
}

fn decode_known(r: &mut Reader<'_>, may_mask: bool) -> Result<Oxm, DecodeError> {
    let bad = r.error(DecodeErrorKind::BadField, "oxm");
    let header = Header::unpack(r.u32("oxm header").map_err(cut)?);
    let payload = r.bytes(usize::from(header.len), "oxm payload").map_err(cut)?;
    let (field, own) = if header.class == EXPERIMENTER {
        let Some((id, own)) = payload.split_first_chunk() else { return Err(cut(bad)) };
        (Field::from_experimenter(u32::from_be_bytes(*id), header.number), own)
    } else {
        (Field::from_header(header.class, header.number), payload)
    };
    let Some(field) = field else {
        return Ok(Oxm::Unknown {
            class: header.class,
            number: header.number,
            has_mask: header.has_mask,
            payload: Bytes::copy_from_slice(payload),
        });
    };
    let info = field.info();
    let (body, mask) = if header.has_mask {
        let Some((body, mask)) = own.split_at_checked(info.bytes()) else { return Err(bad) };
        // Mask bits above the width have no meaning; Open vSwitch drops them as well.
        (body, Some((mask.len(), value(mask) & info.exact())))
    } else {
        (own, None)
    };
    if body.len() != info.bytes() || mask.is_some_and(|(len, _)| len != info.bytes()) {
        return Err(bad);
    }
    if let Some((_, mask)) = mask
        && !may_mask
        && !may_stand(field, mask)
    {
        let outside = value(body) & !mask != 0;
        return Err(bad.named(if outside { OvsError::MatchWildcards } else { OvsError::MatchMask }));
    }
    if value(body) > info.exact() {
        return Err(bad.named(OvsError::MatchValue));
    }
    Ok(Oxm::Known { field, value: value(body), mask: mask.map(|(_, mask)| mask) })
}

/// Returns whether a match may mask the field with this mask. A mask of all bits or of none is
/// always valid.
fn may_stand(field: Field, mask: u128) -> bool {
    let info = field.info();
    info.maskable || mask == 0 || mask == info.exact()
}

/// Appends a field of a match under the given header.
pub(crate) fn encode_known(
    field: Field,
    value: u128,
    mask: Option<u128>,
    header: Option<(u16, u8)>,
    w: &mut Writer,
) -> Result<(), EncodeError> {
    let info = field.info();
    match mask.filter(|mask| !may_stand(field, *mask)) {
        Some(mask) => Err(EncodeError::DoesNotFit { field: info.name, value: mask }),
        None => put_known(field, value, mask, header, w),
    }
}

fn put_known(
    field: Field,
    value: u128,
    mask: Option<u128>,
    header: Option<(u16, u8)>,
    w: &mut Writer,
) -> Result<(), EncodeError> {
    let info = field.info();
    for v in [Some(value), mask].into_iter().flatten() {
        if v > info.exact() {
            return Err(EncodeError::DoesNotFit { field: info.name, value: v });
        }
    }
    let parts = if mask.is_some() { 2 } else { 1 };
    put_header(field, header, mask.is_some(), info.bytes() * parts, w)?;
    put(w, value, info.bytes());
    if let Some(mask) = mask {
        put(w, mask, info.bytes());
    }
    Ok(())
}

/// Appends a field's header, with the experimenter id if its class has one. `len` is the length of
/// the payload.
pub(crate) fn put_header(
    field: Field,
    header: Option<(u16, u8)>,
    has_mask: bool,
    len: usize,
    w: &mut Writer,
) -> Result<(), EncodeError> {
    let name = field.info().name;
    let (class, number) = header.ok_or(EncodeError::DoesNotFit { field: name, value: 0 })?;
    let experimenter = if class == EXPERIMENTER { field.experimenter() } else { None };
    let len = len + if experimenter.is_some() { 4 } else { 0 };
    let len = u8::try_from(len).map_err(|_| EncodeError::TooLong { field: name, len })?;
    w.u32(Header { class, number, has_mask, len }.pack());
    if let Some(id) = experimenter {
        w.u32(id);
    }
    Ok(())
}

impl Match {
    /// Takes the frame of a match with its padding, and returns a reader of the fields inside.
    ///
    /// # Errors
    /// `BadType` for a match that does not consist of OXM fields; `BadLength` and `Truncated` for
    /// an invalid length.
    pub fn frame<'a>(r: &mut Reader<'a>) -> Result<Reader<'a>, DecodeError> {
        let start = r.at();
        let at_kind = r.clone();
        let kind = r.u16("match type").map_err(cut)?;
        let at_len = r.clone();
        let len = usize::from(r.u16("match length").map_err(cut)?);
        if kind != MATCH_OXM {
            let error = at_kind.error(DecodeErrorKind::BadType(u32::from(kind)), "match type");
            // The match of OpenFlow 1.1 is known, but has another length.
            return Err(error.named(if kind == MATCH_1_1 {
                OvsError::MatchLen
            } else {
                OvsError::MatchType
            }));
        }
        let body = len
            .checked_sub(4)
            .ok_or_else(|| at_len.error(DecodeErrorKind::BadLength(len), "match length"))
            .map_err(cut)?;
        let fields = r.sub(body, "match").map_err(cut)?;
        let used = r.at() - start;
        r.skip(used.next_multiple_of(8) - used, "match padding").map_err(cut)?;
        Ok(fields)
    }

    /// Decodes fields until no bytes are left. This is a match without its frame, as flow monitors
    /// carry it.
    ///
    /// # Errors
    /// `BadField` for a known field that occurs twice, has a wrong length, or has a mask that it
    /// may not have (OpenFlow 1.3.5 §7.2.3.3 and §7.2.3.5).
    pub fn decode_fields(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut fields = Vec::new();
        let mut seen = Seen::default();
        while !r.is_empty() {
            let twice = r.error(DecodeErrorKind::BadField, "match").named(OvsError::MatchTwice);
            let oxm = Oxm::decode(r)?;
            if let Oxm::Known { field, .. } = oxm
                && !seen.insert(field)
            {
                return Err(twice);
            }
            fields.push(oxm);
        }
        Ok(Self { fields })
    }

    /// Appends the fields without frame and padding.
    ///
    /// # Errors
    /// `DoesNotFit` for a value or mask wider than its field, or a mask on a field that allows
    /// none.
    pub fn encode_fields(&self, w: &mut Writer) -> Result<(), EncodeError> {
        self.fields.iter().try_for_each(|oxm| oxm.encode(w))
    }
}

impl Wire for Match {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::decode_fields(&mut Self::frame(r)?)
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let start = w.len();
        w.u16(MATCH_OXM);
        let len = w.len_slot(start);
        self.encode_fields(w)?;
        // The length excludes the padding.
        w.close(len, "match")?;
        w.pad8(start);
        Ok(())
    }
}
