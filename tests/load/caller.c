/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libuv says when the socket is ready, OpenSSL does the rest. What is sent and what comes back lies
 * in two buffers of the caller. A connection is over in caller_end() alone, behind batch_settle()
 * where lookups are still under way; the next one begins when libuv has let go of the handle.
 */
#include "caller.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PERCENT_RESUMED 70
#define PERCENT_PIPELINED 15
#define PERCENT_RESET 50 /* of those that go away: RST, the others FIN */
#define CUT_DELAY_MAX_MS 4
#define COMPLAINTS_MAX 20

enum state { CONNECTING, GREETING, BUSY, FAREWELL };

struct caller {
        struct crowd *crowd;
        uv_poll_t poll;
        uv_timer_t cut;
        int fd;
        SSL *ssl;
        enum state state;
        uint16_t desk;
        enum ending ending;
        unsigned n_batches_left;
        struct lookup batch[BATCH_MAX];
        unsigned n_batch, n_answered;
        size_t whole_bytes; /* of the batch, of which a caller that goes away sends less */
        size_t cut_bytes;   /* CUT_ANSWER: gone after so many of the answer */
        uint64_t seen_id;   /* of the answer under way */
        size_t n_out, n_sent, n_in;
        char out[BATCH_MAX * REQUEST_MAX_BYTES];
        char in[ANSWER_MAX_BYTES];
};

static void caller_open(struct caller *c);
static void on_ready(uv_poll_t *poll, int status, int events);

static void die(const char *what)
{
        fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
        exit(71);
}

static uint64_t now_us(void)
{
        return uv_hrtime() / 1000;
}

/* ---- the end of a connection ---- */

static void complain(struct caller *c, const struct lookup *l, const char *why)
{
        char address[INET_ADDRSTRLEN];

        if (c->crowd->n_complaints++ >= COMPLAINTS_MAX)
                return;
        uv_inet_ntop(AF_INET, &c->crowd->desks[c->desk].address, address, sizeof(address));
        fprintf(stderr, "crowd: desk %s, lookup %08x: %s\n", address, l ? l->token : 0, why);
}

static void on_poll_closed(uv_handle_t *handle)
{
        struct caller *c = handle->data;

        if (c->crowd->is_over) {
                if (!uv_is_closing((uv_handle_t *)&c->cut))
                        uv_close((uv_handle_t *)&c->cut, NULL);
                c->crowd->n_callers--;
        } else {
                caller_open(c);
        }
}

/* The lookups of the batch that have no answer end as `outcome`, those whose head the router cannot
 * have seen whole as stumps. */
static void batch_settle(struct caller *c, enum outcome outcome, bool last_is_stump)
{
        for (unsigned i = c->n_answered; i < c->n_batch; i++) {
                bool is_stump = last_is_stump && i == c->n_batch - 1;

                tape_end(&c->crowd->tape, c->batch[i].token, is_stump ? OUTCOME_STUMP : outcome,
                         i == c->n_answered ? c->seen_id : 0, 0);
        }
        c->n_batch = c->n_answered = 0;
}

static void caller_end(struct caller *c, bool with_reset)
{
        struct linger none = { .l_onoff = 1, .l_linger = 0 };

        uv_timer_stop(&c->cut);
        if (c->ssl && c->state != GREETING && c->ending != ENDING_BARE && !with_reset)
                SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
        c->ssl = NULL;
        ERR_clear_error();
        if (with_reset)
                setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
        uv_poll_stop(&c->poll);
        close(c->fd);
        c->fd = -1;
        uv_close((uv_handle_t *)&c->poll, on_poll_closed);
}

/* The desk goes away, as chance has it. */
static void caller_cut(struct caller *c)
{
        batch_settle(c, OUTCOME_CUT, c->ending == ENDING_CUT_HEAD);
        c->crowd->n_endings[c->ending]++;
        if (!dice_percent(&c->crowd->dice, PERCENT_RESET))
                c->ending = ENDING_BARE;
        caller_end(c, c->ending != ENDING_BARE);
}

static void caller_failed(struct caller *c, const char *why)
{
        complain(c, c->n_answered < c->n_batch ? &c->batch[c->n_answered] : NULL, why);
        if (c->n_answered == c->n_batch) { /* it must count where no lookup is under way, too */
                c->batch[0].token = tape_begin(&c->crowd->tape, c->desk, false);
                c->n_answered = 0;
                c->n_batch = 1;
        }
        batch_settle(c, OUTCOME_LOST, false);
        caller_end(c, true);
}

static void caller_finished(struct caller *c)
{
        c->crowd->n_endings[c->ending]++;
        caller_end(c, false);
}

static void on_cut(uv_timer_t *timer)
{
        caller_cut(timer->data);
}

/* ---- requests ---- */

static void lookup_add(struct caller *c, bool is_last)
{
        struct crowd *crowd = c->crowd;
        struct lookup l = lookup_roll(&crowd->dice, &crowd->desks[c->desk]);
        size_t head, n;

        if (is_last && c->ending == ENDING_CUT_ANSWER) {
                l.large = true;
                l.post = l.chunked = false;
        } else {
                l.large = dice_below(&crowd->dice, 200) == 0;
        }
        l.says_close = is_last && c->ending == ENDING_SAID;
        l.desk = c->desk;
        l.token = tape_begin(&crowd->tape, c->desk, l.post);
        l.asked_us = now_us();
        n = lookup_format(&l, &crowd->dice, c->out + c->n_out, &head);
        c->whole_bytes = c->n_out + n;
        if (is_last && c->ending == ENDING_CUT_HEAD)
                n = 1 + dice_below(&crowd->dice, (unsigned)head - 1);
        c->n_out += n;
        c->batch[c->n_batch++] = l;
}

static void batch_make(struct caller *c)
{
        struct crowd *crowd = c->crowd;
        bool is_last = --c->n_batches_left == 0;
        unsigned n = 1;

        if (dice_percent(&crowd->dice, PERCENT_PIPELINED))
                n = 2 + dice_below(&crowd->dice, BATCH_MAX - 1);
        c->n_batch = c->n_answered = 0;
        c->n_out = c->n_sent = 0;
        c->seen_id = 0;
        for (unsigned i = 0; i < n; i++)
                lookup_add(c, is_last && i == n - 1);
        c->cut_bytes = is_last && c->ending == ENDING_CUT_ANSWER
                               ? 1 + dice_below(&crowd->dice, PIECES_LARGE * PIECE_BYTES)
                               : 0;
        crowd->n_batches++;
        crowd->n_pipelined += n > 1 ? n : 0;
}

/* All bytes are out: does the caller go now? */
static void batch_sent(struct caller *c)
{
        if (c->n_batches_left > 0)
                return;
        if (c->ending == ENDING_CUT_HEAD)
                caller_cut(c);
        else if (c->ending == ENDING_CUT_SENT)
                uv_timer_start(&c->cut, on_cut, dice_below(&c->crowd->dice, CUT_DELAY_MAX_MS), 0);
}

/* False: the connection is over. */
static bool caller_send(struct caller *c)
{
        int events = UV_READABLE, n;

        if (c->n_sent == c->n_out)
                return true;
        n = SSL_write(c->ssl, c->out + c->n_sent, (int)(c->n_out - c->n_sent));
        if (n > 0) {
                c->n_sent += (size_t)n;
                if (c->n_sent == c->n_out)
                        batch_sent(c);
        } else if (SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_WRITE) {
                events |= UV_WRITABLE;
        } else {
                caller_failed(c, "the router takes no more");
        }
        if (c->fd < 0)
                return false;
        uv_poll_start(&c->poll, events, on_ready);
        return true;
}

/* ---- answers ---- */

static void batch_next(struct caller *c)
{
        if (c->ending == ENDING_SAID && c->n_batches_left == 0) {
                c->state = FAREWELL;
                return;
        }
        c->n_batch = c->n_answered = 0;
        if (c->n_batches_left == 0 || c->crowd->is_over) {
                if (c->n_batches_left > 0)
                        c->ending = ENDING_CLEAN;
                caller_finished(c);
                return;
        }
        batch_make(c);
        caller_send(c);
}

static void answer_settle(struct caller *c, const struct answer *a, const char *wrong)
{
        struct crowd *crowd = c->crowd;
        struct lookup *l = &c->batch[c->n_answered];

        if (!wrong && a->closes != l->says_close)
                wrong = "the connection is to be closed, or not, against what was asked";
        if (wrong)
                complain(c, l, wrong);
        tape_end(&crowd->tape, l->token, wrong ? OUTCOME_WRONG : OUTCOME_ANSWERED, a->request_id,
                 (uint32_t)(now_us() - l->asked_us));
        c->n_answered++;
        c->seen_id = 0;
        if (crowd->tape.counts[OUTCOME_ANSWERED] + crowd->tape.counts[OUTCOME_WRONG] +
                    crowd->tape.counts[OUTCOME_LOST] >=
            crowd->n_wanted)
                crowd->is_over = true;
        if (crowd->on_progress)
                crowd->on_progress(crowd);
}

/* One answer out of the buffer. False: not whole yet, or the connection is over. */
static bool answer_take(struct caller *c)
{
        struct answer a;
        const char *why = NULL;
        size_t n;
        int r;

        if (c->n_answered == c->n_batch) {
                if (c->n_in > 0)
                        caller_failed(c, "bytes behind the last answer");
                return false;
        }
        r = answer_parse(c->in, c->n_in, &a, &why);
        if (r < 0)
                caller_failed(c, why);
        if (r <= 0)
                return false;
        c->seen_id = a.request_id;
        n = a.head_bytes + a.body_bytes;
        if (c->n_in < n)
                return false;
        answer_settle(c, &a,
                      lookup_check(&c->batch[c->n_answered], &c->crowd->desks[c->desk], &a, c->in));
        memmove(c->in, c->in + n, c->n_in - n);
        c->n_in -= n;
        if (c->n_answered == c->n_batch && c->n_in == 0) {
                batch_next(c);
                return false;
        }
        return true;
}

static bool is_cut_here(const struct caller *c)
{
        return c->cut_bytes > 0 && c->n_answered == c->n_batch - 1 && c->n_in >= c->cut_bytes;
}

static void caller_receive(struct caller *c)
{
        int n;

        while (c->fd >= 0) {
                if (c->n_in == sizeof(c->in)) {
                        caller_failed(c, "more than an answer can be");
                        return;
                }
                n = SSL_read(c->ssl, c->in + c->n_in, (int)(sizeof(c->in) - c->n_in));
                if (n <= 0) {
                        int error = SSL_get_error(c->ssl, n);

                        if (error == SSL_ERROR_WANT_READ)
                                return;
                        if (c->state == FAREWELL && error == SSL_ERROR_ZERO_RETURN)
                                caller_finished(c);
                        else
                                caller_failed(c, "the router ended the connection");
                        return;
                }
                c->n_in += (size_t)n;
                while (c->fd >= 0 && !is_cut_here(c) && answer_take(c))
                        continue;
                if (c->fd >= 0 && is_cut_here(c))
                        caller_cut(c);
        }
}

/* ---- the beginning ---- */

static void caller_greet(struct caller *c)
{
        int r = SSL_do_handshake(c->ssl);

        if (r != 1) {
                if (SSL_get_error(c->ssl, r) == SSL_ERROR_WANT_READ)
                        uv_poll_start(&c->poll, UV_READABLE, on_ready);
                else
                        caller_failed(c, "no TLS with the router");
                return;
        }
        c->crowd->n_resumed += (uint32_t)SSL_session_reused(c->ssl);
        c->state = BUSY;
        batch_make(c);
        caller_send(c);
}

static void caller_connected(struct caller *c)
{
        struct desk *desk = &c->crowd->desks[c->desk];
        int error = 0;
        socklen_t size = sizeof(error);

        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
                caller_failed(c, strerror(error));
                return;
        }
        c->ssl = SSL_new(c->crowd->tls);
        if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1 || SSL_set_app_data(c->ssl, desk) != 1 ||
            SSL_set1_host(c->ssl, c->crowd->router_name) != 1 ||
            SSL_set_tlsext_host_name(c->ssl, c->crowd->router_name) != 1)
                die("TLS");
        if (desk->session && dice_percent(&c->crowd->dice, PERCENT_RESUMED))
                SSL_set_session(c->ssl, desk->session);
        SSL_set_connect_state(c->ssl);
        c->state = GREETING;
        caller_greet(c);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
        struct caller *c = poll->data;

        switch (c->state) {
        case CONNECTING:
                caller_connected(c);
                break;
        case GREETING:
                caller_greet(c);
                break;
        case BUSY:
                if (!(events & UV_WRITABLE) || caller_send(c))
                        caller_receive(c);
                break;
        case FAREWELL:
                caller_receive(c);
                break;
        }
}

static int socket_open(const struct crowd *crowd, struct in_addr from)
{
        struct sockaddr_in source = { .sin_family = AF_INET, .sin_addr = from };
        int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0)
                die("socket");
        /* the port is chosen with the connection: each address has all of them */
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (bind(fd, (struct sockaddr *)&source, sizeof(source)) < 0)
                die("bind");
        if (connect(fd, (const struct sockaddr *)&crowd->router, sizeof(crowd->router)) < 0 &&
            errno != EINPROGRESS)
                die("connect");
        return fd;
}

static enum ending ending_roll(struct dice *d)
{
        unsigned percent = dice_below(d, 100);

        if (percent < 6)
                return percent < 2   ? ENDING_CUT_HEAD
                       : percent < 4 ? ENDING_CUT_SENT
                                     : ENDING_CUT_ANSWER;
        return percent < 16 ? ENDING_SAID : percent < 30 ? ENDING_BARE : ENDING_CLEAN;
}

static void caller_open(struct caller *c)
{
        struct crowd *crowd = c->crowd;

        c->desk = (uint16_t)dice_below(&crowd->dice, crowd->n_desks);
        c->ending = ending_roll(&crowd->dice);
        /* the router's own short answers are whole before a caller could go away within one */
        if (c->ending == ENDING_CUT_ANSWER && crowd->desks[c->desk].status != 200)
                c->ending = ENDING_CUT_SENT;
        c->n_batches_left = 1 + dice_below(&crowd->dice, BATCHES_MAX);
        c->n_batch = c->n_answered = 0;
        c->n_in = c->n_out = c->n_sent = 0;
        c->seen_id = 0;
        c->cut_bytes = 0;
        c->state = CONNECTING;
        c->fd = socket_open(crowd, crowd->desks[c->desk].address);
        if (uv_poll_init(crowd->loop, &c->poll, c->fd) < 0)
                die("uv_poll_init");
        c->poll.data = c;
        uv_poll_start(&c->poll, UV_WRITABLE, on_ready);
        crowd->n_connections++;
}

struct caller *caller_new(struct crowd *crowd)
{
        struct caller *c = calloc(1, sizeof(*c));

        if (!c)
                return NULL;
        c->crowd = crowd;
        uv_timer_init(crowd->loop, &c->cut);
        c->cut.data = c;
        crowd->n_callers++;
        caller_open(c);
        return c;
}
