//! Creates containers.

use std::collections::HashSet;
use std::net::IpAddr;

use flows::network::{Network, NetworkFile};
use ofproto::MacAddr;
use serde::{Deserialize, Serialize};
use tracing::{error, info};
use utoipa::ToSchema;

use super::devices::{DeviceError, Inside, VethPair};
use super::place::{self, BridgePlace, TakenPlaces, network_of};
use super::service::ServedService;
use super::{Containers, LIMIT, MAX_CONTAINERS, Request, now};
use crate::hub::PolicyArrival;
use crate::ovs::{add_port, bridge_kind};
use crate::policy::Policy;
use crate::problem::Problem;
use crate::store::{Container, Phase};

/// A container that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedContainer {
    /// Its name.
    pub name: String,
    /// Its network.
    pub network: String,
    /// Its number in the network's range.
    pub id: u32,
    /// The bridge.
    pub bridge: String,
    /// The bridge's port, which is also the name of the veth's end there.
    pub port: String,
    /// The container's end of the veth: in the host's namespace, to be moved, or in `netns`.
    pub device: String,
    /// The namespace that the device was put into; none where that is left to others.
    pub netns: Option<String>,
    /// The MAC of the container's end: what comes from another is dropped.
    pub mac: String,
    /// Its addresses with the lengths of their subnets. Whoever moves the device gives it these.
    pub addresses: Vec<String>,
    /// The gateways of the network.
    #[schema(value_type = Vec<String>)]
    pub gateways: Vec<IpAddr>,
    /// The VLAN of the network, whose tag its frames carry.
    pub vlan: Option<u16>,
    /// What it serves.
    pub services: Vec<ServedService>,
    /// Whether its flows are not on the bridge yet, because the bridge is not connected or another
    /// switch may have taken its place.
    pub pending: bool,
}

impl Containers {
    /// Creates a container. On return it exists as a whole, or no part of it does.
    ///
    /// # Errors
    /// [`Problem`] if:
    /// - the network does not exist, or has no numbers for containers,
    /// - the name is taken, or all numbers are taken,
    /// - the file has no place for the container,
    /// - a device, the port or the flows cannot be made,
    /// - the store cannot be read or written.
    pub fn create(&self, request: &Request, who: &str) -> Result<CreatedContainer, Problem> {
        let _turn = self.hub.lock_policy();
        let policy = self.hub.policy();
        let rows = self.store()?.all::<Container>()?;
        let (network, place) = fit(&policy.file, &rows, request)?;
        let kind = bridge_kind(&self.database, &network.bridge)
            .map_err(|why| ovs_failed(&format!("bridge {}", network.bridge), &why))?;
        let mac = free_mac(&policy.file, &network.bridge, VethPair::of(&place.port).inner_mac());
        let mut row = Container {
            name: request.name.clone(),
            id: place.id,
            network: network.name.clone(),
            bridge: network.bridge.clone(),
            port: place.port.clone(),
            netns: request.netns.clone(),
            mac: Some(mac),
            phase: Phase::Making,
            services: request.services.iter().map(Into::into).collect(),
            created_at: now(),
            who: who.to_owned(),
        };
        // The file's objections are reported before anything is made.
        let next = policy.with_container(&(&row).into()).map_err(|why| {
            let error = format!("the network file has no place for it: {why}");
            Problem::conflict("no-place", error, "name another network, or change the file")
        })?;
        let inside = Inside {
            addresses: place.addresses.clone(),
            gateways: network.gateway.clone(),
            vlan: network.vlan,
        };
        self.store()?.put(&row)?;
        let arrival = match self.make(&mut row, next, &inside, kind.userspace) {
            Ok(arrival) => arrival,
            Err(mut problem) => {
                info!(container = row.name, %problem, "not made: taken back");
                if let Err(left) = self.clear(&row) {
                    error!(container = row.name, %left, "what was made of it could not be taken back");
                    problem.message =
                        format!("{}; and taking it back failed: {}", problem.message, left.message);
                    problem.help =
                        format!("{}; then `portcullis container delete {}`", problem.help, row.name);
                }
                return Err(problem);
            }
        };
        info!(container = row.name, network = row.network, port = row.port, who, "container made");
        let pair = VethPair::of_row(&row);
        Ok(CreatedContainer {
            pending: arrival != PolicyArrival::Applied,
            device: pair.device(row.netns.as_deref()).to_owned(),
            mac: MacAddr(pair.inner_mac()).to_string(),
            addresses: place.addresses.iter().map(ToString::to_string).collect(),
            gateways: inside.gateways,
            vlan: inside.vlan,
            services: request.services.clone(),
            name: row.name,
            network: row.network,
            id: row.id,
            bridge: row.bridge,
            port: row.port,
            netns: row.netns,
        })
    }

    /// Takes all steps after the first row, in order.
    fn make(
        &self,
        row: &mut Container,
        next: Policy,
        inside: &Inside,
        userspace: bool,
    ) -> Result<PolicyArrival, Problem> {
        let pair = VethPair::of_row(row);
        let netns = row.netns.as_deref();
        pair.create(netns).map_err(device_failed)?;
        if let Some(netns) = netns {
            pair.configure(netns, inside).map_err(device_failed)?;
        }
        if userspace {
            pair.fill_checksums(netns).map_err(device_failed)?;
        }
        add_port(&self.database, &row.bridge, &row.port, &row.name)
            .map_err(|why| ovs_failed(&format!("the port {}", row.port), &why))?;
        let generation = self.hub.replace_policy(next);
        let arrival = self.arrival(&row.bridge, generation, Some(&row.port));
        if let PolicyArrival::NotInTime(why) = &arrival {
            let why = PolicyArrival::lateness(why.clone(), LIMIT);
            let error = format!("the flows did not come into force on {}: {why}", row.bridge);
            return Err(Problem::failed(
                "not-in-force",
                error,
                "look at `portcullis status`, then try again",
            ));
        }
        row.phase = Phase::There;
        self.store()?.put(row)?;
        Ok(arrival)
    }
}

/// Returns the network and the place that fit a request.
fn fit<'f>(
    file: &'f NetworkFile,
    rows: &[Container],
    request: &Request,
) -> Result<(&'f Network, BridgePlace), Problem> {
    let network = network_of(file, &request.network)?;
    let Some(range) = &network.containers else {
        let ranges = file.networks.iter().filter(|n| n.containers.is_some()).map(|n| n.name.as_str());
        let others = ranges.collect::<Vec<_>>().join(", ");
        let error = format!("the network {} has no ids for containers", network.name);
        let help = if others.is_empty() {
            format!("add [network.{}.containers] to the network file", network.name)
        } else {
            format!("add [network.{}.containers] to the network file, or name one of: {others}", network.name)
        };
        return Err(Problem::conflict("no-range", error, help));
    };
    let name = &request.name;
    if let Some(row) = rows.iter().find(|r| r.name == *name) {
        let error = match row.phase {
            Phase::There => format!("there is a container {name} already, on the network {}", row.network),
            Phase::Making | Phase::Removing => format!("a container {name} is half made or half removed"),
        };
        let help = format!("choose another name, or `portcullis container delete {name}`");
        return Err(Problem::conflict("name-taken", error, help));
    }
    if file.has_name(name) {
        let error = format!("{name} is the name of something in the network file");
        return Err(Problem::conflict("name-taken", error, "choose another name"));
    }
    if rows.len() >= MAX_CONTAINERS {
        let error = format!("there are {MAX_CONTAINERS} containers, and no more can be");
        return Err(Problem::conflict("too-many", error, "delete some"));
    }
    let taken = TakenPlaces {
        ids: rows.iter().filter(|r| r.network == network.name).map(|r| r.id).collect(),
        ports: rows.iter().map(|r| r.port.as_str()).collect::<HashSet<_>>(),
    };
    let place = place::next_free(file, network, range, &taken).ok_or_else(|| {
        let (first, last) = range.ids;
        let error = format!("all ids of the network {} ({first} to {last}) are taken", network.name);
        let help = "delete a container, or widen `ids` of its `containers` in the network file";
        Problem::conflict("range-full", error, help)
    })?;
    Ok((network, place))
}

/// Returns the MAC address, or the next one that no endpoint on the bridge has pinned.
fn free_mac(file: &NetworkFile, bridge: &str, mut mac: [u8; 6]) -> [u8; 6] {
    while file.has_mac(bridge, mac) {
        let [.., a, b] = &mut mac;
        let next = u16::from_be_bytes([*a, *b]).wrapping_add(1);
        [*a, *b] = next.to_be_bytes();
    }
    mac
}

pub(super) fn device_failed(error: DeviceError) -> Problem {
    let text = error.to_string();
    match error {
        DeviceError::Exists(_) => {
            Problem::conflict("device-taken", text, "remove or rename that device; it is none of ours")
        }
        DeviceError::NoNamespace(netns) => {
            Problem::not_found(text, format!("`ip netns add {netns}` makes it"))
        }
        DeviceError::NotPermitted => {
            Problem::failed("not-permitted", text, "run the controller as root, or with these capabilities")
        }
        DeviceError::Refused { .. } => Problem::failed("device", text, "see what it says, and try again"),
    }
}

pub(super) fn ovs_failed(what: &str, why: &str) -> Problem {
    Problem::failed("open-vswitch", format!("{what}: {why}"), "look at `ovs-vsctl show`, and try again")
}
