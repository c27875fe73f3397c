/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/dig/ask.h"

#include "proto/net/link.h"

enum { USUAL = 0x19000000 }; /* REC, CA, PO: what every client sets (protocol.md 3.3) */

/* A question has one message as its answer; what follows is not looked at. */
static void understand(struct dig_reply *reply)
{
	struct hlv_bytes raw = hlv_buf_bytes(&reply->raw);
	size_t first = HLV_ENVELOPE_SIZE + (size_t)hlv_load_u32(raw.p + 16);
	reply->understood = hlv_message_decode(hlv_head(raw, first), &reply->m);
	if (reply->understood == HLV_OK)
		reply->understood = hlv_response_decode(&reply->m, &reply->rs);
}

static enum hlv_err answer_challenge(const struct dig_options *o, struct hlv_link *link,
				     const struct hlv_message *sent, struct dig_reply *reply)
{
	uint8_t octets[HLV_PROVE_ANSWER_MAX];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	HLV_TRY(hlv_prove_answer(&o->self, sent, &reply->m, &reply->rs,
				 sent->env.request_id + 1, &w));
	hlv_buf_clear(&reply->raw);
	HLV_TRY(hlv_link_ask(link, hlv_written(&w), &reply->raw, o->client.total_ms));
	understand(reply);
	return HLV_OK;
}

/* By TLS, or as somebody: over one connection, which a challenge may need. The server may hold
 * any key: whether the answer is to be believed is shown by its signature. */
static enum hlv_err ask_by_link(const struct dig_options *o, enum hlv_transport transport,
				const struct hlv_message *sent, struct hlv_bytes request,
				struct dig_reply *reply)
{
	char why[256];
	struct hlv_link *link = NULL;
	struct hlv_link_to to = {.transport = transport,
				 .addr = o->client.server,
				 .connect_ms = o->client.total_ms,
				 .any_server = true};
	hlv_mono_ns began = hlv_clock().mono_ns;
	reply->report.transport = transport;
	enum hlv_err err = hlv_link_open(&to, &link, why);
	if (err == HLV_OK)
		err = hlv_link_ask(link, request, &reply->raw, o->client.total_ms);
	if (err == HLV_OK)
		understand(reply);
	if (err == HLV_OK && reply->understood == HLV_OK && o->self.who.handle.n > 0 &&
	    reply->rs.rc == HLV_RC_AUTHENTICATION_NEEDED &&
	    reply->rs.kind == HLV_BODY_CHALLENGE)
		err = answer_challenge(o, link, sent, reply);
	if (link)
		reply->report.os_error = hlv_link_os_error(link);
	reply->report.ns = hlv_clock().mono_ns - began;
	hlv_link_close(link);
	return err;
}

static enum hlv_err send_request(const struct dig_options *o, enum hlv_transport transport,
				 struct hlv_request *rq, struct dig_reply *reply)
{
	HLV_TRY(hlv_client_request_id(&rq->m.env.request_id));
	rq->m.env.major = rq->m.env.suggest_major = 2;
	rq->m.env.minor = rq->m.env.suggest_minor = 11;
	rq->m.hdr.site_serial = UINT16_MAX;
	rq->m.hdr.expiration_s = hlv_now_s(hlv_clock()) + HLV_EXPIRATION_S;

	struct hlv_writer w = hlv_writer(reply->request, sizeof reply->request);
	hlv_request_encode(&w, rq);
	if (w.bad)
		return HLV_E_LIMIT;
	struct hlv_message sent;
	HLV_TRY(hlv_message_decode(hlv_written(&w), &sent));
	reply->asked = sent.covered;
	if (transport == HLV_T_TLS || o->self.who.handle.n > 0)
		return ask_by_link(o, transport, &sent, hlv_written(&w), reply);
	struct hlv_client c = o->client;
	c.transport = transport;
	HLV_TRY(hlv_client_ask(&c, hlv_written(&w), &reply->raw, &reply->report));
	understand(reply);
	return HLV_OK;
}

static uint32_t flags(const struct dig_options *o)
{
	uint32_t f = USUAL;
	if (o->certified)
		f |= HLV_F_CERTIFIED | HLV_F_REQUEST_DIGEST;
	if (o->authoritative)
		f |= HLV_F_AUTHORITATIVE;
	if (o->self.who.handle.n >
	    0) /* private values too; the digest is what we are asked to sign */
		f = (f & ~HLV_F_PUBLIC_ONLY) | HLV_F_REQUEST_DIGEST | HLV_F_KEEP_ALIVE;
	return f;
}

enum hlv_err dig_ask(const struct dig_options *o, struct dig_reply *reply)
{
	uint8_t indexes[4 * DIG_INDEXES_MAX], types[4096];
	struct hlv_writer iw = hlv_writer(indexes, sizeof indexes);
	struct hlv_writer tw = hlv_writer(types, sizeof types);
	for (size_t i = 0; i < o->nindexes; i++)
		hlv_put_u32(&iw, o->indexes[i]);
	for (size_t i = 0; i < o->ntypes; i++)
		hlv_put_lp32(&tw, hlv_text(o->types[i]));
	if (tw.bad)
		return HLV_E_LIMIT;
	struct hlv_request rq = {
		.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = flags(o)},
		.handle = o->id,
		.indexes = {.n = (uint32_t)o->nindexes, .raw = hlv_written(&iw)},
		.types = {.n = (uint32_t)o->ntypes, .raw = hlv_written(&tw)},
	};
	return send_request(o, o->client.transport, &rq, reply);
}

enum hlv_err dig_ask_site(const struct dig_options *o, const struct dig_reply *like,
			  struct dig_reply *reply)
{
	struct hlv_request rq = {
		.m.hdr = {.op = HLV_OP_GET_SITE_INFO,
			  .flags = USUAL | HLV_F_CERTIFIED | HLV_F_REQUEST_DIGEST},
	};
	return send_request(o, like->report.transport, &rq, reply);
}

void dig_reply_free(struct dig_reply *reply)
{
	hlv_buf_free(&reply->raw);
}
