/* SPDX-License-Identifier: Apache-2.0 */
#include "workstation/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define API "apis = ( { name = \"us-street\"; host = \"US-street.api.example\"; } );\n"
#define REST "ca = \"ca.pem\";\n" API
#define ROUTER "router = \"router.example:8443\";\n"

static char path[] = "keyshim-XXXXXX";

static void file_write(const char *text)
{
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_int_equal(fputs(text, f) >= 0, 1);
        assert_int_equal(fclose(f), 0);
}

static bool diag_holds(const struct diag *d, unsigned line, const char *piece)
{
        for (size_t i = 0; i < d->n_findings; i++) {
                if (d->findings[i].line == line && strstr(d->findings[i].message, piece))
                        return true;
        }
        return false;
}

static struct config *config_of(const char *text)
{
        struct config *c = NULL;
        struct diag d;

        diag_init(&d);
        file_write(text);
        if (config_load(path, &d, &c) != 0) {
                diag_print(&d, stderr);
                fail();
        }
        diag_done(&d);
        return c;
}

static const struct mistake {
        const char *sentence, *text;
        unsigned line;
        const char *piece; /* of the finding's message */
} mistakes[] = {
        { "a router is required", REST, 0, "router" },
        { "so is a CA", ROUTER API, 0, "ca" },
        { "so are APIs", ROUTER "ca = \"x\";\n", 0, "apis" },
        { "the list of APIs holds something", ROUTER "ca = \"x\";\napis = ( );\n", 0,
          "apis is empty" },
        { "a router has a port", "router = \"router.example\";\n" REST, 1, "no usable port" },
        { "the port is a number", "router = \"router.example:https\";\n" REST, 1,
          "no usable port" },
        { "the port is not 0", "router = \"10.0.0.1:0\";\n" REST, 1, "no usable port" },
        { "the port is below 65536", "router = \"router.example:65536\";\n" REST, 1,
          "no usable port" },
        { "a router is not a URL", "router = \"https://router.example:8443\";\n" REST, 1,
          "neither a host name nor an address" },
        { "IPv6 stands in brackets", "router = \"::1:8443\";\n" REST, 1,
          "neither a host name nor an address" },
        { "256 is no part of an address", "router = \"10.0.0.256:8443\";\n" REST, 1,
          "neither a host name nor an address" },
        { "any address is no address of a router", "router = \"0.0.0.0:8443\";\n" REST, 1,
          "not one machine's address" },
        { "the name in the certificate has no port",
          ROUTER "router_name = \"r.example:8443\";\n" REST, 2, "router_name" },
        { "only loopback is listened on",
          "listen = [ \"127.0.0.1:1\",\n\"10.0.0.5:8402\" ];\n" ROUTER REST, 2,
          "not a loopback address" },
        { "not any address either", "listen = \"0.0.0.0:8402\";\n" ROUTER REST, 1,
          "not a loopback address" },
        { "a port is part of it", "listen = \"127.0.0.1\";\n" ROUTER REST, 1,
          "no address with a port" },
        { "names are not listened on", "listen = \"localhost:8402\";\n" ROUTER REST, 1,
          "no address with a port" },
        { "twice is once too often", "listen = [ \"[::1]:8402\",\n\"[::1]:8402\" ];\n" ROUTER REST,
          2, "given twice" },
        { "nothing to listen on", "listen = [ ];\n" ROUTER REST, 1, "listen is empty" },
        { "the own address is one address", ROUTER "address = \"10.0.0.0/24\";\n" REST, 2,
          "not an address of a workstation" },
        { "of the router's family",
          "router = \"10.0.0.1:8443\";\naddress = \"2001:db8::1\";\n" REST, 2,
          "different families" },
        { "a vendor's host is not a URL",
          ROUTER "ca = \"x\";\napis = ( { name = \"a\"; host = \"https://a.example\"; } );\n", 3,
          "not a host name of a vendor" },
        { "nor an address",
          ROUTER "ca = \"x\";\napis = ( { name = \"a\"; host = \"127.0.0.1\"; } );\n", 3,
          "not a host name of a vendor" },
        { "nor localhost, which means the shim",
          ROUTER "ca = \"x\";\napis = ( { name = \"a\"; host = \"LocalHost\"; } );\n", 3,
          "not a host name of a vendor" },
        { "a name stands once",
          ROUTER "ca = \"x\";\napis = ( { name = \"a\"; host = \"a.example\"; },\n"
                 "{ name = \"a\"; host = \"b.example\"; } );\n",
          4, "API \"a\" is given twice" },
        { "healthz is taken",
          ROUTER "ca = \"x\";\napis = ( { name = \"healthz\"; host = \"a.example\"; } );\n", 3,
          "is a path of the shim" },
        { "a name holds no slash",
          ROUTER "ca = \"x\";\napis = ( { name = \"a/b\"; host = \"a.example\"; } );\n", 3,
          "name" },
        { "a host is required", ROUTER "ca = \"x\";\napis = ( { name = \"a\"; } );\n", 3, "host" },
        { "unknown settings are named", ROUTER "lisen = \"127.0.0.1:1\";\n" REST, 2,
          "unknown setting" },
        { "levels are words", ROUTER "log_level = \"loud\";\n" REST, 2, "log_level" },
        { "time-outs have a range", ROUTER "timeouts = {\nhead_s = 0; };\n" REST, 3, "head_s" },
        { "limits have a range", ROUTER "limits = {\nheader_bytes = 30000; };\n" REST, 3,
          "header_bytes" },
};

static void mistake_is_told(const struct mistake *m)
{
        struct config *c = NULL;
        struct diag d;
        int r;

        diag_init(&d);
        file_write(m->text);
        r = config_load(path, &d, &c);
        if (r != -EINVAL || c)
                fail_msg("%s: %d", m->sentence, r);
        if (m->line ? !diag_holds(&d, m->line, m->piece) : !strstr(d.findings[0].message, m->piece))
                fail_msg("%s: line %u, %s", m->sentence, d.findings[0].line, d.findings[0].message);
        if (d.n_errors != 1)
                fail_msg("%s: %zu errors", m->sentence, d.n_errors);
        diag_done(&d);
}

static void each_mistake_is_told_with_its_line(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(mistakes); i++)
                mistake_is_told(&mistakes[i]);
}

static void all_mistakes_are_told_at_once(void **state)
{
        struct config *c = NULL;
        struct diag d;

        diag_init(&d);
        file_write("listen = \"10.0.0.1:1\";\nrouter = \"r\";\naddress = \"x\";\n" REST);
        assert_int_equal(config_load(path, &d, &c), -EINVAL);
        assert_int_equal(d.n_errors, 3);
        diag_done(&d);
}

static void a_missing_file_is_told(void **state)
{
        struct config *c = NULL;
        struct diag d;

        diag_init(&d);
        assert_int_equal(config_load("no-such-file.cfg", &d, &c), -ENOENT);
        assert_int_equal(d.n_errors, 1);
        diag_done(&d);
}

static void defaults_are_as_documented(void **state)
{
        CLEANUP(config_freep) struct config *c = config_of(ROUTER REST);
        char text[ADDR_TEXT_MAX];

        assert_int_equal(c->n_listens, 1);
        assert_string_equal(addr_format(&c->listens[0].address, text), "127.0.0.1");
        assert_int_equal(c->listens[0].port, 8402);
        assert_string_equal(c->router_host, "router.example");
        assert_int_equal(c->router_port, 8443);
        assert_false(c->router_is_address);
        assert_string_equal(c->router_name, "router.example");
        assert_true(addr_is_unspecified(&c->source));
        assert_string_equal(c->apis.apis[0].host, "us-street.api.example");
        assert_int_equal(c->log_level, LOG_LEVEL_INFO);
        assert_int_equal(c->net.head_ms, 10000);
        assert_int_equal(c->net.body_ms, 30000);
        assert_int_equal(c->net.idle_ms, 75000);
        assert_int_equal(c->net.answer_ms, 30000);
        assert_int_equal(c->net.linger_ms, 2000);
        assert_int_equal(c->deadline_ms, 9000);
        assert_int_equal(c->net.n_connections, 512);
        assert_int_equal(c->net.n_connections_per_address, 512);
        assert_int_equal(c->net.n_upstreams, 256);
        assert_int_equal(c->net.n_upstreams_idle, 16);
        assert_int_equal(c->net.message.head_bytes, 16384);
        assert_int_equal(c->net.message.target_bytes, 8192);
        assert_int_equal(c->max_body_bytes, 1048576);
}

static void what_is_written_is_taken(void **state)
{
        CLEANUP(config_freep)
        struct config *c =
                config_of("listen = [ \"127.0.0.2:0\", \"[::1]:8402\" ];\n"
                          "router = \"[2001:db8::5]:443\";\nrouter_name = \"r.example\";\n"
                          "address = \"2001:db8::9\";\nlog_level = \"debug\";\n"
                          "timeouts = { deadline_s = 3; };\n"
                          "limits = { connections = 7; max_body = 0; };\n" REST);
        char text[ADDR_TEXT_MAX];

        assert_int_equal(c->n_listens, 2);
        assert_true(c->router_is_address);
        assert_string_equal(c->router_host, "2001:db8::5");
        assert_string_equal(addr_format(&c->router_address, text), "2001:db8::5");
        assert_int_equal(c->router_port, 443);
        assert_string_equal(c->router_name, "r.example");
        assert_string_equal(addr_format(&c->source, text), "2001:db8::9");
        assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
        assert_int_equal(c->deadline_ms, 3000);
        assert_int_equal(c->net.n_connections, 7);
        assert_int_equal(c->max_body_bytes, 0);
}

static int folder_make(void **state)
{
        int fd = mkstemp(path);

        return fd < 0 ? -1 : close(fd);
}

static int folder_remove(void **state)
{
        return unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_mistake_is_told_with_its_line),
                cmocka_unit_test(all_mistakes_are_told_at_once),
                cmocka_unit_test(a_missing_file_is_told),
                cmocka_unit_test(defaults_are_as_documented),
                cmocka_unit_test(what_is_written_is_taken),
        };

        return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
