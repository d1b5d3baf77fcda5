/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/provider_load.h"

#include "lib/base/fault.h"
#include "policy/provider_schema.h"

#include <ctype.h>
#include <errno.h>

/* Copies for struct provider, which provider_done() frees one by one. Out of memory is
 * remembered. */
struct copying {
        int r;
};

static void *copy_array(struct copying *c, size_t n, size_t size, size_t *ret_n)
{
        void *array = calloc(MAX(n, 1U), size);

        if (!array)
                c->r = fault(-ENOMEM);
        *ret_n = array ? n : 0;
        return array;
}

static char *copy_text(struct copying *c, const char *text)
{
        char *copy = text ? strdup(text) : NULL;

        if (text && !copy)
                c->r = fault(-ENOMEM);
        return copy;
}

static char *copy_lower(struct copying *c, const char *text)
{
        char *copy = copy_text(c, text);

        for (char *at = copy; at && *at; at++)
                *at = (char)tolower((unsigned char)*at);
        return copy;
}

static char **copy_texts(struct copying *c, const struct text_list *list, size_t *ret_n)
{
        char **texts = copy_array(c, list->n_items, sizeof(char *), ret_n);

        for (size_t i = 0; i < *ret_n; i++)
                texts[i] = copy_text(c, list->items[i].text);
        return texts;
}

static struct pair *copy_pairs(struct copying *c, const struct pair_list *list, size_t *ret_n)
{
        struct pair *pairs = copy_array(c, list->n_items, sizeof(*pairs), ret_n);

        for (size_t i = 0; i < *ret_n; i++) {
                pairs[i].name = copy_text(c, list->items[i].name);
                pairs[i].text = copy_text(c, list->items[i].text);
        }
        return pairs;
}

static unsigned methods_set(const struct text_list *list)
{
        unsigned set = 0;
        enum method m;

        for (size_t i = 0; i < list->n_items; i++) {
                if (method_parse(slice_of(list->items[i].text), &m))
                        set |= 1U << m;
        }
        return set;
}

static void api_fill(struct copying *c, const struct written_api *w, struct api *ret)
{
        ret->name = copy_text(c, w->name.text);
        ret->host = copy_lower(c, w->host.text);
        ret->paths = copy_texts(c, &w->paths, &ret->n_paths);
        for (int i = 0; i < N_CREDENTIAL_CLASSES; i++)
                ret->methods[i] = methods_set(&w->methods[i]);
        ret->max_body_bytes = w->max_body;
        ret->deadline_ms = w->deadline_s * 1000;
}

static void class_fill(struct copying *c, const struct written_class *w, struct class_rules *ret)
{
        ret->offered = true;
        ret->query = copy_pairs(c, &w->query, &ret->n_query);
        ret->headers = copy_pairs(c, &w->headers, &ret->n_headers);
        ret->basic_user = copy_text(c, w->basic.user.text);
        ret->basic_password = copy_text(c, w->basic.password.text);
        ret->bearer = copy_text(c, w->bearer.text);
        ret->strip_headers = copy_texts(c, &w->strip_headers, &ret->n_strip_headers);
        ret->capacity = w->capacity;
        ret->propagation_ms = w->propagation_s * 1000;
        ret->forwarded_for = w->forwarded_for;
}

static enum blame blame_parse(const char *word)
{
        enum blame b = BLAME_NONE;

        while (b < BLAME_VENDOR && strcmp(word, blame_name(b)) != 0)
                b++;
        return b;
}

static unsigned classes_parse(const char *word)
{
        if (!word)
                return (1U << N_CREDENTIAL_CLASSES) - 1;
        return 1U << (strcmp(word, credential_class_name(CLASS_SECRET)) == 0);
}

static void answer_fill(struct copying *c, const struct written_answer *w, struct answer_rule *ret)
{
        for (size_t i = 0; i < w->status.n_items; i++)
                ret->statuses[ret->n_statuses++] = (uint16_t)w->status.items[i];
        ret->body = copy_text(c, w->body);
        ret->classes = classes_parse(w->class);
        ret->cause = copy_text(c, w->cause);
        ret->blame = blame_parse(w->blame);
}

/* `w` has passed every check. */
static int provider_fill(const struct written_provider *w, struct provider *ret)
{
        struct copying c = { 0 };

        ret->name = copy_text(&c, w->name.text);
        ret->port = (uint16_t)w->port;
        ret->apis = copy_array(&c, w->apis.n_items, sizeof(*ret->apis), &ret->n_apis);
        for (size_t i = 0; i < ret->n_apis; i++)
                api_fill(&c, GROUP_LIST_AT(&w->apis, struct written_api, i), &ret->apis[i]);
        for (int i = 0; i < N_CREDENTIAL_CLASSES; i++) {
                if (w->has_class[i])
                        class_fill(&c, &w->classes[i], &ret->classes[i]);
        }
        ret->strip_query = copy_texts(&c, &w->strip_query, &ret->n_strip_query);
        ret->strip_headers = copy_texts(&c, &w->strip_headers, &ret->n_strip_headers);
        ret->answers = copy_array(&c, w->answers.n_items, sizeof(*ret->answers), &ret->n_answers);
        for (size_t i = 0; i < ret->n_answers; i++)
                answer_fill(&c, GROUP_LIST_AT(&w->answers, struct written_answer, i),
                            &ret->answers[i]);
        ret->errors = copy_text(&c, w->errors.text ? w->errors.text : error_shape_default);
        return c.r;
}

int provider_load(const struct settings_input *input, struct diag *d, struct provider *ret,
                  char **ret_name)
{
        CLEANUP(settings_file_freep) struct settings_file *file = NULL;
        CLEANUP(provider_done) struct provider p = { NULL };
        struct written_provider w = { { NULL } };
        size_t n_errors = d->n_errors;
        int r;

        *ret_name = NULL;
        r = settings_load_from(input, provider_rows, &w, d, &file);
        if (r)
                return r;
        provider_check(&w, input->path, d);
        if (w.name.text) {
                *ret_name = strdup(w.name.text);
                if (!*ret_name)
                        return fault(-ENOMEM);
        }
        if (d->n_errors > n_errors)
                return -EINVAL;
        r = provider_fill(&w, &p);
        if (r)
                return r;
        *ret = p;
        p = (struct provider){ NULL };
        return 0;
}
