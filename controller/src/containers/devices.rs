//! Pairs of veth devices: one end for the bridge, one for the container.
//!
//! All calls block, and run on a thread of their own. So no other part of the process is ever in
//! the namespace of a container. The MAC addresses of both ends mark them as the controller's (see
//! [`VethPair::of`]). A device of that name with another MAC address is foreign and never removed.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use futures_util::TryStreamExt as _;
use ipnetwork::IpNetwork;
use nix::sched::{CloneFlags, setns};
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, LinkVlan, RouteMessageBuilder};

use crate::store::Container;

/// Directory in which `ip netns` keeps named namespaces.
const NAMESPACES: &str = "/run/netns";
/// Name of the container's end inside its namespace.
const INSIDE: &str = "eth0";
/// Settings of the bridge's end. A userspace datapath takes packets off such a device by a packet
/// socket, and the host's own IP stack sees them as well. The host must not answer for its
/// addresses there, nor have any address on the device.
const DEAF: [(&str, &str); 3] =
    [("ipv6/conf/{}/disable_ipv6", "1"), ("ipv4/conf/{}/arp_ignore", "8"), ("ipv4/conf/{}/rp_filter", "1")];

/// Longest name of a network device, in bytes (IFNAMSIZ less its NUL, linux/if.h).
pub(super) const MAX_NAME: usize = 15;

/// A failure to change a network device.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeviceError {
    /// A device of that name exists already.
    #[error("there is a network device {0} already")]
    Exists(String),
    /// The process lacks a capability.
    #[error("this process may not make network devices (CAP_NET_ADMIN, and CAP_SYS_ADMIN for --netns)")]
    NotPermitted,
    /// The namespace does not exist.
    #[error("there is no network namespace {0}")]
    NoNamespace(String),
    /// The kernel refused a change.
    #[error("{what}: {why}")]
    Refused {
        /// The attempted change.
        what: String,
        /// The kernel's error.
        why: String,
    },
}

impl DeviceError {
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        |error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => Self::NotPermitted,
            _ => Self::Refused { what: what.into(), why: error.to_string() },
        }
    }

    fn netlink(what: impl Into<String>) -> impl FnOnce(rtnetlink::Error) -> Self {
        |error| match error {
            rtnetlink::Error::NetlinkError(message) => Self::io(what)(message.to_io()),
            other => Self::Refused { what: what.into(), why: other.to_string() },
        }
    }
}

/// A pair of veth devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VethPair {
    /// The end on the bridge.
    pub(super) host: String,
    /// Name of the container's end outside of the container.
    pub(super) inner: String,
    /// The MAC addresses of the bridge's end and the container's end.
    pub(super) macs: [[u8; 6]; 2],
}

/// The configuration of a container's end inside its namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Inside {
    /// Its addresses with the lengths of their subnets.
    pub(super) addresses: Vec<IpNetwork>,
    /// Its default routes.
    pub(super) gateways: Vec<IpAddr>,
    /// The VLAN of its network.
    pub(super) vlan: Option<u16>,
}

impl VethPair {
    /// Returns the pair whose bridge end has this name. A container that is made again under the
    /// same number gets the same MAC addresses, so that its peers' neighbour caches stay valid.
    pub(super) fn of(host: &str) -> Self {
        // `ceth101` for `veth101`: both names have the same length, so both fit.
        let mut rest = host.chars();
        let first = if rest.next() == Some('c') { 'k' } else { 'c' };
        let inner = format!("{first}{}", rest.as_str());
        let macs = [mac(host), mac(&inner)];
        Self { host: host.to_owned(), inner, macs }
    }

    /// Returns the pair of a container, with the MAC address of its row.
    pub(super) fn of_row(row: &Container) -> Self {
        let mut pair = Self::of(&row.port);
        let [_, inner] = &mut pair.macs;
        *inner = row.mac.unwrap_or(*inner);
        pair
    }

    /// Returns the name of the container's end after [`VethPair::create`].
    pub(super) fn device(&self, netns: Option<&str>) -> &str {
        if netns.is_some() { INSIDE } else { &self.inner }
    }

    /// Returns the MAC address of the container's end.
    pub(super) fn inner_mac(&self) -> [u8; 6] {
        self.macs[1]
    }

    /// Creates the pair, and sets the bridge's end up. With a namespace, the container's end is
    /// made inside it, as `eth0`. Without one, the container's end stays in the host's namespace,
    /// to be moved later.
    pub(super) fn create(&self, netns: Option<&str>) -> Result<(), DeviceError> {
        let [host_mac, inner_mac] = self.macs.map(|m| m.to_vec());
        let namespace = netns.map(open).transpose()?;
        let mut inner =
            LinkMessageBuilder::<LinkUnspec>::default().name(self.device(netns)).address(inner_mac);
        if let Some(file) = &namespace {
            inner = inner.append_extra_attribute(LinkAttribute::NetNsFd(file.as_raw_fd()));
        }
        let pair = LinkVeth::new(&self.host, &self.inner)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(inner.build())))
            .address(host_mac)
            .build();
        on_thread(None, async |netlink| {
            match netlink.link().add(pair).execute().await {
                Err(rtnetlink::Error::NetlinkError(message))
                    if message.to_io().kind() == std::io::ErrorKind::AlreadyExists =>
                {
                    let inside = netns.map_or_else(
                        || self.inner.clone(),
                        |netns| format!("{INSIDE} in the namespace {netns}"),
                    );
                    return Err(DeviceError::Exists(format!("{} or {inside}", self.host)));
                }
                made => made.map_err(DeviceError::netlink(format!("making {}", self.host)))?,
            }
            // Done before the device is up, or it would have an address for a moment.
            deafen(&self.host)?;
            let up = LinkUnspec::new_with_name(&self.host).up().build();
            netlink.link().set(up).execute().await.map_err(DeviceError::netlink(format!("{} up", self.host)))
        })
    }

    /// Configures the container's end inside its namespace, and sets it up.
    pub(super) fn configure(&self, netns: &str, inside: &Inside) -> Result<(), DeviceError> {
        on_thread(Some(netns), async |netlink| {
            let failed = |what: String| DeviceError::netlink(format!("{what} in the namespace {netns}"));
            for device in ["lo", INSIDE] {
                let up = LinkUnspec::new_with_name(device).up().build();
                netlink.link().set(up).execute().await.map_err(failed(format!("{device} up")))?;
            }
            let mut device = index(INSIDE)?;
            if let Some(vlan) = inside.vlan {
                let name = format!("{INSIDE}.{vlan}");
                let tagged = LinkVlan::new(&name, device, vlan).up().build();
                netlink.link().add(tagged).execute().await.map_err(failed(format!("making {name}")))?;
                device = index(&name)?;
            }
            for address in &inside.addresses {
                let add = netlink.address().add(device, address.ip(), address.prefix());
                add.execute().await.map_err(failed(format!("the address {address}")))?;
            }
            for gateway in &inside.gateways {
                // A route builder for both families leaves the family out of its message.
                let route = match *gateway {
                    IpAddr::V4(gateway) => RouteMessageBuilder::<Ipv4Addr>::new().gateway(gateway).build(),
                    IpAddr::V6(gateway) => RouteMessageBuilder::<Ipv6Addr>::new().gateway(gateway).build(),
                };
                let add = netlink.route().add(route);
                add.execute().await.map_err(failed(format!("the route via {gateway}")))?;
            }
            Ok(())
        })
    }

    /// Turns checksum offload off, for datapaths that do not fill in checksums. Without this, TCP
    /// does not pass.
    pub(super) fn fill_checksums(&self, netns: Option<&str>) -> Result<(), DeviceError> {
        let device = self.device(netns);
        let set = || {
            let what = format!("ethtool -K {device} tx off (Debian package ethtool)");
            match Command::new("ethtool").args(["-K", device, "tx", "off"]).output() {
                Ok(output) if output.status.success() => Ok(()),
                Ok(output) => Err(DeviceError::Refused {
                    what,
                    why: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
                }),
                Err(error) => Err(DeviceError::io(what)(error)),
            }
        };
        // A child process starts in the namespace of its parent thread.
        on_thread(netns, async |_| set())
    }

    /// Removes the pair, if it exists and is the controller's. Returns whether it was removed.
    pub(super) fn remove(&self) -> Result<bool, DeviceError> {
        on_thread(None, async |netlink| {
            let Some((index, mac)) = look(&netlink, &self.host).await? else { return Ok(false) };
            if mac != self.macs[0] {
                return Ok(false);
            }
            match netlink.link().del(index).execute().await {
                // The device disappeared in the meantime.
                Err(rtnetlink::Error::NetlinkError(m)) if m.to_io().raw_os_error() == Some(NO_DEVICE) => {
                    Ok(false)
                }
                done => done.map(|()| true).map_err(DeviceError::netlink(format!("removing {}", self.host))),
            }
        })
    }

    /// Returns whether the bridge's end exists and is the controller's.
    #[cfg(test)]
    pub(super) fn exists(&self) -> Result<bool, DeviceError> {
        on_thread(None, async |netlink| {
            Ok(look(&netlink, &self.host).await?.is_some_and(|(_, mac)| mac == self.macs[0]))
        })
    }
}

/// ENODEV (errno(3)).
const NO_DEVICE: i32 = 19;

/// Returns a locally administered MAC address that depends on the name alone: 24 bits of FNV-1a
/// after a fixed head.
fn mac(name: &str) -> [u8; 6] {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_be_bytes();
    [0x02, 0x50, 0x43, a ^ d, b, c]
}

fn open(netns: &str) -> Result<File, DeviceError> {
    File::open(Path::new(NAMESPACES).join(netns)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => DeviceError::NoNamespace(netns.to_owned()),
        _ => DeviceError::io(format!("opening the namespace {netns}"))(error),
    })
}

/// Returns the index and MAC address of a device.
async fn look(netlink: &Handle, name: &str) -> Result<Option<(u32, [u8; 6])>, DeviceError> {
    let mut links = std::pin::pin!(netlink.link().get().match_name(name.to_owned()).execute());
    let link = match links.try_next().await {
        Ok(link) => link,
        Err(rtnetlink::Error::NetlinkError(m)) if m.to_io().raw_os_error() == Some(NO_DEVICE) => None,
        Err(error) => return Err(DeviceError::netlink(format!("looking for {name}"))(error)),
    };
    Ok(link.map(|link| {
        let mac = link.attributes.iter().find_map(|a| match a {
            LinkAttribute::Address(bytes) => <[u8; 6]>::try_from(bytes.as_slice()).ok(),
            _ => None,
        });
        (link.header.index, mac.unwrap_or_default())
    }))
}

fn index(name: &str) -> Result<u32, DeviceError> {
    nix::net::if_::if_nametoindex(name).map_err(|e| DeviceError::io(format!("looking for {name}"))(e.into()))
}

/// Keeps the host's own IP stack from packets that arrive at a device.
fn deafen(device: &str) -> Result<(), DeviceError> {
    for (path, value) in DEAF {
        let path = format!("/proc/sys/net/{}", path.replace("{}", device));
        // A kernel without IPv6 has no such setting.
        if path.contains("/ipv6/") && !Path::new(&path).exists() {
            continue;
        }
        fs::write(&path, value).map_err(DeviceError::io(format!("setting {path}")))?;
    }
    Ok(())
}

/// Does some work with a netlink socket, on a thread in a namespace.
fn on_thread<T: Send>(
    netns: Option<&str>,
    work: impl AsyncFnOnce(Handle) -> Result<T, DeviceError> + Send,
) -> Result<T, DeviceError> {
    let namespace = netns.map(open).transpose()?;
    let run = move || {
        if let Some(namespace) = namespace {
            setns(namespace, CloneFlags::CLONE_NEWNET)
                .map_err(|e| DeviceError::io("entering a namespace")(e.into()))?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(DeviceError::io("starting a runtime"))?;
        runtime.block_on(async {
            let (connection, handle, _) =
                rtnetlink::new_connection().map_err(DeviceError::io("opening a netlink socket"))?;
            tokio::spawn(connection);
            work(handle).await
        })
    };
    thread::scope(|scope| {
        let lost = || DeviceError::Refused { what: "a thread".to_owned(), why: "it ended early".to_owned() };
        scope.spawn(run).join().unwrap_or_else(|_| Err(lost()))
    })
}

#[cfg(test)]
mod tests {
    use nix::sched::unshare;

    use super::*;

    /// Does some work on a thread in a new network namespace.
    fn alone<T: Send>(work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            scope
                .spawn(|| {
                    unshare(CloneFlags::CLONE_NEWNET).unwrap();
                    work()
                })
                .join()
                .unwrap()
        })
    }

    #[test]
    fn a_pair_comes_and_goes() {
        alone(|| {
            let pair = VethPair::of("veth101");
            assert_eq!((pair.inner.as_str(), pair.exists().unwrap()), ("ceth101", false));
            pair.create(None).unwrap();
            assert!(pair.exists().unwrap());
            pair.fill_checksums(None).unwrap();
            assert!(matches!(pair.create(None), Err(DeviceError::Exists(_))));
            assert!(pair.remove().unwrap());
            assert!(!pair.remove().unwrap(), "gone already");
        });
    }

    #[test]
    fn a_device_of_somebody_else_is_left_alone() {
        alone(|| {
            let made =
                Command::new("ip").args(["link", "add", "veth101", "type", "veth", "peer", "x"]).status();
            assert!(made.unwrap().success());
            assert!(!VethPair::of("veth101").remove().unwrap());
            assert!(index("veth101").is_ok());
        });
    }

    #[test]
    fn a_namespace_that_is_not_there_is_named() {
        alone(|| {
            let pair = VethPair::of("veth101");
            let error = pair.create(Some("no-such-namespace")).unwrap_err();
            assert_eq!(error.to_string(), "there is no network namespace no-such-namespace");
            assert!(!pair.exists().unwrap());
        });
    }

    #[test]
    fn names_of_both_ends_fit_and_differ() {
        for name in ["veth101", "c", "ceth7", "exactly15letter"] {
            let pair = VethPair::of(name);
            assert!(pair.inner.len() == name.len() && pair.inner != name);
            assert_ne!(pair.macs[0], pair.macs[1]);
        }
    }
}
