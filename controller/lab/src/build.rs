//! Carries out a plan: namespaces, cables, addresses, routes.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;

use ipnetwork::IpNetwork;
use ofproto::MacAddr;

use super::command::{IPV6, ip_batch, run};
use super::error::LabError;
use super::netns;
use super::plan::{CableEnd, HOST, LabPlan, PlannedNamespace};

/// Settings of every namespace: a lab lives for seconds, and only the flows may stop a packet.
const COMMON: [(&str, &str); 6] = [
    // Link-local addresses are usable at once, and no host asks for routers.
    ("net/ipv6/conf/default/accept_dad", "0"),
    ("net/ipv6/conf/default/router_solicitations", "0"),
    ("net/ipv6/conf/default/accept_ra", "0"),
    // The pipeline must drop forged sources; a kernel that drops them would hide a leak.
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv4/icmp_echo_ignore_broadcasts", "0"),
];

/// Settings of the bridge's ends of cables in the lab's host. A userspace datapath takes packets
/// off such a device by a packet socket, and the host's own IP stack sees them as well. These
/// settings make it deaf, so that every packet that arrives came through the bridge. (The kernel's
/// datapath takes packets before the IP stack.)
const DEAF: [(&str, &str); 4] = [
    ("net/ipv6/conf/default/disable_ipv6", "1"),
    // No route leads back out of these devices, so the strict filter drops all incoming packets.
    ("net/ipv4/conf/default/rp_filter", "1"),
    ("net/ipv4/conf/default/arp_ignore", "8"),
    ("net/ipv4/conf/default/drop_unicast_in_l2_multicast", "1"),
];

/// Number of the first table of routes by source address.
const TABLES: u32 = 100;

const FORWARDS: [(&str, &str); 2] = [("net/ipv4/ip_forward", "1"), ("net/ipv6/conf/all/forwarding", "1")];

/// The builder of a plan's namespaces and cables. `full` returns a namespace's name for its key.
pub(crate) struct LabBuilder<'a> {
    pub(crate) plan: &'a LabPlan,
    pub(crate) full: &'a (dyn Fn(&str) -> String + Sync),
}

impl LabBuilder<'_> {
    /// Makes the namespaces, empty, with the settings that their devices will have.
    pub(crate) fn namespaces(&self) -> Result<(), LabError> {
        let lines: Vec<_> =
            self.plan.namespaces.iter().map(|n| format!("netns add {}", (self.full)(&n.key))).collect();
        ip_batch(&lines)?;
        for namespace in &self.plan.namespaces {
            netns::enter(&(self.full)(&namespace.key), || {
                netns::sysctl(&COMMON)?;
                if namespace.key == HOST {
                    netns::sysctl(&DEAF)?;
                }
                if namespace.forwards {
                    netns::sysctl(&FORWARDS)?;
                }
                ip_batch(&["link set lo up".to_owned()])
            })??;
        }
        Ok(())
    }

    /// Makes the cables, each end in its namespace and up.
    pub(crate) fn cables(&self) -> Result<(), LabError> {
        let mut makes = Vec::new();
        let mut ups: BTreeMap<&str, Vec<&CableEnd>> = BTreeMap::new();
        for cable in &self.plan.cables {
            let end = |e: &CableEnd| {
                format!("name {} address {} netns {}", e.device, MacAddr(e.mac), (self.full)(&e.namespace))
            };
            makes.push(format!("link add {} type veth peer {}", end(&cable.a), end(&cable.b)));
            for e in [&cable.a, &cable.b] {
                ups.entry(&e.namespace).or_default().push(e);
            }
        }
        ip_batch(&makes)?;
        self.each(|namespace| {
            let ends = ups.get(namespace.key.as_str()).map(Vec::as_slice).unwrap_or_default();
            let lines: Vec<_> = ends.iter().map(|e| format!("link set dev {} up", e.device)).collect();
            ip_batch(&lines)?;
            if namespace.key == HOST {
                return Ok(());
            }
            for e in ends {
                // Checksums left to the "hardware" stay empty on the way through userspace.
                run(Command::new("ethtool").args(["-K", &e.device, "tx", "off"]), None)?;
            }
            Self::addresses(namespace)
        })
    }

    /// Adds the host's addresses to the bridges' internal ports, once ovs-vswitchd has made them.
    pub(crate) fn host_addresses(&self) -> Result<(), LabError> {
        let Some(host) = self.plan.namespaces.iter().find(|n| n.key == HOST) else { return Ok(()) };
        netns::enter(&(self.full)(HOST), || {
            let mut ups = Vec::new();
            for bridge in &self.plan.bridges {
                let name = &bridge.name;
                ups.push(format!("link set dev {name} up"));
                netns::sysctl(&[
                    (&format!("net/ipv6/conf/{name}/disable_ipv6"), "0"),
                    (&format!("net/ipv4/conf/{name}/rp_filter"), "0"),
                    (&format!("net/ipv4/conf/{name}/arp_ignore"), "0"),
                    (&format!("net/ipv4/conf/{name}/drop_unicast_in_l2_multicast"), "0"),
                ])?;
            }
            ip_batch(&ups)?;
            Self::addresses(host)
        })?
    }

    fn addresses(namespace: &PlannedNamespace) -> Result<(), LabError> {
        let mut lines = Vec::new();
        for (device, address) in &namespace.addresses {
            let nodad = if address.is_ipv6() { " nodad" } else { "" };
            lines.push(format!("addr replace {address} dev {device}{nodad}"));
        }
        let family = |to: &IpNetwork| if to.is_ipv6() { IPV6 } else { "" };
        for (to, device) in &namespace.on_link {
            lines.push(format!("{}route replace {to} dev {device}", family(to)));
        }
        for (to, via) in &namespace.routes {
            lines.push(format!("{}route replace {to} via {via}", family(to)));
        }
        for (table, source) in (TABLES..).zip(&namespace.by_source) {
            let (from, device) = (IpNetwork::from(source.from), &source.device);
            lines.push(format!("{}rule add from {from} lookup {table}", family(&from)));
            for to in &source.on_link {
                lines.push(format!("{}route replace {to} dev {device} table {table}", family(to)));
            }
            for (to, via) in &source.routes {
                lines.push(format!("{}route replace {to} via {via} dev {device} table {table}", family(to)));
            }
        }
        ip_batch(&lines)?;
        Self::translation(namespace)
    }

    /// Makes a namespace that forwards translate the source of packets to the address of some
    /// outgoing devices (nft(8), "masquerade").
    fn translation(namespace: &PlannedNamespace) -> Result<(), LabError> {
        if namespace.translates.is_empty() {
            return Ok(());
        }
        let mut rules = String::new();
        for family in ["ip", "ip6"] {
            for device in &namespace.translates {
                rules += &format!(
                    "add table {family} lab\n\
                     add chain {family} lab out {{ type nat hook postrouting priority 100; }}\n\
                     add rule {family} lab out oifname \"{device}\" masquerade\n"
                );
            }
        }
        run(Command::new("nft").args(["-f", "-"]), Some(&rules)).map(drop)
    }

    /// Does some work in every namespace, in parallel.
    fn each<F>(&self, work: F) -> Result<(), LabError>
    where
        F: Fn(&PlannedNamespace) -> Result<(), LabError> + Sync,
    {
        let work = &work;
        thread::scope(|scope| {
            let threads: Vec<_> = self
                .plan
                .namespaces
                .iter()
                .map(|n| scope.spawn(move || netns::enter(&(self.full)(&n.key), || work(n))?))
                .collect();
            threads.into_iter().try_for_each(|t| {
                t.join().unwrap_or_else(|_| Err(LabError::Worker("a namespace".to_owned())))
            })
        })
    }
}
