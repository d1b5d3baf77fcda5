/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * uplink - the way to the router: its name, its addresses, TLS, the dialler
 *
 * A router's name may have several addresses; one is used until it refuses, then the next. The last
 * good answer is kept when the name does not resolve any more.
 */
#include "lib/net/dial_tcp.h"
#include "workstation/config.h"
#include "workstation/names.h"

struct uplink;

struct uplink {
        struct origin origin; /* the router */
        struct dial_tcp dial; /* dials `addresses[current]` */
        struct names names;   /* where the router is given by name */
        bool has_names;
        bool is_failing; /* the last lookup gave nothing */
        struct addr addresses[NAMES_MAX_ADDRESSES];
        unsigned n_addresses;
        unsigned current;
        unsigned turn; /* counts the changes of `current` */
        bool settled;
        /* Once, from the loop: there is an address, or there is none to wait for. */
        void (*on_settled)(struct uplink *u);
        /* The addresses in use are no longer the router's: connections to them should end. */
        void (*on_moved)(struct uplink *u);
        /* What uplink_describe() says has changed. */
        void (*on_changed)(struct uplink *u);
};

/*
 * Loads the site's CA. Returns 0; -EINVAL with a finding in *d; or -ENOMEM. Whatever of it is there
 * is freed by uplink_done().
 */
MUST_CHECK int uplink_init(struct uplink *u, const struct config *c, struct diag *d);
void uplink_done(struct uplink *u);

/* The callbacks must be set. Returns 0 or a negative errno. */
MUST_CHECK int uplink_start(struct uplink *u, uv_loop_t *loop, const struct config *c);
/* False: a lookup cannot be called back (names_stop()). Harmless where nothing was started. */
bool uplink_stop(struct uplink *u);

/* The address of turn `turn` did not answer: the next one's turn, unless it is already. True: there
 * is another address to try. */
bool uplink_avoid(struct uplink *u, unsigned turn);

/* A lookup's answer: `n` addresses (at most NAMES_MAX_ADDRESSES), or none and the reason. */
void uplink_take(struct uplink *u, const struct addr *addresses, unsigned n, const char *why);

#define UPLINK_TEXT_MAX 384

/* "router.example.com at 10.20.0.5", for people; returns `text`. */
const char *uplink_describe(const struct uplink *u, char text[static UPLINK_TEXT_MAX]);
