/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net/socket_bio.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

static int fd_of(BIO *b)
{
        return (int)(intptr_t)BIO_get_data(b);
}

static int on_read(BIO *b, char *data, size_t size, size_t *ret_n)
{
        ssize_t n = recv(fd_of(b), data, size, 0);

        BIO_clear_retry_flags(b);
        if (n > 0) {
                *ret_n = (size_t)n;
                return 1;
        }
        if (n == 0)
                BIO_set_flags(b, BIO_FLAGS_IN_EOF);
        else if (errno == EAGAIN || errno == EINTR)
                BIO_set_retry_read(b);
        return 0;
}

static int on_write(BIO *b, const char *data, size_t size, size_t *ret_n)
{
        ssize_t n = send(fd_of(b), data, size, MSG_NOSIGNAL);

        BIO_clear_retry_flags(b);
        if (n > 0) {
                *ret_n = (size_t)n;
                return 1;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                BIO_set_retry_write(b);
        return 0;
}

/* What libssl asks (BIO_ctrl(3)); it asks for more, and takes 0 as "no such thing". */
static long on_control(BIO *b, int command, long number, void *pointer)
{
        if (command == BIO_CTRL_FLUSH)
                return 1;
        if (command == BIO_CTRL_EOF)
                return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
        return 0;
}

static BIO_METHOD *method;

static void method_free(void)
{
        BIO_meth_free(method);
}

static void method_new(void)
{
        BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");

        if (m && BIO_meth_set_read_ex(m, on_read) == 1 && BIO_meth_set_write_ex(m, on_write) == 1 &&
            BIO_meth_set_ctrl(m, on_control) == 1)
                method = m;
        else
                BIO_meth_free(m);
        atexit(method_free);
}

BIO *socket_bio_new(int fd)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        BIO *b;

        pthread_once(&once, method_new);
        b = method ? BIO_new(method) : NULL;
        if (!b)
                return NULL;
        BIO_set_data(b, (void *)(intptr_t)fd);
        BIO_set_init(b, 1);
        return b;
}
