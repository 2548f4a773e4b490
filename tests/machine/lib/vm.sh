# SPDX-License-Identifier: LGPL-2.1-or-later
# Virtual machines: a Debian with its own kernel in QEMU, for what a container cannot show: limits, BPF on cgroups, process events.
# Always emulated, so that it is the same everywhere.
#
# Nobody talks to one: it has the package, the tests and the list of what to run in its image, begins as soon as it is up, and says on
# its second serial port how it goes. It has a folder as a machine has, with: pid (of QEMU), image, console (its boot messages),
# output (a pipe).

VM_MEMORY=1024 # MiB
VM_BOOT_TIMEOUT=900
VM_LIST=$GUEST_DIR/vm-list

# vm_boot SUITE NAME: boots with what the standard input lists, lines "SCENARIO.sh TEST...", and waits until it is up. What it says from
# then on is read from $VM_OUTPUT.
vm_boot() {
        local suite=$1 name=$2 dir base
        dir=$(machine_dir "$name")
        base=$(base_get vm "$suite") || return
        mkdir -p "$dir/root" "$dir/upper" "$dir/overlay" || return
        machine_mount "$base" "$dir" || return
        machine_furnish "$suite" "$dir/root" || return
        vm_furnish "$dir/root" || return
        vm_make_image "$dir" || return
        vm_start "$base" "$dir"
        vm_wait_up "$dir"
}

# The package is there before the boot: apt takes long under emulation.
vm_furnish() {
        local root=$1
        cat >"$root$VM_LIST" || return
        chroot "$root" "${MACHINE_ENVIRONMENT[@]}" apt-get install --yes --no-install-recommends /opt/cgmove.deb || return
        cat >"$root/etc/systemd/system/cgmove-tests.service" <<-UNIT || return
	[Unit]
	After=multi-user.target
	[Service]
	ExecStart=${MACHINE_ENVIRONMENT[*]} ${CGMOVE_REUSES:+CGMOVE_REUSES=$CGMOVE_REUSES} $GUEST_DIR/guest/run-list $VM_LIST /dev/ttyS1
	UNIT
        ln -s ../cgmove-tests.service "$root/etc/systemd/system/multi-user.target.wants/"
}

# A file system with room for what the tests write.
vm_make_image() {
        local dir=$1
        truncate --size=4G "$dir/image" || return
        mkfs.ext4 -q -O ^has_journal -d "$dir/root" "$dir/image" || return
        umount "$dir/root" || umount --lazy "$dir/root" || rm -rf --one-file-system "$dir/root"
}

# Of a processor that can all that QEMU can, without a fifth level of page tables to walk. It ends with us, even if we are killed; what
# runs beside it goes first, for that has time-outs against the host's clock as well.
vm_start() {
        local base=$1 dir=$2
        local -a command=(setsid setpriv --pdeathsig KILL nice -n 5
                qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot
                -machine q35 -accel "tcg,thread=multi" -cpu "max,la57=off" -smp 2 -m "$VM_MEMORY"
                -kernel "$(vm_newest "$base/boot/vmlinuz-")" -initrd "$(vm_newest "$base/boot/initrd.img-")"
                -append "console=ttyS0 root=/dev/vda rw quiet mitigations=off panic=-1 audit=0 apparmor=0 no_timer_check"
                -drive "file=$dir/image,format=raw,if=virtio,cache=unsafe"
                -serial "file:$dir/console" -serial file:/dev/stdout)
        mkfifo "$dir/output"
        "${command[@]}" >"$dir/output" 2>"$dir/errors" </dev/null &
        machine_started "$dir" $!
        exec {VM_OUTPUT}<"$dir/output"
}

vm_newest() {
        find "${1%/*}" -name "${1##*/}*" | sort -V | tail -n 1
}

vm_wait_up() {
        local dir=$1 line
        while read -r -t "$VM_BOOT_TIMEOUT" line <&"$VM_OUTPUT"; do
                [[ $line != "# up" ]] || return 0
        done
        echo "the virtual machine does not come up; its console:"
        tail -n 60 "$dir/console" "$dir/errors"
        return 1
}

# vm_output NAME SCENARIO.sh TIMEOUT: what a scenario says, to its end. A machine that has been silent for longer than any test may
# take is ended, and with it all that would have come.
vm_output() {
        local name=$1 scenario=$2 timeout=$3 line
        while read -r -t "$timeout" line <&"$VM_OUTPUT"; do
                [[ $line != "# end of $scenario" ]] || return 0
                printf '%s\n' "$line"
        done
        echo "the virtual machine has died, or hangs; the end of its console:"
        kill -KILL "$(cat "$(machine_dir "$name")/pid")" 2>/dev/null
        tail -n 30 "$(machine_dir "$name")/console"
}
