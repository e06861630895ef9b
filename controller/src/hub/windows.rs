//! The windows of a running controller: remembered, in force, and closed when their time is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use flows::network::{Additions, Party};
use serde::Serialize;
use tracing::{error, info, warn};
use utoipa::ToSchema;

use super::{Hub, PolicyArrival};
use crate::active_policy::ActivePolicy;
use crate::clock::{Clock, ceil};
use crate::problem::{Problem, ProblemKind};
use crate::store::{Store, StoreError, Window};
use crate::windows::{WindowEnd, WindowRequest, Windows, utc, words};

/// The clock on the wall is looked at so often at least: it may be set.
const LOOK: Duration = Duration::from_secs(30);
/// Separates two attempts to write the state after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// So long whoever opens or closes a window waits for the switches.
const ARRIVAL: Duration = Duration::from_secs(5);

/// A window, as the API tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WindowReport {
    /// Its name.
    pub name: String,
    /// Whether it is open.
    pub open: bool,
    /// As it is open.
    #[serde(flatten)]
    pub opened: Option<OpenedReport>,
    /// The rules that it opens.
    pub rules: Vec<String>,
    /// After it was opened or closed: the bridges that it is not open or closed on yet, each with why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<String>,
}

/// How a window is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OpenedReport {
    /// When it was opened, in seconds since 1970-01-01 UTC.
    pub opened_at: u64,
    /// When it closes, in the same seconds.
    pub closes_at: u64,
    /// The same, as a person reads it.
    pub until: String,
    /// Seconds until then.
    pub seconds_left: u64,
    /// Why it is open.
    pub reason: String,
    /// Who opened it.
    pub who: String,
}

impl Hub {
    /// What the controller remembers is kept there.
    ///
    /// # Errors
    /// Where it cannot be: nothing that has to be remembered is changed then.
    pub fn store(&self) -> Result<Arc<Store>, Problem> {
        self.store.clone().map_err(|why| {
            let message = format!("the controller has no state: {why}");
            let help = "portcullis status says what to do".to_owned();
            Problem { kind: ProblemKind::Unavailable, code: "state-lost", message, help }
        })
    }

    /// What was added to the network file at run time.
    ///
    /// # Errors
    /// When it cannot be read: the file alone would take away what is there.
    pub fn additions(&self) -> Result<Additions, StoreError> {
        self.store.as_ref().map_or_else(|_| Ok(Additions::default()), |store| Ok(store.state()?.additions()))
    }

    /// Opens a window, or keeps it open for longer.
    ///
    /// # Errors
    /// Why not.
    pub async fn open_window(&self, wish: WindowRequest) -> Result<WindowReport, Problem> {
        let changing = self.store_lock.lock().await;
        let active = self.policy();
        let window = self.windows().opening(Clock::wall(), &active.window_names(), &wish)?;
        let (store, row) = (self.store()?, window.clone());
        // Remembered first: one that is open and forgotten would have to be found by the switches' timeouts alone.
        remember(move || store.put(&row)).await?;
        self.windows().put(window.clone());
        let generation = self.publish_windows();
        drop(changing);
        let Window { name, closes_at, reason, who, .. } = &window;
        let until = utc(*closes_at);
        if wish.extend {
            info!(window = name, until, who, reason, "window open, or open for longer");
        } else {
            info!(window = name, until, who, reason, "window opened");
        }
        let pending = self.bridges_not_applied(name, generation).await;
        Ok(WindowReport { pending, ..self.window_report(name, Clock::wall()) })
    }

    /// Closes a window before its time.
    ///
    /// # Errors
    /// Why not. Where it cannot be remembered that it is closed, it is closed all the same.
    pub async fn close_window(&self, name: &str, who: &str) -> Result<WindowReport, Problem> {
        let changing = self.store_lock.lock().await;
        let active = self.policy();
        let window = self.windows().closing(&active.window_names(), name)?;
        self.windows().remove(name);
        let generation = self.publish_windows();
        let left = words(window.closes_at.saturating_sub(ceil(Clock::wall())));
        info!(window = name, who, left, opened_by = window.who, reason = window.reason, "window closed");
        let (store, key) = (self.store()?, name.to_owned());
        remember(move || store.remove::<Window>(&key).map(drop)).await.map_err(|problem| {
            let message = format!(
                "window {name:?} is closed, and may be open again after a restart: {}",
                problem.message
            );
            Problem { message, ..problem }
        })?;
        drop(changing);
        let pending = self.bridges_not_applied(name, generation).await;
        Ok(WindowReport { pending, ..self.window_report(name, Clock::wall()) })
    }

    /// Closes the windows whose time is over, and those that the file does not name any more.
    pub async fn close_ended(&self) {
        let _changing = self.store_lock.lock().await;
        let active = self.policy();
        let ending = self.windows().ending(Clock::wall(), &active.window_names());
        if ending.is_empty() {
            return;
        }
        for (window, why) in &ending {
            self.windows().remove(&window.name);
            let Window { name, reason, who, .. } = window;
            match why {
                WindowEnd::Over => {
                    info!(window = name, opened_by = who, reason, "window closed: its time is over")
                }
                WindowEnd::Clock => {
                    warn!(
                        window = name,
                        opened_by = who,
                        reason,
                        "window closed: it was opened in what is the future now; the clock was set back"
                    );
                }
                WindowEnd::Unnamed => {
                    warn!(
                        window = name,
                        opened_by = who,
                        reason,
                        "window closed: the network file has no rule for it any more"
                    );
                }
            }
        }
        self.publish_windows();
        let Ok(store) = self.store.clone() else { return };
        let forgotten = remember(move || {
            store.change(|change| {
                ending.iter().try_for_each(|(window, _)| change.remove::<Window>(&window.name).map(drop))
            })
        });
        if let Err(problem) = forgotten.await {
            error!(why = problem.message, "a window that is closed is still remembered");
        }
    }

    /// Closes windows when their time is over, for ever.
    pub async fn close_windows_on_time(self: Arc<Self>) {
        let mut changes = self.follow_policy();
        loop {
            changes.borrow_and_update();
            self.close_ended().await;
            let next = self.windows().next_end();
            let wait =
                next.map_or(LOOK, |end| Duration::from_secs(end).saturating_sub(Clock::wall()).min(LOOK));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Retries to write the state until it succeeds. Windows that were closed meanwhile are then
    /// removed from the disk too, so no restart opens them again.
    pub async fn retry_state_until_written(self: Arc<Self>) {
        loop {
            tokio::time::sleep(RETRY).await;
            let Ok(store) = self.store.clone() else { return };
            if store.failure().is_none() {
                continue;
            }
            let _changing = self.store_lock.lock().await;
            let open: BTreeSet<String> = self.windows().all().map(|window| window.name.clone()).collect();
            let written = remember(move || {
                store.retry(|change| {
                    let closed = change.all::<Window>()?.into_iter().filter(|w| !open.contains(&w.name));
                    closed.into_iter().try_for_each(|window| change.remove::<Window>(&window.name).map(drop))
                })
            });
            match written.await {
                Ok(()) => info!("the state is written again"),
                Err(problem) => error!(why = problem.message, "the state cannot be written"),
            }
        }
    }

    /// All windows of the file, and those that are open.
    pub fn window_reports(&self) -> Vec<WindowReport> {
        let active = self.policy();
        let mut names = active.window_names();
        let open: Vec<String> = self.windows().all().map(|w| w.name.clone()).collect();
        names.extend(open.iter().map(String::as_str));
        names.into_iter().map(|name| self.window_report(name, Clock::wall())).collect()
    }

    fn window_report(&self, name: &str, now: Duration) -> WindowReport {
        let opened = self.windows().all().find(|w| w.name == name).map(|w| OpenedReport {
            opened_at: w.opened_at,
            closes_at: w.closes_at,
            until: utc(w.closes_at),
            seconds_left: w.closes_at.saturating_sub(ceil(now)),
            reason: w.reason.clone(),
            who: w.who.clone(),
        });
        let active = self.policy();
        let of = active.file.allows.iter().filter(|allow| allow.temp.as_deref() == Some(name));
        let rules = of.map(|allow| allow.name.clone()).collect();
        WindowReport { name: name.to_owned(), open: opened.is_some(), opened, rules, pending: Vec::new() }
    }

    /// The windows as they are now come into force. Gives the new [`generation`](ActivePolicy::generation).
    pub(super) fn publish_windows(&self) -> u64 {
        self.activate(|_| ())
    }

    /// Changes what is in force, the windows as they are now with it: one change for whoever follows. Gives the new
    /// [`generation`](ActivePolicy::generation).
    pub(super) fn activate(&self, change: impl FnOnce(&mut ActivePolicy)) -> u64 {
        let ends: Arc<BTreeMap<String, u64>> = Arc::new(self.windows().ends());
        let mut generation = 0;
        // Not `send`, which does nothing while no session listens.
        self.policy.send_modify(|active| {
            // Counted under the lock of the channel: the order of the numbers is that of the changes.
            active.generation += 1;
            generation = active.generation;
            active.windows = Arc::clone(&ends);
            change(active);
        });
        let active = self.policy();
        self.metrics.windows(active.window_names().into_iter().map(|name| (name, ends.contains_key(name))));
        generation
    }

    /// Waits, not for ever, until the bridges of a window's rules have it as it is since that number. Gives those that do
    /// not, each with why.
    async fn bridges_not_applied(&self, window: &str, generation: u64) -> Vec<String> {
        let active = self.policy();
        let rules = active.file.allows.iter().filter(|allow| allow.temp.as_deref() == Some(window));
        let names = rules.flat_map(|rule| rule.from.iter().chain(&rule.to));
        let networks = names.filter_map(|name| active.file.party(name)).flat_map(Party::networks);
        let bridges: BTreeSet<&str> =
            networks.filter_map(|name| Some(&*active.file.network(name)?.bridge)).collect();
        let mut pending = Vec::new();
        for bridge in bridges {
            match self.wait_until_applied(bridge, generation, None, ARRIVAL).await {
                PolicyArrival::Applied => {}
                PolicyArrival::NotConnected => pending.push(format!("{bridge}: not connected")),
                PolicyArrival::OwnerUnproven(why) => pending.push(format!("{bridge}: {why}")),
                PolicyArrival::NotInTime(why) => {
                    pending.push(format!("{bridge}: {}", PolicyArrival::lateness(why, ARRIVAL)))
                }
            }
        }
        pending
    }

    pub(super) fn windows(&self) -> MutexGuard<'_, Windows> {
        // Each change is one assignment: a panic elsewhere leaves them whole.
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes to the disk, aside.
async fn remember(write: impl FnOnce() -> Result<(), StoreError> + Send + 'static) -> Result<(), Problem> {
    let failed = |message: String, help: String| Problem::failed("not-remembered", message, help);
    match tokio::task::spawn_blocking(write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(failed(error.to_string(), error.help())),
        Err(error) => Err(failed(error.to_string(), String::new())),
    }
}
