# SPDX-License-Identifier: LGPL-2.1-or-later
# Logs and results: what lies where a log is made, disks that are full, others' files, and what root's results are worth. A client
# opens logs with the user's rights, so that nothing here may reach what the user could not write himself. (Threat 16.)

VICTIM=/home/bob/victim

set_up() {
        check_status 0 in_session alice cgmove run --wait -- true
        echo untouched >"$VICTIM"
        chown bob: "$VICTIM"
        chmod 0644 "$VICTIM"
        echo 'for root alone' >/root/secret
        TARGETS=$(sha256sum "$VICTIM" /etc/passwd /root/secret)
        daemon_note
}

tear_down() {
        umount /home/alice/full /var/lib/cgmove/full 2>/dev/null || true
        rm -rf /home/alice/place "$VICTIM" /root/secret /home/alice/full
}

check_targets() {
        check_equal "$(sha256sum "$VICTIM" /etc/passwd /root/secret)" "$TARGETS" "files that are not alice's"
}

run_with_log() {
        in_session alice timeout 20 cgmove run --wait --log "$1" -- sh -c 'echo written by alice' 2>&1 || true
}

test_places_that_are_others() {
        local kind n=0 path
        for kind in symlink-victim symlink-passwd symlink-root hard-link directory fifo device parent-link parent-others parent-missing \
                victim shadow proc relative dots; do
                rm -rf /home/alice/place
                as alice mkdir /home/alice/place
                path=/home/alice/place/log
                case $kind in
                symlink-victim) as alice ln -s "$VICTIM" $path ;;
                symlink-passwd) as alice ln -s /etc/passwd $path ;;
                symlink-root) as alice ln -s /root/secret $path ;;
                hard-link) as alice ln "$VICTIM" $path 2>/dev/null || continue ;;
                directory) as alice mkdir $path ;;
                fifo) as alice mkfifo $path ;;
                device) ln -s /dev/null $path ;;
                parent-link) as alice sh -c 'rmdir ~/place; ln -s /home/bob ~/place' && path=/home/alice/place/victim ;;
                parent-others) path=/home/bob/new.log ;;
                parent-missing) path=/home/alice/place/a/b/c/log ;;
                victim) path=$VICTIM ;;
                shadow) path=/etc/shadow ;;
                proc) path=/proc/1/oom_score_adj ;;
                relative) path=../bob/victim ;;
                dots) path=/home/alice/place/../../bob/victim ;;
                esac
                run_with_log "$path" >/dev/null
                check_targets
                n=$((n + 1))
        done
        check_no_file /home/bob/new.log
        daemon_check_goes_on 2048
        tried "$n" "places of a log that are not alice's"
}

# The folder of the log becomes a link to another's, again and again, while logs are made in it.
test_folder_that_is_swapped() {
        local i
        rm -rf /home/alice/place
        as alice mkdir -p /home/alice/mine
        as alice python3 -c "
import os
while not os.path.exists('/home/alice/stop'):
    os.symlink('/home/bob', '/home/alice/new')
    os.rename('/home/alice/new', '/home/alice/place')
    os.symlink('/home/alice/mine', '/home/alice/new')
    os.rename('/home/alice/new', '/home/alice/place')
" &
        for i in {1..30}; do
                in_session alice sh -c "for i in 1 2 3; do timeout 20 cgmove run --wait --log /home/alice/place/victim -- echo x; done" >/dev/null 2>&1 || true
        done
        touch /home/alice/stop
        wait || true
        rm -f /home/alice/stop /home/alice/new
        rm -rf /home/alice/mine
        check_targets
        tried 90 "logs in a folder that becomes a link to another user's"
}

# A disk without room for the log: the job runs, and its status is known.
test_full_disks() {
        mkdir -p /home/alice/full
        mount -t tmpfs -o size=4k,uid=1000,mode=0755 none /home/alice/full
        in_session alice cgmove run --wait --name full --log /home/alice/full/log -- sh -c 'seq 1 100000; exit 3' >/dev/null 2>&1 || true
        check_equal "$(job_field full exit_code)" 3 "the status of a job whose log has no room"
        umount /home/alice/full
        # results, and what the daemon notes of moves, have no room either
        mount -t tmpfs -o size=4k,mode=0700 none /var/lib/cgmove
        dd if=/dev/zero of=/var/lib/cgmove/filler bs=4k count=2 2>/dev/null || true
        in_session alice timeout 60 cgmove run --name roomless -- true >/dev/null 2>&1 || true
        check_status 0 as alice cgmove list
        umount -l /var/lib/cgmove
        daemon_check_goes_on 2048
        tried 2 "full disks"
}

test_results_are_roots() {
        local file n=0
        for file in /var/lib/cgmove /var/lib/cgmove/1000 $(find /var/lib/cgmove/1000 -type f -name '*.json' | tail -n 50); do
                check_equal "$(stat -c %u "$file")" 0 "the owner of $file"
                check_match "$(stat -c %a "$file")" '^[67]00$' "the mode of $file"
                n=$((n + 1))
        done
        check_status 2 as alice ls /var/lib/cgmove/1000
        check_status 1 as bob cat "$(find /var/lib/cgmove/1000 -type f -print -quit)"
        tried "$n" "looks at results"
}

# What lies in the place of a log is its owner's choice, also when it is root who reads it: no file of another's is shown, nothing that
# only opening has an effect on is opened, and nobody waits for it.
test_root_reads_what_has_taken_the_place_of_a_log() {
        local kind n=0 job log=/home/alice/mine/log
        as alice mkdir -p /home/alice/mine
        for kind in symlink-secret symlink-own fifo socket directory others device gone; do
                rm -rf $log
                check_status 0 in_session alice cgmove run --wait --name replaced --log $log -- echo written by alice
                job=$(job_id replaced)
                check_status 0 timeout 20 cgmove logs "$job"
                check_equal "$OUTPUT" "written by alice" "the log, to root"
                rm -f $log
                case $kind in
                symlink-secret) as alice ln -s /root/secret $log ;;
                symlink-own) as alice sh -c "echo for root alone >$log.own; ln -s log.own $log" ;;
                fifo) as alice mkfifo $log ;;
                socket) as alice python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('$log')" ;;
                directory) as alice mkdir $log ;;
                others) cp /root/secret $log ;;
                device) mknod $log c 1 5 2>/dev/null && chown alice $log || as alice ln -s /dev/zero $log ;;
                gone) ;;
                esac
                check_status 1 timeout 20 cgmove logs "$job"
                check_lacks "$OUTPUT" "for root alone" "what root is shown ($kind)"
                n=$((n + 1))
        done
        rm -rf /home/alice/mine
        tried "$n" "things in the place of a log that root looks at"
}

# Whatever lies there by a mistake of root's or a broken disk: it is no job, and keeps none from being shown.
test_results_that_are_none() {
        local dir=/var/lib/cgmove/1000 n=0 good text
        good=$(find $dir -name '*.json' -print -quit)
        for text in '' '{' '{}' '[]' 'null' '{"id":1}' "$(head -c 100 "$good")" "$(printf '{%.0s' {1..5000})" "$(sed 's/1000/1001/g' "$good")" \
                "$(sed 's/"name": *"[^"]*"/"name":"\\u001b[31m"/' "$good")" "$(head -c 30000 /dev/zero | tr '\0' x)"; do
                n=$((n + 1))
                printf '%s' "$text" >"$dir/90000000$n.json"
        done
        head -c 200000000 /dev/zero >"$dir/900000100.json"
        mkfifo "$dir/900000101.json"
        ln -s /root/secret "$dir/900000102.json"
        mkdir "$dir/900000103.json"
        check_status 0 timeout 20 "$here/as" alice cgmove list --all
        check_lacks "$OUTPUT" 90000000 "the list"
        for id in $(seq 1 $n); do
                check_status 1 timeout 20 "$here/as" alice cgmove status "90000000$id"
        done
        rm -rf "$dir"/900000*.json
        daemon_check_goes_on 4096
        tried $((n + 4)) "files in the place of results"
}
