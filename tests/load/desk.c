/* SPDX-License-Identifier: Apache-2.0 */
#include "desk.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void line_refuse(const char *path, unsigned line)
{
        fprintf(stderr, "crowd: %s:%u: not a desk\n", path, line);
        exit(64);
}

static bool origins_split(char *text, const char *origins[static DESK_ORIGINS_MAX + 1])
{
        unsigned n = 0;

        for (char *rest = text, *one; (one = strsep(&rest, ",")); n++) {
                if (n == DESK_ORIGINS_MAX || !*one)
                        return false;
                origins[n] = one;
        }
        return true;
}

static bool desk_parse(const char *line, struct desk *d)
{
        char address[INET_ADDRSTRLEN];

        return sscanf(line, "%15s %3u %191s %191s", address, &d->status, d->text[0], d->text[1]) ==
                       4 &&
               inet_pton(AF_INET, address, &d->address) == 1 &&
               origins_split(d->text[0], d->origins[0]) && origins_split(d->text[1], d->origins[1]);
}

unsigned desks_load(const char *path, struct desk desks[static DESKS_MAX])
{
        FILE *f = fopen(path, "re");
        char line[512];
        unsigned n = 0;

        if (!f) {
                perror(path);
                exit(66);
        }
        while (fgets(line, sizeof(line), f)) {
                if (n == DESKS_MAX || !desk_parse(line, &desks[n]))
                        line_refuse(path, n + 1);
                n++;
        }
        fclose(f);
        if (n == 0)
                line_refuse(path, 1);
        return n;
}

void desks_done(struct desk *desks, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                SSL_SESSION_free(desks[i].session);
}
