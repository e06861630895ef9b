//! The harness that the end-to-end tests share. It provides a lab (a private Open vSwitch in a
//! network namespace of its own), the controller as its users start it, and real packets. For tests
//! of the wire format it provides an Open vSwitch without a network, and an OpenFlow connection to
//! it.

pub mod ages;
pub mod conn;
pub mod dhcp;
pub mod dhcpv6;
pub mod evidence;
pub mod frames;
pub mod lines;
pub mod ofctl;
pub mod ovs;
pub mod pinger;
pub mod running;
pub mod storms;
pub mod switch;
pub mod traffic;

pub use self::ages::Ages;
pub use self::conn::Conn;
pub use self::ofctl::{flow_mods, hex, installed, ofp_print, says_no_less, write_for_installed};
pub use self::ovs::PrivateOvs;
pub use self::pinger::Pinger;
pub use self::running::{Running, binary, network_file};
