/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/state.h"

static const struct {
	uint8_t number;
	const char *text;
} states[] = {
#define X(name, number, text) {number, text},
	HLV_STATES(X)
#undef X
};

static const struct {
	uint16_t mask;
	const char *text;
} locks[] = {
#define X(name, mask, text) {mask, text},
	HLV_LOCKS(X)
#undef X
};

enum { N_STATES = sizeof states / sizeof *states, N_LOCKS = sizeof locks / sizeof *locks };

const char *hlv_state_name(unsigned state)
{
	for (size_t i = 0; i < N_STATES; i++)
		if (states[i].number == state)
			return states[i].text;
	return NULL;
}

enum hlv_err hlv_state_parse(struct hlv_bytes text, uint8_t *state)
{
	for (size_t i = 0; i < N_STATES; i++) {
		if (!hlv_eq(text, hlv_text(states[i].text)))
			continue;
		*state = states[i].number;
		return HLV_OK;
	}
	return HLV_E_UNSUPPORTED;
}

const char *hlv_lock_name(unsigned lock)
{
	for (size_t i = 0; i < N_LOCKS; i++)
		if (locks[i].mask == lock)
			return locks[i].text;
	return NULL;
}

static uint16_t lock_named(struct hlv_bytes text)
{
	for (size_t i = 0; i < N_LOCKS; i++)
		if (hlv_eq(text, hlv_text(locks[i].text)))
			return locks[i].mask;
	return 0;
}

enum hlv_err hlv_locks_parse(struct hlv_bytes text, uint16_t *out)
{
	*out = 0;
	while (text.n) {
		const uint8_t *comma = memchr(text.p, ',', text.n);
		size_t n = comma ? (size_t)(comma - text.p) : text.n;
		uint16_t lock = lock_named(hlv_head(text, n));
		if (lock == 0 || n + 1 == text.n)
			return HLV_E_UNSUPPORTED; /* no name, or a comma with nothing behind */
		*out |= lock;
		text = hlv_skip(text, n + 1);
	}
	return HLV_OK;
}

void hlv_locks_print(struct hlv_buf *out, uint16_t set)
{
	const char *between = "";
	for (size_t i = 0; i < N_LOCKS; i++) {
		if (!(set & locks[i].mask))
			continue;
		hlv_buf_str(out, between);
		hlv_buf_str(out, locks[i].text);
		between = ",";
	}
}
