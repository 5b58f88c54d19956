# SPDX-License-Identifier: Apache-2.0
"""lockstep from Python, by ctypes. The functions are those of bench/capi/include/lockstep.h."""

import ctypes
import json
import os

CLEAN, DEVICE, SOFTWARE = 0, 1, 2
OFFER, ANSWER, COMMAND = range(3)
_RULE, _EVIDENCE, _FINDING, _FIGURES, _WAITING, _ERROR, _WAIVED, _WAIVERS, _DIVERGENCES = range(9)


def _load():
    lib = ctypes.CDLL(os.environ.get("LOCKSTEP_LIBRARY", "liblockstep.so"))
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, *arguments in [
        ("lockstep_version", text),
        ("lockstep_open", pointer, text),
        ("lockstep_waive", ctypes.c_int32, pointer, text),
        ("lockstep_waive_file", ctypes.c_int32, pointer, text),
        ("lockstep_keep_going", ctypes.c_int32, pointer, ctypes.c_uint32),
        ("lockstep_push", ctypes.c_int32, pointer, text),
        ("lockstep_push_text", ctypes.c_int32, pointer, text, ctypes.c_int64),
        ("lockstep_finish", ctypes.c_int32, pointer),
        ("lockstep_verdict", ctypes.c_int32, pointer),
        ("lockstep_is_over", ctypes.c_int32, pointer),
        ("lockstep_waived", ctypes.c_int64, pointer, ctypes.c_uint32),
        ("lockstep_text", text, pointer, ctypes.c_int32),
        ("lockstep_waited", ctypes.c_int64, pointer, ctypes.c_int32, ctypes.c_uint64),
        ("lockstep_close", None, pointer),
    ]:
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


class Oracle:
    """Judges what it is told. An event is `tell("store", agent="cpu", addr=0x1000, new=7)`: see docs/trace.md."""

    def __init__(self, **device):
        self._lib = _load()
        self._oracle = self._lib.lockstep_open(self._line("device", device))
        if not self._oracle:
            raise ValueError(self._text(_ERROR))

    @staticmethod
    def _value(value):
        if isinstance(value, (list, tuple)):
            return ",".join(map(Oracle._value, value))
        if isinstance(value, str):
            return value if all(c.isalnum() or c in "-.:," for c in value) else json.dumps(value, ensure_ascii=False)
        return f"{int(value):#x}" if value > 9 else str(int(value))

    @staticmethod
    def _line(name, fields):
        told = {key.replace("_", "-"): value for key, value in fields.items() if value is not None}
        pairs = (f" {key}={Oracle._value(value)}" for key, value in told.items())
        return f"{name}{''.join(pairs)}".encode()

    def _checked(self, verdict):
        if verdict < 0:
            raise ValueError(self._text(_ERROR))
        return verdict

    def _push(self, line):
        return self._checked(self._lib.lockstep_push(self._oracle, line))

    def waive(self, text):
        """Waives what this text of a file of waivers says (docs/waivers.md). Before the first event."""
        self._checked(self._lib.lockstep_waive(self._oracle, text.encode()))

    def waive_file(self, path):
        """Waives what a file says, likewise."""
        self._checked(self._lib.lockstep_waive_file(self._oracle, os.fsencode(path)))

    def keep_going(self, kinds):
        """Goes past so many kinds of divergences that nobody waived. They are blamed all the same."""
        self._checked(self._lib.lockstep_keep_going(self._oracle, kinds))

    def tell(self, event, **fields):
        """Tells an event of this cycle. A field that is None is left out."""
        return self._push(self._line(event, fields))

    def tell_text(self, text):
        """Tells many lines at once: a trace, say."""
        return self._checked(self._lib.lockstep_push_text(self._oracle, text.encode(), -1))

    def cycle(self, now):
        """What is told from here on was seen in this cycle. The cycle before is judged."""
        return self._push(b"@%d" % now)

    def finish(self):
        """Judges the last cycle, and gives the verdict."""
        return self._lib.lockstep_finish(self._oracle)

    def waited(self, which, now):
        """How many cycles the oldest OFFER, ANSWER or COMMAND has waited in cycle `now`; 0 if none waits."""
        return self._lib.lockstep_waited(self._oracle, which, now)

    def uses(self, line=0):
        """How often the waiver in this line of its file was used; 0: all of them."""
        uses = self._lib.lockstep_waived(self._oracle, line)
        if uses < 0:
            raise ValueError(f"there is no waiver in line {line}")
        return uses

    def close(self):
        self._lib.lockstep_close(self._oracle)
        self._oracle = None

    def _text(self, which):
        return self._lib.lockstep_text(self._oracle, which).decode()

    rule = property(lambda self: self._text(_RULE))
    evidence = property(lambda self: self._text(_EVIDENCE))
    finding = property(lambda self: json.loads(self._text(_FINDING)))
    figures = property(lambda self: json.loads(self._text(_FIGURES)))
    waiting = property(lambda self: self._text(_WAITING))
    waived = property(lambda self: self._text(_WAIVED))
    waivers = property(lambda self: json.loads(self._text(_WAIVERS)))
    divergences = property(lambda self: json.loads(self._text(_DIVERGENCES)))
    is_over = property(lambda self: self._lib.lockstep_is_over(self._oracle) != 0)
