/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which files, in which order, and whether they can be trusted. */

#include "lib/policy-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/policy-problem.h"
#include "lib/text.h"

#define SETTINGS_FILE "cgmove.conf"
#define POLICY_FOLDER "policy.d"
#define POLICY_SUFFIX ".conf"

/* What a load fills; given to the caller when all of it is good. */
typedef struct Load {
        PolicyTrust trust;
        Settings settings;
        Policy *policy;
        PolicyProblem *problem;
} Load;

typedef struct Names {
        char **names;
        size_t n;
} Names;

static void names_clear(Names *names) {
        for (size_t i = 0; i < names->n; i++)
                free(names->names[i]);
        free(names->names);
}

/* Keeps the errno of the system but says in words what it was about. */
static int problem_errno(const Load *load, const char *path, int error) {
        const char *text =
                        error == ELOOP ? "is a symbolic link, and none is followed" : strerrordesc_np(error);
        int r;

        r = policy_problem_set(load->problem, path, 0, "%s", text ? text : "cannot be read");
        return r == -EINVAL && error != ELOOP ? -error : error == ELOOP ? -EPERM : r;
}

static int problem_trust(const Load *load, const char *path, const char *text) {
        int r;

        r = policy_problem_set(load->problem, path, 0, "%s", text);
        return r == -EINVAL ? -EPERM : r;
}

/* Access control lists need no look: what they give to a group or another user shows in the group bits of
 * the mode. */
static int check_trust(const Load *load, const char *path, const struct stat *st) {
        if (load->trust == POLICY_TRUST_ANY)
                return 0;
        if (st->st_uid != 0)
                return problem_trust(load, path, "is not owned by root");
        if (st->st_mode & (S_IWGRP | S_IWOTH))
                return problem_trust(load, path, "may be written by others than root (chmod go-w)");

        return 0;
}

/* A FIFO would block the open and a device might act on it, hence O_NONBLOCK and O_NOCTTY. */
static int open_regular(const Load *load, int dir_fd, const char *name, const char *path, int *ret) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return errno == ENOENT ? -ENOENT : problem_errno(load, path, errno);
        if (fstat(fd, &st) < 0)
                return problem_errno(load, path, errno);
        if (!S_ISREG(st.st_mode))
                return problem_trust(load, path, "is not a regular file");

        r = check_trust(load, path, &st);
        if (r < 0)
                return r;

        *ret = TAKE_FD(fd);
        return 0;
}

/* The whole file at once, so that it is one text however it is changed meanwhile. */
static int read_all(const Load *load, int fd, const char *path, char **ret, size_t *ret_size) {
        _cleanup_free_ char *text = NULL;
        size_t n = 0;

        text = malloc(POLICY_FILE_SIZE_MAX + 1);
        if (!text)
                return -ENOMEM;

        while (n <= POLICY_FILE_SIZE_MAX) {
                ssize_t k = read(fd, text + n, POLICY_FILE_SIZE_MAX + 1 - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return problem_errno(load, path, errno);
                if (k == 0)
                        break;
                n += (size_t) k;
        }
        if (n > POLICY_FILE_SIZE_MAX)
                return policy_problem_set(load->problem, path, 0, "is larger than %d bytes",
                                          POLICY_FILE_SIZE_MAX);

        *ret = TAKE_PTR(text);
        *ret_size = n;
        return 0;
}

/* -ENOENT, without words, if there is no such file. */
static int load_file(Load *load, int dir_fd, const char *name, const char *path, bool with_settings) {
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -1;
        size_t size = 0;
        int r;

        r = open_regular(load, dir_fd, name, path, &fd);
        if (r < 0)
                return r;
        r = read_all(load, fd, path, &text, &size);
        if (r < 0)
                return r;

        return policy_text_parse(path, text, size, with_settings ? &load->settings : NULL, load->policy,
                                 load->problem);
}

/* -ENOENT, without words, if there is no such folder. */
static int open_folder(const Load *load, int dir_fd, const char *name, const char *path, int *ret) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 && errno == ENOTDIR) /* also what a symbolic link is called here */
                return problem_trust(load, path, "is not a folder (and no symbolic link is followed)");
        if (fd < 0)
                return errno == ENOENT ? -ENOENT : problem_errno(load, path, errno);
        if (fstat(fd, &st) < 0)
                return problem_errno(load, path, errno);

        r = check_trust(load, path, &st);
        if (r < 0)
                return r;

        *ret = TAKE_FD(fd);
        return 0;
}

static bool is_policy_name(const char *name) {
        size_t n = strlen(name), k = strlen(POLICY_SUFFIX);

        return name[0] != '.' && n > k && strcmp(name + n - k, POLICY_SUFFIX) == 0;
}

static int names_add(const Load *load, Names *names, const char *folder, const char *name) {
        char **grown;

        if (names->n == POLICY_FILES_MAX)
                return policy_problem_set(load->problem, folder, 0, "has more than %d files",
                                          POLICY_FILES_MAX);
        if (!text_is_plain(name))
                return policy_problem_set(load->problem, folder, 0,
                                          "has a file with control characters in its name");

        grown = reallocarray(names->names, names->n + 1, sizeof(char *));
        if (!grown)
                return -ENOMEM;
        names->names = grown;

        grown[names->n] = strdup(name);
        if (!grown[names->n])
                return -ENOMEM;
        names->n++;
        return 0;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static int list_names(const Load *load, int dir_fd, const char *folder, Names *names) {
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        int fd, r = 0;

        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return problem_errno(load, folder, errno);

        dir = fdopendir(fd);
        if (!dir) {
                r = problem_errno(load, folder, errno);
                (void) close(fd);
                return r;
        }

        while (errno = 0, r >= 0 && (entry = readdir(dir)))
                if (is_policy_name(entry->d_name))
                        r = names_add(load, names, folder, entry->d_name);
        if (r < 0)
                return r;
        if (errno != 0)
                return problem_errno(load, folder, errno);

        if (names->n > 0)
                qsort(names->names, names->n, sizeof(char *), compare_names);
        return 0;
}

static int load_folder(Load *load, int conf_fd, const char *conf_dir) {
        _cleanup_(names_clear) Names names = { 0 };
        _cleanup_free_ char *folder = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        if (asprintf(&folder, "%s/" POLICY_FOLDER, conf_dir) < 0)
                return -ENOMEM;

        r = open_folder(load, conf_fd, POLICY_FOLDER, folder, &fd);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = list_names(load, fd, folder, &names);

        for (size_t i = 0; r >= 0 && i < names.n; i++) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s/%s", folder, names.names[i]) < 0)
                        return -ENOMEM;
                r = load_file(load, fd, names.names[i], path, false);
                if (r == -ENOENT) /* a dangling name, or removed between: either way not what was listed */
                        r = problem_errno(load, path, ENOENT);
        }

        return r;
}

static int load_conf_dir(Load *load, const char *conf_dir, bool with_folder) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        r = open_folder(load, AT_FDCWD, conf_dir, conf_dir, &fd);
        if (r < 0)
                return r == -ENOENT ? 0 : r; /* nothing is written: nothing is allowed */

        if (asprintf(&path, "%s/" SETTINGS_FILE, conf_dir) < 0)
                return -ENOMEM;
        r = load_file(load, fd, SETTINGS_FILE, path, true);
        if (r < 0 && r != -ENOENT)
                return r;

        return with_folder ? load_folder(load, fd, conf_dir) : 0;
}

static int load_list(Load *load, char *const *paths) {
        for (; *paths; paths++) {
                const char *slash = strrchr(*paths, '/'), *name = slash ? slash + 1 : *paths;
                int r;

                r = load_file(load, AT_FDCWD, *paths, *paths, strcmp(name, SETTINGS_FILE) == 0);
                if (r == -ENOENT)
                        r = problem_errno(load, *paths, ENOENT);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int load_begin(Load *load) {
        settings_init(&load->settings);
        load->policy = calloc(1, sizeof(Policy));
        return load->policy ? 0 : -ENOMEM;
}

static int load_end(Load *load, int r, Settings *ret_settings, Policy **ret_policy) {
        if (r < 0) {
                (void) policy_free(load->policy);
                return r;
        }

        *ret_settings = load->settings;
        *ret_policy = load->policy;
        return 0;
}

int policy_files_load(const char *conf_dir, PolicyTrust trust, Settings *ret_settings, Policy **ret_policy,
                      PolicyProblem *problem) {
        Load load = { .trust = trust, .problem = problem };
        int r;

        r = load_begin(&load);
        if (r >= 0)
                r = load_conf_dir(&load, conf_dir, true);

        return load_end(&load, r, ret_settings, ret_policy);
}

int policy_files_load_settings(const char *conf_dir, PolicyTrust trust, Settings *ret,
                               PolicyProblem *problem) {
        Load load = { .trust = trust, .problem = problem };
        Policy *policy = NULL;
        int r;

        r = load_begin(&load);
        if (r >= 0)
                r = load_conf_dir(&load, conf_dir, false);

        r = load_end(&load, r, ret, &policy);
        (void) policy_free(policy);
        return r;
}

int policy_files_load_list(char *const *paths, PolicyTrust trust, Settings *ret_settings,
                           Policy **ret_policy, PolicyProblem *problem) {
        Load load = { .trust = trust, .problem = problem };
        int r;

        r = load_begin(&load);
        if (r >= 0)
                r = load_list(&load, paths);

        return load_end(&load, r, ret_settings, ret_policy);
}
