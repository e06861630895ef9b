//! The actions half of a printed flow.

use std::net::Ipv6Addr;

use flow_model::{DEFAULT_PRIORITY, Masked};
use ofproto::action::{
    Action, BUNDLE_ALGORITHMS, Bundle, CT_COMMIT, CT_FORCE, Ct, CtZone, Encap, EncapProp, HASH_FIELDS,
    LEARN_DELETE_LEARNED, LEARN_SEND_FLOW_REM, Learn, LearnSpec, LearnSrc, Legacy, MULTIPATH_ALGORITHMS,
    Multipath, NAT_DST, NAT_HASH, NAT_PERSISTENT, NAT_RANDOM, NAT_SRC, Nat, NatAddresses, ObservationId,
    PACKET_NEXT_PROTO, Sample, SampleDirection, Subfield, ToController,
};
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Oxm};
use ofproto::{MacAddr, PortNo};

use super::super::actions::nested;
use crate::syntax::actions::header;
use crate::syntax::actions::set::REASONS;
use crate::syntax::lex::names::{Names, print_port, print_table};
use crate::syntax::matching::field::print_subfield;
use crate::syntax::matching::value::hex;
use crate::syntax::matching::{tunnel, value};

/// Prints instructions in the order in which a switch executes them, not in that of the list.
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
        Instruction::WriteActions(list) => format!("write_actions({})", actions_or_drop(list, names)),
        Instruction::WriteMetadata { value, mask: u64::MAX } => {
            format!("write_metadata:{}", hex(u128::from(*value)))
        }
        Instruction::WriteMetadata { value, mask } => {
            format!("write_metadata:{}/{}", hex(u128::from(*value)), hex(u128::from(*mask)))
        }
        Instruction::GotoTable(table) => format!("goto_table:{}", print_table(*table, names)),
        Instruction::Unknown { kind, body } => format!("unknown_instruction({kind}:{})", bytes(body)),
        // `Instruction` may grow; a placeholder is better than an omission.
        _ => "unknown_instruction".to_owned(),
    }
}

fn actions_or_drop(list: &[Action], names: &dyn Names) -> String {
    if list.is_empty() { "drop".to_owned() } else { actions(list, names) }
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
            port.map_or_else(|| "resubmit(,)".to_owned(), |p| format!("resubmit:{}", print_port(p, names)))
        }
        Action::ResubmitCt { port, table } => {
            let port = port.map_or_else(String::new, |port| print_port(port, names));
            format!(
                "resubmit({port},{},ct)",
                table.map_or_else(String::new, |table| print_table(table, names))
            )
        }
        Action::Resubmit { port, table: Some(table) } => {
            let port = port.map_or_else(String::new, |p| print_port(p, names));
            format!("resubmit({port},{})", print_table(*table, names))
        }
        Action::Move { src, dst } | Action::CopyField { src, dst } => {
            format!("move:{}->{}", print_subfield(*src), print_subfield(*dst))
        }
        Action::Load { dst, value } => {
            format!("load:{}->{}", hex(u128::from(*value)), print_subfield(*dst))
        }
        Action::Note(note) => format!("note:{}", bytes(note)),
        Action::OutputReg { src, max_len: u16::MAX } => format!("output:{}", print_subfield(*src)),
        // `ovs-ofctl` has no word for the number of bytes that the controller receives.
        Action::OutputReg { src, max_len } => {
            format!("output(src={},max_len={max_len})", print_subfield(*src))
        }
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
        Action::Legacy(legacy) => self::legacy(*legacy),
        Action::SetTunnel(id) => format!("set_tunnel:{}", hex(u128::from(*id))),
        Action::SetTunnel64(id) => format!("set_tunnel64:{}", hex(u128::from(*id))),
        Action::PopQueue => "pop_queue".to_owned(),
        Action::Multipath(m) => multipath(m),
        Action::Bundle(b) => bundle(b, names),
        Action::Push(bits) => format!("push:{}", print_subfield(*bits)),
        Action::Pop(bits) => format!("pop:{}", print_subfield(*bits)),
        Action::DecNwTtlIds(ids) => {
            format!("dec_ttl({})", ids.iter().map(u16::to_string).collect::<Vec<_>>().join(","))
        }
        Action::WriteMetadata { value, mask } => {
            instruction(&Instruction::WriteMetadata { value: *value, mask: *mask }, names)
        }
        Action::Sample(s) => sample(s, names),
        Action::Conjunction { id, clause, n_clauses } => {
            format!("conjunction({id},{}/{n_clauses})", u16::from(*clause) + 1)
        }
        Action::Ct(ct) => self::ct(ct, names),
        Action::Nat(nat) => self::nat(nat),
        Action::CtClear => "ct_clear".to_owned(),
        Action::OutputTrunc { port, max_len } => {
            format!("output(port={},max_len={max_len})", print_port(*port, names))
        }
        Action::Clone(list) => format!("clone({})", actions_or_drop(list, names)),
        Action::Encap(encap) => self::encap(encap),
        Action::Decap(PACKET_NEXT_PROTO) => "decap()".to_owned(),
        Action::Decap(kind) => {
            format!("decap(packet_type(ns={},type={}))", kind >> 16, hex(u128::from(kind & 0xffff)))
        }
        Action::DecNshTtl => "dec_nsh_ttl".to_owned(),
        Action::CheckPktLarger { len, dst } => format!("check_pkt_larger({len})->{}", print_subfield(*dst)),
        Action::DeleteField(field) => format!("delete_field:{}", field.info().name),
        Action::Unknown { kind, body } => format!("unknown_action({kind}:{})", bytes(body)),
        // `Action` may grow; a placeholder is better than an omission.
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
            let info = field.info();
            let bits = Masked { value: *value, mask: mask.unwrap_or(info.exact()) };
            let mut text = value::print(*field, bits, names);
            // Open vSwitch omits a mask that fills the bytes of a field, even if the field has
            // fewer bits.
            if *mask == Some(info.exact()) && usize::from(info.bits) != 8 * info.bytes() {
                text = format!("{text}/{:#x}", bits.mask);
            }
            format!("set_field:{text}->{}", info.name)
        }
        Oxm::Unknown { class, number, payload, .. } => {
            if let Some((option, bits)) = tunnel::of(oxm) {
                let mask = bits.mask.map_or_else(String::new, |mask| format!("/{}", tunnel::hex(&mask)));
                return format!("set_field:{}{mask}->{}", tunnel::hex(&bits.value), option.info().name);
            }
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
        REASONS.get(usize::from(to.reason.0)).map_or_else(|| to.reason.to_string(), |r| (*r).to_owned());
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

fn legacy(legacy: Legacy) -> String {
    match legacy {
        Legacy::VlanVid(id) => format!("set_vlan_vid:{id}"),
        Legacy::VlanPcp(pcp) => format!("set_vlan_pcp:{pcp}"),
        Legacy::EthSrc(mac) => format!("mod_dl_src:{}", MacAddr(mac)),
        Legacy::EthDst(mac) => format!("mod_dl_dst:{}", MacAddr(mac)),
        Legacy::Ipv4Src(ip) => format!("mod_nw_src:{ip}"),
        Legacy::Ipv4Dst(ip) => format!("mod_nw_dst:{ip}"),
        Legacy::NwTos(tos) => format!("mod_nw_tos:{tos}"),
        Legacy::NwEcn(ecn) => format!("mod_nw_ecn:{ecn}"),
        Legacy::TpSrc(port) => format!("mod_tp_src:{port}"),
        Legacy::TpDst(port) => format!("mod_tp_dst:{port}"),
        Legacy::MplsLabel(label) => format!("set_mpls_label({label})"),
        Legacy::MplsTc(tc) => format!("set_mpls_tc({tc})"),
    }
}

fn word(names: &'static [&'static str], at: u16) -> &'static str {
    names.get(usize::from(at)).copied().unwrap_or("<unknown>")
}

fn multipath(m: &Multipath) -> String {
    let (fields, algorithm) = (word(&HASH_FIELDS, m.fields), word(&MULTIPATH_ALGORITHMS, m.algorithm));
    let links = u32::from(m.max_link) + 1;
    format!("multipath({fields},{},{algorithm},{links},{},{})", m.basis, m.arg, print_subfield(m.dst))
}

fn bundle(b: &Bundle, names: &dyn Names) -> String {
    let (fields, algorithm) = (word(&HASH_FIELDS, b.fields), word(&BUNDLE_ALGORITHMS, b.algorithm));
    let (name, dst) = match b.dst {
        Some(dst) => ("bundle_load", format!("{},", print_subfield(dst))),
        None => ("bundle", String::new()),
    };
    let members: Vec<String> = b.members.iter().map(|port| print_port(*port, names)).collect();
    format!("{name}({fields},{},{algorithm},ofport,{dst}members:{})", b.basis, members.join(","))
}

fn sample(s: &Sample, names: &dyn Names) -> String {
    let port = match s.sampling_port {
        PortNo::ANY => String::new(),
        port => format!(",sampling_port={}", print_port(port, names)),
    };
    let direction = match s.direction {
        SampleDirection::Default => "",
        SampleDirection::Ingress => ",ingress",
        SampleDirection::Egress => ",egress",
    };
    format!(
        "sample(probability={},collector_set_id={},obs_domain_id={},obs_point_id={}{port}{direction})",
        s.probability,
        s.collector_set_id,
        observation_id(s.obs_domain_id),
        observation_id(s.obs_point_id)
    )
}

fn observation_id(id: ObservationId) -> String {
    match id {
        ObservationId::Immediate(id) => id.to_string(),
        ObservationId::Field(source) => print_subfield(source),
    }
}

fn ct(ct: &Ct, names: &dyn Names) -> String {
    let mut parts = Vec::new();
    if ct.flags & CT_COMMIT != 0 {
        parts.push("commit".to_owned());
    }
    if ct.flags & CT_FORCE != 0 {
        parts.push("force".to_owned());
    }
    parts.extend(ct.table.map(|table| format!("table={}", print_table(table, names))));
    match ct.zone {
        CtZone::Immediate(0) => {}
        CtZone::Immediate(zone) => parts.push(format!("zone={zone}")),
        CtZone::Field(src) => parts.push(format!("zone={}", print_subfield(src))),
    }
    let rest = match ct.actions.split_first() {
        Some((Action::Nat(nat), rest)) => {
            parts.push(self::nat(nat));
            rest
        }
        _ => &ct.actions,
    };
    if !rest.is_empty() {
        parts.push(format!("exec({})", actions(rest, names)));
    }
    if ct.alg != 0 {
        let helper = nested::HELPERS.iter().find(|(_, port)| *port == ct.alg);
        parts.push(helper.map_or_else(|| format!("alg={}", ct.alg), |(name, _)| format!("alg={name}")));
    }
    format!("ct({})", parts.join(","))
}

/// Prints a `nat` with the parts that `ovs-ofctl` omits: the flags without a range, and an end
/// equal to the start.
fn nat(nat: &Nat) -> String {
    let kind = match nat.flags {
        flags if flags & NAT_SRC != 0 => "src",
        flags if flags & NAT_DST != 0 => "dst",
        _ => return "nat".to_owned(),
    };
    let first_port = nat.ports.map_or(0, |(first, _)| first);
    let range = match nat.addresses {
        NatAddresses::None => String::new(),
        NatAddresses::V4(first, last) => {
            let last = last.filter(|last| !last.is_unspecified());
            format!("{first}{}", last.map_or_else(String::new, |last| format!("-{last}")))
        }
        NatAddresses::V6(first, last) => {
            let show = |address: Ipv6Addr| {
                let text = value::ipv6_text(address);
                if first_port == 0 { text } else { format!("[{text}]") }
            };
            let last = last.filter(|last| !last.is_unspecified());
            format!("{}{}", show(first), last.map_or_else(String::new, |last| format!("-{}", show(last))))
        }
    };
    let mut parts = vec![if range.is_empty() { kind.to_owned() } else { format!("{kind}={range}") }];
    if first_port != 0
        && let (Some(range), Some((first, last))) = (parts.first_mut(), nat.ports)
    {
        range.push_str(&format!(":{first}"));
        if let Some(last) = last.filter(|last| *last != 0) {
            range.push_str(&format!("-{last}"));
        }
    }
    for (bit, name) in [(NAT_PERSISTENT, "persistent"), (NAT_HASH, "hash"), (NAT_RANDOM, "random")] {
        if nat.flags & bit != 0 {
            parts.push(name.to_owned());
        }
    }
    format!("nat({})", parts.join(","))
}

fn encap(encap: &Encap) -> String {
    let header = header::HEADERS.iter().find(|(_, kind)| *kind == encap.packet_type);
    let header = header.map_or("UNKNOWN", |(name, _)| name);
    // `ovs-ofctl` does not print the length of the new header; 0 leaves it to the switch.
    let size = Some(encap.hdr_size).filter(|size| *size != 0).map(|size| format!("hdr_size={size}"));
    let props: Vec<String> = size
        .into_iter()
        .chain(encap.props.iter().map(|prop| match prop {
            EncapProp::NshMdType(md_type) => format!("md_type={md_type}"),
            EncapProp::NshTlv { class, kind, data } => {
                let digits: String = data.iter().map(|b| format!("{b:02x}")).collect();
                // Keep the leading zeros, which `ovs-ofctl` omits, because they count for the
                // length.
                format!("tlv({class:#06x},{kind},0x{digits})")
            }
        }))
        .collect();
    if props.is_empty() {
        format!("encap({header})")
    } else {
        format!("encap({header}({}))", props.join(","))
    }
}

fn learn(learn: &Learn, names: &dyn Names) -> String {
    let mut parts = vec![format!("table={}", print_table(learn.table, names))];
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
            let name = dst.field.info().name;
            match (dst.field, value::print(dst.field, Masked::exact(dst.field, *number), names)) {
                // Open vSwitch prints the name of a packet type with its value, except for
                // Ethernet.
                (Field::PacketType, _) if *number == 0 => format!("{name}=eth"),
                (Field::PacketType, text) => format!("{name}={name}={text}"),
                (_, text) => format!("{name}={text}"),
            }
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
