//! Leases the addresses of a lab's places. Each place asks by DHCP for the addresses in the plan,
//! and the server of its rule grants them. Hosts that make their IPv6 addresses themselves use
//! them. So the switch learns them as it would those of real hosts.

use std::net::IpAddr;

use flows::compile::layout::{HOLDERS, LEASES};
use flows::network::NetworkFile;
use ipnetwork::IpNetwork;

use super::daemons::wait_until;
use super::error::LabError;
use super::handle::Lab;
use super::plan::PlannedPort;
use super::probe::{ExchangeStep, Frame, FrameBody, Injector, ProbeContext, exchanges, solicited_node};
use super::session::SETTLE;

impl Lab {
    /// Leases every address that a rule of the file, open without a window, lets a server assign.
    /// Uses the addresses that places make themselves.
    ///
    /// # Errors
    /// [`LabError`] if a frame cannot be sent, or an address is not bound in time.
    pub fn lease(&self, file: &NetworkFile) -> Result<(), LabError> {
        let of = exchanges(file, self.plan(), &ProbeContext::closed());
        for exchange in of.iter().filter(|exchange| exchange.client.leased) {
            let (client, server) = (&exchange.client, &exchange.server);
            let mut asks = Injector::open(&self.full_name(&client.namespace), &client.device)?;
            let mut gives = Injector::open(&self.full_name(&server.namespace), &server.device)?;
            let bound = || {
                // Repeated like any client does, in case the answer was lost.
                let said = asks
                    .send(exchange.frame(ExchangeStep::Request).encode(0))
                    .and_then(|_| gives.send(exchange.frame(ExchangeStep::Give).encode(0)));
                said.is_err() || self.is_bound(&client.bridge, exchange.address)
            };
            let what = format!("{} to be leased to {}", exchange.address, client.name);
            wait_until(&what, SETTLE, bound)?;
        }
        let made = |place: &&PlannedPort| {
            place.leased && place.network.as_deref().is_some_and(|n| file.has_router(n))
        };
        for place in self.plan().places.iter().filter(made) {
            let mut says = Injector::open(&self.full_name(&place.namespace), &place.device)?;
            for address in place.addresses.iter().map(IpNetwork::ip) {
                let IpAddr::V6(own) = address else { continue };
                let (to, mac) = solicited_node(own);
                let body = FrameBody::Solicitation { from: own, to, target: own };
                let used = || {
                    let said = says.send(Frame::new(place.mac, mac, body.clone()).encode(0));
                    said.is_err() || self.is_bound(&place.bridge, address)
                };
                wait_until(&format!("{address} to be that of {}", place.name), SETTLE, used)?;
            }
        }
        Ok(())
    }

    fn is_bound(&self, bridge: &str, address: IpAddr) -> bool {
        let table = match address {
            IpAddr::V4(v4) => format!("table={},ip,nw_src={v4}", LEASES.0),
            IpAddr::V6(v6) => {
                let word = |shift: u32| v6.to_bits() >> shift & 0xffff_ffff;
                let [a, b, c, d] = [96, 64, 32, 0].map(word);
                format!("table={},ipv6,reg4={a:#x},reg5={b:#x},reg6={c:#x},reg7={d:#x}", HOLDERS.0)
            }
        };
        self.ofctl(&["--no-stats", "dump-flows", bridge, &table])
            .is_ok_and(|flows| flows.contains("actions="))
    }
}
