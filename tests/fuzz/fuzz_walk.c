/* SPDX-License-Identifier: Apache-2.0
 *
 * A walk that is fed with whatever comes: the input is a row of answers (u16 length, octets). The walk ends
 * within its budgets, and what it finds is a record: values ascending, public, no secret key among
 * them. With an anchor that nobody has the key of, nothing at all is believed. The answers' operation,
 * digest and length are set right, so that they come further than the door.
 */
#include "proto/sec/digest.h"
#include "resolver/walk.h"
#include "tests/fuzz/fuzz.h"

enum { ASKS_MAX = 200, ANSWER_MAX = 65536 };

static uint8_t answer[ANSWER_MAX];

static struct hlv_bytes root_site(void)
{
	static uint8_t octets[256], server[128], interfaces[16];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	struct hlv_writer s = hlv_writer(server, sizeof server);
	struct hlv_writer i = hlv_writer(interfaces, sizeof interfaces);
	struct hlv_site_server one = {.id = 1, .address = {[12] = 192, [14] = 2, [15] = 1}};
	hlv_site_put_interface(&i,
			       &(struct hlv_site_interface){HLV_IF_QUERY, HLV_IF_UDP, 2641});
	hlv_site_put_interface(&i,
			       &(struct hlv_site_interface){HLV_IF_QUERY, HLV_IF_TCP, 2641});
	one.interfaces = (struct hlv_list){2, hlv_written(&i)};
	hlv_site_put_server(&s, &one);
	struct hlv_site site = {.format = 1,
				.major = 2,
				.minor = 11,
				.flags = HLV_SITE_PRIMARY,
				.hash_option = HLV_HASH_ALL,
				.servers = {1, hlv_written(&s)}};
	hlv_put_hole32(&w);
	hlv_site_encode(&w, &site);
	hlv_fill32(&w, 0);
	return hlv_written(&w);
}

/* The next answer, as if it were for this question. */
static struct hlv_bytes next_answer(struct hlv_reader *in, const struct walk_ask *ask)
{
	struct hlv_bytes b = hlv_take(in, hlv_get_u16(in));
	if (in->bad || b.n < HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE)
		return (struct hlv_bytes){0};
	memcpy(answer, b.p, b.n);
	hlv_store_u32(answer + 16, (uint32_t)(b.n - HLV_ENVELOPE_SIZE));
	hlv_store_u32(answer + HLV_ENVELOPE_SIZE, ask->op);
	uint8_t digest[HLV_HASH_MAX];
	struct hlv_digest d;
	bool has_digest = answer[HLV_ENVELOPE_SIZE + 9] & 0x80;
	if (has_digest && b.n > 44 + 33 && answer[44] == HLV_DIGEST_SHA256 &&
	    hlv_request_digest(ask->covered, HLV_OUR_VERSION, digest, &d) == HLV_OK)
		memcpy(answer + 45, digest, 32);
	return hlv_bytes(answer, b.n);
}

static void check_finding(const struct finding *f)
{
	struct hlv_reader r = hlv_reader(f->values.raw);
	uint32_t before = 0;
	hlv_require(f->rc == HLV_RC_SUCCESS || f->rc == HLV_RC_NOT_FOUND ||
		    f->rc == HLV_RC_VALUES_NOT_FOUND);
	hlv_require(f->rc != HLV_RC_SUCCESS || f->values.n > 0);
	for (uint32_t i = 0; i < f->values.n; i++) {
		struct hlv_value v;
		hlv_require(hlv_value_decode(&r, &v) == HLV_OK);
		hlv_require(v.index > before && hlv_value_is_public(&v));
		hlv_require(!hlv_type_is(v.type, "HS_SECKEY"));
		before = v.index;
	}
	hlv_require(hlv_finished(&r) || f->values.n == 0);
}

static void walk_once(struct hlv_bytes input, const struct anchors *anchors)
{
	struct walk_rules rules = {
		.root = {.sites = {1, root_site()}, .proof = PROOF_INSECURE, .is_root = true},
		.validate = {.anchors = anchors},
		.ttl_max_s = 86400,
		.negative_max_s = 300,
		.follow_aliases = true,
	};
	const struct walk_question q = {.id = hlv_text("88.118.8/JX1")};
	const struct walk_ask *ask;
	struct hlv_now now = {1, 1700000000000};
	struct hlv_reader in = hlv_reader(input);
	struct walk *w = walk_new(&rules, NULL, &q, 1, now);
	unsigned asks = 0;
	hlv_require(w != NULL);
	while (walk_next(w, now, &ask) == WALK_ASKS) {
		hlv_require(++asks < ASKS_MAX && ask->nservers > 0);
		struct hlv_bytes message = next_answer(&in, ask);
		if (message.n == 0)
			walk_failed(w, HLV_E_TIMEOUT, now);
		else
			walk_feed(w, message, 0, now);
	}
	const struct walk_result *r = walk_result(w);
	hlv_require(!anchors || r->proof < PROOF_INSECURE);
	if (r->proof >= PROOF_INSECURE)
		check_finding(&r->finding);
	else
		hlv_require(r->rc != 0 && r->why[0] != '\0');
	walk_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct anchors anchors;
	if (anchors.n == 0) {
		struct hlv_key *key;
		uint8_t octets[512];
		struct hlv_writer w = hlv_writer(octets, sizeof octets);
		hlv_require(hlv_key_generate(HLV_KEY_P256, &key) == HLV_OK);
		hlv_require(hlv_pubkey_encode(&w, key) == HLV_OK);
		hlv_require(anchors_add(&anchors, "0.0/0.0", "", hlv_written(&w), ANCHOR_VALID,
					1700000000000) == HLV_OK);
		hlv_key_free(key);
	}
	struct hlv_bytes input = fuzz_copy(fuzz_arena(), hlv_bytes(data, n));
	walk_once(input, NULL);
	walk_once(input, &anchors);
	return 0;
}
