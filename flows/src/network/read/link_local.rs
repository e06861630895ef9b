//! Link-local addresses of the file: each is a valid one, and has one owner on its network.

use std::collections::HashMap;
use std::net::Ipv6Addr;

use crate::finding_code::FindingCode;
use crate::network::draft::{Draft, Spanned};
use crate::network::read::fields::Fields;
use crate::network::text::report::{FindingReport, NamedInText, quote};

/// Reads a `link_local`.
pub(in crate::network) fn read(
    fields: &Fields<'_, '_>,
    report: &mut FindingReport,
) -> Option<Spanned<Ipv6Addr>> {
    let Spanned { value, span } = fields.text("link_local", report)?;
    match value.parse::<Ipv6Addr>() {
        Ok(address) if address.is_unicast_link_local() => Some(Spanned { value: address, span }),
        _ => {
            let message = format!("{} of {} is no link-local address", quote(&value), fields.what());
            report.error(
                FindingCode::BadLinkLocal,
                &span,
                message,
                "write one of fe80::/10, like \"fe80::1\"",
            );
            None
        }
    }
}

/// Returns the link-local address that follows from a MAC (RFC 4291 appendix A).
pub(crate) fn of_mac(mac: [u8; 6]) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.map(u16::from);
    Ipv6Addr::new(0xfe80, 0, 0, 0, (a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f)
}

/// Checks that no two attachments on one network share a link-local address, given by the file or
/// derived from a pinned MAC.
pub(in crate::network) fn check(draft: &Draft, report: &mut FindingReport) {
    let plugs = || {
        draft.endpoints.iter().flat_map(|endpoint| {
            let what = NamedInText { word: "endpoint", name: &endpoint.name.value };
            endpoint.attachments.iter().map(move |plug| (what, plug))
        })
    };
    let attachments = plugs().map(|(what, plug)| (what, plug.network.as_ref(), plug.link_local.clone()));
    let exits = draft.exits.iter().map(|exit| {
        let what = NamedInText { word: "exit", name: &exit.name.value };
        (what, exit.network.as_ref(), exit.link_local.clone())
    });
    // Derived addresses come last: a MAC that is used twice is another error.
    let of_macs = plugs().filter(|(_, plug)| plug.link_local.is_none()).filter_map(|(what, plug)| {
        let Spanned { value, span } = plug.mac.as_ref()?;
        Some((what, plug.network.as_ref(), Spanned { value: of_mac(*value), span: span.clone() }))
    });
    let given =
        attachments.chain(exits).filter_map(|(what, network, address)| Some((what, network, address?)));
    let mut seen = HashMap::new();
    let all = given.map(|given| (given, true)).chain(of_macs.map(|of_mac| (of_mac, false)));
    for ((what, network, Spanned { value, span }), given) in all {
        let Some(network) = network else { continue };
        let key = (&network.value, value);
        if let Some((first, place)) = seen.get(&key) {
            let message = format!(
                "{} of {what} is already that of {first} on network {} (line {})",
                quote(&value.to_string()),
                quote(&network.value),
                report.line(place),
            );
            let help = "a link-local address has one owner on a network";
            report.error(FindingCode::LinkLocalOwnedTwice, &span, message, help);
        } else if given {
            seen.insert(key, (what, span));
        }
    }
}
