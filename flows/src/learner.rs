//! A flow with `learn` whose packets go to the controller.

use flow_model::{Flow, learns, nested};
use ofproto::action::{Action, LEARN_SEND_FLOW_REM, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Oxm};
use ofproto::{Cookie, PortNo, TableId, ip_protocol};
use thiserror::Error;

/// The first table that Open vSwitch reserves for itself (its `TBL_INTERNAL`).
pub(crate) const FIRST_INTERNAL_TABLE: TableId = TableId(254);

/// The reason why a controller cannot execute a flow with `learn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UnsupportedLearn {
    /// An instruction other than a list of actions or a meter.
    #[error(
        "{0} beside learn: the rest of the pipeline would not see what the controller did with the packet"
    )]
    Instruction(&'static str),
    /// An action that returns to the tables.
    #[error("{0} beside learn: a packet that the controller sends out passes no further tables")]
    Action(&'static str),
    /// An action before a `learn` with an effect on the packet that only the switch knows.
    #[error("{0} before learn: only the switch knows what the packet is after that")]
    Before(&'static str),
    /// The cookie that no flow can have.
    #[error("learn with cookie 0xffffffffffffffff: no flow can have that cookie")]
    Cookie,
    /// An action that concerns the flow, not the packet.
    #[error(
        "{0} beside learn: it is about the flow that a packet matched, and what the controller sends out matches none"
    )]
    Flow(&'static str),
    /// A table that Open vSwitch reserves for itself.
    #[error("learn into table 254 or above, which the switch keeps to itself")]
    Table,
    /// `fin_timeout` in a learned flow that does not match TCP.
    #[error(
        "learn with fin_idle_timeout or fin_hard_timeout and without nw_proto=6: no controller can write such a flow"
    )]
    Fin,
    /// A tunnel option.
    #[error("learn with a tunnel option (tun_metadata): the controller does not see them")]
    TunnelOption,
}

/// A flow with `learn` that a controller executes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learner {
    /// The controller's actions on a packet: see [`react`](crate::runtime::userspace_learn::react).
    pub actions: Vec<Action>,
    /// The installed flow, whose packets go to the controller unprocessed.
    pub asks: Flow,
}

impl Learner {
    /// Returns the learner of a flow, if the flow learns.
    ///
    /// # Errors
    /// When a controller cannot execute a part of the flow; the error names the first one.
    pub fn of(flow: &Flow) -> Option<Result<Self, UnsupportedLearn>> {
        flow.learns().next()?;
        Some(Self::read(flow))
    }

    fn read(flow: &Flow) -> Result<Self, UnsupportedLearn> {
        let mut all = Vec::new();
        let mut instructions = Vec::new();
        for instruction in &flow.instructions {
            match instruction {
                Instruction::ApplyActions(actions) => all.extend(actions.iter().cloned()),
                // The controller receives the packets that pass the meter.
                Instruction::Meter(_) => instructions.push(instruction.clone()),
                Instruction::GotoTable(_) => return Err(UnsupportedLearn::Instruction("goto_table")),
                Instruction::WriteMetadata { .. } => {
                    return Err(UnsupportedLearn::Instruction("write_metadata"));
                }
                Instruction::WriteActions(_) => return Err(UnsupportedLearn::Instruction("write_actions")),
                Instruction::ClearActions => return Err(UnsupportedLearn::Instruction("clear_actions")),
                _ => return Err(UnsupportedLearn::Instruction("an unknown instruction")),
            }
        }
        fits(&all, false)?;
        let ask = Action::Output { port: PortNo::CONTROLLER, max_len: u16::MAX };
        instructions.push(Instruction::ApplyActions(vec![ask]));
        Ok(Self { actions: all, asks: Flow { instructions, ..flow.clone() } })
    }

    /// Returns its `learn` actions, including those in clones.
    pub fn learns(&self) -> impl Iterator<Item = &Learn> {
        learns(nested(&self.actions))
    }

    /// Returns the flow for a switch that learns by itself.
    pub fn as_written(&self) -> Flow {
        self.doing(self.actions.clone())
    }

    /// Returns the flow with `send_flow_rem` in every `learn`, which all flows learned by a
    /// controller have.
    pub fn as_taught(&self) -> Flow {
        fn tell(actions: &mut [Action]) {
            for action in actions {
                match action {
                    Action::Learn(learn) => learn.flags |= LEARN_SEND_FLOW_REM,
                    Action::Clone(inner) => tell(inner),
                    _ => {}
                }
            }
        }
        let mut actions = self.actions.clone();
        tell(&mut actions);
        self.doing(actions)
    }

    fn doing(&self, actions: Vec<Action>) -> Flow {
        let mut flow = self.asks.clone();
        flow.instructions.pop();
        flow.instructions.push(Instruction::ApplyActions(actions));
        flow
    }

    /// Returns the `learn` actions whose flows are deleted with them under `delete_learned`: all
    /// except those in clones.
    pub fn deleters(&self) -> impl Iterator<Item = &Learn> {
        learns(&self.actions)
    }
}

/// Checks that a packet-out can carry the actions, and that the packet is known at each `learn`. If
/// `learns_later`, another `learn` follows them.
fn fits(actions: &[Action], learns_later: bool) -> Result<(), UnsupportedLearn> {
    let last = actions.iter().rposition(|action| learns(nested([action])).next().is_some());
    for (n, action) in actions.iter().enumerate() {
        let before = learns_later || last.is_some_and(|last| n < last);
        match action {
            Action::Learn(learn) => learnable(learn)?,
            Action::Clone(inner) => fits(inner, false)?,
            Action::Resubmit { .. } => return Err(UnsupportedLearn::Action("resubmit")),
            Action::Output { port: PortNo::TABLE, .. } => {
                return Err(UnsupportedLearn::Action("output:TABLE"));
            }
            Action::Ct(ct) if ct.table.is_some() => return Err(UnsupportedLearn::Action("ct with a table")),
            Action::FinTimeout { .. } => return Err(UnsupportedLearn::Flow("fin_timeout")),
            Action::Conjunction { .. } => return Err(UnsupportedLearn::Flow("conjunction")),
            action if before => known_effect(action)?,
            _ => {}
        }
    }
    Ok(())
}

/// Checks that the packet after an action is known to the controller.
fn known_effect(action: &Action) -> Result<(), UnsupportedLearn> {
    match action {
        Action::Output { .. }
        | Action::OutputReg { .. }
        | Action::OutputTrunc { .. }
        | Action::Controller(_)
        | Action::Group(_)
        | Action::SetField(Oxm::Known { .. })
        | Action::Load { .. }
        | Action::Move { .. }
        | Action::PushVlan(_)
        | Action::PopVlan
        | Action::SetNwTtl(_)
        | Action::DecNwTtl
        | Action::SetQueue(_)
        | Action::PopQueue
        | Action::Note(_)
        | Action::Sample(_)
        | Action::Exit => Ok(()),
        Action::Ct(_) | Action::CtClear => Err(UnsupportedLearn::Before("ct")),
        Action::PushMpls(_) | Action::PopMpls(_) => Err(UnsupportedLearn::Before("MPLS")),
        Action::Encap(_) | Action::Decap(_) => Err(UnsupportedLearn::Before("encap or decap")),
        Action::Push(_) | Action::Pop(_) => Err(UnsupportedLearn::Before("push or pop")),
        Action::Multipath(_) => Err(UnsupportedLearn::Before("multipath")),
        Action::Bundle(_) => Err(UnsupportedLearn::Before("bundle")),
        Action::CheckPktLarger { .. } => Err(UnsupportedLearn::Before("check_pkt_larger")),
        _ => Err(UnsupportedLearn::Before("such an action")),
    }
}

fn learnable(learn: &Learn) -> Result<(), UnsupportedLearn> {
    let option = |sub: &Subfield| sub.field.tun_metadata().is_some();
    let from = |src: &LearnSrc| matches!(src, LearnSrc::Field(src) if option(src));
    let options = learn.result_dst.as_ref().is_some_and(option)
        || learn.specs.iter().any(|spec| match spec {
            LearnSpec::Match { dst, src } | LearnSpec::Load { dst, src } => option(dst) || from(src),
            LearnSpec::Output { src } => option(src),
        });
    let fin = (learn.fin_idle_timeout, learn.fin_hard_timeout) != (0, 0);
    let tcp = learn.specs.iter().any(|spec| match spec {
        LearnSpec::Match { dst, src: LearnSrc::Immediate(protocol) } => {
            *protocol == ip_protocol::TCP.into() && *dst == Subfield::whole(Field::IpProto)
        }
        LearnSpec::Match { dst, src: LearnSrc::Field(_) } => *dst == Subfield::whole(Field::IpProto),
        _ => false,
    });
    match learn.cookie {
        _ if learn.table >= FIRST_INTERNAL_TABLE => Err(UnsupportedLearn::Table),
        _ if fin && !tcp => Err(UnsupportedLearn::Fin),
        Cookie(u64::MAX) => Err(UnsupportedLearn::Cookie),
        _ if options => Err(UnsupportedLearn::TunnelOption),
        _ => Ok(()),
    }
}
