/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What `cgmove doctor` reads out of texts that others have made. Pure. */

#include <stdint.h>

#include "tools/doctor/facts.h"

/* Takes what one line of proc_pid_mountinfo(5) tells of cgroup hierarchies over into HOST: "... (5) mount
 * point (6) options ... - type source super-options". Lines of other file systems, and what is no such line,
 * change nothing. */
void mount_line_parse(const char *line, HostFacts *host);

/* The port that WORD of a command line names, with PREVIOUS in front of it ("--port 17", "--port=17",
 * "-p 17", "wait-port 17"); or 0. */
uint16_t port_from_words(const char *previous, const char *word);
