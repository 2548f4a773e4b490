/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside of systemd-manager: one question to a manager, and the connection it goes over. A question is one
 * or more messages; it can be sent again over a new connection, because each is safe to repeat, or has
 * something else to send then: PID 1 drops its private connections when it re-executes itself, as it does in
 * every upgrade of systemd. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "daemon/systemd-manager.h"
#include "lib/systemd-names.h"

#define QUERY_TIMEOUT_USEC (UINT64_C(10) * 1000 * 1000)
#define UNIT_TIMEOUT_USEC (UINT64_C(90) * 1000 * 1000)

#define CALL_SLOTS_MAX 3

/* Sends the messages of CALL (systemd_call_send()); returns 0 or a negative errno. */
typedef int (*call_send_t)(SystemdCall *call);
/* Reads the answer to message number INDEX. Returns 0 or a negative errno. */
typedef int (*call_read_t)(SystemdCall *call, unsigned index, sd_bus_message *reply);
/* Hands the result to whoever asked. */
typedef void (*call_deliver_t)(SystemdCall *call, int error, const char *message);

typedef struct CallType {
        call_send_t send;
        call_send_t send_again; /* over a new connection, where SEND must not be repeated; else NULL */
        call_read_t read;
        call_deliver_t deliver;
        uint32_t may_fail; /* messages of SEND whose error answers are nothing to stop for, as bits */
        bool follows_job;  /* not done when all replies are in, but when the unit job has been removed */
        uint64_t timeout_usec;
} CallType;

struct SystemdCall {
        SystemdManager *manager; /* NULL once done */
        SystemdCall *next, *previous;
        const CallType *type;
        char *unit;
        sd_event_source *deadline;
        sd_event_source *ready; /* there was nothing to ask: the loop completes it */
        sd_bus_slot *slots[CALL_SLOTS_MAX];
        unsigned n_sent, n_pending;

        const char *method; /* StartUnit or StopUnit */
        char *job;          /* its job, once known */
        char *removed_job;  /* the last job of the unit that was removed before the reply was here */
        char *removed_result;
        char *result; /* how the job ended */
        bool was_sent;
        bool is_again; /* what was sent last is what SEND_AGAIN sends */
        SystemdPoolLimits limits;
        SystemdService *service;
        uint64_t values[2];

        union {
                systemd_service_t service;
                systemd_result_t result;
                systemd_pids_t pids;
                systemd_limits_t limits;
                systemd_done_t done;
        } callback;
        void *userdata;
};

/* A call of TYPE about UNIT, not yet sent. */
int systemd_call_new(SystemdManager *manager, const CallType *type, const char *unit, SystemdCall **ret);

/* Sends CALL for the first time, or leaves it to the retry when there is no connection just now. */
int systemd_call_start(SystemdCall *call);

/* In place of the type's time. */
void systemd_call_set_timeout(SystemdCall *call, uint64_t timeout);

/* Makes a call to be sent with systemd_call_send(). */
int systemd_call_message(SystemdCall *call, const char *path, const char *interface, const char *member,
                         sd_bus_message **ret);
int systemd_call_send(SystemdCall *call, sd_bus_message *message);

/* Has the loop call READY in place of a message that need not be sent. */
int systemd_call_defer(SystemdCall *call, sd_event_handler_t ready);

/* Ends CALL; the call may be freed by its owner in there. */
void systemd_call_complete(SystemdCall *call, int error, const char *message);

/* A unit job was removed: ends the call that follows it. Returns true if CALL was ended, and may be gone. */
bool systemd_call_job_removed(SystemdCall *call, const char *job, const char *unit, const char *result);

/* The reply has named the job: ends CALL if that job was removed before. */
void systemd_call_job_known(SystemdCall *call);
