//! What the rules of a file say about two parties.

use std::net::IpAddr;

use flows::compile::TimeContext;
use flows::network::{
    Allow, Attachment, Crossing, Endpoint, EnforcementPoint, Link, LinkRole, NetworkFile, Outside, Overlay,
    Protocol, Stateful,
};
use ipnetwork::IpNetwork;

use super::who::{Kind, Party};
use super::{Content, Manner};

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
    pub(super) fn new(file: &'a NetworkFile, moment: &TimeContext) -> Self {
        let open = |window: &String| moment.windows.get(window).is_some_and(|closes| *closes > moment.now);
        let holds = |a: &&Allow| a.place == EnforcementPoint::Switch && a.temp.iter().all(open);
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

    /// The same, but out there any router may be the one that tells of an error.
    fn says(&self, names: &[String], party: &Party<'_>, src: IpAddr, content: Content) -> bool {
        match manner(party, src).errors && content.is_error(src.is_ipv4()) {
            true => {
                let alike = |o: &Outside| {
                    o.addresses.is_empty() || o.addresses.iter().any(|a| a.is_ipv4() == src.is_ipv4())
                };
                let outside = |n: &String| self.outside(n).is_some_and(|o| o.exit == party.name && alike(o));
                Self::means(names, party) || names.iter().any(outside)
            }
            false => self.sends(names, party, src),
        }
    }

    /// Whether a rule lets whoever is outside open to the one, so that what has no ports goes back to him by that exit.
    fn goes_back(
        &self,
        allow: &Allow,
        from: &Party<'_>,
        to: &Party<'_>,
        dst: IpAddr,
        content: Content,
    ) -> bool {
        let manner = manner(from, dst);
        allow.via.is_none()
            && to.kind == Kind::Exit
            && manner.errors
            && content.has_no_ports(manner.v4)
            && Self::means(&allow.to, from)
            && self.sends(&allow.from, to, dst)
            && self.is_reached(&allow.to, from, manner.v4)
            && self.admits(allow.protocol, &[], content, manner)
    }

    /// Whether any of the names has an address of the family on the party's network. A rule opens something to a lease only
    /// where whoever has it has no other address.
    fn is_reached(&self, names: &[String], party: &Party<'_>, v4: bool) -> bool {
        let network = party.network.name.as_str();
        let named = |name: &String| names.contains(name);
        let all = names.iter().any(|n| n == network);
        let endpoints = || self.file.endpoints.iter().filter(|e| all || named(&e.name));
        let plugs = endpoints().flat_map(|e| &e.attachments);
        let mut plugs = plugs.filter(|plug| plug.network == network);
        let leased = |e: &Endpoint| {
            let of_file = |a: &Attachment| {
                !a.leased || !a.addresses.is_empty() || !a.shared.is_empty() || !a.behind.is_empty()
            };
            !e.attachments.iter().any(of_file) && e.attachments.iter().any(|a| a.network == network)
        };
        let by_lease = party.network.subnets.iter().any(|s| s.is_ipv4() == v4) && endpoints().any(leased);
        let mut ends = self.file.links.iter().filter(|l| named(&l.name)).flat_map(|l| &l.ends);
        let mut exits = self.file.exits.iter().filter(|e| named(&e.name));
        by_lease
            || plugs.any(|plug| {
                plug.addresses.iter().any(|a| a.is_ipv4() == v4)
                    || plug.shared.iter().any(|s| s.address.is_ipv4() == v4)
                    || plug.behind.iter().any(|p| p.is_ipv4() == v4)
            })
            || ends.any(|end| match &end.role {
                LinkRole::Network { network: on, behind } => {
                    on == network && behind.iter().any(|p| p.is_ipv4() == v4)
                }
                _ => false,
            })
            || exits.any(|exit| {
                exit.network.as_deref() == Some(network) && exit.next_hop.iter().any(|a| a.is_ipv4() == v4)
            })
    }

    /// The same to a next hop.
    pub(super) fn answered(&self, from: &Party<'_>, to: &Party<'_>, dst: IpAddr, content: Content) -> bool {
        self.allows.iter().any(|a| self.goes_back(a, from, to, dst, content))
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

    pub(super) fn allowed(
        &self,
        from: &Party<'_>,
        (to, nameless): (&Party<'_>, bool),
        src: IpAddr,
        content: Content,
    ) -> bool {
        // A rule whose list has no address of the family in the file has no flow at all.
        let named = |a: &Allow| match nameless {
            true => a.to.contains(&to.network.name) && self.is_reached(&a.to, to, src.is_ipv4()),
            false => Self::means(&a.to, to),
        };
        // A list that is the network's name alone is all its members; in a list of several each is meant by itself.
        // An outside is no part of the network's list.
        let inner = |a: &Allow| a.to.iter().filter(|name| self.outside(name).is_none()).count();
        let alone = |a: &Allow| !nameless || inner(a) == 1;
        let direct =
            |a: &&&Allow| a.via.is_none() && self.says(&a.from, from, src, content) && named(a) && alone(a);
        let how = manner(from, src);
        self.allows.iter().filter(direct).any(|a| self.admits(a.protocol, &a.ports, content, how))
            || !nameless && self.envelopes(from, to).any(|o| self.admits(o.protocol, &o.ports, content, how))
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
        let how = manner(from, src);
        let grants = |a: &Allow| {
            let holds = a.via.is_none()
                && self.says(&a.from, from, src, content)
                && self.admits(a.protocol, &a.ports, content, how);
            // In the order of the list, exits before their outsides.
            let named = || a.to.iter().find_map(|n| by(n));
            let outsides = || a.to.iter().filter_map(|n| self.outside(n)).filter(|o| covers(o, dst));
            let out = holds.then(|| named().or_else(|| outsides().find_map(|o| by(&o.exit)))).flatten();
            // Back to those outside: likewise, and before what leads there for itself.
            let goes_back = |exit: &&Party<'_>| self.goes_back(a, from, exit, dst, content);
            let exits_back = || a.from.iter().filter_map(|n| by(n)).find(goes_back);
            let outsides_back = || {
                let covering = a.from.iter().filter_map(|n| self.outside(n)).filter(|o| covers(o, dst));
                covering.filter_map(|o| by(&o.exit)).find(goes_back)
            };
            exits_back().or(out).or_else(outsides_back)
        };
        if matches!(content, Content::Later(_)) || (how.errors && content.is_error(how.v4)) {
            // Nobody can see ports, so none is better than another.
            return self.allows.iter().find_map(|a| grants(a));
        }
        let named = self.allows.iter().filter(|a| !a.ports.is_empty());
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
        // A connection tracker does not follow what goes by a next hop.
        let how = manner(from, dst);
        hop.speaks(dst)
            && self
                .allows
                .iter()
                .filter(|a| by(a))
                .any(|a| self.admits(a.protocol, &a.ports, content, Manner { later: how.errors, ..how }))
    }

    /// Where the one finds the other as a server of DHCP: by each rule that says so, its addresses.
    pub(super) fn dhcp(&self, client: &Party<'_>, server: &Party<'_>) -> Vec<Vec<IpNetwork>> {
        let asks = |a: &&&Allow| a.protocol == Protocol::Dhcp && a.via.is_none();
        let rules = self.allows.iter().filter(asks).filter(|a| self.leads(&a.from, client));
        let names = rules.flat_map(|a| &a.to);
        let of = |name: &String| match self.outside(name) {
            Some(outside) if outside.exit == server.name && !outside.addresses.is_empty() => {
                Some(outside.addresses.clone())
            }
            _ => self.leads(std::slice::from_ref(name), server).then(|| server.prefixes()),
        };
        names.filter_map(of).collect()
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

    /// Whether protocol and ports of a rule mean the packet.
    pub(super) fn admits(&self, protocol: Protocol, ports: &[u16], content: Content, manner: Manner) -> bool {
        let port = |p: u16| ports.is_empty() || ports.contains(&p);
        let icmp = if manner.v4 { 1 } else { 58 };
        match (protocol, content) {
            (Protocol::Dhcp | Protocol::Vrrp, _) => false,
            // They come without what they belong to, and in IPv6 without its protocol.
            (_, Content::Later(_)) if manner.later && !manner.v4 => true,
            (Protocol::Tcp, Content::Later(6))
            | (Protocol::Udp, Content::Later(17))
            | (Protocol::Sctp, Content::Later(132))
                if manner.later =>
            {
                true
            }
            (Protocol::Icmp, Content::Later(p)) if manner.later => p == icmp,
            (_, content) if manner.errors && content.is_error(manner.v4) => true,
            (Protocol::Any, _) | (Protocol::Icmp, Content::EchoRequest) => true,
            (Protocol::Tcp, Content::Tcp(p)) | (Protocol::Sctp, Content::Sctp(p)) => port(p),
            (Protocol::Udp, Content::Udp { dst, .. }) => port(dst),
            // A later fragment says no ports.
            (Protocol::Tcp, Content::Later(6))
            | (Protocol::Udp, Content::Later(17))
            | (Protocol::Sctp, Content::Later(132)) => manner.v4 && ports.is_empty(),
            _ => false,
        }
    }
}

fn manner(from: &Party<'_>, address: IpAddr) -> Manner {
    Manner { v4: address.is_ipv4(), later: true, errors: from.network.stateful == Stateful::Learn }
}

fn covers(outside: &Outside, address: IpAddr) -> bool {
    outside.addresses.is_empty() || outside.addresses.iter().any(|p| p.contains(address))
}
