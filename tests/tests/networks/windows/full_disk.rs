//! Fills the disk under the state for a while.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{BRIDGE, listed, must, open, said, start, timed, window};

/// Mounts a file system of a few megabytes at a directory until it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs"])
            .arg(at)
            .status()
            .expect("mount");
        assert!(mounted.success());
        Self(at.to_owned())
    }

    /// Writes a file as large as the room left.
    fn fill(&self) {
        let full = std::fs::write(self.filler(), vec![1; 8 << 20]).expect_err("8 MB fit");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the controller may still have its file open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_changes_until_there_is_room_and_loses_none_that_was_acknowledged() {
    let mut net = start();
    net.kill_controller();
    let disk = SmallDisk::mount(&net.lab.state_dir());
    net.start_controller();
    let until = open(&net, "10m");
    let state_lost = || net.status().expect("a status")["state_lost"].clone();
    assert!(state_lost().is_null());

    disk.fill();
    // Until a row does not fit any more: the file itself has some room.
    let reason = "r".repeat(400);
    let (refused, _) = net.wait_for("a change to be refused", || {
        let more = window(&net, &["open", "updates", "--for", "11m", "--extend", "--reason", &reason]);
        (!more.status.success()).then(|| said(&more.stderr))
    });
    assert!(refused.contains("the disk or the quota is full"), "{refused}");
    assert!(refused.contains("free space"), "{refused}");
    assert!(!refused.contains("damaged"), "{refused}");
    let lost = state_lost().to_string();
    assert!(lost.contains("the disk or the quota is full") && lost.contains("free space"), "{lost}");
    // Closed although that cannot be written.
    let closed = window(&net, &["close", "updates"]);
    assert!(said(&closed.stderr).contains("is closed, and may be open again"), "{closed:?}");
    net.wait_for("the flows to go", || timed(&net).is_empty().then_some(()));
    assert_eq!(listed(&net, "updates")["open"], false);

    std::fs::remove_file(disk.filler()).unwrap();
    net.wait_for("the state to be written", || state_lost().is_null().then_some(()));
    // A window that was closed meanwhile stays closed.
    net.kill_controller();
    net.start_controller();
    assert_eq!(listed(&net, "updates")["open"], false);
    assert!(timed(&net).is_empty(), "{BRIDGE} has flows of a closed window");

    // And a change is remembered again.
    let again = open(&net, "20m");
    assert!(again > until);
    net.kill_controller();
    net.start_controller();
    assert_eq!(listed(&net, "updates")["closes_at"], again);
    must(&net, &["close", "updates"]);
}
