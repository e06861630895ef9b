//! The actions half of a line: instructions in the order that Open vSwitch requires.

pub(in crate::syntax) mod arguments;
pub(in crate::syntax) mod choice;
pub(in crate::syntax) mod consistency;
pub(in crate::syntax) mod consistency_walk;
pub(in crate::syntax) mod header;
pub(in crate::syntax) mod learn;
pub(super) mod nested;
pub(in crate::syntax) mod set;

use ofproto::action::{Action, Legacy, MAX_DEPTH};
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Oxm};
use ofproto::{GroupId, PortNo, TableId, ethertype};

use super::Context;
use super::protocols::Protocols;
use crate::syntax::actions::consistency::{ActionPosition, PacketFacts};
use crate::syntax::lex::error::{SyntaxError, SyntaxErrorKind};
use crate::syntax::lex::names::{PortWord, parse_port};
use crate::syntax::lex::token;
use crate::syntax::lex::token::KeyValue;
use crate::syntax::matching::fields::{Fields, SCTP, TAGGED, TCP, UDP};
use crate::syntax::matching::{field, suggest};

/// OFPG_MAX.
const MAX_GROUP: u32 = 0xffff_ff00;

/// The words for instructions, in their required order.
const INSTRUCTIONS: [&str; 6] =
    ["meter", "apply_actions", "clear_actions", "write_actions", "write_metadata", "goto_table"];
const APPLY: usize = 1;

/// Reads the text after `actions=`, for a flow of `table` that matches `fields`.
pub(super) fn parse_instructions<'a>(
    cx: &Context<'a>,
    list: &'a str,
    fields: &Fields,
    table: TableId,
) -> Result<Vec<Instruction>, SyntaxError> {
    let mut reader = ActionReader { cx, packet: PacketFacts::new(fields.clone()), depth: 0 };
    let mut apply = Vec::new();
    let mut others = Vec::new();
    let mut meter = None;
    let mut last = 0;
    let mut drop = None;
    let mut words = 0;
    for pair in token::pairs(list) {
        words += 1;
        if pair.key.eq_ignore_ascii_case("drop") && pair.value.is_none() {
            drop = Some(pair.key);
            continue;
        }
        let instruction = INSTRUCTIONS.iter().position(|name| pair.key.eq_ignore_ascii_case(name));
        let rank = instruction.unwrap_or(APPLY);
        if rank < last || rank == last && rank != APPLY && words > 1 {
            return Err(misplaced(cx, pair, rank, last));
        }
        last = rank;
        if let Some(at) = instruction {
            match read_instruction(&mut reader, at, pair, table)? {
                Some(instruction @ Instruction::Meter(_)) => meter = Some(instruction),
                other => others.extend(other),
            }
        } else {
            reader.read(pair, &mut apply)?;
        }
    }
    if let Some(word) = drop.filter(|_| words > 1) {
        return Err(not_alone(cx, word));
    }
    let instructions = meter.is_some() || !others.is_empty();
    conjunction_alone(cx, list, &apply, instructions)?;
    let apply = (!apply.is_empty()).then_some(Instruction::ApplyActions(apply));
    Ok(meter.into_iter().chain(apply).chain(others).collect())
}

fn not_alone(cx: &Context<'_>, word: &str) -> SyntaxError {
    cx.error(SyntaxErrorKind::Inconsistent, word, "drop must stand alone")
        .help("leave drop out, or everything else")
}

/// Checks that the flow of a conjunction has no other action.
fn conjunction_alone(
    cx: &Context<'_>,
    list: &str,
    actions: &[Action],
    instructions: bool,
) -> Result<(), SyntaxError> {
    let is_conjunction = |action: &Action| matches!(action, Action::Conjunction { .. });
    let beside = |action: &Action| is_conjunction(action) || matches!(action, Action::Note(_));
    if !actions.iter().any(is_conjunction) || actions.iter().all(beside) && !instructions {
        return Ok(());
    }
    Err(cx
        .error(SyntaxErrorKind::Inconsistent, list, "conjunction stands alone, or with note")
        .help("what is to be done belongs to a flow that matches conj_id"))
}

fn misplaced(cx: &Context<'_>, pair: KeyValue<'_>, rank: usize, last: usize) -> SyntaxError {
    let name = |rank: usize| INSTRUCTIONS.get(rank).copied().unwrap_or_default();
    let message = if rank == last {
        format!("{} stands twice", name(rank))
    } else {
        format!("{} must stand before {}", name(rank), name(last))
    };
    cx.error(SyntaxErrorKind::Inconsistent, pair.key, message)
        .help("meter, then actions, clear_actions, write_actions, write_metadata, goto_table")
}

fn read_instruction<'a>(
    reader: &mut ActionReader<'_, 'a>,
    at: usize,
    pair: KeyValue<'a>,
    table: TableId,
) -> Result<Option<Instruction>, SyntaxError> {
    let cx = reader.cx;
    let text = pair.text();
    Ok(Some(match INSTRUCTIONS.get(at).copied().unwrap_or_default() {
        "meter" => match cx.word("meter", text)? {
            meter @ 1..=0xffff_0000 => {
                cx.narrow(Protocols::SINCE_13);
                Instruction::Meter(meter)
            }
            _ => return Err(cx.error(SyntaxErrorKind::Value, text, format!("there is no meter {text}"))),
        },
        "clear_actions" => Instruction::ClearActions,
        "write_actions" => match reader.action_set(pair)? {
            // Open vSwitch drops an empty instruction.
            actions if actions.is_empty() => return Ok(None),
            actions => Instruction::WriteActions(actions),
        },
        "write_metadata" => {
            cx.narrow(Protocols::NXM_OR_11);
            let (value, mask) = match text.split_once('/') {
                Some((value, mask)) => (value, cx.number("mask", mask, u64::MAX)?),
                None => (text, u64::MAX),
            };
            Instruction::WriteMetadata { value: cx.number("write_metadata", value, u64::MAX)?, mask }
        }
        "goto_table" => match TableId(cx.table("goto_table", text)?) {
            next if next > table && next != TableId::ALL => Instruction::GotoTable(next),
            _ => {
                let message = format!("goto_table:{text} does not lead onwards from table {}", table.0);
                return Err(cx
                    .error(SyntaxErrorKind::Inconsistent, text, message)
                    .help("a table of a higher number, at most 254"));
            }
        },
        _ => {
            return Err(cx
                .error(SyntaxErrorKind::Syntax, pair.key, "actions are applied unless something else is said")
                .help("leave apply_actions(…) out and list the actions"));
        }
    }))
}

/// Reads actions while tracking the packet.
pub(super) struct ActionReader<'r, 'a> {
    pub(super) cx: &'r Context<'a>,
    packet: PacketFacts,
    /// The number of enclosing actions.
    depth: usize,
}

impl<'a> ActionReader<'_, 'a> {
    fn action_set(&mut self, pair: KeyValue<'a>) -> Result<Vec<Action>, SyntaxError> {
        self.nested(pair, pair.text(), ActionPosition::Set)
    }

    /// Checks an action inside another.
    pub(super) fn check_nested(
        &mut self,
        pair: KeyValue<'a>,
        action: &Action,
        place: ActionPosition,
    ) -> Result<(), SyntaxError> {
        let before = self.packet.enter(place);
        let checked = self.packet.check(self.cx, pair, action);
        self.packet = before;
        checked
    }

    /// Reads the actions inside another. Their effects on the packet are forgotten afterwards.
    pub(super) fn nested(
        &mut self,
        outer: KeyValue<'a>,
        list: &'a str,
        place: ActionPosition,
    ) -> Result<Vec<Action>, SyntaxError> {
        if self.depth >= MAX_DEPTH {
            let message = format!("actions are nested deeper than {MAX_DEPTH} times");
            return Err(self.cx.error(SyntaxErrorKind::Value, outer.key, message));
        }
        let before = self.packet.enter(place);
        self.depth += 1;
        let actions = self.list(outer, list);
        self.depth -= 1;
        self.packet = before;
        actions
    }

    fn list(&mut self, outer: KeyValue<'a>, list: &'a str) -> Result<Vec<Action>, SyntaxError> {
        let mut actions = Vec::new();
        let mut drop = None;
        let mut words = 0;
        for pair in token::pairs(list) {
            words += 1;
            if pair.key.eq_ignore_ascii_case("drop") && pair.value.is_none() {
                drop = Some(pair.key);
                continue;
            }
            if let Some(name) = INSTRUCTIONS.iter().find(|name| pair.key.eq_ignore_ascii_case(name)) {
                let message = format!("{name} is no action and cannot stand in {}", outer.key);
                return Err(self.cx.error(SyntaxErrorKind::Inconsistent, pair.key, message));
            }
            self.read(pair, &mut actions)?;
        }
        if let Some(word) = drop.filter(|_| words > 1) {
            return Err(not_alone(self.cx, word));
        }
        conjunction_alone(self.cx, list, &actions, false)?;
        Ok(actions)
    }

    /// Appends the actions of a word: none, one or several.
    fn read(&mut self, pair: KeyValue<'a>, actions: &mut Vec<Action>) -> Result<(), SyntaxError> {
        let before = actions.len();
        // Separate from the others, which need more stack than many levels of these.
        if pair.key.eq_ignore_ascii_case("clone") {
            actions.push(self.clone_action(pair)?);
        } else if pair.key.eq_ignore_ascii_case("ct") {
            actions.push(self.ct(pair)?);
        } else {
            self.append(pair, actions)?;
        }
        for action in actions.iter().skip(before) {
            self.packet.check(self.cx, pair, action)?;
        }
        Ok(())
    }

    fn append(&mut self, pair: KeyValue<'a>, actions: &mut Vec<Action>) -> Result<(), SyntaxError> {
        let cx = self.cx;
        let text = pair.text();
        let field = |field: Field, value: u128| Action::SetField(Oxm::Known { field, value, mask: None });
        let name = pair.key.to_ascii_lowercase();
        let action = match name.as_str() {
            "output" => self.output(pair)?,
            "controller" => set::controller(cx, pair)?,
            "resubmit" => resubmit(cx, pair)?,
            "learn" => Action::Learn(Box::new(learn::parse(cx, text)?)),
            "group" => match cx.word("group", text)? {
                id @ 0..=MAX_GROUP => Action::Group(GroupId(id)),
                _ => return Err(cx.error(SyntaxErrorKind::Value, text, format!("there is no group {text}"))),
            },
            "set_queue" => Action::SetQueue(cx.word("set_queue", text)?),
            "exit" => Action::Exit,
            "note" => Action::Note(set::note(cx.hex_bytes(text)?).into()),
            "fin_timeout" => fin_timeout(cx, text)?,
            "move" => {
                let (from, to) = cx.arrow("move", text)?;
                let (src, dst) = (cx.subfield(from)?, cx.settable(to)?);
                cx.same_width(src, dst, text)?;
                Action::Move { src, dst }
            }
            "load" => return set::load(cx, text, actions),
            "set_field" => return set::set_field(cx, text, actions),
            "strip_vlan" | "pop_vlan" => Action::PopVlan,
            "push_vlan" => match cx.half("push_vlan", text)? {
                tpid @ (ethertype::VLAN | ethertype::SERVICE_VLAN) => {
                    cx.narrow(Protocols::SINCE_11);
                    Action::PushVlan(tpid)
                }
                _ => {
                    return Err(cx
                        .error(SyntaxErrorKind::Value, text, format!("{text:?} is not a VLAN ethertype"))
                        .help("0x8100 or 0x88a8"));
                }
            },
            "mod_vlan_vid" | "set_vlan_vid" => {
                let id = cx.number("VLAN id", text, 0xfff)?;
                self.push_tag_unless(name == "set_vlan_vid", actions);
                field(Field::VlanVid, u128::from(id) | TAGGED)
            }
            "mod_vlan_pcp" | "set_vlan_pcp" => {
                let pcp = cx.number("VLAN priority", text, 7)?;
                self.push_tag_unless(name == "set_vlan_pcp", actions);
                field(Field::VlanPcp, u128::from(pcp))
            }
            "mod_dl_src" => field(Field::EthSrc, set::exact(cx, Field::EthSrc, text)?),
            "mod_dl_dst" => field(Field::EthDst, set::exact(cx, Field::EthDst, text)?),
            "mod_nw_src" => field(Field::Ipv4Src, set::exact(cx, Field::Ipv4Src, text)?),
            "mod_nw_dst" => field(Field::Ipv4Dst, set::exact(cx, Field::Ipv4Dst, text)?),
            "mod_nw_tos" => match cx.number("TOS", text, 0xff)? {
                tos if tos & 3 == 0 => field(Field::IpDscpShifted, u128::from(tos >> 2)),
                _ => {
                    return Err(cx
                        .error(SyntaxErrorKind::Value, text, format!("{text:?} is not a valid TOS"))
                        .help("a multiple of 4: the lower two bits are ECN, see mod_nw_ecn"));
                }
            },
            "mod_nw_ecn" => field(Field::IpEcn, u128::from(cx.number("ECN", text, 3)?)),
            "mod_nw_ttl" | "set_nw_ttl" => Action::SetNwTtl(cx.byte("TTL", text)?),
            "mod_tp_src" => self.transport_port(pair, false)?,
            "mod_tp_dst" => self.transport_port(pair, true)?,
            "dec_ttl" if text.is_empty() => Action::DecNwTtl,
            "dec_ttl" => Action::DecNwTtlIds(controller_ids(cx, pair)?),
            "nat" => Action::Nat(nested::nat(cx, pair)?),
            "ct_clear" => Action::CtClear,
            "conjunction" => choice::conjunction(cx, pair)?,
            "multipath" => choice::multipath(cx, pair)?,
            "bundle" => choice::bundle(cx, pair, false)?,
            "bundle_load" => choice::bundle(cx, pair, true)?,
            "push" => Action::Push(cx.subfield(text)?),
            "pop" => Action::Pop(cx.settable(text)?),
            "encap" => {
                cx.narrow(Protocols::SINCE_13);
                header::encap(cx, pair)?
            }
            "decap" => header::decap(cx, pair)?,
            "dec_nsh_ttl" => Action::DecNshTtl,
            "sample" => header::sample(cx, pair)?,
            "check_pkt_larger" => header::check_pkt_larger(cx, text)?,
            "enqueue" => {
                actions.extend(header::enqueue(cx, pair)?);
                return Ok(());
            }
            "pop_queue" => Action::PopQueue,
            "unknown_action" => header::unknown(cx, pair)?,
            "delete_field" => delete_field(cx, text)?,
            "push_mpls" => match cx.half("push_mpls", text)? {
                kind @ (ethertype::MPLS | ethertype::MPLS_MULTICAST) => Action::PushMpls(kind),
                _ => {
                    return Err(cx
                        .error(SyntaxErrorKind::Value, text, format!("{text:?} is not an MPLS ethertype"))
                        .help("0x8847 or 0x8848"));
                }
            },
            "pop_mpls" => Action::PopMpls(cx.half("pop_mpls", text)?),
            "set_mpls_label" => field(Field::MplsLabel, u128::from(cx.number("MPLS label", text, 0xf_ffff)?)),
            "set_mpls_tc" => field(Field::MplsTc, u128::from(cx.number("MPLS traffic class", text, 7)?)),
            "set_mpls_ttl" => Action::SetMplsTtl(cx.byte("MPLS TTL", text)?),
            "dec_mpls_ttl" => Action::DecMplsTtl,
            "set_tunnel" | "set_tunnel64" => {
                field(Field::TunId, u128::from(cx.number("tunnel id", text, u64::MAX)?))
            }
            "debug_recirc" | "debug_slow" | "unroll_xlate" => {
                let message = format!("{name} is internal to Open vSwitch");
                return Err(cx.error(SyntaxErrorKind::Inconsistent, pair.key, message));
            }
            _ => bare_port(cx, pair)?,
        };
        actions.push(action);
        Ok(())
    }

    /// Pushes a tag for `mod_vlan_vid`, which tags an untagged frame first; `set_vlan_vid` does
    /// not.
    fn push_tag_unless(&self, never: bool, actions: &mut Vec<Action>) {
        if !never && !self.packet.is_tagged() {
            actions.push(Action::PushVlan(ethertype::VLAN));
        }
    }

    /// Reads a port of the matched protocol. An action set runs later, when the protocol may be
    /// known.
    fn transport_port(&self, pair: KeyValue<'a>, dst: bool) -> Result<Action, SyntaxError> {
        let port = self.cx.half("port", pair.text())?;
        let protocol = self.packet.fields.protocol().filter(|_| !self.packet.fields.is_later_fragment());
        let (source, destination) = match protocol {
            Some(TCP) => (Field::TcpSrc, Field::TcpDst),
            Some(UDP) => (Field::UdpSrc, Field::UdpDst),
            Some(SCTP) => (Field::SctpSrc, Field::SctpDst),
            _ if self.packet.is_lenient() => {
                return Ok(Action::Legacy(if dst { Legacy::TpDst(port) } else { Legacy::TpSrc(port) }));
            }
            _ => {
                let message = format!("{} needs a match on tcp, udp or sctp", pair.key);
                return Err(self.cx.error(SyntaxErrorKind::Inconsistent, pair.key, message));
            }
        };
        let field = if dst { destination } else { source };
        Ok(Action::SetField(Oxm::Known { field, value: u128::from(port), mask: None }))
    }

    /// Reads `output:PORT`, `output:FIELD[bits]`.
    fn output(&self, pair: KeyValue<'a>) -> Result<Action, SyntaxError> {
        let (cx, text) = (self.cx, pair.text());
        if text.is_empty() {
            return Err(cx
                .error(SyntaxErrorKind::Syntax, pair.key, "output needs a port")
                .help("output:PORT"));
        }
        if text.contains("port") && text.contains("max_len") {
            return header::output_trunc(cx, pair);
        }
        if text.contains("src=") && text.contains("max_len") {
            return header::output_field(cx, pair);
        }
        match parse_port(text, cx.names) {
            PortWord::Port(port) => {
                cx.warn_of_old_port(text);
                Ok(Action::Output { port, max_len: if port == PortNo::CONTROLLER { 0xffff } else { 0 } })
            }
            PortWord::Unknown(_) if text.contains('[') || field::parse_subfield(text).is_ok() => {
                match cx.subfield(text)? {
                    src if src.n_bits <= 64 => Ok(Action::OutputReg { src, max_len: 0xffff }),
                    _ => {
                        Err(cx.error(SyntaxErrorKind::Value, text, format!("{text:?} is wider than 64 bits")))
                    }
                }
            }
            _ => cx.port(text).map(|port| Action::Output { port, max_len: 0 }),
        }
    }
}

/// Reads `1,2,3`: decimal numbers.
fn controller_ids<'a>(cx: &Context<'a>, pair: KeyValue<'a>) -> Result<Vec<u16>, SyntaxError> {
    let words = pair.text().split([',', ' ']).filter(|word| !word.is_empty());
    let ids = words.map(|word| cx.half("controller id", word)).collect::<Result<Vec<_>, _>>()?;
    if ids.is_empty() {
        return Err(cx
            .error(SyntaxErrorKind::Syntax, pair.key, "dec_ttl needs the id of a controller in its brackets")
            .help("dec_ttl, or dec_ttl(ID,…)"));
    }
    Ok(ids)
}

/// Reads the field to delete, which must be a tunnel option.
fn delete_field<'a>(cx: &Context<'a>, text: &'a str) -> Result<Action, SyntaxError> {
    let option = field::by_any_name(text).filter(|field| field.tun_metadata().is_some());
    option.map(Action::DeleteField).ok_or_else(|| {
        cx.error(SyntaxErrorKind::Value, text, format!("{text:?} is no tunnel option"))
            .help("delete_field:tun_metadata0 to delete_field:tun_metadata63")
    })
}

/// Reads a bare port, which is an output.
fn bare_port(cx: &Context<'_>, pair: KeyValue<'_>) -> Result<Action, SyntaxError> {
    if pair.value.is_none() {
        match parse_port(pair.key, cx.names) {
            PortWord::Port(_) | PortWord::OutOfRange => {
                return cx.port(pair.key).map(|port| Action::Output { port, max_len: 0 });
            }
            PortWord::Unknown(_) if pair.key.starts_with('"') => {
                return cx.port(pair.key).map(|port| Action::Output { port, max_len: 0 });
            }
            PortWord::Unknown(_) => {}
        }
    }
    Err(cx.error(SyntaxErrorKind::Syntax, pair.key, format!("unknown action {:?}", pair.key)).help(
        suggest::action(pair.key).unwrap_or_else(|| {
            "an action of ovs-actions(7), or a port of this bridge by name or number".to_owned()
        }),
    ))
}

fn resubmit(cx: &Context<'_>, pair: KeyValue<'_>) -> Result<Action, SyntaxError> {
    let mut parts = pair.text().split(',').map(str::trim);
    let port = parts.next().filter(|word| !word.is_empty()).map(|word| cx.port(word)).transpose()?;
    let table =
        parts.next().filter(|word| !word.is_empty()).map(|word| cx.table("table", word)).transpose()?;
    let tracked = match parts.next().filter(|word| !word.is_empty()) {
        None => false,
        Some("ct") => true,
        Some(word) => {
            return Err(cx
                .error(SyntaxErrorKind::Syntax, word, format!("resubmit has no argument {word:?}"))
                .help("resubmit(PORT,TABLE,ct)"));
        }
    };
    let port = port.filter(|port| *port != PortNo::IN_PORT);
    let table = table.map(TableId).filter(|table| *table != TableId::ALL);
    if port.is_none() && table.is_none() {
        return Err(cx
            .error(SyntaxErrorKind::Syntax, pair.key, "resubmit needs a port or a table")
            .help("resubmit(,TABLE), resubmit:PORT or resubmit(PORT,TABLE)"));
    }
    Ok(if tracked { Action::ResubmitCt { port, table } } else { Action::Resubmit { port, table } })
}

fn fin_timeout(cx: &Context<'_>, text: &str) -> Result<Action, SyntaxError> {
    let (mut idle, mut hard) = (0, 0);
    for pair in token::pairs(text) {
        match pair.key {
            "idle_timeout" => idle = cx.half(pair.key, pair.text())?,
            "hard_timeout" => hard = cx.half(pair.key, pair.text())?,
            _ => return Err(cx.unknown_argument("fin_timeout", pair, "idle_timeout, hard_timeout")),
        }
    }
    Ok(Action::FinTimeout { idle, hard })
}
