/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/load_write.h"

#include <inttypes.h>

#include "proto/wire/codes.h"
#include "proto/wire/name.h"

static const char PLACE[] = "load";
enum {
	PLACE_FORMAT = 2,
	GROUP_OCTETS = 7 << 20, /* with keys and LMDB's own below the 8 MiB of threats.md 6 */
	GROUP_RECORDS = 32768,
	TXNS_MAX = 1024,
	SINGLE_PUTS = 1024, /* records that are journalled one by one, in one transaction */
	BULK_MIN = 64,	    /* a shorter empty stretch is not worth a range entry */
	PUT_OVERHEAD = 16,  /* more than a put takes beside its key and value */
};

/* A record of the group, and where it came from. */
struct origin {
	uint32_t chunk, line, at;
};

struct load_writer {
	struct store *store;
	struct store_view *view;
	struct rejects *rejects;
	const struct load_options *o;
	struct load_place *place;
	size_t group;	 /* records */
	uint8_t *octets; /* of keys and records; never moves */
	size_t used;
	struct store_put puts[GROUP_RECORDS];
	struct origin origins[GROUP_RECORDS];
	size_t n;
	struct store_put kept[GROUP_RECORDS + 1]; /* those that are written, and the place */
	size_t nkept;
	struct store_txn txns[TXNS_MAX];
	size_t ntxns;
	size_t txn_octets;     /* of the transaction that is being filled */
	struct store_key last; /* the key that was added last, taken or not */
	struct origin last_origin;
	struct hlv_buf prefix; /* the prefix handle looked at last, and what came of it */
	bool is_homed;
	struct hlv_buf encoded;
};

struct load_writer *load_writer_new(struct store *store, struct rejects *rejects,
				    struct load_place *place)
{
	struct load_writer *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->store = store;
	w->rejects = rejects;
	w->o = rejects->o;
	w->place = place;
	w->group = w->o->group && w->o->group < GROUP_RECORDS ? w->o->group : GROUP_RECORDS;
	w->octets = malloc(GROUP_OCTETS);
	if (w->octets && store->ops->view_open(store, &w->view) == HLV_OK)
		return w;
	load_writer_free(w);
	return NULL;
}

void load_writer_free(struct load_writer *w)
{
	if (!w)
		return;
	hlv_buf_free(&w->encoded);
	hlv_buf_free(&w->prefix);
	free(w->octets);
	free(w);
}

/* --- the place --- */

static void put_u64(struct hlv_buf *b, uint64_t n)
{
	uint8_t octets[8];
	hlv_store_u64(octets, n);
	hlv_buf_put(b, hlv_bytes(octets, sizeof octets));
}

static void encode_place(struct load_writer *w)
{
	struct load_place *p = w->place;
	struct hlv_buf *b = &w->encoded;
	hlv_buf_clear(b);
	put_u64(b, PLACE_FORMAT);
	put_u64(b, p->phase);
	put_u64(b, p->input);
	put_u64(b, p->file);
	put_u64(b, p->offset);
	put_u64(b, p->line);
	put_u64(b, p->loaded);
	put_u64(b, p->failed);
	put_u64(b, p->homed);
	put_u64(b, p->seq_before);
	put_u64(b, p->seq_streamed);
	put_u64(b, w->o->nfiles);
	for (size_t i = 0; i < w->o->nfiles; i++)
		put_u64(b, w->rejects->size[i]);
	hlv_buf_put(b, store_key_bytes(&p->last));
}

static enum hlv_err decode_place(struct hlv_bytes value, struct load_place *p)
{
	struct hlv_reader r = hlv_reader(value);
	uint64_t format = hlv_get_u64(&r);
	if (format == 0 || format > PLACE_FORMAT)
		return HLV_E_NEWER;
	p->phase = (enum load_phase)hlv_get_u64(&r);
	p->input = (uint32_t)hlv_get_u64(&r);
	p->file = (uint32_t)hlv_get_u64(&r);
	p->offset = hlv_get_u64(&r);
	p->line = hlv_get_u64(&r);
	p->loaded = hlv_get_u64(&r);
	p->failed = hlv_get_u64(&r);
	p->homed = hlv_get_u64(&r);
	p->seq_before = hlv_get_u64(&r);
	p->seq_streamed = format == 1 ? UINT64_MAX : hlv_get_u64(&r);
	uint64_t n = hlv_get_u64(&r);
	for (uint64_t i = 0; i < n && i < LOAD_FILES_MAX; i++)
		p->rejected[i] = hlv_get_u64(&r);
	struct hlv_bytes last = hlv_take_rest(&r);
	if (r.bad || n > LOAD_FILES_MAX || p->file > n || last.n > STORE_KEY_MAX)
		return HLV_E_CORRUPT;
	if (last.n)
		memcpy(p->last.octets, last.p, last.n);
	p->last.n = (uint16_t)last.n;
	return HLV_OK;
}

enum hlv_err load_writer_get_place(struct load_writer *w, struct load_place *place)
{
	struct hlv_bytes value;
	HLV_TRY(w->store->ops->view_begin(w->view));
	enum hlv_err err = store_meta_get(w->store, w->view, PLACE, &value);
	if (err == HLV_OK)
		err = decode_place(value, place);
	w->store->ops->view_end(w->view);
	return err;
}

static enum hlv_err commit(struct load_writer *w, struct store_txn *txns, size_t n)
{
	if (w->o->dry_run)
		return HLV_OK;
	HLV_TRY(rejects_sync(w->rejects));
	HLV_TRY(w->store->ops->commit(w->store, txns, n));
	for (size_t i = 0; i < n; i++)
		if (txns[i].err != HLV_OK)
			return txns[i].err;
	return HLV_OK;
}

enum hlv_err load_writer_mark(struct load_writer *w)
{
	encode_place(w);
	struct store_put put = {SPACE_META, hlv_text(PLACE), hlv_buf_bytes(&w->encoded)};
	struct store_txn txn = {.puts = &put, .nputs = 1, .time_ms = w->o->now_ms};
	return commit(w, &txn, 1);
}

/* --- rejections --- */

enum hlv_err load_writer_reject(struct load_writer *w, uint32_t chunk, uint32_t line,
				uint32_t at, const char *reason)
{
	w->place->failed++;
	return rejects_put(w->rejects, chunk, line, at, reason);
}

static enum hlv_err reject_twin(struct load_writer *w, const struct entry *e)
{
	const struct place *first = &w->rejects->places[w->last_origin.chunk];
	const struct place *here = &w->rejects->places[e->chunk];
	uint64_t line = first->line + w->last_origin.line;
	char reason[240];
	if (first->file == here->file)
		snprintf(reason, sizeof reason, "stands on line %" PRIu64 " already", line);
	else
		snprintf(reason, sizeof reason, "stands on line %" PRIu64 " of %.150s already",
			 line, w->o->files[first->file]);
	return load_writer_reject(w, e->chunk, e->line, e->at, reason);
}

/* --- prefixes --- */

static enum hlv_err look_up_prefix(struct load_writer *w, struct hlv_bytes handle, bool *homed)
{
	HLV_TRY(w->store->ops->view_begin(w->view));
	enum hlv_err err = store_is_homed(w->store, w->view, handle, homed);
	w->store->ops->view_end(w->view);
	return err;
}

enum hlv_err load_writer_home(struct load_writer *w, struct hlv_bytes handle)
{
	struct store_key key;
	uint8_t value[STORE_PREFIX_SIZE];
	bool homed;
	HLV_TRY(look_up_prefix(w, handle, &homed));
	if (homed)
		return HLV_OK;
	w->place->homed++;
	hlv_buf_clear(&w->prefix);
	store_key(handle, &key);
	store_prefix_encode(store_key_bytes(&key), w->o->now_ms, value);
	struct store_put put = {SPACE_PREFIX, store_key_bytes(&key),
				hlv_bytes(value, sizeof value)};
	struct store_txn txn = {.puts = &put, .nputs = 1, .time_ms = w->o->now_ms};
	return commit(w, &txn, 1);
}

static enum hlv_err is_at_home(struct load_writer *w, const struct entry *e, bool *homed)
{
	uint8_t octets[5 + HLV_IDENTIFIER_MAX];
	struct hlv_writer handle = hlv_writer(octets, sizeof octets);
	hlv_name_put_prefix_handle(&handle, hlv_record_name(e->stored));
	if (!hlv_eq(hlv_written(&handle), hlv_buf_bytes(&w->prefix))) {
		hlv_buf_clear(&w->prefix);
		HLV_TRY(look_up_prefix(w, hlv_written(&handle), &w->is_homed));
		hlv_buf_put(&w->prefix, hlv_written(&handle));
	}
	*homed = w->is_homed;
	return HLV_OK;
}

/* --- groups --- */

struct seek {
	struct store_key key; /* n == 0: none */
	bool live, has_state; /* it is frozen, revoked or locked ... */
	uint64_t seq;
};

static bool see_first(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct seek *s = ctx;
	struct hlv_reader r = hlv_reader(stored);
	if (key.n > STORE_KEY_MAX)
		return false;
	memcpy(s->key.octets, key.p, key.n);
	s->key.n = (uint16_t)key.n;
	hlv_get_u8(&r);
	uint8_t flags = hlv_get_u8(&r);
	s->live = !(flags & HLV_RECORD_DELETED);
	s->has_state = flags & HLV_RECORD_HAS_STATE;
	hlv_take(&r, 6);
	s->seq = hlv_get_u64(&r);
	return false;
}

/* The first record of the registry that is not below `key`. */
static enum hlv_err seek(struct load_writer *w, struct hlv_bytes key, struct seek *s)
{
	*s = (struct seek){0};
	return w->store->ops->scan(w->view, SPACE_RECORD, key, see_first, s);
}

/* How many of the records from `from` on are below the one that was found. */
static size_t count_below(const struct load_writer *w, size_t from, const struct seek *s)
{
	if (s->key.n == 0)
		return w->n - from;
	size_t low = from, high = w->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (hlv_compare(w->puts[middle].key, store_key_bytes(&s->key)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low - from;
}

static struct store_txn *begin_txn(struct load_writer *w, bool bulk)
{
	struct store_txn *txn = &w->txns[w->ntxns++];
	*txn = (struct store_txn){
		.puts = w->kept + w->nkept, .bulk = bulk, .time_ms = w->o->now_ms};
	w->txn_octets = 0;
	return txn;
}

/* For one transaction more, and that of the place. */
static bool has_room(const struct load_writer *w)
{
	return w->ntxns < TXNS_MAX - 2;
}

/* What a record takes of a transaction's bound. */
static size_t octets_of(const struct store_put *put)
{
	return put->key.n + put->value.n + PUT_OVERHEAD;
}

/* In *txn, or in another one behind it when that is full. */
static void keep(struct load_writer *w, struct store_txn **txn, size_t i)
{
	size_t octets = octets_of(&w->puts[i]);
	if (w->o->txn > 0 && (*txn)->nputs > 0 && w->txn_octets + octets > w->o->txn)
		*txn = begin_txn(w, (*txn)->bulk);
	w->kept[w->nkept++] = w->puts[i];
	w->txn_octets += octets;
	(*txn)->nputs++;
	w->place->loaded++;
}

/* One record where others stand: is it there, and may it be put over? */
static enum hlv_err add_single(struct load_writer *w, struct store_txn **txn, size_t i,
			       const struct seek *s)
{
	const struct origin *o = &w->origins[i];
	bool there = s->live && hlv_eq(store_key_bytes(&s->key), w->puts[i].key);
	if (there && s->seq > w->place->seq_before && s->seq <= w->place->seq_streamed)
		return load_writer_reject(w, o->chunk, o->line, o->at,
					  "stands further up in the input already");
	if (there && !w->o->replace)
		return load_writer_reject(w, o->chunk, o->line, o->at, "exists already");
	/* Nobody thaws by replacing. */
	if (there && s->has_state)
		return load_writer_reject(w, o->chunk, o->line, o->at,
					  "has a state or locks: lift them first, see helvectl "
					  "state and unlock");
	keep(w, txn, i);
	return HLV_OK;
}

/* Transactions for as many records as fit, from *from on. */
static enum hlv_err plan(struct load_writer *w, size_t *from)
{
	size_t i = *from, singles = 0;
	struct store_txn *txn = NULL;
	w->nkept = 0;
	w->ntxns = 0;
	while (i < w->n && singles < SINGLE_PUTS && has_room(w)) {
		struct seek s;
		HLV_TRY(seek(w, w->puts[i].key, &s));
		size_t below = count_below(w, i, &s);
		if (below >= BULK_MIN || below == w->n - i) {
			txn = begin_txn(w, true);
			for (size_t end = i + below; i < end && has_room(w); i++)
				keep(w, &txn, i);
			continue;
		}
		if (!txn || txn->bulk)
			txn = begin_txn(w, false);
		/* All of a short stretch, and the one that ends it. */
		for (size_t end = i + below + 1; i < end && i < w->n && has_room(w);
		     i++, singles++)
			HLV_TRY(add_single(w, &txn, i, &s));
	}
	*from = i;
	return HLV_OK;
}

static void put_place(struct load_writer *w, size_t done)
{
	struct store_txn *txn = begin_txn(w, false);
	struct hlv_bytes last = done < w->n ? w->puts[done - 1].key : store_key_bytes(&w->last);
	memcpy(w->place->last.octets, last.p, last.n);
	w->place->last.n = (uint16_t)last.n;
	encode_place(w);
	w->kept[w->nkept++] =
		(struct store_put){SPACE_META, hlv_text(PLACE), hlv_buf_bytes(&w->encoded)};
	txn->nputs = 1;
}

enum hlv_err load_writer_flush(struct load_writer *w)
{
	for (size_t done = 0; done < w->n;) {
		uint64_t loaded = w->place->loaded;
		HLV_TRY(w->store->ops->view_begin(w->view));
		enum hlv_err err = plan(w, &done);
		w->store->ops->view_end(w->view);
		if (err == HLV_OK) {
			put_place(w, done);
			err = commit(w, w->txns, w->ntxns);
		}
		if (err != HLV_OK) {
			w->place->loaded = loaded; /* what is told is what is in */
			return err;
		}
	}
	w->n = 0;
	w->used = 0;
	return HLV_OK;
}

static struct hlv_bytes copy(struct load_writer *w, struct hlv_bytes b)
{
	uint8_t *p = w->octets + w->used;
	memcpy(p, b.p, b.n);
	w->used += b.n;
	return hlv_bytes(p, b.n);
}

static void set_last(struct load_writer *w, const struct entry *e)
{
	memcpy(w->last.octets, e->key.p, e->key.n);
	w->last.n = (uint16_t)e->key.n;
	w->last_origin = (struct origin){e->chunk, e->line, e->at};
}

enum hlv_err load_writer_add(struct load_writer *w, const struct entry *e)
{
	bool homed;
	/* Done before this load was interrupted. */
	if (!w->last.n && w->place->last.n &&
	    hlv_compare(e->key, store_key_bytes(&w->place->last)) <= 0)
		return HLV_OK;
	if (w->last.n && hlv_eq(e->key, store_key_bytes(&w->last)))
		return reject_twin(w, e);
	if (e->key.n + e->stored.n > GROUP_OCTETS)
		return load_writer_reject(w, e->chunk, e->line, e->at, "too large");
	if (w->o->txn > 0 && e->key.n + e->stored.n + PUT_OVERHEAD > w->o->txn)
		return load_writer_reject(w, e->chunk, e->line, e->at,
					  "too large while a server runs: stop it first");
	if (w->n == w->group || e->key.n + e->stored.n > GROUP_OCTETS - w->used)
		HLV_TRY(load_writer_flush(w));
	set_last(w, e);
	if (w->o->strict) {
		HLV_TRY(is_at_home(w, e, &homed));
		if (!homed)
			return load_writer_reject(w, e->chunk, e->line, e->at,
						  "its prefix is not homed here");
	}
	struct hlv_bytes key = copy(w, e->key), stored = copy(w, e->stored);
	w->puts[w->n] = (struct store_put){SPACE_RECORD, key, stored};
	w->origins[w->n++] = (struct origin){e->chunk, e->line, e->at};
	return HLV_OK;
}
