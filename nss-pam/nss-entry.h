/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What libc looks for in libnss_cgmove.so.2, by these names; see "Adding another Service to NSS" in libc's
 * manual. They return NSS_STATUS_SUCCESS; NSS_STATUS_NOTFOUND (ENOENT) for any other group or user, and
 * while there is no snapshot; NSS_STATUS_TRYAGAIN with ERANGE if the buffer is too small, or with EMFILE,
 * ENFILE, ENOMEM or EINTR; and NSS_STATUS_UNAVAIL (ENOENT) for a snapshot that is not to be believed. errno
 * is left alone on success. */

#include <grp.h>
#include <nss.h>
#include <stddef.h>
#include <sys/types.h>

#define NSS_EXPORT __attribute__((visibility("default")))

NSS_EXPORT enum nss_status _nss_cgmove_getgrnam_r(const char *name, struct group *ret, char *buffer,
                                                  size_t size, int *ret_errno);
NSS_EXPORT enum nss_status _nss_cgmove_getgrgid_r(gid_t gid, struct group *ret, char *buffer, size_t size,
                                                  int *ret_errno);
NSS_EXPORT enum nss_status _nss_cgmove_setgrent(int stay_open);
NSS_EXPORT enum nss_status _nss_cgmove_endgrent(void);
NSS_EXPORT enum nss_status _nss_cgmove_getgrent_r(struct group *ret, char *buffer, size_t size,
                                                  int *ret_errno);
NSS_EXPORT enum nss_status _nss_cgmove_initgroups_dyn(const char *user, gid_t group, long int *start,
                                                      long int *size, gid_t **groups, long int limit,
                                                      int *ret_errno);
