/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* /run/cgmove/allowed, from which libnss_cgmove(8) answers: see lib/allowed-snapshot.h. */

#include <stddef.h>
#include <stdint.h>

/* Replaces the file in RUN_DIR as a whole. NAMES: as allowed_encode() wants them; NULL: there is to be no
 * file. Whatever goes wrong, an older one does not stay: it would name users who may be allowed nothing any
 * more. Returns 0 or a negative errno. */
int allowed_file_write(const char *run_dir, uint32_t gid, const char *names, size_t size);
