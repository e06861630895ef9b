//! `portcullis run`: the controller.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use flows::finding::Severity;
use flows::runtime::timeouts::LONGEST;
use miette::IntoDiagnostic as _;
use portcullis::address::ListenAddress;
use portcullis::api::Token;
use portcullis::api_client::DEFAULT_SOCKET;
use portcullis::containers::Containers;
use portcullis::hub::Hub;
use portcullis::log_limit::LogLimit;
use portcullis::metrics::Metrics;
use portcullis::net::{
    DescriptorBudget, HttpLimits, HttpSettings, Server, ServerError, SessionLimits, serve_api, serve_control,
};
use portcullis::ovs::{Audit, AuditError, Database, audit, tell_retry_again};
use portcullis::policy::PolicyError;
use portcullis::store::{DEFAULT_DIR, State, Store};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use super::{Failure, finding, output};

/// From one look at the bridges' settings to the next.
const AUDIT: Duration = Duration::from_secs(10);
/// Separates two looks after another session claimed a bridge.
const AUDIT_WANTED: Duration = Duration::from_secs(1);
/// The listening address for switches on a machine without Open vSwitch.
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 6653);
/// Time for blocking work under way at the end of the controller.
const LAST_WORK: Duration = Duration::from_secs(1);
/// Delay between the connection of a bridge and the setting of its reconnect interval.
const RETRY_TOLD: Duration = Duration::from_millis(500);

/// Keep the bridges of a network file exactly as it says.
///
/// SIGHUP reads the file again; one with errors leaves the old one in force. SIGINT and SIGTERM end the
/// controller and leave all flows as they are.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The network file.
    file: PathBuf,
    /// Where switches connect: unix:PATH (only root and Open vSwitch's user can) or
    /// tcp:ADDRESS:PORT (any user or host that reaches it can). May be repeated. Default:
    /// unix:portcullis.sock in Open vSwitch's run directory ($OVS_RUNDIR or /var/run/openvswitch);
    /// tcp:127.0.0.1:6653 where there is no such directory.
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<ListenAddress>,
    /// Where metrics and status are served: [tcp:]ADDRESS:PORT or unix:PATH. May be repeated.
    #[arg(long, value_name = "ADDRESS", default_value = "tcp:127.0.0.1:9653")]
    metrics: Vec<ListenAddress>,
    /// Where the API is served, for those who may change things: unix:PATH (root, its owner and its group may), or
    /// tcp:ADDRESS:PORT on loopback with a token. May be repeated. Default: api.sock in the state directory, or in
    /// /run/portcullis where that is the default one.
    #[arg(long, value_name = "ADDRESS")]
    api_listen: Vec<ListenAddress>,
    /// The file with the token that every change over TCP has to carry.
    #[arg(long, value_name = "FILE")]
    api_token_file: Option<PathBuf>,
    /// A host name that metrics and API answer to over TCP, beside IP addresses and localhost. May
    /// be repeated.
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Where open windows, added networks and containers are remembered. One directory belongs to one controller.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR)]
    state: PathBuf,
    /// The longest hard timeout of a flow, in seconds: for tests, which do not want to wait for half a day.
    #[arg(long, hide = true, default_value_t = LONGEST)]
    longest_timeout: u16,
    /// Bridges of the file that may be connected at one time. A quarter as many connections may
    /// have no such bridge, in addition.
    #[arg(long, value_name = "N", default_value_t = SessionLimits::default().bridges)]
    max_connections: usize,
    /// The Open vSwitch database whose settings are looked at, as `ovs-vsctl --db` takes it.
    #[arg(long, value_name = "DATABASE")]
    db: Option<String>,
    /// Do not look at the bridges' settings through ovs-vsctl.
    #[arg(long)]
    no_audit: bool,
}

impl Run {
    pub(super) fn execute(self, log_limit: LogLimit) -> Result<ExitCode, Failure> {
        let (store, state) = match Store::open(&self.state).and_then(|store| Ok((store.state()?, store))) {
            Ok((state, store)) => (Ok(store), state),
            Err(lost) if lost.is_lost() => {
                let why = format!(
                    "{lost}: no window is open, no network and no container was added; {}",
                    lost.help()
                );
                output::complain(format_args!("portcullis: the network file alone is in force: {why}"));
                (Err(why), State::default())
            }
            Err(failed) => return Err(miette::miette!(help = failed.help(), "not started: {failed}")),
        };
        let policy = finding::resume(&self.file, &state.additions()).inspect_err(|_| {
            output::complain(format_args!("portcullis: not started: {} cannot be used", self.file.display()));
        })?;
        finding::print(&policy.warnings, &policy.sources);
        let token = self.api_token_file.as_deref().map(Token::load).transpose().into_diagnostic()?;
        let metrics = Metrics::new().into_diagnostic()?;
        let hub = Arc::new(Hub::with_state(policy, metrics, store, state).with_longest(self.longest_timeout));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().into_diagnostic()?;
        let ended = runtime.block_on(async {
            tokio::spawn(log_limit.clone().report_periodically());
            self.serve(hub, token).await
        });
        // A proof under way is nobody's loss.
        runtime.shutdown_timeout(LAST_WORK);
        log_limit.tell(None);
        ended
    }

    async fn serve(self, hub: Arc<Hub>, token: Option<Token>) -> Result<ExitCode, Failure> {
        let mut hangup = on(SignalKind::hangup())?;
        let mut interrupt = on(SignalKind::interrupt())?;
        let mut terminate = on(SignalKind::terminate())?;
        // Before a switch can connect: what is over is over.
        hub.close_ended().await;
        let (shutdown, down) = watch::channel(false);
        let files = DescriptorBudget::of_this_process(self.max_connections).into_diagnostic()?;
        if files.switches.bridges < self.max_connections {
            warn!(
                bridges = files.switches.bridges,
                "fewer bridges can connect than --max-connections says: let `ulimit -n` allow more files"
            );
        }
        let database = Database { db: self.db.clone(), rundir: None };
        let containers = Arc::new(Containers::new(Arc::clone(&hub), database.clone(), self.file.clone()));
        let recovering = Arc::clone(&containers);
        tokio::task::spawn_blocking(move || recovering.recover()).await.into_diagnostic()?;
        let apis = self.api_addresses();
        // A client that takes all connections of one listener leaves the others theirs.
        let connections = (files.http / (self.metrics.len() + apis.len()).max(1)).max(1);
        let http =
            HttpSettings { limits: HttpLimits::for_connections(connections), names: self.allow_host.clone() };
        for address in &self.metrics {
            serve_api(Arc::clone(&hub), address, &http, down.clone()).await.map_err(not_listening)?;
        }
        for address in &apis {
            let token = token.as_ref();
            let containers = Arc::clone(&containers);
            serve_control(Arc::clone(&hub), containers, address, token, &http, down.clone())
                .await
                .map_err(not_listening)?;
        }
        tokio::spawn(Arc::clone(&hub).close_windows_on_time());
        tokio::spawn(Arc::clone(&hub).retry_state_until_written());
        tokio::spawn(Arc::clone(&hub).keep_verifying());
        let server = Server::new(Arc::clone(&hub), files.switches, down.clone());
        if !self.no_audit {
            // The database is read before any switch can connect and claim a bridge.
            let mut audits = Audits { hub: Arc::clone(&hub), database: database.clone(), complained: false };
            audits.look().await;
            tokio::spawn(audits.keep_looking());
            tokio::spawn(keep_retrying(Arc::clone(&hub), database.clone()));
        }
        for address in &self.listen_addresses(&database) {
            server.listen(address).await.map_err(not_listening)?;
        }
        info!(version = env!("CARGO_PKG_VERSION"), file = %self.file.display(), "in force");
        loop {
            tokio::select! {
                _ = hangup.recv() => self.reload(&hub, &containers).await,
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

    /// Where switches connect.
    fn listen_addresses(&self, database: &Database) -> Vec<ListenAddress> {
        if !self.listen.is_empty() {
            return self.listen.clone();
        }
        let loopback = ListenAddress::Tcp(LOOPBACK);
        let has_open_vswitch = database.run_directory().is_dir();
        vec![if has_open_vswitch { ListenAddress::Unix(database.controller_socket()) } else { loopback }]
    }

    /// Where the API is served.
    fn api_addresses(&self) -> Vec<ListenAddress> {
        if !self.api_listen.is_empty() {
            return self.api_listen.clone();
        }
        let default = self.state.as_path() == Path::new(DEFAULT_DIR);
        vec![ListenAddress::Unix(if default { DEFAULT_SOCKET.into() } else { self.state.join("api.sock") })]
    }

    /// Reads the file again.
    async fn reload(&self, hub: &Hub, containers: &Arc<Containers>) {
        let containers = Arc::clone(containers);
        let loaded = tokio::task::spawn_blocking(move || containers.reload()).await;
        match loaded {
            Ok(Ok(policy)) => {
                let name = policy.path.display().to_string();
                for finding in &policy.warnings {
                    match finding.severity {
                        Severity::Note => info!("{}", policy.sources.render(finding)),
                        Severity::Error | Severity::Warning => warn!("{}", policy.sources.render(finding)),
                    }
                }
                info!(file = name, "read again and in force");
            }
            Ok(Err(refused)) => {
                hub.refuse_file(refused.to_string());
                match &refused {
                    PolicyError::Findings(failed) => {
                        for finding in &failed.findings {
                            error!("{}", failed.sources.render(finding));
                        }
                    }
                    PolicyError::Io { .. } | PolicyError::NoPlace { .. } => error!("{refused}"),
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

/// Explains to the operator why an address cannot be listened at.
fn not_listening(error: ServerError) -> Failure {
    match error.help() {
        Some(help) => miette::miette!(help = help, "{error}"),
        None => Failure::from_err(error),
    }
}

/// Looks at the settings of the bridges now and then.
struct Audits {
    hub: Arc<Hub>,
    database: Database,
    complained: bool,
}

impl Audits {
    async fn keep_looking(mut self) {
        loop {
            let wanted = async {
                tokio::time::sleep(AUDIT_WANTED).await;
                self.hub.audit_wanted().await;
            };
            // Both events mean that it is time.
            let _ = tokio::time::timeout(AUDIT, wanted).await;
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let (policy, asked, database) = (self.hub.policy(), Instant::now(), self.database.clone());
        let found = tokio::task::spawn_blocking(move || audit(&policy.file, &database)).await;
        match found {
            Ok(Ok(Audit { mut faults, identities })) => {
                self.complained = false;
                faults.extend(self.hub.compare_identities(identities, asked));
                let (new, well) = self.hub.note_faults(faults);
                for fault in new {
                    error!("{fault}");
                }
                for bridge in well {
                    info!(bridge, "isolated again");
                }
            }
            Ok(Err(AuditError::Unreachable(why) | AuditError::Unexpected(why))) => {
                if !std::mem::replace(&mut self.complained, true) {
                    warn!(
                        why,
                        "the bridges' settings cannot be looked at: whether they break isolation, and who they are, is unknown"
                    );
                }
            }
            Err(failed) => warn!(%failed, "looking at the bridges' settings failed"),
        }
    }
}

/// Tells Open vSwitch for each new session that it has to call again within a second should the session end.
async fn keep_retrying(hub: Arc<Hub>, database: Database) {
    let mut moved = hub.follow_bridges();
    let mut told = BTreeSet::new();
    while moved.changed().await.is_ok() {
        // Sessions that begin together are handled together.
        tokio::time::sleep(RETRY_TOLD).await;
        moved.mark_unchanged();
        let seats = hub.owned_bridges();
        let new = seats.iter().filter(|seat| !told.contains(*seat));
        let bridges: Vec<String> = new.map(|(bridge, _)| bridge.clone()).collect();
        told = seats;
        if bridges.is_empty() {
            continue;
        }
        let asked = database.clone();
        match tokio::task::spawn_blocking(move || tell_retry_again(&asked, &bridges)).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => debug!(why, "Open vSwitch keeps its own time before it calls again"),
            Err(failed) => warn!(%failed, "telling Open vSwitch when to call again failed"),
        }
    }
}
