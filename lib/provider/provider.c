/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/provider/provider.h"

#include "lib/base/cleanup.h"

#include <stdlib.h>

static const char *const class_names[] = { "embedded", "secret" };
static const char *const blame_names[] = { "none", "slot", "key", "account", "request", "vendor" };
static const char *const method_names[] = { "GET",   "HEAD",   "POST",   "PUT",
                                            "PATCH", "DELETE", "OPTIONS" };

static_assert(N_ELEMENTS(class_names) == N_CREDENTIAL_CLASSES, "one name a class");
static_assert(N_ELEMENTS(blame_names) == BLAME_VENDOR + 1, "one name a blame");
static_assert(N_ELEMENTS(method_names) == N_METHODS, "one name a method");

const char *credential_class_name(enum credential_class c)
{
        assert((unsigned)c < N_ELEMENTS(class_names));
        return class_names[c];
}

const char *blame_name(enum blame b)
{
        assert((unsigned)b < N_ELEMENTS(blame_names));
        return blame_names[b];
}

bool method_parse(struct slice name, enum method *ret)
{
        for (size_t i = 0; i < N_METHODS; i++) {
                if (slice_is(name, method_names[i])) {
                        *ret = (enum method)i;
                        return true;
                }
        }
        return false;
}

const char *method_name(enum method m)
{
        assert((unsigned)m < N_METHODS);
        return method_names[m];
}

static void texts_free(char **texts, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(texts[i]);
        free(texts);
}

static void pairs_free(struct pair *pairs, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                free(pairs[i].name);
                free(pairs[i].text);
        }
        free(pairs);
}

static void apis_free(struct api *apis, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                free(apis[i].name);
                free(apis[i].host);
                texts_free(apis[i].paths, apis[i].n_paths);
        }
        free(apis);
}

static void class_rules_done(struct class_rules *c)
{
        pairs_free(c->query, c->n_query);
        pairs_free(c->headers, c->n_headers);
        free(c->basic_user);
        free(c->basic_password);
        free(c->bearer);
        texts_free(c->strip_headers, c->n_strip_headers);
}

void provider_done(struct provider *p)
{
        free(p->name);
        apis_free(p->apis, p->n_apis);
        for (size_t i = 0; i < N_CREDENTIAL_CLASSES; i++)
                class_rules_done(&p->classes[i]);
        texts_free(p->strip_query, p->n_strip_query);
        texts_free(p->strip_headers, p->n_strip_headers);
        for (size_t i = 0; i < p->n_answers; i++) {
                free(p->answers[i].body);
                free(p->answers[i].cause);
        }
        free(p->answers);
        free(p->errors);
        *p = (struct provider){ 0 };
}
