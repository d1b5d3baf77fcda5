/* SPDX-License-Identifier: Apache-2.0 */
#include "router/probation.h"

#include "lib/base/clock.h"

#include <stdio.h>

static uint64_t all_errors(const struct traffic_counts *c)
{
        return c->n_refused + c->n_failed + c->n_fallbacks;
}

/* Between two counts. A request that failed after a fallback counts once. */
static uint64_t count_errors(const struct traffic_counts *from, const struct traffic_counts *to)
{
        return MIN(all_errors(to) - all_errors(from), to->n_requests - from->n_requests);
}

/* Of the requests between two counts; 0 where there were none. */
static double error_share(const struct traffic_counts *from, const struct traffic_counts *to)
{
        uint64_t n = to->n_requests - from->n_requests;

        return n ? (double)count_errors(from, to) / (double)n : 0;
}

bool errors_jumped(double share_before, const struct traffic_counts *began,
                   const struct traffic_counts *now, char *ret_why, size_t size)
{
        uint64_t n = now->n_requests - began->n_requests;
        double share = error_share(began, now);

        if (n < PROBATION_MIN_REQUESTS || share < share_before + PROBATION_JUMP)
                return false;
        if (ret_why)
                snprintf(
                        ret_why, size,
                        "errors jumped: %llu of %llu requests since the apply were refused, failed "
                        "or had their key refused; before it was %.0f %%",
                        (unsigned long long)count_errors(began, now), (unsigned long long)n,
                        share_before * 100);
        return true;
}

static void on_mark(uv_timer_t *timer)
{
        struct probation *p = timer->data;

        p->marks[1] = p->marks[0];
        p->marks[0] = books_traffic(p->books);
}

static void on_look(uv_timer_t *timer)
{
        struct probation *p = timer->data;
        struct traffic_counts now = books_traffic(p->books);
        char why[256];

        if (!errors_jumped(p->share_before, &p->began, &now, why, sizeof(why)))
                return;
        uv_timer_start(timer, on_look, PROBATION_AGAIN_MS, PROBATION_LOOK_MS); /* if it fails */
        p->on_take_back(p->context, why);
}

static void on_deadline(uv_timer_t *timer)
{
        struct probation *p = timer->data;

        uv_timer_start(timer, on_deadline, PROBATION_AGAIN_MS, 0); /* if it fails */
        p->on_take_back(p->context, "it was not confirmed in time");
}

void probation_init(struct probation *p, uv_loop_t *loop, struct books *books,
                    void (*on_take_back)(void *context, const char *why), void *context)
{
        *p = (struct probation){ .books = books, .on_take_back = on_take_back, .context = context };
        uv_timer_init(loop, &p->deadline);
        uv_timer_init(loop, &p->look);
        uv_timer_init(loop, &p->mark);
        p->deadline.data = p->look.data = p->mark.data = p;
        uv_timer_start(&p->mark, on_mark, PROBATION_MARK_MS, PROBATION_MARK_MS);
}

void probation_done(struct probation *p)
{
        uv_timer_stop(&p->deadline);
        uv_timer_stop(&p->look);
        uv_timer_stop(&p->mark);
}

static void probation_begin(struct probation *p, int64_t left_us)
{
        uint64_t left_ms = left_us > 0 ? (uint64_t)left_us / 1000 + 1 : 0;

        p->began = books_traffic(p->books);
        p->share_before = error_share(&p->marks[1], &p->began);
        uv_update_time(p->look.loop); /* an operation takes its time: the loop's clock stood */
        uv_timer_start(&p->look, on_look, PROBATION_LOOK_MS, PROBATION_LOOK_MS);
        uv_timer_start(&p->deadline, on_deadline, MIN(left_ms, (uint64_t)PROBATION_MAX_MS), 0);
}

void probation_set(struct probation *p, const struct pending *pending)
{
        if (p->revision == pending->revision)
                return; /* its deadline does not move */
        p->revision = pending->revision;
        uv_timer_stop(&p->deadline);
        uv_timer_stop(&p->look);
        if (p->revision)
                probation_begin(p, pending->deadline_us - (int64_t)clock_wall_us());
}
