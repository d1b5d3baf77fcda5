/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * session - whoever runs the operations for a command: the daemon, or this process itself
 *
 * With --ledger FILE the command works on that file, which nobody else may hold meanwhile. Otherwise
 * it asks the daemon at its control socket. Where there is neither a daemon nor a ledger, commands
 * that only look see a ledger in which nothing has been applied. Owner: the command.
 */
#include "policy/operation/json.h"
#include "tools/output.h"
#include "tools/verb.h"

struct session;

/* Returns 0, or the exit status having said why. */
MUST_CHECK int session_open(const struct request *r, struct session **ret);
void session_close(struct session *s);
DEFINE_FREEP(struct session, session_close);

/*
 * Runs an operation; `request` is taken over (NULL: there was no memory for it). Returns 0 and the
 * answer, or the exit status: what went wrong, with its findings, has been said on standard error
 * (and with --json printed to standard output as it came).
 */
MUST_CHECK int session_call(struct session *s, const char *operation, json_t *request,
                            json_t **ret);

/* The same for those who say themselves what an answer of that status means: *ret may then be a
 * keyrouter.error/1, and the status is returned. */
MUST_CHECK int session_try(struct session *s, const char *operation, json_t *request, json_t **ret);

/* Says on standard error what a keyrouter.error/1 says. */
void error_print(const struct request *r, json_t *error);

/* "error: MESSAGE" and "warning: MESSAGE" lines of an answer's findings, with their source lines. */
void findings_json_print(json_t *findings, FILE *out);

/* True: a daemon answers. */
bool session_is_daemon(const struct session *s);

/*
 * Reads a policy from its files for a request's "policy": the operand, or what the daemon or the
 * installation uses. Returns 0, or the exit status having said why.
 */
MUST_CHECK int session_policy(struct session *s, const struct request *r, const char *path,
                              json_t **ret);

/* The same of the policy in force. */
MUST_CHECK int session_policy_in_force(struct session *s, json_t **ret);

#define RESOLVE_MAX_S 10

/*
 * Looks up the host names of a policy as session_policy() makes it, or takes them from --hosts: a
 * request's "answers". At most RESOLVE_MAX_S seconds; names without an answer have an empty list.
 * Returns 0, or the exit status having said why.
 */
MUST_CHECK int session_answers(const struct request *r, const json_t *policy, json_t **ret);
