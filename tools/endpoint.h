/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * endpoint - hosts and ports on a command line
 */
#include <stdbool.h>

/* A host name, or an IP address. */
bool host_is_right(const char *text);

/* HOST:PORT; an IPv6 address in brackets. */
bool endpoint_is_right(const char *text);

/* ADDRESS:PORT with a loopback address. */
bool endpoint_is_loopback(const char *text);
