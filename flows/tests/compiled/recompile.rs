//! A program that is made out of an earlier one is the program that is made from nothing, whatever changed between the two;
//! and what did not change is not made again.

use std::sync::{Arc, LazyLock};

use flows::compile::{PortMap, Program, TimeContext, compile, recompile};
use flows::network::NetworkFile;
use ofproto::PortNo;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::changes::{Change, State, change};
use crate::support::{MIXED, PANTHEON, SHIPPED, file, ports, random};

fn holds(mut state: State, changes: &[Change]) {
    let mut before = state.after(&[]);
    for change in changes {
        state.make(change);
        before = state.agree(&before, change);
    }
}

static FILES: LazyLock<Vec<NetworkFile>> =
    LazyLock::new(|| SHIPPED.iter().map(|(_, text)| *text).chain([MIXED]).map(file).collect());

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(300), ..ProptestConfig::default() })]

    #[test]
    fn a_shipped_file_after_changes(which in any::<Index>(), changes in prop::collection::vec(change(), 1..12)) {
        holds(State::new(which.get(&FILES).clone()), &changes);
    }

    #[test]
    fn any_file_after_changes(plan in random::plan(), changes in prop::collection::vec(change(), 1..12)) {
        let Some(text) = plan.text() else { return Ok(()) };
        holds(State::new(file(&text)), &changes);
    }

    /// Another file altogether, or one bridge after another.
    #[test]
    fn any_file_after_any_other(a in random::plan(), b in random::plan()) {
        let (Some(a), Some(b)) = (a.text(), b.text()) else { return Ok(()) };
        let before = State::new(file(&a)).after(&[]);
        let state = State::new(file(&b));
        for before in &before {
            let again = state.after(&vec![before.clone(); state.file.bridges.len()]);
            for (again, fresh) in again.iter().zip(&state.after(&[])) {
                prop_assert!(again.flows().eq(fresh.flows()) && again.origins().eq(fresh.origins()));
            }
        }
    }
}

/// Whether a rule goes by its next hop on one network depends on where the hop is on another.
#[test]
fn a_next_hop_that_moves_elsewhere_counts() {
    let plug = |network: &str, name: &str, n: u8| {
        let third = if network == "lan" { 0 } else { 1 };
        format!(
            "{{ network = \"{network}\", port = \"{name}-{network}\", addresses = [\"10.0.{third}.{n}\"], \
             mac = \"02:00:00:00:0{third}:0{n}\" }}"
        )
    };
    let endpoint = |name: &str, n: u8| {
        format!("[endpoint.{name}]\nattach = [{}, {}]\n", plug("lan", name, n), plug("other", name, n))
    };
    let text = format!(
        "[network.lan]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\"]\n\
         [network.other]\nbridge = \"br0\"\nsubnets = [\"10.0.1.0/24\"]\n\
         [exit.out]\nnetwork = \"lan\"\nport = \"up\"\n{}{}\
         [[allow]]\nname = \"r\"\nfrom = \"a\"\nto = \"out\"\nvia = \"hop\"\n",
        endpoint("hop", 1),
        endpoint("a", 2)
    );
    let mut state = State::new(file(&text));
    let before = state.after(&[]);
    state.file.endpoints[0].attachments[1].mac = None;
    let lan = state.file.network("lan").map(|network| network.number);
    let after = state.agree(&before, &"the hop has no place on the other network");
    assert!(made_again(&before[0], &after[0]).contains(&lan));
}

/// The parts that are not taken over from the program before, by network.
fn made_again(before: &Program, after: &Program) -> Vec<Option<u16>> {
    let kept = |part: &Arc<_>| before.parts.iter().any(|old| Arc::ptr_eq(old, part));
    after.parts.iter().filter(|part| !kept(part)).map(|part| part.network).collect()
}

#[test]
fn a_change_makes_the_parts_again_that_depend_on_it_and_no_other() {
    let text = PANTHEON.replace("instances = \"1-3\"", "instances = \"0-255\"");
    let before = file(&text);
    let mut numbers = ports(&before, "pantheon");
    let compiled = |file: &NetworkFile, ports: &PortMap, old: &Program| {
        recompile(old, file, "pantheon", ports, &TimeContext::default())
    };
    let old = compile(&before, "pantheon", &numbers, &TimeContext::default());
    let number = |name: &str| before.network(name).map(|network| network.number);
    let again = |text: &str, ports: &PortMap| made_again(&old, &compiled(&file(text), ports, &old));
    assert_eq!(again(&text, &numbers), [], "nothing changed");
    assert_eq!(
        again(&format!("\n# Moved down a line.\n{text}"), &numbers),
        [],
        "only places in the text did"
    );
    let shared =
        text.replace("to = \"shared-{n}\"\nprotocol = \"tcp\"", "to = \"shared-{n}\"\nprotocol = \"udp\"");
    assert_eq!(again(&shared, &numbers).len(), 256, "a rule of all projects");
    let one = format!(
        "[[allow]]\nname = \"one\"\nfrom = \"vm-7\"\nto = \"backend\"\nprotocol = \"tcp\"\nports = [9]\n{text}"
    );
    assert_eq!(again(&one, &numbers), [number("project-7")], "a rule of one project");
    let endpoint =
        "[endpoint.new]\nattach = [{ network = \"main\", port = \"new\", addresses = [\"10.0.1.99\"] }]\n";
    numbers.insert("new".to_owned(), PortNo(5_000));
    assert_eq!(again(&text, &numbers), [], "a port that the file does not name");
    assert_eq!(again(&format!("{endpoint}{text}"), &numbers), [number("main")], "an endpoint");
    numbers.insert("tools9".to_owned(), PortNo(5_001));
    assert_eq!(again(&text, &numbers), [number("project-9")], "another number of a port");
}
