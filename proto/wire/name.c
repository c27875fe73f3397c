/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/name.h"

#include "proto/wire/codes.h"
#include "proto/wire/gs1.h"

static const char NA[] = "0.NA/";
enum { NA_LEN = sizeof NA - 1 };

struct hlv_name hlv_name_split(struct hlv_bytes id)
{
	const uint8_t *slash = id.n ? memchr(id.p, '/', id.n) : NULL;
	if (!slash)
		return (struct hlv_name){.prefix = hlv_text("0.NA"), .suffix = id};
	size_t at = (size_t)(slash - id.p);
	return (struct hlv_name){
		.prefix = hlv_head(id, at), .suffix = hlv_skip(id, at + 1), .slash = true};
}

size_t hlv_name_fold_n(struct hlv_bytes id)
{
	const uint8_t *slash = id.n ? memchr(id.p, '/', id.n) : NULL;
	return slash ? hlv_name_fold_from(id, (size_t)(slash - id.p)) : id.n;
}

size_t hlv_name_fold_sensitive(struct hlv_bytes id, size_t slash)
{
	struct hlv_bytes suffix = hlv_skip(id, slash + 1);
	/* What the root knows, prefixes and services, is never of another scheme. */
	if (hlv_starts_with(id, hlv_text("0.")))
		return id.n;
	return hlv_starts_with(suffix, hlv_text("did:")) || hlv_gs1_begins(suffix) ? slash
										   : id.n;
}

bool hlv_name_eq_full(struct hlv_bytes a, struct hlv_bytes b)
{
	if (!hlv_eq_fold(a, b))
		return false;
	size_t n = hlv_name_fold_n(a), m = hlv_name_fold_n(b);
	for (size_t i = n < m ? n : m; i < a.n; i++)
		if ((i < n ? hlv_upper(a.p[i]) : a.p[i]) !=
		    (i < m ? hlv_upper(b.p[i]) : b.p[i]))
			return false;
	return true;
}

void hlv_name_put_folded(struct hlv_writer *w, struct hlv_bytes id)
{
	size_t n = hlv_name_fold_n(id);
	hlv_name_put_upper(w, hlv_head(id, n));
	hlv_put(w, hlv_skip(id, n));
}

/* How many octets the prefix comparison folds. */
static size_t folded_octets(struct hlv_bytes id)
{
	if (hlv_starts_with(id, hlv_text("0.")))
		return id.n;
	const uint8_t *slash = id.n ? memchr(id.p, '/', id.n) : NULL;
	return slash ? (size_t)(slash - id.p) : id.n;
}

bool hlv_name_eq_prefix(struct hlv_bytes a, struct hlv_bytes b)
{
	size_t n = folded_octets(a);
	return a.n == b.n && folded_octets(b) == n &&
	       hlv_eq_fold(hlv_head(a, n), hlv_head(b, n)) &&
	       hlv_eq(hlv_skip(a, n), hlv_skip(b, n));
}

void hlv_name_put_upper(struct hlv_writer *w, struct hlv_bytes id)
{
	uint8_t *p = hlv_put_room(w, id.n);
	if (p && id.n)
		hlv_upper_copy(p, id.p, id.n);
}

void hlv_name_put_upper_prefix(struct hlv_writer *w, struct hlv_bytes id)
{
	size_t n = folded_octets(id);
	hlv_name_put_upper(w, hlv_head(id, n));
	hlv_put(w, hlv_skip(id, n));
}

bool hlv_name_is_prefix_handle(struct hlv_bytes id)
{
	return id.n >= NA_LEN && hlv_eq_fold(hlv_head(id, NA_LEN), hlv_text(NA));
}

bool hlv_name_is_derived_prefix(struct hlv_bytes id)
{
	return hlv_name_is_prefix_handle(id) && id.n > NA_LEN &&
	       memchr(id.p + NA_LEN, '.', id.n - NA_LEN) != NULL;
}

void hlv_name_put_prefix_handle(struct hlv_writer *w, struct hlv_bytes id)
{
	struct hlv_name name = hlv_name_split(id);
	hlv_put(w, hlv_text(NA));
	/* A prefix handle and a name without a slash are both decided by the root: their prefix
	 * is "0.NA". */
	hlv_name_put_upper(w, name.prefix);
}

void hlv_name_put_resolvable(struct hlv_writer *w, struct hlv_bytes id)
{
	if (id.n && memchr(id.p, '/', id.n)) {
		hlv_put(w, id);
		return;
	}
	hlv_put(w, hlv_text(NA));
	hlv_name_put_upper(w, id);
}

struct hlv_bytes hlv_name_parent_prefix(struct hlv_bytes id)
{
	for (size_t i = id.n; i > NA_LEN; i--)
		if (id.p[i - 1] == '.')
			return hlv_head(id, i - 1);
	return (struct hlv_bytes){0};
}

/* Octets of the sequence that starts at b.p[i], or 0 when it is not well formed
 * (Unicode 15, table 3-7). */
static size_t utf8_sequence(struct hlv_bytes b, size_t i)
{
	uint8_t c = b.p[i];
	if (c < 0x80)
		return 1;
	size_t n = c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
	if (n == 0 || n > b.n - i)
		return 0;
	uint8_t low = 0x80, high = 0xBF;
	if (c == 0xE0)
		low = 0xA0;
	if (c == 0xED)
		high = 0x9F;
	if (c == 0xF0)
		low = 0x90;
	if (c == 0xF4)
		high = 0x8F;
	if (b.p[i + 1] < low || b.p[i + 1] > high)
		return 0;
	for (size_t k = 2; k < n; k++)
		if ((b.p[i + k] & 0xC0) != 0x80)
			return 0;
	return n;
}

/* Control characters, but those that `allowed` names. */
static bool is_control(uint8_t c, const char *allowed)
{
	return (c < 0x20 && (c == 0 || !strchr(allowed, c))) || c == 0x7F;
}

static bool utf8_without_controls(struct hlv_bytes b, const char *allowed)
{
	for (size_t i = 0, n; i < b.n; i += n) {
		n = utf8_sequence(b, i);
		if (n == 0 || is_control(b.p[i], allowed))
			return false;
	}
	return true;
}

bool hlv_utf8_valid(struct hlv_bytes b)
{
	for (size_t i = 0, n; i < b.n; i += n) {
		n = utf8_sequence(b, i);
		if (n == 0)
			return false;
	}
	return true;
}

bool hlv_name_is_registrable(struct hlv_bytes id)
{
	/* A tab is let through: registries written by HSv9 hold some. */
	return id.n > 0 && id.n <= HLV_IDENTIFIER_MAX && utf8_without_controls(id, "\t");
}

bool hlv_is_text(struct hlv_bytes b)
{
	return utf8_without_controls(b, "\t\r\n");
}

struct hlv_ref hlv_ref_parse(struct hlv_bytes text)
{
	uint64_t index = 0;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (c == ':' && i > 0)
			return (struct hlv_ref){hlv_skip(text, i + 1), (uint32_t)index};
		if (c < '0' || c > '9')
			break;
		index = index * 10 + (uint64_t)(c - '0');
		if (index > INT32_MAX)
			break;
	}
	return (struct hlv_ref){.handle = text};
}

bool hlv_ref_matches(const struct hlv_ref *listed, const struct hlv_ref *who)
{
	return (listed->index == 0 || listed->index == who->index) &&
	       hlv_name_eq_prefix(listed->handle, who->handle);
}
