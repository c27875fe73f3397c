/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/vectors/vectors.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/buf.h"

enum { ARENA_LIMIT = 64 << 20, WHY_MAX = 400, LINE_LEN = 1024, RULES_MAX = 512 };

static const struct {
	const char *name;
	bool (*check)(const struct vector *v);
} topics[] = {
#define X(topic) {#topic, topic_##topic},
	TOPICS(X)
#undef X
};

/* A line of explained.txt or deferred.txt: a glob over "topic/name", and why. */
struct rule {
	char glob[128];
	unsigned used; /* entries that it covered */
};

struct rules {
	struct rule rule[RULES_MAX];
	size_t n;
};

struct tally {
	unsigned passed, failed, explained, deferred;
};

static struct rules explained, deferred;

/* --- for the checkers --- */

bool vector_differs(const struct vector *v, const char *format, ...)
{
	if (v->why[0])
		return false;
	va_list ap;
	va_start(ap, format);
	vsnprintf(v->why, WHY_MAX, format, ap);
	va_end(ap);
	return false;
}

bool vector_u64(const struct vector *v, const char *what, uint64_t got, uint64_t want)
{
	if (got == want)
		return true;
	return vector_differs(v, "%s: %llu, expected %llu", what, (unsigned long long)got,
			      (unsigned long long)want);
}

bool vector_bool(const struct vector *v, const char *what, bool got, bool want)
{
	if (got == want)
		return true;
	return vector_differs(v, "%s: %s", what,
			      got ? "true, expected false" : "false, expected true");
}

bool vector_bytes(const struct vector *v, const char *what, struct hlv_bytes got,
		  struct hlv_bytes want)
{
	if (hlv_eq(got, want))
		return true;
	size_t at = 0;
	while (at < got.n && at < want.n && got.p[at] == want.p[at])
		at++;
	struct hlv_buf text = {0};
	size_t from = at < 4 ? 0 : at - 4;
	hlv_buf_printf(&text, "%s: %zu octets, expected %zu; from octet %zu on ", what, got.n,
		       want.n, at);
	hlv_buf_hex(&text, hlv_head(hlv_skip(got, from), 24));
	hlv_buf_str(&text, ", expected ");
	hlv_buf_hex(&text, hlv_head(hlv_skip(want, from), 24));
	vector_differs(v, "%s", text.p);
	hlv_buf_free(&text);
	return false;
}

static const cJSON *member(const cJSON *from, const char *name)
{
	if (!cJSON_IsArray(from))
		return cJSON_GetObjectItemCaseSensitive(from, name);
	return cJSON_GetArrayItem(from, (int)strtol(name, NULL, 10));
}

const cJSON *js_get(const cJSON *from, const char *path)
{
	while (from && *path) {
		char name[64];
		size_t n = strcspn(path, ".");
		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		from = member(from, name);
		path += path[n] ? n + 1 : n;
	}
	return from;
}

bool js_has(const cJSON *from, const char *path)
{
	const cJSON *item = js_get(from, path);
	return item && !cJSON_IsNull(item);
}

uint64_t js_u64(const cJSON *from, const char *path)
{
	const cJSON *item = js_get(from, path);
	if (cJSON_IsString(item) && item->valuestring[0] == '-')
		return (uint64_t)strtoll(item->valuestring, NULL, 10);
	if (cJSON_IsString(item))
		return strtoull(item->valuestring, NULL, 10);
	if (!cJSON_IsNumber(item))
		return 0;
	return item->valuedouble < 0 ? (uint64_t)(int64_t)item->valuedouble
				     : (uint64_t)item->valuedouble;
}

bool js_bool(const cJSON *from, const char *path)
{
	return cJSON_IsTrue(js_get(from, path));
}

const char *js_str(const cJSON *from, const char *path)
{
	return cJSON_GetStringValue(js_get(from, path));
}

struct hlv_bytes js_text(const cJSON *from, const char *path)
{
	const char *s = js_str(from, path);
	return s ? hlv_text(s) : (struct hlv_bytes){0};
}

struct hlv_bytes js_hex(const struct vector *v, const cJSON *from, const char *path)
{
	struct hlv_buf octets = {0};
	if (!hlv_buf_unhex(&octets, js_text(from, path)))
		vector_differs(v, "%s: not hex in the vector itself", path);
	struct hlv_bytes b = hlv_arena_copy(v->arena, hlv_buf_bytes(&octets));
	hlv_buf_free(&octets);
	return b;
}

/* --- the walk over the files --- */

static bool read_file(const char *path, struct hlv_buf *out)
{
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	for (;;) {
		char *room = hlv_buf_room(out, 65536);
		if (!room)
			break;
		size_t n = fread(room, 1, 65536, f);
		out->n -= 65536 - n;
		if (n == 0)
			break;
	}
	bool ok = !ferror(f) && !out->bad;
	fclose(f);
	return ok;
}

/* "glob  reason" a line; '#' begins a comment. A file that is absent has no rules. */
static bool read_rules(const char *path, struct rules *rules)
{
	FILE *f = fopen(path, "re");
	char line[LINE_LEN];
	while (f && fgets(line, sizeof(line), f)) {
		size_t n = strcspn(line, " \t\n");
		if (n == 0 || line[0] == '#')
			continue;
		size_t reason = n + strspn(line + n, " \t");
		if (rules->n == RULES_MAX || n >= sizeof(rules->rule[0].glob) ||
		    line[reason] == '\n' || line[reason] == '\0') {
			fprintf(stderr, "%s: a rule without a reason, or too many: %s", path,
				line);
			fclose(f);
			return false;
		}
		struct rule *rule = &rules->rule[rules->n++];
		memcpy(rule->glob, line, n);
		rule->glob[n] = '\0';
	}
	if (f)
		fclose(f);
	return true;
}

static struct rule *find_rule(struct rules *rules, const struct vector *v)
{
	char name[256];
	snprintf(name, sizeof(name), "%s/%s", v->topic, v->name);
	for (size_t i = 0; i < rules->n; i++)
		if (fnmatch(rules->rule[i].glob, name, 0) == 0)
			return &rules->rule[i];
	return NULL;
}

static void check_entry(struct vector *v, bool (*check)(const struct vector *v),
			struct tally *tally)
{
	struct rule *rule = find_rule(&explained, v);
	struct rule *later = find_rule(&deferred, v);
	bool ok = check ? check(v) : later || vector_differs(v, "no checker for this topic");
	if (v->arena->bad)
		ok = vector_differs(v, "the arena ran out");
	if (ok && v->why[0])
		ok = false;
	if (rule)
		rule->used++;
	if (rule && ok) {
		ok = vector_differs(v, "stale: explained as different, but it passes");
	} else if (rule) {
		tally->explained++;
		return;
	}
	if (later)
		later->used++;
	if (ok && later) {
		tally->deferred++;
		return;
	}
	if (ok) {
		tally->passed++;
		return;
	}
	tally->failed++;
	printf("  %s/%s: %s\n", v->topic, v->name, v->why[0] ? v->why : "differs");
}

static void check_json(const char *topic, bool (*check)(const struct vector *v),
		       const cJSON *entry, struct hlv_arena *arena, struct tally *tally)
{
	char why[WHY_MAX] = "";
	struct vector v = {
		.topic = topic,
		.decoded = js_get(entry, "decoded"),
		.entry = entry,
		.arena = arena,
		.why = why,
	};
	v.name = js_str(entry, "name") ? js_str(entry, "name") : "(unnamed)";
	v.description = js_str(entry, "description") ? js_str(entry, "description") : "";
	v.hex = js_hex(&v, entry, "hex");
	check_entry(&v, check, tally);
	hlv_arena_reset(arena);
}

static bool check_topic(const char *dir, const char *topic, struct tally *total)
{
	char path[LINE_LEN];
	snprintf(path, sizeof(path), "%s/%s.json", dir, topic);
	struct hlv_buf text = {0};
	cJSON *list = read_file(path, &text) ? cJSON_ParseWithLength(text.p, text.n) : NULL;
	hlv_buf_free(&text);
	if (!cJSON_IsArray(list)) {
		printf("  %s: not readable as a JSON array\n", path);
		cJSON_Delete(list);
		return false;
	}
	bool (*check)(const struct vector *v) = NULL;
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
		if (strcmp(topics[i].name, topic) == 0)
			check = topics[i].check;

	struct tally tally = {0};
	struct hlv_arena arena;
	hlv_arena_init(&arena, ARENA_LIMIT);
	const cJSON *entry;
	cJSON_ArrayForEach (entry, list)
		check_json(topic, check, entry, &arena, &tally);
	hlv_arena_fini(&arena);
	cJSON_Delete(list);

	printf("%s %u/%u (explained %u)", topic, tally.passed,
	       tally.passed + tally.failed + tally.explained, tally.explained);
	printf(tally.deferred ? " deferred %u\n" : "\n", tally.deferred);
	total->passed += tally.passed;
	total->failed += tally.failed;
	total->explained += tally.explained;
	total->deferred += tally.deferred;
	return true;
}

static int is_json(const struct dirent *entry)
{
	return fnmatch("*.json", entry->d_name, 0) == 0;
}

/* A rule that covers nothing is as stale as one whose entries pass. Only where the topic's file
 * was there: a folder may hold some of the topics. */
static unsigned stale_rules(const char *dir, const char *file, const struct rules *rules)
{
	unsigned n = 0;
	for (size_t i = 0; i < rules->n; i++) {
		const char *glob = rules->rule[i].glob;
		char path[LINE_LEN];
		snprintf(path, sizeof(path), "%s/%.*s.json", dir, (int)strcspn(glob, "/"),
			 glob);
		FILE *f = rules->rule[i].used ? NULL : fopen(path, "re");
		if (!f)
			continue;
		fclose(f);
		printf("  %s: stale: no entry matches %s\n", file, glob);
		n++;
	}
	return n;
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : VECTORS_DIR;
	if (!read_rules(VECTORS_DIR "/explained.txt", &explained) ||
	    !read_rules(VECTORS_DIR "/deferred.txt", &deferred))
		return 1;
	struct dirent **files;
	int n = scandir(dir, &files, is_json, alphasort);
	if (n <= 0) {
		fprintf(stderr, "%s: no *.json files to check\n", dir);
		return 1;
	}
	struct tally total = {0};
	for (int i = 0; i < n; i++) {
		files[i]->d_name[strlen(files[i]->d_name) - strlen(".json")] = '\0';
		if (!check_topic(dir, files[i]->d_name, &total))
			total.failed++;
		free(files[i]);
	}
	free(files);
	total.failed += stale_rules(dir, "explained.txt", &explained);
	total.failed += stale_rules(dir, "deferred.txt", &deferred);
	if (total.explained || total.deferred)
		printf("%u differ as explained, %u deferred\n", total.explained,
		       total.deferred);
	printf("%u passed, %u failed\n", total.passed, total.failed);
	return total.failed ? 1 : 0;
}
