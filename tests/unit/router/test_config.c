/* SPDX-License-Identifier: Apache-2.0 */
#include "router/config.h"

#include "tests/unit/settings/folder.h"

#include <errno.h>

#define MINIMUM "policy = \"/p.cfg\"; listen_plain = [ \"127.0.0.1:8401\" ];\n"

/* Loads `text` as the file keyrouterd.cfg; *ret_findings is the caller's. */
static int load(const char *text, struct config **ret, char **ret_findings)
{
        struct folder f;
        struct diag d;
        int r;

        folder_init(&f);
        diag_init(&d);
        r = config_load(folder_put(&f, "keyrouterd.cfg", text), &d, ret);
        *ret_findings = folder_findings(&f, &d);
        assert_true((r == 0) == (d.n_errors == 0));
        diag_done(&d);
        folder_done(&f);
        return r;
}

static void what_is_not_said_has_its_default(void **state)
{
        CLEANUP(config_freep) struct config *c = NULL;
        CLEANUP(freep) char *findings = NULL;

        assert_int_equal(load(MINIMUM, &c, &findings), 0);
        assert_string_equal(findings, "");
        assert_string_equal(c->policy, "/p.cfg");
        assert_string_equal(c->credentials, "/etc/keyrouter/credentials");
        assert_null(c->providers);
        assert_null(c->vendor_ca);
        assert_null(c->certificate);
        assert_null(c->resolver_servers);
        assert_true(c->system_ca);
        assert_int_equal(c->workers, 0);
        assert_int_equal(c->log_level, LOG_LEVEL_INFO);
        assert_true(addr_is_unspecified(&c->address));
        assert_true(addr_is_unspecified(&c->source));
        assert_int_equal(c->n_listen, 0);
        assert_int_equal(c->n_listen_plain, 1);
        assert_int_equal(c->net.head_ms, 10000);
        assert_int_equal(c->net.body_ms, 30000);
        assert_int_equal(c->net.idle_ms, 75000);
        assert_int_equal(c->net.answer_ms, 30000);
        assert_int_equal(c->net.linger_ms, 2000);
        assert_int_equal(c->net.n_connections, 10000);
        assert_int_equal(c->net.n_connections_per_address, 256);
        assert_int_equal(c->net.n_upstreams, 20000);
        assert_int_equal(c->net.n_upstreams_idle, 10000);
        assert_int_equal(c->net.message.head_bytes, 16384);
        assert_int_equal(c->net.message.target_bytes, 8192);
}

static void every_setting_arrives_where_it_belongs(void **state)
{
        static const char text[] =
                "policy = \"/p.cfg\"; credentials = \"/c\"; providers = \"/d\";\n"
                "listen = [ \"0.0.0.0:8443\", \"[::]:8443\" ];\n"
                "listen_plain = [ \"127.0.0.2:0\", \"127.0.0.2:0\" ];\n"
                "certificate = \"/cert\"; private_key = \"/key\";\n"
                "vendor_ca = \"/ca\"; system_ca = false; workers = 64; log_level = \"debug\";\n"
                "address = \"203.0.113.5\"; source = \"192.0.2.1\";\n"
                "resolver = { servers = [ \"127.0.0.1:5353\", \"[::1]:53\" ]; };\n"
                "timeouts = { head_s = 1; body_s = 2; idle_s = 3; answer_s = 4; linger_s = 5; };\n"
                "limits = { connections = 6; connections_per_address = 7; upstream_idle = 8;\n"
                "  upstream_connections = 9; header_bytes = 2000; uri_bytes = 1000; };\n";
        CLEANUP(config_freep) struct config *c = NULL;
        CLEANUP(freep) char *findings = NULL;
        char address[ADDR_TEXT_MAX];

        assert_int_equal(load(text, &c, &findings), 0);
        assert_string_equal(findings, "");
        assert_string_equal(c->credentials, "/c");
        assert_string_equal(c->providers, "/d");
        assert_string_equal(c->certificate, "/cert");
        assert_string_equal(c->private_key, "/key");
        assert_string_equal(c->vendor_ca, "/ca");
        assert_false(c->system_ca);
        assert_int_equal(c->workers, 64);
        assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
        assert_string_equal(addr_format(&c->address, address), "203.0.113.5");
        assert_string_equal(addr_format(&c->source, address), "192.0.2.1");
        assert_string_equal(c->resolver_servers, "127.0.0.1:5353,[::1]:53");
        assert_int_equal(c->n_listen, 2);
        assert_string_equal(addr_format(&c->listen[1].address, address), "::");
        assert_int_equal(c->listen[1].port, 8443);
        assert_int_equal(c->n_listen_plain, 2);
        assert_string_equal(addr_format(&c->listen_plain[0].address, address), "127.0.0.2");
        assert_int_equal(c->listen_plain[0].port, 0);
        assert_int_equal(c->net.head_ms, 1000);
        assert_int_equal(c->net.body_ms, 2000);
        assert_int_equal(c->net.idle_ms, 3000);
        assert_int_equal(c->net.answer_ms, 4000);
        assert_int_equal(c->net.linger_ms, 5000);
        assert_int_equal(c->net.n_connections, 6);
        assert_int_equal(c->net.n_connections_per_address, 7);
        assert_int_equal(c->net.n_upstreams_idle, 8);
        assert_int_equal(c->net.n_upstreams, 9);
        assert_int_equal(c->net.message.head_bytes, 2000);
        assert_int_equal(c->net.message.target_bytes, 1000);
}

static void each_mistake_is_told_with_its_line(void **state)
{
        static const struct {
                const char *text, *finding;
        } rows[] = {
                { MINIMUM "control_group = \"no-such-group\";",
                  ":2:17: error: there is no group \"no-such-group\"" },
                { MINIMUM "control = \"/a/very/long/path/of/more/than/a/hundred/characters/which/is/"
                          "what/a/unix/socket/can/have/at/most/control.sock\";",
                  ":2:11: error: control is too long" },
                { "policy = \"/p\";", "keyrouterd.cfg: error: nothing to listen on" },
                { MINIMUM "listen = [ \"0.0.0.0:8443\" ];",
                  "keyrouterd.cfg:2:1: error: listen needs a certificate" },
                { MINIMUM "certificate = \"/c\";", ":2:15: error: certificate without private_key" },
                { MINIMUM "private_key = \"/k\";", ":2:15: error: private_key without certificate" },
                { "policy = \"/p\";\nlisten_plain = [ \"10.0.0.1:80\" ];",
                  ":2:18: error: plain HTTP on \"10.0.0.1:80\", which is not a loopback address" },
                { "policy = \"/p\"; listen_plain = [ \"0.0.0.0:80\" ];", "not a loopback address" },
                { "policy = \"/p\"; listen_plain = [ \"127.0.0.1\" ];",
                  "is no address with a port" },
                { "policy = \"/p\"; listen_plain = [ \"localhost:80\" ];",
                  "no address with a port" },
                { "policy = \"/p\"; listen_plain = [ \"127.0.0.1:65536\" ];",
                  "no address with a port" },
                { "policy = \"/p\"; listen_plain = [ \"::1:80\" ];", "is no address with a port" },
                { "policy = \"/p\"; listen_plain = [ \"127.0.0.1:80\", \"127.0.0.1:80\" ];",
                  "error: 127.0.0.1 port 80 is listened on twice" },
                { MINIMUM
                  "listen = [ \"127.0.0.1:8401\" ]; certificate = \"/c\"; private_key = \"/k\";",
                  "error: 127.0.0.1 port 8401 is listened on twice" },
                { MINIMUM "address = \"203.0.113.0/24\";",
                  ":2:11: error: address \"203.0.113.0/24\"" },
                { MINIMUM "address = \"0.0.0.0\";", "address \"0.0.0.0\" is not an address" },
                { MINIMUM "source = \"me\";", ":2:10: error: source \"me\" is not an address" },
                { MINIMUM "resolver = { servers = [ \"127.0.0.1\" ]; };",
                  ":2:26: error: \"127.0.0.1\" is no address of a name server" },
                { MINIMUM "resolver = { servers = [ \"127.0.0.1:0\" ]; };", "of a name server" },
                { MINIMUM "resolver = { servers = [ \"dns:53\" ]; };", "of a name server" },
                { MINIMUM "system_ca = false;", "error: no CA is trusted for vendors" },
                { MINIMUM "workers = 65;", ":2:11: error: workers is 65" },
                { MINIMUM "workers = -1;", ":2:11: error: workers is -1" },
                { MINIMUM "log_level = \"loud\";", ":2:13: error: log_level must be" },
                { MINIMUM "timeouts = { head_s = 0; };", ":2:23: error: head_s is 0" },
                { MINIMUM "limits = { uri_bytes = 10; };", ":2:24: error: uri_bytes is 10" },
                { MINIMUM "certificat = \"/c\";", "certificate" }, /* the nearest is named */
                { MINIMUM "policy = 1", "error" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(config_freep) struct config *c = NULL;
                CLEANUP(freep) char *findings = NULL;

                assert_int_equal(load(rows[i].text, &c, &findings), -EINVAL);
                assert_null(c);
                if (!strstr(findings, rows[i].finding))
                        fail_msg("row %zu: no \"%s\" in %s", i, rows[i].finding, findings);
        }
}

static void all_mistakes_are_told_at_once(void **state)
{
        static const char *const expected[] = { "plain HTTP on", "workers is", "source \"x\"",
                                                "name server", "no CA is trusted" };
        CLEANUP(config_freep) struct config *c = NULL;
        CLEANUP(freep) char *findings = NULL;

        assert_int_equal(load("listen_plain = [ \"10.0.0.1:80\" ]; workers = 99; source = \"x\";\n"
                              "resolver = { servers = \"y\"; }; system_ca = false;\n",
                              &c, &findings),
                         -EINVAL);
        for (size_t i = 0; i < N_ELEMENTS(expected); i++)
                if (!strstr(findings, expected[i]))
                        fail_msg("no \"%s\" in %s", expected[i], findings);
}

static void there_is_a_bound_to_listening(void **state)
{
        CLEANUP(config_freep) struct config *c = NULL;
        CLEANUP(freep) char *findings = NULL;
        char text[4096] = "policy = \"/p\"; listen_plain = [ ";

        for (unsigned i = 0; i <= CONFIG_MAX_LISTENS; i++)
                sprintf(text + strlen(text), "%s\"127.0.0.1:%u\"", i ? ", " : "", 1000 + i);
        strcat(text, " ];");
        assert_int_equal(load(text, &c, &findings), -EINVAL);
        assert_non_null(strstr(findings, "more than 32 addresses to listen on"));
}

static void a_file_that_is_not_there_is_told(void **state)
{
        struct config *c = NULL;
        struct diag d;

        diag_init(&d);
        assert_int_equal(config_load("/nonexistent/keyrouterd.cfg", &d, &c), -ENOENT);
        assert_int_equal(d.n_errors, 1);
        assert_null(c);
        diag_done(&d);
}

/* "# name = ..." or, indented, the rest of one. */
static bool is_suggestion(const char *line)
{
        char name[32];
        int end = 0;

        return strncmp(line, "#  ", 3) == 0 ||
               (sscanf(line, "# %31[a-z_] =%n", name, &end) == 1 && end > 0);
}

/* The installed example must load as it stands, also with all its suggestions taken up. */
static void the_example_loads_with_and_without_its_suggestions(void **state)
{
        char text[16384], taken_up[16384];
        FILE *f = fopen(KEYROUTERD_CFG_EXAMPLE, "re");
        size_t n, used = 0;

        assert_non_null(f);
        n = fread(text, 1, sizeof(text) - 1, f);
        fclose(f);
        assert_true(n > 0 && n < sizeof(text) - 1);
        text[n] = 0;
        for (const char *line = text, *next; *line; line = next) {
                bool out = is_suggestion(line);

                next = strchr(line, '\n');
                next = next ? next + 1 : line + strlen(line);
                memcpy(taken_up + used, line + out, (size_t)(next - line) - out);
                used += (size_t)(next - line) - out;
        }
        taken_up[used] = 0;
        for (unsigned i = 0; i < 2; i++) {
                CLEANUP(config_freep) struct config *c = NULL;
                CLEANUP(freep) char *findings = NULL;

                (void)load(i ? taken_up : text, &c, &findings);
                assert_string_equal(findings, "");
                assert_non_null(c);
                assert_int_equal(c->n_listen_plain, i);
                assert_int_equal(c->net.message.target_bytes, 8192);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_not_said_has_its_default),
                cmocka_unit_test(every_setting_arrives_where_it_belongs),
                cmocka_unit_test(each_mistake_is_told_with_its_line),
                cmocka_unit_test(all_mistakes_are_told_at_once),
                cmocka_unit_test(there_is_a_bound_to_listening),
                cmocka_unit_test(a_file_that_is_not_there_is_told),
                cmocka_unit_test(the_example_loads_with_and_without_its_suggestions),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
