/* SPDX-License-Identifier: Apache-2.0 */
#include "server/bulk.h"

#include <stdlib.h>

enum {
	POSITION_SIZE = 8,
	FAILURE_SIZE = 12, /* and its text */
	FAILURES_ROOM = 192 << 10,
};
static const char POSITION_NAME[] = "bulk:";

/* One record's place in the transaction. */
struct entry {
	struct store_put put;
	struct hlv_bytes id;
	uint32_t which;
	bool registers; /* there was none */
};

/* A chunk being planned. */
struct chunk {
	struct job *j;
	const struct plan_context *c;
	uint8_t flags;
	struct hlv_bytes key;
	uint64_t position, reached; /* of this chunk; of the job so far */
	uint32_t n;
	struct hlv_reader records;
	struct entry *entries;
	size_t nentries;
	struct store_check *checks;
	size_t nchecks, checks_cap;
	struct hlv_writer failures;
	uint32_t nfailures;
};

static bool refuse(struct chunk *k, enum hlv_rc rc, const char *text)
{
	job_refuse(k->j, rc, text);
	return false;
}

static void name_position(const struct chunk *k, char out[sizeof POSITION_NAME + 2 * BULK_KEY])
{
	size_t n = sizeof POSITION_NAME - 1;
	memcpy(out, POSITION_NAME, n);
	for (size_t i = 0; i < BULK_KEY; i++, n += 2)
		snprintf(out + n, 3, "%02x", k->key.p[i]);
}

/* How far the job has come, from the registry. */
static bool read_position(struct chunk *k)
{
	char name[sizeof POSITION_NAME + 2 * BULK_KEY];
	struct hlv_bytes value;
	const struct answer_context *a = k->c->answer;
	name_position(k, name);
	k->reached = 0;
	enum hlv_err err = store_meta_get(a->store, a->view, name, &value);
	if (err == HLV_E_NOT_FOUND)
		return true;
	if (err != HLV_OK || value.n != POSITION_SIZE)
		return refuse(k, HLV_RC_ERROR,
			      "The registry cannot read how far this load came");
	k->reached = hlv_load_u64(value.p);
	return true;
}

static bool open_chunk(struct chunk *k)
{
	struct hlv_reader *r = &k->records;
	*r = hlv_reader(k->j->x->rq.octets);
	k->flags = hlv_get_u8(r);
	k->key = hlv_take(r, BULK_KEY);
	k->position = hlv_get_u64(r);
	k->n = hlv_get_count(r, 8);
	if (r->bad || k->n > BULK_RECORDS_MAX || (k->n == 0 && !hlv_finished(r)))
		return refuse(k, HLV_RC_PROTOCOL_ERROR,
			      "The chunk ends early, or has more than 8192 records");
	struct hlv_arena *a = k->c->answer->arena;
	k->entries = hlv_alloc_raw(a, (k->n + 1) * sizeof *k->entries);
	uint8_t *room = hlv_alloc_raw(a, FAILURES_ROOM);
	k->failures = hlv_writer(room, room ? FAILURES_ROOM : 0);
	if (a->bad)
		return refuse(k, HLV_RC_ERROR, "Out of memory");
	if (k->n > 0 && k->flags & BULK_DRY_RUN) {
		k->reached = k->position;
		return true;
	}
	return read_position(k);
}

/* There is room for all of them, not for all their texts: those that come late go without. */
static void add_failure(struct chunk *k, uint32_t which, uint32_t rc, struct hlv_bytes text)
{
	size_t needed = (size_t)(k->n - k->nfailures) * FAILURE_SIZE;
	if (k->failures.n + needed + text.n > FAILURES_ROOM)
		text = (struct hlv_bytes){0};
	hlv_put_u32(&k->failures, which);
	hlv_put_u32(&k->failures, rc);
	hlv_put_lp32(&k->failures, text);
	k->nfailures++;
}

/* Its assumptions join those of the chunk; the records of prefixes and groups only once. */
static bool add_checks(struct chunk *k, const struct store_txn *txn)
{
	if (k->nchecks + txn->nchecks > k->checks_cap) {
		size_t cap = k->checks_cap * 2 + txn->nchecks + k->n + 8;
		struct store_check *p = hlv_alloc_raw(k->c->answer->arena, cap * sizeof *p);
		if (!p)
			return refuse(k, HLV_RC_ERROR, "Out of memory");
		if (k->nchecks)
			memcpy(p, k->checks, k->nchecks * sizeof *p);
		k->checks = p;
		k->checks_cap = cap;
	}
	for (size_t i = 0; i < txn->nchecks; i++) {
		const struct store_check *check = &txn->checks[i];
		bool known = false;
		for (size_t m = 0; m < k->nchecks && m < 8 && !known; m++)
			known = k->checks[m].space == check->space &&
				hlv_eq(k->checks[m].key, check->key);
		if (!known)
			k->checks[k->nchecks++] = *check;
	}
	return true;
}

/* A creation that was made already, with the same values: an honest repetition. */
static enum plan_verdict plan_record(struct chunk *k, uint32_t which)
{
	struct job *j = k->j;
	struct hlv_request rq = {.m = {.env = j->x->rq.m.env}};
	struct hlv_response rs = {0};
	rq.m.hdr.op = HLV_OP_CREATE_HANDLE;
	rq.m.hdr.flags = k->flags & BULK_OVERWRITE ? HLV_F_OVERWRITE : 0;
	rq.handle = hlv_get_lp32(&k->records);
	if (hlv_values_decode(&k->records, &rq.values) != HLV_OK || k->records.bad) {
		refuse(k, HLV_RC_PROTOCOL_ERROR, "A record of the chunk cannot be read");
		return PLAN_REFUSED;
	}
	if (rq.handle.n > HLV_IDENTIFIER_MAX) {
		add_failure(k, which, HLV_RC_INVALID_HANDLE,
			    hlv_text("An identifier is 1 to 2048 octets"));
		return PLAN_ANSWER;
	}
	enum plan_verdict verdict = plan_request(k->c, &j->who, &rq, &j->plan, &rs);
	if (verdict == PLAN_COMMIT) {
		k->entries[k->nentries++] =
			(struct entry){.put = j->plan.puts[0],
				       .id = rq.handle,
				       .which = which,
				       .registers = !(j->plan.answer_flags & HLV_F_OVERWRITE)};
		return add_checks(k, &j->plan.txn) ? PLAN_COMMIT : PLAN_REFUSED;
	}
	if (verdict == PLAN_FETCH)
		return verdict;
	if (verdict != PLAN_ANSWER) /* an answer: it is there as it is to be */
		add_failure(k, which, rs.rc, rs.text);
	return PLAN_ANSWER;
}

static enum bulk_verdict plan_records(struct chunk *k)
{
	for (uint32_t i = 0; i < k->n; i++) {
		/* What an earlier try has done is passed over. */
		if (k->position + i < k->reached) {
			struct hlv_list values;
			hlv_get_lp32(&k->records);
			if (hlv_values_decode(&k->records, &values) == HLV_OK)
				continue;
			refuse(k, HLV_RC_PROTOCOL_ERROR, "A record cannot be read");
			return BULK_REFUSED;
		}
		switch (plan_record(k, i)) {
		case PLAN_REFUSED:
			return BULK_REFUSED;
		case PLAN_FETCH:
			return BULK_FETCH;
		case PLAN_COMMIT:
		case PLAN_ANSWER:
		case PLAN_LIST:
		case PLAN_CHALLENGE:
			break;
		}
	}
	if (hlv_finished(&k->records))
		return BULK_COMMIT;
	refuse(k, HLV_RC_PROTOCOL_ERROR, "There is more in the chunk than its records");
	return BULK_REFUSED;
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = hlv_compare(x->put.key, y->put.key);
	return order ? order : (x->which > y->which) - (x->which < y->which);
}

/* Ascending, each key once: what comes again in one chunk fails. */
static void sort_entries(struct chunk *k)
{
	size_t n = 0;
	bool sorted = true;
	for (size_t i = 1; i < k->nentries && sorted; i++)
		sorted = hlv_compare(k->entries[i - 1].put.key, k->entries[i].put.key) < 0;
	if (sorted)
		return;
	qsort(k->entries, k->nentries, sizeof *k->entries, by_key);
	for (size_t i = 0; i < k->nentries; i++) {
		if (n && hlv_eq(k->entries[n - 1].put.key, k->entries[i].put.key))
			add_failure(k, k->entries[i].which, HLV_RC_EXISTS,
				    hlv_text("Stands twice in one chunk"));
		else
			k->entries[n++] = k->entries[i];
	}
	k->nentries = n;
}

/* What the entries, which stand in order, mean for the quotas. */
static bool count_uses(struct chunk *k)
{
	struct job *j = k->j;
	struct job_use *uses =
		hlv_alloc_raw(k->c->answer->arena, (k->nentries + 1) * sizeof *uses);
	if (!uses)
		return refuse(k, HLV_RC_ERROR, "Out of memory");
	j->uses = uses;
	j->nuses = 0;
	for (size_t i = 0; i < k->nentries; i++) {
		struct hlv_bytes prefix = hlv_name_split(k->entries[i].id).prefix;
		if (j->nuses == 0 || !hlv_eq_fold(uses[j->nuses - 1].prefix, prefix))
			uses[j->nuses++] = (struct job_use){.prefix = prefix};
		uses[j->nuses - 1].changed++;
		uses[j->nuses - 1].registered += k->entries[i].registers;
	}
	return true;
}

/* One transaction: the records, which the journal names by their range, and the new position. */
static bool make_txn(struct chunk *k, uint64_t reached)
{
	struct job *j = k->j;
	struct hlv_arena *a = k->c->answer->arena;
	char name[sizeof POSITION_NAME + 2 * BULK_KEY];
	struct store_put *puts = hlv_alloc_raw(a, (k->nentries + 1) * sizeof *puts);
	uint8_t *position = hlv_alloc_raw(a, POSITION_SIZE);
	struct store_txn *txn = hlv_alloc(a, sizeof *txn);
	name_position(k, name);
	struct hlv_bytes meta = hlv_arena_copy(a, hlv_text(name));
	if (a->bad)
		return refuse(k, HLV_RC_ERROR, "Out of memory");
	for (size_t i = 0; i < k->nentries; i++)
		puts[i] = k->entries[i].put;
	hlv_store_u64(position, reached);
	puts[k->nentries] =
		(struct store_put){SPACE_META, meta, hlv_bytes(position, POSITION_SIZE)};
	*txn = (struct store_txn){
		.checks = k->checks,
		.nchecks = k->nchecks,
		.puts = puts,
		.nputs = k->nentries + 1,
		.bulk = k->nentries > 0,
	};
	j->txns = txn;
	j->ntxns = 1;
	return true;
}

static bool answer(struct chunk *k, uint64_t reached)
{
	struct hlv_bytes failures = hlv_written(&k->failures);
	size_t room = 12 + failures.n;
	uint8_t *p = hlv_alloc_raw(k->c->answer->arena, room);
	struct hlv_writer w = hlv_writer(p, p ? room : 0);
	hlv_put_u64(&w, reached);
	hlv_put_u32(&w, k->nfailures);
	hlv_put(&w, failures);
	if (w.bad || k->failures.bad)
		return refuse(k, HLV_RC_ERROR, "More failures than an answer holds");
	k->j->x->rs = (struct hlv_response){
		.rc = HLV_RC_SUCCESS, .kind = HLV_BODY_OCTETS, .octets = hlv_written(&w)};
	return true;
}

enum bulk_verdict bulk_plan(struct job *j, const struct plan_context *c)
{
	struct chunk k = {.j = j, .c = c};
	if (!open_chunk(&k))
		return BULK_REFUSED;
	if (k.n == 0)
		return answer(&k, k.reached) ? BULK_ANSWER : BULK_REFUSED;
	if (k.position > k.reached) {
		refuse(&k, HLV_RC_PROTOCOL_ERROR,
		       "The chunk begins behind the position reached: ask for it with an empty "
		       "chunk");
		return BULK_REFUSED;
	}
	if (k.n <= k.reached - k.position)
		return answer(&k, k.reached) ? BULK_ANSWER : BULK_REFUSED;
	enum bulk_verdict verdict = plan_records(&k);
	if (verdict != BULK_COMMIT)
		return verdict;
	sort_entries(&k);
	if (k.flags & BULK_DRY_RUN || (k.nfailures && k.flags & BULK_ALL_OR_NOTHING))
		return answer(&k, k.reached) ? BULK_ANSWER : BULK_REFUSED;
	uint64_t reached = k.position + k.n;
	return count_uses(&k) && answer(&k, reached) && make_txn(&k, reached) ? BULK_COMMIT
									      : BULK_REFUSED;
}
