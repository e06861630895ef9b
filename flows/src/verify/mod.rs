//! Verification of the permitted traffic on the flows themselves.
//!
//! [`interp`] runs packets through flows as a switch does, and is the oracle of the tests.
//! [`never`](mod@never) sends packets of every kind that the file or the flows distinguish. It
//! reports each packet that arrives where a `never` of the file forbids it. [`lint`] examines flows
//! alone, for defects that are visible without a packet. [`check`](mod@check) runs all of these for
//! a file.

mod action_set;
pub mod check;
pub mod interp;
pub mod lint;
pub mod never;
pub(crate) mod symbolic;
