/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * provider - a vendor, compiled: hosts, APIs, where credentials go, what answers mean
 *
 * Plain data with pure functions over it. policy/ fills it from providers/NAME.cfg, the shim from
 * its own file; both then use the same functions. Immutable once filled; owner: whoever filled it.
 */
#include "lib/base/addr.h"
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum credential_class { CLASS_EMBEDDED, CLASS_SECRET, N_CREDENTIAL_CLASSES };

/* "embedded", "secret". */
const char *credential_class_name(enum credential_class c);

/* Methods as a set: bit 1 << METHOD_x. */
enum method {
        METHOD_GET,
        METHOD_HEAD,
        METHOD_POST,
        METHOD_PUT,
        METHOD_PATCH,
        METHOD_DELETE,
        METHOD_OPTIONS,
        N_METHODS,
};

/* False if it is none of the above (method names are case-sensitive, RFC 9110 section 9.1). */
bool method_parse(struct slice name, enum method *ret);
const char *method_name(enum method m);

struct api {
        char *name;   /* "us-street": first path segment in base-URL mode */
        char *host;   /* lower case */
        char **paths; /* "/street-address"; a last part of "*" matches anything below */
        size_t n_paths;
        unsigned methods[N_CREDENTIAL_CLASSES]; /* which methods work with which class */
        int64_t max_body_bytes;
        int64_t deadline_ms;
};

struct pair {
        char *name;
        char *text;
};

/*
 * Where the fields of a credential go. "$field" in a text is replaced by the field's value, "$$" by
 * a dollar (template.h).
 */
struct class_rules {
        bool offered; /* the vendor has this class at all */
        struct pair *query;
        size_t n_query;
        struct pair *headers; /* sent with each request, credential or not (x-api-version) */
        size_t n_headers;
        char *basic_user, *basic_password; /* both or none (RFC 7617) */
        char *bearer;                      /* RFC 6750; not together with basic */
        char **strip_headers;
        size_t n_strip_headers;
        int64_t capacity;       /* embedded: addresses the vendor lists on one key */
        int64_t propagation_ms; /* embedded: from "added at the vendor" to "works" */
        bool forwarded_for;     /* send X-Forwarded-For with the workstation's public address */
};

enum blame { BLAME_NONE, BLAME_SLOT, BLAME_KEY, BLAME_ACCOUNT, BLAME_REQUEST, BLAME_VENDOR };

/* "none", "slot", "key", "account", "request", "vendor". */
const char *blame_name(enum blame b);

#define ANSWER_MAX_STATUSES 16
#define ANSWER_BODY_MAX_BYTES 4096 /* of an answer, held to look for `body` */

struct answer_rule {
        uint16_t statuses[ANSWER_MAX_STATUSES];
        size_t n_statuses;
        char *body;       /* substring the body must hold; NULL: status alone decides */
        unsigned classes; /* set of 1 << class it applies to */
        char *cause;      /* for people and events */
        enum blame blame;
};

struct provider {
        char *name;
        uint16_t port; /* 443 */
        struct api *apis;
        size_t n_apis;
        struct class_rules classes[N_CREDENTIAL_CLASSES];
        char **strip_query; /* names of query parameters that carry credentials */
        size_t n_strip_query;
        char **strip_headers; /* for both classes */
        size_t n_strip_headers;
        struct answer_rule *answers; /* first match wins */
        size_t n_answers;
        char *errors; /* shape of errors made here: $id and $message (JSON-escaped) are replaced */
};

/* Frees everything in it (each piece by free()) and zeroes it. */
void provider_done(struct provider *p);

/* ---- match: which API a request asks ---- */

/* Any API of the provider at this host (no port, any case)? */
bool provider_has_host(const struct provider *p, struct slice host);

enum {
        MATCH_E_HOST = 1, /* no API at this host */
        MATCH_E_PATH,     /* the host is known, the path is not, or it is not in normal form */
};

/*
 * `path` is the raw path without query. A path with empty, "." or ".." parts never matches, nor one
 * that holds, raw or escaped, a control, a backslash or a ';', an escaped '/', '.' or '%', a raw
 * blank, '?', '#' or byte over 0x7e, or a malformed escape: what the vendor would make of it is
 * unknown. One trailing slash is tolerated. Paths are compared byte for byte (RFC 3986 section
 * 6.2.1).
 */
MUST_CHECK int api_match(const struct provider *p, struct slice host, struct slice path,
                         const struct api **ret);

/*
 * Base-URL mode: the first part of `path` is an API's name, spelled exactly. Returns that API and
 * the rest of the path (at least "/"), or NULL. The rest still has to pass api_match() at the API's
 * host.
 */
const struct api *api_by_prefix(const struct provider *p, struct slice path,
                                struct slice *ret_rest);

/* ---- strip: what the caller must not send on ---- */

/*
 * Copies the query `query` (without '?') to `out` (at least query.length bytes) without the
 * parameters named in strip_query and those that a class places a field in, in any case and any
 * percent spelling of the name ('+' is a blank; decoded once), with or without '=', also where ';'
 * separates. Parameters that stay are copied byte for byte, each with the separator before it; the
 * first one that stays goes without. Returns the length written and sets *ret_n_stripped. `out` may
 * be query.data itself.
 */
size_t query_strip(const struct provider *p, struct slice query, char *out,
                   unsigned *ret_n_stripped);

/*
 * Must the caller's header go, for a request of this class? Authorization and Proxy-Authorization,
 * the strip_headers, what claims to tell the caller's address (X-Forwarded-*, Forwarded, X-Real-IP,
 * Via and relatives), headers that this class sends itself, headers that any class places a field
 * in, and with a secret key cookies. Any case; '_' counts as '-'.
 */
bool header_is_stripped(const struct provider *p, enum credential_class c, struct slice name);

/* ---- place: what goes in ---- */

/* The value of a credential's field ("key", "id", "token"), or NULL data when it has none. */
typedef struct slice credential_field_fn(void *context, struct slice field);

struct secret;

/* Ready to be appended to a request. Either may be NULL: nothing of that kind. */
struct placement {
        struct secret *query;   /* "key=123", names and values percent-encoded, joined by & */
        struct secret *headers; /* "Authorization: Basic ...\r\n", complete lines */
};

void placement_done(struct placement *p);

enum {
        PLACE_E_FIELD = 1, /* a field that the class wants is missing in the credential or empty */
        PLACE_E_VALUE,     /* a value holds a byte that cannot stand where it goes */
};

/*
 * Renders a credential. With an answer above, *ret_field names the field, or the setting whose own
 * text is wrong; it points into `rules` or is static. Control characters are refused everywhere;
 * headers take printable ASCII, a Basic user no colon (RFC 7617 section 2), a bearer token no
 * blank. Other errors: -EMSGSIZE (over SECRET_MAX_BYTES), -EINVAL (rules with both basic and
 * bearer, or half a basic), -ENOMEM.
 */
MUST_CHECK int credential_place(const struct class_rules *rules, credential_field_fn *field,
                                void *context, struct placement *ret, struct slice *ret_field);

/* ---- classify: what an answer means ---- */

/* Could a rule for this status and class need a piece of the body? */
bool answer_needs_body(const struct provider *p, enum credential_class c, unsigned status);

/*
 * The first rule that matches, or NULL: pass it on, nobody to blame. `body` may be a beginning; a
 * rule's piece is looked for byte for byte.
 */
const struct answer_rule *answer_classify(const struct provider *p, enum credential_class c,
                                          unsigned status, struct slice body);

/* ---- errors made here ---- */

/*
 * Writes the body of an error in the vendor's shape (NULL: the default one) and returns its length;
 * no terminator. The message is cut at a character so that the body fits `size`; a shape that does
 * not fit without any is cut itself. Bytes that are not UTF-8 become U+FFFD.
 */
size_t provider_error_body(const char *shape, unsigned id, const char *message, char *out,
                           size_t size);

/* The shape used where no provider is known: {"errors":[{"id":$id,"message":"$message"}]} */
extern const char *const error_shape_default;
