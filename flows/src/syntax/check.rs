//! Whether an action fits what the flow matches and what the actions before it made of the packet.

use ofproto::PortNo;
use ofproto::action::{Action, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::oxm::{Field, Oxm};

use super::Context;
use super::error::{SyntaxError, SyntaxErrorKind};
use super::field;
use super::fields::{Fields, IPV4, IPV6, TAGGED, TCP};
use super::token::Pair;
use crate::model::Masked;

/// Open vSwitch looks no deeper.
const MAX_TAGS: u8 = 2;

/// What is known of the packet where an action runs.
pub(super) struct Packet {
    pub(super) fields: Fields,
    /// VLAN tags that are there for sure.
    tags: u8,
    /// Whether the action goes into the action set, which runs later.
    pub(super) in_set: bool,
}

impl Packet {
    /// The packet as it comes in.
    pub(super) fn new(fields: Fields) -> Self {
        let tags = u8::from(fields.is_tagged());
        Self { fields, tags, in_set: false }
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
                needs(self.tags > 0 || self.in_set, "a VLAN tag (dl_vlan=…), or push_vlan before it")?;
                self.set_tags(self.tags.saturating_sub(1));
            }
            Action::PushVlan(_) if self.tags >= MAX_TAGS => {
                return wrong(format!("{word}: Open vSwitch handles at most {MAX_TAGS} VLAN tags"));
            }
            Action::PushVlan(_) => self.set_tags(self.tags + 1),
            Action::SetNwTtl(_) | Action::DecNwTtl => needs(ip || self.in_set, "ip or ipv6")?,
            Action::SetMplsTtl(_) | Action::DecMplsTtl => needs(self.fields.is_mpls(), "mpls")?,
            Action::PushMpls(kind) => self.set_eth_type(*kind),
            Action::PopMpls(kind) => {
                needs(self.fields.is_mpls(), "mpls")?;
                self.set_eth_type(*kind);
            }
            Action::FinTimeout { .. } => needs(self.fields.protocol() == Some(TCP), "tcp")?,
            Action::Learn(learn) => check_learn(cx, pair, learn, &self.fields)?,
            _ => {}
        }
        let never_in_set = matches!(
            action,
            Action::Learn(_)
                | Action::Note(_)
                | Action::Exit
                | Action::OutputReg { .. }
                | Action::Controller(_)
                | Action::FinTimeout { .. }
        );
        if self.in_set && never_in_set {
            return wrong(format!("{word} cannot stand in write_actions"));
        }
        Ok(())
    }

    fn set_eth_type(&mut self, kind: u16) {
        self.fields.set(Field::EthType, Masked::exact(Field::EthType, u128::from(kind)));
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
        readable(cx, pair, *dst, &learned)?;
        if let (LearnSpec::Match { .. }, LearnSrc::Immediate(value)) = (spec, src) {
            let mask = field::ones(dst.n_bits) << dst.ofs;
            learned.set_bits(dst.field, Masked { value: value << dst.ofs, mask });
        }
    }
    Ok(())
}
