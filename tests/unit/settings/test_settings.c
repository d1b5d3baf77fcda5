/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/settings/settings.h"
#include "tests/unit/settings/folder.h"

#include <errno.h>

struct desk {
        struct text_item name;
        int64_t number;
        bool has_number;
        struct place at;
};

struct room {
        int64_t floor;
        struct text_list windows;
};

struct house {
        char *name;
        char *colour;
        int64_t size;
        bool has_size;
        bool open;
        struct text_list doors;
        struct text_list lock;
        struct int_list years;
        struct room room;
        bool has_room;
        struct group_list desks;
        struct pair_list labels;
};

static const char *const colours[] = { "red", "blue", NULL };

static const struct setting_row desk_rows[] = {
        { "name", SETTING_TEXT_PLACED, offsetof(struct desk, name),
          .flags = SETTING_REQUIRED | SETTING_NAME, .help = "name: of the desk" },
        { "number", SETTING_INT, offsetof(struct desk, number), 1, 9, 5,
          .present_offset = offsetof(struct desk, has_number), .help = "number: of the desk" },
        { NULL },
};

static const struct setting_row room_rows[] = {
        { "floor", SETTING_INT, offsetof(struct room, floor), -2, 5, 1,
          .help = "floor: of the room" },
        { "windows", SETTING_TEXTS, offsetof(struct room, windows),
          .help = "windows: of the room" },
        { NULL },
};

static const struct setting_row house_rows[] = {
        { "name", SETTING_TEXT, offsetof(struct house, name), 2, 8, .default_text = "home",
          .help = "name: of the house" },
        { "colour", SETTING_TEXT, offsetof(struct house, colour), .choices = colours,
          .help = "colour: of the house" },
        { "size", SETTING_INT, offsetof(struct house, size), INT64_MIN, INT64_MAX, 7,
          .present_offset = offsetof(struct house, has_size), .help = "size: of the house" },
        { "open", SETTING_BOOL, offsetof(struct house, open), .default_int = 1,
          .help = "open: or not" },
        { "doors", SETTING_TEXTS, offsetof(struct house, doors), .help = "doors: of the house" },
        { "lock", SETTING_TEXT_OR_TEXTS_MARKED, offsetof(struct house, lock),
          .help = "lock: one or more" },
        { "years", SETTING_INTS, offsetof(struct house, years), 1, 3000, .help = "years: of work" },
        { "room", SETTING_GROUP, offsetof(struct house, room), .rows = room_rows,
          .present_offset = offsetof(struct house, has_room), .help = "room: the best" },
        { "desks", SETTING_GROUPS, offsetof(struct house, desks), .rows = desk_rows,
          .size = sizeof(struct desk), .place_offset = offsetof(struct desk, at),
          .help = "desks: all" },
        { "labels", SETTING_PAIRS, offsetof(struct house, labels), .help = "labels: any" },
        { NULL },
};

struct fixture {
        struct folder folder;
        struct diag diag;
        struct house house;
        struct settings_file *file;
};

static void fixture_init(struct fixture *f)
{
        memset(f, 0, sizeof(*f));
        folder_init(&f->folder);
        diag_init(&f->diag);
}

static void fixture_done(struct fixture *f)
{
        settings_file_free(f->file);
        diag_done(&f->diag);
        folder_done(&f->folder);
}

static int fixture_load(struct fixture *f, const char *text)
{
        const char *path = folder_put(&f->folder, "main.cfg", text);

        return settings_load(path, house_rows, &f->house, &f->diag, &f->file);
}

static void every_type_is_filled_with_its_place(void **state)
{
        CLEANUP(fixture_done) struct fixture f;

        fixture_init(&f);
        assert_int_equal(
                fixture_load(
                        &f,
                        "name = \"villa\"; colour = \"blue\";\n"
                        "size = 0x10L; open = false;\n"
                        "doors = [ \"a\",\n  \"b\"\n\n];\n"
                        "lock = \"one\";\n"
                        "years = 1999;\n"
                        "room = { floor = 2; windows = \"w\"; };\n"
                        "desks = (\n { name = \"d1\"; },\n\n { number = 9; name =\n \"d2\"; } );\n"
                        "labels = { x-a = \"1\"; b = \"2\"; };\n"),
                0);
        assert_int_equal(f.diag.n_findings, 0);
        assert_string_equal(f.house.name, "villa");
        assert_string_equal(f.house.colour, "blue");
        assert_int_equal(f.house.size, 16);
        assert_true(f.house.has_size);
        assert_false(f.house.open);
        assert_int_equal(f.house.doors.n_items, 2);
        assert_string_equal(f.house.doors.items[1].text, "b");
        assert_int_equal(f.house.doors.items[0].at.line, 3);
        assert_int_equal(f.house.doors.items[1].at.line, 4);
        assert_int_equal(f.house.lock.n_items, 1);
        assert_false(f.house.lock.was_list);
        assert_int_equal(f.house.years.n_items, 1);
        assert_int_equal(f.house.years.items[0], 1999);
        assert_true(f.house.has_room);
        assert_int_equal(f.house.room.floor, 2);
        assert_int_equal(f.house.room.windows.n_items, 1);
        assert_int_equal(f.house.desks.n_items, 2);
        assert_int_equal(GROUP_LIST_AT(&f.house.desks, struct desk, 0)->number, 5);
        assert_false(GROUP_LIST_AT(&f.house.desks, struct desk, 0)->has_number);
        assert_int_equal(GROUP_LIST_AT(&f.house.desks, struct desk, 0)->at.line, 11);
        assert_true(GROUP_LIST_AT(&f.house.desks, struct desk, 1)->has_number);
        assert_int_equal(GROUP_LIST_AT(&f.house.desks, struct desk, 1)->name.at.line, 14);
        assert_int_equal(f.house.labels.n_items, 2);
        assert_string_equal(f.house.labels.items[0].name, "x-a");
        assert_string_equal(f.house.labels.items[1].text, "2");
}

static void what_is_not_written_has_its_default(void **state)
{
        CLEANUP(fixture_done) struct fixture f;

        fixture_init(&f);
        assert_int_equal(fixture_load(&f, "lock = [ ];"), 0);
        assert_int_equal(f.diag.n_findings, 0);
        assert_string_equal(f.house.name, "home");
        assert_null(f.house.colour);
        assert_int_equal(f.house.size, 7);
        assert_false(f.house.has_size);
        assert_true(f.house.open);
        assert_int_equal(f.house.doors.n_items, 0);
        assert_true(f.house.lock.was_list);
        assert_false(f.house.has_room);
        assert_int_equal(f.house.room.floor, 1);
        assert_int_equal(f.house.desks.n_items, 0);
}

static void a_wrong_value_is_a_finding_and_leaves_the_default(void **state)
{
        static const struct {
                const char *text;
                const char *finding;
                const char *sentence;
        } rows[] = {
                { "size = 4294967297;", "size is 4294967297, which needs more than 32 bits",
                  "libconfig would read 1" },
                { "size = 0xFFFFFFFF;", "size is 0xFFFFFFFF, which needs more than 32 bits",
                  "libconfig would read -1" },
                { "size = 99999999999999999999L;", "size needs more than 64 bits", "nor with L" },
                { "size = \"3\";", "size must be an integer, not text", "a number in quotes" },
                { "size = 3.0;", "size must be an integer, not a number with a fraction",
                  "a fraction" },
                { "size = true;", "size must be an integer, not true or false", "a boolean" },
                { "size = { };", "size must be an integer, not a group", "a group" },
                { "open = 1;", "open must be true or false, not an integer", "one is not true" },
                { "name = 5;", "name must be text in quotes, not an integer", "no quotes" },
                { "name = \"x\";", "name has 1 characters, outside 2..8", "too short" },
                { "name = \"123456789\";", "name has 9 characters, outside 2..8", "too long" },
                { "name = \"\";", "name is empty", "empty" },
                { "name = \"a\\x1b[m\";", "name holds a control character", "an escape" },
                { "name = \"abc\\x00d\";", "name holds a control character", "a zero" },
                { "name = \"abc\" \"\\x00d\";", "name holds a control character",
                  "a zero in the second part" },
                { "colour = \"green\";", "colour must be \"red\" or \"blue\"", "not a choice" },
                { "years = [ 1, 3001 ];", "years is 3001, outside 1..3000", "one of a list" },
                { "years = ( 1, \"2\" );", "years must be an integer, not text", "mixed list" },
                { "doors = ( \"a\", 2 );", "doors must be text in quotes, not an integer",
                  "one of a list" },
                { "doors = { a = \"b\"; };",
                  "doors must be a list of texts, [ \"...\", \"...\" ], not a group", "a group" },
                { "doors = [ \"a\" \"b\" ];", "a comma is missing between two texts of doors",
                  "no comma" },
                { "room = 1;", "room must be a group, { ... }, not an integer", "no group" },
                { "room = { floor = 6; };", "floor is 6, outside -2..5", "inside a group" },
                { "desks = ( 1 );",
                  "desks must be a list of groups, ( { ... }, { ... } ), not an integer",
                  "no group" },
                { "desks = ( { } );", "name is missing", "required" },
                { "desks = ( { name = \".x\"; } );", "name is not a legal name", "a dot in front" },
                { "desks = ( { name = \"a/b\"; } );", "name is not a legal name", "a slash" },
                { "labels = { a = 1; };", "a must be text in quotes, not an integer", "a pair" },
                { "labels = [ \"a\" ];",
                  "labels must be a group of texts, { name = \"...\"; }, not a list", "no pairs" },
                { "sise = 3;", "unknown setting \"sise\"", "a typo" },
                { "include = 3;", "include must be text in quotes, not an integer", "no pattern" },
                { "include = { a = 1; };",
                  "include must be a list of texts, [ \"...\", \"...\" ], not a group", "a group" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(fixture_done) struct fixture f;

                fixture_init(&f);
                assert_int_equal(fixture_load(&f, rows[i].text), 0);
                if (f.diag.n_findings != 1 ||
                    strcmp(f.diag.findings[0].message, rows[i].finding) != 0)
                        fail_msg("%s: %zu findings, %s", rows[i].sentence, f.diag.n_findings,
                                 f.diag.n_findings ? f.diag.findings[0].message : "");
                assert_int_equal(f.diag.findings[0].line, 1);
                assert_int_equal(f.house.size, 7);
                assert_string_equal(f.house.name, "home");
                assert_null(f.house.colour);
        }
}

/* Somebody may have pasted a credential where a name belongs. */
static void no_finding_repeats_a_value(void **state)
{
        static const char *const texts[] = {
                "name = \"CANARY-5f1c9d\"; ",
                "size = \"CANARY-5f1c9d\";",
                "colour = \"CANARY-5f1c9d\";",
                "desks = ( { name = \"!CANARY-5f1c9d\"; } );",
                "labels = { a = [ \"CANARY-5f1c9d\" ]; };",
                "nam = \"CANARY-5f1c9d\";",
                "name = \"CANARY-5f1c9d\"; = 3",
                "name = \"CANARY-5f1c9d",
        };

        for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
                CLEANUP(fixture_done) struct fixture f;
                CLEANUP(freep) char *findings = NULL;
                int r;

                fixture_init(&f);
                r = fixture_load(&f, texts[i]);
                assert_true(r == 0 || r == -EINVAL);
                assert_int_equal(f.diag.n_errors, 1);
                findings = folder_findings(&f.folder, &f.diag);
                assert_null(strstr(findings, "CANARY"));
        }
}

static void files_are_merged_by_rows(void **state)
{
        CLEANUP(fixture_done) struct fixture f;
        CLEANUP(freep) char *findings = NULL;

        fixture_init(&f);
        folder_put(&f.folder, "20.d",
                   "doors = \"c\"; room = { windows = [ \"w2\" ]; };\nsize = 3;\n");
        folder_put(&f.folder, "10.d",
                   "doors = [ \"b\" ]; desks = ( { name = \"d2\"; } );\nlabels = { x = \"2\"; a = "
                   "\"3\"; };\n"
                   "room = {\n  floor = 3; windows = [ \"w1\" ]; };\nlock = \"l2\";\n");
        assert_int_equal(fixture_load(&f,
                                      "include = [ \"10.d\", \"*.d\", \"*.none\" ];\n"
                                      "doors = [ \"a\" ];\nlabels = { x = \"1\"; };\n"
                                      "desks = ( { name = \"d1\"; } );\nroom = { floor = 2; };\n"
                                      "lock = [ \"l1\" ];\nsize = 2;\n"),
                         0);
        diag_sort(&f.diag);
        findings = folder_findings(&f.folder, &f.diag);
        assert_string_equal(findings, "10.d:2:12: error: x is given twice, first in main.cfg:3\n"
                            "  labels = { x = \"*\"; a = \"*\"; };\n"
                            "             ^\n"
                                      "    keep one of them\n"
                                      "10.d:4:3: error: floor is given twice, first in main.cfg:5\n"
                            "    floor = 3; windows = [ \"w1\" ]; };\n"
                            "    ^~~~~\n"
                                      "    keep one of them\n"
                                      "10.d:5:1: error: lock is given twice, first in main.cfg:6\n"
                            "  lock = \"l2\";\n"
                            "  ^~~~\n"
                                      "    keep one of them\n"
                                      "20.d:2:1: error: size is given twice, first in main.cfg:7\n"
                            "  size = 3;\n"
                            "  ^~~~\n"
                                      "    keep one of them\n");
        assert_int_equal(f.house.doors.n_items, 3);
        assert_string_equal(f.house.doors.items[0].text, "a");
        assert_string_equal(f.house.doors.items[1].text, "b");
        assert_string_equal(f.house.doors.items[2].text, "c");
        assert_int_equal(f.house.desks.n_items, 2);
        assert_string_equal(GROUP_LIST_AT(&f.house.desks, struct desk, 1)->name.text, "d2");
        assert_int_equal(f.house.room.floor, 2);
        assert_int_equal(f.house.room.windows.n_items, 2);
        assert_int_equal(f.house.labels.n_items, 2);
        assert_int_equal(f.house.size, 2);
}

static void a_file_that_cannot_be_read_says_why(void **state)
{
        static const char zero[] = "a = 1;\0b = 2;\n";
        CLEANUP(fixture_done) struct fixture f;
        char pipe_path[FOLDER_PATH_MAX];
        const char *path;

        fixture_init(&f);
        assert_int_equal(settings_load("/nonexistent/x.cfg", house_rows, &f.house, &f.diag,
                                       &f.file),
                         -ENOENT);
        assert_int_equal(settings_load(f.folder.path, house_rows, &f.house, &f.diag, &f.file),
                         -EISDIR);
        path = folder_put_bytes(&f.folder, "zero.cfg", (struct slice){ zero, sizeof(zero) - 1 });
        assert_int_equal(settings_load(path, house_rows, &f.house, &f.diag, &f.file), -EINVAL);
        path = folder_put(&f.folder, "large.cfg", "");
        assert_int_equal(truncate(path, 5 * 1024 * 1024), 0);
        assert_int_equal(settings_load(path, house_rows, &f.house, &f.diag, &f.file), -EFBIG);
        snprintf(pipe_path, sizeof(pipe_path), "%.100s/pipe", f.folder.path);
        assert_int_equal(mkfifo(pipe_path, 0600), 0);
        assert_int_equal(settings_load(pipe_path, house_rows, &f.house, &f.diag, &f.file),
                         -ENOTSUP);
        unlink(pipe_path);
        assert_int_equal(f.diag.n_errors, 5);
        assert_string_equal(f.diag.findings[0].message,
                            "cannot be read: No such file or directory");
        assert_string_equal(f.diag.findings[2].message, "holds a zero byte: not a text file");
        assert_string_equal(f.diag.findings[3].message, "cannot be read: it is larger than 4 MiB");
        assert_string_equal(f.diag.findings[4].message, "cannot be read: it is not a regular file");
        assert_null(f.file);
}

static void a_comment_may_end_the_file(void **state)
{
        CLEANUP(fixture_done) struct fixture f;

        fixture_init(&f);
        assert_int_equal(fixture_load(&f, "size = 3; # no newline"), 0);
        assert_int_equal(f.diag.n_findings, 0);
        assert_int_equal(f.house.size, 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_type_is_filled_with_its_place),
                cmocka_unit_test(what_is_not_written_has_its_default),
                cmocka_unit_test(a_wrong_value_is_a_finding_and_leaves_the_default),
                cmocka_unit_test(no_finding_repeats_a_value),
                cmocka_unit_test(files_are_merged_by_rows),
                cmocka_unit_test(a_file_that_cannot_be_read_says_why),
                cmocka_unit_test(a_comment_may_end_the_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
