/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "tools/helvectl/doctor.h"

enum {
	REQUEST_ROOM = 4096,
	WAIT_MS = 10000, /* a busy node is no wrong one */
	CLOCK_SKEW_S = 300,
	CLOCK_STEP_S =
		600, /* a helved rounds up to it, so that equal answers are equal octets */
};

enum hlv_err doctor_ask(const struct hlv_addr *addr, enum hlv_transport transport,
			struct hlv_request *rq, struct doctor_reply *reply)
{
	uint8_t octets[REQUEST_ROOM];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	struct hlv_client c;
	struct hlv_client_report report;
	hlv_client_init(&c, addr);
	c.transport = transport;
	c.total_ms = WAIT_MS;
	rq->m.env = (struct hlv_envelope){
		.major = 2, .minor = 11, .suggest_major = 2, .suggest_minor = 11};
	HLV_TRY(hlv_client_request_id(&rq->m.env.request_id));
	rq->m.hdr.site_serial = UINT16_MAX;
	rq->m.hdr.flags |= HLV_F_RECURSE | HLV_F_PUBLIC_ONLY;
	rq->m.hdr.expiration_s = hlv_now_s(hlv_clock()) + HLV_EXPIRATION_S;
	hlv_request_encode(&w, rq);
	if (w.bad)
		return HLV_E_LIMIT;
	HLV_TRY(hlv_client_ask(&c, hlv_written(&w), &reply->raw, &report));
	HLV_TRY(hlv_message_decode(hlv_buf_bytes(&reply->raw), &reply->m));
	return hlv_response_decode(&reply->m, &reply->rs);
}

/* --- our own ports --- */

/* Addresses, ports, keys and serial alike: what others go by. What the server adds to the
 * attributes is its own. */
static bool same_site(const struct hlv_site *a, struct hlv_bytes octets)
{
	struct hlv_site b;
	return hlv_site_decode(octets, &b) == HLV_OK && a->serial == b.serial &&
	       a->hash_option == b.hash_option && a->servers.n == b.servers.n &&
	       hlv_eq(a->servers.raw, b.servers.raw);
}

static void check_port(struct doctor *d, const struct hlv_site_server *server,
		       const struct hlv_site_interface *i)
{
	struct hlv_addr addr;
	char text[HLV_ADDR_TEXT];
	struct doctor_reply reply = {0};
	struct hlv_request rq = {.m.hdr.op = HLV_OP_GET_SITE_INFO};
	bool udp = i->protocol == HLV_IF_UDP;
	if (i->protocol > HLV_IF_TCP || i->port > UINT16_MAX)
		return; /* HTTP has tools of its own */
	hlv_addr_from_site(server->address, (uint16_t)i->port, &addr);
	enum hlv_err err = doctor_ask(&addr, udp ? HLV_T_UDP : HLV_T_TCP, &rq, &reply);
	hlv_addr_print(&addr, text);
	if (err != HLV_OK)
		doctor_say(
			d, d->runs ? DOCTOR_WRONG : DOCTOR_WARNING, "ports", "%s by %s: %s%s",
			text, udp ? "UDP" : "TCP", hlv_strerror(err),
			d->runs ? ": compare 'listen' in helved.yaml with the site record, and "
				  "look at the firewall"
				: ": no server runs");
	else if (reply.rs.rc != HLV_RC_SUCCESS || !same_site(&d->site, reply.rs.octets))
		doctor_say(
			d, DOCTOR_WRONG, "ports",
			"%s by %s: answers with another site record than site.bin: is it this "
			"node? then helvectl reload",
			text, udp ? "UDP" : "TCP");
	else
		doctor_say(d, DOCTOR_OK, "ports", "%s by %s answers with this site record",
			   text, udp ? "UDP" : "TCP");
	hlv_buf_free(&reply.raw);
}

void doctor_check_ports(struct doctor *d)
{
	struct hlv_reader servers = hlv_reader(d->site.servers.raw);
	for (uint32_t i = 0; i < d->site.servers.n; i++) {
		struct hlv_site_server server;
		hlv_site_next_server(&servers, &server);
		struct hlv_reader r = hlv_reader(server.interfaces.raw);
		for (uint32_t k = 0; k < server.interfaces.n; k++) {
			struct hlv_site_interface interface;
			hlv_site_next_interface(&r, &interface);
			if (interface.kind != 0)
				check_port(d, &server, &interface);
		}
	}
}

/* --- the parent --- */

bool doctor_address_of(const struct hlv_site *site, struct hlv_addr *addr)
{
	struct hlv_reader servers = hlv_reader(site->servers.raw);
	for (uint32_t i = 0; i < site->servers.n; i++) {
		struct hlv_site_server server;
		hlv_site_next_server(&servers, &server);
		struct hlv_reader r = hlv_reader(server.interfaces.raw);
		for (uint32_t k = 0; k < server.interfaces.n; k++) {
			struct hlv_site_interface interface;
			hlv_site_next_interface(&r, &interface);
			if (interface.protocol != HLV_IF_TCP ||
			    !(interface.kind & HLV_IF_QUERY) || interface.port > UINT16_MAX)
				continue;
			hlv_addr_from_site(server.address, (uint16_t)interface.port, addr);
			return true;
		}
	}
	return false;
}

static bool shows_us(const struct doctor *d, const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		struct hlv_site site;
		if (hlv_value_decode(&r, &v) == HLV_OK &&
		    hlv_eq_fold(v.type, hlv_text("HS_SITE")) &&
		    hlv_site_decode(v.data, &site) == HLV_OK &&
		    hlv_eq(site.servers.raw, d->site.servers.raw))
			return true;
	}
	return false;
}

/* A message of a peer expires so long after it was made; what it was made for is not looked at,
 * so this is a hint and no proof. */
static void compare_clocks(struct doctor *d, const struct hlv_message *m)
{
	int64_t skew = (int64_t)m->hdr.expiration_s - HLV_EXPIRATION_S -
		       (int64_t)hlv_now_s(hlv_clock());
	if (skew > 0) /* or ahead by so much less */
		skew = skew > CLOCK_STEP_S ? skew - CLOCK_STEP_S : 0;
	if (m->hdr.expiration_s == 0 || (skew > -CLOCK_SKEW_S && skew < CLOCK_SKEW_S))
		return;
	if (skew > -86400 && skew < 86400)
		doctor_say(d, DOCTOR_WARNING, "clock",
			   "differs from the parent's by some %lld s", (long long)skew);
}

static void check_delegation(struct doctor *d, const struct hlv_addr *parent,
			     const char *prefix)
{
	uint8_t type[16];
	struct hlv_writer w = hlv_writer(type, sizeof type);
	struct doctor_reply reply = {0};
	hlv_put_lp32(&w, hlv_text("HS_SITE"));
	struct hlv_request rq = {.m.hdr.op = HLV_OP_RESOLUTION,
				 .handle = hlv_text(prefix),
				 .types = {1, hlv_written(&w)}};
	enum hlv_err err = doctor_ask(parent, HLV_T_TCP, &rq, &reply);
	char text[HLV_ADDR_TEXT];
	hlv_addr_print(parent, text);
	if (err != HLV_OK)
		doctor_say(d, DOCTOR_WARNING, "parent", "%s: %s", text, hlv_strerror(err));
	else if (reply.rs.rc != HLV_RC_SUCCESS)
		doctor_say(d, DOCTOR_WRONG, "parent",
			   "does not delegate %s (%s): helvectl delegate there", prefix,
			   hlv_rc_text(reply.rs.rc) ? hlv_rc_text(reply.rs.rc) : "?");
	else if (!d->has_site || !shows_us(d, &reply.rs.values))
		doctor_say(
			d, DOCTOR_WRONG, "parent",
			"delegates %s to another site than site.bin: helvectl delegate there",
			prefix);
	else
		doctor_say(d, DOCTOR_OK, "parent", "delegates %s to this site", prefix);
	if (err == HLV_OK)
		compare_clocks(d, &reply.m);
	hlv_buf_free(&reply.raw);
}

void doctor_check_parent(struct doctor *d)
{
	char path[PATH_MAX];
	struct stat st;
	struct hlv_buf octets = {0};
	struct hlv_site site;
	struct hlv_addr addr;
	if (stat(ctl_path(d->ctl, "parent.json", path), &st) != 0)
		return; /* its own root */
	if (!node_read_site(d->ctl, path, &octets) ||
	    hlv_site_decode(hlv_buf_bytes(&octets), &site) != HLV_OK ||
	    !doctor_address_of(&site, &addr))
		doctor_say(d, DOCTOR_WRONG, "parent", "parent.json names no server to ask");
	else
		for (size_t i = 0; i < d->nprefixes; i++)
			check_delegation(d, &addr, d->prefixes[i]);
	hlv_buf_free(&octets);
}
