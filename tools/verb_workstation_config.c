/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shim's file says where the router is and which APIs there are; the policy knows the APIs, and
 * with them how long a request may take and how large it may be.
 */
#include "policy/policy.h"
#include "tools/endpoint.h"
#include "tools/new_file.h"
#include "tools/policy_files.h"
#include "tools/session.h"
#include "tools/words.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define ROUTER_PORT 8443 /* as in keyrouterd.cfg.example */
#define LISTEN "127.0.0.1:8402"
#define CA "/etc/keyrouter/site-ca.pem"
#define SHIM_DEADLINE_S 9 /* what the shim has unless told: see keyshim(1) */
#define SHIM_MAX_BODY 1048576

struct shim {
        const struct group *group;
        const struct policy *policy;
        const char *router, *router_name, *ca, *listen;
        char this_machine[320];
        const char *origin; /* of the policy, for people */
};

static int refuse(const char *option, const char *text, const char *wanted)
{
        fprintf(stderr, "keyrouter workstation-config: --%s wants %s, not \"%s\"\n", option, wanted,
                text);
        return EX_USAGE;
}

/* ---- options ---- */

/* Without --router: the daemon runs here, as a rule. */
static int router_is_here(struct shim *s)
{
        char name[256] = "";

        if (gethostname(name, sizeof(name) - 1) < 0 || !host_is_right(name)) {
                fputs("keyrouter workstation-config: --router is missing: this machine has no name "
                      "that the workstations could call\n",
                      stderr);
                return EX_USAGE;
        }
        snprintf(s->this_machine, sizeof(s->this_machine), "%s:%d", name, ROUTER_PORT);
        s->router = s->this_machine;
        return 0;
}

static int router_find(const struct request *r, struct shim *s)
{
        size_t i = 0, n = 0;
        const char *each;

        while ((each = request_option_next(r, "router", &i))) {
                s->router = each;
                n++;
        }
        if (n > 1) {
                fputs("keyrouter workstation-config: the shim calls one router: give a name that "
                      "stands for the addresses of all\n",
                      stderr);
                return EX_USAGE;
        }
        if (n == 0)
                return router_is_here(s);
        if (!endpoint_is_right(s->router))
                return refuse("router", s->router, "HOST:PORT, as router.example.com:8443");
        return 0;
}

static const char *option_or(const struct request *r, const char *name, const char *otherwise)
{
        const char *told = request_option(r, name);

        return told ? told : otherwise;
}

static int options_read(const struct request *r, struct shim *s)
{
        int status = router_find(r, s);

        s->router_name = request_option(r, "router-name");
        s->ca = option_or(r, "ca", CA);
        s->listen = option_or(r, "listen", LISTEN);
        if (status)
                return status;
        if (s->router_name && !host_is_right(s->router_name))
                return refuse("router-name", s->router_name, "a host name or an address");
        if (s->ca[0] != '/')
                return refuse("ca", s->ca, "the whole path of a file on the workstations");
        if (!endpoint_is_loopback(s->listen))
                return refuse("listen", s->listen, "a loopback address with a port, as " LISTEN);
        return new_file_may(r, request_option(r, "output"));
}

/* ---- policy ---- */

static int policy_in_force(const struct request *r, struct policy **ret)
{
        CLEANUP(session_closep) struct session *session = NULL;
        CLEANUP(json_freep) json_t *files = NULL;
        int status = session_open(r, &session);

        if (status == 0)
                status = session_policy_in_force(session, &files);
        return status ? status : policy_files_load(r, files, ret);
}

static int policy_find(const struct request *r, struct policy **ret)
{
        CLEANUP(json_freep) json_t *files = NULL;
        const char *path = request_operand(r, 1);
        int status;

        if (!path)
                return policy_in_force(r, ret);
        status = policy_files_json(r, path, &files);
        return status ? status : policy_files_load(r, files, ret);
}

#define GROUPS_MAX 4096 /* looked through for a likely typo */

static int group_find(struct shim *s, const char *name)
{
        CLEANUP(freep) const char **names = calloc(GROUPS_MAX + 1, sizeof(*names));
        const char *nearest;

        for (size_t i = 0; i < s->policy->n_groups; i++) {
                if (strcmp(s->policy->groups[i].name, name) == 0)
                        s->group = &s->policy->groups[i];
                if (names && i < GROUPS_MAX)
                        names[i] = s->policy->groups[i].name;
        }
        if (s->group)
                return 0;
        nearest = names ? diag_nearest(slice_of(name), names) : NULL;
        fprintf(stderr,
                "keyrouter workstation-config: there is no group \"%s\" in the policy%s%s%s\n",
                name, nearest ? ": did you mean \"" : "", nearest ? nearest : "",
                nearest ? "\"?" : "");
        return EX_NOINPUT;
}

/* ---- the file ---- */

/* Does the group call it? Then it has a key or a backend of it. */
static bool provider_is_of_group(const struct shim *s, const struct provider *p)
{
        for (size_t i = 0; i < s->group->n_keys; i++)
                if (s->group->keys[i]->provider == p)
                        return true;
        return policy_backend(s->policy, s->group, p) != NULL;
}

static void head_put(const struct shim *s, FILE *out)
{
        time_t now = time(NULL);
        char date[32];
        struct tm t;

        strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&now, &t));
        fprintf(out,
                "# Settings of keyshim for the workstations of group %s at site %s, made by\n"
                "# keyrouter workstation-config on %s from ",
                s->group->name, s->policy->site, date);
        cfg_put_comment(out, slice_of(s->origin), 200);
        fputs(". See keyshim(1).\n"
              "# Put it to /etc/keyrouter/keyshim.cfg there and check it with: keyshim --check\n\n",
              out);
}

static void addresses_put(const struct shim *s, FILE *out)
{
        fputs("# Where applications reach the shim: loopback only. A systemd socket replaces it.\n"
              "listen = [ ",
              out);
        cfg_put_text(out, s->listen);
        fputs(" ];\n\n# The site's router, and the CA that signed its certificate.\nrouter = ",
              out);
        cfg_put_text(out, s->router);
        fputs(";\nca = ", out);
        cfg_put_text(out, s->ca);
        fputs(";\n", out);
        if (s->router_name) {
                fputs("router_name = ", out);
                cfg_put_text(out, s->router_name);
                fputs(";   # in that certificate\n", out);
        }
        fputs("\n# This workstation's own address, on machines with several.\n"
              "# address = \"10.20.1.37\";\n\n",
              out);
}

static void apis_put(const struct shim *s, FILE *out)
{
        const char *separator = "";

        fputs("# What applications may call: http://", out);
        fputs(s->listen, out);
        fputs("/NAME/PATH stands for https://HOST/PATH.\napis = (", out);
        for (size_t i = 0; i < s->policy->n_providers; i++) {
                const struct provider *p = &s->policy->providers[i];

                for (size_t j = 0; provider_is_of_group(s, p) && j < p->n_apis; j++) {
                        fprintf(out, "%s\n  { name = ", separator);
                        cfg_put_text(out, p->apis[j].name);
                        fputs("; host = ", out);
                        cfg_put_text(out, p->apis[j].host);
                        fputs("; }", out);
                        separator = ",";
                }
        }
        fputs("\n);\n\n", out);
}

/* The router's answer is waited for longer than the router takes, and its largest body let through. */
static void bounds_put(const struct shim *s, FILE *out)
{
        int64_t deadline_s = SHIM_DEADLINE_S, max_body = SHIM_MAX_BODY;

        for (size_t i = 0; i < s->policy->n_providers; i++) {
                const struct provider *p = &s->policy->providers[i];

                for (size_t j = 0; provider_is_of_group(s, p) && j < p->n_apis; j++) {
                        deadline_s = MAX(deadline_s, (p->apis[j].deadline_ms + 999) / 1000 + 1);
                        max_body = MAX(max_body, p->apis[j].max_body_bytes);
                }
        }
        fprintf(out,
                "# Seconds until the router's answer begins: longer than the router's own "
                "deadline.\n"
                "timeouts = { deadline_s = %lld; };\n\n"
                "# Bytes of a request's body.\n"
                "limits = { max_body = %lld; };\n\n"
                "# log_level = \"info\";   # error, warning, info, debug\n",
                (long long)deadline_s, (long long)max_body);
}

static int shim_write(const struct request *r, const struct shim *s)
{
        CLEANUP(freep) char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);

        if (!out)
                return EX_OSERR;
        head_put(s, out);
        addresses_put(s, out);
        apis_put(s, out);
        bounds_put(s, out);
        if (fclose(out) != 0)
                return EX_OSERR;
        return new_file_show(r, "keyrouter.workstation-config/1", text);
}

int verb_workstation_config(const struct request *r)
{
        CLEANUP(policy_unrefp) struct policy *policy = NULL;
        struct shim s = { .origin = request_operand(r, 1) };
        int status = options_read(r, &s);

        if (status == 0)
                status = policy_find(r, &policy);
        s.policy = policy;
        if (!s.origin)
                s.origin = "the policy in force";
        if (status == 0)
                status = group_find(&s, request_operand(r, 0));
        if (status == 0)
                status = shim_write(r, &s);
        if (status == 0 && s.router == s.this_machine)
                fprintf(stderr,
                        "router is %s, this machine: say another one with --router HOST:PORT\n",
                        s.router);
        return status;
}
