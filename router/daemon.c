/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start: ledger, files, sockets, resolver, workers; requests are accepted when every vendor host has
 * its first answer from DNS (or failed, or two seconds have passed: a dead DNS must not keep the
 * site down). What an operation changes in the ledger becomes a new snapshot. SIGHUP: the last
 * applied policy again, with credentials read anew; with one error in it the old one stays. SIGTERM:
 * no new connections, exchanges under way finish, at most STOP_MS.
 */
#include "router/daemon.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/net/tls.h"
#include "lib/service/service.h"
#include "router/books.h"
#include "router/config.h"
#include "router/control.h"
#include "router/crew.h"
#include "router/journal.h"
#include "router/probation.h"
#include "router/resolver.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>

#define STOP_MS 30000
#define FIRST_ANSWERS_MS 2000
#define EVIDENCE_MS 100         /* evidence of so long is written together */
#define EVIDENCE_AGAIN_MS 10000 /* where it could not be written */
#define LEDGER_ALARM_MS ((uint64_t)60 * 1000)

static const struct event READY = { "ready", LOG_LEVEL_INFO };
static const struct event RELOADED = { "reloaded", LOG_LEVEL_INFO };
static const struct event RELOAD_FAILED = { "reload_failed", LOG_LEVEL_ERROR };
static const struct event FINDING = { "finding", LOG_LEVEL_WARNING };
static const struct event OPERATION = { "operation", LOG_LEVEL_INFO };
static const struct event TAKEN_BACK = { "taken_back", LOG_LEVEL_WARNING };
static const struct event TAKE_BACK_FAILED = { "take_back_failed", LOG_LEVEL_ERROR };
static const struct event LEDGER_FAILED = { "ledger_failed", LOG_LEVEL_ERROR };
static const struct event STOPPING = { "stopping", LOG_LEVEL_INFO };
static const struct event STOP_FORCED = { "stop_forced", LOG_LEVEL_WARNING };

struct daemon {
        const struct config *config;
        uv_loop_t loop;
        uv_signal_t signals[3];
        uv_async_t ended, changed;
        uv_timer_t first_answers, watchdog, force, evidence;
        struct books books;
        struct control *control;
        struct probation probation;
        struct control_call *waiting; /* for `pending` to serve */
        struct reply waiting_reply;
        uint64_t alarmed_ms; /* when the ledger was last complained about */
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
        if (d->accepting || d->stopping)
                return;
        d->accepting = true;
        uv_timer_stop(&d->first_answers);
        if (crew_start(&d->crew) < 0) {
                d->exit_code = EXIT_OS;
                daemon_stop(d, "no thread for a worker");
                return;
        }
        service_ready(d->books.status);
        log_event(&READY, TEXT("version", KEYROUTER_VERSION), NUMBER("pid", getpid()),
                  TEXT("addresses", d->addresses), TEXT("policy", d->books.status));
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

/* Another thread, or this one: what health knows is to be written down. */
static void on_health_change(void *context)
{
        struct daemon *d = context;

        uv_async_send(&d->changed);
}

static void snapshot_watch(struct daemon *d, struct snapshot *s)
{
        if (s->health)
                health_watch(s->health, on_health_change, d);
}

static int start_ledger(struct daemon *d)
{
        char why[LEDGER_WHY_MAX] = "";
        int r = books_open(&d->books, d->config, &d->origins, why);

        if (r == 0)
                return EXIT_OK;
        fprintf(stderr, "keyrouterd: %s: %s\n", d->config->ledger,
                why[0]  ? why
                : r > 0 ? ledger_explain(r)
                        : strerror(-r));
        return r == LEDGER_E_LOCKED || r == LEDGER_E_FULL || r < 0 ? EXIT_OS : EXIT_CONFIG;
}

static void log_taken_back(const char *why, const struct reply *reply)
{
        const json_t *body = reply->body;

        if (reply->status == 0)
                log_event(&TAKEN_BACK, TEXT("reason", why),
                          NUMBER("row", json_integer_value(json_object_get(body, "revision"))),
                          NUMBER("restores", json_integer_value(json_object_get(body, "restores"))),
                          BOOLEAN("verified", json_is_true(json_object_get(body, "verified"))),
                          NUMBER("differing",
                                 json_integer_value(json_object_get(body, "differing"))));
        else
                log_event(&TAKE_BACK_FAILED, TEXT("reason", why),
                          TEXT("error", json_string_value(json_object_get(body, "error"))));
}

/* An apply whose time ran out while nobody was there to take it back never serves. */
static void start_overdue(struct daemon *d)
{
        static const char *const why = "it was not confirmed in time";
        struct pending pending;
        struct reply reply;

        if (ledger_pending(d->books.ledger, &pending) != 0 || !pending.revision ||
            pending.deadline_us > (int64_t)clock_wall_us())
                return;
        operation_take_back(&d->books.host, why, &reply);
        log_taken_back(why, &reply);
        reply_done(&reply);
}

static int start_snapshot(struct daemon *d)
{
        struct diag diag;
        int r;

        diag_init(&diag);
        start_overdue(d);
        r = books_snapshot(&d->books, NULL, true, &diag, &d->snapshot);
        books_forget_prepared(&d->books);
        if (r == 0)
                r = books_serve(&d->books, d->snapshot);
        if (r) {
                diag_sort(&diag);
                diag_print(&diag, stderr);
                if (diag.n_errors == 0)
                        fprintf(stderr, "keyrouterd: %s\n",
                                r > 0 ? ledger_explain(r) : strerror(-r));
        } else {
                snapshot_watch(d, d->snapshot);
                log_findings(&diag);
        }
        diag_done(&diag);
        return r > 0 ? -EIO : r;
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

/* ---- new snapshots ---- */

static void waiting_answer(struct daemon *d)
{
        if (d->waiting)
                control_answer(TAKE(d->waiting), &d->waiting_reply);
}

/* The new hosts have their first answers: from now on requests go by the new snapshot. */
static void take_pending(struct daemon *d)
{
        if (!d->pending || d->stopping)
                return;
        uv_timer_stop(&d->first_answers);
        if (books_serve(&d->books, d->pending) != 0)
                log_event(&LEDGER_FAILED, TEXT("reason", "out of memory: evidence is not written"));
        crew_swap(&d->crew, d->pending);
        snapshot_unref(d->snapshot);
        d->snapshot = TAKE(d->pending);
        log_event(&RELOADED, TEXT("policy", d->books.status));
        service_ready(d->books.status);
        waiting_answer(d);
}

static void reload_failed(struct daemon *d, const struct diag *diag, int error)
{
        log_event(&RELOAD_FAILED, NUMBER("errors", diag->n_errors),
                  TEXT("error", diag->n_errors ? NULL
                                : error > 0    ? ledger_explain(error)
                                               : strerror(-error)),
                  TEXT("reason", "the policy of before stays in force"));
        service_ready(d->books.status);
}

static void evidence_write(struct daemon *d)
{
        uint64_t now_ms = clock_monotonic_ms();
        int r = books_evidence(&d->books);

        if (r == 0)
                return;
        uv_timer_start(&d->evidence, d->evidence.timer_cb, EVIDENCE_AGAIN_MS, 0);
        if (d->alarmed_ms && now_ms - d->alarmed_ms < LEDGER_ALARM_MS)
                return;
        d->alarmed_ms = now_ms;
        log_event(&LEDGER_FAILED, TEXT("error", r > 0 ? ledger_explain(r) : strerror(-r)),
                  TEXT("reason", "what calls have shown is not written down yet"));
}

/* A snapshot of what the ledger says; it serves at once, or when its new hosts have their first
 * answers. Returns what books_snapshot() does; the old one stays unless 0. */
static int daemon_renew(struct daemon *d, bool fresh)
{
        struct snapshot *s = NULL;
        struct diag diag;
        int r;

        take_pending(d); /* of a change just before */
        evidence_write(d);
        diag_init(&diag);
        r = books_snapshot(&d->books, d->snapshot, fresh, &diag, &s);
        books_forget_prepared(&d->books);
        diag_sort(&diag);
        log_findings(&diag);
        if (r == 0) {
                snapshot_watch(d, s);
                d->pending = s;
                uv_timer_start(&d->first_answers, on_first_answers, FIRST_ANSWERS_MS, 0);
                r = resolver_update(d);
        }
        if (r) {
                if (d->pending)
                        snapshot_unref(TAKE(d->pending));
                reload_failed(d, &diag, r);
        } else if (resolver_is_settled(d->resolver)) {
                take_pending(d);
        }
        diag_done(&diag);
        return r;
}

/* ---- operations ---- */

static void probation_follow(struct daemon *d)
{
        struct pending pending;

        if (ledger_pending(d->books.ledger, &pending) == 0)
                probation_set(&d->probation, &pending);
}

static void on_take_back(void *context, const char *why)
{
        struct daemon *d = context;
        struct reply reply;

        evidence_write(d);
        operation_take_back(&d->books.host, why, &reply);
        if (reply.status == 0)
                reply.status = daemon_renew(d, true);
        books_forget_prepared(&d->books);
        log_taken_back(why, &reply);
        reply_done(&reply);
        probation_follow(d);
}

static void on_call(void *context, struct control_call *call, const char *operation,
                    const char *who, json_t *request)
{
        struct daemon *d = context;
        struct reply reply;

        evidence_write(d);
        operation_run(&d->books.host, operation, who, request, &reply);
        if (reply.changed) {
                log_event(&OPERATION, TEXT("operation", operation), TEXT("who", who),
                          NUMBER("row", ledger_head(d->books.ledger)));
                (void)daemon_renew(d, reply.changed & CHANGED_POLICY);
                probation_follow(d);
        }
        books_forget_prepared(&d->books);
        if (!d->pending || !reply.changed) {
                control_answer(call, &reply);
                return;
        }
        d->waiting = call;
        d->waiting_reply = reply;
}

static const char *on_unready(void *context)
{
        const struct daemon *d = context;

        return d->snapshot->policy ? NULL : d->books.status;
}

static const struct control_program control_program = { on_call, on_unready };

static int start_control(struct daemon *d)
{
        const struct config *c = d->config;
        int r = control_open(&d->loop, c->control, c->control_group, &control_program, d,
                             &d->control);

        if (r < 0)
                fprintf(stderr, "keyrouterd: %s: %s\n", c->control, strerror(-r));
        return r;
}

/* ---- signals and timers ---- */

static void daemon_reload(struct daemon *d)
{
        service_reloading();
        (void)daemon_renew(d, true);
}

/* A success comes seldom alone: what follows shortly is written with it. */
static void on_changed(uv_async_t *async)
{
        struct daemon *d = async->data;

        if (!uv_is_active((uv_handle_t *)&d->evidence))
                uv_timer_start(&d->evidence, d->evidence.timer_cb, EVIDENCE_MS, 0);
}

static void on_evidence(uv_timer_t *timer)
{
        evidence_write(timer->data);
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
        if (r == 0)
                r = uv_async_init(&d->loop, &d->changed, on_changed);
        if (r < 0)
                return fault(r);
        uv_timer_init(&d->loop, &d->first_answers);
        uv_timer_init(&d->loop, &d->watchdog);
        uv_timer_init(&d->loop, &d->force);
        uv_timer_init(&d->loop, &d->evidence);
        d->evidence.timer_cb = on_evidence;
        d->ended.data = d->changed.data = d->evidence.data = d;
        d->first_answers.data = d->watchdog.data = d->force.data = d;
        probation_init(&d->probation, &d->loop, &d->books, on_take_back, d);
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

        int code;

        curl_global_init(CURL_GLOBAL_NOTHING);
        r = start_tls(d);
        code = r == 0 ? start_ledger(d) : exit_code_of(r);
        return code == EXIT_OK ? exit_code_of(start_snapshot(d)) : code;
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
        d->books.crew = d->has_crew ? &d->crew : NULL;
        if (r == 0)
                r = start_listeners(d);
        if (r == 0)
                r = start_control(d);
        if (r == 0)
                probation_follow(d);
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
        if (books_evidence(&d->books) != 0)
                log_event(&LEDGER_FAILED,
                          TEXT("reason", "what calls have shown last is not written down"));
        if (d->control) {
                waiting_answer(d);
                control_close(d->control);
        }
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
        books_done(&d->books);
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

/* The file that is edited, with its credentials. The ledger is left alone: the running daemon holds
 * it. */
static int check_policy(struct daemon *d)
{
        CLEANUP(policy_unrefp) struct policy *policy = NULL;
        CLEANUP(vault_unrefp) struct vault *vault = NULL;
        const struct config *c = d->config;
        struct diag diag;
        int r;

        diag_init(&diag);
        r = policy_load(c->policy, c->providers, &diag, &policy);
        if (r == 0)
                r = vault_load(c->credentials, policy, &diag, &vault);
        diag_sort(&diag);
        diag_print(&diag, stderr);
        if (r < 0 && diag.n_errors == 0)
                fprintf(stderr, "keyrouterd: %s: %s\n", c->policy, strerror(-r));
        if (r == 0)
                printf("%s: %zu groups, %zu keys, %zu backends: credentials are there\n", c->policy,
                       policy->n_groups, policy->n_keys, policy->n_backends);
        diag_done(&diag);
        return r;
}

int daemon_check(const struct config *config)
{
        struct daemon *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return EXIT_OS;
        d->config = config;
        curl_global_init(CURL_GLOBAL_NOTHING);
        r = start_tls(d);
        if (r == 0)
                r = check_policy(d);
        daemon_done(d);
        free(d);
        return exit_code_of(r);
}
