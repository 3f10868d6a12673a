# SPDX-License-Identifier: BSD-2-Clause
# IO::Select: perl loop_select.pl PORT PACKETS
use strict;
use warnings;
use IO::Select;
use Socket;

my ($port, $left) = @ARGV;
socket(my $divert, AF_INET, SOCK_RAW, 258) or die "socket: $!";
bind($divert, pack_sockaddr_in($port, INADDR_ANY)) or die "bind: $!";
my $select = IO::Select->new($divert);
while ($left > 0) {
    for my $ready ($select->can_read) {
        my $address = recv($ready, my $packet, 65536, MSG_DONTWAIT) // die "recv: $!";
        send($ready, $packet, 0, $address) // die "send: $!";
        $left--;
    }
}
