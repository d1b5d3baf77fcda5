/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * rewrite - the request as the vendor gets it, the answer as the client gets it
 *
 * Order matters: what the caller must not send is taken out first, then exactly one credential goes
 * in (vendor page "authentication"; RFC 9110 section 7.6.1 for hop-by-hop fields).
 */
#include "router/call.h"

/* 0 or -ENOBUFS: does not fit the buffer. */
MUST_CHECK int rewrite_request(struct exchange *x, struct buffer *out);
MUST_CHECK int rewrite_answer(struct exchange *x, struct buffer *out);

/* The credential that went into the request, wherever the vendor repeats it. */
const struct redaction *rewrite_redaction(struct exchange *x);
