/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads listings of nft(8) and iptables-save(8). */
#include "status/listing.h"

#include "nft/nft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void begin_chain(struct listing *listing, int family, const char *name)
{
    struct listing_chain *chain;

    listing->chains =
        grow_array(listing->chains, listing->chain_count + 1, sizeof(*listing->chains));
    chain = &listing->chains[listing->chain_count++];
    *chain = (struct listing_chain){.family = family, .first = listing->row_count};
    snprintf(chain->name, sizeof(chain->name), "%s", name);
}

static void add_row(struct listing *listing, const struct listing_row *row)
{
    listing->rows = grow_array(listing->rows, listing->row_count + 1, sizeof(*listing->rows));
    listing->rows[listing->row_count++] = *row;
    listing->chains[listing->chain_count - 1].count++;
}

static bool read_count(const char *text, const char *format, struct status_count *count)
{
    unsigned long long packets, bytes;

    if (!text || sscanf(text, format, &packets, &bytes) != 2)
        return false;
    *count = (struct status_count){.packets = packets, .bytes = bytes};
    return true;
}

static bool read_nft_count(const char *text, struct status_count *count)
{
    return read_count(strstr(text, "counter packets "), "counter packets %llu bytes %llu", count);
}

/* ---- elements of sets ---- */

/* "299s", "4m59s100ms": in seconds. */
static unsigned read_duration(const char *s)
{
    unsigned long long seconds = 0, value;
    char *unit;

    for (;; s = unit) {
        value = strtoull(s, &unit, 10);
        if (unit == s || seconds > 365 * 86400ULL)
            break;
        if (strncmp(unit, "ms", 2) == 0)
            break;
        seconds += value * (*unit == 'd' ? 86400 : *unit == 'h' ? 3600 : *unit == 'm' ? 60 : 1);
        unit += *unit != '\0';
    }
    return seconds < UINT32_MAX ? (unsigned)seconds : UINT32_MAX;
}

static bool read_state_key(const char *s, bool ports, struct listing_state *state)
{
    if (ports)
        return sscanf(s, " %45s . %u . %45s . %u . %u", state->source, &state->source_port,
                      state->destination, &state->destination_port, &state->proto) == 5;
    return sscanf(s, " %45s . %45s . %u", state->source, state->destination, &state->proto) == 3;
}

static void add_element(struct listing *listing, const char *set, const char *element)
{
    struct listing_state state = {0};
    const char *expires = strstr(element, " expires ");
    char kind;
    int end = 0;

    if (sscanf(set, "state-%zu-%d%c%n", &state.maker, &state.family, &kind, &end) != 3 ||
        set[end] || (state.family != 4 && state.family != 6) ||
        !read_state_key(element, kind != 'o', &state))
        return;
    read_nft_count(element, &state.count);
    state.count.packets /= NFT_STATE_COUNTS;
    state.count.bytes /= NFT_STATE_COUNTS;
    state.seconds = expires ? read_duration(expires + strlen(" expires ")) : 0;
    listing->states =
        grow_array(listing->states, listing->state_count + 1, sizeof(*listing->states));
    listing->states[listing->state_count++] = state;
}

/* Part of the elements of a set, which take several lines. */
static void add_elements(struct listing *listing, const char *set, char *line)
{
    char *element;

    line[strcspn(line, "}")] = '\0';
    while ((element = strsep(&line, ",")))
        add_element(listing, set, element);
}

/* ---- nft ---- */

enum block { BLOCK_NONE, BLOCK_CHAIN, BLOCK_SET, BLOCK_ELEMENTS };

struct nft_reader {
    struct listing *listing;
    enum block block;
    char name[LISTING_NAME];
};

static void begin_block(struct nft_reader *r, const char *line)
{
    char word[8], brace;

    if (sscanf(line, "%7s %31s %c", word, r->name, &brace) != 3 || brace != '{')
        return;
    if (strcmp(word, "chain") == 0) {
        r->block = BLOCK_CHAIN;
        begin_chain(r->listing, 0, r->name);
    } else if (strcmp(word, "set") == 0) {
        r->block = BLOCK_SET;
    }
}

static void add_nft_row(struct listing *listing, const char *line)
{
    struct listing_row row = {0};

    if (strncmp(line, "type filter hook ", 17) == 0 || strncmp(line, "comment ", 8) == 0)
        return;
    row.counts = read_nft_count(line, &row.count);
    add_row(listing, &row);
}

static void read_nft_line(struct nft_reader *r, char *line)
{
    static const char elements[] = "elements = {";

    if (r->block == BLOCK_NONE) {
        begin_block(r, line);
        return;
    }
    if (strcmp(line, "}") == 0) {
        r->block = BLOCK_NONE;
        return;
    }
    if (r->block == BLOCK_CHAIN)
        add_nft_row(r->listing, line);
    if (r->block == BLOCK_SET && strncmp(line, elements, sizeof(elements) - 1) == 0) {
        r->block = BLOCK_ELEMENTS;
        line += sizeof(elements) - 1;
    }
    if (r->block == BLOCK_ELEMENTS) {
        r->block = strchr(line, '}') ? BLOCK_SET : BLOCK_ELEMENTS;
        add_elements(r->listing, r->name, line);
    }
}

void listing_add_nft(struct listing *listing, char *text)
{
    struct nft_reader reader = {.listing = listing};
    char *line;

    while ((line = strsep(&text, "\n"))) {
        line += strspn(line, " \t");
        if (*line)
            read_nft_line(&reader, line);
    }
}

/* ---- iptables ---- */

void listing_add_iptables(struct listing *listing, int family, char *text)
{
    char *line, last[LISTING_NAME] = "", name[LISTING_NAME];

    while ((line = strsep(&text, "\n"))) {
        struct listing_row row = {.counts = true};
        int end = 0;

        if (!read_count(line, "[%llu:%llu] -A ", &row.count) ||
            sscanf(line, "[%*u:%*u] -A divert-%n", &end) != 0 || !end ||
            sscanf(line, "[%*u:%*u] -A %31s", name) != 1)
            continue;
        if (strcmp(name, last) != 0)
            begin_chain(listing, family, name);
        memcpy(last, name, sizeof(last));
        add_row(listing, &row);
    }
}

/* ---- looking ---- */

static int compare_chains(const void *a, const void *b)
{
    const struct listing_chain *x = a, *y = b;

    return x->family != y->family ? x->family - y->family : strcmp(x->name, y->name);
}

void listing_sort(struct listing *listing)
{
    if (listing->chain_count)
        qsort(listing->chains, listing->chain_count, sizeof(*listing->chains), compare_chains);
}

bool listing_count(const struct listing *listing, int family, const char *chain, unsigned row,
                   struct status_count *sum)
{
    struct listing_chain key = {.family = family};
    const struct listing_chain *found;
    const struct listing_row *counted;

    snprintf(key.name, sizeof(key.name), "%s", chain);
    found = listing->chain_count ? bsearch(&key, listing->chains, listing->chain_count,
                                           sizeof(*listing->chains), compare_chains)
                                 : NULL;
    if (!found || row >= found->count)
        return false;
    counted = &listing->rows[found->first + row];
    sum->packets += counted->count.packets;
    sum->bytes += counted->count.bytes;
    return counted->counts;
}

void listing_free(struct listing *listing)
{
    free(listing->rows);
    free(listing->chains);
    free(listing->states);
    *listing = (struct listing){0};
}
