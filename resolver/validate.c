/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/validate.h"

#include <stdarg.h>

#include "proto/sec/digest.h"
#include "proto/sec/sign.h"

static void say(struct judgement *j, enum proof proof, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void say(struct judgement *j, enum proof proof, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	j->proof = proof;
	vsnprintf(j->why, sizeof j->why, format, args);
	va_end(args);
}

/* A prefix in a line for people. */
static struct hlv_bytes shown(struct hlv_bytes prefix)
{
	return prefix.n == 0 ? hlv_text("the root") : hlv_head(prefix, 64);
}

/* --- what must be signed --- */

static const struct must_sign *find_must(const struct validate_rules *rules,
					 struct hlv_bytes id, bool with_signer)
{
	const struct must_sign *best = NULL;
	struct hlv_bytes prefix = prefix_governing(id);
	for (size_t i = 0; i < rules->nmust_sign; i++) {
		const struct must_sign *x = &rules->must_sign[i];
		if (prefix_is_under(prefix, x->prefix) &&
		    (!with_signer || x->signer.handle.n > 0) &&
		    (!best || x->prefix.n > best->prefix.n))
			best = x;
	}
	return best;
}

struct hlv_ref validate_signer(const struct validate_rules *rules, struct hlv_bytes id)
{
	const struct must_sign *x = find_must(rules, id, true);
	return x ? x->signer : (struct hlv_ref){0};
}

/* By an anchor for a prefix; one for everything asks the root alone (see the header). */
static bool anchor_requires(const struct validate_rules *rules, struct hlv_bytes id)
{
	struct hlv_bytes prefix = prefix_governing(id);
	const struct anchors *a = rules->anchors;
	for (size_t i = 0; a && i < a->n; i++) {
		const struct anchor *x = &a->list[i];
		if (anchor_binds(x) && x->prefix[0] != '\0' && anchor_covers(x, prefix))
			return true;
	}
	return false;
}

bool validate_must(const struct validate_rules *rules, struct hlv_bytes id)
{
	return find_must(rules, id, false) || anchor_requires(rules, id);
}

bool validate_allows(const struct validate_rules *rules, enum proof proof)
{
	return proof == PROOF_SECURE ||
	       (proof == PROOF_INSECURE && rules->unsigned_policy != UNSIGNED_REFUSE);
}

bool validate_fits(const struct validate_rules *rules, struct hlv_bytes id, enum proof proof)
{
	return validate_allows(rules, proof) &&
	       (proof == PROOF_SECURE || !validate_must(rules, id));
}

/* --- the signature of a message --- */

struct check {
	const struct validate_rules *rules;
	const struct speaker *who;
	const struct hlv_message *m;
	struct budget *budget;
	struct judgement *j;
	const struct hlv_key *key; /* that the parent names; NULL: none that we can use */
};

enum outcome { GOOD, WRONG, SPENT };

static enum outcome try_key(struct check *c, const struct hlv_key *key, struct hlv_bytes octets)
{
	if (!hlv_key_is_strong(key))
		return WRONG;
	if (!budget_take(&c->budget->signatures, 1))
		return SPENT;
	bool good = c->rules->keys ? keys_verify(c->rules->keys, c->m, key, octets)
				   : hlv_message_verify(c->m, key) == HLV_OK;
	return good ? GOOD : WRONG;
}

/* Names of digests that can be forged (decisions.md 12), as protocol.md 5 spells them. */
static bool is_weak_signature(const struct hlv_message *m)
{
	static const char *const weak[] = {"MD5", "SHA1", "SHA-1", "\1", "\2"};
	struct hlv_credential credential;
	if (hlv_credential_decode(m->credential, &credential) != HLV_OK)
		return false; /* no signature at all: told when it is verified */
	for (size_t i = 0; i < sizeof weak / sizeof *weak; i++)
		if (hlv_eq(credential.algorithm, hlv_text(weak[i])))
			return true;
	return false;
}

/* By the key that the parent names. */
static enum outcome try_vouched(struct check *c)
{
	struct hlv_bytes zone = shown(c->who->prefix);
	if (!c->key) {
		say(c->j, PROOF_BOGUS,
		    "the key of %.*s in its parent's record is weak or cannot be read",
		    (int)zone.n, (const char *)zone.p);
		return WRONG;
	}
	enum outcome outcome = try_key(c, c->key, c->who->key);
	if (outcome == GOOD)
		say(c->j, PROOF_SECURE, "%s key of %.*s", hlv_key_name(c->key), (int)zone.n,
		    (const char *)zone.p);
	else
		say(c->j, PROOF_BOGUS, "not signed by the %s key of %.*s that its parent names",
		    hlv_key_name(c->key), (int)zone.n, (const char *)zone.p);
	return outcome;
}

/* By the anchors: the root by those for everything, a zone by those for its prefix. */
static enum outcome try_anchors(struct check *c)
{
	const struct anchors *a = c->rules->anchors;
	for (size_t i = 0; a && i < a->n; i++) {
		const struct anchor *x = &a->list[i];
		if (!anchor_is_believed(x) || !anchor_covers(x, c->who->prefix) ||
		    c->who->is_root != (x->prefix[0] == '\0'))
			continue;
		enum outcome outcome = try_key(c, x->key, hlv_bytes(x->octets, x->n));
		if (outcome == WRONG)
			continue;
		if (outcome == GOOD) {
			c->j->anchor = i;
			say(c->j, PROOF_SECURE, "%s anchor %.100s", hlv_key_name(x->key),
			    x->subject);
		}
		return outcome;
	}
	return WRONG;
}

static bool has_anchor(const struct check *c)
{
	const struct anchors *a = c->rules->anchors;
	for (size_t i = 0; a && i < a->n; i++) {
		const struct anchor *x = &a->list[i];
		if (anchor_binds(x) && anchor_covers(x, c->who->prefix) &&
		    c->who->is_root == (x->prefix[0] == '\0'))
			return true;
	}
	return false;
}

static enum outcome try_all(struct check *c)
{
	enum outcome outcome = WRONG;
	if (!c->who->is_root && c->who->key.n > 0)
		outcome = try_vouched(c);
	/* A key that nobody has proven proves nothing: the anchors may. */
	if (outcome == WRONG ||
	    (outcome == GOOD && c->who->vouched != PROOF_SECURE && has_anchor(c))) {
		enum outcome by_anchor = try_anchors(c);
		if (by_anchor != WRONG)
			return by_anchor;
	}
	return outcome;
}

/* --- the judgement --- */

/* What is wrong with it before any signature is looked at? NULL: nothing. */
static const char *flaw(const struct check *c, const struct hlv_response *rs,
			struct hlv_bytes covered, struct hlv_now now)
{
	if (c->m->credential.n == 0)
		return "the answer is not signed";
	if (!rs->has_digest)
		return "the answer does not say which question it is for";
	if (rs->digest.kind != HLV_DIGEST_SHA256)
		return "the answer says by a weak digest which question it is for";
	if (!hlv_request_digest_fits(covered, &rs->digest))
		return "the answer is for another question";
	if (c->m->hdr.expiration_s < hlv_now_s(now))
		return "the answer has expired; are both clocks right?";
	if (is_weak_signature(c->m))
		return "the answer is signed with a digest that can be forged";
	return NULL;
}

static void judge_signed(struct check *c, bool must)
{
	bool proven = !c->who->is_root && c->who->vouched == PROOF_SECURE;
	switch (try_all(c)) {
	case SPENT:
		say(c->j, PROOF_UNKNOWN, "no signature check is left in the budget");
		return;
	case WRONG:
		if (c->j->why[0] == '\0')
			say(c->j, PROOF_BOGUS, "no trust anchor has signed the answer of %.*s",
			    (int)shown(c->who->prefix).n,
			    (const char *)shown(c->who->prefix).p);
		c->j->proof = PROOF_BOGUS;
		return;
	case GOOD:
		break;
	}
	if (proven || c->j->anchor != VALIDATE_NO_ANCHOR)
		return;
	if (must)
		say(c->j, PROOF_BOGUS,
		    "signed, but nothing proves that the key is that of %.*s",
		    (int)shown(c->who->prefix).n, (const char *)shown(c->who->prefix).p);
	else
		c->j->proof = PROOF_INSECURE;
}

static bool says_something(uint32_t rc)
{
	return rc == HLV_RC_SUCCESS || rc == HLV_RC_NOT_FOUND ||
	       rc == HLV_RC_VALUES_NOT_FOUND || rc == HLV_RC_SERVICE_REFERRAL ||
	       rc == HLV_RC_PREFIX_REFERRAL;
}

/* Must the message itself be signed? Where the configuration asks for signed records, a record may
 * come in a message that is not; what has no values has nothing else to be proven by. */
static bool message_must(const struct check *c, const struct hlv_response *rs,
			 struct hlv_bytes id)
{
	if (c->j->must_by.handle.n > 0 && rs->rc == HLV_RC_SUCCESS)
		return anchor_requires(c->rules, id) && has_anchor(c);
	return validate_must(c->rules, id);
}

/* A key that we would believe; NULL otherwise. */
static struct hlv_key *usable_key(struct hlv_bytes octets)
{
	struct hlv_key *key = NULL;
	if (hlv_pubkey_decode(octets, &key) != HLV_OK)
		return NULL;
	if (hlv_key_is_strong(key))
		return key;
	hlv_key_free(key);
	return NULL;
}

static void judge(struct check *c, const struct hlv_response *rs, struct hlv_bytes covered,
		  struct hlv_bytes id, struct hlv_now now)
{
	struct hlv_bytes zone = shown(c->who->prefix);
	bool must = message_must(c, rs, id);
	bool named = !c->who->is_root && c->who->key.n > 0;
	bool expected = must || has_anchor(c) || (named && c->who->vouched == PROOF_SECURE);
	/* Where no signature is asked for, one that is there is looked at all the same, unless it is
	 * none by our measure. */
	bool offered = c->m->credential.n > 0 && c->key && !is_weak_signature(c->m);
	const char *wrong = flaw(c, rs, covered, now);
	if (!expected && !offered)
		say(c->j, PROOF_INSECURE, "no rule asks for a signature of %.*s", (int)zone.n,
		    (const char *)zone.p);
	else if (wrong)
		say(c->j, PROOF_BOGUS, "%s", wrong);
	else
		judge_signed(c, must);
}

void validate_message(const struct validate_rules *rules, const struct speaker *who,
		      const struct hlv_message *m, const struct hlv_response *rs,
		      struct hlv_bytes covered, struct hlv_bytes id, struct budget *budget,
		      struct hlv_now now, struct judgement *j)
{
	struct hlv_key *own = NULL;
	struct check c = {.rules = rules, .who = who, .m = m, .budget = budget, .j = j};
	*j = (struct judgement){.proof = PROOF_UNKNOWN, .anchor = VALIDATE_NO_ANCHOR};
	if (!says_something(rs->rc)) {
		say(j, PROOF_UNKNOWN, "code %u says nothing about the identifier", rs->rc);
		return;
	}
	if (rs->has_digest && !hlv_request_digest_fits(covered, &rs->digest)) {
		say(j, PROOF_BOGUS, "the answer is for another question");
		return;
	}
	j->must_by = validate_signer(rules, id);
	if (!who->is_root && who->key.n > 0)
		c.key = rules->keys ? keys_get(rules->keys, who->key)
				    : (own = usable_key(who->key));
	judge(&c, rs, covered, id, now);
	hlv_key_free(own);
}
