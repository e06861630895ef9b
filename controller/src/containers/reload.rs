//! Reading the network file again, with what was added to it.

use flows::network::Additions;

use super::Containers;
use crate::in_force::InForce;
use crate::policy::{Policy, PolicyError};
use crate::store::{Container, Phase};

impl Containers {
    /// Reads the network file again and takes it into force.
    ///
    /// # Errors
    /// When it cannot be read, has errors, or has no place for a container that is in force. What was in force stays then.
    pub fn reload(&self) -> Result<InForce, PolicyError> {
        let _turn = self.hub.revise();
        let before = self.hub.policy();
        let mut additions = before.additions.clone();
        self.bring_back(&mut additions);
        let mut policy = Policy::with(&self.file, &additions)?;
        let was = |name: &str| before.additions.containers.iter().any(|c| c.name == name);
        let (lost, still): (Vec<_>, Vec<_>) = policy.set_aside.into_iter().partition(|(c, _)| was(&c.name));
        if !lost.is_empty() {
            return Err(PolicyError::NoPlace { path: policy.path, containers: lost });
        }
        policy.set_aside = still;
        self.hub.replace(policy);
        Ok(self.hub.policy())
    }

    /// Those that were set aside may have a place again.
    fn bring_back(&self, additions: &mut Additions) {
        let Ok(rows) = self.store().and_then(|store| Ok(store.all::<Container>()?)) else { return };
        for row in rows.iter().filter(|r| r.phase == Phase::There) {
            if !additions.containers.iter().any(|c| c.name == row.name) {
                additions.containers.push(row.into());
            }
        }
    }
}
