/* SPDX-License-Identifier: Apache-2.0 */
#include "router/resolver.h"

#include "lib/base/log.h"
#include "loop.h"
#include "stub_dns.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

struct site {
        uv_loop_t loop;
        struct stub_dns dns;
        struct resolver *resolver;
        unsigned n_settled;
};

/* What the resolver has told since the test began. */
static struct {
        unsigned n_resolved, n_failed, n_restored;
        int64_t next_ms;      /* of the last name_resolved */
        bool last_good_stays; /* of the last name_failed */
        char reason[64];
} told;

static void sink_count(const struct event *event, const struct field *fields, size_t n_fields,
                       struct slice line)
{
        told.n_resolved += strcmp(event->name, "name_resolved") == 0;
        told.n_failed += strcmp(event->name, "name_failed") == 0;
        told.n_restored += strcmp(event->name, "name_restored") == 0;
        for (size_t i = 0; i < n_fields; i++) {
                if (slice_is(fields[i].name, "next_ms"))
                        told.next_ms = fields[i].number;
                if (slice_is(fields[i].name, "last_good_stays"))
                        told.last_good_stays = fields[i].number;
                if (slice_is(fields[i].name, "reason"))
                        snprintf(told.reason, sizeof(told.reason), "%.*s",
                                 (int)fields[i].text.length, fields[i].text.data);
        }
}

static void on_settled(void *context)
{
        struct site *s = context;

        s->n_settled++;
}

/* Bounds small enough that refreshes and retries come while the test runs. */
static const struct resolver_options quick = {
        .ttl_min_ms = 2,
        .ttl_max_ms = 5,
        .retry_min_ms = 1,
        .retry_max_ms = 4,
        .give_up_ms = 60,
};

static void site_start(struct site *s, struct resolver_options options)
{
        memset(s, 0, sizeof(*s));
        memset(&told, 0, sizeof(told));
        assert_int_equal(uv_loop_init(&s->loop), 0);
        stub_dns_start(&s->dns, &s->loop);
        options.servers = s->dns.servers;
        options.on_settled = on_settled;
        options.context = s;
        assert_int_equal(resolver_new(&s->loop, &options, &s->resolver), 0);
}

static void site_stop(struct site *s)
{
        resolver_free(s->resolver);
        stub_dns_stop(&s->dns);
        loop_close(&s->loop);
}

static void site_set(struct site *s, const char *first, const char *second)
{
        const char *hosts[] = { first, second };

        assert_int_equal(resolver_set_hosts(s->resolver, hosts, second ? 2 : 1), 0);
}

static bool is_settled(void *context)
{
        struct site *s = context;

        return s->n_settled > 0;
}

/* "ADDRESS ADDRESS", what a dial would get. */
static const char *looked_up(struct site *s, const char *host, int family)
{
        static char text[RESOLVER_MAX_ADDRESSES * ADDR_TEXT_MAX];
        struct addr addrs[RESOLVER_MAX_ADDRESSES];
        size_t n = resolver_lookup(s->resolver, host, family, addrs, N_ELEMENTS(addrs));

        text[0] = 0;
        for (size_t i = 0; i < n; i++) {
                char one[ADDR_TEXT_MAX];

                sprintf(text + strlen(text), "%s%s", i ? " " : "", addr_format(&addrs[i], one));
        }
        return text;
}

static bool both_are_known(void *context)
{
        return *looked_up(context, "both.example", AF_INET) &&
               *looked_up(context, "both.example", AF_INET6);
}

static void each_family_is_answered_for_itself(void **state)
{
        struct site s;
        struct stub_host *h;

        site_start(&s, (struct resolver_options){ 0 });
        h = stub_dns_add(&s.dns, "both.example", "127.0.0.7", "::7");
        h->a[1] = "127.0.0.8";
        site_set(&s, "both.example", NULL);
        assert_false(resolver_is_settled(s.resolver));
        loop_until(&s.loop, both_are_known, &s);
        assert_string_equal(looked_up(&s, "both.example", AF_INET), "127.0.0.7 127.0.0.8");
        assert_string_equal(looked_up(&s, "both.example", AF_INET6), "::7");
        assert_string_equal(looked_up(&s, "both.example", AF_UNSPEC), "127.0.0.7 127.0.0.8 ::7");
        assert_string_equal(looked_up(&s, "BOTH.Example", AF_INET6), "::7");
        loop_until(&s.loop, is_settled, &s);
        assert_int_equal(s.n_settled, 1);
        assert_true(resolver_is_settled(s.resolver));
        assert_int_equal(told.n_failed + told.n_restored, 0);
        site_stop(&s);
}

static void lookup_writes_no_more_than_asked_for(void **state)
{
        struct addr addrs[2] = { 0 }, untouched = { 0 };
        struct site s;
        struct stub_host *h;

        site_start(&s, (struct resolver_options){ 0 });
        h = stub_dns_add(&s.dns, "two.example", "127.0.0.7", NULL);
        h->a[1] = "127.0.0.8";
        site_set(&s, "two.example", NULL);
        loop_until(&s.loop, is_settled, &s);
        assert_int_equal(resolver_lookup(s.resolver, "two.example", AF_UNSPEC, addrs, 1), 1);
        assert_true(addr_equal(&addrs[1], &untouched));
        site_stop(&s);
}

static bool has_asked_five_times(void *context)
{
        struct site *s = context;

        return s->dns.hosts[0].n_a >= 5 && s->dns.hosts[0].n_aaaa >= 5;
}

static bool is_restored(void *context)
{
        return told.n_restored > 0;
}

static void a_failing_name_is_told_once_and_once_when_it_is_back(void **state)
{
        static const struct {
                enum stub_rcode rcode;
                const char *reason;
        } rows[] = {
                { STUB_NXDOMAIN, "the name does not exist" },
                { STUB_SERVFAIL, "the name servers failed or cannot be reached" },
                { STUB_ANSWER, "the name has no address" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct site s;
                struct stub_host *h;

                site_start(&s, quick);
                h = stub_dns_add(&s.dns, "gone.example", NULL, NULL);
                h->rcode = rows[i].rcode;
                site_set(&s, "gone.example", NULL);
                loop_until(&s.loop, has_asked_five_times, &s);
                assert_int_equal(told.n_failed, 1);
                assert_string_equal(told.reason, rows[i].reason);
                assert_false(told.last_good_stays);
                assert_int_equal(s.n_settled, 1);
                assert_string_equal(looked_up(&s, "gone.example", AF_UNSPEC), "");
                h->rcode = STUB_ANSWER;
                h->a[0] = "127.0.0.9";
                loop_until(&s.loop, is_restored, &s);
                assert_string_equal(looked_up(&s, "gone.example", AF_INET), "127.0.0.9");
                loop_until(&s.loop, has_asked_five_times, &s);
                assert_int_equal(told.n_failed, 1);
                assert_int_equal(told.n_restored, 1);
                site_stop(&s);
        }
}

static bool good_is_known(void *context)
{
        return *looked_up(context, "good.example", AF_INET);
}

static void a_silent_server_for_one_host_leaves_the_other_untouched(void **state)
{
        struct resolver_options options = quick;
        struct site s;
        struct stub_host *silent;
        uint64_t begin_us = uv_hrtime() / 1000;

        options.give_up_ms = 400;
        site_start(&s, options);
        silent = stub_dns_add(&s.dns, "silent.example", "127.0.0.1", NULL);
        silent->rcode = STUB_SILENT;
        stub_dns_add(&s.dns, "good.example", "127.0.0.2", NULL);
        site_set(&s, "silent.example", "good.example");
        loop_until(&s.loop, good_is_known, &s);
        assert_int_equal(s.n_settled, 0);
        assert_int_equal(told.n_failed, 0);
        loop_until(&s.loop, is_settled, &s); /* the question gave up */
        assert_true(uv_hrtime() / 1000 - begin_us < 1100 * 1000);
        assert_int_equal(told.n_failed, 1);
        assert_string_equal(told.reason, "no name server answered in time");
        assert_true(silent->n_a >= 2);
        site_stop(&s);
}

static void a_silent_second_family_does_not_hold_up_the_first(void **state)
{
        struct resolver_options options = quick;
        struct site s;
        struct stub_host *h;

        options.give_up_ms = 5000;
        site_start(&s, options);
        h = stub_dns_add(&s.dns, "good.example", "127.0.0.2", NULL);
        h->aaaa_silent = true;
        site_set(&s, "good.example", NULL);
        loop_until(&s.loop, is_settled, &s);
        assert_string_equal(looked_up(&s, "good.example", AF_UNSPEC), "127.0.0.2");
        assert_int_equal(told.n_failed, 0);
        site_stop(&s);
}

static bool has_moved(void *context)
{
        return strcmp(looked_up(context, "good.example", AF_UNSPEC), "127.0.0.3 ::3") == 0;
}

static void a_new_address_is_taken_over_when_the_ttl_ends(void **state)
{
        struct site s;
        struct stub_host *h;

        site_start(&s, quick);
        h = stub_dns_add(&s.dns, "good.example", "127.0.0.2", "::2");
        site_set(&s, "good.example", NULL);
        loop_until(&s.loop, good_is_known, &s);
        h->a[0] = "127.0.0.3";
        h->aaaa[0] = "::3";
        loop_until(&s.loop, has_moved, &s);
        site_stop(&s);
}

static void the_ttl_decides_when_to_ask_again_within_bounds(void **state)
{
        static const struct {
                uint32_t ttl_s;
                int64_t next_ms;
        } rows[] = {
                { 0, 5000 }, /* never more often than each 5 s */
                { 4, 5000 },     { 6, 6000 },       { 60, 60000 },
                { 300, 300000 }, { 86400, 300000 }, /* never more seldom than each 5 min */
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct site s;

                site_start(&s, (struct resolver_options){ 0 });
                stub_dns_add(&s.dns, "good.example", "127.0.0.2", "::2")->ttl_s = rows[i].ttl_s;
                site_set(&s, "good.example", NULL);
                loop_until(&s.loop, is_settled, &s);
                assert_int_equal(told.next_ms, rows[i].next_ms);
                site_stop(&s);
        }
}

static bool is_failing(void *context)
{
        return told.n_failed > 0;
}

static void the_last_good_answer_stays_whatever_dns_says_later(void **state)
{
        static const struct {
                enum stub_rcode rcode;
                bool emptied; /* NODATA in both families */
        } rows[] = { { STUB_NXDOMAIN }, { STUB_SERVFAIL }, { STUB_SILENT }, { STUB_ANSWER, true } };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct site s;
                struct stub_host *h;

                site_start(&s, quick);
                h = stub_dns_add(&s.dns, "good.example", "127.0.0.2", NULL);
                site_set(&s, "good.example", NULL);
                loop_until(&s.loop, good_is_known, &s);
                h->rcode = rows[i].rcode;
                if (rows[i].emptied)
                        h->a[0] = NULL;
                loop_until(&s.loop, is_failing, &s);
                assert_true(told.last_good_stays);
                h->n_a = h->n_aaaa = 0;
                loop_until(&s.loop, has_asked_five_times, &s);
                assert_string_equal(looked_up(&s, "good.example", AF_UNSPEC), "127.0.0.2");
                assert_int_equal(told.n_failed, 1);
                site_stop(&s);
        }
}

static bool has_four_only(void *context)
{
        return strcmp(looked_up(context, "good.example", AF_UNSPEC), "127.0.0.2") == 0;
}

static bool has_both(void *context)
{
        return strcmp(looked_up(context, "good.example", AF_UNSPEC), "127.0.0.2 ::2") == 0;
}

static void a_family_that_the_host_gave_up_is_forgotten(void **state)
{
        struct site s;
        struct stub_host *h;

        site_start(&s, quick);
        h = stub_dns_add(&s.dns, "good.example", "127.0.0.2", "::2");
        site_set(&s, "good.example", NULL);
        loop_until(&s.loop, has_both, &s);
        h->aaaa[0] = NULL;
        loop_until(&s.loop, has_four_only, &s);
        assert_int_equal(told.n_failed, 0);
        site_stop(&s);
}

static void nobody_but_registered_hosts_is_asked_for(void **state)
{
        struct site s;
        struct stub_host *dropped, *kept;
        unsigned n_a;

        site_start(&s, quick);
        kept = stub_dns_add(&s.dns, "good.example", "127.0.0.2", "::2");
        dropped = stub_dns_add(&s.dns, "dropped.example", "127.0.0.3", "::3");
        stub_dns_add(&s.dns, "never.example", "127.0.0.4", "::4");
        site_set(&s, "good.example", "dropped.example");
        loop_until(&s.loop, is_settled, &s);
        assert_string_equal(looked_up(&s, "never.example", AF_UNSPEC), "");
        assert_string_equal(looked_up(&s, "dropped.example", AF_INET), "127.0.0.3");

        site_set(&s, "good.example", NULL);
        assert_string_equal(looked_up(&s, "dropped.example", AF_UNSPEC), "");
        assert_string_equal(looked_up(&s, "good.example", AF_INET), "127.0.0.2");
        uv_run(&s.loop, UV_RUN_NOWAIT); /* what was on its way arrives */
        n_a = dropped->n_a;
        kept->n_a = kept->n_aaaa = 0;
        loop_until(&s.loop, has_asked_five_times, &s);
        assert_true(dropped->n_a <= n_a + 1);
        assert_int_equal(s.dns.hosts[2].n_a + s.dns.hosts[2].n_aaaa, 0);
        assert_int_equal(s.dns.n_strangers, 0);
        site_stop(&s);
}

static void addresses_in_text_and_localhost_need_no_server(void **state)
{
        static const char *const hosts[] = { "192.0.2.7", "2001:db8::7", "localhost" };
        struct site s;

        site_start(&s, (struct resolver_options){ 0 });
        assert_int_equal(resolver_set_hosts(s.resolver, hosts, N_ELEMENTS(hosts)), 0);
        assert_string_equal(looked_up(&s, "192.0.2.7", AF_INET), "192.0.2.7");
        assert_string_equal(looked_up(&s, "192.0.2.7", AF_INET6), "");
        assert_string_equal(looked_up(&s, "2001:db8::7", AF_UNSPEC), "2001:db8::7");
        assert_string_equal(looked_up(&s, "localhost", AF_UNSPEC), "127.0.0.1 ::1");
        loop_until(&s.loop, is_settled, &s);
        assert_int_equal(s.n_settled, 1);
        assert_int_equal(s.dns.n_strangers, 0);
        site_stop(&s);
}

/* The first IPv4 line of the machine's hosts file with a name other than localhost. */
static bool hosts_file_entry(char address[static 64], char name[static 256])
{
        FILE *file = fopen("/etc/hosts", "re");
        bool found = false;
        char line[512];

        while (file && !found && fgets(line, sizeof(line), file))
                found = sscanf(line, " %63[0-9.] %255[^# \t\n]", address, name) == 2 &&
                        strncmp(name, "localhost", 9) != 0;
        if (file)
                fclose(file);
        return found;
}

static void the_hosts_file_comes_before_any_server(void **state)
{
        char address[64], name[256];
        struct site s;

        if (!hosts_file_entry(address, name))
                skip();
        site_start(&s, (struct resolver_options){ 0 });
        stub_dns_add(&s.dns, name, "192.0.2.1", NULL);
        site_set(&s, name, NULL);
        loop_until(&s.loop, is_settled, &s);
        assert_string_equal(looked_up(&s, name, AF_INET), address);
        assert_int_equal(s.dns.hosts[0].n_a, 0);
        site_stop(&s);
}

static void settling_is_told_from_the_loop_also_with_nothing_to_ask(void **state)
{
        struct site s;

        site_start(&s, (struct resolver_options){ 0 });
        site_set(&s, "127.0.0.1", NULL);
        assert_int_equal(s.n_settled, 0);
        loop_until(&s.loop, is_settled, &s);
        assert_int_equal(uv_backend_timeout(&s.loop), -1); /* nothing is due, nothing is done */
        s.n_settled = 0;
        site_set(&s, "127.0.0.1", "127.0.0.2");
        loop_until(&s.loop, is_settled, &s);
        site_stop(&s);
}

static void a_bad_list_changes_nothing(void **state)
{
        const char *many[RESOLVER_MAX_HOSTS + 1];
        char long_name[300], names[RESOLVER_MAX_HOSTS + 1][16];
        const char *bad[] = { "", ".", "a..b", "white space", "a/b", "ümlaut", long_name, "a:80" };
        struct site s;

        memset(long_name, 'a', sizeof(long_name) - 1);
        long_name[sizeof(long_name) - 1] = 0;
        for (size_t i = 0; i < N_ELEMENTS(many); i++) {
                sprintf(names[i], "127.0.%zu.%zu", i / 256, i % 256);
                many[i] = names[i];
        }
        site_start(&s, (struct resolver_options){ 0 });
        site_set(&s, "127.0.0.1", NULL);
        assert_int_equal(resolver_set_hosts(s.resolver, many, N_ELEMENTS(many)), -E2BIG);
        for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
                const char *hosts[] = { "192.0.2.1", bad[i] };

                assert_int_equal(resolver_set_hosts(s.resolver, hosts, 2), -EINVAL);
        }
        assert_string_equal(looked_up(&s, "127.0.0.1", AF_INET), "127.0.0.1");
        assert_string_equal(looked_up(&s, "192.0.2.1", AF_INET), "");
        assert_int_equal(resolver_set_hosts(s.resolver, many, RESOLVER_MAX_HOSTS), 0);
        site_stop(&s);
}

static void a_bad_list_of_servers_is_refused(void **state)
{
        struct resolver_options options = { .servers = "not a server" };
        struct resolver *r = NULL;
        uv_loop_t loop;

        assert_int_equal(uv_loop_init(&loop), 0);
        assert_int_equal(resolver_new(&loop, &options, &r), -EINVAL);
        assert_null(r);
        loop_close(&loop);
}

static bool first_is_asked(void *context)
{
        struct site *s = context;

        return s->dns.hosts[0].n_a > 0;
}

static void it_can_go_and_drop_names_while_questions_are_under_way(void **state)
{
        struct site s;

        site_start(&s, quick);
        stub_dns_add(&s.dns, "silent.example", NULL, NULL)->rcode = STUB_SILENT;
        site_set(&s, "silent.example", NULL);
        loop_until(&s.loop, first_is_asked, &s);
        site_set(&s, "127.0.0.1", NULL); /* silent.example waits for its answer, off the list */
        site_stop(&s);
}

struct reader {
        struct resolver *resolver;
        atomic_bool stop;
        unsigned n_torn;
};

static void *reader_run(void *context)
{
        struct reader *reader = context;

        while (!reader->stop) {
                struct addr addrs[2];
                size_t n = resolver_lookup(reader->resolver, "good.example", AF_INET, addrs, 2);

                reader->n_torn += n == 2 && addrs[0].bytes[15] != addrs[1].bytes[15];
        }
        return NULL;
}

static void readers_on_other_threads_see_whole_answers(void **state)
{
        static const char *const pairs[2][2] = { { "127.0.0.2", "127.1.0.2" },
                                                 { "127.0.0.3", "127.1.0.3" } };
        struct reader reader = { 0 };
        struct stub_host *h;
        pthread_t thread;
        struct site s;

        site_start(&s, quick);
        h = stub_dns_add(&s.dns, "good.example", NULL, NULL);
        memcpy(h->a, pairs[0], sizeof(h->a));
        site_set(&s, "good.example", NULL);
        loop_until(&s.loop, good_is_known, &s);
        reader.resolver = s.resolver;
        assert_int_equal(pthread_create(&thread, NULL, reader_run, &reader), 0);
        for (unsigned i = 0; i < 40; i++) {
                memcpy(h->a, pairs[i % 2], sizeof(h->a));
                h->n_a = 0;
                loop_until(&s.loop, first_is_asked, &s);
        }
        reader.stop = true;
        pthread_join(thread, NULL);
        assert_int_equal(reader.n_torn, 0);
        site_stop(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_family_is_answered_for_itself),
                cmocka_unit_test(lookup_writes_no_more_than_asked_for),
                cmocka_unit_test(a_failing_name_is_told_once_and_once_when_it_is_back),
                cmocka_unit_test(a_silent_server_for_one_host_leaves_the_other_untouched),
                cmocka_unit_test(a_silent_second_family_does_not_hold_up_the_first),
                cmocka_unit_test(a_new_address_is_taken_over_when_the_ttl_ends),
                cmocka_unit_test(the_ttl_decides_when_to_ask_again_within_bounds),
                cmocka_unit_test(the_last_good_answer_stays_whatever_dns_says_later),
                cmocka_unit_test(a_family_that_the_host_gave_up_is_forgotten),
                cmocka_unit_test(nobody_but_registered_hosts_is_asked_for),
                cmocka_unit_test(addresses_in_text_and_localhost_need_no_server),
                cmocka_unit_test(the_hosts_file_comes_before_any_server),
                cmocka_unit_test(settling_is_told_from_the_loop_also_with_nothing_to_ask),
                cmocka_unit_test(a_bad_list_changes_nothing),
                cmocka_unit_test(a_bad_list_of_servers_is_refused),
                cmocka_unit_test(it_can_go_and_drop_names_while_questions_are_under_way),
                cmocka_unit_test(readers_on_other_threads_see_whole_answers),
        };

        log_set_level(LOG_LEVEL_DEBUG);
        log_set_sink(sink_count);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
