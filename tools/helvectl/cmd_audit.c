/* SPDX-License-Identifier: Apache-2.0
 *
 * audit: who changed what, and the proof that nothing of it was changed or left out since
 * (server/audit.h). The head that `audit head` prints, noted elsewhere, is what proves it even
 * against whoever owns this machine.
 */
#include "proto/base/base64.h"
#include "proto/net/file.h"
#include "proto/net/json.h"
#include "proto/net/service.h"
#include "server/audit.h"
#include "tools/helvectl/keys.h"
#include "tools/helvectl/kinds.h"
#include "tools/helvectl/live.h"
#include "tools/helvectl/remote.h"
#include "tools/helvectl/show_record.h"

enum { ENTRIES_A_VIEW = 100000, HEAD_FILE_MAX = 4096 };

struct auditing {
	struct ctl *ctl;
	const char *id, *head_file;
	int64_t last; /* entries that are shown; 0: all */
};

static const char *how_name(enum store_actor_how how)
{
	switch (how) {
	case ACTOR_LOCAL:
		return "local";
	case ACTOR_CHALLENGE:
		return "challenge";
	case ACTOR_SESSION:
		return "session";
	case ACTOR_LOGIN:
		return "login";
	case ACTOR_CERT:
		return "certificate";
	case ACTOR_PUBLIC:
		return "public";
	}
	return "?";
}

static const char *kind_name(enum audit_kind kind)
{
	switch (kind) {
	case AUDIT_CHANGE:
		return "change";
	case AUDIT_RANGE:
		return "range";
	case AUDIT_CHECKPOINT:
		return "checkpoint";
	}
	return "?";
}

static const char *transport_name(uint8_t transport)
{
	static const char *const names[] = {[HLV_T_UDP] = "udp",
					    [HLV_T_TCP] = "tcp",
					    [HLV_T_TLS] = "tls",
					    [HLV_T_LOCAL] = "local"};
	return transport < sizeof names / sizeof *names ? names[transport] : "?";
}

static void put_who(struct hlv_buf *b, const struct store_actor *actor)
{
	if (actor->how == ACTOR_LOCAL)
		hlv_buf_printf(b, "uid %u", actor->who.index);
	else if (actor->how == ACTOR_PUBLIC)
		hlv_buf_str(b, "anybody");
	else
		hlv_buf_printf(b, "%u:%.*s", actor->who.index, (int)actor->who.handle.n,
			       (const char *)actor->who.handle.p);
}

static const char *op_name(uint32_t op)
{
	const char *name = op == 0 ? "-" : hlv_op_name(op);
	return name ? name : "?";
}

static void put_line(struct hlv_buf *b, const struct audit_entry *e)
{
	char time[SHOW_TIME];
	hlv_buf_printf(b, "%llu  %s  change %llu  %s  ", (unsigned long long)e->seq,
		       show_time(e->time_ns / 1000000, time),
		       (unsigned long long)e->journal_seq, op_name(e->actor.op));
	switch (e->kind) {
	case AUDIT_CHANGE:
		hlv_buf_put(b, e->name);
		break;
	case AUDIT_RANGE:
		hlv_buf_printf(b, "%llu records from ", (unsigned long long)e->count);
		hlv_buf_put(b, hlv_skip(e->name, 1));
		hlv_buf_str(b, " to ");
		hlv_buf_put(b, hlv_skip(e->last, 1));
		break;
	case AUDIT_CHECKPOINT:
		hlv_buf_str(b, "checkpoint");
		break;
	}
	hlv_buf_str(b, "  by ");
	put_who(b, &e->actor);
	hlv_buf_printf(b, " (%s", how_name(e->actor.how));
	if (e->actor.source.n) {
		hlv_buf_str(b, " from ");
		hlv_buf_put(b, e->actor.source);
	}
	hlv_buf_str(b, ")\n");
}

static void put_hex(struct hlv_buf *b, const char *name, const uint8_t hash[AUDIT_HASH])
{
	hlv_buf_printf(b, ",\"%s\":\"", name);
	hlv_buf_hex(b, hlv_bytes(hash, AUDIT_HASH));
	hlv_buf_str(b, "\"");
}

static void put_text(struct hlv_buf *b, const char *name, struct hlv_bytes text)
{
	hlv_buf_printf(b, ",\"%s\":", name);
	hlv_json_put_str(b, text);
}

/* What the entry says, and `stored`, over which the next one's hash goes. */
static void put_json(struct hlv_buf *b, const struct audit_entry *e, struct hlv_bytes stored)
{
	char time[SHOW_TIME];
	struct hlv_buf who = {0};
	put_who(&who, &e->actor);
	hlv_buf_printf(b, "{\"seq\":%llu,\"kind\":\"%s\",\"journalSeq\":%llu,\"time\":\"%s\"",
		       (unsigned long long)e->seq, kind_name(e->kind),
		       (unsigned long long)e->journal_seq,
		       show_time(e->time_ns / 1000000, time));
	put_text(b, "who", hlv_buf_bytes(&who));
	hlv_buf_printf(b, ",\"how\":\"%s\",\"transport\":\"%s\",\"op\":\"%s\",\"requestId\":%u",
		       how_name(e->actor.how), transport_name(e->actor.transport),
		       op_name(e->actor.op), e->actor.request_id);
	put_text(b, "source", e->actor.source);
	if (e->kind != AUDIT_CHECKPOINT) {
		put_text(b, "name", e->kind == AUDIT_RANGE ? hlv_skip(e->name, 1) : e->name);
		put_hex(b, "before", e->before);
		put_hex(b, "after", e->after);
	}
	if (e->kind == AUDIT_RANGE) {
		put_text(b, "last", hlv_skip(e->last, 1));
		hlv_buf_printf(b, ",\"count\":%llu", (unsigned long long)e->count);
	}
	put_hex(b, "prev", e->prev);
	hlv_buf_str(b, ",\"stored\":\"");
	hlv_base64_put(b, stored, HLV_BASE64);
	hlv_buf_str(b, "\"}\n");
	hlv_buf_free(&who);
}

/* --- show, export --- */

struct showing {
	const struct auditing *a;
	bool json;
	struct store_key key; /* of the identifier that is looked for */
	struct hlv_buf line;
	enum hlv_err err;
};

/* A range is about all identifiers between its first and its last. */
static bool is_about(const struct showing *s, const struct audit_entry *e)
{
	struct store_key key;
	struct hlv_bytes wanted = store_key_bytes(&s->key);
	if (!s->a->id)
		return true;
	if (e->kind == AUDIT_RANGE)
		return hlv_compare(e->name, wanted) <= 0 && hlv_compare(wanted, e->last) <= 0;
	if (e->kind != AUDIT_CHANGE)
		return false;
	store_key(e->name, &key);
	return hlv_eq(store_key_bytes(&key), wanted);
}

static bool show_one(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct showing *s = ctx;
	struct audit_entry e;
	(void)key;
	s->err = audit_decode(stored, &e);
	if (s->err != HLV_OK)
		return false;
	if (!is_about(s, &e))
		return true;
	hlv_buf_clear(&s->line);
	if (s->json)
		put_json(&s->line, &e, stored);
	else
		put_line(&s->line, &e);
	return fwrite(s->line.p, 1, s->line.n, stdout) == s->line.n;
}

static enum hlv_err show_own(struct showing *s)
{
	struct ctl *ctl = s->a->ctl;
	struct audit_head head;
	uint8_t from[AUDIT_KEY_SIZE];
	HLV_TRY(audit_head_get(ctl->store, ctl->view, &head));
	uint64_t last = (uint64_t)s->a->last, first = 1;
	if (last > 0 && head.seq > last)
		first = head.seq - last + 1;
	HLV_TRY(ctl->store->ops->scan(ctl->view, SPACE_AUDIT, audit_key(first, from), show_one,
				      s));
	return s->err;
}

static int show(const struct auditing *a, bool json)
{
	struct ctl *ctl = a->ctl;
	struct showing s = {.a = a, .json = json || ctl->json};
	struct remote r;
	bool good = true;
	enum hlv_err err = HLV_OK;
	if (a->id)
		store_key(hlv_text(a->id), &s.key);
	if (ctl->remote) {
		good = remote_open(ctl, &r) &&
		       remote_audit_scan(ctl, &r, (uint64_t)a->last, show_one, &s);
		remote_close(&r);
		err = s.err;
	} else if (!ctl_open_to_read(ctl)) {
		return CTL_FAILED;
	} else {
		err = show_own(&s);
	}
	hlv_buf_free(&s.line);
	if (err != HLV_OK)
		return ctl_fail_err(ctl, "audit trail", err);
	return good ? CTL_DONE : CTL_FAILED;
}

static int audit_show(const struct auditing *a)
{
	return show(a, false);
}

static int audit_export(const struct auditing *a)
{
	return show(a, true);
}

/* --- head, checkpoint --- */

static int audit_print_head(const struct auditing *a)
{
	struct audit_head head;
	char text[AUDIT_HEAD_TEXT];
	struct remote r;
	if (a->ctl->remote) {
		bool good = remote_open(a->ctl, &r) && remote_audit_head(a->ctl, &r, &head);
		remote_close(&r);
		if (!good)
			return CTL_FAILED;
	} else {
		if (!ctl_open_to_read(a->ctl))
			return CTL_FAILED;
		enum hlv_err err = audit_head_get(a->ctl->store, a->ctl->view, &head);
		if (err != HLV_OK)
			return ctl_fail_err(a->ctl, "audit trail", err);
	}
	audit_head_print(&head, text);
	printf(a->ctl->json ? "{\"head\":\"%s\"}\n" : "%s\n", text);
	return CTL_DONE;
}

static int remote_checkpoint(struct ctl *ctl)
{
	struct remote r;
	struct hlv_bytes answer;
	bool good = remote_open(ctl, &r) &&
		    remote_control(ctl, &r, ctl->remote->server, "checkpoint", "{}", &answer);
	if (good && ctl->json)
		printf("%.*s\n", (int)answer.n, (const char *)answer.p);
	remote_close(&r);
	return good ? CTL_DONE : CTL_FAILED;
}

static int audit_checkpoint(const struct auditing *a)
{
	if (a->ctl->remote)
		return remote_checkpoint(a->ctl);
	struct hlv_buf answer = {0};
	bool ok = live_control(a->ctl, "checkpoint", "{}", &answer);
	if (ok && a->ctl->json)
		puts(answer.p);
	hlv_buf_free(&answer);
	return ok ? CTL_DONE : CTL_FAILED;
}

/* --- verify --- */

static bool read_head(const struct auditing *a, struct audit_head *head)
{
	struct hlv_buf file = {0};
	char why[CTL_WHY] = "";
	if (!a->head_file)
		return true;
	enum hlv_err err = hlv_file_read(a->head_file, HEAD_FILE_MAX, &file, why);
	struct hlv_bytes text = kinds_trim(hlv_buf_bytes(&file));
	if (err != HLV_OK)
		ctl_fail(a->ctl, "%s", why);
	else if ((err = audit_head_parse(text, head)) != HLV_OK)
		ctl_fail(a->ctl, "%s: expected what helvectl audit head printed", a->head_file);
	hlv_buf_free(&file);
	return err == HLV_OK;
}

static bool pause_now_and_then(void *ctx, const struct audit_check *so_far)
{
	uint64_t *until = ctx;
	return so_far->entries < *until;
}

/* In slices, so that no view lasts long beside a server that writes. */
static enum hlv_err walk(struct ctl *ctl, struct audit_check *check, struct audit_head *head)
{
	bool finished = false;
	enum hlv_err err = HLV_OK;
	ctl->store->ops->view_end(ctl->view);
	while (!finished && err == HLV_OK && !check->why[0]) {
		uint64_t until = check->entries + ENTRIES_A_VIEW;
		HLV_TRY(ctl->store->ops->view_begin(ctl->view));
		err = audit_verify(ctl->store, ctl->view, check, pause_now_and_then, &until,
				   &finished);
		if (err == HLV_OK && finished)
			err = audit_head_get(ctl->store, ctl->view, head);
		ctl->store->ops->view_end(ctl->view);
	}
	return err;
}

static int tell(struct ctl *ctl, const struct audit_check *c)
{
	char text[AUDIT_HEAD_TEXT];
	audit_head_print(&c->at, text);
	printf(ctl->json ? "{\"entries\":%llu,\"changes\":%llu,\"ranges\":%llu,"
			   "\"checkpoints\":%llu,\"signedUpTo\":%llu,\"head\":\"%s\"}\n"
			 : "entries=%llu changes=%llu ranges=%llu checkpoints=%llu "
			   "signed-up-to=%llu head=%s\n",
	       (unsigned long long)c->entries, (unsigned long long)c->changes,
	       (unsigned long long)c->ranges, (unsigned long long)c->checkpoints,
	       (unsigned long long)c->signed_seq, text);
	if (!c->why[0])
		return CTL_DONE;
	return ctl_fail(ctl, "entry %llu: %s: the trail was tampered with or is damaged",
			(unsigned long long)c->bad_seq, c->why);
}

static struct hlv_key *own_key(const struct ctl *ctl)
{
	char path[PATH_MAX], why[CTL_WHY];
	struct hlv_buf file = {0};
	struct hlv_key *key = NULL;
	if (hlv_file_read(ctl_path(ctl, "keys/pubkey.bin", path), KEYS_MAX, &file, why) !=
		    HLV_OK ||
	    hlv_pubkey_decode(hlv_buf_bytes(&file), &key) != HLV_OK)
		key = NULL;
	hlv_buf_free(&file);
	return key;
}

struct feeding {
	struct audit_check *check;
	enum hlv_err err;
};

static bool feed(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct feeding *f = ctx;
	f->err = audit_check_feed(f->check, key, stored);
	return f->err == HLV_OK;
}

/* What the server sends is checked here: by its own key, as its site record has it, and up to the head
 * that was noted; a server that lies about its trail has to have lied from that head on. */
static int check_remotely(struct ctl *ctl, struct audit_check *check)
{
	struct remote r;
	struct feeding f = {.check = check};
	int code = CTL_FAILED;
	if (remote_open(ctl, &r)) {
		const struct hlv_key *keys[] = {r.server_key};
		check->keys = keys;
		check->nkeys = r.server_key != NULL;
		f.err = audit_check_init(check);
		bool good = f.err == HLV_OK && remote_audit_scan(ctl, &r, 0, feed, &f);
		if (good && f.err == HLV_OK) {
			struct audit_head end = check->at;
			f.err = audit_check_end(check, &end);
		}
		if (f.err != HLV_OK && f.err != HLV_E_CORRUPT)
			ctl_fail_err(ctl, "audit trail", f.err);
		else if (good)
			code = tell(ctl, check);
		audit_check_fini(check);
	}
	remote_close(&r);
	return code;
}

static int audit_check_all(const struct auditing *a)
{
	struct ctl *ctl = a->ctl;
	struct audit_check check = {0};
	struct audit_head head;
	if (!read_head(a, &check.noted))
		return CTL_FAILED;
	if (ctl->remote)
		return check_remotely(ctl, &check);
	if (!ctl_open_to_read(ctl))
		return CTL_FAILED;
	struct hlv_key *key = own_key(ctl);
	const struct hlv_key *keys[] = {key};
	check.keys = keys;
	check.nkeys = key != NULL;
	enum hlv_err err = audit_check_init(&check);
	if (err == HLV_OK)
		err = walk(ctl, &check, &head);
	int code = err == HLV_OK ? tell(ctl, &check) : ctl_fail_err(ctl, "audit trail", err);
	audit_check_fini(&check);
	hlv_key_free(key);
	return code;
}

/* --- the verb --- */

static bool parse(struct auditing *a, int argc, char **argv)
{
	static const struct option options[] = {{"head", required_argument, NULL, 'h' + 256},
						{"last", required_argument, NULL, 'l'},
						{0}};
	int c;
	ctl_options_begin();
	while ((c = ctl_option(a->ctl, argc, argv, options)) != -1) {
		if (c == '?')
			return false;
		if (c == 'l' && !kinds_parse_number(hlv_text(optarg), 1, INT64_MAX, &a->last)) {
			ctl_usage(a->ctl, "--last '%s': expected a whole number from 1 on",
				  optarg);
			return false;
		}
		if (c != 'l')
			a->head_file = optarg;
	}
	return true;
}

int cmd_audit(struct ctl *ctl, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct auditing *);
		bool id, head, last; /* what it takes */
	} actions[] = {
		{"verify", audit_check_all, false, true, false},
		{"show", audit_show, true, false, true},
		{"export", audit_export, true, false, true},
		{"head", audit_print_head, false, false, false},
		{"checkpoint", audit_checkpoint, false, false, false},
	};
	struct auditing a = {.ctl = ctl};
	if (!parse(&a, argc, argv))
		return CTL_USAGE;
	const char *what = optind < argc ? argv[optind++] : "";
	a.id = optind < argc ? argv[optind++] : NULL;
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
		if (strcmp(what, actions[i].name) != 0)
			continue;
		if (optind < argc || (a.id && !actions[i].id) ||
		    (a.head_file && !actions[i].head) || (a.last && !actions[i].last))
			break;
		return actions[i].run(&a);
	}
	return ctl_usage(ctl, "expected audit verify, show, export, head or checkpoint");
}
