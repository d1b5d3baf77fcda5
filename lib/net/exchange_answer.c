/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way back: ANSWER, STREAM.
 *
 * A truncated answer is never handed on as a whole one: where nothing of it has left yet the client
 * is told 502, else its connection is reset. The upstream connection goes back to its pool as soon
 * as the answer is read, before the client has taken it.
 */
#include "lib/base/clock.h"
#include "lib/net/exchange.h"

#include <errno.h>
#include <stdio.h>

#define INTERIM_MAX 8
#define ANSWER_HELD_MAX_BYTES ((size_t)4096)

static const struct message_limits answer_limits = { .head_bytes = 16384, .target_bytes = 0 };

static bool is_interim(const struct message *m)
{
        return m->head.status >= 100 && m->head.status < 200;
}

static enum step answer_refused(struct exchange *x, const char *what)
{
        return exchange_refuse(x, 502, "%s %s", x->worker->program->origin_noun, what);
}

/* While the head is not whole (or an interim one), the rest of the request still has to go out. */
static enum step answer_wait(struct exchange *x)
{
        if (x->request.complete && buffer_length(&x->upstream->out) == 0)
                return STEP_WAIT;
        return exchange_move(x, EXCHANGE_SEND);
}

/* It never becomes an answer, however long its line end is waited for. */
static bool is_no_answer(struct slice text)
{
        static const char begin[] = "HTTP/";

        return text.length > 0 && memcmp(text.data, begin, MIN(text.length, sizeof(begin) - 1)) != 0;
}

/* Reads until a final head is there. True: it is. Otherwise *ret_step. */
static bool answer_head(struct exchange *x, enum step *ret_step)
{
        struct upstream *u = x->upstream;
        bool to_head = slice_is(x->request.head.method, "HEAD");
        enum head_answer why = HEAD_OK;
        int r;

        if (x->worker->program->redaction)
                x->answer.redaction = x->worker->program->redaction(x);
        for (;;) {
                r = message_begin(&x->answer, MESSAGE_ANSWER, to_head, &answer_limits, &u->in, &why);
                if (r == 0 && !is_interim(&x->answer))
                        return true;
                if (r == MESSAGE_E_MORE && is_no_answer(buffer_slice(&u->in))) {
                        r = MESSAGE_E_HEAD;
                        why = HEAD_E_SYNTAX;
                }
                if (r == 0 && ++x->n_interim <= INTERIM_MAX)
                        continue;
                if (r == 0)
                        *ret_step = answer_refused(x, "sent too many interim answers");
                else if (r == MESSAGE_E_TOO_LONG)
                        *ret_step = answer_refused(x, "sent an answer head that is too long");
                else if (r == MESSAGE_E_HEAD)
                        *ret_step = exchange_refuse(x, 502, "%s sent a bad answer: %s",
                                                    x->worker->program->origin_noun,
                                                    head_answer_explain(why));
                else if (r != MESSAGE_E_MORE)
                        *ret_step = exchange_refuse(x, 503, "out of memory");
                if (r != MESSAGE_E_MORE)
                        return false;
                r = stream_fill(&u->stream, &u->in);
                if (r == 0)
                        continue;
                if (r == STREAM_E_AGAIN)
                        *ret_step = answer_wait(x);
                else if (buffer_length(&u->in) > 0 || x->n_interim > 0)
                        *ret_step = answer_refused(x, "broke off in the head of its answer");
                else
                        *ret_step = exchange_upstream_lost(x, "closed before it answered");
                return false;
        }
}

/* May the upstream connection serve another request? Bytes behind the answer say no. */
static bool is_reusable(const struct exchange *x)
{
        return x->answer.complete && x->request.complete && x->answer.head.keep_alive &&
               buffer_length(&x->upstream->in) == 0;
}

static enum framing choose_framing(const struct exchange *x)
{
        const struct head *h = &x->answer.head;

        /* the length of what a GET would get (RFC 9110 section 8.6) */
        if (x->answer.to_head && h->status != 204 && head_header(h, "Content-Length").data)
                return FRAMING_SIZED;
        if (h->framing == FRAMING_NONE)
                return x->answer.to_head || h->status == 204 || h->status == 304 ? FRAMING_NONE
                                                                                  : FRAMING_SIZED;
        if (h->framing == FRAMING_SIZED)
                return FRAMING_SIZED;
        return x->request.head.minor == 1 ? FRAMING_CHUNKED : FRAMING_UNTIL_CLOSE;
}

/* A status has three digits: head_interpret() saw to that. */
static int status_line_put(struct buffer *out, unsigned status, struct slice reason)
{
        char line[] = { 'H', 'T', 'T', 'P', '/', '1', '.', '1', ' ', (char)('0' + status / 100),
                        (char)('0' + status / 10 % 10), (char)('0' + status % 10), ' ' };
        int r;

        r = buffer_put(out, line, sizeof(line));
        if (r == 0)
                r = buffer_put_slice(out, reason);
        return r ? r : buffer_put(out, "\r\n", 2);
}

static int own_headers_put(struct exchange *x, struct buffer *out)
{
        int r;

        r = buffer_put_text(out, "X-Request-Id: ");
        if (r == 0)
                r = buffer_put(out, x->id, sizeof(x->id) - 1);
        if (r == 0)
                r = buffer_put(out, "\r\n", 2);
        if (r == 0 && x->next != CLIENT_KEEP)
                r = buffer_put_text(out, "Connection: close\r\n");
        return r;
}

static int answer_put(struct exchange *x)
{
        const struct head *h = &x->answer.head;
        struct buffer *out = &x->client->out;
        int r;

        r = status_line_put(out, h->status, h->reason);
        if (r == 0)
                r = x->worker->program->answer(x, out);
        if (r == 0)
                r = own_headers_put(x, out);
        if (r == 0)
                r = framing_put(out, x->answer_framing, h->content_length);
        if (r == 0)
                r = held_put(out, buffer_slice(&x->held), x->answer.complete, x->answer_framing);
        return r;
}

static enum step answer_pass(struct exchange *x)
{
        struct buffer *out = &x->client->out;

        x->n_before = buffer_length(out);
        x->status = x->answer.head.status;
        x->answer_framing = choose_framing(x);
        x->next = x->request.head.keep_alive && x->request.complete &&
                                  x->answer_framing != FRAMING_UNTIL_CLOSE
                          ? CLIENT_KEEP
                          : CLIENT_FINISH;
        if (answer_put(x) != 0) {
                out->end = out->start + x->n_before;
                return answer_refused(x, "sent an answer head that is too long to be sent on");
        }
        x->answered = true;
        x->n_answer_bytes = buffer_length(&x->held);
        buffer_release(&x->held);
        deadline_set(&x->client->deadline,
                     uv_now(x->worker->loop) + x->worker->settings->answer_ms);
        return exchange_move(x, EXCHANGE_STREAM);
}

static enum step answer_again(struct exchange *x)
{
        bool reusable;

        assert(x->attempt + 1 < EXCHANGE_MAX_ATTEMPTS && x->request.head.framing == FRAMING_NONE);
        /* what lies here already may complete the thrown-away answer and save the connection */
        if (!x->answer.complete && message_body(&x->answer, &x->upstream->in, &x->held, SIZE_MAX) != 0)
                x->answer.complete = false;
        reusable = is_reusable(x);
        exchange_drop_upstream(x, reusable);
        message_done(&x->answer);
        buffer_release(&x->held);
        x->attempt++;
        x->retried = false;
        x->n_interim = 0;
        return exchange_move(x, EXCHANGE_ROUTE);
}

/* Collects the beginning of the body for the program. True when there is enough to show or no
 * more. */
static bool answer_hold(struct exchange *x, enum step *ret_step)
{
        struct upstream *u = x->upstream;
        int r = 0;

        while (!x->answer.complete && buffer_length(&x->held) < ANSWER_HELD_MAX_BYTES) {
                if (message_body(&x->answer, &u->in, &x->held,
                                 ANSWER_HELD_MAX_BYTES - buffer_length(&x->held)) != 0) {
                        *ret_step = answer_refused(x, "sent a malformed answer");
                        return false;
                }
                if (x->answer.complete || buffer_length(&u->in) > 0)
                        continue;
                r = stream_fill(&u->stream, &u->in);
                if (r == STREAM_E_AGAIN) {
                        *ret_step = STEP_WAIT;
                        return false;
                }
                if (r == STREAM_E_END && message_end(&x->answer))
                        r = buffer_put_slice(&x->held, message_rest(&x->answer));
                if (r != 0) {
                        *ret_step = answer_refused(x, "broke off its answer");
                        return false;
                }
        }
        return true;
}

enum step exchange_answer(struct exchange *x)
{
        enum judgement judgement = JUDGE_PASS;
        enum step step;

        if (!x->answer.parsed || is_interim(&x->answer)) {
                if (!answer_head(x, &step))
                        return step;
                x->upstream_us = clock_monotonic_us() - x->sent_us;
                x->holding = false;
        }
        if (!x->holding) {
                judgement = x->worker->program->judge(x, (struct slice){ "", 0 }, false);
                x->holding = judgement == JUDGE_MORE;
        }
        if (x->holding) {
                if (!answer_hold(x, &step))
                        return step;
                judgement = x->worker->program->judge(x, buffer_slice(&x->held), true);
        }
        return judgement == JUDGE_AGAIN ? answer_again(x) : answer_pass(x);
}

/* From the upstream's buffer to the client's, and more from the socket, as long as there is
 * room: head and body leave in one write where both are there. Returns 0, STREAM_E_AGAIN, or
 * STREAM_E_CUT. */
static int stream_take_in(struct exchange *x)
{
        struct upstream *u = x->upstream;
        uint64_t before = x->answer.n_body_bytes;
        int r = 0;

        while (!x->answer.complete && buffer_room(&x->client->out) > ANSWER_ROOM_MIN_BYTES) {
                if (message_pump(&x->answer, &u->in, &x->client->out, x->answer_framing) != 0) {
                        r = STREAM_E_CUT;
                        break;
                }
                if (x->answer.complete || buffer_length(&u->in) > 0)
                        continue;
                r = stream_fill(&u->stream, &u->in);
                if (r == STREAM_E_END && message_end(&x->answer)) {
                        r = held_put(&x->client->out, message_rest(&x->answer), true,
                                     x->answer_framing);
                        break;
                }
                if (r != 0)
                        break;
        }
        x->n_answer_bytes += x->answer.n_body_bytes - before;
        return r;
}

/* Without a byte on its way to the client its beginning is taken back, and the client is told. */
static enum step stream_broken(struct exchange *x)
{
        struct buffer *out = &x->client->out;

        if (!x->begun) {
                out->end = out->start + x->n_before;
                x->answered = false;
                x->n_answer_bytes = 0;
                return answer_refused(x, "broke off its answer");
        }
        exchange_drop_upstream(x, false);
        snprintf(x->reason, sizeof(x->reason), "%s broke off its answer",
                 x->worker->program->origin_noun);
        x->next = CLIENT_RESET;
        return exchange_move(x, EXCHANGE_SETTLE);
}

enum step exchange_stream(struct exchange *x)
{
        struct client *c = x->client;
        int in, out;

        for (;;) {
                in = x->upstream ? stream_take_in(x) : 0;
                if (in != 0 && in != STREAM_E_AGAIN)
                        return stream_broken(x);
                if (x->upstream && x->answer.complete)
                        exchange_drop_upstream(x, is_reusable(x));
                x->begun = true;
                out = stream_drain(&c->stream, &c->out);
                x->client_blocked = out == STREAM_E_AGAIN;
                if (out == STREAM_E_AGAIN)
                        return STEP_WAIT;
                if (out != 0) {
                        c->gone = true;
                        return STEP_NEXT;
                }
                if (!x->upstream)
                        return exchange_move(x, EXCHANGE_SETTLE);
                if (in == STREAM_E_AGAIN)
                        return STEP_WAIT;
        }
}
