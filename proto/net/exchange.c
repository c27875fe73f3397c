/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "proto/net/service.h"

enum { ARENA_KEEP = 64 << 10 };

void hlv_exchange_begin(struct hlv_exchange *x)
{
	/* Not x->rs: who answers at once sets all of it, and every question pays. */
	x->answer_flags = 0;
	x->protection = NULL;
	x->site_serial = 0;
	x->authoritative = false;
	x->from = x->proof = 0;
	x->left_s = 0;
	x->retry_s = 0;
	x->stream_only = false;
	x->more = false;
	x->login = NULL;
	x->service_state = NULL;
}

void hlv_exchange_end(struct hlv_exchange *x)
{
	free(x->login);
	x->login = NULL;
	/* One long message does not keep its memory for all the short ones after it. */
	if (x->arena.used > ARENA_KEEP)
		hlv_arena_fini(&x->arena);
	else
		hlv_arena_reset(&x->arena);
}

enum hlv_err hlv_exchange_keep(struct hlv_exchange *x)
{
	struct hlv_bytes kept = hlv_arena_copy(&x->arena, x->message);
	if (x->arena.bad)
		return HLV_E_NOMEM;
	x->message = kept;
	x->rs = (struct hlv_response){0};
	/* What was decoded once can be decoded again; an encrypted message still cannot. */
	if (x->rq.m.env.flags & HLV_E_ENCRYPTED)
		return HLV_OK;
	struct hlv_bytes named = x->rq.asked.n ? x->rq.handle : (struct hlv_bytes){0};
	HLV_TRY(hlv_message_decode(kept, &x->rq.m));
	HLV_TRY(hlv_request_decode(&x->rq.m, &x->rq));
	if (named.n) { /* in the arena, see schemes.h */
		x->rq.asked = x->rq.handle;
		x->rq.handle = named;
	}
	return HLV_OK;
}

static void finish(struct hlv_mail *mail, void *receiver)
{
	(void)receiver;
	struct hlv_exchange *x = (struct hlv_exchange *)(void *)mail; /* its first member */
	x->done(x);
}

void hlv_exchange_return(struct hlv_exchange *x)
{
	x->mail.open = finish;
	hlv_mailbox_post(x->home, &x->mail);
}

bool hlv_exchange_is_tagged(const struct hlv_exchange *x)
{
	const struct hlv_envelope *e = &x->rq.m.env;
	return x->peer.conn != 0 && e->major == 2 && e->minor == 10 &&
	       e->session_id >= HLV_TAG_FIRST && e->session_id <= HLV_TAG_LAST;
}

const struct hlv_login *hlv_exchange_login(const struct hlv_exchange *x)
{
	for (const struct hlv_login *l = x->peer.logins; l; l = l->next)
		if (l->session_id == x->rq.m.env.session_id)
			return l;
	return NULL;
}

struct hlv_login *hlv_login_new(uint32_t session_id, const struct hlv_ref *who)
{
	struct hlv_login *l = malloc(sizeof *l + who->handle.n);
	if (!l)
		return NULL;
	uint8_t *handle = (uint8_t *)(l + 1);
	if (who->handle.n)
		memcpy(handle, who->handle.p, who->handle.n);
	*l = (struct hlv_login){.session_id = session_id,
				.who = {hlv_bytes(handle, who->handle.n), who->index}};
	return l;
}
