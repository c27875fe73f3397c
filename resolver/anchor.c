/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/anchor.h"

#include "proto/wire/name.h"
#include "proto/wire/site.h"

/* No clock that was ever set shows less: 2024-01-01. A machine without a battery starts in 1970, and
 * what it sees first there would be 50 years old at once when the time arrives. */
static const uint64_t SANE_MS = 1704067200000ULL;
static const uint64_t HOUR_MS = 3600 * 1000ULL, DAY_MS = 86400 * 1000ULL;
static const uint64_t HOLD_MS = ANCHOR_HOLD_S * 1000ULL;

void anchors_fini(struct anchors *a)
{
	for (size_t i = 0; i < a->n; i++)
		hlv_key_free(a->list[i].key);
	*a = (struct anchors){0};
}

const char *anchor_state_name(enum anchor_state state)
{
	static const char *const names[] = {
		[ANCHOR_SEEN] = "seen",	      [ANCHOR_PENDING] = "pending",
		[ANCHOR_VALID] = "valid",     [ANCHOR_MISSING] = "missing",
		[ANCHOR_REVOKED] = "revoked", [ANCHOR_FORGOTTEN] = "forgotten",
	};
	return names[state];
}

bool prefix_is_under(struct hlv_bytes prefix, struct hlv_bytes top)
{
	if (top.n == 0)
		return true;
	if (prefix.n < top.n || !hlv_eq_fold(hlv_head(prefix, top.n), top))
		return false;
	return prefix.n == top.n || prefix.p[top.n] == '.';
}

struct hlv_bytes prefix_governing(struct hlv_bytes id)
{
	struct hlv_name name = hlv_name_split(id);
	if (name.slash && !hlv_name_is_prefix_handle(id))
		return name.prefix;
	/* A prefix handle, or a bare prefix: its parent's word. */
	for (size_t i = name.suffix.n; i > 0; i--)
		if (name.suffix.p[i - 1] == '.')
			return hlv_head(name.suffix, i - 1);
	return (struct hlv_bytes){0};
}

bool anchor_is_believed(const struct anchor *anchor)
{
	return anchor->state == ANCHOR_VALID || anchor->state == ANCHOR_MISSING;
}

bool anchor_binds(const struct anchor *anchor)
{
	return anchor_is_believed(anchor) || anchor->state == ANCHOR_REVOKED;
}

bool anchor_covers(const struct anchor *anchor, struct hlv_bytes prefix)
{
	return prefix_is_under(prefix, hlv_text(anchor->prefix));
}

/* --- the list --- */

static struct anchor *find_key(struct anchors *a, const char *prefix, const struct hlv_key *key)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->list[i].state != ANCHOR_FORGOTTEN &&
		    hlv_eq_fold(hlv_text(a->list[i].prefix), hlv_text(prefix)) &&
		    hlv_key_same_public(a->list[i].key, key))
			return &a->list[i];
	return NULL;
}

static struct anchor *free_place(struct anchors *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->list[i].state == ANCHOR_FORGOTTEN)
			return &a->list[i];
	return a->n < ANCHORS_MAX ? &a->list[a->n] : NULL;
}

static void forget(struct anchor *anchor)
{
	hlv_key_free(anchor->key);
	*anchor = (struct anchor){.state = ANCHOR_FORGOTTEN};
}

/* Takes the key over. */
static enum hlv_err add_key(struct anchors *a, const char *subject, const char *prefix,
			    struct hlv_key *take_key, enum anchor_state state, uint64_t now_ms)
{
	struct anchor *place = free_place(a);
	enum hlv_err err = HLV_OK;
	if (!hlv_key_is_strong(take_key) || hlv_key_kind(take_key) == HLV_KEY_DH)
		err = HLV_E_KEY;
	else if (find_key(a, prefix, take_key))
		err = HLV_E_EXISTS;
	else if (!place)
		err = HLV_E_LIMIT;
	if (err != HLV_OK)
		goto fail;
	struct anchor new = {.state = state, .key = take_key, .since_ms = now_ms};
	struct hlv_writer w = hlv_writer(new.octets, sizeof new.octets);
	err = hlv_pubkey_encode(&w, take_key);
	if (err == HLV_OK && w.bad)
		err = HLV_E_KEY;
	if (err != HLV_OK)
		goto fail;
	new.n = (uint16_t)w.n;
	memcpy(new.subject, subject, strlen(subject) + 1);
	memcpy(new.prefix, prefix, strlen(prefix) + 1);
	*place = new;
	if (place == &a->list[a->n])
		a->n++;
	a->dirty = true;
	return HLV_OK;
fail:
	hlv_key_free(take_key);
	return err;
}

enum hlv_err anchors_add(struct anchors *a, const char *subject, const char *prefix,
			 struct hlv_bytes key, enum anchor_state state, uint64_t now_ms)
{
	struct hlv_key *decoded = NULL;
	if (*subject == '\0' || strlen(subject) >= ANCHOR_SUBJECT_MAX ||
	    strlen(prefix) >= ANCHOR_SUBJECT_MAX)
		return HLV_E_USAGE;
	if (hlv_pubkey_decode(key, &decoded) != HLV_OK)
		return HLV_E_KEY;
	return add_key(a, subject, prefix, decoded, state, now_ms);
}

enum hlv_err anchors_add_site(struct anchors *a, struct hlv_bytes octets, uint64_t now_ms,
			      size_t *unusable)
{
	struct hlv_site site;
	*unusable = 0;
	HLV_TRY(hlv_site_decode(octets, &site));
	struct hlv_reader r = hlv_reader(site.servers.raw);
	for (uint32_t i = 0; i < site.servers.n; i++) {
		struct hlv_site_server server;
		hlv_site_next_server(&r, &server);
		if (server.key.n == 0)
			continue;
		enum hlv_err err =
			anchors_add(a, "0.0/0.0", "", server.key, ANCHOR_VALID, now_ms);
		*unusable += err != HLV_OK && err != HLV_E_EXISTS;
	}
	return HLV_OK;
}

/* --- roll-over --- */

/* What a record says about the keys that we have; `in` and `out` by position. */
struct announced {
	bool here[ANCHORS_MAX], revoked[ANCHORS_MAX];
};

static bool same_subject(const struct anchor *a, const struct anchor *b)
{
	/* "300:0.0/0.0" and "0.0/0.0" are one subject: any index. */
	return hlv_eq_fold(hlv_text(a->prefix), hlv_text(b->prefix)) &&
	       hlv_name_eq_prefix(hlv_ref_parse(hlv_text(a->subject)).handle,
				  hlv_ref_parse(hlv_text(b->subject)).handle);
}

static bool is_revoked_type(struct hlv_bytes type)
{
	return hlv_eq_fold(type, hlv_text("HS_PUBKEY.REVOKED"));
}

static bool is_key_type(struct hlv_bytes type)
{
	return hlv_eq_fold(type, hlv_text("HS_PUBKEY"));
}

static void note_key(const struct anchors *a, const struct anchor *signer,
		     const struct hlv_key *key, bool revoked, struct announced *said)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct anchor *x = &a->list[i];
		if (x->state == ANCHOR_FORGOTTEN || !same_subject(x, signer) ||
		    !hlv_key_same_public(x->key, key))
			continue;
		if (revoked)
			said->revoked[i] = true;
		said->here[i] = true;
	}
}

/* Call `fn` for each key of the record that can be read. */
static void note_all(const struct anchors *a, const struct anchor *signer,
		     const struct hlv_list *values, struct announced *said)
{
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		struct hlv_key *key = NULL;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return;
		bool revoked = is_revoked_type(v.type);
		if ((!revoked && !is_key_type(v.type)) ||
		    hlv_pubkey_decode(v.data, &key) != HLV_OK)
			continue;
		note_key(a, signer, key, revoked, said);
		hlv_key_free(key);
	}
}

/* Is this key called revoked anywhere in the record? It may be one that we do not have. */
static bool is_called_revoked(const struct hlv_list *values, const struct hlv_key *key)
{
	struct hlv_reader r = hlv_reader(values->raw);
	bool found = false;
	for (uint32_t i = 0; i < values->n && !found; i++) {
		struct hlv_value v;
		struct hlv_key *other = NULL;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return true;
		if (!is_revoked_type(v.type) || hlv_pubkey_decode(v.data, &other) != HLV_OK)
			continue;
		found = hlv_key_same_public(key, other);
		hlv_key_free(other);
	}
	return found;
}

static bool move(struct anchor *x, enum anchor_state to, uint64_t since_ms)
{
	x->state = to;
	x->since_ms = since_ms;
	return true;
}

/* Was announced, and is not revoked. */
static bool observe_here(struct anchor *x, uint64_t now_ms)
{
	switch (x->state) {
	case ANCHOR_SEEN:
	case ANCHOR_PENDING:
		if (now_ms >= x->since_ms && now_ms - x->since_ms >= HOLD_MS)
			return move(x, ANCHOR_VALID, now_ms);
		return x->state == ANCHOR_SEEN && now_ms > x->since_ms &&
		       move(x, ANCHOR_PENDING, x->since_ms);
	case ANCHOR_MISSING:
		return move(x, ANCHOR_VALID, now_ms);
	case ANCHOR_VALID:
	case ANCHOR_REVOKED:
	case ANCHOR_FORGOTTEN:
		break;
	}
	return false;
}

static bool observe_gone(struct anchor *x, uint64_t now_ms)
{
	switch (x->state) {
	case ANCHOR_SEEN:
	case ANCHOR_PENDING: /* the hold-down is interrupted (RFC 5011 2.2) */
		if (!x->by_hand) {
			forget(x);
			return true;
		}
		return x->since_ms != now_ms && move(x, x->state, now_ms);
	case ANCHOR_VALID:
		return move(x, ANCHOR_MISSING, now_ms);
	case ANCHOR_MISSING:
	case ANCHOR_REVOKED:
	case ANCHOR_FORGOTTEN:
		break;
	}
	return false;
}

/* Keys that we do not have begin to wait. A list that is full waits for a place. */
static bool observe_new(struct anchors *a, const struct anchor *signer,
			const struct hlv_list *values, uint64_t now_ms)
{
	struct hlv_reader r = hlv_reader(values->raw);
	struct hlv_bytes holder = hlv_ref_parse(hlv_text(signer->subject)).handle;
	char handle[ANCHOR_SUBJECT_MAX], subject[ANCHOR_SUBJECT_MAX + 16],
		prefix[ANCHOR_SUBJECT_MAX];
	bool changed = false;
	snprintf(handle, sizeof handle, "%.*s", (int)holder.n, (const char *)holder.p);
	memcpy(prefix, signer->prefix, sizeof prefix);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		struct hlv_key *key = NULL;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
		if (!is_key_type(v.type) || hlv_pubkey_decode(v.data, &key) != HLV_OK)
			continue;
		if (is_called_revoked(values, key)) {
			hlv_key_free(key);
			continue;
		}
		snprintf(subject, sizeof subject, "%u:%s", v.index, handle);
		if (strlen(subject) >= ANCHOR_SUBJECT_MAX)
			hlv_key_free(key);
		else if (add_key(a, subject, prefix, key, ANCHOR_SEEN, now_ms) == HLV_OK)
			changed = true;
	}
	return changed;
}

static bool observe_revocations(struct anchors *a, const struct announced *said,
				uint64_t now_ms)
{
	bool changed = false;
	for (size_t i = 0; i < a->n; i++)
		if (said->revoked[i] && a->list[i].state != ANCHOR_REVOKED)
			changed = move(&a->list[i], ANCHOR_REVOKED, now_ms);
	return changed;
}

/* Does the clock show less than what was seen before by it? */
static bool clock_is_back(const struct anchors *a, uint64_t now_ms)
{
	if (now_ms < SANE_MS)
		return true;
	for (size_t i = 0; i < a->n; i++)
		if (a->list[i].state != ANCHOR_FORGOTTEN && a->list[i].since_ms > now_ms)
			return true;
	return false;
}

bool anchors_observe(struct anchors *a, size_t signer, const struct hlv_list *values,
		     uint64_t now_ms)
{
	struct announced said = {0};
	if (signer >= a->n || !anchor_is_believed(&a->list[signer]))
		return false;
	const struct anchor *by = &a->list[signer];
	note_all(a, by, values, &said);
	bool changed = observe_revocations(a, &said, now_ms);
	if (by->state != ANCHOR_REVOKED && !clock_is_back(a, now_ms)) {
		for (size_t i = 0; i < a->n; i++)
			if (same_subject(&a->list[i], by) && !said.revoked[i] &&
			    (said.here[i] ? observe_here(&a->list[i], now_ms)
					  : observe_gone(&a->list[i], now_ms)))
				changed = true;
		if (observe_new(a, by, values, now_ms))
			changed = true;
	}
	a->dirty = a->dirty || changed;
	return changed;
}

bool anchors_tick(struct anchors *a, uint64_t now_ms)
{
	bool changed = false;
	if (now_ms < SANE_MS)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (a->list[i].state == ANCHOR_FORGOTTEN || a->list[i].since_ms <= now_ms)
			continue;
		a->list[i].since_ms = now_ms;
		changed = true;
	}
	a->dirty = a->dirty || changed;
	return changed;
}

uint64_t anchors_next_ms(const struct anchors *a, uint64_t now_ms)
{
	uint64_t wait_ms = DAY_MS;
	for (size_t i = 0; i < a->n; i++) {
		const struct anchor *x = &a->list[i];
		if (x->state != ANCHOR_SEEN && x->state != ANCHOR_PENDING)
			continue;
		uint64_t age_ms = now_ms > x->since_ms ? now_ms - x->since_ms : 0;
		uint64_t half_ms = age_ms < HOLD_MS ? (HOLD_MS - age_ms) / 2 : 0;
		if (half_ms < wait_ms)
			wait_ms = half_ms;
	}
	return now_ms + (wait_ms < HOUR_MS ? HOUR_MS : wait_ms);
}
