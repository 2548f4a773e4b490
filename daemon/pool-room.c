/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/pool-room.h"

#include <errno.h>

#include "daemon/cgroup.h"
#include "lib/values.h"

uint64_t room_newcomers(uid_t uid, const Target *targets, size_t n_targets) {
        uint64_t n = 0;

        for (size_t i = 0; i < n_targets; i++)
                if (targets[i].source.kind != SOURCE_JOB || targets[i].source.owner_uid != uid)
                        n += targets[i].n_threads;
        return n;
}

int room_is_lacking(int pool_fd, uint64_t more, RoomFull *ret) {
        for (RoomPlace place = ROOM_POOL; place < _ROOM_PLACES; place++) {
                uint64_t current, max = LIMIT_NONE;
                int r;

                r = cgroup_read_u64_above(pool_fd, place, "pids.max", &max);
                if (r >= 0 && max != LIMIT_NONE)
                        r = cgroup_read_u64_above(pool_fd, place, "pids.current", &current);
                if (r == -ENOENT || r == -ENODEV) /* no controller; or the pool is being stopped */
                        continue;
                if (r < 0)
                        return r;
                if (max == LIMIT_NONE || (current <= max && more <= max - current))
                        continue;

                *ret = (RoomFull) { place, current, max };
                return 1;
        }
        return 0;
}
