//! Verification: what may talk to what, decided on the flows themselves.
//!
//! [`interp`] runs packets through flows as a switch does, and is the oracle of the tests.
//! [`never`](mod@never) sends packets of every kind that the file or the flows tell apart, and
//! reports each one that arrives where the file says that none ever may. [`lint`] looks at flows
//! alone, for defects that can be seen without a packet. [`check`](mod@check) does all of that for
//! a file.

pub mod check;
pub mod interp;
pub mod lint;
pub mod never;
