//! What the words of the language mean, on a file for each of them.

use super::*;

const MATRIX: &str = include_str!("files/matrix.toml");
const CHAIN: &str = include_str!("files/chain.toml");
const COMMON: &str = include_str!("files/common-bridge.toml");
pub(super) const PROJECTS: &str = include_str!("files/projects.toml");
pub(super) const CROSSING: &str = include_str!("files/crossing.toml");

/// The files of this test by the names that they have in each other.
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
        Ok(Loaded { findings, sources, .. }) | Err(Failed { findings, sources }) => {
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
