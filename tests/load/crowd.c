/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd - many desks that ask the router all at once, and look at each answer
 *
 * Prints "progress N" at each twentieth of the lookups, then one line of JSON: what was asked, what
 * came back. What became of each lookup goes to the file of --tape (tape.h). Exit status 0 if every
 * answer was right.
 */
#include "caller.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLERS_MAX 2048
#define LOOKUPS_MAX 100000000
#define TWENTIETHS 20

static struct crowd crowd;
static struct caller *callers[CALLERS_MAX];
static unsigned n_told;
static bool is_late;

static void usage(void)
{
        fprintf(stderr,
                "Usage: crowd --ca FILE --name NAME --desks FILE --never FILE --tape FILE "
                "--lookups N\n"
                "             --first TOKEN --connections N --seconds N --seed N ADDRESS PORT\n");
        exit(64);
}

static void tell_progress(struct crowd *c)
{
        uint32_t n = c->tape.counts[OUTCOME_ANSWERED];

        if (n_told == TWENTIETHS - 1 ||
            (uint64_t)n * TWENTIETHS < (uint64_t)c->n_wanted * (n_told + 1))
                return;
        n_told++;
        printf("progress %" PRIu32 "\n", n);
        fflush(stdout);
}

static int on_session(SSL *ssl, SSL_SESSION *fresh)
{
        struct desk *desk = SSL_get_app_data(ssl);

        SSL_SESSION_free(desk->session);
        desk->session = fresh;
        return 1;
}

static void tls_load(const char *ca)
{
        crowd.tls = SSL_CTX_new(TLS_client_method());
        if (!crowd.tls || SSL_CTX_load_verify_file(crowd.tls, ca) != 1) {
                fprintf(stderr, "crowd: cannot use %s\n", ca);
                exit(66);
        }
        SSL_CTX_set_verify(crowd.tls, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_session_cache_mode(crowd.tls,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(crowd.tls, on_session);
}

/* ---- the command line ---- */

static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
        char *end;
        uint64_t n = text ? strtoull(text, &end, 10) : 0;

        if (!text || !*text || *end || n < least || n > most)
                usage();
        return n;
}

enum setting {
        CA,
        NAME,
        DESKS,
        NEVER,
        TAPE,
        LOOKUPS,
        FIRST,
        CONNECTIONS,
        SECONDS,
        SEED,
        N_OPTIONS
};

static void options_read(int argc, char **argv, const char *values[static N_OPTIONS])
{
        static const char *const names[N_OPTIONS] = { "ca",      "name",    "desks", "never",
                                                      "tape",    "lookups", "first", "connections",
                                                      "seconds", "seed" };
        struct option rows[N_OPTIONS + 1] = { 0 };
        int o;

        for (int i = 0; i < N_OPTIONS; i++)
                rows[i] = (struct option){ names[i], required_argument, NULL, i };
        while ((o = getopt_long(argc, argv, "", rows, NULL)) != -1) {
                if (o < 0 || o >= N_OPTIONS)
                        usage();
                values[o] = optarg;
        }
        for (int i = 0; i < N_OPTIONS; i++) {
                if (!values[i])
                        usage();
        }
        if (argc - optind != 2)
                usage();
}

static void crowd_prepare(char *const address[2], const char *const values[static N_OPTIONS])
{
        uint32_t n = (uint32_t)number(values[LOOKUPS], TWENTIETHS, LOOKUPS_MAX);

        crowd.router =
                (struct sockaddr_in){ .sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)number(address[1], 1, 65535)) };
        if (inet_pton(AF_INET, address[0], &crowd.router.sin_addr) != 1)
                usage();
        crowd.router_name = values[NAME];
        crowd.n_wanted = n;
        crowd.dice.state = number(values[SEED], 0, UINT64_MAX);
        crowd.on_progress = tell_progress;
        crowd.n_desks = desks_load(values[DESKS], crowd.desks);
        never_load(values[NEVER]);
        tls_load(values[CA]);
        tape_init(&crowd.tape, (uint32_t)number(values[FIRST], 0, UINT32_MAX), n + n / 2 + 65536);
}

/* ---- the run ---- */

static void on_late(uv_timer_t *timer)
{
        is_late = true;
        uv_stop(timer->loop);
}

static uint64_t crowd_run(unsigned n_callers, uint64_t bound_ms)
{
        uint64_t began_ns = uv_hrtime();
        uv_timer_t late;

        crowd.loop = uv_default_loop();
        uv_timer_init(crowd.loop, &late);
        uv_timer_start(&late, on_late, bound_ms, 0);
        uv_unref((uv_handle_t *)&late);
        for (unsigned i = 0; i < n_callers; i++) {
                callers[i] = caller_new(&crowd);
                if (!callers[i]) {
                        fprintf(stderr, "crowd: out of memory\n");
                        exit(71);
                }
        }
        uv_run(crowd.loop, UV_RUN_DEFAULT);
        return (uv_hrtime() - began_ns) / 1000;
}

static void report(uint64_t took_us)
{
        const struct tape *t = &crowd.tape;

        printf("{\"asked\": %u, \"answered\": %u, \"wrong\": %u, \"lost\": %u, \"open\": %u, "
               "\"cut\": %u, \"stumps\": %u, \"connections\": %u, \"resumed\": %u, \"batches\": "
               "%u, "
               "\"pipelined\": %u, \"seconds\": %.3f, \"p50_us\": %u, \"p99_us\": %u",
               t->n, t->counts[OUTCOME_ANSWERED], t->counts[OUTCOME_WRONG], t->counts[OUTCOME_LOST],
               t->counts[OUTCOME_ASKED], t->counts[OUTCOME_CUT], t->counts[OUTCOME_STUMP],
               crowd.n_connections, crowd.n_resumed, crowd.n_batches, crowd.n_pipelined,
               (double)took_us / 1e6, tape_quantile_us(t, 0.5), tape_quantile_us(t, 0.99));
#define X(name, sentence) printf(", \"ending_%s\": %u", #name, crowd.n_endings[ENDING_##name]);
        ENDINGS(X)
#undef X
        printf("}\n");
        fflush(stdout);
}

int main(int argc, char **argv)
{
        const char *values[N_OPTIONS] = { 0 };
        unsigned n_callers;
        uint64_t took_us;

        options_read(argc, argv, values);
        n_callers = (unsigned)number(values[CONNECTIONS], 1, CALLERS_MAX);
        crowd_prepare(argv + optind, values);
        signal(SIGPIPE, SIG_IGN);
        took_us = crowd_run(n_callers, number(values[SECONDS], 1, 86400) * 1000);
        tape_write(&crowd.tape, values[TAPE]);
        report(took_us);
        if (is_late) { /* callers and their handles are still in use: the process ends as it is */
                fprintf(stderr, "crowd: not done in time\n");
                return 1;
        }
        for (unsigned i = 0; i < n_callers; i++)
                free(callers[i]);
        tape_done(&crowd.tape);
        desks_done(crowd.desks, crowd.n_desks);
        SSL_CTX_free(crowd.tls);
        return crowd.tape.counts[OUTCOME_WRONG] + crowd.tape.counts[OUTCOME_LOST] > 0;
}
