//! Actions (OpenFlow 1.3.5 §7.2.5, ovs-actions(7)).
//!
//! # What is supported
//! "Yes" means: decoded and encoded ([`Action::decode_list`], [`Action::encode_list`]), read and
//! printed as text by the crate `flows`, and checked as Open vSwitch does ([`Action::ovs_error`]).
//! An action without a row is kept unchanged: [`Action::Unknown`].
//!
//! | action | on the wire | supported |
//! |---|---|---|
//! | `output`, `controller` (plain), port names | OFPAT_OUTPUT 0 | yes |
//! | `mod_dl_src`, `mod_nw_tos`, `set_vlan_vid` and the like | OFPAT_ 1–10, 13, 14 of OpenFlow 1.1 | read, as Open vSwitch does: [`Action::Legacy`]. Their text becomes `set_field`, but for `mod_tp_src` and `mod_tp_dst` in `write_actions` without a protocol |
//! | `copy_ttl_out`, `copy_ttl_in` | OFPAT_ 11, 12 | on the wire; Open vSwitch has neither, so no text is read |
//! | `set_mpls_ttl`, `dec_mpls_ttl`, `push_mpls`, `pop_mpls` | OFPAT_ 15, 16, 19, 20 | yes |
//! | `push_vlan`, `pop_vlan`, `strip_vlan` | OFPAT_ 17, 18 | yes |
//! | `set_queue`, `group`, `mod_nw_ttl`, `dec_ttl` | OFPAT_ 21–24 | yes |
//! | `set_field` | OFPAT_SET_FIELD 25; with a mask, NXAST_REG_LOAD 7 or NXAST_REG_LOAD2 33 | yes |
//! | `push_pbb`, `pop_pbb` | OFPAT_ 26, 27 | on the wire; Open vSwitch has neither, so no text is read |
//! | `resubmit` | NXAST_RESUBMIT 1, RESUBMIT_TABLE 14, RESUBMIT_TABLE_CT 44 | yes; the first is written as the second |
//! | `set_tunnel`, `set_tunnel64` | NXAST_ 2, 9 | yes; their text becomes `set_field`, as in Open vSwitch |
//! | `pop_queue`, `enqueue` | NXAST_POP_QUEUE 5 | yes; `enqueue` becomes `set_queue`, `output`, `pop_queue`: OpenFlow 1.3 has none |
//! | `move` | NXAST_REG_MOVE 6, ONFACT_COPY_FIELD 3200 | yes; text becomes the first |
//! | `load`, `note`, `exit`, `fin_timeout` | NXAST_ 7, 8, 17, 19 | yes |
//! | `multipath`, `bundle`, `bundle_load` | NXAST_ 10, 12, 13 | yes |
//! | `output:FIELD` | NXAST_OUTPUT_REG 15, OUTPUT_REG2 32 | yes; the second for fields that need it |
//! | `learn` | NXAST_LEARN 16, LEARN2 45 | yes; a constant for a tunnel option is at most 128 bits |
//! | `controller(…)` | NXAST_CONTROLLER 20, CONTROLLER2 37 | yes |
//! | `dec_ttl(ID,…)` | NXAST_DEC_TTL_CNT_IDS 21 | yes |
//! | `write_metadata` | NXAST_WRITE_METADATA 22 | on the wire; text becomes the instruction |
//! | `push`, `pop` | NXAST_STACK_PUSH 27, STACK_POP 28 | yes |
//! | `sample` | NXAST_SAMPLE 29, SAMPLE2 38, SAMPLE3 41, SAMPLE4 51 | yes; the last for ids that come from fields, which Open vSwitch has since 3.4 |
//! | `conjunction` | NXAST_CONJUNCTION 34 | yes |
//! | `ct`, `nat`, `ct_clear` | NXAST_CT 35, NAT 36, CT_CLEAR 43 | yes |
//! | `output(port=…,max_len=…)` | NXAST_OUTPUT_TRUNC 39 | yes |
//! | `clone` | NXAST_CLONE 42 | yes, nested up to [`MAX_DEPTH`] |
//! | `encap`, `decap`, `dec_nsh_ttl` | NXAST_ 46–48 | yes |
//! | `check_pkt_larger`, `delete_field` | NXAST_ 49, 50 | yes |
//! | `meter`, `write_actions`, `clear_actions`, `write_metadata`, `goto_table` | instructions | yes: [`crate::instruction`] |
//! | `unroll_xlate`, `debug_recirc`, `debug_slow` | NXAST_ 254, 255 | refused, as by Open vSwitch: internal to it |
//!
//! The header of a field that a switch has mapped to a tunnel option (NXT_TLV_TABLE_MOD) is as long
//! as the option. In actions, only headers of the full 124 bytes are decoded, as `ovs-ofctl` sends
//! them. Others are kept unchanged.

mod ct;
mod encap;
mod hash;
mod learn;
mod nicira;
mod sample;
mod standard;
pub(crate) mod subfield;
#[cfg(test)]
mod tests;
mod wire;

use bytes::Bytes;

pub use self::ct::{
    CT_COMMIT, CT_FORCE, Ct, CtZone, NAT_DST, NAT_HASH, NAT_PERSISTENT, NAT_RANDOM, NAT_SRC, Nat,
    NatAddresses,
};
pub use self::encap::{
    Encap, EncapProp, PACKET_ETHERNET, PACKET_MPLS, PACKET_MPLS_MC, PACKET_NEXT_PROTO, PACKET_NSH,
};
pub use self::hash::{BUNDLE_ALGORITHMS, Bundle, HASH_FIELDS, MAX_MEMBERS, MULTIPATH_ALGORITHMS, Multipath};
pub use self::learn::{
    LEARN_DELETE_LEARNED, LEARN_SEND_FLOW_REM, LEARN_WRITE_RESULT, Learn, LearnSpec, LearnSrc,
};
pub use self::sample::{ObservationId, Sample, SampleDirection};
pub use self::standard::Legacy;
pub use self::subfield::Subfield;
use crate::ids::{GroupId, PacketInReason, PortNo, TableId};
use crate::oxm::{Field, Oxm};

/// Maximum depth of actions inside actions. Deeper ones decode to [`Action::Unknown`] and are
/// refused in encoding. Open vSwitch reads no text that is nested deeper; its version 3.1 does not
/// limit the depth of bytes.
pub const MAX_DEPTH: usize = 99;

/// An action.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// OFPAT_OUTPUT 0.
    Output {
        /// The port.
        port: PortNo,
        /// For CONTROLLER: maximum number of bytes of the packet; 0xffff for all, unbuffered.
        max_len: u16,
    },
    /// OFPAT_COPY_TTL_OUT 11.
    CopyTtlOut,
    /// OFPAT_COPY_TTL_IN 12.
    CopyTtlIn,
    /// OFPAT_SET_MPLS_TTL 15.
    SetMplsTtl(u8),
    /// OFPAT_DEC_MPLS_TTL 16.
    DecMplsTtl,
    /// OFPAT_PUSH_VLAN 17, with the ethertype.
    PushVlan(u16),
    /// OFPAT_POP_VLAN 18.
    PopVlan,
    /// OFPAT_PUSH_MPLS 19, with the ethertype.
    PushMpls(u16),
    /// OFPAT_POP_MPLS 20, with the resulting ethertype.
    PopMpls(u16),
    /// OFPAT_SET_QUEUE 21.
    SetQueue(u32),
    /// OFPAT_GROUP 22.
    Group(GroupId),
    /// OFPAT_SET_NW_TTL 23.
    SetNwTtl(u8),
    /// OFPAT_DEC_NW_TTL 24.
    DecNwTtl,
    /// OFPAT_SET_FIELD 25. With a mask, it has no form of its own in OpenFlow 1.3: see
    /// [`Action::lowered`].
    SetField(Oxm),
    /// OFPAT_PUSH_PBB 26, with the ethertype.
    PushPbb(u16),
    /// OFPAT_POP_PBB 27.
    PopPbb,
    /// NXAST_RESUBMIT_TABLE 14. NXAST_RESUBMIT 1 decodes to it too, with `table` none.
    Resubmit {
        /// The port that replaces the ingress port. `None` keeps it (OFPP_IN_PORT on the wire).
        port: Option<PortNo>,
        /// The table. `None` for the current one.
        table: Option<TableId>,
    },
    /// NXAST_REG_MOVE 6.
    Move {
        /// The source.
        src: Subfield,
        /// The destination, of as many bits.
        dst: Subfield,
    },
    /// NXAST_REG_LOAD 7: at most 64 bits.
    Load {
        /// The destination.
        dst: Subfield,
        /// The value, right-aligned.
        value: u64,
    },
    /// NXAST_REG_LOAD2 33: Nicira's form of `set_field`, with or without a mask.
    RegLoad2(Oxm),
    /// NXAST_NOTE 8: bytes without effect. On the wire, zeros pad them to 6, 14, 22 bytes and so
    /// on. These zeros decode as part of the note.
    Note(Bytes),
    /// NXAST_OUTPUT_REG 15: output to the port that a field holds.
    OutputReg {
        /// The field.
        src: Subfield,
        /// The limit of [`Action::Output`].
        max_len: u16,
    },
    /// NXAST_LEARN 16 or NXAST_LEARN2 45, depending on the parameters.
    Learn(Box<Learn>),
    /// NXAST_EXIT 17: ends the processing of actions.
    Exit,
    /// NXAST_FIN_TIMEOUT 19: shortens the flow's timeouts on FIN or RST.
    FinTimeout {
        /// The idle timeout, in seconds.
        idle: u16,
        /// The hard timeout, in seconds.
        hard: u16,
    },
    /// NXAST_CONTROLLER 20 if `userdata` is empty, and `meter` and `pause` are unset; otherwise
    /// NXAST_CONTROLLER2 37.
    Controller(Box<ToController>),
    /// An action of OpenFlow 1.1 that `set_field` replaced. Open vSwitch still reads it.
    Legacy(Legacy),
    /// ONFACT_COPY_FIELD 3200 (ONF EXT-320): ONF's form of [`Action::Move`].
    CopyField {
        /// The source.
        src: Subfield,
        /// The destination, of as many bits.
        dst: Subfield,
    },
    /// NXAST_SET_TUNNEL 2: sets tun_id.
    SetTunnel(u32),
    /// NXAST_SET_TUNNEL64 9: sets tun_id.
    SetTunnel64(u64),
    /// NXAST_POP_QUEUE 5: restores the queue before `set_queue`.
    PopQueue,
    /// NXAST_RESUBMIT_TABLE_CT 44: [`Action::Resubmit`] with the tracked connection's addresses and
    /// ports.
    ResubmitCt {
        /// The port that replaces the ingress port. `None` keeps it.
        port: Option<PortNo>,
        /// The table. `None` for the current one.
        table: Option<TableId>,
    },
    /// NXAST_MULTIPATH 10.
    Multipath(Box<Multipath>),
    /// NXAST_BUNDLE 12, or NXAST_BUNDLE_LOAD 13 if it has a `dst`.
    Bundle(Box<Bundle>),
    /// NXAST_STACK_PUSH 27.
    Push(Subfield),
    /// NXAST_STACK_POP 28.
    Pop(Subfield),
    /// NXAST_DEC_TTL_CNT_IDS 21: [`Action::DecNwTtl`], which reports to controllers of these ids.
    DecNwTtlIds(Vec<u16>),
    /// NXAST_WRITE_METADATA 22: the instruction as an action, which only OpenFlow 1.0 needs.
    WriteMetadata {
        /// The bits to write.
        value: u64,
        /// The mask of the bits to write.
        mask: u64,
    },
    /// NXAST_SAMPLE 29, NXAST_SAMPLE2 38, NXAST_SAMPLE3 41 or NXAST_SAMPLE4 51, depending on the
    /// parameters.
    Sample(Box<Sample>),
    /// NXAST_CONJUNCTION 34.
    Conjunction {
        /// The conj_id that matches once all clauses do.
        id: u32,
        /// The index of the clause, from 0.
        clause: u8,
        /// The number of clauses.
        n_clauses: u8,
    },
    /// NXAST_CT 35.
    Ct(Box<Ct>),
    /// NXAST_NAT 36, valid in a `ct` only.
    Nat(Nat),
    /// NXAST_CT_CLEAR 43.
    CtClear,
    /// NXAST_OUTPUT_TRUNC 39.
    OutputTrunc {
        /// The port.
        port: PortNo,
        /// Maximum number of bytes of the packet.
        max_len: u32,
    },
    /// NXAST_CLONE 42: actions whose changes to the packet are undone afterwards.
    Clone(Vec<Self>),
    /// NXAST_ENCAP 46.
    Encap(Box<Encap>),
    /// NXAST_DECAP 47, with the resulting packet type.
    Decap(u32),
    /// NXAST_DEC_NSH_TTL 48.
    DecNshTtl,
    /// NXAST_CHECK_PKT_LARGER 49: stores in one bit whether the packet is longer than `len` bytes.
    CheckPktLarger {
        /// The length, in bytes.
        len: u16,
        /// The destination, of one bit.
        dst: Subfield,
    },
    /// NXAST_DELETE_FIELD 50: removes a tunnel option.
    DeleteField(Field),
    /// Any other action, with its bytes unchanged.
    Unknown {
        /// OFPAT_ type; 0xffff is an experimenter's.
        kind: u16,
        /// The bytes after type and length. An experimenter's body begins with the experimenter id.
        body: Bytes,
    },
}

/// The parameters of `controller(...)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ToController {
    /// Maximum number of bytes of the packet.
    pub max_len: u16,
    /// The id of the controllers that receive the packet.
    pub controller_id: u16,
    /// The OFPR_ reason.
    pub reason: PacketInReason,
    /// Bytes by which the controller recognises the flow.
    pub userdata: Bytes,
    /// True if the packet waits for NXT_RESUME.
    pub pause: bool,
    /// The meter that limits the copies.
    pub meter: Option<u32>,
}
