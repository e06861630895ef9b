//! Reads the requests of API clients strictly: every error names the wrong key.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body;
use super::service::ServedService;
use crate::problem::Problem;

/// Longest name, in bytes.
const MAX_NAME: usize = 63;
/// Largest number of services of one container.
const MAX_SERVICES: usize = 64;

/// A container to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateContainer, examples(json!({
    "name": "tor-relay",
    "network": "privacy",
    "services": [{ "name": "tor-relay", "protocol": "tcp", "port": 9001 }]
})))]
pub struct Request {
    /// Its name.
    pub name: String,
    /// The network's name.
    pub network: String,
    /// What it serves.
    #[serde(default, deserialize_with = "body::list", skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub services: Vec<ServedService>,
    /// The network namespace that its end is put into, as `ip netns` knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netns: Option<String>,
}

/// A template to be stamped out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The template's name.
    pub template: String,
    /// The number.
    pub number: u32,
}

impl Request {
    /// Reads the body of `POST /api/containers/create`.
    ///
    /// # Errors
    /// [`Problem`] with the key of the wrong value.
    pub fn read(body: &[u8]) -> Result<Self, Problem> {
        let request: Self = body::read(body, remedy)?;
        request.check()?;
        Ok(request)
    }

    /// Checks that the names are valid and the services differ.
    fn check(&self) -> Result<(), Problem> {
        plain("name", &self.name)?;
        if let Some(netns) = &self.netns {
            plain("netns", netns)?;
        }
        if self.services.len() > MAX_SERVICES {
            return Err(bad("services", &format!("has more than {MAX_SERVICES}"), "leave some out"));
        }
        for (n, one) in self.services.iter().enumerate() {
            plain(&format!("services[{n}].name"), &one.name)?;
            if one.port == 0 {
                return Err(bad(&format!("services[{n}].port"), "is 0", remedy("port")));
            }
            for other in self.services.iter().take(n) {
                if one.name == other.name {
                    let what = format!("is {:?}, as another's", one.name);
                    return Err(bad(
                        &format!("services[{n}].name"),
                        &what,
                        "give each service a name of its own",
                    ));
                }
                if (one.protocol, one.port) == (other.protocol, other.port) {
                    let what =
                        format!("is {}/{}, as that of {:?}", one.protocol.name(), one.port, other.name);
                    return Err(bad(&format!("services[{n}].port"), &what, "name each port once"));
                }
            }
        }
        Ok(())
    }
}

impl Instance {
    /// Reads the body of `POST /api/networks`.
    ///
    /// # Errors
    /// [`Problem`] with the key of the wrong value.
    pub fn read(body: &[u8]) -> Result<Self, Problem> {
        body::read(body, remedy)
    }
}

/// Returns the text about the right value of a key. For an element of a list, the key is the list's
/// with `[]`.
fn remedy(key: &str) -> &'static str {
    match key {
        "" => "send a JSON object",
        "services" => "write [{\"name\": …, \"protocol\": …, \"port\": …}]",
        "services[]" => "write {\"name\": …, \"protocol\": …, \"port\": …}",
        "protocol" => "write \"tcp\", \"udp\" or \"sctp\"",
        "port" => "a port is 1 to 65535",
        "exposed" => "write true or false",
        "number" => "a number of the template's range",
        _ => "write it in quotes",
    }
}

/// Checks that a name is a plain word, because names go into commands, rules and files.
fn plain(key: &str, name: &str) -> Result<(), Problem> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if starts && name.len() <= MAX_NAME && name.chars().all(plain) {
        return Ok(());
    }
    let what = format!("is {name:?}");
    let help = format!(
        "use at most {MAX_NAME} letters, digits, '-', '_' and '.', with a letter or a digit at the start"
    );
    Err(bad(key, &what, &help))
}

fn bad(key: &str, what: &str, help: &str) -> Problem {
    Problem::bad(format!("{key} {what}"), help.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Transport;

    fn complaint(body: &str) -> (String, String) {
        let problem = Request::read(body.as_bytes()).unwrap_err();
        (problem.message, problem.help)
    }

    #[test]
    fn reads_the_documents_own_requests() {
        let body = r#"{
            "name": "tor-relay",
            "network": "privacy",
            "services": [
              { "name": "tor-relay", "protocol": "tcp", "port": 9001 }
            ]
          }"#;
        let request = Request::read(body.as_bytes()).unwrap();
        assert_eq!((request.name.as_str(), request.network.as_str()), ("tor-relay", "privacy"));
        let service = ServedService {
            name: "tor-relay".to_owned(),
            protocol: Transport::Tcp,
            port: 9001,
            exposed: true,
        };
        assert_eq!((request.services, request.netns), (vec![service], None));
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        let service = |service: &str| format!(r#"{{"name": "a", "network": "n", "services": [{service}]}}"#);
        for (body, error) in [
            ("{".to_owned(), "the body is no JSON"),
            ("[]".to_owned(), "the body is no object"),
            (r#"{"network": "n"}"#.to_owned(), "name is missing"),
            (r#"{"name": "a"}"#.to_owned(), "network is missing"),
            (r#"{"name": 1, "network": "n"}"#.to_owned(), "name is 1"),
            (r#"{"name": "-a", "network": "n"}"#.to_owned(), "name is \"-a\""),
            (r#"{"name": "a/b", "network": "n"}"#.to_owned(), "name is \"a/b\""),
            (r#"{"name": "a", "network": "n", "netns": "../x"}"#.to_owned(), "netns is \"../x\""),
            (r#"{"name": "a", "network": "n", "services": {}}"#.to_owned(), "services is {}"),
            (service("1"), "services[0] is 1"),
            (service(r#"{"name": "s", "protocol": "tcp"}"#), "services[0].port is missing"),
            (service(r#"{"name": "s", "protocol": "tcp", "port": 0}"#), "services[0].port is 0"),
            (service(r#"{"name": "s", "protocol": "tcp", "port": 65536}"#), "services[0].port is 65536"),
            (service(r#"{"name": "s", "protocol": "tcp", "port": "x"}"#), "services[0].port is \"x\""),
            (service(r#"{"name": "s", "protocol": "TCP", "port": 1}"#), "services[0].protocol is \"TCP\""),
            (service(r#"{"name": "s s", "protocol": "tcp", "port": 1}"#), "services[0].name is \"s s\""),
            (
                service(r#"{"name": "s", "protocol": "tcp", "port": 1, "exposed": 1}"#),
                "services[0].exposed is 1",
            ),
            (
                service(
                    r#"{"name": "s", "protocol": "tcp", "port": 1}, {"name": "t", "protocol": "tcp", "port": 1}"#,
                ),
                "services[1].port is tcp/1, as that of \"s\"",
            ),
            (
                service(
                    r#"{"name": "s", "protocol": "tcp", "port": 1}, {"name": "s", "protocol": "tcp", "port": 2}"#,
                ),
                "services[1].name is \"s\", as another's",
            ),
        ] {
            let (found, help) = complaint(&body);
            assert!(found.starts_with(error), "{body}: {found}");
            assert!(!help.is_empty(), "{body}");
        }
        let (error, help) = complaint(r#"{"name": "a", "network": "n", "servces": []}"#);
        assert_eq!((error.as_str(), help.as_str()), ("servces is no key", "did you mean services?"));
    }

    #[test]
    fn every_mistake_comes_with_what_to_write() {
        let service = |service: &str| format!(r#"{{"name": "a", "network": "n", "services": [{service}]}}"#);
        for (body, error, help) in [
            ("[]".to_owned(), "the body is no object", "send a JSON object"),
            (r#"["a", "n"]"#.to_owned(), "the body is no object", "send a JSON object"),
            (r#"{"name": null, "network": "n"}"#.to_owned(), "name is null", "write it in quotes"),
            (r#"{"network": "n"}"#.to_owned(), "name is missing", "add \"name\""),
            (
                r#"{"name": "a", "network": "n", "x": 1}"#.to_owned(),
                "x is no key",
                "the keys are name, network, services, netns",
            ),
            (
                r#"{"name": "a", "network": "n", "services": {}}"#.to_owned(),
                "services is {}",
                "write [{\"name\": …, \"protocol\": …, \"port\": …}]",
            ),
            (
                service(r#"["s", "tcp", 1]"#),
                "services[0] is [\"s\",\"tcp\",1]",
                "write {\"name\": …, \"protocol\": …, \"port\": …}",
            ),
            (
                service(r#"{"name": "s", "protocol": "tcp", "port": 1, "prot": 2}"#),
                "services[0].prot is no key",
                "did you mean port?",
            ),
            (
                service(r#"{"name": "s", "protocol": "icmp", "port": 1}"#),
                "services[0].protocol is \"icmp\"",
                "write \"tcp\", \"udp\" or \"sctp\"",
            ),
            (
                service(r#"{"name": "s", "protocol": "tcp", "port": -1}"#),
                "services[0].port is -1",
                "a port is 1 to 65535",
            ),
            (
                service(r#"{"name": "s", "protocol": "tcp", "port": 1, "exposed": "yes"}"#),
                "services[0].exposed is \"yes\"",
                "write true or false",
            ),
        ] {
            assert_eq!(complaint(&body), (error.to_owned(), help.to_owned()), "{body}");
        }
        let (error, _) = complaint(&format!(r#"{{"name": ["{}"], "network": "n"}}"#, "ä".repeat(1_000)));
        assert_eq!(error, format!("name is [\"{}…", "ä".repeat(78)), "what is said is bounded");
    }

    #[test]
    fn what_may_be_left_out_may_be_null() {
        let body = r#"{"name": "a", "network": "n", "services": null, "netns": null}"#;
        let request = Request::read(body.as_bytes()).unwrap();
        assert_eq!((request.services, request.netns), (Vec::new(), None));
        let service = r#"{"name": "s", "protocol": "udp", "port": 53, "exposed": null}"#;
        let body = format!(r#"{{"name": "a", "network": "n", "services": [{service}]}}"#);
        assert!(Request::read(body.as_bytes()).unwrap().services[0].exposed);
    }

    #[test]
    fn an_instance_needs_a_template_and_a_number() {
        let read = |body: &str| Instance::read(body.as_bytes()).map_err(|p| p.message);
        assert_eq!(
            read(r#"{"template": "project", "number": 17}"#),
            Ok(Instance { template: "project".to_owned(), number: 17 })
        );
        assert_eq!(read(r#"{"template": "project", "number": -1}"#), Err("number is -1".to_owned()));
        assert_eq!(read(r#"{"number": 1}"#), Err("template is missing".to_owned()));
    }
}
