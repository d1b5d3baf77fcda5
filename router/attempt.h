/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * attempt - one dial's easy handle of libcurl: its options, its socket, what it ended with
 *
 * Owner: the dialler (router/dial.c), which drives the handle and uses an attempt again and again:
 * the options that never change are set once.
 */
#include "lib/net/dial.h"
#include "router/hop.h"

#include <curl/curl.h>

struct dial_curl;

struct attempt {
        struct dial_curl *owner;
        struct dial *dial; /* NULL while idle */
        CURL *easy;
        const struct hop *proxy; /* NULL: none */
        struct curl_slist *resolve;
        struct attempt *next, *previous; /* among those under way, or idle (next only) */
        int socket_errno;                /* why no socket could be made, or 0 */
        bool added;                      /* to the multi handle */
        bool late;                       /* `outcome` is decided without libcurl */
        enum dial_outcome outcome;
};

/* `proxy`, if any, and `proxy_headers` outlive the attempt. NULL: no memory. */
struct attempt *attempt_new(struct dial_curl *owner, const struct hop *proxy,
                            struct curl_slist *proxy_headers);
void attempt_free(struct attempt *a);
DEFINE_FREEP(struct attempt, attempt_free);

/* For the dial that `a->dial` names. `first` is what is connected to: the vendor, or the proxy. */
MUST_CHECK bool attempt_aim(struct attempt *a, const struct hop *vendor, const struct hop *first,
                            const struct addresses *addrs, unsigned turn, uint64_t left_ms);
/* Forgets the aim. */
void attempt_rest(struct attempt *a);

/* What libcurl's result says of the dial; of a proxy that refused, an event. */
enum dial_outcome attempt_judge(const struct attempt *a, CURLcode code);

/* DIAL_OK and a descriptor of our own on the connected socket, or DIAL_E_BROKEN. */
enum dial_outcome attempt_take_socket(const struct attempt *a, int *ret_fd);
