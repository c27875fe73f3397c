/* SPDX-License-Identifier: Apache-2.0
 *
 * hdig's command line, and where it finds a server when none is named on it.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/net/client.h"
#include "proto/net/prove.h"

enum { DIG_TYPES_MAX = 32, DIG_INDEXES_MAX = 32, DIG_GO_ON = -1 };

enum dig_form { DIG_TEXT, DIG_SHORT, DIG_JSON };

/* What scripts rely on. */
enum dig_exit {
	EXIT_ANSWERED = 0,
	EXIT_OTHER = 1,
	EXIT_USAGE = 2,
	EXIT_MISSING = 3,
	EXIT_REFUSED = 4,
	EXIT_UNTRUSTED = 5,
	EXIT_NO_REPLY = 9
};

struct dig_options {
	struct hlv_client client; /* server, transport, waits */
	struct hlv_bytes id;	  /* as typed, wrappers stripped; borrows from argv */
	const char *types[DIG_TYPES_MAX];
	size_t ntypes;
	uint32_t indexes[DIG_INDEXES_MAX];
	size_t nindexes;
	enum dig_form form;
	bool certified;
	bool authoritative;
	bool trace;			/* walk from the root by ourselves */
	const char *site_file;		/* whose keys are believed; NULL: the asked server's */
	struct hlv_prove_identity self; /* as whom private values are asked for; or nobody */
};

/* DIG_GO_ON, or the exit code: 0 after -V and -h, 2 after a line on stderr. */
int dig_options_parse(int argc, char **argv, struct dig_options *o);
