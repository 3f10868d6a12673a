/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daqhost: a small host for DAQ modules, to run Debian's stock daq_ipfw.so and
 * daq_nfq.so without Snort. Gives every packet the same verdict, counts what it
 * sees and prints one line at the end.
 *
 *     daqhost [-d MODULEDIR] -m ipfw|nfq [-v VAR=VALUE]... [-n COUNT] [-t SECONDS]
 *             -a pass|block|replace
 *
 * Ends after COUNT packets, after SECONDS, or on SIGTERM or SIGINT, with status 0
 * unless the module failed. `replace` changes the packet, so that the receiver can
 * tell: the TOS field becomes REPLACED_TOS and the header checksum follows.
 */
#include <daq.h>

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef DAQ_MODULE_DIR
#define DAQ_MODULE_DIR "/usr/lib/daq"
#endif
#define REPLACED_TOS 0x20
#define SNAPLEN      65535
#define BATCH        256 /* packets between two looks at the limits */
/* The API says milliseconds; daq_ipfw.so takes it for seconds and only polls for 0. */
#define TIMEOUT 1

struct options {
    const char *module_dir, *module;
    DAQ_Config_t config;
    unsigned long count;   /* packets; 0: no limit */
    unsigned long seconds; /* 0: no limit */
    DAQ_Verdict verdict;
};

static struct {
    unsigned long packets, echo_requests, echo_replies, passed, blocked, replaced;
    DAQ_Verdict verdict;
} seen;

static const DAQ_Module_t *module;
static void *volatile handle; /* NULL while there is nothing to stop */
static volatile sig_atomic_t stop_wanted;

static void usage(void)
{
    fprintf(stderr, "usage: daqhost [-d moduledir] -m ipfw|nfq [-v var=value]... [-n count] "
                    "[-t seconds] -a pass|block|replace\n");
    exit(2);
}

static unsigned long parse_number(const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0')
        errx(2, "not a number: %s", text);
    return number;
}

static DAQ_Verdict parse_verdict(const char *text)
{
    if (strcmp(text, "pass") == 0)
        return DAQ_VERDICT_PASS;
    if (strcmp(text, "block") == 0)
        return DAQ_VERDICT_BLOCK;
    if (strcmp(text, "replace") == 0)
        return DAQ_VERDICT_REPLACE;
    errx(2, "not a verdict: %s", text);
}

static void add_variable(DAQ_Config_t *config, char *text)
{
    char *value = strchr(text, '=');

    if (value != NULL)
        *value++ = '\0';
    daq_config_set_value(config, text, value);
}

static struct options parse_options(int argc, char *argv[])
{
    struct options options = {.module_dir = DAQ_MODULE_DIR, .verdict = MAX_DAQ_VERDICT};
    int option;

    options.config.snaplen = SNAPLEN;
    options.config.timeout = TIMEOUT;
    options.config.mode = DAQ_MODE_INLINE;
    while ((option = getopt(argc, argv, "a:d:m:n:t:v:")) != -1) {
        switch (option) {
        case 'a':
            options.verdict = parse_verdict(optarg);
            break;
        case 'd':
            options.module_dir = optarg;
            break;
        case 'm':
            options.module = optarg;
            break;
        case 'n':
            options.count = parse_number(optarg);
            break;
        case 't':
            options.seconds = parse_number(optarg);
            break;
        case 'v':
            add_variable(&options.config, optarg);
            break;
        default:
            usage();
        }
    }
    if (optind != argc || options.module == NULL || options.verdict == MAX_DAQ_VERDICT)
        usage();
    return options;
}

/*
 * The modules' breakloop only sets a variable, so it may be called here. The
 * alarm asks again: a signal between the module's look at that variable and its
 * select() would otherwise wait for the next packet.
 */
static void on_stop(int signal_number)
{
    (void)signal_number;
    stop_wanted = 1;
    if (handle != NULL)
        daq_breakloop(module, handle);
    alarm(1);
}

static void catch_signals(unsigned long seconds)
{
    struct sigaction action = {.sa_handler = on_stop};

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    alarm((unsigned)seconds);
}

/* As RFC 1624: the first 16-bit word of the header changes from old to new. */
static void set_tos(struct iphdr *ip, unsigned char tos)
{
    uint32_t sum = (uint16_t)~ntohs(ip->check);

    sum += (uint16_t) ~(ip->version << 12 | ip->ihl << 8 | ip->tos);
    ip->tos = tos;
    sum += (uint16_t)(ip->version << 12 | ip->ihl << 8 | ip->tos);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    ip->check = htons((uint16_t)~sum);
}

static void count_echo(const struct iphdr *ip, uint32_t len)
{
    const uint8_t *icmp = (const uint8_t *)ip + ip->ihl * 4u;

    if (ip->protocol != IPPROTO_ICMP || ip->ihl * 4u + sizeof(struct icmphdr) > len)
        return;
    seen.echo_requests += icmp[0] == ICMP_ECHO;
    seen.echo_replies += icmp[0] == ICMP_ECHOREPLY;
}

static DAQ_Verdict on_packet(void *user, const DAQ_PktHdr_t *header, const uint8_t *data)
{
    const struct iphdr *ip = (const void *)data;
    int is_ipv4 = header->caplen >= sizeof(*ip) && ip->version == 4;

    (void)user;
    seen.packets++;
    if (is_ipv4)
        count_echo(ip, header->caplen);
    seen.passed += seen.verdict == DAQ_VERDICT_PASS;
    seen.blocked += seen.verdict == DAQ_VERDICT_BLOCK;
    seen.replaced += seen.verdict == DAQ_VERDICT_REPLACE;
    if (seen.verdict == DAQ_VERDICT_REPLACE && is_ipv4)
        set_tos((struct iphdr *)(uintptr_t)ip, REPLACED_TOS); /* a module's buffer is writable */
    return seen.verdict;
}

static void load_module(const struct options *options)
{
    const char *directories[] = {options->module_dir, NULL};

    if (daq_load_modules(directories) != DAQ_SUCCESS)
        errx(1, "cannot load DAQ modules from %s", options->module_dir);
    module = daq_find_module(options->module);
    if (module == NULL)
        errx(1, "no DAQ module %s in %s", options->module, options->module_dir);
}

static void start_module(const DAQ_Config_t *config)
{
    char error[256] = "";
    void *new_handle = NULL;

    if (daq_initialize(module, config, &new_handle, error, sizeof(error)) != DAQ_SUCCESS)
        errx(1, "%s", error);
    if (daq_start(module, new_handle) != DAQ_SUCCESS)
        errx(1, "%s", daq_get_error(module, new_handle));
    handle = new_handle;
}

/* Returns 0, or -1 if the module failed. */
static int acquire_until_stopped(unsigned long limit)
{
    while (!stop_wanted && (limit == 0 || seen.packets < limit)) {
        unsigned long left = limit == 0 ? BATCH : limit - seen.packets;
        int result = daq_acquire(module, handle, left < BATCH ? (int)left : BATCH, on_packet, NULL);

        if (result != DAQ_SUCCESS) {
            warnx("%s", daq_get_error(module, handle));
            return -1;
        }
    }
    return 0;
}

static void stop_module(void)
{
    void *started = handle;

    handle = NULL;
    daq_stop(module, started);
    daq_shutdown(module, started);
}

static void print_summary(void)
{
    printf("daqhost: packets=%lu echo_requests=%lu echo_replies=%lu passed=%lu blocked=%lu "
           "replaced=%lu\n",
           seen.packets, seen.echo_requests, seen.echo_replies, seen.passed, seen.blocked,
           seen.replaced);
    fflush(stdout);
}

int main(int argc, char *argv[])
{
    struct options options = parse_options(argc, argv);
    int result;

    seen.verdict = options.verdict;
    load_module(&options);
    catch_signals(options.seconds);
    start_module(&options.config);
    result = acquire_until_stopped(options.count);
    print_summary();
    stop_module();
    daq_config_clear_values(&options.config);
    daq_unload_modules();
    return result == 0 ? 0 : 1;
}
