/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * addr - IP addresses, prefixes and ranges
 *
 * Both families in one form: 16 bytes, IPv4 as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2), so that
 * a peer that reaches a dual-stack socket as ::ffff:10.1.2.3 is the workstation 10.1.2.3.
 */
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct sockaddr;
struct sockaddr_storage;

struct addr {
        uint8_t bytes[16];
};

struct prefix {
        struct addr base; /* host bits are zero */
        unsigned bits;    /* 0..128; an IPv4 /24 is 120 */
};

struct range {
        struct addr first;
        struct addr last; /* inclusive, never below first, same family */
};

#define ADDR_TEXT_MAX 46 /* longest text and the terminator (INET6_ADDRSTRLEN) */

enum {
        ADDR_E_SYNTAX = 1, /* not an address, prefix or range */
        ADDR_E_HOST_BITS,  /* a prefix with bits behind its length, as 10.0.0.1/8 */
        ADDR_E_BACKWARDS,  /* a range whose last is below its first */
        ADDR_E_FAMILIES,   /* a range from IPv4 to IPv6 */
};

/* Each parse returns 0 or an answer above; *ret is untouched unless 0. */
MUST_CHECK int addr_parse(struct slice text, struct addr *ret);
MUST_CHECK int prefix_parse(struct slice text, struct prefix *ret);
/* An address, a prefix, or first-last; of an IPv4 address as the last its last part will do:
 * "10.20.1.10-59". */
MUST_CHECK int range_parse(struct slice text, struct range *ret);

/* "ADDRESS:PORT", IPv6 in brackets (RFC 3986 section 3.2.2); the port is 0..65535. */
MUST_CHECK int addr_port_parse(struct slice text, struct addr *ret, uint16_t *ret_port);

/* One sentence for an answer above. */
const char *addr_explain(int answer);

/* Writes the canonical text (RFC 5952; IPv4 dotted) and returns `text`. */
const char *addr_format(const struct addr *a, char text[static ADDR_TEXT_MAX]);

/* From an AF_INET or AF_INET6 socket address. False for another family. */
bool addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret, uint16_t *ret_port);
/* Fills *ret and returns its length. */
unsigned addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ret);

static inline int addr_compare(const struct addr *a, const struct addr *b)
{
        return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
        return addr_compare(a, b) == 0;
}

bool addr_is_v4(const struct addr *a);
bool addr_is_loopback(const struct addr *a);
/* Neither routable nor meaningful at the vendor: RFC 1918, RFC 6598, RFC 4193, link-local. */
bool addr_is_private(const struct addr *a);
/* 0.0.0.0 or ::, "any". All bytes zero counts too: an address never set. */
bool addr_is_unspecified(const struct addr *a);

/* The address one above; the highest wraps to the lowest. */
struct addr addr_next(const struct addr *a);
struct addr addr_previous(const struct addr *a);

/* Mixes all bytes; not for hostile input that must not collide. */
uint64_t addr_hash(const struct addr *a);

bool prefix_contains(const struct prefix *p, const struct addr *a);
struct range prefix_range(const struct prefix *p);

bool range_contains(const struct range *r, const struct addr *a);
bool range_overlaps(const struct range *a, const struct range *b);
/* Number of addresses, at most UINT64_MAX. */
uint64_t range_count(const struct range *r);
