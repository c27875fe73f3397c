/* SPDX-License-Identifier: Apache-2.0
 *
 * Domain names as identifiers, values as resource records, and which of them answer a question.
 */
#include <stdio.h>
#include <string.h>

#include "proto/dns/rdata.h"
#include "proto/dns/zones.h"
#include "tests/vectors/check.h"

static bool check_name(const struct vector *v)
{
	char row[600], why[256];
	char *rows[] = {row};
	struct hlv_dns_zones zones;
	snprintf(row, sizeof row, "%s %s", js_str(v->decoded, "zone"),
		 js_str(v->decoded, "handle_prefix"));
	if (hlv_dns_zones_parse(rows, 1, &zones, why) != HLV_OK)
		return vector_differs(v, "%s", why);
	uint8_t name[HLV_DNAME_MAX], id[2048];
	struct hlv_writer n = hlv_writer(name, sizeof name), w = hlv_writer(id, sizeof id);
	bool ok = hlv_dname_parse(js_text(v->decoded, "domain"), &n) == HLV_OK;
	const struct hlv_dns_zone *zone = ok ? hlv_dns_zone_of(&zones, hlv_written(&n)) : NULL;
	if (!zone)
		ok = vector_differs(v, "in no zone");
	else if (js_has(v->decoded, "error"))
		ok = vector_bool(v, "mapped", hlv_dns_identifier(zone, hlv_written(&n), &w),
				 false);
	else
		ok = vector_bool(v, "mapped", hlv_dns_identifier(zone, hlv_written(&n), &w),
				 true) &&
		     vector_bytes(v, "identifier", hlv_written(&w), v->hex) &&
		     vector_bytes(v, "handle", hlv_written(&w), js_text(v->decoded, "handle"));
	hlv_dns_zones_fini(&zones);
	return ok;
}

static bool check_rr(const struct vector *v)
{
	bool apart = js_has(v->decoded, "value_hex");
	struct hlv_reader r = hlv_reader(apart ? js_hex(v, v->decoded, "value_hex") : v->hex);
	struct hlv_value value;
	if (hlv_value_decode(&r, &value) != HLV_OK)
		return vector_differs(v, "the value cannot be read");
	uint16_t type = hlv_dns_type_of(value.type);
	uint8_t rdata[1024], octets[1024];
	struct hlv_writer d = hlv_writer(rdata, sizeof rdata);
	bool is_record = type && hlv_dns_rdata_parse(type, value.data, &d);
	if (!js_has(v->decoded, "rr_type"))
		return vector_bool(v, "record", is_record, false);
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	if (hlv_dname_parse(js_text(v->decoded, "owner"), &w) != HLV_OK)
		return vector_differs(v, "the owner cannot be read");
	hlv_put_u16(&w, type);
	hlv_put_u16(&w, 1);
	hlv_put_u32(&w, value.ttl_s);
	hlv_put_u16(&w, (uint16_t)d.n);
	hlv_put(&w, hlv_written(&d));
	return vector_bool(v, "record", is_record, true) &&
	       vector_u64(v, "type", type, js_u64(v->decoded, "rr_type")) &&
	       vector_bytes(v, "octets", hlv_written(&w), v->hex);
}

static bool names_it(const cJSON *list, const char *text)
{
	const cJSON *item;
	cJSON_ArrayForEach (item, list)
		if (strcmp(item->valuestring, text) == 0)
			return true;
	return false;
}

/* Which value types answer a question: all that the vector names, and no others. */
static bool check_answers(const struct vector *v, bool with_cname, const char *field)
{
	const cJSON *want = js_get(v->decoded, field);
	uint16_t asked = (uint16_t)js_u64(v->decoded, "dns_type");
	if (asked == HLV_DNS_ANY) /* the family, and so all */
		return hlv_dns_type_answers(HLV_DNS_A, asked) &&
		       vector_bytes(v, field, hlv_text("DNS."),
				    hlv_text(cJSON_GetArrayItem(want, 0)->valuestring));
	for (uint32_t type = 1; type <= UINT16_MAX; type++) {
		char names[2][HLV_DNS_TYPE_TEXT + 4], text[HLV_DNS_TYPE_TEXT];
		snprintf(names[0], sizeof names[0], "DNS.%s",
			 hlv_dns_type_print((uint16_t)type, text));
		snprintf(names[1], sizeof names[1], "DNS.TYPE%u", type);
		bool answers = hlv_dns_type_answers((uint16_t)type, asked) ||
			       (with_cname && type == HLV_DNS_CNAME);
		for (size_t i = 0; i < 2; i++) {
			bool is = answers && hlv_dns_type_of(hlv_text(names[i])) == type;
			if (!vector_bool(v, names[i], is, names_it(want, names[i])))
				return false;
		}
	}
	return true;
}

bool topic_dns(const struct vector *v)
{
	if (strncmp(v->name, "name_", 5) == 0)
		return check_name(v);
	if (strncmp(v->name, "rr_", 3) == 0)
		return check_rr(v);
	return check_answers(v, true, "with_cname") && check_answers(v, false, "without_cname");
}
