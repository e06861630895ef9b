//! Runs a packet through the tables.

use ofproto::action::{Action, Ct, CtZone, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Oxm};
use ofproto::{PortNo, TableId};

use super::index::Hits;
use super::learn::learned;
use super::packet::Packet;
use super::{Dropped, MatchedFlow, Outcome, Output, Pipeline};
use crate::verify::action_set;

/// The maximum nesting of resubmits to the current or an earlier table (Open vSwitch's MAX_DEPTH).
pub const MAX_DEPTH: u32 = 64;
/// The maximum number of table lookups of a packet (Open vSwitch's MAX_RESUBMITS).
pub const MAX_RESUBMITS: u32 = MAX_DEPTH * MAX_DEPTH;

/// In ip_frag: the first fragment.
const FIRST_FRAGMENT: u128 = 1;
/// In ct_state: `+trk+new`.
const NEW_TRACKED: u128 = 0x21;

struct ActionExecutor<'a> {
    pipeline: &'a Pipeline,
    packet: Packet,
    out: Outcome,
    table: TableId,
    depth: u32,
    lookups: u32,
    exit: bool,
    too_deep: bool,
    last_miss: Option<TableId>,
    action_set: Vec<Action>,
}

/// The continuation after an action.
#[derive(PartialEq, Eq)]
enum AfterAction {
    GoOn,
    StopHere,
}

pub(in crate::verify::interp) fn run(pipeline: &Pipeline, in_port: PortNo, packet: &Packet) -> Outcome {
    let mut packet = packet.clone();
    packet.put(Field::InPortOxm, in_port.0.into());
    // The connection tracker has not seen it.
    packet.put(Field::CtState, 0);
    let mut exec = ActionExecutor {
        pipeline,
        packet,
        out: Outcome::default(),
        table: TableId(0),
        depth: 0,
        lookups: 0,
        exit: false,
        too_deep: false,
        last_miss: None,
        action_set: Vec::new(),
    };
    exec.lookup(TableId(0), None);
    exec.execute_action_set();
    exec.finish()
}

impl ActionExecutor<'_> {
    fn finish(mut self) -> Outcome {
        if self.too_deep {
            self.out.outputs.clear();
            self.out.dropped_by = Some(Dropped::TooDeep);
        } else if self.out.outputs.is_empty() || self.only_shown() {
            let by = self.out.path.last().copied().map(Dropped::By);
            self.out.dropped_by = self.last_miss.map(Dropped::Miss).or(by);
        }
        self.out
    }

    /// Returns whether the packet's only output was a dropping flow's sample to the controller.
    fn only_shown(&self) -> bool {
        let last = self.out.path.last().and_then(|step| self.pipeline.flows.get(step.flow));
        self.out.outputs.iter().all(|(output, _)| *output == Output::Controller)
            && last.is_some_and(|flow| flow.drops())
    }

    /// Looks the packet up in a table and executes the flow. `in_port` applies to the lookup only.
    fn lookup(&mut self, table: TableId, in_port: Option<PortNo>) {
        if self.depth >= MAX_DEPTH || self.lookups >= MAX_RESUBMITS {
            self.too_deep = true;
            return;
        }
        self.lookups += 1;
        let Some((step, flow)) = self.find(table, in_port) else {
            self.last_miss = Some(table);
            return;
        };
        self.last_miss = None;
        self.out.path.push(step);
        // Only going back counts as deeper: tables in ascending order always end.
        let deeper = u32::from(self.lookups > 1 && table <= self.table);
        let before = std::mem::replace(&mut self.table, table);
        self.depth += deeper;
        self.instructions(flow, step.table);
        self.depth -= deeper;
        self.table = before;
    }

    fn find(&mut self, table: TableId, in_port: Option<PortNo>) -> Option<(MatchedFlow, usize)> {
        let root = self.pipeline.tables.get(&table)?;
        let mut hits = Hits::default();
        let with_ports = if self.pipeline.nx_match { FIRST_FRAGMENT } else { 0 };
        let fragment = self.packet.value(Field::IpFrag).is_some_and(|f| f != 0 && f != with_ports);
        if in_port.is_none() && !fragment {
            root.find(&self.packet, &mut hits);
        } else {
            let mut seen = self.packet.clone();
            if let Some(port) = in_port {
                seen.put(Field::InPortOxm, port.0.into());
            }
            if fragment {
                seen.hide_ports();
            }
            root.find(&seen, &mut hits);
        }
        self.out.consulted = self.out.consulted.union(hits.consulted);
        // The fragment field decides the value of a fragment's ports.
        self.out.consulted.insert(Field::IpFrag);
        if hits.flows.len() > 1 {
            self.out.ambiguous.push(hits.flows.clone());
        }
        let number = hits.flows.iter().copied().min()?;
        let flow = self.pipeline.flows.get(number)?;
        if flow.matches.has_unknown() {
            self.out.unsupported.push(format!("a match field of the flow with cookie {}", flow.cookie));
        }
        let step =
            MatchedFlow { table: flow.table, priority: flow.priority, cookie: flow.cookie, flow: number };
        Some((step, number))
    }

    /// Executes instructions in the order of §5.9, whatever their order in the message.
    fn instructions(&mut self, flow: usize, table: TableId) {
        let pipeline = self.pipeline;
        let Some(flow) = pipeline.flows.get(flow) else { return };
        let mut rest = AfterAction::GoOn;
        for instruction in &flow.instructions {
            match instruction {
                Instruction::ApplyActions(actions) => rest = self.actions(actions),
                Instruction::Meter(_) => {}
                Instruction::Unknown { kind, .. } => {
                    self.out.unsupported.push(format!("instruction {kind} in table {}", table.0));
                }
                _ => {}
            }
        }
        if rest == AfterAction::StopHere || self.exit || self.too_deep {
            return;
        }
        if flow.instructions.contains(&Instruction::ClearActions) {
            self.action_set.clear();
        }
        for instruction in &flow.instructions {
            match instruction {
                Instruction::WriteActions(actions) => self.action_set.extend(actions.iter().cloned()),
                Instruction::WriteMetadata { value, mask } => {
                    let old = self.packet.value(Field::Metadata).unwrap_or(0);
                    let (value, mask) = (u128::from(*value), u128::from(*mask));
                    self.packet.put(Field::Metadata, old & !mask | value & mask);
                }
                _ => {}
            }
        }
        for instruction in &flow.instructions {
            if let Instruction::GotoTable(next) = instruction {
                self.lookup(*next, None);
            }
        }
    }

    fn actions(&mut self, actions: &[Action]) -> AfterAction {
        for action in actions {
            if self.exit || self.too_deep {
                return AfterAction::StopHere;
            }
            if self.action(action) == AfterAction::StopHere {
                return AfterAction::StopHere;
            }
        }
        AfterAction::GoOn
    }

    fn action(&mut self, action: &Action) -> AfterAction {
        match action {
            action if names_tunnel_option(action) => {
                self.out.unsupported.push(format!("action {action:?}"));
            }
            Action::Output { port, .. } => self.output(*port),
            Action::OutputReg { src, .. } => {
                // Open vSwitch's ports have 16 bits, so wider numbers are no ports.
                if let Some(port) = self.read(*src).and_then(|v| u16::try_from(v).ok()) {
                    self.output(PortNo::from_u16(port));
                }
            }
            Action::Controller(_) => self.put_out(Output::Controller),
            Action::Resubmit { port, table } => {
                let table = table.unwrap_or(self.table);
                self.lookup(table, *port);
            }
            Action::SetField(Oxm::Known { field, value, mask }) => {
                self.out.consulted.insert(*field);
                if let Some(old) = self.packet.value(*field) {
                    let mask = mask.unwrap_or(field.info().exact());
                    self.packet.put(*field, old & !mask | value & mask);
                }
            }
            Action::Load { dst, value } => {
                self.out.consulted.insert(dst.field);
                self.packet.put_subfield(*dst, (*value).into());
            }
            Action::Move { src, dst } => {
                self.out.consulted.insert(dst.field);
                if let Some(value) = self.read(*src) {
                    self.packet.put_subfield(*dst, value);
                }
            }
            Action::PushVlan(_) => {
                self.out.consulted.insert(Field::VlanVid);
                self.packet.push_vlan();
            }
            Action::PopVlan => {
                self.out.consulted.insert(Field::VlanVid);
                self.packet.pop_vlan();
            }
            Action::SetNwTtl(ttl) => {
                self.out.consulted.insert(Field::IpTtl);
                if self.packet.value(Field::IpTtl).is_some() {
                    self.packet.put(Field::IpTtl, (*ttl).into());
                }
            }
            Action::DecNwTtl => {
                self.out.consulted.insert(Field::IpTtl);
                match self.packet.value(Field::IpTtl) {
                    None => {}
                    Some(ttl) if ttl > 1 => self.packet.put(Field::IpTtl, ttl - 1),
                    Some(_) => {
                        // Open vSwitch sends the packet to the controller and leaves this flow.
                        self.put_out(Output::Controller);
                        return AfterAction::StopHere;
                    }
                }
            }
            Action::Learn(learn) => self.learn(learn),
            Action::Ct(ct) => self.track(ct),
            Action::Clone(actions) => {
                let (packet, set) = (self.packet.clone(), self.action_set.clone());
                self.actions(actions);
                (self.packet, self.action_set, self.exit) = (packet, set, false);
            }
            Action::Exit => self.exit = true,
            Action::Note(_) | Action::FinTimeout { .. } | Action::SetQueue(_) => {}
            other => self.out.unsupported.push(format!("action {other:?}")),
        }
        AfterAction::GoOn
    }

    /// Tracks the first packet of an unknown connection: new, and in the zone. A copy continues in
    /// the table that `ct` names. The original does not see the result (ovs-actions(7), "ct").
    fn track(&mut self, ct: &Ct) {
        let zone = match ct.zone {
            CtZone::Immediate(zone) => zone.into(),
            CtZone::Field(src) => self.read(src).unwrap_or(0),
        };
        if ct.actions.iter().any(|action| matches!(action, Action::Nat(_))) {
            self.out.unsupported.push("nat of a connection".to_owned());
        }
        let Some(table) = ct.table else { return };
        let before = self.packet.clone();
        self.packet.put(Field::CtState, NEW_TRACKED);
        self.packet.put(Field::CtZone, zone);
        self.lookup(table, None);
        self.packet = before;
    }

    fn read(&mut self, src: Subfield) -> Option<u128> {
        self.out.consulted.insert(src.field);
        self.packet.subfield(src)
    }

    fn learn(&mut self, learn: &Learn) {
        let flow = learned(learn, &self.packet, &mut self.out.consulted);
        if let Some(dst) = learn.result_dst {
            self.packet.put_subfield(dst, u128::from(self.has_room(learn, &flow)));
        }
        self.out.learned.push(flow);
    }

    /// Returns whether `limit` still admits the flow: Open vSwitch counts the flows of the learned
    /// table and cookie.
    fn has_room(&self, learn: &Learn, flow: &flow_model::Flow) -> bool {
        let there =
            || self.pipeline.flows.iter().filter(|f| f.table == learn.table && f.cookie == learn.cookie);
        learn.limit == 0
            || there().any(|f| f.key() == flow.key())
            || there().count() < usize::try_from(learn.limit).unwrap_or(usize::MAX)
    }

    fn output(&mut self, port: PortNo) {
        let in_port = self.packet.in_port();
        match port {
            PortNo::IN_PORT => self.put_out(Output::InPort(in_port.unwrap_or(PortNo::ANY))),
            PortNo::TABLE => self.lookup(TableId(0), None),
            PortNo::NORMAL => self.put_out(Output::Normal),
            PortNo::FLOOD => self.put_out(Output::Flood),
            PortNo::ALL => self.put_out(Output::All),
            PortNo::CONTROLLER => self.put_out(Output::Controller),
            PortNo::ANY => {}
            // A packet leaves by its ingress port only with IN_PORT (§7.2.5, OFPP_IN_PORT).
            port if Some(port) == in_port => {}
            port => self.put_out(Output::Port(port)),
        }
    }

    fn put_out(&mut self, output: Output) {
        let packet = self.packet.clone().on_the_wire();
        self.out.outputs.push((output, packet));
    }

    /// Executes the action set, one action of a kind, in the order of §5.10.
    fn execute_action_set(&mut self) {
        if self.exit || self.too_deep {
            return;
        }
        let set = std::mem::take(&mut self.action_set);
        // Other actions in the set are not evaluated, and reported.
        let unknown = set.iter().filter(|a| !action_set::is_set(a) && !is_known_in_set(a));
        self.out.unsupported.extend(unknown.map(|action| format!("action {action:?} in an action set")));
        self.actions(&action_set::ordered(&set));
    }
}

/// Returns whether an action reads or writes a tunnel option, which no packet has here.
fn names_tunnel_option(action: &Action) -> bool {
    let option = |bits: &Subfield| bits.field.tun_metadata().is_some();
    let source = |src: &LearnSrc| matches!(src, LearnSrc::Field(src) if option(src));
    match action {
        Action::OutputReg { src, .. } => option(src),
        Action::Load { dst, .. } => option(dst),
        Action::Move { src, dst } => option(src) || option(dst),
        Action::Learn(learn) => {
            learn.result_dst.as_ref().is_some_and(option)
                || learn.specs.iter().any(|spec| match spec {
                    LearnSpec::Match { dst, src } | LearnSpec::Load { dst, src } => {
                        option(dst) || source(src)
                    }
                    LearnSpec::Output { src } => option(src),
                })
        }
        _ => false,
    }
}

/// Returns whether the interpreter evaluates an action in an action set, beside those that set
/// fields.
fn is_known_in_set(action: &Action) -> bool {
    matches!(
        action,
        Action::CopyTtlIn
            | Action::PopVlan
            | Action::PopMpls(_)
            | Action::PopPbb
            | Action::PushMpls(_)
            | Action::PushPbb(_)
            | Action::PushVlan(_)
            | Action::CopyTtlOut
            | Action::DecNwTtl
            | Action::DecMplsTtl
            | Action::SetQueue(_)
            | Action::Group(_)
            | Action::Output { .. }
            | Action::Resubmit { .. }
    )
}
