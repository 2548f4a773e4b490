/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#define USER_NAME_SIZE 64

/* The name of the user UID in BUFFER, or the number where he has none. Each is looked up once. Returns BUFFER. */
const char *user_name(uid_t uid, char buffer[static USER_NAME_SIZE]);
