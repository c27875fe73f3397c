/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs that go to another server by the protocol itself, as somebody with a key: over TLS, to a
 * server that holds the key in the site record that we were given (threats.md 3: a tool that
 * administers talks to nobody whom it cannot tell from another).
 */
#pragma once
#include "proto/net/talk.h"
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

int remote_put(struct ctl *ctl, struct hlv_bytes id, struct hlv_bytes list);
int remote_get(struct ctl *ctl, struct hlv_bytes id, enum show_secrets secrets);
int remote_rm(struct ctl *ctl, struct hlv_bytes id);
int remote_list(struct ctl *ctl, const char *prefix_handle);
int remote_home(struct ctl *ctl, const char *prefix_handle, enum hlv_op op);
int remote_status(struct ctl *ctl);
/* remote_delegate.c */
struct delegation;
int remote_delegate(struct ctl *ctl, const char *prefix_handle, const struct delegation *d);
/* remote_load.c */
int remote_load(struct ctl *ctl, const struct load_options *o);
