/* SPDX-License-Identifier: Apache-2.0
 *
 * The registrar's own thread, with exchanges made by hand in place of a front end. A gate holds the
 * thread while a test posts, so that what belongs into one batch comes in one. Nothing waits for
 * time: a test waits for its exchanges to come home.
 */
#include <poll.h>
#include <semaphore.h>
#include <unistd.h>

#include "proto/net/actor.h"
#include "proto/net/front_native.h"
#include "server/authn_inner.h"
#include "server/registrar_inner.h"
#include "server/txn_wire.h"
#include "tests/unit/admins.h"
#include "tests/unit/unit.h"

enum { MANY = 400, ARENA = 4 << 20 };

struct gate {
	struct hlv_mail mail;
	sem_t reached, open, left;
};

struct front {
	struct gate gate;
	struct admins admins;
	struct node node;
	struct registrar_rules rules;
	struct registrar *registrar;
	struct hlv_mailbox box;
	struct hlv_login login; /* 300:0.NA/88.118 */
	char dir[64];
	struct hlv_exchange *x[MANY];
	unsigned came[MANY]; /* how often each came home */
	size_t n, home;
	struct hlv_exchange *last;
	size_t arena;
	bool by_login;
};

static struct front *front;

/* --- the gate --- */

static void stand(struct hlv_mail *mail, void *receiver)
{
	(void)receiver;
	struct gate *gate = (struct gate *)(void *)mail; /* its first member */
	sem_post(&gate->reached);
	while (sem_wait(&gate->open) != 0)
		continue;
	sem_post(&gate->left);
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		continue;
}

static void close_gate(struct front *w)
{
	w->gate.mail.open = stand;
	hlv_mailbox_post(hlv_actor_mailbox(w->registrar->actor), &w->gate.mail);
	wait_for(&w->gate.reached);
}

static void open_gate(struct front *w)
{
	sem_post(&w->gate.open);
	wait_for(&w->gate.left);
}

/* --- set-up --- */

static int setup(void **state)
{
	struct front *w = calloc(1, sizeof *w);
	char why[256] = "";
	assert_non_null(w);
	front = w;
	admins_fill(&w->admins);
	snprintf(w->dir, sizeof w->dir, "/tmp/helve-registrar-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->node = (struct node){.servers = 1, .primary = true, .hash_option = HLV_HASH_ALL};
	w->rules.plan = w->admins.rules;
	w->rules.data_dir = w->dir;
	w->rules.undo_days = 7;
	w->login.who = (struct hlv_ref){hlv_text("0.NA/88.118"), 300};
	w->arena = ARENA;
	sem_init(&w->gate.reached, 0, 0);
	sem_init(&w->gate.open, 0, 0);
	sem_init(&w->gate.left, 0, 0);
	check_err("mailbox", hlv_mailbox_init(&w->box), HLV_OK);
	check_err(why,
		  registrar_start(w->admins.store, &w->node, &w->rules, &w->registrar, why),
		  HLV_OK);
	/* Its first round tidies up; what a test sees is what the test has asked for. */
	for (int i = 0; i < 2; i++) {
		close_gate(w);
		open_gate(w);
	}
	*state = w;
	return 0;
}

static void forget(struct front *w)
{
	for (size_t i = 0; i < w->n; i++) {
		hlv_arena_fini(&w->x[i]->arena);
		free(w->x[i]);
	}
	w->n = w->home = 0;
	memset(w->came, 0, sizeof w->came);
}

static int teardown(void **state)
{
	struct front *w = *state;
	char path[128];
	registrar_stop(w->registrar);
	forget(w);
	hlv_mailbox_fini(&w->box);
	static const char *const names[] = {"head", "ballast"};
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/%s", w->dir, names[i]);
		unlink(path);
	}
	rmdir(w->dir);
	admins_close(&w->admins);
	free(w);
	return 0;
}

/* --- exchanges --- */

static void came_home(struct hlv_exchange *x)
{
	size_t i = (size_t)((struct hlv_exchange **)x->front - front->x);
	front->came[i]++;
	front->home++;
	front->last = x;
}

static struct hlv_exchange *submit(struct front *w, struct hlv_request *rq)
{
	uint8_t *octets = malloc(HLV_MESSAGE_MAX);
	assert_non_null(octets);
	assert_true(w->n < MANY);
	struct hlv_exchange *x = w->x[w->n] = calloc(1, sizeof *x);
	assert_non_null(x);
	hlv_arena_init(&x->arena, ARENA);
	x->home = &w->box;
	x->now = hlv_clock();
	x->done = came_home;
	x->front = &w->x[w->n++];
	x->peer = (struct hlv_peer){
		.transport = HLV_T_LOCAL, .interface_kind = 3, .verified = true};
	if (w->by_login) {
		x->peer.transport = HLV_T_TCP;
		x->peer.logins = &w->login;
	}
	rq->m.env = (struct hlv_envelope){.major = 2,
					  .minor = 11,
					  .suggest_major = 2,
					  .suggest_minor = 11,
					  .request_id = (uint32_t)w->n};
	rq->m.hdr.expiration_s = hlv_now_s(x->now) + 3600;
	struct hlv_writer out = hlv_writer(octets, HLV_MESSAGE_MAX);
	hlv_request_encode(&out, rq);
	assert_false(out.bad);
	assert_int_equal(hlv_native_decode(hlv_written(&out), x), HLV_NATIVE_SUBMIT);
	check_err("keep", hlv_exchange_keep(x), HLV_OK);
	free(octets);
	x->arena.limit = x->arena.used + w->arena;
	assert_true(registrar_submit(w->registrar, x));
	return x;
}

static struct hlv_exchange *ask(struct front *w, uint32_t op, const char *id,
				const char *values)
{
	struct hlv_arena a;
	hlv_arena_init(&a, 1 << 20);
	struct hlv_request rq = {.m.hdr.op = op, .handle = hlv_text(id)};
	if (op == HLV_OP_REMOVE_VALUE)
		rq.indexes = admins_indexes(&a, values);
	else if (values)
		rq.values = admins_values(&a, values);
	struct hlv_exchange *x = submit(w, &rq);
	hlv_arena_fini(&a);
	return x;
}

static struct hlv_exchange *ask_octets(struct front *w, uint32_t op, const char *verb,
				       struct hlv_bytes octets)
{
	struct hlv_request rq = {.m.hdr.op = op, .handle = hlv_text(verb), .octets = octets};
	return submit(w, &rq);
}

/* Until `n` messages have come home in all. */
static void wait_home(struct front *w, size_t n)
{
	while (w->home < n) {
		struct pollfd p = {.fd = w->box.fd, .events = POLLIN};
		poll(&p, 1, -1);
		hlv_mailbox_take(&w->box, NULL);
	}
}

static void all_home(struct front *w)
{
	wait_home(w, w->n);
	for (size_t i = 0; i < w->n; i++)
		check_u64("times that it came home", w->came[i], 1);
}

/* Nobody else looks at the store while this does. */
static void check_record(struct front *w, const char *id, const char *want)
{
	char text[256];
	close_gate(w);
	admins_record(&w->admins, id, text, sizeof text);
	open_gate(w);
	if (strncmp(text, want, strlen(want)) != 0)
		fail_msg("%s: \"%s\", expected \"%s\"", id, text, want);
}

static void check_rc(struct front *w, size_t from, size_t to, uint32_t rc)
{
	for (size_t i = from; i < to; i++) {
		char row[32];
		snprintf(row, sizeof row, "code of exchange %zu", i);
		check_u64(row, w->x[i]->rs.rc, rc);
	}
}

static void create_many(struct front *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char id[32];
		snprintf(id, sizeof id, "88.118/MANY%u", i);
		ask(w, HLV_OP_CREATE_HANDLE, id, "1 URL a");
	}
}

/* --- batches --- */

static void test_one_batch(void **state)
{
	struct front *w = *state;
	close_gate(w);
	create_many(w, 300);
	open_gate(w);
	all_home(w);
	check_rc(w, 0, 300, HLV_RC_SUCCESS);
	close_gate(w);
	check_u64("changes", w->registrar->stats.committed, 300);
	check_u64("commits", w->registrar->stats.groups, 2); /* GROUP_JOBS, and the rest */
	check_u64("waiting", w->registrar->waiting, 0);
	open_gate(w);
	check_record(w, "88.118/MANY299", "1:URL=a");
}

/* What one connection sends about one identifier is done in its order. */
static void test_order(void **state)
{
	static const struct {
		uint32_t op;
		const char *values;
		uint32_t rc;
	} rows[] = {
		{HLV_OP_CREATE_HANDLE, "1 URL a", HLV_RC_SUCCESS},
		{HLV_OP_CREATE_HANDLE, "1 URL a", HLV_RC_EXISTS},
		{HLV_OP_ADD_VALUE, "2 URL b", HLV_RC_SUCCESS},
		{HLV_OP_ADD_VALUE, "2 URL b", HLV_RC_VALUE_EXISTS},
		{HLV_OP_REMOVE_VALUE, "1", HLV_RC_SUCCESS},
		{HLV_OP_DELETE_HANDLE, NULL, HLV_RC_SUCCESS},
		{HLV_OP_DELETE_HANDLE, NULL, HLV_RC_NOT_FOUND},
		{HLV_OP_CREATE_HANDLE, "3 URL c", HLV_RC_SUCCESS},
	};
	struct front *w = *state;
	close_gate(w);
	for (size_t i = 0; i < COUNT(rows); i++) {
		ask(w, rows[i].op, "88.118/ORDER", rows[i].values);
		char id[32];
		snprintf(id, sizeof id, "88.118/BESIDE%zu", i);
		ask(w, HLV_OP_CREATE_HANDLE, id, "1 URL a");
	}
	open_gate(w);
	all_home(w);
	for (size_t i = 0; i < COUNT(rows); i++)
		check_u64("code", w->x[2 * i]->rs.rc, rows[i].rc);
	check_record(w, "88.118/ORDER", "3:URL=c");
}

/* The prefix record changes in the same group: what rests on it is planned again, before what
 * came after it. */
static void test_conflict(void **state)
{
	struct front *w = *state;
	close_gate(w);
	ask(w, HLV_OP_ADD_VALUE, "0.NA/88.118", "7 URL a");
	ask(w, HLV_OP_CREATE_HANDLE, "88.118/C1", "1 URL a");
	ask(w, HLV_OP_CREATE_HANDLE, "88.118/C2", "1 URL a");
	ask(w, HLV_OP_ADD_VALUE, "88.118/C1", "2 URL b");
	ask(w, HLV_OP_DELETE_HANDLE, "88.118/C2", NULL);
	open_gate(w);
	all_home(w);
	check_rc(w, 0, 5, HLV_RC_SUCCESS);
	check_record(w, "88.118/C1", "1:URL=a! 2:URL=b!");
	check_record(w, "88.118/C2", "(deleted)");
}

/* --- quotas --- */

static void set_limit(struct front *w, const char *json)
{
	struct hlv_exchange *x = ask_octets(w, HLV_OP_HELVE_CONTROL, "quota", hlv_text(json));
	wait_home(w, w->n);
	check_u64(json, x->rs.rc, HLV_RC_SUCCESS);
}

static struct quota used(struct front *w)
{
	close_gate(w);
	assert_int_equal(w->registrar->quota.n, 1);
	struct quota q = w->registrar->quota.list[0];
	open_gate(w);
	return q;
}

/* Planned twice, counted once; and a group that comes to nothing uses up nothing. */
/* By the key that admins_fill() gave it. */
static void log_in(struct front *w)
{
	struct hlv_exchange x = {.now = hlv_clock()};
	struct job j = {.x = &x, .proof.kind = hlv_text("HS_SECKEY")};
	struct hlv_value v = {.index = 300, .mtime_s = 1000000000, .data = hlv_text("k")};
	close_gate(w);
	assert_true(authn_note_proven(w->registrar->authn, &j, &v, false));
	open_gate(w);
	w->login.proven = j.proven;
	w->by_login = true;
}

static void test_quota(void **state)
{
	struct front *w = *state;
	set_limit(w, "{\"subject\":\"300:0.NA/88.118\",\"records\":4,\"perDay\":100}");
	log_in(w);
	close_gate(w);
	ask(w, HLV_OP_ADD_VALUE, "0.NA/88.118", "7 URL a");
	ask(w, HLV_OP_CREATE_HANDLE, "88.118/Q1", "1 URL a");
	ask(w, HLV_OP_CREATE_HANDLE, "88.118/Q2", "1 URL a");
	open_gate(w);
	all_home(w);
	check_rc(w, 1, 4, HLV_RC_SUCCESS);
	check_u64("made", used(w).made, 2);
	check_u64("used", used(w).used, 3);
	close_gate(w);
	store_mem_fail(w->admins.store, 1, HLV_E_NOMEM);
	for (unsigned i = 3; i < 8; i++) {
		char id[32];
		snprintf(id, sizeof id, "88.118/Q%u", i);
		ask(w, HLV_OP_CREATE_HANDLE, id, "1 URL a");
	}
	open_gate(w);
	all_home(w);
	check_rc(w, 4, 6, HLV_RC_ERROR);
	check_rc(w, 6, 9, HLV_RC_INSUFFICIENT_PERMISSIONS);
	check_u64("made", used(w).made, 2);
	check_u64("used", used(w).used, 3);
	ask(w, HLV_OP_CREATE_HANDLE, "88.118/Q3", "1 URL a");
	all_home(w);
	check_rc(w, 9, 10, HLV_RC_SUCCESS);
	check_u64("made", used(w).made, 3);
}

/* A limit that could not be kept limits nobody. */
static void test_quota_that_is_not_kept(void **state)
{
	struct front *w = *state;
	close_gate(w);
	store_mem_fail(w->admins.store, 1, HLV_E_NOMEM);
	ask_octets(w, HLV_OP_HELVE_CONTROL, "quota",
		   hlv_text("{\"subject\":\"88.118\",\"records\":1}"));
	open_gate(w);
	all_home(w);
	check_rc(w, 0, 1, HLV_RC_ERROR);
	close_gate(w);
	check_u64("limits", w->registrar->quota.n, 0);
	open_gate(w);
}

/* --- failures --- */

static void test_commit_fails(void **state)
{
	static const struct {
		enum hlv_err err;
		uint32_t rc;
	} rows[] = {{HLV_E_NOMEM, HLV_RC_ERROR}, {HLV_E_PERMISSION, HLV_RC_READ_ONLY}};
	struct front *w = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		close_gate(w);
		store_mem_fail(w->admins.store, 1, rows[i].err);
		create_many(w, 50);
		open_gate(w);
		all_home(w);
		check_rc(w, 0, 50, rows[i].rc);
		check_record(w, "88.118/MANY0", "(absent)");
		check_record(w, "88.118/MANY49", "(absent)");
		forget(w);
	}
}

/* One that is too large fails alone: the others of its group are committed apart. */
static void test_no_room_for_all(void **state)
{
	struct front *w = *state;
	close_gate(w);
	store_mem_fail(w->admins.store, 1, HLV_E_FULL);
	create_many(w, 50);
	open_gate(w);
	all_home(w);
	check_rc(w, 0, 50, HLV_RC_SUCCESS);
	check_record(w, "88.118/MANY49", "1:URL=a!");
}

/* Whoever was given away comes home, though the server stops. */
static void test_stop(void **state)
{
	struct front *w = *state;
	close_gate(w);
	create_many(w, 300);
	open_gate(w);
	registrar_stop(w->registrar);
	w->registrar = NULL;
	all_home(w);
	check_rc(w, 0, 300, HLV_RC_SUCCESS);
}

static void test_no_memory(void **state)
{
	struct front *w = *state;
	uint32_t rc = 0;
	for (w->arena = 0; rc != HLV_RC_SUCCESS; w->arena += 97) {
		assert_true(w->arena < 1 << 16);
		struct hlv_exchange *x = ask(w, HLV_OP_CREATE_HANDLE, "88.118/OOM", "1 URL a");
		all_home(w);
		rc = x->rs.rc;
		/* whoever could not be told that it was done finds it done */
		if (rc != HLV_RC_SUCCESS && rc != HLV_RC_EXISTS)
			check_u64("code", rc, HLV_RC_ERROR);
		if (rc == HLV_RC_EXISTS)
			break;
		forget(w);
	}
	check_record(w, "88.118/OOM", "1:URL=a!");
}

/* --- long answers --- */

static void test_long_list(void **state)
{
	enum { NAMES = 4000 };
	struct front *w = *state;
	close_gate(w);
	admins_home(&w->admins, "0.NA/88.7");
	for (unsigned i = 0; i < NAMES; i++) {
		char id[32];
		snprintf(id, sizeof id, "88.7/L%05u", i);
		admins_put(&w->admins, id, "1 URL a");
	}
	open_gate(w);
	struct hlv_exchange *x = ask(w, HLV_OP_LIST_HANDLES, "0.NA/88.7", NULL);
	unsigned pages = 0, names = 0;
	bool more;
	do {
		wait_home(w, pages + 1);
		pages++;
		check_u64("code", x->rs.rc, HLV_RC_SUCCESS);
		names += x->rs.handles.n;
		more = x->more;
		if (more)
			assert_true(registrar_submit(w->registrar, x));
	} while (more);
	check_u64("names", names, NAMES);
	check_u64("pages", pages, NAMES / 50);
	w->home = w->n;
}

/* A list shows what was registered before it. */
static void test_list_of_now(void **state)
{
	struct front *w = *state;
	close_gate(w);
	admins_home(&w->admins, "0.NA/88.7");
	for (unsigned i = 0; i < 3; i++) {
		char id[32];
		snprintf(id, sizeof id, "88.7/N%u", i);
		ask(w, HLV_OP_CREATE_HANDLE, id, "1 URL a");
	}
	ask(w, HLV_OP_LIST_HANDLES, "0.NA/88.7", NULL);
	open_gate(w);
	all_home(w);
	check_rc(w, 0, 4, HLV_RC_SUCCESS);
	check_u64("names", w->x[3]->rs.handles.n, 3);
}

/* --- transactions of a tool --- */

static void test_more_than_a_group(void **state)
{
	enum { TXNS = GROUP_TXNS + 100, ROOM = 1 << 18 };
	struct front *w = *state;
	uint8_t *octets = malloc(ROOM);
	assert_non_null(octets);
	struct hlv_writer out = hlv_writer(octets, ROOM);
	hlv_put_u32(&out, TXNS);
	for (unsigned i = 0; i < TXNS; i++) {
		char name[32];
		snprintf(name, sizeof name, "tool:%u", i);
		struct store_put put = {SPACE_META, hlv_text(name), hlv_text("x")};
		txn_wire_put(&out, &(struct store_txn){.puts = &put, .nputs = 1});
	}
	close_gate(w);
	ask(w, HLV_OP_CREATE_HANDLE, "88.118/BEFORE", "1 URL a");
	ask_octets(w, HLV_OP_HELVE_COMMIT, "", hlv_written(&out));
	ask(w, HLV_OP_CREATE_HANDLE, "88.118/BEHIND", "1 URL a");
	open_gate(w);
	all_home(w);
	free(octets);
	check_rc(w, 0, 3, HLV_RC_SUCCESS);
	check_u64("octets", w->x[1]->rs.octets.n, TXN_WIRE_HEAD + TXNS * TXN_WIRE_ANSWER);
	struct hlv_reader r = hlv_reader(w->x[1]->rs.octets);
	check_u64("answers", hlv_get_u32(&r), TXNS);
	for (unsigned i = 0; i < TXNS; i++) {
		check_u64("error", hlv_get_u32(&r), 0);
		hlv_get_u64(&r);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_one_batch),
		TEST(test_order),
		TEST(test_conflict),
		TEST(test_quota),
		TEST(test_quota_that_is_not_kept),
		TEST(test_commit_fails),
		TEST(test_no_room_for_all),
		TEST(test_stop),
		TEST(test_no_memory),
		TEST(test_long_list),
		TEST(test_list_of_now),
		TEST(test_more_than_a_group),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
