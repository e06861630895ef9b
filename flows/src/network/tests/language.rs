//! The meaning of the language's words, on a file for each of them.

use super::*;

const MATRIX: &str = include_str!("files/matrix.toml");
const CHAIN: &str = include_str!("files/chain.toml");
const COMMON: &str = include_str!("files/common-bridge.toml");
pub(super) const PROJECTS: &str = include_str!("files/projects.toml");
pub(super) const CROSSING: &str = include_str!("files/crossing.toml");

/// Returns the files of this test, by the names that they use for each other.
pub(super) fn files(name: &str) -> Result<String, String> {
    match name {
        "matrix.toml" => Ok(MATRIX.to_owned()),
        "net/chain.toml" => Ok(CHAIN.to_owned()),
        "net/common/bridge.toml" => Ok(COMMON.to_owned()),
        "projects.toml" => Ok(PROJECTS.to_owned()),
        "crossing.toml" => Ok(CROSSING.to_owned()),
        _ => Err("no such file".to_owned()),
    }
}

pub(super) fn with(name: &str, additions: &Additions) -> NetworkFile {
    match load(name, &mut files, additions) {
        Ok(Loaded { file, findings, .. }) if findings.is_empty() => file,
        Ok(Loaded { findings, sources, .. }) | Err(LoadFailure { findings, sources }) => {
            panic!("{}", sources.render_all(&findings))
        }
    }
}

fn loaded(name: &str) -> NetworkFile {
    with(name, &Additions::default())
}

#[test]
fn files_mean_what_they_say() {
    for name in ["matrix.toml", "net/chain.toml", "projects.toml", "crossing.toml"] {
        let file = without_places(loaded(name));
        insta::assert_debug_snapshot!(name.trim_end_matches(".toml").replace('/', "-"), file);
    }
}

fn container(id: u32, name: &str, network: &str, services: &[(&str, Protocol, u16)]) -> Container {
    let service =
        |&(name, protocol, port): &(&str, Protocol, u16)| Service { name: name.to_owned(), protocol, port };
    Container {
        id,
        name: name.to_owned(),
        network: network.to_owned(),
        mac: Some([2, 0x50, 0x43, 0, 0, u8::try_from(id).unwrap()]),
        services: services.iter().map(service).collect(),
    }
}

/// Additions one by one give the same model as a file that is read with all of them.
#[test]
fn containers_added_are_containers_read() {
    let containers = [
        container(101, "tor-relay", "privacy", &[("tor", Protocol::Tcp, 9001), ("dir", Protocol::Udp, 9030)]),
        container(200, "prometheus", "management", &[("prometheus", Protocol::Tcp, 9090)]),
        container(103, "idle", "privacy", &[]),
    ];
    let additions = Additions { instances: Vec::new(), containers: containers.to_vec() };
    let read = with("crossing.toml", &additions);
    let mut added = loaded("crossing.toml");
    for container in &containers {
        assert_eq!(
            added.free_container_ids(&container.network).find(|id| *id == container.id),
            Some(container.id)
        );
        added.put(container).unwrap();
        assert_eq!(added.free_container_ids(&container.network).find(|id| *id == container.id), None);
    }
    assert_eq!(added, read);
    let endpoint = read.endpoints.iter().find(|endpoint| endpoint.name == "tor-relay").unwrap();
    assert_eq!(endpoint.attachments[0].port, "veth101");
    assert_eq!(endpoint.attachments[0].addresses, ["10.0.0.101".parse::<std::net::IpAddr>().unwrap()]);
    let rules: Vec<_> = read.allows.iter().map(|allow| (&*allow.name, &*allow.from, &*allow.ports)).collect();
    let gateway = ["gateway".to_owned()];
    let expected: [(&str, &[String], &[u16]); 2] =
        [("container.tor-relay.tor", &gateway, &[9001]), ("container.tor-relay.dir", &gateway, &[9030])];
    assert_eq!(rules, expected, "management has no clients: all of its members reach all");
}

/// A container that cannot be added changes nothing, and is refused when it is read, too.
#[test]
fn containers_that_cannot_be_added_cannot_be_read() {
    let first = container(101, "there", "privacy", &[("a", Protocol::Tcp, 1)]);
    let file = with("crossing.toml", &Additions { instances: Vec::new(), containers: vec![first.clone()] });
    for (wrong, code) in [
        (container(110, "x", "privcy", &[]), "addition-unknown-network"),
        (container(99, "x", "privacy", &[]), "addition-out-of-range"),
        (container(110, "there", "privacy", &[]), "addition-name-taken"),
        (container(110, "health", "privacy", &[]), "addition-name-taken"),
        (container(100, "x", "privacy", &[]), "addition-number-taken"),
        (container(101, "x", "privacy", &[]), "addition-number-taken"),
        (container(202, "x", "management", &[]), "addition-number-taken"),
    ] {
        let mut changed = file.clone();
        assert!(changed.put(&wrong).is_err(), "{wrong:?}");
        assert_eq!(changed, file);
        let additions = Additions { instances: Vec::new(), containers: vec![first.clone(), wrong.clone()] };
        let failed = load("crossing.toml", &mut files, &additions).unwrap_err();
        assert!(failed.findings.iter().any(|finding| finding.code == code), "{:?}", failed.findings);
    }
    let mut file = file;
    file.networks[0].containers.as_mut().unwrap().ids = (100, 300);
    assert!(
        matches!(file.put(&container(255, "x", "privacy", &[])), Err(ContainError::NoAddress(_))),
        "broadcast"
    );
    file.put(&container(254, "x", "privacy", &[])).unwrap();
}

/// Copies at run time equal those that the file could have had, and other networks keep their
/// numbers.
#[test]
fn copies_come_and_go_and_numbers_stay() {
    let additions = Additions { instances: vec![("project".to_owned(), 9)], containers: Vec::new() };
    let (without, with) = (loaded("projects.toml"), with("projects.toml", &additions));
    assert_eq!(with.templates[0].instances, [1, 2, 17, 9]);
    let numbers = |file: &NetworkFile| -> Vec<(String, u16)> {
        file.networks.iter().map(|network| (network.name.clone(), network.number)).collect()
    };
    let (before, after) = (numbers(&without), numbers(&with));
    assert_eq!(after[..before.len()], before);
    assert_eq!(after[before.len()].0, "project-9");
    let text = PROJECTS.replace("1-2, 17", "1-2, 17, 9");
    let written = parse(&text, "projects.toml").unwrap().0;
    assert_eq!(without_places(with), without_places(written));
}

#[test]
fn json_has_dates_and_templates_too() {
    for text in [CROSSING, PROJECTS, MATRIX] {
        assert_eq!(
            without_places(model_of(&to_json(text), "x.json")),
            without_places(model_of(text, "x.toml"))
        );
    }
}
