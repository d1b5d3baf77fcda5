/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/moment.h"

#include "tools/output.h"

#include <sys/param.h>
#include <time.h>

const char *moment_age(const char *text)
{
        struct tm t = { 0 };
        const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &t);

        if (!end || *end)
                return "";
        return age_text(MAX((int64_t)time(NULL) - (int64_t)timegm(&t), 0));
}

const char *moment_day(const char *text)
{
        static char days[4][11];
        static unsigned next;
        char *day = days[next++ % 4];

        snprintf(day, sizeof(days[0]), "%.10s", text);
        return day;
}
