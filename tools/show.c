/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/show.h"

#include <time.h>

#include "proto/net/addr.h"
#include "proto/sec/digest.h"
#include "proto/sec/key.h"
#include "proto/wire/admin.h"
#include "proto/wire/name.h"
#include "proto/wire/site.h"

enum { HEX_SHOWN = 32, FINGERPRINT_SHOWN = 16, TYPE_WIDTH_MAX = 24, TTL_WIDTH = 7 };

void show_ink(struct hlv_buf *b, enum show_colour colour, enum show_ink ink, const char *text)
{
	static const char *const codes[] = {
		[INK_GOOD] = "\033[32m",
		[INK_BAD] = "\033[31m",
		[INK_FAINT] = "\033[2m",
		[INK_TYPE] = "\033[36m",
	};
	if (colour == SHOW_PLAIN) {
		hlv_buf_str(b, text);
		return;
	}
	hlv_buf_printf(b, "%s%s\033[0m", codes[ink], text);
}

/* The length of the character at `p` if it is to be escaped by its code point: C1 controls
 * (terminals obey them), line separators, and marks of direction. */
static size_t hidden_mark(const uint8_t *p, size_t n, unsigned *point)
{
	if (n >= 2 && p[0] == 0xC2 && p[1] < 0xA0) {
		*point = p[1];
		return 2;
	}
	if (n < 3 || p[0] != 0xE2)
		return 0;
	*point = 0x2000 + ((unsigned)(p[1] & 0x3F) << 6) + (p[2] & 0x3F);
	bool hidden = (*point >= 0x200B && *point <= 0x200F) ||
		      (*point >= 0x2028 && *point <= 0x202E) ||
		      (*point >= 0x2066 && *point <= 0x2069);
	return hidden ? 3 : 0;
}

void show_text(struct hlv_buf *b, struct hlv_bytes text)
{
	bool utf8 = hlv_utf8_valid(text);
	for (size_t i = 0; i < text.n;) {
		uint8_t c = text.p[i];
		unsigned point = 0;
		size_t mark = hidden_mark(text.p + i, text.n - i, &point);
		if (utf8 && mark > 0) {
			hlv_buf_printf(b, "\\u%04x", point);
			i += mark;
			continue;
		}
		if (c == '\n' || c == '\r' || c == '\t')
			hlv_buf_str(b, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
		else if (c < 0x20 || c == 0x7F || (c >= 0x80 && !utf8))
			hlv_buf_printf(b, "\\x%02x", c);
		else
			hlv_buf_put(b, hlv_bytes(&c, 1));
		i++;
	}
}

void show_time(struct hlv_buf *b, uint32_t time_s)
{
	char text[32] = "";
	struct tm tm;
	time_t t = (time_t)time_s;
	if (gmtime_r(&t, &tm))
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	hlv_buf_str(b, text);
}

static void show_binary(struct hlv_buf *b, struct hlv_bytes data)
{
	hlv_buf_str(b, "0x");
	hlv_buf_hex(b, hlv_head(data, HEX_SHOWN));
	if (data.n > HEX_SHOWN)
		hlv_buf_printf(b, "... (%zu octets)", data.n);
}

static void show_ref(struct hlv_buf *b, const struct hlv_ref *ref)
{
	hlv_buf_printf(b, "%u:", ref->index);
	show_text(b, ref->handle);
}

static void show_refs(struct hlv_buf *b, const struct hlv_list *refs)
{
	struct hlv_reader r = hlv_reader(refs->raw);
	for (uint32_t i = 0; i < refs->n; i++) {
		struct hlv_ref ref;
		hlv_ref_decode(&r, &ref);
		hlv_buf_str(b, i ? ", " : "");
		show_ref(b, &ref);
	}
}

static bool show_admin(struct hlv_buf *b, struct hlv_bytes data)
{
	static const struct {
		uint16_t mask;
		const char *text;
	} rights[] = {
#define X(name, mask, text) {mask, text},
		HLV_ADMIN_PERMS(X)
#undef X
	};
	struct hlv_admin a;
	char bits[13];
	if (hlv_admin_decode(data, &a) != HLV_OK)
		return false;
	show_ref(b, &a.who);
	hlv_admin_perms_print(a.perms, bits);
	hlv_buf_printf(b, " may %s (", bits);
	if ((a.perms & HLV_ADMIN_ALL) == HLV_ADMIN_ALL)
		hlv_buf_str(b, "everything");
	bool first = true;
	for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
		if (!(a.perms & rights[i].mask) || (a.perms & HLV_ADMIN_ALL) == HLV_ADMIN_ALL)
			continue;
		hlv_buf_printf(b, "%s%s", first ? "" : ", ", rights[i].text);
		first = false;
	}
	hlv_buf_str(b, ")");
	return true;
}

static bool show_vlist(struct hlv_buf *b, struct hlv_bytes data)
{
	struct hlv_list refs;
	if (hlv_vlist_decode(data, &refs) != HLV_OK)
		return false;
	show_refs(b, &refs);
	if (refs.n == 0)
		hlv_buf_str(b, "(empty list)");
	return true;
}

/* Kind and size, and the beginning of SHA-256 over the octets as they stand in the value. */
static bool show_key(struct hlv_buf *b, struct hlv_bytes data)
{
	struct hlv_key *key = NULL;
	uint8_t digest[HLV_HASH_MAX];
	if (hlv_pubkey_decode(data, &key) != HLV_OK)
		return false;
	hlv_buf_printf(b, "%s key", hlv_key_name(key));
	hlv_key_free(key);
	if (hlv_hash(HLV_SHA256, data, digest) == HLV_OK) {
		hlv_buf_str(b, ", sha256 ");
		hlv_buf_hex(b, hlv_bytes(digest, FINGERPRINT_SHOWN));
	}
	return true;
}

static void new_line(struct hlv_buf *b, const char *indent)
{
	if (indent)
		hlv_buf_printf(b, "\n%s", indent);
	else
		hlv_buf_str(b, "; ");
}

static void show_interface(struct hlv_buf *b, const struct hlv_site_interface *i)
{
	static const char *const protocols[] = {"udp", "tcp", "http", "https"};
	static const char *const kinds[] = {"out of service", "admin", "query",
					    "admin and query"};
	if (i->protocol < sizeof protocols / sizeof *protocols)
		hlv_buf_str(b, protocols[i->protocol]);
	else
		hlv_buf_printf(b, "protocol %u", i->protocol);
	hlv_buf_printf(b, " %u %s", i->port, kinds[i->kind & 3]);
}

static void show_server(struct hlv_buf *b, const struct hlv_site_server *s, const char *indent)
{
	struct hlv_addr addr;
	char text[HLV_ADDR_TEXT];
	hlv_addr_from_site(s->address, 0, &addr);
	hlv_addr_print(&addr, text);
	char *port = strrchr(text, ':');
	if (port)
		*port = '\0';
	new_line(b, indent);
	hlv_buf_printf(b, "server %u at %s", s->id, text);
	struct hlv_reader r = hlv_reader(s->interfaces.raw);
	for (uint32_t i = 0; i < s->interfaces.n; i++) {
		struct hlv_site_interface face;
		hlv_site_next_interface(&r, &face);
		hlv_buf_str(b, ", ");
		show_interface(b, &face);
	}
	new_line(b, indent);
	hlv_buf_str(b, "  ");
	if (s->key.n == 0)
		hlv_buf_str(b, "without a key");
	else if (!show_key(b, s->key))
		hlv_buf_str(b, "with a key that cannot be read");
}

static bool show_site(struct hlv_buf *b, struct hlv_bytes data, const char *indent)
{
	static const char *const hashes[] = {"prefix", "suffix", "whole identifier"};
	struct hlv_site s;
	if (hlv_site_decode(data, &s) != HLV_OK)
		return false;
	hlv_buf_printf(
		b, "%s site, serial %u, protocol %u.%u, servers by %s",
		s.flags & HLV_SITE_PRIMARY ? "primary" : "mirror", s.serial, s.major, s.minor,
		s.hash_option <= HLV_HASH_ALL ? hashes[s.hash_option] : "an unknown rule");
	struct hlv_reader r = hlv_reader(s.attributes.raw);
	for (uint32_t i = 0; i < s.attributes.n; i++) {
		struct hlv_site_attribute a;
		hlv_site_next_attribute(&r, &a);
		new_line(b, indent);
		show_text(b, a.name);
		hlv_buf_str(b, ": ");
		show_text(b, a.value);
	}
	r = hlv_reader(s.servers.raw);
	for (uint32_t i = 0; i < s.servers.n; i++) {
		struct hlv_site_server server;
		hlv_site_next_server(&r, &server);
		show_server(b, &server, indent);
	}
	return true;
}

bool show_is_secret(const struct hlv_value *v)
{
	return hlv_type_is(v->type, "HS_SECKEY");
}

/* Decode by type; false when the type says nothing or the data is not what it says. */
static bool show_typed(struct hlv_buf *b, const struct hlv_value *v, const char *indent)
{
	if (hlv_type_is(v->type, "HS_ADMIN"))
		return show_admin(b, v->data);
	if (hlv_type_is(v->type, "HS_VLIST"))
		return show_vlist(b, v->data);
	if (hlv_type_is(v->type, "HS_PUBKEY"))
		return show_key(b, v->data);
	if (hlv_type_is(v->type, "HS_SITE") || hlv_type_is(v->type, "HS_NA_DELEGATE"))
		return show_site(b, v->data, indent);
	return false;
}

void show_data(struct hlv_buf *b, const struct hlv_value *v, const char *indent)
{
	if (show_is_secret(v))
		hlv_buf_printf(b, "(secret key, %zu octets, not shown)", v->data.n);
	else if (show_typed(b, v, indent))
		return;
	else if (hlv_is_text(v->data))
		show_text(b, v->data);
	else
		show_binary(b, v->data);
}

static void show_ttl(struct hlv_buf *b, const struct hlv_value *v)
{
	if (v->ttl_kind == HLV_TTL_ABSOLUTE) {
		hlv_buf_str(b, "until ");
		show_time(b, v->ttl_s);
		return;
	}
	hlv_buf_printf(b, "%*u", TTL_WIDTH, v->ttl_s);
}

static void show_value(struct hlv_buf *b, const struct hlv_value *v, int width,
		       enum show_colour colour)
{
	struct hlv_buf type = {0};
	char padded[4 * HLV_IDENTIFIER_MAX], indent[64];
	show_text(&type, hlv_head(v->type, 256));
	snprintf(padded, sizeof padded, "%-*s", width, type.p ? type.p : "");
	hlv_buf_free(&type);
	hlv_buf_printf(b, "%8u  ", v->index);
	show_ink(b, colour, INK_TYPE, padded);
	hlv_buf_str(b, "  ");
	show_ttl(b, v);
	hlv_buf_printf(b, "  %d%d%d%d  ", v->perms >> 3 & 1, v->perms >> 2 & 1,
		       v->perms >> 1 & 1, v->perms & 1);
	show_time(b, v->mtime_s);
	hlv_buf_str(b, "  ");
	snprintf(indent, sizeof indent, "%*s",
		 8 + 2 + width + 2 + TTL_WIDTH + 2 + 4 + 2 + 20 + 2, "");
	show_data(b, v, indent);
	if (v->refs.n > 0) {
		hlv_buf_str(b, "  refers to ");
		show_refs(b, &v->refs);
	}
	hlv_buf_str(b, "\n");
}

void show_values(struct hlv_buf *b, const struct hlv_list *values, enum show_colour colour)
{
	struct hlv_value v;
	int width = 4;
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n && hlv_value_decode(&r, &v) == HLV_OK; i++)
		if (v.type.n > (size_t)width)
			width = v.type.n < TYPE_WIDTH_MAX ? (int)v.type.n : TYPE_WIDTH_MAX;
	char head[128];
	snprintf(head, sizeof head, "%8s  %-*s  %*s  %s  %-20s  %s\n", "index", width, "type",
		 TTL_WIDTH, "ttl", "perm", "changed", "data");
	show_ink(b, colour, INK_FAINT, head);
	r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n && hlv_value_decode(&r, &v) == HLV_OK; i++)
		show_value(b, &v, width, colour);
}
