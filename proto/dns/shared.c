/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <sys/random.h>

#include "proto/dns/dnssec.h"
#include "proto/dns/front.h"
#include "proto/net/log.h"
#include "proto/net/prove.h"

enum { WHY = 512 };

/* What the zone's parent has to publish. */
static void log_ds(const struct hlv_dns_shared *s)
{
	struct hlv_dnssec *d = hlv_dnssec_new(s->key, 0, s->secret);
	for (size_t i = 0; d && i < s->zones.n; i++) {
		uint8_t ds[HLV_DS_SIZE];
		char name[HLV_DNAME_TEXT];
		struct hlv_buf hex = {0};
		if (hlv_dnssec_ds(d, s->zones.list[i].apex, ds) != HLV_OK)
			continue;
		hlv_buf_hex(&hex, hlv_bytes(ds + 4, sizeof ds - 4));
		if (!hex.bad)
			hlv_info("dns.ds", "record=\"%s IN DS %u %u %u %s\"",
				 hlv_dname_print(s->zones.list[i].apex, name),
				 (unsigned)(ds[0] << 8 | ds[1]), ds[2], ds[3], hex.p);
		hlv_buf_free(&hex);
	}
	hlv_dnssec_free(d);
}

static enum hlv_err load_key(struct hlv_dns_shared *s, const char *path, char *why)
{
	struct hlv_prove_identity identity = {0};
	HLV_TRY(hlv_prove_read_key(&identity, path, why));
	s->key = identity.key;
	struct hlv_dnssec *d = hlv_dnssec_new(s->key, 0, s->secret);
	hlv_dnssec_free(d);
	if (d)
		return HLV_OK;
	snprintf(why, WHY,
		 "%s: a zone's key is P-256: make one with helvectl key new --key p256", path);
	return HLV_E_KEY;
}

static enum hlv_err load(struct hlv_dns_shared *s, const struct dns_options *o, char *why)
{
	HLV_TRY(hlv_dns_zones_parse(o->zones.list, o->zones.n, &s->zones, why));
	return *o->key ? load_key(s, o->key, why) : HLV_OK;
}

enum hlv_err hlv_dns_check(const struct dns_options *o, char *why)
{
	struct hlv_dns_shared s = {0};
	enum hlv_err err = load(&s, o, why);
	hlv_dns_shared_fini(&s);
	return err;
}

enum hlv_err hlv_dns_prepare(struct hlv_dns_shared *s, struct dns_options *o,
			     struct hlv_daemon_stream *stream, char *why)
{
	*stream = (struct hlv_daemon_stream){.option = "dns",
					     .addrs = &o->listen,
					     .speech = &hlv_dns_speech,
					     .shared = s,
					     .datagrams = &hlv_dns_datagrams};
	/* A worker has one for each of its listeners. */
	s->cache_octets = o->listen.n > 1 ? o->cache_octets / o->listen.n : o->cache_octets;
	if (getentropy(s->secret, sizeof s->secret) != 0)
		return HLV_E_IO;
	HLV_TRY(load(s, o, why));
	if (o->listen.n > 0 && s->zones.n == 0)
		hlv_warn("dns.zones", "hint=dns-zones_is_empty:_everything_is_refused");
	if (s->key)
		log_ds(s);
	return HLV_OK;
}

void hlv_dns_shared_fini(struct hlv_dns_shared *s)
{
	hlv_dns_zones_fini(&s->zones);
	hlv_key_free(s->key);
	s->key = NULL;
}
