/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * peer - the other end of a connection, for tests that read from top to bottom
 *
 * A client or a vendor on blocking sockets, plain or TLS by OpenSSL alone. Whatever does not happen
 * within PEER_PATIENCE_S stops the test with a sentence. Loopback only.
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_PATIENCE_S 10

struct peer {
        int fd;
        SSL *ssl;
        unsigned char *data; /* read and not taken yet */
        size_t start, end, size;
        char *head; /* the last of peer_head() */
        int ended;  /* 0; 1 cleanly, -1 otherwise: a socket tells of a reset only once */
};

enum peer_end {
        PEER_END_CLEAN, /* FIN; with TLS after close_notify */
        PEER_END_CUT,   /* RST; with TLS an end without close_notify too */
};

/* A listening socket on 127.0.0.1. */
int peer_listen(uint16_t *ret_port);
/* `from` may be NULL. `tls` may be NULL. */
struct peer *peer_connect(const char *from, uint16_t port, SSL_CTX *tls);
/* With a small receive buffer, so that what it does not read stays with the sender. */
struct peer *peer_connect_narrow(uint16_t port);
struct peer *peer_accept(int listener, SSL_CTX *tls);
/* A connection waits to be accepted. */
bool peer_knocks(int listener);

/* Takes over a connected socket. */
struct peer *peer_adopt(int fd, SSL *ssl);

/* FIN, with TLS after close_notify. */
void peer_close(struct peer *p);
/* FIN, with TLS without close_notify. */
void peer_cut(struct peer *p);
void peer_reset(struct peer *p);
/* Ends the sending side only. */
void peer_half_close(struct peer *p);

void peer_send(struct peer *p, const char *text);
void peer_send_bytes(struct peer *p, const void *data, size_t n);
/* In a thread of its own; `data` must live until the join, which stops the test where it failed. */
struct peer_sender;
struct peer_sender *peer_send_aside(struct peer *p, const void *data, size_t n);
void peer_sender_join(struct peer_sender *s);
/* As much as goes until nothing goes for `quiet_ms`, or the other side breaks it; the bytes
 * sent. */
size_t peer_send_until_blocked(struct peer *p, const void *data, size_t n, int quiet_ms);

/* Through the empty line, terminated; good until the next call. */
const char *peer_head(struct peer *p);
/* The same; NULL where the connection ends before. */
const char *peer_head_or_end(struct peer *p);
/* Exactly `n` bytes. */
void peer_take(struct peer *p, void *data, size_t n);
/* At most `n` bytes, fewer only where the connection ends before; how it did is in *ret_end. */
size_t peer_take_until_end(struct peer *p, void *data, size_t n, enum peer_end *ret_end);
/* Reads and discards until the end; the number of bytes in *ret_n (may be NULL). */
enum peer_end peer_end(struct peer *p, size_t *ret_n);
/* Reads and discards until nothing comes for `quiet_ms`. */
void peer_drain(struct peer *p, int quiet_ms);
/* Something can be read, or the end is there, within `wait_ms`. */
bool peer_has_input(struct peer *p, int wait_ms);
/* The address that the other side calls from. */
const char *peer_address(struct peer *p, char text[static 64]);

/* An answer as a careful client takes it. */
struct answer {
        unsigned status;
        char *head;
        char *body;
        size_t n_body;
        bool complete; /* ended as its framing says */
        bool chunked;
        bool until_close;
};

/* `method` as asked: an answer to HEAD has no body. Interim answers are skipped. */
void answer_read(struct peer *p, const char *method, struct answer *ret);
void answer_done(struct answer *a);
/* Reads it, and stops the test where status or body (NULL: any) differ or it is not complete. */
void answer_expect(struct peer *p, const char *method, unsigned status, const char *body);
/* The value of a header in `head`, copied to `value`; false if it is not there. */
bool header_find(const char *head, const char *name, char *value, size_t size);
