# SPDX-License-Identifier: LGPL-2.1-or-later
# Sources of users and groups.

ALLOWED=/run/cgmove/allowed

# nss_use DATABASE MODULE...: more sources, after those that the machine has, until nss_restore.
nss_use() {
        local database=$1
        shift
        [[ -e /run/nsswitch.shipped ]] || cp -a /etc/nsswitch.conf /run/nsswitch.shipped
        sed -i -E "s/^($database:.*)$/\1 $*/" /etc/nsswitch.conf
}

nss_restore() {
        [[ ! -e /run/nsswitch.shipped ]] || mv /run/nsswitch.shipped /etc/nsswitch.conf
}

# The members of cgmove-allowed, as everybody sees them: "alice,bob".
allowed_members() {
        getent group cgmove-allowed | cut -d: -f4
}

allowed_are() {
        [[ $(getent group cgmove-allowed) == cgmove-allowed:*:"$1" ]]
}

# A directory service (tests/security/nss-directory.c), which is one more source until nss_restore and directory_end.
directory_begin() {
        local module
        module=$(dirname "$(find /usr/lib -name libnss_cgmove.so.2 | head -n 1)")/libnss_directory.so.2
        install -m 0644 "$here/../libnss_directory.so.2" "$module"
        nss_use passwd directory
        nss_use group directory
}

directory_end() {
        rm -f /run/nss-directory-*
        find /usr/lib -name libnss_directory.so.2 -delete
}

# directory_is hangs|crashes|is-away|well
directory_is() {
        rm -f /run/nss-directory-*
        [[ $1 == well ]] || touch "/run/nss-directory-$1"
}
