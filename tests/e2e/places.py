# SPDX-License-Identifier: Apache-2.0
"""Where nodes listen that must know their addresses before they start: corners of 127/8 that are held
as long as this process lives, so that no two runs meet, and ports that no connection gets for its
own end (those come from ip_local_port_range, 32768 and above)."""

import errno
import itertools
import random
import socket

CLAIM = 2640  # at the last address of each corner
PORTS = (20000, 32000)

_held = []
_ports = itertools.cycle(range(*PORTS))


def _claim():
    draw = random.SystemRandom()
    while True:
        base = "127.%d.%d." % (draw.randrange(130, 255), draw.randrange(1, 255))
        held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            held.bind((base + "254", CLAIM))
        except OSError as e:
            held.close()
            if e.errno != errno.EADDRINUSE:
                raise
            continue
        _held.append(held)
        return base


class Network:
    """A corner of 127/8."""

    def __init__(self):
        self.base, self.last = _claim(), 0

    def address(self):
        self.last += 1
        return self.base + str(self.last)


def place():
    """An address and a port, each given once: a node of another machine, as far as others see."""
    return Network().address(), next(_ports)
