/* SPDX-License-Identifier: Apache-2.0 */
#include "workstation/process.h"
#include "workstation/shim.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

static const char usage[] = "Usage: keyshim [-c FILE] [--check]\n"
                            "Hands the API calls of this workstation to the site's router.\n"
                            "\n"
                            "  -c, --config FILE  settings (" CONFIG_DEFAULT_PATH ")\n"
                            "      --check        check the settings and end\n"
                            "      --version      print the version and end\n"
                            "  -h, --help         print this and end\n";

struct options {
        const char *path;
        bool check;
};

enum { OPTION_CHECK = 256, OPTION_VERSION };

static const struct option long_options[] = {
        { "config", required_argument, NULL, 'c' },
        { "check", no_argument, NULL, OPTION_CHECK },
        { "version", no_argument, NULL, OPTION_VERSION },
        { "help", no_argument, NULL, 'h' },
        { NULL },
};

/* False: end with *ret_status. */
static bool options_parse(int argc, char **argv, struct options *o, int *ret_status)
{
        int option;

        *ret_status = EX_OK;
        while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
                if (option == 'c') {
                        o->path = optarg;
                } else if (option == OPTION_CHECK) {
                        o->check = true;
                } else if (option == OPTION_VERSION) {
                        puts("keyshim " KEYROUTER_VERSION);
                        return false;
                } else {
                        fputs(usage, option == 'h' ? stdout : stderr);
                        *ret_status = option == 'h' ? EX_OK : EX_USAGE;
                        return false;
                }
        }
        if (optind == argc)
                return true;
        fprintf(stderr, "keyshim: \"%s\" is one word too many\n%s", argv[optind], usage);
        *ret_status = EX_USAGE;
        return false;
}

/* Everything that can be checked without a loop, the CA's file included. */
static int prepare(const char *path, struct diag *d, struct config **ret, struct uplink *u)
{
        int r = config_load(path, d, ret);

        if (r == 0)
                r = uplink_init(u, *ret, d);
        diag_sort(d);
        diag_print(d, stderr);
        if (r < 0 && d->n_errors == 0)
                fprintf(stderr, "keyshim: %s\n", strerror(-r));
        if (r == 0)
                return EX_OK;
        return r == -ENOMEM ? EX_OSERR : EX_CONFIG;
}

static void diag_freep(struct diag *d)
{
        diag_done(d);
}

int main(int argc, char **argv)
{
        struct options options = { .path = CONFIG_DEFAULT_PATH };
        CLEANUP(config_freep) struct config *config = NULL;
        CLEANUP(diag_freep) struct diag d;
        struct uplink uplink = { .has_names = false };
        int status;

        diag_init(&d);
        if (!options_parse(argc, argv, &options, &status))
                return status;
        process_begin();
        status = prepare(options.path, &d, &config, &uplink);
        if (status == EX_OK && options.check)
                printf("%s is in order: %zu APIs, router %s, port %u\n", options.path,
                       config->apis.n_apis, config->router_host, config->router_port);
        if (status == EX_OK && !options.check) {
                log_set_level(config->log_level);
                status = shim_run(config, &uplink);
        }
        uplink_done(&uplink);
        return status;
}
