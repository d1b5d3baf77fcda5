/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/provider/fixture.h"

#include "lib/base/cleanup.h"

#define GET (1U << METHOD_GET)
#define POST (1U << METHOD_POST)
#define BOTH (1U << CLASS_EMBEDDED | 1U << CLASS_SECRET)

static char *street_paths[] = { (char *)"/street-address" };
static char *lookup_paths[] = { (char *)"/lookup", (char *)"/lookup/*" };
static char *v2_paths[] = { (char *)"/v2/lookup" };
static char *root_paths[] = { (char *)"/" };

static struct api apis[] = {
        { (char *)"us-street",
          (char *)"us-street.api.example.com",
          street_paths,
          1,
          { GET, GET | POST },
          32768,
          8000 },
        { (char *)"us-lookup",
          (char *)"us-lookup.api.example.com",
          lookup_paths,
          2,
          { GET, GET },
          0,
          8000 },
        { (char *)"us-lookup-v2",
          (char *)"us-lookup.api.example.com",
          v2_paths,
          1,
          { GET, GET },
          0,
          8000 },
        { (char *)"us-extract",
          (char *)"us-extract.api.example.com",
          root_paths,
          1,
          { 0, POST },
          65536,
          8000 },
};

static struct pair key_query[] = { { (char *)"key", (char *)"$key" } };
static struct pair token_headers[] = {
        { (char *)"X-Api-Version", (char *)"2025-09" },
        { (char *)"X-Api-Key", (char *)"$token" },
};
static char *class_strip[] = { (char *)"Referer", (char *)"Origin" };
static char *strip_query[] = { (char *)"key", (char *)"auth-id", (char *)"auth-token",
                               (char *)"my key" };
static char *strip_headers[] = { (char *)"X-Vendor-Token" };

static struct answer_rule answers[] = {
        { { 401 },
          1,
          (char *)"not allowed from public cloud providers",
          BOTH,
          (char *)"address not listed",
          BLAME_SLOT },
        { { 401 }, 1, NULL, BOTH, (char *)"key or address refused", BLAME_SLOT },
        { { 200 },
          1,
          (char *)"REQUEST_DENIED",
          1U << CLASS_EMBEDDED,
          (char *)"denied with 200",
          BLAME_KEY },
        { { 429 }, 1, NULL, 1U << CLASS_EMBEDDED, (char *)"throttled", BLAME_SLOT },
        { { 429 }, 1, NULL, 1U << CLASS_SECRET, (char *)"rate limit", BLAME_ACCOUNT },
        { { 400, 404, 422 }, 3, NULL, BOTH, (char *)"request", BLAME_REQUEST },
};

const struct provider vendor = {
        .name = (char *)"vendor",
        .port = 443,
        .apis = apis,
        .n_apis = N_ELEMENTS(apis),
        .classes = {
                [CLASS_EMBEDDED] = { .offered = true, .query = key_query, .n_query = 1,
                                     .strip_headers = class_strip, .n_strip_headers = 1 },
                [CLASS_SECRET] = { .offered = true, .headers = token_headers, .n_headers = 2,
                                   .strip_headers = class_strip, .n_strip_headers = 2 },
        },
        .strip_query = strip_query,
        .n_strip_query = N_ELEMENTS(strip_query),
        .strip_headers = strip_headers,
        .n_strip_headers = N_ELEMENTS(strip_headers),
        .answers = answers,
        .n_answers = N_ELEMENTS(answers),
};
