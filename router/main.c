/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "router/config.h"
#include "router/daemon.h"
#include "router/journal.h"

#include <getopt.h>
#include <stdio.h>

#define CONFIG_DEFAULT "/etc/keyrouter/keyrouterd.cfg"

static int usage(FILE *out)
{
        fprintf(out, "Usage: keyrouterd [-c FILE] [--check]\n"
                     "\n"
                     "  -c, --config FILE  settings of this router (default " CONFIG_DEFAULT ")\n"
                     "      --check        load settings, policy and credentials, say what is "
                     "wrong, end\n"
                     "      --version      print the version, end\n"
                     "      --help         print this text, end\n");
        return out == stdout ? EXIT_OK : EXIT_USAGE;
}

static int run(const char *path, bool check_only)
{
        CLEANUP(config_freep) struct config *config = NULL;
        struct diag diag;
        int r;

        diag_init(&diag);
        r = config_load(path, &diag, &config);
        diag_sort(&diag);
        diag_print(&diag, stderr);
        diag_done(&diag);
        if (r < 0)
                return EXIT_CONFIG;
        log_set_level(config->log_level);
        if (check_only)
                return daemon_check(config);
        journal_start();
        return daemon_run(config);
}

int main(int argc, char **argv)
{
        static const struct option options[] = {
                { "config", required_argument, NULL, 'c' },
                { "check", no_argument, NULL, 'n' },
                { "version", no_argument, NULL, 'v' },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        const char *path = CONFIG_DEFAULT;
        bool check_only = false;
        int option;

        process_protect();
        while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
                switch (option) {
                case 'c':
                        path = optarg;
                        break;
                case 'n':
                        check_only = true;
                        break;
                case 'v':
                        printf("keyrouterd %s\n", KEYROUTER_VERSION);
                        return EXIT_OK;
                case 'h':
                        return usage(stdout);
                default:
                        return usage(stderr);
                }
        }
        if (optind != argc)
                return usage(stderr);
        return run(path, check_only);
}
