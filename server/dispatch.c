/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dispatch.h"

typedef enum hlv_rc handler(const struct answer_context *, const struct hlv_request *,
			    struct hlv_response *);

static enum hlv_rc refuse_admin(const struct answer_context *c, const struct hlv_request *rq,
				struct hlv_response *rs)
{
	(void)c;
	(void)rq;
	return answer_error(rs, HLV_RC_NOT_SUPPORTED,
			    "Administration over the wire is not available: use helvectl");
}

static enum hlv_rc refuse_pull(const struct answer_context *c, const struct hlv_request *rq,
			       struct hlv_response *rs)
{
	(void)c;
	(void)rq;
	return answer_error(rs, HLV_RC_NOT_SUPPORTED, "Replication is not available");
}

static enum hlv_rc refuse_session(const struct answer_context *c, const struct hlv_request *rq,
				  struct hlv_response *rs)
{
	(void)c;
	(void)rq;
	return answer_error(rs, HLV_RC_SESSION_FAILED, "Sessions are not available");
}

/* 8, step 4: no challenge is pending, so none can be answered in time. */
static enum hlv_rc refuse_answer(const struct answer_context *c, const struct hlv_request *rq,
				 struct hlv_response *rs)
{
	(void)c;
	(void)rq;
	return answer_error(rs, HLV_RC_AUTHENTICATION_TIMEOUT, "No challenge is pending");
}

static enum hlv_rc no_session(const struct answer_context *c, const struct hlv_request *rq,
			      struct hlv_response *rs)
{
	(void)c;
	(void)rq;
	return answer_error(rs, HLV_RC_SESSION_TIMEOUT, "No such session");
}

static const struct {
	enum hlv_op op;
	handler *handle;
} table[] = {
	{HLV_OP_RESOLUTION, answer_resolution},
	{HLV_OP_GET_SITE_INFO, answer_site_info},
	{HLV_OP_CREATE_HANDLE, refuse_admin},
	{HLV_OP_DELETE_HANDLE, refuse_admin},
	{HLV_OP_ADD_VALUE, refuse_admin},
	{HLV_OP_REMOVE_VALUE, refuse_admin},
	{HLV_OP_MODIFY_VALUE, refuse_admin},
	{HLV_OP_LIST_HANDLES, refuse_admin},
	{HLV_OP_HOME_NA, refuse_admin},
	{HLV_OP_UNHOME_NA, refuse_admin},
	{HLV_OP_LIST_HOMED_NAS, refuse_admin},
	{HLV_OP_BACKUP_SERVER, refuse_admin},
	{HLV_OP_VERIFY_CHALLENGE, refuse_admin},
	{HLV_OP_LOGIN_ID_SYSTEM, refuse_admin},
	{HLV_OP_RESPONSE_TO_CHALLENGE, refuse_answer},
	{HLV_OP_SESSION_SETUP, refuse_session},
	{HLV_OP_SESSION_TERMINATE, no_session},
	{HLV_OP_SESSION_EXCHANGEKEY, no_session},
	{HLV_OP_GET_NEXT_TXN_ID, refuse_pull},
	{HLV_OP_RETRIEVE_TXN_LOG, refuse_pull},
	{HLV_OP_DUMP_HANDLES, refuse_pull},
};

/* 10.3: an interface takes administration, queries, or both. */
static const char *wrong_interface(const struct hlv_exchange *x)
{
	uint32_t op = x->rq.m.hdr.op;
	if (hlv_op_is_admin(op) && !(x->peer.interface_kind & HLV_IF_ADMIN))
		return "Received admin request on non-admin interface";
	if (op == HLV_OP_RESOLUTION && !(x->peer.interface_kind & HLV_IF_QUERY))
		return "Received query request on non-query interface";
	return NULL;
}

/* A session id above 0 names a session or a challenge, and we have none (11.1); but the national
 * SDK numbers its requests' sessions itself, from 10001, and means nothing by it (industrial.md
 * 5.1). It speaks 2.10, which no stock client does. */
static bool is_unknown_session(const struct hlv_exchange *x)
{
	const struct hlv_envelope *e = &x->rq.m.env;
	if (e->flags & HLV_E_ENCRYPTED)
		return true;
	if (e->session_id == 0 || e->session_id > INT32_MAX)
		return false;
	bool sdk = x->peer.transport != HLV_T_UDP && e->major == 2 && e->minor == 10 &&
		   e->session_id > 10000;
	return !sdk;
}

void dispatch(const struct answer_context *c, struct hlv_exchange *x)
{
	const char *wrong = wrong_interface(x);
	if (wrong) {
		answer_error(&x->rs, HLV_RC_PROTOCOL_ERROR, wrong);
		return;
	}
	if (is_unknown_session(x)) {
		no_session(c, &x->rq, &x->rs);
		return;
	}
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if ((uint32_t)table[i].op != x->rq.m.hdr.op)
			continue;
		table[i].handle(c, &x->rq, &x->rs);
		return;
	}
	answer_error(&x->rs, HLV_RC_NOT_SUPPORTED, "Unknown operation");
}
