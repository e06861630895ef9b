//! Answers as people read them.

use std::fmt;

use super::text::table;
use super::why::{Answer, ConnectionEnd, Decision, Fate};

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passes => "passes",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        })
    }
}

impl fmt::Display for ConnectionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.party, self.address)
    }
}

impl Decision {
    /// Returns the verdict with the rule behind it.
    fn summary(&self) -> String {
        let by = self.by.as_ref().filter(|_| self.verdict != Fate::Unknown).map(|by| by.summary());
        let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
        let why = self.reasons.iter().map(|why| format!("; {why}")).collect::<String>();
        format!("{}{by}{why}", self.verdict)
    }
}

/// Prints the verdict first, then the reasons.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, service, decision, .. } = self;
        writeln!(f, "{from} -> {to} {service}: {}", decision.summary())?;
        for hop in &decision.path {
            writeln!(f, "  {}: in at {}, out at {}", hop.bridge, hop.in_port, out(&hop.out_port))?;
            writeln!(f, "    {}", hop.packet)?;
            hop.flows.iter().try_for_each(|flow| writeln!(f, "    {flow}"))?;
        }
        match (self.every, decision.verdict) {
            (true, _) => writeln!(f, "  so for every packet of this question")?,
            (false, Fate::Unknown) => {}
            (false, _) => writeln!(f, "  so for the packet above; of others is known:")?,
        }
        self.exceptions.iter().try_for_each(|exception| writeln!(f, "    {exception}"))?;
        if let Some(window) = &self.window {
            writeln!(f, "  rule {} allows it while window {} is open", window.rule, window.window)?;
        }
        if let Some(remedy) = &self.remedy {
            if let Some(rule) = &remedy.rule {
                writeln!(f, "  this would allow it:")?;
                rule.lines().try_for_each(|line| writeln!(f, "    {line}"))?;
                writeln!(f, "  and would open meanwhile:")?;
                let rows = table(remedy.opens.iter().filter(|row| !row.background));
                rows.lines().try_for_each(|line| writeln!(f, "    {line}"))?;
            }
            remedy.remarks.iter().try_for_each(|remark| writeln!(f, "  {remark}"))?;
        }
        if let Some(answers) = &self.answers {
            writeln!(f, "answers of {to}: {}", answers.summary())?;
        }
        writeln!(f, "{to} -> {from} {service}: {}", self.reverse.summary())
    }
}

/// Returns the port by which a packet leaves, in words.
fn out(port: &str) -> &str {
    // OFPP_ANY stands for none.
    if port == u32::MAX.to_string() { "no port" } else { port }
}
