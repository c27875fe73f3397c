/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/query.h"

#include "proto/dns/rdata.h"

enum {
	OPCODE = 0x7800,
	OPTION_COOKIE = 10,
	COOKIE_MIN = 16, /* with the server's part */
	COOKIE_MAX = 40,
};

static bool read_cookie(struct hlv_bytes data, struct hlv_dns_query *q)
{
	/* RFC 7873 5.2.2 */
	if (data.n != HLV_DNS_COOKIE_CLIENT && (data.n < COOKIE_MIN || data.n > COOKIE_MAX))
		return false;
	if (q->cookie.n == 0)
		q->cookie = data;
	return true;
}

static bool read_options(struct hlv_bytes rdata, struct hlv_dns_query *q)
{
	struct hlv_reader r = hlv_reader(rdata);
	while (!r.bad && hlv_left(&r) > 0) {
		uint16_t code = hlv_get_u16(&r);
		struct hlv_bytes data = hlv_take(&r, hlv_get_u16(&r));
		if (!r.bad && code == OPTION_COOKIE && !read_cookie(data, q))
			return false;
	}
	return !r.bad;
}

/* One record of the additional section: OPT counts, a signature (TSIG, SIG(0)) is not looked at. */
static bool read_additional(struct hlv_reader *r, struct hlv_dns_query *q)
{
	size_t from = r->pos;
	hlv_dname_skip(r);
	bool root = r->pos - from == 1;
	uint16_t type = hlv_get_u16(r);
	uint16_t size = hlv_get_u16(r);
	uint32_t ttl = hlv_get_u32(r);
	struct hlv_bytes rdata = hlv_take(r, hlv_get_u16(r));
	if (r->bad || type != HLV_DNS_OPT)
		return !r->bad;
	/* RFC 6891 6.1.1, 6.1.2 */
	if (!root || q->edns)
		return false;
	q->edns = true;
	q->udp_size = size < HLV_DNS_UDP_PLAIN ? HLV_DNS_UDP_PLAIN : size;
	q->edns_flags = (uint16_t)ttl & (HLV_DNS_DO | HLV_DNS_CO);
	if (ttl >> 16 & 0xFF)
		q->rcode = HLV_DNS_BADVERS;
	return q->rcode == HLV_DNS_BADVERS || read_options(rdata, q);
}

static bool read_question(struct hlv_reader *r, struct hlv_dns_query *q)
{
	size_t from = r->pos;
	q->name = hlv_dname_get(r);
	q->type = hlv_get_u16(r);
	q->class = hlv_get_u16(r);
	q->question = hlv_since(r, from);
	return !r->bad;
}

static enum hlv_dns_rcode judge(const struct hlv_dns_query *q)
{
	if ((q->class != HLV_DNS_CLASS_IN && q->class != HLV_DNS_CLASS_ANY) ||
	    q->type == HLV_DNS_AXFR || q->type == HLV_DNS_IXFR)
		return HLV_DNS_REFUSED;
	/* A question about what is no data: OPT, TSIG, TKEY (RFC 6895 3.1), NXNAME (RFC 9824). */
	if (q->type == 0 || q->type == HLV_DNS_NXNAME || q->type == HLV_DNS_OPT ||
	    q->type == 249 || q->type == 250)
		return HLV_DNS_FORMERR;
	return HLV_DNS_NOERROR;
}

/* Records of whatever section, of which only OPT is of any interest, and that only in the last. */
static bool read_records(struct hlv_reader *r, const uint16_t counts[3],
			 struct hlv_dns_query *q)
{
	for (size_t section = 0; section < 3; section++) {
		for (uint16_t i = 0; i < counts[section]; i++) {
			struct hlv_dns_query other = {0};
			if (!read_additional(r, section == 2 ? q : &other))
				return false;
		}
	}
	return true;
}

/* One of them at the most is answered (RFC 9619); the others are in the way of OPT. */
static bool read_questions(struct hlv_reader *r, uint16_t n, struct hlv_dns_query *q)
{
	bool ok = true;
	for (uint16_t i = 0; ok && i < n; i++)
		ok = read_question(r, q);
	if (!ok || n > 1)
		q->question = q->name = (struct hlv_bytes){0};
	return ok;
}

bool hlv_dns_query_read(struct hlv_bytes in, struct hlv_dns_query *q)
{
	*q = (struct hlv_dns_query){.udp_size = HLV_DNS_UDP_PLAIN};
	if (in.n < HLV_DNS_HEADER)
		return false;
	struct hlv_reader r = hlv_reader(in);
	q->id = hlv_get_u16(&r);
	q->flags = hlv_get_u16(&r);
	uint16_t questions = hlv_get_u16(&r), counts[3];
	for (size_t i = 0; i < 3; i++)
		counts[i] = hlv_get_u16(&r);
	if (q->flags & HLV_DNS_QR)
		return false;
	/* All of it, whatever it is: who sent OPT gets one back (RFC 6891 6.1.1). */
	bool ok = read_questions(&r, questions, q) && read_records(&r, counts, q) &&
		  hlv_left(&r) == 0 && counts[0] == 0 &&
		  (counts[1] == 0 || q->type == HLV_DNS_IXFR) &&
		  (questions == 1 || (questions == 0 && q->cookie.n > 0));
	if (q->flags & OPCODE) /* what its sections mean is another document's */
		q->rcode = HLV_DNS_NOTIMP;
	else if (!ok)
		q->rcode = HLV_DNS_FORMERR;
	else if (q->rcode == HLV_DNS_NOERROR && questions > 0)
		q->rcode = judge(q);
	return true;
}
