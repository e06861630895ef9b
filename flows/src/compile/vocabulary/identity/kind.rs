//! The kind of a flow, by its identity.

use ofproto::TableId;

use super::FlowIdentity;
use crate::compile::vocabulary::layout;
use crate::compile::vocabulary::origin::OriginKind;

impl FlowIdentity<'_> {
    /// Returns the kind of the flow.
    pub(in crate::compile) fn kind(&self) -> OriginKind {
        match self {
            Self::TableMiss { table } => of_table(*table),
            Self::TaggedFrames
            | Self::Rogue { .. }
            | Self::OwnedAddress { .. }
            | Self::PortRest { .. }
            | Self::PortRestOfDiscovery { .. }
            | Self::Untag { .. }
            | Self::Admitted { .. }
            | Self::AdmittedFromNextHop { .. }
            | Self::AdmittedDhcp { .. }
            | Self::VirtualMac { .. }
            | Self::VirtualMacElsewhere { .. }
            | Self::CrossingLinkRest { .. }
            | Self::CrossingLinkUnused { .. }
            | Self::UnclaimableAddress { .. }
            | Self::Claim { .. }
            | Self::ClaimOfTarget
            | Self::ClaimPassed
            | Self::Holder { .. }
            | Self::WireTag { .. } => OriginKind::Admission,
            Self::LaterFragments { .. }
            | Self::IcmpErrors { .. }
            | Self::Expected
            | Self::TrackedFragments { .. }
            | Self::TrackedConnection { .. }
            | Self::ConnectionPort { .. }
            | Self::ConnectionMoved { .. }
            | Self::ConnectionExit { .. }
            | Self::ConnectionLeased { .. }
            | Self::Tracked { .. }
            | Self::Answers { .. }
            | Self::PortlessBack { .. } => OriginKind::Returns,
            Self::Destination { .. }
            | Self::LinkLocal { .. }
            | Self::RouterDiscovery { .. }
            | Self::LeasedAddress { .. }
            | Self::HeldAddress { .. }
            | Self::UnheldAddress { .. }
            | Self::HolderAnnouncement { .. } => OriginKind::Destination,
            Self::Isolation { .. } | Self::WireIsolation { .. } => OriginKind::Isolation,
            Self::Opens { .. } | Self::Portless { .. } | Self::ByNextHop { .. } | Self::Dhcp { .. } => {
                OriginKind::Allow
            }
            Self::CrossingAdmitted { .. }
            | Self::CrossingOpens { .. }
            | Self::CrossingPortless { .. }
            | Self::CrossingArp { .. } => OriginKind::Crossing,
            Self::Inside { .. } => OriginKind::Inside,
            Self::Resolution { .. } | Self::Joined { .. } => OriginKind::Resolution,
            Self::Stranger
            | Self::Multicast { .. }
            | Self::SubnetBroadcast { .. }
            | Self::Impostor { .. }
            | Self::Unresolved { .. }
            | Self::DhcpRest { .. } => OriginKind::Deny,
            Self::Output { .. }
            | Self::FloodOutput { .. }
            | Self::JoinedOutput { .. }
            | Self::UnheldOutput { .. }
            | Self::CrossingLinkOutput { .. } => OriginKind::Forwarding,
            Self::Wire { .. } => OriginKind::Wire,
            Self::BridgeAddresses | Self::GroupSource | Self::UnknownAddresses => OriginKind::Learning,
        }
    }
}

/// Returns the kind of a table miss.
fn of_table(table: TableId) -> OriginKind {
    match table {
        layout::ADMISSION | layout::LEASES | layout::CLAIMS | layout::CLAIMED => OriginKind::Admission,
        layout::POLICY | layout::FORWARDING => OriginKind::Deny,
        layout::HOLDERS | layout::OWNERS | layout::SHARED => OriginKind::Destination,
        _ => OriginKind::Returns,
    }
}
