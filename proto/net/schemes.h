/* SPDX-License-Identifier: Apache-2.0
 *
 * The option `schemes`, and what it does to questions: both daemons, and every front end that asks them,
 * take identifiers of any scheme in any wrapping (proto/wire/scheme.h).
 */
#pragma once
#include "proto/net/conf.h"
#include "proto/net/service.h"
#include "proto/wire/scheme.h"

#define HLV_SCHEMES_HELP                                                                       \
	"Where identifiers of other schemes have their records, \"gs1 88.118.8\", "            \
	"\"gs1:9506000 "                                                                       \
	"88.118.9\", \"oid 88.118.8\", \"did 88.118.8\", \"ecode:1.0064 88.118.8\"; \"host "   \
	"id.example.cn\": URLs of that name are ours"

/* `path` is the file that they stand in, for `why` (512 octets). */
enum hlv_err HLV_MUST_USE hlv_schemes_load(const struct hlv_strings *rows, const char *path,
					   struct hlv_schemes *out, char *why);

/* A resolution: x->rq.handle becomes what is looked up, x->rq.asked what came. Only what is exactly
 * there is found; walking up is for those who ask by HTTP. False: x->rs says what is wrong with it. */
bool hlv_exchange_name(struct hlv_exchange *x, const struct hlv_schemes *s);
