//! Containers and instances of templates that come and go while the controller runs: on a real Open vSwitch, with real
//! packets.

mod api;
mod crash;
mod life;
mod networks;
mod refused;
pub(crate) mod stage;
