/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/load_parse.h"

#include <pthread.h>

#include "proto/wire/codes.h"
#include "proto/wire/name.h"
#include "server/store.h"
#include "tools/helvectl/source_fast.h"

enum { THREADS_MAX = 64, LINE_ARENA = 64 << 20, RECORD_SPARE = 64 };

struct load_chunk *load_chunk_new(void)
{
	return calloc(1, sizeof(struct load_chunk));
}

void load_chunk_free(struct load_chunk *chunk)
{
	if (!chunk)
		return;
	hlv_buf_free(&chunk->text);
	run_free(&chunk->run);
	hlv_buf_free(&chunk->bad);
	hlv_buf_free(&chunk->homed);
	free(chunk);
}

void load_chunk_reject(struct load_chunk *chunk, const struct source_record *rec, uint32_t line,
		       uint32_t at)
{
	struct load_bad bad = {.line = line, .at = at};
	snprintf(bad.reason, sizeof bad.reason, "%s", rec->reason);
	hlv_buf_put(&chunk->bad, hlv_bytes(&bad, sizeof bad));
	if (chunk->bad.bad)
		chunk->err = HLV_E_NOMEM;
}

static void reject(struct load_chunk *chunk, const char *reason, uint32_t line, uint32_t at)
{
	struct source_record rec = {0};
	snprintf(rec.reason, sizeof rec.reason, "%s", reason);
	load_chunk_reject(chunk, &rec, line, at);
}

static void put_homed(struct load_chunk *chunk, struct hlv_bytes handle)
{
	uint16_t n = (uint16_t)handle.n;
	hlv_buf_put(&chunk->homed, hlv_bytes(&n, sizeof n));
	hlv_buf_put(&chunk->homed, handle);
	if (chunk->homed.bad)
		chunk->err = HLV_E_NOMEM;
}

/* Where the parts of a stored record are put together: grows to the largest one. */
static struct hlv_writer room(struct hlv_buf *b, size_t n)
{
	hlv_buf_clear(b);
	void *p = hlv_buf_room(b, n);
	return hlv_writer(p, p ? n : 0);
}

static const char *add(struct load_chunk *chunk, const struct source_record *rec, uint32_t line,
		       uint32_t at, struct hlv_buf *buf)
{
	struct hlv_reader r = hlv_reader(rec->list);
	struct hlv_record stored = {.name = rec->handle};
	struct store_key key;
	struct hlv_list list = {.n = hlv_get_u32(&r), .raw = hlv_take_rest(&r)};
	size_t most = 2 * rec->list.n + rec->handle.n + RECORD_SPARE;
	struct hlv_writer w = room(buf, most);
	/* Sorted values first, the record behind them. */
	enum hlv_err err = hlv_values_sort(&list, &w, &stored.flags);
	if (err != HLV_OK)
		return err == HLV_E_EXISTS ? "an index stands twice" : "index out of range";
	stored.values = (struct hlv_list){list.n, hlv_bytes(w.p, w.n)};
	store_key(rec->handle, &key);
	size_t from = w.n;
	hlv_record_encode(&w, store_key_bytes(&key), &stored);
	if (w.bad)
		return hlv_strerror(HLV_E_NOMEM);
	const struct entry e = {.key = store_key_bytes(&key),
				.stored = hlv_bytes(w.p + from, w.n - from),
				.chunk = chunk->number,
				.line = line,
				.at = at};
	if (run_add(&chunk->run, &e) != HLV_OK)
		chunk->err = HLV_E_NOMEM;
	return NULL;
}

static void put(struct load_chunk *chunk, const struct source_record *rec, uint32_t line,
		uint32_t at, struct hlv_buf *buf)
{
	if (!hlv_name_is_registrable(rec->handle)) {
		reject(chunk, "handle: not an identifier that can be registered", line, at);
		return;
	}
	if (rec->homed)
		put_homed(chunk, rec->handle);
	if (rec->list.n == 0)
		return;
	const char *reason = add(chunk, rec, line, at, buf);
	if (reason)
		reject(chunk, reason, line, at);
}

void load_chunk_put(struct load_chunk *chunk, const struct source_record *rec, uint32_t line,
		    uint32_t at)
{
	struct hlv_buf buf = {0};
	put(chunk, rec, line, at, &buf);
	hlv_buf_free(&buf);
}

static bool is_blank(struct hlv_bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] > ' ')
			return false;
	return true;
}

/* All lines of the text. */
static void load_chunk_parse(struct load_chunk *chunk, uint32_t now_s)
{
	struct hlv_arena a;
	struct hlv_buf buf = {0};
	struct hlv_bytes rest = hlv_buf_bytes(&chunk->text);
	hlv_arena_init(&a, LINE_ARENA);
	while (rest.n > 0) {
		const uint8_t *end = memchr(rest.p, '\n', rest.n);
		struct hlv_bytes text = end ? hlv_head(rest, (size_t)(end - rest.p)) : rest;
		uint32_t at = (uint32_t)(chunk->text.n - rest.n), line = chunk->lines++;
		struct source_record rec;
		rest = hlv_skip(rest, text.n + (end ? 1 : 0));
		if (text.n && text.p[text.n - 1] == '\r')
			text.n--;
		hlv_arena_reset(&a);
		if (source_jsonl_fast(text, now_s, &a, &rec) ||
		    (!is_blank(text) && source_jsonl_line(text, now_s, &a, &rec) == HLV_OK))
			put(chunk, &rec, line, at, &buf);
		else if (!is_blank(text))
			load_chunk_reject(chunk, &rec, line, at);
	}
	run_sort(&chunk->run);
	hlv_arena_fini(&a);
	hlv_buf_free(&buf);
	hlv_buf_free(&chunk->text);
}

/* --- the threads --- */

struct load_pool {
	/* Guards all that is below; nothing else is taken while it is held. */
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	struct load_chunk *todo; /* the first one that nobody works on */
	struct load_chunk *oldest, *newest;
	unsigned count;
	bool stop;
	uint32_t now_s;
	unsigned threads;
	pthread_t thread[THREADS_MAX];
};

static void *work(void *ctx)
{
	struct load_pool *pool = ctx;
	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (!pool->todo && !pool->stop)
			pthread_cond_wait(&pool->work, &pool->lock);
		if (pool->stop)
			break;
		struct load_chunk *chunk = pool->todo;
		pool->todo = chunk->next;
		pthread_mutex_unlock(&pool->lock);
		load_chunk_parse(chunk, pool->now_s);
		pthread_mutex_lock(&pool->lock);
		chunk->done = true;
		pthread_cond_signal(&pool->done);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct load_pool *load_pool_new(unsigned threads, uint32_t now_s)
{
	struct load_pool *pool = calloc(1, sizeof *pool);
	if (!pool)
		return NULL;
	pool->now_s = now_s;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->done, NULL);
	while (pool->threads < threads && pool->threads < THREADS_MAX &&
	       pthread_create(&pool->thread[pool->threads], NULL, work, pool) == 0)
		pool->threads++;
	if (pool->threads > 0)
		return pool;
	load_pool_free(pool);
	return NULL;
}

void load_pool_free(struct load_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->threads; i++)
		pthread_join(pool->thread[i], NULL);
	while (pool->oldest) {
		struct load_chunk *chunk = pool->oldest;
		pool->oldest = chunk->next;
		load_chunk_free(chunk);
	}
	pthread_cond_destroy(&pool->done);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void load_pool_give(struct load_pool *pool, struct load_chunk *take_chunk)
{
	take_chunk->next = NULL;
	pthread_mutex_lock(&pool->lock);
	if (pool->newest)
		pool->newest->next = take_chunk;
	else
		pool->oldest = take_chunk;
	pool->newest = take_chunk;
	if (!pool->todo)
		pool->todo = take_chunk;
	pool->count++;
	pthread_cond_signal(&pool->work);
	pthread_mutex_unlock(&pool->lock);
}

struct load_chunk *load_pool_take(struct load_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	struct load_chunk *chunk = pool->oldest;
	while (chunk && !chunk->done)
		pthread_cond_wait(&pool->done, &pool->lock);
	if (chunk) {
		pool->oldest = chunk->next;
		if (!pool->oldest)
			pool->newest = NULL;
		pool->count--;
	}
	pthread_mutex_unlock(&pool->lock);
	return chunk;
}

unsigned load_pool_count(const struct load_pool *pool)
{
	return pool->count; /* changed by the caller's thread alone */
}
