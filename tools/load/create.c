/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/create.h"

#include "proto/wire/admin.h"

enum {
	TAG = 10001, /* as the national SDK numbers its connections' sessions */
	HEAD = HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE,
	BULK_HEAD = 1 + 16 + 8 + 4,
};

static struct hlv_request request(const struct create_form *form, uint32_t id, enum hlv_op op)
{
	return (struct hlv_request){
		.m.env = {.major = 2,
			  .minor = 10,
			  .suggest_major = 2,
			  .suggest_minor = 11,
			  .session_id = TAG,
			  .request_id = id},
		.m.hdr = {.op = op,
			  .flags = HLV_F_RECURSE | HLV_F_KEEP_ALIVE,
			  .site_serial = UINT16_MAX,
			  .expiration_s = form->now_s + HLV_EXPIRATION_S},
	};
}

size_t create_max(const struct create_form *form)
{
	size_t records = form->bulk ? form->bulk : 1;
	return HEAD + 64 + BULK_HEAD + records * (CREATE_RECORD_MAX + strlen(form->prefix) * 2);
}

static void put_value(struct hlv_writer *w, const struct create_form *form, uint32_t index,
		      const char *type, struct hlv_bytes data)
{
	struct hlv_value v = {.index = index,
			      .mtime_s = form->now_s,
			      .ttl_s = HLV_TTL_DEFAULT_S,
			      .perms = HLV_PERM_DEFAULT,
			      .type = hlv_text(type),
			      .data = data};
	hlv_value_encode(w, &v);
}

/* A record as they are registered: an address, a text, a batch, and who administers it. */
static uint32_t put_values(struct hlv_writer *w, const struct create_form *form,
			   uint64_t number)
{
	char url[96], batch[32], owner[CREATE_PREFIX_MAX + 8];
	uint8_t admin[CREATE_PREFIX_MAX + 32];
	struct hlv_writer aw = hlv_writer(admin, sizeof admin);
	snprintf(url, sizeof url, "https://example.cn/product/%llx/%llu",
		 (unsigned long long)form->run, (unsigned long long)number);
	snprintf(batch, sizeof batch, "B%llu", (unsigned long long)(number / 1000));
	snprintf(owner, sizeof owner, "0.NA/%s", form->prefix);
	hlv_admin_encode(&aw,
			 &(struct hlv_admin){HLV_ADMIN_ALL, {hlv_text(owner), 200}, false});
	put_value(w, form, 1, "URL", hlv_text(url));
	put_value(w, form, 2, "DESC", hlv_text("made by helveload to measure registrations"));
	put_value(w, form, 3, "BATCH", hlv_text(batch));
	put_value(w, form, 100, "HS_ADMIN", hlv_written(&aw));
	return 4;
}

static void put_name(struct hlv_writer *w, const struct create_form *form, uint64_t number)
{
	char name[CREATE_PREFIX_MAX + 64];
	snprintf(name, sizeof name, "%s/%llx-%010llu", form->prefix,
		 (unsigned long long)form->run, (unsigned long long)number);
	hlv_put_lp32(w, hlv_text(name));
}

static void put_record(struct hlv_writer *w, const struct create_form *form, uint64_t number)
{
	put_name(w, form, number);
	size_t count = hlv_put_hole32(w);
	hlv_fill_u32(w, count, put_values(w, form, number));
}

/* Lengths of a message that stands at `w`, whose body ends here, and "no credential". */
static size_t finish(struct hlv_writer *w)
{
	hlv_fill_u32(w, HEAD - 4, (uint32_t)(w->n - HEAD));
	hlv_put_u32(w, 0);
	hlv_fill_u32(w, HLV_ENVELOPE_SIZE - 4, (uint32_t)(w->n - HLV_ENVELOPE_SIZE));
	hlv_require(!w->bad);
	return w->n;
}

static void begin(struct hlv_writer *w, const struct create_form *form, uint32_t id,
		  enum hlv_op op)
{
	struct hlv_request rq = request(form, id, op);
	hlv_envelope_encode(w, &rq.m.env);
	hlv_header_encode(w, &rq.m.hdr);
}

size_t create_build(const struct create_form *form, uint32_t request_id, uint64_t number,
		    uint64_t job, uint64_t of_job, uint8_t *out)
{
	struct hlv_writer w = hlv_writer(out, create_max(form));
	if (form->bulk == 0) {
		begin(&w, form, request_id, HLV_OP_CREATE_HANDLE);
		put_record(&w, form, number);
		return finish(&w);
	}
	begin(&w, form, request_id, HLV_OP_HELVE_BULK);
	hlv_put_u32(&w, 0); /* no handle */
	size_t octets = hlv_put_hole32(&w);
	hlv_put_u8(&w, 0);
	hlv_put_u64(&w, form->run); /* the key: of this run and this connection */
	hlv_put_u64(&w, job);
	hlv_put_u64(&w, of_job * form->bulk);
	hlv_put_u32(&w, form->bulk);
	for (uint32_t i = 0; i < form->bulk; i++)
		put_record(&w, form, number * form->bulk + i);
	hlv_fill32(&w, octets);
	return finish(&w);
}

uint32_t create_count(const struct create_form *form, struct hlv_bytes answer)
{
	struct hlv_message m;
	struct hlv_response rs;
	if (form->bulk == 0)
		return 1;
	if (hlv_message_decode(answer, &m) != HLV_OK || hlv_response_decode(&m, &rs) != HLV_OK)
		return 0;
	struct hlv_reader r = hlv_reader(rs.octets);
	hlv_get_u64(&r);
	uint32_t failed = hlv_get_u32(&r);
	return failed < form->bulk ? form->bulk - failed : 0;
}

/* --- login --- */

size_t login_begin(struct login *login, const struct create_form *form, uint32_t id,
		   uint8_t *out)
{
	struct hlv_request rq = request(form, id, HLV_OP_LOGIN_ID_SYSTEM);
	struct hlv_writer w = hlv_writer(login->request, sizeof login->request);
	rq.auth.who = form->id.who;
	hlv_request_encode(&w, &rq);
	login->state = LOGIN_BEGUN;
	login->id = id;
	login->n = w.bad ? 0 : w.n;
	memcpy(out, login->request, login->n);
	return login->n;
}

void login_feed(struct login *login, const struct create_form *form, struct hlv_bytes message,
		uint8_t *out, size_t *n)
{
	struct hlv_message m, sent;
	struct hlv_response rs;
	struct hlv_writer w = hlv_writer(out, LOGIN_ROOM);
	bool begun = login->state == LOGIN_BEGUN;
	*n = 0;
	login->state = LOGIN_FAILED;
	if (hlv_message_decode(message, &m) != HLV_OK ||
	    hlv_response_decode(&m, &rs) != HLV_OK ||
	    hlv_message_decode(hlv_bytes(login->request, login->n), &sent) != HLV_OK)
		return;
	login->rc = rs.rc;
	if (!begun) {
		login->state = rs.rc == HLV_RC_SUCCESS ? LOGIN_DONE : LOGIN_FAILED;
		return;
	}
	if (rs.rc != HLV_RC_AUTHENTICATION_NEEDED ||
	    hlv_prove_answer(&form->id, &sent, &m, &rs, login->id + 1, &w) != HLV_OK)
		return;
	*n = w.n;
	login->state = LOGIN_PROVED;
}
