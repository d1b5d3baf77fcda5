/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start: ledger, files, sockets, resolver, workers; requests are accepted when every vendor host has
 * its first answer from DNS (or failed, or two seconds have passed: a dead DNS must not keep the
 * site down). What an operation changes in the ledger becomes a new snapshot. SIGHUP: the last
 * applied policy again, with credentials read anew; with one error in it the old one stays. SIGTERM:
 * no new connections, exchanges under way finish, at most STOP_MS.
 */
#include "router/daemon_parts.h"

#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/net/tls.h"
#include "lib/service/service.h"
#include "router/config.h"
#include "router/journal.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#define STOP_MS 30000

static const struct event READY = { "ready", LOG_LEVEL_INFO };
static const struct event STOPPING = { "stopping", LOG_LEVEL_INFO };
static const struct event STOP_FORCED = { "stop_forced", LOG_LEVEL_WARNING };

/* ---- accepting ---- */

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
        daemon_tell_service(d);
        log_event(&READY, TEXT("version", KEYROUTER_VERSION), NUMBER("pid", getpid()),
                  TEXT("addresses", d->addresses), TEXT("policy", d->snapshot->status));
}

void daemon_settled(struct daemon *d)
{
        daemon_ready(d);
        daemon_take_pending(d);
}

/* ---- stopping ---- */

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
        daemon_answer_waiting(d);
        uv_timer_start(&d->force, on_force, STOP_MS, 0);
        crew_stop(&d->crew);
}

/* ---- signals and timers ---- */

static void daemon_reload(struct daemon *d)
{
        service_reloading();
        if (daemon_renew(d, true) != 0)
                return; /* it has said so, and what served serves on */
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
                r = daemon_start_evidence(d);
        if (r < 0)
                return fault(r);
        uv_timer_init(&d->loop, &d->first_answers);
        uv_timer_init(&d->loop, &d->watchdog);
        uv_timer_init(&d->loop, &d->force);
        d->ended.data = d->first_answers.data = d->watchdog.data = d->force.data = d;
        probation_init(&d->probation, &d->loop, &d->books, daemon_take_back, d);
        daemon_await_names(d);
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
        return r == 0 ? start_books(d) : exit_code_of(r);
}

/* What the machine has to give. */
static int daemon_open(struct daemon *d)
{
        int r = start_loop(d);

        d->has_loop = r == 0;
        if (r == 0)
                r = start_machine(d);
        if (r == 0)
                daemon_follow_probation(d);
        else
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
        daemon_end_evidence(d);
        probation_done(&d->probation);
        if (d->control)
                control_close(d->control);
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
        d->books.crew = NULL;
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
                printf("%s is in order: %zu group%s, %zu key%s, %zu backend%s; credentials are "
                       "there\n",
                       c->policy, policy->n_groups, &"s"[policy->n_groups == 1], policy->n_keys,
                       &"s"[policy->n_keys == 1], policy->n_backends,
                       &"s"[policy->n_backends == 1]);
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
