/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/node.h"

#include <sys/stat.h>

#include "proto/net/site_file.h"
#include "proto/wire/codes.h"
#include "proto/wire/site.h"
#include "tools/helvectl/source.h"

bool node_prefix_handle(const struct ctl *ctl, const char *prefix, char out[NODE_NAME_MAX])
{
	struct hlv_bytes text = hlv_text(prefix);
	bool whole = hlv_name_is_prefix_handle(text);
	snprintf(out, NODE_NAME_MAX, "%s%s", whole ? "" : "0.NA/", prefix);
	struct source_record rec = {.handle = hlv_text(out), .homed = true};
	if (text.n == 0 || text.n > HLV_IDENTIFIER_MAX ||
	    (!whole && memchr(text.p, '/', text.n)) || source_check(&rec) != HLV_OK) {
		ctl_fail(ctl, "'%s' is no prefix: expected one like 88.118.8, without a slash",
			 prefix);
		return false;
	}
	return true;
}

bool node_read_site(const struct ctl *ctl, const char *path, struct hlv_buf *site)
{
	char inside[PATH_MAX], why[512] = "";
	struct stat st;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		snprintf(inside, sizeof inside, "%s/site.json", path);
		path = inside;
	}
	enum hlv_err err = hlv_site_file_read(path, site, why);
	if (err == HLV_E_NOT_FOUND)
		ctl_fail(ctl, "%s: name the site.json of a node, or its directory", why);
	else if (err != HLV_OK)
		ctl_fail(ctl, "%s", *why ? why : hlv_strerror(err));
	return err == HLV_OK;
}

void node_values_begin(struct node_values *v)
{
	*v = (struct node_values){0};
	hlv_buf_room(&v->buf, 4);
}

void node_values_copy(struct node_values *v, const struct hlv_value *value)
{
	size_t room = HLV_VALUE_MIN + value->type.n + value->data.n + value->refs.raw.n;
	uint8_t *p = hlv_buf_room(&v->buf, room);
	if (!p)
		return;
	struct hlv_writer w = hlv_writer(p, room);
	hlv_value_encode(&w, value);
	v->n++;
}

void node_values_add(struct node_values *v, uint32_t index, const char *type, uint8_t perms,
		     struct hlv_bytes data, uint32_t now_s)
{
	struct hlv_value value = {
		.index = index,
		.mtime_s = now_s,
		.ttl_s = HLV_TTL_DEFAULT_S,
		.perms = perms,
		.type = hlv_text(type),
		.data = data,
	};
	node_values_copy(v, &value);
}

struct hlv_bytes node_values_list(struct node_values *v)
{
	if (v->buf.bad)
		return (struct hlv_bytes){0};
	struct hlv_writer w = hlv_writer(v->buf.p, v->buf.n);
	hlv_put_u32(&w, v->n);
	return hlv_buf_bytes(&v->buf);
}

struct registry *node_open_registry(struct ctl *ctl)
{
	if (!ctl_open_to_write(ctl))
		return NULL;
	struct registry *r = registry_new(ctl->store, ctl->view);
	if (!r)
		ctl_fail_err(ctl, ctl->dir, HLV_E_NOMEM);
	return r;
}
