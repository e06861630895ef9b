//! Nicira's messages (experimenter 0x2320) that Open vSwitch accepts or sends in OpenFlow 1.3.

mod async_config2;
mod ct_flush;
mod flow;
mod nxm;
mod packet_in;
mod packet_in2;
mod settings;
mod tlv_table;

pub use self::async_config2::{AsyncConfig2, AsyncMessage, AsyncProperty};
pub use self::ct_flush::{CtFlush, CtFlushProperty, CtFlushZone, CtTupleProperty};
pub use self::flow::{NxFlowMod, NxFlowRemoved};
pub use self::packet_in::NxPacketIn;
pub use self::packet_in2::{ContinuationProperty, PacketIn2, PacketInProperty};
pub use self::settings::{ControllerId, FlowModTableId, NxRole, PacketInFormat};
pub use self::tlv_table::{TlvMap, TlvTableMod, TlvTableModCommand, TlvTableReply};
