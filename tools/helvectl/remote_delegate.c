/* SPDX-License-Identifier: Apache-2.0
 *
 * delegate on another server. The protocol changes values one kind at a time, so a prefix that moves
 * has both sites for a moment, never none: what is new goes in before what is old goes out.
 */
#include "tools/helvectl/delegation.h"
#include "tools/helvectl/remote.h"

struct moving {
	struct ctl *ctl;
	struct remote *r;
	const char *name;
	struct hlv_buf raw; /* the record's values as they are */
	struct hlv_list old;
	struct hlv_buf changed, added, removed; /* values, values, indexes */
	uint32_t nchanged, nadded, nremoved;
};

static int ask(struct moving *m, struct hlv_request *rq, struct hlv_response *rs)
{
	char why[HLV_TALK_WHY] = "";
	rq->handle = hlv_text(m->name);
	enum hlv_err err = hlv_talk_ask(m->r->admin, rq, rs, why);
	return err == HLV_OK ? CTL_DONE : ctl_fail(m->ctl, "%s: %s", m->name, why);
}

/* All that we may see, so that no index of ours is in somebody's way. */
static int read_record(struct moving *m)
{
	struct hlv_response rs;
	struct hlv_request rq = {
		.m.hdr = {.op = HLV_OP_RESOLUTION,
			  .flags = HLV_F_AUTHORITATIVE | HLV_F_NO_REFERRAL |
				   (m->ctl->remote->auth ? 0 : HLV_F_PUBLIC_ONLY)}};
	int code = ask(m, &rq, &rs);
	if (code != CTL_DONE || rs.rc == HLV_RC_NOT_FOUND || rs.rc == HLV_RC_VALUES_NOT_FOUND)
		return code;
	if (rs.rc != HLV_RC_SUCCESS)
		return remote_tell(m->ctl, m->name, &rs);
	hlv_buf_put(&m->raw, rs.values.raw);
	m->old = (struct hlv_list){rs.values.n, hlv_buf_bytes(&m->raw)};
	return m->raw.bad ? ctl_fail_err(m->ctl, m->name, HLV_E_NOMEM) : CTL_DONE;
}

static bool find(const struct hlv_list *list, uint32_t index, struct hlv_value *v)
{
	struct hlv_reader r = hlv_reader(list->raw);
	for (uint32_t i = 0; i < list->n; i++)
		if (hlv_value_decode(&r, v) == HLV_OK && v->index == index)
			return true;
	return false;
}

static void put(struct hlv_buf *buf, uint32_t *n, const struct hlv_value *v)
{
	struct node_values one = {*buf, *n};
	node_values_copy(&one, v);
	*buf = one.buf;
	*n = one.n;
}

/* What is different between the record and what it should be. */
static void compare(struct moving *m, const struct hlv_list *wanted)
{
	struct hlv_reader r = hlv_reader(wanted->raw);
	struct hlv_value v, was;
	for (uint32_t i = 0; i < wanted->n; i++) {
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return;
		if (!find(&m->old, v.index, &was))
			put(&m->added, &m->nadded, &v);
		else if (!hlv_eq(v.type, was.type) || !hlv_eq(v.data, was.data))
			put(&m->changed, &m->nchanged, &v);
	}
	r = hlv_reader(m->old.raw);
	for (uint32_t i = 0; i < m->old.n; i++) {
		if (hlv_value_decode(&r, &was) != HLV_OK || find(wanted, was.index, &v))
			continue;
		uint8_t index[4];
		hlv_store_u32(index, was.index);
		hlv_buf_put(&m->removed, hlv_bytes(index, sizeof index));
		m->nremoved++;
	}
}

static int submit(struct moving *m, enum hlv_op op, uint32_t n, const struct hlv_buf *what)
{
	struct hlv_response rs;
	struct hlv_request rq = {.m.hdr.op = op};
	struct hlv_list list = {n, hlv_buf_bytes(what)};
	if (op == HLV_OP_REMOVE_VALUE)
		rq.indexes = list;
	else
		rq.values = list;
	if (n == 0)
		return CTL_DONE;
	int code = ask(m, &rq, &rs);
	return code == CTL_DONE ? remote_tell(m->ctl, m->name, &rs) : code;
}

static int change(struct moving *m, const struct delegation *d)
{
	struct node_values values = {0};
	struct hlv_list wanted;
	int code = read_record(m);
	if (code != CTL_DONE)
		return code;
	delegation_apply(d, &m->old, (uint32_t)(ctl_now_ms() / 1000), &values);
	struct hlv_reader r = hlv_reader(node_values_list(&values));
	enum hlv_err err = hlv_values_decode(&r, &wanted);
	if (err == HLV_OK && m->old.n == 0 && !d->remove) {
		struct hlv_buf all = {0};
		hlv_buf_put(&all, wanted.raw);
		code = submit(m, HLV_OP_CREATE_HANDLE, wanted.n, &all);
		hlv_buf_free(&all);
	} else if (err == HLV_OK) {
		compare(m, &wanted);
		code = submit(m, HLV_OP_ADD_VALUE, m->nadded, &m->added);
		if (code == CTL_DONE)
			code = submit(m, HLV_OP_MODIFY_VALUE, m->nchanged, &m->changed);
		if (code == CTL_DONE)
			code = submit(m, HLV_OP_REMOVE_VALUE, m->nremoved, &m->removed);
	}
	hlv_buf_free(&values.buf);
	return err == HLV_OK ? code : ctl_fail_err(m->ctl, m->name, err);
}

int remote_delegate(struct ctl *ctl, const char *prefix_handle, const struct delegation *d)
{
	struct remote r;
	int code = CTL_FAILED;
	struct moving m = {.ctl = ctl, .r = &r, .name = prefix_handle};
	if (remote_open(ctl, &r))
		code = change(&m, d);
	remote_close(&r);
	hlv_buf_free(&m.raw);
	hlv_buf_free(&m.changed);
	hlv_buf_free(&m.added);
	hlv_buf_free(&m.removed);
	return code;
}
