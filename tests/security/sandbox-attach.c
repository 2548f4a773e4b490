/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* sandbox-attach CGROUP WHAT: forbids something in a control group by a BPF program, as some of systemd's settings do, for as long as
 * this process lives. Says "attached" on its standard output. WHAT is one of sandbox-probe's:
 *
 *   network      every packet that leaves
 *   bind         every port of IPv4 */

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct Kind {
        const char *what;
        uint32_t program_type;
        uint32_t attach_type;
} Kind;

static const Kind kinds[] = {
        { "network", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS },
        { "bind", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND },
};

static const Kind *find_kind(const char *what) {
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (strcmp(kinds[i].what, what) == 0)
                        return &kinds[i];
        return NULL;
}

/* "return 0", which is "no". */
static int load_refusal(const Kind *kind) {
        static const struct bpf_insn instructions[] = {
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
                { .code = BPF_JMP | BPF_EXIT },
        };
        union bpf_attr attr = {
                .prog_type = kind->program_type,
                .expected_attach_type = kind->attach_type,
                .insns = (uint64_t) (uintptr_t) instructions,
                .insn_cnt = sizeof(instructions) / sizeof(instructions[0]),
                .license = (uint64_t) (uintptr_t) "LGPL",
        };

        return (int) syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* By a link, which lasts for as long as its descriptor. */
static int attach(int program, int cgroup, const Kind *kind) {
        union bpf_attr attr = {
                .link_create = {
                        .prog_fd = (uint32_t) program,
                        .target_fd = (uint32_t) cgroup,
                        .attach_type = kind->attach_type,
                },
        };

        return (int) syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
}

int main(int argc, char **argv) {
        const Kind *kind = argc == 3 ? find_kind(argv[2]) : NULL;
        int program, cgroup;

        if (!kind)
                return 2;
        cgroup = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        program = load_refusal(kind);
        if (cgroup < 0 || program < 0 || attach(program, cgroup, kind) < 0) {
                (void) fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
                return 1;
        }
        (void) puts("attached");
        (void) fflush(stdout);
        (void) pause();
        return 0;
}
