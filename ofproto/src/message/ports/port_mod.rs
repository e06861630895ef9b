//! OFPT_PORT_MOD (OpenFlow 1.3.5 §7.3.4.3).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::PortNo;

/// A change of a port's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortMod {
    /// The port.
    pub port_no: PortNo,
    /// The MAC address of the port. The switch only compares it; it cannot be changed.
    pub hw_addr: [u8; 6],
    /// OFPPC_ bits to set.
    pub config: u32,
    /// The mask of the OFPPC_ bits.
    pub mask: u32,
    /// OFPPF_ bits to advertise; 0 leaves them unchanged.
    pub advertise: u32,
}

impl Wire for PortMod {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let port_no = PortNo(r.u32("port_mod.port_no")?);
        r.skip(4, "port_mod.pad")?;
        let hw_addr = r.array("port_mod.hw_addr")?;
        r.skip(2, "port_mod.pad2")?;
        let config = r.u32("port_mod.config")?;
        let mask = r.u32("port_mod.mask")?;
        let advertise = r.u32("port_mod.advertise")?;
        r.skip(4, "port_mod.pad3")?;
        Ok(Self { port_no, hw_addr, config, mask, advertise })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.port_no.0);
        w.zeros(4);
        w.bytes(&self.hw_addr);
        w.zeros(2);
        w.u32(self.config);
        w.u32(self.mask);
        w.u32(self.advertise);
        w.zeros(4);
        Ok(())
    }
}
