/* SPDX-License-Identifier: Apache-2.0 */
#include "dial_rig.h"

#include "lib/base/clock.h"
#include "loop.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

void site_start(struct site *s)
{
        struct resolver_options options = { .ttl_min_ms = 60000 };

        memset(s, 0, sizeof(*s));
        assert_int_equal(uv_loop_init(&s->loop), 0);
        stub_dns_start(&s->dns, &s->loop);
        options.servers = s->dns.servers;
        assert_int_equal(resolver_new(&s->loop, &options, &s->resolver), 0);
        assert_int_equal(dial_curl_new(&s->loop, s->resolver, &s->dialler), 0);
}

void site_stop(struct site *s)
{
        dial_curl_free(s->dialler);
        resolver_free(s->resolver);
        stub_dns_stop(&s->dns);
        loop_close(&s->loop);
}

static bool resolver_has_settled(void *context)
{
        return resolver_is_settled(context);
}

void site_know(struct site *s, const char *name)
{
        assert_int_equal(resolver_set_hosts(s->resolver, &name, 1), 0);
        loop_until(&s->loop, resolver_has_settled, s->resolver);
}

static struct addr address_of(const char *text)
{
        struct addr a = { 0 };

        if (text)
                assert_int_equal(addr_parse(slice_of(text), &a), 0);
        return a;
}

int socket_open(const char *address, int backlog, uint16_t *ret_port)
{
        struct addr a = address_of(address), bound;
        struct sockaddr_storage name;
        socklen_t length = addr_to_sockaddr(&a, 0, &name);
        int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&name, length), 0);
        if (backlog >= 0)
                assert_int_equal(listen(fd, backlog), 0);
        length = sizeof(name);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
        assert_true(addr_from_sockaddr((struct sockaddr *)&name, &bound, ret_port));
        return fd;
}

void black_hole_open(struct black_hole *b)
{
        struct addr a = address_of("127.0.0.1");
        struct sockaddr_storage name;
        socklen_t length;

        b->listener = socket_open("127.0.0.1", 0, &b->port);
        length = addr_to_sockaddr(&a, b->port, &name);
        for (size_t i = 0; i < N_ELEMENTS(b->filler); i++) {
                b->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                assert_true(b->filler[i] >= 0);
                (void)connect(b->filler[i], (struct sockaddr *)&name, length);
        }
}

void black_hole_close(struct black_hole *b)
{
        for (size_t i = 0; i < N_ELEMENTS(b->filler); i++)
                close(b->filler[i]);
        close(b->listener);
}

static void on_done(struct dial *d, int fd, enum dial_outcome outcome)
{
        struct call *c = CONTAINER_OF(d, struct call, dial);
        struct dialler *dialler = c->site->dialler;

        assert_null(d->state);
        assert_true((fd >= 0) == (outcome == DIAL_OK));
        c->n_done++;
        c->outcome = outcome;
        c->fd = fd;
        if (c->then_cancel)
                dialler->cancel(dialler, &c->then_cancel->dial);
        if (c->then_start)
                assert_int_equal(dialler->start(dialler, &c->then_start->dial), 0);
}

void call_init(struct call *c, struct site *s, const char *host, uint16_t port, const char *source,
               uint64_t patience_ms)
{
        *c = (struct call){ .site = s, .fd = -1, .origin = { .host = host, .port = port } };
        c->dial = (struct dial){ .origin = &c->origin,
                                 .source = address_of(source),
                                 .deadline_ms = clock_monotonic_ms() + patience_ms,
                                 .on_done = on_done };
}

void call_start(struct call *c)
{
        assert_int_equal(c->site->dialler->start(c->site->dialler, &c->dial), 0);
        assert_int_equal(c->n_done, 0); /* from the loop only */
        assert_non_null(c->dial.state);
}

bool is_done(void *context)
{
        struct call *c = context;

        return c->n_done > 0;
}

enum dial_outcome call_make(struct call *c, struct site *s, const char *host, uint16_t port,
                            const char *source)
{
        call_init(c, s, host, port, source, PATIENCE_MS);
        call_start(c);
        loop_until(&s->loop, is_done, c);
        assert_int_equal(c->n_done, 1);
        return c->outcome;
}

void call_close(struct call *c)
{
        if (c->fd >= 0)
                close(c->fd);
        c->fd = -1;
}

const char *peer_seen(int listener)
{
        static char text[ADDR_TEXT_MAX];
        struct sockaddr_storage name;
        socklen_t length = sizeof(name);
        struct addr a;
        uint16_t port;
        int fd = accept4(listener, (struct sockaddr *)&name, &length, SOCK_CLOEXEC);

        assert_true(fd >= 0);
        close(fd);
        assert_true(addr_from_sockaddr((struct sockaddr *)&name, &a, &port));
        return addr_format(&a, text);
}

int option_of(int fd, int level, int option)
{
        int value = -1;
        socklen_t length = sizeof(value);

        assert_int_equal(getsockopt(fd, level, option, &value, &length), 0);
        return value;
}

unsigned n_descriptors(void)
{
        DIR *d = opendir("/proc/self/fd");
        unsigned n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}
