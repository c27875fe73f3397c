# SPDX-License-Identifier: Apache-2.0
"""Turns the built pages into a C source: embed.py DIST OUT."""

import gzip
import hashlib
import os
import sys

TYPES = {
    ".html": "text/html;charset=utf-8",
    ".js": "text/javascript;charset=utf-8",
    ".css": "text/css;charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}


def files(top):
    for folder, _, names in os.walk(top):
        for name in names:
            full = os.path.join(folder, name)
            yield os.path.relpath(full, top).replace(os.sep, "/"), full


def octets(name, content):
    lines = [",".join(str(b) for b in content[i:i + 32]) for i in range(0, len(content), 32)]
    return "static const unsigned char %s[] = {\n%s};\n" % (name, ",\n".join(lines))


def main(dist, out):
    arrays, rows = [], []
    for number, (path, full) in enumerate(sorted(files(dist))):
        with open(full, "rb") as f:
            raw = f.read()
        short = gzip.compress(raw, 9, mtime=0)
        arrays.append(octets("raw%d" % number, raw))
        small = "{0}"
        if len(short) < len(raw):
            arrays.append(octets("gzip%d" % number, short))
            small = "{gzip%d, sizeof gzip%d}" % (number, number)
        rows.append('\t{"%s", "%s", "W/\\"%s\\"", {raw%d, sizeof raw%d}, %s},\n' % (
            path, TYPES[os.path.splitext(path)[1]], hashlib.sha256(raw).hexdigest()[:24],
            number, number, small))
    with open(out, "w", encoding="ascii") as f:
        f.write('/* SPDX-License-Identifier: Apache-2.0\n'
                ' * Made by proto/web/embed.py of web/dist. */\n'
                '#include "proto/web/pages.h"\n\n')
        f.write("\n".join(arrays))
        f.write("\nconst struct web_page web_pages_data[] = {\n%s};\n" % "".join(rows))
        f.write("const size_t web_pages_n = %d;\n" % len(rows))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
