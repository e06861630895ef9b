//! Random small pipelines, compared with the interpreter on every packet.

mod pipelines;
