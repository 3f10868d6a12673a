#!/bin/bash
# programs of others, if bench/foreign is there
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

FOREIGN=$(dirname "$0")/foreign
[[ ! -d $FOREIGN ]] || FOREIGN=$FOREIGN/run
[[ -x $FOREIGN ]] || exit 0
scratch_directory SCRATCH
title 'Programs of others'
"$FOREIGN" --build "$BUILD" >"$SCRATCH/output" 2>&1 || die "$(cat "$SCRATCH/output")"
while IFS= read -r line; do
    record text "$line"
done <"$SCRATCH/output"
