//! Whether an action fits what the flow matches and what the actions before it made of the packet.

use ofproto::PortNo;
use ofproto::action::{Action, CT_COMMIT, Ct, CtZone, Learn, LearnSpec, LearnSrc, NatAddresses, Subfield};
use ofproto::oxm::{Field, Oxm};

use super::Context;
use super::error::{SyntaxError, SyntaxErrorKind};
use super::field;
use super::fields::{Fields, IPV4, IPV6, TAGGED, TCP, UDP};
use super::token::Pair;
use crate::model::Masked;

/// Open vSwitch looks no deeper.
const MAX_TAGS: u8 = 2;

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the list that is applied.
    Apply,
    /// In the action set, which runs later.
    Set,
    /// In `clone`.
    Clone,
    /// In `ct`.
    Ct,
}

/// What is known of the packet where an action runs.
#[derive(Clone)]
pub(super) struct Packet {
    pub(super) fields: Fields,
    /// VLAN tags that are there for sure.
    tags: u8,
    place: Place,
    /// Whether the action runs later, when more may be known.
    lenient: bool,
}

impl Packet {
    /// The packet as it comes in.
    pub(super) fn new(fields: Fields) -> Self {
        let tags = u8::from(fields.is_tagged());
        Self { fields, tags, place: Place::Apply, lenient: false }
    }

    /// Goes into an action with actions inside; the packet as it was comes back, to be restored behind them.
    pub(super) fn enter(&mut self, place: Place) -> Self {
        let before = self.clone();
        self.place = place;
        self.lenient |= place == Place::Set;
        before
    }

    /// Whether what is missing now may be there when the action runs.
    pub(super) fn is_lenient(&self) -> bool {
        self.lenient
    }

    /// Whether it has a VLAN tag.
    pub(super) fn is_tagged(&self) -> bool {
        self.tags > 0
    }

    fn set_tags(&mut self, tags: u8) {
        self.tags = tags;
        let value = if tags > 0 { TAGGED } else { 0 };
        self.fields.set(Field::VlanTci, Masked { value, mask: TAGGED });
    }

    /// Checks what a word stands for, and keeps track of what the packet is behind it.
    pub(super) fn check(
        &mut self,
        cx: &Context<'_>,
        pair: Pair<'_>,
        action: &Action,
    ) -> Result<(), SyntaxError> {
        let word = pair.key;
        let wrong = |message: String| Err(cx.error(SyntaxErrorKind::Inconsistent, word, message));
        let needs = |ok: bool, what: &str| {
            if ok { Ok(()) } else { wrong(format!("{word} needs a match on {what}")) }
        };
        let ip = matches!(self.fields.eth_type(), Some(IPV4 | IPV6));
        self.check_place(cx, pair, action)?;
        match action {
            Action::Output { port, .. } if *port == PortNo::ANY || port.to_u16().is_none() => {
                return Err(cx
                    .error(SyntaxErrorKind::Value, word, "nothing can be sent there")
                    .help("a port number up to 65279, or LOCAL, IN_PORT, NORMAL, FLOOD, ALL or CONTROLLER"));
            }
            Action::OutputReg { src, .. } => readable(cx, pair, *src, &self.fields)?,
            Action::SetField(Oxm::Known { field, value, .. }) => {
                self.writable(cx, pair, *field)?;
                if *field == Field::VlanTci {
                    self.set_tags(u8::from(value & TAGGED != 0));
                }
            }
            Action::Load { dst, value } => {
                self.writable(cx, pair, dst.field)?;
                if dst.field == Field::VlanTci {
                    self.set_tags(u8::from(u128::from(*value) << dst.ofs & TAGGED != 0));
                }
            }
            Action::Move { src, dst } => {
                readable(cx, pair, *src, &self.fields)?;
                self.writable(cx, pair, dst.field)?;
            }
            // What an action set holds runs later: the tag may come from elsewhere.
            Action::PopVlan => {
                needs(self.tags > 0 || self.lenient, "a VLAN tag (dl_vlan=…), or push_vlan before it")?;
                self.set_tags(self.tags.saturating_sub(1));
            }
            Action::PushVlan(_) if self.tags >= MAX_TAGS => {
                return wrong(format!("{word}: Open vSwitch handles at most {MAX_TAGS} VLAN tags"));
            }
            Action::PushVlan(_) => self.set_tags(self.tags + 1),
            Action::SetNwTtl(_) | Action::DecNwTtl | Action::DecNwTtlIds(_) => {
                needs(ip || self.lenient, "ip or ipv6")?
            }
            Action::SetMplsTtl(_) | Action::DecMplsTtl => {
                needs(self.fields.is_mpls() || self.lenient, "mpls")?;
            }
            Action::PushMpls(kind) => {
                needs(self.fields.is_ethernet() || self.lenient, "Ethernet packets")?;
                self.set_eth_type(*kind);
                self.fields.forget(Field::IpProto);
            }
            Action::PopMpls(kind) => {
                let ethernet = self.fields.is_ethernet();
                needs(ethernet && self.fields.is_mpls() || self.lenient, "mpls")?;
                self.set_eth_type(*kind);
            }
            Action::Push(src) => readable(cx, pair, *src, &self.fields)?,
            Action::Pop(dst) => self.writable_bits(cx, pair, dst.field)?,
            Action::Multipath(m) => self.writable_bits(cx, pair, m.dst.field)?,
            Action::Bundle(b) => {
                if let Some(dst) = b.dst {
                    self.writable_bits(cx, pair, dst.field)?;
                }
            }
            Action::RegLoad2(Oxm::Known { field, .. }) => self.writable(cx, pair, *field)?,
            Action::ResubmitCt { .. } => {
                needs(self.fields.is_tracked(), "ct_state with +est, +new or the like, or with +trk-inv")?;
            }
            Action::DecNshTtl => needs(self.fields.is_nsh() || self.lenient, "NSH packets (dl_type=0x894f)")?,
            Action::Ct(ct) => self.check_ct(cx, pair, ct)?,
            Action::Nat(nat) => {
                let v4 = self.fields.eth_type() == Some(IPV4);
                let v6 = self.fields.eth_type() == Some(IPV6);
                match nat.addresses {
                    NatAddresses::None => needs(v4 || v6, "ip or ipv6")?,
                    NatAddresses::V4(..) => needs(v4, "ip")?,
                    NatAddresses::V6(..) => needs(v6, "ipv6")?,
                }
            }
            Action::Encap(encap) => self.fields.encapsulate(encap.packet_type),
            Action::Decap(_) => self.fields.decapsulate(),
            Action::FinTimeout { .. } => needs(self.fields.protocol() == Some(TCP), "tcp")?,
            Action::Learn(learn) => check_learn(cx, pair, learn, &self.fields)?,
            _ => {}
        }
        Ok(())
    }

    /// Which actions may stand inside which.
    fn check_place(&self, cx: &Context<'_>, pair: Pair<'_>, action: &Action) -> Result<(), SyntaxError> {
        let word = pair.key;
        let wrong = |message: String| Err(cx.error(SyntaxErrorKind::Inconsistent, word, message));
        let of_connection = match action {
            Action::SetField(Oxm::Known { field, .. }) | Action::RegLoad2(Oxm::Known { field, .. }) => {
                Some(*field)
            }
            Action::Load { dst, .. } | Action::Move { dst, .. } => Some(dst.field),
            _ => None,
        }
        .filter(|field| matches!(field, Field::CtMark | Field::CtLabel));
        match (self.place, action) {
            (Place::Ct, Action::Nat(_) | Action::Conjunction { .. } | Action::Note(_)) => Ok(()),
            (Place::Ct, _) if of_connection.is_some() => Ok(()),
            (Place::Ct, _) => {
                wrong(format!("{word} cannot stand in ct: only nat, and what sets ct_mark or ct_label"))
            }
            (_, Action::Nat(_)) => wrong("nat can stand in ct only".to_owned()),
            (Place::Set, action) if !is_for_set(action) => {
                wrong(format!("{word} cannot stand in write_actions"))
            }
            _ => match of_connection {
                Some(field) => wrong(format!("{} can be set inside ct only", field.info().name)),
                None => Ok(()),
            },
        }
    }

    fn check_ct(&self, cx: &Context<'_>, pair: Pair<'_>, ct: &Ct) -> Result<(), SyntaxError> {
        let needs = |ok: bool, what: &str| {
            let message = format!("{} needs a match on {what}", pair.key);
            if ok { Ok(()) } else { Err(cx.error(SyntaxErrorKind::Inconsistent, pair.key, message)) }
        };
        let fields = &self.fields;
        needs(matches!(fields.eth_type(), Some(IPV4 | IPV6)), "ip or ipv6")?;
        for (name, port, protocol) in [("tcp for alg=ftp", 21, TCP), ("udp for alg=tftp", 69, UDP)] {
            needs(ct.alg != port || fields.protocol() == Some(protocol), name)?;
        }
        if ct.flags & CT_COMMIT != 0 && fields.is_invalid_connection() {
            let message = "a connection that is invalid cannot be committed";
            return Err(cx.error(SyntaxErrorKind::Inconsistent, pair.key, message).help("ct_state=+trk-inv"));
        }
        match ct.zone {
            CtZone::Field(src) => readable(cx, pair, src, fields),
            CtZone::Immediate(_) => Ok(()),
        }
    }

    fn set_eth_type(&mut self, kind: u16) {
        self.fields.set(Field::EthType, Masked::exact(Field::EthType, u128::from(kind)));
    }

    /// As [`Self::writable`], where Open vSwitch asks for no tag to write an id into.
    fn writable_bits(&self, cx: &Context<'_>, pair: Pair<'_>, dst: Field) -> Result<(), SyntaxError> {
        if self.fields.has(dst) { Ok(()) } else { Err(missing(cx, pair, dst)) }
    }

    /// Any frame has a VLAN id to read, "none" too; only a tagged one has one to write.
    fn writable(&self, cx: &Context<'_>, pair: Pair<'_>, dst: Field) -> Result<(), SyntaxError> {
        if self.fields.has(dst) && (dst != Field::VlanVid || self.is_tagged()) {
            Ok(())
        } else {
            Err(missing(cx, pair, dst))
        }
    }
}

/// Whether an action set may hold the action.
fn is_for_set(action: &Action) -> bool {
    !matches!(
        action,
        Action::Learn(_)
            | Action::Note(_)
            | Action::Exit
            | Action::OutputReg { .. }
            | Action::OutputTrunc { .. }
            | Action::Controller(_)
            | Action::FinTimeout { .. }
            | Action::Bundle(_)
            | Action::Multipath(_)
            | Action::Clone(_)
            | Action::Conjunction { .. }
            | Action::PopQueue
            | Action::Sample(_)
            | Action::Push(_)
            | Action::Pop(_)
            | Action::CheckPktLarger { .. }
            | Action::DeleteField(_)
    )
}

fn missing(cx: &Context<'_>, pair: Pair<'_>, field: Field) -> SyntaxError {
    let name = field.info().name;
    cx.error(SyntaxErrorKind::Inconsistent, pair.key, format!("{}: the packet may have no {name}", pair.key))
        .help(format!("match what {name} needs, such as ip, tcp, udp or dl_vlan"))
}

fn readable(cx: &Context<'_>, pair: Pair<'_>, src: Subfield, fields: &Fields) -> Result<(), SyntaxError> {
    if fields.has(src.field) { Ok(()) } else { Err(missing(cx, pair, src.field)) }
}

/// Sources come from the packet at hand, destinations belong to the flow that is learned.
fn check_learn(cx: &Context<'_>, pair: Pair<'_>, learn: &Learn, packet: &Fields) -> Result<(), SyntaxError> {
    let mut learned = Fields::default();
    for spec in &learn.specs {
        let (dst, src) = match spec {
            LearnSpec::Match { dst, src } | LearnSpec::Load { dst, src } => (dst, src),
            LearnSpec::Output { src } => {
                readable(cx, pair, *src, packet)?;
                continue;
            }
        };
        if let LearnSrc::Field(src) = src {
            readable(cx, pair, *src, packet)?;
        }
        if !learned.has(dst.field) {
            let name = dst.field.info().name;
            let message =
                format!("learn: the flow that is learned names {name} and does not match what it needs");
            return Err(cx.error(SyntaxErrorKind::Inconsistent, pair.key, message).help(format!(
                "before {name}, inside learn(…): eth_type=0x800 for IPv4, and nw_proto=6 for TCP, 17 for UDP"
            )));
        }
        if let (LearnSpec::Match { .. }, LearnSrc::Immediate(value)) = (spec, src) {
            let mask = field::ones(dst.n_bits) << dst.ofs;
            learned.set_bits(dst.field, Masked { value: value << dst.ofs, mask });
        }
    }
    Ok(())
}
