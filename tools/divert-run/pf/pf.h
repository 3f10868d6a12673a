/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads files of pf.conf(5), of OpenBSD and of FreeBSD, and translates them to rules of rule.h.
 * There the first rule that matches decides; in pf the last one does, or the first one that is
 * quick.
 *
 * A file is split into statements (source.c: one line or several, macros replaced), a statement
 * becomes settings, tables and rules (statement.c), and at the end all rules are translated at once
 * (translate.c).
 *
 * Connection tracking replaces the states of pf. A packet of an established connection is first
 * matched as the packet that began the connection: for an answer, addresses, ports and direction
 * are exchanged. If a pass rule that keeps state decides then, its action is taken. Otherwise the
 * packet is matched as it is, like all others.
 */
#ifndef DIVERT_RUN_PF_H
#define DIVERT_RUN_PF_H

#include "language/parser.h"

#define PF_RULES_MAX 8000 /* of rule.h, after translation */

enum pf_action { PF_PASS, PF_BLOCK, PF_MATCH };

/* What the sender of a blocked packet gets. */
enum pf_answer { PF_DROP, PF_RETURN, PF_RETURN_RST, PF_RETURN_ICMP };

/* A part of a list, which holds if any of its atoms does; or if it is negated, if none does. */
struct pf_item {
    enum clause_kind kind;
    bool negated;
    int family;                      /* 4 or 6: holds for that family only; 0: for both */
    char *table;                     /* its addresses are those of a table; or NULL */
    const struct address_list *list; /* these, when it is resolved; NULL: there is none */
    struct rule_atom *atoms;
    size_t count;
};

/* One condition: any of the items holds. */
struct pf_clause {
    enum clause_kind kind;
    struct pf_item *items;
    size_t count;
};

struct pf_rule {
    enum pf_action action;
    enum pf_answer answer; /* of PF_BLOCK */
    uint8_t code, code6;   /* of its ICMP and ICMPv6 unreachable */
    bool quick, stateless, log, log_all;
    unsigned number;       /* in the order in which they were given, from 1 */
    unsigned max_mss;      /* 0: segment sizes stay */
    unsigned tag;          /* of pf_ruleset.tags, from 1; 0: none */
    unsigned quick_anchor; /* the outermost anchor around it that is quick, from 1; 0: none */
    unsigned divert_port;  /* 0: none */
    bool divert_to;        /* by FreeBSD's divert-to */
    bool has_flags;
    struct rule_tcpflags flags; /* for TCP only */
    /* A packet matches if all hold. */
    struct pf_clause *clauses;
    size_t clause_count;
    char *text, *where; /* the statement, and its file and line or NULL */
};

/* What a user should know about an accepted statement. */
struct pf_note {
    bool warning; /* the effect differs from pf's */
    char *text;
};

struct pf_macro;
struct pf_table;
struct pf_anchor;

/* All statements so far. Zeroed memory is an empty set; pf_free() releases it. */
struct pf_ruleset {
    struct pf_rule **rules; /* in the order in which they were given */
    size_t count;
    struct pf_macro *macros;
    size_t macro_count;
    struct pf_table *tables;
    size_t table_count;
    struct pf_anchor *anchors; /* those whose block is open */
    size_t anchor_count;
    unsigned quick_anchors; /* number so far */
    char (*skipped)[IFNAMSIZ + 1];
    size_t skipped_count;
    enum pf_answer block_policy;
    char **tags; /* the names of all */
    size_t tag_count;
    const char *where; /* of the statement that is being read; or NULL */
    unsigned includes; /* files so far */
    char *include;     /* the file that the statement just read names, or NULL */
    struct pf_note *notes;
    size_t note_count;
};

/* The text of a file, and how far it was read. */
struct pf_source {
    const char *text, *at;
    unsigned line; /* of what is at AT, from 1 */
};

/*
 * Reads the next statement into OUT, which is emptied before: one line, without comments, macros
 * replaced. *line is the number of its first line. RULE_EMPTY: there is none left. RULE_BAD: OUT is
 * the invalid statement; the source is behind it.
 */
enum rule_result pf_source_next(struct pf_source *source, const struct pf_ruleset *pf,
                                struct text *out, unsigned *line, struct rule_error *error);

/*
 * Adds a statement as returned by pf_source_next(). Names of hosts, interfaces and users are looked
 * up. RULE_BAD: nothing was added.
 */
enum rule_result pf_statement(struct pf_ruleset *pf, const char *text, struct rule_error *error);

/* Takes the notes on what was read last. The caller frees them. */
size_t pf_take_notes(struct pf_ruleset *pf, struct pf_note **notes);
void pf_free_notes(struct pf_note *notes, size_t count);

/*
 * The first rule after AFTER, or of all if that is NULL, that uses divert-packet, or if DIVERT_TO
 * is set, divert-to, which needs FreeBSD's personality. NULL: there is none.
 */
const struct pf_rule *pf_find_divert(const struct pf_ruleset *pf, bool divert_to,
                                     const struct pf_rule *after);

/* Appends the translation of PF to RULES, which must be empty. False, with the error filled in: it
 * exceeds a limit, or an anchor is not closed. */
bool pf_translate(struct pf_ruleset *pf, struct ruleset *rules, struct rule_error *error);
void pf_free(struct pf_ruleset *pf);

#endif
