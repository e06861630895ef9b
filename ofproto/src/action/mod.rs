//! Actions (OpenFlow 1.3.5 §7.2.5, ovs-actions(7)).
//!
//! # What is supported
//! "Yes" is: taken apart and put together ([`Action::decode_list`], [`Action::encode_list`]), read and printed as text by the
//! crate `flows`, and checked as Open vSwitch checks it ([`Action::ovs_error`]). Whatever is in no row is kept as it came:
//! [`Action::Unknown`].
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
//! Fields that a switch has mapped to tunnel options (NXT_TLV_TABLE_MOD) have headers as long as the option; only headers
//! of the full 124 bytes, as `ovs-ofctl` sends them, are taken apart in actions, others are kept as they came.

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

/// Actions inside actions, at most so deep: what is deeper comes out as [`Action::Unknown`], and is refused in encoding.
/// Open vSwitch reads no text that is nested deeper; of bytes, its version 3.1 asks no depth.
pub const MAX_DEPTH: usize = 99;

/// An action.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// OFPAT_OUTPUT 0.
    Output {
        /// The port.
        port: PortNo,
        /// For CONTROLLER: at most so many bytes of the packet; 0xffff for all, unbuffered.
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
    /// OFPAT_POP_MPLS 20, with the ethertype that follows.
    PopMpls(u16),
    /// OFPAT_SET_QUEUE 21.
    SetQueue(u32),
    /// OFPAT_GROUP 22.
    Group(GroupId),
    /// OFPAT_SET_NW_TTL 23.
    SetNwTtl(u8),
    /// OFPAT_DEC_NW_TTL 24.
    DecNwTtl,
    /// OFPAT_SET_FIELD 25. Masked, it has no form of its own in OpenFlow 1.3: see [`Action::lowered`].
    SetField(Oxm),
    /// OFPAT_PUSH_PBB 26, with the ethertype.
    PushPbb(u16),
    /// OFPAT_POP_PBB 27.
    PopPbb,
    /// NXAST_RESUBMIT_TABLE 14; NXAST_RESUBMIT 1 is read as the same with `table` none.
    Resubmit {
        /// In place of the port of arrival; none keeps it (OFPP_IN_PORT on the wire).
        port: Option<PortNo>,
        /// The table; none for the current one.
        table: Option<TableId>,
    },
    /// NXAST_REG_MOVE 6.
    Move {
        /// From.
        src: Subfield,
        /// To, as many bits.
        dst: Subfield,
    },
    /// NXAST_REG_LOAD 7: at most 64 bits.
    Load {
        /// To.
        dst: Subfield,
        /// The value, right-aligned.
        value: u64,
    },
    /// NXAST_REG_LOAD2 33: `set_field`, with a mask or without, as Nicira says it.
    RegLoad2(Oxm),
    /// NXAST_NOTE 8: bytes that do nothing. On the wire zeros follow until there are 6, 14, 22 and so on, and
    /// they come back as part of the note.
    Note(Bytes),
    /// NXAST_OUTPUT_REG 15: output to the port that a field holds.
    OutputReg {
        /// The field.
        src: Subfield,
        /// As for [`Action::Output`].
        max_len: u16,
    },
    /// NXAST_LEARN 16 or NXAST_LEARN2 45, whichever the parameters need.
    Learn(Box<Learn>),
    /// NXAST_EXIT 17: no further action.
    Exit,
    /// NXAST_FIN_TIMEOUT 19: shortens the flow's timeouts at FIN or RST.
    FinTimeout {
        /// Seconds.
        idle: u16,
        /// Seconds.
        hard: u16,
    },
    /// NXAST_CONTROLLER 20 when `userdata` is empty, `meter` and `pause` unset; else NXAST_CONTROLLER2 37.
    Controller(Box<ToController>),
    /// OpenFlow 1.1's actions that `set_field` replaced: Open vSwitch reads them still.
    Legacy(Legacy),
    /// ONFACT_COPY_FIELD 3200 (ONF EXT-320): what [`Action::Move`] does.
    CopyField {
        /// From.
        src: Subfield,
        /// To, as many bits.
        dst: Subfield,
    },
    /// NXAST_SET_TUNNEL 2: tun_id.
    SetTunnel(u32),
    /// NXAST_SET_TUNNEL64 9: tun_id.
    SetTunnel64(u64),
    /// NXAST_POP_QUEUE 5: back to the queue before `set_queue`.
    PopQueue,
    /// NXAST_RESUBMIT_TABLE_CT 44: as [`Action::Resubmit`], with the tracked connection's addresses and ports.
    ResubmitCt {
        /// In place of the port of arrival; none keeps it.
        port: Option<PortNo>,
        /// The table; none for the current one.
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
    /// NXAST_DEC_TTL_CNT_IDS 21: [`Action::DecNwTtl`], for controllers of these ids to know of.
    DecNwTtlIds(Vec<u16>),
    /// NXAST_WRITE_METADATA 22, which only OpenFlow 1.0 needs: the instruction as an action.
    WriteMetadata {
        /// The bits.
        value: u64,
        /// Which count.
        mask: u64,
    },
    /// NXAST_SAMPLE 29, NXAST_SAMPLE2 38, NXAST_SAMPLE3 41 or NXAST_SAMPLE4 51, whichever the parameters need.
    Sample(Box<Sample>),
    /// NXAST_CONJUNCTION 34.
    Conjunction {
        /// The conj_id that is matched when all clauses are.
        id: u32,
        /// Which clause, from 0.
        clause: u8,
        /// Of how many.
        n_clauses: u8,
    },
    /// NXAST_CT 35.
    Ct(Box<Ct>),
    /// NXAST_NAT 36: in a `ct` only.
    Nat(Nat),
    /// NXAST_CT_CLEAR 43.
    CtClear,
    /// NXAST_OUTPUT_TRUNC 39.
    OutputTrunc {
        /// The port.
        port: PortNo,
        /// At most so many bytes of the packet.
        max_len: u32,
    },
    /// NXAST_CLONE 42: what these do to the packet is undone behind them.
    Clone(Vec<Self>),
    /// NXAST_ENCAP 46.
    Encap(Box<Encap>),
    /// NXAST_DECAP 47, with the packet type that comes of it.
    Decap(u32),
    /// NXAST_DEC_NSH_TTL 48.
    DecNshTtl,
    /// NXAST_CHECK_PKT_LARGER 49: whether the packet is longer than `len` bytes, as one bit.
    CheckPktLarger {
        /// In bytes.
        len: u16,
        /// One bit.
        dst: Subfield,
    },
    /// NXAST_DELETE_FIELD 50: a tunnel option is left out.
    DeleteField(Field),
    /// Any other action, kept as it came.
    Unknown {
        /// OFPAT_ type; 0xffff is an experimenter's.
        kind: u16,
        /// All behind type and length: for an experimenter's its id comes first.
        body: Bytes,
    },
}

/// What `controller(...)` sends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ToController {
    /// At most so many bytes of the packet.
    pub max_len: u16,
    /// Only to controllers of this id.
    pub controller_id: u16,
    /// OFPR_ reason.
    pub reason: PacketInReason,
    /// Bytes for the controller to recognise the flow by.
    pub userdata: Bytes,
    /// Whether the packet waits for NXT_RESUME.
    pub pause: bool,
    /// A meter for the copy.
    pub meter: Option<u32>,
}
