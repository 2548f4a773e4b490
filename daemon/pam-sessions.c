/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/pam-sessions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

typedef struct Entry {
        TAILQ_ENTRY(Entry) entries;
        PamSession session;
} Entry;

struct PamSessions {
        TAILQ_HEAD(EntryList, Entry) entries; /* the longest open one first */
        unsigned n;
        uint64_t last_id;
};

int pam_sessions_new(PamSessions **ret) {
        PamSessions *sessions = calloc(1, sizeof(*sessions));

        if (!sessions)
                return -ENOMEM;
        TAILQ_INIT(&sessions->entries);
        *ret = sessions;
        return 0;
}

static void forget(PamSessions *sessions, Entry *entry) {
        TAILQ_REMOVE(&sessions->entries, entry, entries);
        sessions->n--;
        free(entry);
}

PamSessions *pam_sessions_free(PamSessions *sessions) {
        Entry *entry;

        if (!sessions)
                return NULL;
        while ((entry = TAILQ_FIRST(&sessions->entries)))
                forget(sessions, entry);
        free(sessions);
        return NULL;
}

static void make_room(PamSessions *sessions, uid_t uid) {
        Entry *entry, *oldest = NULL;
        unsigned n = 0;

        TAILQ_FOREACH(entry, &sessions->entries, entries)
        if (entry->session.uid == uid && n++ == 0)
                oldest = entry;
        if (n < CGMOVE_SESSIONS_PER_USER_MAX)
                oldest = sessions->n < CGMOVE_SESSIONS_MAX ? NULL : TAILQ_FIRST(&sessions->entries);
        if (oldest)
                forget(sessions, oldest);
}

int pam_sessions_add(PamSessions *sessions, uid_t uid, const char *service, uint64_t now, uint64_t *ret_id) {
        Entry *entry = calloc(1, sizeof(*entry));

        if (!entry)
                return -ENOMEM;

        make_room(sessions, uid);
        /* the clock is ahead of a daemon that has given less than a million of them a second */
        sessions->last_id = now > sessions->last_id ? now : sessions->last_id + 1;
        entry->session = (PamSession){ .id = sessions->last_id, .uid = uid, .opened = now };
        (void) snprintf(entry->session.service, sizeof(entry->session.service), "%s", service);
        TAILQ_INSERT_TAIL(&sessions->entries, entry, entries);
        sessions->n++;

        *ret_id = entry->session.id;
        return 0;
}

bool pam_sessions_take(PamSessions *sessions, uint64_t id, uid_t uid, PamSession *ret) {
        Entry *entry;

        TAILQ_FOREACH(entry, &sessions->entries, entries)
        if (entry->session.id == id && entry->session.uid == uid) {
                *ret = entry->session;
                forget(sessions, entry);
                return true;
        }
        return false;
}

unsigned pam_sessions_count(const PamSessions *sessions) {
        return sessions->n;
}
