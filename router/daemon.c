/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start: files, sockets, resolver, workers; requests are accepted when every vendor host has its
 * first answer from DNS (or failed, or two seconds have passed: a dead DNS must not keep the site
 * down). SIGHUP: everything that makes a snapshot is loaded anew; with one error in it the old one
 * stays. SIGTERM: no new connections, exchanges under way finish, at most STOP_MS.
 */
#include "router/daemon.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/net/tls.h"
#include "lib/service/service.h"
#include "router/config.h"
#include "router/crew.h"
#include "router/journal.h"
#include "router/resolver.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>

#define STOP_MS 30000
#define FIRST_ANSWERS_MS 2000

static const struct event READY = { "ready", LOG_LEVEL_INFO };
static const struct event RELOADED = { "reloaded", LOG_LEVEL_INFO };
static const struct event RELOAD_FAILED = { "reload_failed", LOG_LEVEL_ERROR };
static const struct event FINDING = { "finding", LOG_LEVEL_WARNING };
static const struct event STOPPING = { "stopping", LOG_LEVEL_INFO };
static const struct event STOP_FORCED = { "stop_forced", LOG_LEVEL_WARNING };

struct daemon {
        const struct config *config;
        uv_loop_t loop;
        uv_signal_t signals[3];
        uv_async_t ended;
        uv_timer_t first_answers, watchdog, force;
        struct tls_server *server;
        struct tls_client *client;
        struct origins origins;
        struct resolver *resolver;
        struct snapshot *snapshot;
        struct snapshot *pending; /* waits for the first answers of new hosts */
        struct crew crew;
        bool has_loop, has_crew;
        char addresses[1024]; /* "127.0.0.1:8443,..." for people and tests */
        bool accepting, stopping;
        int exit_code;
};

static struct snapshot_settings snapshot_settings(const struct config *config)
{
        return (struct snapshot_settings){ .policy = config->policy,
                                           .provider_dir = config->providers,
                                           .credentials = config->credentials,
                                           .router = config->address };
}

static void status_text_put(const struct daemon *d, char *text, size_t size)
{
        const struct plan *plan = d->snapshot->plan;

        snprintf(text, size, "%zu workstations: %zu on %zu embedded keys, %zu overflow", plan->n_desks,
                 plan->n_desks_embedded, plan->n_keys, plan->n_desks_overflow);
}

static void log_findings(const struct diag *diag)
{
        for (size_t i = 0; i < diag->n_findings; i++) {
                const struct diag_finding *f = &diag->findings[i];

                log_event(&FINDING, TEXT("severity", f->level == DIAG_ERROR ? "error" : "warning"),
                          TEXT("file", f->file), NUMBER("line", f->line),
                          NUMBER("column", f->column), TEXT("message", f->message),
                          TEXT("remedy", f->remedy));
        }
}

static int resolver_update(struct daemon *d)
{
        const char *hosts[ORIGINS_MAX];

        if (d->config->proxy_host) /* which looks the vendors' names up */
                return resolver_set_hosts(d->resolver, &d->config->proxy_host, 1);
        for (unsigned i = 0; i < d->origins.n; i++)
                hosts[i] = d->origins.entries[i].host;
        return resolver_set_hosts(d->resolver, hosts, d->origins.n);
}

/* ---- start ---- */

static void daemon_stop(struct daemon *d, const char *reason);

static void daemon_ready(struct daemon *d)
{
        char status[128];

        if (d->accepting || d->stopping)
                return;
        d->accepting = true;
        uv_timer_stop(&d->first_answers);
        if (crew_start(&d->crew) < 0) {
                d->exit_code = EXIT_OS;
                daemon_stop(d, "no thread for a worker");
                return;
        }
        status_text_put(d, status, sizeof(status));
        service_ready(status);
        log_event(&READY, TEXT("version", KEYROUTER_VERSION), NUMBER("pid", getpid()),
                  TEXT("addresses", d->addresses), TEXT("policy", status));
}

static void take_pending(struct daemon *d);

static void on_settled(void *context)
{
        daemon_ready(context);
        take_pending(context);
}

static void on_first_answers(uv_timer_t *timer)
{
        on_settled(timer->data);
}

static int start_tls(struct daemon *d)
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

static int start_snapshot(struct daemon *d)
{
        struct snapshot_settings settings = snapshot_settings(d->config);
        struct diag diag;
        int r;

        diag_init(&diag);
        r = snapshot_load(&settings, &d->origins, NULL, &diag, &d->snapshot);
        if (r < 0) {
                diag_sort(&diag);
                diag_print(&diag, stderr);
                if (diag.n_errors == 0)
                        fprintf(stderr, "keyrouterd: %s\n", strerror(-r));
        } else {
                log_findings(&diag);
        }
        diag_done(&diag);
        return r;
}

static int start_resolver(struct daemon *d)
{
        struct resolver_options options = { .servers = d->config->resolver_servers,
                                            .on_settled = on_settled,
                                            .context = d };
        int r = resolver_new(&d->loop, &options, &d->resolver);

        return r < 0 ? r : resolver_update(d);
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
                                                           .router = d->config->address,
                                                           .source = d->config->source,
                                                           .proxy_host = d->config->proxy_host,
                                                           .proxy_port = d->config->proxy_port,
                                                           .on_ended = &d->ended });
}

/* ---- signals ---- */

static void on_force(uv_timer_t *timer)
{
        struct daemon *d = timer->data;

        log_event(&STOP_FORCED, NUMBER("after_ms", STOP_MS), NUMBER("workers", d->crew.n_running));
        journal_stop(2000);
        _exit(EXIT_OK);
}

static void daemon_stop(struct daemon *d, const char *reason)
{
        if (d->stopping)
                return;
        d->stopping = true;
        log_event(&STOPPING, TEXT("reason", reason), NUMBER("log_lines_lost", log_n_lost()));
        service_stopping();
        uv_timer_start(&d->force, on_force, STOP_MS, 0);
        crew_stop(&d->crew);
}

static void reload_over(struct daemon *d)
{
        char status[128];

        status_text_put(d, status, sizeof(status));
        service_ready(status);
}

/* The new hosts have their first answers: from now on requests go by the new snapshot. */
static void take_pending(struct daemon *d)
{
        char status[128];

        if (!d->pending || d->stopping)
                return;
        uv_timer_stop(&d->first_answers);
        crew_swap(&d->crew, d->pending);
        snapshot_unref(d->snapshot);
        d->snapshot = TAKE(d->pending);
        status_text_put(d, status, sizeof(status));
        log_event(&RELOADED, TEXT("policy", status));
        reload_over(d);
}

static void reload_failed(struct daemon *d, const struct diag *diag, int error)
{
        log_event(&RELOAD_FAILED, NUMBER("errors", diag->n_errors),
                  TEXT("error", diag->n_errors ? NULL : strerror(-error)),
                  TEXT("reason", "the policy of before stays in force"));
        reload_over(d);
}

static void daemon_reload(struct daemon *d)
{
        struct snapshot_settings settings = snapshot_settings(d->config);
        struct snapshot *fresh = NULL;
        struct diag diag;
        int r;

        service_reloading();
        take_pending(d); /* of a reload just before */
        diag_init(&diag);
        r = snapshot_load(&settings, &d->origins, d->snapshot, &diag, &fresh);
        diag_sort(&diag);
        log_findings(&diag);
        if (r == 0) {
                d->pending = fresh;
                uv_timer_start(&d->first_answers, on_first_answers, FIRST_ANSWERS_MS, 0);
                r = resolver_update(d);
        }
        if (r < 0) {
                if (d->pending)
                        snapshot_unref(TAKE(d->pending));
                reload_failed(d, &diag, r);
        } else if (resolver_is_settled(d->resolver)) {
                take_pending(d);
        }
        diag_done(&diag);
}

static void on_signal(uv_signal_t *handle, int number)
{
        struct daemon *d = handle->data;

        if (number == SIGHUP && d->accepting && !d->stopping)
                daemon_reload(d);
        else if (number != SIGHUP)
                daemon_stop(d, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

static void on_watchdog(uv_timer_t *timer)
{
        struct daemon *d = timer->data;

        if (d->stopping || crew_is_alive(&d->crew, service_watchdog_ms()))
                service_alive();
}

static void on_ended(uv_async_t *async)
{
        struct daemon *d = async->data;

        if (atomic_load(&d->crew.n_running) == 0)
                uv_stop(&d->loop);
}

static int start_loop(struct daemon *d)
{
        static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
        uint64_t beat_ms = service_watchdog_ms() / 3;
        int r = uv_loop_init(&d->loop);

        for (size_t i = 0; i < N_ELEMENTS(numbers) && r == 0; i++) {
                r = uv_signal_init(&d->loop, &d->signals[i]);
                d->signals[i].data = d;
                if (r == 0)
                        r = uv_signal_start(&d->signals[i], on_signal, numbers[i]);
        }
        if (r == 0)
                r = uv_async_init(&d->loop, &d->ended, on_ended);
        if (r < 0)
                return fault(r);
        uv_timer_init(&d->loop, &d->first_answers);
        uv_timer_init(&d->loop, &d->watchdog);
        uv_timer_init(&d->loop, &d->force);
        d->ended.data = d->first_answers.data = d->watchdog.data = d->force.data = d;
        uv_timer_start(&d->first_answers, on_first_answers, FIRST_ANSWERS_MS, 0);
        if (beat_ms)
                uv_timer_start(&d->watchdog, on_watchdog, beat_ms, beat_ms);
        return 0;
}

/* ---- the whole ---- */

static int exit_code_of(int error)
{
        return error == 0 ? EXIT_OK : error == -EINVAL ? EXIT_CONFIG : EXIT_OS;
}

/* What files say. */
static int daemon_load(struct daemon *d)
{
        int r;

        curl_global_init(CURL_GLOBAL_NOTHING);
        r = start_tls(d);
        if (r == 0)
                r = start_snapshot(d);
        return exit_code_of(r);
}

/* What the machine has to give. */
static int daemon_open(struct daemon *d)
{
        int r = start_loop(d);

        d->has_loop = r == 0;
        if (r == 0)
                r = start_resolver(d);
        if (r == 0) {
                d->has_crew = true;
                r = start_crew(d);
        }
        if (r == 0)
                r = start_listeners(d);
        if (r < 0)
                fprintf(stderr, "keyrouterd: cannot start: %s\n", strerror(-r));
        return r < 0 ? EXIT_OS : EXIT_OK;
}

static void on_walk(uv_handle_t *handle, void *context)
{
        if (!uv_is_closing(handle))
                uv_close(handle, NULL);
}

static void loop_done(struct daemon *d)
{
        process_hold_signals();
        resolver_free(d->resolver);
        uv_run(&d->loop, UV_RUN_NOWAIT);
        uv_walk(&d->loop, on_walk, NULL);
        uv_run(&d->loop, UV_RUN_DEFAULT);
        uv_loop_close(&d->loop);
}

static void daemon_done(struct daemon *d)
{
        if (d->has_crew)
                crew_done(&d->crew);
        if (d->has_loop)
                loop_done(d);
        if (d->pending)
                snapshot_unref(d->pending);
        if (d->snapshot)
                snapshot_unref(d->snapshot);
        origins_done(&d->origins);
        if (d->client)
                tls_client_free(d->client);
        if (d->server)
                tls_server_free(d->server);
        curl_global_cleanup();
}

/* Until every worker has ended. */
static void daemon_turn(struct daemon *d)
{
        if (resolver_is_settled(d->resolver))
                daemon_ready(d);
        uv_run(&d->loop, UV_RUN_DEFAULT);
}

int daemon_run(const struct config *config)
{
        struct daemon *d = calloc(1, sizeof(*d));
        int code;

        if (!d)
                return EXIT_OS;
        d->config = config;
        code = daemon_load(d);
        if (code == EXIT_OK) {
                code = daemon_open(d);
                if (code != EXIT_OK && d->has_crew)
                        daemon_stop(d, "start failed");
                if (code == EXIT_OK || (d->has_crew && atomic_load(&d->crew.n_running) > 0))
                        daemon_turn(d);
        }
        daemon_done(d);
        code = code == EXIT_OK ? d->exit_code : code;
        free(d);
        return code;
}

int daemon_check(const struct config *config)
{
        struct daemon *d = calloc(1, sizeof(*d));
        char status[128];
        int code;

        if (!d)
                return EXIT_OS;
        d->config = config;
        code = daemon_load(d);
        if (code == EXIT_OK) {
                status_text_put(d, status, sizeof(status));
                printf("%s\n", status);
        }
        daemon_done(d);
        free(d);
        return code;
}
