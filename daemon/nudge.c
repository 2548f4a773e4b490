/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/nudge.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id /* glibc has it since 2.41 */
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define NUDGE_NSEC 1000000

static timer_t timer;

static void on_signal(int sig) {
}

/* Without SA_RESTART: what waits shall end. Whether it is there. */
static bool set_up(void) {
        static bool is_set_up = false;
        struct sigaction action = { .sa_handler = on_signal };
        struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG };

        if (is_set_up)
                return true;
        event.sigev_notify_thread_id = gettid();
        is_set_up = sigaction(SIGURG, &action, NULL) >= 0 && timer_create(CLOCK_MONOTONIC, &event, &timer) >= 0;
        return is_set_up;
}

static void set_timer(long nsec) {
        struct itimerspec time = { .it_value.tv_nsec = nsec, .it_interval.tv_nsec = nsec };
        int before = errno;

        if (set_up())
                (void) timer_settime(timer, 0, &time, NULL);
        errno = before;
}

void nudge_begin(void) {
        set_timer(NUDGE_NSEC);
}

void nudge_end(void) {
        set_timer(0);
}

void nudged_close(int fd) {
        if (fd < 0)
                return;
        nudge_begin();
        (void) close(fd);
        nudge_end();
}
