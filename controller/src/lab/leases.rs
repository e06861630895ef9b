//! DHCP of a lab: each place whose address is leased asks for the address that the plan gives it, and the server of its rule
//! says yes. So the switch knows of it as it would of a real one.

use std::net::IpAddr;

use flows::compile::layout::LEASES;
use flows::network::NetworkFile;

use super::daemons::wait_until;
use super::error::LabError;
use super::handle::Lab;
use super::probe::{Exchange, Injector, Now, exchanges};
use super::session::SETTLE;

impl Lab {
    /// Leases every address that a rule of the file, open without a window, lets a server give.
    ///
    /// # Errors
    /// When a frame cannot be sent, or an address is not bound in time.
    pub fn lease(&self, file: &NetworkFile) -> Result<(), LabError> {
        let of = exchanges(file, self.plan(), &Now::closed());
        for exchange in of.iter().filter(|exchange| exchange.client.leased) {
            let (client, server) = (&exchange.client, &exchange.server);
            let mut asks = Injector::open(&self.full_name(&client.namespace), &client.device)?;
            let mut gives = Injector::open(&self.full_name(&server.namespace), &server.device)?;
            let bound = || {
                // As any client does: again, where the answer was lost.
                let said = asks
                    .send(exchange.frame(Exchange::REQUEST).encode(0))
                    .and_then(|_| gives.send(exchange.frame(Exchange::ACK).encode(0)));
                said.is_err() || self.is_bound(&client.bridge, exchange.address)
            };
            let what = format!("{} to be leased to {}", exchange.address, client.name);
            wait_until(&what, SETTLE, bound)?;
        }
        Ok(())
    }

    fn is_bound(&self, bridge: &str, address: IpAddr) -> bool {
        let table = format!("table={},ip,nw_src={address}", LEASES.0);
        self.ofctl(&["--no-stats", "dump-flows", bridge, &table])
            .is_ok_and(|flows| flows.contains("actions=resubmit"))
    }
}
