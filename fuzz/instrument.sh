#!/bin/sh
# Cargo's RUSTC_WRAPPER for fuzzing: instruments what is under test, and spares what it stands on, which takes most of the time.
rustc=$1
shift
case " $* " in
    *" --crate-name ofproto "* | *" --crate-name flows "* | *" --crate-name portcullis "*)
        # shellcheck disable=SC2086 # several words
        exec "$rustc" "$@" $INSTRUMENT ;;
esac
exec "$rustc" "$@"
