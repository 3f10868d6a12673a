/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table with an owner: the kernel removes it when the socket that made it is closed, so it does
 * not outlive divert-run. libnftables, on which nft(8) is built, keeps such a socket; it is loaded
 * on demand and exists wherever nft does.
 */
#include "nft/private.h"
#include "util/text.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct nft_ctx;

static struct {
    struct nft_ctx *(*new)(uint32_t flags);
    int (*buffer_error)(struct nft_ctx *ctx);
    int (*run)(struct nft_ctx *ctx, const char *commands);
    void (*free)(struct nft_ctx *ctx);
} nftables;

static struct nft_ctx *context;

/* ISO C has no conversion from the pointer of dlsym() to a function pointer. */
static bool find_symbol(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);

    memcpy(function, &symbol, sizeof(symbol));
    return symbol;
}

static bool load_libnftables(void)
{
    void *library = dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL);

    return library && find_symbol(library, "nft_ctx_new", &nftables.new) &&
           find_symbol(library, "nft_ctx_buffer_error", &nftables.buffer_error) &&
           find_symbol(library, "nft_run_cmd_from_buffer", &nftables.run) &&
           find_symbol(library, "nft_ctx_free", &nftables.free);
}

static bool is_netlink_socket(int fd)
{
    int domain = 0;
    socklen_t size = sizeof(domain);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_NETLINK;
}

/*
 * Adds the netlink sockets of this process to list, each as " NUMBER "; returns one that known, an
 * earlier list, does not have, or -1.
 */
static int list_netlink_sockets(struct text *list, const char *known)
{
    DIR *fds = opendir("/proc/self/fd");
    struct dirent *entry;
    int new = -1;

    while (fds && (entry = readdir(fds))) {
        int fd = atoi(entry->d_name);
        char number[16];

        if (!is_netlink_socket(fd))
            continue;
        snprintf(number, sizeof(number), " %d ", fd);
        text_add(list, "%s", number);
        if (!strstr(known, number))
            new = fd;
    }
    if (fds)
        closedir(fds);
    return new;
}

/*
 * Makes the context. Returns the netlink socket that libnftables opened for it, or -1; others may
 * be events/'s, or inherited.
 */
static int open_context(void)
{
    struct text before = {0}, after = {0};
    int fd = -1;

    list_netlink_sockets(&before, "");
    context = nftables.new(0);
    if (context)
        fd = list_netlink_sockets(&after, text_str(&before));
    text_free(&before);
    text_free(&after);
    return fd;
}

/* fd is the netlink socket of the context. */
static bool install_owned(int fd, const char *text, const struct ruleset *rules,
                          const struct filter_options *options)
{
    static const char flag[] = "\tflags owner\n";
    size_t head = strcspn(text, "\n") + 1;
    struct text owned = {0};
    bool done = true;

    if (fd >= 0) /* if the command inherited it, the table would outlive divert-run */
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (options->xt_queue)
        done = fd >= 0 && nft_install_xt_queues(fd, rules, options) == 0;
    text_add_bytes(&owned, text, head);
    text_add(&owned, "%s%s", flag, text + head);
    done = done && nftables.run(context, text_str(&owned)) == 0;
    text_free(&owned);
    return done;
}

bool nft_owned_install(const char *text, const struct ruleset *rules,
                       const struct filter_options *options)
{
    int fd;

    if (!load_libnftables())
        return false;
    fd = open_context();
    if (!context)
        return false;
    nftables.buffer_error(context); /* keeps messages off standard error */
    if (!install_owned(fd, text, rules, options))
        nft_owned_remove();
    return context;
}

void nft_owned_remove(void)
{
    if (context)
        nftables.free(context);
    context = NULL;
}
