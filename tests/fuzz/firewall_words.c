/* SPDX-License-Identifier: BSD-2-Clause */
#include "firewall_words.h"

#include "rule/event.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define INTERFACES "iifname {" /* in a list of them */

static const char *const nft_words[] = {
    "table",      "inet",        "chain",     "type",       "filter",
    "hook",       "priority",    "policy",    "jump",       "goto",
    "return",     "drop",        "counter",   "comment",    "meta",
    "mark",       "set",         "l4proto",   "nfproto",    "ipv4",
    "ipv6",       "tcp",         "udp",       "ip",         "ip6",
    "saddr",      "daddr",       "fib",       "local",      "th",
    "sport",      "dport",       "iifname",   "oifname",    "flags",
    "frag-off",   "frag",        "icmp",      "icmpv6",     "length",
    "queue",      "num",         "log",       "group",      "queue-threshold",
    "tproxy",     "to",          ":1",        "defrag",     "copying",
    "prerouting", "postrouting", "accept;",   "ct",         "state",
    "related",    "established", "direction", "reply",      "original",
    ".",          "iif",         "oif",       "{",          "}",
    ",",          "&",           "|",         "==",         "!=",
    ">=",         "<",           "vmap",      "ttl",        "id",
    "dscp",       "sequence",    "ackseq",    "window",     "option",
    "maxseg",     "size",        "sack-perm", "exists",     "missing",
    "timestamp",  "skuid",       "skgid",     "numgen",     "random",
    "mod",        "@nh,8,3",     "@nh,8,8",   "ipv4_addr;", "ipv6_addr;",
    "interval;",  "elements",    "=",         "prefix",     "syn",
    ">",          "exthdr",      "hbh",       "rt",         "dst",
    "type",       "flowlabel",   "hdrlength", "doff",       "nexthdr",
    "lsrr",       "ssrr",        "rr",        "ipsec",      "code",
    NULL,
};

static const char *const iptables_words[] = {
    "-A",
    "-I",
    "-m",
    "-j",
    "-g",
    "-i",
    "-o",
    "-s",
    "-d",
    "-p",
    "-f",
    "!",
    "-",
    "[0:0]",
    "*raw",
    "*mangle",
    "COMMIT",
    "PREROUTING",
    "POSTROUTING",
    "MARK",
    "NFQUEUE",
    "NFLOG",
    "RETURN",
    "DROP",
    "LOCAL",
    "mark",
    "comment",
    "socket",
    "bpf",
    "u32",
    "addrtype",
    "multiport",
    "length",
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "ipv6-icmp",
    "--mark",
    "--comment",
    "--set-xmark",
    "--queue-num",
    "--queue-balance",
    "--nflog-group",
    "--nflog-threshold",
    "--nflog-prefix",
    "DSCP",
    "--set-dscp",
    "TCPMSS",
    "--set-mss",
    "ipv6header",
    "--soft",
    "--header",
    "hop",
    "route",
    "frag",
    "dst",
    "auth",
    "esp",
    "rt",
    "--rt-type",
    "policy",
    "--dir",
    "in",
    "--pol",
    "ipsec",
    "none",
    "--src-type",
    "--dst-type",
    "--sport",
    "--dport",
    "--sports",
    "--dports",
    "--tcp-flags",
    "--icmp-type",
    "--icmpv6-type",
    "--length",
    "--bytecode",
    "--u32",
    "conntrack",
    "--ctstate",
    "RELATED",
    "ESTABLISHED",
    "--ctdir",
    "REPLY",
    "ORIGINAL",
    "--limit-iface-in",
    "--limit-iface-out",
    "dscp",
    "--dscp",
    "tcpmss",
    "--mss",
    "--tcp-option",
    "owner",
    "--uid-owner",
    "--gid-owner",
    "rpfilter",
    "--invert",
    "--loose",
    "statistic",
    "--mode",
    "random",
    "--probability",
    NULL,
};

struct reader {
    const struct ruleset *rules;
    const struct filter_options *options;
    int family;
    char word[512], before[64]; /* this one, and that before it in the line */
};

static bool among(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (*word == **words && !strcmp(word, *words))
            return true;
    return false;
}

/* Numbers, addresses, ranges and lists of them. */
static bool is_number(const char *word)
{
    return isxdigit((unsigned char)*word) || *word == ':' || *word == '-'
               ? strspn(word, "0123456789abcdefx.:/,-;") == strlen(word)
               : false;
}

static bool is_tcp_flags(const char *word)
{
    static const char *const flags[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "NONE", NULL};
    char copy[64], *rest = copy, *flag;

    snprintf(copy, sizeof(copy), "%s", word);
    while ((flag = strsep(&rest, ",")))
        if (!among(flag, flags))
            return false;
    return true;
}

/* Our chains: "divert-ab12-in-d100" or ":divert-..." and, in a table of our own, "incoming-d100".
 */
static bool is_chain(const struct reader *r, const char *word)
{
    static const char *const ends[] = {"in", "out", "end", "incoming", "outgoing"};
    char prefix[32];

    snprintf(prefix, sizeof(prefix), r->family ? "divert-%s-" : "divert_%s", r->options->id);
    word += r->family && *word == ':';
    if (!strncmp(word, prefix, strlen(prefix)))
        word += strlen(prefix);
    else if (r->family)
        return false;
    if (!*word)
        return !r->family;
    for (int i = r->family ? 0 : 3; i < (r->family ? 3 : 5); i++) {
        size_t len = strlen(ends[i]);

        if (!strncmp(word, ends[i], len) &&
            strspn(word + len, "-0123456789abcdefghijklmnopqrstuvwxyz") == strlen(word + len))
            return true;
    }
    return false;
}

/* Words of dynamic rules: "state-3-4p" and "@limit-3-6" of a rule, "fin-4", and lifetimes such as
 * "20s". */
static bool is_dynamic(const char *word)
{
    static const char *const names[] = {"state-", "limit-", "fin-"};
    static const char *const words[] = {"update",     "delete",       "add",     "timeout",
                                        "count",      "over",         "dynamic", "ipv4_addr",
                                        "ipv6_addr",  "inet_service", "udplite", "sctp",
                                        "inet_proto", "dccp",         NULL};

    if (among(word, words))
        return true;

    word += *word == '@';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len = strlen(names[i]);

        if (!strncmp(word, names[i], len))
            return strspn(word + len, "0123456789-peo") == strlen(word + len);
    }
    return isdigit((unsigned char)*word) && word[strspn(word, "0123456789")] == 's' &&
           !word[strspn(word, "0123456789") + 1];
}

static bool is_interface_option(const struct reader *r)
{
    static const char *const nft[] = {"iifname", "oifname", INTERFACES, NULL};
    static const char *const iptables[] = {"-i", "-o", NULL};

    return among(r->before, r->family ? iptables : nft);
}

/* Is it NAME in the back end's spelling? */
static bool is_spelled(const struct reader *r, const char *word, const char *name)
{
    char spelled[IFNAMSIZ + 8];
    size_t stem = strcspn(name, "*");

    if (r->family)
        snprintf(spelled, sizeof(spelled), "%.*s%s", (int)stem, name, name[stem] ? "+" : "");
    else
        snprintf(spelled, sizeof(spelled), "\"%s\"", name);
    return !strcmp(word, spelled);
}

static bool is_interface(const struct reader *r, const char *word)
{
    for (size_t i = 0; i < r->rules->count; i++) {
        const struct rule *rule = r->rules->rules[i];

        for (unsigned int j = 0; j < rule->clause_count; j++) {
            const struct rule_clause *clause = &rule->clauses[j];
            bool spoofed = clause->kind == CLAUSE_SPOOFED;

            if (!spoofed && clause->kind != CLAUSE_VIA && clause->kind != CLAUSE_RECV &&
                clause->kind != CLAUSE_XMIT)
                continue;
            for (unsigned int k = spoofed; k < clause->count; k += spoofed ? 2 : 1)
                if (is_spelled(r, word, rule->atoms[clause->first + k].ifname))
                    return true;
        }
    }
    return false;
}

/* An event, which must have no characters with another meaning. */
static bool is_event(const char *word, size_t len)
{
    static const char characters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ";
    struct event event;
    char text[EVENT_TEXT_MAX + 1];

    if (len - 2 > EVENT_TEXT_MAX)
        return false;
    snprintf(text, sizeof(text), "%.*s", (int)len - 2, word + 1);
    return event_read(text, &event) && strspn(text, characters) == strlen(text);
}

/* Quoted words of ours: the owner, events, and what two matches of iptables take. */
static bool is_quoted(const struct reader *r, const char *word)
{
    size_t len = strlen(word);

    if (!strcmp(r->before, r->family ? "--comment" : "comment"))
        return len == strlen(r->options->owner) + 2 &&
               !memcmp(word + 1, r->options->owner, len - 2);
    if (!strcmp(r->before, r->family ? "--nflog-prefix" : "prefix"))
        return is_event(word, len);
    return r->family && (!strcmp(r->before, "--bytecode") || !strcmp(r->before, "--u32")) &&
           strspn(word + 1, "0123456789abcdefx ,&>=:@") == len - 2;
}

/* nft's operator, and its braces and commas. */
static bool stands_beside_interfaces(const struct reader *r, const char *word)
{
    static const char *const words[] = {"!=", "{", ",", NULL};

    return !r->family &&
           (among(word, words) || (!strcmp(word, "}") && !strcmp(r->before, INTERFACES)));
}

/* A set of addresses in nft, or what is looked up in it. */
static bool is_list(const char *word)
{
    unsigned int number, family;
    int end = 0;

    return sscanf(word + (*word == '@'), "list%u_%u%n", &number, &family, &end) == 2 &&
           !word[(*word == '@') + end];
}

static bool is_ours(const struct reader *r)
{
    const char *word = r->word;

    if (is_interface_option(r) && !stands_beside_interfaces(r, word))
        return is_interface(r, word);
    if (!r->family && is_list(word))
        return true;
    if (*word == '"')
        return is_quoted(r, word);
    return among(word, r->family ? iptables_words : nft_words) || is_number(word) ||
           is_chain(r, word) || (r->family ? is_tcp_flags(word) : is_dynamic(word));
}

/* Reads the next word of a line, quoted ones whole; returns the length read. */
static size_t next_word(const char *s, char *word, size_t room)
{
    size_t blanks = strspn(s, " \t"), len;

    s += blanks;
    len = strcspn(s, " \t\n");
    if (*s == '"')
        len = strcspn(s + 1, "\"\n") + 1 + (s[strcspn(s + 1, "\"\n") + 1] == '"');
    /* nft's commas and semicolons follow words directly */
    if (len > 1 && s[len - 1] == ',')
        len--;
    if (room > len)
        room = len + 1;
    memcpy(word, s, room - 1);
    word[room - 1] = '\0';
    return blanks + len;
}

/* "!=" comes between nft's iifname and the name, and so does the brace before several names. */
static void remember(struct reader *r)
{
    bool several = !strcmp(r->before, INTERFACES);

    if (!strcmp(r->word, "!=") || (several && (*r->word == '"' || !strcmp(r->word, ","))))
        return;
    if (!r->family && is_interface_option(r) && !strcmp(r->word, "{"))
        strcpy(r->before, INTERFACES);
    else
        snprintf(r->before, sizeof(r->before), "%.63s", r->word);
}

static bool comment_is_clean(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            return false;
    return true;
}

const char *firewall_stray_word(const char *text, const struct ruleset *rules,
                                const struct filter_options *options, int family)
{
    static struct reader r;

    r = (struct reader){.rules = rules, .options = options, .family = family};
    while (*text) {
        size_t len;

        text += strspn(text, "\t");
        len = strcspn(text, "\n");
        r.before[0] = '\0';
        if (*text == '#') {
            snprintf(r.word, sizeof(r.word), "%.*s", (int)len, text);
            if (!comment_is_clean(text, len))
                return r.word;
            text += len;
        }
        while (*text && *text != '\n') {
            text += next_word(text, r.word, sizeof(r.word));
            if (*r.word && !is_ours(&r))
                return r.word;
            remember(&r);
        }
        text += *text == '\n';
    }
    return NULL;
}
