/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that the command never makes, but another client of the control socket may. Each is made
 * of a ledger in memory of its own, in which no policy has been applied, and which has on key k-1 of
 * smarty: 192.0.2.1 and 192.0.2.2 wanted, 192.0.2.3 leaving, crm.example.com foreign.
 */
#include "policy/operation/json.h"
#include "policy/operation/operation.h"
#include "tests/unit/base/row.h"

#include <sysexits.h>

#define STAYS 1 /* rows of the history, where nothing changes */

static const struct {
        const char *sentence, *operation, *request;
        int status;
        const char *part; /* of the answer, without blanks and with its members sorted */
        unsigned n_rows;  /* of the history behind it */
} requests[] = {
        { "an address that is told twice is one", "allowlist-confirm",
          "{'key':'k-1','added':['192.0.2.1','192.0.2.1']}", 0, "'added':1,", STAYS + 1 },
        { "addresses are the same however they are written", "allowlist-confirm",
          "{'key':'k-1','added':['::ffff:192.0.2.2']}", 0, "'left':{'add':1,'remove':1}",
          STAYS + 1 },
        { "nothing said is nothing done", "allowlist-confirm", "{'key':'k-1'}", EX_USAGE, "neither",
          STAYS },
        { "null is nothing said", "allowlist-confirm", "{'key':'k-1','added':null}", EX_USAGE,
          "neither", STAYS },
        { "an empty list is something said", "allowlist-confirm", "{'key':'k-1','added':[]}", 0,
          "'added':0,", STAYS },
        { "another word than all", "allowlist-confirm", "{'key':'k-1','added':'every'}", EX_USAGE,
          "neither \\\"all\\\" nor a list of texts", STAYS },
        { "a list of something else", "allowlist-confirm", "{'key':'k-1','removed':[1]}", EX_USAGE,
          "\\\"removed\\\" is not a list of texts", STAYS },
        { "a number for a list", "allowlist-confirm", "{'key':'k-1','added':7}", EX_USAGE,
          "\\\"added\\\" is not a list of texts", STAYS },
        { "what is no address is told by its place", "allowlist-confirm",
          "{'key':'k-1','added':['192.0.2.1','sesame-sesame-sesame']}", EX_DATAERR,
          "\\\"added\\\": number 2 of the list is no IP address", STAYS },
        { "a wrong second list undoes the first", "allowlist-confirm",
          "{'key':'k-1','added':'all','removed':['192.0.2.1']}", EX_DATAERR,
          "192.0.2.1 is not to be removed from key k-1: it is wanted there", STAYS },
        { "the foreign is not to be removed", "allowlist-confirm",
          "{'key':'k-1','removed':['crm.example.com']}", EX_DATAERR,
          "number 1 of the list is no IP address", STAYS },
        { "a key that nobody knows", "allowlist-confirm", "{'key':'k-9','added':'all'}", EX_NOINPUT,
          "did you mean \\\"k-1\\\"?", STAYS },
        { "no hosts", "allowlist-import", "{'key':'k-1','provider':'smarty'}", EX_USAGE,
          "\\\"hosts\\\" is not there", STAYS },
        { "an empty list of hosts is a statement", "allowlist-import",
          "{'key':'k-1','provider':'smarty','hosts':[]}", 0,
          "'foreign':0,'key':'k-1','leaving':0,'live':0,'provider':'smarty'", STAYS + 1 },
        { "hosts that are none are told by their places", "allowlist-import",
          "{'key':'k-1','provider':'smarty','hosts':['192.0.2.1','sesame-sesame-sesame']}",
          EX_DATAERR, "number 2 of the list is no IP address, host name or wildcard", STAYS },
        { "a host that is told twice, in two ways, is one", "allowlist-import",
          "{'key':'k-2','provider':'smarty','hosts':['A.example.com','a.example.com']}", 0,
          "'foreign':1,", STAYS + 1 },
        { "the key's entries at another provider are others", "allowlist-import",
          "{'key':'k-1','provider':'alloy','hosts':['192.0.2.1']}", 0,
          "'foreign':1,'key':'k-1','leaving':0,'live':0,'provider':'alloy'",
          STAYS + 1 },
        { "a name that leads elsewhere", "allowlist-import",
          "{'key':'../k','provider':'smarty','hosts':[]}", EX_DATAERR, "no legal name", STAYS },
        { "nothing to suspend", "suspend", "{'all':true}", EX_UNAVAILABLE,
          "no policy has been applied yet", STAYS },
        { "names and all", "resume", "{'names':['k-1'],'all':true}", EX_USAGE, "either", STAYS },
        { "neither names nor all", "resume", "{'names':[]}", EX_USAGE, "either", STAYS },
        { "a name with a kind that is none", "resume", "{'names':['desk:7']}", EX_DATAERR,
          "no key and no backend \\\"desk:7\\\"", STAYS },
        { "a path that a terminal would obey", "plan",
          "{'policy':{'path':'p','files':[{'role':'policy','path':'\\u001b[2Jp','text':''}]}}",
          EX_DATAERR, "the path of file 1 of the policy", STAYS },
        { "a role that a terminal would obey", "apply",
          "{'policy':{'path':'p','files':[{'role':'provider \\u001b','path':'p','text':''}]}}",
          EX_DATAERR, "the path of file 1 of the policy", STAYS },
        { "no row to begin at", "diff", "{}", EX_USAGE, "\\\"a\\\" is not there", STAYS },
        { "a row for a diff that is none", "diff", "{'a':'1'}", EX_USAGE, "\\\"a\\\"", STAYS },
        { "rows beyond what one answer holds", "history", "{'limit':1001}", EX_USAGE, "1000",
          STAYS },
        { "a policy before there was one", "revision", "{'id':1}", EX_NOINPUT,
          "no policy was in force at row 1", STAYS },
        { "bytes that are no base64", "ledger-restore", "{'data':'?'}", EX_USAGE, "no base64",
          STAYS },
        { "bytes that are no ledger", "ledger-restore", "{'data':'Zm9v'}", EX_DATAERR,
          "this is no ledger to restore", STAYS },
        { "no bytes", "ledger-restore", "{'data':''}", EX_DATAERR, "this is no ledger to restore",
          STAYS },
};

static struct ledger *ledger_make(void)
{
        static const struct entry_move moves[] = {
                { "smarty", "k-1", "192.0.2.1", -1, ENTRY_WANTED, 0, 0 },
                { "smarty", "k-1", "192.0.2.2", -1, ENTRY_WANTED, 0, 0 },
                { "smarty", "k-1", "192.0.2.3", -1, ENTRY_LEAVING, 1, 1 },
                { "smarty", "k-1", "crm.example.com", -1, ENTRY_FOREIGN, 1, 1 },
        };
        struct change c = { .expected_head = UINT64_MAX,
                            .who = "test",
                            .what = "set up",
                            .summary = "set up",
                            .at_us = 1,
                            .moves = moves,
                            .n_moves = N_ELEMENTS(moves) };
        struct ledger *l;
        uint64_t row;

        assert_int_equal(ledger_open_memory(&l), 0);
        assert_int_equal(ledger_commit(l, &c, &row), 0);
        return l;
}

/* JSON with ' for ". */
static json_t *json_read(const char *text)
{
        CLEANUP(freep) char *copy = strdup(text);
        json_t *value;

        for (char *c = copy; *c; c++)
                if (*c == '\'')
                        *c = '"';
        value = json_loads(copy, 0, NULL);
        assert_non_null(value);
        return value;
}

static char *json_written(json_t *value)
{
        char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);

        assert_non_null(text);
        for (char *c = text; *c; c++)
                if (*c == '"' && (c == text || c[-1] != '\\'))
                        *c = '\'';
        return text;
}

static void each_request_is_answered_or_refused_as_a_whole(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(requests); i++) {
                CLEANUP(ledger_closep) struct ledger *ledger = ledger_make();
                struct operation_host host = { .ledger = ledger, .ledger_path = "memory" };
                CLEANUP(json_freep) json_t *request = json_read(requests[i].request);
                CLEANUP(freep) char *text = NULL;
                struct reply reply;

                operation_run(&host, requests[i].operation, "test", request, &reply);
                text = json_written(reply.body);
                if (reply.status != requests[i].status || !strstr(text, requests[i].part) ||
                    strstr(text, "sesame"))
                        fail_msg("row %zu: %s: status %d, %s", i, requests[i].sentence,
                                 reply.status, text);
                ROW_CHECK(ledger_head(ledger) == requests[i].n_rows, i, requests[i].sentence);
                ROW_CHECK((reply.changed != 0) == (requests[i].n_rows > STAYS), i,
                          requests[i].sentence);
                reply_done(&reply);
        }
}

/* Whoever plans with them later takes them for what works. */
static void imported_hosts_are_known_to_stand_there(void **state)
{
        CLEANUP(ledger_closep) struct ledger *ledger = ledger_make();
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        struct operation_host host = { .ledger = ledger, .ledger_path = "memory" };
        CLEANUP(json_freep)
        json_t *request =
                json_read("{'key':'k-1','provider':'smarty','hosts':['192.0.2.1','192.0.2.9']}");
        struct reply reply;
        size_t n = 0;

        operation_run(&host, "allowlist-import", "test", request, &reply);
        reply_done(&reply);
        assert_int_equal(ledger_entries(ledger, &entries), 0);
        for (size_t i = 0; i < entries->n; i++) {
                const struct entry *e = &entries->entries[i];
                bool is_listed = e->state == ENTRY_LIVE || e->state == ENTRY_FOREIGN;

                n += is_listed;
                assert_true(is_listed == (e->added_us > 1) && is_listed == (e->live_us > 1));
        }
        assert_int_equal(n, 2);
}

/* ---- memory that runs out ---- */

static unsigned n_until_failure; /* 0: none fails */

static void *json_malloc(size_t size)
{
        return n_until_failure && --n_until_failure == 0 ? NULL : malloc(size);
}

/* The n-th piece of memory for JSON is not to be had. False: it needs fewer. */
static bool told_truly_without_memory(const char *operation, const char *text, unsigned n)
{
        CLEANUP(ledger_closep) struct ledger *ledger = ledger_make();
        struct operation_host host = { .ledger = ledger, .ledger_path = "memory" };
        CLEANUP(json_freep) json_t *request = json_read(text);
        CLEANUP(freep) char *told = NULL;
        struct reply reply;
        bool is_done, failed;

        n_until_failure = n;
        operation_run(&host, operation, "test", request, &reply);
        failed = n_until_failure == 0;
        n_until_failure = 0;
        told = json_written(reply.body);
        is_done = ledger_head(ledger) > STAYS;
        assert_true(is_done == (reply.changed != 0));
        if (reply.status != 0) {
                assert_int_equal(reply.status, EX_OSERR);
                assert_non_null(strstr(told, is_done ? "it is done" : "nothing has changed"));
        }
        reply_done(&reply);
        return failed;
}

static void what_is_done_is_not_denied_when_memory_for_the_answer_is_missing(void **state)
{
        static const char *const of[][2] = {
                { "allowlist-confirm", "{'key':'k-1','added':['192.0.2.1']}" },
                { "allowlist-import", "{'key':'k-1','provider':'smarty','hosts':['192.0.2.9']}" },
        };

        json_set_alloc_funcs(json_malloc, free);
        for (size_t i = 0; i < N_ELEMENTS(of); i++) {
                unsigned n = 1;

                while (told_truly_without_memory(of[i][0], of[i][1], n))
                        n++;
                assert_in_range(n, 5, 1000);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_request_is_answered_or_refused_as_a_whole),
                cmocka_unit_test(imported_hosts_are_known_to_stand_there),
                cmocka_unit_test(
                        what_is_done_is_not_denied_when_memory_for_the_answer_is_missing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
