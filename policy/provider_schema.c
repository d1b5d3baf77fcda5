/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/provider_schema.h"

static const char *const method_words[] = { "GET",   "HEAD",   "POST",    "PUT",
                                            "PATCH", "DELETE", "OPTIONS", NULL };
static const char *const class_words[] = { "embedded", "secret", NULL };
static const char *const blame_words[] = { "none",    "slot",   "key", "account",
                                           "request", "vendor", NULL };

static const struct setting_row api_rows[] = {
        { "name", SETTING_TEXT_PLACED, offsetof(struct written_api, name),
          .flags = SETTING_REQUIRED | SETTING_NAME,
          .help = "name: of the API, the first part of a path in base-URL mode" },
        { "host", SETTING_TEXT_PLACED, offsetof(struct written_api, host), 1, 253,
          .flags = SETTING_REQUIRED, .help = "host: the vendor's host name" },
        { "paths", SETTING_TEXTS, offsetof(struct written_api, paths), .flags = SETTING_REQUIRED,
          .help = "paths: of the API; * as the last part stands for anything below" },
        { "embedded", SETTING_TEXTS, offsetof(struct written_api, methods[CLASS_EMBEDDED]),
          .choices = method_words, .help = "embedded: methods that work with an embedded key" },
        { "secret", SETTING_TEXTS, offsetof(struct written_api, methods[CLASS_SECRET]),
          .choices = method_words, .help = "secret: methods that work with a secret key" },
        { "max_body", SETTING_INT, offsetof(struct written_api, max_body), 0, API_MAX_BODY, 1 << 20,
          .help = "max_body: bytes of a request's body; default 1048576" },
        { "deadline_s", SETTING_INT, offsetof(struct written_api, deadline_s), 1, 60, 8,
          .help = "deadline_s: seconds for a request with its retries; default 8" },
        { NULL },
};

static const struct setting_row basic_rows[] = {
        { "user", SETTING_TEXT_PLACED, offsetof(struct written_basic, user),
          .flags = SETTING_REQUIRED, .help = "user: text in which $field is replaced" },
        { "password", SETTING_TEXT_PLACED, offsetof(struct written_basic, password),
          .flags = SETTING_REQUIRED, .help = "password: text in which $field is replaced" },
        { NULL },
};

#define CLASS_ROWS                                                                                 \
        { "query", SETTING_PAIRS, offsetof(struct written_class, query),                           \
          .help = "query: parameters that are added; $field is replaced" },                        \
                { "headers", SETTING_PAIRS, offsetof(struct written_class, headers),               \
                  .help = "headers: header lines that are added; $field is replaced" },            \
                { "basic",                                                                         \
                  SETTING_GROUP,                                                                   \
                  offsetof(struct written_class, basic),                                           \
                  .rows = basic_rows,                                                              \
                  .present_offset = offsetof(struct written_class, has_basic),                     \
                  .help = "basic: user and password of HTTP Basic authentication" },               \
                { "bearer", SETTING_TEXT_PLACED, offsetof(struct written_class, bearer),           \
                  .help = "bearer: the token of HTTP Bearer authentication; $field is replaced" }, \
                { "strip_headers", SETTING_TEXTS, offsetof(struct written_class, strip_headers),   \
                  .help = "strip_headers: header lines of the caller that are not sent on" },      \
        {                                                                                          \
                "forwarded_for", SETTING_BOOL, offsetof(struct written_class, forwarded_for),      \
                        .help = "forwarded_for: send X-Forwarded-For with the workstation's "      \
                                "public address; "                                                 \
                                "default false"                                                    \
        }

static const struct setting_row embedded_rows[] = {
        CLASS_ROWS,
        { "capacity", SETTING_INT, offsetof(struct written_class, capacity), 1, 100000, 100,
          .help = "capacity: addresses the vendor lists on one key; default 100" },
        { "propagation_s", SETTING_INT, offsetof(struct written_class, propagation_s), 0, 86400,
          600,
          .help = "propagation_s: seconds from an address being listed to its working; default "
                  "600" },
        { NULL },
};

static const struct setting_row secret_rows[] = {
        CLASS_ROWS,
        { NULL },
};

static const struct setting_row answer_rows[] = {
        { "status", SETTING_INTS, offsetof(struct written_answer, status), 100, 599,
          .flags = SETTING_REQUIRED, .help = "status: one HTTP status or a list" },
        { "body", SETTING_TEXT, offsetof(struct written_answer, body),
          .help = "body: text that the answer's body holds" },
        { "class", SETTING_TEXT, offsetof(struct written_answer, class), .choices = class_words,
          .help = "class: of the credential; default: both" },
        { "cause", SETTING_TEXT, offsetof(struct written_answer, cause), 1, 200,
          .flags = SETTING_REQUIRED, .help = "cause: what is wrong, for people" },
        { "blame", SETTING_TEXT, offsetof(struct written_answer, blame), .flags = SETTING_REQUIRED,
          .choices = blame_words, .help = "blame: who has to change something" },
        { NULL },
};

const struct setting_row provider_rows[] = {
        { "name", SETTING_TEXT_PLACED, offsetof(struct written_provider, name),
          .flags = SETTING_REQUIRED | SETTING_NAME,
          .help = "name: what policies call the provider" },
        { "port", SETTING_INT, offsetof(struct written_provider, port), 1, 65535, 443,
          .help = "port: of all its hosts; default 443" },
        { "apis", SETTING_GROUPS, offsetof(struct written_provider, apis),
          .flags = SETTING_REQUIRED, .rows = api_rows, .size = sizeof(struct written_api),
          .place_offset = offsetof(struct written_api, at), .help = "apis: what may be called" },
        { "embedded", SETTING_GROUP, offsetof(struct written_provider, classes[CLASS_EMBEDDED]),
          .rows = embedded_rows,
          .present_offset = offsetof(struct written_provider, has_class[CLASS_EMBEDDED]),
          .place_offset = offsetof(struct written_provider, class_at[CLASS_EMBEDDED]),
          .help = "embedded: how an embedded key is sent" },
        { "secret", SETTING_GROUP, offsetof(struct written_provider, classes[CLASS_SECRET]),
          .rows = secret_rows,
          .present_offset = offsetof(struct written_provider, has_class[CLASS_SECRET]),
          .place_offset = offsetof(struct written_provider, class_at[CLASS_SECRET]),
          .help = "secret: how a secret key is sent" },
        { "strip_query", SETTING_TEXTS, offsetof(struct written_provider, strip_query),
          .help = "strip_query: query parameters of the caller that are not sent on" },
        { "strip_headers", SETTING_TEXTS, offsetof(struct written_provider, strip_headers),
          .help = "strip_headers: header lines of the caller that are not sent on" },
        { "answers", SETTING_GROUPS, offsetof(struct written_provider, answers),
          .rows = answer_rows, .size = sizeof(struct written_answer),
          .place_offset = offsetof(struct written_answer, at),
          .help = "answers: what the vendor's errors mean; the first match wins" },
        { "errors", SETTING_TEXT_PLACED, offsetof(struct written_provider, errors), 1, 1023,
          .help = "errors: shape of errors made by the router, with $id and $message; default "
                  "{\"errors\":[{\"id\":$id,\"message\":\"$message\"}]}" },
        { NULL },
};
