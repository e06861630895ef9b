//! `encap(...)`, `decap(...)`, `sample(...)`, `check_pkt_larger(...)`, `output(port=…,max_len=…)` and `enqueue` (ovs-actions(7)).

use bytes::Bytes;
use ofproto::PortNo;
use ofproto::action::{
    Action, Encap, EncapProp, ObservationId, PACKET_ETHERNET, PACKET_MPLS, PACKET_MPLS_MC, PACKET_NEXT_PROTO,
    PACKET_NSH, Sample, SampleDirection,
};

use crate::syntax::Context;
use crate::syntax::lex::error::{SyntaxError, SyntaxErrorKind};
use crate::syntax::lex::token;
use crate::syntax::lex::token::KeyValue;

/// The headers that `encap` can push.
pub(in crate::syntax) const HEADERS: [(&str, u32); 4] =
    [("ethernet", PACKET_ETHERNET), ("nsh", PACKET_NSH), ("mpls", PACKET_MPLS), ("mpls_mc", PACKET_MPLS_MC)];

/// Length of an Ethernet header, in bytes, below which no packet is.
const MIN_LEN: u64 = 14;

/// Reads `HEADER` or `nsh(md_type=…,tlv(CLASS,TYPE,VALUE),…)`.
pub(in crate::syntax) fn encap<'a>(cx: &Context<'a>, pair: KeyValue<'a>) -> Result<Action, SyntaxError> {
    let mut parts = token::pairs(pair.text());
    let names = HEADERS.map(|(name, _)| name).join(", ");
    let Some(header) = parts.next() else {
        return Err(cx
            .error(SyntaxErrorKind::Syntax, pair.key, "encap needs a header")
            .help(format!("one of {names}")));
    };
    let Some((name, packet_type)) = HEADERS.iter().find(|(name, _)| *name == header.key) else {
        let message = format!("unknown header {:?}", header.key);
        return Err(cx.error(SyntaxErrorKind::Syntax, header.key, message).help(format!("one of {names}")));
    };
    if let Some(more) = parts.next() {
        let message = format!("encap takes one header, and {:?} is a second", more.key);
        return Err(cx.error(SyntaxErrorKind::Syntax, more.key, message));
    }
    let mut props = Vec::new();
    let mut hdr_size = 0;
    for prop in token::pairs(header.text()) {
        props.push(match (*packet_type, prop.key) {
            (_, "hdr_size") => {
                hdr_size = cx.half("hdr_size", prop.text())?;
                continue;
            }
            (PACKET_NSH, "md_type") => match cx.byte("md_type", prop.text())? {
                md_type @ 1..=2 => EncapProp::NshMdType(md_type),
                _ => {
                    let message = format!("there is no md_type {}", prop.text());
                    return Err(cx.error(SyntaxErrorKind::Value, prop.text(), message).help("1 or 2"));
                }
            },
            (PACKET_NSH, "tlv") => tlv(cx, prop)?,
            (PACKET_NSH, _) => return Err(cx.unknown_argument("nsh", prop, "md_type, tlv")),
            _ => {
                let message = format!("{name} takes no {:?}", prop.key);
                return Err(cx.error(SyntaxErrorKind::Syntax, prop.key, message));
            }
        });
    }
    Ok(Action::Encap(Box::new(Encap { packet_type: *packet_type, hdr_size, props })))
}

/// Reads `tlv(0xCLASS,TYPE,0xVALUE)`.
fn tlv(cx: &Context<'_>, pair: KeyValue<'_>) -> Result<EncapProp, SyntaxError> {
    let help = "tlv(0xCLASS,TYPE,0xVALUE), with two hexadecimal digits a byte of the value, at most 125";
    let bad = || {
        let message = format!("{:?} is not a TLV", pair.text());
        cx.error(SyntaxErrorKind::Value, pair.text(), message).help(help)
    };
    let mut words = pair.text().split(',');
    let (Some(class), Some(kind), Some(value), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(bad());
    };
    let hex = |text: &str| text.strip_prefix("0x").map(str::to_owned);
    let class = hex(class).and_then(|class| u16::from_str_radix(&class, 16).ok());
    let digits = kind.bytes().all(|b| b.is_ascii_digit());
    let kind = kind.parse::<u8>().ok().filter(|_| digits);
    let data = hex(value).filter(|value| value.len() <= 250 && !value.contains('.'));
    let data = data.and_then(|value| cx.hex_bytes(&value).ok()).filter(|data| !data.is_empty());
    match (class, kind, data) {
        (Some(class), Some(kind), Some(data)) => {
            Ok(EncapProp::NshTlv { class, kind, data: Bytes::from(data) })
        }
        _ => Err(bad()),
    }
}

/// Reads an empty text, or `packet_type(ns=…,type=…)`.
pub(in crate::syntax) fn decap<'a>(cx: &Context<'a>, pair: KeyValue<'a>) -> Result<Action, SyntaxError> {
    let mut parts = token::pairs(pair.text());
    let Some(part) = parts.next() else { return Ok(Action::Decap(PACKET_NEXT_PROTO)) };
    if let Some(more) = parts.next() {
        return Err(cx.unknown_argument("decap", more, "packet_type(ns=NAMESPACE,type=TYPE)"));
    }
    if part.key != "packet_type" {
        return Err(cx.unknown_argument("decap", part, "packet_type(ns=NAMESPACE,type=TYPE)"));
    }
    let mut attributes = token::pairs(part.text());
    let mut attribute = |name: &str| match attributes.next() {
        Some(found) if found.key == name => cx.half(name, found.text()),
        _ => Err(cx
            .error(SyntaxErrorKind::Syntax, part.key, format!("packet_type needs {name}"))
            .help("packet_type(ns=NAMESPACE,type=TYPE)")),
    };
    let (ns, kind) = (attribute("ns")?, attribute("type")?);
    if ns > 4 {
        let message = format!("there is no namespace {ns}");
        return Err(cx
            .error(SyntaxErrorKind::Value, part.text(), message)
            .help("a number from 0 to 4: 0 for packets with their own number, 1 for Ethernet types"));
    }
    Ok(Action::Decap(u32::from(ns) << 16 | u32::from(kind)))
}

/// Reads `probability=…,collector_set_id=…,obs_domain_id=…,obs_point_id=…,sampling_port=…,ingress|egress`.
pub(in crate::syntax) fn sample<'a>(cx: &Context<'a>, pair: KeyValue<'a>) -> Result<Action, SyntaxError> {
    let mut sample = Sample {
        probability: 0,
        collector_set_id: 0,
        obs_domain_id: ObservationId::Immediate(0),
        obs_point_id: ObservationId::Immediate(0),
        sampling_port: PortNo::ANY,
        direction: SampleDirection::Default,
    };
    for part in token::pairs(pair.text()) {
        let text = part.text();
        match part.key {
            "probability" => sample.probability = cx.half("probability", text)?,
            "collector_set_id" => sample.collector_set_id = cx.word(part.key, text)?,
            "obs_domain_id" => sample.obs_domain_id = observation_id(cx, part.key, text)?,
            "obs_point_id" => sample.obs_point_id = observation_id(cx, part.key, text)?,
            "sampling_port" => sample.sampling_port = cx.port(text)?,
            "ingress" => sample.direction = SampleDirection::Ingress,
            "egress" => sample.direction = SampleDirection::Egress,
            _ => {
                let known = "probability, collector_set_id, obs_domain_id, obs_point_id, sampling_port, \
                             ingress, egress";
                return Err(cx.unknown_argument("sample", part, known));
            }
        }
    }
    if sample.probability == 0 {
        return Err(cx
            .error(SyntaxErrorKind::Value, pair.key, "sample needs a probability that is not 0")
            .help("probability=N: N of 65535 packets"));
    }
    Ok(Action::Sample(Box::new(sample)))
}

/// Reads a number, or bits of a field that hold one, as Open vSwitch accepts since 3.4.
fn observation_id<'a>(cx: &Context<'a>, what: &str, text: &'a str) -> Result<ObservationId, SyntaxError> {
    const MOST: u16 = 32;
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return cx.word(what, text).map(ObservationId::Immediate);
    }
    let help =
        format!("a number from 0 to {}, or up to {MOST} bits of a field such as NXM_NX_REG0[]", u32::MAX);
    let bits = cx.subfield(text).map_err(|error| error.help(help.clone()))?;
    if bits.n_bits > MOST {
        let message = format!("{text:?} has {} bits, and {what} has {MOST}", bits.n_bits);
        return Err(cx.error(SyntaxErrorKind::Value, text, message).help(help));
    }
    cx.short("sample", bits, text).map(ObservationId::Field)
}

/// Reads `LEN)->DST[bit]`, in the form that the tokenizer leaves.
pub(in crate::syntax) fn check_pkt_larger<'a>(
    cx: &Context<'a>,
    text: &'a str,
) -> Result<Action, SyntaxError> {
    let (from, to) = cx.arrow("check_pkt_larger", text)?;
    let from = from.strip_suffix(')').unwrap_or(from);
    let dst = cx.subfield(to)?;
    if dst.n_bits != 1 {
        return Err(cx
            .error(SyntaxErrorKind::Value, to, "check_pkt_larger sets a single bit")
            .help("for example check_pkt_larger(1500)->NXM_NX_REG0[0]"));
    }
    cx.check_settable(dst.field, to)?;
    Ok(Action::CheckPktLarger { len: cx.half("length", from)?, dst })
}

/// Reads `port=…,max_len=…`.
pub(in crate::syntax) fn output_trunc<'a>(
    cx: &Context<'a>,
    pair: KeyValue<'a>,
) -> Result<Action, SyntaxError> {
    let (mut port, mut max_len) = (None, None);
    for part in token::pairs(pair.text()) {
        let text = part.text();
        match part.key {
            "port" => match cx.port(text)? {
                PortNo::CONTROLLER
                | PortNo::TABLE
                | PortNo::NORMAL
                | PortNo::FLOOD
                | PortNo::ALL
                | PortNo::ANY => {
                    let message = format!("a packet cannot be cut for {text}");
                    return Err(cx
                        .error(SyntaxErrorKind::Value, text, message)
                        .help("a port of this bridge, LOCAL or IN_PORT"));
                }
                found => port = Some(found),
            },
            "max_len" => match cx.word("max_len", text)? {
                len if u64::from(len) < MIN_LEN => {
                    let message = format!("{text:?} is too short");
                    return Err(cx
                        .error(SyntaxErrorKind::Value, text, message)
                        .help(format!("at least {MIN_LEN} bytes")));
                }
                len => max_len = Some(len),
            },
            _ => return Err(cx.unknown_argument("output", part, "port, max_len")),
        }
    }
    match (port, max_len) {
        (Some(port), Some(max_len)) => Ok(Action::OutputTrunc { port, max_len }),
        _ => Err(cx
            .error(SyntaxErrorKind::Syntax, pair.key, "output needs a port")
            .help("output:PORT or output(port=PORT,max_len=BYTES)")),
    }
}

/// Reads `src=FIELD[BITS],max_len=BYTES`, in the form that Portcullis prints.
pub(in crate::syntax) fn output_field<'a>(
    cx: &Context<'a>,
    pair: KeyValue<'a>,
) -> Result<Action, SyntaxError> {
    let (mut src, mut max_len) = (None, u16::MAX);
    for part in token::pairs(pair.text()) {
        match part.key {
            "src" => src = Some(cx.subfield(part.text())?).filter(|src| src.n_bits <= 64),
            "max_len" => max_len = cx.half("max_len", part.text())?,
            _ => return Err(cx.unknown_argument("output", part, "src, max_len")),
        }
    }
    src.map(|src| Action::OutputReg { src, max_len }).ok_or_else(|| {
        cx.error(SyntaxErrorKind::Syntax, pair.key, "output needs at most 64 bits of a field")
            .help("output(src=FIELD[BITS],max_len=BYTES)")
    })
}

/// Reads `KIND:BYTES`, the printed form of an unknown action.
pub(in crate::syntax) fn unknown<'a>(cx: &Context<'a>, pair: KeyValue<'a>) -> Result<Action, SyntaxError> {
    let text = pair.text();
    let Some((kind, body)) = text.split_once(':') else {
        return Err(cx
            .error(SyntaxErrorKind::Syntax, pair.key, "unknown_action needs a type and bytes")
            .help("unknown_action(TYPE:01.02.03.04)"));
    };
    let (kind, body) = (cx.half("action type", kind)?, cx.hex_bytes(body)?);
    Ok(Action::Unknown { kind, body: Bytes::from(body) })
}

/// Reads `enqueue:PORT:QUEUE`, which OpenFlow 1.3 lacks: set the queue, output, and restore the
/// queue.
pub(in crate::syntax) fn enqueue<'a>(
    cx: &Context<'a>,
    pair: KeyValue<'a>,
) -> Result<[Action; 3], SyntaxError> {
    let text = pair.text();
    let parts = text.split_once([':', 'q', ',']);
    let Some((port, queue)) = parts.filter(|(port, queue)| !port.is_empty() && !queue.is_empty()) else {
        return Err(cx
            .error(SyntaxErrorKind::Syntax, pair.key, "enqueue needs a port and a queue")
            .help("enqueue:PORT:QUEUE or enqueue(PORT,QUEUE)"));
    };
    let word = port;
    let port = cx.port(word)?;
    let allowed = port.is_output() && (port < PortNo::MAX || matches!(port, PortNo::IN_PORT | PortNo::LOCAL));
    if !allowed {
        return Err(cx
            .error(SyntaxErrorKind::Value, word, format!("{word} has no queues"))
            .help("a port of this bridge, LOCAL or IN_PORT"));
    }
    let queue = cx.word("queue", queue)?;
    Ok([Action::SetQueue(queue), Action::Output { port, max_len: 0xffff }, Action::PopQueue])
}
