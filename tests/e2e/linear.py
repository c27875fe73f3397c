# SPDX-License-Identifier: Apache-2.0
"""Is what many clients saw of one identifier explained by one order of their operations, each
taking effect at a moment between its request and its answer? (Wing and Gong's search with Lowe's
memory of what was tried.) The model is a register that is absent or has a value."""

FOREVER = 1 << 62


class Op:
    """`result` None: nobody knows whether it was done, so it may have been, at any later time."""

    __slots__ = ("kind", "value", "result", "call", "back", "who")

    def __init__(self, kind, value, call, who):
        self.kind, self.value, self.call, self.who = kind, value, call, who
        self.result, self.back = None, FOREVER

    def __repr__(self):
        return "%-9s %-12s -> %-14s [%d, %s] %s" % (
            self.kind, self.value or "", self.result, self.call,
            "?" if self.back == FOREVER else self.back, self.who)


def step(state, op):
    """(possible, state after)"""
    kind, result = op.kind, op.result
    if kind == "read":
        return (state if state is not None else "absent") == result, state
    present = state is not None
    may = {"create": not present, "overwrite": True, "modify": present, "delete": present}[kind]
    after = None if kind == "delete" else op.value
    if result is None:
        return True, after if may else state
    if result == "done":
        return may, after
    return not may, state  # refused, as it must be then


class Entry:
    __slots__ = ("op", "bit", "match", "prev", "next")


def entries(ops):
    """Calls and returns in order of time, doubly linked behind a head."""
    moments = []
    for i, op in enumerate(ops):
        call, back = Entry(), Entry()
        call.op, call.bit, call.match = op, 1 << i, back
        back.op, back.match = op, None
        moments.append((op.call, 0, i, call))
        moments.append((op.back, 1, i, back))
    head = last = Entry()
    for _, _, _, e in sorted(moments, key=lambda m: m[:3]):
        last.next, e.prev, e.next = e, last, None
        last = e
    head.next = head.next if ops else None
    return head


def lift(call):
    for e in (call, call.match):
        e.prev.next = e.next
        if e.next:
            e.next.prev = e.prev


def unlift(call):
    for e in (call.match, call):
        e.prev.next = e
        if e.next:
            e.next.prev = e


def is_linearizable(ops, state=None):
    """None when it is; else the operation at which every order fails."""
    head, done, tried, path, worst = entries(ops), 0, set(), [], None
    e = head.next
    while head.next:
        if e.match:
            possible, after = step(state, e.op)
            if possible and (done | e.bit, after) not in tried:
                tried.add((done | e.bit, after))
                path.append((e, state))
                state, done = after, done | e.bit
                lift(e)
                e = head.next
            else:
                e = e.next
        else:
            worst = worst if worst and worst.back > e.op.back else e.op
            if not path or e.op.back == FOREVER and done_rest(head):
                return None if e.op.back == FOREVER else worst
            e, state = path.pop()
            done &= ~e.bit
            unlift(e)
            e = e.next
    return None


def done_rest(head):
    """Only operations are left of which nobody knows: they need not have been done."""
    e = head.next
    while e:
        if e.op.back != FOREVER:
            return False
        e = e.next
    return True
