/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of a request as handlers ask for them: headers, query keys, percent-decoding.
 */
#include "proto/web/http.h"

#include "proto/base/hex.h"

struct hlv_bytes http_header_of(const struct http_call *call, const char *name)
{
	for (size_t i = 0; i < call->rq.nheaders; i++)
		if (hlv_eq_fold(call->rq.headers[i].name, hlv_text(name)))
			return call->rq.headers[i].value;
	return hlv_bytes(NULL, 0);
}

bool http_decode(struct http_call *call, struct hlv_bytes text, struct hlv_bytes *out)
{
	return hlv_percent_decode(text, HLV_PERCENT_URL, &call->arena, out) == HLV_OK;
}

/* A key or a value; as it stands where it cannot be decoded. */
static struct hlv_bytes plain(struct http_call *call, struct hlv_bytes text)
{
	struct hlv_bytes out;
	enum hlv_err err = hlv_percent_decode(text, HLV_PERCENT_FORM, &call->arena, &out);
	return err == HLV_OK ? out : text;
}

/* The next KEY or KEY=VALUE of a query; false at its end. */
static bool next_pair(struct hlv_bytes *rest, struct hlv_bytes *key, struct hlv_bytes *value)
{
	if (rest->n == 0)
		return false;
	const uint8_t *end = memchr(rest->p, '&', rest->n);
	struct hlv_bytes pair = end ? hlv_head(*rest, (size_t)(end - rest->p)) : *rest;
	*rest = hlv_skip(*rest, pair.n + (end ? 1 : 0));
	const uint8_t *eq = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
	*key = eq ? hlv_head(pair, (size_t)(eq - pair.p)) : pair;
	*value = eq ? hlv_skip(pair, key->n + 1) : hlv_bytes(NULL, 0);
	return true;
}

bool http_query(struct http_call *call, const char *key, size_t nth, struct hlv_bytes *value)
{
	struct hlv_bytes rest = call->rq.query, name, text;
	while (next_pair(&rest, &name, &text)) {
		if (!hlv_eq(name, hlv_text(key)))
			continue;
		if (nth-- > 0)
			continue;
		*value = plain(call, text);
		return true;
	}
	return false;
}

bool http_query_next(struct http_call *call, const char *key, struct hlv_bytes *rest,
		     struct hlv_bytes *value)
{
	struct hlv_bytes name, text;
	while (next_pair(rest, &name, &text)) {
		if (!hlv_eq(name, hlv_text(key)))
			continue;
		*value = plain(call, text);
		return true;
	}
	return false;
}

bool http_query_pair(struct http_call *call, struct hlv_bytes *rest, struct hlv_bytes *name,
		     struct hlv_bytes *value)
{
	do
		if (!next_pair(rest, name, value))
			return false;
	while (name->n == 0);
	*name = plain(call, *name);
	*value = plain(call, *value);
	return true;
}

bool http_query_flag(struct http_call *call, const char *key)
{
	struct hlv_bytes value;
	if (!http_query(call, key, 0, &value))
		return false;
	return value.n == 0 || hlv_eq_fold(value, hlv_text("true")) ||
	       hlv_eq_fold(value, hlv_text("yes"));
}
