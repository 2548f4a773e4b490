/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libnss_directory.so.2: a directory service for tests. It knows the user "remote" (5000), whose primary
 * group is "remotes" (5000), and has "bob" in "farers" (5001). While /run/nss-directory-hangs is there, it
 * answers nothing; with /run/nss-directory-crashes it crashes; with /run/nss-directory-is-away it says that
 * it cannot be reached, and so with /run/nss-directory-is-unreachable, in the words of a client whose socket is not there. Which groups a user is in it always says, so that nobody's login hangs with it. */

#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum nss_status _nss_directory_getpwnam_r(const char *name, struct passwd *ret, char *buffer, size_t size,
                                          int *ret_errno);
enum nss_status _nss_directory_getpwuid_r(uid_t uid, struct passwd *ret, char *buffer, size_t size,
                                          int *ret_errno);
enum nss_status _nss_directory_setpwent(int stay_open);
enum nss_status _nss_directory_endpwent(void);
enum nss_status _nss_directory_getpwent_r(struct passwd *ret, char *buffer, size_t size, int *ret_errno);
enum nss_status _nss_directory_getgrnam_r(const char *name, struct group *ret, char *buffer, size_t size,
                                          int *ret_errno);
enum nss_status _nss_directory_getgrgid_r(gid_t gid, struct group *ret, char *buffer, size_t size,
                                          int *ret_errno);
enum nss_status _nss_directory_initgroups_dyn(const char *user, gid_t primary, long *n, long *size,
                                              gid_t **groups, long limit, int *ret_errno);

static bool given;

static bool is_there(const char *path) {
        return access(path, F_OK) == 0;
}

static enum nss_status answer(enum nss_status status, int *ret_errno) {
        while (is_there("/run/nss-directory-hangs"))
                (void) nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
        if (is_there("/run/nss-directory-crashes"))
                __builtin_trap();
        if (is_there("/run/nss-directory-is-away")) {
                *ret_errno = ECONNREFUSED;
                return NSS_STATUS_UNAVAIL;
        }
        if (status != NSS_STATUS_SUCCESS)
                *ret_errno = ENOENT;
        if (is_there("/run/nss-directory-is-unreachable")) {
                *ret_errno = ENOENT;
                return NSS_STATUS_UNAVAIL;
        }
        return status;
}

static enum nss_status give_user(bool found, struct passwd *ret, int *ret_errno) {
        enum nss_status status = answer(found ? NSS_STATUS_SUCCESS : NSS_STATUS_NOTFOUND, ret_errno);

        if (status == NSS_STATUS_SUCCESS)
                *ret = (struct passwd){
                        .pw_name = (char *) "remote",
                        .pw_passwd = (char *) "*",
                        .pw_uid = 5000,
                        .pw_gid = 5000,
                        .pw_gecos = (char *) "",
                        .pw_dir = (char *) "/nonexistent",
                        .pw_shell = (char *) "/bin/sh",
                };
        return status;
}

enum nss_status _nss_directory_getpwnam_r(const char *name, struct passwd *ret, char *buffer, size_t size,
                                          int *ret_errno) {
        return give_user(strcmp(name, "remote") == 0, ret, ret_errno);
}

enum nss_status _nss_directory_getpwuid_r(uid_t uid, struct passwd *ret, char *buffer, size_t size,
                                          int *ret_errno) {
        return give_user(uid == 5000, ret, ret_errno);
}

enum nss_status _nss_directory_setpwent(int stay_open) {
        given = false;
        return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_directory_endpwent(void) {
        given = false;
        return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_directory_getpwent_r(struct passwd *ret, char *buffer, size_t size, int *ret_errno) {
        bool first = !given;

        given = true;
        return give_user(first, ret, ret_errno);
}

static enum nss_status give_group(const char *name, gid_t gid, const char *member, struct group *ret,
                                  char *buffer, size_t size, int *ret_errno) {
        enum nss_status status = answer(name ? NSS_STATUS_SUCCESS : NSS_STATUS_NOTFOUND, ret_errno);
        char **members = (char **) (void *) (buffer + (8 - (size_t) buffer % 8) % 8);

        if (status != NSS_STATUS_SUCCESS)
                return status;
        if (size < 3 * sizeof(char *)) {
                *ret_errno = ERANGE;
                return NSS_STATUS_TRYAGAIN;
        }
        members[0] = (char *) member;
        members[1] = NULL;
        *ret = (struct group){
                .gr_name = (char *) name, .gr_passwd = (char *) "*", .gr_gid = gid, .gr_mem = members
        };
        return status;
}

enum nss_status _nss_directory_getgrnam_r(const char *name, struct group *ret, char *buffer, size_t size,
                                          int *ret_errno) {
        if (strcmp(name, "remotes") == 0)
                return give_group("remotes", 5000, NULL, ret, buffer, size, ret_errno);
        if (strcmp(name, "farers") == 0)
                return give_group("farers", 5001, "bob", ret, buffer, size, ret_errno);
        return give_group(NULL, 0, NULL, ret, buffer, size, ret_errno);
}

enum nss_status _nss_directory_getgrgid_r(gid_t gid, struct group *ret, char *buffer, size_t size,
                                          int *ret_errno) {
        if (gid == 5000)
                return give_group("remotes", 5000, NULL, ret, buffer, size, ret_errno);
        if (gid == 5001)
                return give_group("farers", 5001, "bob", ret, buffer, size, ret_errno);
        return give_group(NULL, 0, NULL, ret, buffer, size, ret_errno);
}

enum nss_status _nss_directory_initgroups_dyn(const char *user, gid_t primary, long *n, long *size,
                                              gid_t **groups, long limit, int *ret_errno) {
        if (strcmp(user, "bob") != 0 || *n >= *size) {
                *ret_errno = ENOENT;
                return NSS_STATUS_NOTFOUND;
        }
        (*groups)[(*n)++] = 5001;
        return NSS_STATUS_SUCCESS;
}
