//! Portcullis: an OpenFlow 1.3 controller for Open vSwitch that keeps isolated networks isolated.
//!
//! This page is a tour of the code, in the order in which the data flows. README.md describes its
//! use.
//!
//! # Crates, one direction
//! ```text
//! ofproto ◄─ flow-model ◄─ ofctl ◄─ flows ◄─ matrix ◄──────────────┐
//!                                     ▲                            │
//!                                 portcullis ◄─ lab ◄─ portcullis-cli ─► loadgen
//! ```
//! [`ofproto`] knows bytes and no policy. `flow-model` is the model of flows, `ofctl` their text,
//! and [`flows`] the policy behind them, without a connection. This crate knows connections, but
//! neither the layout of a message nor that of a table. `lab` builds a private Open vSwitch,
//! `loadgen` simulates many switches at once, and `portcullis-cli` is the command.
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
//! 1. **Bytes arrive in [`net`]**, the only module with sockets and clocks. It decides nothing: it
//!    carries bytes and the time into the state machines, and carries out their requests.
//! 2. **[`ofproto`] cuts and decodes them**: [`ofproto::frame`], then [`ofproto::Message`]. It
//!    never panics, whatever a peer sends, and holds a bounded number of bytes.
//! 3. **[`session`] makes a conversation of the messages**: it handles version, features, ports,
//!    keepalive, multipart replies and errors. [`session::Session`] has no I/O: bytes and `now` go
//!    in; bytes, [`session::Event`]s and the next deadline come out. So every state can be tested
//!    on virtual time.
//! 4. **[`bridge`] decides.** [`bridge::Bridge`] has no I/O either. It takes the bridge's name from
//!    the LOCAL port, and waits until [`hub::owners`] grants that bridge to the session. The first
//!    live session with the datapath id that the file or Open vSwitch's database has for the name
//!    gets it. Then it watches the installed flows by a flow monitor, reads them, and compares them
//!    with the desired flows. A changed port, a foreign change and a new file all lead to the same
//!    round: read, compare, commit, read again. If nothing on the bridge is in doubt, a change of
//!    the file is committed before the read, so that revoked rights end at once. Revoked flows may
//!    have taught the switch others. So a change is acknowledged when a read a second later finds
//!    none of them (see [`flows`]).
//! 5. **[`flows`] defines the desired flows.** [`policy`] holds the active network file, which
//!    [`flows::network`] has read and checked. [`flows::compile`](mod@flows::compile) makes the
//!    flows of this bridge for its ports. [`flows::runtime::return_flows`] finds the installed
//!    flows that the switch learned and would still learn, and those stay.
//!    [`flows::diff`](mod@flows::diff) finds the remaining changes.
//! 6. **PACKET_INs of a learning switch take a shorter path**: [`session`] passes their bytes to
//!    [`mac_learning`], which appends the bytes of the answers, without a lock or an allocation.
//!    [`net`] writes them before it reads more.
//! 7. **Bytes go back**: the changes alone, in one ordered atomic bundle. [`ofproto`] encodes them
//!    into the bounded outbox of the session, and [`net`] writes them.
//!
//! None of this needs stored state: the switch and the network file are enough. So a killed
//! controller continues where it stopped, and flows that are as desired keep their counters and
//! their age. Decisions at run time are the exception: [`store`] keeps open windows, added
//! instances of templates and containers.
//!
//! # Beside the stream
//! - [`hub`] holds the shared state of all sessions: the active policy, the owners of bridges, and
//!   the state of each bridge. [`metrics`] and [`api`] show it, and [`api_client`] requests it
//!   (`portcullis status`). [`api::ListenerAccess`] decides about changes by the API.
//! - [`windows`] decides which windows may be opened, for how long, and when they close.
//!   [`active_policy`] adds the open ones to the network file. Their flows end by a hard timeout,
//!   also without a controller: [`flows::runtime::timeouts`] tells which of them are as desired.
//! - [`containers`] creates and removes containers and instances of templates while the controller
//!   runs, each as a whole. The [`api`] requests it, and the [`store`] keeps it.
//! - [`denied`] counts samples of denied packets, and proposes the line that would allow them
//!   (`portcullis denied`).
//! - [`ovs`] talks to `ovs-vsctl`: for `attach` and `detach`, and for the audit of settings that
//!   break isolation past all flows, which OpenFlow does not show.
//! - The tools of the command query a switch through [`net::Client`], and print with
//!   [`ofctl::ofp_print`].
//!
//! # Where to begin a change
//! | you want | begin in |
//! |---|---|
//! | another message, match field or action | [`ofproto::message`], [`ofproto::oxm`], [`ofproto::action`] |
//! | another word of the network file | [`flows::network`], then [`flows::compile`](mod@flows::compile) |
//! | other flows for a rule | [`flows::compile`](mod@flows::compile); [`flows::verify::proof`] and the lab say whether they hold |
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
pub mod verification;
pub mod windows;
