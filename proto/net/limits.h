/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of the configuration (conf.h) for what limits a worker's front ends, struct hlv_limits:
 * the same in every daemon. AT(field) is the field's offset in the daemon's own options; TRUSTED the
 * default of trusted-net.
 */
#pragma once
#include "proto/net/conf.h"

/* clang-format off */
#define HLV_LIMIT_ROWS(AT, TRUSTED) \
	{"trusted-net", HLV_OPT_NETS, AT(trusted), TRUSTED, 0, 0, \
	 NULL, \
	 "Networks whose source addresses are believed: long answers by UDP, no limit per " \
	 "source"}, \
	{"udp-answer-max", HLV_OPT_UINT, AT(udp_answer_max), "16384", 512, 65536, NULL, \
	 "Octets of an answer by UDP to a believed source; longer ones go by TCP"}, \
	{"rate-limit", HLV_OPT_UINT, AT(rate), "50", 0, 4000, NULL, \
	 "Answers a second by UDP to one unverified address, and of each kind; 0: no limit"}, \
	{"rate-limit-verified", HLV_OPT_UINT, AT(rate_verified), "2000", 0, 4000, NULL, \
	 "The same to an address that has completed a TCP exchange in the last ten minutes"}, \
	{"rate-limit-trusted", HLV_OPT_UINT, AT(rate_trusted), "0", 0, 4000, NULL, \
	 "The same to an address of trusted-net"}, \
	{"tcp-connections", HLV_OPT_UINT, AT(tcp_connections), "4096", 16, 1000000, NULL, \
	 "Connections of one worker; when full the longest idle one makes room"}, \
	{"tcp-per-source", HLV_OPT_UINT, AT(tcp_per_source), "64", 1, 60000, NULL, \
	 "Connections of one source address (IPv6: /64) that is not trusted, for each worker"}, \
	{"tcp-requests", HLV_OPT_UINT, AT(tcp_requests), "1000000", 1, UINT32_MAX, NULL, \
	 "Requests of one connection, then it is closed"}, \
	{"tcp-first-timeout", HLV_OPT_UINT, AT(tcp_first_s), "5", 1, 3600, NULL, \
	 "Seconds until the first message of a connection"}, \
	{"tcp-message-timeout", HLV_OPT_UINT, AT(tcp_message_s), "10", 1, 3600, NULL, \
	 "Seconds from a message's first octet to its last"}, \
	{"tcp-idle-timeout", HLV_OPT_UINT, AT(tcp_idle_s), "30", 1, 3600, NULL, \
	 "Seconds that a kept connection may rest; 5 when four fifths of all are taken"}, \
	{"tcp-sdk-idle-timeout", HLV_OPT_UINT, AT(tcp_sdk_idle_s), "630", 1, 7200, NULL, \
	 "The same for the national SDK's pools, which rest up to 600 s"}, \
	{"tcp-stall-timeout", HLV_OPT_UINT, AT(tcp_stall_s), "10", 1, 3600, NULL, \
	 "Seconds that a peer may leave answers unread"}, \
	{"tcp-life", HLV_OPT_UINT, AT(tcp_life_s), "3600", 10, 86400, NULL, \
	 "Seconds that a connection may live"}, \
	{"query-log", HLV_OPT_STRING, AT(query_log), "off", 0, 0, NULL, \
	 "A line for each question: off, stderr, or a file, which a reload opens anew"}, \
	{"query-log-sample", HLV_OPT_UINT, AT(query_log_sample), "1", 1, 1000000, NULL, \
	 "One question in so many is logged"}, \
	{"slow-query-ms", HLV_OPT_UINT, AT(slow_query_ms), "1000", 0, 3600000, NULL, \
	 "Milliseconds from which on an answer is kept for helvectl slow; 0: none"}
/* clang-format on */
