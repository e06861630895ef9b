//! The meaning of assertions: each key, its default, and the copies of a template.

use super::*;

const BASE: &str = r#"
    [network.a]
    bridge = "br0"
    subnets = ["10.0.0.0/24"]
    [endpoint.x]
    attach = [{ network = "a", port = "x", addresses = ["10.0.0.1"] }]
    [endpoint.y]
    attach = [{ network = "a", port = "y", addresses = ["10.0.0.2"] }]
    [exit.e]
    network = "a"
    port = "e"
"#;

/// Returns the model of the base with these rules, without places.
fn with(rules: &str) -> NetworkFile {
    let text = format!("{BASE}{rules}");
    let file = without_places(model_of(&text, "x.toml"));
    assert_eq!(without_places(model_of(&to_json(&text), "x.json")), file);
    file
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn an_always_has_parties_and_a_service() {
    let file = with(
        r#"
        [[always]]
        name = "whole"
        from = ["x", "a"]
        to = ["y", "e"]
        protocol = "udp"
        ports = [53, 123]
        [[always]]
        name = "bare"
        from = "x"
        to = "e"
        "#,
    );
    let whole = Always {
        name: "whole".to_owned(),
        from: names(&["x", "a"]),
        to: names(&["y", "e"]),
        protocol: Protocol::Udp,
        ports: vec![53, 123],
        span: 0..0,
    };
    let bare = Always {
        name: "bare".to_owned(),
        from: names(&["x"]),
        to: names(&["e"]),
        protocol: Protocol::Any,
        ports: Vec::new(),
        span: 0..0,
    };
    assert_eq!(file.always, [whole, bare]);
}

#[test]
fn a_confine_has_senders_and_ways_out() {
    let file = with(
        r#"
        [[confine]]
        name = "whole"
        from = ["x", "y"]
        to = ["e", "a"]
        on_violation = "isolate"
        [[confine]]
        name = "bare"
        from = "a"
        to = "e"
        "#,
    );
    let whole = Confine {
        name: "whole".to_owned(),
        from: names(&["x", "y"]),
        to: names(&["e", "a"]),
        on_violation: ViolationResponse::Isolate,
        span: 0..0,
    };
    let bare = Confine {
        name: "bare".to_owned(),
        from: names(&["a"]),
        to: names(&["e"]),
        on_violation: ViolationResponse::Report,
        span: 0..0,
    };
    assert_eq!(file.confines, [whole, bare]);
}

#[test]
fn a_never_reports_unless_it_says_otherwise() {
    let never = |name: &str, response: &str| {
        format!("[[never]]\nname = \"{name}\"\nfrom = \"x\"\nto = \"y\"\n{response}\n")
    };
    let rules = [
        never("silent", ""),
        never("report", "on_violation = \"report\""),
        never("isolate", "on_violation = \"isolate\""),
    ];
    let file = with(&rules.concat());
    let responses: Vec<_> = file.nevers.iter().map(|never| never.on_violation).collect();
    assert_eq!(responses, [ViolationResponse::Report, ViolationResponse::Report, ViolationResponse::Isolate]);
}

#[test]
fn repeated_items_of_assertions_stand_once() {
    let text = format!(
        "{BASE}[[always]]\nname = \"p\"\nfrom = [\"x\", \"x\"]\nto = [\"y\", \"y\"]\nprotocol = \"tcp\"\nports = [5, 5]\n\
         [[confine]]\nname = \"q\"\nfrom = [\"x\", \"x\"]\nto = [\"e\", \"e\"]\n"
    );
    let (file, findings) = parse(&text, "x.toml").unwrap();
    let codes: Vec<_> = findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["repeated"; 5]);
    let always = &file.always[0];
    assert_eq!((&always.from, &always.to, &always.ports), (&names(&["x"]), &names(&["y"]), &vec![5]));
    assert_eq!((&file.confines[0].from, &file.confines[0].to), (&names(&["x"]), &names(&["e"])));
}

#[test]
fn assertions_of_a_template_are_stamped_out() {
    let template = |instances: &str| {
        format!(
            r#"
            [template.t]
            numbers = "1-9"
            instances = "{instances}"
            [template.t.endpoint."c{{n}}"]
            attach = [{{ network = "a", port = "c{{n}}", addresses = ["10.0.0.2{{n}}"] }}]
            [[template.t.always]]
            name = "out-{{n}}"
            from = "c{{n}}"
            to = "e"
            [[template.t.confine]]
            name = "kept-{{n}}"
            from = "c{{n}}"
            to = "e"
            "#
        )
    };
    let file = with(&template("2-3"));
    let always: Vec<_> = file.always.iter().map(|always| (&*always.name, &*always.from[0])).collect();
    assert_eq!(always, [("out-2", "c2"), ("out-3", "c3")]);
    let confines: Vec<_> = file.confines.iter().map(|confine| (&*confine.name, &*confine.from[0])).collect();
    assert_eq!(confines, [("kept-2", "c2"), ("kept-3", "c3")]);
    // A number without an instance is tried and leaves nothing behind.
    let trials = with(&template("2"));
    assert_eq!((trials.always.len(), trials.confines.len()), (1, 1));
}

#[test]
fn places_of_assertions_are_those_of_their_names() {
    let text = format!(
        "{BASE}[[always]]\nname = \"p\"\nfrom = \"x\"\nto = \"y\"\n[[confine]]\nname = \"q\"\nfrom = \"x\"\nto = \"e\"\n"
    );
    let file = model_of(&text, "x.toml");
    assert_eq!(text[file.always[0].span.clone()], *"\"p\"");
    assert_eq!(text[file.confines[0].span.clone()], *"\"q\"");
}
