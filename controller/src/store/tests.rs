//! Tests the store on a real file.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn window(name: &str) -> Window {
    Window {
        name: name.to_owned(),
        opened_at: 100,
        closes_at: 160,
        reason: "kernel update".to_owned(),
        who: "root".to_owned(),
    }
}

fn container(name: &str, id: u32) -> Container {
    let service = Service { name: "web".to_owned(), protocol: Transport::Tcp, port: 8080, exposed: true };
    Container {
        name: name.to_owned(),
        id,
        network: "privacy".to_owned(),
        bridge: "vmbr0".to_owned(),
        port: format!("veth{id}"),
        netns: None,
        mac: Some([2, 0x50, 0x43, 0, 0, 1]),
        phase: Phase::There,
        services: vec![service],
        created_at: 7,
        who: "root".to_owned(),
    }
}

fn filled() -> State {
    let instance =
        |number| Instance { template: "project".to_owned(), number, added_at: 5, who: "x".to_owned() };
    State {
        windows: vec![window("restores"), window("updates")],
        instances: vec![instance(17), instance(2)],
        containers: vec![container("db", 101), container("web", 100)],
    }
}

fn fill(store: &Store, state: &State) {
    let filled: Result<(), StoreError> = store.change(|change| {
        state.windows.iter().try_for_each(|w| change.put(w))?;
        state.instances.iter().try_for_each(|i| change.put(i))?;
        state.containers.iter().try_for_each(|c| change.put(c))
    });
    filled.unwrap();
}

#[test]
fn what_was_put_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("a/b");
    let store = Store::open(&dir).unwrap();
    assert_eq!(store.state().unwrap(), State::default());
    fill(&store, &filled());
    assert_eq!(store.state().unwrap(), filled());
    drop(store);
    let store = Store::open(&dir).unwrap();
    assert_eq!(store.state().unwrap(), filled());
    assert!(store.remove::<Window>("updates").unwrap());
    assert!(!store.remove::<Window>("updates").unwrap());
    assert!(store.remove::<Instance>(&Instance::key_of("project", 17)).unwrap());
    drop(store);
    let state = Store::open(&dir).unwrap().state().unwrap();
    assert_eq!((state.windows.len(), state.instances.len(), state.containers.len()), (1, 1, 2));
}

#[test]
fn a_change_that_fails_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    fill(&store, &filled());
    let failed = store.change(|change| {
        change.put(&container("third", 102))?;
        change.remove::<Window>("updates")?;
        assert_eq!(change.find::<Container>("third")?.map(|c| c.id), Some(102));
        assert_eq!(change.all::<Window>()?.len(), 1);
        Err::<(), _>(StoreError::Locked("nowhere".into()))
    });
    assert!(matches!(failed, Err(StoreError::Locked(_))));
    assert_eq!(store.state().unwrap(), filled());
}

#[test]
fn nobody_else_may_look() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("state");
    let store = Store::open(&dir).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(store.path())), (0o700, 0o600));
}

#[test]
fn two_controllers_do_not_share_a_state() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Store::open(dir.path()).unwrap();
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Locked(_)) && !error.is_lost(), "{error}");
    assert!(error.to_string().contains("another controller"), "{error}");
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let path = store.path().to_owned();
    let newer: Result<(), StoreError> = store.change(|change| {
        let mut meta = change.transaction.open_table(META).unwrap();
        meta.insert(VERSION_KEY, VERSION + 1).unwrap();
        Ok(())
    });
    newer.unwrap();
    drop(store);
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { version: 2, .. }) && error.is_lost(), "{error}");
    assert!(
        error.to_string().contains("version 2") && error.help().contains(path.to_str().unwrap()),
        "{error}"
    );
}

#[test]
fn what_is_no_store_is_damaged_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let text = "not a database\n".repeat(1_000);
    std::fs::write(&path, &text).unwrap();
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }) && error.is_lost(), "{error:?}");
    assert!(error.to_string().contains("damaged") && error.help().contains("backup"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_row_that_is_none_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    for (key, value) in [("x", "{}"), ("updates", r#"{"name":"updates","more":1}"#), ("other", "")] {
        let dir = dir.path().join(key);
        let store = Store::open(&dir).unwrap();
        let mut value = value.as_bytes().to_vec();
        if value.is_empty() {
            value = serde_json::to_vec(&window("updates")).unwrap();
        }
        let put: Result<(), StoreError> = store.change(|change| {
            change.table::<Window>()?.insert(key, value.as_slice()).unwrap();
            Ok(())
        });
        put.unwrap();
        drop(store);
        let error = Store::open(&dir).unwrap_err();
        assert!(matches!(&error, StoreError::Corrupt { why, .. } if why.contains(key)), "{error}");
    }
}

/// Damages the file in many ways: opening returns an error or the old contents, and never panics.
#[test]
fn damage_anywhere_is_an_error_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    fill(&store, &filled());
    let path = store.path().to_owned();
    drop(store);
    let whole = std::fs::read(&path).unwrap();
    let mut refused = 0;
    // Every stretch of the header, and a prime stride over the rest.
    for at in (0..512).step_by(16).chain((512..whole.len()).step_by(40_009)) {
        std::fs::write(&path, &whole).unwrap();
        let mut file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        let mut bytes = [0; 8];
        let n = file.read(&mut bytes).unwrap();
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&bytes[..n].iter().map(|b| !b).collect::<Vec<_>>()).unwrap();
        drop(file);
        match Store::open(dir.path()) {
            Ok(store) => assert_eq!(store.state().unwrap(), filled(), "byte {at}"),
            Err(error) => {
                assert!(error.is_lost(), "byte {at}: {error:?}");
                refused += 1;
            }
        }
    }
    for length in [1, 64, 4_096, whole.len() / 2] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = Store::open(dir.path()).unwrap_err();
        assert!(error.is_lost(), "{length} bytes: {error:?}");
        refused += 1;
    }
    assert!(refused > 10, "{refused}");
}
