//! Link-local addresses of the file: each is one, and has one owner on its network.

use std::collections::HashMap;
use std::net::Ipv6Addr;

use super::draft::{At, Draft};
use super::fields::Fields;
use super::report::{Named, Report, quote};

/// Reads a `link_local`.
pub(super) fn read(fields: &Fields<'_, '_>, report: &mut Report) -> Option<At<Ipv6Addr>> {
    let At { value, span } = fields.text("link_local", report)?;
    match value.parse::<Ipv6Addr>() {
        Ok(address) if address.is_unicast_link_local() => Some(At { value: address, span }),
        _ => {
            let message = format!("{} of {} is no link-local address", quote(&value), fields.what());
            report.error("bad-link-local", &span, message, "write one of fe80::/10, like \"fe80::1\"");
            None
        }
    }
}

/// Checks that no two on one network have the same.
pub(super) fn check(draft: &Draft, report: &mut Report) {
    let attachments = draft.endpoints.iter().flat_map(|endpoint| {
        let what = Named { word: "endpoint", name: &endpoint.name.value };
        endpoint.attachments.iter().map(move |a| (what, a.network.as_ref(), a.link_local.as_ref()))
    });
    let exits = draft.exits.iter().map(|exit| {
        let what = Named { word: "exit", name: &exit.name.value };
        (what, exit.network.as_ref(), exit.link_local.as_ref())
    });
    let mut seen = HashMap::new();
    for (what, network, address) in attachments.chain(exits) {
        let (Some(network), Some(address)) = (network, address) else { continue };
        if let Some((first, span)) = seen.insert((&network.value, address.value), (what, &address.span)) {
            let message = format!(
                "{} of {what} is already that of {first} on network {} (line {})",
                quote(&address.value.to_string()),
                quote(&network.value),
                report.line(span),
            );
            let help = "a link-local address has one owner on a network";
            report.error("link-local-owned-twice", &address.span, message, help);
        }
    }
}
