//! Ports and OFPT_PORT_STATUS (OpenFlow 1.3.5 §7.2.1 and §7.4.3).

use bytes::Bytes;

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::PortNo;

/// A port of the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The number of the port.
    pub port_no: PortNo,
    /// The MAC address of the port.
    pub hw_addr: [u8; 6],
    /// The name of the port, up to the first NUL of 16 bytes.
    pub name: Bytes,
    /// OFPPC_ bits.
    pub config: u32,
    /// OFPPS_ bits.
    pub state: u32,
    /// Current OFPPF_ bits.
    pub curr: u32,
    /// Advertised OFPPF_ bits.
    pub advertised: u32,
    /// Supported OFPPF_ bits.
    pub supported: u32,
    /// The peer's OFPPF_ bits.
    pub peer: u32,
    /// Current speed, in kbit/s.
    pub curr_speed: u32,
    /// Maximum speed, in kbit/s.
    pub max_speed: u32,
}

/// The notification that a port was added, deleted or modified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortStatus {
    /// The reason.
    pub reason: PortStatusReason,
    /// The port.
    pub port: Port,
}

/// OFPPR_.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortStatusReason {
    /// 0.
    Add,
    /// 1.
    Delete,
    /// 2.
    Modify,
    /// Any other value.
    Unknown(u8),
}

wire_enum!(PortStatusReason: u8 { 0 => Add, 1 => Delete, 2 => Modify });

impl Port {
    /// Returns a port with this number and name, and without a MAC, link or state.
    pub fn named(port_no: PortNo, name: impl Into<Bytes>) -> Self {
        Self {
            port_no,
            hw_addr: [0; 6],
            name: name.into(),
            config: 0,
            state: 0,
            curr: 0,
            advertised: 0,
            supported: 0,
            peer: 0,
            curr_speed: 0,
            max_speed: 0,
        }
    }
}

impl Wire for Port {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let port_no = PortNo(r.u32("port.port_no")?);
        r.skip(4, "port.pad")?;
        let hw_addr = r.array("port.hw_addr")?;
        r.skip(2, "port.pad2")?;
        Ok(Self {
            port_no,
            hw_addr,
            name: r.text(16, "port.name")?,
            config: r.u32("port.config")?,
            state: r.u32("port.state")?,
            curr: r.u32("port.curr")?,
            advertised: r.u32("port.advertised")?,
            supported: r.u32("port.supported")?,
            peer: r.u32("port.peer")?,
            curr_speed: r.u32("port.curr_speed")?,
            max_speed: r.u32("port.max_speed")?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.port_no.0);
        w.zeros(4);
        w.bytes(&self.hw_addr);
        w.zeros(2);
        w.text(&self.name, 16, "port.name")?;
        w.u32(self.config);
        w.u32(self.state);
        w.u32(self.curr);
        w.u32(self.advertised);
        w.u32(self.supported);
        w.u32(self.peer);
        w.u32(self.curr_speed);
        w.u32(self.max_speed);
        Ok(())
    }
}

impl Wire for PortStatus {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let reason = r.u8("port_status.reason")?.into();
        r.skip(7, "port_status.pad")?;
        Ok(Self { reason, port: Port::decode(r)? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u8(self.reason.into());
        w.zeros(7);
        self.port.encode(w)
    }
}
