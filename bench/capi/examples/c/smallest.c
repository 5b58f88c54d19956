/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest bench: no simulator, three events, and a device that reads the wrong page. */
#include <stdio.h>

#include "lockstep.h"

/* Memory in which nothing is set up. */
static uint64_t nothing(void *context, uint64_t address) {
    (void)context;
    (void)address;
    return 0;
}

int main(void) {
    struct lockstep_oracle *oracle = lockstep_open("device caps=0xc38104ece10 version=20260222");
    if (!oracle) {
        fprintf(stderr, "%s\n", lockstep_text(NULL, LOCKSTEP_TEXT_ERROR));
        return 1;
    }
    /* Software writes ddtp = Bare in cycle 0: addresses stay as they are. */
    lockstep_push(oracle, "reg-write-begun offset=0x10 bytes=8 value=1");
    /* A device asks for 0x1000, and memory is asked for 0x5000. */
    lockstep_push(oracle, "@10");
    lockstep_push(oracle, "dma-offered dir=read iova=0x1000 size=3 burst=1 device=1");
    lockstep_push(oracle, "dma-accepted ticket=0 dir=read iova=0x1000 size=3 burst=1 device=1");
    lockstep_push(oracle, "@14");
    lockstep_push(oracle, "mem-address dir=read addr=0x5000 size=3 burst=1");
    if (lockstep_finish(oracle) == LOCKSTEP_DEVICE) {
        printf("%s\n", lockstep_text(oracle, LOCKSTEP_TEXT_EVIDENCE));
    }
    lockstep_close(oracle);

    /* The golden walk alone: what would come of a request? */
    struct lockstep_registers registers = {0};
    struct lockstep_request request = {0};
    struct lockstep_outcome outcome;
    registers.capabilities = 0xc38104ece10;
    registers.ddtp = 1u << 10 | 2; /* one level, at 0x1000 */
    request.device = 1;
    request.iova = 0x1000;
    if (lockstep_translate(&registers, &request, nothing, NULL, &outcome) == LOCKSTEP_REFUSED) {
        printf("refused with cause %u\n", (unsigned)outcome.cause);
    }
    return 0;
}
