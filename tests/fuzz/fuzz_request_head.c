/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a request and its body.
 */
#include "tests/fuzz/message_judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        message_judge(MESSAGE_REQUEST, false, (struct slice){ (const char *)data, size });
        return 0;
}
