/* SPDX-License-Identifier: BSD-2-Clause */
#include "stress.h"

#include "make_packet.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

double stress_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double stress_end(void)
{
    const char *seconds = getenv("DIVERT_STRESS_SECONDS");

    return stress_clock() + (seconds ? atof(seconds) : 2);
}

static bool file_says_asleep(const char *path)
{
    FILE *f = fopen(path, "r");
    char state = '?';
    bool found;

    if (!f)
        return false;
    found = fscanf(f, "%*d %*s %c", &state) == 1;
    fclose(f);
    return found && state == 'S';
}

static void wait_for_sleep(const char *path)
{
    int waited = 0;

    usleep(1000);
    while (!file_says_asleep(path) && waited++ < SOON_MS)
        usleep(1000);
    ck_assert_msg(waited <= SOON_MS, "expected %s to say that it sleeps", path);
}

void wait_until_asleep(pid_t tid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    wait_for_sleep(path);
}

void wait_until_process_sleeps(pid_t pid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    wait_for_sleep(path);
}

int count_threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    int count = -2; /* "." and ".." */

    while (directory && readdir(directory))
        count++;
    closedir(directory);
    return count;
}

int wait_for_child(pid_t pid)
{
    int status = -1, waited = 0;
    pid_t ended;

    while ((ended = waitpid(pid, &status, WNOHANG)) == 0 && waited++ < 2 * SOON_MS)
        usleep(1000);
    if (ended == 0) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        ck_abort_msg("expected child %d to end, it hangs", pid);
    }
    ck_assert_int_eq(ended, pid);
    return status;
}

void make_small(uint8_t *buffer, uint32_t number)
{
    make_udp(buffer, IN_PEER, 1111, OUT_PEER, 2222, (uint16_t)(number % 65535 + 1), &number,
             sizeof(number));
}

uint32_t small_number(const uint8_t *packet)
{
    uint32_t number;

    memcpy(&number, packet + HEADER + 8, sizeof(number));
    return number;
}

void send_small(uint32_t number)
{
    uint8_t packet[SMALL_PACKET];

    make_small(packet, number);
    wire_send(&in0, packet, sizeof(packet));
}

static void *flood_run(void *arg)
{
    struct flood *f = arg;

    while (!f->stop && f->sent < f->max) {
        if (f->sent - *f->taken >= f->ahead) {
            usleep(100);
            continue;
        }
        send_small(f->sent);
        f->sent++;
    }
    return NULL;
}

void flood_start(struct flood *f, _Atomic uint32_t *taken, uint32_t ahead, uint32_t max)
{
    f->stop = false;
    f->sent = 0;
    f->taken = taken;
    f->ahead = ahead;
    f->max = max;
    ck_assert_int_eq(pthread_create(&f->thread, NULL, flood_run, f), 0);
}

uint32_t flood_stop(struct flood *f)
{
    f->stop = true;
    pthread_join(f->thread, NULL);
    return f->sent;
}

void *shared_memory(size_t size)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(block, MAP_FAILED);
    return block;
}
