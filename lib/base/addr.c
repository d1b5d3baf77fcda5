/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/addr.h"

#include "lib/base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static void addr_set_v4(struct addr *a, const void *four_bytes)
{
        memcpy(a->bytes, v4_mapped, sizeof(v4_mapped));
        memcpy(a->bytes + sizeof(v4_mapped), four_bytes, 4);
}

bool addr_is_v4(const struct addr *a)
{
        return memcmp(a->bytes, v4_mapped, sizeof(v4_mapped)) == 0;
}

int addr_parse(struct slice text, struct addr *ret)
{
        char copy[ADDR_TEXT_MAX];
        struct in6_addr six;
        struct in_addr four;

        if (text.length == 0 || text.length >= sizeof(copy) || memchr(text.data, 0, text.length))
                return ADDR_E_SYNTAX;
        memcpy(copy, text.data, text.length);
        copy[text.length] = 0;
        if (inet_pton(AF_INET, copy, &four) == 1) {
                addr_set_v4(ret, &four);
                return 0;
        }
        if (inet_pton(AF_INET6, copy, &six) == 1) {
                memcpy(ret->bytes, &six, sizeof(six));
                return 0;
        }
        return ADDR_E_SYNTAX;
}

/* A decimal number without sign, blanks or leading zeros, at most `max`. */
static bool number_parse(struct slice text, unsigned max, unsigned *ret)
{
        unsigned value = 0;

        if (text.length == 0 || text.length > 5 || (text.length > 1 && text.data[0] == '0'))
                return false;
        for (size_t i = 0; i < text.length; i++) {
                if (text.data[i] < '0' || text.data[i] > '9')
                        return false;
                value = value * 10 + (unsigned)(text.data[i] - '0');
        }
        if (value > max)
                return false;
        *ret = value;
        return true;
}

/* Clears (fill = 0) or sets (fill = 0xff) all bits behind the first `bits`. */
static struct addr addr_fill(struct addr a, unsigned bits, uint8_t fill)
{
        for (unsigned i = 0; i < 16; i++) {
                unsigned kept = bits > i * 8 ? MIN(bits - i * 8, 8U) : 0;
                uint8_t mask = (uint8_t)(0xff00U >> kept);

                a.bytes[i] = (uint8_t)((a.bytes[i] & mask) | (fill & (uint8_t)~mask));
        }
        return a;
}

int prefix_parse(struct slice text, struct prefix *ret)
{
        struct slice rest = text, address;
        struct prefix p = { .bits = 128 };
        unsigned bits;
        int r;

        if (!slice_split(&rest, '/', &address))
                return ADDR_E_SYNTAX;
        r = addr_parse(address, &p.base);
        if (r)
                return r;
        if (rest.data) {
                bool v4 = addr_is_v4(&p.base);

                if (!number_parse(rest, v4 ? 32 : 128, &bits))
                        return ADDR_E_SYNTAX;
                p.bits = v4 ? bits + 96 : bits;
        }
        {
                struct addr base = addr_fill(p.base, p.bits, 0);

                if (!addr_equal(&base, &p.base))
                        return ADDR_E_HOST_BITS;
        }
        *ret = p;
        return 0;
}

/* The end of a range; "59" behind 10.20.1.10 is 10.20.1.59. */
static int range_end_parse(struct slice first, struct slice text, struct range *v)
{
        unsigned part;

        if (memchr(first.data, ':', first.length) || !number_parse(text, 255, &part))
                return addr_parse(text, &v->last);
        v->last = v->first;
        v->last.bytes[15] = (uint8_t)part;
        return 0;
}

int range_parse(struct slice text, struct range *ret)
{
        struct slice rest = text, part;
        struct prefix p;
        struct range v;
        int r;

        if (!slice_split(&rest, '-', &part))
                return ADDR_E_SYNTAX;
        if (!rest.data) {
                r = prefix_parse(text, &p);
                if (r)
                        return r;
                *ret = prefix_range(&p);
                return 0;
        }
        part = slice_trim(part);
        if (addr_parse(part, &v.first) || range_end_parse(part, slice_trim(rest), &v))
                return ADDR_E_SYNTAX;
        if (addr_is_v4(&v.first) != addr_is_v4(&v.last))
                return ADDR_E_FAMILIES;
        if (addr_compare(&v.first, &v.last) > 0)
                return ADDR_E_BACKWARDS;
        *ret = v;
        return 0;
}

int addr_port_parse(struct slice text, struct addr *ret, uint16_t *ret_port)
{
        struct slice address;
        struct addr a;
        unsigned port;
        size_t colon;

        for (colon = text.length; colon > 0 && text.data[colon - 1] != ':'; colon--)
                ;
        if (colon == 0 || !number_parse(slice_from(text, colon), 65535, &port))
                return ADDR_E_SYNTAX;
        address = (struct slice){ text.data, colon - 1 };
        if (address.length >= 2 && address.data[0] == '[') {
                if (address.data[address.length - 1] != ']')
                        return ADDR_E_SYNTAX;
                address = (struct slice){ address.data + 1, address.length - 2 };
                if (addr_parse(address, &a) || !memchr(address.data, ':', address.length))
                        return ADDR_E_SYNTAX;
        } else if (addr_parse(address, &a) || memchr(address.data, ':', address.length)) {
                return ADDR_E_SYNTAX;
        }
        *ret = a;
        *ret_port = (uint16_t)port;
        return 0;
}

const char *addr_explain(int answer)
{
        switch (answer) {
        case ADDR_E_HOST_BITS:
                return "has bits set behind its prefix length";
        case ADDR_E_BACKWARDS:
                return "ends below where it starts";
        case ADDR_E_FAMILIES:
                return "mixes IPv4 and IPv6";
        default:
                return "is not an address, a prefix or first-last";
        }
}

/* Each request writes one or two of them: not by printf(). */
static const char *v4_format(const uint8_t bytes[static 4], char text[static ADDR_TEXT_MAX])
{
        struct text t = text_begin(text, ADDR_TEXT_MAX);

        for (int i = 0; i < 4; i++) {
                if (i > 0)
                        text_put(&t, ".", 1);
                text_put_number(&t, bytes[i]);
        }
        return text_end(&t);
}

const char *addr_format(const struct addr *a, char text[static ADDR_TEXT_MAX])
{
        const uint8_t *b = a->bytes;

        if (addr_is_v4(a))
                return v4_format(b + 12, text);
        if (!inet_ntop(AF_INET6, b, text, ADDR_TEXT_MAX))
                text[0] = 0;
        return text;
}

bool addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret, uint16_t *ret_port)
{
        if (sa->sa_family == AF_INET) {
                const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

                addr_set_v4(ret, &in->sin_addr);
                *ret_port = ntohs(in->sin_port);
                return true;
        }
        if (sa->sa_family == AF_INET6) {
                const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

                memcpy(ret->bytes, &in6->sin6_addr, sizeof(ret->bytes));
                *ret_port = ntohs(in6->sin6_port);
                return true;
        }
        return false;
}

unsigned addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ret)
{
        memset(ret, 0, sizeof(*ret));
        if (addr_is_v4(a)) {
                struct sockaddr_in *in = (struct sockaddr_in *)ret;

                in->sin_family = AF_INET;
                in->sin_port = htons(port);
                memcpy(&in->sin_addr, a->bytes + 12, 4);
                return sizeof(*in);
        }
        {
                struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

                in6->sin6_family = AF_INET6;
                in6->sin6_port = htons(port);
                memcpy(&in6->sin6_addr, a->bytes, 16);
                return sizeof(*in6);
        }
}

bool addr_is_loopback(const struct addr *a)
{
        static const uint8_t six[16] = { [15] = 1 };

        return addr_is_v4(a) ? a->bytes[12] == 127 : memcmp(a->bytes, six, sizeof(six)) == 0;
}

bool addr_is_private(const struct addr *a)
{
        const uint8_t *b = a->bytes + 12;

        if (!addr_is_v4(a))
                return (a->bytes[0] & 0xfe) == 0xfc || (a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80);
        return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) ||
               (b[0] == 100 && (b[1] & 0xc0) == 64) || (b[0] == 169 && b[1] == 254);
}

bool addr_is_unspecified(const struct addr *a)
{
        static const uint8_t zero[16];

        return memcmp(a->bytes, zero, 16) == 0 ||
               (addr_is_v4(a) && memcmp(a->bytes + 12, zero, 4) == 0);
}

struct addr addr_next(const struct addr *a)
{
        struct addr next = *a;

        for (int i = 15; i >= 0 && ++next.bytes[i] == 0; i--)
                ;
        return next;
}

struct addr addr_previous(const struct addr *a)
{
        struct addr previous = *a;

        for (int i = 15; i >= 0 && previous.bytes[i]-- == 0; i--)
                ;
        return previous;
}

uint64_t addr_hash(const struct addr *a)
{
        uint64_t high, low;

        memcpy(&high, a->bytes, 8);
        memcpy(&low, a->bytes + 8, 8);
        low ^= high * 0x9e3779b97f4a7c15U;
        low = (low ^ (low >> 30)) * 0xbf58476d1ce4e5b9U; /* the finalizer of splitmix64 */
        low = (low ^ (low >> 27)) * 0x94d049bb133111ebU;
        return low ^ (low >> 31);
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
        struct addr base = addr_fill(*a, p->bits, 0);

        return addr_equal(&base, &p->base);
}

struct range prefix_range(const struct prefix *p)
{
        return (struct range){ p->base, addr_fill(p->base, p->bits, 0xff) };
}

bool range_contains(const struct range *r, const struct addr *a)
{
        return addr_compare(&r->first, a) <= 0 && addr_compare(a, &r->last) <= 0;
}

bool range_overlaps(const struct range *a, const struct range *b)
{
        return addr_compare(&a->first, &b->last) <= 0 && addr_compare(&b->first, &a->last) <= 0;
}

uint64_t range_count(const struct range *r)
{
        uint64_t difference = 0;

        for (int i = 0; i < 16; i++) {
                int digit = r->last.bytes[i] - r->first.bytes[i];

                if (difference > (UINT64_MAX >> 8))
                        return UINT64_MAX;
                difference = (difference << 8) + (uint64_t)(int64_t)digit;
        }
        return difference == UINT64_MAX ? UINT64_MAX : difference + 1;
}
