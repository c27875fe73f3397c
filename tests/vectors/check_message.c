/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/vectors/check.h"

/* Identifiers stand in the vectors as hex, as text, or both. */
static bool check_id(const struct vector *v, struct hlv_bytes got, const cJSON *body,
		     const char *name)
{
	char hex[64];
	snprintf(hex, sizeof(hex), "%s_hex", name);
	if (js_has(body, hex))
		return vector_bytes(v, hex, got, js_hex(v, body, hex));
	return vector_bytes(v, name, got, js_text(body, name));
}

static bool check_indexes(const struct vector *v, const struct hlv_list *list,
			  const cJSON *want)
{
	if (!vector_u64(v, "indexes", list->n, (uint64_t)cJSON_GetArraySize(want)))
		return false;
	struct hlv_reader r = hlv_reader(list->raw);
	const cJSON *item;
	cJSON_ArrayForEach (item, want) {
		if (!vector_u64(v, "index", hlv_next_index(&r), (uint32_t)js_u64(item, "")))
			return false;
	}
	return vector_bool(v, "indexes read to the end", hlv_finished(&r), true);
}

static bool check_texts(const struct vector *v, const char *what, const struct hlv_list *list,
			const cJSON *want)
{
	if (!vector_u64(v, what, list->n, (uint64_t)cJSON_GetArraySize(want)))
		return false;
	struct hlv_reader r = hlv_reader(list->raw);
	const cJSON *item;
	cJSON_ArrayForEach (item, want) {
		if (!vector_bytes(v, what, hlv_next_array(&r), js_text(item, "")))
			return false;
	}
	return vector_bool(v, "list read to the end", hlv_finished(&r), true);
}

static bool check_setup(const struct vector *v, const struct hlv_request *rq, const cJSON *body)
{
	if (js_has(body, "public_key") &&
	    !vector_bytes(v, "public key", rq->setup.key, js_hex(v, body, "public_key")))
		return false;
	if (js_has(body, "exchange_key_handle") &&
	    (!check_id(v, rq->setup.key_at.handle, body, "exchange_key_handle") ||
	     !vector_u64(v, "key's index", rq->setup.key_at.index,
			 (uint32_t)js_u64(body, "exchange_key_index"))))
		return false;
	return vector_u64(v, "mode", rq->setup.mode, js_u64(body, "key_exchange_mode")) &&
	       vector_u64(v, "timeout", rq->setup.timeout_s, js_u64(body, "timeout")) &&
	       check_id(v, rq->setup.who.handle, body, "identity_handle") &&
	       vector_u64(v, "identity's index", rq->setup.who.index,
			  (uint32_t)js_u64(body, "identity_index"));
}

static bool check_pull(const struct vector *v, const struct hlv_request *rq, const cJSON *body)
{
	return vector_bool(v, "all sources", rq->pull.all_sources,
			   js_has(body, "replication_state_json")) &&
	       vector_bytes(v, "state", rq->pull.state,
			    js_text(body, "replication_state_json")) &&
	       vector_u64(v, "last id", rq->pull.last_txn, js_u64(body, "last_txn_id")) &&
	       vector_u64(v, "last query", rq->pull.last_query_ms,
			  js_u64(body, "last_query_date_ms")) &&
	       vector_bool(v, "resumes", rq->pull.resume, js_has(body, "starting_point")) &&
	       vector_bytes(v, "start", rq->pull.start, js_text(body, "starting_point")) &&
	       vector_u64(v, "start's kind", rq->pull.start_kind,
			  js_u64(body, "starting_point_type")) &&
	       vector_u64(v, "hash option", rq->pull.hash_option, js_u64(body, "hash_type")) &&
	       vector_u64(v, "servers", rq->pull.servers, js_u64(body, "num_servers")) &&
	       vector_u64(v, "own number", rq->pull.own, js_u64(body, "server_num"));
}

static bool check_answer(const struct vector *v, const struct hlv_request *rq,
			 const cJSON *body)
{
	return vector_bytes(v, "kind", rq->auth.kind, js_text(body, "auth_type")) &&
	       check_id(v, rq->auth.who.handle, body, "user_id_handle") &&
	       vector_u64(v, "identity's index", rq->auth.who.index,
			  (uint32_t)js_u64(body, "user_id_index")) &&
	       vector_bytes(v, "proof", rq->auth.proof, js_hex(v, body, "signed_response"));
}

static bool check_verify(const struct vector *v, const struct hlv_request *rq,
			 const cJSON *body)
{
	return check_id(v, rq->auth.who.handle, body, "handle") &&
	       vector_u64(v, "index", rq->auth.who.index, (uint32_t)js_u64(body, "index")) &&
	       vector_bytes(v, "nonce", rq->auth.nonce, js_hex(v, body, "nonce")) &&
	       vector_bytes(v, "digest", rq->auth.digest.octets,
			    js_hex(v, body, "orig_request_digest")) &&
	       vector_bytes(v, "proof", rq->auth.proof, js_hex(v, body, "signed_response"));
}

static bool check_request_body(const struct vector *v, const struct hlv_request *rq,
			       const cJSON *body)
{
	switch (rq->m.hdr.op) {
	case HLV_OP_RESOLUTION:
		return check_id(v, rq->handle, body, "handle") &&
		       check_indexes(v, &rq->indexes, js_get(body, "indexes")) &&
		       check_texts(v, "types", &rq->types, js_get(body, "types"));
	case HLV_OP_CREATE_HANDLE:
	case HLV_OP_ADD_VALUE:
	case HLV_OP_MODIFY_VALUE:
		return check_id(v, rq->handle, body, "handle") &&
		       check_values(v, &rq->values, js_get(body, "values"));
	case HLV_OP_REMOVE_VALUE:
		return check_id(v, rq->handle, body, "handle") &&
		       check_indexes(v, &rq->indexes, js_get(body, "indexes"));
	case HLV_OP_RESPONSE_TO_CHALLENGE:
		return check_answer(v, rq, body);
	case HLV_OP_VERIFY_CHALLENGE:
		return check_verify(v, rq, body);
	case HLV_OP_SESSION_SETUP:
		return check_setup(v, rq, body);
	case HLV_OP_SESSION_EXCHANGEKEY:
		return vector_bytes(v, "key", rq->setup.key,
				    js_hex(v, body, "encrypted_session_key"));
	case HLV_OP_RETRIEVE_TXN_LOG:
	case HLV_OP_DUMP_HANDLES:
		return check_pull(v, rq, body);
	}
	return check_id(v, rq->handle, body, "handle");
}

static bool check_response_body(const struct vector *v, const struct hlv_response *rs,
				const cJSON *body)
{
	switch (rs->kind) {
	case HLV_BODY_ERROR:
		return check_id(v, rs->text, body, "message");
	case HLV_BODY_EMPTY:
		return vector_u64(v, "fields of an empty body",
				  (uint64_t)cJSON_GetArraySize(body), 0);
	case HLV_BODY_RECORD:
		return check_id(v, rs->handle, body, "handle") &&
		       check_values(v, &rs->values, js_get(body, "values"));
	case HLV_BODY_HANDLE:
		return vector_bool(v, "has a handle", rs->has_handle, js_has(body, "handle")) &&
		       check_id(v, rs->handle, body, "handle");
	case HLV_BODY_SITE:
		return check_site(v, rs->octets, js_get(body, "site"));
	case HLV_BODY_HANDLES:
		return check_texts(v, "handles", &rs->handles, js_get(body, "handles"));
	case HLV_BODY_SETUP:
		return vector_u64(v, "mode", rs->mode, js_u64(body, "key_exchange_mode")) &&
		       vector_bytes(v, "data", rs->octets, js_hex(v, body, "data"));
	case HLV_BODY_VERDICT:
		return !js_has(body, "is_valid") ||
		       vector_bool(v, "verdict", rs->verdict, js_bool(body, "is_valid"));
	case HLV_BODY_NEXT_TXN:
		return vector_u64(v, "number", rs->number, js_u64(body, "next_txn_id"));
	case HLV_BODY_REFERRAL:
		return check_id(v, rs->handle, body, "referral_handle") &&
		       check_values(v, &rs->values, js_get(body, "values"));
	case HLV_BODY_CHALLENGE:
		return vector_bytes(v, "nonce", rs->octets, js_hex(v, body, "nonce"));
	case HLV_BODY_OCTETS:
		break; /* our own: no reference has recorded it */
	}
	return vector_differs(v, "a kind of body without a name");
}

static bool check_credential(const struct vector *v, struct hlv_bytes octets, const cJSON *want)
{
	if (!cJSON_IsObject(want))
		return vector_u64(v, "credential's octets", octets.n, 0);
	struct hlv_credential c;
	enum hlv_err err = hlv_credential_decode(octets, &c);
	if (err != HLV_OK)
		return vector_differs(v, "credential: %s", hlv_strerror(err));
	struct hlv_writer w = message_writer(v);
	hlv_credential_encode(&w, &c);
	return vector_u64(v, "credential's version", c.version, js_u64(want, "version")) &&
	       vector_u64(v, "reserved", c.reserved, js_u64(want, "reserved")) &&
	       vector_u64(v, "options", c.options, js_u64(want, "options")) &&
	       check_id(v, c.signer, want, "signer_handle") &&
	       vector_u64(v, "counter", c.counter, js_u64(want, "session_counter")) &&
	       vector_bytes(v, "credential's type", c.type, js_text(want, "type")) &&
	       vector_u64(v, "section", c.section_len, js_u64(want, "signed_info_length")) &&
	       vector_bytes(v, "algorithm", c.algorithm,
			    js_hex(v, want, "digest_algorithm_hex")) &&
	       vector_bytes(v, "signature", c.octets, js_hex(v, want, "signature")) &&
	       vector_bytes(v, "encoded credential", hlv_skip(hlv_written(&w), 4), octets);
}

/* Encoders write "no credential"; compare up to it, then length and credential as they were. */
static bool check_encoded(const struct vector *v, struct hlv_writer *w,
			  const struct hlv_message *m, struct hlv_bytes whole)
{
	struct hlv_bytes got = hlv_skip(hlv_written(w), HLV_ENVELOPE_SIZE);
	struct hlv_bytes want = hlv_skip(whole, HLV_ENVELOPE_SIZE);
	if (m->credential.n == 0)
		return check_written(v, "encoded message", w, whole);
	return vector_bytes(v, "encoded header and body", hlv_head(got, m->covered.n),
			    hlv_head(want, m->covered.n));
}

static bool check_request(const struct vector *v, const struct hlv_message *m,
			  struct hlv_bytes whole, const cJSON *want)
{
	struct hlv_request rq;
	enum hlv_err err = hlv_request_decode(m, &rq);
	if (err != HLV_OK)
		return vector_differs(v, "request: %s", hlv_strerror(err));
	if (js_has(want, "body") && !check_request_body(v, &rq, js_get(want, "body")))
		return false;
	struct hlv_writer w = message_writer(v);
	hlv_request_encode(&w, &rq);
	return check_encoded(v, &w, m, whole);
}

static bool check_response(const struct vector *v, const struct hlv_message *m,
			   struct hlv_bytes whole, const cJSON *want)
{
	struct hlv_response rs;
	enum hlv_err err = hlv_response_decode(m, &rs);
	if (err != HLV_OK)
		return vector_differs(v, "response: %s", hlv_strerror(err));
	const cJSON *digest = js_get(want, "request_digest");
	if (want &&
	    (!vector_bool(v, "has a digest", rs.has_digest, digest != NULL) ||
	     !vector_u64(v, "digest's kind", rs.digest.kind, js_u64(digest, "hash_type")) ||
	     !vector_bytes(v, "digest", rs.digest.octets, js_hex(v, digest, "digest"))))
		return false;
	if (js_has(want, "body") && !check_response_body(v, &rs, js_get(want, "body")))
		return false;
	struct hlv_writer w = message_writer(v);
	hlv_response_encode(&w, &m->env, &m->hdr, &rs);
	return check_encoded(v, &w, m, whole);
}

bool check_message(const struct vector *v, struct hlv_bytes whole, const cJSON *want)
{
	struct hlv_message m;
	enum hlv_err err = hlv_message_decode(whole, &m);
	if (err != HLV_OK)
		return vector_differs(v, "message: %s", hlv_strerror(err));
	if (js_has(want, "envelope") && !check_envelope(v, &m.env, js_get(want, "envelope")))
		return false;
	if (!check_header(v, &m.hdr, want))
		return false;
	if (want && !check_credential(v, m.credential, js_get(want, "credential")))
		return false;
	return m.hdr.rc ? check_response(v, &m, whole, want)
			: check_request(v, &m, whole, want);
}

struct hlv_bytes with_envelope(const struct vector *v, struct hlv_bytes bare,
			       const char *version)
{
	int number = parse_version(version);
	struct hlv_envelope env = {
		.major = (uint8_t)(number / 256),
		.minor = (uint8_t)(number % 256),
		.suggest_major = 2,
		.suggest_minor = 11,
		.request_id = 1,
		.length = (uint32_t)bare.n,
	};
	struct hlv_writer w = message_writer(v);
	hlv_envelope_encode(&w, &env);
	hlv_put(&w, bare);
	return hlv_written(&w);
}

bool check_bare_message(const struct vector *v, struct hlv_bytes bare, const char *version,
			const cJSON *want)
{
	return check_message(v, with_envelope(v, bare, version), want);
}
