//! Probes all pairs of places. Allowed traffic is tried as a conversation. All other traffic is
//! tried by raw frames, some of them forged.

use std::net::IpAddr;

use flows::network::Protocol;

use super::definition::{Action, Expected, Probe};
use super::exchange::{self, ExchangeStep};
use super::forged;
use super::frames::{Frame, FrameBody};
use super::talk::TalkProtocol;
use super::view::{INSIDE_TCP, LabView, TrialKind, TrialSide};
use crate::plan::{PlannedPort, Subject};

/// Largest number of senders that a forger impersonates.
const MASKS: usize = 4;
/// The source port of frames.
const SOURCE: u16 = 40_000;

/// Returns a frame of a kind of traffic.
pub(super) fn frame(kind: TrialKind, macs: ([u8; 6], [u8; 6]), from: IpAddr, to: IpAddr) -> Option<Frame> {
    if from.is_ipv4() != to.is_ipv4() {
        return None;
    }
    let body = match (kind, from, to) {
        (TrialKind::Tcp(port), ..) => FrameBody::Syn(from, SOURCE, to, port),
        (TrialKind::Udp(port), ..) => FrameBody::Udp(from, SOURCE, to, port),
        (TrialKind::Sctp(port), IpAddr::V4(from), IpAddr::V4(to)) => FrameBody::Sctp(from, SOURCE, to, port),
        (TrialKind::Sctp(_), ..) => return None,
        (TrialKind::Ping, ..) => FrameBody::Echo(from, to),
    };
    Some(Frame::new(macs.0, macs.1, body))
}

/// The probes of one pair.
pub(super) struct PairProbes<'v, 'a> {
    pub(super) view: &'v LabView<'a>,
    pub(super) kinds: &'v [TrialKind],
    pub(super) a: &'a PlannedPort,
    pub(super) b: &'a PlannedPort,
}

impl PairProbes<'_, '_> {
    /// Adds all probes of the pair.
    pub(super) fn probes(&self, probes: &mut Vec<Probe>) {
        let (mut denied, mut said) = (Vec::new(), Vec::new());
        let mut clients = self.view.clients(self.a);
        if matches!(self.b.subject, Subject::Exit(_)) {
            // Only beyond an exit does every host have a route back to the addresses behind an
            // endpoint.
            let behind = self.a.behind.iter().copied();
            let namespace = &self.a.namespace;
            clients.extend(behind.map(|address| TrialSide {
                namespace: namespace.clone(),
                address,
                beyond: true,
            }));
        }
        for client in &clients {
            for server in self.view.sites(self.b) {
                if client.address.is_ipv4() != server.address.is_ipv4() {
                    continue;
                }
                for kind in self.kinds_for(client.address, &server) {
                    match self.view.may((self.a, client.address), (self.b, &server), kind) {
                        Some(rule) => probes.extend(self.passes(client, &server, kind, &rule)),
                        None => self.denied(client, &server, kind, &mut denied, &mut said),
                    }
                }
            }
        }
        if !denied.is_empty() {
            let what = format!("{} (no rule)", said.join(", "));
            // A mesh bridge may drop frames for another network.
            let enters = if self.a.network == self.b.network { &self.a.entry } else { &self.a.port };
            probes.push(self.none_arrives(what, denied, enters.clone()));
        }
        self.forged(probes);
    }

    /// Returns the kinds of traffic to try. If all traffic may pass, that is a small selection.
    fn kinds_for(&self, source: IpAddr, server: &TrialSide) -> Vec<TrialKind> {
        let open = |kind| self.view.may((self.a, source), (self.b, server), kind).is_some();
        if self.kinds.iter().all(|kind| open(*kind)) {
            let Some(inside) = self.view.inside(self.a, self.b) else {
                return vec![TrialKind::Tcp(443), TrialKind::Udp(53), TrialKind::Ping];
            };
            // Rules may allow more than that.
            let by = |kind| self.view.may((self.a, source), (self.b, server), kind);
            let ruled = |kind: &&TrialKind| by(**kind).is_some_and(|rule| rule != inside);
            let mut kinds = vec![TrialKind::Tcp(INSIDE_TCP), TrialKind::Ping];
            kinds.extend(self.kinds.iter().filter(ruled));
            return kinds;
        }
        self.kinds.to_vec()
    }

    fn passes(&self, client: &TrialSide, server: &TrialSide, kind: TrialKind, rule: &str) -> Option<Probe> {
        let note = match (&self.a.subject, client.beyond) {
            (Subject::Exit(_), _) | (_, false) => "",
            _ => " from behind it",
        };
        let several = self.view.sites(self.b).len() > 1;
        let to = if several { format!(" to {}", server.address) } else { String::new() };
        let what = format!("{}{to}{note} ({rule})", kind.said());
        let speech = match kind {
            TrialKind::Tcp(port) => TalkProtocol::Tcp(port),
            TrialKind::Udp(port) => TalkProtocol::Udp(port),
            TrialKind::Ping => TalkProtocol::Ping,
            // Many kernels have no SCTP, so only an INIT has to arrive.
            TrialKind::Sctp(_) => {
                let frames = vec![frame(kind, (self.a.mac, self.b.mac), client.address, server.address)?];
                let what = format!("{what}: an INIT");
                return Some(Probe {
                    expected: Expected::Passes,
                    ..self.none_arrives(what, frames, self.a.entry.clone())
                });
            }
        };
        Some(Probe {
            from: self.a.name.clone(),
            to: self.b.name.clone(),
            what,
            expected: Expected::Passes,
            action: Action::Talk {
                client: client.namespace.clone(),
                source: client.address,
                server: server.namespace.clone(),
                target: server.address,
                speech,
            },
        })
    }

    fn denied(
        &self,
        client: &TrialSide,
        server: &TrialSide,
        kind: TrialKind,
        frames: &mut Vec<Frame>,
        said: &mut Vec<String>,
    ) {
        let source = client.address;
        if self.view.reaches_hop((self.a, source), self.b, server.address, kind) && server.beyond {
            return;
        }
        if let Some(frame) = frame(kind, (self.a.mac, self.b.mac), source, server.address) {
            frames.push(frame);
            let kind = kind.said();
            if !said.contains(&kind) {
                said.push(kind);
            }
        }
    }

    fn none_arrives(&self, what: String, frames: Vec<Frame>, enters: String) -> Probe {
        Probe {
            from: self.a.name.clone(),
            to: self.b.name.clone(),
            what,
            expected: Expected::Denied,
            action: Action::Frames {
                from: Box::new(self.a.clone()),
                frames,
                enters,
                at: vec![self.b.clone()],
                else_at: Vec::new(),
            },
        }
    }

    /// Adds frames that impersonate a sender with rights, an unowned address, and a sender of
    /// another network.
    fn forged(&self, probes: &mut Vec<Probe>) {
        if self.a.network != self.b.network {
            self.crosses(probes);
            return;
        }
        let mut frames = Vec::new();
        let mut masks = Vec::new();
        let network = self.b.network.as_deref().unwrap_or_default();
        let members = self.view.members(network);
        for server in self.view.sites(self.b).iter().take(2) {
            let others = members.iter().filter(|c| c.name != self.a.name && c.name != self.b.name);
            let with =
                others.flat_map(|c| self.view.clients(c).into_iter().map(move |s| (c.mac, s.address, *c)));
            let may = |(mac, source, c): ([u8; 6], IpAddr, &PlannedPort)| {
                let like = source.is_ipv4() == server.address.is_ipv4();
                let rule = |kind: &&TrialKind| self.view.may((c, source), (self.b, server), **kind).is_some();
                let kind = self.kinds.iter().find(rule).filter(|_| like)?;
                Some((mac, source, *kind))
            };
            let strangers = self.view.plan.places.iter().filter(|p| p.network != self.b.network);
            let stranger = strangers.filter_map(|p| p.address_like(server.address)).next();
            let any = *self.kinds.first().unwrap_or(&TrialKind::Ping);
            let nobody = self.view.nobody(self.b).into_iter().chain(stranger).map(|a| (self.a.mac, a, any));
            for (mac, source, kind) in with.filter_map(may).take(MASKS).chain(nobody) {
                if self.view.may_use(self.a, source) {
                    continue;
                }
                let own = frame(kind, (self.a.mac, self.b.mac), source, server.address);
                let theirs = frame(kind, (mac, self.b.mac), source, server.address);
                frames.extend(own);
                frames.extend(theirs.filter(|_| mac != self.a.mac));
                if !masks.contains(&source) {
                    masks.push(source);
                }
            }
        }
        if !frames.is_empty() {
            let masks: Vec<_> = masks.iter().map(ToString::to_string).collect();
            let what = format!("{} frames as {} (forged)", frames.len(), masks.join(", "));
            // A mesh bridge may drop forged frames, so it is enough that they reach it.
            probes.push(self.none_arrives(what, frames, self.a.port.clone()));
        }
    }

    /// Adds frames into another network.
    fn crosses(&self, probes: &mut Vec<Probe>) {
        let whole =
            |names: &[String], p: &PlannedPort| self.view.list(names, true).iter().any(|q| q.name == p.name);
        if self.view.file.nevers.iter().any(|n| whole(&n.from, self.a) && whole(&n.to, self.b)) {
            return;
        }
        let network = self.b.network.as_deref().unwrap_or_default();
        let victims = self.view.members(network);
        let frames = forged::frames(self.a, self.b, &victims, &self.view.local_macs());
        let what = format!("{} raw frames (another network)", frames.len());
        let mut probe = self.none_arrives(what, frames, self.a.port.clone());
        if let Action::Frames { at, .. } = &mut probe.action {
            *at = victims.into_iter().filter(|p| p.name != self.a.name).cloned().collect();
        }
        probes.push(probe);
    }

    /// Adds the DHCP probes of the rules: a client's broadcast reaches the server and no other
    /// place, and so does the answer.
    pub(super) fn dhcp(view: &LabView<'_>, probes: &mut Vec<Probe>) {
        for exchange in exchange::of(view) {
            let (client, server) = (&exchange.client, &exchange.server);
            // In this order: a client without a request gets no answer.
            let ways = [
                ("DHCP requests", client, server, ExchangeStep::Request),
                ("DHCP answers", server, client, ExchangeStep::Offer),
            ];
            for (what, a, b, kind) in ways {
                let others = view.plan.places.iter().filter(|p| {
                    // Other rules may have other servers and clients.
                    p.name != a.name
                        && p.name != b.name
                        && !view.rules().any(|r| {
                            let named = |names| view.list(names, false).iter().any(|q| q.name == p.name);
                            r.protocol == Protocol::Dhcp && (named(&r.from) || named(&r.to))
                        })
                });
                probes.push(Probe {
                    from: a.name.clone(),
                    to: b.name.clone(),
                    what: format!("{what} for {} ({})", exchange.address, exchange.rule),
                    expected: Expected::Passes,
                    action: Action::Frames {
                        from: Box::new(a.clone()),
                        frames: vec![exchange.frame(kind)],
                        enters: a.entry.clone(),
                        at: vec![b.clone()],
                        else_at: others.cloned().collect(),
                    },
                });
            }
        }
    }
}
