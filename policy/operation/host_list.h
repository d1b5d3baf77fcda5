/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * host_list - hosts as people write them and as vendors list them
 *
 * A line that is no host is told by its number and never by what it says: somebody may have pasted
 * a key there. For the same reason no host is what a credential looks like: a name ends in a label
 * that is not all digits, and one without a dot has at most HOST_MAX_LONE characters.
 */
#include "lib/base/addr.h"
#include "lib/settings/diag.h"

#define HOST_TEXT_MAX 254 /* longest text (RFC 1035 section 2.3.4) and the terminator */
#define HOST_MAX_LONE 15  /* as long as a NetBIOS name */
#define HOST_LIST_MAX 20000
#define HOST_LIST_MAX_BYTES ((size_t)4 * 1024 * 1024)

enum host_kind {
        HOST_SLOT, /* an address, or the word "router": what the planner puts on keys */
        HOST_ANY,  /* an address, a name, *.NAME or *: what a vendor lists */
};

/* Writes the canonical text: addresses as addr_format() has them, names in lower case. False: no
 * host of that kind. */
bool host_canonical(struct slice text, enum host_kind kind, char ret[static HOST_TEXT_MAX]);

struct host_list {
        char **hosts; /* canonical, in the order in which they were read, each once */
        size_t n;
};

/*
 * Reads one host a line, or CSV with the host in the first column. Empty lines, comments from # on
 * and a line of headings at the top are passed over. What is wrong goes to *d, as errors; a host
 * that stands there twice is a warning. Returns 0, -EINVAL with errors in *d, or -ENOMEM.
 */
MUST_CHECK int host_list_read(struct slice text, enum host_kind kind, const char *path,
                              struct diag *d, struct host_list *ret);
void host_list_done(struct host_list *l);
