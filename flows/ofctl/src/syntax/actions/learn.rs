//! `learn(...)` (ovs-actions(7)).

use flow_model::DEFAULT_PRIORITY;
use ofproto::action::{
    LEARN_DELETE_LEARNED, LEARN_SEND_FLOW_REM, LEARN_WRITE_RESULT, Learn, LearnSpec, LearnSrc, Subfield,
};
use ofproto::{Cookie, TableId};

use crate::syntax::Context;
use crate::syntax::lex::error::{SyntaxError, SyntaxErrorKind};
use crate::syntax::lex::token;
use crate::syntax::lex::token::KeyValue;
use crate::syntax::matching::field::ones;
use crate::syntax::matching::{field, value};

/// Reads the text between the brackets.
pub(in crate::syntax) fn parse<'a>(cx: &Context<'a>, list: &'a str) -> Result<Learn, SyntaxError> {
    let mut learn = Learn {
        idle_timeout: 0,
        hard_timeout: 0,
        priority: DEFAULT_PRIORITY,
        cookie: Cookie(0),
        flags: 0,
        table: TableId(1),
        fin_idle_timeout: 0,
        fin_hard_timeout: 0,
        limit: 0,
        result_dst: None,
        specs: Vec::new(),
    };
    for pair in token::pairs(list) {
        let text = pair.text();
        match pair.key {
            "table" => match cx.table("table", text)? {
                0xff => {
                    return Err(cx
                        .error(SyntaxErrorKind::Value, text, "learned flows cannot go into table 255")
                        .help("a table from 0 to 254"));
                }
                table => learn.table = TableId(table),
            },
            "idle_timeout" => learn.idle_timeout = cx.half(pair.key, text)?,
            "hard_timeout" => learn.hard_timeout = cx.half(pair.key, text)?,
            "fin_idle_timeout" => learn.fin_idle_timeout = cx.half(pair.key, text)?,
            "fin_hard_timeout" => learn.fin_hard_timeout = cx.half(pair.key, text)?,
            "priority" => learn.priority = cx.half(pair.key, text)?,
            "cookie" => learn.cookie = Cookie(cx.number(pair.key, text, u64::MAX)?),
            "limit" => learn.limit = cx.word(pair.key, text)?,
            "send_flow_rem" => learn.flags |= LEARN_SEND_FLOW_REM,
            "delete_learned" => learn.flags |= LEARN_DELETE_LEARNED,
            "result_dst" => {
                let dst = cx.settable(text)?;
                if dst.n_bits != 1 {
                    return Err(cx
                        .error(SyntaxErrorKind::Value, text, "result_dst must be a single bit")
                        .help("for example result_dst=NXM_NX_REG0[0]"));
                }
                learn.result_dst = Some(dst);
                learn.flags |= LEARN_WRITE_RESULT;
            }
            _ => learn.specs.push(spec(cx, pair)?),
        }
    }
    Ok(learn)
}

fn spec<'a>(cx: &Context<'a>, pair: KeyValue<'a>) -> Result<LearnSpec, SyntaxError> {
    let text = pair.text();
    match pair.key {
        "load" => {
            let (from, to) = cx.arrow("load", text)?;
            let dst = cx.short("learn", cx.settable(to)?, to)?;
            let src = match token::integer(from) {
                Some(number) => immediate(cx, from, number, dst)?,
                None => cx.source(from, dst, text)?,
            };
            Ok(LearnSpec::Load { dst, src })
        }
        "output" => Ok(LearnSpec::Output { src: cx.short("learn", cx.subfield(text)?, text)? }),
        key if field::by_any_name(key).is_some() || key.contains('[') => matched(cx, pair),
        key => Err(cx
            .error(SyntaxErrorKind::Syntax, key, format!("learn has no argument {key:?}"))
            .help("FIELD=VALUE, FIELD[]=FIELD[], FIELD[], load:VALUE->FIELD[], output:FIELD[], table=, priority=, timeouts, cookie=, limit=, result_dst=, send_flow_rem or delete_learned")),
    }
}

/// Reads a match of a learned flow.
fn matched<'a>(cx: &Context<'a>, pair: KeyValue<'a>) -> Result<LearnSpec, SyntaxError> {
    let dst = cx.short("learn", cx.subfield(pair.key)?, pair.key)?;
    let text = pair.text();
    if text.is_empty() {
        return Ok(LearnSpec::Match { dst, src: LearnSrc::Field(dst) });
    }
    let whole = dst == Subfield::whole(dst.field);
    let whole = whole && dst.field.tun_metadata().is_none();
    if let Some(number) = token::integer(text).filter(|_| !whole) {
        return Ok(LearnSpec::Match { dst, src: immediate(cx, text, number, dst)? });
    }
    if field::parse_subfield(text).is_ok() {
        return Ok(LearnSpec::Match { dst, src: cx.source(text, dst, text)? });
    }
    let bits = cx.value(dst.field, text)?;
    if !whole || bits.mask != value::known_bits(dst.field) {
        return Err(cx
            .error(SyntaxErrorKind::Syntax, text, format!("{text:?}: learn cannot match a masked value"))
            .help("match some bits of a field as FIELD[FIRST..LAST]=NUMBER"));
    }
    Ok(LearnSpec::Match { dst, src: LearnSrc::Immediate(bits.value) })
}

fn immediate(cx: &Context<'_>, text: &str, number: u128, dst: Subfield) -> Result<LearnSrc, SyntaxError> {
    if number > ones(dst.n_bits) {
        let message = format!("{text:?} does not fit into {} bits", dst.n_bits);
        return Err(cx.error(SyntaxErrorKind::Value, text, message));
    }
    Ok(LearnSrc::Immediate(number))
}

impl<'a> Context<'a> {
    fn source(&self, text: &'a str, dst: Subfield, whole: &'a str) -> Result<LearnSrc, SyntaxError> {
        let src = self.short("learn", self.subfield(text)?, text)?;
        self.same_width(src, dst, whole)?;
        Ok(LearnSrc::Field(src))
    }

    pub(in crate::syntax) fn same_width(
        &self,
        src: Subfield,
        dst: Subfield,
        whole: &str,
    ) -> Result<(), SyntaxError> {
        if src.n_bits == dst.n_bits {
            return Ok(());
        }
        let message = format!("{whole:?}: {} bits cannot go into {}", src.n_bits, dst.n_bits);
        Err(self.error(SyntaxErrorKind::Value, whole, message).help("both sides must be equally wide"))
    }
}
