#!/bin/bash
. "$(dirname "$0")/../net/built.sh"
need_divert_run
hosts_make route-back
BACKEND_OPTION=(--backend nft)
two_start() {
    local rule arguments=()
    for rule in "$@"; do arguments+=(-r "$rule"); done
    run_start "$ROUTER" 8001 "${BACKEND_OPTION[@]}" "${arguments[@]}" -- bash -c '
        "$0" -p 8001 >"$1/log-8001" & "$0" -p 8002 >"$1/log-8002" & trap "kill \$(jobs -p)" TERM; wait' \
        "$EXAMPLES/printer" "$SCRATCH"
    wait_queue "$ROUTER" 8002 || finish
}
bad=0
for i in {1..80}; do
    two_start '100 divert 8001 icmp from any to any out' '200 divert 8002 icmp from any to any'
    in_ns "$CLIENT" ping -n -c 5 -i 0.02 -W 10 $SERVER_ADDRESS >$SCRATCH/ping 2>&1
    if ! grep -q ' 0% packet' $SCRATCH/ping; then
        bad=$((bad+1))
        echo "round $i"; cat $SCRATCH/ping
        cat "$RUN_LOG"
        in_ns $ROUTER cat /proc/net/netfilter/nfnetlink_queue
        for n in $CLIENT $ROUTER $SERVER; do echo "$n"; ip -n $n -s link; ip netns exec $n nstat -az | grep -v ' 0  '; ip -n $n neigh; done
        in_ns $ROUTER nft list ruleset | grep -n counter
        in_ns $CLIENT ping -n -c 2 -i 0.02 -W 10 $SERVER_ADDRESS
    fi
    run_stop
    if ((bad == 2)); then break; fi
done
expect_equal "bad" 0 $bad
finish
