//! Packet sockets on devices of the lab, which send raw frames and listen for tagged ones.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pnet_datalink::{Channel, Config, DataLinkReceiver, DataLinkSender};

use super::frames::tag_of;
use crate::error::LabError;
use crate::netns;

/// Interval at which a listening thread checks that it is still wanted.
const LOOK: Duration = Duration::from_millis(20);
/// Number of frames after which the sender pauses, so that no receiving socket's buffer overflows.
/// A frame lost there would look like a denied one.
const BURST: usize = 8;
const PAUSE: Duration = Duration::from_millis(2);

type WireEnds = (Box<dyn DataLinkSender>, Box<dyn DataLinkReceiver>);

/// Opens a packet socket on a device of the namespace that `ip netns` knows by that name.
fn open(namespace: &str, device: &str) -> Result<WireEnds, LabError> {
    netns::enter(namespace, || {
        let interface =
            pnet_datalink::interfaces().into_iter().find(|i| i.name == device).ok_or_else(|| {
                LabError::io(format!("{device} in {namespace}"))(io::ErrorKind::NotFound.into())
            })?;
        let config = Config { read_timeout: Some(LOOK), ..Config::default() };
        match pnet_datalink::channel(&interface, config) {
            Ok(Channel::Ethernet(tx, rx)) => Ok((tx, rx)),
            Ok(_) => Err(LabError::io(format!("{device} in {namespace}"))(io::ErrorKind::Unsupported.into())),
            Err(error) => Err(LabError::io(format!("a packet socket on {device} in {namespace}"))(error)),
        }
    })?
}

/// A sender of raw frames on a device.
pub struct Injector {
    what: String,
    sender: Box<dyn DataLinkSender>,
}

impl Injector {
    /// Opens a device of the namespace that `ip netns` knows by that name.
    pub fn open(namespace: &str, device: &str) -> Result<Self, LabError> {
        let (sender, _) = open(namespace, device)?;
        Ok(Self { what: format!("{device} in {namespace}"), sender })
    }

    /// Sends frames at a pace that every socket on the way can keep.
    pub fn send(&mut self, frames: impl IntoIterator<Item = Vec<u8>>) -> Result<usize, LabError> {
        let mut sent = 0;
        for frame in frames {
            let result = self.sender.send_to(&frame, None).unwrap_or(Err(io::ErrorKind::OutOfMemory.into()));
            result.map_err(LabError::io(format!("sending on {}", self.what)))?;
            sent += 1;
            if sent % BURST == 0 {
                thread::sleep(PAUSE);
            }
        }
        Ok(sent)
    }
}

/// A listener for tagged frames on a device, in both directions, until it is dropped.
pub struct Sniffer {
    seen: Arc<Mutex<HashSet<u32>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sniffer {
    /// Opens a device of the namespace that `ip netns` knows by that name. It listens when this
    /// returns.
    pub fn open(namespace: &str, device: &str) -> Result<Self, LabError> {
        let (_, mut receiver) = open(namespace, device)?;
        let seen = Arc::new(Mutex::new(HashSet::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (into, until) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                match receiver.next() {
                    Ok(frame) => {
                        if let Some(id) = tag_of(frame) {
                            into.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
                        }
                    }
                    Err(e) if e.kind() == io::ErrorKind::TimedOut => {}
                    // The device is down or gone, and may come back.
                    Err(_) => thread::sleep(LOOK),
                }
            }
        });
        Ok(Self { seen, stop, thread: Some(thread) })
    }

    /// Returns whether the frame with that tag was captured.
    pub fn saw(&self, id: u32) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    /// Returns the tags that were captured so far.
    pub fn seen(&self) -> HashSet<u32> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Sniffer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
