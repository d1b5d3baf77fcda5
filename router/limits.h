/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * limits - how much one workstation may ask, and how much one backend may cost a day
 *
 * struct limits: token buckets of workstations, owned by one worker (each client address belongs to
 * one worker), no locks. The table is bounded: the workstation that was quiet the longest makes
 * room. struct budgets: requests of the day (UTC) of each backend, atomics shared by all workers.
 *
 * A "no" is the number of whole seconds after which to ask again, ready for Retry-After, at least
 * 1.
 */
#include "policy/policy.h"

#include <stdint.h>

struct limits;

/*
 * Owner: the caller. `max_workstations`: 1 to 2^24, else the nearer of these. Returns 0 or -ENOMEM.
 */
MUST_CHECK int limits_new(unsigned max_workstations, struct limits **ret);
void limits_free(struct limits *l);
DEFINE_FREEP(struct limits, limits_free);

/*
 * Takes one request off the workstation's bucket: 0, or the seconds until it holds one again. The
 * bucket holds `burst` requests (at least 1) and starts full. A rate of 0 or below is no limit.
 */
MUST_CHECK unsigned limits_take(struct limits *l, const struct addr *workstation,
                                int64_t requests_per_minute, int64_t burst, uint64_t now_ms);

/* Workstations in the table. */
unsigned limits_count(const struct limits *l);

struct budgets;

/* One for each of policy->backends; the policy must outlive it. Returns 0 or -ENOMEM. */
MUST_CHECK int budgets_new(const struct policy *policy, struct budgets **ret);
void budgets_free(struct budgets *b);
DEFINE_FREEP(struct budgets, budgets_free);

/* Copies what was used, backends by name. `fresh` may not be shared yet. */
void budgets_carry(const struct budgets *old, struct budgets *fresh);

/* Takes one request off the backend's day: 0, or the seconds until midnight UTC. `wall_us` is
 * microseconds since 1970. A clock set back to yesterday does not refill the budget. */
MUST_CHECK unsigned budget_take(struct budgets *b, const struct backend *backend, uint64_t wall_us);

/* Requests taken on the day of `wall_us`. */
uint64_t budget_used(struct budgets *b, const struct backend *backend, uint64_t wall_us);
