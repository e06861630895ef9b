//! The learned flows that a pipeline accounts for. A flow in a learned table that no live learner
//! could have written is drift, or a remnant of an earlier configuration.
//!
//! [`Learners`] judges the form: cookie, priority, timeouts, fields, actions. [`LearnedFlowJudge`]
//! judges flows of the network file's learners more strictly: the current pipeline must be able to
//! produce them. The learned flow gives some facts about the opening packet. Its ingress port is
//! the answer's output port, and addresses and ports are exchanged. The judge leaves everything
//! else open, and walks the tables with these facts. So a learned flow is not accounted for once
//! its parties change places, leave a list or disappear, even if its learner is unchanged.

mod judge;
mod known_packet;
mod openers;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use flow_model::{Flow, FlowMatch, Masked};
use ofproto::action::{Action, Learn, LearnSpec, LearnSrc, Subfield};
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{Cookie, PortNo, TableId};

pub use self::judge::LearnedFlowJudge;
use self::known_packet::{low_bits, mask_of, shifted};
use crate::compile::{OriginKind, ProgramPart};
use crate::verify::interp::is_matched;

/// The `learn` actions of a set of flows.
#[derive(Debug, Clone, Default)]
pub struct Learners {
    by_cookie: HashMap<(TableId, Cookie), Vec<Arc<Learner>>>,
    senders: AdmittedSenders,
}

/// The packets that the first table admits, by ingress port: the possible targets of a return path.
type AdmittedSenders = HashMap<u16, Vec<FlowMatch>>;

/// A `learn` action, with the known facts about the packets that reach it.
#[derive(Debug, Clone)]
struct Learner {
    parent: Cookie,
    /// The parent's table.
    at: TableId,
    /// True if the action comes from a raw line: then only the form of its flows is judged.
    raw: bool,
    seen: FlowMatch,
    learn: Learn,
    /// The bits that learned flows match, all of them set.
    shape: FlowMatch,
    /// The bits of the shape with known values: constants, and fields that the parent matches.
    fixed: FlowMatch,
}

impl Learners {
    /// Returns the learners among `flows`.
    pub fn of<'a>(flows: impl IntoIterator<Item = &'a Flow>) -> Self {
        let mut this = Self::default();
        for flow in flows {
            this.let_in(flow);
            this.teaches(flow);
        }
        this
    }

    fn let_in(&mut self, flow: &Flow) {
        let port = flow.matches.in_port().and_then(PortNo::to_u16);
        if let Some(port) = port.filter(|_| flow.table == TableId(0) && !flow.drops()) {
            self.senders.entry(port).or_default().push(flow.matches.clone());
        }
    }

    fn teaches(&mut self, flow: &Flow) {
        for learn in flow.learns() {
            let learner = Learner::new(flow, learn);
            self.by_cookie.entry((learn.table, learn.cookie)).or_default().push(Arc::new(learner));
        }
    }

    /// Returns the learners of a part of a program, including those that the controller executes.
    /// The senders that the part admits are looked up for all parts [together](Self::joined).
    pub fn of_part(part: &ProgramPart) -> Self {
        let mut this = Self::default();
        part.flows.iter().for_each(|flow| this.teaches(flow));
        part.reactive.iter().for_each(|learner| this.teaches(&learner.as_taught()));
        for learner in this.by_cookie.values_mut().flatten() {
            let written = part.origins.get(&learner.parent).is_some_and(|o| o.kind != OriginKind::Raw);
            Arc::make_mut(learner).raw = !written;
        }
        this
    }

    /// Returns the learners of several parts of a program, in which a sender of one part counts for
    /// a learner of another.
    pub fn joined<'a>(all: impl IntoIterator<Item = &'a Self>, parts: &[Arc<ProgramPart>]) -> Self {
        let mut this = Self::default();
        for (cookie, learners) in all.into_iter().flat_map(|learners| &learners.by_cookie) {
            this.by_cookie.entry(*cookie).or_default().extend(learners.iter().cloned());
        }
        // Only raw learners need the senders.
        if this.by_cookie.values().flatten().any(|learner| learner.raw) {
            for part in parts {
                part.flows.iter().for_each(|flow| this.let_in(flow));
                part.reactive.iter().for_each(|learner| this.let_in(&learner.as_taught()));
            }
        }
        this
    }

    /// Returns the cookie of the flow that could have learned `flow`, if there is one. Table,
    /// cookie, priority, timeouts and flags must agree. The match must have exactly the learned
    /// fields, with values that the learner's packets can have. The actions must agree exactly.
    pub fn accounts_for(&self, flow: &Flow) -> Option<Cookie> {
        let candidates = self.by_cookie.get(&(flow.table, flow.cookie))?;
        candidates.iter().find(|l| l.accounts_for(flow, &self.senders)).map(|l| l.parent)
    }

    /// Returns the maximum number of flows with that cookie in a table, if a learner's `limit` sets
    /// it.
    pub fn limit(&self, table: TableId, cookie: Cookie) -> Option<u32> {
        let learners = self.by_cookie.get(&(table, cookie))?;
        learners.iter().map(|learner| learner.learn.limit).filter(|limit| *limit > 0).min()
    }

    /// Returns the cookies of the flows that learn, once for each of their learners.
    pub fn parents(&self) -> impl Iterator<Item = Cookie> {
        self.by_cookie.values().flatten().map(|learner| learner.parent)
    }

    /// Returns the tables of learned flows.
    pub fn tables(&self) -> BTreeSet<TableId> {
        self.by_cookie.keys().map(|(table, _)| *table).collect()
    }

    /// Returns whether flows with that table and cookie may be learned.
    pub fn has(&self, learned: &(TableId, Cookie)) -> bool {
        self.by_cookie.contains_key(learned)
    }

    /// Returns the table and cookie of learned flows.
    pub fn cookies(&self) -> BTreeSet<(TableId, Cookie)> {
        self.by_cookie.keys().copied().collect()
    }
}

impl Learner {
    fn new(flow: &Flow, learn: &Learn) -> Self {
        let mut shape: BTreeMap<Field, u128> = BTreeMap::new();
        let mut fixed: BTreeMap<Field, Masked> = BTreeMap::new();
        for spec in &learn.specs {
            let LearnSpec::Match { dst, src } = spec else { continue };
            if !is_matched(*dst) {
                continue;
            }
            *shape.entry(dst.field).or_default() |= mask_of(*dst);
            let known = match src {
                LearnSrc::Immediate(value) => {
                    let mask = low_bits(dst.n_bits);
                    Masked { value: value & mask, mask }
                }
                LearnSrc::Field(src) => bits_of(&flow.matches, *src),
            };
            let entry = fixed.entry(dst.field).or_insert(Masked { value: 0, mask: 0 });
            entry.value |= shifted(known.value, dst.ofs);
            entry.mask |= shifted(known.mask, dst.ofs);
        }
        let mut this = Self {
            parent: flow.cookie,
            at: flow.table,
            raw: true,
            seen: flow.matches.clone(),
            learn: learn.clone(),
            shape: FlowMatch::any(),
            fixed: FlowMatch::any(),
        };
        for (field, mask) in shape {
            this.shape.set(field, Masked { value: mask, mask });
        }
        for (field, bits) in fixed {
            this.fixed.set(field, bits);
        }
        this
    }

    fn accounts_for(&self, flow: &Flow, senders: &AdmittedSenders) -> bool {
        flow.priority == self.learn.priority
            && flow.flags == self.learn.flags & ofproto::action::LEARN_SEND_FLOW_REM
            && timeout_fits(flow.idle_timeout, self.learn.idle_timeout, self.learn.fin_idle_timeout)
            && timeout_fits(flow.hard_timeout, self.learn.hard_timeout, self.learn.fin_hard_timeout)
            && self.writes(flow, senders)
    }

    /// Returns whether the learner may write the flow's match and actions, whatever its cookie,
    /// priority and timeouts.
    fn writes(&self, flow: &Flow, senders: &AdmittedSenders) -> bool {
        flow.table == self.learn.table
            && !flow.matches.has_unknown()
            && flow.matches.iter().map(|(f, m)| (f, m.mask)).eq(self.shape.iter().map(|(f, m)| (f, m.mask)))
            && flow.matches.within(&self.fixed)
            && self.does(flow, senders)
    }

    /// Returns whether the flow's actions are those that the learner writes.
    fn does(&self, flow: &Flow, senders: &AdmittedSenders) -> bool {
        let actions = match flow.instructions.as_slice() {
            [] => &[][..],
            [Instruction::ApplyActions(actions)] => actions.as_slice(),
            _ => return false,
        };
        let mut rest = actions.iter();
        if self.learn.fin_idle_timeout != 0 || self.learn.fin_hard_timeout != 0 {
            let expected =
                Action::FinTimeout { idle: self.learn.fin_idle_timeout, hard: self.learn.fin_hard_timeout };
            if rest.next() != Some(&expected) {
                return false;
            }
        }
        for spec in &self.learn.specs {
            let fits = match spec {
                LearnSpec::Match { .. } => continue,
                LearnSpec::Output { src } => match rest.next() {
                    Some(Action::Output { port, .. }) => {
                        port.to_u16().is_some_and(|p| self.may_be(*src, p.into(), flow, senders))
                    }
                    _ => false,
                },
                LearnSpec::Load { dst, src } => match rest.next() {
                    Some(Action::Load { dst: d, value }) if d == dst => match src {
                        LearnSrc::Immediate(expected) => {
                            u128::from(*value) == expected & low_bits(dst.n_bits)
                        }
                        LearnSrc::Field(src) => self.may_be(*src, u128::from(*value), flow, senders),
                    },
                    _ => false,
                },
            };
            if !fits {
                return false;
            }
        }
        rest.next().is_none()
    }
}

impl Learner {
    /// Returns whether a packet that reaches the learner can have that value in a field. If the
    /// learner does not match the ingress port, the first table must admit packets from the return
    /// path's target by that port.
    fn may_be(&self, src: Subfield, value: u128, flow: &Flow, senders: &AdmittedSenders) -> bool {
        let bits = bits_of(&self.seen, src);
        if src.field != Field::InPort || bits.mask != 0 || senders.is_empty() {
            return bits.admits(value);
        }
        let at = u16::try_from(value).ok().and_then(|port| senders.get(&port));
        let from = |sender: &FlowMatch| {
            self.learn.specs.iter().all(|spec| match spec {
                LearnSpec::Match { dst, src: LearnSrc::Field(src) }
                    if matches!(src.field, Field::Ipv4Src | Field::Ipv6Src) =>
                {
                    let value = flow.matches.exact(dst.field);
                    value.is_some_and(|value| sender.field(src.field).is_none_or(|bits| bits.admits(value)))
                }
                _ => true,
            })
        };
        let family = flow.matches.exact(Field::EthType);
        at.is_some_and(|all| all.iter().any(|m| m.exact(Field::EthType) == family && from(m)))
    }
}

/// Returns whether the timeout fits: FIN or RST may have shortened it to `fin`.
fn timeout_fits(is: u16, learned: u16, fin: u16) -> bool {
    is == learned || (fin != 0 && is == fin && (learned == 0 || fin < learned))
}

/// Returns the bits of a subfield that `matches` fixes, right-aligned.
fn bits_of(matches: &FlowMatch, sub: Subfield) -> Masked {
    let bits = match sub.field {
        // The only field whose NXM and OXM forms differ in width and that learners use.
        Field::InPort => {
            let port = matches.in_port().and_then(PortNo::to_u16);
            port.map(|port| Masked { value: port.into(), mask: 0xffff })
        }
        field => matches.field(field),
    };
    let Some(bits) = bits else { return Masked { value: 0, mask: 0 } };
    let down = |v: u128| v.checked_shr(sub.ofs.into()).unwrap_or(0) & low_bits(sub.n_bits);
    Masked { value: down(bits.value), mask: down(bits.mask) }
}

#[cfg(test)]
mod tests {
    use ofctl::syntax::{NoNames, parse_flow};

    use super::*;

    const LEARN: &str = "learn(table=1,cookie=0x7,hard_timeout=60,priority=110,eth_type=0x800,nw_proto=6,\
                         NXM_OF_IP_SRC[]=NXM_OF_IP_DST[],output:NXM_OF_IN_PORT[])";

    fn flow(line: &str) -> Flow {
        parse_flow(line, &NoNames).unwrap_or_else(|e| panic!("{line}: {e:?}"))
    }

    fn accounts(learner: &str, learned: &str) -> bool {
        Learners::of(&[flow(learner)]).accounts_for(&flow(learned)) == Some(Cookie(9))
    }

    #[test]
    fn a_learner_accounts_for_what_it_could_have_learned_and_nothing_else() {
        let learned = "cookie=0x7,table=1,hard_timeout=60,priority=110,tcp,nw_src=10.0.0.1,actions=output:1";
        for learner in [
            format!("cookie=9,tcp,in_port=1,nw_dst=10.0.0.0/24,actions={LEARN},output:2"),
            format!("cookie=9,tcp,in_port=1,nw_dst=10.0.0.0/24,actions=clone({LEARN}),output:2"),
        ] {
            assert!(accounts(&learner, learned));
            for (right, wrong) in [
                ("cookie=0x7", "cookie=0x8"),
                ("table=1", "table=2"),
                ("=60", "=61"),
                ("=110", "=111"),
                ("tcp", "udp"),
                ("10.0.0.1", "10.0.1.1"),
                ("nw_src=10.0.0.1", "nw_dst=10.0.0.1"),
                ("nw_src=10.0.0.1", "nw_src=10.0.0.0/24"),
                ("output:1", "output:2"),
                ("output:1", "output:1,output:2"),
                ("output:1", "drop"),
            ] {
                let forged = learned.replace(right, wrong);
                assert!(!accounts(&learner, &forged), "{forged}");
            }
        }
    }
}
