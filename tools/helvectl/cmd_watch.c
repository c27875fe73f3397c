/* SPDX-License-Identifier: Apache-2.0
 *
 * slow, chain: what a running server says for those who watch it: which questions took long, and how an
 * answer came to be believed.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/net/addr.h"
#include "proto/net/json_tree.h"
#include "tools/helvectl/live.h"

enum { JSON_ARENA = 8 << 20, ANSWER_MAX = 1 << 20, PATIENCE_S = 15 };

static const struct option no_options[] = {{0}};
static const struct option chain_options[] = {{"http", required_argument, NULL, 'H'}, {0}};

static struct hlv_bytes text_of(const struct hlv_json_node *object, const char *name)
{
	return hlv_json_text(hlv_json_member(object, name));
}

/* What others sent may hold anything but what moves the cursor. */
static void print_text(struct hlv_bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		putchar(text.p[i] < 0x20 || text.p[i] == 0x7F ? '?' : text.p[i]);
}

/* --- slow --- */

static void print_slow(const struct hlv_json_node *list)
{
	static const char *const columns[] = {"time", "source", "proto", "op", "handle"};
	for (const struct hlv_json_node *s = hlv_json_first(list); s; s = hlv_json_next(s)) {
		int64_t us = 0, batch = 0;
		(void)hlv_json_integer(hlv_json_member(s, "us"), &us);
		printf("%10.1f ms", (double)us / 1000);
		for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
			printf("  ");
			print_text(text_of(s, columns[i]));
		}
		if (hlv_json_integer(hlv_json_member(s, "batch"), &batch))
			printf("  (a batch of %lld)", (long long)batch);
		printf("\n");
	}
}

/* The answer as it is, or printed by `print`. */
static int show(struct ctl *ctl, struct hlv_bytes text,
		void (*print)(const struct hlv_json_node *))
{
	struct hlv_arena a;
	struct hlv_json json;
	struct hlv_json_error error;
	if (ctl->json) {
		printf("%.*s\n", (int)text.n, (const char *)text.p);
		return CTL_DONE;
	}
	hlv_arena_init(&a, JSON_ARENA);
	bool ok = hlv_json_read(&json, text, &a, &error) == HLV_OK;
	if (ok)
		print(json.root);
	hlv_arena_fini(&a);
	return ok ? CTL_DONE : ctl_fail(ctl, "what the server said cannot be read");
}

int cmd_slow(struct ctl *ctl, int argc, char **argv)
{
	struct hlv_buf answer = {0};
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind < argc)
		return ctl_usage(ctl, "what is '%s'?", argv[optind]);
	int done = CTL_FAILED;
	if (live_control(ctl, "slow", "{}", &answer))
		done = show(ctl, hlv_buf_bytes(&answer), print_slow);
	hlv_buf_free(&answer);
	return done;
}

/* --- chain --- */

static void print_step(const struct hlv_json_node *step, unsigned depth)
{
	printf("%*s%s", (int)(depth * 3), "", depth ? "\\_ " : "");
	print_text(text_of(step, "prefix"));
	printf("  ");
	const char *before = "";
	const struct hlv_json_node *servers = hlv_json_member(step, "servers");
	for (const struct hlv_json_node *s = hlv_json_first(servers); s; s = hlv_json_next(s)) {
		printf("%s", before);
		print_text(hlv_json_text(s));
		before = " ";
	}
	printf("  ");
	print_text(text_of(step, "key"));
	printf("  [");
	print_text(text_of(step, "signature"));
	printf(", by ");
	print_text(text_of(step, "by"));
	printf("]\n");
}

static void print_chain(const struct hlv_json_node *chain)
{
	unsigned depth = 0;
	const struct hlv_json_node *steps = hlv_json_member(chain, "steps");
	for (const struct hlv_json_node *s = hlv_json_first(steps); s; s = hlv_json_next(s))
		print_step(s, depth++);
	printf("%*s\\_ ", (int)(depth * 3), "");
	print_text(text_of(chain, "handle"));
	printf("  [");
	print_text(text_of(chain, "record"));
	printf("]\nverdict: ");
	print_text(text_of(chain, "verdict"));
	printf("\n");
}

static bool put_all(int fd, struct hlv_bytes b)
{
	while (b.n > 0) {
		ssize_t n = send(fd, b.p, b.n, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		b = hlv_skip(b, (size_t)n);
	}
	return true;
}

/* One GET of our own server, to its end. */
static bool get(const struct hlv_addr *to, struct hlv_bytes request, struct hlv_buf *answer)
{
	struct timeval patience = {.tv_sec = PATIENCE_S};
	int fd = socket(to->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	bool ok = connect(fd, &to->sa.any, to->len) == 0 && put_all(fd, request);
	while (ok && answer->n < ANSWER_MAX) {
		char piece[4096];
		ssize_t n = recv(fd, piece, sizeof piece, 0);
		if (n <= 0) {
			ok = n == 0;
			break;
		}
		hlv_buf_put(answer, hlv_bytes(piece, (size_t)n));
	}
	int saved = errno;
	close(fd);
	errno = saved;
	return ok && !answer->bad;
}

static void put_request(struct hlv_buf *b, const char *id, const char *host)
{
	hlv_buf_str(b, "GET /api/v1/chain/");
	for (const char *p = id; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || strchr("-._/", *p);
		hlv_buf_printf(b, plain ? "%c" : "%%%02X", (unsigned char)*p);
	}
	hlv_buf_printf(b, " HTTP/1.0\r\nHost: %s\r\n\r\n", host);
}

/* The first address that the configuration has for HTTP: [ "127.0.0.1:8000", ... ] */
static bool find_http(const struct ctl *ctl, struct hlv_buf *value)
{
	struct hlv_buf list = {0};
	live_setting(ctl, "http", &list);
	const char *p = list.n ? list.p : "";
	p += strspn(p, "[ \"'");
	hlv_buf_put(value, hlv_bytes(p, strcspn(p, "\"',] ")));
	hlv_buf_str(value, "");
	hlv_buf_free(&list);
	return value->n > 0;
}

static int print_answer(struct ctl *ctl, const struct hlv_buf *answer)
{
	struct hlv_bytes text = hlv_buf_bytes(answer);
	const void *end = memmem(text.p, text.n, "\r\n\r\n", 4);
	if (!end || text.n < 12)
		return ctl_fail(ctl, "the server's answer cannot be read");
	bool ok = memcmp(text.p + 8, " 200", 4) == 0;
	text = hlv_skip(text, (size_t)((const uint8_t *)end - text.p) + 4);
	if (!ok)
		return ctl_fail(ctl, "%.*s", (int)text.n, (const char *)text.p);
	return show(ctl, text, print_chain);
}

static int chain(struct ctl *ctl, const char *id, const char *http)
{
	struct hlv_buf at = {0}, request = {0}, answer = {0};
	struct hlv_addr to;
	int done;
	if (http)
		hlv_buf_str(&at, http);
	else
		(void)find_http(ctl, &at);
	if (at.n == 0) {
		done = ctl_fail(ctl, "%s/%s.yaml has no address for HTTP: give one with --http",
				ctl->dir, live_daemon(ctl));
	} else if (hlv_addr_parse(at.p, 8000, &to) != HLV_OK) {
		done = ctl_fail(ctl, "%s: no address", at.p);
	} else {
		put_request(&request, id, at.p);
		if (get(&to, hlv_buf_bytes(&request), &answer))
			done = print_answer(ctl, &answer);
		else
			done = ctl_fail(ctl, "%s: %s", at.p, strerror(errno));
	}
	hlv_buf_free(&at);
	hlv_buf_free(&request);
	hlv_buf_free(&answer);
	return done;
}

int cmd_chain(struct ctl *ctl, int argc, char **argv)
{
	const char *http = NULL;
	int opt;
	ctl_options_begin();
	while ((opt = ctl_option(ctl, argc, argv, chain_options)) != -1) {
		if (opt != 'H')
			return CTL_USAGE;
		http = optarg;
	}
	if (optind + 1 != argc)
		return ctl_usage(ctl, "of which identifier?");
	return chain(ctl, argv[optind], http);
}
