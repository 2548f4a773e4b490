/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/rate.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#define PER_MAX (UINT64_MAX / 8) /* microseconds; keeps the sums below from wrapping round */
#define N_CHAINS 256

/* A bucket as the one time at which it is full again: each event taken adds PER / COUNT to it, and an event
 * is within the rate if it is not more than PER ahead then (the "generic cell rate algorithm" of ATM, ITU-T
 * I.371). */
typedef struct RateKey {
        TAILQ_ENTRY(RateKey) by_use; /* the one that was used longest ago is first */
        LIST_ENTRY(RateKey) chain;
        uint64_t key;
        uint64_t full_at;
} RateKey;

TAILQ_HEAD(RateKeyQueue, RateKey);
LIST_HEAD(RateKeyChain, RateKey);

struct RateTable {
        unsigned n_keys, max_keys;
        struct RateKeyQueue by_use;
        struct RateKeyChain chains[N_CHAINS];
};

int rate_table_new(unsigned max_keys, RateTable **ret) {
        RateTable *table;

        if (max_keys == 0)
                return -EINVAL;
        table = calloc(1, sizeof(*table));
        if (!table)
                return -ENOMEM;

        table->max_keys = max_keys;
        TAILQ_INIT(&table->by_use);
        *ret = table;
        return 0;
}

RateTable *rate_table_free(RateTable *table) {
        RateKey *next;

        if (!table)
                return NULL;
        for (RateKey *key = TAILQ_FIRST(&table->by_use); key; key = next) {
                next = TAILQ_NEXT(key, by_use);
                free(key);
        }
        free(table);
        return NULL;
}

/* Keys are made by the daemon of user ids and numbers of sections: no one chooses them to collide. */
static struct RateKeyChain *key_chain(RateTable *table, uint64_t key) {
        return &table->chains[(key * UINT64_C(0x9e3779b97f4a7c15)) >> 56];
}

static RateKey *find_key(RateTable *table, uint64_t key) {
        RateKey *found = LIST_FIRST(key_chain(table, key));

        while (found && found->key != key)
                found = LIST_NEXT(found, chain);
        return found;
}

/* A new key, or the one used longest ago made new. NULL if there is none; *ret_wait is set then. */
static RateKey *add_key(RateTable *table, uint64_t key, uint64_t now, uint64_t *ret_wait) {
        RateKey *added = TAILQ_FIRST(&table->by_use);

        if (table->n_keys < table->max_keys) {
                added = calloc(1, sizeof(*added));
                if (!added) {
                        *ret_wait = 1000000;
                        return NULL;
                }
                table->n_keys++;
        } else if (added->full_at > now) {
                *ret_wait = added->full_at - now;
                return NULL;
        } else {
                TAILQ_REMOVE(&table->by_use, added, by_use);
                LIST_REMOVE(added, chain);
        }

        added->key = key;
        added->full_at = now;
        TAILQ_INSERT_TAIL(&table->by_use, added, by_use);
        LIST_INSERT_HEAD(key_chain(table, key), added, chain);
        return added;
}

bool rate_take(RateTable *table, uint64_t key, uint32_t count, uint64_t per, uint64_t now,
               uint64_t *ret_wait) {
        uint64_t each, burst, full_at;
        RateKey *found;

        if (count == 0) {
                *ret_wait = UINT64_MAX;
                return false;
        }
        found = find_key(table, key) ?: add_key(table, key, now, ret_wait);
        if (!found)
                return false;
        TAILQ_REMOVE(&table->by_use, found, by_use);
        TAILQ_INSERT_TAIL(&table->by_use, found, by_use);

        if (per > PER_MAX)
                per = PER_MAX;
        each = per / count + (per % count > 0); /* rounded up: never more than the rate */
        burst = each * count;

        full_at = found->full_at > now ? found->full_at : now;
        if (full_at > now + burst) /* an empty bucket of a slower rate, before a reload */
                found->full_at = full_at = now + burst;
        if (full_at + each > now + burst) {
                *ret_wait = full_at + each - (now + burst);
                return false;
        }
        found->full_at = full_at + each;
        return true;
}
