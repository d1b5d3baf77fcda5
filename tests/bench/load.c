/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - a closed loop of HTTP requests over TLS or plain TCP, each connection from an address of
 * its own
 *
 * One thread. A slot is a connection with at most one request under way; when the answer is whole
 * it sends the next one (keep), or closes and connects anew from the next address (fresh, resume),
 * or stays open and quiet (idle). With keep, nothing counts until all slots have been busy for a
 * while: then the line "warm" is printed, and the time begins. The result is one line of JSON on
 * standard output.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_SOURCES 8192
#define MAX_SLOTS 8192
#define ANSWER_MAX_BYTES 16384
#define REQUEST_MAX_BYTES 2048
#define WARM_UP_US 500000
#define WARM_UP_MAX_US 30000000
#define OPENING_MAX 16 /* idle: so many connections at a time open and ask */

enum mode { KEEP, FRESH, RESUME, IDLE };
static const char *const mode_names[] = { "keep", "fresh", "resume", "idle", NULL };

enum slot_state { CLOSED, CONNECTING, GREETING, WAITING, RESTING };

struct slot {
        enum slot_state state;
        int fd;
        SSL *ssl;
        uint64_t began_us;
        size_t n_bytes, n_expected;
        bool is_bad; /* the answer under way is not a 200 */
        bool is_warm;
        char head[ANSWER_MAX_BYTES];
};

static struct {
        enum mode mode;
        struct sockaddr_in target;
        const char *server_name;
        SSL_CTX *tls;
        struct in_addr sources[MAX_SOURCES];
        unsigned n_sources;
        unsigned n_slots;
        uint64_t duration_us, n_wanted;
        char request[REQUEST_MAX_BYTES];
        size_t request_bytes;
} want;

/* Log-linear: 64 steps to an octave, so a quantile is within 1.6 percent. */
#define STEPS 128
static uint64_t histogram[64 * STEPS];

static struct slot *slots;
static int epoll_fd;
static unsigned next_source;
static unsigned n_opening;
static uint64_t n_requests, n_failed, n_connections, n_resumed;
static SSL_SESSION *session;
static bool is_over;
static unsigned n_warm;
static uint64_t warm_us; /* when the last slot had its first answer */
static bool counts;
static uint64_t began_us;

static uint64_t now_us(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_nsec / 1000U;
}

static void die(const char *what)
{
        fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
        exit(1);
}

static void histogram_add(uint64_t us)
{
        unsigned octave = us < STEPS ? 0 : 57U - (unsigned)__builtin_clzll(us);

        histogram[octave * STEPS + (us >> octave)]++;
}

static uint64_t histogram_quantile(double q)
{
        uint64_t n_before = 0, wanted = (uint64_t)(q * (double)n_requests);

        for (unsigned i = 0; i < 64 * STEPS; i++) {
                n_before += histogram[i];
                if (n_before > wanted) {
                        unsigned octave = i / STEPS;

                        return (uint64_t)(i - octave * STEPS) << octave;
                }
        }
        return 0;
}

static int on_session(SSL *ssl, SSL_SESSION *fresh)
{
        SSL_SESSION_free(session);
        session = fresh;
        return 1;
}

static void slot_watch(struct slot *s, int operation, uint32_t events)
{
        struct epoll_event e = { .events = events, .data.ptr = s };

        if (epoll_ctl(epoll_fd, operation, s->fd, &e) < 0)
                die("epoll_ctl");
}

static void slot_close(struct slot *s)
{
        if (s->ssl) {
                SSL_shutdown(s->ssl);
                SSL_free(s->ssl);
                s->ssl = NULL;
        }
        close(s->fd);
        s->state = CLOSED;
}

static void slot_open(struct slot *s)
{
        struct sockaddr_in from = { .sin_family = AF_INET };
        int on = 1;

        from.sin_addr = want.sources[next_source++ % want.n_sources];
        s->began_us = now_us();
        s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (s->fd < 0)
                die("socket");
        /* the port is chosen with the connection: each address has all of them for each target */
        setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (bind(s->fd, (struct sockaddr *)&from, sizeof(from)) < 0)
                die("bind");
        if (connect(s->fd, (struct sockaddr *)&want.target, sizeof(want.target)) < 0 &&
            errno != EINPROGRESS)
                die("connect");
        s->state = CONNECTING;
        n_connections++;
        n_opening++;
        slot_watch(s, EPOLL_CTL_ADD, EPOLLOUT);
}

static void slot_failed(struct slot *s)
{
        if (s->state == CONNECTING || s->state == GREETING)
                n_opening--;
        n_failed++;
        ERR_clear_error();
        slot_close(s);
        if (n_failed > 1000 + n_requests) {
                fprintf(stderr, "load: nothing but failures\n");
                exit(1);
        }
        if (!is_over)
                slot_open(s);
}

static bool slot_send(struct slot *s)
{
        ssize_t n;

        s->n_bytes = s->n_expected = 0;
        s->is_bad = false;
        if (want.mode == KEEP)
                s->began_us = now_us(); /* else the latency has the connection in it */
        n = s->ssl ? SSL_write(s->ssl, want.request, (int)want.request_bytes)
                   : send(s->fd, want.request, want.request_bytes, MSG_NOSIGNAL);
        s->state = WAITING;
        return n == (ssize_t)want.request_bytes;
}

/* From now on it counts. */
static void begin(void)
{
        memset(histogram, 0, sizeof(histogram));
        n_requests = 0;
        counts = true;
        began_us = now_us();
        puts("warm");
        fflush(stdout);
}

static void slot_answered(struct slot *s)
{
        if (!s->is_warm) {
                s->is_warm = true;
                if (++n_warm == want.n_slots)
                        warm_us = now_us();
        }
        n_requests++;
        n_failed += s->is_bad;
        histogram_add(now_us() - s->began_us);
        if (counts && n_requests >= want.n_wanted)
                is_over = true;
        if (want.mode == IDLE) {
                s->state = RESTING;
        } else if (want.mode != KEEP) {
                slot_close(s);
                if (!is_over)
                        slot_open(s);
        } else if (!is_over && !slot_send(s)) {
                slot_failed(s);
        }
}

/* The length of the whole answer once its head is there; 0 before. */
static size_t answer_length(struct slot *s)
{
        const char *end = memmem(s->head, s->n_bytes, "\r\n\r\n", 4);
        const char *length;

        if (!end)
                return 0;
        s->head[end - s->head + 2] = 0;
        length = strcasestr(s->head, "\r\nContent-Length:");
        s->is_bad = strncmp(s->head, "HTTP/1.1 200 ", 13) != 0 || !length;
        return (size_t)(end - s->head) + 4 + (length ? strtoul(length + 17, NULL, 10) : 0);
}

/* > 0: bytes; 0: the end or a failure; < 0: nothing now. */
static ssize_t slot_read(struct slot *s, char *to, size_t room)
{
        ssize_t n;

        if (s->ssl) {
                n = SSL_read(s->ssl, to, (int)room);
                return n > 0 ? n : SSL_get_error(s->ssl, (int)n) == SSL_ERROR_WANT_READ ? -1 : 0;
        }
        n = recv(s->fd, to, room, 0);
        return n < 0 && errno != EAGAIN ? 0 : n;
}

static void slot_take_in(struct slot *s)
{
        ssize_t n;

        while (s->n_bytes < sizeof(s->head) - 1) {
                n = slot_read(s, s->head + s->n_bytes, sizeof(s->head) - 1 - s->n_bytes);
                if (n < 0)
                        return;
                if (n == 0)
                        break;
                s->n_bytes += (size_t)n;
                if (s->n_expected == 0)
                        s->n_expected = answer_length(s);
                if (s->n_expected && s->n_bytes >= s->n_expected) {
                        slot_answered(s);
                        return;
                }
        }
        slot_failed(s);
}

static void slot_greet(struct slot *s)
{
        int r = s->ssl ? SSL_do_handshake(s->ssl) : 1;

        if (r != 1) {
                if (SSL_get_error(s->ssl, r) != SSL_ERROR_WANT_READ)
                        slot_failed(s);
                return;
        }
        n_opening--;
        if (s->ssl)
                n_resumed += (uint64_t)SSL_session_reused(s->ssl);
        if (!slot_send(s))
                slot_failed(s);
}

static void slot_connected(struct slot *s)
{
        int error = 0;
        socklen_t size = sizeof(error);

        getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
                slot_failed(s);
                return;
        }
        if (want.tls) {
                s->ssl = SSL_new(want.tls);
                if (!s->ssl || SSL_set_fd(s->ssl, s->fd) != 1 ||
                    SSL_set1_host(s->ssl, want.server_name) != 1 ||
                    SSL_set_tlsext_host_name(s->ssl, want.server_name) != 1)
                        die("TLS");
                if (want.mode == RESUME && session)
                        SSL_set_session(s->ssl, session);
                SSL_set_connect_state(s->ssl);
        }
        s->state = GREETING;
        slot_watch(s, EPOLL_CTL_MOD, EPOLLIN);
        slot_greet(s);
}

static void slot_run(struct slot *s)
{
        char rest[512];

        switch (s->state) {
        case CONNECTING:
                slot_connected(s);
                break;
        case GREETING:
                slot_greet(s);
                break;
        case WAITING:
                slot_take_in(s);
                break;
        case RESTING: /* a session ticket, or the end */
                if (slot_read(s, rest, sizeof(rest)) == 0)
                        slot_failed(s);
                break;
        case CLOSED:
                break;
        }
}

static void loop_run(void)
{
        unsigned n_started = 0;
        uint64_t now;

        while (!is_over) {
                struct epoll_event events[256];
                int n;

                while (n_started < want.n_slots && (want.mode != IDLE || n_opening < OPENING_MAX))
                        slot_open(&slots[n_started++]);
                n = epoll_wait(epoll_fd, events, 256, 100);
                if (n < 0 && errno != EINTR)
                        die("epoll_wait");
                for (int i = 0; i < n; i++)
                        slot_run(events[i].data.ptr);
                now = now_us();
                if (!counts && warm_us && now >= warm_us + WARM_UP_US)
                        begin();
                if (now >= began_us + (counts ? want.duration_us : WARM_UP_MAX_US))
                        is_over = true;
        }
}

static void report(uint64_t took_us)
{
        printf("{\"requests\": %llu, \"failed\": %llu, \"connections\": %llu, \"resumed\": %llu, "
               "\"seconds\": %.6f, \"p50_us\": %llu, \"p99_us\": %llu}\n",
               (unsigned long long)n_requests, (unsigned long long)n_failed,
               (unsigned long long)n_connections, (unsigned long long)n_resumed,
               (double)took_us / 1e6, (unsigned long long)histogram_quantile(0.5),
               (unsigned long long)histogram_quantile(0.99));
        fflush(stdout);
}

/* ---- the command line ---- */

static void sources_load(const char *path)
{
        FILE *f = fopen(path, "re");
        char line[64];

        if (!f)
                die(path);
        while (want.n_sources < MAX_SOURCES && fgets(line, sizeof(line), f)) {
                line[strcspn(line, "\n")] = 0;
                if (inet_pton(AF_INET, line, &want.sources[want.n_sources++]) != 1) {
                        fprintf(stderr, "load: %s: not an address: %s\n", path, line);
                        exit(64);
                }
        }
        fclose(f);
}

static void tls_load(const char *ca)
{
        want.tls = SSL_CTX_new(TLS_client_method());
        if (!want.tls || SSL_CTX_load_verify_file(want.tls, ca) != 1) {
                fprintf(stderr, "load: cannot use %s\n", ca);
                exit(64);
        }
        SSL_CTX_set_verify(want.tls, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_mode(want.tls, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_session_cache_mode(want.tls,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(want.tls, on_session);
}

static void usage(void)
{
        fprintf(stderr,
                "Usage: load [--mode keep|fresh|resume|idle] [--connections N] [--seconds S]\n"
                "            [--requests N] [--ca FILE --name NAME] --sources FILE\n"
                "            --host HOST --path PATH ADDRESS PORT\n"
                "  Without --ca it speaks plain TCP. With --mode idle every connection sends\n"
                "  one request and stays; after the result it waits for the end of its input.\n");
        exit(64);
}

static unsigned bounded(const char *text, unsigned max)
{
        char *end;
        unsigned long n = strtoul(text, &end, 10);

        if (*end || n == 0 || n > max)
                usage();
        return (unsigned)n;
}

static void request_format(const char *host, const char *path)
{
        int n = snprintf(
                want.request, sizeof(want.request),
                "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: smartystreets (sdk:bench@1.0)\r\n"
                "Accept: */*\r\nAccept-Encoding: identity\r\n\r\n",
                path, host);

        if (n < 0 || (size_t)n >= sizeof(want.request))
                usage();
        want.request_bytes = (size_t)n;
}

static enum mode mode_parse(const char *name)
{
        for (unsigned i = 0; mode_names[i]; i++) {
                if (strcmp(name, mode_names[i]) == 0)
                        return (enum mode)i;
        }
        usage();
        return KEEP;
}

static void options_parse(int argc, char **argv)
{
        static const struct option options[] = {
                { "mode", required_argument, NULL, 'm' },
                { "connections", required_argument, NULL, 'c' },
                { "seconds", required_argument, NULL, 's' },
                { "requests", required_argument, NULL, 'r' },
                { "ca", required_argument, NULL, 'a' },
                { "name", required_argument, NULL, 'n' },
                { "sources", required_argument, NULL, 'f' },
                { "host", required_argument, NULL, 'h' },
                { "path", required_argument, NULL, 'p' },
                { 0 },
        };
        const char *host = NULL, *path = NULL;
        int o;

        want.n_slots = 1;
        want.duration_us = 600 * 1000000ULL;
        want.n_wanted = UINT64_MAX;
        while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
                switch (o) {
                case 'm':
                        want.mode = mode_parse(optarg);
                        break;
                case 'c':
                        want.n_slots = bounded(optarg, MAX_SLOTS);
                        break;
                case 's':
                        want.duration_us = (uint64_t)(atof(optarg) * 1e6);
                        break;
                case 'r':
                        want.n_wanted = bounded(optarg, UINT32_MAX);
                        break;
                case 'a':
                        tls_load(optarg);
                        break;
                case 'n':
                        want.server_name = optarg;
                        break;
                case 'f':
                        sources_load(optarg);
                        break;
                case 'h':
                        host = optarg;
                        break;
                case 'p':
                        path = optarg;
                        break;
                default:
                        usage();
                }
        }
        if (argc - optind != 2 || !host || !path || want.n_sources == 0 ||
            (want.tls && !want.server_name))
                usage();
        want.target.sin_family = AF_INET;
        want.target.sin_port = htons((uint16_t)bounded(argv[optind + 1], 65535));
        if (inet_pton(AF_INET, argv[optind], &want.target.sin_addr) != 1)
                usage();
        request_format(host, path);
}

/* Until standard input ends the resting connections are kept, and what comes on them is read. */
static void rest(void)
{
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };

        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &e) < 0)
                die("standard input");
        while (epoll_wait(epoll_fd, &e, 1, -1) == 1 && e.data.ptr)
                slot_run(e.data.ptr);
}

int main(int argc, char **argv)
{
        options_parse(argc, argv);
        if (want.mode == IDLE)
                want.n_wanted = want.n_slots;
        slots = calloc(want.n_slots, sizeof(*slots));
        epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (!slots || epoll_fd < 0)
                die("start");
        counts = want.mode != KEEP;
        began_us = now_us();
        loop_run();
        report(now_us() - began_us);
        if (want.mode == IDLE)
                rest();
        return n_failed ? 2 : 0;
}
