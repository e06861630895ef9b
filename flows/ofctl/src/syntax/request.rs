//! The flows that a dump requests.

use ofproto::message::multipart::FlowStatsRequest;
use ofproto::{Cookie, GroupId, TableId};

use super::Context;
use super::flow::IGNORED;
use super::matching::MatchReader;
use crate::syntax::lex::error::{SyntaxError, SyntaxErrorKind, Warning};
use crate::syntax::lex::names::{Names, table_by_name};
use crate::syntax::lex::token;
use crate::syntax::lex::token::KeyValue;

/// The valid parts of a request, as help for an invalid one.
const HELP: &str = "flows are selected by the fields of ovs-fields(7), table=, out_port=, out_group= and \
                    cookie=VALUE/MASK";

/// Parses the second argument of `ovs-ofctl -O OpenFlow13 dump-flows`: match fields, `table`,
/// `out_port`, `out_group` and `cookie` with a mask. A warning names each field that selects
/// nothing because its prerequisites are missing.
///
/// # Errors
/// [`SyntaxError`] names the first invalid word.
pub fn parse_request(text: &str, names: &dyn Names) -> Result<(FlowStatsRequest, Vec<Warning>), SyntaxError> {
    let cx = Context::new(text, names);
    let mut request = FlowStatsRequest::default();
    let mut matches = MatchReader::default();
    for pair in token::pairs(text) {
        if !matches.take(&cx, pair)? {
            property(&cx, pair, &mut request)?;
        }
    }
    request.fields = matches.finish_flow(&cx)?.to_wire();
    Ok((request, cx.warnings.into_inner()))
}

fn property(cx: &Context<'_>, pair: KeyValue<'_>, request: &mut FlowStatsRequest) -> Result<(), SyntaxError> {
    let text = pair.text();
    if !matches!(pair.key, "table" | "out_port" | "out_group" | "cookie") && !IGNORED.contains(&pair.key) {
        let error = cx.error(SyntaxErrorKind::Syntax, pair.key, format!("unknown keyword {:?}", pair.key));
        return Err(match pair.key {
            "priority" => error.help("flows are not selected by priority, but sorted: --sort priority"),
            _ => error.help(HELP),
        });
    }
    if text.is_empty() {
        let message = format!("{} needs a value", pair.key);
        return Err(cx.error(SyntaxErrorKind::Syntax, pair.key, message).help(HELP));
    }
    match pair.key {
        "table" => {
            let number = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
            let table = number.map(TableId).or_else(|| table_by_name(text, cx.names));
            request.table_id = table.ok_or_else(|| {
                cx.error(SyntaxErrorKind::Value, text, format!("unknown table {text:?}"))
                    .help("a number from 0 to 254, or 255 for all tables")
            })?;
        }
        "out_port" => request.out_port = cx.port(text)?,
        "out_group" => request.out_group = group(cx, text)?,
        "cookie" => {
            let Some((value, mask)) = text.split_once('/') else {
                return Err(cx
                    .error(SyntaxErrorKind::Syntax, text, "a cookie selects flows only with a mask")
                    .help(format!("cookie={text}/-1")));
            };
            request.cookie = Cookie(signed(cx, value)?);
            request.cookie_mask = signed(cx, mask)?;
        }
        // Other keys of a dump, whose lines can be read back.
        _ => {}
    }
    Ok(())
}

fn group(cx: &Context<'_>, text: &str) -> Result<GroupId, SyntaxError> {
    if text.eq_ignore_ascii_case("any") {
        return Ok(GroupId::ANY);
    }
    if text.eq_ignore_ascii_case("all") {
        return Ok(GroupId(0xffff_fffc));
    }
    let number = token::integer(text).and_then(|n| u32::try_from(n).ok());
    number.map(GroupId).ok_or_else(|| {
        cx.error(SyntaxErrorKind::Value, text, format!("{text:?} is no group"))
            .help("a number of 32 bits, ALL or ANY")
    })
}

/// Reads a number of 64 bits, where -1 stands for all ones.
fn signed(cx: &Context<'_>, text: &str) -> Result<u64, SyntaxError> {
    let (digits, negative) = text.strip_prefix('-').map_or((text, false), |digits| (digits, true));
    let number = token::integer(digits).and_then(|n| u64::try_from(n).ok());
    let number = number.ok_or_else(|| {
        cx.error(SyntaxErrorKind::Value, text, format!("{text:?} is no number of 64 bits"))
            .help("cookie=0x5/-1 for one cookie, cookie=0x500/0xff00 for some of its bits")
    })?;
    Ok(if negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use ofproto::PortNo;
    use ofproto::oxm::{Field, Oxm};

    use super::*;
    use crate::syntax::{NoNames, PortNames};

    fn refused(text: &str) -> (String, String) {
        let error = parse_request(text, &NoNames).unwrap_err();
        (error.message, text[error.span].to_owned())
    }

    #[test]
    fn all_that_selects() {
        let names: PortNames = [("warp0", PortNo(7))].into_iter().collect();
        let text = "table=3,out_port=warp0,out_group=9,cookie=0x50/-1,tcp,in_port=warp0,duration=3s";
        let (request, warnings) = parse_request(text, &names).unwrap();
        assert_eq!(
            (request.table_id, request.out_port, request.out_group),
            (TableId(3), PortNo(7), GroupId(9))
        );
        assert_eq!((request.cookie, request.cookie_mask), (Cookie(0x50), u64::MAX));
        assert_eq!(request.fields.fields.len(), 3);
        assert_eq!(warnings, vec![]);
    }

    #[test]
    fn a_field_that_selects_nothing_is_said() {
        let (request, warnings) = parse_request("tp_dst=80", &NoNames).unwrap();
        // The remaining rule is that only Ethernet packets have ports.
        let port = |oxm: &Oxm| matches!(oxm, Oxm::Known { field: Field::TcpDst | Field::UdpDst, .. });
        assert!(!request.fields.fields.iter().any(port), "{request:?}");
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn the_word_that_is_wrong() {
        assert_eq!(refused("ip,table=300").1, "300");
        assert_eq!(refused("table=0x1").1, "0x1");
        assert_eq!(refused("out_port=nope").1, "nope");
        assert_eq!(refused("out_group=x,ip").1, "x");
        assert_eq!(refused("cookie=5").1, "5");
        assert_eq!(refused("cookie=5/zz").1, "zz");
        assert_eq!(refused("bogus=1").1, "bogus");
        assert_eq!(refused("priority=5").1, "priority");
        assert_eq!(refused("ip,table").1, "table");
    }
}
