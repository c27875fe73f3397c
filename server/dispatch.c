/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dispatch.h"

#include "server/look.h"

typedef enum hlv_rc handler(const struct answer_context *, const struct hlv_request *,
			    struct hlv_response *);

static enum hlv_rc refuse_pull(const struct answer_context *c, const struct hlv_request *rq,
			       struct hlv_response *rs)
{
	(void)c;
	(void)rq;
	return answer_error(rs, HLV_RC_NOT_SUPPORTED, "Replication is not available");
}

static const struct {
	enum hlv_op op;
	handler *handle; /* NULL: the registrar's */
} table[] = {
	{HLV_OP_RESOLUTION, answer_resolution},
	{HLV_OP_GET_SITE_INFO, answer_site_info},
	{HLV_OP_CREATE_HANDLE, NULL},
	{HLV_OP_DELETE_HANDLE, NULL},
	{HLV_OP_ADD_VALUE, NULL},
	{HLV_OP_REMOVE_VALUE, NULL},
	{HLV_OP_MODIFY_VALUE, NULL},
	{HLV_OP_LIST_HANDLES, NULL},
	{HLV_OP_HOME_NA, NULL},
	{HLV_OP_UNHOME_NA, NULL},
	{HLV_OP_LIST_HOMED_NAS, NULL},
	{HLV_OP_BACKUP_SERVER, NULL},
	{HLV_OP_VERIFY_CHALLENGE, NULL},
	{HLV_OP_LOGIN_ID_SYSTEM, NULL},
	{HLV_OP_RESPONSE_TO_CHALLENGE, NULL},
	{HLV_OP_SESSION_SETUP, NULL},
	{HLV_OP_SESSION_TERMINATE, NULL},
	{HLV_OP_SESSION_EXCHANGEKEY, NULL},
	{HLV_OP_HELVE_COMMIT, NULL},
	{HLV_OP_HELVE_BULK, NULL},
	{HLV_OP_HELVE_CONTROL, NULL},
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

/* A session id above 0 names a session or a challenge (11.1), and encryption a session: the
 * registrar has those. What the national SDK puts there names nothing. */
static bool is_in_session(const struct hlv_exchange *x)
{
	const struct hlv_envelope *e = &x->rq.m.env;
	if (e->flags & HLV_E_ENCRYPTED)
		return true;
	return e->session_id > 0 && e->session_id <= INT32_MAX && !hlv_exchange_is_tagged(x);
}

/* A source that nobody has verified is worth no state (threats.md 1): it may come by TCP. */
static bool is_sent_to_tcp(struct hlv_exchange *x)
{
	x->stream_only = x->peer.transport == HLV_T_UDP && !x->peer.verified;
	if (x->stream_only)
		answer_error(&x->rs, HLV_RC_BUSY, "Come by TCP");
	return x->stream_only;
}

static bool registrars(struct hlv_exchange *x)
{
	if (is_sent_to_tcp(x))
		return true;
	answer_error(&x->rs, HLV_RC_NOT_SUPPORTED, "Administration is not available");
	return false;
}

static bool is_for_administrators(const struct answer_context *c, struct hlv_exchange *x,
				  enum hlv_rc rc)
{
	if (x->rq.m.hdr.op != HLV_OP_RESOLUTION)
		return false;
	/* What somebody claims is checked even where nobody would have asked. */
	const struct hlv_claim *claim = x->peer.claim;
	if (claim && claim->kind != HLV_CLAIM_CERT)
		return true;
	return rc == HLV_RC_AUTHENTICATION_NEEDED ||
	       (hlv_exchange_login(x) && answer_hides(c, &x->rq));
}

/* What everybody may know of this node: answered like a question, without the registrar. */
static bool is_about_node(const struct hlv_exchange *x)
{
	return x->rq.m.hdr.op == HLV_OP_HELVE_CONTROL && x->peer.transport != HLV_T_UDP &&
	       hlv_eq(x->rq.handle, hlv_text("node"));
}

bool dispatch(const struct answer_context *c, struct hlv_exchange *x)
{
	const char *wrong = wrong_interface(x);
	if (wrong) {
		answer_error(&x->rs, HLV_RC_PROTOCOL_ERROR, wrong);
		return true;
	}
	if (is_in_session(x))
		return registrars(x);
	if (is_about_node(x)) {
		look_node(c, &x->rs);
		return true;
	}
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if ((uint32_t)table[i].op != x->rq.m.hdr.op)
			continue;
		if (!table[i].handle)
			return registrars(x);
		enum hlv_rc rc = table[i].handle(c, &x->rq, &x->rs);
		return !is_for_administrators(c, x, rc) || is_sent_to_tcp(x);
	}
	answer_error(&x->rs, HLV_RC_NOT_SUPPORTED, "Unknown operation");
	return true;
}
