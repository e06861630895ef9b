#!/bin/sh
# Cargo's RUSTC_WORKSPACE_WRAPPER for fuzzing: instruments what is under test, with the flags of cargo-fuzz but for the
# address sanitizer. Optimised a little: building takes longer than the smoke run.
rustc=$1
shift
case " $* " in
    *" --crate-name ofproto "* | *" --crate-name flows "* | *" --crate-name portcullis "*)
        exec "$rustc" "$@" --cfg fuzzing -Copt-level=1 -Cpasses=sancov-module \
            -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
            -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares ;;
esac
exec "$rustc" "$@"
