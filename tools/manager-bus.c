/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/manager-bus.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/environment.h"

int manager_bus_start(sd_bus *bus, bool system) {
        char address[128] = "unix:path=/run/systemd/private";
        EnvironmentPaths paths;
        int r;

        if (!system) {
                environment_paths_find(geteuid(), &paths);
                if (!paths.runtime_dir[0])
                        return -ENOENT;
                (void) snprintf(address, sizeof(address), "unix:path=%s/systemd/private", paths.runtime_dir);
        }
        r = sd_bus_set_address(bus, address);
        return r < 0 ? r : sd_bus_start(bus);
}
