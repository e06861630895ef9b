#![no_main]
//! A network file: whatever it says, findings point into it, and what is read compiles for every bridge.

use flows::compile::{PortMap, TimeContext, compile};
use flows::network;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let findings = match network::parse(text, "fuzz.toml") {
        Ok((file, warnings)) => {
            assert!(warnings.iter().all(|f| !f.is_error()));
            for bridge in &file.bridges {
                let _ = compile(&file, &bridge.name, &PortMap::default(), &TimeContext::default());
            }
            // And with all the ports that it names.
            let _ = flows::verify::bridge_flows::compiled(&file);
            warnings
        }
        Err(findings) => {
            assert!(findings.iter().any(|f| f.is_error()), "{findings:?}");
            findings
        }
    };
    for finding in findings {
        assert!(finding.span.clone().is_none_or(|span| text.get(span).is_some()), "{finding:?}");
        let _ = finding.render("fuzz.toml", text);
    }
});
