/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/places.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { SITE_ROOM = 160, DOMAIN_ROOM = 256 };

/* --- as sites --- */

static void put_site(struct hlv_writer *w, const struct place *p)
{
	uint8_t interfaces[32], servers[SITE_ROOM], octets[SITE_ROOM];
	struct hlv_writer i = hlv_writer(interfaces, sizeof interfaces);
	struct hlv_writer s = hlv_writer(servers, sizeof servers);
	struct hlv_writer o = hlv_writer(octets, sizeof octets);
	struct hlv_site_server server = {.id = 1};
	hlv_addr_to_site(&p->at, server.address);
	if (p->udp) {
		hlv_site_put_interface(
			&i, &(struct hlv_site_interface){HLV_IF_QUERY, HLV_IF_UDP, p->udp});
		server.interfaces.n++;
	}
	if (p->tcp) {
		hlv_site_put_interface(
			&i, &(struct hlv_site_interface){HLV_IF_QUERY, HLV_IF_TCP, p->tcp});
		server.interfaces.n++;
	}
	server.interfaces.raw = hlv_written(&i);
	hlv_site_put_server(&s, &server);
	hlv_site_encode(&o, &(struct hlv_site){.format = 1,
					       .major = 2,
					       .minor = 11,
					       .serial = 1,
					       .flags = HLV_SITE_PRIMARY,
					       .hash_option = HLV_HASH_ALL,
					       .servers = {1, hlv_written(&s)}});
	hlv_put_lp32(w, hlv_written(&o));
}

enum hlv_err places_sites(const struct places *p, struct hlv_arena *a, struct hlv_list *sites,
			  const uint8_t **ranks)
{
	size_t room = (p->n + 1) * (SITE_ROOM + 4);
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(a, room), room);
	uint8_t *r = hlv_alloc(a, PLACES_MAX);
	if (a->bad)
		return HLV_E_NOMEM;
	for (size_t i = 0; i < p->n; i++) {
		put_site(&w, &p->list[i]);
		r[i] = p->list[i].rank;
	}
	*sites = (struct hlv_list){(uint32_t)p->n, hlv_written(&w)};
	*ranks = r;
	return w.bad ? HLV_E_NOMEM : HLV_OK;
}

/* --- the same? --- */

static bool has(const struct places *p, const struct place *x)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct place *y = &p->list[i];
		if (hlv_addr_eq(&x->at, &y->at) && x->udp == y->udp && x->tcp == y->tcp)
			return true;
	}
	return false;
}

bool places_eq(const struct places *a, const struct places *b)
{
	if (a->n != b->n || a->secure != b->secure)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!has(b, &a->list[i]))
			return false;
	return true;
}

/* --- as text --- */

void places_print(const struct places *p, const char *domain, struct hlv_buf *out)
{
	hlv_buf_printf(out,
		       "# Where the root is, as DNS said last; helver writes this.\n"
		       "root-domain %s %s\n",
		       domain, p->secure ? "secure" : "insecure");
	for (size_t i = 0; i < p->n; i++) {
		char host[INET6_ADDRSTRLEN] = "";
		const struct place *x = &p->list[i];
		const void *octets = x->at.sa.any.sa_family == AF_INET
					     ? (const void *)&x->at.sa.v4.sin_addr
					     : (const void *)&x->at.sa.v6.sin6_addr;
		inet_ntop(x->at.sa.any.sa_family, octets, host, sizeof host);
		hlv_buf_printf(out, "place %u %s %u %u\n", (unsigned)x->rank, host,
			       (unsigned)x->udp, (unsigned)x->tcp);
	}
}

static bool parse_head(const char *line, const char *domain, bool *secure)
{
	char name[DOMAIN_ROOM], how[16], rest;
	if (sscanf(line, "root-domain %255s %15s %c", name, how, &rest) != 2)
		return false;
	*secure = strcmp(how, "secure") == 0;
	return hlv_eq_fold(hlv_text(name), hlv_text(domain)) &&
	       (*secure || strcmp(how, "insecure") == 0);
}

static bool parse_place(const char *line, struct place *p)
{
	unsigned rank, udp, tcp;
	char host[INET6_ADDRSTRLEN], literal[INET6_ADDRSTRLEN + 2], rest;
	if (sscanf(line, "place %3u %45s %5u %5u %c", &rank, host, &udp, &tcp, &rest) != 4)
		return false;
	if (rank >= PLACES_MAX || udp > UINT16_MAX || tcp > UINT16_MAX || (!udp && !tcp))
		return false;
	snprintf(literal, sizeof literal, strchr(host, ':') ? "[%s]" : "%s", host);
	*p = (struct place){.udp = (uint16_t)udp, .tcp = (uint16_t)tcp, .rank = (uint8_t)rank};
	return hlv_addr_parse(literal, p->udp ? p->udp : p->tcp, &p->at) == HLV_OK;
}

enum hlv_err places_parse(struct hlv_bytes text, const char *domain, struct places *out)
{
	bool head = false;
	*out = (struct places){0};
	while (text.n > 0) {
		char line[DOMAIN_ROOM + 64];
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		if (n >= sizeof line || memchr(text.p, '\0', n))
			return HLV_E_MALFORMED;
		memcpy(line, text.p, n);
		line[n] = '\0';
		text = hlv_skip(text, n + 1);
		if (n == 0 || line[0] == '#')
			continue;
		if (!head) {
			head = parse_head(line, domain, &out->secure);
			if (!head)
				return HLV_E_MALFORMED;
		} else if (out->n == PLACES_MAX || !parse_place(line, &out->list[out->n++])) {
			return HLV_E_MALFORMED;
		}
	}
	return head && out->n > 0 ? HLV_OK : HLV_E_MALFORMED;
}
