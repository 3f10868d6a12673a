/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests of a script's commands. A request is one datagram with two descriptors: a memory file
 * that holds the words and receives the answer, and a socket on which the exit status comes back.
 * So neither end can block the other with half a message.
 */
#include "script/private.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_MAX (64 << 20) /* bytes */

static struct sockaddr_un address_of(const char *place)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", place);
    return address;
}

int request_socket(const char *place)
{
    struct sockaddr_un address = address_of(place);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Appends all of a file. */
static bool read_request_file(int fd, struct text *out)
{
    char buffer[2048];
    struct stat st;
    ssize_t len;
    off_t at = 0;

    if (fstat(fd, &st) < 0 || st.st_size > REQUEST_MAX)
        return false;
    while ((len = pread(fd, buffer, sizeof(buffer), at)) > 0) {
        text_add_bytes(out, buffer, (size_t)len);
        at += len;
    }
    return len == 0;
}

static bool write_request_file(int fd, const void *bytes, size_t len)
{
    const char *s = bytes;

    while (len) {
        ssize_t done = write(fd, s, len);

        if (done < 0 && errno != EINTR)
            return false;
        if (done > 0) {
            s += done;
            len -= (size_t)done;
        }
    }
    return true;
}

union descriptors {
    char bytes[CMSG_SPACE(2 * sizeof(int))];
    struct cmsghdr align;
};

static void message_of(struct msghdr *message, struct iovec *iov, union descriptors *control,
                       char *byte)
{
    *iov = (struct iovec){byte, 1};
    *message = (struct msghdr){.msg_iov = iov,
                               .msg_iovlen = 1,
                               .msg_control = control->bytes,
                               .msg_controllen = sizeof(control->bytes)};
}

static void close_passed(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        size_t count = c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
            close(fd);
        }
    }
}

bool request_take(int socket, struct request *request)
{
    union descriptors control;
    struct msghdr message;
    struct cmsghdr *rights;
    struct iovec iov;
    char byte;
    int fds[2];

    message_of(&message, &iov, &control, &byte);
    if (recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
        return false;
    rights = CMSG_FIRSTHDR(&message);
    if (!rights || rights->cmsg_type != SCM_RIGHTS || rights->cmsg_len != CMSG_LEN(sizeof(fds))) {
        close_passed(&message);
        return false;
    }
    memcpy(fds, CMSG_DATA(rights), sizeof(fds));
    *request = (struct request){.file = fds[0], .reply = fds[1]};
    if (read_request_file(request->file, &request->words))
        return true;
    request_answer(request, 1, "", "");
    return false;
}

/* The file then holds the length of the output, the output, and the text for standard error. */
void request_answer(struct request *request, int status, const char *out, const char *err)
{
    uint64_t length = strlen(out);
    uint8_t byte = (uint8_t)status;

    if (ftruncate(request->file, 0) == 0 && lseek(request->file, 0, SEEK_SET) == 0 &&
        write_request_file(request->file, &length, sizeof(length)) &&
        write_request_file(request->file, out, length) &&
        write_request_file(request->file, err, strlen(err)))
        send(request->reply, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(request->file);
    close(request->reply);
    text_free(&request->words);
}

static bool send_descriptors(int fd, const char *place, const int fds[2])
{
    struct sockaddr_un address = address_of(place);
    union descriptors control = {0};
    struct cmsghdr *rights;
    struct msghdr message;
    struct iovec iov;
    char byte = 0;

    message_of(&message, &iov, &control, &byte);
    message.msg_name = &address;
    message.msg_namelen = sizeof(address);
    rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(rights), fds, 2 * sizeof(int));
    return sendmsg(fd, &message, MSG_NOSIGNAL) == 1;
}

static int read_answer(int file, int reply, struct text *out, struct text *err)
{
    struct text all = {0};
    uint64_t length = 0;
    uint8_t status = 0;
    ssize_t len;

    do
        len = read(reply, &status, 1);
    while (len < 0 && errno == EINTR);
    if (len == 1 && read_request_file(file, &all) && all.len >= sizeof(length))
        memcpy(&length, all.s, sizeof(length));
    else
        len = -1;
    if (len == 1 && length <= all.len - sizeof(length)) {
        text_add_bytes(out, all.s + sizeof(length), length);
        text_add(err, "%s", all.s + sizeof(length) + length);
    }
    text_free(&all);
    return len == 1 ? status : -1;
}

int request_send(const char *place, const struct text *words, struct text *out, struct text *err)
{
    int file = memfd_create("request", MFD_CLOEXEC), status = -1;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), ends[2] = {-1, -1};

    if (file >= 0 && fd >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 &&
        write_request_file(file, words->s, words->len) &&
        send_descriptors(fd, place, (const int[]){file, ends[1]})) {
        close(ends[1]);
        ends[1] = -1;
        status = read_answer(file, ends[0], out, err);
    }
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            close(ends[i]);
    }
    if (file >= 0)
        close(file);
    if (fd >= 0)
        close(fd);
    return status;
}
