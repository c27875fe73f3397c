/* SPDX-License-Identifier: Apache-2.0
 *
 * Every way in which an answer may be signed or not, against every way in which
 * it may have to be.
 */
#include "resolver/validate.h"

#include "proto/sec/digest.h"
#include "proto/sec/sign.h"
#include "tests/unit/unit.h"

enum { ROOM = 8192, NOW_S = 1760000000, LIFE_S = 600 };
static const struct hlv_now now = {.wall_ms = NOW_S * 1000ULL};

enum who { NOBODY, SERVER, OTHER, ROOT, ROOT2, ISLAND, ED, SM2, RSA, WEAK, KEYS };
static struct hlv_key *keys[KEYS];
static uint8_t encoded[KEYS][ANCHOR_KEY_MAX];
static size_t encoded_n[KEYS];

static void make_weak(void)
{
	struct hlv_writer w = hlv_writer(encoded[WEAK], sizeof encoded[WEAK]);
	uint8_t n[129] = {0};
	memset(n + 1, 0xC5, sizeof n - 1);
	hlv_put_lp32(&w, hlv_text("RSA_PUB_KEY"));
	hlv_put_u16(&w, 0);
	hlv_put_lp32(&w, hlv_bytes("\1\0\1", 3));
	hlv_put_lp32(&w, hlv_bytes(n, sizeof n));
	hlv_put_lp32(&w, (struct hlv_bytes){0});
	encoded_n[WEAK] = w.n;
}

static int make_keys(void **state)
{
	(void)state;
	for (int i = SERVER; i < WEAK; i++) {
		enum hlv_key_kind kind = i == ED    ? HLV_KEY_ED25519
					 : i == SM2 ? HLV_KEY_SM2
					 : i == RSA ? HLV_KEY_RSA
						    : HLV_KEY_P256;
		struct hlv_writer w = hlv_writer(encoded[i], sizeof encoded[i]);
		check_err("key", hlv_key_generate(kind, &keys[i]), HLV_OK);
		check_err("key", hlv_pubkey_encode(&w, keys[i]), HLV_OK);
		encoded_n[i] = w.n;
	}
	make_weak();
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	for (int i = 0; i < KEYS; i++)
		hlv_key_free(keys[i]);
	return 0;
}

static struct hlv_bytes key_data(enum who who)
{
	return hlv_bytes(encoded[who], encoded_n[who]);
}

/* --- one answer --- */

enum spoil {
	AS_IT_IS,
	CHANGED, /* one octet of the body, after it was signed */
	CUT,	 /* the signature's last octet */
	NO_DIGEST,
	OTHER_DIGEST, /* of another request */
	SHA1_DIGEST,
	EXPIRED,
	LAST_SECOND,
	OLD_SIGNATURE, /* SHA-1 */
	UNKNOWN_SIGNATURE,
	MAC, /* a session's: not a proof to a third party */
};

struct row {
	const char *name;
	enum spoil spoil;
	uint32_t rc; /* 0: success */
	enum who by; /* whose key has signed */
	bool root;   /* the root is asked */
	enum proof vouched;
	enum who key;	     /* what the parent says */
	const char *id;	     /* NULL: 88.118/x */
	const char *zone;    /* NULL: 88.118 */
	const char *anchors; /* "R": root, "2": a second root key, "I": 88.118; "r",
                          "i": revoked, "p": pending */
	const char *must;    /* prefix; NULL: none */
	const char *signer;
	int budget; /* signatures; 0: 16 */
	enum proof want;
	const char *why; /* part of the line */
	const char *must_by;
};

static struct hlv_bytes make_request(uint8_t *room, const char *id, struct hlv_request *rq)
{
	struct hlv_writer w = hlv_writer(room, ROOM);
	struct hlv_message m;
	*rq = (struct hlv_request){.m.env = {.major = 2,
					     .minor = 11,
					     .suggest_major = 2,
					     .suggest_minor = 11,
					     .request_id = 5},
				   .m.hdr = {.op = HLV_OP_RESOLUTION,
					     .flags = HLV_F_CERTIFIED | HLV_F_REQUEST_DIGEST},
				   .handle = hlv_text(id)};
	hlv_request_encode(&w, rq);
	check_err("request", hlv_message_decode(hlv_written(&w), &m), HLV_OK);
	return m.covered;
}

static struct hlv_list one_value(uint8_t room[256])
{
	struct hlv_writer w = hlv_writer(room, 256);
	struct hlv_value v = {.index = 1,
			      .ttl_s = 60,
			      .perms = HLV_PERM_DEFAULT,
			      .type = hlv_text("URL"),
			      .data = hlv_text("https://example.org")};
	hlv_value_encode(&w, &v);
	return (struct hlv_list){1, hlv_written(&w)};
}

static void sign(const struct row *row, struct hlv_writer *w)
{
	if (row->spoil == MAC) {
		check_err(row->name, hlv_message_mac(w, 0, hlv_text("0123456789abcdef"), 1),
			  HLV_OK);
	} else if (row->spoil == UNKNOWN_SIGNATURE) {
		struct hlv_credential c = {.type = hlv_text("HS_SIGNED"),
					   .algorithm = hlv_text("SHA-999"),
					   .octets = hlv_text("signature")};
		w->n -= 4;
		size_t at = w->n;
		hlv_credential_encode(w, &c);
		hlv_fill_u32(w, 16, (uint32_t)(w->n - 20));
		assert_true(w->n > at);
	} else if (row->by != NOBODY) {
		check_err(row->name, hlv_message_sign(w, 0, keys[row->by], 0), HLV_OK);
	}
}

static void make_answer(const struct row *row, uint8_t *room, struct hlv_bytes covered,
			struct hlv_message *m, struct hlv_response *rs)
{
	uint8_t list[256], digest[HLV_HASH_MAX], other[ROOM];
	struct hlv_request rq;
	struct hlv_writer w = hlv_writer(room, ROOM);
	uint8_t minor = row->spoil == OLD_SIGNATURE ? 6 : 11;
	struct hlv_envelope env = {.major = 2,
				   .minor = minor,
				   .suggest_major = 2,
				   .suggest_minor = 11,
				   .request_id = 5};
	uint32_t life = row->spoil == EXPIRED	    ? (uint32_t)-1
			: row->spoil == LAST_SECOND ? 0
						    : LIFE_S;
	struct hlv_header hdr = {.op = HLV_OP_RESOLUTION,
				 .rc = row->rc ? row->rc : HLV_RC_SUCCESS,
				 .expiration_s = NOW_S + life};
	struct hlv_response out = {.rc = hdr.rc,
				   .kind = hlv_body_kind(hdr.op, hdr.rc),
				   .handle = hlv_text(row->id ? row->id : "88.118/x"),
				   .values = one_value(list),
				   .has_handle = true,
				   .has_digest = row->spoil != NO_DIGEST};
	if (row->spoil == OTHER_DIGEST)
		covered = make_request(other, "88.118/y", &rq);
	int version = row->spoil == SHA1_DIGEST ? HLV_V(2, 6) : HLV_V(2, 11);
	check_err(row->name, hlv_request_digest(covered, version, digest, &out.digest), HLV_OK);
	hlv_response_encode(&w, &env, &hdr, &out);
	sign(row, &w);
	if (row->spoil == CUT)
		room[w.n - 1] ^= 1;
	if (row->spoil == CHANGED)
		room[20 + 24 + 40] ^= 1;
	check_err(row->name, hlv_message_decode(hlv_written(&w), m), HLV_OK);
	if (hlv_response_decode(m, rs) != HLV_OK)
		fail_msg("%s: the answer cannot be read", row->name);
}

static void make_anchors(const char *letters, struct anchors *a)
{
	for (; letters && *letters; letters++) {
		bool island = *letters == 'I' || *letters == 'i';
		enum anchor_state state = *letters == 'r' || *letters == 'i' ? ANCHOR_REVOKED
					  : *letters == 'p'		     ? ANCHOR_PENDING
									     : ANCHOR_VALID;
		check_err("anchor",
			  anchors_add(a, island ? "88.118/0.0" : "0.0/0.0",
				      island ? "88.118" : "",
				      key_data(island		 ? ISLAND
					       : *letters == '2' ? ROOT2
								 : ROOT),
				      state, 0),
			  HLV_OK);
	}
}

static void check_row(const struct row *row)
{
	uint8_t question[ROOM], answer[ROOM];
	struct hlv_request rq;
	struct hlv_message m;
	struct hlv_response rs;
	struct anchors anchors = {0};
	struct budget budget = {.signatures = row->budget ? (uint32_t)row->budget : 16};
	const char *id = row->id ? row->id : "88.118/x";
	struct must_sign must = {.prefix = hlv_text(row->must ? row->must : ""),
				 .signer.handle = hlv_text(row->signer ? row->signer : ""),
				 .signer.index = row->signer ? 300 : 0};
	struct validate_rules rules = {
		.anchors = &anchors, .must_sign = &must, .nmust_sign = row->must != NULL};
	struct speaker who = {.prefix = hlv_text(row->root   ? ""
						 : row->zone ? row->zone
							     : "88.118"),
			      .is_root = row->root,
			      .vouched = row->vouched,
			      .key = key_data(row->key)};
	struct judgement j;
	make_anchors(row->anchors, &anchors);
	struct hlv_bytes covered = make_request(question, id, &rq);
	make_answer(row, answer, covered, &m, &rs);
	if (row->budget < 0)
		budget.signatures = 0;
	validate_message(&rules, &who, &m, &rs, covered, hlv_text(id), &budget, now, &j);
	if (j.proof != row->want)
		fail_msg("%s: %s (%s), expected %s", row->name, proof_name(j.proof), j.why,
			 proof_name(row->want));
	if (j.why[0] == '\0' || (row->why && !strstr(j.why, row->why)))
		fail_msg("%s: because \"%s\"", row->name, j.why);
	check_text(row->name, j.must_by.handle, row->must_by ? row->must_by : "");
	if ((j.anchor != VALIDATE_NO_ANCHOR) !=
	    (j.proof == PROOF_SECURE && strstr(j.why, "anchor")))
		fail_msg("%s: anchor %zu", row->name, j.anchor);
	anchors_fini(&anchors);
}

static const struct row roots[] = {
	{"by an anchor", .root = true, .by = ROOT, .anchors = "R", .want = PROOF_SECURE,
	 .why = "P-256 anchor"},
	{"by the second", .root = true, .by = ROOT2, .anchors = "R2", .want = PROOF_SECURE},
	{"at the last second", LAST_SECOND, .root = true, .by = ROOT, .anchors = "R",
	 .want = PROOF_SECURE},
	{"not found", .rc = HLV_RC_NOT_FOUND, .root = true, .by = ROOT, .anchors = "R",
	 .want = PROOF_SECURE},
	{"a referral", .rc = HLV_RC_PREFIX_REFERRAL, .root = true, .by = ROOT, .anchors = "R",
	 .want = PROOF_SECURE},
	{"no anchors at all", .root = true, .by = NOBODY, .want = PROOF_INSECURE},
	{"no anchors, but signed", .root = true, .by = ROOT, .want = PROOF_INSECURE},
	{"by somebody", .root = true, .by = OTHER, .anchors = "R2", .want = PROOF_BOGUS,
	 .why = "no trust anchor"},
	{"the key that it was given is not asked", .root = true, .by = OTHER,
	 .vouched = PROOF_SECURE, .key = OTHER, .anchors = "R", .want = PROOF_BOGUS},
	{"unsigned", .root = true, .anchors = "R", .want = PROOF_BOGUS, .why = "not signed"},
	{"unsigned not found", .rc = HLV_RC_NOT_FOUND, .root = true, .anchors = "R",
	 .want = PROOF_BOGUS},
	{"unsigned referral", .rc = HLV_RC_SERVICE_REFERRAL, .root = true, .anchors = "R",
	 .want = PROOF_BOGUS},
	{"by an anchor for a prefix", .root = true, .by = ISLAND, .anchors = "RI",
	 .want = PROOF_BOGUS},
	{"an island alone asks nothing of the root", .root = true, .id = "0.NA/88.118",
	 .anchors = "I", .want = PROOF_INSECURE},
	{"by a revoked anchor", .root = true, .by = ROOT, .anchors = "r", .want = PROOF_BOGUS},
	{"by a revoked anchor beside a good one", .root = true, .by = ROOT, .anchors = "r2",
	 .want = PROOF_BOGUS},
	{"unsigned after the last anchor was revoked", .root = true, .anchors = "r",
	 .want = PROOF_BOGUS},
	{"by one that waits", .root = true, .by = ROOT, .anchors = "p2", .want = PROOF_BOGUS},
	{"changed", CHANGED, .root = true, .by = ROOT, .anchors = "R", .want = PROOF_BOGUS},
	{"cut", CUT, .root = true, .by = ROOT, .anchors = "R", .want = PROOF_BOGUS},
	{"says not for whom", NO_DIGEST, .root = true, .by = ROOT, .anchors = "R",
	 .want = PROOF_BOGUS, .why = "which question"},
	{"for another", OTHER_DIGEST, .root = true, .by = ROOT, .anchors = "R",
	 .want = PROOF_BOGUS, .why = "another question"},
	{"expired", EXPIRED, .root = true, .by = ROOT, .anchors = "R", .want = PROOF_BOGUS,
	 .why = "expired"},
	{"unknown algorithm", UNKNOWN_SIGNATURE, .root = true, .anchors = "R",
	 .want = PROOF_BOGUS},
	{"a session's MAC", MAC, .root = true, .anchors = "R", .want = PROOF_BOGUS},
	{"no budget", .root = true, .by = ROOT, .anchors = "R", .budget = -1,
	 .want = PROOF_UNKNOWN, .why = "budget"},
	{"the budget ends between two", .root = true, .by = ROOT2, .anchors = "R2", .budget = 1,
	 .want = PROOF_UNKNOWN},
};

static const struct row zones[] = {
	{"by the vouched key", .vouched = PROOF_SECURE, .key = SERVER, .by = SERVER,
	 .want = PROOF_SECURE, .why = "P-256 key of 88.118"},
	{"Ed25519", .vouched = PROOF_SECURE, .key = ED, .by = ED, .want = PROOF_SECURE,
	 .why = "Ed25519"},
	{"SM2", .vouched = PROOF_SECURE, .key = SM2, .by = SM2, .want = PROOF_SECURE,
	 .why = "SM2"},
	{"RSA", .vouched = PROOF_SECURE, .key = RSA, .by = RSA, .want = PROOF_SECURE,
	 .why = "RSA-2048"},
	{"values not found", .rc = HLV_RC_VALUES_NOT_FOUND, .vouched = PROOF_SECURE,
	 .key = SERVER, .by = SERVER, .want = PROOF_SECURE},
	{"the parent names no key", .vouched = PROOF_SECURE, .want = PROOF_INSECURE,
	 .why = "no rule"},
	{"the parent names no key, signed", .vouched = PROOF_SECURE, .by = OTHER,
	 .want = PROOF_INSECURE},
	{"unproven parent, no key", .vouched = PROOF_INSECURE, .want = PROOF_INSECURE},
	{"unproven parent, good signature", .vouched = PROOF_INSECURE, .key = SERVER,
	 .by = SERVER, .want = PROOF_INSECURE},
	{"unproven parent, unsigned", .vouched = PROOF_INSECURE, .key = SERVER,
	 .want = PROOF_INSECURE},
	{"unproven parent, wrong signature", .vouched = PROOF_INSECURE, .key = SERVER,
	 .by = OTHER, .want = PROOF_BOGUS},
	{"unproven parent, changed", CHANGED, .vouched = PROOF_INSECURE, .key = SERVER,
	 .by = SERVER, .want = PROOF_BOGUS},
	{"unproven parent, expired", EXPIRED, .vouched = PROOF_INSECURE, .key = SERVER,
	 .by = SERVER, .want = PROOF_BOGUS},
	{"unproven parent, another's answer", OTHER_DIGEST, .vouched = PROOF_INSECURE,
	 .key = SERVER, .by = SERVER, .want = PROOF_BOGUS},
	{"unproven parent, unsigned, another's answer", OTHER_DIGEST, .vouched = PROOF_INSECURE,
	 .key = SERVER, .want = PROOF_BOGUS},
	{"unproven parent, a signature that is none today", OLD_SIGNATURE,
	 .vouched = PROOF_INSECURE, .key = RSA, .by = RSA, .want = PROOF_INSECURE},
	{"unproven parent, weak key", .vouched = PROOF_INSECURE, .key = WEAK, .by = OTHER,
	 .want = PROOF_INSECURE},
	{"somebody else's key", .vouched = PROOF_SECURE, .key = SERVER, .by = OTHER,
	 .want = PROOF_BOGUS, .why = "its parent names"},
	{"the parent's own key", .vouched = PROOF_SECURE, .key = SERVER, .by = ROOT,
	 .anchors = "R", .want = PROOF_BOGUS},
	{"another kind of key", .vouched = PROOF_SECURE, .key = SERVER, .by = RSA,
	 .want = PROOF_BOGUS},
	{"unsigned", .vouched = PROOF_SECURE, .key = SERVER, .want = PROOF_BOGUS},
	{"unsigned not found", .rc = HLV_RC_NOT_FOUND, .vouched = PROOF_SECURE, .key = SERVER,
	 .want = PROOF_BOGUS},
	{"changed", CHANGED, .vouched = PROOF_SECURE, .key = SERVER, .by = SERVER,
	 .want = PROOF_BOGUS},
	{"cut", CUT, .vouched = PROOF_SECURE, .key = SERVER, .by = SERVER, .want = PROOF_BOGUS},
	{"says not for whom", NO_DIGEST, .vouched = PROOF_SECURE, .key = SERVER, .by = SERVER,
	 .want = PROOF_BOGUS},
	{"says by SHA-1 for whom", SHA1_DIGEST, .vouched = PROOF_SECURE, .key = SERVER,
	 .by = SERVER, .want = PROOF_BOGUS},
	{"for another", OTHER_DIGEST, .vouched = PROOF_SECURE, .key = SERVER, .by = SERVER,
	 .want = PROOF_BOGUS},
	{"expired", EXPIRED, .vouched = PROOF_SECURE, .key = SERVER, .by = SERVER,
	 .want = PROOF_BOGUS},
	{"SHA-1", OLD_SIGNATURE, .vouched = PROOF_SECURE, .key = RSA, .by = RSA,
	 .want = PROOF_BOGUS},
	{"unknown algorithm", UNKNOWN_SIGNATURE, .vouched = PROOF_SECURE, .key = SERVER,
	 .want = PROOF_BOGUS},
	{"a session's MAC", MAC, .vouched = PROOF_SECURE, .key = SERVER, .want = PROOF_BOGUS},
	{"a weak key", .vouched = PROOF_SECURE, .key = WEAK, .by = OTHER, .want = PROOF_BOGUS,
	 .why = "weak"},
	{"no budget", .vouched = PROOF_SECURE, .key = SERVER, .by = SERVER, .budget = -1,
	 .want = PROOF_UNKNOWN},
};

/* What says nothing about an identifier proves nothing, signed or not. */
static void test_errors(void **state)
{
	(void)state;
	static const uint32_t codes[] = {HLV_RC_ERROR,
					 HLV_RC_BUSY,
					 HLV_RC_PROTOCOL_ERROR,
					 HLV_RC_NOT_SUPPORTED,
					 HLV_RC_RECURSION_TOO_HIGH,
					 HLV_RC_READ_ONLY,
					 HLV_RC_INVALID_HANDLE,
					 HLV_RC_OUT_OF_DATE_SITE_INFO,
					 HLV_RC_NOT_RESPONSIBLE,
					 HLV_RC_INVALID_ADMIN,
					 HLV_RC_AUTHENTICATION_NEEDED,
					 HLV_RC_SESSION_TIMEOUT,
					 HLV_RC_DAILY_LIMIT};
	for (size_t i = 0; i < COUNT(codes); i++)
		for (int by = NOBODY; by <= SERVER; by++)
			check_row(&(struct row){hlv_rc_text(codes[i]), .rc = codes[i],
						.by = (enum who)by, .vouched = PROOF_SECURE,
						.key = SERVER, .want = PROOF_UNKNOWN,
						.why = "says nothing"});
}

static const struct row rules[] = {
	{"an island by its own key", .vouched = PROOF_INSECURE, .by = ISLAND, .anchors = "I",
	 .want = PROOF_SECURE, .why = "anchor 88.118/0.0"},
	{"an island, whatever the unproven parent says", .vouched = PROOF_INSECURE,
	 .key = SERVER, .by = ISLAND, .anchors = "I", .want = PROOF_SECURE},
	{"an island by its own key, which the unproven parent names too",
	 .vouched = PROOF_INSECURE, .key = ISLAND, .by = ISLAND, .anchors = "I",
	 .want = PROOF_SECURE, .why = "anchor 88.118/0.0"},
	{"an island by the unproven parent's key", .vouched = PROOF_INSECURE, .key = SERVER,
	 .by = SERVER, .anchors = "I", .want = PROOF_BOGUS, .why = "nothing proves"},
	{"an island by a proven parent's key", .vouched = PROOF_SECURE, .key = SERVER,
	 .by = SERVER, .anchors = "RI", .want = PROOF_SECURE},
	{"an island, unsigned", .vouched = PROOF_INSECURE, .anchors = "I", .want = PROOF_BOGUS},
	{"an island, proven to have no key", .vouched = PROOF_SECURE, .anchors = "RI",
	 .want = PROOF_BOGUS},
	{"an island, revoked", .vouched = PROOF_INSECURE, .by = ISLAND, .anchors = "i",
	 .want = PROOF_BOGUS},
	{"under an island", .id = "88.118.8/x", .zone = "88.118.8", .vouched = PROOF_SECURE,
	 .key = SERVER, .by = SERVER, .anchors = "I", .want = PROOF_SECURE},
	{"under an island, unsigned", .id = "88.118.8/x", .zone = "88.118.8",
	 .vouched = PROOF_SECURE, .anchors = "I", .want = PROOF_BOGUS},
	{"beside an island", .id = "88.119/x", .zone = "88.119", .vouched = PROOF_INSECURE,
	 .anchors = "I", .want = PROOF_INSECURE},
	{"an anchor for everything asks only the root", .vouched = PROOF_SECURE, .anchors = "R",
	 .want = PROOF_INSECURE},
	{"must, proven key", .must = "88.118", .vouched = PROOF_SECURE, .key = SERVER,
	 .by = SERVER, .want = PROOF_SECURE},
	{"must, unproven key", .must = "88.118", .vouched = PROOF_INSECURE, .key = SERVER,
	 .by = SERVER, .want = PROOF_BOGUS, .why = "nothing proves"},
	{"must, unproven parent, unsigned", .must = "88.118", .vouched = PROOF_INSECURE,
	 .want = PROOF_BOGUS},
	{"must, proven to have no key", .must = "88.118", .vouched = PROOF_SECURE,
	 .want = PROOF_BOGUS},
	{"must, proven to have no key, signed", .must = "88.118", .vouched = PROOF_SECURE,
	 .by = OTHER, .want = PROOF_BOGUS},
	{"must, from above", .must = "88", .vouched = PROOF_SECURE, .want = PROOF_BOGUS},
	{"must, everything", .must = "", .vouched = PROOF_INSECURE, .want = PROOF_BOGUS},
	{"must, everything, at a root without anchors", .must = "", .root = true, .by = ROOT,
	 .want = PROOF_BOGUS},
	{"must, weak key", .must = "88.118", .vouched = PROOF_SECURE, .key = WEAK, .by = OTHER,
	 .want = PROOF_BOGUS},
	{"must, unsigned not found", .rc = HLV_RC_NOT_FOUND, .must = "88.118",
	 .vouched = PROOF_INSECURE, .want = PROOF_BOGUS},
	{"must, another prefix", .must = "88.11", .vouched = PROOF_INSECURE,
	 .want = PROOF_INSECURE},
	{"must, longer prefix", .must = "88.118.8", .vouched = PROOF_INSECURE,
	 .want = PROOF_INSECURE},
	{"must is not about the parent's word", .id = "0.NA/88.118", .zone = "88",
	 .must = "88.118", .vouched = PROOF_INSECURE, .want = PROOF_INSECURE},
	{"must is about the children's prefixes", .id = "0.NA/88.118.8", .must = "88.118",
	 .vouched = PROOF_INSECURE, .want = PROOF_BOGUS},
	{"must by somebody: the record decides", .must = "88.118", .signer = "0.NA/88.118",
	 .vouched = PROOF_INSECURE, .want = PROOF_INSECURE, .must_by = "0.NA/88.118"},
	{"must by somebody, signed too", .must = "88.118", .signer = "0.NA/88.118",
	 .vouched = PROOF_SECURE, .key = SERVER, .by = SERVER, .want = PROOF_SECURE,
	 .must_by = "0.NA/88.118"},
	{"must by somebody, not found", .rc = HLV_RC_NOT_FOUND, .must = "88.118",
	 .signer = "0.NA/88.118", .vouched = PROOF_INSECURE, .want = PROOF_BOGUS,
	 .must_by = "0.NA/88.118"},
	{"must by somebody, referred", .rc = HLV_RC_PREFIX_REFERRAL, .must = "88.118",
	 .signer = "0.NA/88.118", .vouched = PROOF_INSECURE, .want = PROOF_BOGUS,
	 .must_by = "0.NA/88.118"},
	{"must by somebody, wrong message", .must = "88.118", .signer = "0.NA/88.118",
	 .vouched = PROOF_SECURE, .key = SERVER, .by = OTHER, .want = PROOF_BOGUS,
	 .must_by = "0.NA/88.118"},
};

static void test_root(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(roots); i++)
		check_row(&roots[i]);
}

static void test_zone(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(zones); i++)
		check_row(&zones[i]);
}

static void test_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rules); i++)
		check_row(&rules[i]);
}

static void test_must(void **state)
{
	(void)state;
	struct must_sign list[] = {{hlv_text("88"), {{0}, 0}},
				   {hlv_text("88.118"), {hlv_text("0.NA/88.118"), 300}},
				   {hlv_text("88.118.8"), {hlv_text("0.NA/88.118.8"), 301}}};
	struct anchors none = {0};
	struct validate_rules r = {.anchors = &none, .must_sign = list, .nmust_sign = 3};
	static const struct {
		const char *id, *signer;
		bool must;
	} rows[] = {
		{"88.118.8/x", "0.NA/88.118.8", true},
		{"88.118.9/x", "0.NA/88.118", true},
		{"88.118/x", "0.NA/88.118", true},
		{"88.1/x", "", true},
		{"88/x", "", true},
		{"0.NA/88.118.8", "0.NA/88.118", true},
		{"0.NA/88.118", "", true},
		{"0.NA/88", "", false},
		{"89/x", "", false},
		{"881/x", "", false},
		{"0.0/0.0", "", false},
		{"88.118.8", "0.NA/88.118", true},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		check_text(rows[i].id, validate_signer(&r, hlv_text(rows[i].id)).handle,
			   rows[i].signer);
		if (validate_must(&r, hlv_text(rows[i].id)) != rows[i].must)
			fail_msg("%s: must it be signed?", rows[i].id);
	}
}

static void test_allows(void **state)
{
	(void)state;
	static const enum unsigned_policy policies[] = {UNSIGNED_ALLOW, UNSIGNED_LOG,
							UNSIGNED_REFUSE};
	for (size_t i = 0; i < COUNT(policies); i++) {
		struct validate_rules r = {.unsigned_policy = policies[i]};
		assert_true(validate_allows(&r, PROOF_SECURE));
		assert_false(validate_allows(&r, PROOF_BOGUS));
		assert_false(validate_allows(&r, PROOF_UNKNOWN));
		assert_int_equal(validate_allows(&r, PROOF_INSECURE),
				 policies[i] != UNSIGNED_REFUSE);
	}
}

/* R6 at its source: whatever a finding is, what is bogus or unknown does not
 * come through. */
static void test_prove(void **state)
{
	(void)state;
	uint64_t seed = 0x9E3779B97F4A7C15ULL;
	for (int i = 0; i < 200000; i++) {
		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		struct finding f = {.rc = (uint32_t)(seed % 700),
				    .fetched_ms = seed,
				    .life_s = (uint32_t)(seed >> 20),
				    .newest_s = (uint32_t)seed,
				    .values.n = (uint32_t)(seed >> 50)};
		struct proven out, zero = {0};
		memset(&out, 0xAA, sizeof out);
		enum proof proof = (enum proof)(seed >> 40 & 3);
		bool shown = f.rc == 1 || f.rc == 100 || f.rc == 200;
		bool given = prove(proof, &f, &out);
		if (given != (shown && (proof == PROOF_SECURE || proof == PROOF_INSECURE)))
			fail_msg("%s, code %u: %d", proof_name(proof), f.rc, given);
		if (given ? out.proof != proof : memcmp(&out, &zero, sizeof zero) != 0)
			fail_msg("%s, code %u: something came out", proof_name(proof), f.rc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),  cmocka_unit_test(test_zone),
		cmocka_unit_test(test_rules), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_must),  cmocka_unit_test(test_allows),
		cmocka_unit_test(test_prove),
	};
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
