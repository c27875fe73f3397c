/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of trust anchors: read whole or not at all, since half a list of whom to believe would be
 * another policy than the one that was written.
 */
#include "proto/base/base64.h"
#include "proto/net/json_tree.h"
#include "resolver/anchor.h"

enum { FORMAT = 1 };

static bool state_parse(struct hlv_bytes text, enum anchor_state *state)
{
	for (int i = ANCHOR_SEEN; i < ANCHOR_FORGOTTEN; i++) {
		if (!hlv_eq(text, hlv_text(anchor_state_name((enum anchor_state)i))))
			continue;
		*state = (enum anchor_state)i;
		return true;
	}
	return false;
}

static enum hlv_err get_name(struct hlv_json *j, const struct hlv_json_node *object,
			     const char *field, char out[ANCHOR_SUBJECT_MAX])
{
	struct hlv_bytes text = {0};
	HLV_TRY(hlv_json_get_string(j, object, field, &text));
	if (text.n >= ANCHOR_SUBJECT_MAX || memchr(text.p, '\0', text.n))
		return hlv_json_wrong(j, field, "at most %d octets of text",
				      ANCHOR_SUBJECT_MAX - 1);
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	return HLV_OK;
}

static enum hlv_err read_anchor(struct hlv_json *j, const struct hlv_json_node *object,
				struct anchors *a)
{
	char subject[ANCHOR_SUBJECT_MAX], prefix[ANCHOR_SUBJECT_MAX];
	uint8_t octets[ANCHOR_KEY_MAX];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	struct hlv_bytes state_text = {0}, key = {0};
	enum anchor_state state = ANCHOR_SEEN;
	int64_t since = 0;
	bool by_hand = false;
	HLV_TRY(get_name(j, object, "subject", subject));
	HLV_TRY(get_name(j, object, "prefix", prefix));
	HLV_TRY(hlv_json_get_string(j, object, "state", &state_text));
	HLV_TRY(hlv_json_get_string(j, object, "key", &key));
	HLV_TRY(hlv_json_get_integer(j, object, "since", 0, UINT32_MAX, &since));
	HLV_TRY(hlv_json_get_bool_or(j, object, "by_hand", &by_hand));
	if (!state_parse(state_text, &state))
		return hlv_json_wrong(j, "state",
				      "expected seen, pending, valid, missing or revoked");
	if (!hlv_base64_parse(key, &w) || w.bad)
		return hlv_json_wrong(j, "key", "no public key in base64");
	enum hlv_err err =
		anchors_add(a, subject, prefix, hlv_written(&w), state, (uint64_t)since * 1000);
	if (err == HLV_E_EXISTS)
		return hlv_json_wrong(j, "key", "it stands there twice for this prefix");
	if (err == HLV_E_LIMIT)
		return hlv_json_wrong(j, "anchors", "at most %d", ANCHORS_MAX);
	if (err == HLV_E_KEY)
		return hlv_json_wrong(j, "key", "not a public key, or a weak one");
	if (err == HLV_E_USAGE)
		return hlv_json_wrong(j, "subject", "expected INDEX:HANDLE or a handle");
	a->list[a->n - 1].by_hand = by_hand;
	return err;
}

static enum hlv_err read_all(struct hlv_json *j, struct anchors *a)
{
	const struct hlv_json_node *list = NULL;
	int64_t format = 0;
	HLV_TRY(hlv_json_get_integer(j, j->root, "format", FORMAT, FORMAT, &format));
	HLV_TRY(hlv_json_get_bool_or(j, j->root, "insecure", &a->insecure));
	HLV_TRY(hlv_json_get_array(j, j->root, "anchors", &list));
	unsigned i = 0;
	for (const struct hlv_json_node *x = hlv_json_first(list); x; x = hlv_json_next(x)) {
		snprintf(j->path, sizeof j->path, "anchors[%u].", i++);
		HLV_TRY(read_anchor(j, x, a));
	}
	return HLV_OK;
}

enum hlv_err anchors_parse(struct hlv_bytes text, struct anchors *a, char *why)
{
	struct hlv_json j;
	struct hlv_json_error error = {0};
	struct hlv_arena arena;
	*a = (struct anchors){0};
	hlv_arena_init(&arena, ANCHOR_FILE_MAX * 24);
	enum hlv_err err = HLV_E_LIMIT;
	if (text.n <= ANCHOR_FILE_MAX)
		err = hlv_json_read(&j, text, &arena, &error);
	if (err == HLV_OK)
		err = read_all(&j, a);
	a->dirty = false;
	if (err != HLV_OK) {
		snprintf(why, ANCHOR_WHY, "%s", *error.text ? error.text : hlv_strerror(err));
		anchors_fini(a);
		if (err != HLV_E_NOMEM)
			err = HLV_E_MALFORMED;
	}
	hlv_arena_fini(&arena);
	return err;
}

static void print_anchor(struct hlv_buf *b, const struct anchor *x)
{
	hlv_buf_str(b, "  {\"subject\":");
	hlv_json_put_str(b, hlv_text(x->subject));
	hlv_buf_str(b, ",\"prefix\":");
	hlv_json_put_str(b, hlv_text(x->prefix));
	hlv_buf_printf(
		b, ",\"state\":\"%s\",\"since\":%llu,%s\"kind\":", anchor_state_name(x->state),
		(unsigned long long)x->since_ms / 1000, x->by_hand ? "\"by_hand\":true," : "");
	hlv_json_put_str(b, hlv_text(hlv_key_name(x->key))); /* for people: not read */
	hlv_buf_str(b, ",\"key\":\"");
	hlv_base64_put(b, hlv_bytes(x->octets, x->n), HLV_BASE64);
	hlv_buf_str(b, "\"}");
}

void anchors_print(struct hlv_buf *b, const struct anchors *a)
{
	const char *between = "\n";
	hlv_buf_printf(b, "{\"format\":%d,\"insecure\":%s,\"anchors\":[", FORMAT,
		       a->insecure ? "true" : "false");
	for (size_t i = 0; i < a->n; i++) {
		if (a->list[i].state == ANCHOR_FORGOTTEN)
			continue;
		hlv_buf_str(b, between);
		print_anchor(b, &a->list[i]);
		between = ",\n";
	}
	hlv_buf_str(b, "\n]}\n");
}
