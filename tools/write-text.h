/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writes all of TEXT into FD, a new file, which everybody may read then, and has it on the disk. Returns 0 or a negative errno. */
int write_text(int fd, const char *text);
