/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine that changes a registry through its server, against a process that plays the server
 * on a socket in the registry's directory: a good one, and several that are not.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/wire/message.h"
#include "proto/wire/site.h"
#include "server/store_live.h"
#include "server/txn_wire.h"
#include "tests/unit/store_world.h"

enum { ROOM = HLV_ENVELOPE_SIZE + HLV_MESSAGE_MAX, RECORD_SIZE = 60000 };

/* What the played server does, but for what is asked of it: everything right. */
enum play {
	PLAY_WELL,
	PLAY_NO_OFFER,	/* its site record has no such attribute */
	PLAY_REFUSE,	/* each group: read-only, with a text */
	PLAY_FULL_AT_2, /* the second message's commit fails */
	PLAY_GONE_AT_2, /* closes instead of the second answer */
	PLAY_BACKWARDS, /* holds the first answer until two have come */
	PLAY_OTHER_ID,	/* answers with another request id */
	PLAY_SHORT,	/* an answer about too few transactions */
	PLAY_GARBAGE,	/* octets that are no message */
};

struct player {
	struct world *w;
	enum play play;
	int fd;
	unsigned commits;
	uint8_t held[4096];
	size_t held_n;
};

static bool read_all(int fd, uint8_t *p, size_t n)
{
	for (size_t got = 0; got < n;) {
		ssize_t r = read(fd, p + got, n - got);
		if (r <= 0)
			return false;
		got += (size_t)r;
	}
	return true;
}

static void write_all(int fd, struct hlv_bytes b)
{
	while (b.n > 0) {
		ssize_t n = send(fd, b.p, b.n, MSG_NOSIGNAL);
		if (n <= 0)
			_exit(0); /* who asked is gone: as it may */
		b = hlv_skip(b, (size_t)n);
	}
}

static void put_site(struct hlv_writer *w, bool offers)
{
	hlv_put_u16(w, 1);
	hlv_put_u16(w, 0x020B);
	hlv_put_u16(w, 1);
	hlv_put_u16(w, 0x8002);
	hlv_put_u32(w, 0);
	hlv_put_u32(w, 1);
	hlv_site_put_attribute(
		w, &(struct hlv_site_attribute){hlv_text("helve"),
						hlv_text(offers ? "bulk commit" : "commits")});
	hlv_put_u32(w, 0);
}

static void answer(struct player *p, const struct hlv_message *m, struct hlv_response *rs)
{
	static uint8_t room[ROOM];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	struct hlv_envelope env = m->env;
	struct hlv_header hdr = m->hdr;
	if (p->play == PLAY_OTHER_ID && m->hdr.op == HLV_OP_HELVE_COMMIT)
		env.request_id += 1000;
	hdr.rc = rs->rc;
	hdr.flags = 0;
	rs->kind = hlv_body_kind(hdr.op, rs->rc);
	hlv_response_encode(&w, &env, &hdr, rs);
	if (p->play == PLAY_BACKWARDS && p->commits == 1) {
		memcpy(p->held, room, w.n);
		p->held_n = w.n;
		return;
	}
	write_all(p->fd, hlv_written(&w));
	write_all(p->fd, hlv_bytes(p->held, p->held_n));
	p->held_n = 0;
}

static void commit(struct player *p, const struct hlv_request *rq)
{
	static const struct store_actor actor = {.how = ACTOR_LOCAL};
	uint8_t body[4096];
	struct hlv_writer w = hlv_writer(body, sizeof body);
	struct hlv_arena a;
	struct store_txn *txns;
	size_t n;
	hlv_arena_init(&a, 16 << 20);
	p->commits++;
	if (txn_wire_decode(rq->octets, &actor, &a, &txns, &n) != HLV_OK)
		_exit(4);
	struct hlv_response rs = {.rc = HLV_RC_SUCCESS};
	enum hlv_err err = HLV_OK;
	if (p->play == PLAY_REFUSE) {
		rs.rc = HLV_RC_READ_ONLY;
		rs.text = hlv_text("only 5 MiB are left");
	} else if (p->play == PLAY_FULL_AT_2 && p->commits == 2) {
		err = HLV_E_FULL;
	} else {
		err = p->w->store->ops->commit(p->w->store, txns, n);
	}
	txn_wire_put_answer(&w, txns, n - (p->play == PLAY_SHORT), err);
	rs.octets = hlv_written(&w);
	if (p->play == PLAY_GONE_AT_2 && p->commits == 2)
		_exit(0);
	if (p->play == PLAY_GARBAGE)
		write_all(p->fd, hlv_text("HTTP/1.1 400 Bad Request\r\n\r\n"));
	else
		answer(p, &rq->m, &rs);
	hlv_arena_fini(&a);
}

static void serve(struct player *p)
{
	static uint8_t room[ROOM], site[512];
	struct hlv_request rq;
	while (read_all(p->fd, room, HLV_ENVELOPE_SIZE)) {
		size_t n = HLV_ENVELOPE_SIZE + hlv_load_u32(room + 16);
		if (n > ROOM ||
		    !read_all(p->fd, room + HLV_ENVELOPE_SIZE, n - HLV_ENVELOPE_SIZE) ||
		    hlv_message_decode(hlv_bytes(room, n), &rq.m) != HLV_OK ||
		    hlv_request_decode(&rq.m, &rq) != HLV_OK)
			_exit(5);
		if (rq.m.hdr.op == HLV_OP_HELVE_COMMIT) {
			commit(p, &rq);
			continue;
		}
		struct hlv_writer w = hlv_writer(site, sizeof site);
		put_site(&w, p->play != PLAY_NO_OFFER);
		struct hlv_response rs = {.rc = HLV_RC_SUCCESS, .octets = hlv_written(&w)};
		answer(p, &rq.m, &rs);
	}
}

static void socket_path(const struct world *w, char *out)
{
	snprintf(out, 100, "%s/helved.sock", w->dir);
}

/* The server in a process of its own, which has the registry open; the world's own is closed. */
static pid_t play(struct world *w, enum play what)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char why[STORE_WHY];
	socket_path(w, at.sun_path);
	unlink(at.sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 4), 0);
	world_close(w);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		if (world_open(w, &(struct store_lmdb_options){0}, why) != HLV_OK)
			_exit(2);
		struct player p = {.w = w, .play = what, .fd = accept(fd, NULL, NULL)};
		serve(&p);
		world_close(w);
		_exit(0);
	}
	close(fd);
	assert_true(pid > 0);
	return pid;
}

static enum hlv_err open_live(struct world *w, char *why)
{
	char path[100];
	socket_path(w, path);
	enum hlv_err err = store_live_open(w->dir, path, &w->store, why);
	return err == HLV_OK ? w->store->ops->view_open(w->store, &w->view) : err;
}

static void end(struct world *w, pid_t pid)
{
	int status;
	char path[100];
	world_close(w);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	socket_path(w, path);
	unlink(path);
}

/* Large enough that only four fit into a message. */
static struct store_put large(struct world *w, const char *id)
{
	struct hlv_value v = {
		.index = 1,
		.perms = HLV_PERM_DEFAULT,
		.type = hlv_text("T"),
		.data = hlv_bytes(hlv_alloc(&w->arena, RECORD_SIZE), RECORD_SIZE)};
	size_t room = RECORD_SIZE + 300;
	struct hlv_writer list = hlv_writer(hlv_alloc(&w->arena, room), room);
	hlv_value_encode(&list, &v);
	struct hlv_record rec = {.flags = HLV_RECORD_ALL_PUBLIC,
				 .name = hlv_text(id),
				 .values = {1, hlv_written(&list)}};
	struct hlv_writer out = hlv_writer(hlv_alloc(&w->arena, room), room);
	hlv_record_encode(&out, world_key(w, id), &rec);
	assert_false(out.bad);
	return (struct store_put){SPACE_RECORD, world_key(w, id), hlv_written(&out)};
}

enum { GROUP = 23 };
struct group {
	struct store_put puts[GROUP];
	struct store_txn txns[GROUP];
};

/* GROUP transactions with a large record each: several messages. */
static void make_group(struct world *w, struct group *g)
{
	for (unsigned i = 0; i < GROUP; i++) {
		char id[32];
		snprintf(id, sizeof id, "88.1/%03u", i);
		g->puts[i] = large(w, id);
		g->txns[i] = (struct store_txn){
			.puts = &g->puts[i], .nputs = 1, .time_ms = w->time_ms};
	}
}

static enum hlv_err commit_group(struct world *w, struct group *g)
{
	return w->store->ops->commit(w->store, g->txns, GROUP);
}

static void test_commit(void **state)
{
	struct world *w = *state;
	char why[STORE_WHY] = "", line[320];
	static const enum play plays[] = {PLAY_WELL, PLAY_BACKWARDS};
	for (size_t k = 0; k < 2; k++) {
		struct group g;
		pid_t pid = play(w, plays[k]);
		assert_int_equal(open_live(w, why), HLV_OK);
		make_group(w, &g);
		assert_int_equal(commit_group(w, &g), HLV_OK);
		for (size_t i = 0; i < GROUP; i++) {
			assert_int_equal(g.txns[i].err, HLV_OK);
			assert_int_equal(g.txns[i].seq, k * GROUP + i + 1);
		}
		/* What was acknowledged is seen at once. */
		assert_int_equal(world_count(w, "88.1"), GROUP);
		assert_int_equal(world_find(w, "88.1/022"), HLV_OK);
		assert_int_equal(w->store->ops->commit(w->store, g.txns, 0), HLV_OK);
		end(w, pid);
	}
	assert_int_equal(world_open(w, &(struct store_lmdb_options){0}, why), HLV_OK);
	assert_int_equal(world_verify(w, line), 0);
}

/* Each transaction has its own verdict, as beside any other writer. */
static void test_conflict(void **state)
{
	struct world *w = *state;
	char why[STORE_WHY] = "";
	pid_t pid = play(w, PLAY_WELL);
	assert_int_equal(open_live(w, why), HLV_OK);
	struct store_put puts[2] = {world_put(w, "88.1/a"), world_put(w, "88.1/b")};
	struct store_check checks[2] = {{SPACE_RECORD, puts[0].key, 7},
					{SPACE_RECORD, puts[1].key, 0}};
	struct store_txn txns[2];
	for (size_t i = 0; i < 2; i++)
		txns[i] = (struct store_txn){.checks = &checks[i],
					     .nchecks = 1,
					     .puts = &puts[i],
					     .nputs = 1,
					     .time_ms = w->time_ms};
	assert_int_equal(w->store->ops->commit(w->store, txns, 2), HLV_OK);
	assert_int_equal(txns[0].err, HLV_E_CONFLICT);
	assert_int_equal(txns[1].err, HLV_OK);
	assert_int_equal(world_find(w, "88.1/a"), HLV_E_NOT_FOUND);
	assert_int_equal(world_find(w, "88.1/b"), HLV_OK);
	end(w, pid);
}

static void test_failures(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *name;
		enum play play;
		enum hlv_err want, again; /* of the first group, and of the one after it */
		const char *why;
	} rows[] = {
		{"read-only", PLAY_REFUSE, HLV_E_FULL, HLV_E_FULL, "only 5 MiB are left"},
		{"gone", PLAY_GONE_AT_2, HLV_E_IO, HLV_E_IO, "went away"},
		{"another's answer", PLAY_OTHER_ID, HLV_E_IO, HLV_E_IO, "something else"},
		{"too short", PLAY_SHORT, HLV_E_IO, HLV_E_IO, ""},
		{"no message", PLAY_GARBAGE, HLV_E_IO, HLV_E_IO, "no server of this"},
		{"full", PLAY_FULL_AT_2, HLV_E_FULL, HLV_OK, ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char why[STORE_WHY] = "";
		struct group g;
		pid_t pid = play(w, rows[i].play);
		if (open_live(w, why) != HLV_OK)
			fail_msg("%s: %s", rows[i].name, why);
		make_group(w, &g);
		/* What stands last in a group is never in when something before it failed. */
		g.puts[GROUP - 1] = world_put(w, "88.1/place");
		enum hlv_err err = commit_group(w, &g);
		if (err != rows[i].want)
			fail_msg("%s: %s", rows[i].name, hlv_strerror(err));
		if (!strstr(store_live_why(w->store), rows[i].why))
			fail_msg("%s: %s", rows[i].name, store_live_why(w->store));
		if (world_find(w, "88.1/place") != HLV_E_NOT_FOUND)
			fail_msg("%s: the last one is in", rows[i].name);
		err = commit_group(w, &g);
		if (err != rows[i].again)
			fail_msg("%s, again: %s", rows[i].name, hlv_strerror(err));
		end(w, pid);
	}
}

static void test_too_large(void **state)
{
	struct world *w = *state;
	char why[STORE_WHY] = "";
	struct group g;
	pid_t pid = play(w, PLAY_WELL);
	assert_int_equal(open_live(w, why), HLV_OK);
	make_group(w, &g);
	g.txns[3].nputs = 5; /* five of them are more than one message */
	assert_int_equal(commit_group(w, &g), HLV_E_LIMIT);
	assert_int_equal(world_count(w, "88.1"), 0); /* not even what fits */
	g.txns[3].nputs = 1;
	assert_int_equal(commit_group(w, &g), HLV_OK);
	end(w, pid);
}

static void test_open(void **state)
{
	struct world *w = *state;
	char why[STORE_WHY] = "", path[200];
	world_close(w);
	assert_int_equal(open_live(w, why), HLV_E_IO);
	assert_non_null(strstr(why, "helved.sock"));
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	assert_int_equal(store_live_open(w->dir, path, &w->store, why), HLV_E_USAGE);
	assert_null(w->store);
	pid_t pid = play(w, PLAY_NO_OFFER);
	assert_int_equal(open_live(w, why), HLV_E_UNSUPPORTED);
	assert_non_null(strstr(why, "no changes"));
	end(w, pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(lmdb, test_commit),	  ON(lmdb, test_conflict), ON(lmdb, test_failures),
		ON(lmdb, test_too_large), ON(lmdb, test_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
