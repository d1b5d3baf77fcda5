/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * stream - bytes over a connected socket, plain or TLS, either side
 *
 * Non-blocking. The owner tries first and watches only when told to wait; the watch stays as it is
 * from request to request (no epoll_ctl on the steady path). Level-triggered, with one trap: after
 * a TLS record was taken with read-ahead the descriptor may be quiet while more lies in the TLS
 * layer, so an owner reads until STREAM_E_AGAIN or asks stream_has_more() before it waits.
 */
#include "lib/base/addr.h"
#include "lib/base/buffer.h"

#include <openssl/ssl.h>
#include <uv.h>

enum {
        STREAM_E_AGAIN = 1, /* wait for the descriptor */
        STREAM_E_END,       /* the peer ended its side properly: FIN, with TLS after close_notify */
        STREAM_E_CUT,       /* it ended without close_notify, or by a reset */
        STREAM_E_TLS,       /* the TLS layer refused: tls_explain() */
};

struct stream;
struct stream_ops;

/* Something to read or room to write, or both: the owner tries. */
typedef void stream_event_fn(struct stream *s);

struct stream {
        const struct stream_ops *ops;
        uv_poll_t poll;
        int fd;
        int watched;      /* events the poll handle is started for */
        int tls_wants;    /* events the TLS layer waits for in the other direction */
        SSL *ssl;         /* NULL: plain */
        stream_event_fn *on_event;
};

/*
 * Takes over `fd` (non-blocking already) and `ssl` (may be NULL), on success only. Not watched yet.
 * Returns 0 or a negative errno.
 */
MUST_CHECK int stream_init(struct stream *s, uv_loop_t *loop, int fd, SSL *ssl,
                           stream_event_fn *on_event);

/* Drives the TLS handshake; plain streams are done at once. 0, an answer above, negative errno. */
MUST_CHECK int stream_handshake(struct stream *s);

/* Each moves at least one byte and says how many, or gives an answer, or a negative errno. */
MUST_CHECK int stream_read(struct stream *s, void *data, size_t size, size_t *ret_n);
MUST_CHECK int stream_write(struct stream *s, const void *data, size_t size, size_t *ret_n);

/* One read into the room of a buffer. -ENOBUFS where it has none. */
MUST_CHECK int stream_fill(struct stream *s, struct buffer *b);
/* Writes until the buffer is empty (0) or it does not go on. */
MUST_CHECK int stream_drain(struct stream *s, struct buffer *b);

/* Bytes wait above the descriptor: no event will tell of them. */
bool stream_has_more(const struct stream *s);

/* Nothing to read and not ended, by a read of one byte that is left in place: fit for reuse. */
bool stream_is_quiet(struct stream *s);

/* Ends the sending side: close_notify, then FIN. Best effort, does not wait. */
void stream_end(struct stream *s);

/* Calls on_event while the wanted direction is possible. */
void stream_watch(struct stream *s, bool readable, bool writable);

enum stream_close { STREAM_CLOSE_CLEAN, STREAM_CLOSE_RESET };

/*
 * Closes the descriptor at once (RESET: the peer gets RST and cannot take what came for complete)
 * and calls on_closed from the loop later; the memory of `s` must live until then.
 */
void stream_close(struct stream *s, enum stream_close how, uv_close_cb on_closed);
