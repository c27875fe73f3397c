/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/drive.h"

#include <string.h>

#include "proto/net/client.h"
#include "proto/sec/digest.h"

enum {
	REQUEST_MAX = 32768,
	SHARE_MIN_MS = 300, /* of one server, however many there are */
};

struct driving {
	struct walk *w;
	const struct walk_driver *d;
	const struct walk_ask *ask;
	uint8_t request[REQUEST_MAX];
	struct hlv_buf answer;
};

static uint32_t left_ms(struct walk *w)
{
	hlv_mono_ns now_ns = hlv_clock().mono_ns, until_ns = walk_budget(w)->until_ns;
	return now_ns < until_ns ? (uint32_t)((until_ns - now_ns) / 1000000U) + 1 : 0;
}

/* threats.md 7, R4: to our question, as far as one can tell without keys. What cannot be read at all is
 * for the walk to judge. */
static bool is_answer(const struct walk_ask *ask, struct hlv_bytes message)
{
	struct hlv_message m;
	struct hlv_response rs;
	if (hlv_message_decode(message, &m) != HLV_OK || hlv_response_decode(&m, &rs) != HLV_OK)
		return true;
	return m.hdr.op == ask->op &&
	       (!rs.has_digest || hlv_request_digest_fits(ask->covered, &rs.digest));
}

static struct hlv_bytes first_message(const struct hlv_buf *answer)
{
	struct hlv_bytes all = hlv_buf_bytes(answer);
	if (all.n < HLV_ENVELOPE_SIZE)
		return all;
	return hlv_head(all, HLV_ENVELOPE_SIZE + (size_t)hlv_load_u32(all.p + 16));
}

static enum hlv_err ask_by(struct driving *v, const struct hlv_addr *to,
			   enum hlv_transport transport, uint32_t share_ms)
{
	struct budget *budget = walk_budget(v->w);
	struct hlv_client c;
	struct hlv_client_report report = {0};
	uint32_t id;
	if (budget->packets == 0 || budget->octets == 0)
		return HLV_E_LIMIT;
	hlv_client_init(&c, to);
	c.transport = transport;
	c.total_ms = share_ms;
	c.answer_max = budget->octets;
	if (c.tries > budget->packets)
		c.tries = budget->packets;
	HLV_TRY(hlv_client_request_id(&id));
	hlv_store_u32(v->request + WALK_REQUEST_ID_AT, id);
	hlv_buf_clear(&v->answer);
	enum hlv_err err = hlv_client_ask(&c, hlv_bytes(v->request, v->ask->message.n),
					  &v->answer, &report);
	/* Tries are bounded before; what is taken here is what was sent. */
	(void)budget_take(&budget->packets, report.sent ? report.sent : 1);
	if (!budget_take(&budget->octets, v->answer.n) || err == HLV_E_LIMIT)
		return HLV_E_LIMIT;
	return err;
}

static enum hlv_err ask_server(struct driving *v, const struct zone_server *s,
			       uint32_t share_ms)
{
	bool by_udp = s->udp.len && !v->ask->stream;
	enum hlv_err err = HLV_E_IO;
	if (by_udp)
		err = ask_by(v, &s->udp, HLV_T_UDP, share_ms);
	bool mismatch = err == HLV_OK && !is_answer(v->ask, first_message(&v->answer));
	/* hlv_client_ask() has tried TCP at the same port by itself. */
	bool other_port = s->tcp.len && (!by_udp || !hlv_addr_eq(&s->tcp, &s->udp));
	if (s->tcp.len && (mismatch || (err == HLV_E_IO && other_port)))
		err = ask_by(v, &s->tcp, HLV_T_TCP, share_ms);
	return err;
}

/* One server after the other; the answer is fed here. */
static enum hlv_err ask_all(struct driving *v)
{
	const struct walk_driver *d = v->d;
	const struct walk_ask *ask = v->ask;
	enum hlv_err err = HLV_E_TIMEOUT;
	for (size_t i = 0; i < ask->nservers; i++) {
		const struct zone_server *s = &ask->servers[i];
		const struct hlv_addr *a = s->udp.len && !ask->stream ? &s->udp : &s->tcp;
		uint32_t all_ms = left_ms(v->w);
		uint32_t share_ms = all_ms / (uint32_t)(ask->nservers - i);
		if (all_ms == 0 || (d->stop && d->stop(d->ctx)))
			return HLV_E_TIMEOUT;
		if (d->skip && d->skip(d->ctx, a))
			continue;
		if (share_ms < SHARE_MIN_MS)
			share_ms = all_ms < SHARE_MIN_MS ? all_ms : SHARE_MIN_MS;
		err = ask_server(v, s, share_ms);
		if (err == HLV_OK) {
			walk_feed(v->w, first_message(&v->answer), i, hlv_clock());
			return HLV_OK;
		}
		if (err == HLV_E_TIMEOUT && d->silent)
			d->silent(d->ctx, a);
		if (err == HLV_E_LIMIT)
			return err;
	}
	return err;
}

void walk_drive(struct walk *w, const struct walk_driver *given)
{
	static const struct walk_driver none;
	struct driving v = {.w = w, .d = given ? given : &none};
	while (walk_next(w, hlv_clock(), &v.ask) == WALK_ASKS) {
		enum hlv_err err = HLV_E_LIMIT;
		if (v.ask->message.n <= sizeof v.request) {
			memcpy(v.request, v.ask->message.p, v.ask->message.n);
			err = ask_all(&v);
		}
		if (err != HLV_OK)
			walk_failed(w, err, hlv_clock());
	}
	hlv_buf_free(&v.answer);
}
