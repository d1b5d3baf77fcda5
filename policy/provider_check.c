/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/provider/template.h"
#include "lib/settings/mask.h"
#include "policy/host_name.h"
#include "policy/names.h"
#include "policy/provider_schema.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* tchar of RFC 9110 section 5.6.2 */
static bool is_token(const char *text)
{
        for (; *text; text++) {
                if (*text <= 0x20 || *text > 0x7e || strchr("\"(),/:;<=>?@[\\]{}", *text))
                        return false;
        }
        return true;
}

/* ---- APIs ---- */

static const char *path_fault(const char *path)
{
        struct slice rest, part;

        if (path[0] != '/')
                return "does not start with /";
        for (const char *c = path; *c; c++) {
                if (*c <= 0x20 || *c > 0x7e || strchr("?#%\\;", *c))
                        return "holds a character that no API's path has (blank ? # % \\ ;)";
        }
        if (!path[1])
                return NULL;
        rest = slice_of(path + 1);
        while (slice_split(&rest, '/', &part)) {
                if (part.length == 0 || slice_is(part, ".") || slice_is(part, ".."))
                        return "has a part that is empty, \".\" or \"..\"";
                if (memchr(part.data, '*', part.length) && (part.length > 1 || rest.data))
                        return "has a * that is not the whole last part";
        }
        return NULL;
}

static void paths_check(const struct written_api *api, struct diag *d)
{
        for (size_t i = 0; i < api->paths.n_items; i++) {
                const struct text_item *path = &api->paths.items[i];
                const char *fault = path_fault(path->text);

                if (fault)
                        diag_error(d, path->at, NULL, "path \"%s\" %s", masked(path->text).text,
                                   fault);
        }
}

/* A refused embedded call is repeated with the secret key: only what is safe to repeat may be
 * one. */
static void embedded_methods_check(const struct text_list *methods, struct diag *d)
{
        for (size_t i = 0; i < methods->n_items; i++) {
                const struct text_item *method = &methods->items[i];

                if (strcmp(method->text, "GET") != 0)
                        diag_error(d, method->at, "leave it to the secret key: list it in secret",
                                   "embedded lists %s, but an embedded key goes out on GET alone",
                                   method->text);
        }
}

static void api_methods_check(const struct written_provider *w, const struct written_api *api,
                              struct diag *d)
{
        for (int c = 0; c < N_CREDENTIAL_CLASSES; c++) {
                const char *class = credential_class_name((enum credential_class)c);

                if (api->methods[c].n_items && !w->has_class[c] && w->has_class[!c])
                        diag_error(d, api->methods[c].at, NULL,
                                   "the provider has no %s credentials: there is no group \"%s\"",
                                   class, class);
        }
        embedded_methods_check(&api->methods[CLASS_EMBEDDED], d);
        if (api->methods[CLASS_EMBEDDED].n_items + api->methods[CLASS_SECRET].n_items == 0)
                diag_error(d, api->at, "list methods in embedded, secret, or both",
                           "no credential can call this API");
}

/* The same path at the same host in two APIs: the second would never be asked. */
static void api_pair_check(const struct written_api *a, const struct written_api *b, struct diag *d)
{
        if (!a->host.text || !b->host.text || strcasecmp(a->host.text, b->host.text) != 0)
                return;
        for (size_t i = 0; i < a->paths.n_items; i++) {
                for (size_t j = 0; j < b->paths.n_items; j++) {
                        const struct text_item *p = &a->paths.items[i], *q = &b->paths.items[j];

                        if (strcmp(p->text, q->text) == 0)
                                diag_error(d, q->at, NULL,
                                           "path \"%s\" of this host is in two APIs, first in "
                                           "%s:%u",
                                           masked(q->text).text, p->at.file, p->at.line);
                }
        }
}

static void apis_check(const struct written_provider *w, struct diag *d)
{
        for (size_t i = 0; i < w->apis.n_items; i++) {
                const struct written_api *api = GROUP_LIST_AT(&w->apis, struct written_api, i);

                if (api->host.text && !host_name_is_right(api->host.text))
                        diag_error(d, api->host.at, "a host name, no scheme, port or address",
                                   "host is not a host name");
                paths_check(api, d);
                api_methods_check(w, api, d);
                for (size_t j = 0; j < i; j++)
                        api_pair_check(GROUP_LIST_AT(&w->apis, struct written_api, j), api, d);
        }
}

static void api_names_check(const struct written_provider *w, struct diag *d)
{
        CLEANUP(names_done) struct names names = { NULL };

        if (names_init(&names, "API", w->apis.n_items)) {
                diag_error(d, (struct place){ NULL }, NULL, "%s", strerror(ENOMEM));
                return;
        }
        for (size_t i = 0; i < w->apis.n_items; i++) {
                const struct written_api *api = GROUP_LIST_AT(&w->apis, struct written_api, i);

                names_add(&names, api->name.text, api->name.at, (unsigned)i);
        }
        names_seal(&names, d);
}

/* ---- credential classes ---- */

/* Checks the fields of a text; *ret_has_field is set where it has one. */
static void template_check(const char *name, const char *text, struct place at, struct diag *d,
                           bool *ret_has_field)
{
        struct slice rest = slice_of(text ? text : "");
        struct template_part part;

        while (template_next(&rest, &part)) {
                if (part.is_field && part.text.length == 0)
                        diag_error(d, at, "$field names a field of the credential; $$ is a dollar",
                                   "%s has a $ without a name", name);
                *ret_has_field |= part.is_field;
        }
}

static bool list_has_nocase(const struct text_list *list, const char *name)
{
        for (size_t i = 0; i < list->n_items; i++) {
                if (strcasecmp(list->items[i].text, name) == 0)
                        return true;
        }
        return false;
}

static void class_query_check(const struct written_provider *w, const struct written_class *c,
                              struct diag *d, bool *ret_has_field)
{
        for (size_t i = 0; i < c->query.n_items; i++) {
                const struct pair_item *p = &c->query.items[i];

                template_check(masked(p->name).text, p->text, p->at, d, ret_has_field);
                if (!list_has_nocase(&w->strip_query, p->name))
                        diag_error(d, p->at, "add it to strip_query of the provider",
                                   "query parameter \"%s\" is added but a caller's own is not "
                                   "stripped",
                                   masked(p->name).text);
        }
}

/* Lines that frame a message or name its target are not a definition's to set. */
static bool header_is_ours(const char *name)
{
        static const char *const ours[] = { "Host",       "Content-Length", "Transfer-Encoding",
                                            "Connection", "Upgrade",        "TE",
                                            "Trailer",    "Expect",         "X-Forwarded-For" };

        for (size_t i = 0; i < N_ELEMENTS(ours); i++) {
                if (strcasecmp(ours[i], name) == 0)
                        return true;
        }
        return false;
}

static void class_headers_check(const struct written_class *c, struct diag *d, bool *ret_has_field)
{
        for (size_t i = 0; i < c->headers.n_items; i++) {
                const struct pair_item *p = &c->headers.items[i];

                template_check(masked(p->name).text, p->text, p->at, d, ret_has_field);
                if (strpbrk(p->text, "\n\t"))
                        diag_error(d, p->at, NULL, "header \"%s\" holds a control character",
                                   masked(p->name).text);
                if (!is_token(p->name) || header_is_ours(p->name))
                        diag_error(d, p->at, NULL, "header \"%s\" cannot be set here",
                                   masked(p->name).text);
                else if (strcasecmp(p->name, "Authorization") == 0 &&
                         (c->has_basic || c->bearer.text))
                        diag_error(d, p->at, "use one of basic, bearer and headers",
                                   "Authorization is set twice");
        }
}

static void header_names_check(const struct text_list *list, struct diag *d)
{
        for (size_t i = 0; i < list->n_items; i++) {
                if (!is_token(list->items[i].text))
                        diag_error(d, list->items[i].at, NULL,
                                   "strip_headers holds a text that is no header name");
        }
}

static void class_check(const struct written_provider *w, enum credential_class class,
                        struct diag *d)
{
        const struct written_class *c = &w->classes[class];
        size_t n_errors = d->n_errors;
        bool has_field = false;

        class_query_check(w, c, d, &has_field);
        class_headers_check(c, d, &has_field);
        template_check("user", c->basic.user.text, c->basic.user.at, d, &has_field);
        template_check("password", c->basic.password.text, c->basic.password.at, d, &has_field);
        template_check("bearer", c->bearer.text, c->bearer.at, d, &has_field);
        header_names_check(&c->strip_headers, d);
        if (c->has_basic && c->bearer.text)
                diag_error(d, c->bearer.at, "use one of them", "both basic and bearer are given");
        if (!has_field && d->n_errors == n_errors)
                diag_error(d, w->class_at[class],
                           "say with query, headers, basic or bearer where the credential goes",
                           "class \"%s\" places no $field of its credential",
                           credential_class_name(class));
}

/* ---- answers ---- */

static unsigned answer_classes(const struct written_answer *a)
{
        unsigned set = 0;

        for (int c = 0; c < N_CREDENTIAL_CLASSES; c++) {
                if (!a->class ||
                    strcmp(a->class, credential_class_name((enum credential_class)c)) == 0)
                        set |= 1U << c;
        }
        return set;
}

static bool answer_has_status(const struct written_answer *a, int64_t status)
{
        for (size_t i = 0; i < a->status.n_items; i++) {
                if (a->status.items[i] == status)
                        return true;
        }
        return false;
}

/* Does an answer above take this status, whatever the body, for all the classes? */
static bool status_is_taken(const struct written_provider *w, size_t n_above, int64_t status,
                            unsigned classes)
{
        for (size_t i = 0; i < n_above; i++) {
                const struct written_answer *a =
                        GROUP_LIST_AT(&w->answers, struct written_answer, i);

                if (!a->body && answer_has_status(a, status))
                        classes &= ~answer_classes(a);
        }
        return classes == 0;
}

static void answer_check(const struct written_provider *w, size_t i, struct diag *d)
{
        const struct written_answer *a = GROUP_LIST_AT(&w->answers, struct written_answer, i);
        size_t n_taken = 0;

        if (a->status.n_items > ANSWER_MAX_STATUSES)
                diag_error(d, a->at, "write two answers", "status lists more than %d",
                           ANSWER_MAX_STATUSES);
        for (size_t j = 0; j < a->status.n_items; j++)
                n_taken += status_is_taken(w, i, a->status.items[j], answer_classes(a));
        if (n_taken && n_taken == a->status.n_items)
                diag_warning(d, a->at, "the first match wins: put it further up",
                             "this answer is never reached, those above take every status of it");
}

static void answers_check(const struct written_provider *w, struct diag *d)
{
        for (size_t i = 0; i < w->answers.n_items; i++)
                answer_check(w, i, d);
        if (w->errors.text && !strstr(w->errors.text, "$message"))
                diag_error(d, w->errors.at, NULL, "errors does not hold $message");
}

void provider_check(const struct written_provider *w, const char *path, struct diag *d)
{
        apis_check(w, d);
        api_names_check(w, d);
        for (int c = 0; c < N_CREDENTIAL_CLASSES; c++) {
                if (w->has_class[c])
                        class_check(w, (enum credential_class)c, d);
        }
        if (!w->has_class[CLASS_EMBEDDED] && !w->has_class[CLASS_SECRET])
                diag_error(d, (struct place){ path, 0 }, NULL,
                           "the provider has neither embedded nor secret credentials");
        header_names_check(&w->strip_headers, d);
        answers_check(w, d);
}
