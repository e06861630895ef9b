//! Reloads the network file, with the additions made at run time.

use std::sync::PoisonError;

use flows::network::Additions;

use super::Containers;
use crate::active_policy::ActivePolicy;
use crate::policy::{Policy, PolicyError};
use crate::problem::Problem;

/// Number of repeated proofs of a file while instances of templates come and go. After them, the
/// instances have to wait.
const TRIES: usize = 2;

impl Containers {
    /// Reads the network file again and activates it. If neither the file nor the additions
    /// changed, nothing is proven again. Otherwise containers can come and go during the proof.
    ///
    /// # Errors
    /// [`PolicyError`] if the file cannot be read, has errors, or has no place for an active
    /// container. The active policy stays then.
    pub fn reload(&self) -> Result<ActivePolicy, PolicyError> {
        // Of two reloads, the one that read the file last must win.
        let _one = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.hub.policy();
        let (mut additions, mut in_force) = (self.added(&before), before.additions.clone());
        if before.is_made_of(&self.file, &additions) {
            self.hub.confirm_file();
            return Ok(before);
        }
        for _ in 0..TRIES {
            let policy = self.proven(&additions, &in_force);
            let _turn = self.hub.lock_policy();
            let (now, added) = (self.hub.policy(), self.added(&self.hub.policy()));
            match policy {
                Ok(policy) => {
                    let has = &policy.additions.instances;
                    let is_whole = *has == additions.instances || *has == now.additions.instances;
                    if is_whole && let Some(policy) = caught_up(policy, &additions, &added) {
                        return self.take(policy, &now);
                    }
                }
                Err(error) if added == additions && now.additions.instances == in_force.instances => {
                    return Err(error);
                }
                // The conflict may be gone by now.
                Err(_) => {}
            }
            (additions, in_force) = (added, now.additions.clone());
        }
        let _turn = self.hub.lock_policy();
        let now = self.hub.policy();
        self.take(self.proven(&self.added(&now), &now.additions)?, &now)
    }

    /// Reads and proves the file with the additions.
    fn proven(&self, additions: &Additions, in_force: &Additions) -> Result<Policy, PolicyError> {
        match Policy::with(&self.file, additions) {
            // Instances that were set aside at the start may still conflict. Active instances must
            // have a place.
            Err(_) if additions.instances != in_force.instances => {
                let instances = in_force.instances.clone();
                Policy::with(&self.file, &Additions { instances, ..additions.clone() })
            }
            read => read,
        }
    }

    /// Activates a policy, if it has a place for every active container.
    fn take(&self, mut policy: Policy, now: &ActivePolicy) -> Result<ActivePolicy, PolicyError> {
        let is = |name: &str| now.additions.containers.iter().any(|c| c.name == name);
        let (lost, still): (Vec<_>, Vec<_>) = policy.set_aside.into_iter().partition(|(c, _)| is(&c.name));
        if !lost.is_empty() {
            return Err(PolicyError::NoPlace { path: policy.path, containers: lost });
        }
        policy.set_aside = still;
        self.hub.replace_policy(policy);
        Ok(self.hub.policy())
    }

    /// Returns the stored additions, or the active ones if they cannot be read.
    fn added(&self, active: &ActivePolicy) -> Additions {
        self.remembered().unwrap_or_else(|_| active.additions.clone())
    }

    /// Returns the stored additions. They include additions that were set aside, which may have a
    /// place again.
    fn remembered(&self) -> Result<Additions, Problem> {
        Ok(self.store()?.state()?.additions())
    }
}

/// Adds and removes the containers that came and went while a policy was proven. Returns `None` if
/// instances of templates came or went, because the whole file has to be read again with them.
fn caught_up(mut policy: Policy, then: &Additions, now: &Additions) -> Option<Policy> {
    if then.instances != now.instances {
        return None;
    }
    for gone in then.containers.iter().filter(|container| !now.containers.contains(container)) {
        policy.set_aside.retain(|(container, _)| container.name != gone.name);
        policy = policy.without_container(&gone.name).unwrap_or(policy);
    }
    for new in now.containers.iter().filter(|container| !then.containers.contains(container)) {
        match policy.with_container(new) {
            Ok(with) => policy = with,
            Err(why) => policy.set_aside.push((new.clone(), why)),
        }
    }
    Some(policy)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use flows::network::Container;

    use super::*;
    use crate::hub::Hub;
    use crate::metrics::Metrics;
    use crate::ovs::Database;

    const TEXT: &str = "[network.lan]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\"]\n\
        containers = { ids = \"100-199\", port = \"v{id}\", addresses = [\"10.0.0.{id}\"] }\n";

    fn container(id: u32) -> Container {
        let (name, network) = (format!("c{id}"), "lan".to_owned());
        Container { id, name, network, mac: None, services: Vec::new() }
    }

    fn reloading(file: PathBuf) -> Containers {
        let policy = Policy::load(&file).unwrap();
        let hub = Arc::new(Hub::new(policy, Metrics::new().unwrap()));
        Containers::new(hub, Database::default(), file)
    }

    #[tokio::test]
    async fn a_file_that_did_not_change_is_not_read_into_another_policy() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("network.toml");
        std::fs::write(&file, TEXT).unwrap();
        let containers = reloading(file.clone());
        let first = containers.hub.policy();
        containers.hub.refuse_file("for a reason that is gone".to_owned());
        let again = containers.reload().unwrap();
        assert!(Arc::ptr_eq(&first.policy, &again.policy) && first.generation == again.generation);
        assert_eq!(containers.hub.report().refused, None);
        // The container is active, but this test stores it nowhere.
        containers.hub.replace_policy(again.with_container(&container(100)).unwrap());
        let with = containers.hub.policy();
        assert!(Arc::ptr_eq(&with.policy, &containers.reload().unwrap().policy));
        std::fs::write(&file, format!("{TEXT}# another text\n")).unwrap();
        let after = containers.reload().unwrap();
        assert!(!Arc::ptr_eq(&with.policy, &after.policy));
        assert_eq!(after.additions, with.additions);
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(containers.reload(), Err(PolicyError::Io { .. })));
    }

    #[test]
    fn what_came_and_went_while_a_file_was_proven_is_in_it() {
        let proven = Policy::from_text(Path::new("x.toml"), TEXT.to_owned()).unwrap();
        let with = |ids: &[u32]| Additions {
            containers: ids.iter().map(|id| container(*id)).collect(),
            ..Additions::default()
        };
        let then = with(&[100, 101]);
        let proven = then.containers.iter().fold(proven, |p, c| p.with_container(c).unwrap());
        let policy = caught_up(proven.clone(), &then, &with(&[101, 102, 250])).unwrap();
        let names: Vec<&str> = policy.additions.containers.iter().map(|c| &*c.name).collect();
        assert_eq!(names, ["c101", "c102"]);
        assert_eq!(policy.set_aside.iter().map(|(c, _)| &*c.name).collect::<Vec<_>>(), ["c250"]);
        let stamped = Additions { instances: vec![("t".to_owned(), 1)], ..then.clone() };
        assert!(caught_up(proven, &then, &stamped).is_none());
    }
}
