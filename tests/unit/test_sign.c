/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/sign.h"

#include "proto/wire/message.h"
#include "tests/unit/unit.h"

static const struct hlv_bytes none;

/* One key of each kind that signs, and the digest names that fit it. */
static const struct {
	const char *name;
	enum hlv_key_kind kind;
	const char *old, *since_2_7;
} kinds[] = {
	{"RSA", HLV_KEY_RSA, "SHA1", "SHA-256"},
	{"P-256", HLV_KEY_P256, "SHA-256", "SHA-256"},
	{"Ed25519", HLV_KEY_ED25519, "Ed25519", "Ed25519"},
	{"SM2", HLV_KEY_SM2, "SM3", "SM3"},
};

static struct hlv_key *keys[COUNT(kinds)], *others[COUNT(kinds)];

static int make_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		check_err(kinds[i].name, hlv_key_generate(kinds[i].kind, &keys[i]), HLV_OK);
		check_err(kinds[i].name, hlv_key_generate(kinds[i].kind, &others[i]), HLV_OK);
	}
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		hlv_key_free(keys[i]);
		hlv_key_free(others[i]);
	}
	return 0;
}

static const struct {
	const char *name;
	uint8_t major, minor;
} versions[] = {
	{"2.0", 2, 0},	 {"2.1", 2, 1},	  {"2.3", 2, 3}, {"2.4", 2, 4},
	{"2.5", 2, 5},	 {"2.6", 2, 6},	  {"2.7", 2, 7}, {"2.8", 2, 8},
	{"2.10", 2, 10}, {"2.11", 2, 11}, {"3.0", 3, 0},
};

/* A small error response without credential. */
static struct hlv_writer message(uint8_t *room, size_t cap, uint8_t major, uint8_t minor)
{
	struct hlv_writer w = hlv_writer(room, cap);
	struct hlv_envelope env = {
		.major = major,
		.minor = minor,
		.suggest_major = 2,
		.suggest_minor = 11,
		.session_id = 0x01020304,
		.request_id = 0x0A0B0C0D,
	};
	struct hlv_header hdr = {
		.op = HLV_OP_RESOLUTION, .rc = HLV_RC_NOT_FOUND, .site_serial = 1};
	struct hlv_response rs = {.rc = HLV_RC_NOT_FOUND, .text = hlv_text("no")};
	rs.kind = hlv_body_kind(hdr.op, rs.rc);
	hlv_response_encode(&w, &env, &hdr, &rs);
	assert_false(w.bad);
	return w;
}

static struct hlv_message decoded(const char *row, struct hlv_bytes octets)
{
	struct hlv_message m;
	check_err(row, hlv_message_decode(octets, &m), HLV_OK);
	return m;
}

static void signs_at_every_version(void **state)
{
	(void)state;
	for (size_t k = 0; k < COUNT(kinds); k++) {
		for (size_t i = 0; i < COUNT(versions); i++) {
			uint8_t room[1024];
			char row[64];
			snprintf(row, sizeof row, "%s at %s", kinds[k].name, versions[i].name);
			struct hlv_writer w = message(room, sizeof room, versions[i].major,
						      versions[i].minor);
			check_err(row, hlv_message_sign(&w, 0, keys[k], 5), HLV_OK);
			struct hlv_message m = decoded(row, hlv_written(&w));
			struct hlv_credential c;
			check_err(row, hlv_credential_decode(m.credential, &c), HLV_OK);
			bool old = i < 6;
			check_text(row, c.algorithm, old ? kinds[k].old : kinds[k].since_2_7);
			check_u64(row, c.counter, 5);
			check_err(row, hlv_message_verify(&m, keys[k]), HLV_OK);
			check_err(row, hlv_message_verify(&m, others[k]), HLV_E_SIGNATURE);
			m.env.request_id++; /* covered from 2.7 on */
			check_err(row, hlv_message_verify(&m, keys[k]),
				  old ? HLV_OK : HLV_E_SIGNATURE);
		}
	}
}

/* Each octet that a signature covers, and each octet of the signature. */
static void refuses_every_changed_octet(void **state)
{
	(void)state;
	for (size_t k = 0; k < COUNT(kinds); k++) {
		uint8_t room[1024];
		struct hlv_writer w = message(room, sizeof room, 2, 11);
		check_err(kinds[k].name, hlv_message_sign(&w, 0, keys[k], 0), HLV_OK);
		struct hlv_message m = decoded(kinds[k].name, hlv_written(&w));
		struct hlv_credential c;
		check_err(kinds[k].name, hlv_credential_decode(m.credential, &c), HLV_OK);
		size_t signature = (size_t)(c.octets.p - room);
		for (size_t at = HLV_ENVELOPE_SIZE; at < w.n; at++) {
			if (at >= HLV_ENVELOPE_SIZE + m.covered.n && at < signature)
				continue;
			char row[64];
			snprintf(row, sizeof row, "%s, octet %zu", kinds[k].name, at);
			room[at] ^= 0x01;
			check_err(row, hlv_message_verify(&m, keys[k]), HLV_E_SIGNATURE);
			room[at] ^= 0x01;
		}
		check_err(kinds[k].name, hlv_message_verify(&m, keys[k]), HLV_OK);
	}
}

static void refuses_shorter_and_longer_signatures(void **state)
{
	(void)state;
	struct hlv_bytes octets = hlv_text("octets");
	for (size_t k = 0; k < COUNT(kinds); k++) {
		uint8_t room[HLV_SIGNATURE_MAX] = {0};
		struct hlv_writer w = hlv_writer(room, sizeof room);
		struct hlv_bytes alg = hlv_text(kinds[k].since_2_7);
		check_err(kinds[k].name, hlv_sign(keys[k], alg, none, &octets, 1, &w), HLV_OK);
		for (size_t n = 0; n < w.n + 2; n++)
			check_err(
				kinds[k].name,
				hlv_verify(keys[k], alg, none, &octets, 1, hlv_bytes(room, n)),
				n == w.n ? HLV_OK : HLV_E_SIGNATURE);
		check_err(kinds[k].name,
			  hlv_verify(keys[k], alg, none, &octets, 1,
				     hlv_bytes(room, sizeof room)),
			  HLV_E_SIGNATURE);
	}
}

/* Every offered name with every kind of key: R, P, E, S where it fits; '-' where the name is
 * not known at all. Small letters: for checking alone. */
static const struct {
	const char *algorithm;
	const char *fits;
} algorithm_rows[] = {
	{"SHA-256", "RP"}, {"SHA256", "RP"}, {"\3", "RP"},	{"SHA1", "R"},
	{"SHA-1", "R"},	   {"\2", "R"},	     {"MD5", "r"},	{"\1", "r"},
	{"SM3", "S"},	   {"Ed25519", "E"}, {"", "-"},		{"sha256", "-"},
	{"sha1", "-"},	   {"md5", "-"},     {"sm3", "-"},	{"ed25519", "-"},
	{"SHA-512", "-"},  {"SHA-384", "-"}, {"none", "-"},	{"HMAC-SHA256", "-"},
	{"\4", "-"},	   {"\x13", "-"},    {"SHA-256 ", "-"}, {"SHA-25", "-"},
	{"RSA", "-"},
};

static void algorithm_must_fit_the_key(void **state)
{
	(void)state;
	struct hlv_bytes octets = hlv_text("octets");
	for (size_t i = 0; i < COUNT(algorithm_rows); i++) {
		struct hlv_bytes alg = hlv_text(algorithm_rows[i].algorithm);
		const char *fits = algorithm_rows[i].fits;
		for (size_t k = 0; k < COUNT(kinds); k++) {
			char row[64];
			snprintf(row, sizeof row, "\"%s\" with %s", algorithm_rows[i].algorithm,
				 kinds[k].name);
			uint8_t room[HLV_SIGNATURE_MAX];
			struct hlv_writer w = hlv_writer(room, sizeof room);
			bool both = strchr(fits, kinds[k].name[0]);
			bool check = both || strchr(fits, kinds[k].name[0] - 'A' + 'a');
			enum hlv_err otherwise = *fits == '-' ? HLV_E_UNSUPPORTED : HLV_E_KEY;
			enum hlv_err sign = both    ? HLV_OK
					    : check ? HLV_E_UNSUPPORTED
						    : otherwise;
			check_err(row, hlv_sign(keys[k], alg, none, &octets, 1, &w), sign);
			enum hlv_err verify = both    ? HLV_OK
					      : check ? HLV_E_SIGNATURE
						      : otherwise;
			struct hlv_bytes signature = both ? hlv_written(&w) : octets;
			check_err(row, hlv_verify(keys[k], alg, none, &octets, 1, signature),
				  verify);
		}
	}
}

/* A signature says nothing under another kind's key, whatever name it carries. */
static void kinds_do_not_mix(void **state)
{
	(void)state;
	struct hlv_bytes octets = hlv_text("octets");
	for (size_t k = 0; k < COUNT(kinds); k++) {
		uint8_t room[HLV_SIGNATURE_MAX];
		struct hlv_writer w = hlv_writer(room, sizeof room);
		check_err(kinds[k].name,
			  hlv_sign(keys[k], hlv_text(kinds[k].since_2_7), none, &octets, 1, &w),
			  HLV_OK);
		for (size_t i = 0; i < COUNT(kinds) * COUNT(kinds); i++) {
			size_t key = i / COUNT(kinds);
			enum hlv_err err = hlv_verify(
				keys[key], hlv_text(kinds[i % COUNT(kinds)].since_2_7), none,
				&octets, 1, hlv_written(&w));
			if (err == HLV_OK && key != k)
				fail_msg("%s's signature passes as %s's", kinds[k].name,
					 kinds[key].name);
		}
	}
}

static void spans_are_one_text(void **state)
{
	(void)state;
	static uint8_t large[5000]; /* more than is joined on the stack */
	memset(large, 'x', sizeof large);
	struct hlv_bytes parts[] = {hlv_text("a"), none, hlv_bytes(large, sizeof large)};
	large[0] = 'a';
	struct hlv_bytes moved[] = {hlv_bytes(large, 1), hlv_bytes(large + 1, sizeof large - 1),
				    hlv_text("x")};
	for (size_t k = 0; k < COUNT(kinds); k++) {
		uint8_t room[HLV_SIGNATURE_MAX];
		struct hlv_writer w = hlv_writer(room, sizeof room);
		struct hlv_bytes alg = hlv_text(kinds[k].since_2_7);
		large[0] = 'x';
		check_err(kinds[k].name, hlv_sign(keys[k], alg, none, parts, 3, &w), HLV_OK);
		large[0] = 'a';
		check_err(kinds[k].name,
			  hlv_verify(keys[k], alg, none, moved, 3, hlv_written(&w)), HLV_OK);
		check_err(kinds[k].name,
			  hlv_verify(keys[k], alg, none, moved, 2, hlv_written(&w)),
			  HLV_E_SIGNATURE);
	}
}

/* Only what is private signs, and DH never does. */
static void public_halves_do_not_sign(void **state)
{
	(void)state;
	struct hlv_bytes octets = hlv_text("octets");
	for (size_t k = 0; k < COUNT(kinds); k++) {
		uint8_t room[1024];
		struct hlv_writer w = hlv_writer(room, sizeof room);
		struct hlv_key *half;
		check_err(kinds[k].name, hlv_pubkey_encode(&w, keys[k]), HLV_OK);
		check_err(kinds[k].name, hlv_pubkey_decode(hlv_written(&w), &half), HLV_OK);
		assert_false(hlv_key_is_private(half));
		w = hlv_writer(room, sizeof room);
		struct hlv_bytes alg = hlv_text(kinds[k].since_2_7);
		check_err(kinds[k].name, hlv_sign(half, alg, none, &octets, 1, &w), HLV_E_KEY);
		check_err(kinds[k].name, hlv_sign(keys[k], alg, none, &octets, 1, &w), HLV_OK);
		check_err(kinds[k].name,
			  hlv_verify(half, alg, none, &octets, 1, hlv_written(&w)), HLV_OK);
		hlv_key_free(half);
	}
}

/* A message that cannot be signed may still be sent: nothing of it has changed. */
static void no_room_leaves_the_message(void **state)
{
	(void)state;
	uint8_t room[1024], before[1024];
	for (size_t k = 0; k < COUNT(kinds); k++) {
		struct hlv_writer w = message(room, sizeof room, 2, 11);
		size_t n = w.n;
		memcpy(before, room, n);
		for (w.cap = n; w.cap < n + 90; w.cap++)
			check_err(kinds[k].name, hlv_message_sign(&w, 0, keys[k], 0),
				  HLV_E_LIMIT);
		assert_false(w.bad);
		check_bytes(kinds[k].name, hlv_written(&w), hlv_bytes(before, n));
		w.cap = sizeof room;
		check_err(kinds[k].name, hlv_message_sign(&w, 0, keys[k], 0), HLV_OK);
		check_err("signed already", hlv_message_sign(&w, 0, keys[k], 0), HLV_E_USAGE);
	}
	struct hlv_writer w = hlv_writer(room, sizeof room);
	check_err("no message", hlv_message_sign(&w, 0, keys[0], 0), HLV_E_USAGE);
	check_err("behind the end", hlv_message_sign(&w, 9, keys[0], 0), HLV_E_USAGE);
}

static void credentials_of_another_type(void **state)
{
	(void)state;
	uint8_t room[1024];
	struct hlv_writer w = message(room, sizeof room, 2, 11);
	struct hlv_message m = decoded("bare", hlv_written(&w));
	check_err("no credential", hlv_message_verify(&m, keys[0]), HLV_E_NOT_FOUND);
	check_err("no MAC", hlv_message_verify_mac(&m, hlv_text("key")), HLV_E_NOT_FOUND);
	check_err("sign", hlv_message_sign(&w, 0, keys[1], 0), HLV_OK);
	m = decoded("signed", hlv_written(&w));
	check_err("a signature as MAC", hlv_message_verify_mac(&m, hlv_text("key")),
		  HLV_E_UNSUPPORTED);
	for (size_t n = 1; n < m.credential.n; n++) {
		struct hlv_message cut = m;
		cut.credential.n = n;
		check_err("cut credential", hlv_message_verify(&cut, keys[1]), HLV_E_MALFORMED);
	}
	w = message(room, sizeof room, 2, 11);
	check_err("mac", hlv_message_mac(&w, 0, hlv_text("key"), 1), HLV_OK);
	m = decoded("with MAC", hlv_written(&w));
	check_err("a MAC as signature", hlv_message_verify(&m, keys[1]), HLV_E_UNSUPPORTED);
}

static void macs_at_every_version(void **state)
{
	(void)state;
	static const uint8_t key[65] = "the session's key";
	static const size_t sizes[] = {1, 3, 4, 8, 16, 24, 32, 64};
	for (size_t i = 0; i < COUNT(versions) * COUNT(sizes); i++) {
		size_t v = i / COUNT(sizes);
		struct hlv_bytes k = hlv_bytes(key, sizes[i % COUNT(sizes)]);
		uint8_t room[512];
		struct hlv_writer w =
			message(room, sizeof room, versions[v].major, versions[v].minor);
		check_err(versions[v].name, hlv_message_mac(&w, 0, k, 9), HLV_OK);
		struct hlv_message m = decoded(versions[v].name, hlv_written(&w));
		check_err(versions[v].name, hlv_message_verify_mac(&m, k), HLV_OK);
		check_err(versions[v].name, hlv_message_verify_mac(&m, hlv_text("other")),
			  HLV_E_SIGNATURE);
		for (size_t at = HLV_ENVELOPE_SIZE; at < HLV_ENVELOPE_SIZE + m.covered.n;
		     at++) {
			room[at] ^= 0x80;
			check_err(versions[v].name, hlv_message_verify_mac(&m, k),
				  HLV_E_SIGNATURE);
			room[at] ^= 0x80;
		}
		room[w.n - 1] ^= 1;
		check_err(versions[v].name, hlv_message_verify_mac(&m, k), HLV_E_SIGNATURE);
	}
	uint8_t room[512];
	struct hlv_writer w = message(room, sizeof room, 2, 11);
	check_err("no key", hlv_message_mac(&w, 0, none, 1), HLV_E_KEY);
	check_err("large key", hlv_message_mac(&w, 0, hlv_bytes(key, 65), 1), HLV_E_KEY);
}

/* A MAC of an old form is not good enough from 2.7 on, nor a new one before. */
static void mac_names_follow_the_version(void **state)
{
	(void)state;
	static const struct {
		uint8_t minor;
		const char *algorithm;
		enum hlv_err want;
	} rows[] = {
		{11, "HMAC-SHA256", HLV_OK},
		{11, "HmacSHA256", HLV_OK},
		{11, "\x13", HLV_OK},
		{11, "HMAC-SHA1", HLV_E_UNSUPPORTED},
		{11, "SHA1", HLV_E_UNSUPPORTED},
		{11, "SHA-256", HLV_E_UNSUPPORTED},
		{11, "\2", HLV_E_UNSUPPORTED},
		{11, "\1", HLV_E_UNSUPPORTED},
		{11, "", HLV_E_UNSUPPORTED},
		{11, "HMAC-MD5", HLV_E_UNSUPPORTED},
		{7, "\2", HLV_E_UNSUPPORTED},
		{6, "HMAC-SHA256", HLV_E_UNSUPPORTED},
		{6, "MD5", HLV_E_UNSUPPORTED},
		{6, "\2", HLV_OK},
		{4, "SHA-1", HLV_OK},
		{4, "sha1", HLV_E_UNSUPPORTED},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t room[512];
		struct hlv_bytes key = hlv_text("0123456789abcdef");
		struct hlv_writer w = message(room, sizeof room, 2, rows[i].minor);
		size_t bare = w.n - 4;
		check_err(rows[i].algorithm, hlv_message_mac(&w, 0, key, 9), HLV_OK);
		struct hlv_message m = decoded(rows[i].algorithm, hlv_written(&w));
		struct hlv_credential c;
		uint8_t octets[32];
		check_err("credential", hlv_credential_decode(m.credential, &c), HLV_OK);
		memcpy(octets, c.octets.p, c.octets.n);
		c.octets.p = octets;
		c.type = hlv_text("HS_MAC");
		c.algorithm = hlv_text(rows[i].algorithm);
		w.n = bare;
		hlv_credential_encode(&w, &c);
		hlv_fill_u32(&w, HLV_ENVELOPE_SIZE - 4, (uint32_t)(w.n - HLV_ENVELOPE_SIZE));
		m = decoded(rows[i].algorithm, hlv_written(&w));
		check_err(rows[i].algorithm, hlv_message_verify_mac(&m, key), rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_at_every_version),
		cmocka_unit_test(refuses_every_changed_octet),
		cmocka_unit_test(refuses_shorter_and_longer_signatures),
		cmocka_unit_test(algorithm_must_fit_the_key),
		cmocka_unit_test(kinds_do_not_mix),
		cmocka_unit_test(spans_are_one_text),
		cmocka_unit_test(public_halves_do_not_sign),
		cmocka_unit_test(no_room_leaves_the_message),
		cmocka_unit_test(credentials_of_another_type),
		cmocka_unit_test(macs_at_every_version),
		cmocka_unit_test(mac_names_follow_the_version),
	};
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
