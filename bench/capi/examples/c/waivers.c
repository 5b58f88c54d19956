/* SPDX-License-Identifier: Apache-2.0 */
/* Going past what is known: the device of smallest.c reads the wrong page, and that is waived.
 *
 *     waivers FILE [KINDS]
 *
 * FILE is a file of waivers, KINDS how many kinds that nobody waived are gone past. */
#include <stdio.h>
#include <stdlib.h>

#include "lockstep.h"

int main(int count, char **arguments) {
    struct lockstep_oracle *oracle = lockstep_open("device caps=0xc38104ece10 version=20260222");
    if (!oracle || count < 2) {
        fprintf(stderr, "%s\n", oracle ? "usage: waivers FILE [KINDS]" : lockstep_text(NULL, LOCKSTEP_TEXT_ERROR));
        return 2;
    }
    /* Before the first event: what is waived cannot change on the way. */
    if (lockstep_waive_file(oracle, arguments[1]) < 0) {
        fprintf(stderr, "%s\n", lockstep_text(oracle, LOCKSTEP_TEXT_ERROR));
        return 2;
    }
    lockstep_keep_going(oracle, count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 0);
    lockstep_push(oracle, "reg-write-begun offset=0x10 bytes=8 value=1");
    /* A device asks for 0x1000, and memory is asked for 0x5000: it is judged as if that were right. */
    lockstep_push(oracle, "@10");
    lockstep_push(oracle, "dma-offered dir=read iova=0x1000 size=3 burst=1 device=1");
    lockstep_push(oracle, "dma-accepted ticket=0 dir=read iova=0x1000 size=3 burst=1 device=1");
    lockstep_push(oracle, "@14");
    lockstep_push(oracle, "mem-address dir=read addr=0x5000 size=3 burst=1");
    lockstep_push(oracle, "@16");
    lockstep_push(oracle, "mem-read-beat data=7 last=1");
    /* What memory answered with 7 is handed on as 8: that is something else. */
    lockstep_push(oracle, "@18");
    lockstep_push(oracle, "dma-done ticket=0 data=8");
    if (lockstep_finish(oracle) == LOCKSTEP_DEVICE) {
        printf("%s\n", lockstep_text(oracle, LOCKSTEP_TEXT_EVIDENCE));
        printf("nothing more is judged: %s\n", lockstep_is_over(oracle) ? "yes" : "no");
    }
    printf("waived: %d\n", (int)lockstep_waived(oracle, 0));
    printf("%s", lockstep_text(oracle, LOCKSTEP_TEXT_WAIVED));
    lockstep_close(oracle);
    return 0;
}
