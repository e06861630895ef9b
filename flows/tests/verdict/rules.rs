//! What the rules of a file say about two parties.

use std::net::IpAddr;

use flows::compile::Moment;
use flows::network::{
    Allow, Crossing, Link, Network, NetworkFile, Outside, Overlay, Place, Protocol, Stateful,
};

use super::Content;
use super::who::{Kind, Party};

/// The rules that hold now.
pub(super) struct Rules<'a> {
    file: &'a NetworkFile,
    allows: Vec<&'a Allow>,
    crossings: Vec<&'a Crossing>,
}

/// Somebody of a crossing.
#[derive(Clone, Copy)]
pub(super) struct End<'a> {
    pub(super) address: IpAddr,
    pub(super) port: &'a str,
    pub(super) bridge: &'a str,
    pub(super) mac: Option<[u8; 6]>,
    pub(super) vlan: Option<u16>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(file: &'a NetworkFile, moment: &Moment) -> Self {
        let open = |window: &String| moment.windows.get(window).is_some_and(|closes| *closes > moment.now);
        let holds = |a: &&Allow| a.place == Place::Switch && a.temp.iter().all(open);
        // What overlays imply is read from the overlays themselves.
        let implied = |a: &&Allow| file.overlays.iter().any(|o| a.name.starts_with(&format!("{}.", o.name)));
        let lasts = |c: &&Crossing| c.expires.is_none_or(|end| end > moment.now);
        Self {
            file,
            allows: file.allows.iter().filter(holds).filter(|a| !implied(a)).collect(),
            crossings: file.crossings.iter().filter(lasts).collect(),
        }
    }

    fn outside(&self, name: &str) -> Option<&'a Outside> {
        self.file.outsides.iter().find(|o| o.name == name)
    }

    /// Whether the names mean the party where it stands itself.
    fn means(names: &[String], party: &Party<'_>) -> bool {
        let network = |n: &String| party.kind == Kind::Endpoint && *n == party.network.name;
        names.iter().any(|n| n == party.name || network(n))
    }

    /// Whether the names mean the party as the sender of a packet from that address.
    fn sends(&self, names: &[String], party: &Party<'_>, src: IpAddr) -> bool {
        Self::means(names, party) || self.behind(names, party, src)
    }

    /// Whether the names mean an outside of the party with that address.
    fn behind(&self, names: &[String], party: &Party<'_>, address: IpAddr) -> bool {
        names.iter().filter_map(|n| self.outside(n)).any(|o| o.exit == party.name && covers(o, address))
    }

    /// Likewise for ARP and the like: an outside is reached by its exit.
    fn leads(&self, names: &[String], party: &Party<'_>) -> bool {
        let of = |n: &String| self.outside(n).is_some_and(|o| o.exit == party.name);
        Self::means(names, party) || names.iter().any(of)
    }

    fn envelopes(&self, from: &Party<'_>, to: &Party<'_>) -> impl Iterator<Item = &'a Overlay> {
        let both = (from.kind == Kind::Endpoint && to.kind == Kind::Endpoint && from.name != to.name)
            .then(|| (from.name.to_owned(), to.name.to_owned()));
        let member = |o: &Overlay, name: &str| o.members.iter().any(|(m, _)| m == name);
        let fits = move |o: &&Overlay| both.as_ref().is_some_and(|(a, b)| member(o, a) && member(o, b));
        self.file.overlays.iter().filter(fits)
    }

    /// Whether a rule joins the two, so that they may ask for each other's MAC.
    pub(super) fn joined(&self, from: &Party<'_>, to: &Party<'_>) -> bool {
        let by = |a: &&Allow| match &a.via {
            None => self.leads(&a.from, from) && self.leads(&a.to, to),
            Some(via) => {
                Self::means(&a.from, from)
                    && Self::means(std::slice::from_ref(via), to)
                    && a.to.iter().any(|n| self.by_way_of(a, n, &from.network.name))
            }
        };
        self.allows.iter().any(by) || self.envelopes(from, to).next().is_some()
    }

    /// Whether a list of several with it in it is joined to a list with it in it.
    pub(super) fn joined_in_a_list(&self, parties: &[&Party<'_>], one: &Party<'_>) -> bool {
        let several = |names: &[String]| parties.iter().filter(|p| Self::means(names, p)).count() > 1;
        self.allows.iter().filter(|a| a.via.is_none()).any(|a| {
            Self::means(&a.from, one) && Self::means(&a.to, one) && (several(&a.from) || several(&a.to))
        })
    }

    pub(super) fn allowed(&self, from: &Party<'_>, to: &Party<'_>, src: IpAddr, content: Content) -> bool {
        let direct =
            |a: &&&Allow| a.via.is_none() && self.sends(&a.from, from, src) && Self::means(&a.to, to);
        let on = (from.network, src.is_ipv4());
        self.allows.iter().filter(direct).any(|a| self.admits_on(on, a.protocol, &a.ports, content))
            || self.envelopes(from, to).any(|o| self.admits_on(on, o.protocol, &o.ports, content))
    }

    /// The exit that a packet for the outside takes: that of the first rule that names ports, else of the first.
    pub(super) fn exit<'p, 'w>(
        &self,
        from: &Party<'_>,
        exits: &[&'p Party<'w>],
        src: IpAddr,
        dst: IpAddr,
        content: Content,
    ) -> Option<&'p Party<'w>> {
        let by = |name: &str| exits.iter().find(|exit| exit.name == name).copied();
        let grants = |a: &Allow| {
            let holds = a.via.is_none()
                && self.sends(&a.from, from, src)
                && self.admits_on((from.network, dst.is_ipv4()), a.protocol, &a.ports, content);
            // In the order of the list, exits before their outsides.
            let named = || a.to.iter().find_map(|n| by(n));
            let outsides = || a.to.iter().filter_map(|n| self.outside(n)).filter(|o| covers(o, dst));
            holds.then(|| named().or_else(|| outsides().find_map(|o| by(&o.exit)))).flatten()
        };
        let portless = from.network.stateful == Stateful::Conntrack && matches!(content, Content::Later(_));
        let named = self.allows.iter().filter(|a| portless || !a.ports.is_empty());
        let others = self.allows.iter().filter(|a| a.ports.is_empty());
        named.chain(others).find_map(|a| grants(a))
    }

    /// Whether a rule's next hop is for that name on that network. On the network of the name's own exit it is not, if
    /// all who are there and whom the rule names meet the next hop elsewhere too.
    fn by_way_of(&self, allow: &Allow, to: &str, network: &str) -> bool {
        let exit = self.outside(to).map_or(to, |outside| &outside.exit);
        let exit = self.file.exits.iter().find(|e| e.name == exit);
        if exit.is_none_or(|exit| exit.network.as_deref() != Some(network)) {
            return true;
        }
        let plugs = |name: &str, pinned: bool| -> Vec<&str> {
            if self.file.network(name).is_some() {
                return vec![self.file.network(name).map_or("", |network| &network.name)];
            }
            let all = self.file.endpoints.iter().filter(|e| e.name == name).flat_map(|e| &e.attachments);
            let ends = self.file.links.iter().filter(|l| l.name == name).flat_map(|l| &l.ends);
            let exits = self.file.exits.iter().filter(|e| e.name == name);
            all.filter(|plug| !pinned || plug.mac.is_some())
                .map(|plug| &*plug.network)
                .chain(ends.filter_map(|end| end.network()))
                .chain(exits.filter_map(|exit| exit.network.as_deref()))
                .collect()
        };
        let hop = plugs(allow.via.as_deref().unwrap_or_default(), true);
        allow.from.iter().any(|from| {
            let on = plugs(from, false);
            on.contains(&network) && !on.iter().any(|other| *other != network && hop.contains(other))
        })
    }

    /// Whether a rule lets a packet for the outside go by that next hop.
    pub(super) fn by_hop(
        &self,
        from: &Party<'_>,
        hop: &Party<'_>,
        _src: IpAddr,
        dst: IpAddr,
        content: Content,
    ) -> bool {
        let there = |n: &String| self.outside(n).is_none_or(|o| covers(o, dst));
        let by = |a: &&Allow| {
            let leads = |n: &String| there(n) && self.by_way_of(a, n, &from.network.name);
            a.via.as_deref() == Some(hop.name) && Self::means(&a.from, from) && a.to.iter().any(leads)
        };
        hop.speaks(dst)
            && self.allows.iter().filter(|a| by(a)).any(|a| self.admits(a.protocol, &a.ports, content))
    }

    /// Whether a rule lets the one ask the other for an address.
    pub(super) fn dhcp(&self, client: &Party<'_>, server: &Party<'_>) -> bool {
        let asks = |a: &&&Allow| a.protocol == Protocol::Dhcp && a.via.is_none();
        self.allows.iter().filter(asks).any(|a| self.leads(&a.from, client) && self.leads(&a.to, server))
    }

    pub(super) fn crossings(&self) -> &[&'a Crossing] {
        &self.crossings
    }

    /// Who may cross to whom, by addresses of one family on the two bridges of the link.
    pub(super) fn crossed(
        &self,
        file: &'a NetworkFile,
        crossing: &Crossing,
        over: &Link,
    ) -> Vec<(End<'a>, End<'a>)> {
        let ends = |names: &[String]| {
            let named = file.endpoints.iter().filter(|e| names.contains(&e.name));
            let mut all = Vec::new();
            for a in named.flat_map(|e| &e.attachments) {
                let Some(network) = file.network(&a.network) else { continue };
                if !over.ends.iter().any(|e| e.bridge == network.bridge) {
                    continue;
                }
                for address in &a.addresses {
                    all.push(End {
                        address: *address,
                        port: &a.port,
                        bridge: &network.bridge,
                        mac: a.mac,
                        vlan: network.vlan,
                    });
                }
            }
            all
        };
        let mut pairs = Vec::new();
        for a in ends(&crossing.from) {
            for b in ends(&crossing.to) {
                if a.bridge != b.bridge && a.address.is_ipv4() == b.address.is_ipv4() {
                    pairs.push((a, b));
                }
            }
        }
        pairs
    }

    /// Whether protocol and ports of a rule mean the packet on that network. With a connection tracker, later fragments of
    /// a rule's protocol pass whatever its ports: the first ones say those. Those of IPv6 do not even tell their protocol.
    fn admits_on(
        &self,
        (network, v4): (&Network, bool),
        protocol: Protocol,
        ports: &[u16],
        content: Content,
    ) -> bool {
        let Content::Later(carried) = content else { return self.admits(protocol, ports, content) };
        let of = match protocol {
            _ if network.stateful == Stateful::Learn => return self.admits(protocol, ports, content),
            Protocol::Dhcp => &[][..],
            _ if protocol == Protocol::Any || !v4 => return true,
            Protocol::Tcp => &[6],
            Protocol::Udp => &[17],
            Protocol::Sctp => &[132],
            Protocol::Icmp | Protocol::Any => &[1],
        };
        of.contains(&carried)
    }

    /// Whether protocol and ports of a rule mean the packet.
    pub(super) fn admits(&self, protocol: Protocol, ports: &[u16], content: Content) -> bool {
        let port = |p: u16| ports.is_empty() || ports.contains(&p);
        match (protocol, content) {
            (Protocol::Any, _) | (Protocol::Icmp, Content::EchoRequest) => true,
            (Protocol::Tcp, Content::Tcp(p)) | (Protocol::Sctp, Content::Sctp(p)) => port(p),
            (Protocol::Udp, Content::Udp { dst, .. }) => port(dst),
            // A later fragment says no ports.
            (Protocol::Tcp, Content::Later(6))
            | (Protocol::Udp, Content::Later(17))
            | (Protocol::Sctp, Content::Later(132)) => ports.is_empty(),
            _ => false,
        }
    }
}

fn covers(outside: &Outside, address: IpAddr) -> bool {
    outside.addresses.is_empty() || outside.addresses.iter().any(|p| p.contains(address))
}
