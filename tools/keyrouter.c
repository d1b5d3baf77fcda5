/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/verb.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#define SESSION (OPTION_JSON | OPTION_SESSION)

static const struct option_row check_rows[] = {
        { "credentials", 0, "DIR", "look at the credentials in DIR too, without opening them" },
        { NULL },
};

static const struct option_row plan_rows[] = {
        { "output", 'o', "FILE", "save the plan, for keyrouter apply FILE" },
        { "detailed-exitcode", 0, NULL, "exit with 2 where applying it would change something" },
        { NULL },
};

static const struct option_row apply_rows[] = {
        { "confirm-within", 0, "TIME", "go back unless keyrouter confirm comes in time, as 10m" },
        { "hosts", 0, "FILE", "take addresses of host names from FILE, as /etc/hosts" },
        { NULL },
};

static const struct option_row rollback_rows[] = {
        { "confirm-within", 0, "TIME", "go back unless keyrouter confirm comes in time, as 10m" },
        { NULL },
};

static const struct option_row allowlist_rows[] = {
        { "format", 0, "FORMAT", "text, csv or json" },
        { "only", 0, "WHAT", "the bare hosts alone that are to add, or to remove: add or remove" },
        { NULL },
};

static const struct option_row allowlist_confirm_rows[] = {
        { "added", 0, "FILE", "these have been added at the vendor; all: all that were to be" },
        { "removed", 0, "FILE", "these have been removed there; all: all that were to be" },
        { NULL },
};

static const struct option_row allowlist_import_rows[] = {
        { "provider", 0, "NAME", "whose key it is, while it is in no policy in force" },
        { "empty", 0, NULL, "take a FILE without any host: nothing stands on the key" },
        { NULL },
};

static const struct option_row switch_rows[] = {
        { "all", 0, NULL, "everything" },
        { NULL },
};

static const struct option_row history_rows[] = {
        { "number", 'n', "N", "at most N rows, 50 unless told" },
        { "before", 0, "ROW", "rows older than ROW" },
        { NULL },
};

static const struct option_row show_rows[] = {
        { "output", 'o', "DIR", "write the files there, over none that is there" },
        { NULL },
};

static const struct option_row backup_rows[] = {
        { "force", 0, NULL, "write over FILE" },
        { NULL },
};

static const struct option_row init_rows[] = {
        { "output", 'o', "FILE", "write it to a new FILE" },
        { "site", 0, "NAME", "name of the site; default main" },
        { "provider", 0, "VENDOR", "the vendor; default smarty" },
        { "keys", 0, "N|NAMES", "how many embedded keys there are, or their names; default 1" },
        { "workstations", 0, "LIST", "addresses, prefixes, first-last, joined by commas" },
        { "public", 0, "MAP", "how the vendor sees them: same, router, ADDRESS, PREFIX -> PREFIX" },
        { "egress", 0, "KIND|LIST", "router, transparent, direct, or the router's own addresses" },
        { "group", 0, "NAME", "name of their group; default desks" },
        { "backend", 0, "NAME|none", "name of the secret key; default SITE-secret" },
        { NULL },
};

static const struct option_row import_rows[] = {
        { "group", 0, "GROUP", "the group that the desks are for" },
        { "policy", 0, "POLICY", "compare with this policy, not with " KEYROUTER_POLICY },
        { "output", 'o', "FILE", "write the proposal to a new FILE, as conf.d/NAME.cfg" },
        { NULL },
};

static const struct option_row whatif_rows[] = {
        { "add", 0, "N@GROUP", "N more desks in a group" },
        { "add-key", 0, "KEY", "one more key, as austin-6, austin-6:50 or austin-6@sales,support" },
        { "remove-key", 0, "NAME", "one key less" },
        { NULL },
};

static const struct option_row resolve_rows[] = {
        { "update", 0, NULL, "pin answers that differ from the pin, too" },
        { "hosts", 0, "FILE", "take the answers from FILE, as /etc/hosts, and ask no DNS" },
        { NULL },
};

static const struct option_row workstation_rows[] = {
        { "router", 0, "HOST:PORT",
          "where the workstations call the router; default this machine" },
        { "router-name", 0, "NAME", "the name in the router's certificate, if another" },
        { "ca", 0, "PATH", "where they have the CA's certificate" },
        { "listen", 0, "ADDRESS:PORT", "where the shim listens; default 127.0.0.1:8402" },
        { "output", 'o', "FILE", "write it to a new FILE" },
        { NULL },
};

const struct verb verbs[] = {
        { "init", verb_init, "", OPTION_JSON | OPTION_PROVIDERS, init_rows,
          "write a first policy, from a few answers" },
        { "import csv", verb_import_csv, "FILE", OPTION_JSON | OPTION_PROVIDERS, import_rows,
          "propose a group with the desks of a table; changes nothing" },
        { "check", verb_check, "[POLICY]", SESSION | OPTION_POLICY, check_rows,
          "read a policy and say everything that is wrong with it" },
        { "plan", verb_plan, "[POLICY]", SESSION | OPTION_POLICY, plan_rows,
          "say what applying a policy would change, moves first" },
        { "apply", verb_apply, "[POLICY|PLAN]", SESSION | OPTION_POLICY | OPTION_WHY, apply_rows,
          "put a policy, or a saved plan, in force" },
        { "confirm", verb_confirm, "", SESSION | OPTION_WHY, NULL,
          "keep what was applied with --confirm-within" },
        { "rollback", verb_rollback, "[N]", SESSION | OPTION_WHY, rollback_rows,
          "put the policy of an earlier row of the history in force again" },
        { "allowlist", verb_allowlist, "[KEY]", SESSION, allowlist_rows,
          "say what is to be added and removed at the vendor, key by key" },
        { "allowlist confirm", verb_allowlist_confirm, "KEY", SESSION | OPTION_WHY,
          allowlist_confirm_rows, "say what has been added and removed at the vendor" },
        { "allowlist import", verb_allowlist_import, "KEY FILE",
          SESSION | OPTION_WHY | OPTION_PROVIDERS, allowlist_import_rows,
          "say all that stands on a key at the vendor" },
        { "suspend", verb_suspend, "[NAME...]", SESSION | OPTION_WHY, switch_rows,
          "switch keys, backends or everything off, at once and until resumed" },
        { "resume", verb_resume, "[NAME...]", SESSION | OPTION_WHY, switch_rows,
          "switch on again what was suspended by hand" },
        { "history", verb_history, "", SESSION, history_rows,
          "say who changed what, when and why" },
        { "diff", verb_diff, "ROW [ROW]", SESSION, NULL,
          "say what differs between two rows of the history, or one and now" },
        { "show", verb_show, "[ROW]", SESSION, show_rows,
          "print the files of the policy in force, now or at a row of the history" },
        { "ledger backup", verb_ledger_backup, "FILE", SESSION, backup_rows,
          "write the whole ledger to FILE, - is standard output" },
        { "ledger restore", verb_ledger_restore, "FILE", SESSION | OPTION_WHY, NULL,
          "put a backup in the ledger's place" },
        { "ledger verify", verb_ledger_verify, "", SESSION, NULL,
          "read all of the ledger and say whether it is sound" },
        { "schema", verb_schema, "", OPTION_JSON, NULL,
          "say which settings policies and provider definitions have" },
        { "explain", verb_explain, "ADDRESS [POLICY]", SESSION | OPTION_POLICY, NULL,
          "say why a workstation has the key that it has, and why no other" },
        { "whatif", verb_whatif, "[POLICY]", SESSION | OPTION_POLICY, whatif_rows,
          "say what more desks, more keys or fewer would come to" },
        { "status", verb_status, "", SESSION | OPTION_PROVIDERS, NULL,
          "say whether all is well, and what is to be seen to" },
        { "report", verb_report, "", SESSION | OPTION_PROVIDERS, NULL,
          "print a page about the site" },
        { "names", verb_names, "[groups|keys|backends]", SESSION | OPTION_HIDDEN, NULL,
          "print the names of the policy in force, for completion in a shell" },
        { "resolve", verb_resolve, "[POLICY]", SESSION | OPTION_PROVIDERS | OPTION_WHY,
          resolve_rows, "look up the host names of a policy and pin those that are new" },
        { "workstation-config", verb_workstation_config, "GROUP [POLICY]",
          SESSION | OPTION_PROVIDERS, workstation_rows,
          "write the settings of the shims of a group" },
        { "help", verb_help, "[VERB...]", 0, NULL,
          "say how to use keyrouter, or one of its verbs" },
        { NULL },
};

static void verb_print(const struct verb *v, FILE *out)
{
        const struct option_row *o;

        fprintf(out, "usage: keyrouter %s%s%s", v->name, v->operands[0] ? " " : "", v->operands);
        for (size_t i = 0; (o = verb_option(v, i)); i++)
                fprintf(out, " [%s%c%s%s%s%s]", o->letter ? "-" : "--",
                        o->letter ? o->letter : o->name[0], o->letter ? "" : o->name + 1,
                        o->argument ? " " : "", o->argument ? o->argument : "", "");
        fprintf(out, "\n\n%s\n", v->help);
        if (verb_option(v, 0))
                fputc('\n', out);
        for (size_t i = 0; (o = verb_option(v, i)); i++) {
                char text[64], letter[] = { '-', o->letter, ',', ' ', 0 };

                snprintf(text, sizeof(text), "%s--%s%s%s", o->letter ? letter : "", o->name,
                         o->argument ? " " : "", o->argument ? o->argument : "");
                fprintf(out, "  %-26s %s\n", text, o->help);
        }
}

void usage_print(const struct verb *v, FILE *out)
{
        if (v) {
                verb_print(v, out);
                return;
        }
        fputs("usage: keyrouter VERB ...\n\n", out);
        for (v = verbs; v->name; v++) {
                char text[64];

                if (v->common & OPTION_HIDDEN)
                        continue;
                snprintf(text, sizeof(text), "%s %s", v->name, v->operands);
                fprintf(out, "  %-34s %s\n", text, v->help);
        }
        fputs("\n  --help                         this text; keyrouter help VERB tells more\n"
              "  --version                      the version of keyrouter\n",
              out);
}

static int request_run(int argc, char **argv)
{
        struct request r;
        int status;

        if (strcmp(argv[0], "--version") == 0) {
                puts("keyrouter " KEYROUTER_VERSION);
                return 0;
        }
        if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
                usage_print(NULL, stdout);
                return 0;
        }
        status = command_read(&r, argc, argv);
        return status ? status : r.verb->run(&r);
}

int main(int argc, char **argv)
{
        int status;

        if (argc < 2) {
                usage_print(NULL, stderr);
                return EX_USAGE;
        }
        status = request_run(argc - 1, argv + 1);
        if (fflush(stdout) != 0 || ferror(stdout)) {
                fprintf(stderr, "keyrouter: cannot write the output: %s\n", strerror(errno));
                return EX_IOERR;
        }
        return status;
}
