//! The errors of Open vSwitch: one table of names, meanings and numbers, and the checks of matches,
//! actions and instructions.
//!
//! Decoding is lenient: unknown parts are kept, and inconsistent ones are passed on. A switch is
//! stricter, and `ovs-ofctl` names its error when it prints a message.
//! [`Match::ovs_error`](crate::oxm::Match::ovs_error),
//! [`Action::ovs_error`](crate::action::Action::ovs_error) and
//! [`Instruction::ovs_error`](crate::instruction::Instruction::ovs_error) return that error.

mod code;
mod table;

pub(crate) use self::code::EXPERIMENTER;
pub use self::code::ErrorCode;
pub use self::table::OvsError;
