# SPDX-License-Identifier: Apache-2.0
"""Going past what is known, without a simulator: a trace is judged with a file of waivers.

    waivers.py TRACE FILE

LOCKSTEP_LIBRARY names liblockstep.so. The exit code is 0 if nothing is wrong but what is waived, and 2 if FILE has
mistakes.
"""

import sys

from lockstep import CLEAN, Oracle


def main(trace, file):
    oracle = Oracle(version="20260222")  # until the trace says what device it is of
    try:
        oracle.waive_file(file)
    except ValueError as mistakes:
        print(mistakes)
        return 2
    with open(trace, encoding="utf-8") as lines:
        oracle.tell_text(lines.read())
    verdict = oracle.finish()
    if verdict != CLEAN:
        print(oracle.evidence)
    print(oracle.waived, end="")
    for waiver in oracle.waivers:
        print(waiver["state"], waiver["count"], waiver["waiver"]["reason"])
    oracle.close()
    return 0 if verdict == CLEAN else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
