/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * cleanup - ownership in one visible word
 *
 * CLEANUP(fn) on an owning local runs fn(&local) when the scope ends; TAKE(local) hands the value
 * over and leaves NULL behind. A function named foo_freep takes a pointer to the pointer.
 */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/param.h> /* MIN, MAX */
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

#define TAKE(pointer)                          \
        ({                                     \
                __auto_type taken = (pointer); \
                (pointer) = NULL;              \
                taken;                         \
        })

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* From a pointer to a member to the object that holds it. */
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

/* Defines foo_freep() for a foo_free(). */
#define DEFINE_FREEP(type, free_function)                        \
        static inline void free_function##p(type **owner)        \
        {                                                        \
                if (*owner)                                      \
                        free_function(*owner);                   \
        }                                                        \
        struct cleanup_semicolon_##free_function

/* For memory of malloc(): CLEANUP(freep) char *s. */
static inline void freep(void *owner)
{
        free(*(void **)owner);
}

/* For descriptors: CLEANUP(closep) int fd = -1. */
static inline void closep(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

#define TAKE_FD(fd)                  \
        ({                           \
                int taken = (fd);    \
                (fd) = -1;           \
                taken;               \
        })
