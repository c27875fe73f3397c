/* SPDX-License-Identifier: Apache-2.0
 *
 * cache show, flush, dump, load, stats: what a running helver remembers, by its control socket. A
 * long answer comes in pieces, each entry on a line of its own, and is handed on line by line.
 */
#include <errno.h>
#include <stdlib.h>

#include "proto/net/json_tree.h"
#include "tools/helvectl/live.h"
#include "tools/helvectl/progress.h"
#include "tools/helvectl/show_record.h"

enum {
	ARENA_LIMIT = 16 << 20,
	PLACE_MAX = 24,
	/* Of a request to load; and of one line of a dump: what no request can hold is no entry. */
	LOAD_OCTETS = 60000,
	LINE_MAX_OCTETS = 250000,
};

/* One parsed answer. */
struct answer {
	struct hlv_buf text;
	struct hlv_arena arena;
	struct hlv_json json;
	struct hlv_json_error error;
};

static void answer_fini(struct answer *a)
{
	hlv_arena_fini(&a->arena);
	hlv_buf_free(&a->text);
}

/* Asks and parses; a line is told on failure. answer_fini() either way. */
static bool ask(struct ctl *ctl, const char *verb, const char *arguments, struct answer *a)
{
	*a = (struct answer){0};
	hlv_arena_init(&a->arena, ARENA_LIMIT);
	if (!live_control(ctl, verb, arguments, &a->text))
		return false;
	if (hlv_json_read(&a->json, hlv_buf_bytes(&a->text), &a->arena, &a->error) == HLV_OK)
		return true;
	ctl_fail(ctl, "the server's answer cannot be read: %s", a->error.text);
	return false;
}

static long long number(const struct hlv_json_node *object, const char *name)
{
	int64_t n = 0;
	(void)hlv_json_integer(hlv_json_member(object, name), &n);
	return n;
}

static const char *text_of(const struct hlv_json_node *object, const char *name)
{
	struct hlv_bytes text = hlv_json_text(hlv_json_member(object, name));
	return text.n ? (const char *)text.p : "";
}

/* --- stats --- */

static int stats(struct ctl *ctl)
{
	static const char *const rows[] = {"entries",	 "octets",    "max",  "hits",
					   "stale_hits", "misses",    "puts", "evicted",
					   "expired",	 "prefetches"};
	struct answer a;
	bool ok = ask(ctl, "cache stats", "{}", &a);
	if (ok && ctl->json)
		puts(a.text.p);
	for (size_t i = 0; ok && !ctl->json && i < sizeof rows / sizeof *rows; i++)
		printf("%-12s %lld\n", rows[i], number(a.json.root, rows[i]));
	long long found = number(a.json.root, "hits") + number(a.json.root, "stale_hits");
	long long asked = found + number(a.json.root, "misses");
	if (ok && !ctl->json && asked > 0)
		printf("%-12s %.1f %%\n", "hit rate", 100.0 * (double)found / (double)asked);
	answer_fini(&a);
	return ok ? CTL_DONE : CTL_FAILED;
}

/* --- flush --- */

static int flush(struct ctl *ctl, const char *pattern)
{
	struct hlv_buf arguments = {0};
	struct answer a;
	hlv_buf_str(&arguments, "{\"pattern\":");
	hlv_json_put_str(&arguments, hlv_text(pattern));
	hlv_buf_str(&arguments, "}");
	bool ok = ask(ctl, "cache flush", arguments.p ? arguments.p : "", &a);
	if (ok && ctl->json)
		puts(a.text.p);
	else if (ok)
		printf("%lld flushed\n", number(a.json.root, "flushed"));
	hlv_buf_free(&arguments);
	answer_fini(&a);
	return ok ? CTL_DONE : CTL_FAILED;
}

/* --- show, dump: piece by piece --- */

struct pages {
	struct ctl *ctl;
	FILE *out;
	struct hlv_json *json; /* the answer in hand */
	bool (*entry)(struct pages *p, const struct hlv_json_node *entry,
		      struct hlv_bytes line);
	uint64_t n, total;
	long long omitted;
};

static void page_arguments(struct hlv_buf *b, const char *pattern, const char *place)
{
	hlv_buf_clear(b);
	hlv_buf_str(b, "{\"pattern\":");
	hlv_json_put_str(b, hlv_text(pattern));
	hlv_buf_printf(b, ",\"place\":\"%s\"}", place);
}

/* The entries of one answer, and the lines on which they stand. */
static bool page(struct pages *p, struct answer *a)
{
	p->json = &a->json;
	const struct hlv_json_node *entry =
		hlv_json_first(hlv_json_member(a->json.root, "entries"));
	const char *line = strchr(a->text.p, '\n');
	for (; entry && line; entry = hlv_json_next(entry)) {
		size_t n = strcspn(++line, "\n");
		const char *next = line[n] ? line + n : NULL;
		if (n > 0 && line[n - 1] == ',')
			n--;
		if (!p->entry(p, entry, hlv_bytes(line, n)))
			return false;
		p->n++;
		line = next;
	}
	p->omitted += number(a->json.root, "omitted");
	return true;
}

static bool all_pages(struct pages *p, const char *verb, const char *pattern)
{
	struct hlv_buf arguments = {0};
	struct progress progress;
	char place[PLACE_MAX] = "";
	bool ok = true, more = true;
	progress_begin(&progress);
	while (ok && more) {
		struct answer a;
		page_arguments(&arguments, pattern, place);
		ok = arguments.p && ask(p->ctl, verb, arguments.p, &a);
		if (ok)
			ok = page(p, &a);
		if (ok)
			snprintf(place, sizeof place, "%s", text_of(a.json.root, "place"));
		more = *place != '\0';
		answer_fini(&a);
		progress_show(&progress, "entries", p->n, p->n, p->total);
	}
	progress_end(&progress);
	hlv_buf_free(&arguments);
	return ok;
}

/* `octets_max` of data have room. */
static void put_values(struct hlv_buf *b, struct hlv_json *json,
		       const struct hlv_json_node *list, size_t octets_max)
{
	uint8_t *room = hlv_alloc_raw(json->a, octets_max);
	for (const struct hlv_json_node *n = hlv_json_first(list); n && room;
	     n = hlv_json_next(n)) {
		struct hlv_writer data = hlv_writer(room, octets_max);
		struct hlv_value v = {.index = (uint32_t)number(n, "index"),
				      .type = hlv_json_text(hlv_json_member(n, "type"))};
		if (hlv_json_get_data(json, hlv_json_member(n, "data"), &data) != HLV_OK)
			continue;
		v.data = hlv_written(&data);
		hlv_buf_str(b, "  ");
		show_value_line(b, &v, SHOW_NO_SECRETS);
	}
}

static bool show_entry(struct pages *p, const struct hlv_json_node *e, struct hlv_bytes line)
{
	if (p->ctl->json) {
		printf("%s\n%.*s", p->n ? "," : "", (int)line.n, (const char *)line.p);
		return true;
	}
	const char *what = number(e, "code") == 100		    ? "not found"
			   : number(e, "code") == 200		    ? "no values"
			   : strcmp(text_of(e, "kind"), "cut") == 0 ? "derived prefixes"
			   : strcmp(text_of(e, "kind"), "way") == 0 ? "above, as it seems"
								    : "record";
	const struct hlv_json_node *values = hlv_json_member(e, "record");
	struct hlv_buf b = {0};
	show_text(&b, hlv_json_text(hlv_json_member(e, "id")));
	hlv_buf_printf(&b, "  %s  %s  values=%lld left=%lld s hits=%lld octets=%lld\n",
		       text_of(e, "proof"), what, number(e, "values"), number(e, "left"),
		       number(e, "hits"), number(e, "octets"));
	if (hlv_json_kind(values) == HLV_JSON_ARRAY) /* of one identifier alone */
		put_values(&b, p->json, values, line.n);
	if (!b.bad)
		fwrite(b.p, 1, b.n, p->out);
	hlv_buf_free(&b);
	return true;
}

static int show(struct ctl *ctl, const char *pattern)
{
	struct pages p = {.ctl = ctl, .out = stdout, .entry = show_entry};
	if (ctl->json)
		fputs("{\"entries\":[", stdout);
	bool ok = all_pages(&p, "cache show", pattern);
	if (ctl->json)
		fputs("\n]}\n", stdout);
	else if (ok && p.n == 0)
		fputs("nothing\n", stderr);
	return ok ? CTL_DONE : CTL_FAILED;
}

static bool dump_entry(struct pages *p, const struct hlv_json_node *e, struct hlv_bytes line)
{
	(void)e;
	if (fwrite(line.p, 1, line.n, p->out) == line.n && fputc('\n', p->out) != EOF)
		return true;
	ctl_fail(p->ctl, "writing: %s", strerror(errno));
	return false;
}

static uint64_t count_entries(struct ctl *ctl)
{
	struct answer a;
	long long n = ask(ctl, "cache stats", "{}", &a) ? number(a.json.root, "entries") : 0;
	answer_fini(&a);
	return (uint64_t)n;
}

static int dump(struct ctl *ctl, const char *file, const char *pattern)
{
	struct pages p = {.ctl = ctl, .out = stdout, .entry = dump_entry};
	bool to_file = strcmp(file, "-") != 0;
	if (to_file)
		p.out = fopen(file, "we");
	if (!p.out)
		return ctl_fail(ctl, "%s: %s", file, strerror(errno));
	if (!*pattern)
		p.total = count_entries(ctl);
	bool ok = all_pages(&p, "cache dump", pattern);
	if ((to_file ? fclose(p.out) : fflush(p.out)) != 0 && ok) {
		ctl_fail(ctl, "%s: %s", file, strerror(errno));
		ok = false;
	}
	if (!ok)
		return CTL_FAILED;
	if (p.omitted)
		fprintf(stderr, "%lld left out: too large for one message\n", p.omitted);
	if (to_file && ctl->json)
		printf("{\"dumped\":%llu}\n", (unsigned long long)p.n);
	else if (to_file)
		printf("%llu dumped\n", (unsigned long long)p.n);
	return CTL_DONE;
}

/* --- load --- */

struct loading {
	struct ctl *ctl;
	struct hlv_buf request;
	unsigned waiting; /* entries in the request */
	long long read, taken, refused;
	unsigned long long line;
};

static bool load_send(struct loading *l)
{
	struct answer a;
	if (l->waiting == 0)
		return true;
	hlv_buf_str(&l->request, "]}");
	bool ok = !l->request.bad && ask(l->ctl, "cache load", l->request.p, &a);
	if (ok) {
		l->read += number(a.json.root, "read");
		l->taken += number(a.json.root, "taken");
		l->refused += number(a.json.root, "refused");
	}
	answer_fini(&a);
	l->waiting = 0;
	hlv_buf_clear(&l->request);
	return ok;
}

/* One line of a dump goes along; what is none is told and counted. */
static bool load_line(struct loading *l, struct hlv_bytes line)
{
	struct hlv_arena arena;
	struct hlv_json json;
	struct hlv_json_error error;
	struct hlv_bytes finding = {0};
	bool ok = true;
	hlv_arena_init(&arena, ARENA_LIMIT);
	if (line.n <= LINE_MAX_OCTETS && hlv_json_read(&json, line, &arena, &error) == HLV_OK)
		finding = hlv_json_text(hlv_json_member(json.root, "finding"));
	if (finding.n == 0) {
		fprintf(stderr, "line %llu: no entry of a dump\n", l->line);
		l->refused++;
	} else {
		if (l->waiting > 0 && l->request.n + finding.n > LOAD_OCTETS)
			ok = load_send(l);
		hlv_buf_str(&l->request, l->waiting++ ? "," : "{\"entries\":[");
		hlv_json_put_str(&l->request, finding);
	}
	hlv_arena_fini(&arena);
	return ok;
}

static bool load_file(struct loading *l, FILE *in, uint64_t size)
{
	struct progress progress;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	uint64_t done = 0;
	bool ok = true;
	progress_begin(&progress);
	while (ok && (n = getline(&line, &cap, in)) > 0) {
		l->line++;
		done += (uint64_t)n;
		if (line[n - 1] == '\n')
			n--;
		if (n > 0)
			ok = load_line(l, hlv_bytes(line, (size_t)n));
		progress_show(&progress, "entries", l->line, done, size);
	}
	ok = ok && load_send(l);
	progress_end(&progress);
	free(line);
	return ok;
}

static int load(struct ctl *ctl, const char *file)
{
	struct loading l = {.ctl = ctl};
	FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	if (!in)
		return ctl_fail(ctl, "%s: %s", file, strerror(errno));
	uint64_t size = 0;
	if (in != stdin && fseek(in, 0, SEEK_END) == 0) {
		size = (uint64_t)ftell(in);
		rewind(in);
	}
	bool ok = load_file(&l, in, size);
	if (in != stdin)
		fclose(in);
	hlv_buf_free(&l.request);
	if (!ok)
		return CTL_FAILED;
	printf(ctl->json ? "{\"read\":%lld,\"taken\":%lld,\"refused\":%lld}\n"
			 : "%lld read, %lld taken, %lld refused\n",
	       l.read, l.taken, l.refused);
	return l.refused ? CTL_FAILED : CTL_DONE;
}

int cmd_cache(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"socket", required_argument, NULL, 's'}, {0}};
	int c;
	ctl_options_begin();
	while ((c = ctl_option(ctl, argc, argv, options)) != -1) {
		if (c == '?')
			return CTL_USAGE;
		ctl->socket = optarg;
	}
	const char *what = optind < argc ? argv[optind++] : "";
	const char *first = optind < argc ? argv[optind++] : NULL;
	const char *second = optind < argc ? argv[optind++] : NULL;
	if (optind < argc)
		return ctl_usage(ctl, "what is '%s'?", argv[optind]);
	if (strcmp(what, "stats") == 0 && !first)
		return stats(ctl);
	if (strcmp(what, "show") == 0 && !second)
		return show(ctl, first ? first : "");
	if (strcmp(what, "flush") == 0 && first && !second)
		return flush(ctl, strcmp(first, "all") == 0 ? "" : first);
	if (strcmp(what, "dump") == 0 && first)
		return dump(ctl, first, second ? second : "");
	if (strcmp(what, "load") == 0 && first && !second)
		return load(ctl, first);
	return ctl_usage(ctl,
			 "expected cache stats, show [WHAT], flush WHAT, dump FILE [WHAT] or "
			 "load FILE; WHAT is an identifier, a prefix 'P/', a prefix and all "
			 "below 'P.*', or a pattern with * and ?; flush takes 'all'");
}
