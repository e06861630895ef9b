//! The harness that the end-to-end tests share: a private Open vSwitch in a network namespace of its own.
