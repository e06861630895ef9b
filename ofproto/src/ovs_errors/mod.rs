//! The errors of Open vSwitch: one table of names, meanings and numbers, and what it says to matches, actions and
//! instructions.
//!
//! Decoding is forgiving: what is not known is kept, and what makes no sense is passed on. A switch is stricter, and so is what
//! `ovs-ofctl` prints of a message: it names the error. [`Match::ovs_error`](crate::oxm::Match::ovs_error),
//! [`Action::ovs_error`](crate::action::Action::ovs_error) and
//! [`Instruction::ovs_error`](crate::instruction::Instruction::ovs_error) tell which it would be.

mod code;
mod table;

pub(crate) use self::code::EXPERIMENTER;
pub use self::code::ErrorCode;
pub use self::table::OvsError;
