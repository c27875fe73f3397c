/* SPDX-License-Identifier: Apache-2.0
 *
 * What somebody was given for a proof (a token, a session, a connection's login) ends with the key that
 * proved it. A proof is remembered by a digest of the value that proved it, its index and its time
 * included: so a key that was changed and changed back is another one, since each change stamps it. The
 * digest is keyed, since tokens travel and a secret could be guessed from a bare one; and the key is
 * this process's, as everything that such a proof is kept in.
 */
#include "proto/sec/mac.h"
#include "server/authn_inner.h"
#include "server/identity.h"

enum {
	BY_SECRET = 1, /* HS_SECKEY, else HS_PUBKEY */
	ELSEWHERE = 2, /* another node has the key: there is no digest */
	LEGACY = 4,    /* only allow-legacy let it pass */
	/* The value of another node's key is not looked at again, and a secret could not be: so its
	 * proof counts for an hour. */
	ELSEWHERE_LIFE_S = 3600,
};
static const uint64_t SECOND_NS = 1000000000U;

static bool digest_of(const struct authn *a, const struct hlv_value *v,
		      uint8_t out[HLV_PROVEN_DIGEST])
{
	uint8_t head[8];
	struct hlv_mac mac;
	hlv_store_u32(head, v->index);
	hlv_store_u32(head + 4, v->mtime_s);
	struct hlv_bytes spans[] = {hlv_text("proven"), hlv_bytes(head, sizeof head), v->data};
	if (hlv_mac(HLV_MAC_HMAC_SHA256, hlv_bytes(a->proven_key, sizeof a->proven_key), spans,
		    3, &mac) != HLV_OK)
		return false;
	memcpy(out, mac.octets, HLV_PROVEN_DIGEST);
	return true;
}

bool authn_note_proven(const struct authn *a, struct job *j, const struct hlv_value *by,
		       bool legacy)
{
	bool secret = hlv_eq(j->proof.kind, hlv_text("HS_SECKEY"));
	j->proven = (struct hlv_proven){.at_s = j->x->now.mono_ns / SECOND_NS};
	j->proven.flags = (uint8_t)((secret ? BY_SECRET : 0) | (by ? 0 : ELSEWHERE) |
				    (legacy ? LEGACY : 0));
	return !by || digest_of(a, by, j->proven.digest);
}

const char *authn_proof_over(const struct authn *a, const struct job *j,
			     const struct registry_view *in, const struct hlv_ref *who,
			     const struct hlv_proven *p)
{
	static const char gone[] = "This login is over: its key was removed or changed";
	struct identity id;
	uint8_t digest[HLV_PROVEN_DIGEST];
	if (p->flags & LEGACY && !a->rules->allow_legacy)
		return "This login is over: it was proven by what is switched off here now";
	if (identity_find(in->store, in->view, who,
			  p->flags & BY_SECRET ? "HS_SECKEY" : "HS_PUBKEY", &id) != HLV_OK)
		return "The registry cannot read this identity";
	if (p->flags & ELSEWHERE) {
		uint64_t age_s = j->x->now.mono_ns / SECOND_NS - p->at_s;
		if (id.here)
			return gone;
		return age_s < ELSEWHERE_LIFE_S
			       ? NULL
			       : "This login is over: another node has its key, and an hour "
				 "has passed";
	}
	for (size_t i = 0; i < id.n; i++)
		if (digest_of(a, &id.keys[i], digest) &&
		    memcmp(digest, p->digest, sizeof digest) == 0)
			return NULL;
	return gone;
}
