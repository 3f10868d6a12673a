/* SPDX-License-Identifier: BSD-2-Clause */
/* Macros of a pf file: "name = value", and $name for the value. */
#include "pf/private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX  16
#define REPLACED_MAX (1u << 20) /* bytes of a statement */
#define STEPS_MAX    100000     /* macros replaced in it */

struct pf_macro {
    char *name, *value;
};

static const char *macro_value(const struct pf_ruleset *pf, const char *name, size_t length)
{
    for (size_t i = pf->macro_count; i-- > 0;) {
        const struct pf_macro *macro = &pf->macros[i];

        if (strlen(macro->name) == length && memcmp(macro->name, name, length) == 0)
            return macro->value;
    }
    return NULL;
}

static size_t macro_name_length(const char *s)
{
    size_t length = 0;

    while (isalnum((unsigned char)s[length]) || s[length] == '_')
        length++;
    return length;
}

struct replacement {
    const struct pf_ruleset *pf;
    struct text *out;
    struct rule_error *error;
    unsigned steps;
};

static bool macro_fail(struct replacement *r, const char *name, size_t length, const char *what)
{
    r->error->offset = r->out->len;
    r->error->length = length + 1;
    snprintf(r->error->message, sizeof(r->error->message), "'$%.*s': %s",
             (int)(length < 200 ? length : 200), name, what);
    return false;
}

/* Nothing is replaced within quotation marks; a value has none of its own. */
static bool replace_in(struct replacement *r, const char *s, unsigned nesting)
{
    char quoted = 0;

    while (*s) {
        size_t length = *s == '$' && !quoted ? macro_name_length(s + 1) : 0;
        const char *value = length ? macro_value(r->pf, s + 1, length) : NULL;

        if (!length) {
            if (strchr("\"'", *s) && (!quoted || quoted == *s))
                quoted = quoted ? 0 : *s;
            text_add_bytes(r->out, s++, 1);
            continue;
        }
        if (!value)
            return macro_fail(r, s + 1, length, "this macro is not defined");
        if (nesting == NESTING_MAX || r->out->len > REPLACED_MAX || ++r->steps > STEPS_MAX)
            return macro_fail(r, s + 1, length, "macros are nested too deeply, or too long");
        if (!replace_in(r, value, nesting + 1))
            return false;
        s += 1 + length;
    }
    return true;
}

bool pf_macros_replace(const struct pf_ruleset *pf, const char *text, struct text *out,
                       struct rule_error *error)
{
    struct replacement r = {pf, out, error, 0};
    bool good = replace_in(&r, text, 0);

    if (!good) { /* the place of the error is in the text as it is written */
        const char *name = strchr(error->message, '$');
        const char *at = strstr(text, "$");
        size_t length = name ? strcspn(name, "'") : 0;

        while (at && name && strncmp(at, name, length) != 0)
            at = strchr(at + 1, '$');
        error->offset = at ? (size_t)(at - text) : 0;
        error->length = at ? length : 0;
        text_free(out);
        text_add(out, "%s", text);
    }
    return good;
}

/* The value without quotation marks. */
static char *unquote(const char *s)
{
    struct text value = {0};
    char *copy;

    for (; *s; s++) {
        if (*s != '"' && *s != '\'')
            text_add_bytes(&value, s, 1);
    }
    while (value.len && isspace((unsigned char)value.s[value.len - 1]))
        value.s[--value.len] = '\0';
    copy = copy_string(text_str(&value));
    text_free(&value);
    return copy;
}

bool pf_macro_define(struct pf_ruleset *pf, const char *text)
{
    size_t length = macro_name_length(text);
    const char *at = text + length;
    struct pf_macro *macro;

    at += strspn(at, " \t");
    if (!length || *at != '=')
        return false;
    at++;
    at += strspn(at, " \t\r");
    pf->macros = grow_array(pf->macros, pf->macro_count + 1, sizeof(*pf->macros));
    macro = &pf->macros[pf->macro_count++];
    macro->name = grow_array(NULL, length + 1, 1);
    memcpy(macro->name, text, length);
    macro->name[length] = '\0';
    macro->value = unquote(at);
    return true;
}

void pf_macros_free(struct pf_ruleset *pf)
{
    for (size_t i = 0; i < pf->macro_count; i++) {
        free(pf->macros[i].name);
        free(pf->macros[i].value);
    }
    free(pf->macros);
}
