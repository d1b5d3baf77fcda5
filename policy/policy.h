/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy - what the administrator wants, compiled
 *
 * Immutable and reference-counted: readers on any thread hold the reference they were given.
 * The counts are atomic; everything else is written before the first reader exists.
 */
#include "lib/base/addr.h"
#include "lib/provider/provider.h"
#include "lib/settings/settings.h"

struct key {
        char *name;
        const struct provider *provider;
        char *credential; /* name of a credential, never its value */
        int64_t capacity; /* entries the vendor lists on this key */
        int64_t reserve;  /* of them kept free */
        unsigned index;   /* in policy->keys: the order of preference */
        struct place at;  /* of its name */
        struct place credential_at;
        struct place capacity_at; /* of its name, where the capacity is not written */
};

struct backend {
        char *name;
        const struct provider *provider;
        char *credential;
        int64_t per_day; /* requests a day (UTC); 0: no limit */
        unsigned index;  /* in policy->backends */
        struct place at; /* of its name */
        struct place credential_at;
};

enum egress_kind { EGRESS_ROUTER, EGRESS_TRANSPARENT, EGRESS_DIRECT, EGRESS_LIST };
enum overflow { OVERFLOW_BACKEND, OVERFLOW_REFUSE };

/* "10.20.1.0/24 -> 203.0.113.0/24": one to one where both lengths are the same, many to one for a
 * single address. */
struct translation {
        struct prefix from, to;
};

struct group {
        char *name;
        unsigned index;             /* in policy->groups */
        struct range *workstations; /* sorted, disjoint, `except` taken out */
        size_t n_workstations;
        struct translation *translations;
        size_t n_translations;
        enum egress_kind egress;
        struct addr *egress_list; /* EGRESS_LIST: the router's own addresses, in policy order */
        size_t n_egress_list;
        const struct key **keys; /* in policy order */
        size_t n_keys;
        const struct backend **backends; /* at most one a provider */
        size_t n_backends;
        enum overflow overflow;
        int64_t priority;            /* higher keeps its embedded slot longer */
        int64_t requests_per_minute; /* of one workstation; 0: no limit */
        int64_t burst;
        struct place at; /* of its name */
};

struct policy {
        unsigned n_refs; /* atomic */
        char *site;
        struct place site_at;
        struct provider *providers;
        size_t n_providers;
        struct key *keys;
        size_t n_keys;
        struct backend *backends;
        size_t n_backends;
        struct group *groups;
        size_t n_groups;
        char **origins; /* web origins that may use the API through the agents' browsers */
        size_t n_origins;
        const struct backend *
                *unknown; /* for workstations in no group, one a provider; none: refuse */
        size_t n_unknown;
        const char *const *host_names; /* of workstations, pinned or not: in lower case, sorted, each
                                        * once */
        size_t n_host_names;
        struct address_map *map; /* address -> group */
        struct settings_file *file;
};

/*
 * Loads and checks. `provider_dir` holds NAME.cfg of named providers (NULL: the installed ones).
 * Every finding goes to *d. Returns 0 and *ret where there is no error (warnings
 * may be there), -EINVAL where there is one, another negative errno where files could not be read.
 */
MUST_CHECK int policy_load(const char *path, const char *provider_dir, struct diag *d,
                           struct policy **ret);

struct pin_set;

/* Where a policy comes from. */
struct policy_source {
        const char *path;             /* of the main file, for findings too */
        const char *provider_dir;     /* NULL: the installed definitions */
        const struct file_set *files; /* in place of all of these; NULL: the file system */
        struct file_set *record;      /* takes a copy of each file that is read; NULL: none */
        const struct pin_set *pins;   /* addresses of host names; NULL: none is pinned */
        const struct pin_set *answers; /* what DNS says today, to warn of differences; NULL: not asked */
};

/*
 * The same from there. Roles of the files: "policy", "policy include", and for each definition that
 * the policy names as WORD "provider WORD", "provider WORD include".
 */
MUST_CHECK int policy_load_from(const struct policy_source *source, struct diag *d,
                                struct policy **ret);

/* Is there a definition of that name in the folder (NULL: an installed one)? */
bool provider_is_installed(const char *provider_dir, const char *name);

struct policy *policy_ref(struct policy *p);
void policy_unref(struct policy *p);

static inline void policy_unrefp(struct policy **p)
{
        if (*p)
                policy_unref(*p);
}

/* The group of a workstation: the longest prefix wins. NULL: in no group. O(log n). */
const struct group *policy_group_of(const struct policy *p, const struct addr *workstation);

/* The backend of a group (NULL group: of unknown workstations) for a provider, or NULL. */
const struct backend *policy_backend(const struct policy *p, const struct group *g,
                                     const struct provider *provider);

/* The provider that has this host, or NULL. */
const struct provider *policy_provider_of_host(const struct policy *p, struct slice host);

/*
 * The address a call of this workstation leaves the site server with (*ret_source, unspecified for
 * "let the system choose": EGRESS_ROUTER) and the address the vendor sees (*ret_seen). `router` is
 * the router's default address as the vendor sees it, unspecified if not told.
 */
void egress_of(const struct group *g, const struct addr *workstation, const struct addr *router,
               struct addr *ret_source, struct addr *ret_seen);
