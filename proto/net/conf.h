/* SPDX-License-Identifier: Apache-2.0
 *
 * Table-driven configuration: one row for each option, from which the parser, the checker, the
 * documented sample and the help are made. YAML by libyaml; this is its only door. A file is read
 * whole and checked whole before anything is used; a mistake is told with line and column.
 */
#pragma once
#include "proto/base/err.h"
#include "proto/net/addr.h"
#include "proto/wire/value.h"

enum hlv_option_type {
	HLV_OPT_STRING,	 /* char * */
	HLV_OPT_UINT,	 /* uint32_t, min..max */
	HLV_OPT_SIZE,	 /* uint64_t octets; suffixes KiB, MiB, GiB, TiB */
	HLV_OPT_BOOL,	 /* bool */
	HLV_OPT_ADDRS,	 /* struct hlv_addrs: addresses with ports */
	HLV_OPT_NETS,	 /* struct hlv_nets: CIDR blocks */
	HLV_OPT_REFS,	 /* struct hlv_refs: identities, "index:handle" */
	HLV_OPT_STRINGS, /* struct hlv_strings: as written, for the caller to read */
	HLV_OPT_CHOICE,	 /* char *, one of `choices`, blank separated */
};

struct hlv_option {
	const char *name;
	enum hlv_option_type type;
	size_t offset;	      /* in the struct that is filled */
	const char *fallback; /* as it would stand in the file; NULL: must be given */
	uint64_t min, max;    /* UINT, SIZE; ADDRS: min is the default port */
	const char *choices;
	const char *help; /* one line */
};

struct hlv_addrs {
	struct hlv_addr *list;
	size_t n;
};

struct hlv_net {
	uint64_t address[2], mask[2]; /* IPv4 as ::ffff:a.b.c.d; in the order of the octets */
};
struct hlv_nets {
	struct hlv_net *list;
	size_t n;
};
struct hlv_refs {
	struct hlv_ref *list; /* the handles stand behind the list, in the same memory */
	size_t n;
};
struct hlv_strings {
	char **list; /* the texts stand behind the list, in the same memory */
	size_t n;
};
bool hlv_nets_have(const struct hlv_nets *nets, const struct hlv_addr *a);
/* The network of this address alone. */
struct hlv_net hlv_net_of(const struct hlv_addr *a);

/* Fill `out` from the file. On failure nothing needs freeing and `why` (512 octets) is one line:
 * file:line:column: what, and what to do. */
enum hlv_err HLV_MUST_USE hlv_conf_load(const char *path, const struct hlv_option *rows,
					size_t n, void *out, char *why);
void hlv_conf_free(const struct hlv_option *rows, size_t n, void *out);
/* The documented sample: every option with its help and default, commented out. */
void hlv_conf_sample(const struct hlv_option *rows, size_t n);
