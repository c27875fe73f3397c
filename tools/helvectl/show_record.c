/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/show_record.h"

#include <time.h>

#include "proto/net/json.h"
#include "proto/wire/name.h"
#include "tools/helvectl/node.h"

char *show_time(uint64_t time_ms, char *out)
{
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm tm;
	if (!gmtime_r(&seconds, &tm) ||
	    strftime(out, SHOW_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, SHOW_TIME, "?");
	return out;
}

void show_record_state(struct hlv_buf *b, const struct hlv_record *rec)
{
	char time[SHOW_TIME];
	if (rec->state != HLV_STATE_ACTIVE)
		hlv_buf_printf(b, ", %s since %s", hlv_state_name(rec->state),
			       show_time(rec->state_since_ms, time));
	if (rec->locks) {
		hlv_buf_str(b, ", locks ");
		hlv_locks_print(b, rec->locks);
	}
	if (rec->reason.n) {
		hlv_buf_str(b, ": ");
		hlv_buf_put(b, rec->reason);
	}
}

static bool is_shown(const struct hlv_value *v, enum show_secrets secrets)
{
	return secrets == SHOW_SECRETS || !hlv_type_is(v->type, "HS_SECKEY");
}

static void put_state_members(struct hlv_buf *b, const struct hlv_record *rec)
{
	if (rec->state == HLV_STATE_ACTIVE && rec->locks == 0)
		return;
	hlv_buf_printf(b, ",\"state\":\"%s\",\"since\":", hlv_state_name(rec->state));
	hlv_json_put_time(b, (uint32_t)(rec->state_since_ms / 1000));
	hlv_buf_str(b, ",\"locks\":\"");
	hlv_locks_print(b, rec->locks);
	hlv_buf_str(b, "\",\"reason\":");
	hlv_json_put_str(b, rec->reason);
}

void show_record_json_members(struct hlv_buf *b, const struct hlv_record *rec,
			      enum show_secrets secrets)
{
	struct node_values shown;
	struct hlv_reader r = hlv_reader(rec->values.raw);
	node_values_begin(&shown);
	for (uint32_t i = 0; i < rec->values.n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) == HLV_OK && is_shown(&v, secrets))
			node_values_copy(&shown, &v);
	}
	struct hlv_list list = {shown.n, hlv_skip(hlv_buf_bytes(&shown.buf), 4)};
	put_state_members(b, rec);
	hlv_buf_str(b, ",\"values\":");
	hlv_json_put_values(b, &list);
	hlv_buf_free(&shown.buf);
}

void show_text(struct hlv_buf *b, struct hlv_bytes text)
{
	if (hlv_is_text(text) && !memchr(text.p, '\n', text.n))
		hlv_buf_put(b, text);
	else
		hlv_json_put_str(b, text);
}

void show_value_line(struct hlv_buf *b, const struct hlv_value *v, enum show_secrets secrets)
{
	hlv_buf_printf(b, "%u ", v->index);
	show_text(b, v->type);
	hlv_buf_str(b, " ");
	if (!is_shown(v, secrets))
		hlv_buf_str(b, "(not shown, see --secrets)");
	else if (hlv_is_text(v->data))
		hlv_buf_put(b, v->data);
	else
		hlv_json_put_data(b, v);
	hlv_buf_str(b, "\n");
}

void show_record_lines(struct hlv_buf *b, const struct hlv_record *rec,
		       enum show_secrets secrets)
{
	struct hlv_reader r = hlv_reader(rec->values.raw);
	for (uint32_t i = 0; i < rec->values.n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return;
		show_value_line(b, &v, secrets);
	}
}
