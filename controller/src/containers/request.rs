//! What a caller asks for, read with care: every error names the key that it is about.

use ofctl::nearest;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::service::ServedService;
use crate::problem::Problem;
use crate::store::Transport;

/// The longest name, bytes.
const MAX_NAME: usize = 63;
/// The most services of one container.
const MAX_SERVICES: usize = 64;

/// A container to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub services: Vec<ServedService>,
    /// The network namespace that its end is put into, as `ip netns` knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netns: Option<String>,
}

/// A template to be stamped out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
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
    /// What is wrong with it, by the name of the key.
    pub fn read(body: &[u8]) -> Result<Self, Problem> {
        let value = parse(body)?;
        let object = Object::of(&value, "", &["name", "network", "services", "netns"])?;
        let services = match object.map.get("services") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(list)) => {
                let read =
                    list.iter().enumerate().map(|(n, value)| service(value, &format!("services[{n}]")));
                read.collect::<Result<_, _>>()?
            }
            Some(_) => {
                return Err(bad(
                    "services",
                    "is no list",
                    "write [{\"name\": …, \"protocol\": …, \"port\": …}]",
                ));
            }
        };
        let request = Self {
            name: object.text("name")?,
            network: object.text("network")?,
            services,
            netns: object.optional("netns")?,
        };
        request.check()?;
        Ok(request)
    }

    /// Looks whether its names can be, and its services differ.
    fn check(&self) -> Result<(), Problem> {
        plain("name", &self.name)?;
        if let Some(netns) = &self.netns {
            plain("netns", netns)?;
        }
        if self.services.len() > MAX_SERVICES {
            return Err(bad("services", &format!("has more than {MAX_SERVICES}"), "leave some out"));
        }
        for (n, one) in self.services.iter().enumerate() {
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
    /// What is wrong with it, by the name of the key.
    pub fn read(body: &[u8]) -> Result<Self, Problem> {
        let value = parse(body)?;
        let object = Object::of(&value, "", &["template", "number"])?;
        let number = object.number("number", 0, u64::from(u32::MAX), "a number of the template's range")?;
        Ok(Self { template: object.text("template")?, number: u32::try_from(number).unwrap_or(u32::MAX) })
    }
}

fn service(value: &Value, key: &str) -> Result<ServedService, Problem> {
    let object = Object::of(value, key, &["name", "protocol", "port", "exposed"])?;
    let name = object.text("name")?;
    plain(&object.key("name"), &name)?;
    let protocol = object.text("protocol")?;
    let Some(protocol) = Transport::parse(&protocol) else {
        let what = format!("is {protocol:?}, no protocol of a service");
        return Err(bad(&object.key("protocol"), &what, "write \"tcp\", \"udp\" or \"sctp\""));
    };
    let port = object.number("port", 1, u64::from(u16::MAX), "a port is 1 to 65535")?;
    let exposed = match object.map.get("exposed") {
        None | Some(Value::Null) => true,
        Some(Value::Bool(exposed)) => *exposed,
        Some(_) => {
            return Err(bad(&object.key("exposed"), "is neither true nor false", "write true or false"));
        }
    };
    Ok(ServedService { name, protocol, port: u16::try_from(port).unwrap_or_default(), exposed })
}

fn parse(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body)
        .map_err(|e| Problem::bad(format!("the body is no JSON: {e}"), "send a JSON object".to_owned()))
}

/// Names go into commands, rules and files: they are plain words.
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

/// A JSON object and where it stands.
struct Object<'v> {
    map: &'v Map<String, Value>,
    at: String,
}

impl<'v> Object<'v> {
    fn of(value: &'v Value, at: &str, keys: &[&str]) -> Result<Self, Problem> {
        let Value::Object(map) = value else {
            let what = if at.is_empty() { "the body" } else { at };
            return Err(bad(what, "is no object", &format!("write {{\"{}\": …}}", keys.join("\": …, \""))));
        };
        let object = Self { map, at: at.to_owned() };
        // A key that is not understood may be one that was meant.
        if let Some(unknown) = map.keys().find(|k| !keys.contains(&k.as_str())) {
            let help = match nearest(unknown, keys.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("the keys are {}", keys.join(", ")),
            };
            return Err(bad(&object.key(unknown), "is no key", &help));
        }
        Ok(object)
    }

    fn key(&self, key: &str) -> String {
        if self.at.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at) }
    }

    fn optional(&self, key: &str) -> Result<Option<String>, Problem> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(bad(&self.key(key), "is no string", "write it in quotes")),
        }
    }

    fn text(&self, key: &str) -> Result<String, Problem> {
        let missing = || bad(&self.key(key), "is missing", &format!("add \"{key}\""));
        self.optional(key)?.ok_or_else(missing)
    }

    fn number(&self, key: &str, first: u64, last: u64, help: &str) -> Result<u64, Problem> {
        match self.map.get(key) {
            None | Some(Value::Null) => Err(bad(&self.key(key), "is missing", help)),
            Some(value) => match value.as_u64().filter(|n| (first..=last).contains(n)) {
                Some(number) => Ok(number),
                None => Err(bad(&self.key(key), &format!("is {value}"), help)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (r#"{"name": 1, "network": "n"}"#.to_owned(), "name is no string"),
            (r#"{"name": "-a", "network": "n"}"#.to_owned(), "name is \"-a\""),
            (r#"{"name": "a/b", "network": "n"}"#.to_owned(), "name is \"a/b\""),
            (r#"{"name": "a", "network": "n", "netns": "../x"}"#.to_owned(), "netns is \"../x\""),
            (r#"{"name": "a", "network": "n", "services": {}}"#.to_owned(), "services is no list"),
            (service("1"), "services[0] is no object"),
            (service(r#"{"name": "s", "protocol": "tcp"}"#), "services[0].port is missing"),
            (service(r#"{"name": "s", "protocol": "tcp", "port": 0}"#), "services[0].port is 0"),
            (service(r#"{"name": "s", "protocol": "tcp", "port": 65536}"#), "services[0].port is 65536"),
            (service(r#"{"name": "s", "protocol": "tcp", "port": "x"}"#), "services[0].port is \"x\""),
            (service(r#"{"name": "s", "protocol": "TCP", "port": 1}"#), "services[0].protocol is \"TCP\""),
            (service(r#"{"name": "s s", "protocol": "tcp", "port": 1}"#), "services[0].name is \"s s\""),
            (
                service(r#"{"name": "s", "protocol": "tcp", "port": 1, "exposed": 1}"#),
                "services[0].exposed is neither",
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
