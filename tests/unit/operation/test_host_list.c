/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/host_list.h"
#include "tests/unit/base/row.h"

#include <errno.h>

static const struct {
        const char *text;
        const char *slot, *any; /* canonical; NULL: it is none */
} hosts[] = {
        { "203.0.113.7", "203.0.113.7", "203.0.113.7" },
        { "2001:DB8::0:1", "2001:db8::1", "2001:db8::1" },
        { "::ffff:203.0.113.7", "203.0.113.7", "203.0.113.7" },
        { "router", "router", NULL },
        { "Router", NULL, NULL },
        { "CRM.Example.com", NULL, "crm.example.com" },
        { "*.example.com", NULL, "*.example.com" },
        { "*", NULL, "*" },
        { "localhost", NULL, "localhost" },
        { "fifteen-letters", NULL, "fifteen-letters" },
        { "a_b.example.com", NULL, "a_b.example.com" },
        { "xn--bcher-kva.example", NULL, "xn--bcher-kva.example" },
        { "sixteen-letters1", NULL, NULL },
        { "1lone", NULL, NULL },
        { "123456789012345678", NULL, NULL },
        { "203.0.113.300", NULL, NULL },
        { "0.0.0.0", NULL, NULL },
        { "::", NULL, NULL },
        { "203.0.113.0/24", NULL, NULL },
        { "203.0.113.1-203.0.113.9", NULL, NULL },
        { "https://example.com/", NULL, NULL },
        { "example.com:443", NULL, NULL },
        { "*.com", NULL, NULL },
        { "*.", NULL, NULL },
        { "**.example.com", NULL, NULL },
        { "a.*.example.com", NULL, NULL },
        { "example..com", NULL, NULL },
        { ".example.com", NULL, NULL },
        { "example.com.", NULL, NULL },
        { "-a.example.com", NULL, NULL },
        { "a-.example.com", NULL, NULL },
        { "a b.example.com", NULL, NULL },
        { "", NULL, NULL },
};

static void a_host_is_an_address_or_a_name_and_nothing_that_looks_like_a_key(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(hosts); i++) {
                const char *const wanted[] = {
                        [HOST_SLOT] = hosts[i].slot, [HOST_ANY] = hosts[i].any
                };

                for (enum host_kind kind = HOST_SLOT; kind <= HOST_ANY; kind++) {
                        char text[HOST_TEXT_MAX] = "untouched";
                        bool is_good = host_canonical(slice_of(hosts[i].text), kind, text);

                        ROW_CHECK(is_good == (wanted[kind] != NULL), i, hosts[i].text);
                        ROW_CHECK(!is_good || strcmp(text, wanted[kind]) == 0, i, hosts[i].text);
                }
        }
}

static void labels_and_names_have_their_lengths(void **state)
{
        char name[300], text[HOST_TEXT_MAX];

        memset(name, 'a', sizeof(name));
        memcpy(name + 63, ".example", 9);
        assert_true(host_canonical(slice_of(name), HOST_ANY, text));
        name[63] = 'a';
        memcpy(name + 64, ".example", 9);
        assert_false(host_canonical(slice_of(name), HOST_ANY, text));
        for (size_t i = 0; i < sizeof(name); i++)
                name[i] = i % 2 ? '.' : 'a';
        assert_true(host_canonical((struct slice){ name, 253 }, HOST_ANY, text));
        assert_false(host_canonical((struct slice){ name, 255 }, HOST_ANY, text));
}

/* ---- lists ---- */

static const struct {
        const char *sentence, *text;
        const char *hosts;    /* "HOST HOST"; NULL: refused */
        const char *findings; /* as diag_print() has them */
} lists[] = {
        { "one a line", "203.0.113.7\n203.0.113.8\n", "203.0.113.7 203.0.113.8", "" },
        { "the last line needs no end", "203.0.113.7\n203.0.113.8", "203.0.113.7 203.0.113.8", "" },
        { "an empty file has none", "", "", "" },
        { "comments, blanks, and lines as Windows ends them",
          "# of March\r\n\r\n  203.0.113.7\t# desk 7\r\n", "203.0.113.7", "" },
        { "CSV with a heading", "Host,Added\n203.0.113.7,2026-03-01\ncrm.example.com,\"a, b\"\n",
          "203.0.113.7 crm.example.com", "" },
        { "CSV as Excel writes it",
          "\xef\xbb\xbf\"Host name / IP address\";\"By\"\n\"203.0.113.7\";x\n", "203.0.113.7", "" },
        { "separated by tabs", "IP Address\tRemove\n203.0.113.7\tRemove\n", "203.0.113.7", "" },
        { "copied from a page", "203.0.113.7   Remove\n", "203.0.113.7", "" },
        { "words behind a name are no host", "crm.example.com Remove\n", NULL,
          "f:1: error: no IP address, host name or wildcard stands at the beginning of this "
          "line\n" },
        { "a heading is one at the top only", "203.0.113.7\nHost or address\n", NULL,
          "f:2: error: no IP address, host name or wildcard stands at the beginning of this "
          "line\n" },
        { "a first line that is no heading is no heading", "203.0.113.300\n", NULL,
          "f:1: error: no IP address, host name or wildcard stands at the beginning of this "
          "line\n" },
        { "an empty first column", "Host,By\n,somebody\n", NULL,
          "f:2: error: no IP address, host name or wildcard stands at the beginning of this "
          "line\n" },
        { "twice is once, with a warning",
          "203.0.113.7\nA.example.com\n203.0.113.8\na.example.com\n",
          "203.0.113.7 a.example.com 203.0.113.8",
          "f:4: warning: a.example.com is listed twice, first in line 2\n" },
        { "everything wrong at once, and no word of it", "203.0.113.7\nsecret-of-somebody\n1.2.3\n",
          NULL,
          "f:2: error: no IP address, host name or wildcard stands at the beginning of this line\n"
          "f:3: error: no IP address, host name or wildcard stands at the beginning of this "
          "line\n" },
};

static char *hosts_joined(const struct host_list *l)
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        for (size_t i = 0; i < l->n; i++)
                fprintf(out, "%s%s", i ? " " : "", l->hosts[i]);
        fclose(out);
        return text;
}

static char *findings_joined(const struct diag *d)
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        diag_print(d, out);
        fclose(out);
        return text;
}

static void a_list_is_read_as_vendors_and_people_write_it(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(lists); i++) {
                CLEANUP(diag_done) struct diag d;
                CLEANUP(host_list_done) struct host_list list = { NULL, 0 };
                CLEANUP(freep) char *found = NULL, *read = NULL;
                int r;

                diag_init(&d);
                r = host_list_read(slice_of(lists[i].text), HOST_ANY, "f", &d, &list);
                found = findings_joined(&d);
                read = hosts_joined(&list);
                ROW_CHECK(r == (lists[i].hosts ? 0 : -EINVAL), i, lists[i].sentence);
                if (strcmp(found, lists[i].findings) != 0)
                        fail_msg("row %zu: %s:\n%s", i, lists[i].sentence, found);
                ROW_CHECK(strcmp(read, lists[i].hosts ? lists[i].hosts : "") == 0, i,
                          lists[i].sentence);
        }
}

static void a_zero_byte_ends_nothing(void **state)
{
        CLEANUP(diag_done) struct diag d;
        CLEANUP(host_list_done) struct host_list list = { NULL, 0 };

        diag_init(&d);
        assert_int_equal(host_list_read(SLICE_LITERAL("203.0.113.7\0 2\n"), HOST_ANY, "f", &d,
                                        &list),
                         -EINVAL);
}

static void what_the_planner_puts_on_keys_are_addresses_alone(void **state)
{
        CLEANUP(diag_done) struct diag d;
        CLEANUP(host_list_done) struct host_list list = { NULL, 0 };
        CLEANUP(freep) char *found = NULL;

        diag_init(&d);
        assert_int_equal(host_list_read(SLICE_LITERAL("router\nexample.com\n"), HOST_SLOT, "f", &d,
                                        &list),
                         -EINVAL);
        found = findings_joined(&d);
        assert_string_equal(found, "f:2: error: no IP address stands in this line\n");
}

static void a_list_has_an_end(void **state)
{
        CLEANUP(diag_done) struct diag d;
        CLEANUP(host_list_done) struct host_list list = { NULL, 0 };
        CLEANUP(freep) char *text = malloc((HOST_LIST_MAX + 1) * (size_t)16);
        char *out = text;

        diag_init(&d);
        assert_non_null(text);
        for (int i = 0; i <= HOST_LIST_MAX; i++)
                out += sprintf(out, "10.9.%d.%d\n", i / 250, i % 250);
        assert_int_equal(host_list_read(slice_of(text), HOST_ANY, "f", &d, &list), -EINVAL);
        assert_int_equal(d.findings[0].line, HOST_LIST_MAX + 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_host_is_an_address_or_a_name_and_nothing_that_looks_like_a_key),
                cmocka_unit_test(labels_and_names_have_their_lengths),
                cmocka_unit_test(a_list_is_read_as_vendors_and_people_write_it),
                cmocka_unit_test(a_zero_byte_ends_nothing),
                cmocka_unit_test(what_the_planner_puts_on_keys_are_addresses_alone),
                cmocka_unit_test(a_list_has_an_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
