/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_query - no credential of the caller survives query_strip(), no path in disguise api_match()
 *
 * The input is taken as a query and as a path. The judge below decodes into a copy and compares
 * whole names, and builds the expected query part by part: slow, and written without a look at the
 * real one.
 */
#include "lib/base/cleanup.h"
#include "lib/provider/provider.h"

#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                       \
        do {                                                                  \
                if (!(condition)) {                                           \
                        fprintf(stderr, "property broken: %s\n", #condition); \
                        abort();                                              \
                }                                                             \
        } while (0)

static char *names[] = { (char *)"key", (char *)"auth-id", (char *)"auth-token", (char *)"a b+c" };
static char *carriers[] = { (char *)"license", (char *)"x%y" };
static struct pair fields[] = { { (char *)"license", (char *)"$key" },
                                { (char *)"x%y", (char *)"a$token" },
                                { (char *)"format",
                                  (char *)"json$$" } }; /* no field: it may stay */
static char *paths[] = { (char *)"/street-address", (char *)"/lookup/*", (char *)"/" };
static struct api apis[] = {
        { (char *)"us-street", (char *)"example.com", paths, 3, { 1, 1 }, 0, 0 }
};
static const struct provider vendor = {
        .apis = apis,
        .n_apis = 1,
        .strip_query = names,
        .n_strip_query = N_ELEMENTS(names),
        .classes = { [CLASS_SECRET] = { .offered = true, .query = fields, .n_query = 3 } },
};

/* ---- the judge ---- */

static int hex_value(int c)
{
        static const char digits[] = "0123456789abcdef";
        const char *at = c ? strchr(digits, c | 0x20) : NULL;

        return at && *at && !(c < '0') ? (int)(at - digits) : -1;
}

/* Decodes once into new memory of exactly the right size; `plus` is what '+' becomes. */
static struct slice decoded(struct slice s, char plus)
{
        char *out = malloc(s.length + 1);
        size_t n = 0, i = 0;

        MUST(out);
        while (i < s.length) {
                int high = -1, low = -1;

                if (s.data[i] == '%' && i + 2 < s.length) {
                        high = hex_value(s.data[i + 1]);
                        low = hex_value(s.data[i + 2]);
                }
                if (high >= 0 && low >= 0) {
                        out[n++] = (char)(high * 16 + low);
                        i += 3;
                } else {
                        out[n++] = s.data[i] == '+' ? plus : s.data[i];
                        i++;
                }
        }
        return (struct slice){ out, n };
}

static bool is_named(struct slice plain, char *const *list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (plain.length == strlen(list[i]) &&
                    (plain.length == 0 || !memchr(plain.data, 0, plain.length)) &&
                    strncasecmp(plain.data, list[i], plain.length) == 0)
                        return true;
        return false;
}

static bool is_credential(struct slice part)
{
        struct slice name = part, plain;
        bool found;

        for (size_t i = 0; i < part.length; i++)
                if (part.data[i] == '=') {
                        name.length = i;
                        break;
                }
        plain = decoded(name, ' ');
        found = is_named(plain, names, N_ELEMENTS(names)) ||
                is_named(plain, carriers, N_ELEMENTS(carriers));
        free((char *)plain.data);
        return found;
}

/* How many parts are credentials, or are none. */
static size_t parts_count(struct slice query, bool credentials)
{
        size_t start = 0, n = 0;

        for (size_t i = 0; i <= query.length; i++) {
                if (i < query.length && query.data[i] != '&' && query.data[i] != ';')
                        continue;
                n += is_credential((struct slice){ query.data + start, i - start }) == credentials;
                start = i + 1;
        }
        return n;
}

/* What should be left of `query`; new memory. */
static struct slice expected(struct slice query)
{
        char *out = malloc(query.length + 1);
        size_t start = 0, n = 0, n_kept = 0;

        MUST(out);
        for (size_t i = 0; i <= query.length; i++) {
                if (i < query.length && query.data[i] != '&' && query.data[i] != ';')
                        continue;
                if (!is_credential((struct slice){ query.data + start, i - start })) {
                        if (n_kept++ > 0)
                                out[n++] = query.data[start - 1];
                        for (size_t k = start; k < i; k++)
                                out[n++] = query.data[k];
                }
                start = i + 1;
        }
        return (struct slice){ out, n };
}

/* ---- the properties ---- */

static void check_query(struct slice query)
{
        char *out = malloc(query.length ? query.length : 1);
        unsigned n_stripped, n_again;
        struct slice left, should;

        MUST(out);
        left = (struct slice){ out, query_strip(&vendor, query, out, &n_stripped) };
        MUST(left.length <= query.length);
        MUST(n_stripped == parts_count(query, true));
        MUST(parts_count(left, true) == 0);
        should = expected(query);
        MUST(slice_equal(left, should));
        MUST(query_strip(&vendor, left, out, &n_again) ==
             left.length); /* in place, and idempotent */
        MUST(n_again == 0 && slice_equal(left, should));
        free((char *)should.data);
        free(out);
}

static void check_path(struct slice path)
{
        const struct api *api = NULL;
        struct slice plain, rest, part;

        if (api_match(&vendor, SLICE_LITERAL("EXAMPLE.com"), path, &api) != 0) {
                MUST(!api);
                return;
        }
        MUST(api == &apis[0] && path.length > 0 && path.data[0] == '/');
        plain = decoded(path, '+');
        rest = slice_from(plain, 1);
        while (slice_split(&rest, '/', &part)) {
                MUST(part.length > 0 || !rest.data);
                MUST(!slice_is(part, ".") && !slice_is(part, ".."));
        }
        for (size_t i = 0; i < plain.length; i++)
                MUST((unsigned char)plain.data[i] >= 0x20 && plain.data[i] != 0x7f &&
                     plain.data[i] != '\\' && plain.data[i] != '%');
        free((char *)plain.data);
}

static void check_prefix(struct slice path)
{
        struct slice rest = { NULL, 0 };

        if (!api_by_prefix(&vendor, path, &rest))
                return;
        MUST(rest.length > 0 && rest.data[0] == '/');
        MUST(path.length >= strlen("/us-street") && memcmp(path.data, "/us-street", 10) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct slice input = { (const char *)data, size };

        check_query(input);
        check_path(input);
        check_prefix(input);
        return 0;
}
