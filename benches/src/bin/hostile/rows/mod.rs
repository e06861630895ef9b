//! Measures the rows of the table, one group for each module.

pub(crate) mod bridges;
pub(crate) mod dribble;
pub(crate) mod dump;
pub(crate) mod fairness;
pub(crate) mod flapping;
pub(crate) mod http;
pub(crate) mod port_desc;
pub(crate) mod unnamed;
