/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/import.h"
#include "tools/new_file.h"
#include "tools/output.h"
#include "tools/words.h"

#include <sysexits.h>

#define CONFLICTS_MAX_LINES 200 /* printed; JSON has all */

static int arguments_check(const struct request *r, struct import *i)
{
        const char *output = request_option(r, "output");

        i->path = request_operand(r, 0);
        i->file = strcmp(i->path, "-") == 0 ? "stdin" : i->path;
        i->group = request_option(r, "group");
        if (!i->group) {
                fputs("keyrouter import csv: --group is missing\n", stderr);
                return EX_USAGE;
        }
        if (!name_is_legal(i->group)) {
                fprintf(stderr,
                        "keyrouter import csv: \"%s\" is no name of a group: 1 to 64 of A-Z a-z "
                        "0-9 . _ -, not starting with a dot\n",
                        i->group);
                return EX_USAGE;
        }
        return new_file_may(r, output);
}

/* Lines to paste are no settings: as a drop-in they would be a mistake in the policy. */
static int output_check(const struct request *r, const struct import *i)
{
        const char *output = request_option(r, "output");
        size_t n = output ? strlen(output) : 0;

        if (!i->existing || n < 4 || strcmp(output + n - 4, ".cfg") != 0)
                return 0;
        fprintf(stderr,
                "keyrouter import csv: the policy has group \"%s\" already (%s:%u): what is "
                "proposed are lines to paste there, no file of settings\n"
                "    leave -o out, or choose a name that does not end in .cfg\n",
                i->group, i->existing->at.file, i->existing->at.line);
        return EX_USAGE;
}

static void conflicts_print(const struct import *i)
{
        size_t n = 0;

        for (size_t j = 0; j < i->n_desks; j++) {
                const struct desk *d = &i->desks[j];
                bool is_warning = desk_kind_is_taken(d->kind) || d->kind == DESK_LISTED;

                if (d->kind == DESK_FINE || ++n > CONFLICTS_MAX_LINES)
                        continue;
                fprintf(stderr, "%s:%u: %s: %s\n", i->file, d->line,
                        is_warning ? "warning" : "error", d->message ? d->message : "");
                if (d->remedy)
                        fprintf(stderr, "    %s\n", d->remedy);
        }
        if (n > CONFLICTS_MAX_LINES)
                fprintf(stderr, "and %zu more: see --json\n", n - CONFLICTS_MAX_LINES);
}

static void summary_print(const struct import *i)
{
        size_t n_listed = 0, n_left;

        for (size_t j = 0; j < i->n_desks; j++)
                n_listed += i->desks[j].kind == DESK_LISTED;
        n_left = i->n_desks - n_listed - i->n_proposed;
        fprintf(stderr, "%s: %s, %s proposed in %s", i->file, count_text(i->n_desks, "row", "rows"),
                count_text(i->n_proposed, "desk", "desks"),
                count_text(i->n_ranges, "range", "ranges"));
        if (n_listed)
                fprintf(stderr, ", %zu in the group already", n_listed);
        fprintf(stderr, ", %s not taken\n", count_text(n_left, "row", "rows"));
        if (i->header_line)
                fprintf(stderr, "    line %u is taken for names of columns\n", i->header_line);
}

/* ---- JSON ---- */

static json_t *place_json(struct place at)
{
        return json_pack("{s:o, s:I}", "file", text_json(at.file), "line", (json_int_t)at.line);
}

static json_t *slice_json(struct slice s)
{
        CLEANUP(freep) char *copy = strndup(s.data ? s.data : "", s.length);

        return text_json(copy);
}

static json_t *ranges_json(const struct import *i)
{
        json_t *list = json_array();

        for (size_t j = 0; j < i->n_ranges; j++) {
                const struct desk_range *r = &i->ranges[j];
                char text[2 * ADDR_TEXT_MAX];

                range_format(r, text);
                json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I}", "range", text,
                                                      "desks", (json_int_t)r->n, "first_line",
                                                      (json_int_t)r->first_line, "last_line",
                                                      (json_int_t)r->last_line));
        }
        return list;
}

static json_t *conflicts_json(const struct import *i)
{
        json_t *list = json_array();

        for (size_t j = 0; j < i->n_desks; j++) {
                const struct desk *d = &i->desks[j];

                if (d->kind == DESK_FINE)
                        continue;
                json_array_append_new(list,
                                      json_pack("{s:I, s:o, s:s, s:b, s:o}", "line",
                                                (json_int_t)d->line, "address", slice_json(d->text),
                                                "kind", desk_kind_name(d->kind), "taken",
                                                desk_kind_is_taken(d->kind), "message",
                                                text_json(d->message)));
        }
        return list;
}

static int document_print(const struct import *i, const char *proposal, const char *output)
{
        json_t *exists = i->existing ? place_json(i->existing->at) : json_null();
        json_t *paste = i->existing ? place_json(import_paste_place(i)) : json_null();
        CLEANUP(json_freep)
        json_t *document = json_pack("{s:s, s:o, s:s, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o}",
                                     "schema", "keyrouter.import/1", "file", text_json(i->file),
                                     "group", i->group, "exists", exists, "paste", paste, "rows",
                                     (json_int_t)i->n_desks, "desks", (json_int_t)i->n_proposed,
                                     "ranges", ranges_json(i), "conflicts", conflicts_json(i),
                                     "proposal", text_json(proposal), "output", text_json(output));

        return json_print(document);
}

/* ---- */

static int proposal_show(const struct request *r, const struct import *i)
{
        CLEANUP(freep) char *text = i->n_ranges ? import_text(i) : NULL;
        const char *output = text ? request_option(r, "output") : NULL;
        int status = 0;

        if (i->n_ranges && !text)
                return EX_OSERR;
        if (text && (output || !r->json))
                status = new_file_write(r, output, slice_of(text));
        if (status == 0 && r->json)
                status = document_print(i, text, output);
        if (status)
                return status;
        fflush(stdout);
        if (!text)
                fputs("keyrouter import csv: no row is left to propose\n", stderr);
        else if (output)
                fprintf(stderr, "%s is written\n", output);
        return import_has_bad_rows(i) || i->n_desks == 0 ? EX_DATAERR : 0;
}

int verb_import_csv(const struct request *r)
{
        CLEANUP(import_done) struct import i = { NULL };
        int status = arguments_check(r, &i);

        if (status == 0)
                status = import_table_read(&i);
        if (status == 0)
                status = import_policy_read(&i, request_option(r, "policy"),
                                            request_option(r, "providers"));
        if (status == 0)
                status = output_check(r, &i);
        if (status == 0)
                status = import_judge(&i);
        if (status)
                return status;
        conflicts_print(&i);
        summary_print(&i);
        return proposal_show(r, &i);
}
