/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * exchange - one proxied request and its answer
 *
 * A state machine: events only record facts and call exchange_run(), which runs the function of the
 * state until it has to wait; exchange_move() is the one place where the state changes. The engine
 * knows nothing of keys or policy: the program decides, rewrites and judges through struct program.
 * Owner: its client, until it settles.
 */
#include "lib/net/client.h"
#include "lib/net/program.h"
#include "lib/net/upstream.h"

#define EXCHANGE_STATES(X)                                              \
        X(HEAD, "read and check the request head")                      \
        X(ROUTE, "ask the program what to do with it")                  \
        X(DIAL, "borrow or open the upstream connection")               \
        X(SEND, "request out")                                          \
        X(ANSWER, "response head in, classified")                       \
        X(STREAM, "body through, with back-pressure")                   \
        X(SETTLE, "the only exit: counts, one event, connection back or closed")

enum exchange_state {
#define X(name, sentence) EXCHANGE_##name,
        EXCHANGE_STATES(X)
#undef X
        N_EXCHANGE_STATES
};

#define EXCHANGE_MAX_ATTEMPTS 3 /* the first, and after it so many JUDGE_AGAIN at most */
#define PROGRAM_STATE_BYTES 1024
#define REASON_MAX 160
#define ANSWER_ROOM_MIN_BYTES (BLOCK_BYTES / 4) /* with less in client->out the vendor has to wait */

struct exchange {
        enum exchange_state state;
        struct client *client;
        struct worker *worker;
        struct list free_link;
        char id[17]; /* 16 hex digits, unique */
        struct message request, answer;
        struct verdict verdict;
        unsigned attempt; /* times that the program had it routed once more */
        bool retried;     /* this attempt: sent again because a connection was stale; once */
        bool was_retried; /* any attempt */
        bool running;
        /* upstream */
        struct dial dial;
        bool dialling;
        struct upstream *upstream;
        bool upstream_blocked; /* the last write said wait */
        unsigned n_interim;    /* 1xx answers thrown away */
        bool holding;          /* the program wants to see a piece of the body */
        struct buffer held;    /* the beginning of the answer's body while the program judges */
        enum framing answer_framing;
        /* the client's side */
        bool client_blocked;
        bool answered;   /* the head of the answer is in client->out */
        bool begun;      /* a byte of the answer may have left */
        size_t n_before; /* bytes that stood in client->out before the answer */
        bool own;        /* the answer was made here */
        enum client_next next;
        /* the story, for the program's event */
        unsigned status;
        char reason[REASON_MAX];
        uint64_t began_us;   /* monotonic: the request head was whole */
        uint64_t asked_us;   /* its body too: the deadline counts from here */
        uint64_t upstream_us; /* spent since the request was sent until the answer's head, last attempt */
        uint64_t sent_us;
        uint64_t n_answer_bytes; /* body bytes handed on */
        _Alignas(max_align_t) char program_state[PROGRAM_STATE_BYTES];
};

/* From the worker's spare ones or the heap; NULL without memory. */
struct exchange *exchange_new(struct client *c);
/* All spare ones of a worker that ends. */
void exchange_free_all(struct worker *w);

/* Something happened: go on as far as possible. The exchange may be gone afterwards. */
void exchange_run(struct exchange *x);
/* The client's descriptor is ready. */
void exchange_on_client(struct exchange *x);
/* The client's deadline passed. */
void exchange_expire(struct exchange *x);

/* ---- between the files of the machine ---- */

enum step { STEP_NEXT, STEP_WAIT, STEP_DONE };

enum step exchange_head(struct exchange *x);
enum step exchange_route(struct exchange *x);
enum step exchange_dial(struct exchange *x);
enum step exchange_send(struct exchange *x);
enum step exchange_answer(struct exchange *x);
enum step exchange_stream(struct exchange *x);

/* Always STEP_NEXT. */
enum step exchange_move(struct exchange *x, enum exchange_state to);

/*
 * Ends it with an answer made here (or, with bytes of another one sent already, by breaking the
 * connection). The upstream connection is not reused. Always STEP_NEXT.
 */
enum step exchange_refuse(struct exchange *x, unsigned status, const char *format, ...)
        PRINTF_LIKE(3, 4);

/* Writes the answer that verdict.status and x->reason call for into client->out. */
MUST_CHECK int reply_put(struct exchange *x);
/* "Forbidden"; "" for a status we do not make. */
const char *status_text(unsigned status);

/* Milliseconds of uv_now() at which the vendor's answer must have begun. */
uint64_t exchange_deadline_ms(const struct exchange *x);

/* The upstream side failed before an answer began. `what` it did, as "closed before it
 * answered". */
enum step exchange_upstream_lost(struct exchange *x, const char *what);

/* The one place where a dial begins or ends, so that the worker's count cannot lie. */
void exchange_set_dialling(struct exchange *x, bool dialling);

/* Gives up the upstream side: a dial under way, or the connection. */
void exchange_drop_upstream(struct exchange *x, bool reusable);
