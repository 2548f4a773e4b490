# SPDX-License-Identifier: LGPL-2.1-or-later
# The Debian package, built in a clean root that has what debian/control declares and nothing else, without network.

# package_build SUITE: leaves cgmove_*.deb and, with a higher version, upgrade.deb in $WORK/deb/SUITE.
package_build() {
        local suite=$1 dir=$WORK/root/$1 base
        base=$(base_get build "$suite")
        mkdir -p "$dir/root" "$dir/upper" "$dir/overlay" "$WORK/deb/$suite"
        machine_mount "$base" "$dir"
        host_copy_sources "$dir/root/build/cgmove"
        chown -R 65534:65534 "$dir/root/build"
        mount --bind /dev "$dir/root/dev"
        package_compile "$dir/root"
        package_collect "$dir/root" "$WORK/deb/$suite"
        umount "$dir/root/dev" "$dir/root" 2>/dev/null || umount --lazy "$dir/root/dev" "$dir/root" || true
        package_raise_version "$WORK/deb/$suite"
}

package_compile() {
        unshare --net --mount --pid --fork --kill-child --mount-proc="$1/proc" \
                chroot --userspec=65534:65534 "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/build LC_ALL=C.UTF-8 \
                DEB_BUILD_OPTIONS="parallel=$(nproc)" \
                sh -c 'cd /build/cgmove && dpkg-buildpackage -us -uc -b'
}

# The package, and folders of tests with the programs that were built for them.
package_collect() {
        local built=$1/build/cgmove/debian/build/tests to=$2 folder
        cp "$1"/build/cgmove_*.deb "$to/"
        cp "$to"/cgmove_*.deb "$to/cgmove.deb"
        for folder in bench machine security; do
                mkdir -p "$to/$folder"
                cp -a "$TOP/tests/$folder/." "$to/$folder/"
                [[ ! -d $built/$folder ]] || find "$built/$folder" -maxdepth 1 -type f -executable -exec cp -t "$to/$folder/" {} +
        done
}

# The same package as a later version, to upgrade to.
package_raise_version() {
        local dir=$1/later
        dpkg-deb -R "$1/cgmove.deb" "$dir"
        sed -i 's/^Version: .*/&+later/' "$dir/DEBIAN/control"
        dpkg-deb --root-owner-group -b "$dir" "$1/upgrade.deb"
        rm -rf "$dir"
}

# In a machine, by its own apt.
package_install() {
        machine_exec "$1" apt-get install --yes --no-install-recommends /opt/cgmove.deb
}
