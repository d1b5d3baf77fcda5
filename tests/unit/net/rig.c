/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/rig.h"

#include "lib/base/clock.h"
#include "tests/unit/net/check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

struct rig *rig_of(const struct exchange *x)
{
        return x->worker->program_state;
}

static void on_decide(struct exchange *x, struct verdict *ret)
{
        struct rig *r = rig_of(x);

        atomic_fetch_add(&r->n_decided, 1);
        *ret = (struct verdict){ .kind = VERDICT_FORWARD,
                                 .origin = &r->origins[x->attempt ? RIG_OTHER : RIG_PLAIN],
                                 .deadline_ms = 8000,
                                 .max_body_bytes = 64 << 20 };
        if (x->attempt == 0 && slice_is(x->request.head.path, "/tls"))
                ret->origin = &r->origins[RIG_TLS];
}

static int on_rewrite(struct exchange *x, struct buffer *out)
{
        const struct head *h = &x->request.head;
        int r;

        r = buffer_printf(out, "%.*s %.*s%s%.*s HTTP/1.1\r\nHost: %s\r\n", (int)h->method.length,
                          h->method.data, (int)h->path.length, h->path.data,
                          h->query.data ? "?" : "", (int)h->query.length,
                          h->query.data ? h->query.data : "", x->verdict.origin->host);
        return r ? r : headers_put(h, out, NULL, NULL);
}

static enum judgement on_judge(struct exchange *x, struct slice body, bool shown)
{
        return JUDGE_PASS;
}

static enum judgement on_judge_dial(struct exchange *x, enum dial_outcome outcome)
{
        return JUDGE_PASS;
}

static int on_answer(struct exchange *x, struct buffer *out)
{
        return headers_put(&x->answer.head, out, NULL, NULL);
}

static int on_decorate(struct exchange *x, struct buffer *out)
{
        return buffer_put_text(out, "X-Decorated: yes\r\n");
}

static size_t on_error_body(struct exchange *x, unsigned status, const char *message, char *out,
                            size_t size)
{
        int n = snprintf(out, size, "{\"errors\":[{\"id\":%u,\"message\":\"%s\"}]}", status,
                         message);

        return MIN((size_t)n, size - 1);
}

static void on_settle(struct exchange *x)
{
        struct rig *r = rig_of(x);
        struct settled *record;

        pthread_mutex_lock(&r->lock);
        record = &r->records[r->n_records++ % RIG_RECORDS];
        *record = (struct settled){
                x->status, x->attempt, x->was_retried, x->own, x->n_answer_bytes, ""
        };
        memcpy(record->reason, x->reason, sizeof(record->reason));
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
}

static const struct program plain_program = {
        .origin_noun = "vendor",
        .decide = on_decide,
        .rewrite = on_rewrite,
        .judge = on_judge,
        .judge_dial = on_judge_dial,
        .answer = on_answer,
        .decorate = on_decorate,
        .error_body = on_error_body,
        .settle = on_settle,
};

static const struct net_settings patient = {
        .head_ms = 8000,
        .body_ms = 8000,
        .idle_ms = 8000,
        .answer_ms = 8000,
        .linger_ms = 1000,
        .upstream_idle_ms = 60000,
        .upstream_life_ms = 600000,
        .n_connections = 1000,
        .n_connections_per_address = 500,
        .n_upstreams = 500,
        .n_upstreams_idle = 100,
        .n_kept = 64,
        .message = { .head_bytes = 16384, .target_bytes = 8192 },
};

static void on_wake(uv_async_t *wake)
{
        struct rig *r = CONTAINER_OF(wake, struct rig, wake);

        pthread_mutex_lock(&r->lock);
        if (r->call)
                r->call(r, r->call_context);
        r->call = NULL;
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
}

static void on_turn(uv_prepare_t *turn)
{
        atomic_fetch_add(&CONTAINER_OF(turn, struct rig, turn)->n_turns, 1);
}

/* The worker is done: what else is on the loop goes too. */
static void on_stopped(struct worker *w)
{
        struct rig *r = w->program_state;

        acceptor_stop(&r->acceptor);
        uv_close((uv_handle_t *)&r->wake, NULL);
        uv_close((uv_handle_t *)&r->turn, NULL);
        pthread_mutex_lock(&r->lock);
        r->stopped = true;
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
}

static void *run_loop(void *state)
{
        uv_run(&((struct rig *)state)->loop, UV_RUN_DEFAULT);
        return NULL;
}

static void contexts_init(struct rig *r)
{
        char why[TLS_WHY_MAX];

        certificates_init(&r->certificates);
        r->vendor_tls = certificates_server(&r->certificates);
        r->client_tls = certificates_client(&r->certificates);
        assert_int_equal(tls_server_new(r->certificates.leaf, r->certificates.leaf_key,
                                        &r->tls_server, why),
                         0);
        assert_int_equal(tls_client_new(false, r->certificates.ca, &r->tls_client, why), 0);
}

static void condition_init(struct rig *r)
{
        pthread_condattr_t attributes;

        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&r->changed, &attributes);
        pthread_condattr_destroy(&attributes);
        pthread_mutex_init(&r->lock, NULL);
}

struct rig *rig_new(void)
{
        struct rig *r = calloc(1, sizeof(*r));

        assert_non_null(r);
        signal(SIGPIPE, SIG_IGN); /* OpenSSL writes with write(2) */
        contexts_init(r);
        condition_init(r);
        r->settings = patient;
        r->program = plain_program;
        for (unsigned i = 0; i < RIG_N_ORIGINS; i++) {
                r->origins[i] = (struct origin){ .host = "vendor.test", .id = i };
                r->vendors[i] = peer_listen(&r->origins[i].port);
        }
        r->origins[RIG_TLS].tls = r->tls_client;
        return r;
}

int rig_setup(void **state)
{
        *state = rig_new();
        return 0;
}

int rig_teardown(void **state)
{
        rig_free(*state);
        return 0;
}

struct peer *rig_begin(struct rig *r)
{
        rig_start(r);
        return peer_connect(NULL, r->port, NULL);
}

static void listen_on(struct rig *r, struct tls_server *tls, uint16_t *ret_port)
{
        struct addr address;
        int fd;

        assert_int_equal(addr_parse(slice_of("127.0.0.1"), &address), 0);
        fd = acceptor_open(&address, 0);
        assert_true(fd >= 0);
        assert_int_equal(acceptor_address(fd, &address, ret_port), 0);
        assert_int_equal(acceptor_add(&r->acceptor, fd, tls), 0);
}

void rig_start(struct rig *r)
{
        struct addr vendor;

        uv_loop_init(&r->loop);
        uv_async_init(&r->loop, &r->wake, on_wake);
        uv_prepare_init(&r->loop, &r->turn);
        uv_prepare_start(&r->turn, on_turn);
        assert_int_equal(worker_init(&r->worker, &r->loop, 0, &r->settings, &r->program, r), 0);
        r->worker.on_stopped = on_stopped;
        dial_tcp_init(&r->dial_tcp, &r->loop);
        assert_int_equal(addr_parse(slice_of("127.0.0.1"), &vendor), 0);
        dial_tcp_set_address(&r->dial_tcp, &vendor);
        r->worker.dialler = r->dialler ? r->dialler : &r->dial_tcp.dialler;
        r->workers[0] = &r->worker;
        acceptor_init(&r->acceptor, &r->loop, r->workers, 1);
        listen_on(r, NULL, &r->port);
        listen_on(r, r->tls_server, &r->tls_port);
        r->started = true;
        assert_int_equal(pthread_create(&r->thread, NULL, run_loop, r), 0);
}

static struct timespec patience(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_sec += PEER_PATIENCE_S;
        return t;
}

void rig_stop(struct rig *r)
{
        worker_stop(&r->worker);
}

void rig_wait_stopped(struct rig *r)
{
        struct timespec until = patience();
        int error = 0;

        pthread_mutex_lock(&r->lock);
        while (!r->stopped && error == 0)
                error = pthread_cond_timedwait(&r->changed, &r->lock, &until);
        pthread_mutex_unlock(&r->lock);
        if (error)
                fail_msg("the worker did not stop");
}

static void engine_free(struct rig *r)
{
        rig_stop(r);
        rig_wait_stopped(r);
        pthread_join(r->thread, NULL);
        assert_int_equal(r->worker.n_clients, 0);
        assert_int_equal(r->worker.blocks.n_used, 0);
        assert_int_equal(r->worker.n_dials, 0);
        assert_int_equal(r->dial_tcp.n_open, 0);
        worker_done(&r->worker);
        assert_int_equal(uv_loop_close(&r->loop), 0);
}

void rig_free(struct rig *r)
{
        if (r->started)
                engine_free(r);
        for (unsigned i = 0; i < RIG_N_ORIGINS; i++)
                close(r->vendors[i]);
        tls_server_free(r->tls_server);
        tls_client_free(r->tls_client);
        SSL_CTX_free(r->vendor_tls);
        SSL_CTX_free(r->client_tls);
        certificates_done(&r->certificates);
        pthread_mutex_destroy(&r->lock);
        pthread_cond_destroy(&r->changed);
        free(r);
}

struct settled rig_settled(struct rig *r, unsigned n)
{
        struct timespec until = patience();
        struct settled record = { 0 };
        int error = 0;

        pthread_mutex_lock(&r->lock);
        while (r->n_records <= n && error == 0)
                error = pthread_cond_timedwait(&r->changed, &r->lock, &until);
        if (!error)
                record = r->records[n % RIG_RECORDS];
        pthread_mutex_unlock(&r->lock);
        if (error)
                fail_msg("exchange %u did not settle", n);
        return record;
}

void rig_expect(struct rig *r, unsigned n, unsigned status, const char *reason)
{
        struct settled s = rig_settled(r, n);

        if (s.status != status || !strstr(s.reason, reason))
                fail_msg("settled with %u, '%s' instead of %u, '%s'", s.status, s.reason, status,
                         reason);
}

unsigned rig_n_settled(struct rig *r)
{
        unsigned n;

        pthread_mutex_lock(&r->lock);
        n = r->n_records;
        pthread_mutex_unlock(&r->lock);
        return n;
}

void rig_on_thread(struct rig *r, void (*call)(struct rig *r, void *context), void *context)
{
        struct timespec until = patience();
        int error = 0;

        pthread_mutex_lock(&r->lock);
        r->call = call;
        r->call_context = context;
        uv_async_send(&r->wake);
        while (r->call && error == 0)
                error = pthread_cond_timedwait(&r->changed, &r->lock, &until);
        pthread_mutex_unlock(&r->lock);
        if (error)
                fail_msg("the engine's loop does not turn");
}

struct question {
        bool (*is_so)(struct rig *r);
        bool answer;
};

static void ask(struct rig *r, void *context)
{
        struct question *q = context;

        q->answer = q->is_so(r);
}

void rig_wait_for(struct rig *r, bool (*is_so)(struct rig *r))
{
        uint64_t until = clock_monotonic_ms() + PEER_PATIENCE_S * 1000;
        struct question q = { .is_so = is_so };

        while (!q.answer) {
                if (clock_monotonic_ms() > until)
                        fail_msg("what was waited for did not come");
                rig_on_thread(r, ask, &q);
        }
}

static void do_nothing(struct rig *r, void *context)
{
}

/* The loop may run the first call before the sockets of the same turn; the second is in a later
 * turn. */
void rig_catch_up(struct rig *r)
{
        rig_on_thread(r, do_nothing, NULL);
        rig_on_thread(r, do_nothing, NULL);
}

void client_get(struct peer *client, const char *path)
{
        char text[512];

        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: vendor.test\r\n\r\n", path);
        peer_send(client, text);
}

void vendor_answer(struct peer *vendor, const char *body)
{
        char text[1024];

        snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(body), body);
        peer_send(vendor, text);
}
