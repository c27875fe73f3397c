#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A JSON file as a C array, without its blanks: embed_json.py NAME IN OUT."""

import json
import sys

name, source, out = sys.argv[1:]
with open(source, encoding="utf-8") as f:
    octets = json.dumps(json.load(f), ensure_ascii=False, separators=(",", ":")).encode("utf-8")
with open(out, "w", encoding="ascii") as f:
    f.write("#include <stddef.h>\nextern const unsigned char %s[];\nextern const size_t %s_n;\n" % (name, name))
    f.write("const size_t %s_n = %d;\nconst unsigned char %s[] = {\n" % (name, len(octets), name))
    for i in range(0, len(octets), 16):
        f.write("\t%s,\n" % ", ".join(str(o) for o in octets[i:i + 16]))
    f.write("};\n")
