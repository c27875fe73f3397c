/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/buf.h"
#include "proto/net/json.h"
#include "proto/wire/name.h"
#include "tools/helvectl/batch.h"
#include "tools/helvectl/kinds.h"

/* A word of a value line: no blanks in it, and something there. */
static bool is_word(struct hlv_bytes type)
{
	struct hlv_bytes rest = type;
	return type.n > 0 && hlv_is_text(type) && hlv_eq(kinds_word(&rest), type);
}

static void put_value(struct hlv_buf *b, const struct hlv_value *v)
{
	bool plain = is_word(v->type) && v->ttl_kind == HLV_TTL_RELATIVE && v->refs.n == 0 &&
		     v->perms < 16;
	hlv_buf_printf(b, "%u ", v->index);
	if (plain)
		hlv_buf_put(b, v->type);
	else
		hlv_buf_str(b, "-");
	hlv_buf_printf(b, " %d %d%d%d%d ", (int)v->ttl_s, v->perms >> 3 & 1, v->perms >> 2 & 1,
		       v->perms >> 1 & 1, v->perms & 1);
	if (!plain || !kinds_print(b, v)) {
		hlv_buf_str(b, "VALUE ");
		hlv_json_put_value(b, v);
	}
	hlv_buf_str(b, "\n");
}

static void put_times(struct hlv_buf *b, const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	hlv_buf_str(b, "#! time");
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
		hlv_buf_printf(b, " %u=%u", v.index, v.mtime_s);
	}
	hlv_buf_str(b, "\n");
}

void batch_put_record(struct hlv_buf *b, struct hlv_bytes handle, const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	if (values->n > 0)
		put_times(b, values);
	hlv_buf_str(b, values->n > 0 ? "CREATE " : "#! empty ");
	hlv_buf_put(b, handle);
	hlv_buf_str(b, "\n");
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
		put_value(b, &v);
	}
	hlv_buf_str(b, "\n");
}
