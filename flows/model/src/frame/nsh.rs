//! Network Service Header (RFC 8300 §2).

use ofproto::codec::Reader;

use super::FIELD;

/// A network service header. All zero if it is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nsh {
    /// The flags.
    pub flags: u8,
    /// The time to live.
    pub ttl: u8,
    /// The metadata type: 1 has four context headers, 2 has context headers of variable length.
    pub md_type: u8,
    /// The next protocol.
    pub next: u8,
    /// The service path identifier.
    pub path: u32,
    /// The service index.
    pub index: u8,
    /// The context headers of metadata type 1.
    pub context: [u32; 4],
}

/// Length of a header of metadata type 1, in bytes.
const MD_1_LEN: usize = 24;
/// Length of the base header and the service path header, in bytes.
const BASE_LEN: usize = 8;

/// Extracts the header. `None` if it is truncated, of another version, or of a length that its type
/// excludes.
pub(super) fn extract(mut r: Reader<'_>) -> Option<Nsh> {
    let available = r.remaining();
    let first = r.u16(FIELD).ok()?;
    let [md_type, next] = r.array(FIELD).ok()?;
    let service = r.u32(FIELD).ok()?;
    let len = usize::from(first & 0x3f) * 4;
    if len > available || first >> 14 != 0 {
        return None;
    }
    let mut context = [0; 4];
    match md_type {
        1 if len != MD_1_LEN => return None,
        1 => {
            for word in &mut context {
                *word = r.u32(FIELD).ok()?;
            }
        }
        2 if len < BASE_LEN => return None,
        _ => {}
    }
    let [.., index] = service.to_be_bytes();
    Some(Nsh {
        flags: u8::try_from(first >> 12 & 3).unwrap_or_default(),
        ttl: u8::try_from(first >> 6 & 0x3f).unwrap_or_default(),
        md_type,
        next,
        path: service >> 8,
        index,
        context,
    })
}
