/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/trust.h"

#include <stdarg.h>

#include "proto/net/claims.h"
#include "proto/net/jws.h"
#include "proto/wire/codes.h"

/* One statement whose signature is to be proven: the record's own first, then the certificate of its
 * signer, and so on. */
struct link {
	struct hlv_jws jws;
	struct hlv_claims claims;
	struct hlv_ref sub, iss;
	bool met_anchors;
	size_t source;		   /* the next place for certificates of iss */
	struct hlv_reader records; /* of the place at hand ... */
	uint32_t left;		   /* ... values that are not looked at yet */
	uint32_t index;		   /* only the value with this index; 0: any */
};

struct trust_chain {
	struct link links[TRUST_LINKS_MAX];
	size_t n;
	struct hlv_reader values; /* of the record itself: further signatures */
	uint32_t left;
	unsigned parsed, fetched;
	bool limited; /* a bound cut something off */
};

static enum trust_want finish(struct trust *t, enum proof proof, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static enum trust_want finish(struct trust *t, enum proof proof, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	t->judgement.proof = proof;
	vsnprintf(t->judgement.why, sizeof t->judgement.why, format, args);
	va_end(args);
	return TRUST_DONE;
}

/* What is wrong with the candidate at hand; shown when none is good. */
static bool refuse(struct trust *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static bool refuse(struct trust *t, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(t->judgement.why, sizeof t->judgement.why, format, args);
	va_end(args);
	return false;
}

/* --- one statement --- */

enum outcome { GOOD, WRONG, SPENT };

static enum outcome verify(struct trust *t, const struct link *link, const struct hlv_key *key)
{
	if (!hlv_key_is_strong(key))
		return WRONG;
	if (!budget_take(&t->budget->signatures, 1))
		return SPENT;
	return hlv_jws_verify(&link->jws, key) == HLV_OK ? GOOD : WRONG;
}

static bool in_time(struct trust *t, const struct link *link, struct hlv_now now)
{
	int64_t now_s = (int64_t)(now.wall_ms / 1000);
	if (link->claims.nbf > now_s)
		return refuse(t, "a signature or certificate by %.*s is not valid yet",
			      (int)hlv_head(link->claims.iss, 64).n,
			      (const char *)link->claims.iss.p);
	if (link->claims.exp < now_s)
		return refuse(t, "a signature or certificate by %.*s has expired",
			      (int)hlv_head(link->claims.iss, 64).n,
			      (const char *)link->claims.iss.p);
	if (t->until_s == 0 || link->claims.exp < t->until_s)
		t->until_s = link->claims.exp;
	return true;
}

static bool take_apart(struct trust *t, struct hlv_bytes data, bool cert, struct link *link)
{
	struct trust_chain *c = t->chain;
	*link = (struct link){0};
	if (data.n > TRUST_SIGNED_MAX || c->parsed >= TRUST_PARSED_MAX) {
		c->limited = true;
		return refuse(t, "too many or too long signatures or certificates");
	}
	c->parsed++;
	enum hlv_err err = hlv_jws_parse(data, t->arena, &link->jws);
	if (err == HLV_OK)
		err = cert ? hlv_claims_parse_cert(link->jws.payload, t->arena, &link->claims)
			   : hlv_claims_parse_signature(link->jws.payload, t->arena,
							&link->claims);
	if (err != HLV_OK)
		return refuse(t, "a %s cannot be read: %s", cert ? "certificate" : "signature",
			      hlv_strerror(err));
	link->iss = hlv_ref_parse(link->claims.iss);
	link->sub = hlv_ref_parse(link->claims.sub);
	if (link->iss.handle.n == 0 || link->iss.handle.n > HLV_IDENTIFIER_MAX)
		return refuse(t, "a signature or certificate without an issuer");
	return true;
}

static bool push(struct trust *t, const struct link *link)
{
	struct trust_chain *c = t->chain;
	if (c->n == TRUST_LINKS_MAX)
		return refuse(t, "a chain of more than %d certificates", TRUST_LINKS_MAX - 1);
	c->links[c->n++] = *link;
	return true;
}

/* --- the record's signatures --- */

static bool signs_the_record(struct trust *t, const struct link *link, struct hlv_now now)
{
	char why[HLV_CLAIMS_WHY] = "";
	if (!hlv_name_eq_prefix(link->claims.sub, t->id))
		return refuse(t, "the signature is for another identifier");
	if (t->must_by.handle.n > 0 && !hlv_ref_matches(&t->must_by, &link->iss))
		return refuse(t, "signed by %.*s, and not by whom it must be",
			      (int)hlv_head(link->claims.iss, 64).n,
			      (const char *)link->claims.iss.p);
	if (!in_time(t, link, now))
		return false;
	return hlv_claims_fit(&link->claims, &t->values, why) || refuse(t, "%s", why);
}

/* Push the next signature that says what this record is. False: there is none. */
static bool next_signature(struct trust *t, struct hlv_now now)
{
	struct trust_chain *c = t->chain;
	for (; c->left > 0; c->left--) {
		struct hlv_value v;
		struct link link;
		if (hlv_value_decode(&c->values, &v) != HLV_OK)
			return refuse(t, "the record cannot be read");
		if (!hlv_type_is(v.type, "HS_SIGNATURE") || !hlv_value_is_public(&v) ||
		    !take_apart(t, v.data, false, &link) || !signs_the_record(t, &link, now))
			continue;
		c->left--;
		return push(t, &link);
	}
	return false;
}

/* --- issuers --- */

/* Is the issuer a believed anchor, and this his signature? */
static enum outcome try_anchors(struct trust *t, const struct link *link)
{
	const struct anchors *a = t->rules->anchors;
	struct hlv_bytes prefix = prefix_governing(t->id);
	for (size_t i = 0; a && i < a->n; i++) {
		const struct anchor *x = &a->list[i];
		struct hlv_ref subject = hlv_ref_parse(hlv_text(x->subject));
		if (!anchor_is_believed(x) || !anchor_covers(x, prefix) ||
		    !hlv_ref_matches(&subject, &link->iss))
			continue;
		enum outcome outcome = verify(t, link, x->key);
		if (outcome == GOOD)
			t->judgement.anchor = i;
		if (outcome != WRONG)
			return outcome;
		refuse(t, "not signed by the anchor %.100s", x->subject);
	}
	return WRONG;
}

/* Is the certificate's holder certified further down already? Then it leads nowhere new. */
static bool is_loop(const struct trust_chain *c, const struct link *cert)
{
	for (size_t i = 1; i < c->n; i++)
		if (c->links[i].sub.index == cert->sub.index &&
		    hlv_name_eq_prefix(c->links[i].sub.handle, cert->sub.handle))
			return true;
	return false;
}

static bool certifies(struct trust *t, const struct link *link, const struct link *cert,
		      struct hlv_now now)
{
	if (!hlv_ref_matches(&cert->sub, &link->iss))
		return refuse(t, "no certificate for %.*s",
			      (int)hlv_head(link->claims.iss, 64).n,
			      (const char *)link->claims.iss.p);
	if (is_loop(t->chain, cert))
		return refuse(t, "the certificates go in a circle");
	if (!hlv_claims_cover(&cert->claims, t->id))
		return refuse(t, "the certificate of %.*s does not cover this identifier",
			      (int)hlv_head(cert->claims.sub, 64).n,
			      (const char *)cert->claims.sub.p);
	return in_time(t, cert, now);
}

static enum outcome verify_by_cert(struct trust *t, const struct link *link,
				   const struct link *cert)
{
	struct hlv_key *key = NULL;
	if (hlv_pubkey_decode(cert->claims.key, &key) != HLV_OK) {
		refuse(t, "a certificate's key cannot be read");
		return WRONG;
	}
	enum outcome outcome = verify(t, link, key);
	if (outcome == WRONG)
		refuse(t, "not signed with the certified %s key of %.*s", hlv_key_name(key),
		       (int)hlv_head(link->claims.iss, 64).n, (const char *)link->claims.iss.p);
	hlv_key_free(key);
	return outcome;
}

/* Look at the next value of the place at hand; a certificate by whose key the link is signed is the
 * next link. */
static enum outcome next_cert(struct trust *t, struct link *link, struct hlv_now now)
{
	struct hlv_value v;
	struct link cert;
	link->left--;
	if (hlv_value_decode(&link->records, &v) != HLV_OK) {
		link->left = 0;
		refuse(t, "a record that holds certificates cannot be read");
		return WRONG;
	}
	if (!hlv_type_is(v.type, "HS_CERT") || !hlv_value_is_public(&v) ||
	    (link->index > 0 && v.index != link->index) ||
	    !take_apart(t, v.data, true, &cert) || !certifies(t, link, &cert, now))
		return WRONG;
	enum outcome outcome = verify_by_cert(t, link, &cert);
	if (outcome == GOOD && !push(t, &cert))
		return WRONG;
	return outcome;
}

static void open_record(struct link *link, const struct hlv_list *values)
{
	link->records = hlv_reader(values->raw);
	link->left = values->n;
}

/* Where else may a certificate of its issuer be? First where the statement says, then at the issuer's
 * own identifier. False: nowhere. */
static bool next_source(struct link *link, struct hlv_ref *at)
{
	size_t i = link->source++;
	if (i > link->claims.nchain)
		return false;
	*at = i < link->claims.nchain ? link->claims.chain[i] : link->iss;
	link->index = i < link->claims.nchain ? at->index : 0;
	return true;
}

static enum trust_want succeed(struct trust *t)
{
	const struct trust_chain *c = t->chain;
	const struct anchor *by = &t->rules->anchors->list[t->judgement.anchor];
	struct hlv_bytes who = hlv_head(c->links[0].claims.iss, 64);
	return finish(t, PROOF_SECURE,
		      "signed by %.*s, %zu certificate%s up to %s anchor %.40s", (int)who.n,
		      (const char *)who.p, c->n - 1, c->n == 2 ? "" : "s",
		      hlv_key_name(by->key), by->subject);
}

static enum trust_want fail(struct trust *t)
{
	if (t->chain->limited)
		return finish(t, PROOF_UNKNOWN, "too many signatures or certificates");
	if (t->judgement.why[0] == '\0')
		refuse(t, "the record is not signed");
	t->judgement.proof = PROOF_BOGUS;
	return TRUST_DONE;
}

/* Depth first. A certificate is followed only when what it certifies is signed with its key: of what
 * nobody has signed, no more than the issuers of the record's signatures are asked. */
static enum trust_want go_on(struct trust *t, struct hlv_now now)
{
	struct trust_chain *c = t->chain;
	for (;;) {
		struct hlv_ref at;
		enum outcome outcome = WRONG;
		if (t->arena->bad)
			return finish(t, PROOF_UNKNOWN, "%s", hlv_strerror(HLV_E_NOMEM));
		if (c->n == 0 && !next_signature(t, now))
			return fail(t);
		struct link *link = &c->links[c->n - 1];
		if (!link->met_anchors) {
			link->met_anchors = true;
			outcome = try_anchors(t, link);
			if (outcome == GOOD)
				return succeed(t);
		} else if (link->left > 0) {
			outcome = next_cert(t, link, now);
		} else if (!next_source(link, &at)) {
			c->n--;
		} else if (hlv_name_eq_prefix(at.handle, t->id)) {
			open_record(link, &t->values);
		} else if (c->fetched == TRUST_RECORDS_MAX) {
			c->limited = true;
			c->n--;
		} else {
			c->fetched++;
			t->wanted = at.handle;
			return TRUST_WANTS_RECORD;
		}
		if (outcome == SPENT)
			return finish(t, PROOF_UNKNOWN,
				      "no signature check is left in the budget");
	}
}

enum trust_want trust_begin(struct trust *t, struct hlv_now now)
{
	t->judgement = (struct judgement){.proof = PROOF_UNKNOWN, .anchor = VALIDATE_NO_ANCHOR};
	t->chain = hlv_alloc(t->arena, sizeof *t->chain);
	if (!t->chain)
		return finish(t, PROOF_UNKNOWN, "%s", hlv_strerror(HLV_E_NOMEM));
	t->chain->values = hlv_reader(t->values.raw);
	t->chain->left = t->values.n;
	return go_on(t, now);
}

enum trust_want trust_feed(struct trust *t, const struct hlv_list *values, struct hlv_now now)
{
	struct trust_chain *c = t->chain;
	if (values)
		open_record(&c->links[c->n - 1], values);
	else
		refuse(t, "%.*s, whose certificate is needed, is not there",
		       (int)hlv_head(t->wanted, 64).n, (const char *)t->wanted.p);
	return go_on(t, now);
}
