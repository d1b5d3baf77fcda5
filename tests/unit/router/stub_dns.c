/* SPDX-License-Identifier: Apache-2.0 */
#include "stub_dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TYPE_A 1
#define TYPE_AAAA 28
#define HEADER_BYTES 12

/* The question's name as text; returns the offset behind the question (RFC 1035 section 4.1.2). */
static size_t question_read(const uint8_t *query, size_t length, char *name, size_t size,
                            unsigned *ret_type)
{
        size_t at = HEADER_BYTES, n = 0;

        while (at < length && query[at]) {
                size_t label = query[at];

                assert_true(at + 1 + label < length && n + label + 2 < size);
                if (n)
                        name[n++] = '.';
                memcpy(name + n, query + at + 1, label);
                n += label;
                at += label + 1;
        }
        name[n] = 0;
        assert_true(at + 5 <= length);
        *ret_type = (unsigned)query[at + 1] << 8 | query[at + 2];
        return at + 5;
}

/* One record whose name points to the question's (RFC 1035 section 4.1.4). */
static size_t record_write(uint8_t *out, unsigned type, uint32_t ttl_s, const char *address)
{
        bool six = type == TYPE_AAAA;
        uint8_t fixed[] = { 0xc0,
                            HEADER_BYTES,
                            0,
                            (uint8_t)type,
                            0,
                            1,
                            (uint8_t)(ttl_s >> 24),
                            (uint8_t)(ttl_s >> 16),
                            (uint8_t)(ttl_s >> 8),
                            (uint8_t)ttl_s,
                            0,
                            six ? 16 : 4 };

        memcpy(out, fixed, sizeof(fixed));
        assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, address, out + sizeof(fixed)), 1);
        return sizeof(fixed) + (six ? 16 : 4);
}

static struct stub_host *host_find(struct stub_dns *s, const char *name)
{
        for (size_t i = 0; i < s->n_hosts; i++)
                if (strcasecmp(s->hosts[i].name, name) == 0)
                        return &s->hosts[i];
        return NULL;
}

static size_t answer_write(const struct stub_host *h, unsigned type, const uint8_t *query,
                           size_t end, uint8_t *out)
{
        const char *const *texts = type == TYPE_A ? h->a : h->aaaa;
        size_t n = end;

        memcpy(out, query, end);
        out[2] = 0x81; /* a response, recursion desired */
        out[3] = (uint8_t)(0x80 | h->rcode);
        memset(out + 6, 0, 6);
        for (size_t i = 0; h->rcode == STUB_ANSWER && i < 2 && texts[i]; i++) {
                n += record_write(out + n, type, h->ttl_s, texts[i]);
                out[7]++;
        }
        return n;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
        static char buffer[2048];

        *ret = uv_buf_init(buffer, sizeof(buffer));
}

static void on_query(uv_udp_t *udp, ssize_t n_read, const uv_buf_t *buffer,
                     const struct sockaddr *from, unsigned flags)
{
        struct stub_dns *s = udp->data;
        const uint8_t *query = (const uint8_t *)buffer->base;
        uint8_t out[1024];
        char name[256];
        unsigned type;
        size_t end;
        struct stub_host *h;
        uv_buf_t reply;

        if (n_read <= HEADER_BYTES || !from)
                return;
        end = question_read(query, (size_t)n_read, name, sizeof(name), &type);
        h = host_find(s, name);
        if (!h) {
                s->n_strangers++;
                return;
        }
        *(type == TYPE_A ? &h->n_a : &h->n_aaaa) += 1;
        if (h->rcode == STUB_SILENT || (type == TYPE_AAAA && h->aaaa_silent))
                return;
        reply = uv_buf_init((char *)out, (unsigned)answer_write(h, type, query, end, out));
        assert_int_equal(uv_udp_try_send(udp, &reply, 1, from), (int)reply.len);
}

void stub_dns_start(struct stub_dns *s, uv_loop_t *loop)
{
        struct sockaddr_in any = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct sockaddr_in name;
        int length = sizeof(name);

        memset(s, 0, sizeof(*s));
        assert_int_equal(uv_udp_init(loop, &s->udp), 0);
        s->udp.data = s;
        assert_int_equal(uv_udp_bind(&s->udp, (struct sockaddr *)&any, 0), 0);
        assert_int_equal(uv_udp_getsockname(&s->udp, (struct sockaddr *)&name, &length), 0);
        snprintf(s->servers, sizeof(s->servers), "127.0.0.1:%u", ntohs(name.sin_port));
        assert_int_equal(uv_udp_recv_start(&s->udp, on_alloc, on_query), 0);
}

void stub_dns_stop(struct stub_dns *s)
{
        uv_close((uv_handle_t *)&s->udp, NULL);
}

struct stub_host *stub_dns_add(struct stub_dns *s, const char *name, const char *a,
                               const char *aaaa)
{
        assert_true(s->n_hosts < STUB_MAX_HOSTS);
        s->hosts[s->n_hosts] =
                (struct stub_host){ .name = name, .a = { a }, .aaaa = { aaaa }, .ttl_s = 60 };
        return &s->hosts[s->n_hosts++];
}
