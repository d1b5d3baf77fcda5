/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * head - the head of an HTTP/1 message, checked and taken apart
 *
 * llhttp (strict) parses; what it lets pass and we must not is checked on the raw bytes before it
 * sees them, so that every head that gets through has one meaning only. Messages are always written
 * anew from these parts: raw framing never passes through.
 */
#include "lib/base/slice.h"

#include <llhttp/llhttp.h>
#include <stdint.h>

#define HEAD_MAX_HEADERS 100

enum framing { FRAMING_NONE, FRAMING_SIZED, FRAMING_CHUNKED, FRAMING_UNTIL_CLOSE };

/* Refusals: name, status to a client, sentence. From an upstream each one is a 502. */
#define HEAD_ANSWERS(X)                                                                     \
        X(SYNTAX, 400, "malformed message head")                                            \
        X(BYTES, 400, "control character or bare line end in the head")                     \
        X(FOLDED, 400, "folded header line")                                                \
        X(NAME, 400, "malformed header name")                                               \
        X(VERSION, 505, "HTTP version is not 1.0 or 1.1")                                   \
        X(METHOD, 501, "unknown method")                                                    \
        X(TARGET, 400, "malformed request target")                                          \
        X(HEADERS, 431, "too many header lines")                                            \
        X(HOST, 400, "Host is missing, given twice or malformed")                           \
        X(MISDIRECTED, 421, "Host and request target differ")                               \
        X(LENGTH, 400, "malformed, repeated or contradictory Content-Length")               \
        X(CODING, 501, "transfer coding is not chunked")                                    \
        X(CODING_PLACE, 400, "Transfer-Encoding beside Content-Length or in HTTP/1.0")      \
        X(EXPECT, 417, "expectation is not 100-continue")                                   \
        X(STATUS, 502, "status of the answer is not usable")

enum head_answer {
        HEAD_OK = 0,
#define X(name, status, sentence) HEAD_E_##name,
        HEAD_ANSWERS(X)
#undef X
};

unsigned head_answer_status(enum head_answer a);
const char *head_answer_explain(enum head_answer a);

struct header {
        struct slice name;
        struct slice value;
        bool hop; /* hop-by-hop or named by Connection: never sent on (RFC 9110 section 7.6.1) */
};

enum target_form { TARGET_ORIGIN, TARGET_ABSOLUTE, TARGET_AUTHORITY, TARGET_ASTERISK };

/* All slices look into the text that was parsed. */
struct head {
        bool is_request;
        unsigned minor; /* of HTTP/1.x: 0 or 1 */
        struct header headers[HEAD_MAX_HEADERS];
        unsigned n_headers;
        enum framing framing;
        uint64_t content_length; /* of FRAMING_SIZED */
        bool keep_alive;         /* the sender allows another message on the connection */
        /* a request */
        struct slice method;
        enum target_form form;
        struct slice host; /* without the port; empty: none given (HTTP/1.0) */
        struct slice path; /* raw, as sent */
        struct slice query; /* without '?'; data is NULL where there is no '?' */
        bool expects_continue;
        /* an answer */
        unsigned status;
        struct slice reason;
};

/* The value of the first header of this name, data NULL if there is none. */
struct slice head_header(const struct head *h, const char *name);

/*
 * A page of another site that asks without CORS (an image, a link, a form) sends no Origin that
 * could be judged, and would spend lookups blindly; its browser says where the request comes from
 * (Fetch Metadata). Pages that may read answers send Origin always.
 */
bool head_is_of_blind_page(const struct head *h);

/*
 * Length of the first whole head in `text`, its empty line included, and of one empty line that may
 * stand before a request (RFC 9112 section 2.2) in *ret_skip. 0: not whole yet.
 */
size_t head_length(struct slice text, bool is_request, size_t *ret_skip);

/*
 * Checks raw bytes: line ends, controls, folding, header names, the start line's shape. `text` is
 * one whole head.
 */
enum head_answer head_check(struct slice text, bool is_request);

/*
 * Works out what the parsed fields mean: framing (RFC 9112 section 6), persistence, hop-by-hop,
 * target. `target` is the raw request target, empty for an answer. `to_head`: the answer belongs to
 * a HEAD request.
 */
enum head_answer head_interpret(struct head *h, struct slice target, bool to_head);
