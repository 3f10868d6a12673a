/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the name and the flags of an ipfw command, and calls its function. */
#include "ipfw/command.h"

#include "ipfw/commands.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

bool command_at_end(struct command *c)
{
    return parser_at_end(&c->p) || parser_fail(&c->p, "'%s': expected the end here", c->p.word.s);
}

enum ipfw_result command_refused(struct command *c)
{
    c->reply->status = EX_USAGE;
    return IPFW_REFUSED;
}

enum ipfw_result command_failed(struct command *c, int status, const char *fmt, ...)
{
    va_list ap;

    text_add(&c->reply->err, "ipfw: ");
    va_start(ap, fmt);
    text_vadd(&c->reply->err, fmt, ap);
    va_end(ap);
    text_add(&c->reply->err, "\n");
    c->reply->status = status;
    return IPFW_FAILED;
}

bool command_rule_range(struct command *c, struct rule_range *range)
{
    struct word word = c->p.word;
    char *dash = strchr(word.s, '-');
    long lo, hi;

    if (dash)
        *dash = '\0';
    lo = name_to_number(word.s, RULE_DEFAULT);
    hi = dash ? name_to_number(dash + 1, RULE_DEFAULT) : lo;
    if (lo < 0 || hi < lo)
        return parser_fail(&c->p, "'%s': expected the number of a rule, or N-M", c->p.word.s);
    *range = (struct rule_range){(uint32_t)lo, (uint32_t)hi};
    return ipfw_lex_next(&c->p);
}

bool command_word_begins(const struct word *word, const char *name)
{
    return word->length && strncasecmp(name, word->s, word->length) == 0;
}

bool command_set_number(struct command *c, unsigned *set)
{
    long number = name_to_number(c->p.word.s, RULE_SETS - 1);

    if (parser_at_end(&c->p))
        return parser_fail(&c->p, "expected the number of a set, 0 to 31, at the end");
    if (number < 0)
        return parser_fail(&c->p, "'%s': expected the number of a set, 0 to 31", c->p.word.s);
    *set = (unsigned)number;
    return ipfw_lex_next(&c->p);
}

static enum ipfw_result command_switch(struct command *c, bool on)
{
    static const char *const names[] = {"firewall", "altq",          "one_pass", "debug",
                                        "verbose",  "dyn_keepalive", NULL};

    if (!ipfw_lex_in(&c->p.word, names)) {
        parser_fail(&c->p, "'%s': expected firewall, one_pass, debug, verbose or dyn_keepalive",
                    c->p.word.s);
        return command_refused(c);
    }
    if (ipfw_lex_at(&c->p, "firewall") && !c->syntax_only)
        c->model->off = !on;
    return IPFW_DONE;
}

static enum ipfw_result command_enable(struct command *c)
{
    return command_switch(c, true);
}

static enum ipfw_result command_disable(struct command *c)
{
    return command_switch(c, false);
}

static enum ipfw_result refuse_with_way(struct command *c, const char *what, const char *way)
{
    parser_fail_at(&c->p, 0, strlen(c->p.text), "'%s': not supported here: %s", what, way);
    return command_refused(c);
}

/* "pipe flush", "nat 1 delete": there is nothing to delete. */
static bool takes_away(const struct command *c)
{
    static const char *const words[] = {"flush", "delete", "list", "show", NULL};
    struct word next = {0};

    ipfw_lex_peek(&c->p, &next);
    return ipfw_lex_in(&c->p.word, words) || ipfw_lex_in(&next, words);
}

static enum ipfw_result command_nat(struct command *c)
{
    if (takes_away(c))
        return IPFW_DONE;
    return refuse_with_way(c, "nat",
                           "divert to natd, or translate with 'nft add rule ip nat "
                           "postrouting oifname ... masquerade'");
}

static enum ipfw_result command_pipe(struct command *c)
{
    if (takes_away(c))
        return IPFW_DONE;
    return refuse_with_way(c, "pipe, queue, sched", "limit rates with tc(8)");
}

static const struct {
    const char *name;
    ipfw_run_command *run;
    bool needs_name; /* also a word of rules: a command only after */
} commands[] = {
    {"delete", command_delete, false},   {"flush", command_flush, false},
    {"list", command_list, false},       {"print", command_list, false},
    {"show", command_show, false},       {"zero", command_zero, false},
    {"resetlog", command_zero, false},   {"set", command_set, false},
    {"table", command_table, false},     {"enable", command_enable, false},
    {"disable", command_disable, false}, {"nat", command_nat, true},
    {"pipe", command_pipe, true},        {"queue", command_pipe, true},
    {"sched", command_pipe, true},       {"del", command_delete, false},
};

/* The name of the program as scripts write it, in a line that was copied from one. */
static bool is_program_name(const char *word)
{
    static const char *const names[] = {"/sbin/ipfw", "${fwcmd}", "$fwcmd", NULL};
    bool found = strcasecmp(word, "ipfw") == 0;

    for (const char *const *name = names; *name; name++)
        found = found || strcmp(word, *name) == 0;
    return found;
}

/* A word of flags, such as "-q"; several may be joined: "-qf". */
static bool is_flags(const struct word *word)
{
    return word->length > 1 && word->s[0] == '-' &&
           strspn(word->s + 1, "abcdDefiNnqSsTtv") == word->length - 1;
}

static bool read_flags(struct command *c)
{
    while (is_flags(&c->p.word)) {
        const char *s = c->p.word.s;
        bool sorts = strchr(s, 's');

        c->quiet = c->quiet || strchr(s, 'q');
        c->force = c->force || strchr(s, 'f');
        c->syntax_only = c->syntax_only || strchr(s, 'n');
        c->counters = c->counters || strchr(s, 'a');
        c->show_sets = c->show_sets || strchr(s, 'S');
        if (!ipfw_lex_next(&c->p))
            return false;
        if (sorts && isdigit((unsigned char)c->p.word.s[0]) && !ipfw_lex_next(&c->p))
            return false;
    }
    return true;
}

static ipfw_run_command *find_command(struct command *c, bool named)
{
    struct word next = {0};
    bool configures;

    if (!ipfw_lex_peek(&c->p, &next))
        return NULL;
    configures = strcasecmp(next.s, "config") == 0 || strcasecmp(next.s, "show") == 0 ||
                 strstr(c->p.text, " config");
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (strcasecmp(commands[i].name, c->p.word.s) == 0 &&
            (!commands[i].needs_name || named || configures))
            return commands[i].run;
    }
    for (size_t i = 0; named && i < sizeof(commands) / sizeof(*commands); i++) {
        if (command_word_begins(&c->p.word, commands[i].name))
            return commands[i].run;
    }
    return NULL;
}

/* "set 3 delete 100": a command about one set. "set 3 deny ..." is a rule. */
static bool read_set_of_command(struct command *c, bool named)
{
    struct command ahead = *c;
    unsigned set = 0;

    if (!ipfw_lex_at(&c->p, "set") || !ipfw_lex_next(&ahead.p) ||
        !isdigit((unsigned char)ahead.p.word.s[0]))
        return true;
    if (!command_set_number(&ahead, &set))
        return false;
    if (!find_command(&ahead, named))
        return true;
    c->p.word = ahead.p.word;
    c->set = (int)set;
    return true;
}

/* The rule stays where it is in the line, so that errors name the right place. */
static enum ipfw_result add_rest_of_line(struct command *c)
{
    char *line = copy_string(c->p.text);
    enum ipfw_result result;

    memset(line, ' ', c->p.word.offset);
    result = command_add(c, line);
    free(line);
    return result;
}

static enum ipfw_result run_command(struct command *c)
{
    bool named = is_program_name(c->p.word.s), add;
    ipfw_run_command *run;

    if ((named && !ipfw_lex_next(&c->p)) || !read_flags(c) || !read_set_of_command(c, named))
        return command_refused(c);
    run = find_command(c, named);
    if (run && c->set < 0 && ipfw_lex_at(&c->p, "set")) {
        struct word next = {0};

        ipfw_lex_peek(&c->p, &next); /* "set 3 deny ..." */
        run = isdigit((unsigned char)next.s[0]) ? NULL : run;
    }
    if (run)
        return ipfw_lex_next(&c->p) ? run(c) : command_refused(c);
    add = ipfw_lex_at(&c->p, "add") || (named && command_word_begins(&c->p.word, "add"));
    if (add && !ipfw_lex_next(&c->p))
        return command_refused(c);
    if (named && !add && parser_at_end(&c->p)) {
        parser_fail(&c->p, "expected an ipfw command at the end: add, delete, flush, list ...");
        return command_refused(c);
    }
    if (named && !add) {
        parser_fail(&c->p, "'%s': expected an ipfw command: add, delete, flush, list, set ...",
                    c->p.word.s);
        return command_refused(c);
    }
    return add_rest_of_line(c);
}

enum ipfw_result ipfw_command(struct ipfw_model *model, const char *line, struct ipfw_reply *reply)
{
    struct command c = {.model = model, .reply = reply, .set = -1, .p.error = &reply->error};

    if (!ipfw_lex_start(&c.p, line))
        return command_refused(&c);
    return parser_at_end(&c.p) ? IPFW_NOTHING : run_command(&c);
}
