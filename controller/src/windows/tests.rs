//! Tests windows on virtual time.

use super::*;

const NAMES: [&str; 3] = ["restores", "updates", "updates-all"];

fn names() -> BTreeSet<&'static str> {
    NAMES.into_iter().collect()
}

fn request(name: &str, seconds: u64) -> WindowRequest {
    WindowRequest {
        name: name.to_owned(),
        seconds,
        reason: " kernel update ".to_owned(),
        extend: false,
        who: "root".to_owned(),
    }
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Returns windows with `updates` open for 60 s since second 100.
fn open() -> Windows {
    let mut windows = Windows::default();
    windows.put(windows.opening(at(100_000), &names(), &request("updates", 60)).unwrap());
    windows
}

#[test]
fn a_window_is_open_for_as_long_as_was_asked_and_no_second_more() {
    let windows = open();
    assert_eq!(windows.ends(), BTreeMap::from([("updates".to_owned(), 160)]));
    assert_eq!(windows.next_end(), Some(160));
    let window = windows.all().next().unwrap();
    assert_eq!((window.opened_at, &*window.reason, &*window.who), (100, "kernel update", "root"));
    assert_eq!(windows.ending(at(159_999), &names()), vec![]);
    assert_eq!(windows.ending(at(160_000), &names()), vec![(window.clone(), WindowEnd::Over)]);
    // The window does not lose a second that has begun.
    let later = windows.opening(at(100_001), &names(), &request("restores", 60)).unwrap();
    assert_eq!((later.opened_at, later.closes_at), (100, 161));
}

#[test]
fn an_open_window_is_extended_only_when_that_is_asked_for() {
    let mut windows = open();
    let error = windows.opening(at(130_000), &names(), &request("updates", 60)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "window \"updates\" is open already, until 1970-01-01T00:02:40Z (by root: kernel update)"
    );
    assert!(error.help().contains("--extend"), "{}", error.help());
    let extending = |seconds| WindowRequest { extend: true, ..request("updates", seconds) };
    let error = windows.opening(at(130_000), &names(), &extending(30)).unwrap_err();
    assert!(error.to_string().contains("is open until 1970-01-01T00:02:40Z"), "{error}");
    assert!(error.help().contains("portcullis window close updates"), "{}", error.help());
    let longer = windows.opening(at(130_000), &names(), &extending(60)).unwrap();
    assert_eq!((longer.opened_at, longer.closes_at), (100, 190));
    windows.put(longer);
    assert_eq!(windows.next_end(), Some(190));
    // An extension may open a closed window, too.
    assert!(
        windows
            .opening(at(130_000), &names(), &WindowRequest { name: "restores".into(), ..extending(5) })
            .is_ok()
    );
}

#[test]
fn an_unknown_window_is_told_with_the_nearest_and_with_those_that_there_are() {
    let windows = open();
    let error = windows.opening(at(0), &names(), &request("update", 60)).unwrap_err();
    assert_eq!(error.to_string(), "there is no window \"update\"");
    assert_eq!(error.help(), "did you mean \"updates\"? There are: restores, updates, updates-all");
    let error = windows.closing(&names(), "xyz").unwrap_err();
    assert_eq!(error.help(), "there are: restores, updates, updates-all");
    let error = windows.opening(at(0), &BTreeSet::new(), &request("updates", 60)).unwrap_err();
    assert!(error.help().contains("no rule of the network file has temp"), "{}", error.help());
}

#[test]
fn how_long_and_why_have_to_be_said() {
    let windows = Windows::default();
    let refused = |wish: WindowRequest| {
        let error = windows.opening(at(0), &names(), &wish).unwrap_err();
        (error.code(), error.to_string(), error.help())
    };
    assert_eq!(refused(request("updates", 0)).0, "bad-duration");
    let (code, message, help) = refused(request("updates", MAX + 1));
    assert_eq!(code, "bad-duration");
    assert!(message.contains("at most 30days") && help.contains("without temp"), "{message}: {help}");
    assert!(windows.opening(at(0), &names(), &request("updates", MAX)).is_ok());
    for reason in ["", "  \t "] {
        let (code, message, help) =
            refused(WindowRequest { reason: reason.to_owned(), ..request("updates", 5) });
        assert_eq!(code, "bad-reason");
        assert!(message.contains("there is none") && help.contains("--reason"), "{message}: {help}");
    }
    for reason in ["two\nlines".to_owned(), "x".repeat(MAX_REASON + 1), "\u{1b}[31mred".to_owned()] {
        let (_, message, _) = refused(WindowRequest { reason, ..request("updates", 5) });
        assert!(message.contains("at most 500"), "{message}");
    }
}

#[test]
fn only_an_open_window_is_closed() {
    let mut windows = open();
    assert_eq!(windows.closing(&names(), "updates").unwrap().closes_at, 160);
    let error = windows.closing(&names(), "restores").unwrap_err();
    assert_eq!(error.to_string(), "window \"restores\" is not open");
    // Also a window that the file no longer names.
    assert!(windows.closing(&BTreeSet::new(), "updates").is_ok());
    windows.remove("updates");
    assert_eq!(windows.closing(&names(), "updates"), Err(WindowError::Closed("updates".to_owned())));
    assert_eq!(windows.next_end(), None);
}

#[test]
fn what_was_remembered_is_open_unless_it_is_over_unnamed_or_of_another_clock() {
    let remembered: Vec<Window> = open().all().cloned().collect();
    let ending = |at, names: &BTreeSet<&str>| {
        Windows::new(remembered.clone()).ending(at, names).into_iter().map(|(_, e)| e).collect::<Vec<_>>()
    };
    let hour = 3_600_000;
    assert_eq!(ending(at(150_000), &names()), vec![]);
    assert_eq!(ending(at(hour), &names()), vec![WindowEnd::Over]);
    assert_eq!(ending(at(150_000), &BTreeSet::from(["restores"])), vec![WindowEnd::Unnamed]);
    let early = Windows::new(vec![Window { opened_at: 3_701, closes_at: 9_999, ..remembered[0].clone() }]);
    assert_eq!(early.ending(at(100_999), &names()).len(), 1);
    assert_eq!(early.ending(at(101_000), &names()), vec![]);
}
