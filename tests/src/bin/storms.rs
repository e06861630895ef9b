//! The floods of `benches/storms.sh`, one row of its table for each, in a lab of their own.
//!
//! `storms PERCENT` sends this share of each flood. The exit code is 1 if a mark is missed.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lab::{Lab, LabOptions};
use portcullis_tests::Running;
use portcullis_tests::storms::{
    FILE, GATEWAY, SERVER, STRANGER, VPN, WEB, XRAY, asked, client, connected, datagram, during, echoes,
    flood, learned, macs, nobody, populate, segment, serve_tcp, serve_udp,
};
use portcullis_tests::traffic::received;

/// Number of new clients per measurement.
const CLIENTS: u32 = 100;
/// Time that the largest flood takes in full, in seconds.
const SECONDS: u32 = 60;

fn main() -> ExitCode {
    let percent = std::env::args().nth(1).and_then(|word| word.parse::<u32>().ok()).unwrap_or(100);
    let part = |whole: u32| (whole * percent.clamp(1, 100) / 100).max(1);
    println!("{:<66} {:>9} {:>9}  {:<24} flows in tables 1, 5, 6", "", "mark", "seen", "");
    let mut met = true;
    let mut row = |what: &str, mark: u32, seen: u32, more: String, lab: Option<&Lab>| {
        let flows =
            lab.map_or(String::new(), |lab| format!("{:?}", [1, 5, 6].map(|table| learned(lab, table))));
        println!("{what:<66} {mark:>9} {seen:>9}  {more:<24} {flows}");
        met &= seen >= mark;
    };
    for (letter, what, syn) in [("a", "SYNs", true), ("a", "ACKs", false)] {
        let (net, n, rate) = (stage(), part(200_000), 200_000 / SECONDS);
        let mut old: Vec<_> =
            (0..10).filter_map(|n| connected(&net.lab, "internet", client(n), WEB).ok()).collect();
        let macs = macs(&net.lab, "up", "nginx");
        let storm = (0..n).map(|n| segment(macs, SocketAddrV4::new(nobody(n), 5_000), WEB, (syn, !syn)));
        let served = |at: u32| connected(&net.lab, "internet", client(1_000 + at), WEB).is_ok();
        let (meanwhile, took) = flooded(&net.lab, "up", (n, rate), storm, served);
        let title =
            |when: &str| format!("{letter}  {n} forged {what} at tcp 443: new clients answered, {when}");
        row(&title("during"), CLIENTS, meanwhile, took, None);
        row(&title("after"), CLIENTS, count(|at| served(CLIENTS + at)), String::new(), Some(&net.lab));
        let alive = old.iter_mut().map(echoes).filter(|alive| *alive).count();
        row(
            "   connections from before that go on",
            10,
            u32::try_from(alive).unwrap_or(0),
            String::new(),
            None,
        );
    }
    let ports = |n: u32| u16::try_from(1_024 + n % 64_000).unwrap_or(1);
    for (what, one_host) in [("ports of one host", true), ("forged hosts", false)] {
        let whole = if one_host { 60_000 } else { 200_000 };
        let (net, n, rate) = (stage(), part(whole), whole / SECONDS);
        let mut gateway = connected(&net.lab, "gateway", GATEWAY, SERVER).ok();
        let macs = macs(&net.lab, "up", "wg");
        let storm = (0..n).map(|n| match one_host {
            true => datagram(macs, SocketAddrV4::new(STRANGER, ports(n)), VPN),
            false => datagram(macs, SocketAddrV4::new(nobody(n), 5_000), VPN),
        });
        let served = |at: u32| asked(&net.lab, "internet", client(at), VPN);
        let (meanwhile, took) = flooded(&net.lab, "up", (n, rate), storm, served);
        let title = |when: &str| format!("b  {n} {what} at udp 51820: new clients answered, {when}");
        // Each forged host is learned, at some 0.3 ms. A slow machine's switch drops the excess.
        row(&title("during"), if one_host { CLIENTS } else { 0 }, meanwhile, took, None);
        row(&title("after"), CLIENTS, count(|at| served(CLIENTS + at)), String::new(), Some(&net.lab));
        let alive = gateway.as_mut().is_some_and(echoes);
        row("   a member's connection from before that goes on", 1, alive.into(), String::new(), None);
    }
    {
        let (net, n, rate) = (stage(), part(60_000), 60_000 / SECONDS);
        let mut old: Vec<_> =
            (0..10).filter_map(|_| connected(&net.lab, "gateway", GATEWAY, SERVER).ok()).collect();
        let macs = macs(&net.lab, "xray", "up");
        let storm = (0..n).map(|n| {
            let to = SocketAddrV4::new(STRANGER, ports(n));
            segment(macs, SocketAddrV4::new(XRAY, 4_000), to, (true, false))
        });
        let served = |_| connected(&net.lab, "gateway", GATEWAY, SERVER).is_ok();
        let (meanwhile, took) = flooded(&net.lab, "xray", (n, rate), storm, served);
        row(
            &format!("c  {n} ports scanned by xray: gateway's connections, during"),
            CLIENTS,
            meanwhile,
            took,
            None,
        );
        row("   after", CLIENTS, count(served), String::new(), Some(&net.lab));
        let alive = old.iter_mut().map(echoes).filter(|alive| *alive).count();
        row(
            "   gateway's connections from before that go on",
            10,
            u32::try_from(alive).unwrap_or(0),
            String::new(),
            None,
        );
    }
    // d  fragments, in networks with a connection tracker.
    {
        let (net, n, rate) = (stage(), part(20_000), 20_000 / SECONDS);
        let server = |n: u32| SocketAddrV4::new(Ipv4Addr::from(u32::from(nobody(0)) + n), 443);
        let (out, back) = (macs(&net.lab, "gateway", "up"), macs(&net.lab, "up", "gateway"));
        let here = SocketAddrV4::new(GATEWAY, 4_000);
        let start = Instant::now();
        flood(&net.lab, "gateway", rate, (0..n).map(|n| segment(out, here, server(n), (true, false))));
        let took = format!("{:.0} s", start.elapsed().as_secs_f64());
        let device = net.lab.plan().place("gateway").map(|place| place.device.clone()).unwrap_or_default();
        let before = received(&net.lab, "gateway", &device);
        flood(&net.lab, "up", rate, (0..n).map(|n| segment(back, server(n), here, (true, true))));
        std::thread::sleep(Duration::from_secs(1));
        let seen = received(&net.lab, "gateway", &device).saturating_sub(before);
        row(
            &format!("e  {n} servers that gateway spoke to: their answers"),
            n,
            u32::try_from(seen).unwrap_or(0),
            took,
            Some(&net.lab),
        );
    }
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Starts a lab with all servers.
fn stage() -> Running {
    let net = Running::start(FILE, LabOptions::default());
    populate(&net.lab);
    serve_tcp(&net.lab, "nginx", WEB);
    serve_udp(&net.lab, "wg", VPN);
    serve_tcp(&net.lab, "internet", SERVER);
    net
}

fn count(served: impl Fn(u32) -> bool) -> u32 {
    (0..CLIENTS).map(|at| u32::from(served(at))).sum()
}

/// Returns the number of clients served during a flood, spread over it, and the time that it took.
fn flooded(
    lab: &Lab,
    place: &str,
    (packets, per_second): (u32, u32),
    storm: impl Iterator<Item = Vec<u8>> + Send,
    served: impl Fn(u32) -> bool + Sync,
) -> (u32, String) {
    let start = Instant::now();
    let seen = during(
        || flood(lab, place, per_second, storm),
        |over: &AtomicBool| {
            let mut seen = 0;
            for at in 0..CLIENTS {
                seen += u32::from(served(at));
                // Over nine tenths of the flood.
                let due = start
                    + Duration::from_secs_f64(
                        f64::from(packets) / f64::from(per_second) * f64::from(at) * 0.009,
                    );
                while !over.load(Ordering::Relaxed) && Instant::now() < due {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            seen
        },
    );
    (seen, format!("in {:.0} s", start.elapsed().as_secs_f64()))
}
