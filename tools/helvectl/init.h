/* SPDX-License-Identifier: Apache-2.0
 *
 * What init writes, whether a node or a resolver: directories, pairs of keys, configuration.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/net/addr.h"
#include "proto/sec/key.h"
#include "tools/helvectl/ctl.h"

enum { INIT_LISTEN_MAX = 16 };

/* In DIR; what is there already is fine. A line is told. */
bool init_make_dir(const struct ctl *ctl, const char *name, mode_t mode);
bool init_write_file(const struct ctl *ctl, const char *name, unsigned mode,
		     struct hlv_bytes data);
/* One pair: both names in DIR; the public half also goes to `public`. */
bool init_make_keys(const struct ctl *ctl, enum hlv_key_kind kind, const char *private_name,
		    const char *public_name, struct hlv_buf *public);
/* The site record of another (file, or directory of a node) as NAME in DIR, in JSON. */
bool init_save_site(const struct ctl *ctl, const char *from, const char *name);
/* In YAML: [ "127.0.0.1:2641" ] and a line's end; 'DIR/NAME' likewise. */
void init_put_addresses(struct hlv_buf *b, const struct hlv_addr *list, size_t n);
void init_put_path(struct hlv_buf *b, const char *dir, const char *name);

/* init --resolver. */
struct init_resolver {
	const char *root; /* site record, or directory of the root node */
	enum hlv_key_kind kind;
	const struct hlv_addr *listen;
	size_t nlisten; /* 0: by default */
	const struct hlv_addr *http;
	size_t nhttp; /* 0: none */
};
int init_resolver(struct ctl *ctl, const struct init_resolver *in);
/* From a root node's directory: both of its keys as anchors, the one that signs records too. From a
 * site record, which has only the servers' keys: nothing, helver takes those by itself. */
int anchor_begin(struct ctl *ctl, const char *root);
