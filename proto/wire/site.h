/* SPDX-License-Identifier: Apache-2.0
 *
 * Site records: where a prefix is served, by which servers, at which ports, with which keys
 * (HS_SITE data, siteinfo.bin, the answer of GET_SITE_INFO; protocol.md 6.4, RFC 3651 3.2.2).
 * A decoded site borrows; its attributes, servers and interfaces are walked, not unpacked.
 */
#pragma once
#include "proto/wire/value.h"

enum { HLV_SITE_PRIMARY = 0x80, HLV_SITE_MULTI_PRIMARY = 0x40 };
enum hlv_hash_option { HLV_HASH_PREFIX = 0, HLV_HASH_SUFFIX = 1, HLV_HASH_ALL = 2 };
enum { HLV_IF_ADMIN = 1, HLV_IF_QUERY = 2 };
enum hlv_if_protocol { HLV_IF_UDP = 0, HLV_IF_TCP = 1, HLV_IF_HTTP = 2, HLV_IF_HTTPS = 3 };
enum { HLV_SITE_SERVERS_MAX = 64 };

struct hlv_site {
	uint16_t format;      /* 1 */
	uint8_t major, minor; /* protocol version that the site speaks */
	uint16_t serial;      /* raised with every change */
	uint8_t flags;	      /* HLV_SITE_* */
	uint8_t hash_option;  /* enum hlv_hash_option */
	struct hlv_bytes hash_filter;
	struct hlv_list attributes;
	struct hlv_list servers;
};

struct hlv_site_attribute {
	struct hlv_bytes name, value;
};

struct hlv_site_server {
	uint32_t id;	      /* a name; the position counts for hashing */
	uint8_t address[16];  /* IPv4 behind 12 zero octets */
	struct hlv_bytes key; /* an encoded public key (proto/sec/key.h), or empty */
	struct hlv_list interfaces;
};

struct hlv_site_interface {
	uint8_t kind;	  /* HLV_IF_ADMIN | HLV_IF_QUERY; 0: out of service */
	uint8_t protocol; /* enum hlv_if_protocol */
	uint32_t port;
};

/* The whole of `data`, trailing octets refused; checks every list, so that walks cannot fail. */
enum hlv_err HLV_MUST_USE hlv_site_decode(struct hlv_bytes data, struct hlv_site *s);

/* Walk: `r` = hlv_reader(list.raw), called at most list.n times. */
void hlv_site_next_attribute(struct hlv_reader *r, struct hlv_site_attribute *a);
void hlv_site_next_server(struct hlv_reader *r, struct hlv_site_server *s);
void hlv_site_next_interface(struct hlv_reader *r, struct hlv_site_interface *i);

/* Encoding: the lists' raw octets are made with the three `put`s below. */
void hlv_site_encode(struct hlv_writer *w, const struct hlv_site *s);
void hlv_site_put_attribute(struct hlv_writer *w, const struct hlv_site_attribute *a);
void hlv_site_put_server(struct hlv_writer *w, const struct hlv_site_server *s);
void hlv_site_put_interface(struct hlv_writer *w, const struct hlv_site_interface *i);

/* 12 zero octets, or ::ffff: before the last four. */
bool hlv_site_is_ipv4(const uint8_t address[16]);
