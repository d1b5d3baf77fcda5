/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * message_judge - what must hold for any bytes that are taken for a message
 *
 * Aborts where it does not. `input` is a head and what follows it.
 */
#include "lib/net/message.h"

void message_judge(enum message_kind kind, bool to_head, struct slice input);
