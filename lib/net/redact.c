/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net/redact.h"

#include "lib/base/cleanup.h"

void redaction_add(struct redaction *r, struct slice trace)
{
        trace.length = MIN(trace.length, (size_t)REDACT_MAX_BYTES);
        if (trace.length < REDACT_MIN_BYTES || r->n_traces == REDACT_MAX_TRACES)
                return;
        for (unsigned i = 0; i < r->n_traces; i++) {
                if (slice_equal(r->traces[i], trace))
                        return;
        }
        r->traces[r->n_traces++] = trace;
}

static unsigned redact_one(struct slice trace, char *data, size_t n)
{
        char *end = data + n, *at;
        unsigned n_found = 0;

        while ((at = memmem(data, (size_t)(end - data), trace.data, trace.length))) {
                memset(at, '*', trace.length);
                data = at + trace.length;
                n_found++;
        }
        return n_found;
}

unsigned redact(const struct redaction *r, char *data, size_t n)
{
        unsigned n_found = 0;

        for (unsigned i = 0; i < r->n_traces; i++)
                n_found += redact_one(r->traces[i], data, n);
        return n_found;
}

static size_t open_end_of(struct slice trace, const char *data, size_t n)
{
        size_t length = MIN(trace.length - 1, n);
        const char *end = data + n, *at = end - length;

        while (at < end && (at = memchr(at, trace.data[0], (size_t)(end - at)))) {
                if (memcmp(at, trace.data, (size_t)(end - at)) == 0)
                        return (size_t)(end - at);
                at++;
        }
        return 0;
}

size_t redact_open_end(const struct redaction *r, const char *data, size_t n)
{
        size_t longest = 0;

        for (unsigned i = 0; i < r->n_traces; i++)
                longest = MAX(longest, open_end_of(r->traces[i], data, n));
        return longest;
}
