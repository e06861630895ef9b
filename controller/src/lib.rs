//! Portcullis: an OpenFlow 1.3 controller for Open vSwitch that keeps isolated networks isolated.
//!
//! This page is a tour of the code, in the order in which the data flows. For using it see README.md.
//!
//! # Crates, one direction
//! ```text
//! ofproto ◄─ flow-model ◄─ ofctl ◄─ flows ◄─ matrix ◄──────────────┐
//!                                     ▲                            │
//!                                 portcullis ◄─ lab ◄─ portcullis-cli ─► loadgen
//! ```
//! [`ofproto`] knows bytes and no policy. `flow-model` is what flows are, `ofctl` their text, and
//! [`flows`] the policy behind them, without a connection. This crate knows connections, and neither
//! the layout of a message nor that of a table. `lab` builds a private Open vSwitch, `loadgen` is
//! many switches at once, and `portcullis-cli` is the command.
//!
//! ```text
//! network file ─► flows::network ─► flows::compile ─► desired flows of each bridge ┐
//!                                                                                  ├─► flows::diff ─► atomic bundle
//! switch bytes ─► ofproto ─► session ─► bridge: ports, actual flows ───────────────┘         │
//!      ▲                                   └─► hub ─► /metrics, /api/status ─► status        │
//!      └──────────────── net ◄── session ◄── ofproto ◄──────────────────────────────────────┘
//! ```
//!
//! # From bytes to bytes
//! 1. **Bytes arrive in [`net`]**, the only module with sockets and clocks. It decides nothing: it carries bytes, and
//!    the time, into the state machines, and carries out what they ask for.
//! 2. **[`ofproto`] cuts and reads them**: [`ofproto::frame`], then [`ofproto::Message`]. Whatever a peer sends, this
//!    does not panic, and it holds a bounded number of bytes.
//! 3. **[`session`] makes a conversation of the messages**: version, features, ports, keepalive, multipart replies put
//!    together, errors answered. [`session::Session`] is sans-IO: bytes and `now` in; bytes, [`session::Event`]s and
//!    the next deadline out. So every state can be tested on virtual time.
//! 4. **[`bridge`] decides.** [`bridge::Bridge`] is sans-IO as well. It takes the bridge's name
//!    from the LOCAL port, and waits until [`hub::owners`] grants that bridge to the session. The
//!    first live session with the datapath id that the file or Open vSwitch's database has for the
//!    name gets it. Then it watches the installed flows by a flow monitor, reads them, and compares
//!    them with the desired flows. A changed port, a foreign change and a new file all lead to the
//!    same round: read, compare, commit, read again. If nothing on the bridge is in doubt, a change
//!    of the file is committed before the read, so that revoked rights end at once. Revoked flows
//!    may have taught the switch others: a change is acknowledged when a read a second later finds
//!    none of them (see [`flows`]).
//! 5. **[`flows`] says what is desired.** [`policy`] holds the network file in force, which [`flows::network`] has read and
//!    checked; [`flows::compile`](mod@flows::compile) makes the flows of this bridge for the ports that it has;
//!    [`flows::runtime::return_flows`] says which of the actual flows the switch learned, and would learn still, and those stay;
//!    [`flows::diff`](mod@flows::diff) says what is left to change.
//! 6. **PACKET_INs of a learning switch take a shorter way**: [`session`] hands their bytes to [`mac_learning`], which appends the
//!    bytes of the answers, without a lock or an allocation; [`net`] writes them before it reads more.
//! 7. **Bytes go back**: the changes, and only they, in one ordered atomic bundle, encoded by [`ofproto`] into the bounded
//!    outbox of the session, and written by [`net`].
//!
//! Nothing of this needs a memory: the switch and the network file are enough, so a controller that was killed goes on
//! where it was, and flows that are as desired keep their counters and their age. What was decided at run time is the
//! exception: [`store`] remembers open windows, stamped out templates and containers.
//!
//! # Beside the stream
//! - [`hub`] is what sessions share: the file in force, which session has which bridge, how all stand.
//!   [`metrics`] and [`api`] show it; [`api_client`] asks for it (`portcullis status`). Who may change something by the
//!   API is up to [`api::ListenerAccess`].
//! - [`windows`] says which window may be opened, for how long, and when it is over; [`active_policy`] adds those that are
//!   open to the network file. Their flows end by a hard timeout, also without a controller: [`flows::runtime::timeouts`] says which
//!   of them are as desired.
//! - [`containers`] makes and removes containers and instances of templates while the controller runs, each as a whole; the
//!   [`api`] asks for it, and the [`store`] remembers it.
//! - [`denied`] counts samples of denied packets, and says which line would allow them (`portcullis denied`).
//! - [`ovs`] speaks with `ovs-vsctl`: `attach` and `detach`, and the look at settings that break isolation past all
//!   flows, which cannot be seen over OpenFlow.
//! - The tools of the command ask a switch through [`net::Client`], and print with [`ofctl::ofp_print`].
//!
//! # Where to begin a change
//! | you want | begin in |
//! |---|---|
//! | another message, match field or action | [`ofproto::message`], [`ofproto::oxm`], [`ofproto::action`] |
//! | another word of the network file | [`flows::network`], then [`flows::compile`](mod@flows::compile) |
//! | other flows for a rule | [`flows::compile`](mod@flows::compile); [`flows::verify::never`](mod@flows::verify::never) and the lab say whether they hold |
//! | another reaction to what a switch does | [`bridge`] |
//! | another thing to remember | [`store`] |
//! | another number to look at | [`metrics`] |
//! | another command | `controller/cli` |

pub mod active_policy;
pub mod address;
#[cfg(test)]
mod adversaries;
pub mod api;
pub mod api_client;
pub mod bridge;
pub mod clock;
pub mod containers;
pub mod denied;
pub mod hub;
pub mod log_limit;
pub mod mac_learning;
pub mod metrics;
pub mod net;
pub mod ovs;
pub mod policy;
pub mod printable;
pub mod problem;
pub mod session;
pub mod store;
pub mod windows;
