/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs that go to another server by the protocol itself, as somebody with a key: over TLS, to a
 * server that holds the key in the site record that we were given (threats.md 3: a tool that
 * administers talks to nobody whom it cannot tell from another).
 */
#pragma once
#include "proto/net/json_tree.h"
#include "proto/net/talk.h"
#include "server/audit.h"
#include "tools/helvectl/ctl.h"
#include "tools/helvectl/load.h"
#include "tools/helvectl/show_record.h"

struct remote_options {
	const char *server, *auth, *key_file, *secret_file, *site;
	bool insecure;
};
/* One of main's options; false: not one of these. */
bool remote_option(struct remote_options *o, int option);
/* Sets ctl->remote when there is a server; a line is told when the options make no sense. */
bool remote_is_sound(struct ctl *ctl, const struct remote_options *o);

/* A connection as whom the options say. */
struct remote {
	struct hlv_link_to to;
	struct hlv_prove_identity id;
	struct hlv_key *server_key;
	struct hlv_talk *admin;
};
/* A line is told on failure; remote_close() in any case. */
bool remote_open(struct ctl *ctl, struct remote *r);
void remote_close(struct remote *r);
/* CTL_DONE when the answer is success, else the line that says what it is. */
int remote_tell(struct ctl *ctl, const char *what, const struct hlv_response *rs);

/* HELVE_CONTROL (docs/protocol.md): `what` begins the line that is told on failure. The answer borrows
 * until the next call. */
bool remote_control(struct ctl *ctl, struct remote *r, const char *what, const char *verb,
		    const char *arguments, struct hlv_bytes *answer);
/* The same, read as JSON; the arena is the caller's, and reset here. */
struct remote_page {
	struct hlv_arena arena;
	struct hlv_json json;
	struct hlv_json_error error;
};
bool remote_page(struct ctl *ctl, struct remote *r, struct remote_page *p, const char *what,
		 const char *verb, const char *arguments);

int remote_put(struct ctl *ctl, struct remote *r, struct hlv_bytes id, struct hlv_bytes list);
/* The values of these indexes that we may read, one by one; none where there are none. False: told. */
bool remote_read(struct ctl *ctl, struct remote *r, struct hlv_bytes id,
		 const struct hlv_list *indexes,
		 void (*visit)(void *ctx, const struct hlv_value *v), void *ctx);
int remote_get(struct ctl *ctl, struct hlv_bytes id, enum show_secrets secrets);
int remote_rm(struct ctl *ctl, struct hlv_bytes id);
int remote_list(struct ctl *ctl, const char *prefix_handle);
int remote_home(struct ctl *ctl, const char *prefix_handle, enum hlv_op op);
int remote_status(struct ctl *ctl);
/* remote_delegate.c */
struct delegation;
int remote_delegate(struct ctl *ctl, const char *prefix_handle, const struct delegation *d);
/* remote_past.c */
int remote_history(struct ctl *ctl, const char *id);
/* Of an identifier, or of a change (seq > 0), whose number `what` is. */
int remote_undo(struct ctl *ctl, const char *what, uint64_t seq, bool dry_run);
/* The trail from its first entry on, or its last `last` ones, as stored, until `feed` returns false;
 * and its head. False: told. */
bool remote_audit_scan(struct ctl *ctl, struct remote *r, uint64_t last, store_scan_fn *feed,
		       void *ctx);
bool remote_audit_head(struct ctl *ctl, struct remote *r, struct audit_head *head);
/* remote_load.c */
int remote_load(struct ctl *ctl, const struct load_options *o);
