/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/load_reject.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/net/json.h"

enum { INPUT_SHOWN = 65536 };

void rejects_init(struct rejects *r, const struct load_options *o)
{
	*r = (struct rejects){.o = o};
}

void rejects_fini(struct rejects *r)
{
	for (size_t i = 0; i < r->o->nfiles; i++)
		if (r->out[i])
			fclose(r->out[i]);
	hlv_buf_free(&r->text);
	free(r->places);
}

enum hlv_err rejects_add_place(struct rejects *r, const struct place *place)
{
	if (r->nplaces == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 256;
		struct place *places = realloc(r->places, cap * sizeof *places);
		if (!places)
			return HLV_E_NOMEM;
		r->places = places;
		r->cap = cap;
	}
	r->places[r->nplaces++] = *place;
	return HLV_OK;
}

static enum hlv_err make_name(const struct rejects *r, size_t file, char name[PATH_MAX])
{
	int n = snprintf(name, PATH_MAX, "%s.rejected", r->o->files[file]);
	return n < PATH_MAX ? HLV_OK : HLV_E_LIMIT;
}

enum hlv_err rejects_cut(struct rejects *r, const uint64_t *sizes, char *why)
{
	char name[PATH_MAX];
	for (size_t i = 0; i < r->o->nfiles; i++) {
		HLV_TRY(make_name(r, i, name));
		r->size[i] = sizes ? sizes[i] : 0;
		int rc = r->size[i] ? truncate(name, (off_t)r->size[i]) : unlink(name);
		if (rc != 0 && errno != ENOENT) {
			snprintf(why, STORE_WHY, "%.180s: %s", name, strerror(errno));
			return HLV_E_IO;
		}
	}
	return HLV_OK;
}

static enum hlv_err open_out(struct rejects *r, size_t file)
{
	char name[PATH_MAX];
	if (r->out[file])
		return HLV_OK;
	HLV_TRY(make_name(r, file, name));
	r->out[file] = fopen(name, "ae");
	return r->out[file] ? HLV_OK : HLV_E_IO;
}

/* The line at `offset` of an input file, as much of it as is shown. */
static void put_input(struct rejects *r, const char *file, uint64_t offset)
{
	char *line = malloc(INPUT_SHOWN);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = line && fd >= 0 ? pread(fd, line, INPUT_SHOWN, (off_t)offset) : 0;
	if (n > 0) {
		const char *end = memchr(line, '\n', (size_t)n);
		hlv_buf_str(&r->text, ",\"input\":");
		hlv_json_put_str(&r->text,
				 hlv_bytes(line, end ? (size_t)(end - line) : (size_t)n));
	}
	if (fd >= 0)
		close(fd);
	free(line);
}

enum hlv_err rejects_put(struct rejects *r, uint32_t chunk, uint32_t line, uint32_t at,
			 const char *reason)
{
	const struct place *place = &r->places[chunk];
	HLV_TRY(open_out(r, place->file));
	hlv_buf_clear(&r->text);
	hlv_buf_printf(&r->text, "{\"line\":%" PRIu64 ",\"reason\":", place->line + line);
	hlv_json_put_str(&r->text, hlv_text(reason));
	if (place->seekable)
		put_input(r, r->o->files[place->file], place->offset + at);
	hlv_buf_str(&r->text, "}\n");
	if (r->text.bad)
		return HLV_E_NOMEM;
	if (fwrite(r->text.p, r->text.n, 1, r->out[place->file]) != 1)
		return errno == ENOSPC ? HLV_E_FULL : HLV_E_IO;
	r->size[place->file] += r->text.n;
	r->dirty = true;
	return HLV_OK;
}

enum hlv_err rejects_sync(struct rejects *r)
{
	if (!r->dirty)
		return HLV_OK;
	for (size_t i = 0; i < r->o->nfiles; i++)
		if (r->out[i] && (fflush(r->out[i]) != 0 || fdatasync(fileno(r->out[i])) != 0))
			return errno == ENOSPC ? HLV_E_FULL : HLV_E_IO;
	r->dirty = false;
	return HLV_OK;
}
