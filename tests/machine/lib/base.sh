# SPDX-License-Identifier: LGPL-2.1-or-later
# Base images: folders with a Debian in them, made once by mmdebstrap and kept in the cache, one for each suite, purpose and
# list of packages.

SUITES=(bookworm trixie)

suite_title() {
        case $1 in
        bookworm) printf 'Debian 12' ;;
        trixie) printf 'Debian 13' ;;
        *) printf '%s' "$1" ;;
        esac
}

suite_number() {
        local title
        title=$(suite_title "$1")
        printf 'debian%s' "${title##* }"
}

# The mirror that the host itself takes Debian from; nothing if there is none, and mmdebstrap uses its default.
base_mirror() {
        local mirrors
        mirrors=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
                sed -n 's/^Debian|Debian|\(.*[^/]\)\/*$/\1/p') || return
        printf '%s' "${mirrors%%$'\n'*}"
}

# The host's way to the network, for apt inside of mmdebstrap.
base_apt_options() {
        apt-config dump | sed -n -E 's/^(Acquire::(http|https|ftp)::[Pp]roxy.* ".+";)$/--aptopt=\1/p'
}

# base_get KIND SUITE: makes sure of the image and prints its folder. KIND: build, machine or vm.
base_get() {
        local kind=$1 suite=$2 dir
        dir=$CACHE/$kind-$suite-$(base_key "$kind" "$suite")
        (
                flock 9 || exit
                [[ -d $dir ]] || base_make "$kind" "$suite" "$dir" >&2
        ) 9>"$CACHE/$kind-$suite.lock" || return
        printf '%s\n' "$dir"
}

base_key() {
        local lib=$TOP/tests/machine/lib
        {
                echo "$1 $2"
                case $1 in
                build) sed -n '/^Build-Depends/,/^[A-Z]/p' "$TOP/debian/control" ;;
                machine) package_list machine ;;
                vm) package_list machine vm && cat "$lib/vm-base" ;;
                esac
                cat "$lib/base.sh" "$lib/machine-base"
        } | sha256sum | cut -c 1-12
}

base_make() {
        local kind=$1 suite=$2 dir=$3 new=$3.new mirror
        mirror=$(base_mirror) || return
        rm -rf --one-file-system "$CACHE/$kind-$suite"-*
        # shellcheck disable=SC2086 # the mirror may be absent
        mapfile -t options < <(base_apt_options)
        "base_make_$kind" "$suite" "$new" ${mirror:-} || { rm -rf --one-file-system "$new"; return 1; }
        mv "$new" "$dir"
}

# A root with the build essentials and what debian/control declares, and nothing else: apt of the host resolves it.
base_make_build() {
        local suite=$1 dir=$2
        shift 2
        mkdir -p "$WORK/control-$suite/debian" || return
        cp "$TOP"/debian/{control,changelog} "$WORK/control-$suite/debian/" || return
        mmdebstrap --variant=buildd "${options[@]}" \
                --customize-hook="APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG apt-get --yes --no-install-recommends -o DPkg::Chroot-Directory=\"\$1\" build-dep '$WORK/control-$suite'" \
                "$suite" "$dir" "$@"
}

# A system that boots, with the users that the scenarios know.
base_make_machine() {
        base_make_system "$1" "$2" "$(package_list machine)" machine-base "${@:3}"
}

# The same with a kernel.
base_make_vm() {
        base_make_system "$1" "$2" "$(package_list machine vm)" "machine-base vm-base" "${@:3}"
}

# base_make_system SUITE DIR PACKAGES HOOKS [MIRROR]
base_make_system() {
        local suite=$1 dir=$2 packages=$3 hook
        local -a hooks=()
        for hook in $4; do
                hooks+=(--customize-hook="$TOP/tests/machine/lib/$hook \"\$1\"")
        done
        shift 4
        mmdebstrap --variant=minbase "${options[@]}" --include="$(paste -s -d , <<<"$packages")" "${hooks[@]}" \
                "$suite" "$dir" "$@"
}
