/* SPDX-License-Identifier: Apache-2.0
 *
 * One scenario under way: player.c reads the lines, verbs.c does what they say.
 */
#pragma once
#include "tests/sim/town.h"

enum { WORDS_MAX = 32, NAMED_MAX = 32, LINE_MAX_ = 1024 };

struct record_sim { /* values that a script has put together for an identifier */
	struct record_sim *next;
	char id[WORLD_NAME];
	struct value_sim v[32];
	size_t n;
};

struct play {
	const char *path;
	unsigned line;
	struct world *w;
	struct town town;
	struct world_options o;
	bool started, failed;
	char why[512];
	struct ask_sim *last;
	struct {
		char name[16];
		struct ask_sim *ask;
	} named[NAMED_MAX];
	size_t nnamed;
	struct record_sim *records;
	uint64_t opens_mark, udp_mark, stream_mark; /* of `mark`, or of the last `ask` */
	char must_prefix[16][WORLD_NAME], must_signer[16][WORLD_NAME];
	unsigned spoofs; /* for each packet of ours */
};

/* One line in words; the first is the verb. */
void play_line(struct play *p, char **words, size_t n);
void play_fail(struct play *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void play_begin(struct play *p);

/* stage.c: words. "5ms", "-30s", "2h", "3d"; a bare number is seconds. */
bool word_time(const char *text, int64_t *out_ms);
uint64_t word_ns(struct play *p, const char *text);
/* "name=value": the value, or NULL. */
const char *word_value(const char *word, const char *name);
const char *words_option(char **words, size_t n, const char *name);
uint32_t words_number(char **words, size_t n, const char *name, uint32_t otherwise);
bool words_have(char **words, size_t n, const char *word);
const char *words_after(char **words, size_t n, const char *word);
/* "=3", "<=3", ">=3" */
void play_compare(struct play *p, const char *what, const char *text, uint64_t is);
struct node_sim *play_node(struct play *p, const char *name);
struct zone_sim *play_zone(struct play *p, const char *prefix);

/* stage.c: what the world is before the first step. */
void stage_option(struct play *p, char **words, size_t n);
void stage_zone(struct play *p, char **words, size_t n);
void stage_put(struct play *p, char **words, size_t n);
void stage_remove(struct play *p, char **words, size_t n);
void stage_value(struct play *p, char **words, size_t n);
struct record_sim *stage_record(struct play *p, const char *id);
void stage_add(struct play *p, const char *id, const struct value_sim *v);
void stage_must_sign(struct play *p, char **words, size_t n);
void stage_start(struct play *p, char **words, size_t n);
void stage_forward(struct play *p, char **words, size_t n);
void stage_anchor(struct play *p, char **words, size_t n);

/* seals.c: record signatures and certificates. */
void seal_sign(struct play *p, char **words, size_t n);
void seal_cert(struct play *p, char **words, size_t n);
