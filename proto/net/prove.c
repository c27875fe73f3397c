/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/prove.h"

#include <sys/random.h>

#include "proto/net/file.h"
#include "proto/sec/digest.h"

enum {
	NONCE_MIN = 16,
	NONCE_MAX = 64,
	ITERATIONS = 10000, /* as the reference's clients */
	KEY_FILE_MAX = 16384,
	SECRET_MAX = 4096,
	WHY = 256,
};

static enum hlv_err proof(const struct hlv_prove_identity *id, const struct hlv_message *m,
			  const struct hlv_response *challenge, struct hlv_writer *w)
{
	uint8_t salt[16];
	int version = hlv_version(m->env.major, m->env.minor);
	int suggested = hlv_envelope_suggested(&m->env);
	version = suggested < version ? suggested : version;
	if (id->key)
		return hlv_answer_public(id->key, challenge->octets, challenge->digest.octets,
					 id->who.handle, version, w);
	if (id->secret.n == 0)
		return HLV_E_KEY;
	if (getrandom(salt, sizeof salt, 0) != (ssize_t)sizeof salt)
		return HLV_E_IO;
	return hlv_answer_secret(hlv_buf_bytes(&id->secret), challenge->octets,
				 challenge->digest.octets, version, salt, ITERATIONS, w);
}

enum hlv_err hlv_prove_answer(const struct hlv_prove_identity *id,
			      const struct hlv_message *sent, const struct hlv_message *m,
			      const struct hlv_response *challenge, uint32_t request_id,
			      struct hlv_writer *w)
{
	uint8_t octets[HLV_SIGNATURE_MAX + 256];
	struct hlv_writer signed_by_us = hlv_writer(octets, sizeof octets);
	if (challenge->octets.n < NONCE_MIN || challenge->octets.n > NONCE_MAX)
		return HLV_E_MALFORMED;
	if (!challenge->has_digest || challenge->digest.kind != HLV_DIGEST_SHA256 ||
	    !hlv_request_digest_fits(sent->covered, &challenge->digest))
		return HLV_E_SIGNATURE;
	HLV_TRY(proof(id, m, challenge, &signed_by_us));
	const struct hlv_envelope *env = &m->env;
	if (hlv_version(sent->env.major, sent->env.minor) < hlv_version(env->major, env->minor))
		env = &sent->env;
	struct hlv_request rq = {
		.m.env = {.major = env->major,
			  .minor = env->minor,
			  .suggest_major = 2,
			  .suggest_minor = 11,
			  .session_id = m->env.session_id,
			  .request_id = request_id},
		.m.hdr = {.op = HLV_OP_RESPONSE_TO_CHALLENGE,
			  .flags = HLV_F_RECURSE | HLV_F_REQUEST_DIGEST | HLV_F_KEEP_ALIVE,
			  .site_serial = UINT16_MAX,
			  .expiration_s = m->hdr.expiration_s},
		.auth = {.kind = hlv_text(id->key ? "HS_PUBKEY" : "HS_SECKEY"),
			 .who = id->who,
			 .proof = hlv_written(&signed_by_us)},
	};
	hlv_request_encode(w, &rq);
	return w->bad || signed_by_us.bad ? HLV_E_LIMIT : HLV_OK;
}

static enum hlv_err decode_file(struct hlv_bytes file, struct hlv_key **key)
{
	*key = NULL;
	uint8_t plain[KEY_FILE_MAX];
	struct hlv_writer w = hlv_writer(plain, sizeof plain);
	if (hlv_starts_with(file, hlv_text("-----BEGIN")))
		return hlv_privkey_decode(file, key);
	if (file.n < 8)
		return HLV_E_KEY;
	if (hlv_keyfile_needs_passphrase(file))
		return HLV_E_PASSPHRASE;
	enum hlv_err err = hlv_keyfile_open(file, (struct hlv_bytes){0}, &w);
	if (err == HLV_OK)
		err = hlv_privkey_decode(hlv_written(&w), key);
	explicit_bzero(plain, sizeof plain);
	return err;
}

static void wipe(struct hlv_buf *buf)
{
	if (buf->p)
		explicit_bzero(buf->p, buf->cap);
	hlv_buf_free(buf);
}

void hlv_prove_forget(struct hlv_prove_identity *id)
{
	hlv_key_free(id->key);
	id->key = NULL;
	wipe(&id->secret);
}

enum hlv_err hlv_prove_read_key(struct hlv_prove_identity *id, const char *path, char *why)
{
	struct hlv_buf file = {0};
	enum hlv_err err = hlv_file_read_secret(path, KEY_FILE_MAX, &file, why);
	if (err != HLV_OK)
		return err;
	hlv_prove_forget(id);
	err = decode_file(hlv_buf_bytes(&file), &id->key);
	if (err == HLV_OK && !hlv_key_is_private(id->key))
		err = HLV_E_KEY;
	if (err == HLV_E_PASSPHRASE)
		snprintf(why, WHY,
			 "%.180s: sealed with a passphrase: helvectl key convert opens it",
			 path);
	else if (err != HLV_OK)
		snprintf(why, WHY, "%.180s: no private key that we know", path);
	if (err != HLV_OK)
		hlv_prove_forget(id);
	wipe(&file);
	return err;
}

enum hlv_err hlv_prove_read_secret(struct hlv_prove_identity *id, const char *path, char *why)
{
	hlv_prove_forget(id);
	HLV_TRY(hlv_file_read_secret(path, SECRET_MAX, &id->secret, why));
	const char *end = id->secret.n ? memchr(id->secret.p, '\n', id->secret.n) : NULL;
	if (end)
		id->secret.n = (size_t)(end - id->secret.p);
	while (id->secret.n > 0 && id->secret.p[id->secret.n - 1] == '\r')
		id->secret.n--;
	if (id->secret.n > 0)
		return HLV_OK;
	snprintf(why, WHY, "%.200s: its first line is empty", path);
	return HLV_E_KEY;
}
