/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry of a running server as a tool beside it sees it: an engine of store.h that reads
 * the file by itself, and whose commit() asks the server by its control socket (txn_wire.h). So
 * whatever changes a registry that nobody serves also changes one that is served.
 *
 * Two things differ from the engines that write themselves. A group that is longer than one
 * message goes in several, which the server may commit one by one: when commit() fails, part of the
 * group may be in. Its last message goes only after all others are in, so what a caller puts last
 * (the place of a bulk load) never runs ahead. And others write meanwhile: what a transaction
 * rests on must be among its checks.
 */
#pragma once
#include "server/store.h"

/* Octets of the largest transaction, as key and value lengths add up: commit() says HLV_E_LIMIT for
 * what is certain not to fit into one message. */
enum { STORE_LIVE_TXN_MAX = 240 * 1024 };

/* `dir` is the registry's directory, `control` the path of the socket. HLV_E_TIMEOUT,
 * HLV_E_IO: nobody answers there; HLV_E_PERMISSION: the socket is not for us; HLV_E_UNSUPPORTED:
 * who answers takes no transactions. As for every engine, `why` (STORE_WHY octets) gets a line. */
enum hlv_err HLV_MUST_USE store_live_open(const char *dir, const char *control,
					  struct store **store, char *why);
/* What the server said when commit() failed; empty when it said nothing. */
const char *store_live_why(const struct store *store);
