/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/credentials_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

struct looking {
        int folder;
        const char *path;
        struct diag *diag;
};

/* A key or backend. */
struct owner {
        const char *kind, *name, *credential;
        struct place at;
};

static void report(const struct looking *l, const struct owner *o, const char *remedy,
                   const char *what)
{
        diag_error(l->diag, o->at, remedy, "the credential of %s \"%s\" %s", o->kind, o->name,
                   what);
}

static void absence_report(const struct looking *l, const struct owner *o, int error)
{
        char what[256];

        if (error == ENOENT)
                snprintf(what, sizeof(what), "is not in %.200s", l->path);
        else
                snprintf(what, sizeof(what), "cannot be looked at: %s", strerror(error));
        report(l, o,
               error == ENOENT ? "write field=value lines to a file of that name, chmod 600" : NULL,
               what);
}

static void credential_look(const struct looking *l, const struct owner *o)
{
        char mode[64];
        struct stat st;

        if (fstatat(l->folder, o->credential, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                absence_report(l, o, errno);
                return;
        }
        snprintf(mode, sizeof(mode), "has mode %04o instead of 0600 or 0400",
                 (unsigned)(st.st_mode & 07777));
        if (S_ISLNK(st.st_mode))
                report(l, o, "put the file itself there", "is a symbolic link");
        else if (!S_ISREG(st.st_mode))
                report(l, o, "make it a regular file", "is not a regular file");
        else if (st.st_mode & 07777 & ~(S_IRUSR | S_IWUSR))
                report(l, o, "chmod 600, so that nobody else can read it", mode);
        else if (st.st_size == 0)
                report(l, o, "it holds lines such as key=...", "is an empty file");
        else if (st.st_size > CREDENTIAL_MAX_BYTES)
                report(l, o, "it holds lines such as key=...", "is longer than 4096 bytes");
}

void credentials_check(const struct policy *p, const char *folder, struct diag *d)
{
        CLEANUP(closep) int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        const struct looking l = { fd, folder, d };

        if (fd < 0) {
                diag_error(d, (struct place){ folder, 0 }, NULL,
                           "the folder of the credentials cannot be opened: %s", strerror(errno));
                return;
        }
        for (size_t i = 0; i < p->n_keys; i++) {
                const struct key *k = &p->keys[i];

                credential_look(&l,
                                &(struct owner){ "key", k->name, k->credential, k->credential_at });
        }
        for (size_t i = 0; i < p->n_backends; i++) {
                const struct backend *b = &p->backends[i];

                credential_look(&l, &(struct owner){ "backend", b->name, b->credential,
                                                     b->credential_at });
        }
}
