/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ledger/shim.h"

#include "tests/unit/ledger/rig.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>

#define MAX_FILES 8
#define SECTOR_BYTES 512

/* Something that was done to a file since its last sync. */
struct shim_deed {
        sqlite3_int64 offset;
        size_t length;  /* of a write */
        uint8_t *bytes; /* NULL: cut off at the offset */
};

/* A file as the disk has it. */
struct shim_disk {
        char path[128]; /* "": not used */
        uint8_t *bytes;
        size_t length;
        struct shim_deed *deeds;
        size_t n_deeds;
};

struct shim_file {
        sqlite3_file base;
        sqlite3_file *real; /* behind this struct */
        const char *path;   /* NULL: without a name */
};

static sqlite3_vfs *real_vfs;
static shim_hook *hook;
static struct shim_disk disk[MAX_FILES];
static char recorded[128]; /* a path; those that begin so are */

void shim_watch(shim_hook *h)
{
        hook = h;
}

static enum shim_verdict ask(const char *what, const char *path)
{
        return hook && path ? hook(what, path) : SHIM_GO;
}

/* ---- what the disk holds ---- */

static bool is_recorded(const char *path)
{
        return path && recorded[0] && strncmp(path, recorded, strlen(recorded)) == 0;
}

static struct shim_disk *disk_of(const char *path)
{
        struct shim_disk *d = disk;

        while (d < disk + MAX_FILES && strcmp(d->path, path) != 0)
                d++;
        if (d < disk + MAX_FILES)
                return d;
        for (d = disk; d->path[0]; d++)
                assert_true(d + 1 < disk + MAX_FILES);
        assert_true(strlen(path) < sizeof(d->path));
        strcpy(d->path, path);
        if (access(path, F_OK) == 0)
                d->bytes = file_bytes_read(path, &d->length);
        return d;
}

static void bytes_apply(uint8_t **bytes, size_t *length, const struct shim_deed *deed)
{
        size_t end = (size_t)deed->offset + deed->length;

        if (end > *length || !deed->bytes) {
                *bytes = realloc(*bytes, end + 1);
                assert_non_null(*bytes);
                if (end > *length)
                        memset(*bytes + *length, 0, end - *length);
                *length = end;
        }
        if (deed->bytes)
                memcpy(*bytes + deed->offset, deed->bytes, deed->length);
}

static void deed_note(const char *path, sqlite3_int64 offset, const void *bytes, size_t length)
{
        struct shim_disk *d;
        struct shim_deed *deed;

        if (!is_recorded(path))
                return;
        d = disk_of(path);
        d->deeds = reallocarray(d->deeds, d->n_deeds + 1, sizeof(*d->deeds));
        assert_non_null(d->deeds);
        deed = &d->deeds[d->n_deeds++];
        *deed = (struct shim_deed){ .offset = offset, .length = length };
        if (bytes) {
                deed->bytes = malloc(length + 1);
                assert_non_null(deed->bytes);
                memcpy(deed->bytes, bytes, length);
        }
}

static void sync_note(const char *path)
{
        struct shim_disk *d;

        if (!is_recorded(path))
                return;
        d = disk_of(path);
        for (size_t i = 0; i < d->n_deeds; i++) {
                bytes_apply(&d->bytes, &d->length, &d->deeds[i]);
                free(d->deeds[i].bytes);
        }
        d->n_deeds = 0;
}

static void disk_drop(struct shim_disk *d)
{
        for (size_t i = 0; i < d->n_deeds; i++)
                free(d->deeds[i].bytes);
        free(d->deeds);
        free(d->bytes);
        *d = (struct shim_disk){ .path = "" };
}

void shim_record(const char *path)
{
        assert_true(strlen(path) < sizeof(recorded));
        strcpy(recorded, path);
        disk_of(path);
}

void shim_forget(void)
{
        for (size_t i = 0; i < MAX_FILES; i++)
                disk_drop(&disk[i]);
        recorded[0] = 0;
}

/* None of a deed, all of it, or some of its sectors. */
static void deed_chance(uint8_t **bytes, size_t *length, const struct shim_deed *deed,
                        uint64_t *seed)
{
        uint64_t chance = rig_random(seed, 3);

        if (chance == 1 || (chance == 2 && !deed->bytes))
                bytes_apply(bytes, length, deed);
        for (size_t at = 0; chance == 2 && at < deed->length; at += SECTOR_BYTES) {
                struct shim_deed part = { deed->offset + (sqlite3_int64)at,
                                          MIN(deed->length - at, (size_t)SECTOR_BYTES),
                                          deed->bytes + at };

                if (rig_random(seed, 2) == 1)
                        bytes_apply(bytes, length, &part);
        }
}

void shim_power_fail(const char *folder, uint64_t seed)
{
        assert_true(recorded[0]);
        for (size_t i = 0; i < MAX_FILES; i++) {
                const struct shim_disk *d = &disk[i];
                CLEANUP(freep) uint8_t *bytes = NULL;
                size_t length = d->length;
                char path[256];

                if (!d->path[0])
                        continue;
                bytes = malloc(length + 1);
                assert_non_null(bytes);
                if (length > 0)
                        memcpy(bytes, d->bytes, length);
                for (size_t j = 0; j < d->n_deeds; j++)
                        deed_chance(&bytes, &length, &d->deeds[j], &seed);
                snprintf(path, sizeof(path), "%s%s", folder, strrchr(d->path, '/'));
                file_bytes_write(path, bytes, length);
        }
}

/* ---- SQLite's side ---- */

#define REAL(file) (((struct shim_file *)(file))->real)
#define PATH(file) (((struct shim_file *)(file))->path)

static int shim_close(sqlite3_file *file)
{
        return REAL(file)->pMethods->xClose(REAL(file));
}

static int shim_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 offset)
{
        return REAL(file)->pMethods->xRead(REAL(file), bytes, n, offset);
}

static int shim_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 offset)
{
        enum shim_verdict verdict = ask("write", PATH(file));
        int r, half = n / 2;

        if (verdict == SHIM_TEAR) {
                r = REAL(file)->pMethods->xWrite(REAL(file), bytes, half, offset);
                if (r != SQLITE_OK)
                        return r;
                deed_note(PATH(file), offset, bytes, (size_t)half);
        }
        if (verdict != SHIM_GO) {
                errno = ENOSPC;
                return SQLITE_FULL;
        }
        r = REAL(file)->pMethods->xWrite(REAL(file), bytes, n, offset);
        if (r == SQLITE_OK)
                deed_note(PATH(file), offset, bytes, (size_t)n);
        return r;
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
        int r;

        if (ask("truncate", PATH(file)) != SHIM_GO) {
                errno = EIO;
                return SQLITE_IOERR_TRUNCATE;
        }
        r = REAL(file)->pMethods->xTruncate(REAL(file), size);
        if (r == SQLITE_OK)
                deed_note(PATH(file), size, NULL, 0);
        return r;
}

static int shim_sync(sqlite3_file *file, int flags)
{
        int r;

        if (ask("sync", PATH(file)) != SHIM_GO) {
                errno = EIO;
                return SQLITE_IOERR_FSYNC;
        }
        r = REAL(file)->pMethods->xSync(REAL(file), flags);
        if (r == SQLITE_OK)
                sync_note(PATH(file));
        return r;
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *ret)
{
        return REAL(file)->pMethods->xFileSize(REAL(file), ret);
}

static int shim_lock(sqlite3_file *file, int level)
{
        return REAL(file)->pMethods->xLock(REAL(file), level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
        return REAL(file)->pMethods->xUnlock(REAL(file), level);
}

static int shim_reserved(sqlite3_file *file, int *ret)
{
        return REAL(file)->pMethods->xCheckReservedLock(REAL(file), ret);
}

static int shim_control(sqlite3_file *file, int operation, void *argument)
{
        return REAL(file)->pMethods->xFileControl(REAL(file), operation, argument);
}

static int shim_sector(sqlite3_file *file)
{
        return SECTOR_BYTES;
}

static int shim_characteristics(sqlite3_file *file)
{
        return 0;
}

/* Version 1 has no shared memory: who asks for it fails. */
static const sqlite3_io_methods methods = {
        .iVersion = 1,
        .xClose = shim_close,
        .xRead = shim_read,
        .xWrite = shim_write,
        .xTruncate = shim_truncate,
        .xSync = shim_sync,
        .xFileSize = shim_size,
        .xLock = shim_lock,
        .xUnlock = shim_unlock,
        .xCheckReservedLock = shim_reserved,
        .xFileControl = shim_control,
        .xSectorSize = shim_sector,
        .xDeviceCharacteristics = shim_characteristics,
};

static int shim_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret)
{
        struct shim_file *f = (struct shim_file *)file;
        int r;

        f->real = (sqlite3_file *)(f + 1);
        f->path = path;
        r = real_vfs->xOpen(real_vfs, path, f->real, flags, ret);
        f->base.pMethods = f->real->pMethods ? &methods : NULL;
        return r;
}

static int shim_delete(sqlite3_vfs *vfs, const char *path, int with_folder)
{
        int r;

        if (ask("delete", path) != SHIM_GO) {
                errno = EIO;
                return SQLITE_IOERR_DELETE;
        }
        r = real_vfs->xDelete(real_vfs, path, with_folder);
        for (size_t i = 0; r == SQLITE_OK && is_recorded(path) && i < MAX_FILES; i++)
                if (strcmp(disk[i].path, path) == 0)
                        disk_drop(&disk[i]);
        return r;
}

void shim_install(void)
{
        static sqlite3_vfs shim;

        if (real_vfs)
                return;
        real_vfs = sqlite3_vfs_find(NULL);
        assert_non_null(real_vfs);
        shim = *real_vfs;
        shim.pNext = NULL;
        shim.zName = "shim";
        shim.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
        shim.xOpen = shim_open;
        shim.xDelete = shim_delete;
        assert_int_equal(sqlite3_vfs_register(&shim, 1), SQLITE_OK);
}
