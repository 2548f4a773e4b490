/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/top/screen.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"

/* ECMA-48 and what every terminal emulator has taken from xterm and the VT220: the alternate screen (which keeps what stood
 * there), the cursor, and whether a line that is too long goes on in the next one. What is left begins with the end of all
 * colours: a picture may have been broken off in the middle. */
#define ENTER "\x1b[?1049h\x1b[?25l\x1b[?7l"
#define LEAVE "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
#define HOME "\x1b[H"
#define CLEAR_LINE "\x1b[K"
#define CLEAR_REST "\x1b[J"

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static const int crashing[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };

/* Handlers look at these. */
static struct termios original;
static volatile sig_atomic_t is_open, end_signal, stop_signal, resized;
static sigset_t outside; /* the signal mask of before, while waiting */

bool screen_is_possible(void) {
        const char *term = getenv("TERM");

        return term && term[0] && strcmp(term, "dumb") != 0 && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* A terminal that takes nothing any more (a line that is stopped, an emulator that hangs) is waited for so long; what does
 * not fit is dropped, and the next picture is a whole one. */
#define PUT_PATIENCE 1000 /* milliseconds, for each piece */
#define PUT_PIECE 512     /* bytes; more would be waited for in write(2), however little fits */

/* Safe in a handler. A signal that ends the program ends the wait for the terminal too, where it is not blocked. */
static void put(const char *text, size_t n) {
        while (n > 0) {
                struct pollfd pollfd = { .fd = STDOUT_FILENO, .events = POLLOUT };
                ssize_t written = -1;
                int r = poll(&pollfd, 1, PUT_PATIENCE);

                if (r == 0)
                        return;
                if (r > 0)
                        written = write(STDOUT_FILENO, text, n < PUT_PIECE ? n : PUT_PIECE);
                if (written < 0 && (errno != EINTR || end_signal))
                        return;
                if (written > 0) {
                        text += written;
                        n -= (size_t) written;
                }
        }
}

static void restore(void) {
        if (!is_open)
                return;
        is_open = 0;
        put(LEAVE, strlen(LEAVE));
        (void) tcsetattr(STDIN_FILENO, TCSANOW, &original);
}

static int take_over(void) {
        struct termios raw = original;

        raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
        raw.c_iflag &= ~(tcflag_t) IXON; /* Ctrl-S would stop the picture, and with it the program */
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        is_open = 1;
        if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0) {
                is_open = 0;
                return -errno;
        }
        put(ENTER, strlen(ENTER));
        return 0;
}

static void on_signal(int sig) {
        if (sig == SIGWINCH)
                resized = 1;
        else if (sig == SIGTSTP)
                stop_signal = 1;
        else
                end_signal = sig;
}

static void on_crash(int sig) {
        end_signal = sig;
        restore();
        (void) raise(sig); /* the handler is not there any more, SA_RESETHAND */
}

static void set_handlers(void) {
        struct sigaction action = { .sa_handler = on_signal }, crash = { .sa_handler = on_crash }, before;
        sigset_t blocked;

        (void) sigemptyset(&blocked);
        for (size_t i = 0; i < ELEMENTSOF(ending); i++) {
                /* what is ignored stays so, as nohup(1) wants it */
                if (sigaction(ending[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN)
                        continue;
                (void) sigaction(ending[i], &action, NULL);
                (void) sigaddset(&blocked, ending[i]);
        }
        (void) sigaction(SIGWINCH, &action, NULL);
        (void) sigaddset(&blocked, SIGWINCH);
        if (sigaction(SIGTSTP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
                (void) sigaction(SIGTSTP, &action, NULL);
                (void) sigaddset(&blocked, SIGTSTP);
        }
        crash.sa_flags = (int) SA_RESETHAND | SA_NODEFER;
        for (size_t i = 0; i < ELEMENTSOF(crashing); i++)
                (void) sigaction(crashing[i], &crash, NULL);
        (void) sigprocmask(SIG_BLOCK, &blocked, &outside);
        for (size_t i = 0; i < ELEMENTSOF(ending);
             i++) /* whoever had them blocked shall still be able to leave */
                (void) sigdelset(&outside, ending[i]);
        (void) sigdelset(&outside, SIGWINCH);
        (void) sigdelset(&outside, SIGTSTP);
}

int screen_open(void) {
        if (tcgetattr(STDIN_FILENO, &original) < 0)
                return -errno;
        if (atexit(restore) != 0)
                return -ENOMEM;
        set_handlers();
        return take_over();
}

void screen_close(void) {
        restore();
}

int screen_signal(void) {
        return end_signal;
}

static void stop(void) {
        struct sigaction ours, usual = { .sa_handler = SIG_DFL };
        sigset_t set, before;

        stop_signal = 0;
        restore();
        /* Not SIGSTOP: where nobody could have it go on, in an orphaned process group, the kernel lets SIGTSTP pass. */
        (void) sigaction(SIGTSTP, &usual, &ours);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTSTP);
        (void) sigprocmask(SIG_UNBLOCK, &set, &before);
        (void) raise(SIGTSTP);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        (void) sigaction(SIGTSTP, &ours, NULL);
        (void) take_over(); /* as a foreground process again, or stopped once more until then */
}

unsigned screen_wait(int fd, short events, int msec) {
        struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = fd, .events = events } };
        struct timespec timeout = { .tv_sec = msec / 1000, .tv_nsec = (long) (msec % 1000) * 1000000 };
        unsigned found = 0;
        int r;

        if (end_signal || stop_signal || resized) /* while a picture was drawn */
                timeout = (struct timespec){ .tv_sec = 0 };
        r = ppoll(fds, ELEMENTSOF(fds), &timeout, &outside);
        if (end_signal || (r > 0 && fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)))
                found |= SCREEN_END;
        if (r > 0 && fds[0].revents & POLLIN)
                found |= SCREEN_KEYS;
        if (r > 0 && fds[1].revents)
                found |= SCREEN_OTHER;
        if (stop_signal && !end_signal) {
                stop();
                found |= SCREEN_REDRAW;
        }
        if (resized) {
                resized = 0;
                found |= SCREEN_REDRAW;
        }
        return found;
}

size_t screen_read(char *buffer, size_t size) {
        ssize_t n = read(STDIN_FILENO, buffer, size);

        return n > 0 ? (size_t) n : 0;
}

void screen_draw(const char *text, size_t rows) {
        _cleanup_free_ char *picture = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        size_t size = 0, row = 0;

        f = open_memstream(&picture, &size);
        if (!f)
                return;
        (void) fputs(HOME, f);
        for (; *text && row < rows; row++) {
                size_t n = strcspn(text, "\n");

                /* cleared before it is written: after a line as wide as the window the cursor is still on its last character */
                (void) fprintf(f, "%s" CLEAR_LINE "%.*s", row > 0 ? "\r\n" : "", (int) n, text);
                text += n + (text[n] == '\n');
        }
        if (row < rows)
                (void) fprintf(f, "%s" CLEAR_REST, row > 0 ? "\r\n" : "");
        if (fflush(f) == 0) {
                sigset_t blocked;

                /* so that a terminal that takes nothing keeps nobody from ending it */
                (void) sigprocmask(SIG_SETMASK, &outside, &blocked);
                put(picture, size);
                (void) sigprocmask(SIG_SETMASK, &blocked, NULL);
        }
}
