//! Defines the random operations on a bridge.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::adversaries::simulation::Direction;

/// One operation.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    Wait(Duration),
    /// The connection is lost, and does not return for that time.
    Disconnect(Duration),
    RestartController,
    /// The switch restarts without flows.
    RebootSwitch,
    Reload(usize),
    /// A container is added or removed.
    Container(u32, bool),
    /// For that many seconds.
    OpenWindow(u64),
    CloseWindow,
    PutPort(u32, &'static str),
    RemovePort(u32),
    Drift(Drift),
    /// A packet, which may make the switch learn flows.
    Traffic {
        from: u8,
        to: u8,
        tcp: bool,
        port: u16,
    },
    /// The next messages of a direction are lost.
    Lose(Direction, u32),
    /// The next messages of a direction are late.
    Delay(Direction, usize, Duration),
    PauseMonitor(bool),
}

/// A foreign change.
#[derive(Debug, Clone)]
pub(super) enum Drift {
    DeleteAll,
    /// Adds a flow that forwards all packets, to that table with that priority.
    AddNormal(u8, u16),
    AddGroup,
    Delete(Index),
    /// Another cookie.
    Steal(Index),
    /// Other actions.
    Open(Index),
    /// A timeout.
    Time(Index),
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::ToController), Just(Direction::ToSwitch)]
}

fn drift() -> impl Strategy<Value = Drift> {
    let index = any::<Index>;
    prop_oneof![
        1 => Just(Drift::DeleteAll),
        2 => (prop_oneof![Just(0), Just(1), Just(2), Just(77)], any::<u16>()).prop_map(|(t, p)| Drift::AddNormal(t, p)),
        1 => Just(Drift::AddGroup),
        2 => index().prop_map(Drift::Delete),
        2 => index().prop_map(Drift::Steal),
        2 => index().prop_map(Drift::Open),
        1 => index().prop_map(Drift::Time),
    ]
}

fn wait() -> impl Strategy<Value = Operation> {
    let millis =
        prop_oneof![Just(0), Just(1), 2..50u64, 50..1_500u64, Just(6_000), Just(12_000), Just(40_000)];
    millis.prop_map(|millis| Operation::Wait(Duration::from_millis(millis)))
}

fn operation() -> impl Strategy<Value = Operation> {
    let names = prop::sample::select(vec!["a0", "b0", "c0", "veth100", "veth101", "x9"]);
    let away = prop_oneof![Just(0u64), Just(3), Just(20)];
    let traffic = (
        prop_oneof![1..4u8, Just(100)],
        prop_oneof![1..4u8, Just(100)],
        any::<bool>(),
        prop_oneof![Just(80u16), Just(22), Just(69), Just(8080)],
    );
    prop_oneof![
        8 => wait(),
        2 => away.prop_map(|s| Operation::Disconnect(Duration::from_secs(s))),
        1 => Just(Operation::RestartController),
        1 => Just(Operation::RebootSwitch),
        4 => (0..5usize).prop_map(Operation::Reload),
        3 => (100..102u32, any::<bool>()).prop_map(|(id, there)| Operation::Container(id, there)),
        2 => prop_oneof![Just(1u64), Just(5), Just(40), Just(1_000), Just(100_000)].prop_map(Operation::OpenWindow),
        1 => Just(Operation::CloseWindow),
        3 => (1..8u32, names).prop_map(|(number, name)| Operation::PutPort(number, name)),
        2 => (1..8u32).prop_map(Operation::RemovePort),
        5 => drift().prop_map(Operation::Drift),
        4 => traffic.prop_map(|(from, to, tcp, port)| Operation::Traffic { from, to, tcp, port }),
        2 => (direction(), 1..20u32).prop_map(|(direction, n)| Operation::Lose(direction, n)),
        2 => (direction(), 1..20usize, prop_oneof![Just(5u64), Just(100), Just(1_000), Just(9_000)])
            .prop_map(|(direction, n, millis)| Operation::Delay(direction, n, Duration::from_millis(millis))),
        1 => any::<bool>().prop_map(Operation::PauseMonitor),
    ]
}

/// Generates a sequence of operations.
pub(super) fn operations() -> impl Strategy<Value = Vec<Operation>> {
    prop::collection::vec(operation(), 1..30)
}
