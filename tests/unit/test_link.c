/* SPDX-License-Identifier: Apache-2.0
 *
 * The control socket and the connection that stays open: a worker that echoes, and a peer of which
 * this test plays each octet.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/net/link.h"
#include "proto/net/local.h"
#include "proto/net/loop.h"
#include "tests/unit/unit.h"

enum { IN_TIME = 60000, /* ms; for what comes */ AT_ONCE = 1 /* for what does not */ };

static struct {
	char dir[32], path[64];
	struct hlv_service service;
	struct hlv_limits limits;
	struct hlv_verified *verified;
	struct hlv_worker *worker;
	struct hlv_addr addr;
} world;

/* The identifier comes back as the error's text, behind who asked. */
static void submit(struct hlv_service *service, struct hlv_exchange *x)
{
	(void)service;
	char *text = hlv_alloc(&x->arena, 64 + x->rq.handle.n);
	assert_non_null(text);
	const struct hlv_peer *p = &x->peer;
	int n = snprintf(text, 64, "%d %d %d %d %u %u ", p->transport, p->trusted, p->verified,
			 p->conn != 0, p->uid, p->interface_kind);
	if (x->rq.handle.n)
		memcpy(text + n, x->rq.handle.p, x->rq.handle.n);
	x->rs = (struct hlv_response){.rc = HLV_RC_NOT_FOUND,
				      .text = hlv_bytes(text, (size_t)n + x->rq.handle.n)};
	x->done(x);
}

static void ignore_begin(struct hlv_service *service, struct hlv_now now)
{
	(void)service;
	(void)now;
}

static void ignore_end(struct hlv_service *service)
{
	(void)service;
}

static void start_worker(void)
{
	char why[256];
	struct hlv_sockets sockets;
	world.service = (struct hlv_service){
		.submit = submit, .batch_begin = ignore_begin, .batch_end = ignore_end};
	/* So few that only the control socket's own ones can be in force there. */
	world.limits = (struct hlv_limits){.tcp_connections = 16,
					   .tcp_per_source = 1,
					   .tcp_requests = 3,
					   .tcp_first_s = 60,
					   .tcp_message_s = 60,
					   .tcp_stall_s = 60,
					   .tcp_life_s = 600};
	assert_int_equal(hlv_addr_parse("127.0.0.1:0", 0, &world.addr), HLV_OK);
	check_err(why, hlv_sockets_bind(&world.addr, "listen", &sockets, why), HLV_OK);
	world.verified = hlv_verified_new(1);
	int fd;
	check_err(why, hlv_local_bind(world.path, 0660, &fd, why), HLV_OK);
	struct hlv_worker_options o = {.service = &world.service,
				       .limits = &world.limits,
				       .verified = world.verified,
				       .sockets = &sockets,
				       .n = 1,
				       .control = fd};
	world.worker = hlv_worker_start(&o);
	assert_non_null(world.worker);
}

static void stop_worker(void)
{
	hlv_worker_stop(world.worker);
	hlv_verified_free(world.verified);
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(world.dir, sizeof world.dir, "/tmp/hlv-link-XXXXXX");
	if (!mkdtemp(world.dir))
		return -1;
	snprintf(world.path, sizeof world.path, "%s/socket", world.dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(world.path);
	return rmdir(world.dir);
}

static struct hlv_link *open_link(enum hlv_transport transport)
{
	char why[256] = "";
	struct hlv_link_to to = {
		.transport = transport, .addr = world.addr, .path = world.path};
	struct hlv_link *l = NULL;
	check_err(why, hlv_link_open(&to, &l, why), HLV_OK);
	return l;
}

static struct hlv_bytes question(struct hlv_buf *b, uint32_t id, struct hlv_bytes handle)
{
	struct hlv_request rq = {
		.m.env = {.major = 2, .minor = 11, .request_id = id},
		.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = HLV_F_KEEP_ALIVE},
		.handle = handle,
	};
	size_t at = b->n, cap = handle.n + 256;
	void *room = hlv_buf_room(b, cap);
	assert_non_null(room);
	struct hlv_writer w = hlv_writer(room, cap);
	hlv_request_encode(&w, &rq);
	assert_false(w.bad);
	b->n = at + w.n;
	return hlv_skip(hlv_buf_bytes(b), at);
}

static uint32_t check_answer(struct hlv_bytes message, const char *text)
{
	struct hlv_message m;
	struct hlv_response rs;
	assert_int_equal(hlv_message_decode(message, &m), HLV_OK);
	assert_int_equal(hlv_response_decode(&m, &rs), HLV_OK);
	if (text)
		check_text("answer", rs.text, text);
	return m.env.request_id;
}

static void says_who_is_there(void **state)
{
	(void)state;
	start_worker();
	struct {
		enum hlv_transport transport;
		int times;
		uint32_t uid;
	} rows[] = {{HLV_T_LOCAL, 20, getuid()}, {HLV_T_TCP, 3, 0}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_link *l = open_link(rows[i].transport);
		bool local = rows[i].transport == HLV_T_LOCAL;
		char text[64];
		snprintf(text, sizeof text, "%d %d 1 1 %u 3 0.NA/1", rows[i].transport, local,
			 rows[i].uid);
		for (int k = 0; k < rows[i].times; k++) {
			struct hlv_buf rq = {0}, rs = {0};
			struct hlv_bytes q = question(&rq, 7, hlv_text("0.NA/1"));
			check_err(text, hlv_link_ask(l, q, &rs, IN_TIME), HLV_OK);
			assert_int_equal(check_answer(hlv_buf_bytes(&rs), text), 7);
			hlv_buf_free(&rq);
			hlv_buf_free(&rs);
		}
		hlv_link_close(l);
	}
	/* More connections than one source may have. */
	struct hlv_link *many[8];
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = open_link(HLV_T_LOCAL);
	for (size_t i = 0; i < COUNT(many); i++) {
		struct hlv_buf b = {0};
		struct hlv_bytes q = question(&b, 8, hlv_text("0.NA/1"));
		check_err("many", hlv_link_send(many[i], q, IN_TIME), HLV_OK);
		hlv_buf_clear(&b);
		check_err("many", hlv_link_receive(many[i], &b, IN_TIME), HLV_OK);
		hlv_buf_free(&b);
		hlv_link_close(many[i]);
	}
	stop_worker();
}

/* Sent long before anything is received; both sides would wait for each other if sending did not
 * read too. */
static void sends_ahead(void **state)
{
	(void)state;
	enum { MANY = 3000, LONG = 2000 };
	start_worker();
	struct hlv_link *l = open_link(HLV_T_LOCAL);
	uint8_t *handle = malloc(LONG);
	assert_non_null(handle);
	memset(handle, 'x', LONG);
	for (uint32_t i = 0; i < MANY; i++) {
		struct hlv_buf b = {0};
		struct hlv_bytes q = question(&b, i, hlv_bytes(handle, LONG));
		check_err("send", hlv_link_send(l, q, IN_TIME), HLV_OK);
		hlv_buf_free(&b);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		struct hlv_buf b = {0};
		check_err("receive", hlv_link_receive(l, &b, IN_TIME), HLV_OK);
		assert_int_equal(check_answer(hlv_buf_bytes(&b), NULL), i);
		hlv_buf_free(&b);
	}
	struct hlv_buf b = {0};
	check_err("no more", hlv_link_receive(l, &b, AT_ONCE), HLV_E_TIMEOUT);
	assert_int_equal(b.n, 0);
	free(handle);
	hlv_link_close(l);
	stop_worker();
}

/* A stranger's messages are short; a registry's own tools may send the longest. */
static void takes_long_messages(void **state)
{
	(void)state;
	start_worker();
	struct hlv_link *l = open_link(HLV_T_LOCAL);
	struct hlv_buf rq = {0}, rs = {0};
	struct hlv_request r = {.m.env = {.major = 2, .minor = 11, .request_id = 5},
				.m.hdr = {.op = HLV_OP_HELVE_COMMIT}};
	size_t cap = HLV_ENVELOPE_SIZE + HLV_MESSAGE_MAX;
	r.octets = hlv_bytes(calloc(1, HLV_MESSAGE_MAX - 100), HLV_MESSAGE_MAX - 100);
	struct hlv_writer w = hlv_writer(hlv_buf_room(&rq, cap), cap);
	hlv_request_encode(&w, &r);
	assert_false(w.bad);
	check_err("long", hlv_link_ask(l, hlv_written(&w), &rs, IN_TIME), HLV_OK);
	assert_int_equal(check_answer(hlv_buf_bytes(&rs), NULL), 5);
	free((void *)(uintptr_t)r.octets.p);
	hlv_buf_free(&rq);
	hlv_buf_free(&rs);
	hlv_link_close(l);
	stop_worker();
}

static void binds_where_nobody_is(void **state)
{
	(void)state;
	char why[256];
	int fd, other;
	struct stat st;
	mode_t mask = umask(0777); /* the mode is ours to say */
	check_err("fresh", hlv_local_bind(world.path, 0640, &fd, why), HLV_OK);
	umask(mask);
	assert_int_equal(stat(world.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	check_err("taken", hlv_local_bind(world.path, 0660, &other, why), HLV_E_BUSY);
	assert_non_null(strstr(why, world.path));
	/* Still the first one's. */
	check_err("first", hlv_local_connect(world.path, &other), HLV_OK);
	assert_int_equal(hlv_local_uid(other), getuid());
	close(other);
	close(fd);
	check_err("dead", hlv_local_connect(world.path, &other), HLV_E_IO);
	check_err("replaced", hlv_local_bind(world.path, 0660, &fd, why), HLV_OK);
	close(fd);
	unlink(world.path);

	fd = open(world.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	check_err("a file", hlv_local_bind(world.path, 0660, &fd, why), HLV_E_IO);
	assert_int_equal(access(world.path, F_OK), 0);
	unlink(world.path);
	check_err("empty", hlv_local_bind("", 0660, &fd, why), HLV_E_USAGE);
	char path[256];
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	check_err("too long", hlv_local_bind(path, 0660, &fd, why), HLV_E_USAGE);
	check_err("no folder", hlv_local_bind("/nonexistent/x", 0660, &fd, why), HLV_E_IO);
}

static void tells_why_not(void **state)
{
	(void)state;
	char longest[200];
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	struct hlv_addr nobody;
	assert_int_equal(hlv_addr_parse("127.0.0.1:1", 0, &nobody), HLV_OK);
	struct {
		const char *name;
		struct hlv_link_to to;
		enum hlv_err err;
	} rows[] = {
		{"no socket", {.transport = HLV_T_LOCAL, .path = world.path}, HLV_E_IO},
		{"long path", {.transport = HLV_T_LOCAL, .path = longest}, HLV_E_USAGE},
		{"no server", {.transport = HLV_T_TCP, .addr = nobody}, HLV_E_IO},
		{"datagrams", {.transport = HLV_T_UDP, .addr = nobody}, HLV_E_UNSUPPORTED},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char why[256] = "";
		struct hlv_link *l = NULL;
		check_err(rows[i].name, hlv_link_open(&rows[i].to, &l, why), rows[i].err);
		assert_null(l);
		assert_true(strlen(why) > 0);
	}
}

/* Octets that the other side sends, and what becomes of a question to it. */
static void judges_what_comes(void **state)
{
	(void)state;
	struct {
		const char *name, *hex;
		enum hlv_err err;
		size_t n; /* octets of the answer */
		bool open;
	} rows[] = {
#define ENV(id, n) "020b0000 00000000 " id " 00000000 " n
#define HEAD(op, rc, flags, n) op rc flags "00010000 5e000000 " n
#define ERROR_1(id, flags)                                                                     \
	ENV(id, "00000020")                                                                    \
	HEAD("00000001", "00000064", flags, "00000004")                                        \
	"00000000"                                                                             \
	"00000000"
		{"answer", ERROR_1("00000007", "00000000"), HLV_OK, 52, false},
		{"other id first",
		 ERROR_1("00000008", "00000000") ERROR_1("00000007", "00000000"), HLV_OK, 52,
		 false},
		{"several",
		 ERROR_1("00000007", "04000000") ERROR_1("00000008", "00000000")
			 ERROR_1("00000007", "00000000"),
		 HLV_OK, 104, false},
		{"early error",
		 ENV("ffffffff", "00000020")
			 HEAD("00000000", "00000004", "00000000", "00000004") "00000000"
									      "00000000",
		 HLV_OK, 52, false},
		{"several, unfinished", ERROR_1("00000007", "04000000"), HLV_E_IO, 0, false},
		{"request",
		 ENV("00000007", "00000020")
			 HEAD("00000001", "00000000", "00000000", "00000004") "00000000"
									      "00000000",
		 HLV_E_IO, 0, false},
		{"the end", "", HLV_E_IO, 0, false},
		{"part of an envelope", "020b0000", HLV_E_IO, 0, false},
		{"part of a message", ENV("00000007", "00000020") "00000001", HLV_E_IO, 0,
		 false},
		{"too long", ENV("00000007", "7fffffff"), HLV_E_MALFORMED, 0, true},
		{"too short", ENV("00000007", "00000003") "000000", HLV_E_MALFORMED, 0, true},
		{"nothing", "", HLV_E_TIMEOUT, 0, true},
		{"half", ENV("00000007", "00000020") "00000001", HLV_E_TIMEOUT, 0, true},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_arena a;
		hlv_arena_init(&a, 4096);
		char why[256];
		int fd;
		check_err(why, hlv_local_bind(world.path, 0600, &fd, why), HLV_OK);
		struct hlv_link *l = open_link(HLV_T_LOCAL);
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		assert_true(peer >= 0);
		struct hlv_bytes octets = hex(&a, rows[i].hex);
		if (octets.n)
			assert_int_equal(send(peer, octets.p, octets.n, 0), octets.n);
		if (!rows[i].open)
			shutdown(peer, SHUT_WR);
		struct hlv_buf rq = {0}, rs = {0};
		struct hlv_bytes q = question(&rq, 7, hlv_text("x"));
		uint32_t ms = rows[i].err == HLV_E_TIMEOUT ? AT_ONCE : IN_TIME;
		check_err(rows[i].name, hlv_link_ask(l, q, &rs, ms), rows[i].err);
		if (rows[i].err == HLV_OK)
			check_u64(rows[i].name, rs.n, rows[i].n);
		check_u64(rows[i].name, (uint64_t)hlv_link_os_error(l),
			  rows[i].err == HLV_E_IO ? ECONNRESET : 0);
		hlv_buf_free(&rq);
		hlv_buf_free(&rs);
		hlv_link_close(l);
		close(peer);
		close(fd);
		hlv_arena_fini(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(says_who_is_there, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(sends_ahead, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(takes_long_messages, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(binds_where_nobody_is, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(tells_why_not, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(judges_what_comes, make_dir, remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
