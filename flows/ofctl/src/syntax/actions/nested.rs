//! `ct(...)`, `nat(...)` and `clone(...)` (ovs-actions(7)).

use std::net::{Ipv4Addr, Ipv6Addr};

use ofproto::TableId;
use ofproto::action::{
    Action, CT_COMMIT, CT_FORCE, Ct, CtZone, NAT_DST, NAT_HASH, NAT_PERSISTENT, NAT_RANDOM, NAT_SRC, Nat,
    NatAddresses,
};

use super::ActionReader;
use crate::syntax::Context;
use crate::syntax::actions::consistency::ActionPosition;
use crate::syntax::lex::error::{SyntaxError, SyntaxErrorKind};
use crate::syntax::lex::token;
use crate::syntax::lex::token::KeyValue;

/// The helpers of the connection tracker, with their ports.
pub(in crate::syntax) const HELPERS: [(&str, u16); 2] = [("ftp", 21), ("tftp", 69)];

/// Width of a zone's number, in bits.
const ZONE_BITS: u16 = 16;

impl<'a> ActionReader<'_, 'a> {
    /// Reads `clone(ACTIONS)`, which leaves the packet unchanged afterwards.
    pub(super) fn clone_action(&mut self, pair: KeyValue<'a>) -> Result<Action, SyntaxError> {
        self.nested(pair, pair.text(), ActionPosition::Clone).map(Action::Clone)
    }

    /// Reads `ct(commit,force,table=…,zone=…,nat(…),exec(…),alg=…)`.
    pub(super) fn ct(&mut self, pair: KeyValue<'a>) -> Result<Action, SyntaxError> {
        let cx = self.cx;
        let mut ct = Ct { flags: 0, zone: CtZone::Immediate(0), table: None, alg: 0, actions: Vec::new() };
        for part in token::pairs(pair.text()) {
            let text = part.text();
            match part.key {
                "commit" => ct.flags |= CT_COMMIT,
                "force" => ct.flags |= CT_FORCE,
                "table" => match cx.table("table", text)? {
                    0xff => {
                        return Err(cx
                            .error(SyntaxErrorKind::Value, text, "there is no table 255")
                            .help("a table from 0 to 254"));
                    }
                    table => ct.table = Some(TableId(table)),
                },
                "zone" => ct.zone = zone(cx, text)?,
                "alg" => {
                    let helper = HELPERS.iter().find(|(name, _)| *name == text);
                    // A switch may hold the port of a helper that has no name.
                    let port = helper.map(|(_, port)| *port).or_else(|| text.parse().ok());
                    ct.alg = port.ok_or_else(|| {
                        cx.error(SyntaxErrorKind::Value, text, format!("there is no helper {text:?}"))
                            .help("alg=ftp or alg=tftp")
                    })?;
                }
                "nat" => {
                    let action = Action::Nat(nat(cx, part)?);
                    self.check_nested(part, &action, ActionPosition::Ct)?;
                    ct.actions.push(action);
                }
                "exec" => ct.actions.extend(self.nested(part, text, ActionPosition::Ct)?),
                _ => {
                    return Err(cx.unknown_argument(
                        "ct",
                        part,
                        "commit, force, table, zone, alg, nat, exec",
                    ));
                }
            }
        }
        if ct.flags & CT_FORCE != 0 && ct.flags & CT_COMMIT == 0 {
            return Err(cx
                .error(SyntaxErrorKind::Inconsistent, pair.key, "force needs commit beside it")
                .help("ct(commit,force,…)"));
        }
        let plain = |action: &Action| matches!(action, Action::Nat(nat) if *nat == Nat::default());
        if ct.flags & CT_COMMIT == 0 && !ct.actions.iter().all(plain) {
            return Err(cx
                .error(SyntaxErrorKind::Inconsistent, pair.key, "what ct does to a connection needs commit")
                .help("without commit, only a nat without arguments may stand in ct"));
        }
        Ok(Action::Ct(Box::new(ct)))
    }
}

/// Reads a number, or 16 bits that hold one.
fn zone<'a>(cx: &Context<'a>, text: &'a str) -> Result<CtZone, SyntaxError> {
    if let Some(number) = token::integer(text).and_then(|n| u16::try_from(n).ok()) {
        return Ok(CtZone::Immediate(number));
    }
    let help = "a number from 0 to 65535, or 16 bits of a field such as NXM_NX_REG0[0..15]";
    let src = cx.subfield(text).map_err(|error| error.help(help))?;
    if src.n_bits != ZONE_BITS {
        let message = format!("{text:?} has {} bits, and a zone has {ZONE_BITS}", src.n_bits);
        return Err(cx.error(SyntaxErrorKind::Value, text, message).help(help));
    }
    cx.short("ct", src, text).map(CtZone::Field)
}

/// Reads `nat`, `nat(src=…)`, `nat(dst=…,hash,persistent)`.
pub(super) fn nat<'a>(cx: &Context<'a>, pair: KeyValue<'a>) -> Result<Nat, SyntaxError> {
    let mut nat = Nat::default();
    for part in token::pairs(pair.text()) {
        match part.key {
            "src" | "dst" => {
                nat.flags |= if part.key == "src" { NAT_SRC } else { NAT_DST };
                let text = part.text();
                if !text.is_empty() {
                    let range = range(cx, text).ok_or_else(|| {
                        cx.error(
                            SyntaxErrorKind::Value,
                            text,
                            format!("{text:?} is not a range to translate to"),
                        )
                        .help(
                            "such as 10.0.0.1, 10.0.0.1-10.0.0.9:1024-2047 or [fd00::1]-[fd00::9]:1024-2047",
                        )
                    })?;
                    (nat.addresses, nat.ports) = range;
                }
            }
            "persistent" => nat.flags |= NAT_PERSISTENT,
            "hash" => nat.flags |= NAT_HASH,
            "random" => nat.flags |= NAT_RANDOM,
            _ => return Err(cx.unknown_argument("nat", part, "src, dst, persistent, hash, random")),
        }
    }
    let both = |bits: u16| nat.flags & bits == bits;
    let problem = if both(NAT_SRC | NAT_DST) {
        "nat translates either the source or the destination"
    } else if nat.flags & (NAT_SRC | NAT_DST) == 0 && nat.flags != 0 {
        "persistent, hash and random need src or dst beside them"
    } else if both(NAT_HASH | NAT_RANDOM) {
        "hash and random exclude each other"
    } else {
        return Ok(nat);
    };
    Err(cx
        .error(SyntaxErrorKind::Inconsistent, pair.key, problem)
        .help("nat, nat(src=RANGE) or nat(dst=RANGE), with persistent, and hash or random"))
}

type Range = (NatAddresses, Option<(u16, Option<u16>)>);

/// Reads `ADDRESS[-ADDRESS][:PORT[-PORT]]`. An IPv6 address needs brackets before a port. Open
/// vSwitch treats an address or a port of zero as absent.
fn range(cx: &Context<'_>, text: &str) -> Option<Range> {
    let (addresses, left) = v4_range(text).or_else(|| v6_range(text))?;
    let ports = match left.strip_prefix(':') {
        None => left.is_empty().then_some(None)?,
        Some(ports) => {
            let (first, last) = match ports.split_once('-') {
                Some((first, last)) => (first, Some(last)),
                None => (ports, None),
            };
            let first = port(cx, first)?;
            let last = last.map(|last| port(cx, last)).map_or(Some(None), |last| last.map(Some))?;
            if last.is_some_and(|last| last < first) {
                return None;
            }
            (first != 0 || last.is_some_and(|last| last != 0)).then_some((first, last))
        }
    };
    let (unspecified, last) = match addresses {
        NatAddresses::None => return None,
        NatAddresses::V4(first, last) => {
            (first.is_unspecified(), last.is_some_and(|last| !last.is_unspecified()))
        }
        NatAddresses::V6(first, last) => {
            (first.is_unspecified(), last.is_some_and(|last| !last.is_unspecified()))
        }
    };
    match ports {
        // The switch refuses a range without its first address or port.
        _ if unspecified && (last || ports.is_some()) => None,
        Some((0, _)) => None,
        _ if unspecified => {
            cx.warn(text, format!("{text} is no address to translate to: the switch chooses one"));
            Some((NatAddresses::None, None))
        }
        ports => Some((addresses, ports)),
    }
}

/// Reads a decimal number, of which Open vSwitch takes the lower 16 bits.
fn port(cx: &Context<'_>, text: &str) -> Option<u16> {
    let number = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok())??;
    let kept = u16::try_from(number & 0xffff).ok()?;
    if kept == 0 {
        cx.warn(text, format!("{text} is no port to translate to: the switch chooses one"));
    } else if u64::from(kept) != number {
        cx.warn(text, format!("{text} is not a port: its lower 16 bits, {kept}, are taken"));
    }
    Some(kept)
}

fn v4_range(text: &str) -> Option<(NatAddresses, &str)> {
    let address = |text: &str| {
        let len = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (head, tail) = text.split_at_checked(len)?;
        Some((head.parse::<Ipv4Addr>().ok()?, tail.len()))
    };
    let tail = |text: &'_ str, left: usize| text.len() - left;
    let (first, left) = address(text)?;
    let text = text.get(tail(text, left)..)?;
    let Some(second) = text.strip_prefix('-') else { return Some((NatAddresses::V4(first, None), text)) };
    let (last, left) = address(second)?;
    let text = second.get(tail(second, left)..)?;
    (last >= first).then_some((NatAddresses::V4(first, Some(last)), text))
}

fn v6_range(text: &str) -> Option<(NatAddresses, &str)> {
    fn address(text: &str) -> Option<(Ipv6Addr, &str)> {
        if let Some(inner) = text.strip_prefix('[') {
            let (address, tail) = inner.split_once(']')?;
            return Some((address.parse().ok()?, tail));
        }
        let len = text.find('-').unwrap_or(text.len());
        let (address, tail) = text.split_at_checked(len)?;
        Some((address.parse().ok()?, tail))
    }
    let (first, text) = address(text)?;
    let Some(second) = text.strip_prefix('-') else { return Some((NatAddresses::V6(first, None), text)) };
    let (last, text) = address(second)?;
    (last >= first).then_some((NatAddresses::V6(first, Some(last)), text))
}
