/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/claims.h"
#include "proto/net/jws.h"
#include "tests/scenarios/player.h"

enum { ROOM = 65536 };

static struct hlv_claims claims_of(struct play *p, const char *sub, const char *iss,
				   char **words, size_t n)
{
	int64_t now_s = hlv_now_s(p->w->now);
	return (struct hlv_claims){.sub = hlv_text(sub),
				   .iss = hlv_text(iss),
				   .nbf = now_s - 60,
				   .exp = now_s +
					  (int64_t)words_number(words, n, "life", 86400),
				   .iat = now_s};
}

static struct hlv_bytes jws_of(struct play *p, struct hlv_buf *payload, const char *role)
{
	struct hlv_buf b = {0};
	hlv_require(hlv_jws_make(&b, hlv_buf_bytes(payload), key_of_role(role)) == HLV_OK);
	struct hlv_bytes out = hlv_arena_copy(&p->w->arena, hlv_buf_bytes(&b));
	hlv_buf_free(&b);
	hlv_buf_free(payload);
	return out;
}

/* sign ID ROLE ISSUER: over what the script has put into the record so far. */
void seal_sign(struct play *p, char **words, size_t n)
{
	struct record_sim *r = stage_record(p, words[1]);
	struct hlv_claims c = claims_of(p, words[1], words[3], words, n);
	struct hlv_buf payload = {0};
	uint8_t *room = hlv_alloc(&p->w->arena, ROOM);
	struct hlv_writer w = hlv_writer(room, ROOM);
	for (size_t i = 0; i < r->n; i++)
		hlv_value_encode(&w, &(struct hlv_value){.index = r->v[i].index,
							 .ttl_s = r->v[i].ttl_s,
							 .perms = HLV_PERM_DEFAULT,
							 .type = hlv_text(r->v[i].type),
							 .data = r->v[i].data});
	struct hlv_list values = {(uint32_t)r->n, hlv_written(&w)};
	hlv_require(hlv_values_digests(&values, &p->w->arena, &c.digests, &c.ndigests) ==
		    HLV_OK);
	hlv_claims_put_signature(&payload, &c);
	stage_add(
		p, words[1],
		&(struct value_sim){400, "HS_SIGNATURE", jws_of(p, &payload, words[2]), 86400});
}

/* cert ID SUBJECT ROLE ISSUER ISSUER-ROLE: the issuer says that the role's key is the subject's; in the
 * record of ID, which is the subject's. */
void seal_cert(struct play *p, char **words, size_t n)
{
	struct hlv_grant grants[] = {{HLV_GRANT_EVERYTHING, hlv_text("")}};
	struct hlv_claims c = claims_of(p, words[2], words[4], words, n);
	struct hlv_buf payload = {0};
	c.key = pubkey_of_role(words[3]);
	c.grants = grants;
	c.ngrants = 1;
	hlv_require(hlv_claims_put_cert(&payload, &c) == HLV_OK);
	stage_add(p, words[1],
		  &(struct value_sim){300, "HS_CERT", jws_of(p, &payload, words[5]), 86400});
}
