//! A program that is made out of an earlier one is the program that is made from nothing, whatever changed between the two;
//! and what did not change is not made again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod support;
mod verdict;

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use flows::compile::{Moment, PortMap, Program, compile, recompile};
use flows::network::{
    Container, ContainerRange, Inside, NetworkFile, Place, Protocol, Returns, Service, Stateful,
};
use ofproto::PortNo;
use proptest::prelude::*;
use proptest::sample::Index;
use support::{MIXED, NOW, PANTHEON, SHIPPED, file, ports, random};

/// One thing that is another.
#[derive(Debug, Clone)]
struct Change {
    what: usize,
    which: Index,
    other: Index,
    number: u16,
}

fn change() -> impl Strategy<Value = Change> {
    (0..KINDS, any::<Index>(), any::<Index>(), any::<u16>()).prop_map(|(what, which, other, number)| Change {
        what,
        which,
        other,
        number,
    })
}

const KINDS: usize = 44;

/// What is compiled.
#[derive(Clone)]
struct State {
    file: NetworkFile,
    ports: Vec<PortMap>,
    moment: Moment,
}

impl State {
    fn new(file: NetworkFile) -> Self {
        let ports = file.bridges.iter().map(|bridge| ports(&file, &bridge.name)).collect();
        Self { ports, moment: Moment { now: NOW, ..Moment::default() }, file }
    }

    /// The programs of all bridges, each after the one that was.
    fn after(&self, before: &[Program]) -> Vec<Program> {
        let nothing = Program::default();
        let all = self.file.bridges.iter().zip(&self.ports).enumerate();
        all.map(|(n, (bridge, ports))| {
            recompile(before.get(n).unwrap_or(&nothing), &self.file, &bridge.name, ports, &self.moment)
        })
        .collect()
    }

    /// The programs after those that were are those that are made from nothing.
    fn agree(&self, before: &[Program], why: &impl std::fmt::Debug) -> Vec<Program> {
        let (again, fresh) = (self.after(before), self.after(&[]));
        assert_eq!(again.len(), fresh.len());
        for (again, fresh) in again.iter().zip(&fresh) {
            assert_eq!(again.missing_ports, fresh.missing_ports, "{why:?}");
            assert_eq!(again.parts.len(), fresh.parts.len(), "{why:?}");
            for (again, fresh) in again.parts.iter().zip(&fresh.parts) {
                assert_eq!(again.flows, fresh.flows, "{why:?}");
                assert_eq!(again.origins, fresh.origins, "{why:?}");
            }
        }
        again
    }

    /// Makes the change where there is something to change. The file need not be one that the language takes.
    fn make(&mut self, change: &Change) {
        let Change { what, which, other, number } = change;
        let file = &mut self.file;
        let address = |ip: &IpAddr| match ip {
            IpAddr::V4(v4) => IpAddr::from((v4.to_bits() ^ u32::from(*number % 4)).to_be_bytes()),
            IpAddr::V6(v6) => IpAddr::from((v6.to_bits() ^ u128::from(*number % 4)).to_be_bytes()),
        };
        macro_rules! pick {
            ($list:expr) => {{
                let list = &mut $list;
                if list.is_empty() {
                    return;
                }
                let n = which.index(list.len());
                &mut list[n]
            }};
        }
        macro_rules! remove {
            ($list:expr) => {{
                let list = &mut $list;
                if !list.is_empty() {
                    list.remove(which.index(list.len()));
                }
            }};
        }
        macro_rules! swap {
            ($list:expr) => {{
                let list = &mut $list;
                if !list.is_empty() {
                    let (a, b) = (which.index(list.len()), other.index(list.len()));
                    list.swap(a, b);
                }
            }};
        }
        macro_rules! plug {
            () => {{
                let endpoint = pick!(file.endpoints);
                if endpoint.attachments.is_empty() {
                    return;
                }
                let n = other.index(endpoint.attachments.len());
                &mut endpoint.attachments[n]
            }};
        }
        match what {
            0 => remove!(file.endpoints),
            1 => remove!(file.allows),
            2 => remove!(file.exits),
            3 => remove!(file.links),
            4 => remove!(file.outsides),
            5 => remove!(file.crossings),
            6 => remove!(file.networks),
            7 => swap!(file.allows),
            8 => swap!(file.endpoints),
            9 => swap!(file.networks),
            10 => pick!(file.allows).ports = vec![*number],
            11 => pick!(file.allows).limit = Some((*number).into()),
            12 => {
                pick!(file.allows).protocol =
                    [Protocol::Any, Protocol::Dhcp, Protocol::Udp][usize::from(number % 3)]
            }
            13 => pick!(file.allows).returns = Some(Returns::Connection),
            14 => pick!(file.allows).temp = Some("window".to_owned()),
            15 => pick!(file.allows).name.push('x'),
            16 => pick!(file.allows).place = Place::Elsewhere("there".to_owned()),
            17 => {
                let allow = pick!(file.allows);
                std::mem::swap(&mut allow.from, &mut allow.to);
            }
            18 => {
                let name = pick!(file.endpoints).name.clone();
                if !file.allows.is_empty() {
                    let n = other.index(file.allows.len());
                    file.allows[n].from.push(name);
                }
            }
            19 => {
                let name = pick!(file.endpoints).name.clone();
                if !file.allows.is_empty() {
                    let n = other.index(file.allows.len());
                    file.allows[n].via = Some(name);
                }
            }
            20 => plug!().addresses.iter_mut().for_each(|ip| *ip = address(ip)),
            21 => {
                let plug = plug!();
                plug.mac =
                    if plug.mac.is_some() { None } else { Some([2, 0, 0, 0, 0, u8::from(number % 2 == 0)]) };
            }
            22 => plug!().leased ^= true,
            39 => plug!().router ^= true,
            40 => plug!().link_local = Some([0xfe80, 0, 0, 0, 0, 0, 0, *number % 4].into()),
            41 => pick!(file.exits).router ^= true,
            42 => pick!(file.exits).link_local = Some([0xfe80, 0, 0, 0, 0, 0, 0, *number % 4].into()),
            23 => plug!().behind.push(format!("10.{}.0.0/16", number % 4).parse().unwrap()),
            24 => plug!().port.push('x'),
            // Several at one port, and two of one address.
            25 => {
                let from = pick!(file.endpoints).attachments.first().map(|plug| plug.port.clone());
                let n = other.index(file.endpoints.len());
                let to = file.endpoints[n].attachments.last_mut();
                to.into_iter().zip(from).for_each(|(plug, port)| plug.port = port);
            }
            26 => {
                let from = pick!(file.endpoints).attachments.first().map(|plug| plug.addresses.clone());
                let n = other.index(file.endpoints.len());
                let to = file.endpoints[n].attachments.last_mut();
                to.into_iter().zip(from).for_each(|(plug, addresses)| plug.addresses = addresses);
            }
            27 => pick!(file.networks).inside = [Inside::Allow, Inside::Deny][usize::from(number % 2)],
            28 => {
                pick!(file.networks).stateful =
                    [Stateful::Conntrack, Stateful::Learn][usize::from(number % 2)]
            }
            29 => pick!(file.networks).vlan = Some(1 + number % 3).filter(|vlan| *vlan < 3),
            30 => pick!(file.networks).subnets.push(format!("10.{}.0.0/16", number % 4).parse().unwrap()),
            31 => pick!(file.networks).number ^= 0x8000,
            32 => pick!(file.exits).next_hop.iter_mut().for_each(|ip| *ip = address(ip)),
            33 => pick!(file.outsides).addresses.push(format!("8.8.{}.0/24", number % 4).parse().unwrap()),
            34 => {
                let network = pick!(file.networks);
                let Some(range) = network.subnets.first().filter(|s| s.is_ipv4()) else { return };
                let IpAddr::V4(base) = range.network() else { return };
                let [a, b, c, _] = base.octets();
                network.containers = Some(ContainerRange {
                    ids: (200, 250),
                    port: "container{id}".to_owned(),
                    addresses: vec![format!("{a}.{b}.{c}.{{id}}")],
                    clients: vec![network.name.clone()],
                    span: 0..0,
                });
                let service = Service { name: "web".to_owned(), protocol: Protocol::Tcp, port: *number };
                let container = Container {
                    id: 200,
                    name: "container".to_owned(),
                    network: network.name.clone(),
                    mac: number.is_multiple_of(2).then_some([2, 0, 0, 0, 0, 7]),
                    services: vec![service],
                };
                // Whether there is a place for it is another question.
                if !file.take(&container) {
                    let _ = file.put(&container);
                }
            }
            35 => {
                let ports = pick!(self.ports);
                let names: Vec<String> = ports.keys().cloned().collect();
                if !names.is_empty() {
                    ports.insert(other.get(&names).clone(), PortNo((*number).into()));
                }
            }
            36 => {
                let ports = pick!(self.ports);
                let names: Vec<String> = ports.keys().cloned().collect();
                if !names.is_empty() {
                    ports.remove(other.get(&names));
                }
            }
            37 => {
                let ports = pick!(self.ports);
                ports.insert("container200".to_owned(), PortNo(999));
            }
            38 => {
                for allow in &file.allows {
                    let end = NOW + u64::from(*number);
                    self.moment.windows.extend(allow.temp.clone().map(|window| (window, end)));
                }
            }
            _ => self.moment.now += u64::from(*number),
        }
    }
}

fn holds(mut state: State, changes: &[Change]) {
    let mut before = state.after(&[]);
    for change in changes {
        state.make(change);
        before = state.agree(&before, change);
    }
}

static FILES: LazyLock<Vec<NetworkFile>> =
    LazyLock::new(|| SHIPPED.iter().map(|(_, text)| *text).chain([MIXED]).map(file).collect());

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(300), ..ProptestConfig::default() })]

    #[test]
    fn a_shipped_file_after_changes(which in any::<Index>(), changes in prop::collection::vec(change(), 1..12)) {
        holds(State::new(which.get(&FILES).clone()), &changes);
    }

    #[test]
    fn any_file_after_changes(plan in random::plan(), changes in prop::collection::vec(change(), 1..12)) {
        let Some(text) = plan.text() else { return Ok(()) };
        holds(State::new(file(&text)), &changes);
    }

    /// Another file altogether, or one bridge after another.
    #[test]
    fn any_file_after_any_other(a in random::plan(), b in random::plan()) {
        let (Some(a), Some(b)) = (a.text(), b.text()) else { return Ok(()) };
        let before = State::new(file(&a)).after(&[]);
        let state = State::new(file(&b));
        for before in &before {
            let again = state.after(&vec![before.clone(); state.file.bridges.len()]);
            for (again, fresh) in again.iter().zip(&state.after(&[])) {
                prop_assert!(again.flows().eq(fresh.flows()) && again.origins().eq(fresh.origins()));
            }
        }
    }
}

/// Whether a rule goes by its next hop on one network depends on where the hop is on another.
#[test]
fn a_next_hop_that_moves_elsewhere_counts() {
    let plug = |network: &str, name: &str, n: u8| {
        let third = if network == "lan" { 0 } else { 1 };
        format!(
            "{{ network = \"{network}\", port = \"{name}-{network}\", addresses = [\"10.0.{third}.{n}\"], \
             mac = \"02:00:00:00:0{third}:0{n}\" }}"
        )
    };
    let endpoint = |name: &str, n: u8| {
        format!("[endpoint.{name}]\nattach = [{}, {}]\n", plug("lan", name, n), plug("other", name, n))
    };
    let text = format!(
        "[network.lan]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\"]\n\
         [network.other]\nbridge = \"br0\"\nsubnets = [\"10.0.1.0/24\"]\n\
         [exit.out]\nnetwork = \"lan\"\nport = \"up\"\n{}{}\
         [[allow]]\nname = \"r\"\nfrom = \"a\"\nto = \"out\"\nvia = \"hop\"\n",
        endpoint("hop", 1),
        endpoint("a", 2)
    );
    let mut state = State::new(file(&text));
    let before = state.after(&[]);
    state.file.endpoints[0].attachments[1].mac = None;
    let lan = state.file.network("lan").map(|network| network.number);
    let after = state.agree(&before, &"the hop has no place on the other network");
    assert!(made_again(&before[0], &after[0]).contains(&lan));
}

/// The parts that are not taken over from the program before, by network.
fn made_again(before: &Program, after: &Program) -> Vec<Option<u16>> {
    let kept = |part: &Arc<_>| before.parts.iter().any(|old| Arc::ptr_eq(old, part));
    after.parts.iter().filter(|part| !kept(part)).map(|part| part.network).collect()
}

#[test]
fn a_change_makes_the_parts_again_that_depend_on_it_and_no_other() {
    let text = PANTHEON.replace("instances = \"1-3\"", "instances = \"0-255\"");
    let before = file(&text);
    let mut numbers = ports(&before, "pantheon");
    let compiled = |file: &NetworkFile, ports: &PortMap, old: &Program| {
        recompile(old, file, "pantheon", ports, &Moment::default())
    };
    let old = compile(&before, "pantheon", &numbers, &Moment::default());
    let number = |name: &str| before.network(name).map(|network| network.number);
    let again = |text: &str, ports: &PortMap| made_again(&old, &compiled(&file(text), ports, &old));
    assert_eq!(again(&text, &numbers), [], "nothing changed");
    assert_eq!(
        again(&format!("\n# Moved down a line.\n{text}"), &numbers),
        [],
        "only places in the text did"
    );
    let shared =
        text.replace("to = \"shared-{n}\"\nprotocol = \"tcp\"", "to = \"shared-{n}\"\nprotocol = \"udp\"");
    assert_eq!(again(&shared, &numbers).len(), 256, "a rule of all projects");
    let one = format!(
        "[[allow]]\nname = \"one\"\nfrom = \"vm-7\"\nto = \"backend\"\nprotocol = \"tcp\"\nports = [9]\n{text}"
    );
    assert_eq!(again(&one, &numbers), [number("project-7")], "a rule of one project");
    let endpoint =
        "[endpoint.new]\nattach = [{ network = \"main\", port = \"new\", addresses = [\"10.0.1.99\"] }]\n";
    numbers.insert("new".to_owned(), PortNo(5_000));
    assert_eq!(again(&text, &numbers), [], "a port that the file does not name");
    assert_eq!(again(&format!("{endpoint}{text}"), &numbers), [number("main")], "an endpoint");
    numbers.insert("tools9".to_owned(), PortNo(5_001));
    assert_eq!(again(&text, &numbers), [number("project-9")], "another number of a port");
}
