/* SPDX-License-Identifier: Apache-2.0
 *
 * A little world of records, with certificates and signatures by five holders of keys, for
 * test_trust.c.
 */
#pragma once
#include "proto/net/claims.h"
#include "proto/net/jws.h"
#include "resolver/trust.h"
#include "tests/unit/unit.h"

enum { NOW_S = 1760000000, LIST_MAX = 65536, RECORDS = 64 };
static const struct hlv_now now = {.wall_ms = NOW_S * 1000ULL};

/* Holders of keys: the root, 88, 88.118, 88.118.8, and somebody. */
enum who { ROOT, TOP, SECOND, ENTERPRISE, MALLORY, KEYS };
static const enum hlv_key_kind kinds[KEYS] = {HLV_KEY_RSA, HLV_KEY_P256, HLV_KEY_SM2,
					      HLV_KEY_ED25519, HLV_KEY_P256};
static const char *const ids[KEYS] = {"300:0.0/0.0", "300:0.NA/88", "300:0.NA/88.118",
				      "300:0.NA/88.118.8", "300:0.NA/66"};
static struct hlv_key *keys[KEYS];
static uint8_t encoded[KEYS][ANCHOR_KEY_MAX];
static size_t encoded_n[KEYS];
static struct hlv_arena arena;

static inline int set_up(void **state)
{
	(void)state;
	hlv_arena_init(&arena, 64 << 20);
	for (int i = 0; i < KEYS; i++) {
		struct hlv_writer w = hlv_writer(encoded[i], sizeof encoded[i]);
		check_err("key", hlv_key_generate(kinds[i], &keys[i]), HLV_OK);
		check_err("key", hlv_pubkey_encode(&w, keys[i]), HLV_OK);
		encoded_n[i] = w.n;
	}
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < KEYS; i++)
		hlv_key_free(keys[i]);
	hlv_arena_fini(&arena);
	return 0;
}

/* --- the world --- */

struct world {
	const char *name;
	struct {
		const char *id;
		uint8_t *octets;
		struct hlv_writer w;
		struct hlv_list values;
	} records[RECORDS];
	size_t n;
	struct anchors anchors;
	struct must_sign must;
	struct validate_rules rules;
	struct hlv_ref must_by;
	uint32_t budget;
	unsigned asked;
	uint32_t signatures; /* how many were checked */
};

static inline void begin(struct world *w, const char *name)
{
	*w = (struct world){.name = name, .budget = BUDGET_SIGNATURES};
	w->rules.anchors = &w->anchors;
}

static inline void end(struct world *w)
{
	anchors_fini(&w->anchors);
	hlv_arena_reset(&arena);
}

static inline size_t record(struct world *w, const char *id)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->records[i].id, id) == 0)
			return i;
	assert_true(w->n < RECORDS);
	size_t i = w->n++;
	w->records[i].id = id;
	w->records[i].w = hlv_writer(hlv_alloc_raw(&arena, LIST_MAX), LIST_MAX);
	return i;
}

static inline void put(struct world *w, const char *id, uint32_t index, const char *type,
		       struct hlv_bytes data)
{
	size_t i = record(w, id);
	struct hlv_value v = {.index = index,
			      .ttl_s = 60,
			      .perms = HLV_PERM_DEFAULT,
			      .type = hlv_text(type),
			      .data = data};
	hlv_value_encode(&w->records[i].w, &v);
	w->records[i].values.n++;
	w->records[i].values.raw = hlv_written(&w->records[i].w);
}

static inline struct hlv_bytes jws_of(struct hlv_buf *payload, enum who by)
{
	struct hlv_buf b = {0};
	check_err("JWS", hlv_jws_make(&b, hlv_buf_bytes(payload), keys[by]), HLV_OK);
	struct hlv_bytes out = hlv_arena_copy(&arena, hlv_buf_bytes(&b));
	hlv_buf_free(&b);
	hlv_buf_free(payload);
	return out;
}

struct cert {
	const char *at; /* which record */
	enum who of, by;
	const char *perm, *handle;
	const char *sub, *iss; /* NULL: as they are */
	int64_t nbf, exp;      /* from now; 0: an hour ago, in an hour */
	struct hlv_ref chain;
	uint32_t index; /* 0: 400 */
};

static inline void put_cert(struct world *w, const struct cert *x)
{
	struct hlv_grant grants[4] = {
		{hlv_grant_kind(hlv_text(x->perm ? x->perm : "everything")),
		 hlv_text(x->handle ? x->handle : "")}};
	size_t ngrants = 1;
	if (x->perm && strcmp(x->perm, "all") == 0) { /* what delegate writes */
		grants[0] = (struct hlv_grant){HLV_GRANT_UNDER_PREFIX, hlv_text(x->handle)};
		grants[1] = (struct hlv_grant){HLV_GRANT_DERIVED, hlv_text(x->handle)};
		grants[2] = (struct hlv_grant){HLV_GRANT_THIS_HANDLE, hlv_text(x->handle)};
		ngrants = 3;
	}
	struct hlv_claims c = {.sub = hlv_text(x->sub ? x->sub : ids[x->of]),
			       .iss = hlv_text(x->iss ? x->iss : ids[x->by]),
			       .nbf = NOW_S + (x->nbf ? x->nbf : -3600),
			       .exp = NOW_S + (x->exp ? x->exp : 3600),
			       .iat = NOW_S - 3600,
			       .chain = &x->chain,
			       .nchain = x->chain.handle.n > 0,
			       .key = hlv_bytes(encoded[x->of], encoded_n[x->of]),
			       .grants = grants,
			       .ngrants = ngrants};
	struct hlv_buf b = {0};
	check_err(w->name, hlv_claims_put_cert(&b, &c), HLV_OK);
	put(w, x->at, x->index ? x->index : 400, "HS_CERT", jws_of(&b, x->by));
}

/* Over what the record holds so far. */
static inline void sign(struct world *w, const char *id, enum who by, const char *iss,
			const char *sub, int64_t nbf, int64_t exp)
{
	struct hlv_claims c = {.sub = hlv_text(sub ? sub : id),
			       .iss = hlv_text(iss ? iss : ids[by]),
			       .nbf = NOW_S + nbf,
			       .exp = NOW_S + exp,
			       .iat = NOW_S};
	struct hlv_buf b = {0};
	check_err(w->name,
		  hlv_values_digests(&w->records[record(w, id)].values, &arena, &c.digests,
				     &c.ndigests),
		  HLV_OK);
	hlv_claims_put_signature(&b, &c);
	put(w, id, 500 + w->records[record(w, id)].values.n, "HS_SIGNATURE", jws_of(&b, by));
}

static inline void anchor(struct world *w, enum who who, const char *subject,
			  const char *prefix, enum anchor_state state)
{
	check_err(w->name,
		  anchors_add(&w->anchors, subject, prefix,
			      hlv_bytes(encoded[who], encoded_n[who]), state, 0),
		  HLV_OK);
}

static inline enum proof judge_at(struct world *w, const char *id, struct judgement *j,
				  struct hlv_now at)
{
	struct budget budget = {.signatures = w->budget};
	struct trust t = {.rules = &w->rules,
			  .arena = &arena,
			  .budget = &budget,
			  .id = hlv_text(id),
			  .values = w->records[record(w, id)].values,
			  .must_by = w->must_by};
	enum trust_want want = trust_begin(&t, at);
	for (w->asked = 0; want == TRUST_WANTS_RECORD; w->asked++) {
		const struct hlv_list *found = NULL;
		for (size_t i = 0; i < w->n; i++)
			if (hlv_name_eq_prefix(hlv_text(w->records[i].id), t.wanted))
				found = &w->records[i].values;
		if (w->asked > 2 * TRUST_RECORDS_MAX)
			fail_msg("%s: it does not end", w->name);
		want = trust_feed(&t, found, at);
	}
	w->signatures = w->budget - budget.signatures;
	*j = t.judgement;
	return t.judgement.proof;
}

static inline void expect(struct world *w, const char *id, enum proof proof, const char *why)
{
	struct judgement j;
	judge_at(w, id, &j, now);
	if (j.proof != proof || j.why[0] == '\0' || (why && !strstr(j.why, why)))
		fail_msg("%s: %s (%s), expected %s (%s)", w->name, proof_name(j.proof), j.why,
			 proof_name(proof), why ? why : "");
	if ((j.anchor != VALIDATE_NO_ANCHOR) != (proof == PROOF_SECURE))
		fail_msg("%s: anchor %zu", w->name, j.anchor);
}
