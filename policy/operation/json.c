/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/json.h"

#include "lib/base/cleanup.h"

#include <string.h>
#include <time.h>

json_t *text_json(const char *text)
{
        CLEANUP(freep) char *copy = NULL;
        json_t *value;

        if (!text)
                return json_null();
        value = json_string(text);
        if (value)
                return value;
        copy = strdup(text);
        if (!copy)
                return NULL;
        for (char *c = copy; *c; c++)
                if (*c & 0x80)
                        *c = '?';
        return json_string(copy);
}

json_t *time_json(int64_t us)
{
        char text[32];
        time_t s = (time_t)(us / 1000000);
        struct tm t;

        if (us == 0 || !gmtime_r(&s, &t))
                return json_null();
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &t);
        return json_string(text);
}

json_t *error_json(int status, const char *remedy, const char *text, json_t *findings)
{
        return json_pack("{s:s, s:i, s:o, s:o, s:o}", "schema", "keyrouter.error/1", "status",
                         status, "error", text_json(text), "remedy", text_json(remedy), "findings",
                         findings ? findings : json_array());
}

static json_t *finding_json(const struct diag_finding *f)
{
        return json_pack("{s:s, s:o, s:i, s:i, s:i, s:o, s:o, s:o, s:i, s:i}", "level",
                         f->level == DIAG_ERROR ? "error" : "warning", "file", text_json(f->file),
                         "line", (int)f->line, "column", (int)f->column, "end_column",
                         (int)(f->column + f->width), "message", text_json(f->message), "remedy",
                         text_json(f->remedy), "source", text_json(f->source), "caret",
                         (int)f->caret, "caret_length", (int)f->caret_length);
}

json_t *findings_json(const struct diag *d)
{
        json_t *list = json_array();

        for (size_t i = 0; list && i < d->n_findings; i++) {
                if (json_array_append_new(list, finding_json(&d->findings[i])) != 0) {
                        json_decref(list);
                        list = NULL;
                }
        }
        return list;
}
