/* SPDX-License-Identifier: Apache-2.0
 *
 * Finished answers of one worker, whole as they went out: the next one who asks the same gets a copy
 * with his own id. They hold for as long as the registry's state is what it was; and when that has moved
 * on, for as long as the registry says again, of each identifier, what the answer was made of. Of
 * fixed size; what is new takes the place of what is in its way.
 */
#pragma once
#include "proto/base/now.h"
#include "proto/dns/ask.h"

struct hlv_dns_finished;

/* As many answers as fit into so many octets. NULL without memory. */
struct hlv_dns_finished *hlv_dns_finished_new(size_t octets, const uint64_t secret[2]);
void hlv_dns_finished_free(struct hlv_dns_finished *f);

/* What an answer depends on beside its question. */
struct hlv_dns_moment {
	uint64_t
		state; /* of the registry, or 0: it does not say, and an answer is good for 2 s */
	struct hlv_now now;
	size_t limit; /* octets of the answer */
	/* Of an answer from another state: does the registry say again what it was made of? NULL: nobody
	 * can tell. */
	bool (*holds)(void *ctx, struct hlv_bytes sources);
	void *ctx;
};

/* One of the things that an answer was made of. */
struct hlv_dns_source {
	uint64_t said;		     /* hlv_dns_said() */
	uint16_t zone;		     /* its place in the list */
	struct hlv_bytes identifier; /* borrowed */
};
/* False: that was the last one, or r->bad. */
bool hlv_dns_source_next(struct hlv_reader *r, struct hlv_dns_source *source);

/* Copy the answer to `q` into `out`, which has room for the limit, without a cookie. Returns its
 * octets; 0: there is none. */
size_t hlv_dns_finished_get(struct hlv_dns_finished *f, const struct hlv_dns_query *q,
			    const struct hlv_dns_moment *m, uint8_t *out);
/* Keep what `a` was just made into, without a cookie in it. `until_s`: since 1970. */
void hlv_dns_finished_put(struct hlv_dns_finished *f, const struct hlv_dns_ask *a,
			  const struct hlv_dns_moment *m, struct hlv_bytes answer,
			  uint32_t until_s);
