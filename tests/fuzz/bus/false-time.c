/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fuzz/bus/false-time.h"

#include <assert.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "lib/values.h"

#define TIMERS_MAX 1024

static sd_event_source *timers[TIMERS_MAX];
static clockid_t timer_clocks[TIMERS_MAX];

int __real_sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                             uint64_t accuracy, sd_event_time_handler_t handler, void *userdata);
int __wrap_sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                             uint64_t accuracy, sd_event_time_handler_t handler, void *userdata);
int __real_sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                                      uint64_t accuracy, sd_event_time_handler_t handler, void *userdata);
int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                                      uint64_t accuracy, sd_event_time_handler_t handler, void *userdata);
sd_event_source *__real_sd_event_source_disable_unref(sd_event_source *source);
sd_event_source *__wrap_sd_event_source_disable_unref(sd_event_source *source);

static void add_timer(sd_event_source *source, clockid_t clock) {
        size_t i = 0;

        while (timers[i])
                assert(++i < TIMERS_MAX);
        timers[i] = source;
        timer_clocks[i] = clock;
}

int __wrap_sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                             uint64_t accuracy, sd_event_time_handler_t handler, void *userdata) {
        int r = __real_sd_event_add_time(event, ret, clock, usec, accuracy, handler, userdata);

        if (r >= 0)
                add_timer(*ret, clock);
        return r;
}

int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                                      uint64_t accuracy, sd_event_time_handler_t handler, void *userdata) {
        int r = __real_sd_event_add_time_relative(event, ret, clock, usec, accuracy, handler, userdata);

        if (r >= 0)
                add_timer(*ret, clock);
        return r;
}

sd_event_source *__wrap_sd_event_source_disable_unref(sd_event_source *source) {
        for (size_t i = 0; source && i < TIMERS_MAX; i++)
                if (timers[i] == source)
                        timers[i] = NULL;
        return __real_sd_event_source_disable_unref(source);
}

void false_time_pass(uint64_t usec) {
        for (size_t i = 0; i < TIMERS_MAX; i++) {
                struct timespec now;
                uint64_t at, until;

                if (!timers[i] || sd_event_source_get_enabled(timers[i], NULL) <= 0 ||
                    sd_event_source_get_time(timers[i], &at) < 0 || at == UINT64_MAX)
                        continue;
                (void) clock_gettime(timer_clocks[i], &now);
                until = (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000 + usec;
                (void) sd_event_source_set_time(timers[i], at <= until ? 1 : at - usec);
        }
}

void false_time_check(void) {
        for (size_t i = 0; i < TIMERS_MAX; i++)
                assert(!timers[i]);
}
