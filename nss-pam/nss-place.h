/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which snapshot the module believes. A unit test has another one in the place of nss-place.c: nothing that
 * a program or its environment says counts here. */

#include <sys/types.h>

const char *nss_place_path(void);
uid_t nss_place_owner(void);
