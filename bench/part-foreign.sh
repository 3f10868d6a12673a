#!/bin/bash
# the cost of the library for foreign descriptors
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need_bench "$BENCH/foreign"
title 'Descriptors of others'
"$BENCH/foreign" "$BUILD/libdivertshim.so" >"$SCRATCH/output" 2>&1 || note 'The target of that program was MISSED.'
[[ -s $SCRATCH/output ]] || die 'foreign printed nothing'
while IFS= read -r line; do
    record text "$line"
done <"$SCRATCH/output"
