/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a file are in one buffer on the stack, wiped before it is left; fields are slices of
 * it. What outlives the load is in memory of struct secret: placements, and the fields once more,
 * to know them again where a vendor repeats them.
 */
#include "router/vault.h"

#include "lib/base/fault.h"
#include "lib/base/secret.h"
#include "lib/provider/template.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES 4096
#define PATH_MAX_BYTES 1024

static const char *const field_names[] = { "key", "id", "token", NULL };

#define N_FIELDS (N_ELEMENTS(field_names) - 1)

struct credential {
        struct placement placement;
        struct secret *fields[N_FIELDS];
        struct redaction redaction; /* looks into the two above */
};

struct vault {
        unsigned n_refs; /* atomic */
        struct credential *keys;
        size_t n_keys;
        struct credential *backends;
        size_t n_backends;
};

/* One credential file while it is being read. */
struct reading {
        char path[PATH_MAX_BYTES];
        const char *kind, *owner; /* "key" or "backend" of the policy, and its name */
        struct place named_at;    /* where the policy names the credential */
        bool is_handed_over;      /* by the service manager, which has seen to who may read it */
        char bytes[FILE_MAX_BYTES + 1];
        struct slice fields[N_FIELDS];
        struct diag *diag;
};

static void reading_wipe(struct reading *r)
{
        explicit_bzero(r->bytes, sizeof(r->bytes));
}

static struct place place_of(const struct reading *r, unsigned line)
{
        return (struct place){ r->path, line };
}

static bool path_make(struct reading *r, const char *directory, const char *name)
{
        int n = snprintf(r->path, sizeof(r->path), "%s/%s", directory, name);

        return n > 0 && (size_t)n < sizeof(r->path);
}

static bool reading_find(struct reading *r, const char *directory, const char *name)
{
        const char *handed_over = getenv("CREDENTIALS_DIRECTORY");

        r->is_handed_over =
                handed_over && path_make(r, handed_over, name) && access(r->path, F_OK) == 0;
        if (r->is_handed_over || path_make(r, directory, name))
                return true;
        diag_error(r->diag, (struct place){ directory, 0 }, "use a shorter one",
                   "the path of credential %s is longer than %d bytes", name, PATH_MAX_BYTES - 1);
        return false;
}

static bool check_file(const struct reading *r, const struct stat *st)
{
        if (!S_ISREG(st->st_mode)) {
                diag_error(r->diag, place_of(r, 0), "make it a regular file",
                           "credential is not a regular file");
                return false;
        }
        if (st->st_size > FILE_MAX_BYTES) {
                diag_error(r->diag, place_of(r, 0), "it holds lines such as key=...",
                           "credential file is longer than %d bytes", FILE_MAX_BYTES);
                return false;
        }
        if (r->is_handed_over)
                return true;
        if (st->st_uid != geteuid() && st->st_uid != 0) {
                diag_error(r->diag, place_of(r, 0), "chown it to the service's user",
                           "credential file belongs to another user");
                return false;
        }
        if (st->st_mode & 07777 & ~(S_IRUSR | S_IWUSR)) {
                char remedy[PATH_MAX_BYTES + 16];

                snprintf(remedy, sizeof(remedy), "chmod 600 %s", r->path);
                diag_error(r->diag, place_of(r, 0), remedy,
                           "credential file has mode %04o instead of 0600 or 0400",
                           (unsigned)(st->st_mode & 07777));
                return false;
        }
        return true;
}

/* Where no file has the name, the name is not shown: somebody may have pasted the credential there. */
static bool report_errno(const struct reading *r, int error)
{
        if (error == ELOOP)
                diag_error(r->diag, place_of(r, 0), "put the file itself there",
                           "credential is a symbolic link");
        else
                diag_error(r->diag, error == ENOENT ? r->named_at : place_of(r, 0),
                           error == ENOENT ? "write a file of that name to the folder of the "
                                             "credentials, mode 600, for the service's user"
                                           : "chown it to the service's user, and chmod it to 600",
                           "credential of %s %s cannot be read: %s", r->kind, r->owner,
                           strerror(error));
        return false;
}

static bool read_bytes(struct reading *r, size_t *ret_n)
{
        CLEANUP(closep) int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct stat st;
        size_t n = 0;
        ssize_t got;

        if (fd < 0 || fstat(fd, &st) < 0)
                return report_errno(r, errno);
        if (!check_file(r, &st))
                return false;
        while ((got = read(fd, r->bytes + n, sizeof(r->bytes) - n)) > 0)
                n += (size_t)got;
        if (got < 0)
                return report_errno(r, errno);
        if (n > FILE_MAX_BYTES)
                return report_errno(r, EFBIG);
        *ret_n = n;
        return true;
}

static bool parse_field(struct reading *r, unsigned line, struct slice name, struct slice value)
{
        for (size_t i = 0; i < N_FIELDS; i++) {
                if (!slice_is(name, field_names[i]))
                        continue;
                if (value.length == 0)
                        diag_error(r->diag, place_of(r, line), NULL, "%s is empty", field_names[i]);
                else if (r->fields[i].data)
                        diag_error(r->diag, place_of(r, line), "keep one of them",
                                   "%s is given twice", field_names[i]);
                else
                        r->fields[i] = value;
                return value.length > 0;
        }
        /* the name is not shown: it may be a credential in the wrong form */
        diag_error(r->diag, place_of(r, line),
                   "the fields are key, id and token, with no blank in front of the =",
                   "unknown field in a credential");
        return false;
}

static bool parse_line(struct reading *r, unsigned line, struct slice text)
{
        struct slice name;

        if (text.length && text.data[text.length - 1] == '\r')
                text.length--;
        if (text.length == 0 || text.data[0] == '#')
                return true;
        if (memchr(text.data, 0, text.length)) {
                diag_error(r->diag, place_of(r, line), "write it as plain text",
                           "line of a credential holds a NUL byte");
                return false;
        }
        if (!slice_split(&text, '=', &name) || !text.data) {
                diag_error(r->diag, place_of(r, line), "write key=..., or id=... and token=...",
                           "line of a credential is not field=value");
                return false;
        }
        return parse_field(r, line, name, text);
}

static bool parse(struct reading *r, size_t n)
{
        struct slice rest = { r->bytes, n }, line;
        unsigned number = 0;
        bool good = true;

        while (slice_split(&rest, '\n', &line))
                good = parse_line(r, ++number, line) && good;
        return good;
}

static struct slice field_of(void *context, struct slice field)
{
        const struct reading *r = context;

        for (size_t i = 0; i < N_FIELDS; i++)
                if (slice_is(field, field_names[i]))
                        return r->fields[i];
        return (struct slice){ NULL, 0 };
}

/* 0 also where the credential is wrong, which is a finding then. */
static int place(struct reading *r, const struct class_rules *rules, struct placement *ret)
{
        struct slice field;
        int e = credential_place(rules, field_of, r, ret, &field);

        if (e == PLACE_E_FIELD)
                diag_error(r->diag, place_of(r, 0), "the provider's definition asks for it",
                           "credential of %s %s has no %.*s=", r->kind, r->owner, (int)field.length,
                           field.data);
        else if (e == PLACE_E_VALUE)
                diag_error(r->diag, place_of(r, 0), "copy it once more",
                           "credential of %s %s holds a byte that cannot be sent", r->kind,
                           r->owner);
        else if (e == -EMSGSIZE)
                diag_error(r->diag, place_of(r, 0), "copy it once more",
                           "credential of %s %s is too long", r->kind, r->owner);
        return e < 0 && e != -EMSGSIZE ? e : 0;
}

static int trace_fields(const struct reading *r, struct credential *c)
{
        int e = 0;

        for (size_t i = 0; i < N_FIELDS && e == 0; i++) {
                if (!r->fields[i].data)
                        continue;
                e = secret_new(r->fields[i], &c->fields[i]);
                if (e == 0)
                        redaction_add(&c->redaction, secret_reveal(c->fields[i]));
        }
        return e;
}

/* As they stand in the URL, escaped. */
static void trace_query(const struct class_rules *rules, struct credential *c)
{
        struct slice rest = { NULL, 0 }, part, name;

        if (c->placement.query)
                rest = secret_reveal(c->placement.query);
        for (size_t i = 0; i < rules->n_query && slice_split(&rest, '&', &part); i++) {
                if (slice_split(&part, '=', &name) && template_has_field(rules->query[i].text))
                        redaction_add(&c->redaction, part);
        }
}

/* The base64 of a Basic credential: what is behind the last blank of the header lines. */
static void trace_basic(const struct class_rules *rules, struct credential *c)
{
        struct slice lines;
        const char *blank;

        if (!rules->basic_user || !c->placement.headers)
                return;
        lines = secret_reveal(c->placement.headers);
        lines.length -= strlen("\r\n");
        blank = memrchr(lines.data, ' ', lines.length);
        redaction_add(&c->redaction, slice_from(lines, (size_t)(blank + 1 - lines.data)));
}

static int vault_read(struct reading *r, const char *directory, const char *name,
                      const struct class_rules *rules, struct credential *ret)
{
        size_t n = 0;
        int e = 0;

        if (reading_find(r, directory, name) && read_bytes(r, &n) && parse(r, n))
                e = place(r, rules, &ret->placement);
        if (e == 0)
                e = trace_fields(r, ret);
        trace_query(rules, ret);
        trace_basic(rules, ret);
        reading_wipe(r);
        return e;
}

static void credentials_free(struct credential *all, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                placement_done(&all[i].placement);
                for (size_t j = 0; j < N_FIELDS; j++)
                        secret_free(all[i].fields[j]);
        }
        free(all);
}

static void vault_free(struct vault *v)
{
        credentials_free(v->keys, v->n_keys);
        credentials_free(v->backends, v->n_backends);
        free(v);
}

struct vault *vault_ref(struct vault *v)
{
        __atomic_fetch_add(&v->n_refs, 1, __ATOMIC_RELAXED);
        return v;
}

void vault_unref(struct vault *v)
{
        if (__atomic_fetch_sub(&v->n_refs, 1, __ATOMIC_ACQ_REL) == 1)
                vault_free(v);
}

static int vault_new(const struct policy *policy, struct vault **ret)
{
        CLEANUP(vault_unrefp) struct vault *v = calloc(1, sizeof(*v));

        if (!v)
                return fault(-ENOMEM);
        v->n_refs = 1;
        v->keys = calloc(policy->n_keys + 1, sizeof(*v->keys));
        v->backends = calloc(policy->n_backends + 1, sizeof(*v->backends));
        if (!v->keys || !v->backends)
                return fault(-ENOMEM);
        v->n_keys = policy->n_keys;
        v->n_backends = policy->n_backends;
        *ret = TAKE(v);
        return 0;
}

int vault_load(const char *directory, const struct policy *policy, struct diag *d,
               struct vault **ret)
{
        CLEANUP(vault_unrefp) struct vault *v = NULL;
        size_t n_errors = d->n_errors;
        int r = vault_new(policy, &v);

        for (size_t i = 0; i < policy->n_keys && r == 0; i++) {
                const struct key *key = &policy->keys[i];
                struct reading reading = { .kind = "key",
                                           .owner = key->name,
                                           .named_at = key->credential_at,
                                           .diag = d };

                r = vault_read(&reading, directory, key->credential,
                               &key->provider->classes[CLASS_EMBEDDED], &v->keys[key->index]);
        }
        for (size_t i = 0; i < policy->n_backends && r == 0; i++) {
                const struct backend *backend = &policy->backends[i];
                struct reading reading = { .kind = "backend",
                                           .owner = backend->name,
                                           .named_at = backend->credential_at,
                                           .diag = d };

                r = vault_read(&reading, directory, backend->credential,
                               &backend->provider->classes[CLASS_SECRET],
                               &v->backends[backend->index]);
        }
        if (r < 0)
                return r;
        if (d->n_errors > n_errors)
                return -EINVAL;
        *ret = TAKE(v);
        return 0;
}

const struct placement *vault_key(const struct vault *v, const struct key *key)
{
        return &v->keys[key->index].placement;
}

const struct placement *vault_backend(const struct vault *v, const struct backend *backend)
{
        return &v->backends[backend->index].placement;
}

const struct redaction *vault_key_redaction(const struct vault *v, const struct key *key)
{
        return &v->keys[key->index].redaction;
}

const struct redaction *vault_backend_redaction(const struct vault *v,
                                                const struct backend *backend)
{
        return &v->backends[backend->index].redaction;
}
