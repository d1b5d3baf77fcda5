/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * name - what is known of one host, and when to ask again
 *
 * A name has two answers, one a family. An answer replaces the one before unless it would leave the
 * host without any address: an NXDOMAIN, a SERVFAIL or silence never takes away what worked. Owner:
 * the resolver; written on its loop's thread only.
 */
#include "lib/base/addr.h"
#include "router/resolver.h"

enum family { FAMILY_V4, FAMILY_V6, N_FAMILIES };

enum answer_state {
        ANSWER_NONE, /* no question has come back yet */
        ANSWER_GOOD,
        ANSWER_EMPTY, /* the host has no address of this family (NODATA) */
        ANSWER_BAD,   /* NXDOMAIN, SERVFAIL, silence */
};

struct answer {
        struct name *name;
        enum family family;
        enum answer_state last;
        struct addr addrs[RESOLVER_MAX_ADDRESSES];
        size_t n_addrs;
        unsigned n_failures; /* in a row */
        uint64_t due_ms;     /* monotonic; when to ask again */
        bool asking;
};

/* Shared by all names of a resolver. */
struct name_terms {
        uv_mutex_t *mutex; /* guards the addresses against readers on other threads */
        struct resolver_options options;
};

struct name {
        struct name_terms *terms;
        char *host;
        bool literal; /* an address in text, or localhost: never asked for */
        bool dropped; /* off the list; freed when nothing is under way */
        bool failing; /* as last reported */
        struct answer answers[N_FAMILIES];
};

/* Returns 0, -EINVAL (not a host name) or -ENOMEM. Owner: the caller. */
MUST_CHECK int name_new(struct name_terms *terms, const char *host, struct name **ret);
void name_free(struct name *n);

/* AF_INET or AF_INET6. */
int family_code(enum family f);

/* Is a question under way? */
bool name_is_asking(const struct name *n);
/* Has it had a first answer, or failed in both families? */
bool name_is_settled(const struct name *n);

struct ares_addrinfo;

/* A question came back: `status` is c-ares', `info` stays the caller's and may be NULL. */
void answer_take(struct answer *a, int status, const struct ares_addrinfo *info);
