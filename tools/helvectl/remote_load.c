/* SPDX-License-Identifier: Apache-2.0
 *
 * load over the wire: records in the order of the file, by chunks of our bulk operation where the
 * server offers it (docs/protocol.md), one by one elsewhere. The server keeps how far a job came
 * under a key that stands in FILE.load beside the file until the job is done: so a load that was
 * cut off goes on where it stood, and no chunk is registered twice.
 */
#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

#include "proto/net/file.h"
#include "proto/net/json.h"
#include "tools/helvectl/progress.h"
#include "tools/helvectl/remote.h"
#include "tools/helvectl/source.h"
#include "tools/helvectl/source_fast.h"

enum {
	KEY = 16,
	CHUNK_RECORDS = 4000,
	CHUNK_OCTETS = HLV_MESSAGE_MAX - 1024,
	CHUNK_HEAD = 1 + KEY + 8 + 4,
	WINDOW = 8, /* chunks under way */
	MESSAGE_ROOM = HLV_ENVELOPE_SIZE + HLV_MESSAGE_MAX,
	ARENA_LIMIT = 64 << 20,
	ALL_OR_NOTHING = 1,
	OVERWRITE = 2,
};

/* A chunk that was sent: which line each of its records is of. */
struct sent {
	uint32_t request_id, n;
	uint64_t lines[CHUNK_RECORDS];
};

struct remote_load {
	struct ctl *ctl;
	const struct load_options *o;
	struct remote r;
	bool bulk, pipelined;
	struct progress progress;
	uint64_t loaded, failed;
	/* Of the file that is being loaded: */
	const char *file;
	char key_file[PATH_MAX], rejected_file[PATH_MAX];
	uint8_t key[KEY];
	uint64_t position; /* records that were sent, or passed over */
	uint64_t done;	   /* that the server had already */
	FILE *lines, *rejected;
	char *line;
	size_t line_cap;
	uint64_t line_number;
	struct source *source; /* other formats than JSON Lines */
	struct hlv_arena arena;
	uint8_t *message; /* MESSAGE_ROOM */
	struct hlv_writer body;
	uint32_t in_body;
	struct sent sent[WINDOW], *filling; /* a ring */
	size_t head, tail; /* numbers of the next chunk and of the oldest one */
	struct hlv_buf answer;
	char why[HLV_TALK_WHY];
};

/* --- rejections --- */

static bool reject(struct remote_load *l, uint64_t line, struct hlv_bytes reason)
{
	struct hlv_buf text = {0};
	l->failed++;
	if (!l->rejected)
		l->rejected = fopen(l->rejected_file, "ae");
	if (!l->rejected) {
		snprintf(l->why, sizeof l->why, "%.200s: %s", l->rejected_file,
			 strerror(errno));
		return false;
	}
	hlv_buf_printf(&text, "{\"line\":%llu,\"reason\":", (unsigned long long)line);
	hlv_json_put_str(&text, reason);
	hlv_buf_str(&text, "}\n");
	bool ok = !text.bad && fwrite(text.p, 1, text.n, l->rejected) == text.n;
	hlv_buf_free(&text);
	return ok;
}

/* --- reading --- */

static enum source_result next_line(struct remote_load *l, struct source_record *rec)
{
	uint32_t now_s = (uint32_t)(l->o->now_ms / 1000);
	for (;;) {
		ssize_t n = getline(&l->line, &l->line_cap, l->lines);
		if (n < 0)
			return ferror(l->lines) ? SOURCE_BROKEN : SOURCE_END;
		l->line_number++;
		while (n > 0 && (l->line[n - 1] == '\n' || l->line[n - 1] == '\r'))
			n--;
		struct hlv_bytes text = hlv_bytes(l->line, (size_t)n);
		if (n == 0)
			continue;
		*rec = (struct source_record){.line = l->line_number};
		if (source_jsonl_fast(text, now_s, &l->arena, rec))
			return SOURCE_RECORD;
		*rec = (struct source_record){.line = l->line_number};
		return source_jsonl_line(text, now_s, &l->arena, rec) == HLV_OK
			       ? SOURCE_RECORD
			       : SOURCE_REJECTED;
	}
}

static enum source_result next_record(struct remote_load *l, struct source_record *rec)
{
	enum source_result result =
		l->source ? source_next(l->source, (uint32_t)(l->o->now_ms / 1000), &l->arena,
					rec)
			  : next_line(l, rec);
	if (!l->source)
		rec->line = l->line_number;
	return result;
}

/* --- answers --- */

static bool take_failures(struct remote_load *l, const struct sent *s, struct hlv_bytes octets)
{
	struct hlv_reader r = hlv_reader(octets);
	uint64_t position = hlv_get_u64(&r);
	uint32_t n = hlv_get_count(&r, 12);
	bool ok = !r.bad && n <= s->n, told[CHUNK_RECORDS] = {false};
	for (uint32_t i = 0; i < n && ok; i++) {
		uint32_t which = hlv_get_u32(&r);
		uint32_t rc = hlv_get_u32(&r);
		struct hlv_bytes text = hlv_get_lp32(&r);
		const char *code = hlv_rc_text(rc);
		if (text.n == 0)
			text = hlv_text(code ? code : "refused");
		ok = !r.bad && which < s->n && reject(l, s->lines[which], text);
		if (ok)
			told[which] = true;
	}
	/* A chunk that is refused whole: its others were not taken either. */
	for (uint32_t i = 0; i < s->n && ok && l->o->atomic && n > 0; i++)
		ok = told[i] ||
		     reject(l, s->lines[i], hlv_text("not taken: others of its chunk failed"));
	if (!ok) {
		if (!*l->why)
			snprintf(l->why, sizeof l->why, "an answer that cannot be read");
		return false;
	}
	if (l->o->atomic && n > 0)
		l->position = position;
	else
		l->loaded += s->n - n;
	progress_show(&l->progress, "records", l->loaded + l->failed, l->done + l->loaded, 0);
	return true;
}

static bool take_response(struct remote_load *l, const struct hlv_response *rs)
{
	const struct sent *s = &l->sent[l->tail++ % WINDOW];
	if (rs->rc == HLV_RC_SUCCESS)
		return take_failures(l, s, rs->octets);
	hlv_talk_refusal(rs, l->why);
	return false;
}

/* The oldest chunk's answer: the server answers a connection's changes in their order. */
static bool take_answer(struct remote_load *l)
{
	struct hlv_message m;
	struct hlv_response rs;
	hlv_buf_clear(&l->answer);
	enum hlv_err err =
		hlv_link_receive(hlv_talk_link(l->r.admin), &l->answer, HLV_TALK_PATIENCE_MS);
	if (err == HLV_OK)
		err = hlv_message_decode(hlv_buf_bytes(&l->answer), &m);
	if (err == HLV_OK)
		err = hlv_response_decode(&m, &rs);
	if (err == HLV_OK && m.env.request_id != l->sent[l->tail % WINDOW].request_id)
		err = HLV_E_MALFORMED;
	if (err == HLV_OK)
		return take_response(l, &rs);
	snprintf(l->why, sizeof l->why, "connection: %s", hlv_strerror(err));
	return false;
}

static bool drain(struct remote_load *l)
{
	while (l->tail < l->head)
		if (!take_answer(l))
			return false;
	return true;
}

/* --- chunks --- */

static void begin_chunk(struct remote_load *l)
{
	static uint8_t body[CHUNK_OCTETS];
	uint8_t flags = (uint8_t)((l->o->atomic ? ALL_OR_NOTHING : 0) |
				  (l->o->replace ? OVERWRITE : 0));
	l->body = hlv_writer(body, sizeof body);
	l->in_body = 0;
	l->filling = &l->sent[l->head % WINDOW];
	hlv_put_u8(&l->body, flags);
	hlv_put(&l->body, hlv_bytes(l->key, KEY));
	hlv_put_u64(&l->body, l->position);
	hlv_put_u32(&l->body, 0);
}

static bool send_pipelined(struct remote_load *l, struct hlv_request *rq)
{
	struct hlv_writer w = hlv_writer(l->message, MESSAGE_ROOM);
	while (l->head - l->tail >= WINDOW)
		if (!take_answer(l))
			return false;
	if (hlv_talk_prepare(l->r.admin, rq) != HLV_OK)
		return false;
	hlv_request_encode(&w, rq);
	l->filling->request_id = rq->m.env.request_id;
	l->head++;
	enum hlv_err err =
		hlv_link_send(hlv_talk_link(l->r.admin), hlv_written(&w), HLV_TALK_PATIENCE_MS);
	if (err != HLV_OK)
		snprintf(l->why, sizeof l->why, "connection: %s", hlv_strerror(err));
	return err == HLV_OK;
}

static bool send_chunk(struct remote_load *l)
{
	struct hlv_response rs;
	if (l->in_body == 0)
		return true;
	hlv_fill_u32(&l->body, CHUNK_HEAD - 4, l->in_body);
	l->filling->n = l->in_body;
	l->position += l->in_body;
	struct hlv_request rq = {.m.hdr.op = HLV_OP_HELVE_BULK,
				 .octets = hlv_written(&l->body)};
	bool ok;
	if (l->pipelined && !l->o->atomic) {
		ok = send_pipelined(l, &rq);
	} else {
		l->head++;
		ok = hlv_talk_ask(l->r.admin, &rq, &rs, l->why) == HLV_OK &&
		     take_response(l, &rs);
	}
	begin_chunk(l);
	return ok;
}

static bool add_to_chunk(struct remote_load *l, const struct source_record *rec)
{
	size_t before = l->body.n;
	while (l->head - l->tail >= WINDOW)
		if (!take_answer(l))
			return false;
	for (int i = 0; i < 2; i++) {
		hlv_put_lp32(&l->body, rec->handle);
		hlv_put(&l->body, rec->list);
		if (!l->body.bad)
			break;
		l->body.bad = false;
		l->body.n = before;
		if (l->in_body == 0)
			return reject(l, rec->line, hlv_text("too large for a message"));
		if (!send_chunk(l))
			return false;
		before = l->body.n;
	}
	l->filling->lines[l->in_body++] = rec->line;
	return l->in_body < CHUNK_RECORDS || send_chunk(l);
}

static bool create_one(struct remote_load *l, const struct source_record *rec)
{
	struct hlv_response rs;
	struct hlv_reader r = hlv_reader(rec->list);
	struct hlv_request rq = {.m.hdr = {.op = HLV_OP_CREATE_HANDLE,
					   .flags = l->o->replace ? HLV_F_OVERWRITE : 0},
				 .handle = rec->handle};
	if (hlv_values_decode(&r, &rq.values) != HLV_OK)
		return reject(l, rec->line, hlv_text("values that cannot be sent"));
	if (hlv_talk_ask(l->r.admin, &rq, &rs, l->why) != HLV_OK)
		return false;
	/* What is wrong with everything ends the load; what is wrong with this record does not. */
	if (rs.rc == HLV_RC_BUSY || rs.rc == HLV_RC_READ_ONLY || rs.rc / 100 == 5 ||
	    (rs.rc >= HLV_RC_AUTHENTICATION_NEEDED && rs.rc <= HLV_RC_UNABLE_TO_AUTHENTICATE)) {
		hlv_talk_refusal(&rs, l->why);
		return false;
	}
	if (rs.rc != HLV_RC_SUCCESS) {
		char text[HLV_TALK_WHY];
		return reject(l, rec->line, hlv_text(hlv_talk_refusal(&rs, text)));
	}
	l->loaded++;
	progress_show(&l->progress, "records", l->loaded + l->failed, l->loaded, 0);
	return true;
}

static bool take_record(struct remote_load *l, const struct source_record *rec)
{
	if (rec->homed && rec->list.n == 0)
		return reject(l, rec->line,
			      hlv_text("homes a prefix: say helvectl --server ... home"));
	if (!l->bulk)
		return create_one(l, rec);
	if (l->position + l->in_body < l->done) {
		l->position++;
		begin_chunk(l);
		return true;
	}
	return add_to_chunk(l, rec);
}

static bool load_records(struct remote_load *l)
{
	struct source_record rec = {0};
	begin_chunk(l);
	for (;;) {
		hlv_arena_reset(&l->arena);
		switch (next_record(l, &rec)) {
		case SOURCE_RECORD:
			if (!take_record(l, &rec))
				return false;
			break;
		case SOURCE_REJECTED:
			/* Those of what was done already were told then. */
			if (l->position >= l->done &&
			    !reject(l, rec.line, hlv_text(rec.reason)))
				return false;
			break;
		case SOURCE_BROKEN:
			snprintf(l->why, sizeof l->why, "%.120s: %.120s", l->file,
				 rec.reason[0] ? rec.reason : "cannot be read");
			(void)(send_chunk(l) && drain(l));
			return false;
		case SOURCE_END:
			return send_chunk(l) && drain(l);
		}
	}
}

/* --- the job's key, and how far it came --- */

static bool read_key(struct remote_load *l)
{
	struct hlv_buf text = {0}, octets = {0};
	char why[CTL_WHY] = "";
	bool ok = hlv_file_read(l->key_file, 4096, &text, why) == HLV_OK && text.n >= 2 * KEY &&
		  hlv_buf_unhex(&octets, hlv_head(hlv_buf_bytes(&text), 2 * KEY)) &&
		  octets.n == KEY;
	if (ok)
		memcpy(l->key, octets.p, KEY);
	hlv_buf_free(&text);
	hlv_buf_free(&octets);
	return ok;
}

static bool make_key(struct remote_load *l)
{
	struct hlv_buf text = {0};
	char why[CTL_WHY] = "";
	if (getrandom(l->key, KEY, 0) != KEY)
		return false;
	hlv_buf_hex(&text, hlv_bytes(l->key, KEY));
	hlv_buf_str(&text, "\n");
	bool ok = hlv_file_write(l->key_file, 0600, hlv_buf_bytes(&text), why) == HLV_OK;
	if (!ok)
		snprintf(l->why, sizeof l->why, "%.250s", why);
	hlv_buf_free(&text);
	return ok;
}

static bool ask_position(struct remote_load *l)
{
	struct hlv_response rs;
	begin_chunk(l);
	struct hlv_request rq = {.m.hdr.op = HLV_OP_HELVE_BULK,
				 .octets = hlv_written(&l->body)};
	if (hlv_talk_ask(l->r.admin, &rq, &rs, l->why) != HLV_OK)
		return false;
	if (rs.rc != HLV_RC_SUCCESS) {
		hlv_talk_refusal(&rs, l->why);
		return false;
	}
	struct hlv_reader r = hlv_reader(rs.octets);
	l->done = hlv_get_u64(&r);
	return !r.bad;
}

static bool begin_job(struct remote_load *l)
{
	l->position = l->done = 0;
	l->head = l->tail = 0;
	if (!l->bulk)
		return true;
	if (l->o->resume && read_key(l))
		return ask_position(l);
	return make_key(l);
}

/* --- files --- */

static bool open_file(struct remote_load *l)
{
	enum source_format format = l->o->format;
	snprintf(l->key_file, sizeof l->key_file, "%s.load", l->file);
	snprintf(l->rejected_file, sizeof l->rejected_file, "%s.rejected", l->file);
	if (!l->o->resume && remove(l->rejected_file) != 0 && errno != ENOENT) {
		snprintf(l->why, sizeof l->why, "%.200s: %s", l->rejected_file,
			 strerror(errno));
		return false;
	}
	if (l->o->guess && source_guess(l->file, &format, l->why) != HLV_OK)
		return false;
	if (format == SOURCE_BATCH) {
		snprintf(l->why, sizeof l->why,
			 "%.150s: a batch file: those are carried out beside the node only",
			 l->file);
		return false;
	}
	if (format != SOURCE_JSONL)
		return source_open(format, l->file, &l->source, l->why) == HLV_OK;
	l->lines = fopen(l->file, "re");
	if (!l->lines)
		snprintf(l->why, sizeof l->why, "%.200s: %s", l->file, strerror(errno));
	return l->lines != NULL;
}

static bool close_file(struct remote_load *l, bool ok)
{
	if (l->source)
		source_close(l->source);
	if (l->lines)
		fclose(l->lines);
	if (l->rejected && fclose(l->rejected) != 0 && ok) {
		snprintf(l->why, sizeof l->why, "%.200s: cannot be written", l->rejected_file);
		ok = false;
	}
	l->source = NULL;
	l->lines = l->rejected = NULL;
	l->line_number = 0;
	if (ok && l->bulk)
		(void)remove(l->key_file);
	return ok;
}

static bool load_files(struct remote_load *l)
{
	for (size_t i = 0; i < l->o->nfiles; i++) {
		l->file = l->o->files[i];
		bool ok = open_file(l) && begin_job(l) && load_records(l);
		if (!close_file(l, ok))
			return false;
	}
	return true;
}

/* Log in once; where there is no such thing, each request is challenged. */
static bool enter(struct remote_load *l)
{
	enum hlv_err err = hlv_talk_offers(l->r.admin, "bulk", &l->bulk, l->why);
	if (err != HLV_OK || !l->ctl->remote->auth)
		return err == HLV_OK;
	err = hlv_talk_login(l->r.admin, l->why);
	l->pipelined = err == HLV_OK;
	if (err == HLV_OK || err == HLV_E_UNSUPPORTED)
		l->why[0] = '\0';
	return err == HLV_OK || err == HLV_E_UNSUPPORTED;
}

static int tell(struct remote_load *l, bool ok)
{
	double seconds = progress_seconds(&l->progress);
	progress_end(&l->progress);
	printf(l->ctl->json
		       ? "{\"loaded\":%llu,\"failed\":%llu,\"seconds\":%.3f,\"rate\":%.0f}\n"
		       : "loaded=%llu failed=%llu seconds=%.3f rate=%.0f\n",
	       (unsigned long long)l->loaded, (unsigned long long)l->failed, seconds,
	       (double)l->loaded / seconds);
	if (!ok)
		return ctl_fail(l->ctl, "%s: %s%s", l->ctl->remote->server,
				*l->why ? l->why : "failed",
				l->bulk && !l->o->atomic ? "; go on with --resume" : "");
	if (l->failed > 0)
		return ctl_fail(l->ctl, "%llu rejected: line and reason of each are in %s%s",
				(unsigned long long)l->failed, l->rejected_file,
				l->o->nfiles > 1 ? " and the like" : "");
	return CTL_DONE;
}

int remote_load(struct ctl *ctl, const struct load_options *o)
{
	struct load_options options = *o;
	if (o->dry_run)
		return ctl_usage(ctl, "--dry-run needs no server");
	options.now_ms = ctl_now_ms();
	struct remote_load *l = calloc(1, sizeof *l);
	if (!l)
		return ctl_fail_err(ctl, "load", HLV_E_NOMEM);
	l->ctl = ctl;
	l->o = &options;
	l->message = malloc(MESSAGE_ROOM);
	hlv_arena_init(&l->arena, ARENA_LIMIT);
	int code = CTL_FAILED;
	if (l->message && remote_open(ctl, &l->r)) {
		progress_begin(&l->progress);
		bool ok = enter(l) && load_files(l);
		code = tell(l, ok);
	}
	remote_close(&l->r);
	hlv_arena_fini(&l->arena);
	hlv_buf_free(&l->answer);
	free(l->message);
	free(l->line);
	free(l);
	return code;
}
