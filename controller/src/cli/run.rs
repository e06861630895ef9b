//! `portcullis run`: the controller.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use flows::finding::Severity;
use miette::IntoDiagnostic as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::{Failure, finding, output};
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::net::{Address, Limits, Server, serve_api};
use crate::ovs::{AuditError, Database, audit};
use crate::policy::{Policy, PolicyError};

/// From one look at the bridges' settings to the next.
const AUDIT: Duration = Duration::from_secs(10);

/// Keep the bridges of a network file exactly as it says.
///
/// SIGHUP reads the file again; one with errors leaves the old one in force. SIGINT and SIGTERM end the
/// controller and leave all flows as they are.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The network file.
    file: PathBuf,
    /// Where switches connect: tcp:ADDRESS:PORT or unix:PATH. May be repeated.
    #[arg(long, value_name = "ADDRESS", default_value = "tcp:127.0.0.1:6653")]
    listen: Vec<Address>,
    /// Where metrics and status are served: [tcp:]ADDRESS:PORT or unix:PATH. May be repeated.
    #[arg(long, value_name = "ADDRESS", default_value = "tcp:127.0.0.1:9653")]
    metrics: Vec<Address>,
    /// Connections of switches at one time.
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    max_connections: usize,
    /// The Open vSwitch database whose settings are looked at, as `ovs-vsctl --db` takes it.
    #[arg(long, value_name = "DATABASE")]
    db: Option<String>,
    /// Do not look at the bridges' settings through ovs-vsctl.
    #[arg(long)]
    no_audit: bool,
}

impl Run {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let policy = finding::load(&self.file).inspect_err(|_| {
            output::complain(format_args!("portcullis: not started: {} cannot be used", self.file.display()));
        })?;
        finding::print(&policy.warnings, &policy.sources);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().into_diagnostic()?;
        runtime.block_on(self.serve(policy))
    }

    async fn serve(self, policy: Policy) -> Result<ExitCode, Failure> {
        let mut hangup = on(SignalKind::hangup())?;
        let mut interrupt = on(SignalKind::interrupt())?;
        let mut terminate = on(SignalKind::terminate())?;
        let hub = Arc::new(Hub::new(policy, Metrics::new().into_diagnostic()?));
        let (shutdown, down) = watch::channel(false);
        for address in &self.metrics {
            serve_api(Arc::clone(&hub), address, down.clone()).await.into_diagnostic()?;
        }
        let server =
            Server::new(Arc::clone(&hub), Limits { connections: self.max_connections }, down.clone());
        for address in &self.listen {
            server.listen(address).await.into_diagnostic()?;
        }
        if !self.no_audit {
            let database = Database { db: self.db.clone(), rundir: None };
            tokio::spawn(keep_auditing(Arc::clone(&hub), database));
        }
        info!(version = env!("CARGO_PKG_VERSION"), file = %self.file.display(), "in force");
        loop {
            tokio::select! {
                _ = hangup.recv() => self.reload(&hub).await,
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
            }
        }
        info!("ending; flows stay as they are");
        shutdown.send_replace(true);
        // The sessions say goodbye; whoever does not listen is not waited for.
        let gone = async {
            while hub.metrics.switches.get() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(2), gone).await;
        Ok(ExitCode::SUCCESS)
    }

    /// Reads the file again.
    async fn reload(&self, hub: &Hub) {
        let file = self.file.clone();
        let loaded = tokio::task::spawn_blocking(move || Policy::load(&file)).await;
        match loaded {
            Ok(Ok(policy)) => {
                let name = policy.path.display().to_string();
                for finding in &policy.warnings {
                    match finding.severity {
                        Severity::Note => info!("{}", policy.sources.render(finding)),
                        Severity::Error | Severity::Warning => warn!("{}", policy.sources.render(finding)),
                    }
                }
                hub.replace(policy);
                info!(file = name, "read again and in force");
            }
            Ok(Err(refused)) => {
                hub.refuse(refused.to_string());
                match &refused {
                    PolicyError::Findings(failed) => {
                        for finding in &failed.findings {
                            error!("{}", failed.sources.render(finding));
                        }
                    }
                    PolicyError::Io { .. } => error!("{refused}"),
                }
                error!(file = %self.file.display(), "not taken: what was in force stays in force");
            }
            Err(failed) => error!(%failed, "reading the file again failed"),
        }
    }
}

fn on(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).into_diagnostic()
}

/// Looks at the settings of the bridges now and then.
async fn keep_auditing(hub: Arc<Hub>, database: Database) {
    let mut complained = false;
    loop {
        let (policy, asked) = (hub.policy(), database.clone());
        let found = tokio::task::spawn_blocking(move || audit(&policy.file, &asked)).await;
        match found {
            Ok(Ok(found)) => {
                complained = false;
                let (new, well) = hub.audited(found);
                for fault in new {
                    error!("{fault}");
                }
                for bridge in well {
                    info!(bridge, "isolated again");
                }
            }
            Ok(Err(AuditError::Unreachable(why) | AuditError::Unexpected(why))) => {
                if !std::mem::replace(&mut complained, true) {
                    warn!(
                        why,
                        "the bridges' settings cannot be looked at: whether they break isolation is unknown"
                    );
                }
            }
            Err(failed) => warn!(%failed, "looking at the bridges' settings failed"),
        }
        tokio::time::sleep(AUDIT).await;
    }
}
