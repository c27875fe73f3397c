/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/copy_pull.h"

#include "proto/net/json.h"
#include "proto/wire/name.h"
#include "proto/wire/site.h"

enum {
	FORMAT = 1,
	CONNECT_MS = 3000,
	ANSWER_MS = 5000, /* also how long a stop may have to wait */
	EPOCH = 16,
};
/* server/copy.h: what stands in a page. */
enum { ENTRY_RECORD = 1, ENTRY_GONE, ENTRY_RANGE, ENTRY_ELSEWHERE };
enum { CAUGHT_UP, MORE, TOO_FAR };

/* One server's part of one copy, in the making or in use. */
struct session {
	struct copy_pull *p;
	struct hlv_talk *talk;
	struct copy_mark *mark;
	size_t server;
	bool live; /* readers see it: each transaction takes the mark along */
	struct copy_txn *txn;
};

/* --- what is to be pulled, and where --- */

enum hlv_err copy_pull_prefix(struct copy_pull *p, struct hlv_bytes prefix)
{
	struct hlv_writer w = hlv_writer(p->prefix, COPY_PREFIX_MAX);
	char items[COPY_PREFIX_MAX + 2];
	if (prefix.n == 0 || prefix.n > COPY_PREFIX_MAX || memchr(prefix.p, '/', prefix.n))
		return HLV_E_LIMIT;
	hlv_name_put_upper(&w, prefix);
	p->prefix[w.n] = '\0';
	snprintf(items, sizeof items, "%s/", p->prefix);
	p->nitems = hlv_registry_key(hlv_text(items), p->items);
	p->nown = hlv_registry_key(hlv_text(p->prefix), p->own);
	memcpy(p->items_end, p->items, p->nitems);
	p->items_end[p->nitems - 1]++; /* behind "prefix/" and all that begins with it */
	return HLV_OK;
}

static bool find_port(const struct hlv_site_server *server, struct hlv_addr *addr)
{
	struct hlv_reader r = hlv_reader(server->interfaces.raw);
	for (uint32_t i = 0; i < server->interfaces.n; i++) {
		struct hlv_site_interface interface;
		hlv_site_next_interface(&r, &interface);
		if (interface.protocol != HLV_IF_TCP || !(interface.kind & HLV_IF_ADMIN) ||
		    interface.port == 0 || interface.port > UINT16_MAX)
			continue;
		hlv_addr_from_site(server->address, (uint16_t)interface.port, addr);
		return true;
	}
	return false;
}

static const char *take_server(struct copy_server *out, const struct hlv_site_server *server)
{
	if (!find_port(server, &out->to.addr))
		return "takes no administration by TCP";
	if (server->key.n == 0 || hlv_pubkey_decode(server->key, &out->key) != HLV_OK)
		return "has no key that could be read";
	if (hlv_key_kind(out->key) == HLV_KEY_SM2)
		return "has an SM2 key, which TLS here cannot show";
	out->to.transport = HLV_T_TLS;
	out->to.server_key = out->key;
	out->to.connect_ms = CONNECT_MS;
	return NULL;
}

enum hlv_err copy_pull_site(struct copy_pull *p, struct hlv_bytes octets)
{
	struct hlv_site site;
	if (hlv_site_decode(octets, &site) != HLV_OK || site.servers.n == 0 ||
	    site.servers.n > COPY_SERVERS_MAX) {
		snprintf(p->why, sizeof p->why, "no site record, or one of too many servers");
		return HLV_E_MALFORMED;
	}
	struct hlv_reader r = hlv_reader(site.servers.raw);
	for (uint32_t i = 0; i < site.servers.n; i++) {
		struct hlv_site_server server;
		hlv_site_next_server(&r, &server);
		const char *wrong = take_server(&p->servers[p->nservers++], &server);
		if (wrong) {
			snprintf(p->why, sizeof p->why, "server %u of its site %s", i + 1,
				 wrong);
			return HLV_E_KEY;
		}
	}
	return HLV_OK;
}

void copy_pull_fini(struct copy_pull *p)
{
	for (size_t i = 0; i < p->nservers; i++)
		hlv_key_free(p->servers[i].key);
	p->nservers = 0;
}

/* --- asking --- */

static void tell(struct session *s, const char *what)
{
	char text[HLV_ADDR_TEXT];
	snprintf(s->p->why, sizeof s->p->why, "%.60s: %.180s",
		 hlv_addr_print(&s->p->servers[s->server].to.addr, text), what);
}

static enum hlv_err fail(struct session *s, enum hlv_err err)
{
	tell(s, err == HLV_E_MALFORMED ? "a page that cannot be read" : hlv_strerror(err));
	return err;
}

static enum hlv_err open_session(struct session *s)
{
	char why[HLV_TALK_WHY];
	enum hlv_err err = hlv_talk_open(&s->p->servers[s->server].to, s->p->id, &s->talk, why);
	if (err == HLV_OK) {
		hlv_talk_wait(s->talk, ANSWER_MS);
		err = hlv_talk_login(s->talk, why);
	}
	if (err != HLV_OK)
		tell(s, why);
	return err;
}

static void close_session(struct session *s)
{
	copy_txn_abort(s->txn);
	hlv_talk_close(s->talk);
	s->txn = NULL;
	s->talk = NULL;
}

/* `args` is the JSON object, without its end, and is freed. The page borrows until the next one. */
static enum hlv_err ask(struct session *s, const char *verb, struct hlv_buf *args,
			struct hlv_reader *page)
{
	char why[HLV_TALK_WHY];
	struct hlv_response rs;
	hlv_buf_str(args, "}");
	struct hlv_request rq = {.m.hdr.op = HLV_OP_HELVE_CONTROL,
				 .handle = hlv_text(verb),
				 .octets = hlv_buf_bytes(args)};
	enum hlv_err err = HLV_E_TIMEOUT;
	snprintf(why, sizeof why, "stopping");
	if (!atomic_load_explicit(s->p->stopping, memory_order_relaxed))
		err = args->bad ? HLV_E_NOMEM : hlv_talk_ask(s->talk, &rq, &rs, why);
	hlv_buf_free(args);
	if (err == HLV_OK && rs.rc != HLV_RC_SUCCESS) {
		err = HLV_E_PERMISSION;
		hlv_talk_refusal(&rs, why);
	}
	if (err != HLV_OK) {
		tell(s, why);
		return err;
	}
	*page = hlv_reader(rs.octets);
	return hlv_get_u8(page) == FORMAT ? HLV_OK : fail(s, HLV_E_UNSUPPORTED);
}

static struct hlv_buf begin_args(const struct session *s)
{
	struct hlv_buf b = {0};
	hlv_buf_str(&b, "{\"prefix\":");
	hlv_json_put_str(&b, hlv_text(s->p->prefix));
	return b;
}

static void put_octets(struct hlv_buf *b, const char *name, struct hlv_bytes octets)
{
	if (octets.n == 0)
		return;
	hlv_buf_printf(b, ",\"%s\":\"", name);
	hlv_buf_hex(b, octets);
	hlv_buf_str(b, "\"");
}

/* --- keeping --- */

static enum hlv_err begin(struct session *s)
{
	enum hlv_err err = copy_txn_begin(s->p->store, &s->txn);
	return err == HLV_OK ? HLV_OK : fail(s, err);
}

static enum hlv_err commit(struct session *s)
{
	enum hlv_err err = HLV_OK;
	if (s->live)
		err = copy_txn_set_mark(s->txn, s->p->prefix, s->mark);
	if (err == HLV_OK)
		err = copy_txn_commit(s->txn);
	else
		copy_txn_abort(s->txn);
	s->txn = NULL;
	return err == HLV_OK ? HLV_OK : fail(s, err);
}

static bool is_ours(const struct copy_pull *p, struct hlv_bytes key)
{
	return hlv_starts_with(key, hlv_bytes(p->items, p->nitems)) ||
	       hlv_eq(key, hlv_bytes(p->own, p->nown));
}

static enum hlv_err keep(struct session *s, uint8_t kind, struct hlv_bytes key,
			 struct hlv_reader *r)
{
	static const uint8_t nothing[8];
	uint64_t removed = 0;
	struct hlv_bytes value = hlv_bytes(nothing, sizeof nothing);
	enum hlv_err err;
	if (r->bad || key.n >= COPY_KEY_MAX || !is_ours(s->p, key))
		return HLV_E_MALFORMED;
	switch (kind) {
	case ENTRY_GONE:
		err = copy_txn_remove(s->txn, s->mark->generation, key, &removed);
		s->mark->records -= removed < s->mark->records ? removed : s->mark->records;
		return err;
	case ENTRY_RECORD: {
		size_t at = r->pos;
		(void)hlv_get_u64(r);
		(void)hlv_get_lp32(r);
		value = hlv_since(r, at);
		break;
	}
	case ENTRY_ELSEWHERE:
		break;
	default:
		return HLV_E_UNSUPPORTED;
	}
	if (r->bad)
		return HLV_E_MALFORMED;
	return copy_txn_put(s->txn, s->mark->generation, key, value, &s->mark->records);
}

/* --- scans --- */

struct span {
	uint8_t at[COPY_KEY_MAX], end[COPY_KEY_MAX];
	size_t nat, nend;
};

static void set(uint8_t out[COPY_KEY_MAX], size_t *n, struct hlv_bytes key)
{
	*n = key.n < COPY_KEY_MAX ? key.n : COPY_KEY_MAX - 1;
	if (*n > 0)
		memcpy(out, key.p, *n);
}

/* What was between `at` and `next` is as the page says, and nothing else is there. */
static enum hlv_err take_page(struct session *s, struct span *span, struct hlv_bytes next,
			      struct hlv_reader *r)
{
	uint64_t removed = 0;
	struct hlv_bytes to = next.n ? next : hlv_bytes(span->end, span->nend);
	HLV_TRY(begin(s));
	if (s->live) {
		enum hlv_err err = copy_txn_remove_range(s->txn, s->mark->generation,
							 hlv_bytes(span->at, span->nat), to,
							 UINT64_MAX, &removed);
		if (err != HLV_OK)
			return fail(s, err);
	}
	s->mark->records -= removed < s->mark->records ? removed : s->mark->records;
	while (hlv_left(r) > 0) {
		uint8_t kind = hlv_get_u8(r);
		enum hlv_err err = keep(s, kind, hlv_get_lp32(r), r);
		if (err != HLV_OK)
			return fail(s, err);
	}
	return commit(s);
}

/* All keys from `first` to `last`; without any: the whole prefix, its own record too. */
static enum hlv_err scan(struct session *s, struct hlv_bytes first, struct hlv_bytes last)
{
	const struct copy_pull *p = s->p;
	struct span span;
	uint8_t to[COPY_KEY_MAX];
	size_t nto = 0;
	bool whole = first.n == 0;
	set(to, &nto, last);
	set(span.at, &span.nat, whole ? hlv_bytes(p->items, p->nitems) : first);
	set(span.end, &span.nend, hlv_bytes(p->items_end, p->nitems));
	if (!whole && hlv_compare(last, hlv_bytes(span.end, span.nend)) < 0) {
		set(span.end, &span.nend, last);
		span.end[span.nend++] = 0; /* the key behind it */
	}
	for (bool begun = false;; begun = true) {
		struct hlv_reader page;
		struct hlv_buf args = begin_args(s);
		if (begun || !whole)
			put_octets(&args, "from", hlv_bytes(span.at, span.nat));
		put_octets(&args, "to", hlv_bytes(to, nto));
		HLV_TRY(ask(s, "copy-scan", &args, &page));
		struct hlv_bytes next = hlv_get_lp32(&page);
		/* A page that leads nowhere would be asked for again and again. */
		int order = hlv_compare(next, hlv_bytes(span.at, span.nat));
		if (page.bad || (next.n > 0 && (begun ? order <= 0 : order < 0)))
			return fail(s, HLV_E_MALFORMED);
		HLV_TRY(take_page(s, &span, next, &page));
		if (next.n == 0)
			return HLV_OK;
		set(span.at, &span.nat, next);
	}
}

/* --- the journal --- */

/* A page's memory is gone with the next question, and ranges are questions. */
static enum hlv_err take_range(struct session *s, struct hlv_bytes first, struct hlv_reader *r)
{
	uint8_t from[COPY_KEY_MAX], to[COPY_KEY_MAX];
	size_t nfrom, nto;
	struct hlv_bytes last = hlv_get_lp32(r);
	if (r->bad || first.n == 0 || last.n == 0)
		return fail(s, HLV_E_MALFORMED);
	set(from, &nfrom, first);
	set(to, &nto, last);
	HLV_TRY(commit(s));
	HLV_TRY(scan(s, hlv_bytes(from, nfrom), hlv_bytes(to, nto)));
	return begin(s);
}

static enum hlv_err take_changes(struct session *s, struct hlv_bytes octets, bool *ranges)
{
	struct hlv_reader r = hlv_reader(octets);
	HLV_TRY(begin(s));
	while (hlv_left(&r) > 0) {
		uint8_t kind = hlv_get_u8(&r);
		struct hlv_bytes key = hlv_get_lp32(&r);
		if (kind == ENTRY_RANGE) {
			*ranges = true;
			HLV_TRY(take_range(s, key, &r));
			continue;
		}
		enum hlv_err err = keep(s, kind, key, &r);
		if (err != HLV_OK)
			return fail(s, err);
	}
	return HLV_OK;
}

/* Until nothing is left to be told. HLV_E_CONFLICT: too far behind, begin anew. */
static enum hlv_err follow(struct session *s)
{
	struct copy_place *place = &s->mark->places[s->server];
	for (;;) {
		bool ranges = false;
		struct hlv_reader page;
		struct hlv_buf args = begin_args(s), copy = {0};
		put_octets(&args, "epoch", hlv_bytes(place->epoch, EPOCH));
		hlv_buf_printf(&args, ",\"since\":%llu", (unsigned long long)place->seq);
		HLV_TRY(ask(s, "copy-journal", &args, &page));
		uint8_t state = hlv_get_u8(&page);
		uint64_t seq = hlv_get_u64(&page);
		if (page.bad || state > TOO_FAR || seq < place->seq)
			return fail(s, HLV_E_MALFORMED);
		if (state == TOO_FAR)
			return HLV_E_CONFLICT;
		hlv_buf_put(&copy, hlv_skip(page.in, page.pos));
		enum hlv_err err =
			copy.bad ? HLV_E_NOMEM : take_changes(s, hlv_buf_bytes(&copy), &ranges);
		hlv_buf_free(&copy);
		HLV_TRY(err);
		if (state == MORE && seq == place->seq)
			return fail(s, HLV_E_MALFORMED); /* it would go on for ever */
		place->seq = seq;
		HLV_TRY(commit(s));
		/* What a range's scan saw may be newer than what stood on the page behind it. */
		if (state == CAUGHT_UP && !ranges)
			return HLV_OK;
	}
}

/* --- one copy --- */

static enum hlv_err follow_all(struct copy_pull *p, struct copy_mark *mark, bool live)
{
	enum hlv_err err = HLV_OK;
	for (size_t i = 0; i < p->nservers && err == HLV_OK; i++) {
		struct session s = {.p = p, .mark = mark, .server = i, .live = live};
		err = open_session(&s);
		if (err == HLV_OK)
			err = follow(&s);
		close_session(&s);
	}
	return err;
}

static enum hlv_err begin_dump(struct session *s)
{
	struct copy_place *place = &s->mark->places[s->server];
	struct hlv_reader page;
	struct hlv_buf args = begin_args(s);
	HLV_TRY(ask(s, "copy-begin", &args, &page));
	struct hlv_bytes epoch = hlv_take(&page, EPOCH);
	place->seq = hlv_get_u64(&page);
	if (page.bad)
		return fail(s, HLV_E_MALFORMED);
	memcpy(place->epoch, epoch.p, EPOCH);
	return scan(s, (struct hlv_bytes){0}, (struct hlv_bytes){0});
}

static enum hlv_err dump_all(struct copy_pull *p, struct copy_mark *mark)
{
	enum hlv_err err = HLV_OK;
	for (size_t i = 0; i < p->nservers && err == HLV_OK; i++) {
		struct session s = {.p = p, .mark = mark, .server = i};
		err = open_session(&s);
		if (err == HLV_OK)
			err = begin_dump(&s);
		close_session(&s);
	}
	/* The pages were of many moments: the journal makes them one. */
	return err == HLV_OK ? follow_all(p, mark, false) : err;
}

static enum hlv_err store_failed(struct copy_pull *p, enum hlv_err err)
{
	snprintf(p->why, sizeof p->why, "the copy cannot be kept: %s", hlv_strerror(err));
	return err;
}

static enum hlv_err new_generation(struct copy_pull *p, struct copy_mark *mark)
{
	struct copy_txn *t;
	HLV_TRY(copy_txn_begin(p->store, &t));
	enum hlv_err err = copy_txn_new_generation(t, &mark->generation);
	if (err == HLV_OK)
		return copy_txn_commit(t);
	copy_txn_abort(t);
	return err;
}

static enum hlv_err set_mark(struct copy_pull *p, const struct copy_mark *mark)
{
	struct copy_txn *t;
	HLV_TRY(copy_txn_begin(p->store, &t));
	enum hlv_err err = copy_txn_set_mark(t, p->prefix, mark);
	if (err == HLV_OK)
		return copy_txn_commit(t);
	copy_txn_abort(t);
	return err;
}

static enum hlv_err get_mark(struct copy_pull *p, struct copy_mark *mark)
{
	struct copy_txn *t;
	*mark = (struct copy_mark){0};
	HLV_TRY(copy_txn_begin(p->store, &t));
	enum hlv_err err = copy_txn_mark(t, p->prefix, mark);
	copy_txn_abort(t);
	/* A mark that cannot be read is none: everything anew. */
	if (err == HLV_E_NOT_FOUND || err == HLV_E_CORRUPT) {
		*mark = (struct copy_mark){0};
		return HLV_OK;
	}
	return err;
}

/* Beside the old copy, which readers keep until the new one is whole. */
static enum hlv_err make_anew(struct copy_pull *p, struct hlv_now now, struct copy_mark *mark)
{
	struct copy_mark fresh = {.synced_ms = now.wall_ms, .servers = (uint32_t)p->nservers};
	enum hlv_err err = new_generation(p, &fresh);
	if (err != HLV_OK)
		return store_failed(p, err);
	err = dump_all(p, &fresh);
	if (err == HLV_E_CONFLICT)
		snprintf(p->why, sizeof p->why, "the node's registry was replaced meanwhile");
	if (err != HLV_OK)
		return err;
	err = set_mark(p, &fresh);
	if (err != HLV_OK)
		return store_failed(p, err);
	*mark = fresh;
	p->dumps++;
	p->anew = false;
	return HLV_OK;
}

enum hlv_err copy_pull(struct copy_pull *p, struct hlv_now now, struct copy_mark *mark)
{
	enum hlv_err err = get_mark(p, mark);
	*p->why = '\0';
	if (err != HLV_OK)
		return store_failed(p, err);
	if (mark->generation == 0 || mark->servers != p->nservers || p->anew)
		return make_anew(p, now, mark);
	struct copy_mark next = *mark;
	err = follow_all(p, &next, true);
	if (err == HLV_E_CONFLICT)
		return make_anew(p, now, mark);
	if (err == HLV_OK) {
		next.synced_ms = now.wall_ms;
		err = set_mark(p, &next);
		if (err != HLV_OK)
			return store_failed(p, err);
		*mark = next;
		return HLV_OK;
	}
	if (get_mark(p, mark) != HLV_OK) /* what was committed before it failed */
		*mark = (struct copy_mark){0};
	return err;
}
