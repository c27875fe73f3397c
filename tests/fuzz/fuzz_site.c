/* SPDX-License-Identifier: Apache-2.0
 *
 * Site records: decoded, walked to the last interface and put together again, they are the same
 * octets.
 */
#include "proto/wire/codes.h"
#include "proto/wire/site.h"
#include "tests/fuzz/fuzz.h"

static struct hlv_bytes again_interfaces(struct hlv_arena *a, const struct hlv_list *list)
{
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(a, list->raw.n), list->raw.n);
	struct hlv_reader r = hlv_reader(list->raw);
	for (uint32_t i = 0; i < list->n; i++) {
		struct hlv_site_interface interface;
		hlv_site_next_interface(&r, &interface);
		hlv_site_put_interface(&w, &interface);
	}
	hlv_require(hlv_finished(&r));
	return hlv_written(&w);
}

static struct hlv_bytes again_servers(struct hlv_arena *a, const struct hlv_list *list)
{
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(a, list->raw.n), list->raw.n);
	struct hlv_reader r = hlv_reader(list->raw);
	for (uint32_t i = 0; i < list->n; i++) {
		struct hlv_site_server server;
		hlv_site_next_server(&r, &server);
		server.interfaces.raw = again_interfaces(a, &server.interfaces);
		hlv_site_is_ipv4(server.address);
		hlv_site_put_server(&w, &server);
	}
	hlv_require(hlv_finished(&r));
	return hlv_written(&w);
}

static struct hlv_bytes again_attributes(struct hlv_arena *a, const struct hlv_list *list)
{
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(a, list->raw.n), list->raw.n);
	struct hlv_reader r = hlv_reader(list->raw);
	for (uint32_t i = 0; i < list->n; i++) {
		struct hlv_site_attribute attribute;
		hlv_site_next_attribute(&r, &attribute);
		hlv_site_put_attribute(&w, &attribute);
	}
	hlv_require(hlv_finished(&r));
	return hlv_written(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hlv_arena *a = fuzz_arena();
	struct hlv_site s;
	if (n > HLV_MESSAGE_MAX || hlv_site_decode(hlv_bytes(data, n), &s) != HLV_OK)
		return 0;
	s.attributes.raw = again_attributes(a, &s.attributes);
	s.servers.raw = again_servers(a, &s.servers);
	struct hlv_writer w = fuzz_writer();
	hlv_site_encode(&w, &s);
	hlv_require(hlv_eq(hlv_written(&w), hlv_bytes(data, n)));
	return 0;
}
