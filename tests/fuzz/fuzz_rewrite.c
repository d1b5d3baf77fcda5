/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_rewrite - whatever a desk sends, the vendor gets a request with one credential, ours, and no
 * other
 *
 * The input is a request head. If the router knows which API it asks, it is written as the vendor
 * gets it, once by a key and once by the backend; the second reader of messages (message_model.h)
 * takes the result apart. The provider is the one that is installed; the policy and credentials lie
 * in a folder of the harness.
 */
#include "lib/net/client.h"
#include "router/rewrite.h"
#include "router/target.h"
#include "tests/fuzz/message_model.h"

#include <stdio.h>
#include <sys/stat.h>

#define MUST(condition)                                                       \
        do {                                                                  \
                if (!(condition)) {                                           \
                        fprintf(stderr, "property broken: %s\n", #condition); \
                        abort();                                              \
                }                                                             \
        } while (0)

#define KEY_VALUE "111122223333444455"
#define ID_VALUE "5f0e5e1c-id"
#define TOKEN_VALUE "aXk3Zq0T0k3n"
#define BASIC_VALUE \
        "Basic "    \
        "NWYwZTVlMWMtaWQ6YVhrM1pxMFQwazNu" /* RFC 7617: base64 of ID:TOKEN */
#define DESK "203.0.113.5"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char policy_text[] =
        "site = \"fuzz\"; providers = [ \"smarty\" ];\n"
        "keys = ( { name = \"key-1\"; provider = \"smarty\"; credential = \"key-1\"; } );\n"
        "backends = ( { name = \"secret-1\"; provider = \"smarty\"; credential = \"secret-1\"; } "
        ");\n"
        "groups = ( { name = \"desks\"; workstations = [ \"" DESK
        "\" ]; egress = \"transparent\";\n"
        "  keys = [ \"key-1\" ]; backends = [ \"secret-1\" ]; } );\n";

static const struct message_limits limits = { .head_bytes = 8192, .target_bytes = 4096 };

static struct {
        char folder[64];
        struct snapshot snapshot;
        struct client client;
} site;

static const char *path_of(const char *name)
{
        static char path[160];

        snprintf(path, sizeof(path), "%s/%s", site.folder, name);
        return path;
}

static void file_put(const char *name, const char *text)
{
        FILE *f = fopen(path_of(name), "we");

        MUST(f && fputs(text, f) >= 0 && fclose(f) == 0);
        MUST(chmod(path_of(name), 0600) == 0);
}

static void site_close(void)
{
        vault_unref(site.snapshot.vault);
        policy_unref(site.snapshot.policy);
}

/* Loaded once; the files are not needed afterwards. */
static void site_open(void)
{
        static const char *const names[] = { "key-1", "secret-1", "policy.cfg" };
        struct diag d;

        strcpy(site.folder, "/tmp/keyrouter-fuzz-XXXXXX");
        MUST(mkdtemp(site.folder));
        file_put("key-1", "key=" KEY_VALUE "\n");
        file_put("secret-1", "id=" ID_VALUE "\ntoken=" TOKEN_VALUE "\n");
        file_put("policy.cfg", policy_text);
        diag_init(&d);
        MUST(policy_load(path_of("policy.cfg"), PROVIDERS, &d, &site.snapshot.policy) == 0);
        MUST(vault_load(site.folder, site.snapshot.policy, &d, &site.snapshot.vault) == 0);
        diag_done(&d);
        for (size_t i = 0; i < N_ELEMENTS(names); i++)
                unlink(path_of(names[i]));
        rmdir(site.folder);
        MUST(addr_parse(SLICE_LITERAL(DESK), &site.client.peer) == 0);
        atexit(site_close);
}

/* ---- the judge ---- */

static size_t times_in(struct slice s, const char *text)
{
        size_t n = 0;
        const char *at;

        while (s.length && (at = memmem(s.data, s.length, text, strlen(text)))) {
                s = slice_from(s, (size_t)(at + 1 - s.data));
                n++;
        }
        return n;
}

/* "X_Real_IP" is "x-real-ip" for some servers. */
static void name_fold(struct slice name, char folded[static 64])
{
        size_t n = MIN(name.length, (size_t)63);

        for (size_t i = 0; i < n; i++)
                folded[i] = name.data[i] == '_' ? '-' : (char)(name.data[i] | 0x20);
        folded[n] = 0;
        for (size_t i = 0; i < n; i++)
                if (name.data[i] == '-')
                        folded[i] = '-';
}

/* How often each header may be there whose number matters; the others come from the desk as they
 * are. */
static int most_of(const char *folded, bool by_key)
{
        static const char *const never[] = { "proxy-authorization",
                                             "referer",
                                             "origin",
                                             "forwarded",
                                             "via",
                                             "x-real-ip",
                                             "true-client-ip",
                                             "x-client-ip",
                                             "cf-connecting-ip",
                                             "client-ip",
                                             "x-cluster-client-ip",
                                             "x-original-forwarded-for",
                                             "connection",
                                             "keep-alive",
                                             "te",
                                             "upgrade",
                                             "proxy-connection",
                                             "trailer",
                                             "x-http-method-override",
                                             "x-http-method",
                                             "x-method-override",
                                             "x-original-method",
                                             "x-original-url",
                                             "x-rewrite-url",
                                             "x-original-host",
                                             "x-host" };

        for (size_t i = 0; i < N_ELEMENTS(never); i++)
                if (strcmp(folded, never[i]) == 0)
                        return 0;
        if (strcmp(folded, "host") == 0)
                return 1;
        if (strcmp(folded, "authorization") == 0 || strcmp(folded, "x-forwarded-for") == 0)
                return by_key ? 0 : 1;
        if (strcmp(folded, "accept-encoding") == 0 && by_key)
                return 1; /* ours: the vendor's refusals have to be read */
        if (strncmp(folded, "x-forwarded-", 12) == 0 || (!by_key && strcmp(folded, "cookie") == 0))
                return 0;
        return HEAD_MAX_HEADERS;
}

static void judge_header(const struct model *m, unsigned at, const struct call *call, bool by_key)
{
        char folded[64], other[64];
        int n = 0;

        name_fold(m->headers[at].name, folded);
        for (unsigned i = 0; i < m->n_headers; i++) {
                name_fold(m->headers[i].name, other);
                n += strcmp(folded, other) == 0;
        }
        MUST(n <= most_of(folded, by_key));
        if (strcmp(folded, "host") == 0)
                MUST(slice_is(m->headers[at].value, call->api->host));
        if (strcmp(folded, "authorization") == 0)
                MUST(slice_is(m->headers[at].value, BASIC_VALUE));
        if (strcmp(folded, "x-forwarded-for") == 0)
                MUST(slice_is(m->headers[at].value, DESK));
}

/* Those of the desk that come through keep their order and their bytes. */
static void judge_order(const struct model *m, const struct head *from)
{
        unsigned at = 0;

        for (unsigned i = 0; i < m->n_headers; i++) {
                char folded[64];

                name_fold(m->headers[i].name, folded);
                if (most_of(folded, false) <= 1 || strcmp(folded, "accept-encoding") == 0 ||
                    strcmp(folded, "content-length") == 0 ||
                    strcmp(folded, "transfer-encoding") == 0)
                        continue;
                while (at < from->n_headers &&
                       (!slice_equal(from->headers[at].name, m->headers[i].name) ||
                        !slice_equal(from->headers[at].value, m->headers[i].value)))
                        at++;
                MUST(at++ < from->n_headers);
        }
}

/* A part of the query names a credential, if its name, decoded, is one in any case. */
static bool part_is_credential(struct slice part)
{
        static const char *const names[] = { "key", "auth-id", "auth-token" };
        char name[32];
        size_t n = 0;

        for (size_t i = 0; i < part.length && part.data[i] != '=' && n < sizeof(name) - 1; n++) {
                unsigned byte = (unsigned char)part.data[i];

                if (byte == '%' && i + 2 < part.length &&
                    sscanf(part.data + i + 1, "%2x", &byte) == 1 &&
                    strchr("0123456789abcdefABCDEF", part.data[i + 2]) &&
                    strchr("0123456789abcdefABCDEF", part.data[i + 1]))
                        i += 2;
                i++;
                name[n] = (char)byte;
        }
        name[n] = 0;
        for (size_t i = 0; i < N_ELEMENTS(names); i++)
                if (strcasecmp(name, names[i]) == 0 && strlen(name) == n)
                        return true;
        return false;
}

static void judge_query(struct slice target, const struct call *call, bool by_key)
{
        const char *mark = memchr(target.data, '?', target.length);
        struct slice path = target, part;
        size_t start, n_credentials = 0;

        if (mark)
                path.length = (size_t)(mark - target.data);
        MUST(slice_equal(path, call->path));
        start = path.length + 1;
        for (size_t i = start; mark && i <= target.length; i++) {
                if (i < target.length && target.data[i] != '&' && target.data[i] != ';')
                        continue;
                part = (struct slice){ target.data + start, i - start };
                start = i + 1;
                if (!part_is_credential(part))
                        continue;
                n_credentials++;
                MUST(by_key && i == target.length && slice_is(part, "key=" KEY_VALUE));
        }
        MUST(n_credentials == by_key);
}

static void judge(struct slice out, const struct exchange *x, const struct call *call, bool by_key)
{
        struct model m;

        model_read(&m, out, true, false);
        MUST(m.head_length == out.length && m.is_strict);
        MUST(slice_equal(m.start[0], x->request.head.method) && slice_is(m.start[2], "HTTP/1.1"));
        for (unsigned i = 0; i < m.n_headers; i++)
                judge_header(&m, i, call, by_key);
        judge_order(&m, &x->request.head);
        judge_query(m.start[1], call, by_key);
        MUST(m.framing == x->request.head.framing);
}

/* ---- the run ---- */

static void rewrite(struct exchange *x, bool by_key, struct slice input)
{
        struct call *call = call_of(x);
        const struct policy *policy = site.snapshot.policy;
        struct buffer out;

        call->route = (struct route){ .kind = by_key ? ROUTE_KEY : ROUTE_BACKEND,
                                      .class = by_key ? CLASS_EMBEDDED : CLASS_SECRET,
                                      .key = &policy->keys[0],
                                      .backend = &policy->backends[0] };
        call->wants_body = by_key;
        buffer_init(&out, x->request.pool);
        if (rewrite_request(x, &out) == 0 &&
            framing_put(&out, x->request.head.framing, x->request.head.content_length) == 0) {
                struct slice sent = buffer_slice(&out);

                judge(sent, x, call, by_key);
                if (times_in(input, KEY_VALUE) == 0)
                        MUST(times_in(sent, KEY_VALUE) == by_key);
                if (times_in(input, BASIC_VALUE) == 0)
                        MUST(times_in(sent, BASIC_VALUE) == !by_key);
        }
        buffer_wipe(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct slice input = { (const char *)data, MIN(size, (size_t)8192) };
        static struct exchange x;
        struct block_pool pool;
        struct buffer in;
        enum head_answer why;
        struct call *call = call_of(&x);

        if (!site.snapshot.policy)
                site_open();
        block_pool_init(&pool, 8);
        message_init(&x.request, &pool);
        buffer_init(&in, &pool);
        x.client = &site.client;
        memset(call, 0, sizeof(*call));
        call->snapshot = &site.snapshot;
        call->group = &site.snapshot.policy->groups[0];
        MUST(buffer_put_slice(&in, input) == 0);
        if (message_begin(&x.request, MESSAGE_REQUEST, false, &limits, &in, &why) == 0 &&
            x.request.head.n_headers <= HEAD_MAX_HEADERS - 5 && /* ours have to be read too */
            !target_find(site.snapshot.policy, &x.request.head, true, call)) {
                rewrite(&x, true, input);
                rewrite(&x, false, input);
        }
        message_done(&x.request);
        buffer_release(&in);
        block_pool_done(&pool);
        return 0;
}
