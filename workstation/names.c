/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer has two uses, one after the other: while the first lookup is under way it limits the
 * wait for it, afterwards it starts the next one. A lookup that hangs is waited for, not doubled.
 */
#include "workstation/names.h"

#include "lib/base/fault.h"

#include <netdb.h>
#include <sys/socket.h>

#define REFRESH_MS 60000
#define RETRY_MS 5000
#define FIRST_WAIT_MS 5000

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found);

static int names_ask(struct names *names)
{
        struct addrinfo hints = { .ai_family = names->family, .ai_socktype = SOCK_STREAM };
        int r;

        r = uv_getaddrinfo(names->loop, &names->request, on_looked_up, names->host, NULL, &hints);
        names->busy = r == 0;
        return r < 0 ? fault(r) : 0;
}

static void on_time(uv_timer_t *timer)
{
        struct names *names = CONTAINER_OF(timer, struct names, timer);

        if (names->busy)
                names->on_answer(names, NULL, 0, "no answer yet");
        else if (names_ask(names) < 0)
                uv_timer_start(timer, on_time, RETRY_MS, 0);
}

static unsigned addresses_take(const struct addrinfo *found, struct addr *out)
{
        unsigned n = 0;

        for (; found && n < NAMES_MAX_ADDRESSES; found = found->ai_next) {
                bool known = false;
                uint16_t port;

                if (!addr_from_sockaddr(found->ai_addr, &out[n], &port))
                        continue;
                for (unsigned i = 0; i < n; i++)
                        known = known || addr_equal(&out[i], &out[n]);
                n += !known;
        }
        return n;
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
        struct names *names = CONTAINER_OF(request, struct names, request);
        struct addr addresses[NAMES_MAX_ADDRESSES];
        unsigned n = status == 0 ? addresses_take(found, addresses) : 0;

        uv_freeaddrinfo(found);
        names->busy = false;
        if (names->stopped)
                return;
        uv_timer_start(&names->timer, on_time, n > 0 ? REFRESH_MS : RETRY_MS, 0);
        names->on_answer(names, addresses, n, status < 0 ? uv_strerror(status) : "no address");
}

int names_start(struct names *names, uv_loop_t *loop, const char *host, int family,
                names_fn *on_answer)
{
        *names = (struct names){
                .loop = loop, .host = host, .family = family, .on_answer = on_answer
        };
        uv_timer_init(loop, &names->timer);
        uv_timer_start(&names->timer, on_time, FIRST_WAIT_MS, 0);
        return names_ask(names);
}

bool names_stop(struct names *names)
{
        names->stopped = true;
        uv_timer_stop(&names->timer);
        uv_close((uv_handle_t *)&names->timer, NULL);
        return !names->busy || uv_cancel((uv_req_t *)&names->request) == 0;
}
