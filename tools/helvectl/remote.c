/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/remote.h"

#include "proto/wire/site.h"
#include "tools/helvectl/keys.h"
#include "tools/helvectl/node.h"

/* --- options --- */

bool remote_option(struct remote_options *o, int option)
{
	switch (option) {
	case 'S':
		o->server = optarg;
		return true;
	case 'A':
		o->auth = optarg;
		return true;
	case 'K':
		o->key_file = optarg;
		return true;
	case 'P':
		o->secret_file = optarg;
		return true;
	case 'I':
		o->site = optarg;
		return true;
	case 'X':
		o->insecure = true;
		return true;
	}
	return false;
}

static bool goes_remotely(const struct ctl_verb *verb)
{
	static const char *const names[] = {"get",	"put",	   "rm",     "list",
					    "load",	"home",	   "unhome", "status",
					    "delegate", "history", "undo",   "audit"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(verb->name, names[i]) == 0)
			return true;
	return false;
}

bool remote_is_sound(struct ctl *ctl, const struct remote_options *o)
{
	bool proof = o->key_file || o->secret_file;
	if (!o->server && (o->auth || proof || o->site || o->insecure))
		ctl_usage(ctl, "--auth, --key, --secret-file, --site and --insecure go with "
			       "--server");
	else if (!o->server)
		return true;
	else if (!goes_remotely(ctl->verb))
		ctl_usage(ctl, "works only beside the node, without --server");
	else if (!o->auth != !proof)
		ctl_usage(ctl,
			  "--auth INDEX:HANDLE goes with --key FILE or --secret-file FILE");
	else if (o->key_file && o->secret_file)
		ctl_usage(ctl, "--key or --secret-file, not both");
	else if (o->auth && hlv_ref_parse(hlv_text(o->auth)).handle.n == 0)
		ctl_usage(ctl, "--auth '%s': expected INDEX:HANDLE, as 300:0.NA/88.118",
			  o->auth);
	else {
		ctl->remote = o;
		return true;
	}
	return false;
}

/* --- the connection --- */

/* The key of the server at this address, or of the only one that there is. */
static struct hlv_key *key_of(const struct hlv_site *site, const struct hlv_addr *addr)
{
	struct hlv_reader r = hlv_reader(site->servers.raw);
	uint8_t wanted[16];
	hlv_addr_to_site(addr, wanted);
	for (uint32_t i = 0; i < site->servers.n; i++) {
		struct hlv_site_server server;
		struct hlv_key *key = NULL;
		hlv_site_next_server(&r, &server);
		if (site->servers.n > 1 && memcmp(server.address, wanted, sizeof wanted) != 0)
			continue;
		if (server.key.n && hlv_pubkey_decode(server.key, &key) == HLV_OK)
			return key;
	}
	return NULL;
}

static bool pin_server(struct ctl *ctl, struct remote *r)
{
	const struct remote_options *o = ctl->remote;
	struct hlv_buf octets = {0};
	struct hlv_site site;
	r->to.any_server = o->insecure;
	if (o->insecure)
		return true;
	if (!node_read_site(ctl, o->site ? o->site : ctl->dir, &octets))
		return false;
	if (hlv_site_decode(hlv_buf_bytes(&octets), &site) == HLV_OK)
		r->server_key = key_of(&site, &r->to.addr);
	hlv_buf_free(&octets);
	r->to.server_key = r->server_key;
	if (r->server_key && hlv_key_kind(r->server_key) == HLV_KEY_SM2) {
		ctl_fail(ctl,
			 "%s: its key is SM2, which TLS here cannot show: nobody can tell whom "
			 "we speak to; on a network that you trust, say --insecure",
			 o->server);
		return false;
	}
	if (r->server_key)
		return true;
	ctl_fail(ctl,
		 "%s: shows no key of a server at %s: name another record with --site, or "
		 "say --insecure",
		 o->site ? o->site : ctl->dir, o->server);
	return false;
}

static bool read_identity(struct ctl *ctl, struct remote *r)
{
	const struct remote_options *o = ctl->remote;
	if (!o->auth)
		return true;
	r->id.who = hlv_ref_parse(hlv_text(o->auth));
	if (o->secret_file) {
		char why[256] = "";
		enum hlv_err err = hlv_prove_read_secret(&r->id, o->secret_file, why);
		if (err != HLV_OK)
			ctl_fail(ctl, "%s", why);
		return err == HLV_OK;
	}
	/* A sealed one is opened at the terminal. */
	r->id.key = keys_read(ctl, o->key_file, "-");
	if (!r->id.key)
		return false;
	if (hlv_key_is_private(r->id.key))
		return true;
	ctl_fail(ctl, "%s: is the public half: nothing can be proved with it", o->key_file);
	return false;
}

bool remote_open(struct ctl *ctl, struct remote *r)
{
	char why[HLV_TALK_WHY] = "";
	*r = (struct remote){.to.transport = HLV_T_TLS};
	if (hlv_addr_parse(ctl->remote->server, HLV_PORT, &r->to.addr) != HLV_OK) {
		ctl_usage(ctl, "--server '%s': expected an address, as 192.0.2.7:2641",
			  ctl->remote->server);
		return false;
	}
	if (!pin_server(ctl, r) || !read_identity(ctl, r))
		return false;
	enum hlv_err err = hlv_talk_open(&r->to, &r->id, &r->admin, why);
	if (err == HLV_E_KEY)
		ctl_fail(ctl,
			 "%s holds another key than its site record says: nothing was sent: "
			 "name "
			 "the right record with --site",
			 ctl->remote->server);
	else if (err != HLV_OK &&
		 strncmp(why, ctl->remote->server, strlen(ctl->remote->server)) == 0)
		ctl_fail(ctl, "%s", why); /* it begins with the address */
	else if (err != HLV_OK)
		ctl_fail(ctl, "%s: %s", ctl->remote->server, why);
	return err == HLV_OK;
}

void remote_close(struct remote *r)
{
	hlv_talk_close(r->admin);
	hlv_key_free(r->server_key);
	hlv_prove_forget(&r->id);
	*r = (struct remote){0};
}

int remote_tell(struct ctl *ctl, const char *what, const struct hlv_response *rs)
{
	char why[HLV_TALK_WHY];
	if (rs->rc == HLV_RC_SUCCESS)
		return CTL_DONE;
	if (rs->rc == HLV_RC_AUTHENTICATION_NEEDED && !ctl->remote->auth)
		return ctl_fail(ctl,
				"%s: only for somebody: say --auth INDEX:HANDLE and --key FILE",
				what);
	return ctl_fail(ctl, "%s: %s", what, hlv_talk_refusal(rs, why));
}

/* --- verbs of one request --- */

static int ask(struct ctl *ctl, const char *what, struct hlv_request *rq)
{
	struct remote r;
	struct hlv_response rs;
	char why[HLV_TALK_WHY] = "";
	int code = CTL_FAILED;
	if (remote_open(ctl, &r)) {
		if (hlv_talk_ask(r.admin, rq, &rs, why) == HLV_OK)
			code = remote_tell(ctl, what, &rs);
		else
			ctl_fail(ctl, "%s: %s", what, why);
	}
	remote_close(&r);
	return code;
}

int remote_rm(struct ctl *ctl, struct hlv_bytes id)
{
	struct hlv_request rq = {.m.hdr.op = HLV_OP_DELETE_HANDLE, .handle = id};
	return ask(ctl, (const char *)id.p, &rq);
}

int remote_home(struct ctl *ctl, const char *prefix_handle, enum hlv_op op)
{
	struct hlv_request rq = {.m.hdr.op = op, .handle = hlv_text(prefix_handle)};
	return ask(ctl, prefix_handle, &rq);
}

/* Made if it is not there; otherwise these values come in place of those of the same index. */
static int put(struct ctl *ctl, struct remote *r, struct hlv_bytes id,
	       const struct hlv_list *list)
{
	struct hlv_response rs;
	char why[HLV_TALK_WHY] = "";
	struct hlv_request rq = {
		.m.hdr.op = HLV_OP_CREATE_HANDLE, .handle = id, .values = *list};
	enum hlv_err err = hlv_talk_ask(r->admin, &rq, &rs, why);
	if (err == HLV_OK && rs.rc == HLV_RC_EXISTS) {
		rq.m.hdr =
			(struct hlv_header){.op = HLV_OP_ADD_VALUE, .flags = HLV_F_OVERWRITE};
		err = hlv_talk_ask(r->admin, &rq, &rs, why);
	}
	const char *name = (const char *)id.p;
	return err == HLV_OK ? remote_tell(ctl, name, &rs) : ctl_fail(ctl, "%s: %s", name, why);
}

int remote_put(struct ctl *ctl, struct remote *r, struct hlv_bytes id, struct hlv_bytes list)
{
	struct hlv_list values;
	struct hlv_reader reader = hlv_reader(list);
	enum hlv_err err = hlv_values_decode(&reader, &values);
	return err == HLV_OK ? put(ctl, r, id, &values)
			     : ctl_fail_err(ctl, (const char *)id.p, err);
}

/* Whoever may write there may not be one who may read all. */
static enum hlv_err read_values(struct remote *r, struct hlv_request *rq,
				struct hlv_response *rs, char *why)
{
	enum hlv_err err = hlv_talk_ask(r->admin, rq, rs, why);
	if (err != HLV_OK ||
	    (rs->rc != HLV_RC_INVALID_ADMIN && rs->rc != HLV_RC_INSUFFICIENT_PERMISSIONS))
		return err;
	rq->m.hdr = (struct hlv_header){.op = HLV_OP_RESOLUTION,
					.flags = HLV_F_AUTHORITATIVE | HLV_F_PUBLIC_ONLY};
	return hlv_talk_ask(r->admin, rq, rs, why);
}

bool remote_read(struct ctl *ctl, struct remote *r, struct hlv_bytes id,
		 const struct hlv_list *indexes,
		 void (*visit)(void *ctx, const struct hlv_value *v), void *ctx)
{
	struct hlv_response rs;
	char why[HLV_TALK_WHY] = "";
	struct hlv_request rq = {
		.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = HLV_F_AUTHORITATIVE},
		.handle = id,
		.indexes = *indexes};
	if (read_values(r, &rq, &rs, why) != HLV_OK) {
		ctl_fail(ctl, "%s: %s", (const char *)id.p, why);
		return false;
	}
	struct hlv_reader reader = hlv_reader(rs.values.raw);
	struct hlv_value v;
	for (uint32_t i = 0; rs.rc == HLV_RC_SUCCESS && i < rs.values.n; i++)
		if (hlv_value_decode(&reader, &v) == HLV_OK)
			visit(ctx, &v);
	return true;
}

static int print_answer(struct ctl *ctl, const struct hlv_response *rs,
			enum show_secrets secrets)
{
	struct hlv_record rec = {.name = rs->handle, .values = rs->values};
	record_print(ctl, &rec, secrets);
	return CTL_DONE;
}

/* With an identity, private values too (PO clear); the server asks for it when it meets some. */
int remote_get(struct ctl *ctl, struct hlv_bytes id, enum show_secrets secrets)
{
	struct remote r;
	struct hlv_response rs;
	char why[HLV_TALK_WHY] = "";
	const char *name = (const char *)id.p;
	struct hlv_request rq = {
		.m.hdr = {.op = HLV_OP_RESOLUTION,
			  .flags = HLV_F_AUTHORITATIVE |
				   (ctl->remote->auth ? 0 : HLV_F_PUBLIC_ONLY)},
		.handle = id};
	int code = CTL_FAILED;
	if (remote_open(ctl, &r)) {
		if (hlv_talk_ask(r.admin, &rq, &rs, why) != HLV_OK)
			code = ctl_fail(ctl, "%s: %s", name, why);
		else if (rs.rc == HLV_RC_SUCCESS)
			code = print_answer(ctl, &rs, secrets);
		else
			code = remote_tell(ctl, name, &rs);
	}
	remote_close(&r);
	return code;
}

/* --- list, status --- */

static uint64_t print_names(const struct ctl *ctl, const struct hlv_response *rs,
			    uint64_t before)
{
	struct hlv_reader r = hlv_reader(rs->handles.raw);
	for (uint32_t i = 0; i < rs->handles.n; i++) {
		struct hlv_buf line = {0};
		struct hlv_bytes name = hlv_next_array(&r);
		if (ctl->json) {
			hlv_buf_str(&line, before + i ? "," : "");
			hlv_json_put_str(&line, name);
		} else {
			hlv_buf_put(&line, name);
			hlv_buf_str(&line, "\n");
		}
		fwrite(line.p, 1, line.n, stdout);
		hlv_buf_free(&line);
	}
	return before + rs->handles.n;
}

int remote_list(struct ctl *ctl, const char *prefix_handle)
{
	struct remote r;
	struct hlv_response rs;
	char why[HLV_TALK_WHY] = "";
	struct hlv_request rq = {.m.hdr.op = HLV_OP_LIST_HANDLES,
				 .handle = hlv_text(prefix_handle)};
	int code = CTL_FAILED;
	uint64_t n = 0;
	if (!remote_open(ctl, &r)) {
		remote_close(&r);
		return CTL_FAILED;
	}
	if (hlv_talk_ask(r.admin, &rq, &rs, why) != HLV_OK)
		code = ctl_fail(ctl, "%s: %s", prefix_handle, why);
	else
		code = remote_tell(ctl, prefix_handle, &rs);
	if (code == CTL_DONE && ctl->json)
		printf("{\"handles\":[");
	bool begun = code == CTL_DONE;
	while (code == CTL_DONE) {
		n = print_names(ctl, &rs, n);
		if (!hlv_talk_more(r.admin, &rs))
			break;
		code = remote_tell(ctl, prefix_handle, &rs); /* a list may end in a refusal */
	}
	if (begun && ctl->json)
		printf("],\"totalCount\":\"%llu\"}\n", (unsigned long long)n);
	remote_close(&r);
	return code;
}

/* --- HELVE_CONTROL --- */

bool remote_control(struct ctl *ctl, struct remote *r, const char *what, const char *verb,
		    const char *arguments, struct hlv_bytes *answer)
{
	struct hlv_response rs;
	bool offered = false;
	char why[HLV_TALK_WHY] = "";
	struct hlv_request rq = {.m.hdr.op = HLV_OP_HELVE_CONTROL,
				 .handle = hlv_text(verb),
				 .octets = hlv_text(arguments)};
	enum hlv_err err = hlv_talk_offers(r->admin, "control", &offered, why);
	if (err == HLV_OK && !offered) {
		ctl_fail(ctl, "%s: takes no such requests: is it no helved?",
			 ctl->remote->server);
		return false;
	}
	if (err == HLV_OK)
		err = hlv_talk_ask(r->admin, &rq, &rs, why);
	if (err != HLV_OK)
		ctl_fail(ctl, "%s: %s", what, why);
	if (err != HLV_OK || remote_tell(ctl, what, &rs) != CTL_DONE)
		return false;
	*answer = rs.octets;
	return true;
}

bool remote_page(struct ctl *ctl, struct remote *r, struct remote_page *p, const char *what,
		 const char *verb, const char *arguments)
{
	struct hlv_bytes answer;
	hlv_arena_reset(&p->arena);
	if (!remote_control(ctl, r, what, verb, arguments, &answer))
		return false;
	if (hlv_json_read(&p->json, answer, &p->arena, &p->error) == HLV_OK)
		return true;
	ctl_fail(ctl, "%s: the answer cannot be read: %s", what, p->error.text);
	return false;
}

static int print_status(struct ctl *ctl, struct remote *r)
{
	struct hlv_bytes answer;
	if (!remote_control(ctl, r, ctl->remote->server, "status", "{}", &answer))
		return CTL_FAILED;
	printf("%.*s\n", (int)answer.n, (const char *)answer.p);
	return CTL_DONE;
}

int remote_status(struct ctl *ctl)
{
	struct remote r;
	int code = CTL_FAILED;
	if (remote_open(ctl, &r))
		code = print_status(ctl, &r);
	remote_close(&r);
	return code;
}
