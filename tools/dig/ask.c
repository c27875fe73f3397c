/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/dig/ask.h"

enum { USUAL = 0x19000000 }; /* REC, CA, PO: what every client sets (protocol.md 3.3) */

static enum hlv_err send_request(const struct hlv_client *c, struct hlv_request *rq,
				 struct dig_reply *reply)
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
	HLV_TRY(hlv_client_ask(c, hlv_written(&w), &reply->raw, &reply->report));

	/* A question has one message as its answer; what follows is not looked at. */
	struct hlv_bytes raw = hlv_buf_bytes(&reply->raw);
	size_t first = HLV_ENVELOPE_SIZE + (size_t)hlv_load_u32(raw.p + 16);
	reply->understood = hlv_message_decode(hlv_head(raw, first), &reply->m);
	if (reply->understood == HLV_OK)
		reply->understood = hlv_response_decode(&reply->m, &reply->rs);
	return HLV_OK;
}

static uint32_t flags(const struct dig_options *o)
{
	uint32_t f = USUAL;
	if (o->certified)
		f |= HLV_F_CERTIFIED | HLV_F_REQUEST_DIGEST;
	if (o->authoritative)
		f |= HLV_F_AUTHORITATIVE;
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
	return send_request(&o->client, &rq, reply);
}

enum hlv_err dig_ask_site(const struct dig_options *o, const struct dig_reply *like,
			  struct dig_reply *reply)
{
	struct hlv_client c = o->client;
	c.transport = like->report.transport;
	struct hlv_request rq = {
		.m.hdr = {.op = HLV_OP_GET_SITE_INFO,
			  .flags = USUAL | HLV_F_CERTIFIED | HLV_F_REQUEST_DIGEST},
	};
	return send_request(&c, &rq, reply);
}

void dig_reply_free(struct dig_reply *reply)
{
	hlv_buf_free(&reply->raw);
}
