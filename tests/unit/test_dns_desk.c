/* SPDX-License-Identifier: Apache-2.0
 *
 * A desk that keeps finished answers beside one that makes each anew, over one registry that changes
 * between the questions: they say the same, octet by octet.
 */
#include "proto/dns/desk.h"

#include "proto/wire/codes.h"
#include "tests/unit/unit.h"

enum {
	ANSWER_MAX = HLV_DNS_UDP_BODY,
	VALUES_MAX = 4,
	LIST_MAX = 4096,
	STEPS = 40000,
	LATELY = 32,
	START_S = 1700000000,
};

static const char *const identifiers[] = {
	"1/z",	     "1/z/www", "1/z/alias", "1/z/*",	"1/z/sub",  "1/z/sub/ns",
	"1/z/sub/*", "1/z/a",	"1/z/a/b",   "1/z/a/*", "1/z/mail", "1/y",
	"1/y/www",   "1/y/old", "88/A",	     "88/A.B",	"88/C",
};
enum { IDENTIFIERS = COUNT(identifiers) };

static const char *const names[] = {
	"z.example.",	    "www.z.example.",	"WWW.z.example.", "alias.z.example.",
	"sub.z.example.",   "x.sub.z.example.", "a.z.example.",	  "b.a.z.example.",
	"c.b.a.z.example.", "mail.z.example.",	"no.z.example.",  "y.example.",
	"www.y.example.",   "x.old.y.example.", "a.id.example.",  "b.a.id.example.",
	"c.id.example.",    "id.example.",	"elsewhere.",	  "hx--a-2.z.example.",
};

static const struct {
	const char *type, *data;
} records[] = {
	{"DNS.SOA", "ns.z.example. a.z.example. 1 7200 3600 1209600 300"},
	{"DNS.SOA", "ns.z.example. a.z.example. 2 7200 3600 1209600 60"},
	{"DNS.NS", "ns.sub.z.example."},
	{"DNS.NS", "www.z.example"},
	{"DNS.A", "192.0.2.1"},
	{"DNS.A", "192.0.2.2"},
	{"DNS.AAAA", "2001:db8::1"},
	{"DNS.MX", "10 mail.z.example."},
	{"DNS.TXT", "one"},
	{"DNS.TXT", "\"two words\" and more"},
	{"DNS.CNAME", "www.z.example."},
	{"DNS.CNAME", "alias.z.example."},
	{"DNS.CNAME", "x.old.y.example."},
	{"DNS.DNAME", "a.z.example."},
	{"DNS.DS", "1 13 2 0000000000000000000000000000000000000000000000000000000000000000"},
	{"DNS.TYPE65", "1 ."},
	{"DNS.A", "not an address"},
	{"URL", "https://example.cn/1"},
	{"URL", "https://example.cn/2"},
	{"brand", "Helve"},
};

enum mood { THERE, ABSENT, BROKEN, ELSEWHERE };

struct record {
	enum mood mood;
	size_t n;
	uint8_t values[VALUES_MAX]; /* in records */
	bool absolute;
	uint32_t ttl_s, mtime_s;
};

struct world {
	struct hlv_service service; /* first */
	struct record registry[IDENTIFIERS];
	uint64_t state, changes, asked;
	bool slow;		   /* answers come when somebody waits for them */
	struct hlv_exchange *late; /* ... this one */
	uint8_t room[LIST_MAX];
	struct hlv_front fronts[2];
	struct hlv_dns_desk keeping, making;
	struct hlv_dns_shared shared;
	struct hlv_limits limits;
	struct hlv_key *key;
	struct hlv_dnssec *dnssec; /* both desks', so that signatures are equal too */
	struct hlv_peer peer;
	struct hlv_now now;
	uint64_t random;
	struct asked {
		uint8_t octets[128];
		size_t n, limit;
	} lately[LATELY];
	uint8_t answer[ANSWER_MAX];
	size_t answer_n;
};

static uint64_t draw(struct world *w, uint64_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random % below;
}

/* --- the registry --- */

static struct hlv_list values_of(struct world *w, const struct record *r, bool family)
{
	struct hlv_list list = {0};
	struct hlv_writer out = hlv_writer(w->room, sizeof w->room);
	for (size_t i = 0; i < r->n; i++) {
		struct hlv_value v = {.index = (uint32_t)i + 1,
				      .mtime_s = r->mtime_s,
				      .ttl_kind =
					      r->absolute ? HLV_TTL_ABSOLUTE : HLV_TTL_RELATIVE,
				      .ttl_s = r->absolute ? START_S + r->ttl_s : r->ttl_s,
				      .perms = HLV_PERM_DEFAULT,
				      .type = hlv_text(records[r->values[i]].type),
				      .data = hlv_text(records[r->values[i]].data)};
		if (family && !hlv_starts_with(v.type, hlv_text("DNS.")))
			continue;
		hlv_value_encode(&out, &v);
		list.n++;
	}
	list.raw = hlv_written(&out);
	return list;
}

static void say(struct world *w, struct hlv_exchange *x)
{
	const struct record *r = NULL;
	for (size_t i = 0; i < IDENTIFIERS; i++)
		if (hlv_eq_fold(x->rq.handle, hlv_text(identifiers[i])))
			r = &w->registry[i];
	w->asked++;
	x->authoritative = true;
	x->rs = (struct hlv_response){.rc = HLV_RC_NOT_FOUND};
	if (!r || r->mood == ABSENT)
		return;
	if (r->mood == BROKEN) {
		x->rs.rc = HLV_RC_ERROR;
		return;
	}
	if (r->mood == ELSEWHERE) {
		/* Asked on a friend's behalf, or not at all. */
		x->authoritative = !(x->rq.m.hdr.flags & HLV_F_RECURSE && x->peer.trusted);
		x->rs.rc = HLV_RC_NOT_RESPONSIBLE;
		if (x->authoritative)
			return;
	}
	struct hlv_list values = values_of(w, r, x->rq.types.n > 0);
	x->rs.rc = HLV_RC_VALUES_NOT_FOUND;
	if (values.n > 0)
		x->rs = (struct hlv_response){
			.rc = HLV_RC_SUCCESS, .kind = HLV_BODY_RECORD, .values = values};
}

static void submit(struct hlv_service *service, struct hlv_exchange *x)
{
	struct world *w = (struct world *)(void *)service;
	if (w->slow && !w->late) {
		assert_int_equal(hlv_exchange_keep(x), HLV_OK);
		w->late = x;
		return;
	}
	say(w, x);
	x->done(x);
}

static void batch_begin(struct hlv_service *service, struct hlv_now now)
{
	(void)service;
	(void)now;
}

static void batch_end(struct hlv_service *service)
{
	(void)service;
}

static void change(struct world *w)
{
	struct record *r = &w->registry[draw(w, IDENTIFIERS)];
	static const enum mood moods[] = {THERE, THERE,	 THERE,	 THERE,	 THERE,	   THERE,
					  THERE, ABSENT, ABSENT, BROKEN, ELSEWHERE};
	w->state++;
	w->changes++;
	*r = (struct record){.mood = moods[draw(w, COUNT(moods))],
			     .n = draw(w, VALUES_MAX + 1),
			     .absolute = draw(w, 12) == 0,
			     .ttl_s = (uint32_t)draw(w, 3) * 300,
			     .mtime_s = (uint32_t)draw(w, 2)};
	for (size_t i = 0; i < r->n; i++)
		r->values[i] = (uint8_t)draw(w, COUNT(records));
	if (r == &w->registry[0] && draw(w, 4)) { /* else nothing is answered for long */
		r->mood = THERE;
		r->n = 2;
		r->values[0] = (uint8_t)draw(w, 2);
	}
}

/* --- questions --- */

static void done(struct hlv_dns_job *job)
{
	struct world *w = job->desk->ctx;
	size_t limit = (size_t)job->conn; /* the test has none */
	struct hlv_writer out = hlv_writer(w->answer, sizeof w->answer);
	struct hlv_dns_form form = {.limit = limit};
	hlv_dns_ask_encode(&job->ask, &form, &out);
	assert_false(out.bad);
	w->answer_n = out.n;
	if (job->desk->finished && job->desk->state)
		hlv_dns_desk_keep(job->desk, &job->ask, limit, hlv_written(&out));
	hlv_dns_desk_end(job);
}

static void draw_question(struct world *w, struct asked *a)
{
	static const uint16_t types[] = {HLV_DNS_A,	HLV_DNS_A,     HLV_DNS_AAAA,
					 HLV_DNS_MX,	HLV_DNS_NS,    HLV_DNS_SOA,
					 HLV_DNS_TXT,	HLV_DNS_DS,    HLV_DNS_URI,
					 HLV_DNS_NAPTR, HLV_DNS_CNAME, HLV_DNS_CDS};
	struct hlv_writer q = hlv_writer(a->octets, sizeof a->octets);
	bool edns = draw(w, 2);
	hlv_put_u16(&q, 0);
	hlv_put_u16(&q, draw(w, 2) ? HLV_DNS_RD : draw(w, 2) ? HLV_DNS_CD : 0);
	hlv_put(&q, hlv_bytes("\0\1\0\0\0\0\0", 7));
	hlv_put_u8(&q, edns);
	assert_int_equal(hlv_dname_parse(hlv_text(names[draw(w, COUNT(names))]), &q), HLV_OK);
	hlv_put_u16(&q, types[draw(w, COUNT(types))]);
	hlv_put_u16(&q, 1);
	a->limit = HLV_DNS_UDP_PLAIN;
	if (edns) {
		hlv_put(&q, hlv_bytes("\0\0\x29", 3));
		hlv_put_u16(&q, HLV_DNS_UDP_MAX);
		hlv_put_u16(&q, 0);
		hlv_put_u16(&q, draw(w, 2) ? HLV_DNS_DO : draw(w, 2) ? HLV_DNS_CO : 0);
		hlv_put_u16(&q, 0);
		a->limit = HLV_DNS_UDP_BODY;
	}
	assert_false(q.bad);
	a->n = q.n;
}

/* One that was asked lately, or another. */
static struct hlv_bytes question(struct world *w, size_t *limit)
{
	struct asked *a = &w->lately[draw(w, LATELY)];
	if (a->n == 0 || draw(w, 8) == 0)
		draw_question(w, a);
	a->octets[0] = (uint8_t)draw(w, 256);
	*limit = a->limit;
	return hlv_bytes(a->octets, a->n);
}

static void make(struct world *w, struct hlv_dns_desk *d, struct hlv_bytes in, size_t limit)
{
	struct hlv_dns_job *job = hlv_dns_desk_take(d, in, &w->peer, w->now);
	assert_non_null(job);
	job->conn = (struct conn *)limit;
	w->answer_n = 0;
	hlv_dns_desk_begin(job);
	if (w->late) { /* it comes when the batch is over */
		struct hlv_exchange *x = w->late;
		uint64_t state = d->state;
		w->late = NULL;
		w->slow = false;
		d->state = 0;
		say(w, x);
		x->done(x);
		d->state = state;
	}
	assert_true(w->answer_n > 0);
}

/* As front_udp.c does it. Returns whether the answer was a kept one. */
static bool ask_keeping(struct world *w, struct hlv_bytes in, size_t limit)
{
	struct hlv_dns_query q;
	struct hlv_dns_asker who = {&w->keeping, &w->peer, w->now};
	assert_true(hlv_dns_query_read(in, &q));
	w->keeping.state = w->state;
	w->answer_n = hlv_dns_desk_finished(&who, &q, limit, w->answer);
	bool kept = w->answer_n > 0;
	if (!kept)
		make(w, &w->keeping, in, limit);
	w->keeping.state = 0;
	return kept;
}

/* A probe whose answer comes too late is nobody's, and frees itself. */
static void let_come(struct world *w)
{
	struct hlv_exchange *x = w->late;
	w->late = NULL;
	if (!x)
		return;
	say(w, x);
	x->done(x);
}

static void check_one(struct world *w, uint64_t step, size_t *kept)
{
	uint8_t first[ANSWER_MAX];
	size_t limit;
	struct hlv_bytes in = question(w, &limit);
	w->slow = draw(w, 50) == 0;
	w->peer.trusted = draw(w, 2);
	uint64_t asked = w->asked;
	bool was_kept = ask_keeping(w, in, limit);
	*kept += was_kept && w->asked > asked;
	let_come(w);
	w->slow = false;
	size_t n = w->answer_n;
	memcpy(first, w->answer, n);
	make(w, &w->making, in, limit);
	char row[64];
	snprintf(row, sizeof row, "step %llu: %s", (unsigned long long)step,
		 was_kept ? "kept" : "made");
	check_bytes(row, hlv_bytes(first, n), hlv_bytes(w->answer, w->answer_n));
}

static void run(struct world *w, uint64_t seed)
{
	size_t kept = 0;
	w->random = seed;
	for (uint64_t i = 0; i < STEPS; i++) {
		if (draw(w, 3) == 0)
			change(w);
		if (draw(w, 200) == 0)
			w->now.wall_ms += draw(w, 30000) * 1000;
		check_one(w, i, &kept);
	}
	/* Else it says nothing: that many were from another state, and as good as new. */
	if (kept < STEPS / 20)
		fail_msg("only %zu answers were asked about and kept", kept);
}

static void test_kept(void **state)
{
	run(*state, 0x9E3779B97F4A7C15);
}

static void test_kept_signed(void **state)
{
	struct world *w = *state;
	check_err("key", hlv_key_generate(HLV_KEY_P256, &w->key), HLV_OK);
	w->dnssec = hlv_dnssec_new(w->key, 64 << 20, w->shared.secret);
	assert_non_null(w->dnssec);
	w->keeping.dnssec = w->making.dnssec = w->dnssec;
	run(w, 0xD1B54A32D192ED03);
}

static uint64_t asked_for(struct world *w, struct hlv_bytes in)
{
	uint64_t asked = w->asked;
	ask_keeping(w, in, HLV_DNS_UDP_PLAIN);
	return w->asked - asked;
}

/* What it costs: nothing while the registry is the same; then one question for each identifier, and none
 * for an apex that was asked for already. */
static void test_cost(void **state)
{
	static const uint8_t www[] = "\0\1\0\0\0\1\0\0\0\0\0\0\3www\1z\7example\0\0\1\0\1";
	static const uint8_t no[] = "\0\1\0\0\0\1\0\0\0\0\0\0\2no\1z\7example\0\0\1\0\1";
	struct hlv_bytes in = hlv_bytes(www, sizeof www - 1),
			 other = hlv_bytes(no, sizeof no - 1);
	struct world *w = *state;
	for (size_t i = 0; i < IDENTIFIERS; i++)
		w->registry[i].mood = ABSENT;
	w->registry[0] = (struct record){.n = 1, .ttl_s = 60};
	w->registry[1] = (struct record){.n = 1, .values = {4}, .ttl_s = 60};
	assert_int_equal(asked_for(w, in), 2);
	assert_int_equal(asked_for(w, in), 0);
	assert_int_equal(asked_for(w, other), 2); /* and the wild card */
	w->state++;
	assert_int_equal(asked_for(w, in), 2);
	assert_int_equal(asked_for(w, in), 0);
	assert_int_equal(asked_for(w, other), 2);
	w->state++;
	w->registry[1].values[0] = 5;
	assert_int_equal(asked_for(w, in), 3); /* once to see it, once to answer */
	assert_int_equal(w->answer[w->answer_n - 1], 2);
}

static void open_desk(struct world *w, struct hlv_dns_desk *d, struct hlv_front *front)
{
	front->service = &w->service;
	front->limits = &w->limits;
	assert_true(hlv_dns_desk_open(d, front, &w->shared));
	d->done = done;
	d->ctx = w;
}

static int setup(void **state)
{
	static char rows[][48] = {"z.example. 1/z", "y.example. 1/y",
				  "id.example identifiers 88 ns1.example."};
	char *list[] = {rows[0], rows[1], rows[2]}, why[256];
	struct world *w = calloc(1, sizeof *w);
	*state = w;
	if (!w || hlv_dns_zones_parse(list, 3, &w->shared.zones, why) != HLV_OK)
		return -1;
	w->service = (struct hlv_service){
		.submit = submit, .batch_begin = batch_begin, .batch_end = batch_end};
	w->shared.secret[0] = 1;
	w->state = 1;
	w->now.wall_ms = UINT64_C(1000) * START_S;
	open_desk(w, &w->keeping, &w->fronts[0]);
	open_desk(w, &w->making, &w->fronts[1]);
	w->keeping.finished = hlv_dns_finished_new(1 << 20, w->shared.secret);
	return w->keeping.finished ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;
	w->keeping.dnssec = w->making.dnssec = NULL;
	hlv_dnssec_free(w->dnssec);
	hlv_key_free(w->key);
	hlv_dns_desk_close(&w->keeping);
	hlv_dns_desk_close(&w->making);
	for (size_t i = 0; i < COUNT(w->fronts); i++) {
		assert_int_equal(w->fronts[i].inflight, 0);
		hlv_ask_free(&w->fronts[i]);
	}
	hlv_dns_zones_fini(&w->shared.zones);
	free(w);
	return 0;
}

/* What is configured is a worker's, however many addresses it has. */
static void test_memory_is_shared(void **state)
{
	(void)state;
	struct hlv_addr addrs[4];
	struct dns_options o = {.listen = {.list = addrs}, .key = "", .cache_octets = 4096};
	for (size_t n = 0; n <= COUNT(addrs); n++) {
		struct hlv_dns_shared shared = {0};
		struct hlv_daemon_stream stream;
		char why[512];
		o.listen.n = n;
		assert_int_equal(hlv_dns_prepare(&shared, &o, &stream, why), HLV_OK);
		assert_int_equal(shared.cache_octets, n > 1 ? 4096 / n : 4096);
		hlv_dns_shared_fini(&shared);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_kept), TEST(test_kept_signed),
					   TEST(test_cost),
					   cmocka_unit_test(test_memory_is_shared)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
