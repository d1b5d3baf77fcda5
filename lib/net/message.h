/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * message - one HTTP/1 message coming in: its head, then its body decoded
 *
 * The head is copied out of the input into a block of its own, so that the input can flow on while
 * the head is still needed (for a second try). Init once, begin for each message, done at the end.
 */
#include "lib/base/buffer.h"
#include "lib/net/head.h"
#include "lib/net/redact.h"

enum message_kind { MESSAGE_REQUEST, MESSAGE_ANSWER };

struct message {
        llhttp_t parser;
        struct head head;
        struct block_pool *pool;
        char *text; /* the block with the head's bytes; NULL: none */
        struct slice target;
        bool to_head;  /* an answer to a HEAD request */
        bool parsed;   /* the head is there */
        bool complete; /* the body is there too */
        uint64_t n_body_bytes; /* decoded so far */
        /* what is overwritten in head and body; NULL: nothing. The owner's, set before the head
         * comes */
        const struct redaction *redaction;
        unsigned n_redacted;
        char open_end[REDACT_MAX_BYTES]; /* of the body: may be the beginning of a trace */
        size_t n_open_end;
        /* while decoding */
        struct buffer *sink;
        const char *scanned; /* framing bytes before this one were looked at */
        char last_framing;   /* the framing byte before, 0 after data */
        unsigned n_framing;  /* framing bytes since the last data */
        bool bad_framing;
        bool value_open; /* the last field's value is being collected */
};

void message_init(struct message *m, struct block_pool *pool);
void message_done(struct message *m);

enum {
        MESSAGE_E_MORE = 1, /* more input is needed */
        MESSAGE_E_TOO_LONG, /* the head is longer than allowed */
        MESSAGE_E_TARGET_TOO_LONG,
        MESSAGE_E_HEAD,     /* *ret_why says what is wrong with the head */
        MESSAGE_E_BODY,     /* chunked framing is broken */
};

struct message_limits {
        size_t head_bytes; /* at most BLOCK_BYTES */
        size_t target_bytes;
};

/*
 * Takes a whole head from `in` and consumes it. 0, an answer above, or -ENOMEM. After 0 the head is
 * in m->head and m->complete tells whether it was all.
 */
MUST_CHECK int message_begin(struct message *m, enum message_kind kind, bool to_head,
                             const struct message_limits *limits, struct buffer *in,
                             enum head_answer *ret_why);

/*
 * Decodes at most `max` bytes of `in`, as far as `out` has room, and consumes them. Returns 0 or
 * MESSAGE_E_BODY; m->complete tells whether the body is done.
 */
MUST_CHECK int message_body(struct message *m, struct buffer *in, struct buffer *out, size_t max);

/* The input has ended. True when that was the proper end of the message. */
bool message_end(struct message *m);

/* The end of the body that was held back, once message_end() was true. */
struct slice message_rest(struct message *m);

/* ---- the way out ---- */

/* Ends a head that is being written: framing fields and the empty line. 0 or -ENOBUFS. */
MUST_CHECK int framing_put(struct buffer *out, enum framing framing, uint64_t content_length);

/*
 * Moves body bytes from `in` through the decoder to `out`, framed as `framing`; the last chunk is
 * written when the message is complete. 0 or MESSAGE_E_BODY.
 */
MUST_CHECK int message_pump(struct message *m, struct buffer *in, struct buffer *out,
                            enum framing framing);

/* The same for bytes that were decoded before and held back. 0 or -ENOBUFS. */
MUST_CHECK int held_put(struct buffer *out, struct slice held, bool complete, enum framing framing);
