/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * message_model - a second reader of HTTP/1 messages: slow, plain, and written without a look at
 * the first
 *
 * It reads the bytes as RFC 9112 describes them and keeps only what the engine's reader must agree
 * on.
 */
#include "lib/net/message.h"

struct model {
        size_t skip;        /* an empty line before a request */
        size_t head_length; /* 0: the head is not whole */
        bool is_strict;     /* every line as the grammar has it, no byte out of place */
        bool is_plain;      /* nothing in it that a reader may refuse for a reason of its own */
        struct slice
                start[3]; /* of a request: method, target, version; of an answer: version, status,
                                  reason */
        struct header headers[HEAD_MAX_HEADERS];
        unsigned n_headers; /* may be more than there is room for: then none is looked at */
        enum framing framing;
        uint64_t content_length;
        bool says_close;
};

void model_read(struct model *m, struct slice input, bool is_request, bool to_head);

struct model_body {
        char *data; /* room for as much as the input has; the caller's */
        size_t length;
        size_t n_used; /* bytes of input behind the head */
        bool is_complete;
        bool is_strict; /* chunks and trailers are as the grammar has them */
};

/* Decodes what stands behind a head that was read. */
void model_read_body(const struct model *m, struct slice input, struct model_body *b);
