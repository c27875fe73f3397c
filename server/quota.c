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

/* Upper case, NUL-terminated; false when it is too long. */
static bool subject_of(struct hlv_bytes text, char out[QUOTA_SUBJECT])
{
	if (text.n == 0 || text.n >= QUOTA_SUBJECT || memchr(text.p, '\0', text.n))
		return false;
	hlv_upper_copy((uint8_t *)out, text.p, text.n);
	out[text.n] = '\0';
	return true;
}

static struct quota *add(struct quota_table *t, const char *subject)
{
	if (t->n == QUOTA_MAX)
		return NULL;
	if (!t->list)
		t->list = calloc(QUOTA_MAX, sizeof *t->list);
	if (!t->list)
		return NULL;
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
	struct quota *q = l->err == HLV_OK ? add(l->t, subject) : NULL;
	if (!q)
		return false;
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

enum hlv_err quota_set(struct quota_table *t, struct hlv_bytes subject, uint64_t records,
		       uint64_t per_day, struct hlv_arena *a, struct store_txn *txn)
{
	char name[QUOTA_SUBJECT];
	if (!subject_of(subject, name))
		return HLV_E_LIMIT;
	struct quota *q = find(t, name);
	bool remove = records == 0 && per_day == 0;
	if (!q && remove)
		return HLV_E_NOT_FOUND;
	q = q ? q : add(t, name);
	if (!q)
		return HLV_E_LIMIT;
	q->records = records;
	q->per_day = per_day;
	struct store_put *p = hlv_alloc(a, sizeof *p);
	uint64_t limits[LIMIT_NUMBERS] = {records, per_day};
	if (!p || !put(p, a, LIMIT_NAME, name, limits, LIMIT_NUMBERS))
		return HLV_E_NOMEM;
	if (remove) {
		p->value = (struct hlv_bytes){0};
		*q = t->list[--t->n];
	}
	*txn = (struct store_txn){.puts = p, .nputs = 1};
	return HLV_OK;
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
		q->pending = 0;
		uint64_t used[USED_NUMBERS] = {q->used, q->day, q->made};
		if (q->dirty && put(&puts[n], a, USED_NAME, q->subject, used, USED_NUMBERS))
			n++;
		q->dirty = false;
	}
	*txn = (struct store_txn){.puts = puts, .nputs = n};
	return n > 0;
}

/* --- enforced --- */

/* Live records that the job would add. */
static uint64_t registrations(const struct job *j)
{
	switch (j->x->rq.m.hdr.op) {
	case HLV_OP_CREATE_HANDLE:
	case HLV_OP_HELVE_BULK:
		return j->plan.answer_flags & HLV_F_OVERWRITE ? 0 : j->nregistered;
	}
	return 0;
}

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

static void name_subjects(const struct job *j, char who[QUOTA_SUBJECT],
			  char prefix[QUOTA_SUBJECT])
{
	char text[QUOTA_SUBJECT];
	struct hlv_bytes id = j->who.who.handle;
	int n = snprintf(text, sizeof text, "%u:%.*s", j->who.who.index, (int)id.n,
			 id.n ? (const char *)id.p : "");
	if (n <= 0 || (size_t)n >= sizeof text || !subject_of(hlv_text(text), who))
		who[0] = '\0';
	if (!subject_of(hlv_name_split(j->prefix_of).prefix, prefix))
		prefix[0] = '\0';
}

static void roll(struct quota *q, uint64_t day)
{
	if (q->day != day)
		q->used = 0;
	q->day = day;
}

bool quota_refuses(struct quota_table *t, struct job *j, struct store *store,
		   struct store_view *view, struct hlv_now now)
{
	char who[QUOTA_SUBJECT], prefix[QUOTA_SUBJECT];
	if (t->n == 0 || j->who.how == ACTOR_LOCAL || j->counted)
		return false;
	name_subjects(j, who, prefix);
	struct quota *of[] = {find(t, who), find(t, prefix)};
	uint64_t more = registrations(j), changes = j->nchanged;
	for (size_t i = 0; i < 2; i++) {
		struct quota *q = of[i];
		uint64_t count = 0;
		if (!q)
			continue;
		roll(q, now.wall_ms / DAY_MS);
		if (q->per_day && q->used + changes > q->per_day)
			return refuse(j, i ? HLV_RC_PREFIX_LIMIT : HLV_RC_DAILY_LIMIT, q,
				      "changes a day", q->per_day);
		if (!q->records || !more)
			continue;
		/* What an identity has registered in all; what a prefix has now. */
		count = q->made;
		if (i == 1 && store_count(store, view, hlv_text(q->subject), &count) != HLV_OK)
			count = UINT64_MAX - more;
		if (count + (i == 1 ? q->pending : 0) + more > q->records)
			return refuse(j, HLV_RC_REGISTRATION_LIMIT, q, "identifiers",
				      q->records);
	}
	for (size_t i = 0; i < 2; i++) {
		if (!of[i])
			continue;
		of[i]->used += changes;
		of[i]->made += more;
		of[i]->pending += more;
		of[i]->dirty = true;
	}
	j->counted = true;
	return false;
}
