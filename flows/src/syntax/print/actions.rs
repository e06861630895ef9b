//! The actions half of a printed flow.

use ofproto::PortNo;
use ofproto::action::{
    Action, LEARN_DELETE_LEARNED, LEARN_SEND_FLOW_REM, Learn, LearnSpec, LearnSrc, Subfield, ToController,
};
use ofproto::instruction::Instruction;
use ofproto::oxm::Oxm;

use super::super::field::print_subfield;
use super::super::flow::DEFAULT_PRIORITY;
use super::super::names::{Names, print_port};
use super::super::set::REASONS;
use super::super::value::{self, hex};
use crate::model::Masked;

/// Instructions in the order in which a switch takes them, whatever the order they came in.
pub(super) fn instructions(instructions: &[Instruction], names: &dyn Names) -> String {
    let rank = |instruction: &Instruction| match instruction {
        Instruction::Meter(_) => 0,
        Instruction::ApplyActions(_) => 1,
        Instruction::ClearActions => 2,
        Instruction::WriteActions(_) => 3,
        Instruction::WriteMetadata { .. } => 4,
        Instruction::GotoTable(_) => 5,
        _ => 6,
    };
    let mut sorted: Vec<&Instruction> = instructions.iter().collect();
    sorted.sort_by_key(|instruction| rank(instruction));
    let parts: Vec<String> =
        sorted.into_iter().map(|i| instruction(i, names)).filter(|text| !text.is_empty()).collect();
    if parts.is_empty() { "drop".to_owned() } else { parts.join(",") }
}

fn instruction(instruction: &Instruction, names: &dyn Names) -> String {
    match instruction {
        Instruction::Meter(id) => format!("meter:{id}"),
        Instruction::ApplyActions(list) => actions(list, names),
        Instruction::ClearActions => "clear_actions".to_owned(),
        Instruction::WriteActions(list) if list.is_empty() => String::new(),
        Instruction::WriteActions(list) => format!("write_actions({})", actions(list, names)),
        Instruction::WriteMetadata { value, mask: u64::MAX } => {
            format!("write_metadata:{}", hex(u128::from(*value)))
        }
        Instruction::WriteMetadata { value, mask } => {
            format!("write_metadata:{}/{}", hex(u128::from(*value)), hex(u128::from(*mask)))
        }
        Instruction::GotoTable(table) => format!("goto_table:{}", table.0),
        Instruction::Unknown { kind, body } => format!("unknown_instruction({kind}:{})", bytes(body)),
        // `Instruction` may grow; saying so is better than leaving it out.
        _ => "unknown_instruction".to_owned(),
    }
}

fn actions(list: &[Action], names: &dyn Names) -> String {
    list.iter().map(|a| action(a, names)).collect::<Vec<_>>().join(",")
}

fn action(action: &Action, names: &dyn Names) -> String {
    match action {
        Action::Output { port, max_len } => output(*port, *max_len, names),
        Action::CopyTtlOut => "copy_ttl_out".to_owned(),
        Action::CopyTtlIn => "copy_ttl_in".to_owned(),
        Action::SetMplsTtl(ttl) => format!("set_mpls_ttl({ttl})"),
        Action::DecMplsTtl => "dec_mpls_ttl".to_owned(),
        Action::PushVlan(kind) => format!("push_vlan:{kind:#06x}"),
        Action::PopVlan => "pop_vlan".to_owned(),
        Action::PushMpls(kind) => format!("push_mpls:{kind:#06x}"),
        Action::PopMpls(kind) => format!("pop_mpls:{kind:#06x}"),
        Action::SetQueue(queue) => format!("set_queue:{queue}"),
        Action::Group(group) => format!("group:{}", group.0),
        Action::SetNwTtl(ttl) => format!("mod_nw_ttl:{ttl}"),
        Action::DecNwTtl => "dec_ttl".to_owned(),
        Action::SetField(oxm) | Action::RegLoad2(oxm) => set_field(oxm, names),
        Action::PushPbb(kind) => format!("push_pbb:{kind:#06x}"),
        Action::PopPbb => "pop_pbb".to_owned(),
        Action::Resubmit { port, table: None } => {
            format!("resubmit:{}", print_port(port.unwrap_or(PortNo::IN_PORT), names))
        }
        Action::Resubmit { port, table: Some(table) } => {
            format!("resubmit({},{})", port.map_or_else(String::new, |p| print_port(p, names)), table.0)
        }
        Action::Move { src, dst } => format!("move:{}->{}", print_subfield(*src), print_subfield(*dst)),
        Action::Load { dst, value } => {
            format!("load:{}->{}", hex(u128::from(*value)), print_subfield(*dst))
        }
        Action::Note(note) => format!("note:{}", bytes(note)),
        Action::OutputReg { src, .. } => format!("output:{}", print_subfield(*src)),
        Action::Learn(learn) => self::learn(learn, names),
        Action::Exit => "exit".to_owned(),
        Action::FinTimeout { idle, hard } => {
            let mut parts = Vec::new();
            for (name, seconds) in [("idle_timeout", idle), ("hard_timeout", hard)] {
                if *seconds != 0 {
                    parts.push(format!("{name}={seconds}"));
                }
            }
            format!("fin_timeout({})", parts.join(","))
        }
        Action::Controller(to) => controller(to),
        Action::Unknown { kind, body } => format!("unknown_action({kind}:{})", bytes(body)),
        // `Action` may grow; saying so is better than leaving it out.
        _ => "unknown_action".to_owned(),
    }
}

fn output(port: PortNo, max_len: u16, names: &dyn Names) -> String {
    match port {
        PortNo::CONTROLLER => format!("CONTROLLER:{max_len}"),
        PortNo(0..=0xffff_ff00) => format!("output:{}", print_port(port, names)),
        _ => print_port(port, names),
    }
}

fn set_field(oxm: &Oxm, names: &dyn Names) -> String {
    match oxm {
        Oxm::Known { field, value, mask } => {
            let mask = mask.unwrap_or_else(|| field.info().exact());
            let text = value::print(*field, Masked { value: *value, mask }, names);
            format!("set_field:{text}->{}", field.info().name)
        }
        Oxm::Unknown { class, number, payload, .. } => {
            format!("set_field:{}->unknown_field({class:#06x}:{number})", bytes(payload))
        }
    }
}

fn bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(".")
}

fn controller(to: &ToController) -> String {
    let mut parts = Vec::new();
    let reason =
        REASONS.get(usize::from(to.reason)).map_or_else(|| to.reason.to_string(), |r| (*r).to_owned());
    if reason != "action" {
        parts.push(format!("reason={reason}"));
    }
    if to.max_len != u16::MAX {
        parts.push(format!("max_len={}", to.max_len));
    }
    if to.controller_id != 0 {
        parts.push(format!("id={}", to.controller_id));
    }
    if !to.userdata.is_empty() {
        parts.push(format!("userdata={}", bytes(&to.userdata)));
    }
    if to.pause {
        parts.push("pause".to_owned());
    }
    if let Some(meter) = to.meter {
        parts.push(format!("meter_id={meter}"));
    }
    match (parts.as_slice(), to.max_len) {
        ([], max_len) => format!("CONTROLLER:{max_len}"),
        ([only], max_len) if only.starts_with("max_len=") => format!("CONTROLLER:{max_len}"),
        _ => format!("controller({})", parts.join(",")),
    }
}

fn learn(learn: &Learn, names: &dyn Names) -> String {
    let mut parts = vec![format!("table={}", learn.table.0)];
    let timeouts = [
        ("idle_timeout", learn.idle_timeout),
        ("hard_timeout", learn.hard_timeout),
        ("fin_idle_timeout", learn.fin_idle_timeout),
        ("fin_hard_timeout", learn.fin_hard_timeout),
    ];
    for (name, seconds) in timeouts {
        if seconds != 0 {
            parts.push(format!("{name}={seconds}"));
        }
    }
    if learn.priority != DEFAULT_PRIORITY {
        parts.push(format!("priority={}", learn.priority));
    }
    if learn.flags & LEARN_SEND_FLOW_REM != 0 {
        parts.push("send_flow_rem".to_owned());
    }
    if learn.flags & LEARN_DELETE_LEARNED != 0 {
        parts.push("delete_learned".to_owned());
    }
    if learn.cookie.0 != 0 {
        parts.push(format!("cookie={}", learn.cookie));
    }
    if learn.limit != 0 {
        parts.push(format!("limit={}", learn.limit));
    }
    if let Some(dst) = learn.result_dst {
        parts.push(format!("result_dst={}", print_subfield(dst)));
    }
    parts.extend(learn.specs.iter().map(|spec| learn_spec(spec, names)));
    format!("learn({})", parts.join(","))
}

fn learn_spec(spec: &LearnSpec, names: &dyn Names) -> String {
    match spec {
        LearnSpec::Match { dst, src: LearnSrc::Field(src) } if dst == src => print_subfield(*dst),
        LearnSpec::Match { dst, src: LearnSrc::Field(src) } => {
            format!("{}={}", print_subfield(*dst), print_subfield(*src))
        }
        LearnSpec::Match { dst, src: LearnSrc::Immediate(number) } if *dst == Subfield::whole(dst.field) => {
            let text = value::print(dst.field, Masked::exact(dst.field, *number), names);
            format!("{}={text}", dst.field.info().name)
        }
        LearnSpec::Match { dst, src: LearnSrc::Immediate(number) } => {
            format!("{}={}", print_subfield(*dst), hex(*number))
        }
        LearnSpec::Load { dst, src: LearnSrc::Immediate(number) } => {
            format!("load:{}->{}", hex(*number), print_subfield(*dst))
        }
        LearnSpec::Load { dst, src: LearnSrc::Field(src) } => {
            format!("load:{}->{}", print_subfield(*src), print_subfield(*dst))
        }
        LearnSpec::Output { src } => format!("output:{}", print_subfield(*src)),
    }
}
