/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * health_desk - a site with its health, and what that tells, for the tests of health
 */
#include "lib/base/log.h"
#include "router/health.h"
#include "tests/unit/router/site.h"

#include <pthread.h>
#include <stdio.h>

#define START ((uint64_t)1000000)
#define MINUTE ((uint64_t)60000)

/* The events of a test, "slot_suspended austin-1 198.51.100.1 cause\n" each, cut at the end. */
static char told[4096];
static pthread_mutex_t told_mutex = PTHREAD_MUTEX_INITIALIZER;

static inline void told_put(struct slice s)
{
        size_t length = strlen(told);

        snprintf(told + length, sizeof(told) - length, "%.*s", (int)s.length, s.data);
}

static inline void told_add(const struct event *event, const struct field *fields, size_t n_fields,
                            struct slice line)
{
        pthread_mutex_lock(&told_mutex);
        told_put(slice_of(event->name));
        for (size_t i = 0; i < n_fields; i++) {
                if (fields[i].type != FIELD_TEXT)
                        continue;
                told_put(SLICE_LITERAL(" "));
                told_put(fields[i].text);
        }
        told_put(SLICE_LITERAL("\n"));
        pthread_mutex_unlock(&told_mutex);
}

struct desk {
        struct site site;
        struct health *health;
};

static inline int desk_init(void **state)
{
        struct desk *d = calloc(1, sizeof(*d));

        if (!d)
                return -1;
        site_init(&d->site);
        *state = d;
        told[0] = 0;
        return health_new(&d->site.plan, START, 0, &d->health);
}

static inline int desk_done(void **state)
{
        struct desk *d = *state;

        health_free(d->health);
        free(d);
        return 0;
}

static inline enum health_verdict admit(struct desk *d, unsigned slot, uint64_t now_ms)
{
        const char *cause;

        return health_admit(d->health, &d->site.slots[slot], now_ms, &cause);
}

static inline void refuse(struct desk *d, unsigned slot, uint64_t now_ms)
{
        health_move(d->health, &d->site.slots[slot], HEALTH_REFUSED, "address not listed", false,
                    now_ms);
}

static inline void succeed(struct desk *d, unsigned slot, uint64_t now_ms)
{
        health_move(d->health, &d->site.slots[slot], HEALTH_SUCCEEDED, NULL, false, now_ms);
}

static inline void suspend_key(struct desk *d)
{
        for (unsigned i = 0; i < 3; i++)
                succeed(d, i, START);
        for (unsigned i = 0; i < 3; i++)
                refuse(d, i, START);
}

#define HEALTH_TEST(name) cmocka_unit_test_setup_teardown(name, desk_init, desk_done)
