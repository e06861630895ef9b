//! Whether an action fits what the flow matches and what the actions before it made of the packet.

use ofproto::PortNo;
use ofproto::action::{Action, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::oxm::{Field, Oxm};

use super::Context;
use super::error::{SyntaxError, SyntaxErrorKind};
use super::fields::{Fields, IPV4, IPV6, TAGGED, TCP};
use super::token::Pair;
use crate::model::Masked;

/// What is known of a TCI once a tag was pushed.
pub(super) const TAG: Masked = Masked { value: TAGGED, mask: TAGGED };
const UNTAGGED: Masked = Masked { value: 0, mask: 0x1fff };

/// Checks an action, and keeps `fields` up to what the packet is behind it.
pub(super) fn action(
    cx: &Context<'_>,
    pair: Pair<'_>,
    action: &Action,
    fields: &mut Fields,
    in_set: bool,
) -> Result<(), SyntaxError> {
    let word = pair.key;
    let needs = |ok: bool, what: &str| {
        let message = format!("{word} needs a match on {what}");
        if ok { Ok(()) } else { Err(cx.error(SyntaxErrorKind::Inconsistent, word, message)) }
    };
    let ip = matches!(fields.eth_type(), Some(IPV4 | IPV6));
    match action {
        Action::Output { port, .. } if *port == PortNo::ANY || port.to_u16().is_none() => {
            return Err(cx
                .error(SyntaxErrorKind::Value, word, "nothing can be sent there")
                .help("a port number up to 65279, or LOCAL, IN_PORT, NORMAL, FLOOD, ALL or CONTROLLER"));
        }
        Action::OutputReg { src, .. } => readable(cx, pair, *src, fields)?,
        Action::SetField(Oxm::Known { field, value, .. }) => {
            writable(cx, pair, *field, fields)?;
            if *field == Field::VlanTci {
                fields.set(*field, Masked::exact(*field, *value));
            }
        }
        Action::Load { dst, value } => {
            writable(cx, pair, dst.field, fields)?;
            if *dst == Subfield::whole(Field::VlanTci) {
                fields.set(dst.field, Masked::exact(dst.field, u128::from(*value)));
            }
        }
        Action::Move { src, dst } => {
            readable(cx, pair, *src, fields)?;
            writable(cx, pair, dst.field, fields)?;
        }
        Action::PopVlan => {
            // What an action set holds runs later: the tag may come from elsewhere.
            needs(fields.is_tagged() || in_set, "a VLAN tag (dl_vlan=…), or push_vlan before it")?;
            fields.set(Field::VlanTci, UNTAGGED);
        }
        Action::PushVlan(_) => fields.set(Field::VlanTci, TAG),
        Action::SetNwTtl(_) | Action::DecNwTtl => needs(ip || in_set, "ip or ipv6")?,
        Action::SetMplsTtl(_) | Action::DecMplsTtl => needs(fields.is_mpls(), "mpls")?,
        Action::PushMpls(kind) => {
            fields.set(Field::EthType, Masked::exact(Field::EthType, u128::from(*kind)));
        }
        Action::PopMpls(kind) => {
            needs(fields.is_mpls(), "mpls")?;
            fields.set(Field::EthType, Masked::exact(Field::EthType, u128::from(*kind)));
        }
        Action::FinTimeout { .. } => needs(fields.protocol() == Some(TCP), "tcp")?,
        Action::Learn(learn) => self::learn(cx, pair, learn, fields)?,
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
    if in_set && never_in_set {
        let message = format!("{word} cannot stand in write_actions");
        return Err(cx.error(SyntaxErrorKind::Inconsistent, word, message));
    }
    Ok(())
}

fn inconsistent(cx: &Context<'_>, pair: Pair<'_>, field: Field) -> SyntaxError {
    let name = field.info().name;
    cx.error(SyntaxErrorKind::Inconsistent, pair.key, format!("{}: the packet may have no {name}", pair.key))
        .help(format!("match what {name} needs, such as ip, tcp or udp"))
}

fn readable(cx: &Context<'_>, pair: Pair<'_>, src: Subfield, fields: &Fields) -> Result<(), SyntaxError> {
    if fields.has(src.field) { Ok(()) } else { Err(inconsistent(cx, pair, src.field)) }
}

fn writable(cx: &Context<'_>, pair: Pair<'_>, dst: Field, fields: &Fields) -> Result<(), SyntaxError> {
    if fields.has(dst) { Ok(()) } else { Err(inconsistent(cx, pair, dst)) }
}

/// Sources come from the packet at hand, destinations belong to the flow that is learned.
fn learn(cx: &Context<'_>, pair: Pair<'_>, learn: &Learn, fields: &Fields) -> Result<(), SyntaxError> {
    let mut learned = Fields::default();
    for spec in &learn.specs {
        match spec {
            LearnSpec::Match { dst, src } => {
                if let LearnSrc::Field(src) = src {
                    readable(cx, pair, *src, fields)?;
                }
                readable(cx, pair, *dst, &learned)?;
                if let LearnSrc::Immediate(value) = src {
                    let mask = super::field::ones(dst.n_bits) << dst.ofs;
                    learned.set_bits(dst.field, Masked { value: value << dst.ofs, mask });
                }
            }
            LearnSpec::Load { dst, src } => {
                if let LearnSrc::Field(src) = src {
                    readable(cx, pair, *src, fields)?;
                }
                writable(cx, pair, dst.field, &learned)?;
            }
            LearnSpec::Output { src } => readable(cx, pair, *src, fields)?,
        }
    }
    Ok(())
}
