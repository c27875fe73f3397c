/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/crc32c.h"
#include "tools/helvectl/load_lines.h"
#include "tools/helvectl/load_parse.h"
#include "tools/helvectl/load_write.h"
#include "tools/helvectl/source_fast.h"

enum {
	CHUNK = LOAD_LINES_CHUNK,
	THREADS = 2,
	SAMPLES_MAX = 1024,
	TELL_EVERY = 32768, /* records */
};
#define MEMORY ((size_t)512 << 20)

struct input {
	enum source_format format;
	uint64_t size;
	bool lines; /* one record a line, and it can be read from anywhere */
};

struct load {
	const struct load_options *o;
	struct load_result *result;
	struct store *store;
	struct input *inputs;
	struct rejects rejects;
	struct load_place place;
	struct load_writer *writer;
	struct load_pool *pool;
	struct merge *merge;
	unsigned threads;
	size_t chunk;
	uint64_t octets, total;	 /* read, and to be read */
	uint64_t sorted, merged; /* records */
	uint64_t line;		 /* where the next chunk that comes back begins */
	uint32_t line_file;
	struct store_key last; /* of the chunks that were streamed */
	bool silent;	       /* resumed: what is rejected while reading is on file already */
	bool first;	       /* resumed: this chunk's rejections are */
	bool broken;	       /* an input could not be read to its end */
};

static enum hlv_err say(struct load *l, enum hlv_err err, const char *file, const char *what)
{
	snprintf(l->result->why, sizeof l->result->why, "%.150s: %.90s", file, what);
	return err;
}

static void tell(struct load *l, bool writing)
{
	struct load_progress p = {
		.records = l->place.loaded + l->place.failed,
		.done = writing ? l->merged : l->octets,
		.total = writing ? l->sorted : l->total,
		.writing = writing,
	};
	if (l->o->progress)
		l->o->progress(l->o->ctx, &p);
}

/* --- what is to be read --- */

static enum hlv_err look_at(struct load *l, size_t i)
{
	struct input *in = &l->inputs[i];
	const char *file = l->o->files[i];
	struct stat st;
	if (stat(file, &st) != 0)
		return say(l, errno == ENOENT ? HLV_E_NOT_FOUND : HLV_E_IO, file,
			   strerror(errno));
	in->format = l->o->format;
	if (l->o->guess)
		HLV_TRY(source_guess(file, &in->format, l->result->why));
	if (in->format == SOURCE_BATCH)
		return say(l, HLV_E_UNSUPPORTED, file, "a batch file: commands, not records");
	in->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	in->lines = S_ISREG(st.st_mode) && in->format == SOURCE_JSONL;
	l->total += in->size;
	return HLV_OK;
}

static uint32_t checksum_of_input(const struct load *l)
{
	uint32_t crc = 0;
	for (size_t i = 0; i < l->o->nfiles; i++) {
		uint8_t octets[9];
		hlv_store_u64(octets, l->inputs[i].size);
		octets[8] = (uint8_t)l->inputs[i].format;
		crc = hlv_crc32c(crc, hlv_text(l->o->files[i]));
		crc = hlv_crc32c(crc, hlv_bytes(octets, sizeof octets));
	}
	return crc;
}

/* A guess by samples, which costs little: when it is wrong, the load turns to sorting where it
 * finds out. */
static bool is_in_order(const struct load *l)
{
	struct store_key last = {0};
	uint64_t step = l->total / SAMPLES_MAX + l->chunk;
	for (size_t i = 0; i < l->o->nfiles; i++)
		if (!l->inputs[i].lines ||
		    !load_lines_in_order(l->o->files[i], l->inputs[i].size, step, &last))
			return false;
	return true;
}

/* --- where it begins --- */

static enum hlv_err last_seq(struct load *l, uint64_t *seq)
{
	struct store_view *view;
	HLV_TRY(l->store->ops->view_open(l->store, &view));
	HLV_TRY(l->store->ops->view_begin(view));
	enum hlv_err err = store_last_seq(l->store, view, seq);
	l->store->ops->view_end(view);
	return err;
}

static enum hlv_err begin_anew(struct load *l)
{
	l->place = (struct load_place){.phase = is_in_order(l) ? LOAD_STREAM : LOAD_READ,
				       .input = checksum_of_input(l),
				       .line = 1};
	HLV_TRY(rejects_cut(&l->rejects, NULL, l->result->why));
	HLV_TRY(last_seq(l, &l->place.seq_before));
	return load_writer_mark(l->writer);
}

static enum hlv_err begin_again(struct load *l)
{
	bool same = l->place.input == checksum_of_input(l);
	if (l->place.phase == LOAD_DONE)
		return same ? HLV_OK : begin_anew(l);
	if (!same)
		return say(l, HLV_E_USAGE, l->o->files[0],
			   "the load that was interrupted was of other files; name those");
	l->silent = l->place.phase == LOAD_MERGE;
	l->first = l->place.phase == LOAD_STREAM && l->place.last.n > 0;
	return rejects_cut(&l->rejects, l->place.rejected, l->result->why);
}

static enum hlv_err begin(struct load *l)
{
	enum hlv_err err = HLV_E_NOT_FOUND;
	if (l->o->resume && !l->o->dry_run)
		err = load_writer_get_place(l->writer, &l->place);
	if (err == HLV_OK)
		err = begin_again(l);
	else if (err == HLV_E_NOT_FOUND)
		err = begin_anew(l);
	l->line = l->place.line;
	l->line_file = l->place.file;
	l->octets = l->place.offset;
	for (uint32_t i = 0; i < l->place.file; i++)
		l->octets += l->inputs[i].size;
	return err;
}

/* --- chunks that come back --- */

static enum hlv_err put_lists(struct load *l, const struct load_chunk *chunk)
{
	struct load_bad bad;
	uint16_t n;
	for (size_t at = 0; at < chunk->bad.n; at += sizeof bad) {
		memcpy(&bad, chunk->bad.p + at, sizeof bad);
		HLV_TRY(load_writer_reject(l->writer, chunk->number, bad.line, bad.at,
					   bad.reason));
	}
	for (size_t at = 0; at < chunk->homed.n; at += sizeof n + n) {
		memcpy(&n, chunk->homed.p + at, sizeof n);
		HLV_TRY(load_writer_home(l->writer,
					 hlv_bytes(chunk->homed.p + at + sizeof n, n)));
	}
	return HLV_OK;
}

static void move_place(struct load *l, const struct place *place)
{
	l->place.file = place->file;
	l->place.offset = place->offset;
	l->place.line = place->line;
}

/* The chunk does not follow those that were written: from here on all is sorted first. */
static enum hlv_err stop_streaming(struct load *l, const struct place *place)
{
	HLV_TRY(load_writer_flush(l->writer));
	HLV_TRY(last_seq(l, &l->place.seq_streamed));
	move_place(l, place);
	l->place.phase = LOAD_READ;
	l->place.last.n = 0;
	return load_writer_mark(l->writer);
}

static bool follows(const struct load *l, const struct load_chunk *chunk)
{
	struct entry e;
	if (chunk->run.n == 0 || l->first)
		return true;
	run_get(&chunk->run, 0, &e);
	return hlv_compare(store_key_bytes(&l->last), e.key) <= 0;
}

static enum hlv_err stream_chunk(struct load *l, struct load_chunk *chunk)
{
	struct entry e;
	move_place(l, &l->rejects.places[chunk->number]);
	if (!l->first)
		HLV_TRY(put_lists(l, chunk));
	l->first = false;
	for (size_t i = 0; i < chunk->run.n; i++) {
		run_get(&chunk->run, i, &e);
		HLV_TRY(load_writer_add(l->writer, &e));
	}
	if (chunk->run.n) {
		memcpy(l->last.octets, e.key.p, e.key.n);
		l->last.n = (uint16_t)e.key.n;
	}
	tell(l, false);
	return HLV_OK;
}

static enum hlv_err keep_chunk(struct load *l, struct load_chunk *chunk)
{
	if (!l->silent)
		HLV_TRY(put_lists(l, chunk));
	l->sorted += chunk->run.n;
	if (chunk->run.n)
		HLV_TRY(merge_add(l->merge, &chunk->run));
	if (merge_memory(l->merge) > (l->o->memory ? l->o->memory : MEMORY))
		HLV_TRY(merge_spill(l->merge, l->o->dir));
	tell(l, false);
	return HLV_OK;
}

/* In the order of the input. */
static enum hlv_err use_chunk(struct load *l, struct load_chunk *chunk)
{
	struct place *place = &l->rejects.places[chunk->number];
	if (chunk->err != HLV_OK)
		return chunk->err;
	if (l->line_file != place->file)
		l->line = 1;
	l->line_file = place->file;
	if (place->seekable)
		place->line = l->line;
	l->line += chunk->lines;
	if (l->place.phase == LOAD_STREAM && !follows(l, chunk))
		HLV_TRY(stop_streaming(l, place));
	return l->place.phase == LOAD_STREAM ? stream_chunk(l, chunk) : keep_chunk(l, chunk);
}

static enum hlv_err take_chunk(struct load *l)
{
	struct load_chunk *chunk = load_pool_take(l->pool);
	enum hlv_err err = use_chunk(l, chunk);
	load_chunk_free(chunk);
	return err;
}

static enum hlv_err drain(struct load *l)
{
	while (load_pool_count(l->pool) > 0)
		HLV_TRY(take_chunk(l));
	return HLV_OK;
}

/* --- reading --- */

static enum hlv_err new_chunk(struct load *l, const struct place *place,
			      struct load_chunk **chunk)
{
	HLV_TRY(rejects_add_place(&l->rejects, place));
	*chunk = load_chunk_new();
	if (!*chunk)
		return HLV_E_NOMEM;
	(*chunk)->number = (uint32_t)(l->rejects.nplaces - 1);
	return HLV_OK;
}

static enum hlv_err read_lines(struct load *l, uint32_t file, int fd, uint64_t offset)
{
	for (;;) {
		struct load_chunk *chunk;
		uint64_t used = 0;
		struct place place = {.file = file, .seekable = true, .offset = offset};
		HLV_TRY(new_chunk(l, &place, &chunk));
		enum hlv_err err = load_lines_get(fd, offset, l->chunk, &chunk->text, &used);
		if (err != HLV_OK || used == 0) {
			load_chunk_free(chunk);
			return err;
		}
		offset += used;
		l->octets += used;
		load_pool_give(l->pool, chunk);
		if (load_pool_count(l->pool) > l->threads + 1)
			HLV_TRY(take_chunk(l));
	}
}

/* What follows in this input cannot be read. */
static void break_off(struct load *l, const struct load_chunk *chunk,
		      const struct source_record *rec)
{
	const char *file = l->o->files[l->rejects.places[chunk->number].file];
	l->broken = true;
	snprintf(l->result->why, sizeof l->result->why, "%.90s: line %" PRIu64 ": %.130s", file,
		 rec->line, rec->reason);
}

/* As much as makes one run; *end at the end of the input. */
static void read_run(struct load *l, struct source *source, struct load_chunk *chunk, bool *end)
{
	struct hlv_arena a;
	hlv_arena_init(&a, SIZE_MAX);
	while (chunk->run.octets.n < l->chunk && chunk->bad.n < CHUNK && chunk->err == HLV_OK) {
		struct source_record rec;
		hlv_arena_reset(&a);
		enum source_result result =
			source_next(source, (uint32_t)(l->o->now_ms / 1000), &a, &rec);
		*end = result == SOURCE_END || result == SOURCE_BROKEN;
		if (result == SOURCE_RECORD)
			load_chunk_put(chunk, &rec, (uint32_t)rec.line, 0);
		if (result == SOURCE_REJECTED || result == SOURCE_BROKEN)
			load_chunk_reject(chunk, &rec, (uint32_t)rec.line, 0);
		if (result == SOURCE_BROKEN)
			break_off(l, chunk, &rec);
		if (*end)
			break;
	}
	run_sort(&chunk->run);
	hlv_arena_fini(&a);
}

static enum hlv_err read_source(struct load *l, uint32_t file)
{
	struct source *source;
	struct place place = {.file = file};
	bool end = false;
	HLV_TRY(drain(l));
	HLV_TRY(source_open(l->inputs[file].format, l->o->files[file], &source,
			    l->result->why));
	uint64_t before = l->octets;
	enum hlv_err err = HLV_OK;
	while (!end && err == HLV_OK) {
		struct load_chunk *chunk;
		err = new_chunk(l, &place, &chunk);
		if (err != HLV_OK)
			break;
		read_run(l, source, chunk, &end);
		l->octets = before + source_done(source);
		err = use_chunk(l, chunk);
		load_chunk_free(chunk);
	}
	source_close(source);
	return err;
}

static enum hlv_err read_file(struct load *l, uint32_t file)
{
	uint64_t offset = file == l->place.file ? l->place.offset : 0;
	if (!l->inputs[file].lines)
		return read_source(l, file);
	int fd = open(l->o->files[file], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return say(l, HLV_E_IO, l->o->files[file], strerror(errno));
	enum hlv_err err = read_lines(l, file, fd, offset);
	close(fd);
	return err;
}

static enum hlv_err read_all(struct load *l)
{
	uint32_t first = l->place.file;
	for (uint32_t file = first; file < l->o->nfiles; file++)
		HLV_TRY(read_file(l, file));
	return drain(l);
}

/* --- writing what was sorted --- */

static enum hlv_err write_sorted(struct load *l)
{
	struct entry e;
	enum hlv_err err;
	if (l->place.phase == LOAD_READ) {
		l->place.phase = LOAD_MERGE;
		HLV_TRY(load_writer_mark(l->writer));
	}
	while ((err = merge_next(l->merge, &e)) == HLV_OK) {
		HLV_TRY(load_writer_add(l->writer, &e));
		if (++l->merged % (l->o->group ? l->o->group : TELL_EVERY) == 0)
			tell(l, true);
	}
	return err == HLV_E_NOT_FOUND ? HLV_OK : err;
}

static enum hlv_err run(struct load *l)
{
	for (size_t i = 0; i < l->o->nfiles; i++)
		HLV_TRY(look_at(l, i));
	HLV_TRY(begin(l));
	if (l->place.phase == LOAD_DONE)
		return HLV_OK;
	HLV_TRY(read_all(l));
	if (l->place.phase != LOAD_STREAM)
		HLV_TRY(write_sorted(l));
	HLV_TRY(load_writer_flush(l->writer));
	tell(l, l->place.phase != LOAD_STREAM);
	l->place.phase = LOAD_DONE;
	l->place.last.n = 0;
	HLV_TRY(load_writer_mark(l->writer));
	return rejects_sync(&l->rejects);
}

enum hlv_err load_run(struct store *store, const struct load_options *o,
		      struct load_result *result)
{
	*result = (struct load_result){0};
	if (o->nfiles == 0 || o->nfiles > LOAD_FILES_MAX)
		return HLV_E_USAGE;
	struct load *l = calloc(1, sizeof *l);
	if (!l)
		return HLV_E_NOMEM;
	l->o = o;
	l->result = result;
	l->store = store;
	l->threads = o->threads ? o->threads : THREADS;
	l->chunk = o->chunk ? o->chunk : CHUNK;
	rejects_init(&l->rejects, o);
	l->inputs = calloc(o->nfiles, sizeof *l->inputs);
	l->writer = load_writer_new(store, &l->rejects, &l->place);
	l->pool = load_pool_new(l->threads, (uint32_t)(o->now_ms / 1000));
	l->merge = merge_new();
	enum hlv_err err = HLV_E_NOMEM;
	if (l->inputs && l->writer && l->pool && l->merge)
		err = run(l);
	if (err == HLV_OK && l->broken)
		err = HLV_E_MALFORMED;
	if (err != HLV_OK && !result->why[0])
		snprintf(result->why, sizeof result->why, "%s", hlv_strerror(err));
	result->loaded = l->place.loaded;
	result->failed = l->place.failed;
	result->homed = l->place.homed;
	merge_free(l->merge);
	load_pool_free(l->pool);
	load_writer_free(l->writer);
	rejects_fini(&l->rejects);
	free(l->inputs);
	free(l);
	return err;
}
