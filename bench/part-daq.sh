#!/bin/bash
# Debian's daq_ipfw.so under the library, compared with Debian's daq_nfq.so in the same host program
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

DAQHOST=$BUILD/tests/host/daqhost

measure() {
    case $1 in
    'daq_ipfw.so, library') rate_of "${PRELOAD[@]}" "$DAQHOST" -m ipfw -v port=$PORT -a pass ;;
    daq_nfq.so) rate_of "$DAQHOST" -m nfq -v queue=$PORT -a pass ;;
    esac
    sample 'packets/s' "$1" "$RATE"
}

FLOOD_OPTIONS=(-g)
need_bench "$DAQHOST"
network_make
divert_udp
title 'Stock DAQ modules, UDP in IP packets of 64 bytes'
in_turns measure 'daq_ipfw.so, library' daq_nfq.so
compare 'packets/s' 'daq_ipfw.so, library' daq_nfq.so at-least 1.0
