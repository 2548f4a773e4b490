#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A terminal with somebody at it: runs a command at a pseudo-terminal, shows what it writes on a screen of its own, and does one
thing after the other.

  terminal.py [COLUMNSxROWS] ACTION... -- COMMAND...

  until=TEXT[|TEXT...]
                  waits until the screen shows one of them
  gone=TEXT       waits until it does not
  type=TEXT       types; "^C" is Ctrl-C, and so on
  size=COLUMNSxROWS
                  the window gets another size
  signal=NAME     sends a signal to the command
  stopped         waits until the command is stopped
  screen          prints the lines that are shown when nothing more comes, without those at the end that are empty
  colours         prints how many control sequences for colours have come
  state           prints what the terminal is set to: echo or no-echo, lines or keys, main or alternate screen, cursor or no-cursor, wrap
                  or no-wrap; and "wrapped" if something was too wide for its line
  stuck=KEY       reads nothing more, and types KEY until the command waits in vain for its terminal
  end             waits for the end of the command, prints "status N" or "signal N"

A control character or sequence that it does not know, which a program that is careful with what others say never writes, ends it with
status 3; so does something that is waited for in vain. The command gets TERM=xterm-256color, unless it sets that itself.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
import unicodedata

PATIENCE = int(os.environ.get("PATIENCE", "60"))

SEQUENCE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")


def width(character):
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Screen:
    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.clear()
        self.x = self.y = 0
        self.saved = None  # the lines of the main screen, while there is another
        self.cursor = self.wrap = True
        self.wrapped = False
        self.colours = 0
        self.pending = ""

    def clear(self):
        self.lines = [[" "] * self.columns for _ in range(self.rows)]

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines = [(line + [" "] * columns)[:columns] for line in self.lines]
        self.lines = (self.lines + [[" "] * columns for _ in range(rows)])[:rows]
        self.x, self.y = min(self.x, columns - 1), min(self.y, rows - 1)

    def text(self):
        return "\n".join("".join(line).rstrip() for line in self.lines).rstrip("\n")

    def newline(self):
        if self.y + 1 < self.rows:
            self.y += 1
        else:
            self.lines = self.lines[1:] + [[" "] * self.columns]

    def put(self, character):
        n = width(character)
        if n == 0:
            return
        if self.x + n > self.columns:
            if self.wrap:
                self.wrapped = True
                self.x = 0
                self.newline()
            else:
                self.x = self.columns - n
        self.lines[self.y][self.x] = character
        if n == 2:
            self.lines[self.y][self.x + 1] = ""
        self.x += n

    def erase(self, kind):
        # with the cursor behind the last column, a real one would erase that: so does this
        x = min(self.x, self.columns - 1)
        self.lines[self.y][x:] = [" "] * (self.columns - x)
        if kind == "J":
            for y in range(self.y + 1, self.rows):
                self.lines[y] = [" "] * self.columns

    def mode(self, number, on):
        if number == "25":
            self.cursor = on
        elif number == "7":
            self.wrap = on
        elif number == "1049" and on:
            self.saved = self.lines
            self.clear()
        elif number == "1049":
            self.lines, self.saved = self.saved, None
        else:
            unknown("?" + number)

    def sequence(self, private, arguments, letter):
        if private and letter in "hl":
            self.mode(arguments, letter == "h")
        elif letter == "H" and not arguments:
            self.x = self.y = 0
        elif letter in "KJ" and not arguments:
            self.erase(letter)
        elif letter == "m":
            self.colours += 1
        else:
            unknown(arguments + letter)

    def write(self, text):
        text = self.pending + text
        self.pending = ""
        while text:
            match = SEQUENCE.match(text)
            if match:
                self.sequence(*match.groups())
                text = text[match.end():]
                continue
            if text[0] == "\x1b" and re.fullmatch(r"\x1b(\[\??[0-9;]*)?", text):
                self.pending = text
                return
            if text[0] == "\r":
                self.x = 0
            elif text[0] == "\n":
                self.newline()
            elif unicodedata.category(text[0]) in ("Cc", "Cf"):
                unknown(repr(text[:8]))
            else:
                self.put(text[0])
            text = text[1:]


def unknown(what):
    give_up("the command wrote " + what)


def give_up(why):
    print(why + "; the screen:\n" + screen.text())
    sys.exit(3)


def set_size(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def parse_size(text):
    return [int(n) for n in text.split("x")]


def read_some(seconds):
    """What the command writes within this time; False at its end."""
    global undecoded
    if not select.select([master], [], [], seconds)[0]:
        return True
    try:
        data = undecoded + os.read(master, 65536)
    except OSError:
        return False
    if not data:
        return False
    text = data.decode("utf-8", "ignore")
    undecoded = data[len(text.encode()):]
    if len(undecoded) > 3:
        give_up("the command wrote what is no UTF-8: %r" % undecoded)
    screen.write(text)
    return True


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE
    open_still = True
    while not condition():
        if time.monotonic() > end or not open_still:
            give_up("waited in vain for " + what)
        open_still = read_some(0.05)


def process_state():
    with open("/proc/%d/stat" % child) as f:
        return f.read().rpartition(")")[2].split()[0]


def state():
    flags = termios.tcgetattr(slave)[3]
    words = ["echo" if flags & termios.ECHO else "no-echo", "lines" if flags & termios.ICANON else "keys",
             "alternate" if screen.saved else "main", "cursor" if screen.cursor else "no-cursor",
             "wrap" if screen.wrap else "no-wrap"]
    return " ".join(words + ["wrapped"] * screen.wrapped)


def waits_for_the_terminal():
    """In write(2) or for POLLOUT: then it does not read what was typed."""
    return struct.unpack("i", fcntl.ioctl(slave, termios.FIONREAD, b"\0" * 4))[0] > 0


def get_stuck(key):
    global stuck
    end = time.monotonic() + PATIENCE
    stuck = True
    since = time.monotonic()
    while time.monotonic() - since < 0.5:
        if time.monotonic() > end:
            give_up("the terminal takes all")
        if not waits_for_the_terminal():
            os.write(master, key.encode())
            since = time.monotonic()
        time.sleep(0.001)


def wait_for_end():
    end = time.monotonic() + PATIENCE
    while True:
        if stuck:
            time.sleep(0.05)
        else:
            read_some(0.05)
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > end:
            give_up("the command does not end")
    settle()
    print("signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else "status %d" % os.WEXITSTATUS(status))


def settle():
    """Reads until nothing more comes: what is written at once need not be read at once."""
    while not stuck and select.select([master], [], [], 0.1)[0] and read_some(0):
        pass


def act(action):
    word, _, value = action.partition("=")
    if word == "until":
        wait_for(value, lambda: any(text in screen.text() for text in value.split("|")))
    elif word == "gone":
        wait_for("the end of " + value, lambda: value not in screen.text())
    elif word == "type":
        os.write(master, re.sub(r"\^([A-Z\[])", lambda m: chr(ord(m.group(1)) - 64), value).encode())
    elif word == "size":
        screen.resize(*parse_size(value))
        set_size(slave, *parse_size(value))
    elif word == "signal":
        os.kill(child, getattr(signal, "SIG" + value))
    elif word == "stopped":
        wait_for("a stop", lambda: process_state() == "T")
    elif word == "stuck":
        get_stuck(value)
    elif word == "screen":
        settle()
        print(screen.text())
    elif word == "colours":
        print(screen.colours)
    elif word == "state":
        settle()
        print(state())
    elif word == "end":
        wait_for_end()
    else:
        sys.exit("no action: " + action)


arguments = sys.argv[1:]
columns, rows = 80, 24
if re.fullmatch("[0-9]+x[0-9]+", arguments[0]):
    columns, rows = parse_size(arguments.pop(0))
actions, command = arguments[:arguments.index("--")], arguments[arguments.index("--") + 1:]

# The session is this one's, as a shell's is, and the command a process group of it: its own would be orphaned, where the kernel
# ignores SIGTSTP.
if os.getpid() == os.getpgrp():
    shell = os.fork()
    if shell:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(shell, 0)[1]))
os.setsid()

undecoded = b""
stuck = False
screen = Screen(columns, rows)
master, slave = pty.openpty()
set_size(slave, columns, rows)
fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(slave, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for fd in 0, 1, 2:
        os.dup2(slave, fd)
    os.closerange(3, 64)
    os.environ["TERM"] = "xterm-256color"
    os.execvp(command[0], command)
try:
    for a in actions:
        act(a)
finally:
    try:
        os.kill(child, signal.SIGKILL)
    except ProcessLookupError:
        pass
