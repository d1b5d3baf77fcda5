/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/settings/mask.h"
#include "lib/settings/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const methods[] = { "GET", "POST", NULL };

static const struct setting_row key_rows[] = {
        { "name", SETTING_TEXT },
        { "credential", SETTING_TEXT },
        { "capacity", SETTING_INT },
        { "secret", SETTING_TEXTS, .choices = methods },
        { NULL },
};

static const struct setting_row class_rows[] = {
        { "query", SETTING_PAIRS },
        { "bearer", SETTING_TEXT },
        { NULL },
};

static const struct setting_row rows[] = {
        { "site", SETTING_TEXT },
        { "words", SETTING_TEXTS },
        { "keys", SETTING_GROUPS, .rows = key_rows },
        { "secret", SETTING_GROUP, .rows = class_rows },
        { NULL },
};

struct sample {
        const char *text, *shown, *sentence;
};

static void samples_check(const struct sample *samples, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                CLEANUP(freep) char *shown = text_mask(slice_of(samples[i].text), rows);

                assert_non_null(shown);
                if (strcmp(shown, samples[i].shown) != 0)
                        fail_msg("%s: %s", samples[i].sentence, shown);
        }
}

static void what_a_policy_needs_to_be_read_stays(void **state)
{
        static const char *const texts[] = {
                "words = [ \"10.20.0.0/24\", \"10.20.1.0-10.20.1.255\", \"10.20.1.10-59\" ];",
                "words = [ \"2001:0db8:85a3:0000:0000:8a2e:0370:7334\", \"2001:db8::/32\" ];",
                "words = [ \"10.20.0.0/24 -> 198.51.100.0/24\", \"@customer-service\" ];",
                "words = [ \"workstation-17.example.com\", \"PC-17.accounting.example.com\" ];",
                "words = [ \"https://crm.example.com:8443\", \"conf.d/20-sales.cfg\" ];",
                "words = \"customer-service-and-support\";",
                "keys = ( { name = \"austin-1\"; capacity = 100; } );",
                "keys = ( { secret = [ \"GET\", \"POST\" ]; } );",
                "include = [ \"conf.d/*.cfg\" ]; # keys of the site, austin-1 to austin-5: see "
                "10.20",
                "site = \"austin\"; /* words */ words = [ ];",
        };

        for (size_t i = 0; i < N_ELEMENTS(texts); i++)
                samples_check(&(struct sample){ texts[i], texts[i], "is readable" }, 1);
}

static void values_of_settings_that_hold_secrets_are_hidden(void **state)
{
        static const struct sample samples[] = {
                { "keys = ( { credential = \"ab\"; } );", "keys = ( { credential = \"**\"; } );",
                  "however short" },
                { "keys = ( { credential = \"ab\" \"cd\"; } );",
                  "keys = ( { credential = \"**\" \"**\"; } );", "in two texts" },
                { "keys = ( { credential = \"a\n  b\"; } );",
                  "keys = ( { credential = \"*\n***\"******", "over two lines" },
                { "keys = ( { credential =\n \"ab\"; } );",
                  "keys = ( { credential =\n \"**\"; } );", "on the next line" },
                { "keys = ( { credential : /* here */ \"a\\\"b\"; } );",
                  "keys = ( { credential : ** **** ** ******; } );", "behind a comment" },
                { "keys = ( { credential = [ \"a\", ( \"b\", 17 ) ]; name = \"n\"; } );",
                  "keys = ( { credential = [ \"*\", ( \"*\", ** ) ]; name = \"n\"; } );",
                  "in a list" },
                { "keys = ( { credential = 17; } );", "keys = ( { credential = **; } );",
                  "a number" },
                { "keys = ( { credential = ab/c+d==; name = \"n\"; } );",
                  "keys = ( { credential = ********; name = \"n\"; } );", "without quotes" },
                { "keys = ( { credential = 'ab'; } );", "keys = ( { credential = ****; } );",
                  "in quotes of another kind" },
                { "keys = ( { credential abc;", "keys = ( { credential ***;", "without the sign" },
                { "keys = ( { credential \"abc\";", "keys = ( { credential \"***\";",
                  "and in quotes" },
                { "secret = { bearer = \"abc\"; query = { a = \"b\"; }; };",
                  "secret = { bearer = \"***\"; query = { a = \"*\"; }; };",
                  "a group of that name is not hidden as a whole, pairs are" },
                { "keys = ( { secret = [ \"GET\", \"PUT\" ]; } );",
                  "keys = ( { secret = [ \"GET\", \"***\" ]; } );",
                  "of words to choose from only the others" },
                { "site = \"a\"; token = \"b\"; Auth-Id = 1; password : \"c\"; bearer = \"d\"",
                  "site = \"a\"; token = \"*\"; Auth-Id = *; password : \"*\"; bearer = \"*\"",
                  "by their names, anywhere" },
        };

        samples_check(samples, N_ELEMENTS(samples));
}

static void values_of_settings_that_nobody_knows_are_hidden(void **state)
{
        static const struct sample samples[] = {
                { "sight = \"a\"; site = \"b\";", "sight = \"*\"; site = \"b\";", "a typo" },
                { "x = { y = \"a\"; z = [ 1, { w = \"b\"; } ]; }; site = \"c\";",
                  "x = { y = \"*\"; z = [ *, { w = \"*\"; } ]; }; site = \"c\";",
                  "with all that is in it" },
                { "keys = ( { words = \"a\"; } );", "keys = ( { words = \"*\"; } );",
                  "what is known elsewhere alone is unknown here" },
                { "site = { name = \"a\"; };", "site = { name = \"*\"; };",
                  "a group that should be none" },
                { "{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{ site = \"a\"",
                  "{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{ site = \"*\"", "too deep" },
                { "keys = ( { name = \"a\"; ) name = \"b\"; credential = \"cd\";",
                  "keys = ( { name = \"a\"; ) name = \"*\"; credential = \"**\";",
                  "nothing is known behind a bracket of the wrong kind" },
                { "words = [ \"a\", b, \"c\" ]; x = [ \"d\", e, \"f\" ];",
                  "words = [ \"a\", b, \"*\" ]; x = [ \"*\", *, \"*\" ];",
                  "nor behind a name where none belongs" },
                { "keys = ( { name = \"a\"; x = 1; } }\n site = \"b\"; x = ab",
                  "keys = ( { name = \"a\"; x = *; } }\n site = \"b\"; x = **",
                  "a bracket too many" },
        };

        samples_check(samples, N_ELEMENTS(samples));
}

static void words_that_look_like_credentials_are_hidden_anywhere(void **state)
{
        static const struct sample samples[] = {
                { "site = \"abcdefghijk1\";", "site = \"************\";", "twelve with a digit" },
                { "site = \"abcdefghij1\";", "site = \"abcdefghij1\";", "eleven are none" },
                { "site = \"123456789012\";", "site = \"************\";", "twelve digits" },
                { "site = \"abcdefghijKl\";", "site = \"************\";",
                  "a capital behind a small letter" },
                { "words = [ \"8e2f1c7a-03b4-4d55-9a6e-0f1b2c3d4e5f\" ];",
                  "words = [ \"************************************\" ];", "with dashes" },
                { "words = [ \"abc,def;ghi1\" ];", "words = [ \"************\" ];",
                  "with other signs" },
                { "words = [ \"Bearer abcdefghijk1\" ];", "words = [ \"Bearer ************\" ];",
                  "behind a blank" },
                { "words = [ \"k:123456789012\", \"a/abcdefghijKl\" ];",
                  "words = [ \"k:************\", \"a/************\" ];", "as a part" },
                { "words = [ \"x.abcdefghijklmnopqrstuvw1\" ];",
                  "words = [ \"x.************************\" ];", "a long part" },
                { "words = \"http://user:word@proxy.example.com\";",
                  "words = \"http://*********@proxy.example.com\";", "a login" },
                { "words = \"user:word@proxy\";", "words = \"*********@proxy\";",
                  "a login without a scheme" },
                { "abcdefghijk1 = 3;", "************ = *;", "where a name should be" },
                { "words = [ 123456789012, 0x1234567890 ];",
                  "words = [ ************, ************ ];", "a number" },
                { "site = \"a\"; # was abcdefghijk1, or 123456789012",
                  "site = \"a\"; # was ************, or ************", "in a comment" },
                { "site = \"a\"; // token = \"b c\";\nwords = 1; /* x=y\nz */",
                  "site = \"a\"; // token = ** ***\nwords = 1; /* x=*\nz */",
                  "behind a sign in a comment, to the line's end" },
                { "site = \"a\"; /* token = b c", "site = \"a\"; /* token = * *",
                  "also where it is not closed" },
                { "site = \"abc,def;ghi1", "site = \"************", "nor the text" },
        };

        samples_check(samples, N_ELEMENTS(samples));
}

/* Texts of the lines below stand outside of quotes then, and what is between them inside. */
static void a_quote_that_is_missing_lays_nothing_open(void **state)
{
        static const char *const texts[] = {
                "site = \"a;\nkeys = ( { credential = \"bcd\"; } );",
                "keys = ( { credential = \"bcd; } );\nsite = \"a\";",
                "keys = ( { credential = \"bcd\nbcd\nbcd",
                "/* a\nkeys = ( { credential = \"bcd\"; } );",
                "# \"\nkeys = ( { credential = \"bcd\"; } );",
                "@include \"x\"\nkeys = ( { credential = \"bcd\"; } );",
                "site = \"a\n b\"; x = \"bcd\";",
                "words = [ \"a\", \"b ];\ncredential = [ \"bcd\", 3 ];\n",
                "site = \"a\\\";\nkeys = ( { credential = \"bcd\"; } );",
        };

        for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
                CLEANUP(freep) char *shown = text_mask(slice_of(texts[i]), rows);

                assert_non_null(shown);
                assert_int_equal(strlen(shown), strlen(texts[i]));
                for (const char *c = texts[i]; *c; c++)
                        assert_true(*c != '\n' || shown[c - texts[i]] == '\n');
                if (strstr(shown, "bcd"))
                        fail_msg("row %zu: %s", i, shown);
        }
}

static void messages_show_no_credential_either(void **state)
{
        char longer[300];

        assert_string_equal(masked("10.20.0.300").text, "10.20.0.300");
        assert_string_equal(masked("austin-11").text, "austin-11");
        assert_string_equal(masked("key 123456789012").text, "key ************");
        memset(longer, 'a', sizeof(longer));
        longer[200] = '1';
        longer[299] = 0;
        assert_int_equal(strlen(masked(longer).text), sizeof(struct masked) - 1);
        assert_null(strchr(masked(longer).text, 'a'));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_a_policy_needs_to_be_read_stays),
                cmocka_unit_test(values_of_settings_that_hold_secrets_are_hidden),
                cmocka_unit_test(values_of_settings_that_nobody_knows_are_hidden),
                cmocka_unit_test(words_that_look_like_credentials_are_hidden_anywhere),
                cmocka_unit_test(a_quote_that_is_missing_lays_nothing_open),
                cmocka_unit_test(messages_show_no_credential_either),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
