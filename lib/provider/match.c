/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path is compared byte for byte with the APIs' own, so whatever is not an exact spelling of one
 * does not match. The normal form is for the open end of a "*": nothing in it may lead the vendor's
 * server to another path than the one that was compared here.
 */
#include "lib/provider/percent.h"
#include "lib/provider/provider.h"

static bool api_has_host(const struct api *api, struct slice host)
{
        return slice_is_nocase(host, api->host);
}

bool provider_has_host(const struct provider *p, struct slice host)
{
        for (size_t i = 0; i < p->n_apis; i++)
                if (api_has_host(&p->apis[i], host))
                        return true;
        return false;
}

/* Raw bytes that a path may not hold at all, and those it may not hold escaped. */
static bool is_bad_raw(unsigned char c)
{
        return c <= 0x20 || c >= 0x7f || c == '\\' || c == ';' || c == '?' || c == '#';
}

static bool is_bad_escaped(unsigned char c)
{
        return c < 0x20 || c == 0x7f || c == '/' || c == '.' || c == '\\' || c == ';' || c == '%';
}

static bool part_is_normal(struct slice part)
{
        unsigned char byte;

        if (part.length == 0 || slice_is(part, ".") || slice_is(part, ".."))
                return false;
        for (size_t i = 0; i < part.length; i++) {
                if (is_bad_raw((unsigned char)part.data[i]))
                        return false;
                if (part.data[i] != '%')
                        continue;
                if (!percent_decode(part, i, &byte) || is_bad_escaped(byte))
                        return false;
                i += 2;
        }
        return true;
}

/* The path without its one trailing slash, and in normal form. The root becomes empty. */
static bool path_normal(struct slice path, struct slice *ret)
{
        struct slice rest, part;

        if (path.length == 0 || path.data[0] != '/')
                return false;
        if (path.data[path.length - 1] == '/')
                path.length--;
        if (path.length > 0) {
                rest = slice_from(path, 1);
                while (slice_split(&rest, '/', &part))
                        if (!part_is_normal(part))
                                return false;
        }
        *ret = path;
        return true;
}

/* `path` comes from path_normal(). */
static bool pattern_matches(struct slice pattern, struct slice path)
{
        size_t n = pattern.length;

        if (n >= 2 && pattern.data[n - 1] == '*' && pattern.data[n - 2] == '/')
                return path.length >= n && memcmp(path.data, pattern.data, n - 1) == 0;
        if (n > 0 && pattern.data[n - 1] == '/')
                pattern.length--;
        return slice_equal(pattern, path);
}

static bool api_has_path(const struct api *api, struct slice path)
{
        for (size_t i = 0; i < api->n_paths; i++)
                if (pattern_matches(slice_of(api->paths[i]), path))
                        return true;
        return false;
}

int api_match(const struct provider *p, struct slice host, struct slice path,
              const struct api **ret)
{
        bool normal = path_normal(path, &path), host_known = false;

        for (size_t i = 0; i < p->n_apis; i++) {
                if (!api_has_host(&p->apis[i], host))
                        continue;
                host_known = true;
                if (normal && api_has_path(&p->apis[i], path)) {
                        *ret = &p->apis[i];
                        return 0;
                }
        }
        return host_known ? MATCH_E_PATH : MATCH_E_HOST;
}

const struct api *api_by_prefix(const struct provider *p, struct slice path, struct slice *ret_rest)
{
        struct slice rest, name;

        if (path.length == 0 || path.data[0] != '/')
                return NULL;
        rest = slice_from(path, 1);
        (void)slice_split(&rest, '/', &name);
        for (size_t i = 0; i < p->n_apis; i++) {
                if (!slice_is(name, p->apis[i].name))
                        continue;
                *ret_rest = rest.data ? slice_from(path, 1 + name.length) : SLICE_LITERAL("/");
                return &p->apis[i];
        }
        return NULL;
}
