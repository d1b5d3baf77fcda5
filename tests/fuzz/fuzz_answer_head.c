/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a vendor's answer and its body, to a GET and to a HEAD.
 */
#include "tests/fuzz/message_judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct slice input = { (const char *)data, size };

        message_judge(MESSAGE_ANSWER, false, input);
        message_judge(MESSAGE_ANSWER, true, input);
        return 0;
}
