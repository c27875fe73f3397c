/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/options.h"

#include "proto/net/limits.h"

#define AT(field) offsetof(struct resolver_options, field)
#define WEB(field) offsetof(struct resolver_options, web.field)
#define DNS(field) offsetof(struct resolver_options, dns.field)
#define LIMIT(field) offsetof(struct resolver_options, limits.field)

/* Whoever can have such an address is of this site, or the routers are wrong. */
#define LAN                                                                                    \
	"[ 127.0.0.0/8, \"::1/128\", 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "              \
	"\"fc00::/7\", \"fe80::/10\" ]"

static const uint64_t TIB = UINT64_C(1) << 40, MIB = 1 << 20;

const struct hlv_option resolver_option_rows[] = {
	{"data-dir", HLV_OPT_STRING, AT(data_dir), NULL, 0, 0, NULL,
	 "Directory of the cache, anchors and copies (helvectl init --resolver makes one)"},
	{"listen", HLV_OPT_ADDRS, AT(listen),
	 "[ \"127.0.0.1:2641\", \"[::1]:2641\", \"127.0.0.1:3641\", \"[::1]:3641\" ]", HLV_PORT,
	 0, NULL,
	 "Addresses for the native protocol, UDP and TCP; the national SDK comes to 3641"},
	{"http", HLV_OPT_ADDRS, AT(http), "[ ]", 8000, 0, NULL,
	 "Addresses for HTTP and HTTPS, told apart by the first octet"},
	{"workers", HLV_OPT_UINT, AT(workers), "0", 0, 256, NULL,
	 "Threads that answer; 0: one for each core"},
	{"control", HLV_OPT_STRING, AT(control), "", 0, 0, NULL,
	 "Control socket for helvectl; default: helver.sock beside data-dir"},
	{"user", HLV_OPT_STRING, AT(user), "", 0, 0, NULL,
	 "Account to change to after sockets, keys and cache are open"},
	{"log-level", HLV_OPT_CHOICE, AT(log_level), "info", 0, 0, "error warn info debug",
	 "What is logged to standard error"},
	{"log-format", HLV_OPT_CHOICE, AT(log_format), "text", 0, 0, "text json journald",
	 "How: lines of text, an object a line, or systemd's journal with a field for each "
	 "key"},
	{"root", HLV_OPT_STRING, AT(root), "", 0, 0, NULL,
	 "Site record of the root, JSON or binary; default: root.json beside data-dir"},
	{"root-domain", HLV_OPT_STRING, AT(root_domain), "", 0, 0, NULL,
	 "Domain whose DNS records say where the root is, SRV at _hdl._udp and _hdl._tcp, or "
	 "NAPTR: beside 'root' or in its place; believed it is by the anchors all the same"},
	{"root-dns", HLV_OPT_ADDRS, AT(root_dns), "[ ]", 53, 0, NULL,
	 "DNS servers to ask for root-domain; none: those of /etc/resolv.conf"},
	{"dns-anchor", HLV_OPT_STRINGS, AT(dns_anchor), "[ ]", 0, 0, NULL,
	 "DS or DNSKEY records, \"example.cn. IN DS 12345 13 2 ...\": below them root-domain "
	 "is "
	 "validated by DNSSEC, and what fails is not used"},
	{"anchors", HLV_OPT_STRING, AT(anchors), "", 0, 0, NULL,
	 "Trust anchors, kept up to date by helver itself; default: anchors.json in data-dir"},
	{"insecure", HLV_OPT_BOOL, AT(insecure), "false", 0, 0, NULL,
	 "Run without any trust anchor: whatever comes is believed unless must-sign says "
	 "otherwise"},
	{"unsigned", HLV_OPT_CHOICE, AT(unsigned_policy), "log", 0, 0, "allow log refuse",
	 "What becomes of answers for which no rule asks for a signature and that have none"},
	{"must-sign", HLV_OPT_STRINGS, AT(must_sign), "[ ]", 0, 0, NULL,
	 "Prefixes whose answers must be signed, \"88.118\", or whose records, and by whom, "
	 "\"88.118.8 300:0.NA/88.118.8\""},
	{"trusted-mode", HLV_OPT_CHOICE, AT(trusted), "report", 0, 0, "off report enforce",
	 "Tell clients that set TRUSTED_QUERY whether an answer is proven (report), and refuse "
	 "to everybody what is not (enforce)"},
	{"allow-query", HLV_OPT_NETS, AT(allow_query), LAN, 0, 0, NULL,
	 "Networks that may ask; others are refused with 401 (by UDP at most as often as "
	 "rate-limit says)"},
	{"overrides", HLV_OPT_STRING, AT(overrides), "", 0, 0, NULL,
	 "File of records, JSON Lines as for helvectl load, that are answered as they stand"},
	{"block", HLV_OPT_STRING, AT(block), "", 0, 0, NULL,
	 "File of what is not resolved, one a line: an identifier, \"88.118/\" (a prefix), "
	 "\"88.118.*\" (and all below), or a pattern with * and ?"},
	{"block-answer", HLV_OPT_CHOICE, AT(block_answer), "not-found", 0, 0,
	 "not-found refused", "What is answered then: code 100 or 401"},
	{"forward", HLV_OPT_STRINGS, AT(forward), "[ ]", 0, 0, NULL,
	 "Prefixes asked of another resolver, \"88.118 192.0.2.1:2641\" or \"88.118 "
	 "site.json\"; \".\" for all; several for one prefix are a group"},
	{"stub", HLV_OPT_STRINGS, AT(stub), "[ ]", 0, 0, NULL,
	 "Prefixes whose site is known, \"88.118.8 site.json\": asked there without the way "
	 "down; its keys are anchors for the prefix"},
	{"copy", HLV_OPT_STRINGS, AT(copy), "[ ]", 0, 0, NULL,
	 "Prefixes of which a copy is kept here, \"88.118.8 site.json\""},
	{"copy-identity", HLV_OPT_STRING, AT(copy_identity), "", 0, 0, NULL,
	 "As whom copies are fetched, \"300:0.NA/88.118.8\"; empty: nobody"},
	{"copy-key", HLV_OPT_STRING, AT(copy_key), "", 0, 0, NULL,
	 "Private key of copy-identity"},
	{"copy-interval", HLV_OPT_UINT, AT(copy_interval_s), "10", 1, 86400, NULL,
	 "Seconds between looks for what is new"},
	{"copy-max-age", HLV_OPT_UINT, AT(copy_max_age_s), "2592000", 60, 315360000, NULL,
	 "Seconds without its node after which a copy is not answered from any more"},
	{"schemes", HLV_OPT_STRINGS, AT(schemes), "[ ]", 0, 0, NULL, HLV_SCHEMES_HELP},
	{"upstream-net", HLV_OPT_NETS, AT(upstream_nets), "[ ]", 0, 0, NULL,
	 "Networks that records may send us to whatever their kind; private and loopback ones "
	 "are else asked only when the root is there"},
	{"cache-size", HLV_OPT_SIZE, AT(cache_octets), "256MiB", 1 * MIB, 1 * TIB, NULL,
	 "Memory of the cache, overhead included"},
	{"ttl-min", HLV_OPT_UINT, AT(ttl_min_s), "0", 0, 3600, NULL,
	 "Seconds that a record is kept at least"},
	{"ttl-max", HLV_OPT_UINT, AT(ttl_max_s), "86400", 1, 604800, NULL,
	 "Seconds that a record is kept at most"},
	{"negative-ttl-max", HLV_OPT_UINT, AT(negative_ttl_max_s), "300", 0, 3600, NULL,
	 "The same for signed \"not found\"; unsigned ones at most 30"},
	{"stale", HLV_OPT_UINT, AT(stale_s), "604800", 0, 31536000, NULL,
	 "Seconds that a record is kept past its life, for times when nobody can be asked"},
	{"prefetch-hits", HLV_OPT_UINT, AT(prefetch_hits), "3", 0, 1000000, NULL,
	 "Records asked for so often are fetched again before they expire; 0: none"},
	{"follow-aliases", HLV_OPT_BOOL, AT(follow_aliases), "false", 0, 0, NULL,
	 "Answer a record with HS_ALIAS with what the alias names"},
	WEB_OPTION_ROWS(WEB),
	DNS_OPTION_ROWS(DNS),
	HLV_LIMIT_ROWS(LIMIT, LAN)};

const size_t resolver_option_count = sizeof resolver_option_rows / sizeof *resolver_option_rows;
