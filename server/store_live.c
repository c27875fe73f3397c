/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store_live.h"

#include "proto/base/buf.h"
#include "proto/net/addr.h"
#include "proto/net/link.h"
#include "proto/wire/message.h"
#include "proto/wire/site.h"
#include "server/txn_wire.h"

enum {
	WINDOW = 16, /* messages under way: the server writes while we encode and read */
	PATIENCE_MS = 120000, /* for one answer: a group may wait for a slow disk's sync */
	MESSAGE_ROOM = HLV_ENVELOPE_SIZE + HLV_MESSAGE_MAX,
	BODY_OVERHEAD = 4 + 4 + 4, /* empty handle, length of the octets, no credential */
};
_Static_assert(HLV_HEADER_SIZE + BODY_OVERHEAD + TXN_WIRE_MAX <= HLV_MESSAGE_MAX,
	       "a body of transactions fits into one message");

/* One message of a group that is under way. */
struct part {
	size_t at, n; /* its octets in `out` */
	size_t first_txn, txns;
	bool sent, answered;
};

struct live_store {
	struct store base;
	struct store_ops ops; /* the reader's, but for commit and close */
	struct store *reader;
	struct hlv_link *link;
	bool broken; /* the stream is out of step, or over */
	uint32_t next_id;
	uint8_t *body;	    /* TXN_WIRE_MAX */
	struct hlv_buf out; /* all messages of the group */
	struct hlv_buf in;  /* one message */
	struct part *parts;
	size_t nparts, cap;
	char why[STORE_WHY];
};

static struct live_store *of(struct store *store)
{
	return (struct live_store *)store;
}

/* --- the socket --- */

/* The stream is of no more use: who goes on must open anew. */
static enum hlv_err line_failed(struct live_store *s, enum hlv_err err, const char *what)
{
	s->broken = true;
	snprintf(s->why, sizeof s->why, "control socket: %s",
		 err == HLV_E_TIMEOUT ? "no answer in time" : what);
	return err == HLV_E_NOMEM || err == HLV_E_TIMEOUT ? err : HLV_E_IO;
}

static enum hlv_err line_send(struct live_store *s, struct hlv_bytes message)
{
	enum hlv_err err = hlv_link_send(s->link, message, PATIENCE_MS);
	return err == HLV_OK ? HLV_OK : line_failed(s, err, "the server went away");
}

/* The next message that comes, whole, into s->in. */
static enum hlv_err line_receive(struct live_store *s)
{
	hlv_buf_clear(&s->in);
	enum hlv_err err = hlv_link_receive(s->link, &s->in, PATIENCE_MS);
	if (err == HLV_E_MALFORMED)
		return line_failed(s, err, "what answers is no server of this protocol");
	return err == HLV_OK ? HLV_OK : line_failed(s, err, "the server went away");
}

/* --- messages --- */

static struct hlv_request request(uint32_t id, enum hlv_op op, struct hlv_bytes octets)
{
	return (struct hlv_request){
		.m.env = {.major = 2,
			  .minor = 11,
			  .suggest_major = 2,
			  .suggest_minor = 11,
			  .request_id = id},
		.m.hdr = {.op = op,
			  .flags = HLV_F_KEEP_ALIVE,
			  .site_serial = UINT16_MAX,
			  .expiration_s = hlv_now_s(hlv_clock()) + HLV_EXPIRATION_S},
		.octets = octets,
	};
}

/* Appended to s->out. */
static enum hlv_err put_message(struct live_store *s, const struct hlv_request *rq)
{
	size_t before = s->out.n;
	uint8_t *p = hlv_buf_room(&s->out, MESSAGE_ROOM);
	if (!p)
		return HLV_E_NOMEM;
	struct hlv_writer w = hlv_writer(p, MESSAGE_ROOM);
	hlv_request_encode(&w, rq);
	s->out.n = before + (w.bad ? 0 : w.n);
	return w.bad ? HLV_E_LIMIT : HLV_OK;
}

static enum hlv_err read_answer(struct live_store *s, struct hlv_message *m,
				struct hlv_response *rs)
{
	HLV_TRY(line_receive(s));
	if (hlv_message_decode(hlv_buf_bytes(&s->in), m) == HLV_OK &&
	    hlv_response_decode(m, rs) == HLV_OK)
		return HLV_OK;
	return line_failed(s, HLV_E_MALFORMED, "an answer that cannot be read");
}

/* The server's refusal in terms of the store. */
static enum hlv_err refused(struct live_store *s, const struct hlv_response *rs)
{
	const char *text = hlv_rc_text(rs->rc);
	int n = rs->kind == HLV_BODY_ERROR && rs->text.n < 200 ? (int)rs->text.n : 0;
	snprintf(s->why, sizeof s->why, "the server says: %s%s%.*s", text ? text : "refused",
		 n ? ": " : "", n, n ? (const char *)rs->text.p : "");
	switch (rs->rc) {
	case HLV_RC_BUSY:
		return HLV_E_BUSY;
	case HLV_RC_READ_ONLY:
		return HLV_E_FULL;
	case HLV_RC_NOT_SUPPORTED:
		return HLV_E_UNSUPPORTED;
	case HLV_RC_PROTOCOL_ERROR:
		return HLV_E_MALFORMED;
	}
	return rs->rc / 100 == 4 ? HLV_E_PERMISSION : HLV_E_IO;
}

static bool has_word(struct hlv_bytes list, const char *word)
{
	size_t n = strlen(word);
	for (size_t i = 0; i + n <= list.n; i++)
		if (memcmp(list.p + i, word, n) == 0 && (i == 0 || list.p[i - 1] == ' ') &&
		    (i + n == list.n || list.p[i + n] == ' '))
			return true;
	return false;
}

static bool offers_commit(struct hlv_bytes octets)
{
	struct hlv_site site;
	struct hlv_site_attribute a;
	if (hlv_site_decode(octets, &site) != HLV_OK)
		return false;
	struct hlv_reader r = hlv_reader(site.attributes.raw);
	for (uint32_t i = 0; i < site.attributes.n; i++) {
		hlv_site_next_attribute(&r, &a);
		if (hlv_eq(a.name, hlv_text("helve")) && has_word(a.value, "commit"))
			return true;
	}
	return false;
}

/* An operation of our own goes only to whom offers it. */
static enum hlv_err greet(struct live_store *s)
{
	struct hlv_message m;
	struct hlv_response rs;
	struct hlv_request rq =
		request(s->next_id++, HLV_OP_GET_SITE_INFO, (struct hlv_bytes){0});
	hlv_buf_clear(&s->out);
	HLV_TRY(put_message(s, &rq));
	HLV_TRY(line_send(s, hlv_buf_bytes(&s->out)));
	HLV_TRY(read_answer(s, &m, &rs));
	if (rs.rc != HLV_RC_SUCCESS)
		return refused(s, &rs);
	if (offers_commit(rs.octets))
		return HLV_OK;
	snprintf(s->why, sizeof s->why,
		 "the server takes no changes by its control socket: is it an older version?");
	return HLV_E_UNSUPPORTED;
}

/* --- commit --- */

static enum hlv_err add_part(struct live_store *s, struct hlv_writer *w, size_t first,
			     size_t txns)
{
	if (s->nparts == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 16;
		struct part *parts = realloc(s->parts, cap * sizeof *parts);
		if (!parts)
			return HLV_E_NOMEM;
		s->parts = parts;
		s->cap = cap;
	}
	hlv_fill_u32(w, 0, (uint32_t)txns);
	struct hlv_request rq =
		request(s->next_id + (uint32_t)s->nparts, HLV_OP_HELVE_COMMIT, hlv_written(w));
	struct part *p = &s->parts[s->nparts];
	*p = (struct part){.at = s->out.n, .first_txn = first, .txns = txns};
	HLV_TRY(put_message(s, &rq));
	p->n = s->out.n - p->at;
	s->nparts++;
	return HLV_OK;
}

static void begin_body(struct live_store *s, struct hlv_writer *w)
{
	*w = hlv_writer(s->body, TXN_WIRE_MAX);
	hlv_put_hole32(w);
}

/* The whole group as messages, before anything is sent: what is too long is known then. */
static enum hlv_err encode(struct live_store *s, const struct store_txn *txns, size_t n)
{
	struct hlv_writer w;
	size_t first = 0;
	hlv_buf_clear(&s->out);
	s->nparts = 0;
	begin_body(s, &w);
	for (size_t i = 0; i < n; i++) {
		size_t before = w.n;
		txn_wire_put(&w, &txns[i]);
		if (!w.bad)
			continue;
		if (i == first)
			return HLV_E_LIMIT;
		w.bad = false;
		w.n = before;
		HLV_TRY(add_part(s, &w, first, i - first));
		begin_body(s, &w);
		first = i--; /* once more, in a message of its own */
	}
	return add_part(s, &w, first, n - first);
}

static bool is_verdict(enum hlv_err err)
{
	return err == HLV_OK || err == HLV_E_CONFLICT || err == HLV_E_MALFORMED ||
	       err == HLV_E_CORRUPT || err == HLV_E_NEWER;
}

/* One answer, of whichever message it is. *group: the first failure that is of more than one
 * transaction. */
static enum hlv_err take_answer(struct live_store *s, struct store_txn *txns,
				enum hlv_err *group)
{
	struct hlv_message m;
	struct hlv_response rs;
	HLV_TRY(read_answer(s, &m, &rs));
	uint32_t i = m.env.request_id - s->next_id;
	struct part *p = i < s->nparts ? &s->parts[i] : NULL;
	if (!p || !p->sent || p->answered)
		return line_failed(s, HLV_E_MALFORMED, "an answer to something else");
	p->answered = true;
	enum hlv_err err = HLV_OK;
	if (rs.rc != HLV_RC_SUCCESS)
		err = refused(s, &rs);
	else if (txn_wire_get_answer(rs.octets, txns + p->first_txn, p->txns) != HLV_OK)
		err = HLV_E_IO;
	for (size_t k = 0; k < p->txns && err == HLV_OK; k++)
		if (!is_verdict(txns[p->first_txn + k].err))
			err = txns[p->first_txn + k].err;
	if (*group == HLV_OK)
		*group = err;
	return HLV_OK;
}

static enum hlv_err exchange(struct live_store *s, struct store_txn *txns)
{
	enum hlv_err group = HLV_OK;
	size_t sent = 0, answered = 0;
	while (answered < s->nparts) {
		bool last = sent + 1 == s->nparts;
		bool may = sent < s->nparts && group == HLV_OK && sent - answered < WINDOW &&
			   (!last || answered == sent);
		if (may) {
			struct part *p = &s->parts[sent++];
			p->sent = true;
			HLV_TRY(line_send(s, hlv_bytes(s->out.p + p->at, p->n)));
			continue;
		}
		if (answered == sent)
			break; /* something failed: the rest is not sent */
		HLV_TRY(take_answer(s, txns, &group));
		answered++;
	}
	return group;
}

static enum hlv_err live_commit(struct store *store, struct store_txn *txns, size_t n)
{
	struct live_store *s = of(store);
	s->why[0] = '\0';
	if (n == 0)
		return HLV_OK;
	if (s->broken)
		return HLV_E_IO;
	HLV_TRY(encode(s, txns, n));
	enum hlv_err err = exchange(s, txns);
	s->next_id += (uint32_t)s->nparts;
	return err;
}

/* --- open and close --- */

static void live_close(struct store *store)
{
	struct live_store *s = of(store);
	if (s->reader)
		s->reader->ops->close(s->reader);
	hlv_link_close(s->link);
	hlv_buf_free(&s->out);
	hlv_buf_free(&s->in);
	free(s->parts);
	free(s->body);
	free(s);
}

static enum hlv_err live_view_open(struct store *store, struct store_view **view)
{
	struct live_store *s = of(store);
	return s->reader->ops->view_open(s->reader, view);
}

const char *store_live_why(const struct store *store)
{
	const struct live_store *s = (const struct live_store *)store;
	return s->base.ops == &s->ops ? s->why : "";
}

enum hlv_err store_live_open(const char *dir, const char *control, struct store **store,
			     char *why)
{
	struct store_lmdb_options o = {.read_only = true};
	struct live_store *s = calloc(1, sizeof *s);
	*store = NULL;
	if (!s) {
		snprintf(why, STORE_WHY, "out of memory");
		return HLV_E_NOMEM;
	}
	s->body = malloc(TXN_WIRE_MAX);
	struct hlv_link_to to = {.transport = HLV_T_LOCAL, .path = control};
	enum hlv_err err = s->body ? hlv_link_open(&to, &s->link, s->why) : HLV_E_NOMEM;
	if (err == HLV_OK)
		err = hlv_client_request_id(&s->next_id);
	if (err == HLV_OK)
		err = greet(s);
	if (err != HLV_OK)
		snprintf(why, STORE_WHY, "%s", *s->why ? s->why : hlv_strerror(err));
	else
		err = store_lmdb_open(dir, &o, &s->reader, why);
	if (err != HLV_OK) {
		live_close(&s->base);
		return err;
	}
	s->ops = *s->reader->ops;
	s->ops.view_open = live_view_open;
	s->ops.commit = live_commit;
	s->ops.close = live_close;
	s->base.ops = &s->ops;
	*store = &s->base;
	return HLV_OK;
}
