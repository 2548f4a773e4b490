/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Listener and connections over a real socket, with clients. What a turn costs is the test's to say, patience is shorter, and
 * callers are whom the test wants (the linker's --wrap: see Makemodule.am). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/daemon.h"
#include "lib/protocol.h"

#define ANSWER (512U * 1024) /* bytes: more than a socket takes */
#define TURNS_MAX 3000       /* of 10 ms, in which something is waited for */
#define NO_REPLY 1           /* a flag of D-Bus */

typedef struct ListenerFixture {
        Daemon daemon; /* of nothing but the socket */
        struct sockaddr_un address;
        socklen_t address_size;
} ListenerFixture;

extern uint64_t cost, patience; /* microseconds, of a turn; in place of 30 s, or 0 */
extern unsigned n_looks;        /* at the processor time: two a turn */
extern uid_t who;               /* connects; UID_NONE: we */

/* Of the object "/long", which answers at length, and of "/later", which answers later, about as many processes as a test
 * says. */
extern unsigned n_answers;
extern Pending calls[CGMOVE_CONNECTIONS_MAX];
extern size_t n_calls, n_processes;
extern bool only_wait; /* such calls do */

int listener_fixture_setup(void **state);
int listener_fixture_teardown(void **state);
#define LISTENER_TEST(name) cmocka_unit_test_setup_teardown(name, listener_fixture_setup, listener_fixture_teardown)

/* Until there is nothing to do for now. Whoever keeps the loop busy without end fails the test. */
void run(const ListenerFixture *fixture);
/* A turn of the loop, for what comes with time. */
void run_for_a_while(const ListenerFixture *fixture);

int client_open(const ListenerFixture *fixture);
/* One who is authenticated, and was answered. */
int client_begin(const ListenerFixture *fixture);

void say_hello(int client);
/* N calls of the object PATH. */
void say_calls(int client, uint8_t flags, const char *path, unsigned n);
void say_pings(int client, uint8_t flags, unsigned n);

/* Reads what has come, of SIZE_MAX bytes at most. Returns how many, which may be none. */
size_t hear(int client, size_t size_max);
bool has_heard(int client);
bool is_closed(int client);
