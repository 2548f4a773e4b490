/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The connection to the daemon: D-Bus peer to peer over its private socket (sd-bus), see
 * org.cgmove1(5). Every function returns 0, or an exit status with FAILURE filled. */

#include <stdint.h>
#include <systemd/sd-bus.h>

#include "lib/cleanup.h"
#include "tools/failure.h"
#include "tools/output.h"

/* Microseconds. For the daemon to take up a conversation at all: one that starts anew, with thousands of jobs,
 * is within it. */
#define CLIENT_READY_TIMEOUT (UINT64_C(15) * 1000000)
/* With a login on another host in between, and somebody who types his password. */
#define CLIENT_REMOTE_TIMEOUT (UINT64_C(90) * 1000000)
/* From then on. The first start of a pool is within the ordinary one. */
#define CLIENT_TIMEOUT (UINT64_C(45) * 1000000)
#define CLIENT_NO_TIMEOUT UINT64_MAX

/* Which daemon it is, remote_chosen() says. */
typedef struct Client Client;
int client_connect(Client **ret, Failure *failure);
Client *client_free(Client *client);
DEFINE_CLEANUP(Client, client_free)

/* Microseconds, in the place of CLIENT_READY_TIMEOUT: for who has better things to do than to wait. */
void client_set_ready_timeout(Client *client, uint64_t timeout);

/* A call on the manager (JOB 0) or on the object of a job. */
int client_message(Client *client, uint64_t job, const char *member, sd_bus_message **ret, Failure *failure);

/* Sends MESSAGE and waits for the answer, PROGRESS (may be NULL) being told each second. failure->lost
 * is set if the connection broke or the daemon hangs. */
int client_call(Client *client, sd_bus_message *message, uint64_t timeout, Progress *progress,
                sd_bus_message **ret, Failure *failure);

/* The same for calls that can be made again: BUILD makes the message for a connection; when the daemon
 * is away or goes away, connects again with growing pauses, for GIVE_UP microseconds without an answer
 * from it, one that hangs included. *CLIENT may be NULL at first and is replaced. Calls that are refused because too many wait
 * (LimitReached, Busy) are repeated likewise. */
typedef int (*client_build_t)(Client *client, void *userdata, sd_bus_message **ret, Failure *failure);
int client_call_again(Client **client, client_build_t build, void *userdata, uint64_t timeout,
                      uint64_t give_up, Progress *progress, sd_bus_message **ret, Failure *failure);

/* Method MEMBER (no arguments but empty options) of job ID, made again as above. */
int client_call_job(Client **client, uint64_t id, const char *member, uint64_t timeout, uint64_t give_up,
                    Progress *progress, sd_bus_message **ret, Failure *failure);

/* For what connecting and sd_bus_process() return, and for an answer that is an error, on BUS. */
int client_fail_connection(int error, Failure *failure);
int client_fail_answer(sd_bus *bus, sd_bus_message *answer, Failure *failure);

/* For what sd_bus_message_append() and _read() return. */
int client_bad_message(int error, Failure *failure);
