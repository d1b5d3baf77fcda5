/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query is a list of parts, each behind '&' or ';' but the first. A part goes with the separator
 * before it; the first part that stays loses its own. So two parts never grow together into a new
 * name, and stripping what was stripped changes nothing.
 */
#include "lib/base/cleanup.h"
#include "lib/base/header_name.h"
#include "lib/provider/percent.h"
#include "lib/provider/provider.h"
#include "lib/provider/template.h"

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/*
 * Is `raw` a spelling of `name`? Decoded once, as the vendor does: "%256bey" is the name "%6bey".
 */
static bool name_is(struct slice raw, const char *name)
{
        unsigned char byte;

        for (size_t i = 0; i < raw.length; i++, name++) {
                char c = raw.data[i];

                if (percent_decode(raw, i, &byte)) {
                        c = (char)byte;
                        i += 2;
                } else if (c == '+') {
                        c = ' ';
                }
                if (!*name || lower(c) != lower(*name))
                        return false;
        }
        return !*name;
}

static bool name_carries_field(const struct class_rules *rules, struct slice raw)
{
        for (size_t i = 0; i < rules->n_query; i++)
                if (name_is(raw, rules->query[i].name) && template_has_field(rules->query[i].text))
                        return true;
        return false;
}

static bool part_is_stripped(const struct provider *p, struct slice part)
{
        struct slice rest = part, name;

        if (!slice_split(&rest, '=', &name))
                return false;
        for (size_t i = 0; i < p->n_strip_query; i++)
                if (name_is(name, p->strip_query[i]))
                        return true;
        for (size_t c = 0; c < N_CREDENTIAL_CLASSES; c++)
                if (name_carries_field(&p->classes[c], name))
                        return true;
        return false;
}

static size_t part_end(struct slice query, size_t at)
{
        while (at < query.length && query.data[at] != '&' && query.data[at] != ';')
                at++;
        return at;
}

size_t query_strip(const struct provider *p, struct slice query, char *out,
                   unsigned *ret_n_stripped)
{
        size_t at = 0, n_out = 0;
        unsigned n_stripped = 0;
        bool first = true;

        for (;;) {
                size_t end = part_end(query, at);
                struct slice part = { query.data + at, end - at };

                if (part_is_stripped(p, part)) {
                        n_stripped++;
                } else {
                        if (!first)
                                out[n_out++] = query.data[at - 1];
                        if (part.length > 0)
                                memmove(out + n_out, part.data, part.length);
                        n_out += part.length;
                        first = false;
                }
                if (end == query.length)
                        break;
                at = end + 1;
        }
        *ret_n_stripped = n_stripped;
        return n_out;
}

static bool header_named(struct slice name, char *const *names, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (header_is(name, slice_of(names[i])))
                        return true;
        return false;
}

/* What claims to say who calls, or proves it. */
static bool header_is_callers(struct slice name)
{
        static const struct slice names[] = {
                SLICE_LITERAL("Authorization"),
                SLICE_LITERAL("Proxy-Authorization"),
                SLICE_LITERAL("Forwarded"),
                SLICE_LITERAL("X-Real-IP"),
                SLICE_LITERAL("Via"),
                SLICE_LITERAL("True-Client-IP"),
                SLICE_LITERAL("X-Client-IP"),
                SLICE_LITERAL("CF-Connecting-IP"),
                SLICE_LITERAL("X-Forwarded"),
                SLICE_LITERAL("Client-IP"),
                SLICE_LITERAL("X-Cluster-Client-IP"),
                SLICE_LITERAL("X-Original-Forwarded-For"),
        };
        static const struct slice forwarded = SLICE_LITERAL("X-Forwarded-");
        struct slice start = { name.data, MIN(name.length, forwarded.length) };

        return header_in(name, names, N_ELEMENTS(names)) || header_is(start, forwarded);
}

/* With these a server may serve another request than the one that was judged here. */
static bool header_overrides(struct slice name)
{
        static const struct slice names[] = {
                SLICE_LITERAL("X-HTTP-Method-Override"), SLICE_LITERAL("X-HTTP-Method"),
                SLICE_LITERAL("X-Method-Override"),      SLICE_LITERAL("X-Original-Method"),
                SLICE_LITERAL("X-Original-URL"),         SLICE_LITERAL("X-Rewrite-URL"),
                SLICE_LITERAL("X-Original-Host"),        SLICE_LITERAL("X-Host"),
        };

        return header_in(name, names, N_ELEMENTS(names));
}

/* We send our own: all of this class, and never a caller's in the place of a credential of any. */
static bool header_is_placed(const struct provider *p, enum credential_class c, struct slice name)
{
        for (size_t i = 0; i < N_CREDENTIAL_CLASSES; i++) {
                const struct class_rules *rules = &p->classes[i];

                for (size_t k = 0; k < rules->n_headers; k++)
                        if (header_is(name, slice_of(rules->headers[k].name)) &&
                            (i == c || template_has_field(rules->headers[k].text)))
                                return true;
        }
        return false;
}

bool header_is_stripped(const struct provider *p, enum credential_class c, struct slice name)
{
        const struct class_rules *rules = &p->classes[c];

        if (header_is_callers(name) || header_overrides(name) || header_is_placed(p, c, name))
                return true;
        if (header_named(name, p->strip_headers, p->n_strip_headers) ||
            header_named(name, rules->strip_headers, rules->n_strip_headers))
                return true;
        /*
         * The browser's session with the vendor's site is not the site's own: a secret key goes
         * alone.
         */
        return c == CLASS_SECRET && header_is(name, SLICE_LITERAL("Cookie"));
}
