/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything is rendered in one scratch area, which is wiped whatever happens, and leaves it as a
 * secret. A credential's bytes are checked as they come out of the template: a line end in a header
 * would be a header of the credential's own making.
 */
#include "lib/base/fault.h"
#include "lib/base/secret.h"
#include "lib/provider/percent.h"
#include "lib/provider/provider.h"
#include "lib/provider/template.h"

#include <errno.h>
#include <openssl/evp.h>

struct scratch {
        size_t length;
        char bytes[SECRET_MAX_BYTES];
};

struct placing {
        credential_field_fn *field;
        void *context;
        struct slice culprit; /* what an answer is about */
        struct scratch out;
        struct scratch plain; /* of a template or of user:password, before it is encoded */
        struct scratch coded; /* base64 and its terminator */
};

static void placing_wipe(struct placing *w)
{
        explicit_bzero(w, sizeof(*w));
}

static int scratch_put(struct scratch *s, struct slice bytes)
{
        if (bytes.length > sizeof(s->bytes) - s->length)
                return fault(-EMSGSIZE);
        if (bytes.length > 0)
                memcpy(s->bytes + s->length, bytes.data, bytes.length);
        s->length += bytes.length;
        return 0;
}

static struct slice scratch_slice(const struct scratch *s)
{
        return (struct slice){ s->bytes, s->length };
}

/* Visible ASCII and blanks within (RFC 9110 section 5.5, without its obsolete bytes). */
static bool value_is_plain(struct slice value)
{
        for (size_t i = 0; i < value.length; i++)
                if (value.data[i] < 0x20 || value.data[i] > 0x7e)
                        return false;
        return true;
}

static bool value_has_control(struct slice value)
{
        for (size_t i = 0; i < value.length; i++)
                if ((unsigned char)value.data[i] < 0x20 || value.data[i] == 0x7f)
                        return true;
        return false;
}

/* tchar of RFC 9110 section 5.6.2 */
static bool name_is_token(struct slice name)
{
        for (size_t i = 0; i < name.length; i++) {
                char c = name.data[i];

                if (c <= 0x20 || c > 0x7e || strchr("\"(),/:;<=>?@[\\]{}", c))
                        return false;
        }
        return name.length > 0;
}

/* Appends `text` with its fields filled in to w->plain. */
static int text_fill(struct placing *w, const char *text, const char *setting)
{
        struct slice rest = slice_of(text);
        struct template_part part;
        int r;

        while (template_next(&rest, &part)) {
                struct slice value = part.text;

                w->culprit = part.is_field ? part.text : slice_of(setting);
                if (part.is_field) {
                        value = part.text.length ? w->field(w->context, part.text)
                                                 : (struct slice){ NULL, 0 };
                        if (!value.data || value.length == 0)
                                return PLACE_E_FIELD;
                }
                if (value_has_control(value))
                        return PLACE_E_VALUE;
                r = scratch_put(&w->plain, value);
                if (r)
                        return r;
        }
        return 0;
}

static int put_encoded(struct scratch *out, struct slice value)
{
        static const char hex[] = "0123456789ABCDEF";
        int r = 0;

        for (size_t i = 0; i < value.length && r == 0; i++) {
                unsigned char c = (unsigned char)value.data[i];
                char escape[3] = { '%', hex[c >> 4], hex[c & 15] };

                if (percent_unreserved(c))
                        r = scratch_put(out, (struct slice){ value.data + i, 1 });
                else
                        r = scratch_put(out, (struct slice){ escape, sizeof(escape) });
        }
        return r;
}

static int place_parameter(struct placing *w, const struct pair *pair)
{
        int r = 0;

        w->plain.length = 0;
        r = text_fill(w, pair->text, pair->name);
        if (r == 0 && w->out.length > 0)
                r = scratch_put(&w->out, SLICE_LITERAL("&"));
        if (r == 0)
                r = put_encoded(&w->out, slice_of(pair->name));
        if (r == 0)
                r = scratch_put(&w->out, SLICE_LITERAL("="));
        return r ? r : put_encoded(&w->out, scratch_slice(&w->plain));
}

/* One line; `scheme` is empty or ends in a blank. */
static int put_line(struct scratch *out, struct slice name, struct slice scheme, struct slice value)
{
        const struct slice parts[] = { name, SLICE_LITERAL(": "), scheme, value,
                                       SLICE_LITERAL("\r\n") };
        int r = 0;

        for (size_t i = 0; i < N_ELEMENTS(parts) && r == 0; i++)
                r = scratch_put(out, parts[i]);
        return r;
}

static int place_header(struct placing *w, const struct pair *pair)
{
        struct slice name = slice_of(pair->name);
        int r;

        w->culprit = name;
        if (!name_is_token(name))
                return PLACE_E_VALUE;
        w->plain.length = 0;
        r = text_fill(w, pair->text, pair->name);
        if (r)
                return r;
        if (!value_is_plain(scratch_slice(&w->plain)))
                return PLACE_E_VALUE;
        return put_line(&w->out, name, SLICE_LITERAL(""), scratch_slice(&w->plain));
}

/* RFC 7617 section 2: the user may not hold a colon, so that the server finds the password. */
static int place_basic(struct placing *w, const char *user, const char *password)
{
        int r;

        w->plain.length = 0;
        r = text_fill(w, user, "user");
        if (r)
                return r;
        if (memchr(w->plain.bytes, ':', w->plain.length))
                return PLACE_E_VALUE;
        r = scratch_put(&w->plain, SLICE_LITERAL(":"));
        if (r == 0)
                r = text_fill(w, password, "password");
        if (r)
                return r;
        if ((w->plain.length + 2) / 3 * 4 + 1 > sizeof(w->coded.bytes))
                return fault(-EMSGSIZE);
        w->coded.length = (size_t)EVP_EncodeBlock((unsigned char *)w->coded.bytes,
                                                  (const unsigned char *)w->plain.bytes,
                                                  (int)w->plain.length);
        return put_line(&w->out, SLICE_LITERAL("Authorization"), SLICE_LITERAL("Basic "),
                        scratch_slice(&w->coded));
}

/* RFC 6750 section 2.1: one word. */
static int place_bearer(struct placing *w, const char *text)
{
        struct slice value;
        int r;

        w->plain.length = 0;
        r = text_fill(w, text, "bearer");
        if (r)
                return r;
        value = scratch_slice(&w->plain);
        if (!value_is_plain(value) || memchr(value.data, ' ', value.length))
                return PLACE_E_VALUE;
        return put_line(&w->out, SLICE_LITERAL("Authorization"), SLICE_LITERAL("Bearer "), value);
}

/* What has been rendered becomes a secret; nothing of it stays in w->out. */
static int out_take(struct placing *w, struct secret **ret)
{
        int r = 0;

        if (w->out.length > 0)
                r = secret_new(scratch_slice(&w->out), ret);
        w->out.length = 0;
        return r;
}

static int place_query(struct placing *w, const struct class_rules *rules, struct secret **ret)
{
        int r = 0;

        for (size_t i = 0; i < rules->n_query && r == 0; i++)
                r = place_parameter(w, &rules->query[i]);
        return r ? r : out_take(w, ret);
}

static int place_headers(struct placing *w, const struct class_rules *rules, struct secret **ret)
{
        int r = 0;

        for (size_t i = 0; i < rules->n_headers && r == 0; i++)
                r = place_header(w, &rules->headers[i]);
        if (r == 0 && rules->basic_user)
                r = place_basic(w, rules->basic_user, rules->basic_password);
        if (r == 0 && rules->bearer)
                r = place_bearer(w, rules->bearer);
        return r ? r : out_take(w, ret);
}

void placement_done(struct placement *p)
{
        secret_free(p->query);
        secret_free(p->headers);
        *p = (struct placement){ NULL, NULL };
}

int credential_place(const struct class_rules *rules, credential_field_fn *field, void *context,
                     struct placement *ret, struct slice *ret_field)
{
        CLEANUP(placement_done) struct placement placed = { NULL, NULL };
        CLEANUP(placing_wipe) struct placing w = { .field = field, .context = context };
        int r;

        /*
         * two Authorization lines, or half a Basic one, are a mistake of whoever filled the rules
         */
        if (!rules->basic_user != !rules->basic_password || (rules->basic_user && rules->bearer))
                return fault(-EINVAL);
        r = place_query(&w, rules, &placed.query);
        if (r == 0)
                r = place_headers(&w, rules, &placed.headers);
        if (r > 0)
                *ret_field = w.culprit;
        if (r)
                return r;
        *ret = (struct placement){ TAKE(placed.query), TAKE(placed.headers) };
        return 0;
}
