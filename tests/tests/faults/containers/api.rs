//! The API's own description.

use super::stage::{ask, start};

#[test]
fn the_document_tells_of_every_route() {
    let net = start();
    let document = ask(&net, "GET", "/api/openapi.json", None);
    assert_eq!(document.status, 200);
    assert!(document.body["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document.body["openapi"]);
    let paths = document.body["paths"].as_object().unwrap();
    for path in
        ["/api/containers/create", "/api/containers/{name}", "/api/services", "/api/status", "/metrics"]
    {
        assert!(paths.contains_key(path), "{path}: {:?}", paths.keys());
    }
    let create = &paths["/api/containers/create"]["post"];
    assert!(create["responses"].as_object().unwrap().contains_key("409"), "{create}");
}
