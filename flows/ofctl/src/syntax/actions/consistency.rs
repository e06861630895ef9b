//! Checks an action against the match of the flow, and against the effects of the actions before
//! it.

use flow_model::Masked;
use ofproto::OvsError;
use ofproto::action::{
    Action, CT_COMMIT, Ct, CtZone, Learn, LearnSpec, LearnSrc, Legacy, NatAddresses, Subfield,
};
use ofproto::oxm::{Field, Oxm};

use crate::syntax::Context;
use crate::syntax::lex::error::{SyntaxError, SyntaxErrorKind};
use crate::syntax::lex::token::KeyValue;
use crate::syntax::matching::field;
use crate::syntax::matching::fields::{Fields, IPV4, IPV6, SCTP, TAGGED, TCP, UDP};

/// The reason why an action does not fit.
pub(in crate::syntax) struct InconsistentAction {
    /// The error that a switch answers.
    pub(in crate::syntax) ovs_error: OvsError,
    /// True if Open vSwitch continues to look for a worse error, because OpenFlow 1.0 would accept
    /// this one.
    pub(in crate::syntax) passable: bool,
    message: String,
    help: Option<String>,
}

impl InconsistentAction {
    fn new(ovs_error: OvsError, message: impl Into<String>) -> Self {
        Self { ovs_error, passable: false, message: message.into(), help: None }
    }

    fn inconsistent(message: impl Into<String>) -> Self {
        Self::new(OvsError::MatchInconsistent, message)
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Returns the error as a syntax error, at the word of the action.
    fn at(self, cx: &Context<'_>, word: &str) -> SyntaxError {
        let kind = match self.ovs_error {
            OvsError::ActionOutPort => SyntaxErrorKind::Value,
            _ => SyntaxErrorKind::Inconsistent,
        };
        let error = cx.error(kind, word, self.message);
        self.help.into_iter().fold(error, SyntaxError::help)
    }
}

type ConsistencyCheck = Result<(), InconsistentAction>;

/// The position of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::syntax) enum ActionPosition {
    /// In the list of apply_actions.
    Apply,
    /// In the action set, which runs later.
    Set,
    /// In `clone`.
    Clone,
    /// In `ct`.
    Ct,
}

/// The known facts about the packet where an action runs.
#[derive(Clone)]
pub(in crate::syntax) struct PacketFacts {
    pub(in crate::syntax) fields: Fields,
    /// The VLAN tags that are certainly present, the outer one first. Open vSwitch looks no deeper.
    tags: [bool; 2],
    place: ActionPosition,
    /// True if the action runs later, when more may be known.
    lenient: bool,
}

impl PacketFacts {
    /// Returns the facts about the packet at its arrival.
    pub(in crate::syntax) fn new(fields: Fields) -> Self {
        let tags = [fields.is_tagged(), false];
        Self { fields, tags, place: ActionPosition::Apply, lenient: false }
    }

    /// Enters an action with nested actions. Returns the facts from before, to be restored
    /// afterwards.
    pub(in crate::syntax) fn enter(&mut self, place: ActionPosition) -> Self {
        let before = self.clone();
        self.place = place;
        self.lenient |= place == ActionPosition::Set;
        before
    }

    /// Returns whether a missing prerequisite may be present when the action runs.
    pub(in crate::syntax) fn is_lenient(&self) -> bool {
        self.lenient
    }

    /// Returns whether the packet has a VLAN tag.
    pub(in crate::syntax) fn is_tagged(&self) -> bool {
        self.tags[0]
    }

    fn set_tags(&mut self, tags: [bool; 2]) {
        self.tags = tags;
        let value = if self.is_tagged() { TAGGED } else { 0 };
        self.fields.set(Field::VlanTci, Masked { value, mask: TAGGED });
    }

    /// Checks the actions of a word, and tracks the packet after them.
    pub(in crate::syntax) fn check(
        &mut self,
        cx: &Context<'_>,
        pair: KeyValue<'_>,
        action: &Action,
    ) -> Result<(), SyntaxError> {
        let word = pair.key;
        let placed = self.check_place(word, action);
        placed.and_then(|()| self.run(word, action)).map_err(|misfit| misfit.at(cx, word))
    }

    /// Checks that the action has its prerequisites, and applies it to the packet. `word` is its
    /// name in messages.
    pub(in crate::syntax) fn run(&mut self, word: &str, action: &Action) -> ConsistencyCheck {
        let needs = |ok: bool, what: &str| {
            if ok {
                Ok(())
            } else {
                Err(InconsistentAction::inconsistent(format!("{word} needs a match on {what}")))
            }
        };
        // The actions of an action set run later, when more may be known.
        let lenient = self.lenient;
        let wants = |ok: bool, what: &str| {
            needs(ok || lenient, what).map_err(|misfit| InconsistentAction { passable: true, ..misfit })
        };
        let ip = matches!(self.fields.eth_type(), Some(IPV4 | IPV6));
        let v4 = self.fields.eth_type() == Some(IPV4);
        match action {
            Action::Output { port, .. } | Action::OutputTrunc { port, .. } if !port.is_output() => {
                return Err(InconsistentAction::new(OvsError::ActionOutPort, "nothing can be sent there")
                    .help("a port number up to 65279, or LOCAL, IN_PORT, NORMAL, FLOOD, ALL or CONTROLLER"));
            }
            Action::OutputReg { src, .. } | Action::Push(src) => self.readable(word, *src)?,
            Action::SetField(Oxm::Known { field, value, .. })
            | Action::RegLoad2(Oxm::Known { field, value, .. }) => {
                self.writable(word, *field)?;
                if *field == Field::VlanTci {
                    self.set_tags([value & TAGGED != 0, self.tags[1]]);
                }
            }
            Action::Load { dst, value } => {
                self.writable(word, dst.field)?;
                if dst.field == Field::VlanTci {
                    self.set_tags([u128::from(*value) << dst.ofs & TAGGED != 0, self.tags[1]]);
                }
            }
            Action::Move { src, dst } | Action::CopyField { src, dst } => {
                self.readable(word, *src)?;
                self.there(word, dst.field)?;
            }
            Action::PopVlan => {
                let tagged = self.is_tagged();
                self.set_tags([self.tags[1], false]);
                wants(tagged, "a VLAN tag (dl_vlan=…), or push_vlan before it")?;
            }
            Action::PushVlan(_) => {
                if self.tags[1] {
                    let most = self.tags.len();
                    let message = format!("{word}: Open vSwitch handles at most {most} VLAN tags");
                    return Err(InconsistentAction::new(OvsError::ActionTag, message));
                }
                self.set_tags([true, self.tags[0]]);
            }
            Action::Legacy(legacy) => self.run_legacy(*legacy, wants)?,
            Action::SetNwTtl(_) | Action::DecNwTtl | Action::DecNwTtlIds(_) => wants(ip, "ip or ipv6")?,
            Action::SetMplsTtl(_) | Action::DecMplsTtl => wants(self.fields.is_mpls(), "mpls")?,
            Action::PushMpls(kind) => {
                let ethernet = self.fields.is_ethernet();
                self.set_eth_type(*kind);
                self.fields.forget(Field::IpProto);
                wants(ethernet, "Ethernet packets")?;
            }
            Action::PopMpls(kind) => {
                let mpls = self.fields.is_ethernet() && self.fields.is_mpls();
                self.set_eth_type(*kind);
                wants(mpls, "mpls")?;
            }
            Action::Pop(dst) => self.there(word, dst.field)?,
            Action::Multipath(m) => self.there(word, m.dst.field)?,
            Action::Bundle(b) => b.dst.map_or(Ok(()), |dst| self.there(word, dst.field))?,
            Action::ResubmitCt { .. } => {
                needs(self.fields.is_tracked(), "ct_state with +est, +new or the like, or with +trk-inv")?;
            }
            Action::DecNshTtl => wants(self.fields.is_nsh(), "NSH packets (dl_type=0x894f)")?,
            Action::Ct(ct) => self.run_ct(word, ct)?,
            Action::Nat(nat) => match nat.addresses {
                NatAddresses::None => needs(ip, "ip or ipv6")?,
                NatAddresses::V4(..) => needs(v4, "ip")?,
                NatAddresses::V6(..) => needs(ip && !v4, "ipv6")?,
            },
            Action::Encap(encap) => self.fields.encapsulate(encap.packet_type),
            Action::Decap(_) => self.fields.decapsulate(),
            Action::FinTimeout { .. } => wants(self.fields.protocol() == Some(TCP), "tcp")?,
            Action::Learn(learn) => self.run_learn(word, learn)?,
            Action::DeleteField(field) if field.tun_metadata().is_none() => {
                return Err(InconsistentAction::new(
                    OvsError::ActionArgument,
                    format!("{word}: only tunnel options can go"),
                ));
            }
            _ => {}
        }
        Ok(())
    }

    /// Applies the actions of OpenFlow 1.1 that set one field each.
    fn run_legacy(
        &mut self,
        legacy: Legacy,
        wants: impl Fn(bool, &str) -> ConsistencyCheck,
    ) -> ConsistencyCheck {
        let ip = matches!(self.fields.eth_type(), Some(IPV4 | IPV6));
        match legacy {
            Legacy::VlanVid(_) | Legacy::VlanPcp(_) => {
                let tagged = self.is_tagged();
                self.set_tags([true, self.tags[1]]);
                wants(tagged, "a VLAN tag")
            }
            Legacy::Ipv4Src(_) | Legacy::Ipv4Dst(_) => wants(self.fields.eth_type() == Some(IPV4), "ip"),
            Legacy::NwTos(_) | Legacy::NwEcn(_) => wants(ip, "ip or ipv6"),
            Legacy::TpSrc(_) | Legacy::TpDst(_) => {
                let ports = matches!(self.fields.protocol(), Some(TCP | UDP | SCTP));
                wants(ip && ports && !self.fields.is_later_fragment(), "tcp, udp or sctp")
            }
            Legacy::MplsLabel(_) | Legacy::MplsTc(_) => wants(self.fields.is_mpls(), "mpls"),
            Legacy::EthSrc(_) | Legacy::EthDst(_) => Ok(()),
        }
    }

    /// Checks that the action may occur in its position.
    fn check_place(&self, word: &str, action: &Action) -> ConsistencyCheck {
        let wrong = |message: String| Err(InconsistentAction::inconsistent(message));
        let of_connection = match action {
            Action::SetField(Oxm::Known { field, .. }) | Action::RegLoad2(Oxm::Known { field, .. }) => {
                Some(*field)
            }
            Action::Load { dst, .. } | Action::Move { dst, .. } => Some(dst.field),
            _ => None,
        }
        .filter(|field| matches!(field, Field::CtMark | Field::CtLabel));
        match (self.place, action) {
            (ActionPosition::Ct, Action::Nat(_) | Action::Conjunction { .. } | Action::Note(_)) => Ok(()),
            (ActionPosition::Ct, _) if of_connection.is_some() => Ok(()),
            (ActionPosition::Ct, _) => {
                wrong(format!("{word} cannot stand in ct: only nat, and what sets ct_mark or ct_label"))
            }
            (_, Action::Nat(_)) => wrong("nat can stand in ct only".to_owned()),
            (ActionPosition::Set, action) if !is_for_set(action) => {
                wrong(format!("{word} cannot stand in write_actions"))
            }
            _ => match of_connection {
                Some(field) => wrong(format!("{} can be set inside ct only", field.info().name)),
                None => Ok(()),
            },
        }
    }

    fn run_ct(&self, word: &str, ct: &Ct) -> ConsistencyCheck {
        let needs = |ok: bool, what: &str| {
            if ok {
                Ok(())
            } else {
                Err(InconsistentAction::inconsistent(format!("{word} needs a match on {what}")))
            }
        };
        let fields = &self.fields;
        needs(matches!(fields.eth_type(), Some(IPV4 | IPV6)), "ip or ipv6")?;
        for (name, port, protocol) in [("tcp for alg=ftp", 21, TCP), ("udp for alg=tftp", 69, UDP)] {
            needs(ct.alg != port || fields.protocol() == Some(protocol), name)?;
        }
        if ct.flags & CT_COMMIT != 0 && fields.is_invalid_connection() {
            let message = "a connection that is invalid cannot be committed";
            return Err(InconsistentAction::inconsistent(message).help("ct_state=+trk-inv"));
        }
        match ct.zone {
            CtZone::Field(src) => self.readable(word, src),
            CtZone::Immediate(_) => Ok(()),
        }
    }

    fn set_eth_type(&mut self, kind: u16) {
        self.fields.set(Field::EthType, Masked::exact(Field::EthType, u128::from(kind)));
    }

    fn readable(&self, word: &str, src: Subfield) -> ConsistencyCheck {
        self.there(word, src.field)
    }

    fn there(&self, word: &str, field: Field) -> ConsistencyCheck {
        if self.fields.has(field) { Ok(()) } else { Err(missing(word, field)) }
    }

    /// Checks that a field can be written. Every frame has a VLAN id to read, including "none";
    /// only a tagged frame has one to write. If Open vSwitch needs no tag to write an id, use
    /// [`Self::there`].
    fn writable(&self, word: &str, dst: Field) -> ConsistencyCheck {
        if dst == Field::VlanVid && !self.is_tagged() {
            return Err(missing(word, dst));
        }
        self.there(word, dst)
    }

    /// Checks a `learn`. Sources come from the packet; destinations belong to the learned flow.
    fn run_learn(&self, word: &str, learn: &Learn) -> ConsistencyCheck {
        let mut learned = Fields::default();
        for spec in &learn.specs {
            let (dst, src) = match spec {
                LearnSpec::Match { dst, src } | LearnSpec::Load { dst, src } => (dst, src),
                LearnSpec::Output { src } => {
                    self.readable(word, *src)?;
                    continue;
                }
            };
            if let LearnSrc::Field(src) = src {
                self.readable(word, *src)?;
            }
            if !learned.has(dst.field) {
                let name = dst.field.info().name;
                let message =
                    format!("learn: the flow that is learned names {name} and does not match what it needs");
                return Err(InconsistentAction::inconsistent(message).help(format!(
                    "before {name}, inside learn(…): eth_type=0x800 for IPv4, and nw_proto=6 for TCP, 17 for UDP"
                )));
            }
            match (spec, src) {
                (LearnSpec::Match { .. }, LearnSrc::Immediate(value)) => {
                    let mask = field::ones(dst.n_bits) << dst.ofs;
                    learned.set_bits(dst.field, Masked { value: value << dst.ofs, mask });
                }
                (LearnSpec::Load { .. }, _) if !dst.field.is_writable() => {
                    let message = format!("learn: {} is read-only", dst.field.info().name);
                    return Err(InconsistentAction::new(OvsError::ActionSetArgument, message));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Returns whether an action set may hold the action.
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

fn missing(word: &str, field: Field) -> InconsistentAction {
    let name = field.info().name;
    InconsistentAction::inconsistent(format!("{word}: the packet may have no {name}"))
        .help(format!("match what {name} needs, such as ip, tcp, udp or dl_vlan"))
}
