/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/fault.h"
#include "lib/settings/mask.h"
#include "policy/load.h"
#include "policy/provider_load.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>

static bool is_path(const char *text)
{
        size_t length = strlen(text);

        return length > 4 && strcmp(text + length - 4, ".cfg") == 0;
}

/* The names SETTING_NAME lets pass: nothing that leads out of the folder. */
static bool is_name(const char *text)
{
        return text[0] != '.' && !strchr(text, '/') && strlen(text) <= 64;
}

bool provider_is_installed(const char *provider_dir, const char *name)
{
        char path[4096];
        int n = snprintf(path, sizeof(path), "%s/%s.cfg",
                         provider_dir ? provider_dir : KEYROUTER_PROVIDER_DIR, name);

        return is_name(name) && n < (int)sizeof(path) && access(path, F_OK) == 0;
}

/* A path is relative to the file that names it. Owner: the caller. NULL: no memory. */
static char *definition_path(const struct loading *l, const struct text_item *item)
{
        const char *slash = strrchr(item->at.file, '/');
        char *path = NULL;
        int r;

        if (!is_path(item->text))
                r = asprintf(&path, "%s/%s.cfg", l->provider_dir, item->text);
        else if (item->text[0] == '/' || !slash)
                r = asprintf(&path, "%s", item->text);
        else
                r = asprintf(&path, "%.*s/%s", (int)(slash - item->at.file), item->at.file,
                             item->text);
        return r < 0 ? NULL : path;
}

#define INSTALLED_MAX 256 /* looked through for a likely typo */

static void missing_report(struct loading *l, const struct text_item *item)
{
        CLEANUP(globfree) glob_t found = { 0 };
        char pattern[4096], names_text[INSTALLED_MAX][65], remedy[128];
        const char *names[INSTALLED_MAX + 1] = { NULL };
        const char *nearest;
        size_t n = 0;

        if (snprintf(pattern, sizeof(pattern), "%s/*.cfg", l->provider_dir) <
                    (int)sizeof(pattern) &&
            glob(pattern, 0, NULL, &found) == 0) {
                for (size_t i = 0; i < found.gl_pathc && n < INSTALLED_MAX; i++) {
                        const char *name = strrchr(found.gl_pathv[i], '/') + 1;

                        snprintf(names_text[n], sizeof(names_text[n]), "%.*s",
                                 (int)strlen(name) - 4, name);
                        names[n] = names_text[n];
                        n++;
                }
        }
        nearest = diag_nearest(slice_of(item->text), names);
        if (nearest)
                snprintf(remedy, sizeof(remedy), "did you mean \"%s\"?", nearest);
        diag_error(l->d, item->at,
                   nearest ? remedy : "name an installed definition, or a path ending in .cfg",
                   "provider \"%.64s\" is not installed", nearest ? item->text : masked(item->text).text);
}

/* False after a finding: there is nothing to read. */
static bool definition_is_there(struct loading *l, const struct text_item *item, const char *path)
{
        if (!is_path(item->text) && !is_name(item->text)) {
                diag_error(l->d, item->at, "a path ends in .cfg",
                           "providers holds a text that is neither a name nor a path");
                return false;
        }
        if (access(path, F_OK) == 0)
                return true;
        if (!is_path(item->text))
                missing_report(l, item);
        else
                diag_error(l->d, item->at, NULL, "provider file \"%s\" is not there",
                           masked(item->text).text);
        return false;
}

/* A definition with mistakes still lends its name, so that its users are not reported on top. */
static void placeholder_fill(struct provider *p, char *name)
{
        p->name = name;
        for (int c = 0; c < N_CREDENTIAL_CLASSES; c++)
                p->classes[c] =
                        (struct class_rules){ .offered = true, .capacity = PROVIDER_CAPACITY_MAX };
}

static int definition_name(const struct text_item *item, char **name)
{
        if (*name || is_path(item->text) || !is_name(item->text))
                return 0;
        *name = strdup(item->text);
        return *name ? 0 : fault(-ENOMEM);
}

static int definition_load(struct loading *l, const struct text_item *item, const char *path,
                           struct provider *provider, char **name)
{
        CLEANUP(freep) char *role = NULL;
        struct settings_input input = { .path = path,
                                        .files = l->source->files,
                                        .record = l->source->record };

        if (!input.files && !definition_is_there(l, item, path))
                return -EINVAL;
        if (asprintf(&role, "provider %s", item->text) < 0) {
                role = NULL;
                return fault(-ENOMEM);
        }
        input.role = role;
        return provider_load(&input, l->d, provider, name);
}

static int provider_add(struct loading *l, const struct text_item *item)
{
        struct provider *provider = &l->p->providers[l->p->n_providers];
        CLEANUP(freep) char *path = definition_path(l, item);
        CLEANUP(freep) char *name = NULL;
        int r;

        if (!path)
                return fault(-ENOMEM);
        r = definition_load(l, item, path, provider, &name);
        if (r == -ENOMEM)
                return r;
        if (definition_name(item, &name))
                return -ENOMEM;
        if (!name) {
                l->providers_incomplete = true;
                return 0;
        }
        if (!is_path(item->text) && strcmp(name, item->text) != 0)
                diag_error(l->d, item->at, NULL, "the definition \"%s\" calls itself \"%s\"",
                           item->text, masked(name).text);
        if (r)
                placeholder_fill(provider, TAKE(name));
        names_add(&l->providers, provider->name, item->at, (unsigned)l->p->n_providers++);
        return 0;
}

static const struct api *api_named(const struct provider *p, const char *name)
{
        for (size_t i = 0; i < p->n_apis; i++) {
                if (strcmp(p->apis[i].name, name) == 0)
                        return &p->apis[i];
        }
        return NULL;
}

/* Requests are told apart by host or, in base-URL mode, by the API's name: both belong to one
 * provider. */
static void provider_pair_check(struct loading *l, const struct provider *p,
                                const struct provider *other, struct place at)
{
        for (size_t i = 0; i < p->n_apis; i++) {
                const struct api *api = &p->apis[i];

                if (provider_has_host(other, slice_of(api->host)))
                        diag_error(l->d, at, NULL,
                                   "host \"%s\" of provider \"%s\" belongs to provider \"%s\" too",
                                   api->host, p->name, other->name);
                if (api_named(other, api->name))
                        diag_error(
                                l->d, at, NULL,
                                "API name \"%s\" of provider \"%s\" belongs to provider \"%s\" too",
                                api->name, p->name, other->name);
        }
}

static void provider_check_others(struct loading *l, const struct provider *p, struct place at)
{
        for (const struct provider *other = l->p->providers; other < p; other++) {
                /* One definition listed twice is told by its name. */
                if (strcmp(other->name, p->name) != 0)
                        provider_pair_check(l, p, other, at);
        }
}

int providers_load(struct loading *l)
{
        const struct text_list *list = &l->w.providers;
        int r;

        l->p->providers = calloc(MAX(list->n_items, 1U), sizeof(*l->p->providers));
        if (!l->p->providers)
                return fault(-ENOMEM);
        r = names_init(&l->providers, "provider", list->n_items);
        if (r)
                return r;
        for (size_t i = 0; i < list->n_items; i++) {
                size_t n = l->p->n_providers;

                r = provider_add(l, &list->items[i]);
                if (r)
                        return r;
                if (l->p->n_providers > n)
                        provider_check_others(l, &l->p->providers[n], list->items[i].at);
        }
        names_seal(&l->providers, l->d);
        return 0;
}
