/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom somebody says by HTTP that he is (protocol.md 15.4): put into the forms of the native proofs
 * (8.1, 8.2), so that the same code checks both, here or at the node that has the key.
 */
#include "proto/sec/mac.h"
#include "server/authn_inner.h"

enum {
	CODE_PBKDF2 = 0x22,
	PROOF_FIXED = 64, /* codes, lengths, names of digests */
};

/* "SHA-256", "Sha256" ...: without punctuation, for comparing. */
static size_t plain_name(struct hlv_bytes name, char out[24])
{
	size_t n = 0;
	for (size_t i = 0; i < name.n && n < 23; i++)
		if (name.p[i] != '-' && name.p[i] != '_')
			out[n++] = (char)hlv_upper(name.p[i]);
	out[n] = 0;
	return n;
}

/* HS_SECKEY, 8.1: a code, then the digest. */
static bool put_secret_proof(struct hlv_writer *w, const struct hlv_claim *c)
{
	static const struct {
		const char *name;
		uint8_t code;
	} forms[] = {{"MD5", HLV_MAC_MD5},
		     {"SHA1", HLV_MAC_SHA1},
		     {"SHA256", HLV_MAC_SHA256},
		     {"HMACSHA1", HLV_MAC_HMAC_SHA1},
		     {"HMACSHA256", HLV_MAC_HMAC_SHA256}};
	char name[24];
	plain_name(c->algorithm, name);
	if (strcmp(name, "PBKDF2HMACSHA1") == 0) {
		hlv_put_u8(w, CODE_PBKDF2);
		hlv_put_lp32(w, c->salt);
		hlv_put_u32(w, c->iterations);
		hlv_put_u32(w, c->length);
		hlv_put_lp32(w, c->proof);
		return true;
	}
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (strcmp(name, forms[i].name) != 0)
			continue;
		hlv_put_u8(w, forms[i].code);
		hlv_put(w, c->proof);
		return true;
	}
	return false;
}

/* HS_PUBKEY, 8.2: the digest's name, then the signature. */
static void put_public_proof(struct hlv_writer *w, const struct hlv_claim *c)
{
	char name[24];
	plain_name(c->algorithm, name);
	hlv_put_lp32(w, strcmp(name, "SHA256") == 0 ? hlv_text("SHA-256")
			: strcmp(name, "SHA1") == 0 ? hlv_text("SHA1")
						    : c->algorithm);
	hlv_put_lp32(w, c->proof);
}

/* The kind of digest that an answer of this length would belong to, if it went to another node. */
static uint8_t digest_kind(size_t n)
{
	return n == 16 ? 1 : n == 20 ? 2 : n == 32 ? 3 : 0;
}

static enum authn_verdict open_signed(struct job *j, const struct hlv_claim *c)
{
	struct hlv_arena *a = &j->x->arena;
	size_t room = PROOF_FIXED + c->algorithm.n + c->proof.n + c->salt.n;
	uint8_t *p = hlv_alloc_raw(a, room);
	struct hlv_writer w = hlv_writer(p, p ? room : 0);
	bool secret = hlv_eq(c->type, hlv_text("HS_SECKEY"));
	if (!secret)
		put_public_proof(&w, c);
	else if (!put_secret_proof(&w, c))
		return authn_refuse(j, HLV_RC_INVALID_CREDENTIAL, "Unknown algorithm");
	if (w.bad)
		return authn_refuse(j, HLV_RC_ERROR, "Out of memory");
	j->proof = (struct proof){.kind = c->type,
				  .who = c->who,
				  .nonce = c->nonce,
				  .digest = c->cnonce,
				  .octets = hlv_written(&w),
				  .digest_kind = digest_kind(c->cnonce.n)};
	return AUTHN_GO;
}

/* The secret itself: what its owner would answer to a challenge of ours. So it is compared in constant
 * time, and does not travel to the node that knows it. */
static enum authn_verdict open_secret(struct job *j, const struct hlv_claim *c)
{
	enum { NONCE = 16, DIGEST = 32 };
	uint8_t *p = hlv_alloc_raw(&j->x->arena, NONCE + DIGEST + 1 + HLV_HASH_MAX);
	if (!p || !authn_random(p, NONCE + DIGEST))
		return authn_refuse(j, HLV_RC_ERROR, "No challenge could be made");
	struct hlv_bytes spans[] = {hlv_bytes(p, NONCE), hlv_bytes(p + NONCE, DIGEST)};
	struct hlv_writer w = hlv_writer(p + NONCE + DIGEST, 1 + HLV_HASH_MAX);
	struct hlv_mac mac = {.n = HLV_HASH_MAX};
	/* An empty secret is nobody's: an answer that fits none. */
	if (c->secret.n && hlv_mac(HLV_MAC_HMAC_SHA256, c->secret, spans, 2, &mac) != HLV_OK)
		return authn_refuse(j, HLV_RC_ERROR, "No challenge could be made");
	hlv_put_u8(&w, HLV_MAC_HMAC_SHA256);
	hlv_put(&w, hlv_bytes(mac.octets, mac.n));
	j->proof = (struct proof){.kind = hlv_text("HS_SECKEY"),
				  .who = c->who,
				  .nonce = spans[0],
				  .digest = spans[1],
				  .octets = hlv_written(&w),
				  .digest_kind = digest_kind(DIGEST)};
	return AUTHN_GO;
}

enum authn_verdict authn_open_claim(struct authn *a, struct job *j,
				    const struct registry_view *in)
{
	const struct hlv_claim *c = j->x->peer.claim;
	enum authn_verdict verdict = AUTHN_GO;
	const char *over;
	j->who = (struct principal){ACTOR_CHALLENGE, c->who};
	j->unproven = true;
	switch (c->kind) {
	case HLV_CLAIM_PROVEN:
		j->who.how = ACTOR_SESSION;
		j->proven = c->proven;
		j->unproven = false;
		over = authn_proof_over(a, j, in, &c->who, &c->proven);
		if (over)
			verdict = authn_refuse(j, HLV_RC_AUTHENTICATION_FAILED, over);
		break;
	case HLV_CLAIM_CERT:
		j->who.how = ACTOR_CERT;
		j->proof = (struct proof){.kind = hlv_text("HS_PUBKEY"), .who = c->who};
		break;
	case HLV_CLAIM_SECRET:
		verdict = open_secret(j, c);
		break;
	case HLV_CLAIM_SIGNED:
		verdict = open_signed(j, c);
		break;
	}
	return verdict;
}
