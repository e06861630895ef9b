//! `multipath(...)`, `bundle(...)`, `bundle_load(...)` and `conjunction(...)` (ovs-actions(7)).

use ofproto::action::{
    Action, BUNDLE_ALGORITHMS, Bundle, HASH_FIELDS, MAX_MEMBERS, MULTIPATH_ALGORITHMS, Multipath, Subfield,
};

use crate::syntax::Context;
use crate::syntax::lex::error::{SyntaxError, SyntaxErrorKind};
use crate::syntax::lex::token::KeyValue;
use crate::syntax::matching::field::ones;

/// Maximum number of clauses.
const MAX_CLAUSES: u64 = 64;

/// Splits a list at commas and blanks.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|word| !word.is_empty())
}

/// Reads `FIELDS,BASIS,ALGORITHM,N_LINKS,ARG,DST[bits]`.
pub(in crate::syntax) fn multipath<'a>(cx: &Context<'a>, pair: KeyValue<'a>) -> Result<Action, SyntaxError> {
    let text = pair.text();
    let words: Vec<&str> = words(text).collect();
    let &[fields, basis, algorithm, links, arg, dst] = &words[..] else {
        return Err(cx
            .error(SyntaxErrorKind::Syntax, pair.key, "multipath takes six arguments")
            .help("multipath(FIELDS,BASIS,ALGORITHM,N_LINKS,ARG,DST[BITS])"));
    };
    let fields = index(cx, "fields", fields, &HASH_FIELDS)?;
    let basis = cx.decimal("basis", basis, 0xffff)?;
    let algorithm = index(cx, "algorithm", algorithm, &MULTIPATH_ALGORITHMS)?;
    let max_link = match cx.decimal("number of links", links, 0x1_0000)? {
        0 => {
            let message = format!("{links:?} is not a valid number of links");
            return Err(cx.error(SyntaxErrorKind::Value, links, message).help("a number from 1 to 65536"));
        }
        links => links - 1,
    };
    let arg = cx.decimal("argument", arg, u32::MAX.into())?;
    let word = dst;
    let dst = load_target(cx, "multipath", word)?;
    if u128::from(max_link) > ones(dst.n_bits) {
        let message = format!("{word:?} has no room for {} links", max_link + 1);
        return Err(cx.error(SyntaxErrorKind::Value, word, message));
    }
    Ok(Action::Multipath(Box::new(Multipath {
        fields,
        basis: narrow(basis),
        algorithm,
        max_link: narrow(max_link),
        arg: u32::try_from(arg).unwrap_or(u32::MAX),
        dst,
    })))
}

/// Reads `FIELDS,BASIS,ALGORITHM,ofport,members:PORT,…`. For `bundle_load`, `DST[bits]` precedes
/// the members.
pub(in crate::syntax) fn bundle<'a>(
    cx: &Context<'a>,
    pair: KeyValue<'a>,
    load: bool,
) -> Result<Action, SyntaxError> {
    let text = pair.text();
    let help = if load {
        "bundle_load(FIELDS,BASIS,ALGORITHM,ofport,DST[BITS],members:PORT,…)"
    } else {
        "bundle(FIELDS,BASIS,ALGORITHM,ofport,members:PORT,…)"
    };
    let few = || cx.error(SyntaxErrorKind::Syntax, pair.key, "too few arguments").help(help);
    let mut rest = text;
    let mut next = |ends: &[char]| {
        let from = rest.trim_start_matches([',', ' ']);
        let (word, tail) = from.split_at_checked(from.find(ends).unwrap_or(from.len()))?;
        rest = tail;
        (!word.is_empty()).then_some(word)
    };
    const ENDS: [char; 2] = [',', ' '];
    let fields = next(&ENDS).ok_or_else(few)?;
    let basis = next(&ENDS).ok_or_else(few)?;
    let algorithm = next(&ENDS).ok_or_else(few)?;
    let kind = next(&ENDS).ok_or_else(few)?;
    let dst = if load { Some(next(&ENDS).ok_or_else(few)?) } else { None };
    let delimiter = next(&[':', ' ']).ok_or_else(few)?;
    if !["members", "slaves"].iter().any(|word| word.eq_ignore_ascii_case(delimiter)) {
        let message = format!("expected members, found {delimiter:?}");
        return Err(cx.error(SyntaxErrorKind::Syntax, delimiter, message).help(help));
    }
    if !kind.eq_ignore_ascii_case("ofport") {
        let message = format!("unknown kind of member {kind:?}");
        return Err(cx.error(SyntaxErrorKind::Syntax, kind, message).help("members are ports: ofport"));
    }
    let list = rest.strip_prefix(':').unwrap_or(rest);
    let mut members = Vec::new();
    for word in list.split([',', ' ', '[', ']']).filter(|word| !word.is_empty()) {
        let port = cx.port(word)?;
        if !port.is_member() {
            let message = format!("{word} cannot be a member");
            return Err(cx.error(SyntaxErrorKind::Value, word, message).help("a port of this bridge"));
        }
        members.push(port);
    }
    if members.len() > MAX_MEMBERS {
        let message = format!("{} members are too many", members.len());
        return Err(cx
            .error(SyntaxErrorKind::Value, pair.key, message)
            .help(format!("at most {MAX_MEMBERS}")));
    }
    let fields = index(cx, "fields", fields, &HASH_FIELDS)?;
    let basis = narrow(cx.decimal("basis", basis, 0xffff)?);
    let algorithm = index(cx, "algorithm", algorithm, &BUNDLE_ALGORITHMS)?;
    let dst = match dst {
        None => None,
        Some(word) => {
            let dst = load_target(cx, "bundle_load", word)?;
            if dst.n_bits < 16 {
                let message = format!("{word:?} has no room for a port's number");
                return Err(cx.error(SyntaxErrorKind::Value, word, message).help("16 bits at least"));
            }
            Some(dst)
        }
    };
    Ok(Action::Bundle(Box::new(Bundle { fields, basis, algorithm, members, dst })))
}

/// Reads `ID,K/N`.
pub(in crate::syntax) fn conjunction<'a>(
    cx: &Context<'a>,
    pair: KeyValue<'a>,
) -> Result<Action, SyntaxError> {
    let text = pair.text();
    let parts = text.split_once(',').and_then(|(id, rest)| Some((id, rest.split_once('/')?)));
    let Some((id, (clause, count))) = parts else {
        return Err(cx
            .error(SyntaxErrorKind::Syntax, pair.key, "conjunction takes an id and a clause")
            .help("conjunction(ID,K/N)"));
    };
    let id = cx.word("conjunction id", id.trim())?;
    let (clause, count) = (clause.trim(), count.trim());
    let n = cx.decimal("number of clauses", count, MAX_CLAUSES)?;
    if n < 2 {
        return Err(cx
            .error(SyntaxErrorKind::Value, count, "a conjunction has at least 2 clauses")
            .help("a number from 2 to 64"));
    }
    match cx.decimal("clause", clause, 255)? {
        k if k == 0 || k > n => Err(cx
            .error(SyntaxErrorKind::Value, clause, format!("there is no clause {k} of {n}"))
            .help(format!("a number from 1 to {n}"))),
        k => Ok(Action::Conjunction { id, clause: byte(k - 1), n_clauses: byte(n) }),
    }
}

fn narrow(n: u64) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

fn byte(n: u64) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

fn index(cx: &Context<'_>, what: &str, word: &str, names: &[&str]) -> Result<u16, SyntaxError> {
    let found = names.iter().position(|name| name.eq_ignore_ascii_case(word));
    found.and_then(|at| u16::try_from(at).ok()).ok_or_else(|| {
        cx.error(SyntaxErrorKind::Syntax, word, format!("unknown {what} {word:?}"))
            .help(format!("one of {}", names.join(", ")))
    })
}

/// Reads the destination of a number: at most 64 bits, in a field whose header is short.
fn load_target<'a>(cx: &Context<'a>, action: &str, word: &'a str) -> Result<Subfield, SyntaxError> {
    let dst = cx.subfield(word)?;
    cx.short(action, dst, word)?;
    cx.check_settable(dst.field, word)?;
    if dst.n_bits > 64 {
        return Err(cx.error(SyntaxErrorKind::Value, word, format!("{word:?} is wider than 64 bits")));
    }
    Ok(dst)
}

impl Context<'_> {
    /// Reads a decimal number up to `max`. Open vSwitch reads this number with atoi(3).
    fn decimal(&self, what: &str, text: &str, max: u64) -> Result<u64, SyntaxError> {
        let decimal = text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u64>().ok().filter(|n| decimal && *n <= max).ok_or_else(|| {
            self.error(SyntaxErrorKind::Value, text, format!("{text:?} is not a valid {what}"))
                .help(format!("a decimal number up to {max}"))
        })
    }
}
