//! Reading the network file again, with what was added to it.

use flows::network::Additions;

use super::{Containers, Problem};
use crate::in_force::InForce;
use crate::policy::{Policy, PolicyError};

impl Containers {
    /// Reads the network file again and takes it into force.
    ///
    /// # Errors
    /// When it cannot be read, has errors, or has no place for a container that is in force. What was in force stays then.
    pub fn reload(&self) -> Result<InForce, PolicyError> {
        let _turn = self.hub.revise();
        let before = self.hub.policy();
        let additions = self.remembered().unwrap_or_else(|_| before.additions.clone());
        let mut policy = match Policy::with(&self.file, &additions) {
            // Instances that were set aside at the start may still be in the way; those in force have to have a place.
            Err(_) if additions.instances != before.additions.instances => {
                let instances = before.additions.instances.clone();
                Policy::with(&self.file, &Additions { instances, ..additions })?
            }
            read => read?,
        };
        let was = |name: &str| before.additions.containers.iter().any(|c| c.name == name);
        let (lost, still): (Vec<_>, Vec<_>) = policy.set_aside.into_iter().partition(|(c, _)| was(&c.name));
        if !lost.is_empty() {
            return Err(PolicyError::NoPlace { path: policy.path, containers: lost });
        }
        policy.set_aside = still;
        self.hub.replace(policy);
        Ok(self.hub.policy())
    }

    /// What is remembered to be added: also what was set aside, which may have a place again.
    fn remembered(&self) -> Result<Additions, Problem> {
        Ok(self.store()?.state()?.additions())
    }
}
