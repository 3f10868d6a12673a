/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nonsense DIVERT-RUN COUNT CANARY: runs COUNT rules that are mostly wrong, the same ones each
 * time, through divert-run --check. Each is refused with status 2 and one line, or taken without a
 * word; what is printed for those that are taken goes to standard output, for the shell, and a
 * summary to standard error. CANARY is the file that the rules try to make.
 */
#include "util/tool.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 64

static const char *const good[] = {
    "divert 8668 ip from any to any via eth0",
    "100 divert 8000 tcp from any to any 80 in recv eth0",
    "200 deny udp from any to any 53",
    "skipto 500 ip from 10.0.0.0/8 to me",
    "tee 7 tcp from any 1024-65535 to 10.0.0.0/8,192.168.0.0:255.255.0.0 22,80,443 setup",
    "count log icmp from any to any icmptypes 0,8,11",
    "allow icmp6 from any to any icmp6types 128",
    "accept ip6 from 2001:db8::/32,fe80::1 to not ::1",
    "drop tcp from not 10.1.1.1,10.1.1.2 not 1-1023 to any established",
    "deny tcp from any to any tcpflags syn,!ack,!fin",
    "deny ip from any to any frag out xmit ppp*",
    "deny ip from any to any iplen 0-20,1500 not diverted",
    "ipfw -q add 50 pass all from any to any src-ip 10.0.0.1 dst-ip me",
    "deny 47 from any to any not via lo // a comment",
};

/* @ is replaced by the canary's name. */
static const char *const nasty[] = {
    "$(touch @)",
    "`touch @`",
    ";touch @",
    "; touch @ ;",
    "|touch @",
    "&& touch @",
    ">@",
    "$IFS",
    "${PATH}",
    "\nEOF\ntouch @\n",
    "EOF",
    "\n-A INPUT -j DROP",
    "\ninclude \"/etc/passwd\"",
    "'",
    "\"",
    "\\",
    "\\n",
    "'; touch @; '",
    "\"; drop; \"",
    "--jump",
    "-j",
    "-j ACCEPT",
    "DROP",
    "{",
    "}",
    "};",
    "#",
    "//",
    "//$(touch @)",
    "*filter",
    "COMMIT",
    "@table",
    "$var",
    "!",
    "!=",
    "*",
    "+",
    "any;",
    "any,",
    ",any",
    ",",
    ",,",
    "not",
    "not not",
    "in out",
    "\x1b[2J\x1b]0;title\x07",
    "\x01\x02\x03",
    "\x7f",
    "\r",
    "\v",
    "\t",
    "\xff\xfe",
    "\302\23331m",
    "gr\303\266\303\237er",
    "\xf0\x9f\x92\xa5",
    "\xd9\xa1\xd9\xa2",
    "%s%n%x",
    "%",
    "0",
    "-1",
    "65536",
    "0x10",
    "1e3",
    "999999999999999999999999",
    "10.0.0.0/33",
    "10.0.0.0/8/8",
    "::/129",
    "1.2.3",
    "0.0.0.0/0",
    "via",
    "via $(touch@)",
    "via `id`",
    "via a;b",
    "via a|b",
    "via a\"b",
    "via a'b",
    "via a\\b",
    "via --jump",
    "via -j",
    "via !x",
    "via a#b",
    "via {x}",
    "via name-of-fifteen",
    "via name-of-fifteen*",
    "via name-of-sixteen-",
    "via %n",
    "via a$b",
    "via a&b",
    "via a<b",
    "via (x)",
    "via ~",
    "via a,b",
    "via a:b",
    "via *",
    "via x*y",
    "via EOF",
};

static uint64_t state = 0x1234567;
static const char *divert_run, *canary;
static unsigned refused, taken, failures;

static unsigned below(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return n ? (unsigned)(state >> 20) % n : 0;
}

static void add_nasty(struct text *out)
{
    const char *s = nasty[below(sizeof(nasty) / sizeof(*nasty))];

    for (; *s; s++) {
        if (*s == '@')
            text_add(out, "%s", canary);
        else
            text_add_bytes(out, s, 1);
    }
}

/* Splits a rule into words, each with what comes before it. */
static size_t split(char *rule, char *words[WORDS_MAX])
{
    size_t count = 0;
    char *word;

    while (count < WORDS_MAX && (word = strsep(&rule, " ")))
        words[count++] = word;
    return count;
}

static void add_word(struct text *out, const char *word)
{
    text_add(out, "%s%s", out->len ? " " : "", word);
}

/* Removes or doubles a word, replaces it, or inserts one before it. */
static void change_words(const char *rule, struct text *out)
{
    char *copy = copy_string(rule), *words[WORDS_MAX];
    size_t count = split(copy, words), at = below((unsigned)count);

    for (size_t i = 0; i < count; i++) {
        unsigned how = i == at ? below(5) : 0;

        if (i == at && how < 3) {
            add_word(out, "");
            add_nasty(out);
        }
        if (i == at && (how == 0 || how == 3))
            continue;
        add_word(out, words[i]);
        if (how == 4)
            add_word(out, words[i]);
        if (how == 2)
            add_nasty(out);
    }
    free(copy);
}

static void change_bytes(const char *rule, struct text *out)
{
    unsigned changes = 1 + below(3);

    text_add(out, "%s", rule);
    while (changes--)
        out->s[below((unsigned)out->len)] = (char)(1 + below(255));
}

static void add_long_word(const char *rule, struct text *out)
{
    static const unsigned lengths[] = {15, 16, 17, 255, 256, 257, 4095, 4096, 65536, 100000};
    unsigned length = lengths[below(10)];
    char fill = (char)("aA1./:,-*$(\\\"'"[below(14)]);
    size_t at = below((unsigned)strlen(rule));

    text_add(out, "%.*s", (int)at, rule);
    while (length--)
        text_add_bytes(out, &fill, 1);
    text_add(out, "%s", rule + at);
}

static void only_words(struct text *out)
{
    unsigned count = below(12);

    while (count--) {
        add_word(out, "");
        if (below(3)) {
            char *copy = copy_string(good[below(sizeof(good) / sizeof(*good))]), *words[WORDS_MAX];
            size_t n = split(copy, words);

            text_add(out, "%s", words[below((unsigned)n)]);
            free(copy);
        } else {
            add_nasty(out);
        }
    }
}

static void make_rule(struct text *out)
{
    const char *rule = good[below(sizeof(good) / sizeof(*good))];

    switch (below(8)) {
    case 0:
        only_words(out);
        break;
    case 1:
        change_bytes(rule, out);
        break;
    case 2:
        add_long_word(rule, out);
        break;
    case 3:
        text_add(out, "%s ", rule);
        add_nasty(out);
        break;
    default:
        change_words(rule, out);
    }
}

static void show(const char *what, const char *rule, const char *said)
{
    fprintf(stderr, "FAIL: %s: \"", what);
    for (size_t i = 0; i < 200 && rule[i]; i++)
        fprintf(stderr, isprint((unsigned char)rule[i]) ? "%c" : "\\x%02x", (unsigned char)rule[i]);
    fprintf(stderr, "\"\n%s", said);
    failures++;
}

static bool plain(const char *s, const char *and_these)
{
    for (; *s; s++)
        if (((unsigned char)*s < ' ' && !strchr(and_these, *s)) || *s == 0x7f)
            return false;
    return true;
}

/* Is it one line of divert-run, followed by nothing, or by the rule with a mark in it? */
static bool one_clear_line(const char *said)
{
    static const char prefix[] = "divert-run: rule ";
    unsigned lines = 0;

    if (strncmp(said, prefix, strlen(prefix)) != 0 || !plain(said, "\n") ||
        strchr(said, '\n') > said + 700)
        return false;
    for (const char *s = said; (s = strchr(s, '\n')); s++) {
        lines++;
        if (s[1] && strncmp(s + 1, "  ", 2) != 0)
            return false;
    }
    return lines == 1 || lines == 3;
}

static int check(const char *rule, const char *backend)
{
    const char *const argv[] = {divert_run, "--backend", backend, "--check", "-r", rule, NULL};
    struct text out = {0}, err = {0};
    int status = tool_run(argv, NULL, &out, &err);

    if (status != 0 && status != 2)
        show("neither taken nor refused", rule, text_str(&err));
    else if (status == 2 && (out.len || !one_clear_line(text_str(&err))))
        show("refused without one clear line", rule, text_str(&err));
    else if (status == 0 && (err.len || !plain(text_str(&out), "\n\t")))
        show("taken, and something was said", rule, text_str(&err));
    if (status == 0)
        printf("%s", text_str(&out));
    text_free(&out);
    text_free(&err);
    return status;
}

int main(int argc, char *argv[])
{
    unsigned long count = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;

    if (!count) {
        fprintf(stderr, "usage: nonsense DIVERT-RUN COUNT CANARY\n");
        return 2;
    }
    divert_run = argv[1];
    canary = argv[3];
    for (unsigned long i = 0; i < count; i++) {
        struct text rule = {0};

        make_rule(&rule);
        if (check(text_str(&rule), "nft") == 0) {
            taken++;
            if (check(text_str(&rule), "iptables") != 0)
                show("taken for nft only", text_str(&rule), "");
        } else {
            refused++;
        }
        text_free(&rule);
    }
    fprintf(stderr, "%u refused, %u taken\n", refused, taken);
    return failures != 0;
}
