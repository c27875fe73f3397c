/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials of whole messages (protocol.md 5): the octets they cover, and their place behind
 * the body. */
#include "proto/sec/inner.h"
#include "proto/sec/mac.h"
#include "proto/sec/sign.h"

enum {
	CREDENTIAL_MAX = HLV_SIGNATURE_MAX + 128, /* with its length */
	MAC_KEY_MAX = 64,
	NO_CREDENTIAL = 4, /* octets of the length 0 */
};

/* The message that ends at the writer's end, without its empty credential. */
static enum hlv_err unsigned_message(const struct hlv_writer *w, size_t at,
				     struct hlv_envelope *env, struct hlv_bytes *covered)
{
	size_t least = HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE + NO_CREDENTIAL;
	if (w->bad || at > w->n || w->n - at < least)
		return HLV_E_USAGE;
	struct hlv_reader r = hlv_reader(hlv_bytes(w->p + at, w->n - at));
	HLV_TRY(hlv_envelope_decode(&r, env));
	*covered = hlv_take(&r, hlv_left(&r) - NO_CREDENTIAL);
	return hlv_get_u32(&r) == 0 ? HLV_OK : HLV_E_USAGE;
}

/* Put the credential in place of the empty one. On failure the message stays as it was: it may
 * still be sent without. */
static enum hlv_err attach(struct hlv_writer *w, size_t at, const struct hlv_credential *c)
{
	uint8_t buf[CREDENTIAL_MAX];
	struct hlv_writer cw = hlv_writer(buf, sizeof buf);
	hlv_credential_encode(&cw, c);
	size_t start = w->n - NO_CREDENTIAL;
	if (cw.bad || cw.n > w->cap - start)
		return HLV_E_LIMIT;
	size_t length = start + cw.n - at - HLV_ENVELOPE_SIZE;
	if (length > HLV_MESSAGE_MAX)
		return HLV_E_LIMIT;
	w->n = start;
	hlv_put(w, hlv_written(&cw));
	hlv_fill_u32(w, at + HLV_ENVELOPE_SIZE - 4, (uint32_t)length);
	return HLV_OK;
}

enum hlv_err hlv_message_sign(struct hlv_writer *w, size_t at, const struct hlv_key *key,
			      uint32_t counter)
{
	struct hlv_envelope env;
	struct hlv_bytes spans[2];
	uint8_t prefix[HLV_COVERED_PREFIX_MAX], signature[HLV_SIGNATURE_MAX];
	struct hlv_writer sw = hlv_writer(signature, sizeof signature);
	HLV_TRY(unsigned_message(w, at, &env, &spans[1]));
	spans[0] = hlv_bytes(prefix, hlv_covered_prefix(&env, counter, prefix));
	struct hlv_bytes algorithm =
		hlv_text(hlv_signature_algorithm(key, hlv_version(env.major, env.minor)));
	HLV_TRY(hlv_sign(key, algorithm, (struct hlv_bytes){0}, spans, 2, &sw));
	struct hlv_credential c = {
		.counter = counter,
		.type = hlv_text("HS_SIGNED"),
		.algorithm = algorithm,
		.octets = hlv_written(&sw),
	};
	return attach(w, at, &c);
}

enum hlv_err hlv_message_verify(const struct hlv_message *m, const struct hlv_key *key)
{
	struct hlv_credential c;
	uint8_t prefix[HLV_COVERED_PREFIX_MAX];
	if (m->credential.n == 0)
		return HLV_E_NOT_FOUND;
	HLV_TRY(hlv_credential_decode(m->credential, &c));
	if (!hlv_eq(c.type, hlv_text("HS_SIGNED")) && !hlv_eq(c.type, hlv_text("HS_DSAPUBKEY")))
		return HLV_E_UNSUPPORTED;
	struct hlv_bytes spans[] = {
		hlv_bytes(prefix, hlv_covered_prefix(&m->env, c.counter, prefix)),
		m->covered,
	};
	return hlv_verify(key, c.algorithm, (struct hlv_bytes){0}, spans, 2, c.octets);
}

/* --- session MACs --- */

/* 2.5 and 2.6: the reference writes key, versions, ids, header and body over one another into
 * an array that is larger than all of them. These are the spans that are left of it. */
static enum hlv_err mac_2_5(const struct hlv_envelope *env, struct hlv_bytes covered,
			    struct hlv_bytes key, struct hlv_mac *mac)
{
	static const uint8_t zeros[MAC_KEY_MAX + 10];
	uint8_t head[MAC_KEY_MAX + 6] = {0};
	memcpy(head, key.p, key.n);
	head[key.n] = env->major;
	head[key.n + 1] = env->minor;
	hlv_store_u32(head + key.n + 2, env->session_id);
	struct hlv_bytes spans[] = {
		hlv_bytes(head, 4),
		covered,
		key,
		hlv_bytes(zeros, key.n + 10),
	};
	mac->n = hlv_hash_size(HLV_SHA1);
	return hlv_hash_spans(HLV_SHA1, spans, sizeof spans / sizeof spans[0], mac->octets);
}

/* protocol.md 5.3: the version alone decides. */
static enum hlv_err mac_of(const struct hlv_envelope *env, uint32_t counter,
			   struct hlv_bytes covered, struct hlv_bytes key, struct hlv_mac *mac)
{
	int version = hlv_version(env->major, env->minor);
	if (key.n == 0 || key.n > MAC_KEY_MAX)
		return HLV_E_KEY;
	if (version == HLV_V(2, 5) || version == HLV_V(2, 6))
		return mac_2_5(env, covered, key, mac);
	if (version < HLV_V(2, 5))
		return hlv_mac(HLV_MAC_SHA1, key, &covered, 1, mac);
	uint8_t prefix[HLV_COVERED_PREFIX_MAX];
	struct hlv_bytes spans[] = {
		hlv_bytes(prefix, hlv_covered_prefix(env, counter, prefix)),
		covered,
	};
	return hlv_mac(HLV_MAC_HMAC_SHA256, key, spans, 2, mac);
}

enum hlv_err hlv_message_mac(struct hlv_writer *w, size_t at, struct hlv_bytes session_key,
			     uint32_t counter)
{
	struct hlv_envelope env;
	struct hlv_bytes covered;
	struct hlv_mac mac;
	HLV_TRY(unsigned_message(w, at, &env, &covered));
	HLV_TRY(mac_of(&env, counter, covered, session_key, &mac));
	int version = hlv_version(env.major, env.minor);
	const char *algorithm = "HMAC-SHA256";
	if (version < HLV_V(2, 7))
		algorithm = version == HLV_V(2, 6) ? "SHA1" : "\2";
	struct hlv_credential c = {
		.counter = counter,
		.type = hlv_text("HS_MAC"),
		.algorithm = hlv_text(algorithm),
		.octets = hlv_bytes(mac.octets, mac.n),
	};
	return attach(w, at, &c);
}

enum hlv_err hlv_message_verify_mac(const struct hlv_message *m, struct hlv_bytes session_key)
{
	struct hlv_credential c;
	enum hlv_mac_kind kind;
	struct hlv_mac mac;
	if (m->credential.n == 0)
		return HLV_E_NOT_FOUND;
	HLV_TRY(hlv_credential_decode(m->credential, &c));
	if (!hlv_eq(c.type, hlv_text("HS_MAC")))
		return HLV_E_UNSUPPORTED;
	HLV_TRY(hlv_mac_parse(c.algorithm, &kind));
	/* The peer's word for the algorithm may not pull a new version down to an old form. */
	bool old = hlv_version(m->env.major, m->env.minor) < HLV_V(2, 7);
	if (kind != (old ? HLV_MAC_SHA1 : HLV_MAC_HMAC_SHA256))
		return HLV_E_UNSUPPORTED;
	HLV_TRY(mac_of(&m->env, c.counter, m->covered, session_key, &mac));
	return hlv_mac_is(&mac, c.octets) ? HLV_OK : HLV_E_SIGNATURE;
}
