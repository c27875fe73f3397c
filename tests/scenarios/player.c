/* SPDX-License-Identifier: Apache-2.0
 *
 * Plays scenario files (*.scn): the resolver's engine and cache in a simulated world (tests/sim), step
 * by step, told in text. Usage: player [-v] FILE|FOLDER...; the last line is "N passed, N failed".
 *
 * A file is lines of words; "quoted words" may hold blanks; '#' begins a comment. The first line
 * says which rule it is for: "# R4: ...". A line "expect" that is not met, anything false, unsigned
 * under a rule or too old that reaches a client, a question that is answered twice or never, fails the
 * scenario, and the message says which line.
 *
 * The world, before the first step:
 *   option NAME VALUE    stale prefetch ttl-min ttl-max negative cache (numbers), aliases on|off,
 *                        unsigned allow|log|refuse, insecure yes, refresh-root yes, seed N
 *   zone PREFIX [key] [servers=N] [mirrors=N] [ttl=S] [hash=N] [service] [tls] [shared] [keyless]
 *                        "." is the root and comes first. Its nodes are PREFIX#1, PREFIX#2 ... ("root#1");
 *                        `key`: they sign; `service`: the parent names a service handle; `shared`: on
 *                        the parent's nodes; `keyless`: the parent's record names no key
 *   put ID gN [ttl=S]    register a record of generation N
 *   value ID INDEX TYPE DATA [ttl=S]   add a value to a record of one's own making. DATA: text,
 *                        site:NODE[,NODE...], fat:NODE (a site record over 16 KiB), key:ROLE
 *   sign ID ROLE ISSUER [life=S]   an HS_SIGNATURE over those values;  cert ID SUBJECT ROLE ISSUER ISSUER-ROLE
 *                        [life=S]: an HS_CERT in the record of ID: the role's key is the subject's
 *   must-sign PREFIX [SIGNER]    start PREFIX ZONE (a stub)    forward PREFIX NODE
 *   anchor ROLE [PREFIX] [SUBJECT]     beside the root's own
 *
 * Steps:
 *   ask ID [client=N] [at] [as NAME] [nowait]   and wait for the answer, or for `settle`
 *   expect [NAME] WORD...   of the last answer, or that one: CODE, gN, secure|insecure, stale|fresh,
 *                        refused (nothing shown), within=MS, after=MS, cache|engine, "why=TEXT" (a part
 *                        of it), TYPE="DATA", open, values=N, packets=N, packets<=N
 *   packets <=N | =N     sent upstream since `mark`, or since the last `ask` began
 *   streams =N | <=N | >=N    the same, TCP and TLS alone;  asked NODE =N|<=N|>=N: what came there
 *   settle [TIME]  advance TIME  mark  flush PATTERN  refresh ID  rounds N ID (N times `ask`)
 *   cut WHO | heal WHO | down WHO | up WHO       WHO: a node, a zone's prefix (its nodes), or all
 *   line WHO [loss=N] [dup=N] [delay=N] [jitter=N] [stream=ok|refused|silent|reset] [stubs]
 *   lie WHO KIND [signed] [about ID] [to NODE]   (world.h has the kinds);  truth WHO
 *   put, value, remove ID, publish PREFIX, unpublish PREFIX, home PREFIX NODE, unhome PREFIX
 *   ttl PREFIX S (of the parent's record)   rekey PREFIX ROLE   move PREFIX (to new addresses)
 *   restart keep|empty   jump TIME (the wall clock)   spoof N (forged datagrams for each of ours)
 *   excuse ID            what is said of it is not compared with the registry
 *   stat NAME =N|<=N|>=N of the engine;  anchors N STATE;  written =N|>=N: times the file was
 * TIME: 5ms 30s 10m 2h 3d.
 */
#include <dirent.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "tests/scenarios/player.h"

void play_fail(struct play *p, const char *format, ...)
{
	if (p->failed)
		return;
	p->failed = true;
	va_list args;
	va_start(args, format);
	vsnprintf(p->why, sizeof p->why, format, args);
	va_end(args);
}

/* In place; returns how many words. */
static size_t split(char *line, char **words)
{
	size_t n = 0;
	while (n < WORDS_MAX) {
		line += strspn(line, " \t\r\n");
		if (!*line || *line == '#')
			break;
		char *out = line;
		words[n++] = out;
		bool quoted = false;
		for (; *line && (quoted || !strchr(" \t\r\n", *line)); line++) {
			if (*line == '"')
				quoted = !quoted;
			else
				*out++ = *line;
		}
		bool more = *line != 0;
		*out = 0;
		if (!more)
			break;
		line++;
	}
	return n;
}

static void finish(struct play *p)
{
	char wrong[512] = "";
	if (!p->started && !p->failed)
		play_begin(p);
	if (!p->failed)
		world_advance(p->w, 10 * SECOND);
	if (!world_end(p->w, wrong) && !p->failed)
		play_fail(p, "%s", wrong);
	town_free(&p->town);
	while (p->records) {
		struct record_sim *r = p->records;
		p->records = r->next;
		free(r);
	}
}

static bool play(const char *path, bool verbose)
{
	char text[LINE_MAX_], first[128] = "";
	FILE *f = fopen(path, "r");
	if (!f) {
		printf("%s: cannot be read\n", path);
		return false;
	}
	struct play p = {.path = path};
	p.o = (struct world_options){.seed = 1,
				     .stale_s = 3 * 86400,
				     .ttl_max_s = 86400,
				     .negative_max_s = 300,
				     .cache_octets = 4 << 20,
				     .follow_aliases = true};
	p.w = world_new(&p.o);
	p.w->verbose = verbose;
	p.town.w = p.w;
	while (!p.failed && fgets(text, sizeof text, f)) {
		char *words[WORDS_MAX];
		p.line++;
		if (p.line == 1) {
			snprintf(first, sizeof first, "%s", text);
			first[strcspn(first, "\n")] = 0;
		}
		size_t n = split(text, words);
		if (n == 0)
			continue;
		if (verbose)
			printf("%s:%u: %s %s\n", path, p.line, words[0], n > 1 ? words[1] : "");
		play_line(&p, words, n);
		if (p.w->wrong[0])
			play_fail(&p, "%s", p.w->wrong);
	}
	fclose(f);
	if (strncmp(first, "# ", 2) != 0 || !strchr(first, ':'))
		play_fail(&p, "the first line does not say which rule it is for");
	finish(&p);
	if (p.failed)
		printf("%s:%u: %s\n    (%s)\n", path, p.line, p.why, first);
	return !p.failed;
}

static int is_scenario(const struct dirent *e)
{
	size_t n = strlen(e->d_name);
	return n > 4 && strcmp(e->d_name + n - 4, ".scn") == 0;
}

static void play_all(const char *path, bool verbose, unsigned *passed, unsigned *failed)
{
	struct dirent **list;
	struct stat st;
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		*(play(path, verbose) ? passed : failed) += 1;
		return;
	}
	int n = scandir(path, &list, is_scenario, alphasort);
	for (int i = 0; i < n; i++) {
		char file[4096];
		snprintf(file, sizeof file, "%s/%s", path, list[i]->d_name);
		*(play(file, verbose) ? passed : failed) += 1;
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	if (n <= 0) {
		printf("%s: no scenarios\n", path);
		*failed += 1;
	}
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;
	bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	if (argc - verbose < 2) {
		fputs("usage: player [-v] FILE|FOLDER...\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1 + verbose; i < argc; i++)
		play_all(argv[i], verbose, &passed, &failed);
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0;
}
