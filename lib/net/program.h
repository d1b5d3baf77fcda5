/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * program - what a daemon tells the engine about a request
 *
 * All calls come on the worker's thread; exchange->program_state is the program's own, zeroed when
 * the exchange begins.
 */
#include "lib/base/buffer.h"
#include "lib/net/dial.h"

struct exchange;
struct redaction;

enum verdict_kind { VERDICT_FORWARD, VERDICT_REPLY };

struct verdict {
        enum verdict_kind kind;
        /* FORWARD */
        const struct origin *origin;
        struct addr source;     /* address to call from; unspecified: the system's choice */
        bool transparent;       /* which is the workstation's, not this machine's */
        uint64_t deadline_ms;   /* from the request's last byte to the answer's head, all tries */
        int64_t max_body_bytes; /* of the request; 413 beyond */
        /* REPLY: an answer made here; 2xx without a body */
        unsigned status;
        char message[256]; /* for the client; the event gets the exchange's reason */
        unsigned retry_after_s; /* of a 429 or 503, at least 1 */
        const char *allow; /* of a 405: the value of Allow */
};

enum judgement {
        JUDGE_PASS,  /* hand the answer on */
        JUDGE_MORE,  /* show me a piece of the body first */
        JUDGE_AGAIN, /* throw it away and route once more; only for requests without body, and
                      * EXCHANGE_MAX_ATTEMPTS bounds it */
};

struct program {
        const char *origin_noun; /* in reasons: "vendor", "router" */

        /* What to do. Called again after JUDGE_AGAIN, x->attempt being one more each time. */
        void (*decide)(struct exchange *x, struct verdict *ret);

        /* Request line and header lines to the origin, without framing, Connection and the last
         * empty line. Called after the connection is up and verified. 0 or a negative errno. */
        int (*rewrite)(struct exchange *x, struct buffer *out);

        /* What must not come back in the answer to what rewrite() wrote; lives as long as the
         * exchange. NULL, also in place of the function: nothing. */
        const struct redaction *(*redaction)(struct exchange *x);

        /* The answer's head is in x->answer.head. `body` is empty at first; after JUDGE_MORE it
         * is `shown`: the beginning of the body, and JUDGE_MORE is no answer any more. */
        enum judgement (*judge)(struct exchange *x, struct slice body, bool shown);

        /* No connection: JUDGE_AGAIN for another route, else the client gets 502 or 504. */
        enum judgement (*judge_dial)(struct exchange *x, enum dial_outcome outcome);

        /* Header lines of the origin's answer, rewritten; status line and framing are the
         * engine's. */
        int (*answer)(struct exchange *x, struct buffer *out);

        /* Header lines to add to an answer made here (CORS). The request's head may not be
         * there. */
        int (*decorate)(struct exchange *x, struct buffer *out);

        /* Body of an error made here. */
        size_t (*error_body)(struct exchange *x, unsigned status, const char *message, char *out,
                             size_t size);

        /* It is over: count it and tell it in one event. */
        void (*settle)(struct exchange *x);
};

/*
 * Puts the header lines that may be sent on: hop-by-hop fields, framing and Host are left out, and
 * those for which `drop` says so (may be NULL).
 */
struct head;
typedef bool header_drop_fn(void *context, struct slice name);
MUST_CHECK int headers_put(const struct head *h, struct buffer *out, header_drop_fn *drop,
                           void *context);
