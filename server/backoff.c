/* SPDX-License-Identifier: Apache-2.0 */
#include "server/backoff.h"

#include <stdlib.h>

#include "proto/base/siphash.h"
#include "proto/wire/codes.h"
#include "proto/wire/name.h"
#include "server/network.h"

enum { WAYS = 4, SETS = 16384, NETWORK_V4 = 3, NETWORK_V6 = 6 };

struct slot {
	uint64_t tag; /* the whole hash; 0: unused */
	uint64_t until_ms;
	uint32_t wait_ms;
};

struct backoff {
	uint64_t secret[2];
	struct slot sets[SETS][WAYS];
};

struct backoff *backoff_new(uint64_t secret)
{
	struct backoff *b = calloc(1, sizeof *b);
	if (b) {
		b->secret[0] = secret;
		b->secret[1] = ~secret;
	}
	return b;
}

void backoff_free(struct backoff *b)
{
	free(b);
}

/* 0: nobody who is ever slowed down. */
static uint64_t tag_of(const struct backoff *b, const struct hlv_ref *who,
		       const struct hlv_addr *source)
{
	struct network net = network_of(source, NETWORK_V4, NETWORK_V6);
	if (net.family == 0)
		return 0;
	uint8_t key[sizeof net + 4 + HLV_IDENTIFIER_MAX];
	struct hlv_writer w = hlv_writer(key, sizeof key);
	hlv_put(&w, hlv_bytes(&net, sizeof net));
	hlv_put_u32(&w, who->index);
	/* No longer identifier comes out of the codec; two that did would share a slot. */
	hlv_name_put_upper_prefix(&w, hlv_head(who->handle, HLV_IDENTIFIER_MAX));
	return hlv_siphash(b->secret, hlv_written(&w)) | 1;
}

/* Which slot of its set is its own, or else matters least: unused, or over first. */
static size_t place(const struct slot *set, uint64_t tag)
{
	size_t least = 0;
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].tag == tag)
			return i;
		if (set[i].until_ms < set[least].until_ms)
			least = i;
	}
	return least;
}

static size_t set_of(uint64_t tag)
{
	return (tag >> 1) % SETS;
}

static uint64_t ms(struct hlv_now now)
{
	return now.mono_ns / 1000000;
}

uint32_t backoff_wait_ms(const struct backoff *b, const struct hlv_ref *who,
			 const struct hlv_addr *source, struct hlv_now now)
{
	uint64_t tag = tag_of(b, who, source);
	const struct slot *set = b->sets[set_of(tag)], *s = &set[place(set, tag)];
	if (tag == 0 || s->tag != tag || s->until_ms <= ms(now))
		return 0;
	return (uint32_t)(s->until_ms - ms(now));
}

void backoff_failed(struct backoff *b, const struct hlv_ref *who, const struct hlv_addr *source,
		    struct hlv_now now)
{
	uint64_t tag = tag_of(b, who, source);
	if (tag == 0)
		return;
	struct slot *set = b->sets[set_of(tag)], *s = &set[place(set, tag)];
	bool again = s->tag == tag && ms(now) < s->until_ms + BACKOFF_FORGET_MS;
	uint32_t wait_ms = again ? s->wait_ms * 2 : BACKOFF_FIRST_MS;
	if (wait_ms > BACKOFF_MOST_MS)
		wait_ms = BACKOFF_MOST_MS;
	*s = (struct slot){.tag = tag, .until_ms = ms(now) + wait_ms, .wait_ms = wait_ms};
}

void backoff_succeeded(struct backoff *b, const struct hlv_ref *who,
		       const struct hlv_addr *source)
{
	uint64_t tag = tag_of(b, who, source);
	struct slot *set = b->sets[set_of(tag)], *s = &set[place(set, tag)];
	if (tag != 0 && s->tag == tag)
		*s = (struct slot){0};
}
