#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Moves one process of alice after the other out of her unit, until a file is there, and says of each what became of it.

  mover.py SAID FILE
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import fault  # noqa: E402


def move_one():
    sleeper = fault.Sleeper(fault.SOURCES[0])
    try:
        answer = fault.answer_of(fault.as_user(fault.UID, fault.move_processes, [sleeper.pid], "moved"))
        if not answer.isdigit():
            return answer
        where = sleeper.where()
        if not sleeper.is_alive():
            return "moved " + answer  # its pool was stopped right behind it
        return "moved " + answer if where == "%s/job-%s" % (fault.POOL, answer) else "in " + where
    except fault.Wrong as wrong:
        return str(wrong)
    finally:
        sleeper.end()


def main():
    with open(sys.argv[1], "w", encoding="utf-8") as said:
        while not os.path.exists(sys.argv[2]):
            said.write(move_one() + "\n")
            said.flush()
        said.write("end\n")


if __name__ == "__main__":
    main()
