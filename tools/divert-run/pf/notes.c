/* SPDX-License-Identifier: BSD-2-Clause */
/* What a user should know about accepted statements. */
#include "pf/private.h"

#include <stdlib.h>
#include <string.h>

static void add_pf_note(struct pf_ruleset *pf, bool warning, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
static void add_pf_note(struct pf_ruleset *pf, bool warning, const char *fmt, va_list ap)
{
    struct text text = {0};

    text_vadd(&text, fmt, ap);
    for (size_t i = 0; i < pf->note_count; i++) {
        if (strcmp(pf->notes[i].text, text_str(&text)) == 0) {
            text_free(&text);
            return;
        }
    }
    pf->notes = grow_array(pf->notes, pf->note_count + 1, sizeof(*pf->notes));
    pf->notes[pf->note_count++] = (struct pf_note){warning, copy_string(text_str(&text))};
    text_free(&text);
}

void pf_warn(struct pf_ruleset *pf, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add_pf_note(pf, true, fmt, ap);
    va_end(ap);
}

void pf_note(struct pf_ruleset *pf, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add_pf_note(pf, false, fmt, ap);
    va_end(ap);
}

size_t pf_take_notes(struct pf_ruleset *pf, struct pf_note **notes)
{
    size_t count = pf->note_count;

    *notes = pf->notes;
    pf->notes = NULL;
    pf->note_count = 0;
    return count;
}

void pf_free_notes(struct pf_note *notes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(notes[i].text);
    free(notes);
}
