/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/talk.h"

#include <stdlib.h>

#include "proto/wire/site.h"

enum {
	/* Of a connection's own choice, as the national SDK numbers them (industrial.md 5.1). */
	LOGIN_TAG = 10001,
	REQUEST_ROOM = HLV_ENVELOPE_SIZE + HLV_MESSAGE_MAX,
};

struct hlv_talk {
	struct hlv_link *link;
	const struct hlv_prove_identity *id;
	uint32_t next_id, patience_ms;
	uint32_t tag; /* LOGIN_TAG once logged in (or trying to), else 0 */
	uint8_t *request;
	struct hlv_buf answer;
	size_t at; /* in `answer`: behind the messages that were looked at */
	bool last; /* the message that was looked at has no others behind it */
	char site_says[256];
	bool asked_site;
};

enum hlv_err hlv_talk_open(const struct hlv_link_to *to, const struct hlv_prove_identity *id,
			   struct hlv_talk **out, char *why)
{
	*out = NULL;
	struct hlv_talk *a = calloc(1, sizeof *a);
	snprintf(why, HLV_TALK_WHY, "out of memory");
	if (!a)
		return HLV_E_NOMEM;
	a->id = id;
	a->patience_ms = HLV_TALK_PATIENCE_MS;
	a->request = malloc(REQUEST_ROOM);
	enum hlv_err err = a->request ? hlv_client_request_id(&a->next_id) : HLV_E_NOMEM;
	if (err == HLV_OK)
		err = hlv_link_open(to, &a->link, why);
	if (err != HLV_OK) {
		hlv_talk_close(a);
		return err;
	}
	*out = a;
	return HLV_OK;
}

void hlv_talk_close(struct hlv_talk *a)
{
	if (!a)
		return;
	hlv_link_close(a->link);
	hlv_buf_free(&a->answer);
	free(a->request);
	free(a);
}

void hlv_talk_wait(struct hlv_talk *a, uint32_t ms)
{
	a->patience_ms = ms;
}

struct hlv_link *hlv_talk_link(struct hlv_talk *a)
{
	return a->link;
}

enum hlv_err hlv_talk_prepare(struct hlv_talk *a, struct hlv_request *rq)
{
	/* A number of our own choice is known by a message of 2.10 (industrial.md 5.1). */
	rq->m.env = (struct hlv_envelope){.major = 2,
					  .minor = a->tag ? 10 : 11,
					  .suggest_major = 2,
					  .suggest_minor = 11,
					  .session_id = a->tag,
					  .request_id = a->next_id++};
	rq->m.hdr.flags |= HLV_F_KEEP_ALIVE | HLV_F_REQUEST_DIGEST;
	rq->m.hdr.site_serial = UINT16_MAX;
	rq->m.hdr.expiration_s = hlv_now_s(hlv_clock()) + HLV_EXPIRATION_S;
	return HLV_OK;
}

static enum hlv_err failed(struct hlv_talk *a, enum hlv_err err, char *why)
{
	int os_error = hlv_link_os_error(a->link);
	if (err == HLV_E_TIMEOUT)
		snprintf(why, HLV_TALK_WHY, "the server does not answer");
	else
		snprintf(why, HLV_TALK_WHY, "connection: %s",
			 os_error ? strerror(os_error) : hlv_strerror(err));
	return err;
}

/* The next message of a->answer, decoded. */
static enum hlv_err look(struct hlv_talk *a, struct hlv_message *m, struct hlv_response *rs)
{
	struct hlv_bytes rest = hlv_skip(hlv_buf_bytes(&a->answer), a->at);
	if (rest.n < HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE)
		return HLV_E_MALFORMED;
	size_t n = HLV_ENVELOPE_SIZE + (size_t)hlv_load_u32(rest.p + 16);
	a->at += n;
	HLV_TRY(hlv_message_decode(hlv_head(rest, n), m));
	a->last = !(m->hdr.flags & HLV_F_CONTINUOUS);
	return hlv_response_decode(m, rs);
}

static enum hlv_err ask_once(struct hlv_talk *a, struct hlv_bytes request,
			     struct hlv_message *m, struct hlv_response *rs, char *why)
{
	hlv_buf_clear(&a->answer);
	a->at = 0;
	enum hlv_err err = hlv_link_ask(a->link, request, &a->answer, a->patience_ms);
	if (err != HLV_OK)
		return failed(a, err, why);
	err = look(a, m, rs);
	if (err != HLV_OK)
		snprintf(why, HLV_TALK_WHY, "an answer that cannot be read: %s",
			 hlv_strerror(err));
	return err;
}

static enum hlv_err prove(struct hlv_talk *a, const struct hlv_message *sent,
			  struct hlv_message *m, struct hlv_response *rs, char *why)
{
	uint8_t octets[HLV_PROVE_ANSWER_MAX];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	enum hlv_err err = hlv_prove_answer(a->id, sent, m, rs, a->next_id++, &w);
	if (err == HLV_E_SIGNATURE || err == HLV_E_MALFORMED)
		snprintf(why, HLV_TALK_WHY,
			 "the server's challenge is not for what was asked: is somebody in "
			 "between? nothing was signed");
	else if (err != HLV_OK)
		snprintf(why, HLV_TALK_WHY, "cannot answer the challenge: %s",
			 hlv_strerror(err));
	return err == HLV_OK ? ask_once(a, hlv_written(&w), m, rs, why) : err;
}

enum hlv_err hlv_talk_ask(struct hlv_talk *a, struct hlv_request *rq, struct hlv_response *rs,
			  char *why)
{
	struct hlv_message m, sent;
	struct hlv_writer w = hlv_writer(a->request, REQUEST_ROOM);
	HLV_TRY(hlv_talk_prepare(a, rq));
	hlv_request_encode(&w, rq);
	if (w.bad || hlv_message_decode(hlv_written(&w), &sent) != HLV_OK) {
		snprintf(why, HLV_TALK_WHY, "too long for one message");
		return HLV_E_LIMIT;
	}
	HLV_TRY(ask_once(a, hlv_written(&w), &m, rs, why));
	bool challenged = rs->rc == HLV_RC_AUTHENTICATION_NEEDED &&
			  rs->kind == HLV_BODY_CHALLENGE && a->id && a->id->who.handle.n > 0;
	return challenged ? prove(a, &sent, &m, rs, why) : HLV_OK;
}

bool hlv_talk_more(struct hlv_talk *a, struct hlv_response *rs)
{
	struct hlv_message m;
	return !a->last && a->at < a->answer.n && look(a, &m, rs) == HLV_OK;
}

enum hlv_err hlv_talk_login(struct hlv_talk *a, char *why)
{
	struct hlv_response rs;
	struct hlv_request rq = {
		.m.hdr = {.op = HLV_OP_LOGIN_ID_SYSTEM, .flags = HLV_F_RECURSE},
		.auth.who = a->id->who};
	a->tag = LOGIN_TAG;
	enum hlv_err err = hlv_talk_ask(a, &rq, &rs, why);
	if (err == HLV_OK && rs.rc == HLV_RC_SUCCESS)
		return HLV_OK;
	a->tag = 0;
	if (err != HLV_OK)
		return err;
	hlv_talk_refusal(&rs, why);
	return rs.rc == HLV_RC_NOT_SUPPORTED || rs.rc == HLV_RC_PROTOCOL_ERROR
		       ? HLV_E_UNSUPPORTED
		       : HLV_E_PERMISSION;
}

/* --- what the server offers --- */

static void note_offers(struct hlv_talk *a, struct hlv_bytes octets)
{
	struct hlv_site site;
	struct hlv_site_attribute attribute;
	if (hlv_site_decode(octets, &site) != HLV_OK)
		return;
	struct hlv_reader r = hlv_reader(site.attributes.raw);
	for (uint32_t i = 0; i < site.attributes.n; i++) {
		hlv_site_next_attribute(&r, &attribute);
		if (hlv_eq(attribute.name, hlv_text("helve")))
			snprintf(a->site_says, sizeof a->site_says, " %.*s ",
				 (int)(attribute.value.n < 200 ? attribute.value.n : 200),
				 (const char *)attribute.value.p);
	}
}

enum hlv_err hlv_talk_offers(struct hlv_talk *a, const char *what, bool *offered, char *why)
{
	char word[64];
	*offered = false;
	if (!a->asked_site) {
		struct hlv_response rs;
		struct hlv_request rq = {.m.hdr.op = HLV_OP_GET_SITE_INFO};
		HLV_TRY(hlv_talk_ask(a, &rq, &rs, why));
		if (rs.rc == HLV_RC_SUCCESS)
			note_offers(a, rs.octets);
		a->asked_site = true;
	}
	snprintf(word, sizeof word, " %s ", what);
	*offered = strstr(a->site_says, word) != NULL;
	return HLV_OK;
}

char *hlv_talk_refusal(const struct hlv_response *rs, char *out)
{
	const char *text = hlv_rc_text(rs->rc);
	int n = rs->kind == HLV_BODY_ERROR && rs->text.n < 160 ? (int)rs->text.n : 0;
	snprintf(out, HLV_TALK_WHY, "%s (%u)%s%.*s", text ? text : "refused", rs->rc,
		 n ? ": " : "", n, n ? (const char *)rs->text.p : "");
	return out;
}
