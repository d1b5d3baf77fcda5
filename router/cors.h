/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * cors - which web pages may use the API through the agents' browsers
 *
 * The vendor never sees Origin (with it a secret key is refused), so the answer to the browser is
 * made here: on errors too, or a page could not read them (Fetch standard, CORS protocol).
 */
#include "router/call.h"

/* Notes the request's Origin and whether it is a preflight. False: a page that the policy does not
 * name. Requests without Origin pass. */
bool cors_admit(struct call *call, const struct policy *policy, const struct head *h);

/* Header lines for any answer to the page; nothing without one. */
MUST_CHECK int cors_put(const struct call *call, struct buffer *out);
