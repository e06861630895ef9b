//! The windows of a running controller: stored, active, and closed on time.

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

/// Longest interval between two looks at the wall clock, which may be adjusted.
const LOOK: Duration = Duration::from_secs(30);
/// Delay between two attempts to write the state after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// Deadline of the switches for applying an opened or closed window.
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
    /// Returns the store of the controller's state.
    ///
    /// # Errors
    /// [`Problem`] if the controller has no state. Changes that have to be stored are refused then.
    pub fn store(&self) -> Result<Arc<Store>, Problem> {
        self.store.clone().map_err(|why| {
            let message = format!("the controller has no state: {why}");
            let help = "portcullis status says what to do".to_owned();
            Problem { kind: ProblemKind::Unavailable, code: "state-lost", message, help }
        })
    }

    /// Returns the additions to the network file that were made at run time.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read. The file alone would remove existing containers.
    pub fn additions(&self) -> Result<Additions, StoreError> {
        self.store.as_ref().map_or_else(|_| Ok(Additions::default()), |store| Ok(store.state()?.additions()))
    }

    /// Opens a window, or extends an open one.
    ///
    /// # Errors
    /// [`Problem`] if the request is invalid, or the window cannot be stored.
    pub async fn open_window(&self, wish: WindowRequest) -> Result<WindowReport, Problem> {
        let changing = self.store_lock.lock().await;
        let active = self.policy();
        let window = self.windows().opening(Clock::wall(), &active.window_names(), &wish)?;
        let (store, row) = (self.store()?, window.clone());
        // Stored first: only the timeouts on the switches would end a window that is open but
        // forgotten.
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

    /// Closes a window before its deadline.
    ///
    /// # Errors
    /// [`Problem`] if the window is unknown or not open, or the change cannot be stored. In the last
    /// case, the window is closed all the same.
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

    /// Closes the windows whose deadline is over, and those that the file does not name any more.
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

    /// Closes windows at their deadlines, and never returns.
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

    /// Returns all windows of the file, and all open ones.
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

    /// Activates the present windows. Returns the new [`generation`](ActivePolicy::generation).
    pub(super) fn publish_windows(&self) -> u64 {
        self.activate(|_| ())
    }

    /// Changes the active policy together with its windows, as one change for all receivers.
    /// Returns the new [`generation`](ActivePolicy::generation).
    pub(super) fn activate(&self, change: impl FnOnce(&mut ActivePolicy)) -> u64 {
        let ends: Arc<BTreeMap<String, u64>> = Arc::new(self.windows().ends());
        let mut generation = 0;
        // Not `send`, which does nothing while no session listens.
        self.policy.send_modify(|active| {
            // Counted under the lock of the channel: the order of the generations is that of the
            // changes.
            active.generation += 1;
            generation = active.generation;
            active.windows = Arc::clone(&ends);
            change(active);
        });
        let active = self.policy();
        self.metrics.windows(active.window_names().into_iter().map(|name| (name, ends.contains_key(name))));
        generation
    }

    /// Waits, for a limited time, until the bridges of a window's rules have applied that
    /// generation. Returns the bridges that have not, each with the reason.
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
        // Each change is one assignment, so the windows are whole after a panic elsewhere.
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes to the disk, on a thread for blocking work.
async fn remember(write: impl FnOnce() -> Result<(), StoreError> + Send + 'static) -> Result<(), Problem> {
    let failed = |message: String, help: String| Problem::failed("not-remembered", message, help);
    match tokio::task::spawn_blocking(write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(failed(error.to_string(), error.help())),
        Err(error) => Err(failed(error.to_string(), String::new())),
    }
}
