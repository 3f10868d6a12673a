#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Programs without divert sockets behave with the library as without it: the same output, the same
# messages, the same exit status.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_root
need_files "$LIBRARY"
scratch_directory SCRATCH
PLAIN=$NET_PREFIX-$$-plain # a host of their own: the ports of its lo are free
ns_add "$PLAIN"

# run_in DIRECTORY PRELOAD: runs ./script there, with the output and status in files beside it.
run_in() {
    rm -rf "$SCRATCH/work" # the same name both times
    mkdir "$SCRATCH/work"
    (
        cd "$SCRATCH/work" || exit
        in_ns "$PLAIN" env -i PATH="$PATH" HOME="$SCRATCH/work" LC_ALL=C ${2:+LD_PRELOAD="$2"} \
            timeout 60 bash "$SCRATCH/script" >"$1/stdout" 2>"$1/stderr" </dev/null
        echo $? >"$1/status"
    )
}

# same PROGRAM STATUS, with a script on the standard input that uses it and ends with STATUS.
same() {
    local program=$1 status=$2 file
    cat >"$SCRATCH/script"
    if ! command -v "$program" >/dev/null; then
        not_ok "$program" 'it is installed (tools/check does that)' 'no such command'
        return
    fi
    mkdir -p "$SCRATCH/without" "$SCRATCH/with"
    run_in "$SCRATCH/without" ''
    run_in "$SCRATCH/with" "$LIBRARY"
    expect_equal "$program: exit status without the library" "$status" "$(cat "$SCRATCH/without/status")"
    expect_success "$program: prints something" test -s "$SCRATCH/without/stdout" -o -s "$SCRATCH/without/stderr"
    for file in status stdout stderr; do
        expect_equal "$program: the same $file with the library" \
            "$(cat "$SCRATCH/without/$file")" "$(cat "$SCRATCH/with/$file")"
    done
}

test_plain_ls() {
    same ls 2 <<'END'
touch b a c
ls
ls -l --time-style=+ /etc
ls /proc/self/fd
ls nowhere
END
}

test_plain_bash() {
    same bash 3 <<'END'
seq 1000 | sort -r | grep 7 | uniq | wc -l
diff <(seq 5) <(seq 6)
coproc cat
echo through a coproc >&"${COPROC[1]}"
read -r line <&"${COPROC[0]}"
echo "$line"
exec 9>&2 2>/dev/null; exec 2>&9 9>&-
(kill -TERM $BASHPID); echo "status $?"
echo gone >&9
exec 200</etc/passwd; read -r -u 200 line; echo "$line"; exec 200<&-
exit 3
END
}

test_plain_python3() {
    same python3 5 <<'END'
python3 -c '
import asyncio, os, select, socket, subprocess, sys, threading

async def serve(reader, writer):
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()

async def asynchronous():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"asyncio over tcp\n")
    print((await reader.read()).decode(), end="")
    writer.close()
    server.close()
    child = await asyncio.create_subprocess_exec("tr", "a-z", "A-Z", stdin=-1, stdout=-1)
    print((await child.communicate(b"asyncio subprocess\n"))[0].decode(), end="")

asyncio.run(asynchronous())
print(subprocess.run("ls /proc/self/fd; exit 4", shell=True, capture_output=True))
print(subprocess.Popen(["cat"], stdin=-1, stdout=-1, close_fds=True).communicate(b"popen")[0])

results = []
def work(number):
    a, b = socket.socketpair()
    a.sendall(b"%d" % number)
    select.select([b], [], [])
    results.append(int(b.recv(100)))
threads = [threading.Thread(target=work, args=(i,)) for i in range(20)]
[t.start() for t in threads]
[t.join() for t in threads]
print(sorted(results))

epoll, (r, w) = select.epoll(), os.pipe()
epoll.register(r, select.EPOLLIN)
os.write(w, b"x")
print([(fd == r, events) for fd, events in epoll.poll(5)])
poll = select.poll()
poll.register(r, select.POLLIN)
print([(fd == r, events) for fd, events in poll.poll(5)])
os.dup2(r, 50)
os.closerange(3, 60)
try:
    os.read(50, 1)
except OSError as e:
    print(e)
for family, kind, protocol in ((-1, 1, 0), (2, 3, 300), (2, 2, 254), (16, 3, 16)):
    try:
        socket.socket(family, kind, protocol).close()
        print(family, kind, protocol, "opened")
    except OSError as e:
        print(family, kind, protocol, e)
sys.stderr.write("to stderr\n")
pid = os.fork()
if pid == 0:
    os._exit(7)
print(os.waitpid(pid, 0)[1] >> 8)
sys.exit(5)'
END
}

test_plain_curl() {
    same curl 7 <<'END'
mkdir files && seq 200000 >files/big
python3 -m http.server --bind 127.0.0.1 --directory files 8080 >/dev/null 2>&1 &
server=$!
curl -sS --retry 100 --retry-connrefused --retry-delay 0 --retry-max-time 30 -o got http://127.0.0.1:8080/big 2>/dev/null
cmp got files/big && sha256sum got
curl -sS -w '%{http_code} %{size_download}\n' -o got http://127.0.0.1:8080/big http://localhost:8080/nothing
curl -sS -f http://127.0.0.1:8080/nothing; echo "status $?"
kill $server; wait $server 2>/dev/null
curl -sS http://127.0.0.1:8080/ 2>&1 | sed 's/after [0-9]* ms//'
exit "${PIPESTATUS[0]}"
END
}

test_plain_socat() {
    same socat 1 <<'END'
socat TCP4-LISTEN:7000,reuseaddr,fork EXEC:'tr a-z A-Z' 2>/dev/null &
server=$!
until socat -u OPEN:/dev/null TCP4:127.0.0.1:7000 2>/dev/null; do sleep 0.02; done
seq -f 'line %g' 3000 | socat -t 10 - TCP4:127.0.0.1:7000 | sha256sum
socat -u UNIX-LISTEN:socket CREATE:got &
until [[ -S socket ]]; do sleep 0.02; done
seq 3000 | socat -u - UNIX-CONNECT:socket
wait $!
sha256sum got
kill $server
socat - TCP4:127.0.0.1:7001 2>&1 | sed -n 's/.* E //p'
exit "${PIPESTATUS[0]}"
END
}

test_plain_ssh() {
    same ssh 255 <<'END'
ssh -V
ssh -G -F none host.example | sort
ssh -F none -o BatchMode=yes -o ConnectTimeout=5 -p 7002 127.0.0.1 true
END
}

test_plain_perl() {
    same perl 9 <<'END'
perl -e '
use strict; use warnings; use Socket; use IO::Select; $| = 1;
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die;
my $pid = fork();
if (!$pid) { close $a; print $b "from the child\n"; exit 6 }
close $b;
print scalar(IO::Select->new($a)->can_read(10)) == 1 ? "readable\n" : "nothing\n";
print <$a>;
waitpid($pid, 0); print $? >> 8, "\n";
socket(my $raw, AF_INET, SOCK_DGRAM, 254) or print "$!\n";
print `echo backticks`, sprintf("%03d %s\n", 7, join ",", sort map { $_ * 2 } 1 .. 5);
open(my $pipe, "-|", "sort", "-r", "/etc/passwd") or die; my @lines = <$pipe>; print scalar(@lines), "\n";
warn "a warning\n"; exit 9'
END
}

test_plain_git() {
    same git 1 <<'END'
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git init -q -b main one && cd one || exit
seq 10000 >file && git add file && git commit -q -m first && seq 9000 >file && git commit -q -a -m second
git log --stat
git clone -q . ../two && git -C ../two log --oneline
git gc -q && git fsck && git rev-parse HEAD
git daemon --base-path=.. --export-all --listen=127.0.0.1 --port=7003 --reuseaddr 2>/dev/null &
server=$!
until git ls-remote git://127.0.0.1:7003/one 2>/dev/null; do
    kill -0 $server || exit # it could not listen
    sleep 0.02
done
git clone -q git://127.0.0.1:7003/one ../three && git -C ../three log --oneline
kill $server; wait $server 2>/dev/null
git diff --exit-code HEAD~
END
}

test_plain_tar() {
    same tar 0 <<'END'
mkdir d && seq 100000 >d/a && ln -s a d/b && mkfifo d/c
tar --sort=name --mtime=@0 --owner=0 --group=0 -cf - d | gzip -n9 | tee archive | sha256sum
tar -tzf archive && mkdir e && tar -xzf archive -C e && cmp d/a e/d/a && gzip -t archive && ls e/d
END
}

test_plain_dd() {
    same dd 1 <<'END'
dd if=/dev/zero bs=64k count=100 status=none | sha256sum
seq 100000 | dd bs=1000 conv=swab 2>/dev/null | dd skip=5 bs=100 count=50 status=none
dd if=/etc/passwd of=/dev/null bs=10 count=3 2>&1 | head -n 2
dd if=nowhere of=/dev/null
END
}

test_plain_gcc() {
    same gcc 1 <<'END'
cat >x.c <<'C'
#include <sys/socket.h>
#include <stdio.h>
int main(void) { puts("compiled"); return socket(AF_INET, SOCK_RAW, 300) < 0 ? 11 : 0; }
C
gcc -O2 -Wall -pipe -o x x.c && ./x; echo "status $?"
gcc -c -O2 x.c -o x.o && sha256sum x.o
echo 'int f(void) { return 1 }' | gcc -x c -c -o y.o -
END
}

test_plain_find() {
    same find 1 <<'END'
mkdir -p a/b && touch a/b/c a/x
find a | sort | xargs -P 4 -n 1 echo | sort
find nowhere
END
}

run_tests test_plain_ls test_plain_bash test_plain_python3 test_plain_curl test_plain_socat \
    test_plain_ssh test_plain_perl test_plain_git test_plain_tar test_plain_dd test_plain_gcc \
    test_plain_find
finish
