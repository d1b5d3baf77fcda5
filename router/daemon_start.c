/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is opened for the daemon, in this order: TLS, the ledger with the snapshot of what was applied
 * last, and with the loop there, the resolver, the workers, their listeners and the control socket.
 * Nothing is taken apart here: daemon.c does, however far it got.
 */
#include "router/daemon_parts.h"

#include "lib/net/tls.h"
#include "lib/service/service.h"
#include "router/config.h"

#include <errno.h>
#include <stdio.h>

int start_tls(struct daemon *d)
{
        const struct config *c = d->config;
        char why[TLS_WHY_MAX];
        int r = 0;

        if (c->certificate && c->private_key)
                r = tls_server_new(c->certificate, c->private_key, &d->server, why);
        if (r == 0)
                r = tls_client_new(c->system_ca, c->vendor_ca, &d->client, why);
        if (r == -EINVAL)
                fprintf(stderr, "keyrouterd: %s\n", why);
        if (r == 0)
                origins_init(&d->origins, d->client);
        return r;
}

/* NULL: there is none but what the sentence says. */
static const char *ledger_remedy(int error)
{
        switch (error) {
        case LEDGER_E_LOCKED:
                return "another keyrouterd runs, or a command works on it: end that";
        case LEDGER_E_FOREIGN:
                return "it is left as it is: name another file in `ledger`";
        case LEDGER_E_DAMAGED:
                return "it is left as it is: move it away, then put a backup in its place: "
                       "keyrouter ledger restore BACKUP --ledger FILE";
        case LEDGER_E_NEWER:
                return "it is left as it is: start the version that made it";
        default:
                return NULL;
        }
}

/* `why` may be empty. */
static void complain(const struct daemon *d, const char *why, int error)
{
        const char *remedy = ledger_remedy(error);

        fprintf(stderr, "keyrouterd: %s: %s%s%s\n", d->config->ledger, ledger_explain(error),
                why[0] ? ": " : "", why);
        if (remedy)
                fprintf(stderr, "    %s\n", remedy);
}

/* What does not get better by trying again is EXIT_CONFIG. */
static int books_exit_code(int error)
{
        switch (error) {
        case 0:
                return EXIT_OK;
        case -EINVAL:
        case LEDGER_E_FOREIGN:
        case LEDGER_E_DAMAGED:
        case LEDGER_E_NEWER:
        case LEDGER_E_DENIED:
                return EXIT_CONFIG;
        default:
                return EXIT_OS;
        }
}

static int start_snapshot(struct daemon *d)
{
        struct diag diag;
        int r;

        diag_init(&diag);
        daemon_take_back_overdue(d);
        r = books_snapshot(&d->books, NULL, true, &diag, &d->snapshot);
        books_forget_prepared(&d->books);
        if (r == 0) {
                daemon_watch_health(d, d->snapshot);
                books_serve(&d->books, d->snapshot);
                log_findings(&diag);
        } else {
                diag_sort(&diag);
                diag_print(&diag, stderr);
                if (diag.n_errors == 0)
                        complain(d, "", r);
        }
        diag_done(&diag);
        return r;
}

int start_books(struct daemon *d)
{
        char why[LEDGER_WHY_MAX] = "";
        int r = books_open(&d->books, d->config, &d->origins, why);

        if (r)
                complain(d, why, r);
        else
                r = start_snapshot(d);
        return books_exit_code(r);
}

/* ---- with the loop ---- */

static void on_settled(void *context)
{
        daemon_settled(context);
}

static int start_resolver(struct daemon *d)
{
        struct resolver_options options = { .servers = d->config->resolver_servers,
                                            .on_settled = on_settled,
                                            .context = d };
        int r = resolver_new(&d->loop, &options, &d->resolver);

        return r < 0 ? r : daemon_update_names(d);
}

static void note_address(struct daemon *d, int fd)
{
        size_t n = strlen(d->addresses);
        char text[ADDR_TEXT_MAX];
        struct addr a;
        uint16_t port;

        if (acceptor_address(fd, &a, &port) == 0)
                snprintf(d->addresses + n, sizeof(d->addresses) - n,
                         addr_is_v4(&a) ? "%s%s:%u" : "%s[%s]:%u", n ? "," : "",
                         addr_format(&a, text), port);
}

static int listen_one(struct daemon *d, int fd, struct tls_server *tls)
{
        if (fd < 0)
                return fd;
        note_address(d, fd);
        return crew_listen(&d->crew, fd, tls);
}

static int listen_all(struct daemon *d, const struct endpoint *endpoints, size_t n,
                      struct tls_server *tls)
{
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++) {
                char text[ADDR_TEXT_MAX];

                r = listen_one(d, acceptor_open(&endpoints[i].address, endpoints[i].port), tls);
                if (r < 0)
                        fprintf(stderr, "keyrouterd: cannot listen on %s port %u: %s\n",
                                addr_format(&endpoints[i].address, text), endpoints[i].port,
                                strerror(-r));
        }
        return r;
}

/* Sockets of the service manager take the place of `listen`; they are TLS. */
static int start_listeners(struct daemon *d)
{
        const struct config *c = d->config;
        int fds[ACCEPTOR_MAX_LISTENERS];
        int n = service_sockets(fds, N_ELEMENTS(fds)), r = 0;

        if (n < 0 || (n > 0 && !d->server)) {
                fprintf(stderr, "keyrouterd: the sockets of the service manager cannot be used%s\n",
                        n > 0 ? " without `certificate`" : "");
                return n < 0 ? n : -EINVAL;
        }
        for (int i = 0; i < n && r == 0; i++)
                r = listen_one(d, fds[i], d->server);
        if (n == 0)
                r = listen_all(d, c->listen, c->n_listen, d->server);
        return r < 0 ? r : listen_all(d, c->listen_plain, c->n_listen_plain, NULL);
}

static unsigned worker_count(const struct config *c)
{
        long online = sysconf(_SC_NPROCESSORS_ONLN);

        return c->workers ? c->workers : (unsigned)MAX(online, 1);
}

static int start_crew(struct daemon *d)
{
        return crew_init(&d->crew, &(struct crew_options){ .n_workers = worker_count(d->config),
                                                           .settings = d->config->net,
                                                           .resolver = d->resolver,
                                                           .snapshot = d->snapshot,
                                                           .source = d->config->source,
                                                           .proxy_host = d->config->proxy_host,
                                                           .proxy_port = d->config->proxy_port,
                                                           .on_ended = &d->ended });
}

static int start_control(struct daemon *d)
{
        const struct config *c = d->config;
        int r = control_open(&d->loop, c->control, c->control_group, &daemon_control, d,
                             &d->control);

        if (r < 0)
                fprintf(stderr, "keyrouterd: %s: %s\n", c->control,
                        r == -EEXIST       ? "there is something else than a socket: take it away"
                        : r == -EADDRINUSE ? "another process listens there"
                                           : strerror(-r));
        return r;
}

int start_machine(struct daemon *d)
{
        int r = start_resolver(d);

        if (r == 0) {
                d->has_crew = true;
                r = start_crew(d);
                d->books.crew = &d->crew;
        }
        if (r == 0)
                r = start_listeners(d);
        return r == 0 ? start_control(d) : r;
}
