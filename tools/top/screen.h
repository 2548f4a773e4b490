/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The terminal, while a program draws all of it: alternate screen, no echo, no cursor. However the program ends, but for
 * SIGKILL, the terminal is put back as it was, with what stood on it: also by a signal that ends or stops it.
 *
 * There is one terminal, so there is one of this. */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* True if the standard input and output are terminals that know how to place a cursor. */
bool screen_is_possible(void);

/* Takes the terminal over. From here on SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP and SIGWINCH arrive in screen_wait() only.
 * Returns 0 or a negative errno. */
int screen_open(void);
void screen_close(void);

typedef enum ScreenEvents {
        SCREEN_KEYS = 1 << 0,   /* something was typed */
        SCREEN_OTHER = 1 << 1,  /* something is to be read from or written to the other descriptor */
        SCREEN_REDRAW = 1 << 2, /* the window has another size, or was given back after a stop */
        SCREEN_END = 1 << 3,    /* there is no terminal any more, or screen_signal() says why */
} ScreenEvents;

/* Waits for one of these, MSEC milliseconds at most (0: none of them). FD may be -1. */
unsigned screen_wait(int fd, short events, int msec);

/* What was typed: up to SIZE bytes. 0: nothing. */
size_t screen_read(char *buffer, size_t size);

/* The signal that has come to end the program, or 0. */
int screen_signal(void);

/* Shows TEXT, lines that are not wider than the window, from its upper left corner on, and nothing else. */
void screen_draw(const char *text, size_t rows);
