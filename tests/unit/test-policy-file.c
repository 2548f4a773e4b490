/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/policy-file.h"

static void file_write(const char *folder, const char *name, const char *text) {
        char path[256];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static char *path_in(void **state, const char *name) {
        char *path;

        assert_true(asprintf(&path, "%s/%s", (char *) *state, name) >= 0);
        return path;
}

static int conf_new(void **state) {
        char *folder = strdup("/tmp/test-policy-XXXXXX");
        char path[64];

        (void) umask(022);
        if (!folder || !mkdtemp(folder) || chmod(folder, 0755) < 0)
                return -1;
        snprintf(path, sizeof(path), "%s/policy.d", folder);
        if (mkdir(path, 0755) < 0)
                return -1;

        file_write(folder, "cgmove.conf", "max-pools = 5\npolicy main { users = a from = job }\n");
        file_write(folder, "policy.d/20-b.conf",
                   "policy b { users = a from = job }\npolicy b2 { users = a from = job }\n");
        file_write(folder, "policy.d/10-a.conf", "policy a { users = a from = job }\n");
        file_write(folder, "policy.d/.hidden.conf", "nonsense");
        file_write(folder, "policy.d/README", "nonsense");
        file_write(folder, "policy.d/c.conf~", "nonsense");
        file_write(folder, "policy.d/.conf", "nonsense");
        *state = folder;
        return 0;
}

static int conf_free(void **state) {
        _cleanup_free_ char *command = NULL;
        int r;

        r = asprintf(&command, "rm -rf %s", (char *) *state) < 0 ? -1 : system(command);
        free(*state);
        return r;
}

static int load(void **state, PolicyTrust trust, Policy **ret, PolicyProblem *problem) {
        Settings settings;
        int r;

        r = policy_files_load(*state, trust, &settings, ret, problem);
        if (r >= 0)
                assert_int_equal(settings.max_pools, 5);
        return r;
}

static void test_order(void **state) {
        static const char *const names[] = { "main", "a", "b", "b2" };
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        _cleanup_(policy_freep) Policy *policy = NULL;

        assert_int_equal(load(state, POLICY_TRUST_ANY, &policy, &problem), 0);
        assert_int_equal(policy->n_sections, ELEMENTSOF(names));
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                assert_string_equal(policy->sections[i].name, names[i]);
        assert_non_null(strstr(policy->sections[1].file, "/policy.d/10-a.conf"));
}

/* Loads, and expects R and SAID; nothing may be given out then. */
static void check_load_fails(void **state, PolicyTrust trust, int r, const char *said) {
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        Policy *policy = NULL;

        assert_int_equal(load(state, trust, &policy, &problem), r);
        assert_null(policy);
        if (!problem.text || !strstr(problem.text, said))
                fail_msg("says \"%s\", not \"%s\"", problem.text, said);
}

static void test_one_bad_file(void **state) {
        file_write(*state, "policy.d/15.conf", "policy c { users = a }\n");
        check_load_fails(state, POLICY_TRUST_ANY, -EINVAL,
                         "/policy.d/15.conf:1: section \"c\", option \"from\"");
        file_write(*state, "policy.d/15.conf", "\npolicy main { users = a from = job }\n");
        check_load_fails(state, POLICY_TRUST_ANY, -EINVAL,
                         "/cgmove.conf:2 has a section of that name already");
        file_write(*state, "policy.d/15.conf", "max-pools = 3\n");
        check_load_fails(state, POLICY_TRUST_ANY, -EINVAL, "belongs in cgmove.conf");
}

static void test_nothing_there(void **state) {
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        _cleanup_(policy_freep) Policy *policy = NULL;
        Settings settings = { 0 };

        assert_int_equal(policy_files_load("/nonexistent/cgmove", POLICY_TRUST_ROOT, &settings, &policy,
                                           &problem),
                         0);
        assert_int_equal(policy->n_sections, 0);
        assert_int_equal(settings.max_pools, 256);
}

/* Threat 10: what may not be followed, opened or waited for. */
static void test_no_regular_file(void **state) {
        _cleanup_free_ char *path = path_in(state, "policy.d/15.conf");

        assert_int_equal(symlink("10-a.conf", path), 0);
        check_load_fails(state, POLICY_TRUST_ANY, -EPERM, "15.conf: is a symbolic link");
        assert_int_equal(unlink(path), 0);

        assert_int_equal(symlink("nowhere", path), 0);
        check_load_fails(state, POLICY_TRUST_ANY, -EPERM, "15.conf: is a symbolic link");
        assert_int_equal(unlink(path), 0);

        assert_int_equal(mkfifo(path, 0644), 0);
        check_load_fails(state, POLICY_TRUST_ANY, -EPERM, "15.conf: is not a regular file");
        assert_int_equal(unlink(path), 0);

        assert_int_equal(mkdir(path, 0755), 0);
        check_load_fails(state, POLICY_TRUST_ANY, -EPERM, "15.conf: is not a regular file");
}

static void test_no_folder(void **state) {
        _cleanup_free_ char *folder = path_in(state, "policy.d"), *other = path_in(state, "other");

        assert_int_equal(rename(folder, other), 0);
        assert_int_equal(symlink("other", folder), 0);
        check_load_fails(state, POLICY_TRUST_ANY, -EPERM, "policy.d: is not a folder");
        assert_int_equal(unlink(folder), 0);
        file_write(*state, "policy.d", "");
        check_load_fails(state, POLICY_TRUST_ANY, -EPERM, "policy.d: is not a folder");
}

static void test_large_file(void **state) {
        _cleanup_free_ char *path = path_in(state, "policy.d/15.conf");
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_free_ char *text = malloc(POLICY_FILE_SIZE_MAX + 2);

        assert_non_null(text);
        memset(text, '\n', POLICY_FILE_SIZE_MAX + 1);
        text[POLICY_FILE_SIZE_MAX] = '\0';
        file_write(*state, "policy.d/15.conf", text);
        assert_int_equal(load(state, POLICY_TRUST_ANY, &policy, &problem), 0);

        text[POLICY_FILE_SIZE_MAX] = '\n';
        text[POLICY_FILE_SIZE_MAX + 1] = '\0';
        file_write(*state, "policy.d/15.conf", text);
        check_load_fails(state, POLICY_TRUST_ANY, -EINVAL, "15.conf: is larger than 1048576 bytes");

        assert_int_equal(truncate(path, 100 * 1024 * 1024), 0);
        check_load_fails(state, POLICY_TRUST_ANY, -EINVAL, "15.conf: is larger than 1048576 bytes");
}

static void test_many_files(void **state) {
        for (unsigned i = 0; i < POLICY_FILES_MAX; i++) {
                char name[32];

                snprintf(name, sizeof(name), "policy.d/n%u.conf", i);
                file_write(*state, name, "");
        }

        check_load_fails(state, POLICY_TRUST_ANY, -EINVAL, "policy.d: has more than 256 files");
}

/* Others than root can only check that nothing of theirs is trusted. */
static void test_trust(void **state) {
        _cleanup_free_ char *file = path_in(state, "policy.d/10-a.conf"),
                            *folder = path_in(state, "policy.d");
        _cleanup_free_ char *settings = path_in(state, "cgmove.conf");
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        _cleanup_(policy_freep) Policy *policy = NULL;

        if (geteuid() != 0) {
                check_load_fails(state, POLICY_TRUST_ROOT, -EPERM, "is not owned by root");
                return;
        }

        assert_int_equal(load(state, POLICY_TRUST_ROOT, &policy, &problem), 0);

        assert_int_equal(chmod(file, 0664), 0);
        check_load_fails(state, POLICY_TRUST_ROOT, -EPERM, "10-a.conf: may be written by others");
        assert_int_equal(chmod(file, 0646), 0);
        check_load_fails(state, POLICY_TRUST_ROOT, -EPERM, "10-a.conf: may be written by others");
        assert_int_equal(chmod(file, 0644), 0);

        assert_int_equal(chown(file, 1000, 0), 0);
        check_load_fails(state, POLICY_TRUST_ROOT, -EPERM, "10-a.conf: is not owned by root");
        assert_int_equal(chown(file, 0, 0), 0);

        assert_int_equal(chmod(folder, 0775), 0);
        check_load_fails(state, POLICY_TRUST_ROOT, -EPERM, "policy.d: may be written by others");
        assert_int_equal(chmod(folder, 0755), 0);

        assert_int_equal(chown(settings, 1000, 0), 0);
        check_load_fails(state, POLICY_TRUST_ROOT, -EPERM, "cgmove.conf: is not owned by root");
        assert_int_equal(chown(settings, 0, 0), 0);

        assert_int_equal(chmod(*state, 0777), 0);
        check_load_fails(state, POLICY_TRUST_ROOT, -EPERM, "may be written by others");
}

static void test_list(void **state) {
        _cleanup_free_ char *b = path_in(state, "policy.d/20-b.conf"),
                            *a = path_in(state, "policy.d/10-a.conf");
        _cleanup_free_ char *settings_path = path_in(state, "cgmove.conf"),
                            *missing = path_in(state, "missing.conf");
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        _cleanup_(policy_freep) Policy *policy = NULL;
        Policy *none = NULL;
        Settings settings;

        assert_int_equal(policy_files_load_list((char *[]){ b, a, settings_path, NULL }, POLICY_TRUST_ANY,
                                                &settings, &policy, &problem),
                         0);
        assert_int_equal(policy->n_sections, 4);
        assert_string_equal(policy->sections[0].name, "b");
        assert_string_equal(policy->sections[2].name, "a");
        assert_int_equal(settings.max_pools, 5);

        assert_int_equal(policy_files_load_list((char *[]){ a, missing, NULL }, POLICY_TRUST_ANY, &settings,
                                                &none, &problem),
                         -ENOENT);
        assert_non_null(strstr(problem.text, "missing.conf: No such file"));
        assert_null(none);

        policy_problem_clear(&problem);
        assert_int_equal(policy_files_load_list((char *[]){ a, a, NULL }, POLICY_TRUST_ANY, &settings, &none,
                                                &problem),
                         -EINVAL);
        assert_null(none);
}

/* What the daemon keeps, and where, is not a matter of the files beside. */
static void test_settings(void **state) {
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        Settings settings = { .max_pools = 9 };

        file_write(*state, "policy.d/20-b.conf", "policy x {\n");
        assert_int_equal(policy_files_load_settings(*state, POLICY_TRUST_ANY, &settings, &problem), 0);
        assert_int_equal(settings.max_pools, 5);
        assert_null(problem.text);

        settings.max_pools = 9;
        file_write(*state, "cgmove.conf", "max-pools = 6\nmax-pools = none\n");
        assert_int_equal(policy_files_load_settings(*state, POLICY_TRUST_ANY, &settings, &problem), -EINVAL);
        assert_int_equal(settings.max_pools, 9);
        assert_non_null(strstr(problem.text, "cgmove.conf"));

        policy_problem_clear(&problem);
        assert_int_equal(policy_files_load_settings("/nonexistent/cgmove", POLICY_TRUST_ANY, &settings,
                                                    &problem),
                         0);
        assert_int_equal(settings.max_pools, 256);
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, conf_new, conf_free)

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_FILES(test_order),         WITH_FILES(test_one_bad_file),
                WITH_FILES(test_nothing_there), WITH_FILES(test_no_regular_file),
                WITH_FILES(test_no_folder),     WITH_FILES(test_large_file),
                WITH_FILES(test_many_files),    WITH_FILES(test_trust),
                WITH_FILES(test_list),          WITH_FILES(test_settings),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
