//! A file of a few parties and rules, how it changes, and what it lets arise: said here from the rules alone.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use fastrand::Rng;
use portcullis::policy::Policy;

/// How many parties there are, and ports.
pub(super) const PARTIES: usize = 5;
/// The ports of services.
pub(super) const SERVICES: [u16; 3] = [53, 80, 7000];
/// The window of what is allowed for a time.
pub(super) const WINDOW: &str = "w";

/// How a network knows what belongs to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// By learned flows.
    Learn,
    /// By the switch's connection tracker.
    Conntrack,
}

/// Random numbers that begin with a seed.
#[derive(Debug, Clone)]
pub(super) struct Dice(pub(super) Rng);

impl Dice {
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0.usize(..n)
    }

    /// One party as often as several: rules for one are other flows.
    fn some(&mut self) -> Vec<usize> {
        let more = if self.below(2) == 0 { 0 } else { 1 + self.below(3) };
        let mut all: Vec<usize> = (0..=more).map(|_| self.below(PARTIES)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Somebody, at a port, on a network, with an address of each family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) port: usize,
    network: usize,
    host: u8,
}

impl Party {
    pub(super) fn address(&self, v6: bool) -> IpAddr {
        let (n, host) = (self.network, self.host);
        let text = if v6 { format!("fd00:7:{n}::{host}") } else { format!("10.7.{n}.{host}") };
        text.parse().unwrap()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    name: usize,
    from: Vec<usize>,
    to: Vec<usize>,
    udp: bool,
    ports: Vec<u16>,
    connection: bool,
    temp: bool,
}

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RandomNetwork {
    mode: Mode,
    pub(super) parties: Vec<Party>,
    rules: Vec<Rule>,
    /// Whether the window is open.
    pub(super) open: bool,
    /// The port of a rule that nobody uses: by it one sees which file the switch has.
    pub(super) mark: u16,
    named: usize,
}

/// What somebody would open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conversation {
    /// The port of the one who opens, and his address.
    pub(super) from: (usize, IpAddr),
    /// The same of the one who is asked.
    pub(super) to: (usize, IpAddr),
    pub(super) udp: bool,
    pub(super) service: u16,
}

impl RandomNetwork {
    pub(super) fn new(mode: Mode, dice: &mut Dice) -> Self {
        let party = |n: usize| Party { port: n, network: 0, host: 1 + u8::try_from(n).unwrap() };
        let parties = (0..PARTIES).map(party).collect();
        let mut this = Self { mode, parties, rules: Vec::new(), open: true, mark: 20_000, named: 0 };
        for _ in 0..6 {
            this.add(dice);
        }
        this
    }

    fn add(&mut self, dice: &mut Dice) {
        self.named += 1;
        self.rules.push(Rule {
            name: self.named,
            from: dice.some(),
            to: dice.some(),
            udp: dice.below(2) == 0,
            ports: (0..=dice.below(2)).map(|_| SERVICES[dice.below(SERVICES.len())]).collect(),
            connection: dice.below(3) == 0,
            temp: dice.below(4) == 0,
        });
        if let Some(rule) = self.rules.last_mut() {
            rule.ports.sort_unstable();
            rule.ports.dedup();
        }
    }

    /// The file after one change; the language may refuse it. None where there is nothing to change so.
    pub(super) fn edited(&self, dice: &mut Dice) -> Option<Self> {
        let mut next = Self { mark: self.mark + 1, ..self.clone() };
        let (a, b) = (dice.below(PARTIES), dice.below(PARTIES));
        let rule = dice.below(self.rules.len().max(1));
        match dice.below(11) {
            // A party leaves a list, or comes to it.
            0 | 1 => {
                let rule = next.rules.get_mut(rule)?;
                let list = if dice.below(2) == 0 { &mut rule.from } else { &mut rule.to };
                match list.iter().position(|party| *party == a) {
                    Some(_) if list.len() == 1 => return None,
                    Some(place) => _ = list.remove(place),
                    None => list.push(a),
                }
                list.sort_unstable();
            }
            // Two change addresses, or ports.
            2 | 3 => {
                let (of_a, of_b) = (self.parties[a], self.parties[b]);
                next.parties[a] = Party { port: of_a.port, ..of_b };
                next.parties[b] = Party { port: of_b.port, ..of_a };
            }
            4 => {
                next.parties[a].port = self.parties[b].port;
                next.parties[b].port = self.parties[a].port;
            }
            // One moves to the other network.
            5 => next.parties[a].network ^= 1,
            6 => _ = (!self.rules.is_empty()).then(|| next.rules.remove(rule))?,
            7 => {
                let rule = next.rules.get_mut(rule)?;
                rule.ports = vec![SERVICES[dice.below(SERVICES.len())]];
            }
            8 => next.rules.get_mut(rule)?.udp ^= true,
            9 => next.rules.get_mut(rule)?.connection ^= true,
            _ => next.add(dice),
        }
        let changed = Self { mark: self.mark, ..next.clone() } != *self;
        (changed && next.fits()).then_some(next)
    }

    /// Whether the language takes the file.
    pub(super) fn fits(&self) -> bool {
        Policy::from_text(Path::new("random.toml"), self.text()).is_ok()
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for n in 0..2 {
            let subnets = format!("[\"10.7.{n}.0/24\", \"fd00:7:{n}::/64\"]");
            let _ = writeln!(text, "[network.n{n}]\nbridge = \"br0\"\nsubnets = {subnets}");
            if self.mode == Mode::Conntrack {
                let _ = writeln!(text, "stateful = \"conntrack\"");
            }
        }
        for (n, party) in self.parties.iter().enumerate() {
            let addresses = format!("[\"{}\", \"{}\"]", party.address(false), party.address(true));
            let plug = format!(
                "{{ network = \"n{}\", port = \"p{}\", addresses = {addresses} }}",
                party.network, party.port
            );
            let _ = writeln!(text, "[endpoint.e{n}]\nattach = [{plug}]");
        }
        // Two that are always there, and their rule, which changes with every file.
        for (n, name) in ["m1", "m2"].iter().enumerate() {
            let plug =
                format!("{{ network = \"n0\", port = \"{name}\", addresses = [\"10.7.0.{}\"] }}", 200 + n);
            let _ = writeln!(text, "[endpoint.{name}]\nattach = [{plug}]");
        }
        let _ = writeln!(
            text,
            "[[allow]]\nname = \"mark\"\nfrom = \"m1\"\nto = \"m2\"\nprotocol = \"tcp\"\nports = [{}]",
            self.mark
        );
        let _ = writeln!(
            text,
            "[[allow]]\nname = \"always\"\nfrom = \"m1\"\nto = \"m2\"\nprotocol = \"udp\"\nports = [9]\n\
             temp = \"{WINDOW}\"\npurpose = \"the window is always known\""
        );
        for rule in &self.rules {
            let names = |list: &[usize]| {
                format!("{:?}", list.iter().map(|party| format!("e{party}")).collect::<Vec<_>>())
            };
            let protocol = if rule.udp { "udp" } else { "tcp" };
            let _ = writeln!(
                text,
                "[[allow]]\nname = \"r{}\"\nfrom = {}\nto = {}\nprotocol = \"{protocol}\"\nports = {:?}",
                rule.name,
                names(&rule.from),
                names(&rule.to),
                rule.ports
            );
            if rule.connection {
                let _ = writeln!(text, "returns = \"connection\"");
            }
            if rule.temp {
                let _ = writeln!(text, "temp = \"{WINDOW}\"\npurpose = \"a while\"");
            }
        }
        text
    }

    /// Whether somebody may open it.
    pub(super) fn allows(&self, conversation: &Conversation) -> bool {
        let at = |(port, address): (usize, IpAddr)| {
            let v6 = address.is_ipv6();
            self.parties.iter().position(|p| p.port == port && p.address(v6) == address)
        };
        let (Some(from), Some(to)) = (at(conversation.from), at(conversation.to)) else { return false };
        let joined = from != to && self.parties[from].network == self.parties[to].network;
        joined
            && self.rules.iter().any(|rule| {
                rule.from.contains(&from)
                    && rule.to.contains(&to)
                    && rule.udp == conversation.udp
                    && rule.ports.contains(&conversation.service)
                    && (self.open || !rule.temp)
            })
    }

    /// All that any two could open, as the parties stand.
    pub(super) fn conversations(&self, v6: bool) -> Vec<Conversation> {
        let end = |party: &Party| (party.port, party.address(v6));
        let mut all = Vec::new();
        for from in &self.parties {
            for to in self.parties.iter().filter(|to| to != &from) {
                for service in SERVICES {
                    for udp in [false, true] {
                        all.push(Conversation { from: end(from), to: end(to), udp, service });
                    }
                }
            }
        }
        all
    }
}
