//! Criterion benchmarks of Portcullis; see `benches/benches`.
