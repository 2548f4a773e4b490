/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Bounds how long the loop stays in a system call that has the kernel let descriptors of a peer go which nobody has received: a
 * recvmsg(2) without room for them, or the close(2) of a socket in whose queue they wait. What is released so is released by the
 * thread that makes the call, before it returns (task work), and a TCP socket with SO_LINGER has it wait for the other side, which is
 * the peer's own as well, as long as the peer has chosen. That wait, and those like it, end at a signal (sk_stream_wait_close()), and
 * so does each that follows in the same call. So one comes, which does nothing else. */

/* Between these, a call that takes longer than a millisecond gets a signal each millisecond. They do not nest, and leave errno as it
 * is. */
void nudge_begin(void);
void nudge_end(void);

/* Closes a socket so. sd-bus closes what it was given by itself, and when it likes: who keeps a duplicate until then has the close
 * that matters. */
void nudged_close(int fd);
