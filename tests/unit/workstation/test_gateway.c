/* SPDX-License-Identifier: Apache-2.0 */
#include "workstation/gateway.h"

#include "lib/net/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct api api_table[] = {
        { .name = (char *)"us-street", .host = (char *)"us-street.api.example" },
        { .name = (char *)"us-zip", .host = (char *)"us-zip.api.example" },
};

/* One exchange with what the program looks at, and nothing behind it. */
struct fixture {
        struct config config;
        struct uplink uplink;
        struct gateway gateway;
        struct worker worker;
        struct exchange exchange;
        struct block_pool blocks;
        struct buffer out;
        struct verdict verdict;
};

static struct fixture f;

static int fixture_init(void **state)
{
        memset(&f, 0, sizeof(f));
        f.config.apis = (struct provider){ .apis = api_table, .n_apis = N_ELEMENTS(api_table) };
        f.config.deadline_ms = 9000;
        f.config.max_body_bytes = 77;
        f.uplink.n_addresses = 1;
        f.uplink.turn = 5;
        f.gateway = (struct gateway){ .config = &f.config, .uplink = &f.uplink };
        f.worker.program_state = &f.gateway;
        f.exchange.worker = &f.worker;
        f.exchange.request.parsed = true;
        block_pool_init(&f.blocks, 1);
        buffer_init(&f.out, &f.blocks);
        return 0;
}

static int fixture_done(void **state)
{
        buffer_release(&f.out);
        block_pool_done(&f.blocks);
        return 0;
}

static void request_is(const char *method, const char *host, const char *path, const char *query)
{
        struct head *h = &f.exchange.request.head;

        *h = (struct head){ .is_request = true };
        h->method = slice_of(method);
        h->host = slice_of(host);
        h->path = slice_of(path);
        h->query = slice_of(query);
}

static void header_add(struct head *h, const char *name, const char *value, bool hop)
{
        h->headers[h->n_headers++] = (struct header){ slice_of(name), slice_of(value), hop };
}

static void decide(void)
{
        f.verdict = (struct verdict){ .kind = VERDICT_REPLY };
        gateway_program.decide(&f.exchange, &f.verdict);
}

static void assert_out(const char *expected)
{
        struct slice out = buffer_slice(&f.out);

        if (!slice_is(out, expected))
                fail_msg("%.*s", (int)out.length, out.data);
}

static void a_request_goes_to_the_router_with_the_vendors_host(void **state)
{
        struct head *h = &f.exchange.request.head;

        request_is("GET", "127.0.0.1", "/us-street/street-address", "street=1+Main&key=7");
        header_add(h, "Host", "127.0.0.1:8402", false);
        header_add(h, "Origin", "https://crm.example", false);
        header_add(h, "Keep-Alive", "5", true);
        decide();
        assert_int_equal(f.verdict.kind, VERDICT_FORWARD);
        assert_ptr_equal(f.verdict.origin, &f.uplink.origin);
        assert_int_equal(f.verdict.deadline_ms, 9000);
        assert_int_equal(f.verdict.max_body_bytes, 77);
        assert_int_equal(gateway_program.rewrite(&f.exchange, &f.out), 0);
        assert_out("GET /street-address?street=1+Main&key=7 HTTP/1.1\r\n"
                   "Host: us-street.api.example\r\n"
                   "Origin: https://crm.example\r\n");
}

static void an_empty_query_keeps_its_mark_and_none_gets_none(void **state)
{
        request_is("POST", "us-zip.api.example", "/lookup", NULL);
        decide();
        assert_int_equal(gateway_program.rewrite(&f.exchange, &f.out), 0);
        assert_out("POST /lookup HTTP/1.1\r\nHost: us-zip.api.example\r\n");
        buffer_release(&f.out);
        f.exchange.request.head.query = SLICE_LITERAL("");
        assert_int_equal(gateway_program.rewrite(&f.exchange, &f.out), 0);
        assert_out("POST /lookup? HTTP/1.1\r\nHost: us-zip.api.example\r\n");
}

static void without_an_address_of_the_router_it_is_503(void **state)
{
        f.uplink.n_addresses = 0;
        request_is("GET", "127.0.0.1", "/us-street/x", NULL);
        decide();
        assert_int_equal(f.verdict.kind, VERDICT_REPLY);
        assert_int_equal(f.verdict.status, 503);
        assert_true(f.verdict.retry_after_s > 0);
        assert_string_equal(f.exchange.reason, "the router's name does not resolve");
}

static void refusals_have_status_and_reason(void **state)
{
        request_is("GET", "evil.example", "/us-street/x", NULL);
        decide();
        assert_int_equal(f.verdict.status, 403);
        assert_string_equal(f.exchange.reason, "host is not one of this workstation's APIs");
        request_is("GET", "127.0.0.1", "/healthz", NULL);
        decide();
        assert_int_equal(f.verdict.status, 204);
        request_is("TRACE", "127.0.0.1", "/us-street/x", NULL);
        decide();
        assert_int_equal(f.verdict.status, 405);
        assert_non_null(strstr(f.verdict.allow, "GET"));
        assert_null(strstr(f.verdict.allow, "TRACE"));
}

static void an_unknown_prefix_is_told_the_known_ones(void **state)
{
        request_is("GET", "127.0.0.1", "/secret-street/x", NULL);
        decide();
        assert_int_equal(f.verdict.status, 404);
        assert_string_equal(f.verdict.message,
                            "path does not begin with the name of an API: us-street, us-zip");
}

/* More names than a message holds: whole ones, and a mark that there are more, wherever the cut
 * is. */
static void many_names_are_cut_between_two(void **state)
{
        static char first[] = "abcdefghijklmnop";
        static struct api many[100];
        size_t n;

        for (size_t i = 0; i < N_ELEMENTS(many); i++)
                many[i] = (struct api){ .name = (char *)"an-api-name" };
        f.config.apis = (struct provider){ .apis = many, .n_apis = N_ELEMENTS(many) };
        for (size_t i = 0; first[i]; i++) {
                many[0].name = first + i;
                request_is("GET", "127.0.0.1", "/x", NULL);
                decide();
                n = strlen(f.verdict.message);
                assert_true(n < sizeof(f.verdict.message));
                assert_string_equal(f.verdict.message + n - strlen("an-api-name ..."),
                                    "an-api-name ...");
        }
}

static const struct cors {
        const char *sentence;
        bool parsed;
        unsigned status;
        const char *origin;
        const char *expected;
} cors[] = {
        { "a page may read that the router is away", true, 502, "https://crm.example",
          "Access-Control-Allow-Origin: https://crm.example\r\nVary: Origin\r\n" },
        { "and that it is slow", true, 504, "null",
          "Access-Control-Allow-Origin: null\r\nVary: Origin\r\n" },
        { "without Origin nothing is added", true, 503, NULL, "" },
        { "a refusal is not for pages", true, 403, "https://crm.example", "" },
        { "nor is a wrong path", true, 404, "https://crm.example", "" },
        { "a head that was not understood has no Origin", false, 503, "https://crm.example", "" },
};

static void only_errors_of_the_way_are_readable_by_pages(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(cors); i++) {
                request_is("GET", "127.0.0.1", "/us-street/x", NULL);
                if (cors[i].origin)
                        header_add(&f.exchange.request.head, "Origin", cors[i].origin, false);
                f.exchange.request.parsed = cors[i].parsed;
                f.exchange.status = cors[i].status;
                assert_int_equal(gateway_program.decorate(&f.exchange, &f.out), 0);
                if (!slice_is(buffer_slice(&f.out), cors[i].expected))
                        fail_msg("%s", cors[i].sentence);
                buffer_release(&f.out);
        }
}

static void the_routers_request_id_does_not_pass(void **state)
{
        struct head *h = &f.exchange.answer.head;

        request_is("GET", "127.0.0.1", "/us-street/x", NULL);
        decide();
        header_add(h, "X-Request-Id", "0123456789abcdef", false);
        header_add(h, "Content-Type", "application/json", false);
        assert_int_equal(gateway_program.answer(&f.exchange, &f.out), 0);
        assert_out("Content-Type: application/json\r\n");
}

static void a_second_address_is_tried_when_the_first_refuses(void **state)
{
        request_is("GET", "127.0.0.1", "/us-street/x", NULL);
        f.uplink.n_addresses = 2;
        decide();
        assert_int_equal(gateway_program.judge_dial(&f.exchange, DIAL_E_SOURCE), JUDGE_PASS);
        assert_int_equal(f.uplink.current, 0);
        assert_int_equal(gateway_program.judge_dial(&f.exchange, DIAL_E_REFUSED), JUDGE_AGAIN);
        assert_int_equal(f.uplink.current, 1);
        decide();
        assert_int_equal(gateway_program.judge_dial(&f.exchange, DIAL_E_TIMEOUT), JUDGE_PASS);
        assert_int_equal(f.uplink.current, 0);
        f.uplink.n_addresses = 1;
        decide();
        assert_int_equal(gateway_program.judge_dial(&f.exchange, DIAL_E_REFUSED), JUDGE_PASS);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_init, fixture_done)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(a_request_goes_to_the_router_with_the_vendors_host),
                CASE(an_empty_query_keeps_its_mark_and_none_gets_none),
                CASE(without_an_address_of_the_router_it_is_503),
                CASE(refusals_have_status_and_reason),
                CASE(an_unknown_prefix_is_told_the_known_ones),
                CASE(many_names_are_cut_between_two),
                CASE(only_errors_of_the_way_are_readable_by_pages),
                CASE(the_routers_request_id_does_not_pass),
                CASE(a_second_address_is_tried_when_the_first_refuses),
        };

        log_set_level(LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
