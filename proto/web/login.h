/* SPDX-License-Identifier: Apache-2.0
 *
 * Who makes a call (protocol.md 15.4, rest-clients.md 3), as far as its headers say: what they say
 * becomes call->peer.claim, which the service checks with the question that the handler asks, and
 * x->login of the answer is whom it has found. Only over TLS, or as the option
 * http-allow-cleartext-auth says; in the clear nobody is anybody.
 *
 * A handler that wants to know calls web_login(), asks its question with call->peer, and in the answer
 * calls web_refused() before it looks at anything else. What it says itself it says by web_answer(),
 * which adds to 401 the ways to log in.
 *
 * A page of another origin cannot use what the browser knows: a certificate, or Basic credentials that
 * somebody has once typed in, count only for calls that such a page cannot make without asking first
 * (CORS), or with an Authorization header that it must have written itself.
 */
#pragma once
#include "proto/web/session.h"
#include "proto/web/web.h"

struct web_login {
	enum web_how how;
	struct hlv_claim claim;
	bool has_session;	    /* named, and known */
	struct web_session session; /* with the claim SIGNED: becomes logged in with it */
	bool has_header, is_basic;
	struct hlv_bytes cnonce; /* for the server's signature; decoded */
	bool wants_signature;
	const char *error; /* what is wrong with the login, for the challenge; static */
};

/* Does a browser make this call for a page that did not come from here? Any page may ask what everybody may
 * (CORS), so what its reader is told because of who or where he is is not for it. */
bool web_is_cross_origin(const struct http_call *call);
/* May somebody say who he is, by this connection? */
bool web_may_log_in(const struct http_call *call);
/* False: it was answered (401), since what it says cannot be read or is over. */
bool web_login(struct http_call *call);
/* True: the login did not hold, and that was answered (401, no body). */
bool web_refused(struct http_call *call, const struct hlv_exchange *x);
/* http_reply() with JSON, or nothing when call->out is empty. */
void web_answer(struct http_call *call, unsigned status);

/* Who it is, asked for its own sake. `login` is NULL for nobody. Not called when the call was answered
 * because the login does not hold. */
typedef void web_known(struct http_call *call, const struct hlv_login *login, enum web_how how);
void web_ask_who(struct http_call *call, web_known *known);

/* --- for api_session.c --- */

/* As web_login(), with the members of the object `body` in place of a header's, but what is wrong is in
 * login->error and nothing is answered. call->login is there behind it (NULL: no memory). */
void web_login_read(struct http_call *call, struct hlv_bytes body);
/* What was proven before does not hold any more: its session, if it came by one, is ended. */
void web_login_over(struct http_call *call);
/* login->session is one to log in to, a fresh one if there was none. */
bool web_login_offer(struct http_call *call);
/* serverAlg and serverSignature over nonce and cnonce; false: there is no key. */
bool web_server_signature(struct http_call *call, const char **algorithm,
			  struct hlv_buf *signature);
