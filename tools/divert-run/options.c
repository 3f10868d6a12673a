/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the command line. */
#include "options.h"

#include "common/mark.h"
#include "ipfw/resolve.h"
#include "pf_source.h"
#include "rule_source.h"
#include "script/script.h"
#include "util/message.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPT_SCRIPT = 256,
    OPT_PF,
    OPT_PF_FILE,
    OPT_BACKEND,
    OPT_PERSONALITY,
    OPT_MASK,
    OPT_TAG_MASK,
    OPT_GSO,
    OPT_LISTENERS,
    OPT_NO_RESTORE,
    OPT_CHECK,
    OPT_TRACE,
    OPT_PCAP,
    OPT_STATUS,
    OPT_JSON,
    OPT_CLEANUP,
    OPT_VERSION
};

#define SHORT_OPTIONS "+:r:f:vqh"

static const struct option long_options[] = {
    {"rule", required_argument, NULL, 'r'},
    {"file", required_argument, NULL, 'f'},
    {"ipfw-script", required_argument, NULL, OPT_SCRIPT},
    {"pf", required_argument, NULL, OPT_PF},
    {"pf-file", required_argument, NULL, OPT_PF_FILE},
    {"backend", required_argument, NULL, OPT_BACKEND},
    {"personality", required_argument, NULL, OPT_PERSONALITY},
    {"mark-mask", required_argument, NULL, OPT_MASK},
    {"tag-mask", required_argument, NULL, OPT_TAG_MASK},
    {"gso", no_argument, NULL, OPT_GSO},
    {"listeners", required_argument, NULL, OPT_LISTENERS},
    {"no-restore", no_argument, NULL, OPT_NO_RESTORE},
    {"check", no_argument, NULL, OPT_CHECK},
    {"trace", optional_argument, NULL, OPT_TRACE},
    {"pcap", required_argument, NULL, OPT_PCAP},
    {"status", optional_argument, NULL, OPT_STATUS},
    {"json", no_argument, NULL, OPT_JSON},
    {"cleanup", no_argument, NULL, OPT_CLEANUP},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

void options_help(void)
{
    puts("usage: divert-run [RULES] [options] [--] COMMAND [ARG]...\n"
         "       divert-run --ipfw-script FILE [options] [SCRIPT-ARG...] -- COMMAND...\n"
         "Runs COMMAND and diverts packets to it by RULES of ipfw(8) or pf.conf(5).\n"
         "\n"
         "  -r, --rule RULE         a rule: divert 8668 ip4 from any to any via eth0\n"
         "  -f, --file FILE         rules, one per line; - is the standard input\n"
         "      --ipfw-script FILE  a shell script that makes rules with ipfw\n"
         "      --pf RULE           a pf rule: pass out on em0 divert-packet port 700\n"
         "      --pf-file FILE      a pf.conf; - is the standard input\n"
         "      --backend NAME      nft, iptables, or auto: what this kernel can do\n"
         "      --personality NAME  whose divert(4) COMMAND sees: freebsd or openbsd\n"
         "      --mark-mask MASK    16 bits of the packet mark to use (0xffff0000)\n"
         "      --tag-mask MASK     bits of the packet mark for tag and tagged\n"
         "      --gso               hand over large TCP packets unsegmented\n"
         "      --listeners N       N sockets with SO_REUSEPORT_LB share a divert port\n"
         "      --trace[=FILE]      a line for each packet, to standard error or a file\n"
         "      --pcap FILE         the packets, for tcpdump and Wireshark\n"
         "      --no-restore        do not put back rules that somebody removes\n"
         "      --check             print the firewall commands and exit\n"
         "      --status[=SECONDS]  live divert sockets and rules, once or every SECONDS\n"
         "      --json              the same as JSON\n"
         "      --cleanup           remove the rules that a killed divert-run left\n"
         "  -v, -q                  print more (-vv: even more); print errors only\n"
         "  -h, --help, --version");
}

static int report_bad_value(const char *option, const char *value, const char *expected)
{
    message_error("%s '%s': expected %s", option, value, expected);
    return STATUS_USAGE;
}

static int set_backend(struct filter *filter, const char *name)
{
    static const char *const names[] = {
        [FILTER_AUTO] = "auto", [FILTER_NFT] = "nft", [FILTER_IPTABLES] = "iptables"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) == 0) {
            filter->kind = (enum filter_kind)i;
            return 0;
        }
    }
    return report_bad_value("--backend", name, "auto, nft or iptables");
}

/* Up to 32 bits. False: it is no number. */
static bool read_mask_value(const char *s, uint32_t *mask)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(s, &end, 0);
    *mask = (uint32_t)value;
    return !errno && !*end && end != s && *s != '-' && value <= UINT32_MAX;
}

static int set_mask(struct filter *filter, const char *s)
{
    uint32_t mask;

    if (!read_mask_value(s, &mask) || !mark_mask_valid(mask))
        return report_bad_value("--mark-mask", s,
                                "16 bits side by side, such as 0xffff0000 or 0x00ffff00");
    filter->options.mark_mask = mask;
    return 0;
}

static int set_tag_mask(struct filter *filter, const char *s)
{
    if (!read_mask_value(s, &filter->options.tag_mask))
        return report_bad_value("--tag-mask", s, "bits of the packet mark, such as 0x0000000f");
    return 0;
}

static int set_listeners(struct filter *filter, const char *s)
{
    long listeners = name_to_number(s, 256);

    if (listeners < 1)
        return report_bad_value("--listeners", s, "a number from 1 to 256");
    filter->options.listeners = (unsigned)listeners;
    return 0;
}

static int set_personality(struct options *options, const char *name)
{
    if (strcmp(name, "freebsd") != 0 && strcmp(name, "openbsd") != 0)
        return report_bad_value("--personality", name, "freebsd or openbsd");
    options->personality = name;
    return 0;
}

static int set_status(struct options *options, const char *s)
{
    char *end;

    options->mode = MODE_STATUS;
    if (!s)
        return 0;
    options->interval = strtod(s, &end);
    if (end == s || *end || !(options->interval >= 0.01 && options->interval <= 86400))
        return report_bad_value("--status", s, "an interval in seconds, 0.01 to 86400");
    return 0;
}

/* Applies an option that has no invalid value. */
static void apply_plain_option(int option, struct options *options)
{
    switch (option) {
    case 'v':
        verbosity = verbosity < 0 ? 1 : verbosity + 1;
        break;
    case 'q':
        verbosity = -1;
        break;
    case 'h':
        options->mode = MODE_HELP;
        break;
    case OPT_VERSION:
        options->mode = MODE_VERSION;
        break;
    case OPT_CHECK:
        options->mode = MODE_CHECK;
        break;
    case OPT_CLEANUP:
        options->mode = MODE_CLEANUP;
        break;
    case OPT_GSO:
        options->gso = true;
        break;
    case OPT_NO_RESTORE:
        options->no_restore = true;
        break;
    case OPT_JSON:
        options->json = true;
        break;
    case OPT_TRACE:
        options->trace = optarg ? optarg : "-";
        break;
    case OPT_PCAP:
        options->pcap = optarg;
        break;
    }
}

/* 0, or an exit status after an error message. */
static int apply_option(int option, struct options *options, struct rule_source *source)
{
    switch (option) {
    case 'r':
        return rules_from_argument(source, LANGUAGE_IPFW, optarg);
    case 'f':
        return rules_from_file(source, LANGUAGE_IPFW, optarg);
    case OPT_SCRIPT:
        return script_run(optarg, options->script_args, source->model);
    case OPT_PF:
        return rules_from_argument(source, LANGUAGE_PF, optarg);
    case OPT_PF_FILE:
        return rules_from_file(source, LANGUAGE_PF, optarg);
    case OPT_BACKEND:
        return set_backend(&options->filter, optarg);
    case OPT_PERSONALITY:
        return set_personality(options, optarg);
    case OPT_MASK:
        return set_mask(&options->filter, optarg);
    case OPT_TAG_MASK:
        return set_tag_mask(&options->filter, optarg);
    case OPT_LISTENERS:
        return set_listeners(&options->filter, optarg);
    case OPT_STATUS:
        return set_status(options, optarg);
    default:
        apply_plain_option(option, options);
        return 0;
    }
}

/* Does WORD become NAME when up to ERRORS letters are inserted, removed or replaced? */
static bool is_nearly(const char *word, const char *name, unsigned errors)
{
    while (*word && *word == *name) {
        word++;
        name++;
    }
    if (!*word && !*name)
        return true;
    if (!errors)
        return false;
    return (*word && *name && is_nearly(word + 1, name + 1, errors - 1)) ||
           (*word && is_nearly(word + 1, name, errors - 1)) ||
           (*name && is_nearly(word, name + 1, errors - 1));
}

/* The long option that WORD is probably a misspelling of, or NULL. */
static const char *option_meant(const char *word)
{
    if (strncmp(word, "--", 2) != 0)
        return NULL;
    for (unsigned errors = 1; errors <= 2; errors++) {
        for (const struct option *o = long_options; o->name; o++) {
            if (is_nearly(word + 2, o->name, errors))
                return o->name;
        }
    }
    return NULL;
}

/* Instead of getopt's own messages, which have another form. */
static int report_unknown_option(char *argv[], int option)
{
    const char *word = argv[optind - 1];

    if (option == ':')
        message_error("%s: this option needs a value (divert-run --help)", word);
    else if (optopt > ' ' && optopt < 127)
        message_error("-%c: unknown option (divert-run --help)", optopt);
    else if (option_meant(word))
        message_error("%s: unknown option; did you mean --%s?", word, option_meant(word));
    else
        message_error("%s: unknown option (divert-run --help)", word);
    return STATUS_USAGE;
}

static int check_listener_ports(const struct options *options)
{
    unsigned more = options->filter.options.listeners - 1;

    for (size_t i = 0; i < options->rules.count; i++) {
        const struct rule *rule = options->rules.rules[i];

        if (rule->action != RULE_DIVERT || rule->argument + more <= 65535)
            continue;
        message_error("divert port %u: --listeners %u allows ports up to %u", rule->argument,
                      more + 1, 65535 - more);
        return STATUS_USAGE;
    }
    return 0;
}

static int check_mode(const struct options *options)
{
    if (options->mode == MODE_RUN && !options->command) {
        message_error("no command to run (divert-run --help)");
        return STATUS_USAGE;
    }
    if (options->mode == MODE_STATUS && options->command) {
        message_error("--status takes no command; seconds are written as --status=1");
        return STATUS_USAGE;
    }
    if (options->json && options->mode != MODE_STATUS) {
        message_error("--json needs --status");
        return STATUS_USAGE;
    }
    if (options->mode == MODE_CHECK && !options->rules.count) {
        message_error("--check: there is no rule to check; give one with -r, -f or --pf");
        return STATUS_USAGE;
    }
    return check_listener_ports(options);
}

/* A lifetime, as a script may have set it; 0, which nft takes for no timeout, becomes 1. */
static unsigned lifetime(const struct ipfw_model *model, enum ipfw_variable variable)
{
    unsigned seconds = ipfw_variable(model, variable);

    return seconds ? seconds : 1;
}

static struct dynamic_lifetimes lifetimes_of(const struct ipfw_model *model)
{
    return (struct dynamic_lifetimes){.ack = lifetime(model, IPFW_ACK_LIFETIME),
                                      .syn = lifetime(model, IPFW_SYN_LIFETIME),
                                      .fin = lifetime(model, IPFW_FIN_LIFETIME),
                                      .rst = lifetime(model, IPFW_RST_LIFETIME),
                                      .udp = lifetime(model, IPFW_UDP_LIFETIME),
                                      .other = lifetime(model, IPFW_SHORT_LIFETIME)};
}

static int resolve_ipfw_rules(struct options *options)
{
    struct text why = {0};
    bool ok = ipfw_resolve(&options->ipfw, &options->rules, &why);

    if (!ok)
        message_error("%s", text_str(&why));
    else if (options->ipfw.off)
        message_warning("the commands leave the firewall disabled, so no rule is in force");
    text_free(&why);
    options->filter.options.lifetimes = lifetimes_of(&options->ipfw);
    return ok ? 0 : STATUS_USAGE;
}

static bool has_statements(const struct pf_ruleset *pf)
{
    return pf->count || pf->skipped_count || pf->anchor_count;
}

/* Rules of pf imply OpenBSD's personality: packets diverted by pf have no rule number. */
static int translate_pf_rules(struct options *options)
{
    if (!has_statements(&options->pf))
        return 0;
    if (options->rules.count) {
        message_error("ipfw rules (-r, -f) and pf rules (--pf, --pf-file) cannot be mixed");
        return STATUS_USAGE;
    }
    return pf_finish(&options->pf, &options->rules, &options->personality);
}

/*
 * The index of the first word that is not an option. With --ipfw-script the script's arguments come
 * there, up to a "--"; they are copied to a list of their own.
 */
static int find_script_args(int argc, char *argv[], struct options *options)
{
    int option, first, end;
    bool script = false;

    while ((option = getopt_long(argc, argv, SHORT_OPTIONS, long_options, NULL)) != -1)
        script = script || option == OPT_SCRIPT;
    first = end = optind;
    optind = 0; /* getopt begins anew */
    if (strcmp(argv[first - 1], "--") != 0) {
        while (end < argc && strcmp(argv[end], "--") != 0)
            end++;
    }
    if (!script || end == argc)
        end = first;
    options->script_args = grow_array(NULL, (size_t)(end - first) + 1, sizeof(char *));
    memcpy(options->script_args, argv + first, (size_t)(end - first) * sizeof(char *));
    options->script_args[end - first] = NULL;
    return end > first ? end + 1 : first;
}

int options_parse(int argc, char *argv[], struct options *options)
{
    struct rule_source source = {.model = &options->ipfw, .pf = &options->pf};
    int option, command, status = 0;

    *options = (struct options){.filter.options = {.mark_mask = MARK_MASK_DEFAULT, .listeners = 1}};
    opterr = 0;
    command = find_script_args(argc, argv, options);
    while (!status && (option = getopt_long(argc, argv, SHORT_OPTIONS, long_options, NULL)) != -1) {
        if (option == '?' || option == ':')
            return report_unknown_option(argv, option);
        status = apply_option(option, options, &source);
        if (options->mode == MODE_HELP || options->mode == MODE_VERSION)
            return status;
    }
    if (status)
        return status;
    options->command = command < argc ? argv + command : NULL;
    if (options->json && options->mode == MODE_RUN && !options->command)
        options->mode = MODE_STATUS;
    status = resolve_ipfw_rules(options);
    if (!status)
        status = translate_pf_rules(options);
    return status ? status : check_mode(options);
}
