//! A party at a port, as admission admits it: the packets that it may send, and the marks that
//! later tables read.

use std::rc::Rc;

use flow_model::FlowMatch;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{Cookie, MacAddr, PortNo, TableId};

use crate::compile::input::attachment_point::{AttachmentKind, AttachmentPoint, AttachmentPoints};
use crate::compile::output::program::{FlowSpec, ProgramBuilder, apply_and_goto, load, mark, resubmit};
use crate::compile::vocabulary::identity::{AdmittedPackets, Attachment, FlowIdentity};
use crate::compile::vocabulary::layout;
use crate::compile::vocabulary::layout::ADMISSION;
use crate::compile::vocabulary::origin::Reason;
use crate::network::Network;

/// Returns the loads that tell later tables about a sender.
pub(in crate::compile) fn loads(
    sites: &AttachmentPoints<'_>,
    site: &AttachmentPoint<'_>,
    sets: &[u16],
) -> Vec<Action> {
    let mut loads = vec![load(layout::NETWORK, sites.network.number.into())];
    if site.kind == AttachmentKind::Endpoint {
        loads.push(mark(layout::mark_bit(layout::FROM_MEMBER)));
    }
    loads.extend(sets.iter().map(|set| mark(layout::from_set(*set))));
    loads
}

/// A party at a port, as a sender.
#[derive(Clone)]
pub(in crate::compile) struct AdmittedSender<'s, 'a> {
    pub(in crate::compile) network: &'s Network,
    pub(in crate::compile) site: &'s AttachmentPoint<'a>,
    pub(in crate::compile) port: PortNo,
    /// The MAC of its frames, if it is known.
    pub(in crate::compile) mac: Option<[u8; 6]>,
    pub(in crate::compile) loads: Vec<Action>,
    /// The table in which its packets continue.
    table: TableId,
    /// The learn action of each of its packets.
    teaches: Option<LearnAction>,
    /// The virtual router's MAC of its frames, and a description of how they come by it.
    pub(in crate::compile) virtual_mac: Option<([u8; 6], String)>,
}

/// Builds the learn action of a flow, given its cookie.
type LearnAction = Rc<dyn Fn(Cookie) -> Action>;

impl<'a> AdmittedSender<'a, 'a> {
    pub(in crate::compile) fn new(
        sites: &AttachmentPoints<'a>,
        site: &'a AttachmentPoint<'a>,
        port: PortNo,
        loads: Vec<Action>,
    ) -> Self {
        let (network, mac, table) = (sites.network, site.mac, layout::RETURNS);
        Self { network, site, port, mac, loads, table, teaches: None, virtual_mac: None }
    }
}

impl AdmittedSender<'_, '_> {
    /// Returns the sender with a virtual router's MAC.
    pub(in crate::compile) fn with_virtual_mac(&self, mac: [u8; 6], how: &str) -> Self {
        let mut this = self.clone();
        (this.mac, this.virtual_mac) = (Some(mac), Some((mac, how.to_owned())));
        this
    }

    /// Returns the sender with further actions on its packets and the table in which they continue.
    pub(in crate::compile) fn by_way_of(
        &self,
        actions: impl IntoIterator<Item = Action>,
        table: TableId,
    ) -> Self {
        let mut this = self.also(actions);
        this.table = table;
        this
    }

    /// Returns the sender with a learn action.
    pub(in crate::compile) fn teaching(&self, teaches: impl Fn(Cookie) -> Action + 'static) -> Self {
        let mut this = self.clone();
        this.teaches = Some(Rc::new(teaches));
        this
    }

    /// Removes the tag from frames of a network with a VLAN and processes them again. The register
    /// then holds the network's number, which frames that came in untagged lack.
    pub(in crate::compile) fn untag(&self, out: &mut ProgramBuilder<'_>) {
        let Some(vlan) = self.network.vlan else { return };
        // Once only: a second tag below belongs to no network, or to another one.
        let matches = at(self.port, FlowMatch::any()).with(layout::NETWORK, 0);
        let matches = matches.with(Field::VlanVid, u128::from(vlan) | 0x1000);
        let number = load(layout::NETWORK, self.network.number.into());
        let actions = vec![Instruction::ApplyActions(vec![Action::PopVlan, number, resubmit(ADMISSION)])];
        let detail = format!("{} at {}: VLAN {vlan}", self.site.party, self.site.port_name);
        let asked = FlowSpec::new(FlowIdentity::Untag { at: self.attachment() }, detail).of(self.site.party);
        out.flow(ADMISSION, layout::UNTAG, matches, actions, asked);
    }

    /// Adds the sender's port, its network's VLAN and the MAC that the file pins.
    pub(in crate::compile) fn pin(&self, m: FlowMatch) -> FlowMatch {
        let m = at(self.port, m);
        let m = match self.network.vlan {
            Some(_) => m.with(layout::NETWORK, self.network.number.into()),
            None => m,
        };
        match self.mac {
            Some(mac) => m.with(Field::EthSrc, MacAddr(mac).bits()),
            None => m,
        }
    }

    pub(in crate::compile) fn pin_arp(&self, m: FlowMatch) -> FlowMatch {
        let m = self.pin(m);
        match self.mac {
            Some(mac) => m.with(Field::ArpSha, MacAddr(mac).bits()),
            None => m,
        }
    }

    /// Returns the sender, marked as using a link-local address of its own.
    pub(in crate::compile) fn marked(&self, own: bool) -> Self {
        self.also(own.then(|| mark(layout::mark_bit(layout::OWN_LINK_LOCAL))))
    }

    /// Returns the sender with further actions on its packets.
    pub(in crate::compile) fn also(&self, actions: impl IntoIterator<Item = Action>) -> Self {
        let mut this = self.clone();
        this.loads.extend(actions);
        this
    }

    pub(in crate::compile) fn attachment(&self) -> Attachment<'_> {
        Attachment { network: &self.network.name, party: self.site.party, port: self.site.port_name }
    }

    /// Admits packets and loads the registers that later tables read.
    pub(in crate::compile) fn pass(
        &self,
        out: &mut ProgramBuilder<'_>,
        priority: u16,
        matches: FlowMatch,
        packets: AdmittedPackets,
        what: &str,
    ) {
        let Self { site, virtual_mac, .. } = self;
        let (virtual_mac, how) = virtual_mac.as_ref().map_or((None, ""), |(mac, how)| (Some(*mac), how));
        let detail = format!("{} at {}: {what}{how}", site.party, site.port_name);
        let identity = FlowIdentity::Admitted { at: self.attachment(), virtual_mac, packets };
        let asked = FlowSpec::new(identity, detail).of(site.party);
        let mut actions = self.loads.clone();
        actions.extend(self.teaches.iter().map(|teaches| teaches(out.cookie(&asked))));
        out.flow(ADMISSION, priority, matches, apply_and_goto(actions, self.table), asked);
    }
}

/// Adds the ingress port to a match.
pub(in crate::compile) fn at(port: PortNo, matches: FlowMatch) -> FlowMatch {
    matches.with(Field::InPortOxm, port.0.into())
}

/// Drops frames with a VLAN tag.
pub(in crate::compile) fn tagged(out: &mut ProgramBuilder<'_>) {
    let matches = FlowMatch::any().with_masked(Field::VlanVid, 0x1000, 0x1000);
    let (identity, reason) = (FlowIdentity::TaggedFrames, Reason::Tagged);
    out.drop(ADMISSION, layout::TAGGED, matches, identity, reason, "tagged frames");
}
