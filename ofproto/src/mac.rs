//! Ethernet addresses.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A MAC address (IEEE 802-2014 §8.2).
///
/// ```
/// use ofproto::MacAddr;
///
/// let host: MacAddr = "02:00:00:00:00:2A".parse()?;
/// assert_eq!(host.to_string(), "02:00:00:00:00:2a");
/// assert_eq!(host.bits(), 0x0200_0000_002a);
/// assert!("02:00:00".parse::<MacAddr>().is_err());
/// # Ok::<(), ofproto::mac::MacAddrError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct MacAddr(pub [u8; 6]);

/// The error of a text that is not a MAC address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a MAC address: six pairs of hexadecimal digits with colons between, such as 02:00:00:00:00:01")]
#[non_exhaustive]
pub struct MacAddrError;

impl MacAddr {
    /// The all-zero address, which no host has.
    pub const ZERO: Self = Self([0; 6]);
    /// The broadcast address.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Returns the address whose bits are the lower 48, as the value of a match field has them.
    pub const fn from_bits(bits: u128) -> Self {
        let [.., a, b, c, d, e, f] = bits.to_be_bytes();
        Self([a, b, c, d, e, f])
    }

    /// Returns its 48 bits, right-aligned: the value of a match field.
    pub const fn bits(self) -> u128 {
        let [a, b, c, d, e, f] = self.0;
        u128::from_be_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f])
    }

    /// Returns whether this is a group address (multicast or broadcast): the lowest bit of its
    /// first byte is set.
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl From<MacAddr> for [u8; 6] {
    fn from(mac: MacAddr) -> Self {
        mac.0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, last] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{last:02x}")
    }
}

impl FromStr for MacAddr {
    type Err = MacAddrError;

    /// Parses six pairs of hexadecimal digits with colons between them.
    fn from_str(text: &str) -> Result<Self, MacAddrError> {
        let mut octets = [0; 6];
        let mut pairs = text.split(':');
        for octet in &mut octets {
            let pair = pairs.next().ok_or(MacAddrError)?;
            // Check the digits, because from_str_radix accepts a sign.
            let digits = pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
            *octet = u8::from_str_radix(pair, 16).ok().filter(|_| digits).ok_or(MacAddrError)?;
        }
        if pairs.next().is_some() { Err(MacAddrError) } else { Ok(Self(octets)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_and_bits_come_back(octets: [u8; 6], above: u32) {
            let mac = MacAddr(octets);
            prop_assert_eq!(mac.to_string().parse(), Ok(mac));
            prop_assert_eq!(mac.to_string().to_uppercase().parse(), Ok(mac));
            prop_assert_eq!(MacAddr::from_bits(mac.bits() | u128::from(above) << 48), mac);
            prop_assert!(mac.bits() < 1 << 48);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "02:00:00:00:00",
            "02:00:00:00:00:00:00",
            "2:0:0:0:0:0",
            "02-00-00-00-00-00",
            "+2:00:00:00:00:00",
            "02:00:00:00:00:0g",
            "é:00:00:00:00:00",
        ] {
            assert_eq!(text.parse::<MacAddr>(), Err(MacAddrError), "{text}");
        }
        assert!(MacAddr::BROADCAST.is_group() && !MacAddr::ZERO.is_group());
    }
}
