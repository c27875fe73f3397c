/* SPDX-License-Identifier: Apache-2.0 */
#include "server/quota.h"

#include <inttypes.h>
#include <stdlib.h>

static const char LIMIT_NAME[] = "quota:", USED_NAME[] = "used:";
enum { LIMIT_NUMBERS = 2, USED_NUMBERS = 3 };
static const uint64_t DAY_MS = 86400000;

static struct quota *find(struct quota_table *t, const char *subject)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->list[i].subject, subject) == 0)
			return &t->list[i];
	return NULL;
}

/* A prefix has no slash; an identity has one, and a number in front. Nothing else ever matches. */
static bool is_subject(struct hlv_bytes text)
{
	struct hlv_ref ref = hlv_ref_parse(text);
	bool identity = memchr(text.p, '/', text.n);
	return hlv_name_is_registrable(text) && (!identity || ref.handle.n < text.n);
}

/* Upper case, NUL-terminated; false when it is too long. */
static bool subject_of(struct hlv_bytes text, char out[QUOTA_SUBJECT])
{
	if (text.n == 0 || text.n >= QUOTA_SUBJECT || memchr(text.p, '\0', text.n))
		return false;
	hlv_upper_copy((uint8_t *)out, text.p, text.n);
	out[text.n] = '\0';
	return true;
}

static enum hlv_err make_room(struct quota_table *t)
{
	if (t->n == QUOTA_MAX)
		return HLV_E_LIMIT;
	if (!t->list)
		t->list = calloc(QUOTA_MAX, sizeof *t->list);
	return t->list ? HLV_OK : HLV_E_NOMEM;
}

/* There is room. */
static struct quota *add(struct quota_table *t, const char *subject)
{
	struct quota *q = &t->list[t->n++];
	*q = (struct quota){0};
	snprintf(q->subject, sizeof q->subject, "%s", subject);
	return q;
}

/* --- kept in the registry --- */

struct loading {
	struct quota_table *t;
	struct store *store;
	struct store_view *view;
	enum hlv_err err;
};

static bool load_one(void *ctx, struct hlv_bytes key, struct hlv_bytes value)
{
	struct loading *l = ctx;
	char name[sizeof LIMIT_NAME + QUOTA_SUBJECT], subject[QUOTA_SUBJECT];
	struct hlv_bytes kept;
	(void)value;
	if (!hlv_starts_with(key, hlv_text(LIMIT_NAME)) || key.n >= sizeof name)
		return false;
	memcpy(name, key.p, key.n);
	name[key.n] = '\0';
	l->err = store_meta_get(l->store, l->view, name, &kept);
	if (l->err == HLV_OK && (kept.n != LIMIT_NUMBERS * 8 ||
				 !subject_of(hlv_skip(key, sizeof LIMIT_NAME - 1), subject)))
		l->err = HLV_E_CORRUPT;
	if (l->err == HLV_OK)
		l->err = make_room(l->t);
	if (l->err != HLV_OK)
		return false;
	struct quota *q = add(l->t, subject);
	q->records = hlv_load_u64(kept.p);
	q->per_day = hlv_load_u64(kept.p + 8);
	snprintf(name, sizeof name, "%s%s", USED_NAME, subject);
	if (store_meta_get(l->store, l->view, name, &kept) == HLV_OK &&
	    kept.n == USED_NUMBERS * 8) {
		q->used = hlv_load_u64(kept.p);
		q->day = hlv_load_u64(kept.p + 8);
		q->made = hlv_load_u64(kept.p + 16);
	}
	return true;
}

enum hlv_err quota_load(struct quota_table *t, struct store *store, struct store_view *view)
{
	struct loading l = {.t = t, .store = store, .view = view};
	t->n = 0;
	HLV_TRY(store->ops->scan(view, SPACE_META, hlv_text(LIMIT_NAME), load_one, &l));
	return l.err;
}

void quota_free(struct quota_table *t)
{
	free(t->list);
	*t = (struct quota_table){0};
}

/* One put of numbers under NAME + subject. */
static bool put(struct store_put *put, struct hlv_arena *a, const char *name,
		const char *subject, const uint64_t *numbers, size_t n)
{
	char key[sizeof LIMIT_NAME + QUOTA_SUBJECT];
	uint8_t *value = hlv_alloc(a, n * 8);
	snprintf(key, sizeof key, "%s%s", name, subject);
	for (size_t i = 0; i < n && value; i++)
		hlv_store_u64(value + i * 8, numbers[i]);
	*put = (struct store_put){SPACE_META, hlv_arena_copy(a, hlv_text(key)),
				  hlv_bytes(value, n * 8)};
	return !a->bad;
}

enum hlv_err quota_plan(struct quota_table *t, const struct quota_change *c,
			struct hlv_arena *a, struct store_txn *txn)
{
	char name[QUOTA_SUBJECT];
	bool remove = c->records == 0 && c->per_day == 0;
	if (!subject_of(c->subject, name) || !is_subject(c->subject))
		return HLV_E_LIMIT;
	bool known = find(t, name);
	if (!known && remove)
		return HLV_E_NOT_FOUND;
	if (!known)
		HLV_TRY(make_room(t));
	struct store_put *puts = hlv_alloc(a, 2 * sizeof *puts);
	uint64_t limits[LIMIT_NUMBERS] = {c->records, c->per_day};
	if (!puts || !put(&puts[0], a, LIMIT_NAME, name, limits, LIMIT_NUMBERS) ||
	    !put(&puts[1], a, USED_NAME, name, NULL, 0))
		return HLV_E_NOMEM;
	if (remove)
		puts[0].value = (struct hlv_bytes){0};
	*txn = (struct store_txn){.puts = puts, .nputs = remove ? 2 : 1};
	return HLV_OK;
}

void quota_apply(struct quota_table *t, const struct quota_change *c)
{
	char name[QUOTA_SUBJECT];
	if (!subject_of(c->subject, name))
		return;
	struct quota *q = find(t, name);
	if (c->records == 0 && c->per_day == 0) {
		if (q)
			*q = t->list[--t->n];
		return;
	}
	if (!q && make_room(t) == HLV_OK)
		q = add(t, name);
	if (!q)
		return;
	q->records = c->records;
	q->per_day = c->per_day;
}

bool quota_settle(struct quota_table *t, struct hlv_arena *a, struct store_txn *txn)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n; i++)
		n += t->list[i].dirty;
	if (n == 0)
		return false;
	struct store_put *puts = hlv_alloc(a, n * sizeof *puts);
	n = 0;
	for (size_t i = 0; i < t->n && puts; i++) {
		struct quota *q = &t->list[i];
		uint64_t used[USED_NUMBERS] = {q->used, q->day, q->made};
		q->pending = 0;
		if (!q->dirty || !put(&puts[n], a, USED_NAME, q->subject, used, USED_NUMBERS))
			continue;
		q->dirty = false;
		n++;
	}
	*txn = (struct store_txn){.puts = puts, .nputs = n};
	return n > 0;
}

/* --- enforced --- */

/* The national SDK knows 603-605; to others we say what they know (industrial.md 5.2). */
static bool refuse(struct job *j, enum hlv_rc rc, const struct quota *q, const char *what,
		   uint64_t limit)
{
	char text[QUOTA_SUBJECT + 128];
	snprintf(text, sizeof text, "The limit of %s is reached: %" PRIu64 " %s", q->subject,
		 limit, what);
	bool sdk = j->who.how == ACTOR_LOGIN;
	job_refuse(j, sdk ? rc : HLV_RC_INSUFFICIENT_PERMISSIONS, NULL);
	j->x->rs.text = hlv_arena_copy(&j->x->arena, hlv_text(text));
	return true;
}

static struct quota *of_sender(struct quota_table *t, const struct job *j)
{
	char text[QUOTA_SUBJECT], subject[QUOTA_SUBJECT];
	struct hlv_bytes id = j->who.who.handle;
	int n = snprintf(text, sizeof text, "%u:%.*s", j->who.who.index, (int)id.n,
			 id.n ? (const char *)id.p : "");
	if (n <= 0 || (size_t)n >= sizeof text || !subject_of(hlv_text(text), subject))
		return NULL;
	return find(t, subject);
}

static struct quota *of_prefix(struct quota_table *t, struct hlv_bytes prefix)
{
	char subject[QUOTA_SUBJECT];
	return subject_of(prefix, subject) ? find(t, subject) : NULL;
}

static void roll(struct quota *q, uint64_t day)
{
	if (q->day != day)
		q->used = 0;
	q->day = day;
}

/* What an identity has registered in all; what a prefix has now. */
static bool is_over(struct quota *q, const struct job_use *use, enum hlv_rc daily,
		    uint64_t count, struct job *j, struct hlv_now now)
{
	roll(q, now.wall_ms / DAY_MS);
	if (q->per_day && q->used + use->changed > q->per_day)
		return refuse(j, daily, q, "changes a day", q->per_day);
	if (q->records && use->registered && count + use->registered > q->records)
		return refuse(j, HLV_RC_REGISTRATION_LIMIT, q, "identifiers", q->records);
	return false;
}

static void count_use(struct quota *q, const struct job_use *use)
{
	q->used += use->changed;
	q->made += use->registered;
	q->pending += use->registered;
	q->dirty = true;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static void uncount_use(struct quota *q, const struct job_use *use)
{
	q->used = less(q->used, use->changed);
	q->made = less(q->made, use->registered);
	q->pending = less(q->pending, use->registered);
	q->dirty = true;
}

/* Each use is counted as it is looked at, so that a prefix may come twice; what came to be refused
 * after all is given back. */
static bool prefixes_refuse(struct quota_table *t, struct job *j, struct store *store,
			    struct store_view *view, struct hlv_now now, size_t *done)
{
	for (*done = 0; *done < j->nuses; ++*done) {
		const struct job_use *use = &j->uses[*done];
		struct quota *q = of_prefix(t, use->prefix);
		uint64_t count = 0;
		if (!q)
			continue;
		if (q->records &&
		    store_count(store, view, hlv_text(q->subject), &count) != HLV_OK) {
			job_refuse(j, HLV_RC_ERROR, "The registry cannot be read");
			return true;
		}
		if (is_over(q, use, HLV_RC_PREFIX_LIMIT, count + q->pending, j, now))
			return true;
		count_use(q, use);
	}
	return false;
}

static struct job_use all_uses(const struct job *j)
{
	struct job_use all = {0};
	for (size_t i = 0; i < j->nuses; i++) {
		all.changed += j->uses[i].changed;
		all.registered += j->uses[i].registered;
	}
	return all;
}

static void uncount_prefixes(struct quota_table *t, const struct job *j, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct quota *q = of_prefix(t, j->uses[i].prefix);
		if (q)
			uncount_use(q, &j->uses[i]);
	}
}

bool quota_refuses(struct quota_table *t, struct job *j, struct store *store,
		   struct store_view *view, struct hlv_now now)
{
	size_t done;
	if (t->n == 0 || j->who.how == ACTOR_LOCAL)
		return false;
	struct quota *sender = of_sender(t, j);
	struct job_use all = all_uses(j);
	if (sender && is_over(sender, &all, HLV_RC_DAILY_LIMIT, sender->made, j, now))
		return true;
	if (prefixes_refuse(t, j, store, view, now, &done)) {
		uncount_prefixes(t, j, done);
		return true;
	}
	if (sender)
		count_use(sender, &all);
	j->counted = true;
	return false;
}

void quota_give_back(struct quota_table *t, struct job *j)
{
	if (!j->counted)
		return;
	struct quota *sender = of_sender(t, j);
	struct job_use all = all_uses(j);
	j->counted = false;
	uncount_prefixes(t, j, j->nuses);
	if (sender)
		uncount_use(sender, &all);
}
