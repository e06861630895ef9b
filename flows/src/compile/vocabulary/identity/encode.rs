//! The byte encoding of an identity.
//!
//! | value | bytes |
//! |---|---|
//! | variant of an enum | its number: two bytes for [`FlowIdentity`](super::FlowIdentity), one for any other; then its fields |
//! | name | UTF-8, then 0xff, which no UTF-8 text contains |
//! | list of names | the number of names in four bytes, then the names |
//! | number | all its bytes, the highest first |
//! | flag | 0 or 1 |
//! | optional value | 0; or 1 and the value |
//! | MAC address | six bytes |
//! | prefix | 4 or 6 for the family, its length or 0xff for all of a family, the 16 bytes of its first address |
//!
//! No encoding is the beginning of another one of its type, so different identities have different
//! bytes.

use ofproto::TableId;

use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::layout::HoldRank;
use crate::compile::vocabulary::stable_hash::StableHasher;
use crate::compile::vocabulary::traffic::{PortlessPackets, Traffic};

/// Receives the bytes of an identity.
pub(in crate::compile::vocabulary::identity) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for StableHasher {
    fn put(&mut self, bytes: &[u8]) {
        self.write(bytes);
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A type with an encoding that must not change; the module's table lists the encodings.
pub(in crate::compile::vocabulary::identity) trait Encode {
    fn encode(&self, out: &mut impl Sink);
}

impl Encode for bool {
    fn encode(&self, out: &mut impl Sink) {
        out.put(&[u8::from(*self)]);
    }
}

impl Encode for u8 {
    fn encode(&self, out: &mut impl Sink) {
        out.put(&[*self]);
    }
}

impl Encode for u16 {
    fn encode(&self, out: &mut impl Sink) {
        out.put(&self.to_be_bytes());
    }
}

impl Encode for TableId {
    fn encode(&self, out: &mut impl Sink) {
        self.0.encode(out);
    }
}

impl Encode for [u8; 6] {
    fn encode(&self, out: &mut impl Sink) {
        out.put(self);
    }
}

impl Encode for &str {
    fn encode(&self, out: &mut impl Sink) {
        out.put(self.as_bytes());
        out.put(&[0xff]);
    }
}

impl Encode for &[String] {
    fn encode(&self, out: &mut impl Sink) {
        let count = u32::try_from(self.len()).unwrap_or(u32::MAX);
        out.put(&count.to_be_bytes());
        self.iter().for_each(|name| name.as_str().encode(out));
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: &mut impl Sink) {
        self.is_some().encode(out);
        self.iter().for_each(|value| value.encode(out));
    }
}

impl Encode for AddressFamily {
    fn encode(&self, out: &mut impl Sink) {
        out.put(&[match self {
            Self::V4 => 4,
            Self::V6 => 6,
        }]);
    }
}

impl Encode for AddressRange {
    fn encode(&self, out: &mut impl Sink) {
        let (family, network, length) = self.bits();
        family.encode(out);
        out.put(&[self.prefix().map_or(0xff, |_| length)]);
        out.put(&network.to_be_bytes());
    }
}

impl Encode for Traffic {
    fn encode(&self, out: &mut impl Sink) {
        out.put(&[match self {
            Self::Tcp => 1,
            Self::Udp => 2,
            Self::Sctp => 3,
            Self::Echo => 4,
            Self::Icmp => 5,
            Self::Vrrp => 6,
            Self::Other => 7,
        }]);
    }
}

impl Encode for PortlessPackets {
    fn encode(&self, out: &mut impl Sink) {
        match self {
            Self::Later(protocol) => {
                out.put(&[1]);
                protocol.encode(out);
            }
            Self::Errors => out.put(&[2]),
        }
    }
}

impl Encode for HoldRank {
    fn encode(&self, out: &mut impl Sink) {
        out.put(&[match self {
            Self::Owned => 1,
            Self::Network => 2,
            Self::Owner => 3,
        }]);
    }
}

/// The declaration of a type, for the test that pins it.
#[cfg(test)]
pub(in crate::compile::vocabulary::identity) trait Layout {
    const NAME: &'static str;
    /// The number, the name and the fields of each variant, in order.
    const PARTS: &'static [(u16, &'static str, &'static [&'static str])];
}

/// Declares an enum with the number of each variant, and its [`Encode`]: the number, then the
/// fields in their order.
macro_rules! numbered {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident $(<$life:lifetime>)? as $number:ident {
            $(
                $(#[$about:meta])*
                $value:literal = $variant:ident $({ $($field:ident: $type:ty),* $(,)? })?
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr($number)]
        $vis enum $name $(<$life>)? {
            $(
                $(#[$about])*
                $variant $({ $($field: $type),* })? = $value
            ),*
        }

        #[cfg(test)]
        impl $(<$life>)? Layout for $name $(<$life>)? {
            const NAME: &'static str = stringify!($name);
            const PARTS: &'static [(u16, &'static str, &'static [&'static str])] =
                &[$(($value, stringify!($variant), &[$($(stringify!($field)),*)?])),*];
        }

        impl $(<$life>)? Encode for $name $(<$life>)? {
            fn encode(&self, out: &mut impl Sink) {
                match self {
                    $(
                        Self::$variant $({ $($field),* })? => {
                            const NUMBER: $number = $value;
                            NUMBER.encode(out);
                            $($($field.encode(out);)*)?
                        }
                    ),*
                }
            }
        }
    };
}

/// Declares a struct, and its [`Encode`]: the fields in their order.
macro_rules! fields {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident<$life:lifetime> {
            $($(#[$about:meta])* $field:ident: $type:ty),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $vis struct $name<$life> {
            $($(#[$about])* $vis $field: $type),*
        }

        #[cfg(test)]
        impl<$life> Layout for $name<$life> {
            const NAME: &'static str = stringify!($name);
            const PARTS: &'static [(u16, &'static str, &'static [&'static str])] =
                &[(0, "", &[$(stringify!($field)),*])];
        }

        impl<$life> Encode for $name<$life> {
            fn encode(&self, out: &mut impl Sink) {
                let Self { $($field),* } = self;
                $($field.encode(out);)*
            }
        }
    };
}

pub(in crate::compile::vocabulary::identity) use fields;
pub(in crate::compile::vocabulary::identity) use numbered;
