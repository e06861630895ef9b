//! Runs the controller under attack as a process of its own, with a small network file.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Bounds every step that is not measured.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Names the bridge of the network file.
pub(crate) const BRIDGE: &str = "br0";
/// Names a port of the network file.
pub(crate) const PORT: &str = "a";

const FILE: &str = r#"
[network.lan]
bridge = "br0"
subnets = ["10.77.0.0/24"]

[endpoint.a]
attach = [{ network = "lan", port = "a", addresses = ["10.77.0.1"] }]

[endpoint.b]
attach = [{ network = "lan", port = "b", addresses = ["10.77.0.2"] }]

[[allow]]
name = "web"
from = ["a"]
to = ["b"]
protocol = "tcp"
ports = [80]
"#;

/// Runs a controller until it is dropped.
pub(crate) struct Controller {
    child: Child,
    dir: tempfile::TempDir,
    /// Address for switches.
    pub(crate) openflow: SocketAddr,
    /// Address of metrics and status.
    pub(crate) http: SocketAddr,
}

impl Controller {
    /// Starts a controller with default limits.
    pub(crate) fn start(binary: &Path) -> io::Result<Self> {
        Self::start_with(binary, None, &[])
    }

    /// Starts a controller with a limit on file descriptors and more arguments.
    pub(crate) fn start_with(binary: &Path, files: Option<u32>, more: &[&str]) -> io::Result<Self> {
        Self::start_file(binary, FILE, files, more)
    }

    /// Starts a controller with another network file.
    pub(crate) fn start_file(
        binary: &Path,
        text: &str,
        files: Option<u32>,
        more: &[&str],
    ) -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("network.toml");
        std::fs::write(&file, text)?;
        let limit = files.map_or(String::new(), |files| format!("ulimit -n {files}; "));
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{limit}exec \"$@\"")).arg("sh").arg(binary).arg("run").arg(&file);
        command.args(["--no-audit", "--listen", "tcp:127.0.0.1:0", "--metrics", "tcp:127.0.0.1:0"]);
        command.arg("--state").arg(dir.path().join("state")).args(more);
        let log = File::create(dir.path().join("log"))?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut this = Self { child, dir, openflow: nowhere, http: nowhere };
        let bound = |log: &str, what: &str| {
            let line = log.lines().find(|line| line.contains(what))?;
            line.split("address=tcp:").nth(1)?.trim().parse().ok()
        };
        let (openflow, http) = wait_for("the controller to listen", || {
            let log = this.log().ok()?;
            Some((bound(&log, "listening for switches")?, bound(&log, "metrics and status")?))
        })?;
        (this.openflow, this.http) = (openflow, http);
        Ok(this)
    }

    /// Returns the log so far.
    pub(crate) fn log(&self) -> io::Result<String> {
        std::fs::read_to_string(self.log_path())
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Returns the number of lines in the log.
    pub(crate) fn log_lines(&self) -> io::Result<f64> {
        let lines = self.log()?.lines().count();
        Ok(u32::try_from(lines).map_or(f64::MAX, f64::from))
    }

    /// Returns the resident memory of the controller, in kilobytes.
    pub(crate) fn resident(&self) -> io::Result<u32> {
        resident(self.child.id())
    }

    /// Returns the process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Requests a path over HTTP, and returns the body of the answer.
    pub(crate) fn get(&self, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.http, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("HTTP/1.0 200") => Ok(body.to_owned()),
            _ => Err(io::Error::other(format!("{path}: {answer}"))),
        }
    }

    /// Returns whether the installed flows of a bridge are the desired ones.
    pub(crate) fn is_settled(&self) -> bool {
        self.get("/api/status").is_ok_and(|status| status.contains("\"settled\":true"))
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the resident memory of a process, in kilobytes.
pub(crate) fn resident(pid: u32) -> io::Result<u32> {
    memory(pid, "VmRSS:")
}

/// Returns the highest resident memory that a process had, in kilobytes.
pub(crate) fn most_resident(pid: u32) -> io::Result<u32> {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, what: &str) -> io::Result<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.ok_or_else(|| io::Error::other(format!("no {what}")))
}

/// Waits until `look` finds something.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> io::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if start.elapsed() > PATIENCE {
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("waited in vain for {what}")));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
