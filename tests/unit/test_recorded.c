/* SPDX-License-Identifier: Apache-2.0
 *
 * What a reference server said (tests/vectors/live_exchanges.json), in the resolver's eyes: its
 * referral leads to its site, its signature is believed by the key that stands there, and an
 * octet that was changed is not.
 */
#include <stdlib.h>

#include "proto/net/file.h"
#include "resolver/validate.h"
#include "resolver/zone.h"
#include "tests/unit/unit.h"

enum { TEXT_MAX = 16 << 20, PATH = 512, ROOM = 1 << 20 };

static struct hlv_buf recorded;
static struct hlv_arena arena;

/* The `nth` "hex" of an entry: 0 the request, 1 the first response. */
static struct hlv_buf octets_of(const char *name, unsigned nth)
{
	char key[96];
	struct hlv_buf out = {0};
	snprintf(key, sizeof key, "\"name\":\"%s\"", name);
	const char *at = strstr(recorded.p, key);
	for (unsigned i = 0; at && i <= nth; i++)
		at = strstr(at + 1, "\"hex\":\"");
	if (!at)
		fail_msg("%s is not there", name);
	at += 7;
	assert_true(hlv_buf_unhex(&out, hlv_bytes(at, strcspn(at, "\""))));
	return out;
}

static int setup(void **state)
{
	char path[PATH], why[256];
	(void)state;
	snprintf(path, sizeof path, "%s/../vectors/live_exchanges.json",
		 getenv("HELVE_TEST_DATA"));
	hlv_arena_init(&arena, ROOM);
	return hlv_file_read(path, TEXT_MAX, &recorded, why) == HLV_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	hlv_buf_free(&recorded);
	hlv_arena_fini(&arena);
	return 0;
}

/* Where its prefix referral leads; the key is in the arena. */
static struct zone_server referred(void)
{
	struct hlv_buf said = octets_of("resolve_derived_prefix_referral", 1);
	struct hlv_message m;
	struct hlv_response rs;
	struct hlv_list services;
	struct zone z = {.prefix = hlv_text("20.500"), .proof = PROOF_SECURE};
	struct zone_server servers[ZONE_TRIED_MAX];
	const struct zone_rules here = {.loopback = true}, elsewhere = {0};
	assert_int_equal(hlv_message_decode(hlv_buf_bytes(&said), &m), HLV_OK);
	assert_int_equal(hlv_response_decode(&m, &rs), HLV_OK);
	check_u64("code", rs.rc, HLV_RC_PREFIX_REFERRAL);
	assert_int_equal(zone_sites(&rs.values, true, &arena, &z.sites, &services), HLV_OK);
	check_u64("sites", z.sites.n, 1);
	/* Its address is this machine's: only a root of this machine may send us there. */
	check_u64("refused",
		  zone_servers(&z, &elsewhere, hlv_text("20.500.1/x"), false, servers), 0);
	check_u64("servers", zone_servers(&z, &here, hlv_text("20.500.1/x"), false, servers),
		  1);
	assert_true(hlv_addr_is_loopback(&servers[0].tcp) && servers[0].primary);
	servers[0].key = hlv_arena_copy(&arena, servers[0].key);
	hlv_buf_free(&said);
	return servers[0];
}

static void judge(const char *name, size_t flip, enum proof expected)
{
	struct hlv_buf asked = octets_of(name, 0), said = octets_of(name, 1);
	struct zone_server server = referred();
	struct speaker who = {
		.prefix = hlv_text("20.500.12345"), .vouched = PROOF_SECURE, .key = server.key};
	struct hlv_message q, m;
	struct hlv_response rs;
	struct judgement j;
	struct budget budget;
	if (flip)
		said.p[flip] = (char)(said.p[flip] ^ 1);
	assert_int_equal(hlv_message_decode(hlv_buf_bytes(&asked), &q), HLV_OK);
	assert_int_equal(hlv_message_decode(hlv_buf_bytes(&said), &m), HLV_OK);
	assert_int_equal(hlv_response_decode(&m, &rs), HLV_OK);
	struct hlv_now now = {1000000000, (m.hdr.expiration_s - 60) * UINT64_C(1000)};
	budget_start(&budget, now);
	validate_message(&(struct validate_rules){0}, &who, &m, &rs, q.covered, rs.handle,
			 &budget, now, &j);
	if (j.proof != expected)
		fail_msg("%s, octet %zu: %s (%s), expected %s", name, flip, proof_name(j.proof),
			 j.why, proof_name(expected));
	hlv_buf_free(&asked);
	hlv_buf_free(&said);
}

static void test_signed(void **state)
{
	(void)state;
	judge("resolve_certified_digest", 0, PROOF_SECURE);
	/* In the data of a value, and in the id of the request. */
	judge("resolve_certified_digest", 140, PROOF_BOGUS);
	judge("resolve_certified_digest", 11, PROOF_BOGUS);
	/* Signed, but for which question? */
	judge("resolve_certified", 0, PROOF_BOGUS);
	/* Not signed at all, though the parent names a key. */
	judge("resolve_all_public", 0, PROOF_BOGUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signed),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
