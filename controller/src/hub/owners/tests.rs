use super::*;

const ONE: DatapathId = DatapathId(0xa1);
const OTHER: DatapathId = DatapathId(0xb1);

fn session(number: u64, datapath: DatapathId) -> Claimant {
    let peer = format!("peer {number}");
    Claimant { session: number, datapath, peer, local: None, mailbox: Arc::default() }
}

fn file(datapath: DatapathId) -> Option<ExpectedDatapath> {
    Some(ExpectedDatapath { datapath, by: IdentitySource::File })
}

fn database(datapath: DatapathId) -> Option<ExpectedDatapath> {
    Some(ExpectedDatapath { datapath, by: IdentitySource::Database })
}

/// Takes the orders since the last call.
fn orders(claimant: &Claimant) -> OwnershipOrders {
    mem::take(&mut *claimant.mailbox.lock())
}

fn claim(owners: &BridgeOwners, known: Option<ExpectedDatapath>, claimant: &Claimant) -> Claim {
    owners.acquire("vmbr0", true, known, claimant.clone(), Instant::now())
}

fn granted() -> Claim {
    Claim::Granted("vmbr0".to_owned())
}

/// Largest age of the database's connection states.
const SETTLED: Duration = Duration::from_secs(9);

fn waits(why: Option<&str>, new: bool) -> Claim {
    Claim::Waits { bridge: "vmbr0".to_owned(), why: why.map(str::to_owned), new }
}

fn doubt(owners: &BridgeOwners, known: Option<ExpectedDatapath>) -> Option<String> {
    owners.ownership_doubt("vmbr0", known, Instant::now())
}

/// The database is read long after all claims.
fn confirm(owners: &BridgeOwners, session: u64) {
    owners.confirm("vmbr0", session, Instant::now() + Duration::from_secs(60), SETTLED);
}

#[test]
fn a_rival_that_is_gone_is_remembered_for_a_while() {
    let owners = BridgeOwners::default();
    let (first, second) = (session(1, ONE), session(2, ONE));
    claim(&owners, database(ONE), &first);
    claim(&owners, database(ONE), &second);
    owners.owner_answered("vmbr0", 1);
    owners.release("vmbr0", 2);
    // The database may still show the connection of the previous session.
    owners.confirm("vmbr0", 1, Instant::now(), SETTLED);
    assert!(doubt(&owners, database(ONE)).is_some());
    let later = Instant::now() + RIVAL_REMEMBERED;
    assert_eq!(owners.ownership_doubt("vmbr0", database(ONE), later), None);
    // The next owner of the bridge inherits no doubt.
    owners.release("vmbr0", 1);
    claim(&owners, database(ONE), &second);
    assert_eq!(doubt(&owners, database(ONE)), None);
}

#[test]
fn a_crowd_of_other_datapaths_hides_no_rival() {
    let owners = BridgeOwners::default();
    let first = session(1, ONE);
    claim(&owners, database(ONE), &first);
    let crowd: Vec<_> = (2..2 + MAX_WAITING as u64).map(|n| session(n, OTHER)).collect();
    for other in &crowd {
        claim(&owners, database(ONE), other);
    }
    assert_eq!(claim(&owners, database(ONE), &session(9, ONE)), waits(None, false));
    assert!(orders(&crowd[0]).leave.is_some(), "it makes room");
    owners.owner_answered("vmbr0", 1);
    assert!(doubt(&owners, database(ONE)).unwrap().contains("peer 9"));
}

#[test]
fn the_first_datapath_of_a_name_stays() {
    let owners = BridgeOwners::default();
    let (first, second) = (session(1, ONE), session(2, OTHER));
    assert_eq!(claim(&owners, None, &first), granted());
    let why = "datapath 00000000000000a1 at peer 1 has it";
    assert_eq!(claim(&owners, None, &second), waits(Some(why), true));
    // A second claim causes no second conflict.
    assert_eq!(claim(&owners, None, &second), waits(Some(why), false));
    assert_eq!(orders(&first), OwnershipOrders::default(), "another datapath is none of its business");
    assert!(owners.holds("vmbr0", 1) && !owners.holds("vmbr0", 2));
    let contested = owners.contested("vmbr0");
    assert_eq!(contested.iter().map(|(c, _)| c.session).collect::<Vec<_>>(), [2]);
    assert!(doubt(&owners, None).unwrap().contains("peer 2"));
    assert_eq!(doubt(&owners, file(ONE)), None);

    assert!(owners.release("vmbr0", 1));
    assert!(orders(&second).claim, "it is told that the bridge is free");
    assert_eq!(claim(&owners, None, &second), granted());
    assert!(owners.contested("vmbr0").is_empty());
    assert!(owners.release("vmbr0", 2) && !owners.release("vmbr0", 2));
    assert!(owners.owned().is_empty());
}

#[test]
fn the_same_datapath_waits_until_the_owner_is_dead() {
    let owners = BridgeOwners::default();
    let (first, second) = (session(1, ONE), session(2, ONE));
    claim(&owners, None, &first);
    assert_eq!(claim(&owners, None, &second), waits(None, false));
    assert!(orders(&first).probe);
    assert!(owners.contested("vmbr0").is_empty(), "nobody knows yet");
    // The owner is alive.
    let told = owners.owner_answered("vmbr0", 1);
    assert_eq!(
        told.iter().map(|(c, why)| (c.session, &**why)).collect::<Vec<_>>(),
        [(2, "a live session at peer 1 has it already")]
    );
    assert!(owners.owner_answered("vmbr0", 1).is_empty(), "said once");
    assert_eq!(owners.contested("vmbr0").len(), 1);
    assert!(doubt(&owners, database(ONE)).is_some(), "both are that datapath");
    // The session of the owner ends.
    assert!(owners.release("vmbr0", 1));
    assert!(orders(&second).claim);
    assert_eq!(claim(&owners, None, &second), granted());
}

#[test]
fn a_session_that_was_confirmed_alone_is_not_doubted_later() {
    let owners = BridgeOwners::default();
    let (first, second) = (session(1, ONE), session(2, ONE));
    claim(&owners, database(ONE), &first);
    confirm(&owners, 1);
    claim(&owners, database(ONE), &second);
    owners.owner_answered("vmbr0", 1);
    assert_eq!(doubt(&owners, database(ONE)), None);
    // An owner with a rival is not confirmed.
    owners.release("vmbr0", 1);
    claim(&owners, database(ONE), &second);
    claim(&owners, database(ONE), &first);
    owners.owner_answered("vmbr0", 2);
    confirm(&owners, 2);
    assert!(doubt(&owners, database(ONE)).is_some());
}

#[test]
fn who_is_another_datapath_than_it_has_to_be_gets_nothing() {
    for (known, by) in [(file(ONE), "the network file"), (database(ONE), "Open vSwitch")] {
        let owners = BridgeOwners::default();
        let (impostor, right) = (session(1, OTHER), session(2, ONE));
        let why = format!("by {by} the bridge is datapath 00000000000000a1");
        assert_eq!(claim(&owners, known, &impostor), waits(Some(&why), true));
        assert_eq!(owners.owner("vmbr0").map(|owner| owner.claimant.session), None);
        assert_eq!(claim(&owners, known, &right), granted());
        assert_eq!(claim(&owners, known, &impostor), waits(Some(&why), false));
        assert_eq!(doubt(&owners, known), None);
    }
}

#[test]
fn an_owner_that_turns_out_to_be_wrong_has_to_go() {
    // When the right datapath claims the bridge.
    let owners = BridgeOwners::default();
    let (impostor, right) = (session(1, OTHER), session(2, ONE));
    claim(&owners, None, &impostor);
    assert_eq!(claim(&owners, database(ONE), &right), granted());
    assert!(orders(&impostor).leave.unwrap().contains("whose datapath 00000000000000a1 connected"));
    assert!(!owners.release("vmbr0", 1), "it has nothing any more");
    assert!(owners.holds("vmbr0", 2));
    // When another file names another datapath.
    assert!(matches!(claim(&owners, file(OTHER), &right), Claim::Waits { why: Some(_), new: true, .. }));
    assert!(owners.owner("vmbr0").is_none());
    // When the database disproves the owner.
    assert_eq!(claim(&owners, None, &right), granted());
    let third = session(3, OTHER);
    claim(&owners, None, &third);
    assert!(owners.evict("vmbr0", 2, "it is not the one"));
    assert_eq!(orders(&right).leave.as_deref(), Some("it is not the one"));
    assert!(orders(&third).claim);
    assert!(!owners.evict("vmbr0", 2, "again"));
}

#[test]
fn a_session_that_was_disproved_gives_way_to_the_same_datapath_alone() {
    let owners = BridgeOwners::default();
    let (impostor, right, other) = (session(1, ONE), session(2, ONE), session(3, OTHER));
    claim(&owners, None, &impostor);
    claim(&owners, None, &right);
    owners.disprove("vmbr0", 9);
    assert!(matches!(claim(&owners, None, &right), Claim::Waits { .. }));
    owners.disprove("vmbr0", 1);
    assert!(orders(&right).claim);
    assert!(matches!(claim(&owners, None, &other), Claim::Waits { .. }));
    assert_eq!(claim(&owners, None, &right), granted());
    assert!(orders(&impostor).leave.is_some());
    assert_eq!(owners.owner("vmbr0").map(|owner| owner.proof), Some(OwnerProof::Unknown));
}

#[test]
fn few_wait_for_one_bridge() {
    let owners = BridgeOwners::default();
    claim(&owners, None, &session(0, ONE));
    for number in 1..=MAX_WAITING as u64 {
        assert!(matches!(claim(&owners, None, &session(number, OTHER)), Claim::Waits { .. }));
    }
    assert!(matches!(claim(&owners, None, &session(99, OTHER)), Claim::Refused(_)));
    owners.release("vmbr0", 1);
    assert!(matches!(claim(&owners, None, &session(99, OTHER)), Claim::Waits { .. }));
}

#[test]
fn bridges_that_the_file_does_not_name_are_told_apart_by_their_datapaths() {
    let owners = BridgeOwners::default();
    let any =
        |number, datapath| owners.acquire("tap0", false, None, session(number, datapath), Instant::now());
    assert_eq!(any(1, ONE), Claim::Granted("tap0".to_owned()));
    assert_eq!(any(2, OTHER), Claim::Granted("tap0@00000000000000b1".to_owned()));
    assert!(matches!(any(3, ONE), Claim::Waits { why: None, .. }), "the same datapath again");
    assert!(owners.release("tap0", 1));
    assert_eq!(any(3, ONE), Claim::Granted("tap0".to_owned()));
    // No claims of ended sessions are left.
    for (bridge, number) in [("tap0", 3), ("tap0@00000000000000b1", 2)] {
        assert!(owners.release(bridge, number));
    }
    assert_eq!(any(4, OTHER), Claim::Granted("tap0".to_owned()));
}

#[tokio::test]
async fn orders_wait_until_they_are_taken() {
    let mailbox = OwnershipMailbox::default();
    mailbox.post(|orders| orders.probe = true);
    mailbox.post(|orders| orders.claim = true);
    let both = OwnershipOrders { probe: true, claim: true, leave: None };
    assert_eq!(mailbox.orders().await, both);
    let mut next = std::pin::pin!(mailbox.orders());
    let waker = std::task::Waker::noop();
    assert!(next.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
}
