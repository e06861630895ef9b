//! A switch that was a good one until its handshake was complete.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use portcullis_tests::Running;

/// A silent switch is asked for an echo after five seconds, and given up after five more.
const ENDS: Duration = Duration::from_secs(13);

const HELLO: u8 = 0;
const ERROR: u8 = 1;
const ECHO_REQUEST: u8 = 2;
const ECHO_REPLY: u8 = 3;
const FEATURES_REQUEST: u8 = 5;
const FEATURES_REPLY: u8 = 6;
const MULTIPART_REQUEST: u8 = 18;
const MULTIPART_REPLY: u8 = 19;
/// The multipart types of DESC and PORT_DESC, and what their answers hold (OpenFlow 1.3.5 §7.3.5).
const DESC: [u8; 2] = [0, 0];
const PORT_DESC: [u8; 2] = [0, 13];
const DESC_LEN: usize = 1056;

/// OFPET_BAD_REQUEST with its codes (OpenFlow 1.3.5 §7.4.4).
const BAD_VERSION: [u8; 4] = [0, 1, 0, 0];
const BAD_LEN: [u8; 4] = [0, 1, 0, 6];

/// A message under a transaction id.
fn message(version: u8, kind: u8, xid: [u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + body.len()).unwrap();
    [&[version, kind], &length.to_be_bytes()[..], &xid, body].concat()
}

/// A switch whose bridge the file does not name.
struct Switch(TcpStream);

impl Switch {
    /// Connects and completes the handshake.
    fn connect(net: &Running) -> Self {
        let stream = net.lab.within("host", || TcpStream::connect(("127.0.0.1", 6653))).unwrap().unwrap();
        stream.set_read_timeout(Some(ENDS)).unwrap();
        stream.set_write_timeout(Some(ENDS)).unwrap();
        let mut this = Self(stream);
        this.say(&message(4, HELLO, [0; 4], &[]));
        // Its own port alone: number, MAC, name.
        let mut port = [0; 64];
        port[..4].copy_from_slice(&[0xff, 0xff, 0xff, 0xfe]);
        port[16..21].copy_from_slice(b"bad-0");
        loop {
            let (kind, xid, body) = this.hear().expect("the handshake goes on");
            match (kind, body.get(..2)) {
                (FEATURES_REQUEST, _) => {
                    // The main connection: its auxiliary_id, behind datapath_id, n_buffers and
                    // n_tables, is 0.
                    let features = [&[7; 13][..], &[0], &[7; 10]].concat();
                    this.say(&message(4, FEATURES_REPLY, xid, &features));
                }
                (MULTIPART_REQUEST, Some(of)) if of == DESC => {
                    this.say(&message(4, MULTIPART_REPLY, xid, &[&[0; 8][..], &[0; DESC_LEN]].concat()));
                }
                (MULTIPART_REQUEST, Some(of)) if of == PORT_DESC => {
                    this.say(&message(
                        4,
                        MULTIPART_REPLY,
                        xid,
                        &[&[0, 13, 0, 0, 0, 0, 0, 0], &port[..]].concat(),
                    ));
                    return this;
                }
                _ => {}
            }
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// The next message: type, transaction id and body; none when the session is over.
    fn hear(&mut self) -> Option<(u8, [u8; 4], Vec<u8>)> {
        let mut header = [0; 8];
        self.0.read_exact(&mut header).ok()?;
        let [4, kind, high, low, xid @ ..] = header else { panic!("no OpenFlow 1.3: {header:02x?}") };
        let mut body = vec![0; usize::from(u16::from_be_bytes([high, low])) - 8];
        self.0.read_exact(&mut body).ok()?;
        Some((kind, xid, body))
    }

    /// The next message that is no request for an echo.
    fn told(&mut self) -> Option<(u8, Vec<u8>)> {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < ENDS, "nothing is said but requests for an echo");
            let (kind, xid, body) = self.hear()?;
            if kind != ECHO_REQUEST {
                return Some((kind, body));
            }
            self.say(&message(4, ECHO_REPLY, xid, &body));
        }
    }

    /// Whether it is still listened to.
    fn lives(&mut self) -> bool {
        self.say(&message(4, ECHO_REQUEST, [0, 0, 0, 77], b"here?"));
        self.told().is_some_and(|(kind, body)| kind == ECHO_REPLY && body == b"here?")
    }

    /// Whether the controller ends the session, without a word from the switch.
    fn is_given_up(&mut self) -> bool {
        let (start, mut asked) = (Instant::now(), false);
        while start.elapsed() < ENDS {
            match self.hear() {
                Some((kind, ..)) => asked |= kind == ECHO_REQUEST,
                None => return asked && start.elapsed() < ENDS,
            }
        }
        false
    }
}

#[test]
fn a_switch_that_turns_bad_loses_its_session_alone() {
    let net = Running::dual_socket();
    let sessions = |n: f64| {
        net.wait_for("so many sessions", || (net.metric("portcullis_switches_connected") == n).then_some(()));
    };
    let mut good = Switch::connect(&net);
    let mut silent = Switch::connect(&net);
    let mut half = Switch::connect(&net);
    let mut short = Switch::connect(&net);
    let mut garbling = Switch::connect(&net);
    sessions(9.0);

    // Bytes that never become a message are no sign of life, however long they come.
    let mut dribble = half.0.try_clone().unwrap();
    std::thread::scope(|scope| {
        let ends = [scope.spawn(|| silent.is_given_up()), scope.spawn(|| half.is_given_up())];
        scope.spawn(move || {
            for byte in &message(4, ECHO_REQUEST, [1; 4], &[7; 500])[..40] {
                if dribble.write_all(&[*byte]).is_err() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(400));
            }
        });
        // One that answers is kept for as long.
        let kept = scope.spawn(|| {
            let start = Instant::now();
            while start.elapsed() < ENDS {
                assert!(good.lives());
                std::thread::sleep(Duration::from_millis(500));
            }
        });

        // Where the next message begins is lost: that is said, and the session ends.
        short.say(&[4, ECHO_REQUEST, 0, 0, 0, 0, 0, 9]);
        let (kind, body) = short.told().expect("an error");
        assert_eq!((kind, &body[..4]), (ERROR, &BAD_LEN[..]));
        assert!(short.told().is_none(), "the session goes on");

        // Another version is refused, message by message, and after too many of them the session ends too.
        garbling.say(&message(6, ECHO_REQUEST, [0, 0, 0, 5], b"1.5"));
        let (kind, body) = garbling.told().expect("an error");
        assert_eq!((kind, &body[..4]), (ERROR, &BAD_VERSION[..]));
        assert!(garbling.lives());
        // The controller may hang up before all is written.
        let _ = garbling.0.write_all(&message(6, ECHO_REQUEST, [0, 0, 0, 5], b"1.5").repeat(100));
        let mut errors = 0;
        while let Some((kind, _)) = garbling.told() {
            assert_eq!(kind, ERROR);
            errors += 1;
        }
        assert!(errors < 100, "{errors} errors");
        for end in ends {
            assert!(end.join().unwrap(), "a silent switch is kept");
        }
        kept.join().unwrap();
    });
    sessions(5.0);
    good.0.shutdown(Shutdown::Both).unwrap();
    sessions(4.0);
}
