//! Adds and removes instances of templates at run time.

use flows::network::{Additions, NetworkFile, Template};
use ofctl::nearest;
use serde::{Deserialize, Serialize};
use tracing::info;
use utoipa::ToSchema;

use super::{Containers, Instance, LIMIT, MAX_INSTANCES, now};
use crate::hub::PolicyArrival;
use crate::policy::{Policy, PolicyError};
use crate::problem::Problem;
use crate::store;

/// An instance that came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceChange {
    /// The template.
    pub template: String,
    /// The number.
    pub number: u32,
    /// The bridges that are not connected to the controller, and have the change when they connect.
    pub pending: Vec<String>,
}

/// A template and its instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateListed {
    /// Its name.
    pub template: String,
    /// The first and the last number that there can be.
    pub numbers: (u32, u32),
    /// The numbers that the file has.
    pub file: Vec<u32>,
    /// The numbers that were added at run time.
    pub added: Vec<u32>,
}

/// The templates of the network file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateList {
    /// In the order of the file.
    pub templates: Vec<TemplateListed>,
    /// Instances that were added, for which the network file has no place any more: they are not in force.
    pub set_aside: Vec<DroppedInstance>,
}

/// An instance that is not in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DroppedInstance {
    /// The template's name.
    pub template: String,
    /// The number.
    pub number: u32,
}

impl Containers {
    /// Returns the templates and their instances.
    pub fn templates(&self) -> TemplateList {
        let policy = self.hub.policy();
        let listed = |t: &Template| {
            let added = added(&policy, &t.name);
            TemplateListed {
                template: t.name.clone(),
                numbers: t.numbers,
                file: t.instances.iter().copied().filter(|n| !added.contains(n)).collect(),
                added,
            }
        };
        // Without a store, no instance is set aside either.
        let rows = self.store().and_then(|store| Ok(store.all::<store::Instance>()?)).unwrap_or_default();
        let aside = |row: store::Instance| {
            let in_force = added(&policy, &row.template).contains(&row.number);
            (!in_force).then_some(DroppedInstance { template: row.template, number: row.number })
        };
        TemplateList {
            templates: policy.file.templates.iter().map(listed).collect(),
            set_aside: rows.into_iter().filter_map(aside).collect(),
        }
    }

    /// Adds an instance of a template, in one bundle for each bridge that it touches.
    ///
    /// # Errors
    /// [`Problem`] if the template does not exist, the number is out of range or taken, or the file
    /// has errors with the instance. Also if the flows cannot be installed in time, or the store
    /// cannot be written. Nothing is changed then.
    pub fn stamp(&self, instance: &Instance, who: &str) -> Result<InstanceChange, Problem> {
        let _turn = self.hub.lock_policy();
        let policy = self.hub.policy();
        let template = template_of(&policy.file, &instance.template)?;
        let (first, last) = template.numbers;
        let Instance { template: name, number } = instance;
        if !(first..=last).contains(number) {
            let error = format!("{number} is not among the numbers of {name}");
            return Err(Problem::bad(error, format!("its numbers are {first} to {last}")));
        }
        if template.instances.contains(number) {
            let error = format!("{name} {number} is there already");
            return Err(Problem::conflict("instance-taken", error, "`portcullis network list` shows all"));
        }
        if policy.additions.instances.len() >= MAX_INSTANCES {
            let error = format!("{MAX_INSTANCES} instances were added, and no more can be");
            return Err(Problem::conflict("too-many", error, "put them into the network file"));
        }
        let mut additions = policy.additions.clone();
        additions.instances.push((name.clone(), *number));
        let row =
            store::Instance { template: name.clone(), number: *number, added_at: now(), who: who.to_owned() };
        let pending = self.revise_instances(&policy, &additions, || Ok(self.store()?.put(&row)?))?;
        info!(template = name, number, who, "network added");
        Ok(InstanceChange { template: name.clone(), number: *number, pending })
    }

    /// Removes an instance that was added at run time.
    ///
    /// # Errors
    /// [`Problem`] if there is no such instance, the file itself has it, or a container uses it. Also
    /// if the file has errors without it, the flows cannot be removed in time, or the store cannot be
    /// written. Nothing is changed then.
    pub fn unstamp(&self, instance: &Instance, who: &str) -> Result<InstanceChange, Problem> {
        let _turn = self.hub.lock_policy();
        let policy = self.hub.policy();
        let Instance { template: name, number } = instance;
        let key = store::Instance::key_of(name, *number);
        let stamped = |pending| InstanceChange { template: name.clone(), number: *number, pending };
        if !added(&policy, name).contains(number) && self.store()?.remove::<store::Instance>(&key)? {
            info!(template = name, number, who, "network removed that was not in force");
            return Ok(stamped(Vec::new()));
        }
        let template = template_of(&policy.file, name)?;
        let mut additions = policy.additions.clone();
        additions.instances.retain(|(t, n)| (t, n) != (name, number));
        if additions == policy.additions {
            return Err(if template.instances.contains(number) {
                let error = format!("{name} {number} is in the network file, and was not added at run time");
                Problem::conflict("in-file", error, "take it out of `instances` in the network file")
            } else {
                let near = format!("`portcullis network add {name} {number}` makes it");
                Problem::not_found(format!("there is no {name} {number}"), near)
            });
        }
        let remove = || Ok(self.store()?.remove::<store::Instance>(&key).map(drop)?);
        let pending = self.revise_instances(&policy, &additions, remove)?;
        info!(template = name, number, who, "network removed");
        Ok(stamped(pending))
    }

    /// Activates a policy with other additions, and stores them; or does neither. Returns the
    /// bridges that are not connected.
    fn revise_instances(
        &self,
        before: &Policy,
        additions: &Additions,
        remember: impl FnOnce() -> Result<(), Problem>,
    ) -> Result<Vec<String>, Problem> {
        let after = Policy::with(&self.file, additions).map_err(|error| refused(&error))?;
        if let Some((container, why)) = after.set_aside.first() {
            let error = format!("the container {} is on it: {why}", container.name);
            let help = format!("`portcullis container delete {}` first", container.name);
            return Err(Problem::conflict("in-use", error, help));
        }
        let bridges: Vec<String> = after.bridges().map(str::to_owned).collect();
        let generation = self.hub.replace_policy(after);
        let done = self.all_arrive(&bridges, generation).and_then(|pending| {
            remember()?;
            Ok(pending)
        });
        if done.is_err() {
            self.hub.replace_policy(before.clone());
        }
        done
    }

    fn all_arrive(&self, bridges: &[String], generation: u64) -> Result<Vec<String>, Problem> {
        let mut pending = Vec::new();
        for bridge in bridges {
            match self.arrival(bridge, generation, None) {
                PolicyArrival::Applied => {}
                PolicyArrival::NotConnected | PolicyArrival::OwnerUnproven(_) => pending.push(bridge.clone()),
                PolicyArrival::NotInTime(why) => {
                    let why = PolicyArrival::lateness(why, LIMIT);
                    let error = format!("the flows did not come into force on {bridge}: {why}");
                    let help = "look at `portcullis status`, then try again";
                    return Err(Problem::failed("not-in-force", error, help));
                }
            }
        }
        Ok(pending)
    }
}

/// Returns the numbers of a template that were added at run time.
fn added(policy: &Policy, template: &str) -> Vec<u32> {
    policy.additions.instances.iter().filter(|(t, _)| t == template).map(|(_, number)| *number).collect()
}

fn template_of<'f>(file: &'f NetworkFile, name: &str) -> Result<&'f Template, Problem> {
    file.templates.iter().find(|t| t.name == name).ok_or_else(|| {
        let names = || file.templates.iter().map(|t| t.name.as_str());
        let help = match nearest(name, names()) {
            Some(near) => format!("did you mean {near}?"),
            None if file.templates.is_empty() => "the network file has no [template.NAME]".to_owned(),
            None => format!("the templates are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        Problem::not_found(format!("there is no template {name}"), help)
    })
}

fn refused(error: &PolicyError) -> Problem {
    Problem::conflict(
        "refused",
        format!("with it the network file has errors: {error}"),
        "change the template in the network file",
    )
}
