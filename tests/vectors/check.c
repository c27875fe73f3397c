/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/vectors/check.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROOM = HLV_MESSAGE_MAX + HLV_ENVELOPE_SIZE };

int parse_version(const char *text)
{
	char *end;
	long major = strtol(text ? text : "2.11", &end, 10);
	long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
	return HLV_V((int)major, (int)minor);
}

struct hlv_writer message_writer(const struct vector *v)
{
	return hlv_writer(hlv_alloc_raw(v->arena, ROOM), ROOM);
}

bool check_written(const struct vector *v, const char *what, const struct hlv_writer *w,
		   struct hlv_bytes want)
{
	if (w->bad)
		return vector_differs(v, "%s: does not fit", what);
	return vector_bytes(v, what, hlv_written(w), want);
}

bool check_envelope(const struct vector *v, const struct hlv_envelope *e, const cJSON *want)
{
	/* A suggestion of 0 is read as the message's own version. */
	int suggested = hlv_envelope_suggested(e);
	int asked =
		HLV_V((int)js_u64(want, "suggest_major"), (int)js_u64(want, "suggest_minor"));
	return vector_u64(v, "major", e->major, (uint8_t)js_u64(want, "major")) &&
	       vector_u64(v, "minor", e->minor, (uint8_t)js_u64(want, "minor")) &&
	       vector_bool(v, "compressed", e->flags & HLV_E_COMPRESSED,
			   js_bool(want, "compressed")) &&
	       vector_bool(v, "encrypted", e->flags & HLV_E_ENCRYPTED,
			   js_bool(want, "encrypted")) &&
	       vector_bool(v, "truncated", e->flags & HLV_E_TRUNCATED,
			   js_bool(want, "truncated")) &&
	       vector_u64(v, "suggested version", (uint64_t)suggested, (uint64_t)asked) &&
	       vector_u64(v, "session id", e->session_id, js_u64(want, "session_id")) &&
	       vector_u64(v, "request id", e->request_id, js_u64(want, "request_id")) &&
	       vector_u64(v, "sequence", e->sequence, js_u64(want, "sequence_number")) &&
	       vector_u64(v, "length", e->length, js_u64(want, "message_length"));
}

static bool check_flags(const struct vector *v, uint32_t flags, const cJSON *want)
{
#define X(name, mask, text)                                                                    \
	if (js_has(want, text) && !vector_bool(v, text, flags & (name), js_bool(want, text)))  \
		return false;
	HLV_FLAGS(X)
#undef X
	return true;
}

bool check_header(const struct vector *v, const struct hlv_header *h, const cJSON *want)
{
	const cJSON *header = js_get(want, "header");
	if (!check_flags(v, h->flags, js_get(want, "flags")) || !header)
		return v->why[0] == '\0';
	return vector_u64(v, "op", h->op, js_u64(header, "op_code")) &&
	       vector_u64(v, "rc", h->rc, js_u64(header, "response_code")) &&
	       vector_u64(v, "flags", h->flags, js_u64(header, "op_flags")) &&
	       vector_u64(v, "site serial", h->site_serial,
			  (uint16_t)js_u64(header, "site_info_serial")) &&
	       vector_u64(v, "recursion", h->recursion,
			  (uint8_t)js_u64(header, "recursion_count")) &&
	       vector_u64(v, "expiration", h->expiration_s, js_u64(header, "expiration")) &&
	       vector_u64(v, "body length", h->body_len, js_u64(header, "body_length"));
}

/* --- values --- */

bool check_refs(const struct vector *v, const struct hlv_list *list, const cJSON *want)
{
	if (!vector_u64(v, "references", list->n, (uint64_t)cJSON_GetArraySize(want)))
		return false;
	struct hlv_reader r = hlv_reader(list->raw);
	const cJSON *item;
	cJSON_ArrayForEach (item, want) {
		struct hlv_ref ref;
		hlv_ref_decode(&r, &ref);
		if (!vector_bytes(v, "reference", ref.handle, js_text(item, "handle")) ||
		    !vector_u64(v, "reference's index", ref.index,
				(uint32_t)js_u64(item, "index")))
			return false;
	}
	return vector_bool(v, "references read to the end", hlv_finished(&r), true);
}

bool check_value(const struct vector *v, const struct hlv_value *value, const cJSON *want)
{
	if (js_has(want, "data_text") &&
	    !vector_bytes(v, "data as text", value->data, js_text(want, "data_text")))
		return false;
	return vector_u64(v, "index", value->index, (uint32_t)js_u64(want, "index")) &&
	       vector_u64(v, "timestamp", value->mtime_s, js_u64(want, "timestamp")) &&
	       vector_u64(v, "ttl type", value->ttl_kind, js_u64(want, "ttl_type")) &&
	       vector_u64(v, "ttl", value->ttl_s, (uint32_t)js_u64(want, "ttl")) &&
	       vector_u64(v, "permissions", value->perms, js_u64(want, "permissions")) &&
	       vector_bytes(v, "type", value->type, js_hex(v, want, "type_hex")) &&
	       vector_bytes(v, "data", value->data, js_hex(v, want, "data_hex")) &&
	       check_refs(v, &value->refs, js_get(want, "references"));
}

bool check_values(const struct vector *v, const struct hlv_list *list, const cJSON *want)
{
	if (!vector_u64(v, "values", list->n, (uint64_t)cJSON_GetArraySize(want)))
		return false;
	struct hlv_reader r = hlv_reader(list->raw);
	const cJSON *item;
	cJSON_ArrayForEach (item, want) {
		struct hlv_value value;
		if (hlv_value_decode(&r, &value) != HLV_OK)
			return vector_differs(v, "a value of a checked list is malformed");
		if (!check_value(v, &value, item))
			return false;
	}
	return vector_bool(v, "values read to the end", hlv_finished(&r), true);
}

/* --- sites --- */

static bool check_interfaces(const struct vector *v, const struct hlv_list *list,
			     const cJSON *want, struct hlv_writer *w)
{
	if (!vector_u64(v, "interfaces", list->n, (uint64_t)cJSON_GetArraySize(want)))
		return false;
	struct hlv_reader r = hlv_reader(list->raw);
	const cJSON *item;
	cJSON_ArrayForEach (item, want) {
		struct hlv_site_interface i;
		hlv_site_next_interface(&r, &i);
		if (!vector_u64(v, "interface type", i.kind, js_u64(item, "type")) ||
		    !vector_u64(v, "protocol", i.protocol, js_u64(item, "protocol")) ||
		    !vector_u64(v, "port", i.port, js_u64(item, "port")))
			return false;
		hlv_site_put_interface(w, &i);
	}
	return vector_bool(v, "interfaces read to the end", hlv_finished(&r), true);
}

static bool check_server(const struct vector *v, struct hlv_site_server *s, const cJSON *want,
			 struct hlv_writer *w)
{
	if (js_has(want, "is_ipv4") &&
	    !vector_bool(v, "is IPv4", hlv_site_is_ipv4(s->address), js_bool(want, "is_ipv4")))
		return false;
	struct hlv_writer interfaces = message_writer(v);
	bool ok = vector_u64(v, "server id", s->id, js_u64(want, "server_id")) &&
		  vector_bytes(v, "address", hlv_bytes(s->address, sizeof(s->address)),
			       js_hex(v, want, "address_hex")) &&
		  vector_bytes(v, "key", s->key, js_hex(v, want, "public_key_hex")) &&
		  check_interfaces(v, &s->interfaces, js_get(want, "interfaces"), &interfaces);
	s->interfaces.raw = hlv_written(&interfaces);
	hlv_site_put_server(w, s);
	return ok;
}

static bool check_servers(const struct vector *v, const struct hlv_list *list,
			  const cJSON *want, struct hlv_writer *w)
{
	if (!vector_u64(v, "servers", list->n, (uint64_t)cJSON_GetArraySize(want)))
		return false;
	struct hlv_reader r = hlv_reader(list->raw);
	const cJSON *item;
	cJSON_ArrayForEach (item, want) {
		struct hlv_site_server s;
		hlv_site_next_server(&r, &s);
		if (!check_server(v, &s, item, w))
			return false;
	}
	return vector_bool(v, "servers read to the end", hlv_finished(&r), true);
}

static bool check_attributes(const struct vector *v, const struct hlv_list *list,
			     const cJSON *want, struct hlv_writer *w)
{
	if (!vector_u64(v, "attributes", list->n, (uint64_t)cJSON_GetArraySize(want)))
		return false;
	struct hlv_reader r = hlv_reader(list->raw);
	const cJSON *item;
	cJSON_ArrayForEach (item, want) {
		struct hlv_site_attribute a;
		hlv_site_next_attribute(&r, &a);
		if (!vector_bytes(v, "attribute", a.name, js_text(item, "name")) ||
		    !vector_bytes(v, "attribute's value", a.value, js_text(item, "value")))
			return false;
		hlv_site_put_attribute(w, &a);
	}
	return vector_bool(v, "attributes read to the end", hlv_finished(&r), true);
}

bool check_site(const struct vector *v, struct hlv_bytes data, const cJSON *want)
{
	struct hlv_site s;
	enum hlv_err err = hlv_site_decode(data, &s);
	if (err != HLV_OK)
		return vector_differs(v, "site: %s", hlv_strerror(err));
	uint64_t version = (uint64_t)parse_version(js_str(want, "protocol_version"));
	struct hlv_writer attributes = message_writer(v), servers = message_writer(v);
	if (!vector_u64(v, "format", s.format, js_u64(want, "data_format_version")) ||
	    !vector_u64(v, "version", (uint64_t)HLV_V(s.major, s.minor), version) ||
	    !vector_u64(v, "serial", s.serial, (uint16_t)js_u64(want, "serial_number")) ||
	    !vector_bool(v, "primary", s.flags & HLV_SITE_PRIMARY, js_bool(want, "primary")) ||
	    !vector_bool(v, "multi-primary", s.flags & HLV_SITE_MULTI_PRIMARY,
			 js_bool(want, "multi_primary")) ||
	    !vector_u64(v, "hash option", s.hash_option, js_u64(want, "hash_option")) ||
	    !vector_bytes(v, "hash filter", s.hash_filter,
			  js_hex(v, want, "hash_filter_hex")) ||
	    !check_attributes(v, &s.attributes, js_get(want, "attributes"), &attributes) ||
	    !check_servers(v, &s.servers, js_get(want, "servers"), &servers))
		return false;
	s.attributes.raw = hlv_written(&attributes);
	s.servers.raw = hlv_written(&servers);
	struct hlv_writer w = message_writer(v);
	hlv_site_encode(&w, &s);
	return check_written(v, "encoded site", &w, data);
}
