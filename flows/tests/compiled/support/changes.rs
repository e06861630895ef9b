//! Files that change, one thing at a time.

use std::net::IpAddr;

use flows::compile::{PortMap, Program, TimeContext, recompile};
use flows::network::{
    Container, ContainerRange, EnforcementPoint, Inside, NetworkFile, Protocol, Returns, Service,
    SharedAddress, Stateful,
};
use ofproto::PortNo;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{NOW, ports};

/// One thing that is another.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    what: usize,
    which: Index,
    other: Index,
    number: u16,
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    (0..KINDS, any::<Index>(), any::<Index>(), any::<u16>()).prop_map(|(what, which, other, number)| Change {
        what,
        which,
        other,
        number,
    })
}

const KINDS: usize = 46;

/// What is compiled.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) file: NetworkFile,
    pub(crate) ports: Vec<PortMap>,
    pub(crate) moment: TimeContext,
}

impl State {
    pub(crate) fn new(file: NetworkFile) -> Self {
        let ports = file.bridges.iter().map(|bridge| ports(&file, &bridge.name)).collect();
        Self { ports, moment: TimeContext { now: NOW, ..TimeContext::default() }, file }
    }

    /// The programs of all bridges, each after the one that was.
    pub(crate) fn after(&self, before: &[Program]) -> Vec<Program> {
        let nothing = Program::default();
        let all = self.file.bridges.iter().zip(&self.ports).enumerate();
        all.map(|(n, (bridge, ports))| {
            recompile(before.get(n).unwrap_or(&nothing), &self.file, &bridge.name, ports, &self.moment)
        })
        .collect()
    }

    /// The programs after those that were are those that are made from nothing.
    pub(crate) fn agree(&self, before: &[Program], why: &impl std::fmt::Debug) -> Vec<Program> {
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
    pub(crate) fn make(&mut self, change: &Change) {
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
            16 => pick!(file.allows).place = EnforcementPoint::Elsewhere("there".to_owned()),
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
            43 => {
                let shared = SharedAddress { address: [192, 168, 0, 200].into(), vrid: None };
                let plug = plug!();
                if plug.shared.pop().is_none() {
                    plug.shared.push(shared);
                }
            }
            44 => plug!().shared.iter_mut().for_each(|shared| shared.vrid = u8::try_from(*number % 256).ok()),
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
